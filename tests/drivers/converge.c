/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Migrations of reference guests with convergence policies, through the library:
 * who acts, who only follows, what is restored, and what a failure does.
 *
 * The guests write faster than their link transfers, so that a migration lasts
 * until a decision or the test ends it.
 */
#include "config.h"

#include <string.h>

#include <glib/gstdio.h>

#include "migtune/migtune.h"
#include "remove-tree.h"

/* The first decision comes with the first sample. */
#define SCHEDULE                                                          \
    "{\"initialItems\": [{\"action\": \"setDowntime\","                   \
    " \"params\": [\"77\"]}], \"convergenceItems\": [],"                  \
    " \"lastItems\": [{\"action\": \"abort\", \"params\": []}]}"
#define POLICY                                                            \
    "[{\"name\": \"one\", \"config\": " SCHEDULE "}]"

/* KubeVirt acts when a time limit is over, which is at least SECONDS + 1. */
#define KUBEVIRT(seconds, more)                                           \
    "apiVersion: kubevirt.io/v1\nkind: KubeVirt\nspec:\n"                 \
    "  configuration:\n    migrations:\n"                                 \
    "      completionTimeoutPerGiB: " #seconds "\n"                       \
    "      allowWorkloadDisruption: true\n" more

#define TUNED                                                             \
    "---\nkind: MigrationPolicy\nmetadata: {name: tuned}\nspec:\n"        \
    "  experimental:\n    downtimeTuning:\n      initialMs: 80\n"         \
    "      steps: 4\n      startAfterIteration: 1\n"                      \
    "      cooldownSeconds: 1\n"

typedef struct {
    char *directory;
    char *file;
    char *trace;
    MigtuneConn *conn;
    MigtuneDomain *source;
    MigtuneDomain *destination;
    MigtuneMigration *migration;
    GPtrArray *decisions;       /* GVariants */
    const char *until;          /* the result that ends the migration */
    guint64 downtime;           /* when it was aborted; 0: it was not */
} Fixture;

#define GUESTS                                                            \
    "<guests><guest name=\"x\">"                                          \
    "<uuid>5d0f3d56-0d33-4c60-8d2e-0000000000%02x</uuid>"                 \
    "<qemu release=\"7.2\"/><ram size=\"%s\" content=\"random\"/>"        \
    "<workload kind=\"uniform\" rate=\"100000\"/>"                        \
    "<link bandwidth=\"8MiB/s\"/>%s</guest>"                              \
    "<guest name=\"y\">"                                                  \
    "<uuid>5d0f3d56-0d33-4c60-8d2e-0000000000%02x</uuid>"                 \
    "<qemu release=\"7.2\"/><ram size=\"%s\"/>"                           \
    "<state>incoming</state></guest></guests>"

static guint64
get_number(MigtuneDomain *domain, const char *name)
{
    const char *const names[] = { name, NULL };
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) settings =
        migtune_domain_get_settings(domain, names, 0, NULL, &error);
    g_autoptr(GVariant) value = NULL;

    g_assert_no_error(error);
    value = g_variant_lookup_value(settings, name, NULL);
    g_assert_nonnull(value);
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64))
        return g_variant_get_uint64(value);
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32))
        return g_variant_get_uint32(value);
    return g_variant_get_int32(value);
}

static const char *
get_text(GVariant *decision, const char *member)
{
    const char *text = NULL;

    g_variant_lookup(decision, member, "&s", &text);
    return text;
}

static void
take_decision(MigtuneMigration *migration, GVariant *decision, gpointer data)
{
    Fixture *f = data;
    g_autofree char *text = g_variant_print(decision, FALSE);

    g_test_message("%s", text);
    g_ptr_array_add(f->decisions, g_variant_ref(decision));
}

static guint
count(const Fixture *f, const char *member, const char *text)
{
    guint n = 0;

    for (guint i = 0; i < f->decisions->len; i++)
        n += g_strcmp0(get_text(f->decisions->pdata[i], member), text) == 0;
    return n;
}

/* Ends the migration after the sample in which the decision was made. */
static void
observe(MigtuneMigration *migration, JsonNode *info, gpointer data)
{
    Fixture *f = data;
    g_autoptr(GError) error = NULL;

    if (f->downtime || !f->until || !count(f, "result", f->until))
        return;
    f->downtime = get_number(f->source, "downtime");
    migtune_migration_abort(migration, NULL, &error);
    g_assert_no_error(error);
}

