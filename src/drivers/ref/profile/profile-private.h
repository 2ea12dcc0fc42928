/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The tables that profiles are computed from, and the types, commands and
 * events of one release.  Used by profile*.c, input.c, schema.c and tunables/.
 */

#include "drivers/ref/profile/profile.h"

G_BEGIN_DECLS

/* The releases in which something exists.  MT_RELEASE_NONE: since before the
 * first profile, or not deprecated, removed or unstable in any release.
 * @removed is the first release without it. */
typedef struct {
    MtRelease since, deprecated, removed, unstable;
} MtRefSpan;

/* A member of an object, a value of an enum, a branch of an alternate, or a
 * variant of a union (its name is the value of the tag). */
typedef struct {
    const char *name;
    const char *type;           /* "str", "[int]", "MigrationInfo"; NULL in
                                 * enums */
    MtRelease optional;         /* the first release in which it is optional;
                                 * NONE: mandatory */
    MtRefSpan span;
} MtRefMember;

/* Optional in every release. */
#define MT_REF_OPTIONAL ((MtRelease)1)

typedef enum {
    MT_REF_OBJECT,
    MT_REF_ENUM,
    MT_REF_ALTERNATE,
    MT_REF_CAPABILITIES,        /* an enum: the capabilities of the release */
    MT_REF_VALUES,              /* an enum: the values of the row @row */
    MT_REF_ARGUMENTS,           /* an object: the parameters, for setting */
    MT_REF_PARAMETERS,          /* an object: the parameters, as queried */
} MtRefMeta;

typedef struct {
    const char *name;
    MtRefMeta meta;
    const MtRefMember *members;
    const char *tag;            /* unions: the member that selects one of */
    const MtRefMember *variants;
    MtParamId row;
} MtRefType;

typedef struct {
    const char *name;
    const char *arguments;      /* an object type; NULL: none */
    const char *returns;        /* NULL: nothing */
    MtRefSpan span;
    gboolean out_of_band;       /* may run out of band */
    MtRelease careless_until;   /* the last release that ignores arguments */
} MtRefCommand;

typedef struct {
    const char *name;
    const char *data;           /* an object type; NULL: none */
    MtRefSpan span;
} MtRefEvent;

/* The type of a parameter in JSON; the table has the order of QEMU's list. */
typedef struct {
    MtParamId id;
    const char *type;           /* "uint8", "size", ... since 6.0 */
    const char *query_type;     /* in query-migrate-parameters; NULL: @type */
    gboolean always;            /* the same type before 6.0 */
} MtRefRowType;

/* The tables end with an entry without a name (id MT_PARAM_NONE). */
extern const MtRefType mt_ref_types[];
extern const MtRefCommand mt_ref_commands[];
extern const MtRefEvent mt_ref_events[];
extern const MtRefRowType mt_ref_row_types[];

/* A MtRefMember in one release. */
typedef struct {
    const char *name;
    const char *type;
    const MtRow *row;           /* the row of the catalogue, or NULL */
    gboolean optional;
    gboolean deprecated;
    gboolean unstable;
    gboolean settable;          /* FALSE: listed, but refused when set */
} MtRefField;

typedef struct {
    const MtRefType *type;
    GArray *fields;             /* MtRefField */
    GArray *variants;           /* MtRefField; NULL: not a union */
} MtRefShape;

struct MtRefProfile {
    int refs;                   /* atomic; the other fields are constant */
    MtRelease release;
    GHashTable *build_options;  /* a set */
    MtRefState rows[MT_N_PARAMS];
    GHashTable *commands;       /* name to MtRefState, only overrides */
    GHashTable *members;        /* "parameter=member" to MtRefState, only
                                 * overrides */
    GHashTable *shapes;         /* name of a type to MtRefShape */
};

/* The state at @release of something that exists in @span. */
MtRefState mt_ref_span_state(const MtRefSpan *span, MtRelease release);
gboolean mt_ref_span_unstable(const MtRefSpan *span, MtRelease release);

/* NULL for built-in types and arrays. */
const MtRefShape *mt_ref_profile_shape(const MtRefProfile *profile,
                                       const char *type);
const MtRefField *mt_ref_shape_field(const MtRefShape *shape,
                                     const char *name);

/* NULL if no release has the command. */
const MtRefCommand *mt_ref_command_find(const char *name);

/* The element type of the array type "[type]", newly allocated; NULL if @type
 * is not an array. */
char *mt_ref_type_element(const char *type);

/* build-options.c: whether an option exists, the options of Debian's build of
 * @release, and a text with all of them. */
gboolean mt_ref_build_option_exists(const char *option);
char **mt_ref_build_options_default(MtRelease release);
char *mt_ref_build_options_text(void);

G_END_DECLS
