/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a QEMU can do: which rows it has, their enum values, which are deprecated,
 * and how each is set.
 *
 * The information comes from a guest, from the cache of an earlier answer, or from
 * what the catalogue knows about a release.
 */

#include "params/value.h"
#include "qmp/exec.h"

G_BEGIN_DECLS

/* How a row is set and read in this QEMU. */
typedef enum {
    MT_ACCESS_MIGRATE,          /* migrate-set-capabilities or -parameters */
    MT_ACCESS_LEGACY,           /* the commands of the row's MtLegacy */
} MtAccess;

typedef struct {
    const MtRow *row;
    MtAccess access;
    gboolean settable;          /* FALSE: QEMU lists it and refuses to set it */
    gboolean readable;          /* FALSE: the value cannot be read */
    gboolean deprecated;
    gboolean unstable;
    char **members;             /* values of an enum; NULL: not an enum */
} MtCapsEntry;

typedef struct _MtCaps MtCaps;

/*
 * Asks a QEMU.  @told is the release of its greeting, or MT_RELEASE_NONE.
 */
MtCaps *mt_caps_probe(MtExec *exec, MtRelease told, GCancellable *cancellable,
                      GError **error);

/* A QEMU of @release, built with all options. */
MtCaps *mt_caps_new_for_release(MtRelease release);

/*
 * What a migration from a QEMU with @source to one with @destination can use:
 * rows and enum values that must be equal on both sides only if both have them,
 * others if the side that uses them has them.  Rows that are not in the
 * catalogue belong to @source, which must outlive the result.
 */
MtCaps *mt_caps_intersect(const MtCaps *source, const MtCaps *destination);

MtCaps *mt_caps_ref(MtCaps *caps);
void mt_caps_unref(MtCaps *caps);

/*
 * The release whose migration interface this QEMU has: see evidence.h.  It selects
 * the rules that QEMU cannot be asked about.
 */
MtRelease mt_caps_release(const MtCaps *caps);

/* "schema", "commands", "catalogue" or "cache". */
const char *mt_caps_source(const MtCaps *caps);

/* Whether the source is the cache, which may be about another build of QEMU. */
gboolean mt_caps_is_cached(const MtCaps *caps);

guint mt_caps_size(const MtCaps *caps);
const MtCapsEntry *mt_caps_nth(const MtCaps *caps, guint nth);

/* The entry of @row; NULL if this QEMU does not have it. */
const MtCapsEntry *mt_caps_lookup(const MtCaps *caps, const MtRow *row);

/* The entry with this name in QMP. */
const MtCapsEntry *mt_caps_lookup_qmp(const MtCaps *caps, MtKind kind,
                                      const char *qmp);

/* The row that a user calls @name, in the catalogue or only in this QEMU. */
const MtRow *mt_caps_find_row(const MtCaps *caps, const char *name,
                              MtSpelling *spelling);

/* Whether this QEMU has @value of the enum @row. */
gboolean mt_caps_has_member(const MtCaps *caps, const MtRow *row,
                            const char *value);

/*
 * Partial: whether this QEMU has a row that is not listed is unknown, because its
 * monitor must not be used.  To be set before other threads see @caps.
 */
void mt_caps_set_partial(MtCaps *caps);
gboolean mt_caps_is_partial(const MtCaps *caps);

/* The form of the cache, for caps that are not partial.  mt_caps_from_json()
 * returns NULL for anything that mt_caps_to_json() does not write. */
JsonNode *mt_caps_to_json(const MtCaps *caps);
MtCaps *mt_caps_from_json(JsonNode *node);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtCaps, mt_caps_unref)

G_END_DECLS
