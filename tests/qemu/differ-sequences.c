/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Systematic sequences for a guest that does not migrate: each pair of
 * capabilities in every order, each parameter at and around its bounds and with
 * every wrong type, and parameters together with capabilities and with each
 * other.
 */
#include "config.h"

#include <string.h>

#include "differ.h"
#include "util/json-peek.h"

/* Steps of one sequence: few, because the steps after a difference are
 * skipped. */
#define FEW 12

const char *const differ_any_values[] = {
    "0", "1", "2", "-1", "99", "100", "127", "128", "254", "255", "256", "257",
    "300", "32767", "32768", "65535", "65536", "65537", "2147483647",
    "2147483648", "-2147483648", "-2147483649", "4294967295", "4294967296",
    "4294967297", "9223372036854775807", "9223372036854775808",
    "-9223372036854775808", "-9223372036854775809", "18446744073709551615",
    "18446744073709551616", "1.0", "1.5", "-0.5", "1e3", "1e30", "-0",
    "\"\"", "\"1\"", "\"abc\"", "\"on\"", "\"none\"", "\"zlib\"",
    "\"na\xc3\xafve\"", "\"a\\u0001b\"", "null", "true", "false", "[]", "[1]",
    "[\"a\"]", "[{}]", "{}", "{\"a\": 1}", NULL,
};

/* Values with a valid or nearly valid form for the list of bitmaps. */
static const char *const mappings[] = {
    "[]",
    "[{\"node-name\": \"n\", \"alias\": \"a\", \"bitmaps\": []}]",
    "[{\"node-name\": \"n\", \"alias\": \"a\", \"bitmaps\": "
    "[{\"name\": \"b\", \"alias\": \"c\"}]}]",
    "[{\"node-name\": \"n\", \"alias\": \"a\", \"bitmaps\": "
    "[{\"name\": \"b\", \"alias\": \"c\"}, {\"name\": \"d\", \"alias\": "
    "\"e\"}]}, {\"node-name\": \"m\", \"alias\": \"b\", \"bitmaps\": []}]",
    "[{\"node-name\": \"n\", \"alias\": \"a\", \"bitmaps\": "
    "[{\"name\": \"b\", \"alias\": \"c\", \"transform\": "
    "{\"persistent\": true}}]}]",
    "[{\"node-name\": \"n\", \"alias\": \"a\", \"bitmaps\": []}, "
    "{\"node-name\": \"n\", \"alias\": \"b\", \"bitmaps\": []}]",
    "[{\"node-name\": \"n\", \"alias\": \"a\", \"bitmaps\": []}, "
    "{\"node-name\": \"m\", \"alias\": \"a\", \"bitmaps\": []}]",
    "[{\"node-name\": \"n\", \"alias\": \"a\", \"bitmaps\": "
    "[{\"name\": \"b\", \"alias\": \"c\"}, {\"name\": \"b\", \"alias\": "
    "\"d\"}]}]",
    "[{\"node-name\": \"n\", \"alias\": \"a\", \"bitmaps\": "
    "[{\"name\": \"b\", \"alias\": \"c\"}, {\"name\": \"d\", \"alias\": "
    "\"c\"}]}]",
    "[{\"node-name\": \"n\", \"bitmaps\": []}]",
    "[{\"alias\": \"a\", \"bitmaps\": []}]",
    "[{\"node-name\": \"n\", \"alias\": \"a\"}]",
    "[{\"node-name\": \"n\", \"alias\": \"\", \"bitmaps\": []}]",
    "[{\"node-name\": \"n\", \"alias\": \"1a\", \"bitmaps\": []}]",
    "[{\"node-name\": \"n\", \"alias\": \"a b\", \"bitmaps\": []}]",
    "[{\"node-name\": \"\", \"alias\": \"a\", \"bitmaps\": []}]",
    "[{\"node-name\": 1, \"alias\": \"a\", \"bitmaps\": []}]",
    "[{\"node-name\": \"n\", \"alias\": \"a\", \"bitmaps\": {}}]",
    "[{\"node-name\": \"n\", \"alias\": \"a\", \"bitmaps\": [1]}]",
    "[{\"node-name\": \"n\", \"alias\": \"a\", \"bitmaps\": [{}]}]",
    "[{\"node-name\": \"n\", \"alias\": \"a\", \"bitmaps\": "
    "[{\"name\": \"b\", \"alias\": \"\"}]}]",
    "[{\"node-name\": \"n\", \"alias\": \"a\", \"bitmaps\": "
    "[{\"name\": \"\", \"alias\": \"c\"}]}]",
    "[{\"node-name\": \"n\", \"alias\": \"a\", \"bitmaps\": [], \"x\": 1}]",
    "[{\"node-name\": \"n\", \"alias\": \"a\", \"bitmaps\": "
    "[{\"name\": \"b\", \"alias\": \"c\", \"transform\": {}}]}]",
    "[{\"node-name\": \"n\", \"alias\": \"a\", \"bitmaps\": "
    "[{\"name\": \"b\", \"alias\": \"c\", \"transform\": "
    "{\"persistent\": 1}}]}]",
    NULL,
};

