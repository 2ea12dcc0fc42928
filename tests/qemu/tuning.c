/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tuning real QEMUs.
 *
 * The tests use the catalogue of the public API and the data of tests/data, so that
 * a new row is tested without further code.  They check the guest over a separate
 * monitor, not through migtune.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <glib/gstdio.h>

#include "tuning.h"
#include "util/json-peek.h"
#include "util/json.h"

static const char *const releases[] = { "5.2", "7.2", "10.0" };

typedef struct {
    Case test;                  /* first member: tests are passed a Case */
    void (*func)(Case *test);
} Entry;

static void
entry_run(gconstpointer data)
{
    const Entry *entry = data;

    if (!guest_command(entry->test.release)) {
        g_autofree char *why = g_strdup_printf(
            "no QEMU %s: tools/get-qemus.sh provides it",
            entry->test.release);

        g_test_skip(why);
        return;
    }
    entry->func((Case *)&entry->test);
}

void
tuning_add(Tuning *tuning, const char *path, void (*func)(Case *))
{
    for (gsize i = 0; i < G_N_ELEMENTS(releases); i++) {
        g_autofree char *full =
            g_strdup_printf("/tuning/%s/%s", releases[i], path);
        Entry *entry = g_new0(Entry, 1);

        entry->test.tuning = tuning;
        entry->test.release = releases[i];
        entry->func = func;
        g_test_add_data_func_full(full, entry, entry_run, g_free);
    }
}

void
tuning_count(const Case *test, const char *what)
{
    g_autofree char *key = g_strdup_printf("%4s  %s", test->release, what);
    guint n = GPOINTER_TO_UINT(
        g_hash_table_lookup(test->tuning->counts, key));

    g_hash_table_insert(test->tuning->counts, g_steal_pointer(&key),
                        GUINT_TO_POINTER(n + 1));
}

guint
tuning_release(const char *text)
{
    const char *dot = strchr(text, '.');

    return atoi(text) * 100 + (dot ? atoi(dot + 1) : 0);
}

MigtuneDomain *
tuned_open(const char *path, GCancellable *cancellable, MigtuneConn **ret_conn)
{
    g_autofree char *uri = g_strdup_printf("qmp://%s", path);
    g_auto(GStrv) keys = NULL;
    g_autoptr(GError) error = NULL;
    MigtuneDomain *domain;

    *ret_conn = migtune_conn_open(uri, 0, 0, cancellable, &error);
    g_assert_no_error(error);
    keys = migtune_conn_list(*ret_conn, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(g_strv_length(keys), ==, 1);
    domain = migtune_conn_open_domain(*ret_conn, keys[0], NULL, &error);
    g_assert_no_error(error);

    return domain;
}

void
tuned_up(Tuned *tuned, const Case *test, Guest *guest, const char *const *more)
{
    g_autoptr(GError) error = NULL;

    tuned->test = test;
    tuned->guest = guest;
    tuned->proxy = proxy_new(guest, more);
    tuned->domain = tuned_open(proxy_path(tuned->proxy), NULL, &tuned->conn);
    tuned->probe = migtune_domain_probe(tuned->domain, FALSE, NULL, &error);
    g_assert_no_error(error);
}

void
tuned_down(Tuned *tuned)
{
    g_clear_pointer(&tuned->probe, json_node_unref);
    g_clear_pointer(&tuned->domain, migtune_domain_unref);
    g_clear_pointer(&tuned->conn, migtune_conn_unref);
    g_clear_pointer(&tuned->proxy, proxy_free);
}

gboolean
tuning_is_set(MigtuneVerdict verdict)
{
    return verdict == MIGTUNE_VERDICT_IN_FORCE ||
           verdict == MIGTUNE_VERDICT_NO_EFFECT;
}

MigtunePlan *
tuned_plan(Tuned *tuned, const char *const *words, unsigned int flags)
{
    g_autoptr(GError) error = NULL;
    virTypedParameterPtr params = NULL;
    MigtunePlan *plan;
    int n = 0;

    g_assert_true(migtune_typed_params_parse(words, &params, &n, &error));
    plan = migtune_domain_plan(tuned->domain, params, n, flags, NULL, &error);
    g_assert_no_error(error);
    migtune_typed_params_free(params, n);

    return plan;
}

void
tuned_put_back(Tuned *tuned, const char *before)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtunePlan) plan =
        migtune_domain_plan_reset(tuned->domain, 0, NULL, &error);
    g_autofree char *after = NULL;

    g_assert_no_error(error);
    migtune_plan_apply(plan, NULL, &error);
    g_assert_no_error(error);
    after = guest_dump(tuned->guest);
    g_assert_cmpstr(after, ==, before);
}

void
tuned_assert_refused(Tuned *tuned, MigtunePlan *plan, MigtuneErrorCode code,
                     const char *before)
{
    g_autofree char *sent = proxy_record(tuned->proxy);
    g_autofree char *sent_now = NULL;
    g_autofree char *now = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_false(migtune_plan_apply(plan, NULL, &error));
    g_test_message("%s", error->message);
    g_assert_error(error, MIGTUNE_ERROR, (gint)code);
    sent_now = proxy_record(tuned->proxy);
    g_assert_cmpstr(sent_now, ==, sent);
    now = guest_dump(tuned->guest);
    g_assert_cmpstr(now, ==, before);
}

