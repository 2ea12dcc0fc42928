/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Settings as dictionaries, for languages that have no typed parameters of
 * libvirt.  Everything is done by the functions for typed parameters; here
 * is only the conversion.
 */
#include "config.h"

#include <string.h>

#include "core/settings.h"
#include "util/i18n.h"

static GVariant *
settings_value(const virTypedParameter *param)
{
    switch (param->type) {
    case VIR_TYPED_PARAM_INT:
        return g_variant_new_int32(param->value.i);
    case VIR_TYPED_PARAM_UINT:
        return g_variant_new_uint32(param->value.ui);
    case VIR_TYPED_PARAM_LLONG:
        return g_variant_new_int64(param->value.l);
    case VIR_TYPED_PARAM_ULLONG:
        return g_variant_new_uint64(param->value.ul);
    case VIR_TYPED_PARAM_DOUBLE:
        return g_variant_new_double(param->value.d);
    case VIR_TYPED_PARAM_BOOLEAN:
        return g_variant_new_boolean(param->value.b);
    default:
        return g_variant_new_string(param->value.s);
    }
}

/* All values of a name that stands there several times, as `compression` of
 * libvirt's migration call. */
static GVariant *
settings_values(const virTypedParameter *params, int n_params, const char *name)
{
    g_auto(GVariantBuilder) list =
        G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_STRING_ARRAY);

    for (int i = 0; i < n_params; i++) {
        if (strcmp(params[i].field, name) == 0 &&
            params[i].type == VIR_TYPED_PARAM_STRING)
            g_variant_builder_add(&list, "s", params[i].value.s);
    }

    return g_variant_builder_end(&list);
}

GVariant *
mt_settings_from_typed(const virTypedParameter *params, int n_params)
{
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);

    for (int i = 0; i < n_params; i++) {
        gboolean again = g_variant_dict_contains(&dict, params[i].field);

        g_variant_dict_insert_value(
            &dict, params[i].field,
            again ? settings_values(params, n_params, params[i].field)
                  : settings_value(&params[i]));
    }

    return g_variant_dict_end(&dict);
}

/* A parameter with the value of @value; FALSE if there is no such type. */
static gboolean
settings_to_param(const char *name, GVariant *value, virTypedParameterPtr param)
{
    memset(param, 0, sizeof(*param));
    g_strlcpy(param->field, name, sizeof(param->field));
    switch (g_variant_classify(value)) {
    case G_VARIANT_CLASS_BOOLEAN:
        param->type = VIR_TYPED_PARAM_BOOLEAN;
        param->value.b = g_variant_get_boolean(value);
        return TRUE;
    case G_VARIANT_CLASS_BYTE:
        param->type = VIR_TYPED_PARAM_UINT;
        param->value.ui = g_variant_get_byte(value);
        return TRUE;
    case G_VARIANT_CLASS_INT16:
        param->type = VIR_TYPED_PARAM_INT;
        param->value.i = g_variant_get_int16(value);
        return TRUE;
    case G_VARIANT_CLASS_UINT16:
        param->type = VIR_TYPED_PARAM_UINT;
        param->value.ui = g_variant_get_uint16(value);
        return TRUE;
    case G_VARIANT_CLASS_INT32:
        param->type = VIR_TYPED_PARAM_INT;
        param->value.i = g_variant_get_int32(value);
        return TRUE;
    case G_VARIANT_CLASS_UINT32:
        param->type = VIR_TYPED_PARAM_UINT;
        param->value.ui = g_variant_get_uint32(value);
        return TRUE;
    case G_VARIANT_CLASS_INT64:
        param->type = VIR_TYPED_PARAM_LLONG;
        param->value.l = g_variant_get_int64(value);
        return TRUE;
    case G_VARIANT_CLASS_UINT64:
        param->type = VIR_TYPED_PARAM_ULLONG;
        param->value.ul = g_variant_get_uint64(value);
        return TRUE;
    case G_VARIANT_CLASS_DOUBLE:
        param->type = VIR_TYPED_PARAM_DOUBLE;
        param->value.d = g_variant_get_double(value);
        return TRUE;
    case G_VARIANT_CLASS_STRING:
        param->type = VIR_TYPED_PARAM_STRING;
        param->value.s = g_variant_dup_string(value, NULL);
        return TRUE;
    default:
        return FALSE;
    }
}

