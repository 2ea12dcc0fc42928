/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Exclusions and requirements as in tests/data.  migtune finds them before it sends
 * anything, whether both settings are asked for or one of them is set already.  The
 * data is checked by sending the same settings to QEMU.
 */
#include "config.h"

#include <string.h>

#include "tuning.h"
#include "util/json-peek.h"
#include "util/json.h"

typedef struct {
    Tuned *tuned;
    JsonObject *rule;
    const char *who;            /* a capability, by QEMU's name */
    const char *other;
    gboolean parameter;         /* the other is a parameter */
    gboolean excludes;          /* else @who requires @other */
    char *wire;                 /* of the other, set: "true", "\"zlib\"" */
    const char *text;           /* the same for migtune */
    char *unset;                /* its default in QMP */
} Conflict;

/* Values to use where the data excludes a value. */
static const struct {
    const char *name;
    const char *value;
} conflict_values[] = {
    { "multifd-compression", "zlib" },
    { "tls-creds", "test" },
};

static gboolean
conflict_applies(Tuned *tuned, JsonObject *rule)
{
    guint release = tuning_release(tuned->test->release);
    const char *kind = json_object_get_string_member(rule, "other_kind");
    const char *until = mt_json_peek_string(rule, "to");

    return (g_str_equal(kind, "capability") ||
            g_str_equal(kind, "parameter")) &&
           tuning_release(json_object_get_string_member(rule, "from")) <=
               release &&
           (!until || tuning_release(until) >= release);
}

static void
conflict_init(Conflict *conflict, Tuned *tuned, JsonObject *rule)
{
    JsonArray *values = mt_json_peek_array(rule, "values");

    memset(conflict, 0, sizeof(*conflict));
    conflict->tuned = tuned;
    conflict->rule = rule;
    conflict->who = json_object_get_string_member(rule, "who");
    conflict->other = json_object_get_string_member(rule, "other");
    conflict->parameter = g_str_equal(
        json_object_get_string_member(rule, "other_kind"), "parameter");
    conflict->excludes = g_str_equal(
        json_object_get_string_member(rule, "relation"), "excludes");
    conflict->text = "on";
    if (conflict->parameter) {
        g_autoptr(JsonNode) now =
            guest_get(tuned->guest, FALSE, conflict->other);

        conflict->unset = mt_json_to_line(now);
        if (values)
            conflict->text = json_array_get_string_element(values, 0);
        for (gsize i = 0; i < G_N_ELEMENTS(conflict_values); i++) {
            if (g_str_equal(conflict_values[i].name, conflict->other))
                conflict->text = conflict_values[i].value;
        }
        conflict->wire = g_strdup_printf("\"%s\"", conflict->text);
    } else {
        conflict->unset = g_strdup("false");
        conflict->wire = g_strdup("true");
    }
}

static void
conflict_clear(Conflict *conflict)
{
    g_free(conflict->wire);
    g_free(conflict->unset);
}

/*
 * Adds the capabilities that @name needs, so that only the tested rule is broken.
 */
static void
conflict_add_needs(const Conflict *conflict, const char *name,
                   GPtrArray *needs)
{
    const Tuning *tuning = conflict->tuned->test->tuning;
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);

    if (!conflict->excludes || (conflict->parameter && name != conflict->who))
        return;
    tuned_add_needs(conflict->tuned, tuning_row(tuning, name), words);
    for (guint i = 0; i < words->len; i++) {
        g_auto(GStrv) parts =
            g_strsplit(g_ptr_array_index(words, i), "=", 2);
        JsonObject *row = tuning_row(tuning, parts[0]);
        const char *qmp = json_object_get_string_member(row, "qmp");

        if (!g_str_equal(qmp, conflict->other) &&
            !g_str_equal(qmp, conflict->who) &&
            !g_ptr_array_find_with_equal_func(needs, qmp, g_str_equal, NULL))
            g_ptr_array_add(needs, g_strdup(qmp));
    }
}

static void
conflict_add_words(const Conflict *conflict, const char *name,
                   GPtrArray *words)
{
    g_autoptr(GPtrArray) needs = g_ptr_array_new_with_free_func(g_free);

    conflict_add_needs(conflict, name, needs);
    for (guint i = 0; i < needs->len; i++) {
        g_autofree char *word = g_strdup_printf(
            "%s=on", (char *)g_ptr_array_index(needs, i));

        if (!g_ptr_array_find_with_equal_func(words, word, g_str_equal, NULL))
            g_ptr_array_add(words, g_steal_pointer(&word));
    }
}