JsonObject *
tuning_row(const Tuning *tuning, const char *name)
{
    JsonArray *rows = json_node_get_array(tuning->catalogue);

    for (guint i = 0; i < json_array_get_length(rows); i++) {
        JsonObject *row = json_array_get_object_element(rows, i);

        if (g_str_equal(json_object_get_string_member(row, "name"), name) ||
            g_strcmp0(mt_json_peek_string(row, "qmp"), name) == 0)
            return row;
    }
    g_error("the catalogue has no %s", name);
}

gboolean
tuned_has(const Tuned *tuned, const char *name, const char *value)
{
    JsonArray *list = json_object_get_array_member(
        json_node_get_object(tuned->probe), "parameters");

    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *one = json_array_get_object_element(list, i);
        JsonArray *values = json_object_get_array_member(one, "values");

        if (!g_str_equal(json_object_get_string_member(one, "name"), name) &&
            !g_str_equal(json_object_get_string_member(one, "qmp"), name))
            continue;
        for (guint j = 0; value && j < json_array_get_length(values); j++) {
            if (g_str_equal(json_array_get_string_element(values, j), value))
                return TRUE;
        }
        return !value;
    }

    return FALSE;
}

void
setting_clear(Setting *setting)
{
    g_clear_pointer(&setting->ours, g_free);
    g_clear_pointer(&setting->theirs, g_free);
    g_clear_pointer(&setting->wire, g_free);
}

static guint64
choose_number(JsonObject *row, const char *member, guint64 otherwise)
{
    guint64 number = otherwise;

    mt_json_node_peek_uint64(json_object_get_member(row, member), &number);
    return number;
}

/* A number near the default, or twice the default for powers of two. */
static char *
choose_among_numbers(JsonObject *row, guint64 factor, const char *present,
                     char **ret_wire)
{
    guint64 min = choose_number(row, "min", 0);
    guint64 max = choose_number(row, "max", G_MAXINT64 / factor);
    guint64 def = choose_number(row, "default", min);
    guint64 candidates[] = { def * 2, def + 1, def - 1, min };

    for (gsize i = 0; i < G_N_ELEMENTS(candidates); i++) {
        g_autofree char *wire = g_strdup_printf("%" G_GUINT64_FORMAT,
                                                candidates[i] * factor);

        if (candidates[i] < min || candidates[i] > max ||
            candidates[i] == def || g_strcmp0(wire, present) == 0)
            continue;
        *ret_wire = g_steal_pointer(&wire);
        return g_strdup_printf("%" G_GUINT64_FORMAT, candidates[i]);
    }
    g_error("%s has no second value",
            json_object_get_string_member(row, "name"));
}

static char *
choose_among_members(Tuned *tuned, JsonObject *row, const char *present)
{
    JsonArray *values = json_object_get_array_member(row, "values");
    const char *name = json_object_get_string_member(row, "name");

    for (guint i = 0; i < json_array_get_length(values); i++) {
        const char *value = json_array_get_string_element(values, i);
        g_autofree char *wire = g_strdup_printf("\"%s\"", value);

        if (tuned_has(tuned, name, value) && g_strcmp0(wire, present) != 0)
            return g_strdup(value);
    }
    g_error("%s has no second value", name);
}

/* Values of lists and objects. */
static const struct {
    const char *qmp;
    const char *json;
} choose_json[] = {
    { "block-bitmap-mapping",
      "[{\"alias\":\"a\",\"bitmaps\":[],\"node-name\":\"n\"}]" },
    { "cpr-exec-command", "[\"/bin/true\"]" },
};

void
tuned_choose(Tuned *tuned, JsonObject *row, Setting *setting)
{
    const char *name = json_object_get_string_member(row, "name");
    const char *qmp = json_object_get_string_member(row, "qmp");
    const char *type = json_object_get_string_member(row, "type");
    gboolean rate = g_strcmp0(mt_json_peek_string(row, "unit"), "MiB/s") == 0;
    gboolean capability =
        g_str_equal(json_object_get_string_member(row, "kind"), "capability");
    g_autoptr(JsonNode) node = guest_get(tuned->guest, capability, qmp);
    g_autofree char *present = node ? mt_json_to_line(node) : NULL;
    g_autofree char *text = NULL;

    if (g_str_equal(type, "bool")) {
        gboolean on = g_strcmp0(present, "true") == 0;

        text = g_strdup(on ? "off" : "on");
        setting->wire = g_strdup(on ? "false" : "true");
    } else if (g_str_equal(type, "enum")) {
        text = choose_among_members(tuned, row, present);
        setting->wire = g_strdup_printf("\"%s\"", text);
    } else if (g_str_equal(type, "string")) {
        text = g_strdup("test");
        setting->wire = g_strdup("\"test\"");
    } else if (g_str_equal(type, "json")) {
        for (gsize i = 0; i < G_N_ELEMENTS(choose_json); i++) {
            if (g_str_equal(choose_json[i].qmp, qmp))
                text = g_strdup(choose_json[i].json);
        }
        if (!text)
            g_error("there is no value for %s", name);
        setting->wire = g_strdup(text);
    } else {
        text = choose_among_numbers(row, rate ? 1024 * 1024 : 1, present,
                                    &setting->wire);
    }
    setting->ours = g_strdup_printf("%s=%s", name, text);
    setting->theirs =
        g_strdup_printf("%s=%s", qmp, rate ? setting->wire : text);
}

