/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Paths into what query-qmp-schema returns.
 *
 * Type names other than the built-in ones are numbers that differ from one
 * build to the next, so everything is reached from the name of a command.
 */

#include <json-glib/json-glib.h>

#include "params/table.h"

G_BEGIN_DECLS

typedef struct _MtSchema MtSchema;

/* What a member of an object type or a value of an enum type says. */
typedef struct {
    const char *name;
    const char *type;           /* for mt_schema_type(); NULL for enum values */
    gboolean deprecated;
    gboolean unstable;
} MtSchemaMember;

/*
 * Keeps a reference to @root.  Returns NULL with MIGTUNE_ERROR_PROTOCOL if it
 * is not an array of entities with names.
 */
MtSchema *mt_schema_new(JsonNode *root, GError **error);
void mt_schema_free(MtSchema *schema);

gboolean mt_schema_has_command(const MtSchema *schema, const char *command);
gboolean mt_schema_command_deprecated(const MtSchema *schema,
                                      const char *command);

/* Type names of a command, NULL when it has no such command. */
const char *mt_schema_arg_type(const MtSchema *schema, const char *command);
const char *mt_schema_ret_type(const MtSchema *schema, const char *command);

/*
 * Members of an object type or values of an enum type: an array of
 * MtSchemaMember, empty for any other type.  Texts belong to the schema.
 */
GArray *mt_schema_members(const MtSchema *schema, const char *type);

/* The type of one member of an object type, NULL when it is not there. */
const char *mt_schema_member_type(const MtSchema *schema, const char *type,
                                  const char *member);

/* The type of the elements of an array type, NULL for any other. */
const char *mt_schema_element_type(const MtSchema *schema, const char *type);

/* Whether an enum type has @value. */
gboolean mt_schema_enum_has(const MtSchema *schema, const char *type,
                            const char *value);

/* Which type of the catalogue a value of @type would be. */
MtType mt_schema_row_type(const MtSchema *schema, const char *type);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtSchema, mt_schema_free)

G_END_DECLS