static MigtunePolicy *
import_policy(Fixture *f, const char *name, const char *text,
              const char *what)
{
    const char *const select[] = { what, NULL };
    g_autofree char *path = g_build_filename(f->directory, name, NULL);
    g_autoptr(GError) error = NULL;
    MigtunePolicy *policy;

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    policy = migtune_policy_import(path, select, &error);
    g_assert_no_error(error);
    g_unlink(path);

    return policy;
}

/* @more has further members of the source. */
static void
fixture_open(Fixture *f, const char *ram, const char *more, unsigned int flags)
{
    static guint number;
    g_autofree char *text = NULL;
    g_autofree char *uri = NULL;
    g_autoptr(GVariant) settings = NULL;
    const char *const words[] = { "downtime=1", NULL };
    g_autoptr(GError) error = NULL;

    number++;
    text = g_strdup_printf(GUESTS, number, ram, more, number, ram);
    f->directory = g_dir_make_tmp("migtune-XXXXXX", NULL);
    f->file = g_build_filename(f->directory, "guests.xml", NULL);
    f->trace = g_build_filename(f->directory, "trace.jsonl", NULL);
    g_assert_true(g_file_set_contents(f->file, text, -1, NULL));
    uri = g_strconcat("ref://", f->file, NULL);
    f->conn = migtune_conn_open(uri, MIGTUNE_CONN_NO_CACHE, 0, NULL, &error);
    g_assert_no_error(error);
    f->source = migtune_conn_open_domain(f->conn, "x", NULL, &error);
    g_assert_no_error(error);
    f->destination = migtune_conn_open_domain(f->conn, "y", NULL, &error);
    g_assert_no_error(error);
    settings = migtune_settings_parse(words, &error);
    g_assert_no_error(error);
    f->migration = migtune_migration_new_settings(
        f->source, f->destination, settings, flags, &error);
    g_assert_no_error(error);
    f->decisions =
        g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
    g_signal_connect(f->migration, "decision", G_CALLBACK(take_decision), f);
    migtune_migration_set_observer(f->migration, observe, f, NULL);
}

static void
fixture_set(Fixture *f, MigtunePolicy *policy, MigtunePolicy *const *shadows)
{
    g_autoptr(GError) error = NULL;

    migtune_migration_set_convergence(f->migration, policy, shadows, f->trace,
                                      NULL, &error);
    g_assert_no_error(error);
}

/* @code: of the error; 0 if the guest is to arrive. */
static void
fixture_run(Fixture *f, int code)
{
    g_autoptr(GError) error = NULL;
    gboolean done = migtune_migration_run(f->migration, NULL, &error);

    if (code) {
        g_assert_false(done);
        g_assert_error(error, MIGTUNE_ERROR, code);
    } else {
        g_assert_no_error(error);
        g_assert_true(done);
    }
}

static void
fixture_close(Fixture *f)
{
    g_object_unref(f->migration);
    migtune_domain_unref(f->source);
    migtune_domain_unref(f->destination);
    migtune_conn_unref(f->conn);
    g_ptr_array_unref(f->decisions);
    g_unlink(f->trace);
    g_unlink(f->file);
    g_assert_cmpint(g_rmdir(f->directory), ==, 0);
    g_free(f->directory);
    g_free(f->file);
    g_free(f->trace);
}

static JsonObject *
dup_outcome(Fixture *f)
{
    g_autoptr(JsonNode) node = migtune_migration_to_json(f->migration);

    return json_object_ref(json_object_get_object_member(
        json_node_get_object(node), "outcome"));
}

