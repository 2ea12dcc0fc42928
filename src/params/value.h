/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Values of rows, and the conversions between their forms: text for users, QMP's
 * JSON, libvirt's typed parameters.
 *
 * Inside the library a number has the unit of migrate-set-parameters: bytes,
 * bytes a second, milliseconds.
 */

#include <json-glib/json-glib.h>
#include <libvirt/libvirt.h>

#include "params/table.h"

G_BEGIN_DECLS

typedef struct {
    MtType type;
    gboolean boolean;
    guint64 number;
    char *text;                 /* of enums, strings and JSON (canonical) */
} MtValue;

/* Which name of a row the caller used.  The unit of a number without a unit
 * depends on it. */
typedef enum {
    MT_SPELLING_OURS,           /* rates in MiB/s, as in libvirt */
    MT_SPELLING_QMP,            /* rates in bytes a second, as in QMP */
} MtSpelling;

MtValue *mt_value_new_bool(gboolean boolean);
MtValue *mt_value_new_number(MtType type, guint64 number);
MtValue *mt_value_new_text(MtType type, const char *text);
MtValue *mt_value_copy(const MtValue *value);
void mt_value_free(MtValue *value);
gboolean mt_value_equal(const MtValue *a, const MtValue *b);

/*
 * Whether @value is the value that the table writes as @table_text.  FALSE if
 * either is NULL.
 */
gboolean mt_value_is(const MtRow *row, const MtValue *value,
                     const char *table_text);

/*
 * Reads a value as a user writes it.  The error message begins with the name of
 * the parameter and says what is accepted.  Type, unit and bounds are checked.
 * Enum members are not, because only the probe of a QEMU knows them.
 */
MtValue *mt_value_parse(const MtRow *row, MtSpelling spelling,
                        const char *text, GError **error);

/* From and to a text in the table of rows, such as a default. */
MtValue *mt_value_from_table(const MtRow *row, const char *text);
char *mt_value_to_table(const MtRow *row, const MtValue *value);

/* Checks the bounds of @row. */
gboolean mt_value_check(const MtRow *row, const MtValue *value,
                        GError **error);

/* From and to JSON as in QMP.  MtLegacy.divide is not applied. */
MtValue *mt_value_from_json(const MtRow *row, JsonNode *node, GError **error);
JsonNode *mt_value_to_json(const MtRow *row, const MtValue *value);

/* To JSON in the unit that mt_row_unit() returns. */
JsonNode *mt_value_to_report(const MtRow *row, MtSpelling spelling,
                             const MtValue *value);
const char *mt_row_unit(const MtRow *row, MtSpelling spelling);

/* To text for users: "64 MiB", "300 ms", "on".  mt_value_parse() reads it. */
char *mt_value_format(const MtRow *row, const MtValue *value);

/* From libvirt's typed parameters. */
MtValue *mt_value_from_typed(const MtRow *row, MtSpelling spelling,
                             const virTypedParameter *param, GError **error);

/*
 * To a typed parameter called @name.  FALSE if the type or unit cannot hold the
 * value exactly, such as 512 KiB/s in MiB/s; its type is then 0.
 */
gboolean mt_value_to_typed(const MtRow *row, MtSpelling spelling,
                           const MtValue *value, const char *name,
                           virTypedParameterPtr param);

/* The value of a typed parameter of any type as text; NULL for a bad type. */
char *mt_typed_to_text(const virTypedParameter *param);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtValue, mt_value_free)

G_END_DECLS
