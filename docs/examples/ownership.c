/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Everything that the library returns, and how its owner releases it: the rules
 * of libmigtune(3), section OWNERSHIP, each followed literally.  valgrind finds no
 * error and no leak.
 *
 *     ownership URI DIRECTORY
 *
 * URI has the guests db1 and db1-dest of ref:///default; DIRECTORY is an empty
 * directory for files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <migtune/migtune.h>

static const char *const wishes[] = {
    "compression=zstd", "downtime=200ms", NULL
};

/* Ends the program; no call here is expected to fail. */
static void
expect(gboolean ok, GError *error, const char *what)
{
    if (ok)
        return;

    fprintf(stderr, "%s: %s\n", what, error ? error->message : "failed");
    exit(1);
}

/* JSON: json_node_unref(); its text: g_free(). */
static void
use_json(JsonNode *node, const char *what)
{
    char *text;

    expect(node != NULL, NULL, what);
    text = migtune_json_to_text(node);
    printf("%s: %zu characters of JSON\n", what, strlen(text));
    g_free(text);
    json_node_unref(node);
}

/* An array of texts: g_strfreev(). */
static void
use_texts(char **texts, const char *what)
{
    expect(texts != NULL, NULL, what);
    printf("%s: %u texts\n", what, g_strv_length(texts));
    g_strfreev(texts);
}

/* A text: g_free(). */
static void
use_text(char *text, const char *what)
{
    expect(text != NULL, NULL, what);
    printf("%s: %zu characters\n", what, strlen(text));
    g_free(text);
}

/* A dictionary: g_variant_unref(). */
static void
use_dictionary(GVariant *dictionary, GError *error, const char *what)
{
    expect(dictionary != NULL, error, what);
    printf("%s: %zu entries\n", what, g_variant_n_children(dictionary));
    g_variant_unref(dictionary);
}

/* An array of typed parameters: migtune_typed_params_free(). */
static void
use_parameters(MigtuneDomain *domain)
{
    virTypedParameterPtr params = NULL;
    int n_params = 0;
    GError *error = NULL;

    expect(migtune_domain_get_parameters(domain, NULL, &params, &n_params, 0,
                                         NULL, &error), error, "parameters");
    for (int i = 0; i < n_params; i++)
        g_free(migtune_typed_param_format(&params[i]));
    migtune_typed_params_free(params, n_params);

    params = NULL;
    n_params = 0;
    expect(migtune_domain_get_job_stats(domain, NULL, &params, &n_params, NULL,
                                        &error), error, "statistics");
    migtune_typed_params_free(params, n_params);

    /* After a failure there is an error to release, and no array. */
    params = NULL;
    expect(!migtune_domain_get_parameters(
               domain, (const char *const[]){ "no-such-name", NULL }, &params,
               &n_params, 0, NULL, &error) && !params, NULL, "no-such-name");
    printf("%s is unknown\n",
           migtune_error_get_field(error, MIGTUNE_ERROR_FIELD_PARAMETER));
    g_error_free(error);
    /* A caller that passes NULL gets no error to release. */
    migtune_domain_get_parameters(
        domain, (const char *const[]){ "no-such-name", NULL }, &params,
        &n_params, 0, NULL, NULL);
}

/* Texts of a plan belong to it until it is applied or released; the plan keeps
 * its domain, and is released with g_object_unref(). */
static void
use_plan(MigtunePlan *plan, const char *what)
{
    for (unsigned int i = 0; i < migtune_plan_get_n_verdicts(plan); i++) {
        const char *name, *asked, *now, *reason;
        MigtuneVerdict verdict =
            migtune_plan_get_verdict(plan, i, &name, &asked, &now, &reason);

        printf("%s: %s %s\n", what, name, migtune_verdict_to_string(verdict));
        /* NULL if it is not known, which g_free() accepts. */
        g_free(migtune_plan_dup_before(plan, i));
        use_texts(migtune_plan_dup_row(plan, i), "row");
    }
    use_text(migtune_plan_to_text(plan), "table");
    use_json(migtune_plan_to_json(plan), "plan");
    g_object_unref(plan);
}