/* The policy acts, and what it has changed is restored after an abort. */
static void
test_acts(void)
{
    Fixture f = { .until = "taken" };
    g_autoptr(MigtunePolicy) policy = NULL;
    g_autofree char *trace = NULL;
    GVariant *first;
    gint64 time_ms = -1;
    guint64 value = 0;

    fixture_open(&f, "32MiB", "", 0);
    policy = import_policy(&f, "one.json", POLICY, NULL);
    fixture_set(&f, policy, NULL);
    fixture_run(&f, MIGTUNE_ERROR_CANCELLED);

    g_assert_cmpuint(f.downtime, ==, 77);
    g_assert_cmpuint(get_number(f.source, "downtime"), ==, 300);
    g_assert_cmpuint(f.decisions->len, ==, 1);
    first = f.decisions->pdata[0];
    g_assert_cmpstr(get_text(first, "policy"), ==, "vdsm:one.json");
    g_assert_cmpstr(get_text(first, "action"), ==, "set-downtime");
    g_assert_cmpstr(get_text(first, "code"), ==, "schedule-start");
    g_assert_cmpstr(get_text(first, "result"), ==, "taken");
    g_assert_nonnull(get_text(first, "reason"));
    g_assert_null(get_text(first, "error"));
    g_assert_true(g_variant_lookup(first, "value", "t", &value));
    g_assert_cmpuint(value, ==, 77);
    g_assert_true(g_variant_lookup(first, "time_ms", "x", &time_ms));
    g_assert_cmpint(time_ms, >=, 0);

    g_assert_true(g_file_get_contents(f.trace, &trace, NULL, NULL));
    g_assert_nonnull(strstr(trace, "\"type\": \"header\""));
    g_assert_nonnull(strstr(trace, "\"type\": \"decision\""));
    g_assert_nonnull(strstr(trace, "\"status\": \"cancelled\""));
    fixture_close(&f);
}

/* Several policies in shadow decide, and nothing is changed. */
static void
test_shadows(void)
{
    Fixture f = { .until = "shadow" };
    g_autoptr(MigtunePolicy) one = NULL;
    g_autoptr(MigtunePolicy) two = NULL;
    MigtunePolicy *shadows[] = { NULL, NULL, NULL };

    fixture_open(&f, "32MiB", "", 0);
    shadows[0] = one = import_policy(&f, "one.json", POLICY, NULL);
    shadows[1] = two = import_policy(&f, "two.json", POLICY, NULL);
    fixture_set(&f, NULL, shadows);
    fixture_run(&f, MIGTUNE_ERROR_CANCELLED);

    g_assert_cmpuint(f.downtime, ==, 1);
    g_assert_cmpuint(count(&f, "result", "shadow"), ==, f.decisions->len);
    g_assert_cmpuint(count(&f, "policy", "vdsm:one.json"), >=, 1);
    g_assert_cmpuint(count(&f, "policy", "vdsm:two.json"), >=, 1);
    fixture_close(&f);
}

/* A decision beyond the limit of the caller is not carried out. */
static void
test_limit(void)
{
    Fixture f = { .until = "refused" };
    g_autoptr(MigtunePolicy) policy = NULL;

    fixture_open(&f, "32MiB", "", 0);
    policy = import_policy(&f, "one.json", POLICY, NULL);
    migtune_policy_set_limits(policy, 76, 0, 0);
    fixture_set(&f, policy, NULL);
    fixture_run(&f, MIGTUNE_ERROR_CANCELLED);

    g_assert_cmpuint(f.downtime, ==, 1);
    g_assert_cmpuint(count(&f, "result", "refused"), ==, f.decisions->len);
    fixture_close(&f);
}

/* The deadline of the caller ends a migration under a policy without one. */
static void
test_deadline(void)
{
    Fixture f = { 0 };
    g_autoptr(MigtunePolicy) policy = migtune_policy_new("none", NULL);

    fixture_open(&f, "32MiB", "", 0);
    migtune_policy_set_limits(policy, 0, 300, 0);
    fixture_set(&f, policy, NULL);
    fixture_run(&f, MIGTUNE_ERROR_CANCELLED);

    g_assert_cmpuint(count(&f, "code", "deadline"), ==, 1);
    g_assert_cmpuint(count(&f, "action", "abort"), ==, 1);
    fixture_close(&f);
}

/*
 * QEMU refuses an action.  The decision says so, the migration goes on, and the
 * policy does what its program does: KubeVirt tries again after its cooldown.
 */
