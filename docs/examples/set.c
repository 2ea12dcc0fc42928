/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asks for zstd compression, or for what comes nearest to it in the QEMU of a
 * guest.
 *
 *     set URI DOMAIN
 */
#include <stdio.h>

#include <migtune/migtune.h>

static const char *const wishes[] = {
    "compression=zstd",
    "compression.zstd.level=3",
    "downtime=200ms",
    NULL
};

/* What becomes of every wish, and why. */
static void
print_verdicts(MigtunePlan *plan)
{
    for (unsigned int i = 0; i < migtune_plan_get_n_verdicts(plan); i++) {
        const char *name, *asked, *now, *reason;
        MigtuneVerdict verdict =
            migtune_plan_get_verdict(plan, i, &name, &asked, &now, &reason);

        printf("%s: asked %s, now %s: %s%s%s\n", name, asked,
               now ? now : "not known", migtune_verdict_to_string(verdict),
               reason ? ", " : "", reason ? reason : "");
    }
}

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    virTypedParameterPtr params = NULL;
    int n_params = 0;
    gboolean done = FALSE;

    if (argc != 3) {
        fprintf(stderr, "usage: %s URI DOMAIN\n", argv[0]);
        return 2;
    }

    if (migtune_typed_params_parse(wishes, &params, &n_params, &error) &&
        (conn = migtune_conn_open(argv[1], 0, 0, NULL, &error)) &&
        (domain = migtune_conn_lookup(conn, argv[2], NULL, &error)) &&
        (plan = migtune_domain_plan(domain, params, n_params, 0, NULL, &error)))
        done = migtune_plan_apply(plan, NULL, &error);

    if (plan)
        print_verdicts(plan);
    if (error) {
        const char *about =
            migtune_error_get_field(error, MIGTUNE_ERROR_FIELD_PARAMETER);

        fprintf(stderr, "%s (%s%s%s)\n", error->message,
                migtune_error_code_to_string(error->code),
                about ? ": " : "", about ? about : "");
    }

    migtune_typed_params_free(params, n_params);
    return done ? 0 : 1;
}
