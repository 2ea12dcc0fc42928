/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each row of the catalogue: if QEMU has it, it is set, read back over QMP and
 * restored; otherwise it is planned under each policy.
 */
#include "config.h"

#include <string.h>

#include "tuning.h"
#include "util/json-peek.h"
#include "util/json.h"

/*
 * Features that the host may not support.  The test asks QEMU; if QEMU refuses,
 * migtune must fail with QEMU's message.
 */
static const struct {
    const char *qmp;
    const char *why;
} hosts[] = {
    { "dirty-limit", "it needs KVM with a dirty ring" },
    { "background-snapshot", "it needs userfaultfd with write protection" },
    { "x-colo", "it needs a QEMU with replication" },
    { "block", "it needs a QEMU with live block migration" },
    { "direct-io", "it needs a QEMU that knows O_DIRECT" },
};

static const char *
host_reason(const char *qmp)
{
    for (gsize i = 0; i < G_N_ELEMENTS(hosts); i++) {
        if (g_str_equal(hosts[i].qmp, qmp))
            return hosts[i].why;
    }

    return NULL;
}

/* QEMU's error for one setting; NULL if it accepts the setting. */
static char *
host_ask(Tuned *tuned, JsonObject *row, const Setting *setting)
{
    const char *qmp = json_object_get_string_member(row, "qmp");
    gboolean capability =
        g_str_equal(json_object_get_string_member(row, "kind"), "capability");
    g_autofree char *set = capability
        ? g_strdup_printf("{\"capabilities\": [{\"capability\": \"%s\", "
                          "\"state\": %s}]}", qmp, setting->wire)
        : g_strdup_printf("{\"%s\": %s}", qmp, setting->wire);
    g_autofree char *unset = capability
        ? g_strdup_printf("{\"capabilities\": [{\"capability\": \"%s\", "
                          "\"state\": false}]}", qmp)
        : g_strdup_printf("{\"%s\": false}", qmp);
    const char *command =
        capability ? "migrate-set-capabilities" : "migrate-set-parameters";
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) answer = guest_ask(tuned->guest, command, set, &error);

    if (!answer)
        return g_strdup(migtune_error_get_field(
            error, MIGTUNE_ERROR_FIELD_QEMU_DESC));
    guest_do(tuned->guest, command, unset);

    return NULL;
}

char *
tuned_host_refusal(Tuned *tuned, JsonObject *row)
{
    Setting setting = { NULL };
    char *refusal;

    if (!host_reason(json_object_get_string_member(row, "qmp")))
        return NULL;
    tuned_choose(tuned, row, &setting);
    refusal = host_ask(tuned, row, &setting);
    setting_clear(&setting);

    return refusal;
}

/* The verdict of @plan for @row. */
static MigtuneVerdict
verdict_of(MigtunePlan *plan, JsonObject *row, const char **now,
           const char **reason)
{
    for (guint i = 0; i < migtune_plan_get_n_verdicts(plan); i++) {
        const char *name;
        MigtuneVerdict verdict =
            migtune_plan_get_verdict(plan, i, &name, NULL, now, reason);

        if (g_str_equal(name, json_object_get_string_member(row, "name")))
            return verdict;
    }
    g_assert_not_reached();
}

/* Whether QEMU accepts the row over QMP and ignores it. */
static gboolean
is_ignored(const Case *test, const char *qmp)
{
    return tuning_release(test->release) < 900 &&
           (g_str_equal(qmp, "multifd-zlib-level") ||
            g_str_equal(qmp, "multifd-zstd-level"));
}

static void
check_in_force(Tuned *tuned, JsonObject *row, const Setting *setting,
               MigtunePlan *plan)
{
    const char *qmp = json_object_get_string_member(row, "qmp");
    gboolean capability =
        g_str_equal(json_object_get_string_member(row, "kind"), "capability");
    g_autoptr(JsonNode) raw = guest_get(tuned->guest, capability, qmp);
    g_autofree char *text = raw ? mt_json_to_line(raw) : NULL;
    g_autofree char *wire = NULL;
    g_autoptr(JsonNode) wished = mt_json_parse(setting->wire, -1, NULL);
    const char *now = NULL;
    MigtuneVerdict verdict = verdict_of(plan, row, &now, NULL);

    wire = mt_json_to_line(wished);
    g_assert_nonnull(now);
    if (is_ignored(tuned->test, qmp)) {
        g_assert_cmpint(verdict, ==, MIGTUNE_VERDICT_IGNORED);
        g_assert_cmpstr(text, !=, wire);
        tuning_count(tuned->test, "rows ignored by QEMU and said so");
    } else {
        g_assert_true(tuning_is_set(verdict));
        g_assert_cmpstr(text, ==, wire);
        tuning_count(tuned->test, "rows set and read back raw");
    }
}