/* A lowering: g_object_unref().  Its parameters belong to it. */
static void
use_lowering(MigtunePlan *plan)
{
    GError *error = NULL;
    MigtuneLowering *lowering = migtune_plan_lower(plan, "9.0", NULL, &error);
    int n_params = 0;

    expect(lowering != NULL, error, "lowering");
    migtune_lowering_get_params(lowering, &n_params);
    printf("%d parameters for libvirt\n", n_params);
    use_texts(migtune_lowering_to_virsh(lowering, NULL), "virsh");
    use_json(migtune_lowering_to_json(lowering), "lowering");
    use_dictionary(migtune_lowering_get_settings(lowering), NULL, "lowering");
    g_object_unref(lowering);
}

/* Arguments stay the caller's, except a floating GVariant. */
static void
use_settings(MigtuneDomain *domain)
{
    GError *error = NULL;
    virTypedParameterPtr params = NULL;
    int n_params = 0;
    GVariant *settings;
    MigtunePlan *plan;

    expect(migtune_typed_params_parse(wishes, &params, &n_params, &error),
           error, "parsing");
    plan = migtune_domain_plan(domain, params, n_params, 0, NULL, &error);
    expect(plan != NULL, error, "plan");
    expect(migtune_plan_check(plan, &error), error, "check");
    use_lowering(plan);
    expect(migtune_plan_apply(plan, NULL, &error), error, "apply");
    use_plan(plan, "applied");
    plan = migtune_explain("9.1", params, n_params, 0, &error);
    expect(plan != NULL, error, "explain");
    use_plan(plan, "explained");
    migtune_typed_params_free(params, n_params);

    /* A dictionary that a function returned is not floating. */
    settings = migtune_settings_parse(wishes, &error);
    expect(settings != NULL, error, "parsing");
    expect(migtune_domain_set_settings(domain, settings, 0, NULL, &error),
           error, "setting");
    plan = migtune_explain_settings("7.2", settings, 0, &error);
    expect(plan != NULL, error, "explain");
    use_plan(plan, "explained");
    g_variant_unref(settings);

    /* This one is, and belongs to the function. */
    plan = migtune_domain_plan_settings(
        domain, g_variant_new_parsed("{'downtime': <%u>}", 250u), 0, NULL,
        &error);
    expect(plan != NULL, error, "plan");
    use_plan(plan, "floating");

    plan = migtune_domain_plan_reset(domain, 0, NULL, &error);
    expect(plan != NULL, error, "reset");
    expect(migtune_plan_apply(plan, NULL, &error), error, "reset");
    use_plan(plan, "reset");
    use_dictionary(migtune_domain_get_settings(domain, NULL, 0, NULL, &error),
                   error, "settings");
}

/* The functions without a suffix, once more, and released in the same way. */
static void
on_listed(GObject *conn, GAsyncResult *result, gpointer loop)
{
    GError *error = NULL;
    char **keys = migtune_conn_list_finish(MIGTUNE_CONN(conn), result, &error);

    expect(keys != NULL, error, "list");
    g_strfreev(keys);
    g_main_loop_quit(loop);
}

static void
use_async(MigtuneConn *conn)
{
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);

    migtune_conn_list_async(conn, NULL, on_listed, loop);
    g_main_loop_run(loop);
    g_main_loop_unref(loop);
}

/* A save file, and an inspection of it: migtune_inspection_unref(). */
static void
use_files(MigtuneDomain *domain, const char *directory)
{
    char *path = g_build_filename(directory, "saved", NULL);
    const char *sources[] = { path, NULL };
    GError *error = NULL;
    JsonNode *totals = migtune_domain_save(domain, path, NULL, NULL, NULL, NULL,
                                           &error);
    MigtuneInspection *inspection;

    expect(totals != NULL, error, "save");
    use_json(totals, "save");
    use_json(migtune_image_get_info(path, NULL, NULL), "image");
    use_json(migtune_image_verify(path, g_variant_new_parsed("{'threads': <%u>}",
                                                             1u),
                                  NULL, NULL, NULL, NULL), "verify");
    inspection = migtune_inspect(sources, NULL, &error);
    expect(inspection != NULL, error, "inspect");
    use_text(migtune_inspection_to_text(inspection, 0), "inspection");
    use_json(migtune_inspection_to_json(inspection, 0), "inspection");
    use_json(migtune_inspection_diff(inspection, inspection), "difference");
    migtune_inspection_unref(inspection);
    remove(path);
    g_free(path);
}

