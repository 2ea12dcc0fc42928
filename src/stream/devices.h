/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Device state as opaque bytes.
 *
 * Device sections have no length field, and only the code of the device can
 * parse them.  So the bytes after the last RAM section are collected unparsed.
 * Their end is found by the device description (vmdescription): JSON text with
 * a length field before it, which ends the stream.  The description has the
 * size of each field, and the sections are checked against it.
 */

#include <glib.h>

G_BEGIN_DECLS

typedef struct MtDevices MtDevices;

/* A longer description is refused.  Real ones have about 100 KB, and about 3 KB
 * for each further processor. */
#define MT_DEVICES_MAX_TEXT (4 * 1024 * 1024)

/* Collects at most @max_bytes.  @footers: each section has a footer. */
MtDevices *mt_devices_new(gboolean footers, guint64 max_bytes);
void mt_devices_free(MtDevices *devices);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtDevices, mt_devices_free)

gboolean mt_devices_append(MtDevices *devices, const guint8 *data, gsize len,
                           GError **error);
gsize mt_devices_len(const MtDevices *devices);

/* All that was collected, complete or not; valid until the next append. */
const guint8 *mt_devices_peek(const MtDevices *devices, gsize *ret_len);

/* Whether the bytes so far end with a description that matches the sections. */
gboolean mt_devices_is_complete(MtDevices *devices, gboolean *ret_complete,
                                GError **error);

/*
 * Whether the bytes so far could end here.  A guess, for streams without a
 * description.
 */
gboolean mt_devices_may_end(const MtDevices *devices);

/*
 * The stream has ended.  Fails without a description if @need_description is
 * TRUE: then the source died before it sent its description, and runs its guest
 * again.
 */
gboolean mt_devices_finish(MtDevices *devices, gboolean need_description,
                           GError **error);

/* To be called only when the state is complete or finished. */
GBytes *mt_devices_get_sections(const MtDevices *devices);
GBytes *mt_devices_get_vmdesc(const MtDevices *devices);   /* or NULL */
guint mt_devices_get_n(const MtDevices *devices);

/*
 * Checks @sections against @vmdesc.  *@ret_n (may be NULL) is the number of
 * devices.
 */
gboolean mt_devices_walk(const guint8 *sections, gsize len,
                         const char *vmdesc, gsize vmdesc_len,
                         gboolean footers, guint *ret_n, GError **error);

/* A section of the device state, as the description and its header say. */
typedef struct {
    const char *name;
    const char *vmsd_name;
    guint32 section_id;
    guint32 instance_id;
    guint32 version;
    gsize offset;           /* of the section type, in the device state */
    gsize len;              /* up to and including the footer */
} MtDeviceInfo;

/* A field.  Fields of structures have the names of all structures around them
 * in @path, separated by dots; those of subsections begin with the name of the
 * subsection and a slash. */
typedef struct {
    const char *path;
    const char *type;
    guint64 size;           /* bytes of one element */
    guint64 count;          /* elements: 1 unless it is an array */
    gsize offset;           /* in the device state */
    const guint8 *data;     /* size * count bytes; NULL for an example */
} MtDeviceField;

/*
 * Callbacks of mt_devices_visit().  Any may be NULL.  What they are given is
 * valid during the call only.  @device is called after the fields of the
 * section.
 *
 * Of an array of structures the description has the fields of one element
 * only; these are reported with @data NULL after the array itself.
 */
typedef struct {
    void (*field)(gpointer user_data, const MtDeviceField *field);
    void (*subsection)(gpointer user_data, const char *path, guint32 version);
    void (*device)(gpointer user_data, const MtDeviceInfo *info);
} MtDevicesVisitor;

/* As mt_devices_walk(), and reports each device, subsection and field.  If it
 * fails, what was reported before stays true. */
gboolean mt_devices_visit(const guint8 *sections, gsize len,
                          const char *vmdesc, gsize vmdesc_len,
                          gboolean footers, const MtDevicesVisitor *visitor,
                          gpointer user_data, GError **error);

/*
 * The two device sections of `-machine none`, and their description.
 */
typedef struct {
    gboolean footers;
    gboolean global_state;
    guint32 global_state_id;
    gboolean global_state_flags;    /* the layout of 10.0 */
    gboolean configuration;         /* the description has this section, too */
    const char *machine;
    const char *run_state;
} MtDevicesNone;

void mt_devices_make_none(const MtDevicesNone *what, GBytes **ret_sections,
                          GBytes **ret_vmdesc);

/* The run state in the section "globalstate" of @sections, such as "running";
 * NULL if there is no such section. */
char *mt_devices_dup_run_state(GBytes *sections);

G_END_DECLS
