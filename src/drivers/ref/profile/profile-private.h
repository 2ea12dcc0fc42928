/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The tables that profiles are computed from, and what is computed: the types,
 * commands and events of one release.  For profile*.c, input.c, schema.c and
 * tunables*.c.
 */

#include "drivers/ref/profile/profile.h"

G_BEGIN_DECLS

/* When something is there; NONE: never.  @removed is the first release without
 * it; a @since of NONE is before the first release that there is a profile of. */
typedef struct {
    MtRelease since, deprecated, removed, unstable;
} MtRefSpan;

/* A member of an object, a value of an enum, a branch of an alternate, or a
 * variant of a union (which is named by the value of its tag). */
typedef struct {
    const char *name;
    const char *type;           /* "str", "[int]", "MigrationInfo"; NULL in
                                 * enums */
    MtRelease optional;         /* the first release in which it may be left
                                 * out; NONE: it is always needed */
    MtRefSpan span;
} MtRefMember;

/* "May always be left out". */
#define MT_REF_OPTIONAL ((MtRelease)1)

typedef enum {
    MT_REF_OBJECT,
    MT_REF_ENUM,
    MT_REF_ALTERNATE,
    MT_REF_CAPABILITIES,        /* an enum: the capabilities of the release */
    MT_REF_VALUES,              /* an enum: the values of the row @row */
    MT_REF_ARGUMENTS,           /* an object: its parameters, to be set */
    MT_REF_PARAMETERS,          /* an object: the same, as they are told */
} MtRefMeta;

typedef struct {
    const char *name;
    MtRefMeta meta;
    const MtRefMember *members;
    const char *tag;            /* of unions: the member that selects one of */
    const MtRefMember *variants;
    MtParamId row;
} MtRefType;

typedef struct {
    const char *name;
    const char *arguments;      /* an object type; NULL: none */
    const char *returns;        /* NULL: nothing */
    MtRefSpan span;
    gboolean out_of_band;       /* the schema says so where it can */
    MtRelease careless_until;   /* up to there it takes any argument */
} MtRefCommand;

typedef struct {
    const char *name;
    const char *data;           /* an object type; NULL: none */
    MtRefSpan span;
} MtRefEvent;

/* How a parameter looks on the wire, in the order of QEMU's own list. */
typedef struct {
    MtParamId id;
    const char *type;           /* "uint8", "size", ... as from 6.0 on */
    const char *told_as;        /* NULL: the same */
    gboolean always;            /* the type is that before 6.0, too */
} MtRefRowType;

/* All end with an entry without a name (an id of MT_PARAM_NONE). */
extern const MtRefType mt_ref_types[];
extern const MtRefCommand mt_ref_commands[];
extern const MtRefEvent mt_ref_events[];
extern const MtRefRowType mt_ref_row_types[];

/* What is left of a MtRefMember in one release. */
typedef struct {
    const char *name;
    const char *type;
    const MtRow *row;           /* NULL: none stands behind it */
    gboolean optional;
    gboolean deprecated;
    gboolean unstable;
    gboolean settable;          /* FALSE: listed, yet refused */
} MtRefField;

typedef struct {
    const MtRefType *type;
    GArray *fields;             /* MtRefField */
    GArray *variants;           /* MtRefField; NULL: no union */
} MtRefShape;

struct MtRefProfile {
    int refs;                   /* atomic; all else never changes */
    MtRelease release;
    GHashTable *build_options;  /* a set */
    MtRefState rows[MT_N_PARAMS];
    GHashTable *commands;       /* name → MtRefState, those that differ */
    GHashTable *members;        /* "parameter=member" → MtRefState, as well */
    GHashTable *shapes;         /* name of a type → MtRefShape */
};

/* What @span makes of a thing at @release. */
MtRefState mt_ref_span_state(const MtRefSpan *span, MtRelease release);
gboolean mt_ref_span_unstable(const MtRefSpan *span, MtRelease release);

/* NULL for built-in types and arrays. */
const MtRefShape *mt_ref_profile_shape(const MtRefProfile *profile,
                                       const char *type);
const MtRefField *mt_ref_shape_field(const MtRefShape *shape,
                                     const char *name);

/* NULL when there is none of that name in any release. */
const MtRefCommand *mt_ref_command_find(const char *name);

/* The name of the elements of "[type]", newly allocated; NULL if it is no
 * array. */
char *mt_ref_type_element(const char *type);

/* Build options: whether there is one, those of Debian's build of @release,
 * and all of them in one text. */
gboolean mt_ref_build_option_exists(const char *option);
char **mt_ref_build_options_default(MtRelease release);
char *mt_ref_build_options_text(void);

G_END_DECLS