static gboolean
needs_has(GPtrArray *words, const char *name)
{
    g_autofree char *prefix = g_strdup_printf("%s=", name);

    for (guint i = 0; i < words->len; i++) {
        if (g_str_has_prefix(g_ptr_array_index(words, i), prefix))
            return TRUE;
    }

    return FALSE;
}

void
tuned_add_needs(Tuned *tuned, JsonObject *row, GPtrArray *words)
{
    JsonArray *needs = json_object_get_array_member(row, "needs");

    for (guint i = 0; i < json_array_get_length(needs); i++) {
        /* "parallel.compression=zlib", "return_path (11.0-)" */
        g_auto(GStrv) parts =
            g_strsplit(json_array_get_string_element(needs, i), " (", 2);
        g_auto(GStrv) setting = g_strsplit(parts[0], "=", 2);
        JsonObject *other = tuning_row(tuned->test->tuning, setting[0]);
        g_autofree char *refusal = NULL;
        Setting chosen = { NULL };

        if (!tuned_has(tuned, setting[0], setting[1]) ||
            (parts[1] && tuning_release(parts[1]) >
                             tuning_release(tuned->test->release)) ||
            needs_has(words, setting[0]))
            continue;
        /* It can be set nevertheless. */
        refusal = tuned_host_refusal(tuned, other);
        if (refusal)
            continue;
        tuned_choose(tuned, other, &chosen);
        g_ptr_array_add(words, g_strdup(setting[1] ? parts[0] : chosen.ours));
        setting_clear(&chosen);
        tuned_add_needs(tuned, other, words);
    }
}

static void
tuning_set_environment(const Tuning *tuning)
{
    g_autofree char *drivers =
        g_build_filename(g_getenv("MIGTUNE_TEST_BUILD"), "src", "drivers",
                         "qmp", NULL);

    g_setenv("XDG_STATE_HOME", tuning->dir, TRUE);
    g_setenv("XDG_CACHE_HOME", tuning->dir, TRUE);
    g_setenv("XDG_CONFIG_HOME", tuning->dir, TRUE);
    g_setenv("MIGTUNE_DRIVER_PATH", drivers, TRUE);
}

static void
tuning_remove_dir(const char *dir)
{
    g_autofree char *inner = g_build_filename(dir, "migtune", NULL);
    const char *const dirs[] = { inner, dir };

    for (gsize i = 0; i < G_N_ELEMENTS(dirs); i++) {
        g_autoptr(GDir) open = g_dir_open(dirs[i], 0, NULL);
        const char *name;

        while (open && (name = g_dir_read_name(open))) {
            g_autofree char *file = g_build_filename(dirs[i], name, NULL);

            g_unlink(file);
        }
        g_rmdir(dirs[i]);
    }
}

/* Prints the counts, one line for each release and check. */
static void
tuning_print_counts(const Tuning *tuning)
{
    g_autoptr(GList) keys = g_list_sort(
        g_hash_table_get_keys(tuning->counts), (GCompareFunc)strcmp);
    guint sum = 0;

    for (GList *at = keys; at; at = at->next) {
        guint n = GPOINTER_TO_UINT(
            g_hash_table_lookup(tuning->counts, at->data));

        sum += n;
        g_print("# %5u  QEMU %s\n", n, (char *)at->data);
    }
    g_print("# %5u  in all\n", sum);
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    Tuning tuning = {
        .counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
    };
    int status;

    if (argc > 2 && g_str_equal(argv[1], "--tune"))
        return tuning_child(argv + 2);

    g_test_init(&argc, &argv, NULL);
    tuning.dir = g_dir_make_tmp("migtune-XXXXXX", &error);
    g_assert_no_error(error);
    tuning_set_environment(&tuning);
    tuning.catalogue = migtune_catalogue_to_json(NULL, &error);
    g_assert_no_error(error);

    tuning_add_rows(&tuning);
    tuning_add_limits(&tuning);
    tuning_add_conflicts(&tuning);
    tuning_add_faults(&tuning);
    tuning_add_busy(&tuning);
    tuning_add_rivals(&tuning);
    tuning_add_kept(&tuning);
    status = g_test_run();
    tuning_print_counts(&tuning);

    tuning_remove_dir(tuning.dir);
    json_node_unref(tuning.catalogue);
    g_hash_table_unref(tuning.counts);
    g_free(tuning.dir);

    return status;
}