char *
step_capability(const char *name, gboolean on)
{
    return g_strdup_printf("migrate-set-capabilities {\"capabilities\": "
                           "[{\"capability\": \"%s\", \"state\": %s}]}",
                           name, on ? "true" : "false");
}

char *
step_parameter(const char *name, const char *value)
{
    return g_strdup_printf("migrate-set-parameters {\"%s\": %s}", name, value);
}

/* ---- values ---- */

static void
values_add(GPtrArray *values, const char *text)
{
    if (!g_ptr_array_find_with_equal_func(values, text, g_str_equal, NULL))
        g_ptr_array_add(values, g_strdup(text));
}

static void
values_add_number(GPtrArray *values, guint64 number)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, number);

    values_add(values, text);
}

/* Values that are valid after their upper bits are cut off, and similar
 * ones. */
static void
values_add_cut(GPtrArray *values, guint64 number)
{
    static const guint cuts[] = { 8, 16, 32, 63 };

    for (gsize i = 0; i < G_N_ELEMENTS(cuts); i++) {
        g_autofree char *below = g_strdup_printf(
            "%" G_GINT64_FORMAT,
            (gint64)number - (gint64)(1ULL << MIN(cuts[i], 62)));

        values_add_number(values, number + (1ULL << cuts[i]));
        values_add(values, below);
    }
}

static void
values_add_texts(GPtrArray *values, const char *const *texts)
{
    for (; *texts; texts++)
        values_add(values, *texts);
}

static void
values_add_enum(GPtrArray *values, JsonArray *members)
{
    for (guint i = 0; i < json_array_get_length(members); i++) {
        g_autofree char *text = g_strdup_printf(
            "\"%s\"", mt_json_peek_string(
                          json_array_get_object_element(members, i), "value"));

        values_add(values, text);
    }
}

GPtrArray *
differ_values(const Facts *facts, const char *name, guint *ret_n_right)
{
    GPtrArray *values = g_ptr_array_new_with_free_func(g_free);
    JsonObject *row = facts_parameter(facts, name);
    const char *type = row ? mt_json_peek_string(row, "type") : NULL;
    static const char *const bools[] = { "true", "false", NULL };
    static const char *const strings[] = { "\"\"", "\"tls0\"", "\"x y\"",
                                           NULL };
    guint64 min = 0;
    guint64 max = 0;

    if (row && json_object_has_member(row, "max") &&
        mt_json_node_peek_uint64(json_object_get_member(row, "max"), &max)) {
        mt_json_node_peek_uint64(json_object_get_member(row, "min"), &min);
        if (g_str_equal(name, "xbzrle-cache-size"))
            min = 4096;
        values_add_number(values, min);
        values_add_number(values, MIN(max, 1ULL << 62));
        if (!g_str_equal(name, "xbzrle-cache-size")) {
            values_add_number(values, min + 1);
            values_add_number(values, min + (MIN(max, 1000) - min) / 3);
            values_add_number(values, MIN(max, 1ULL << 62) - 1);
        }
    } else if (row && json_object_has_member(row, "enum")) {
        values_add_enum(values, json_object_get_array_member(row, "enum"));
    } else if (g_strcmp0(type, "bool") == 0) {
        values_add_texts(values, bools);
    } else if (g_strcmp0(type, "list-of-object") == 0) {
        values_add_texts(values, mappings);
    } else {
        values_add_texts(values, strings);
    }
    *ret_n_right = values->len;
    if (max > 0) {
        values_add_number(values, min - 1);
        values_add_number(values, max + 1);
        values_add_number(values, max - 1);
        values_add_number(values, max);
        values_add_cut(values, min);
        values_add_cut(values, MIN(max, 5));
    }
    values_add_texts(values, differ_any_values);
    return values;
}

