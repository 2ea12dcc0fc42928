/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What one QEMU can do: which rows exist in it, with their enum values, what
 * is deprecated, how each is set.
 *
 * It comes from asking a guest, from the cache of an earlier answer, or, for
 * explaining without a guest, from the catalogue's view of a release.
 */

#include "params/value.h"
#include "qmp/exec.h"

G_BEGIN_DECLS

/* How a row is set and told in this QEMU. */
typedef enum {
    MT_ACCESS_MIGRATE,          /* migrate-set-capabilities or -parameters */
    MT_ACCESS_LEGACY,           /* the commands of the row's MtLegacy */
} MtAccess;

typedef struct {
    const MtRow *row;
    MtAccess access;
    gboolean settable;          /* FALSE: listed, but refused when set */
    gboolean readable;          /* FALSE: nothing tells the value */
    gboolean deprecated;
    gboolean unstable;
    char **members;             /* of enums; NULL for others */
} MtCapsEntry;

typedef struct _MtCaps MtCaps;

/*
 * Asks.  NULL with an error when the answers could not be had or understood.
 * @version is what the greeting told, NULL if nothing.
 */
MtCaps *mt_caps_probe(MtExec *exec, MtRelease told, GCancellable *cancellable,
                      GError **error);

/* A freshly built QEMU of @release, all build options on. */
MtCaps *mt_caps_new_for_release(MtRelease release);

MtCaps *mt_caps_ref(MtCaps *caps);
void mt_caps_unref(MtCaps *caps);

/*
 * The release whose migration interface this is, by the evidence of what
 * exists; what QEMU tells only decides where the evidence leaves a choice.
 * For the rules that nothing else tells.
 */
MtRelease mt_caps_release(const MtCaps *caps);

/* "schema", "commands", "catalogue" or "cache". */
const char *mt_caps_source(const MtCaps *caps);

guint mt_caps_size(const MtCaps *caps);
const MtCapsEntry *mt_caps_nth(const MtCaps *caps, guint nth);

/* NULL when this QEMU does not have it. */
const MtCapsEntry *mt_caps_lookup(const MtCaps *caps, const MtRow *row);

/* The entry of QEMU's name, whether the catalogue knows it or not. */
const MtCapsEntry *mt_caps_lookup_qmp(const MtCaps *caps, MtKind kind,
                                      const char *qmp);

/* The row of a name that a user gave: of the catalogue, or of this QEMU. */
const MtRow *mt_caps_find_row(const MtCaps *caps, const char *name,
                              MtSpelling *spelling);

/* Whether @value is one of the members of an enum row here. */
gboolean mt_caps_has_member(const MtCaps *caps, const MtRow *row,
                            const char *value);

/*
 * Says that a row that is not in there is out of reach and not absent, as of a
 * guest without its monitor.  Once, before others see @caps.
 */
void mt_caps_set_partial(MtCaps *caps);
gboolean mt_caps_is_partial(const MtCaps *caps);

/* For the cache, which is for those that are not partial; from_json() returns NULL for anything it does not know. */
JsonNode *mt_caps_to_json(const MtCaps *caps);
MtCaps *mt_caps_from_json(JsonNode *node);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtCaps, mt_caps_unref)

G_END_DECLS
