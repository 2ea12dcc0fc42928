/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Prints the migration tuning that is in force in a guest.
 *
 *     get URI DOMAIN [NAME...]
 */
#include <stdio.h>

#include <migtune/migtune.h>

int
main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) domain = NULL;
    const char *const *names;
    virTypedParameterPtr params = NULL;
    int n_params = 0;

    if (argc < 3) {
        fprintf(stderr, "usage: %s URI DOMAIN [NAME...]\n", argv[0]);
        return 2;
    }
    names = argc > 3 ? (const char *const *)argv + 3 : NULL;

    conn = migtune_conn_open(argv[1], 0, 0, NULL, &error);
    if (conn)
        domain = migtune_conn_lookup(conn, argv[2], NULL, &error);
    if (!domain || !migtune_domain_get_parameters(domain, names, &params,
                                                  &n_params, 0, NULL, &error)) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }

    printf("%s runs QEMU %s\n", migtune_domain_get_name(domain),
           migtune_domain_get_qemu(domain));
    for (int i = 0; i < n_params; i++) {
        g_autofree char *text = migtune_typed_param_format(&params[i]);

        printf("%s = %s\n", params[i].field, text);
    }

    migtune_typed_params_free(params, n_params);
    return 0;
}
