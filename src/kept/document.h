/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Kept settings as a document: wishes, by name and value as people type them,
 * and what to do about those that cannot be had exactly.
 *
 * The form is described by settings.rng.  What a newer migtune or a person
 * added is left where it is when the document is changed.
 */

#include <glib.h>

G_BEGIN_DECLS

/* One that is as good as any to read; a real one has some 500 bytes. */
#define MT_KEPT_MAX_BYTES (256 * 1024)

typedef struct _MtKept MtKept;

/* One wish. */
typedef struct {
    char *name;
    char *value;
    guint line;                 /* of the document, from 1 */
} MtKeptEntry;

/* Something that is wrong with a document. */
typedef struct {
    guint line;
    char *message;
} MtKeptFinding;

/* One with nothing in it. */
MtKept *mt_kept_new(void);

/*
 * Reads a document.  NULL with MIGTUNE_ERROR_INVALID_VALUE when it is no XML
 * or something else than kept settings; @where says where it is, as in
 * "FILE" or "the metadata of web1".
 *
 * What is only partly wrong can be read: see mt_kept_findings().
 */
MtKept *mt_kept_parse(const char *text, gsize length, const char *where,
                      GError **error);
void mt_kept_free(MtKept *kept);

/* What is wrong with it, an array of MtKeptFinding that is empty if all is
 * well; belongs to @kept. */
const GPtrArray *mt_kept_findings(const MtKept *kept);

/* FALSE with one error that tells of all findings. */
gboolean mt_kept_check(const MtKept *kept, GError **error);

const char *mt_kept_where(const MtKept *kept);

/* The wishes in their order; what a finding is about is not among them. */
guint mt_kept_size(const MtKept *kept);
const MtKeptEntry *mt_kept_nth(const MtKept *kept, guint nth);
const MtKeptEntry *mt_kept_find(const MtKept *kept, const char *name);

/* "strict", "substitute" or "best-effort"; NULL if there is none. */
const char *mt_kept_policy(const MtKept *kept);
/* Removes it with NULL. */
void mt_kept_set_policy(MtKept *kept, const char *policy);

/* FALSE with an error for a value that XML cannot hold. */
gboolean mt_kept_put(MtKept *kept, const char *name, const char *value,
                     GError **error);

/* Whether there was one. */
gboolean mt_kept_remove(MtKept *kept, const char *name);

/* Whether anything is in it, be it only something of a newer migtune. */
gboolean mt_kept_is_empty(const MtKept *kept);

/* The text of the whole document, or of its element alone. */
char *mt_kept_to_file(const MtKept *kept);
char *mt_kept_to_element(const MtKept *kept);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtKept, mt_kept_free)

G_END_DECLS