/* Adds one entry of a dictionary to @array. */
static gboolean
settings_add(GArray *array, const char *name, GVariant *value, GError **error)
{
    gboolean list = g_variant_is_of_type(value, G_VARIANT_TYPE_STRING_ARRAY);
    gsize n = list ? g_variant_n_children(value) : 1;

    if (strlen(name) >= VIR_TYPED_PARAM_FIELD_LENGTH) {
        migtune_error_set(error, MIGTUNE_ERROR_UNKNOWN_PARAMETER,
                          _("the name '%.40s…' is too long for a parameter"),
                          name);
        return FALSE;
    }
    for (gsize i = 0; i < n; i++) {
        g_autoptr(GVariant) one =
            list ? g_variant_get_child_value(value, i) : g_variant_ref(value);
        virTypedParameter param;

        if (!settings_to_param(name, one, &param)) {
            migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                              _("%s: a value of the type '%s' is not "
                                "supported; expected a boolean, a number, a "
                                "string or an array of strings"),
                              name, g_variant_get_type_string(value));
            if (error)
                migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_PARAMETER,
                                        name);
            return FALSE;
        }
        g_array_append_val(array, param);
    }

    return TRUE;
}

gboolean
mt_settings_to_typed(GVariant *settings, virTypedParameterPtr *params,
                     int *n_params, GError **error)
{
    g_autoptr(GVariant) taken = g_variant_ref_sink(settings);
    GArray *array;
    GVariantIter iter;
    const char *name;
    GVariant *value;
    gboolean ok = TRUE;

    MT_REQUIRE(g_variant_is_of_type(taken, G_VARIANT_TYPE_VARDICT), FALSE);

    array = g_array_new(FALSE, FALSE, sizeof(virTypedParameter));
    g_variant_iter_init(&iter, taken);
    while (ok && g_variant_iter_next(&iter, "{&sv}", &name, &value)) {
        ok = settings_add(array, name, value, error);
        g_variant_unref(value);
    }
    *n_params = array->len;
    *params = (virTypedParameterPtr)(gpointer)g_array_free(array, FALSE);
    if (ok)
        return TRUE;

    migtune_typed_params_free(*params, *n_params);
    return FALSE;
}

GVariant *
migtune_settings_parse(const char *const *words, GError **error)
{
    virTypedParameterPtr params;
    GVariant *settings;
    int n;

    if (!migtune_typed_params_parse(words, &params, &n, error))
        return NULL;
    settings = g_variant_ref_sink(mt_settings_from_typed(params, n));
    migtune_typed_params_free(params, n);

    return settings;
}

GVariant *
migtune_domain_get_settings(MigtuneDomain *domain, const char *const *names,
                            unsigned int flags, GCancellable *cancellable,
                            GError **error)
{
    virTypedParameterPtr params;
    GVariant *settings;
    int n;

    if (!migtune_domain_get_parameters(domain, names, &params, &n, flags,
                                       cancellable, error))
        return NULL;
    settings = g_variant_ref_sink(mt_settings_from_typed(params, n));
    migtune_typed_params_free(params, n);

    return settings;
}

MigtunePlan *
migtune_domain_plan_settings(MigtuneDomain *domain, GVariant *settings,
                             unsigned int flags, GCancellable *cancellable,
                             GError **error)
{
    virTypedParameterPtr params;
    MigtunePlan *plan;
    int n;

    MT_REQUIRE(settings != NULL, NULL);
    if (!mt_settings_to_typed(settings, &params, &n, error))
        return NULL;
    plan = migtune_domain_plan(domain, params, n, flags, cancellable, error);
    migtune_typed_params_free(params, n);

    return plan;
}

gboolean
migtune_domain_set_settings(MigtuneDomain *domain, GVariant *settings,
                            unsigned int flags, GCancellable *cancellable,
                            GError **error)
{
    g_autoptr(MigtunePlan) plan = migtune_domain_plan_settings(
        domain, settings, flags, cancellable, error);

    return plan && migtune_plan_apply(plan, cancellable, error);
}

MigtunePlan *
migtune_explain_settings(const char *release, GVariant *settings,
                         unsigned int flags, GError **error)
{
    virTypedParameterPtr params;
    MigtunePlan *plan;
    int n;

    MT_REQUIRE(settings != NULL, NULL);
    if (!mt_settings_to_typed(settings, &params, &n, error))
        return NULL;
    plan = migtune_explain(release, params, n, flags, error);
    migtune_typed_params_free(params, n);

    return plan;
}

GVariant *
migtune_lowering_get_settings(MigtuneLowering *lowering)
{
    virTypedParameterPtr params;
    int n = 0;

    g_return_val_if_fail(MIGTUNE_IS_LOWERING(lowering), NULL);

    params = migtune_lowering_get_params(lowering, &n);
    return g_variant_ref_sink(mt_settings_from_typed(params, n));
}