static void
test_failure(void)
{
    Fixture f = { .until = "taken" };
    g_autoptr(MigtunePolicy) policy = NULL;
    GVariant *first;

    /* The first command of this name makes the settings of the migration. */
    fixture_open(&f, "32MiB",
                 "<fault kind=\"refuse\" command=\"migrate-set-parameters\""
                 " at=\"2\"/>", 0);
    policy = import_policy(&f, "tuned.yaml", KUBEVIRT(100, "") TUNED,
                           "policy=tuned");
    migtune_policy_set_limits(policy, 0, 60000, 0);
    fixture_set(&f, policy, NULL);
    fixture_run(&f, MIGTUNE_ERROR_CANCELLED);

    first = f.decisions->pdata[0];
    g_assert_cmpstr(get_text(first, "result"), ==, "failed");
    g_assert_nonnull(get_text(first, "error"));
    g_assert_cmpuint(count(&f, "result", "taken"), ==, 1);
    g_assert_cmpuint(count(&f, "action", "set-downtime"), ==,
                     f.decisions->len);
    g_assert_cmpuint(f.downtime, >, 1);
    g_assert_cmpuint(get_number(f.source, "downtime"), ==, 300);
    fixture_close(&f);
}

/* Post-copy is turned on for the policy, is final, and the guest arrives. */
static void
test_postcopy(void)
{
    Fixture f = { 0 };
    g_autoptr(MigtunePolicy) policy = NULL;

    fixture_open(&f, "24MiB", "", 0);
    policy = import_policy(&f, "late.yaml",
                           KUBEVIRT(1, "      allowPostCopy: true\n"),
                           NULL);
    fixture_set(&f, policy, NULL);
    fixture_run(&f, 0);

    g_assert_cmpuint(f.decisions->len, ==, 1);
    g_assert_cmpuint(count(&f, "action", "post-copy"), ==, 1);
    g_assert_cmpuint(count(&f, "result", "taken"), ==, 1);
    fixture_close(&f);
}

/* A guest that the policy has stopped runs on the destination. */
static void
test_pause(gconstpointer data)
{
    Fixture f = { 0 };
    g_autoptr(MigtunePolicy) policy = NULL;
    g_autoptr(JsonObject) outcome = NULL;
    g_autoptr(JsonNode) info = NULL;

    fixture_open(&f, "4MiB", "", GPOINTER_TO_UINT(data));
    policy = import_policy(&f, "late.yaml", KUBEVIRT(3, ""), NULL);
    fixture_set(&f, policy, NULL);
    fixture_run(&f, 0);

    g_assert_cmpuint(count(&f, "action", "pause"), ==, 1);
    outcome = dup_outcome(&f);
    g_assert_cmpstr(json_object_get_string_member(outcome,
                                                  "destination-state"), ==,
                    "running");
    info = migtune_domain_get_info(f.destination, NULL, NULL);
    g_assert_cmpstr(json_object_get_string_member(json_node_get_object(info),
                                                  "state"), ==, "running");
    fixture_close(&f);
}

/* Asks for post-copy, which is off, and then ends the run. */
static void
refuse_postcopy(MigtuneMigration *migration, JsonNode *info, gpointer data)
{
    g_autoptr(GError) error = NULL;

    if (g_cancellable_is_cancelled(data))
        return;
    g_assert_false(migtune_migration_start_postcopy(migration, NULL, &error));
    g_assert_nonnull(error);
    g_cancellable_cancel(data);
}

