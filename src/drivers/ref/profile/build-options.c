/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The build options of QEMU that matter to migration, and which of them
 * Debian's build of a release has.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/profile/profile-private.h"

#define R(major, minor) MT_RELEASE(major, minor)
#define STILL MT_RELEASE_MAX

/* The releases whose build in Debian has the option; Debian's 5.2 has no
 * zstd. */
static const struct {
    const char *name;
    MtRelease from, until;
} build_options[] = {
    { "zstd", R(6, 0), STILL },
    { "qpl", STILL, STILL },
    { "uadk", STILL, STILL },
    { "qatzip", STILL, STILL },
    { "rdma", R(2, 4), STILL },
    { "replication", R(2, 8), STILL },
    { "live-block-migration", R(2, 4), R(9, 0) },
    { NULL },
};

gboolean
mt_ref_build_option_exists(const char *option)
{
    for (guint i = 0; build_options[i].name; i++) {
        if (strcmp(build_options[i].name, option) == 0)
            return TRUE;
    }

    return FALSE;
}

char **
mt_ref_build_options_default(MtRelease release)
{
    GPtrArray *options = g_ptr_array_new();

    for (guint i = 0; build_options[i].name; i++) {
        if (release >= build_options[i].from &&
            release <= build_options[i].until)
            g_ptr_array_add(options, g_strdup(build_options[i].name));
    }
    g_ptr_array_add(options, NULL);

    return (char **)g_ptr_array_free(options, FALSE);
}

char *
mt_ref_build_options_text(void)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; build_options[i].name; i++)
        g_string_append_printf(text, "%s%s", text->len ? ", " : "",
                               build_options[i].name);

    return g_string_free(text, FALSE);
}
