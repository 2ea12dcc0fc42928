/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Documents in YAML or JSON as a tree whose nodes know their line, and tables
 * that read the members of a mapping into a structure.
 *
 * JSON is read by the same parser, because every JSON document that people
 * write as configuration is YAML as well.  Anchors and aliases are not
 * supported: a few of them can stand for more data than fits into memory.
 */

#include "converge/finding.h"

G_BEGIN_DECLS

/* Larger files are refused. */
#define MT_DOC_MAX_BYTES (4 * 1024 * 1024)

typedef enum {
    MT_DOC_SCALAR,
    MT_DOC_LIST,
    MT_DOC_MAP,
} MtDocKind;

typedef struct MtDoc MtDoc;

struct MtDoc {
    MtDocKind kind;
    guint line;             /* from 1 on */
    char *text;             /* of a scalar */
    gboolean quoted;        /* the scalar is a string */
    GPtrArray *keys;        /* of a map: char *, as many as items */
    GPtrArray *items;       /* of a map or list: MtDoc * */
};

/*
 * Reads all documents of @text.  Returns a list of MtDoc; NULL with an error
 * finding if @text is not YAML or exceeds a limit.  An empty text has no
 * documents.
 */
GPtrArray *mt_doc_parse(const char *text, gsize length, const char *file,
                        MtFindings *findings);

/* The same for a JSON text, which is one document. */
MtDoc *mt_doc_parse_json(const char *text, gsize length, const char *file,
                         MtFindings *findings);

void mt_doc_free(MtDoc *doc);

/* NULL if @doc is NULL, is not a map or has no such key. */
const MtDoc *mt_doc_get(const MtDoc *doc, const char *key);

/* Where findings about a document go. */
typedef struct {
    const char *file;
    MtFindings *findings;
} MtDocReader;

typedef enum {
    MT_FIELD_INT,           /* gint64 */
    MT_FIELD_UINT,          /* guint64 */
    MT_FIELD_DOUBLE,        /* double */
    MT_FIELD_BOOL,          /* gboolean */
    MT_FIELD_TEXT,          /* const char *, which belongs to the document */
    MT_FIELD_NODE,          /* const MtDoc *, which the caller reads */
    MT_FIELD_UNUSED,        /* known; an info finding says it is not used */
} MtFieldType;

/* A member of a map; numbers must be from @min to @max. */
typedef struct {
    const char *name;
    MtFieldType type;
    gsize offset;
    double min, max;
} MtField;

/*
 * Reads the members of @doc, which must be a map, into the structure @base.  A
 * member that is missing leaves its value unchanged.  A value of a wrong type
 * or out of bounds is an error finding; an unknown member is a warning.
 */
void mt_doc_read(const MtDocReader *reader, const MtDoc *doc,
                 const MtField *fields, guint n_fields, gpointer base);

/* Checks that @doc is of @kind; otherwise adds an error finding that names
 * @what. */
gboolean mt_doc_expect(const MtDocReader *reader, const MtDoc *doc,
                       MtDocKind kind, const char *what);

/* The number that the scalar @doc holds. */
gboolean mt_doc_get_int(const MtDocReader *reader, const MtDoc *doc,
                        const char *name, gint64 min, gint64 max,
                        gint64 *ret);
gboolean mt_doc_get_double(const MtDocReader *reader, const MtDoc *doc,
                           const char *name, double min, double max,
                           double *ret);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtDoc, mt_doc_free)

G_END_DECLS