static void
check_host_cannot(Tuned *tuned, JsonObject *row, MigtunePlan *plan,
                  const char *refusal, const char *before)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *after = NULL;

    g_test_message("not on this host: %s, %s (%s)",
                   json_object_get_string_member(row, "name"),
                   host_reason(json_object_get_string_member(row, "qmp")),
                   refusal);
    g_assert_false(migtune_plan_apply(plan, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_QEMU);
    g_assert_cmpstr(migtune_error_get_field(error,
                                            MIGTUNE_ERROR_FIELD_QEMU_DESC),
                    ==, refusal);
    after = guest_dump(tuned->guest);
    g_assert_cmpstr(after, ==, before);
    tuning_count(tuned->test, "rows refused in QEMU's words");
}

/* @theirs: use QEMU's name and unit. */
static void
check_row(Tuned *tuned, JsonObject *row, gboolean theirs)
{
    const char *qmp = json_object_get_string_member(row, "qmp");
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *before = guest_dump(tuned->guest);
    g_autofree char *refusal = tuned_host_refusal(tuned, row);
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(GError) error = NULL;
    Setting setting = { NULL };

    tuned_choose(tuned, row, &setting);
    g_ptr_array_add(words,
                    g_strdup(theirs ? setting.theirs : setting.ours));
    tuned_add_needs(tuned, row, words);
    g_ptr_array_add(words, NULL);
    plan = tuned_plan(tuned, (const char *const *)words->pdata, 0);
    if (refusal) {
        check_host_cannot(tuned, row, plan, refusal, before);
    } else {
        migtune_plan_apply(plan, NULL, &error);
        g_assert_no_error(error);
        check_in_force(tuned, row, &setting, plan);
        /* It cannot be unset, only set to the former value. */
        if (g_str_equal(qmp, "block-bitmap-mapping"))
            g_test_message("%s cannot be unset over QMP", qmp);
        else
            tuned_put_back(tuned, before);
    }
    setting_clear(&setting);
}

static void
test_present(Case *test)
{
    JsonArray *rows = json_node_get_array(test->tuning->catalogue);
    g_autoptr(Guest) guest = guest_new(test->release, NULL);
    Tuned tuned;

    tuned_up(&tuned, test, guest, NULL);
    for (guint i = 0; i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);
        const char *qmp = mt_json_peek_string(row, "qmp");

        if (!qmp || !tuned_has(&tuned, qmp, NULL))
            continue;
        check_row(&tuned, row, FALSE);
        if (!g_str_equal(qmp, "block-bitmap-mapping"))
            check_row(&tuned, row, TRUE);
    }
    tuned_down(&tuned);
}

/* The probe found what QEMU lists. */
static void
test_nothing_overlooked(Case *test)
{
    g_autoptr(Guest) guest = guest_new(test->release, NULL);
    g_autoptr(JsonNode) capabilities =
        guest_ask(guest, "query-migrate-capabilities", NULL, NULL);
    g_autoptr(JsonNode) parameters =
        guest_ask(guest, "query-migrate-parameters", NULL, NULL);
    JsonArray *list = json_node_get_array(capabilities);
    g_autoptr(GList) members =
        json_object_get_members(json_node_get_object(parameters));
    JsonArray *found;
    Tuned tuned;
    guint n = 0;

    tuned_up(&tuned, test, guest, NULL);
    for (guint i = 0; i < json_array_get_length(list); i++, n++)
        g_assert_true(tuned_has(
            &tuned,
            json_object_get_string_member(
                json_array_get_object_element(list, i), "capability"),
            NULL));
    for (GList *at = members; at; at = at->next, n++)
        g_assert_true(tuned_has(&tuned, at->data, NULL));
    /* QEMU does not list it before it has been set. */
    g_assert_true(tuned_has(&tuned, "block-bitmap-mapping", NULL));
    n++;
    found = json_object_get_array_member(json_node_get_object(tuned.probe),
                                         "parameters");
    g_assert_cmpuint(json_array_get_length(found), ==, n);
    tuned_down(&tuned);
}

