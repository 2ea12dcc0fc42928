/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Kept settings as a document: settings by name and value, as they are typed,
 * and the policy for those that a QEMU does not support exactly.
 *
 * settings.rng describes the form. A change leaves all other content of the
 * document in its place.
 */

#include <glib.h>

G_BEGIN_DECLS

/* Limit of the size; a typical document has 500 bytes. */
#define MT_KEPT_MAX_BYTES (256 * 1024)

typedef struct _MtKept MtKept;

/* One setting. */
typedef struct {
    char *name;
    char *value;
    guint line;                 /* in the document, from 1 */
} MtKeptEntry;

/* An error in a document. */
typedef struct {
    guint line;
    char *message;
} MtKeptFinding;

/* Creates an empty document. */
MtKept *mt_kept_new(void);

/*
 * Reads a document. Returns NULL with MIGTUNE_ERROR_INVALID_VALUE if it is not
 * XML or has another root element; @where names its place in messages, as in
 * "FILE" or "the metadata of web1".
 *
 * A document with errors in some elements can be read: see mt_kept_findings().
 */
MtKept *mt_kept_parse(const char *text, gsize length, const char *where,
                      GError **error);
void mt_kept_free(MtKept *kept);

/* The errors in the document, an array of MtKeptFinding, which belongs to
 * @kept. */
const GPtrArray *mt_kept_findings(const MtKept *kept);

/* Returns FALSE, with an error that lists all findings, if there are any. */
gboolean mt_kept_check(const MtKept *kept, GError **error);

const char *mt_kept_where(const MtKept *kept);

/* The settings in their order, without those that have a finding. */
guint mt_kept_size(const MtKept *kept);
const MtKeptEntry *mt_kept_nth(const MtKept *kept, guint nth);
const MtKeptEntry *mt_kept_find(const MtKept *kept, const char *name);

/* "strict", "substitute" or "best-effort"; NULL if there is none. */
const char *mt_kept_policy(const MtKept *kept);
/* NULL removes the policy. */
void mt_kept_set_policy(MtKept *kept, const char *policy);

/* Returns FALSE with an error if XML cannot contain the value. */
gboolean mt_kept_put(MtKept *kept, const char *name, const char *value,
                     GError **error);

/* Returns whether the setting existed. */
gboolean mt_kept_remove(MtKept *kept, const char *name);

/* Returns whether the document has any content, including content of newer
 * versions. */
gboolean mt_kept_is_empty(const MtKept *kept);

/* The text of the whole document, or only of its element. */
char *mt_kept_to_file(const MtKept *kept);
char *mt_kept_to_element(const MtKept *kept);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtKept, mt_kept_free)

G_END_DECLS
