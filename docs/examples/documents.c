/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads everything that is known about a guest and releases each result as the
 * section OWNERSHIP of libmigtune(3) says.
 *
 *     documents URI DOMAIN
 */
#include <stdio.h>

#include <migtune/migtune.h>

/* Prints the number of members or elements and releases the document. */
static void
show(const char *what, JsonNode *document, GError **error)
{
    if (!document) {
        printf("%s: %s\n", what, *error ? (*error)->message : "nothing");
        g_clear_error(error);
        return;
    }

    if (JSON_NODE_HOLDS_ARRAY(document))
        printf("%s: an array%s\n", what,
               json_array_get_length(json_node_get_array(document))
                   ? "" : " without elements");
    else
        printf("%s: an object%s\n", what,
               json_object_get_size(json_node_get_object(document))
                   ? "" : " without members");
    json_node_unref(document);
}

static void
show_plan(MigtuneDomain *domain, GError **error)
{
    const char *const settings[] = { "downtime=200", NULL };
    virTypedParameterPtr params = NULL;
    int n_params = 0;
    MigtunePlan *plan = NULL;
    char *text;

    if (migtune_typed_params_parse(settings, &params, &n_params, error))
        plan = migtune_domain_plan(domain, params, n_params, 0, NULL, error);
    migtune_typed_params_free(params, n_params);
    show("plan", plan ? migtune_plan_to_json(plan) : NULL, error);
    if (!plan)
        return;

    text = migtune_plan_to_text(plan);
    printf("plan as text: %s\n", *text ? "lines" : "empty");
    g_free(text);
    g_object_unref(plan);
}

int
main(int argc, char **argv)
{
    const char *const names[] = { "downtime", NULL };
    GError *error = NULL;
    MigtuneConn *conn;
    MigtuneDomain *domain;
    char **keys;

    if (argc != 3) {
        fprintf(stderr, "usage: %s URI DOMAIN\n", argv[0]);
        return 2;
    }

    conn = migtune_conn_open(argv[1], 0, 0, NULL, &error);
    domain = conn ? migtune_conn_lookup(conn, argv[2], NULL, &error) : NULL;
    if (!domain) {
        fprintf(stderr, "%s\n", error->message);
        g_error_free(error);
        if (conn)
            g_object_unref(conn);
        return 1;
    }
    keys = migtune_conn_list(conn, NULL, NULL);
    printf("guests: %s\n", keys && keys[0] ? "some" : "none");
    g_strfreev(keys);
    /* The domain keeps the connection. */
    g_object_unref(conn);

    show("drivers", migtune_get_drivers(), &error);
    show("catalogue", migtune_catalogue_to_json("7.2", &error), &error);
    show("no catalogue", migtune_catalogue_to_json("nine", &error), &error);
    show("info", migtune_domain_get_info(domain, NULL, &error), &error);
    show("probe", migtune_domain_probe(domain, FALSE, NULL, &error), &error);
    show("report", migtune_domain_report(domain, names, 0, NULL, &error),
         &error);
    show("job", migtune_domain_get_job_info(domain, NULL, &error), &error);
    show_plan(domain, &error);
    g_object_unref(domain);

    return 0;
}