/* `compression` consists of several rows. */
static const struct {
    const char *method;
    const char *needs;          /* a row, */
    const char *value;          /* or a value of it */
    const char *capability;
    const char *wire;           /* of multifd-compression; NULL: unchanged */
} methods[] = {
    { "xbzrle", "xbzrle", NULL, "xbzrle", NULL },
    { "mt", "compress", NULL, "compress", NULL },
    { "zlib", "multifd-compression", "zlib", "multifd", "\"zlib\"" },
    { "zstd", "multifd-compression", "zstd", "multifd", "\"zstd\"" },
};

static void
test_compression(Case *test)
{
    g_autoptr(Guest) guest = guest_new(test->release, NULL);
    g_autofree char *before = guest_dump(guest);
    Tuned tuned;

    tuned_up(&tuned, test, guest, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(methods); i++) {
        g_autofree char *word =
            g_strdup_printf("compression=%s", methods[i].method);
        const char *const words[] = { word, NULL };
        const char *const none[] = { "compression=none", NULL };
        g_autoptr(MigtunePlan) plan = NULL;
        g_autoptr(MigtunePlan) off = NULL;
        g_autoptr(JsonNode) on = NULL;
        g_autoptr(JsonNode) now = NULL;
        g_autoptr(GError) error = NULL;

        if (!tuned_has(&tuned, methods[i].needs, methods[i].value))
            continue;
        plan = tuned_plan(&tuned, words, MIGTUNE_SET_STRICT);
        migtune_plan_apply(plan, NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpint(
            migtune_plan_get_verdict(plan, 0, NULL, NULL, NULL, NULL), ==,
            MIGTUNE_VERDICT_IN_FORCE);
        on = guest_get(guest, TRUE, methods[i].capability);
        g_assert_true(json_node_get_boolean(on));
        if (methods[i].wire) {
            g_autofree char *text = NULL;

            now = guest_get(guest, FALSE, "multifd-compression");
            text = mt_json_to_line(now);
            g_assert_cmpstr(text, ==, methods[i].wire);
        }
        tuned_put_back(&tuned, before);

        /* compression=none; multifd may stay on. */
        g_clear_pointer(&plan, migtune_plan_unref);
        plan = tuned_plan(&tuned, words, 0);
        g_assert_true(migtune_plan_apply(plan, NULL, NULL));
        off = tuned_plan(&tuned, none, 0);
        migtune_plan_apply(off, NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpint(
            migtune_plan_get_verdict(off, 0, NULL, NULL, NULL, NULL), ==,
            MIGTUNE_VERDICT_IN_FORCE);
        guest_do(guest, "migrate-set-capabilities",
                 "{\"capabilities\": [{\"capability\": \"multifd\", "
                 "\"state\": false}]}");
        {
            g_autofree char *after = guest_dump(guest);

            g_assert_cmpstr(after, ==, before);
        }
        tuning_count(test, "methods of compression set and put back");
    }
    tuned_down(&tuned);
}

static const struct {
    const char *name;
    unsigned int flags;
} policies[] = {
    { "strict", MIGTUNE_SET_STRICT },
    { "substitute", 0 },
    { "best-effort", MIGTUNE_SET_BEST_EFFORT },
};

/* "substituted -> compression.zlib.level=2: as compression.zlib.level" */
static void
describe_verdict(GString *golden, MigtunePlan *plan, guint nth)
{
    g_autoptr(JsonNode) json = migtune_plan_to_json(plan);
    JsonObject *verdict = json_array_get_object_element(
        json_object_get_array_member(json_node_get_object(json), "verdicts"),
        nth);
    JsonArray *becomes = json_object_get_array_member(verdict, "becomes");
    const char *reason = mt_json_peek_string(verdict, "reason");

    g_string_append(golden,
                    json_object_get_string_member(verdict, "verdict"));
    for (guint i = 0; i < json_array_get_length(becomes); i++) {
        JsonObject *one = json_array_get_object_element(becomes, i);
        g_autofree char *value =
            mt_json_to_line(json_object_get_member(one, "value"));

        g_string_append_printf(golden, "%s %s=%s", i ? "," : " ->",
                               json_object_get_string_member(one, "name"),
                               value);
    }
    if (reason)
        g_string_append_printf(golden, ": %s", reason);
    g_string_append_c(golden, '\n');
}

/* Plans a setting that this QEMU does not have under each policy, and applies it if
 * the policy allows. */
static void
check_absent(Tuned *tuned, const char *word, GString *golden)
{
    const char *const words[] = { word, NULL };
    g_autofree char *before = guest_dump(tuned->guest);

    g_string_append_printf(golden, "%s\n", word);
    for (gsize i = 0; i < G_N_ELEMENTS(policies); i++) {
        g_autofree char *sent = proxy_record(tuned->proxy);
        g_autoptr(MigtunePlan) plan =
            tuned_plan(tuned, words, policies[i].flags);
        g_autoptr(GError) error = NULL;
        g_autofree char *now = NULL;

        if (migtune_plan_check(plan, NULL)) {
            migtune_plan_apply(plan, NULL, &error);
            g_assert_no_error(error);
        } else {
            tuned_assert_refused(tuned, plan, MIGTUNE_ERROR_UNSUPPORTED,
                                 before);
        }
        g_string_append_printf(golden, "    %-11s ", policies[i].name);
        describe_verdict(golden, plan, 0);
        g_clear_pointer(&plan, migtune_plan_unref);

        now = proxy_record(tuned->proxy);
        if (g_str_equal(now, sent)) {
            g_autofree char *after = guest_dump(tuned->guest);

            g_assert_cmpstr(after, ==, before);
        } else {
            tuned_put_back(tuned, before);
        }
        tuning_count(tuned->test, "absent rows judged, by policy");
    }
}

static void
compare_golden(const Case *test, const char *golden)
{
    g_autofree char *file = g_strdup_printf("absent-%s.txt", test->release);
    g_autofree char *path = g_build_filename(g_getenv("MIGTUNE_TEST_DATA"),
                                             "plans", file, NULL);
    g_autofree char *expected = NULL;
    g_autoptr(GError) error = NULL;

    if (g_getenv("MIGTUNE_TEST_REGENERATE")) {
        g_file_set_contents(path, golden, -1, &error);
        g_assert_no_error(error);
        return;
    }
    g_file_get_contents(path, &expected, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(golden, ==, expected);
}

/* A value for a row that this QEMU does not have. */
static char *
absent_word(Tuned *tuned, JsonObject *row)
{
    Setting setting = { NULL };
    char *word;

    if (g_str_equal(json_object_get_string_member(row, "type"), "enum")) {
        JsonArray *values = json_object_get_array_member(row, "values");

        return g_strdup_printf(
            "%s=%s", json_object_get_string_member(row, "name"),
            json_array_get_string_element(
                values, json_array_get_length(values) - 1));
    }
    tuned_choose(tuned, row, &setting);
    word = g_steal_pointer(&setting.ours);
    setting_clear(&setting);

    return word;
}

/* Enum members and compression methods that this QEMU does not have. */
static void
check_absent_members(Tuned *tuned, JsonObject *row, GString *golden)
{
    JsonArray *values = json_object_get_array_member(row, "values");
    const char *name = json_object_get_string_member(row, "name");

    for (guint i = 0; i < json_array_get_length(values); i++) {
        const char *value = json_array_get_string_element(values, i);
        g_autofree char *word = g_strdup_printf("%s=%s", name, value);

        if (!tuned_has(tuned, name, value))
            check_absent(tuned, word, golden);
    }
}

static void
test_absent(Case *test)
{
    static const char *const wishes[] = { "mt", "zlib", "zstd", "qatzip",
                                          "qpl", "uadk" };
    JsonArray *rows = json_node_get_array(test->tuning->catalogue);
    g_autoptr(Guest) guest = guest_new(test->release, NULL);
    g_autoptr(GString) golden = g_string_new(NULL);
    Tuned tuned;

    tuned_up(&tuned, test, guest, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(wishes); i++) {
        g_autofree char *word = g_strdup_printf("compression=%s", wishes[i]);
        gboolean has = g_str_equal(wishes[i], "mt")
                           ? tuned_has(&tuned, "compress", NULL)
                           : tuned_has(&tuned, "multifd-compression",
                                       wishes[i]);

        if (!has)
            check_absent(&tuned, word, golden);
    }
    for (guint i = 0; i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);
        const char *qmp = mt_json_peek_string(row, "qmp");
        g_autofree char *word = NULL;

        if (!qmp)
            continue;
        if (tuned_has(&tuned, qmp, NULL)) {
            check_absent_members(&tuned, row, golden);
            continue;
        }
        word = absent_word(&tuned, row);
        check_absent(&tuned, word, golden);
    }
    compare_golden(test, golden->str);
    tuned_down(&tuned);
}

void
tuning_add_rows(Tuning *tuning)
{
    tuning_add(tuning, "nothing-is-overlooked", test_nothing_overlooked);
    tuning_add(tuning, "what-is-there-is-set-and-put-back", test_present);
    tuning_add(tuning, "compression-is-set-and-put-back", test_compression);
    tuning_add(tuning, "what-is-not-there-gets-its-verdict", test_absent);
}