/* ---- capabilities ---- */

static void
add_list(Sequence *sequence, const char *one, gboolean one_on,
         const char *other, gboolean other_on)
{
    sequence_add(sequence,
                 "migrate-set-capabilities {\"capabilities\": ["
                 "{\"capability\": \"%s\", \"state\": %s}, "
                 "{\"capability\": \"%s\", \"state\": %s}]}",
                 one, one_on ? "true" : "false", other,
                 other_on ? "true" : "false");
}

static void
add_capability(Sequence *sequence, const char *name, gboolean on)
{
    g_autofree char *step = step_capability(name, on);

    sequence_add(sequence, "%s", step);
}

static void
capability_pair(Differ *differ, const char *one, const char *other,
                PeerFlags flags)
{
    g_autofree char *name = g_strdup_printf(
        "%s, %s%s", one, other, flags & PEER_INCOMING ? ", incoming" : "");
    Sequence *sequence = sequence_new(name, flags);

    add_capability(sequence, one, TRUE);
    add_capability(sequence, other, TRUE);
    add_capability(sequence, one, FALSE);
    add_capability(sequence, one, TRUE);
    add_capability(sequence, other, FALSE);
    add_list(sequence, one, TRUE, other, TRUE);
    add_list(sequence, one, TRUE, other, FALSE);
    add_list(sequence, one, FALSE, other, TRUE);
    add_list(sequence, one, TRUE, one, FALSE);
    add_list(sequence, one, FALSE, one, TRUE);
    add_list(sequence, one, FALSE, other, FALSE);
    differ_run(differ, sequence);
}

/* Elements of the list: each on its own, and before and after a valid one. */
static const char *const entries[] = {
    "{'capability': 'xbzrle'}",
    "{'state': true}",
    "{}",
    "{'capability': 'xbzrle', 'state': 1}",
    "{'capability': 'xbzrle', 'state': 'on'}",
    "{'capability': 'xbzrle', 'state': 'true'}",
    "{'capability': 'xbzrle', 'state': null}",
    "{'capability': 'xbzrle', 'state': []}",
    "{'capability': 'xbzrle', 'state': {}}",
    "{'capability': 'xbzrle', 'state': 1.5}",
    "{'capability': 5, 'state': true}",
    "{'capability': null, 'state': true}",
    "{'capability': true, 'state': true}",
    "{'capability': [], 'state': true}",
    "{'capability': {}, 'state': true}",
    "{'capability': '', 'state': true}",
    "{'capability': 'XBZRLE', 'state': true}",
    "{'capability': 'xbzrle ', 'state': true}",
    "{'capability': 'xbz', 'state': true}",
    "{'capability': 'nonsense', 'state': false}",
    "{'capability': 'xbzrle', 'state': true, 'more': 1}",
    "{'capability': 'xbzrle', 'state': true, 'capability': 'events'}",
    "5",
    "'xbzrle'",
    "null",
    "true",
    "[]",
    "['xbzrle', true]",
};

static const char *const lists[] = {
    "migrate-set-capabilities",
    "migrate-set-capabilities {}",
    "migrate-set-capabilities {'capabilities': []}",
    "migrate-set-capabilities {'capabilities': {}}",
    "migrate-set-capabilities {'capabilities': null}",
    "migrate-set-capabilities {'capabilities': 'xbzrle'}",
    "migrate-set-capabilities {'capabilities': 1}",
    "migrate-set-capabilities {'capabilities': true}",
    "migrate-set-capabilities {'capabilities': [[]]}",
    "migrate-set-capabilities {'capabilities': [], 'more': 1}",
    "migrate-set-capabilities {'more': 1}",
    "migrate-set-capabilities {'capability': 'xbzrle', 'state': true}",
    "migrate-set-capabilities {'Capabilities': []}",
};

static void
capability_forms(Differ *differ, PeerFlags flags)
{
    static const char right[] = "{'capability': 'events', 'state': true}";
    Sequence *sequence = sequence_new("forms of lists", flags);

    for (gsize i = 0; i < G_N_ELEMENTS(lists); i++)
        sequence_add(sequence, "%s", lists[i]);
    differ_run(differ, sequence);
    for (gsize i = 0; i < G_N_ELEMENTS(entries); i++) {
        sequence = sequence_new("forms of entries", flags);
        sequence_add(sequence, "migrate-set-capabilities {'capabilities': "
                     "[%s]}", entries[i]);
        sequence_add(sequence, "migrate-set-capabilities {'capabilities': "
                     "[%s, %s]}", right, entries[i]);
        sequence_add(sequence, "migrate-set-capabilities {'capabilities': "
                     "[%s, %s]}", entries[i], right);
        differ_run(differ, sequence);
    }
}

