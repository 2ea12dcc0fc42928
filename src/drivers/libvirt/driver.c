/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests of libvirt, with any URI of libvirt.
 *
 * The key of a domain is its name; lookup also accepts its number or UUID.
 * Commands go through the monitor that libvirt holds, except those that libvirt
 * has a function for: see batch.c.
 */
#include "config.h"

#include "drivers/libvirt/libvirt-private.h"

/* The URI schemes of all libvirt releases. */
static const char *const lv_schemes[] = {
    "qemu+*", "test+*", "lxc+*", "xen+*", "ch+*", "bhyve+*", "vz+*",
    "parallels+*", "openvz+*", "vbox+*", "vmwareplayer+*", "vmwarews+*",
    "vmwarefusion+*", "remote+*", "esx", "gsx", "vpx", "hyperv", NULL
};

static const MigtuneDriver lv_driver = {
    MIGTUNE_DRIVER_HEADER,
    .name = "libvirt",
    .schemes = lv_schemes,
    .open = lv_open,
    .close = lv_close,
    .list = lv_list,
    .domain_open = lv_domain_open,
    .domain_close = lv_domain_close,
    .execute = lv_execute,
    .reconnect = lv_domain_reconnect,
    .kept_get = lv_kept_get,
    .kept_set = lv_kept_set,
    .lookup = lv_lookup,
    .manager = "libvirt",
    .remark = lv_remark,
    .manager_version = lv_version,
    .list_inactive = lv_list_inactive,
    .takes = lv_takes,
    .watch = lv_watch,
    .identify = lv_domain_identify,
    .look = lv_look,
    .adopt = lv_adopt,
    .domain_adopt = lv_domain_adopt,
    .save = lv_save,
    .restore = lv_restore,
    .compare = lv_compare,
    .migrate = lv_migrate,
    .title = lv_title,
    .wait_idle = lv_wait_idle,
    .wait_pass = lv_wait_pass,
    .features = MIGTUNE_DRIVER_READ_ONLY | MIGTUNE_DRIVER_NO_MONITOR |
                MIGTUNE_DRIVER_LIBVIRT,
};

MIGTUNE_DRIVER_DEFINE(lv_driver)
