/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lowering as JSON, and as the virsh commands that have the same effect.
 */
#include "config.h"

#include <string.h>

#include "plan/lower/lower.h"
#include "util/json.h"
#include "util/json-peek.h"

static const char *
report_type_name(int type)
{
    switch (type) {
    case VIR_TYPED_PARAM_INT:
        return "int";
    case VIR_TYPED_PARAM_ULLONG:
        return "ullong";
    default:
        return "string";
    }
}

static JsonArray *
report_flags(const MtLowering *lowering)
{
    JsonArray *array = json_array_new();

    for (unsigned int bit = 0; bit < 32; bit++) {
        if (lowering->flags & 1u << bit)
            json_array_add_string_element(array,
                                          mt_lower_flag_name(1u << bit));
    }

    return array;
}

static JsonArray *
report_params(const MtLowering *lowering)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < lowering->params->len; i++) {
        const virTypedParameter *param =
            &g_array_index(lowering->params, virTypedParameter, i);
        JsonObject *object = json_object_new();

        json_object_set_string_member(object, "name", param->field);
        json_object_set_string_member(object, "type",
                                      report_type_name(param->type));
        if (param->type == VIR_TYPED_PARAM_STRING)
            json_object_set_string_member(object, "value", param->value.s);
        else if (param->type == VIR_TYPED_PARAM_INT)
            json_object_set_int_member(object, "value", param->value.i);
        else
            json_object_set_member(object, "value",
                                   mt_json_node_new_uint64(param->value.ul));
        json_array_add_object_element(array, object);
    }

    return array;
}

/* The monitor commands for settings that are made before the call and for which
 * libvirt has no function. */
static GPtrArray *
report_monitor_steps(const MtLowering *lowering)
{
    g_autoptr(MtSet) rest = mt_set_new();

    for (guint i = 0; i < mt_set_size(lowering->before); i++) {
        const MtRow *row = mt_set_nth(lowering->before, i);

        if (!mt_lower_before(row))
            mt_set_put(rest, row,
                       mt_value_copy(mt_set_get(lowering->before, row)));
    }

    return mt_steps_build(lowering->plan->caps,
                          lowering->plan->before->values, rest);
}

static JsonArray *
report_before(const MtLowering *lowering)
{
    g_autoptr(GPtrArray) steps = report_monitor_steps(lowering);
    JsonArray *array = json_array_new();

    for (guint i = 0; i < mt_set_size(lowering->before); i++) {
        const MtRow *row = mt_set_nth(lowering->before, i);
        const MtLowerRow *lower = mt_lower_before(row);
        JsonObject *object;

        if (!lower)
            continue;
        object = json_object_new();
        json_object_set_string_member(object, "function", lower->name);
        json_object_set_member(
            object, "value",
            mt_value_to_json(row, mt_set_get(lowering->before, row)));
        json_array_add_object_element(array, object);
    }
    for (guint i = 0; i < steps->len; i++) {
        const MtStep *step = g_ptr_array_index(steps, i);
        JsonObject *object = json_object_new();

        json_object_set_string_member(object, "execute", step->execute);
        json_object_set_object_member(object, "arguments",
                                      json_object_ref(step->arguments));
        json_array_add_object_element(array, object);
    }

    return array;
}

static JsonArray *
report_findings(const MtLowering *lowering)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < lowering->findings->len; i++) {
        const MtLowerFinding *finding =
            g_ptr_array_index(lowering->findings, i);
        JsonObject *object = json_object_new();

        json_object_set_string_member(object, "name", finding->name);
        mt_json_set_text(object, "rule", finding->rule);
        json_object_set_string_member(object, "text", finding->text);
        json_array_add_object_element(array, object);
    }

    return array;
}

/* What the plan says about its wishes, such as that a setting has no effect. */
static JsonArray *
report_notes(const MtLowering *lowering)
{
    const GPtrArray *wishes = lowering->plan->wishes;
    JsonArray *array = json_array_new();

    for (guint i = 0; i < wishes->len; i++) {
        const MtWish *wish = g_ptr_array_index(wishes, i);
        JsonObject *object;

        if (wish->error || wish->reason->len == 0)
            continue;
        object = json_object_new();
        json_object_set_string_member(object, "name", wish->name);
        json_object_set_string_member(
            object, "verdict",
            migtune_verdict_to_string(
                mt_verdict_show(wish->verdict, FALSE)));
        json_object_set_string_member(object, "text", wish->reason->str);
        json_array_add_object_element(array, object);
    }

    return array;
}