/* A call of migrate-set-capabilities; a NULL name ends the list. */
static char *
capabilities_arguments(gboolean on, GPtrArray *more, const char *first,
                       const char *second)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const char *const names[] = { first, second };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        if (names[i])
            g_string_append_printf(
                text, "%s{\"capability\": \"%s\", \"state\": %s}",
                text->len ? ", " : "", names[i], on ? "true" : "false");
    }
    for (guint i = 0; i < more->len; i++)
        g_string_append_printf(
            text, "%s{\"capability\": \"%s\", \"state\": %s}",
            text->len ? ", " : "", (char *)g_ptr_array_index(more, i),
            on ? "true" : "false");

    return g_strdup_printf("{\"capabilities\": [%s]}", text->str);
}

static void
conflict_set_parameter(const Conflict *conflict, gboolean set)
{
    g_autofree char *arguments =
        g_strdup_printf("{\"%s\": %s}", conflict->other,
                        set ? conflict->wire : conflict->unset);

    guest_do(conflict->tuned->guest, "migrate-set-parameters", arguments);
}

static gboolean
conflict_has_stage(const Conflict *conflict, const char *command)
{
    JsonArray *stages = json_object_get_array_member(conflict->rule, "stage");

    for (guint i = 0; i < json_array_get_length(stages); i++) {
        if (g_str_equal(json_array_get_string_element(stages, i), command))
            return TRUE;
    }

    return FALSE;
}

static gboolean
conflict_try(const Conflict *conflict, const char *command,
             const char *arguments)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) answer =
        guest_ask(conflict->tuned->guest, command, arguments, &error);

    if (!answer)
        g_test_message("%s, %s: %s", conflict->who, conflict->other,
                       migtune_error_get_field(
                           error, MIGTUNE_ERROR_FIELD_QEMU_DESC));

    return answer != NULL;
}

/*
 * Whether QEMU refuses the pair at the command that the data names.  Restores the
 * guest.
 */
static gboolean
conflict_is_refused_raw(const Conflict *conflict)
{
    Guest *guest = conflict->tuned->guest;
    g_autoptr(GPtrArray) needs = g_ptr_array_new_with_free_func(g_free);
    const char *second = conflict->excludes && !conflict->parameter
                             ? conflict->other
                             : NULL;
    g_autofree char *on = NULL;
    g_autofree char *off = NULL;
    gboolean accepted;

    conflict_add_needs(conflict, conflict->who, needs);
    conflict_add_needs(conflict, conflict->other, needs);
    on = capabilities_arguments(TRUE, needs, conflict->who, second);
    off = capabilities_arguments(FALSE, needs, conflict->who, second);
    if (conflict->parameter &&
        !json_object_has_member(conflict->rule, "latches"))
        conflict_set_parameter(conflict, TRUE);
    accepted = conflict_try(conflict, "migrate-set-capabilities", on);
    if (accepted && json_object_has_member(conflict->rule, "latches")) {
        /* QEMU refuses the next command of this kind. */
        conflict_set_parameter(conflict, TRUE);
        accepted = conflict_try(conflict, "migrate-set-parameters", "{}");
        guest_do(guest, "migrate-set-capabilities", off);
    } else if (accepted) {
        if (conflict_has_stage(conflict, "migrate"))
            accepted = conflict_try(conflict, "migrate",
                                    "{\"uri\": \"unix:/nowhere\"}");
        guest_do(guest, "migrate-set-capabilities", off);
    }
    if (conflict->parameter)
        conflict_set_parameter(conflict, FALSE);

    return !accepted;
}

/* Asks for both in one call. */
static void
check_wished_together(const Conflict *conflict, const char *before)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(MigtunePlan) plan = NULL;

    g_ptr_array_add(words, g_strdup_printf("%s=on", conflict->who));
    g_ptr_array_add(words, g_strdup_printf(
        "%s=%s", conflict->other,
        conflict->excludes ? conflict->text : "off"));
    conflict_add_words(conflict, conflict->who, words);
    conflict_add_words(conflict, conflict->other, words);
    g_ptr_array_add(words, NULL);
    plan = tuned_plan(conflict->tuned, (const char *const *)words->pdata, 0);
    tuned_assert_refused(conflict->tuned, plan, MIGTUNE_ERROR_CONFLICT,
                         before);
    tuning_count(conflict->tuned->test, "conflicts within the wishes found");
}

/* One of the two is set, and the other is asked for; or a requirement is switched
 * off. */
