/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Device state as opaque bytes.
 *
 * Sections of devices carry no length, and only the device's own code knows
 * what is in them.  What follows the last RAM section is therefore collected
 * as it is.  Where it ends is told by the description that a source sends
 * after it: a JSON text whose length is written before it and with which the
 * stream ends.  The description also says how long every section must be,
 * which is checked.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef struct MtDevices MtDevices;

/* Collects at most @max_bytes.  @footers: sections end with one. */
MtDevices *mt_devices_new(gboolean footers, guint64 max_bytes);
void mt_devices_free(MtDevices *devices);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtDevices, mt_devices_free)

gboolean mt_devices_append(MtDevices *devices, const guint8 *data, gsize len,
                           GError **error);
gsize mt_devices_len(const MtDevices *devices);

/* Whether what is there ends with a description that fits. */
gboolean mt_devices_is_complete(MtDevices *devices, gboolean *ret_complete,
                                GError **error);

/*
 * Whether it looks as if the last section had just ended.  A guess, for
 * streams without a description.
 */
gboolean mt_devices_may_end(const MtDevices *devices);

/*
 * Nothing more comes.  What is there may be without description only if
 * @need_description is FALSE: a source that sends one and dies before it has
 * goes on with its guest.
 */
gboolean mt_devices_finish(MtDevices *devices, gboolean need_description,
                           GError **error);

/* Once complete or finished. */
GBytes *mt_devices_get_sections(const MtDevices *devices);
GBytes *mt_devices_get_vmdesc(const MtDevices *devices);   /* or NULL */
guint mt_devices_get_n(const MtDevices *devices);

/*
 * Walks @sections by @vmdesc.  NULL for @ret_n if the number of devices does
 * not matter.
 */
gboolean mt_devices_walk(const guint8 *sections, gsize len,
                         const char *vmdesc, gsize vmdesc_len,
                         gboolean footers, guint *ret_n, GError **error);

/*
 * The two sections that `-machine none` has, and their description.
 */
typedef struct {
    gboolean footers;
    gboolean global_state;
    guint32 global_state_id;
    gboolean global_state_flags;    /* the layout of 10.0 */
    gboolean configuration;         /* describe that section, too */
    const char *machine;
    const char *run_state;
} MtDevicesNone;

void mt_devices_make_none(const MtDevicesNone *what, GBytes **ret_sections,
                          GBytes **ret_vmdesc);

/* The state of the guest that @sections' global state names, such as
 * "running"; NULL when there is none in them. */
char *mt_devices_dup_run_state(GBytes *sections);

G_END_DECLS