static void
capability_strangers(Differ *differ, PeerFlags flags)
{
    const Facts *facts = differ_facts(differ);

    for (guint i = 0; i < facts->strangers->len; i++) {
        const char *name = facts->strangers->pdata[i];
        Sequence *sequence = sequence_new("strangers", flags);

        add_capability(sequence, name, TRUE);
        add_capability(sequence, name, FALSE);
        add_list(sequence, "events", TRUE, name, TRUE);
        add_list(sequence, name, FALSE, "events", TRUE);
        sequence_add(sequence, "migrate-set-parameters {'%s': 1}", name);
        sequence_add(sequence, "migrate-set-parameters {'%s': true}", name);
        sequence_add(sequence, "migrate-set-parameters "
                     "{'max-bandwidth': 1, '%s': 'x'}", name);
        differ_run(differ, sequence);
    }
}

void
differ_capability_sequences(Differ *differ)
{
    GPtrArray *names = differ_facts(differ)->capabilities;

    for (guint i = 0; i < names->len; i++) {
        for (guint j = 0; j < names->len; j++) {
            if (i == j)
                continue;
            if (differ_takes(differ))
                capability_pair(differ, names->pdata[i], names->pdata[j], 0);
            if (i < j && differ_takes(differ))
                capability_pair(differ, names->pdata[j], names->pdata[i],
                                PEER_INCOMING);
        }
    }
    capability_forms(differ, 0);
    capability_forms(differ, PEER_INCOMING);
    capability_strangers(differ, 0);
    capability_strangers(differ, PEER_PAUSED);
}

/* ---- parameters ---- */

/* The first values, which are valid, are in every part. */
static void
parameter_values(Differ *differ, const char *name, PeerFlags flags)
{
    guint n_right;
    g_autoptr(GPtrArray) values =
        differ_values(differ_facts(differ), name, &n_right);
    Sequence *sequence = NULL;

    for (guint i = 0; i < values->len; i++) {
        g_autofree char *step = step_parameter(name, values->pdata[i]);

        if (!sequence)
            sequence = sequence_new(name, flags);
        sequence_add(sequence, "%s", step);
        if (sequence_length(sequence) < FEW && i + 1 < values->len)
            continue;
        if (i < FEW || differ_takes(differ))
            differ_run(differ, g_steal_pointer(&sequence));
        else
            g_clear_pointer(&sequence, sequence_free);
    }
}

/* Members and forms that are valid for no parameter. */
static const char *const odd_sets[] = {
    "migrate-set-parameters",
    "migrate-set-parameters {}",
    "migrate-set-parameters {'': 1}",
    "migrate-set-parameters {'nonsense': 1}",
    "migrate-set-parameters {'nonsense': null}",
    "migrate-set-parameters {'nonsense': 1, 'more': 2}",
    "migrate-set-parameters {'max_bandwidth': 1}",
    "migrate-set-parameters {'Max-Bandwidth': 1}",
    "migrate-set-parameters {'max-bandwidth': 1, 'max-bandwidth': 2}",
    "migrate-set-parameters {'max-bandwidth': 5, 'nonsense': 1}",
    "migrate-set-parameters {'nonsense': 1, 'max-bandwidth': 6}",
    "migrate-set-parameters {'max-bandwidth': 'x', 'nonsense': 1}",
    "migrate-set-parameters {'capabilities': []}",
    "migrate-set-parameters {'max-bandwidth': {'value': 1}}",
    "migrate-set-parameters {'cpu-throttle-initial': 50, "
    "'max-cpu-throttle': 40}",
    "migrate-set-parameters {'cpu-throttle-initial': 50, "
    "'max-cpu-throttle': 50}",
    "migrate-set-parameters {'max-cpu-throttle': 49}",
    "migrate-set-parameters {'cpu-throttle-initial': 51}",
    "migrate-set-parameters {'cpu-throttle-initial': 20, "
    "'max-cpu-throttle': 30}",
    "migrate-set-parameters {'cpu-throttle-initial': 31}",
    "migrate-set-parameters {'announce-initial': 100000, 'announce-max': 0}",
    "migrate-set-parameters {'announce-initial': 100001, 'announce-max': 0}",
    "migrate-set-parameters {'xbzrle-cache-size': 4096}",
    "migrate-set-parameters {'xbzrle-cache-size': 4095}",
    "migrate-set-parameters {'xbzrle-cache-size': 4097}",
    "migrate-set-parameters {'xbzrle-cache-size': 2048}",
    "migrate-set-parameters {'xbzrle-cache-size': 8589934592}",
    "migrate-set-parameters {'xbzrle-cache-size': 4611686018427387904}",
    "migrate-set-parameters {'tls-creds': '', 'tls-hostname': ''}",
    "migrate-set-parameters {'tls-creds': 'a', 'tls-hostname': 'b'}",
    "migrate-set-parameters {'tls-creds': null, 'tls-hostname': null}",
};

