/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Equivalents: what to use instead of a setting that a QEMU does not have, and
 * what is lost by it.
 */

#include "params/value.h"

G_BEGIN_DECLS

typedef enum {
    MT_EQUIV_BECOMES,           /* another row has the same effect */
    MT_EQUIV_DROP,              /* the setting can be left out without harm */
    MT_EQUIV_KEEP,              /* it must not be left out, hence is refused */
} MtEquivKind;

/* How the value of one row becomes the value of another. */
typedef enum {
    MT_MAP_SAME,
    MT_MAP_LEVEL,               /* limited to 1 .. the maximum of the other */
} MtMap;

typedef struct {
    MtParamId row;
    const char *value;          /* the entry is for this value; NULL: all */
    MtEquivKind kind;
    MtParamId becomes;
    const char *becomes_value;  /* value of @becomes; NULL: use @map */
    MtMap map;
    const char *reason;
} MtEquiv;

/*
 * The @nth equivalent for @value of @row, best first; NULL if there are no more.
 * @value is a text as in the table of rows.
 */
const MtEquiv *mt_equiv_find(const MtRow *row, const char *value, guint nth);

/* The value that the other row gets; NULL unless @equiv is MT_EQUIV_BECOMES. */
MtValue *mt_equiv_map(const MtEquiv *equiv, const MtValue *value);

G_END_DECLS
