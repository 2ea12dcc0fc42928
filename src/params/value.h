/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Values of rows, and the only place that converts between their forms: text
 * that people type or read, QMP's JSON, libvirt's typed parameters.
 *
 * Inside the library a number is what it is on the wire of
 * migrate-set-parameters: bytes, bytes a second, milliseconds.
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

/* A spelling decides about the unit of a bare number: see below. */
typedef enum {
    MT_SPELLING_OURS,           /* rates in MiB/s, as libvirt has them */
    MT_SPELLING_QMP,            /* rates in bytes a second, as QMP has them */
} MtSpelling;

MtValue *mt_value_new_bool(gboolean boolean);
MtValue *mt_value_new_number(MtType type, guint64 number);
MtValue *mt_value_new_text(MtType type, const char *text);
MtValue *mt_value_copy(const MtValue *value);
void mt_value_free(MtValue *value);
gboolean mt_value_equal(const MtValue *a, const MtValue *b);

/*
 * Whether two values of @row mean the same: like mt_value_equal(), but a
 * missing one is the default.
 */
gboolean mt_value_is(const MtRow *row, const MtValue *value,
                     const char *wire_text);

/*
 * Reads what a person types.  The error has the parameter's name and says
 * what would be accepted.  Type, unit and bounds of the row are checked, its
 * enum members are not: what a QEMU has is known to its probe alone.
 */
MtValue *mt_value_parse(const MtRow *row, MtSpelling spelling,
                        const char *text, GError **error);

/* The value of a row's text in the table, such as its default. */
MtValue *mt_value_from_table(const MtRow *row, const char *text);

/* Checks the bounds of @row. */
gboolean mt_value_check(const MtRow *row, const MtValue *value,
                        GError **error);

/* From and to what QMP has.  The row's legacy division is not applied. */
MtValue *mt_value_from_json(const MtRow *row, JsonNode *node, GError **error);
JsonNode *mt_value_to_json(const MtRow *row, const MtValue *value);

/* The same in the unit that mt_row_unit() names, for reports. */
JsonNode *mt_value_to_report(const MtRow *row, MtSpelling spelling,
                             const MtValue *value);
const char *mt_row_unit(const MtRow *row, MtSpelling spelling);

/* As people read it: "64 MiB", "300 ms", "on". */
char *mt_value_format(const MtRow *row, const MtValue *value);

/* From and to libvirt's typed parameters. */
MtValue *mt_value_from_typed(const MtRow *row, MtSpelling spelling,
                             const virTypedParameter *param, GError **error);
void mt_value_to_typed(const MtRow *row, MtSpelling spelling,
                       const MtValue *value, const char *name,
                       virTypedParameterPtr param);

/* What a typed parameter would be as text, whatever its type. */
char *mt_typed_to_text(const virTypedParameter *param);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtValue, mt_value_free)

G_END_DECLS