JsonNode *
mt_lowering_to_json(const MtLowering *lowering)
{
    g_auto(GStrv) virsh = mt_lowering_to_virsh(lowering,
                                               lowering->plan->domain, NULL);
    g_autofree char *libvirt = mt_release_format(lowering->libvirt);
    JsonObject *object = json_object_new();
    JsonArray *commands = json_array_new();

    for (char **at = virsh; *at; at++)
        json_array_add_string_element(commands, *at);
    json_object_set_string_member(object, "libvirt", libvirt);
    json_object_set_string_member(object, "judged-by",
                                  lowering->asked ? "libvirt" : "release");
    mt_json_set_text(object, "remark", lowering->remark);
    json_object_set_array_member(object, "flags", report_flags(lowering));
    json_object_set_int_member(object, "flags-value", lowering->flags);
    json_object_set_array_member(object, "parameters",
                                 report_params(lowering));
    json_object_set_array_member(object, "before", report_before(lowering));
    json_object_set_array_member(object, "findings",
                                 report_findings(lowering));
    json_object_set_array_member(object, "notes", report_notes(lowering));
    json_object_set_array_member(object, "virsh", commands);

    return mt_json_node_new_object(object);
}

/* The option of virsh migrate for a typed parameter. */
static const char *
report_option(const char *name)
{
    for (guint i = 0; i < MT_N_PARAMS; i++) {
        const MtLowerRow *lower = mt_lower_row(mt_row(i));

        if (lower && lower->kind == MT_LOWER_PARAM && strcmp(lower->name, name) == 0)
            return lower->option;
    }

    return NULL;
}

/* Appends a word for a shell, quoted if necessary. */
static void
report_add_word(GString *line, const char *word)
{
    g_autofree char *quoted = NULL;

    if (strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                     "0123456789-_./:+=@,") != strlen(word) || !*word)
        quoted = g_shell_quote(word);
    if (line->len)
        g_string_append_c(line, ' ');
    g_string_append(line, quoted ? quoted : word);
}

static void
report_add_params(const MtLowering *lowering, GString *line)
{
    g_autoptr(GString) methods = g_string_new(NULL);

    for (guint i = 0; i < lowering->params->len; i++) {
        const virTypedParameter *param =
            &g_array_index(lowering->params, virTypedParameter, i);
        g_autofree char *value = mt_typed_to_text(param);
        const char *option = report_option(param->field);

        if (option) {
            report_add_word(line, option);
            report_add_word(line, value);
        } else {
            g_string_append_printf(methods, "%s%s", methods->len ? "," : "",
                                   value);
        }
    }
    if (methods->len) {
        report_add_word(line, "--comp-methods");
        report_add_word(line, methods->str);
    }
}

static char *
report_migrate_line(const MtLowering *lowering, const char *domain,
                    const char *destination)
{
    GString *line = g_string_new("virsh migrate");

    for (unsigned int bit = 0; bit < 32; bit++) {
        if (lowering->flags & 1u << bit)
            report_add_word(line, mt_lower_flag_option(1u << bit));
    }
    report_add_params(lowering, line);
    report_add_word(line, domain);
    report_add_word(line, destination);

    return g_string_free(line, FALSE);
}

static char *
report_before_line(const MtLowering *lowering, const MtRow *row,
                   const MtLowerRow *lower, const char *domain)
{
    const MtValue *value = mt_set_get(lowering->before, row);
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT,
                                            value->number);
    GString *line = g_string_new("virsh");

    report_add_word(line, lower->option);
    report_add_word(line, domain);
    report_add_word(line, text);

    return g_string_free(line, FALSE);
}

static char *
report_monitor_line(const MtStep *step, const char *domain)
{
    g_autoptr(JsonObject) object = json_object_new();
    g_autofree char *json = NULL;
    GString *line = g_string_new("virsh qemu-monitor-command");

    json_object_set_string_member(object, "execute", step->execute);
    json_object_set_object_member(object, "arguments",
                                  json_object_ref(step->arguments));
    json = mt_json_object_to_line(object);
    report_add_word(line, domain);
    report_add_word(line, json);

    return g_string_free(line, FALSE);
}

char **
mt_lowering_to_virsh(const MtLowering *lowering, const char *domain,
                     const char *destination)
{
    g_autoptr(GPtrArray) steps = report_monitor_steps(lowering);
    g_autoptr(GPtrArray) lines = g_ptr_array_new();

    domain = domain ? domain : "DOMAIN";
    destination = destination ? destination : "DESTINATION";
    for (guint i = 0; i < mt_set_size(lowering->before); i++) {
        const MtRow *row = mt_set_nth(lowering->before, i);
        const MtLowerRow *lower = mt_lower_before(row);

        if (lower)
            g_ptr_array_add(lines,
                            report_before_line(lowering, row, lower, domain));
    }
    for (guint i = 0; i < steps->len; i++)
        g_ptr_array_add(lines,
                        report_monitor_line(g_ptr_array_index(steps, i),
                                            domain));
    g_ptr_array_add(lines, report_migrate_line(lowering, domain, destination));
    g_ptr_array_add(lines, NULL);

    return (char **)g_ptr_array_steal(lines, NULL);
}
