/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What to use instead of what a QEMU does not have, and what is lost by it.
 */

#include "params/value.h"

G_BEGIN_DECLS

typedef enum {
    MT_EQUIV_BECOMES,           /* another row does the same job */
    MT_EQUIV_DROP,              /* nothing does, and leaving it out is harmless */
    MT_EQUIV_KEEP,              /* nothing does, and leaving it out is not */
} MtEquivKind;

/* How the value of one row becomes the value of another. */
typedef enum {
    MT_MAP_SAME,
    MT_MAP_LEVEL,               /* a level of at least 1 within the bounds */
} MtMap;

typedef struct {
    MtParamId row;
    const char *value;          /* only for this value; NULL: for all */
    MtEquivKind kind;
    MtParamId becomes;
    const char *becomes_value;  /* NULL: the mapped value */
    MtMap map;
    const char *reason;
} MtEquiv;

/*
 * The @nth equivalence for @value of @row, best first; NULL when there is none
 * left.  @value is a text as on the wire.
 */
const MtEquiv *mt_equiv_find(const MtRow *row, const char *value, guint nth);

/* The value that the other row gets; NULL unless it becomes another one. */
MtValue *mt_equiv_map(const MtEquiv *equiv, const MtValue *value);

G_END_DECLS