/* A policy: migtune_policy_unref(); a convergence: migtune_convergence_free().
 * A migration: g_object_unref(); its guests are borrowed. */
static void
use_migration(MigtuneConn *conn, MigtuneDomain *source)
{
    GError *error = NULL;
    MigtunePolicy *policy = migtune_policy_new("steady", &error);
    MigtuneConvergence *convergence;
    MigtuneDomain *destination;
    MigtuneMigration *migration;

    expect(policy != NULL, error, "policy");
    use_texts(migtune_policy_list(), "policies");
    use_json(migtune_policy_to_json(policy), "policy");
    convergence = migtune_convergence_new("db1", policy, NULL, NULL, NULL,
                                          &error);
    expect(convergence != NULL, error, "convergence");
    use_json(migtune_convergence_get_decisions(convergence), "decisions");
    migtune_convergence_free(convergence);

    destination = migtune_conn_lookup(conn, "db1-dest", NULL, &error);
    expect(destination != NULL, error, "destination");
    migration = migtune_migration_new_settings(
        source, destination, g_variant_new_parsed("{'bandwidth': <%t>}",
                                                  (guint64)0), 0, &error);
    expect(migration != NULL, error, "migration");
    expect(migtune_migration_set_policy(migration, policy, &error), error,
           "policy");
    expect(migtune_migration_get_source(migration) == source &&
               migtune_migration_get_destination(migration) == destination,
           NULL, "guests");
    migtune_policy_unref(policy);
    g_object_unref(destination);
    expect(migtune_migration_run(migration, NULL, &error), error, "run");
    use_json(migtune_migration_to_json(migration), "migration");
    g_object_unref(migration);
}

int
main(int argc, char **argv)
{
    GError *error = NULL;
    MigtuneConn *conn;
    MigtuneDomain *domain;

    if (argc != 3) {
        fprintf(stderr, "usage: %s URI DIRECTORY\n", argv[0]);
        return 2;
    }

    use_json(migtune_get_drivers(), "drivers");
    use_json(migtune_catalogue_to_json(NULL, NULL), "catalogue");

    conn = migtune_conn_open(argv[1], 0, 0, NULL, &error);
    expect(conn != NULL, error, "connection");
    /* Constant texts belong to the object. */
    printf("%s\n", migtune_conn_get_uri(conn));
    use_texts(migtune_conn_list(conn, NULL, NULL), "guests");
    use_texts(migtune_conn_list_inactive(conn, NULL, NULL), "inactive");
    use_async(conn);

    domain = migtune_conn_lookup(conn, "db1", NULL, &error);
    expect(domain != NULL, error, "domain");
    /* migtune_domain_ref() returns a reference of its own. */
    g_object_unref(migtune_domain_ref(domain));
    printf("%s runs QEMU %s\n", migtune_domain_get_name(domain),
           migtune_domain_get_qemu(domain));
    use_json(migtune_domain_get_info(domain, NULL, NULL), "guest");
    use_json(migtune_domain_probe(domain, FALSE, NULL, NULL), "probe");
    use_json(migtune_domain_report(domain, NULL, 0, NULL, NULL), "report");
    use_json(migtune_domain_get_job_info(domain, NULL, NULL), "job");
    use_dictionary(migtune_domain_get_job_settings(domain, NULL, NULL), NULL,
                   "job");
    use_parameters(domain);
    use_settings(domain);
    use_migration(conn, domain);
    g_object_unref(domain);

    /* The domain keeps the connection. */
    domain = migtune_conn_lookup(conn, "web1", NULL, &error);
    expect(domain != NULL, error, "domain");
    g_object_unref(conn);
    use_files(domain, argv[2]);
    g_object_unref(domain);

    /* A thread may still use libvirt if a call was cancelled. */
    return migtune_wait_idle(0) ? 0 : 1;
}
