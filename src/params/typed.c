/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Values as libvirt's typed parameters.
 *
 * Only libvirt's structure is used.  Its functions need the library to be loaded
 * and initialised, which takes longer than reading the parameters of a guest.
 */
#include "config.h"

#include <string.h>

#include "params/value.h"
#include "util/i18n.h"

#include "migtune/migtune-error.h"

#define MIB (1024ull * 1024)

char *
mt_typed_to_text(const virTypedParameter *param)
{
    char buffer[G_ASCII_DTOSTR_BUF_SIZE];

    switch (param->type) {
    case VIR_TYPED_PARAM_INT:
        return g_strdup_printf("%d", param->value.i);
    case VIR_TYPED_PARAM_UINT:
        return g_strdup_printf("%u", param->value.ui);
    case VIR_TYPED_PARAM_LLONG:
        return g_strdup_printf("%lld", param->value.l);
    case VIR_TYPED_PARAM_ULLONG:
        return g_strdup_printf("%llu", param->value.ul);
    case VIR_TYPED_PARAM_DOUBLE:
        return g_strdup(
            g_ascii_dtostr(buffer, sizeof(buffer), param->value.d));
    case VIR_TYPED_PARAM_BOOLEAN:
        return g_strdup(param->value.b ? "on" : "off");
    case VIR_TYPED_PARAM_STRING:
        return g_strdup(param->value.s ? param->value.s : "");
    default:
        return NULL;
    }
}

static const char *
typed_type_name(int type)
{
    static const char *const names[] = {
        [VIR_TYPED_PARAM_INT] = "int",
        [VIR_TYPED_PARAM_UINT] = "uint",
        [VIR_TYPED_PARAM_LLONG] = "llong",
        [VIR_TYPED_PARAM_ULLONG] = "ullong",
        [VIR_TYPED_PARAM_DOUBLE] = "double",
        [VIR_TYPED_PARAM_BOOLEAN] = "boolean",
        [VIR_TYPED_PARAM_STRING] = "string",
    };

    if (type <= 0 || type >= (int)G_N_ELEMENTS(names))
        return "unknown";

    return names[type];
}

/* Whether a row accepts a number or boolean of libvirt's @type. */
static gboolean
typed_type_fits(MtType row_type, int type)
{
    switch (row_type) {
    case MT_TYPE_BOOL:
        return type == VIR_TYPED_PARAM_BOOLEAN || type == VIR_TYPED_PARAM_INT;
    case MT_TYPE_INT:
    case MT_TYPE_ULLONG:
        return type == VIR_TYPED_PARAM_INT || type == VIR_TYPED_PARAM_UINT ||
               type == VIR_TYPED_PARAM_LLONG || type == VIR_TYPED_PARAM_ULLONG;
    case MT_TYPE_ENUM:
    case MT_TYPE_STRING:
    case MT_TYPE_JSON:
        break;
    }

    return FALSE;
}

MtValue *
mt_value_from_typed(const MtRow *row, MtSpelling spelling,
                    const virTypedParameter *param, GError **error)
{
    g_autofree char *text = mt_typed_to_text(param);

    if (!text || (param->type != VIR_TYPED_PARAM_STRING &&
                  !typed_type_fits(row->type, param->type))) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                          _("%s: the value has type %s; accepted: %s or "
                            "string"),
                          row->name, typed_type_name(param->type),
                          mt_type_to_string(row->type));
        if (error)
            migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_PARAMETER,
                                    row->name);
        return NULL;
    }

    /* An empty text is what a get returns for a string that is not set. */
    if (row->type == MT_TYPE_STRING && !*text)
        return mt_value_new_text(MT_TYPE_STRING, "");

    return mt_value_parse(row, spelling, text, error);
}

gboolean
mt_value_to_typed(const MtRow *row, MtSpelling spelling, const MtValue *value,
                  const char *name, virTypedParameterPtr param)
{
    gboolean mib = row->unit == MT_UNIT_RATE && spelling == MT_SPELLING_OURS;

    memset(param, 0, sizeof(*param));
    g_strlcpy(param->field, name, sizeof(param->field));
    if (mib && value->type == MT_TYPE_ULLONG && value->number % MIB != 0)
        return FALSE;
    if (value->type == MT_TYPE_INT && value->number > G_MAXINT)
        return FALSE;

    switch (value->type) {
    case MT_TYPE_BOOL:
        param->type = VIR_TYPED_PARAM_BOOLEAN;
        param->value.b = value->boolean;
        break;
    case MT_TYPE_INT:
        param->type = VIR_TYPED_PARAM_INT;
        param->value.i = value->number;
        break;
    case MT_TYPE_ULLONG:
        param->type = VIR_TYPED_PARAM_ULLONG;
        param->value.ul = mib ? value->number / MIB : value->number;
        break;
    case MT_TYPE_ENUM:
    case MT_TYPE_STRING:
    case MT_TYPE_JSON:
        param->type = VIR_TYPED_PARAM_STRING;
        param->value.s = g_strdup(value->text);
        break;
    }

    return TRUE;
}