/* A switch to post-copy that QEMU refuses leaves the migration cancellable. */
static void
test_refused_postcopy(void)
{
    Fixture f = { 0 };
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    g_autoptr(GError) error = NULL;

    fixture_open(&f, "32MiB", "", 0);
    migtune_migration_set_observer(f.migration, refuse_postcopy, cancellable,
                                   NULL);
    g_assert_false(migtune_migration_run(f.migration, cancellable, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
    fixture_close(&f);
}

static void
take_result(GObject *source, GAsyncResult *result, gpointer data)
{
    GAsyncResult **place = data;

    *place = g_object_ref(result);
}

/* The signal comes in the main context of the caller. */
static void
check_thread(MigtuneMigration *migration, GVariant *decision, gpointer data)
{
    g_assert_true(g_thread_self() == data);
}

static void
test_async(void)
{
    Fixture f = { .until = "taken" };
    g_autoptr(MigtunePolicy) policy = NULL;
    g_autoptr(GAsyncResult) result = NULL;
    g_autoptr(GError) error = NULL;

    fixture_open(&f, "32MiB", "", 0);
    /* The observer runs in another thread than the signal. */
    migtune_migration_set_observer(f.migration, NULL, NULL, NULL);
    policy = import_policy(&f, "one.json", POLICY, NULL);
    migtune_policy_set_limits(policy, 0, 500, 0);
    fixture_set(&f, policy, NULL);
    g_signal_connect(f.migration, "decision", G_CALLBACK(check_thread),
                     g_thread_self());
    migtune_migration_run_async(f.migration, NULL, take_result, &result);
    while (!result)
        g_main_context_iteration(NULL, TRUE);
    g_assert_false(migtune_migration_run_finish(f.migration, result, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED);
    g_assert_cmpuint(count(&f, "action", "set-downtime"), ==, 1);
    g_assert_cmpuint(count(&f, "action", "abort"), ==, 1);
    fixture_close(&f);
}

/* A pass ends the wait of migtune_domain_wait_pass(), and without a migration it
 * lasts for the whole time. */
static void
test_passes(void)
{
    Fixture f = { 0 };
    g_autofree char *link = NULL;
    g_autoptr(GError) error = NULL;

    fixture_open(&f, "4MiB", "", 0);
    g_assert_false(migtune_domain_wait_pass(f.source, 100, NULL));
    link = g_strdup_printf("unix:%s/link", f.directory);
    migtune_domain_migrate_incoming(f.destination, link, 0, NULL, &error);
    g_assert_no_error(error);
    migtune_domain_migrate(f.source, link, 0, NULL, &error);
    g_assert_no_error(error);
    /* Far more than a pass takes. */
    g_assert_true(migtune_domain_wait_pass(f.source, 300000, NULL));
    migtune_domain_abort_job(f.source, NULL, &error);
    g_assert_no_error(error);
    g_unlink(link + strlen("unix:"));
    fixture_close(&f);
}

/* Wrong calls and files. */
static void
test_refused_calls(void)
{
    Fixture f = { 0 };
    g_autoptr(MigtunePolicy) policy = migtune_policy_new("none", NULL);
    g_autoptr(GError) error = NULL;

    fixture_open(&f, "4MiB", "", 0);
    g_assert_false(migtune_migration_set_convergence(
        f.migration, policy, NULL, "/nowhere/trace.jsonl", NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_IO);
    g_clear_error(&error);
    migtune_migration_check(f.migration, NULL, &error);
    g_assert_no_error(error);
    g_assert_false(migtune_migration_set_convergence(
        f.migration, policy, NULL, NULL, NULL, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_ARGUMENT);
    fixture_close(&f);
}

int
main(int argc, char **argv)
{
    g_autofree char *path = g_build_filename(
        g_getenv("MIGTUNE_TEST_BUILD"), "src", "drivers", "ref", NULL);
    g_autofree char *scratch = g_dir_make_tmp("migtune-XXXXXX", NULL);
    int status;

    g_test_init(&argc, &argv, NULL);
    g_setenv("MIGTUNE_DRIVER_PATH", path, TRUE);
    /* Journals of migrations. */
    g_setenv("XDG_STATE_HOME", scratch, TRUE);
    g_test_add_func("/converge/acts", test_acts);
    g_test_add_func("/converge/shadows", test_shadows);
    g_test_add_func("/converge/limit", test_limit);
    g_test_add_func("/converge/deadline", test_deadline);
    g_test_add_func("/converge/failure", test_failure);
    g_test_add_func("/converge/postcopy", test_postcopy);
    g_test_add_data_func("/converge/pause/held", GUINT_TO_POINTER(0),
                         test_pause);
    g_test_add_data_func("/converge/pause/trusted",
                         GUINT_TO_POINTER(MIGTUNE_MIGRATION_TRUST_LINK),
                         test_pause);
    g_test_add_func("/converge/refused-postcopy", test_refused_postcopy);
    g_test_add_func("/converge/passes", test_passes);
    g_test_add_func("/converge/async", test_async);
    g_test_add_func("/converge/refused-calls", test_refused_calls);
    status = g_test_run();
    remove_tree(scratch);

    return status;
}