void
differ_parameter_sequences(Differ *differ)
{
    static const PeerFlags flags[] = { 0, PEER_INCOMING };
    GPtrArray *names = differ_facts(differ)->parameters;

    for (gsize i = 0; i < G_N_ELEMENTS(flags); i++) {
        for (guint j = 0; j < names->len; j++)
            parameter_values(differ, names->pdata[j], flags[i]);
        for (gsize j = 0; j < G_N_ELEMENTS(odd_sets); j++) {
            Sequence *sequence = sequence_new("forms of sets", flags[i]);

            sequence_add(sequence, "%s", odd_sets[j]);
            sequence_add(sequence, "%s",
                         odd_sets[(j + 1) % G_N_ELEMENTS(odd_sets)]);
            differ_run(differ, sequence);
        }
    }
}

/* ---- parameters with capabilities, and with each other ---- */

static const char *
value_at(GPtrArray *values, guint nth)
{
    return values->pdata[nth % values->len];
}

static void
mix_capability(Differ *differ, const char *capability, const char *parameter)
{
    g_autofree char *name =
        g_strdup_printf("%s beside %s", parameter, capability);
    Sequence *sequence = sequence_new(name, 0);
    guint n_right;
    g_autoptr(GPtrArray) values =
        differ_values(differ_facts(differ), parameter, &n_right);

    add_capability(sequence, capability, TRUE);
    for (guint i = 0; i < 3; i++) {
        g_autofree char *step =
            step_parameter(parameter, value_at(values, MIN(i, n_right)));

        sequence_add(sequence, "%s", step);
    }
    add_capability(sequence, capability, FALSE);
    add_capability(sequence, capability, TRUE);
    sequence_add(sequence, "migrate-set-parameters {\"%s\": %s, "
                 "\"downtime-limit\": 77}", parameter, value_at(values, 0));
    add_capability(sequence, capability, FALSE);
    differ_run(differ, sequence);
}

static void
mix_parameters(Differ *differ, const char *one, const char *other)
{
    const Facts *facts = differ_facts(differ);
    g_autofree char *name = g_strdup_printf("%s and %s", one, other);
    Sequence *sequence = sequence_new(name, 0);
    guint n_first;
    guint n_second;
    g_autoptr(GPtrArray) first = differ_values(facts, one, &n_first);
    g_autoptr(GPtrArray) second = differ_values(facts, other, &n_second);

    for (guint i = 0; i < 5; i++) {
        /* Valid and valid, twice; invalid and valid; valid and invalid; both
         * invalid. */
        guint a = i == 2 || i == 4 ? n_first + 5 * i : MIN(i, n_first - 1);
        guint b = i >= 3 ? n_second + 7 * i : MIN(i, n_second - 1);

        sequence_add(sequence, "migrate-set-parameters {\"%s\": %s, "
                     "\"%s\": %s}", one, value_at(first, a), other,
                     value_at(second, b));
    }
    differ_run(differ, sequence);
}

void
differ_mixed_sequences(Differ *differ)
{
    const Facts *facts = differ_facts(differ);

    for (guint i = 0; i < facts->parameters->len; i++) {
        for (guint j = 0; j < facts->capabilities->len; j++) {
            if (differ_takes(differ))
                mix_capability(differ, facts->capabilities->pdata[j],
                               facts->parameters->pdata[i]);
        }
        for (guint j = 0; j < facts->parameters->len; j++) {
            /* The two orders alternate. */
            if ((i < j) != ((i + j) % 2 == 0) && i != j &&
                differ_takes(differ))
                mix_parameters(differ, facts->parameters->pdata[i],
                               facts->parameters->pdata[j]);
        }
    }
}
