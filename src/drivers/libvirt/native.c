/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The migration settings that libvirt has functions for.
 *
 * libvirt's units differ from QEMU's: a speed is a whole number of MiB/s, so
 * that half a MiB/s can be set only through the monitor.
 */
#include "config.h"

#include "drivers/libvirt/native.h"
#include "util/json-peek.h"

#define NATIVE_MIB (G_GUINT64_CONSTANT(1) << 20)

static int
native_set_cache(virDomainPtr domain, guint64 bytes)
{
    return virDomainMigrateSetCompressionCache(domain, bytes, 0);
}

static int
native_get_cache(virDomainPtr domain, guint64 *ret_bytes)
{
    unsigned long long bytes;
    int status = virDomainMigrateGetCompressionCache(domain, &bytes, 0);

    if (status == 0)
        *ret_bytes = bytes;

    return status;
}

static int
native_set_downtime(virDomainPtr domain, guint64 ms)
{
    return virDomainMigrateSetMaxDowntime(domain, ms, 0);
}

static int
native_get_downtime(virDomainPtr domain, guint64 *ret_ms)
{
    unsigned long long ms;
    int status = virDomainMigrateGetMaxDowntime(domain, &ms, 0);

    if (status == 0)
        *ret_ms = ms;

    return status;
}

static int
native_get_speed_of(virDomainPtr domain, guint64 *ret_mib_per_s,
                    unsigned int flags)
{
    unsigned long mib_per_s;
    int status = virDomainMigrateGetMaxSpeed(domain, &mib_per_s, flags);

    if (status == 0)
        *ret_mib_per_s = mib_per_s;

    return status;
}

static int
native_set_speed(virDomainPtr domain, guint64 mib_per_s)
{
    return virDomainMigrateSetMaxSpeed(domain, mib_per_s, 0);
}

static int
native_get_speed(virDomainPtr domain, guint64 *ret_mib_per_s)
{
    return native_get_speed_of(domain, ret_mib_per_s, 0);
}

static int
native_set_postcopy_speed(virDomainPtr domain, guint64 mib_per_s)
{
    return virDomainMigrateSetMaxSpeed(
        domain, mib_per_s, VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY);
}

static int
native_get_postcopy_speed(virDomainPtr domain, guint64 *ret_mib_per_s)
{
    return native_get_speed_of(domain, ret_mib_per_s,
                               VIR_DOMAIN_MIGRATE_MAX_SPEED_POSTCOPY);
}

static const LvNative natives[] = {
    { "xbzrle-cache-size", "virDomainMigrateSetCompressionCache", 1,
      G_MAXINT64, native_set_cache, native_get_cache },
    { "downtime-limit", "virDomainMigrateSetMaxDowntime", 1, G_MAXINT64,
      native_set_downtime, native_get_downtime },
    { "max-bandwidth", "virDomainMigrateSetMaxSpeed", NATIVE_MIB,
      G_MAXINT64 / NATIVE_MIB, native_set_speed, native_get_speed },
    { "max-postcopy-bandwidth", "virDomainMigrateSetMaxSpeed", NATIVE_MIB,
      G_MAXINT64 / NATIVE_MIB, native_set_postcopy_speed,
      native_get_postcopy_speed },
};
G_STATIC_ASSERT(G_N_ELEMENTS(natives) == LV_N_NATIVE);

const LvNative *
lv_native_nth(guint nth)
{
    return nth < G_N_ELEMENTS(natives) ? &natives[nth] : NULL;
}

/* Whether the value of @node is a whole number of libvirt's units. */
static gboolean
native_fits(const LvNative *native, JsonNode *node, guint64 *ret_value)
{
    guint64 value;

    if (!mt_json_node_peek_uint64(node, &value) ||
        value % native->unit != 0 || value / native->unit > native->max)
        return FALSE;
    *ret_value = value;

    return TRUE;
}

JsonObject *
lv_native_split(JsonObject *arguments, const LvNative **native,
                guint64 *values, guint *n_native)
{
    JsonObject *rest = json_object_new();
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;

    json_object_iter_init(&iter, arguments);
    while (json_object_iter_next(&iter, &name, &node))
        json_object_set_member(rest, name, json_node_copy(node));

    *n_native = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(natives); i++) {
        node = json_object_get_member(arguments, natives[i].member);
        if (!node || !native_fits(&natives[i], node, &values[*n_native]))
            continue;
        json_object_remove_member(rest, natives[i].member);
        native[(*n_native)++] = &natives[i];
    }

    return rest;
}