static void
check_with_one_on(const Conflict *conflict, gboolean who_first)
{
    Guest *guest = conflict->tuned->guest;
    const char *first = who_first ? conflict->who : conflict->other;
    const char *second = who_first ? conflict->other : conflict->who;
    g_autoptr(GPtrArray) needs = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(MigtunePlan) plan = NULL;
    g_autofree char *before = NULL;
    g_autofree char *on = NULL;
    g_autofree char *off = NULL;

    if (!who_first && conflict->parameter) {
        conflict_set_parameter(conflict, TRUE);
    } else {
        const char *also = conflict->excludes ? NULL : conflict->other;

        conflict_add_needs(conflict, first, needs);
        on = capabilities_arguments(TRUE, needs, first, also);
        off = capabilities_arguments(FALSE, needs, first, also);
        if (!conflict_try(conflict, "migrate-set-capabilities", on)) {
            tuning_count(conflict->tuned->test,
                         "conflicts whose first half this host cannot do");
            return;
        }
    }

    before = guest_dump(guest);
    if (who_first)
        g_ptr_array_add(words, g_strdup_printf(
            "%s=%s", conflict->other,
            conflict->excludes ? conflict->text : "off"));
    else
        g_ptr_array_add(words, g_strdup_printf("%s=on", conflict->who));
    conflict_add_words(conflict, second, words);
    g_ptr_array_add(words, NULL);
    plan = tuned_plan(conflict->tuned, (const char *const *)words->pdata, 0);
    tuned_assert_refused(conflict->tuned, plan, MIGTUNE_ERROR_CONFLICT,
                         before);
    tuning_count(conflict->tuned->test, "conflicts with what is on found");

    if (off)
        guest_do(guest, "migrate-set-capabilities", off);
    else
        conflict_set_parameter(conflict, FALSE);
}

static void
check_conflict(const Conflict *conflict, const char *before)
{
    g_autofree char *after = NULL;

    check_wished_together(conflict, before);
    check_with_one_on(conflict, TRUE);
    if (conflict->excludes)
        check_with_one_on(conflict, FALSE);
    after = guest_dump(conflict->tuned->guest);
    g_assert_cmpstr(after, ==, before);

    if (conflict_is_refused_raw(conflict)) {
        tuning_count(conflict->tuned->test, "conflicts that QEMU confirms");
    } else {
        g_test_message("QEMU accepts %s with %s", conflict->who,
                       conflict->other);
        tuning_count(conflict->tuned->test, "conflicts that QEMU accepts");
    }
    g_free(after);
    after = guest_dump(conflict->tuned->guest);
    g_assert_cmpstr(after, ==, before);
}

static JsonNode *
conflicts_read(void)
{
    g_autofree char *path = g_build_filename(
        g_getenv("MIGTUNE_TEST_DATA"), "migration-history.json", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    JsonNode *facts;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    facts = mt_json_parse(text, -1, &error);
    g_assert_no_error(error);

    return facts;
}

static void
test_conflicts(Case *test)
{
    g_autoptr(JsonNode) facts = conflicts_read();
    JsonArray *rules = json_object_get_array_member(
        json_node_get_object(facts), "rules");
    g_autoptr(Guest) guest = guest_new(test->release, NULL);
    g_autofree char *before = guest_dump(guest);
    Tuned tuned;
    guint n = 0;

    tuned_up(&tuned, test, guest, NULL);
    for (guint i = 0; i < json_array_get_length(rules); i++) {
        JsonObject *rule = json_array_get_object_element(rules, i);
        Conflict conflict;

        if (!conflict_applies(&tuned, rule))
            continue;
        conflict_init(&conflict, &tuned, rule);
        check_conflict(&conflict, before);
        conflict_clear(&conflict);
        n++;
    }
    g_assert_cmpuint(n, >, 0);
    tuned_down(&tuned);
}

/* Best-effort keeps the setting that was asked for last. */
static void
test_the_last_one_is_kept(Case *test)
{
    static const struct {
        const char *words[3];
        guint since;
    } pairs[] = {
        { { "xbzrle=on", "parallel=on" }, 802 },
        { { "parallel=on", "xbzrle=on" }, 802 },
        { { "postcopy=on", "ignore_shared=on" }, 400 },
        { { "ignore_shared=on", "postcopy=on" }, 400 },
    };
    g_autoptr(Guest) guest = guest_new(test->release, NULL);
    g_autofree char *before = guest_dump(guest);
    Tuned tuned;

    tuned_up(&tuned, test, guest, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(pairs); i++) {
        g_autoptr(MigtunePlan) plan = NULL;
        g_autoptr(GError) error = NULL;

        if (tuning_release(test->release) < pairs[i].since)
            continue;
        plan = tuned_plan(&tuned, pairs[i].words, MIGTUNE_SET_BEST_EFFORT);
        migtune_plan_apply(plan, NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpint(
            migtune_plan_get_verdict(plan, 0, NULL, NULL, NULL, NULL), ==,
            MIGTUNE_VERDICT_DROPPED);
        g_assert_cmpint(
            migtune_plan_get_verdict(plan, 1, NULL, NULL, NULL, NULL), ==,
            MIGTUNE_VERDICT_IN_FORCE);
        tuned_put_back(&tuned, before);
    }
    tuned_down(&tuned);
}

void
tuning_add_conflicts(Tuning *tuning)
{
    tuning_add(tuning, "conflicts-are-found-first", test_conflicts);
    tuning_add(tuning, "the-last-one-is-kept", test_the_last_one_is_kept);
}
