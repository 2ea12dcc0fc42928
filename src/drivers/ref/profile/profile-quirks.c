/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What single releases do that no rule explains, the schemes that an address
 * may have, and what Debian's builds are made with.
 *
 * Where a release was mended by its own stable updates, it is the mended one
 * that is here: 7.2 takes null for tls-authz, and 8.2 channels without uri.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/profile/profile-private.h"

#define R(major, minor) MT_RELEASE(major, minor)
#define STILL MT_RELEASE_MAX

/* A name, and the first and last release that it is true of. */
typedef struct {
    const char *name;
    MtRelease from, until;
    const char *build_option;   /* NULL: in every build */
} QuirkRange;

static const QuirkRange quirks[] = {
    /* Capabilities that exclude each other: the command fails, and yet what
     * it asked for is on afterwards. */
    { "refused-list-stays", R(2, 10), R(2, 11) },
    /* The one of them that is post-copy is switched off, and no error. */
    { "postcopy-dropped", R(2, 5), R(2, 9) },
    /* The range of a CPU throttle is checked once it is stored. */
    { "throttle-kept-on-error", R(2, 6), R(2, 7) },
    /* Numbers lose their upper bits before their range is checked. */
    { "narrowing", R(2, 12), R(5, 2) },
    /* A negative rate is 2^64 less that. */
    { "negative-wraps", R(2, 12), STILL },
    /* null for tls-authz ends the process. */
    { "tls-authz-null-aborts", R(4, 0), R(7, 1) },
    { "tls-authz-null-aborts", R(8, 0), R(8, 1) },
    /* tls-* are told once they were set. */
    { "tls-told-when-set", R(2, 8), R(2, 8) },
    /* With mapped-ram, compression or TLS may be set, and nothing after. */
    { "mapped-ram-latch", R(9, 0), STILL },
    /* multifd over exec: ends the source. */
    { "multifd-exec-crashes", R(4, 0), R(5, 2) },
    /* A list of channels without "main" ends the source. */
    { "channels-without-main-crash", R(10, 0), STILL },
    /* So does an address without a channel for mode cpr-transfer. */
    { "cpr-transfer-uri-aborts", R(11, 0), STILL },
    /* A second migrate-incoming fails and starts. */
    { "second-incoming-starts", R(2, 3), R(4, 2) },
    /* After a migrate-incoming that failed there is no other. */
    { "failed-incoming-is-the-last", R(9, 1), STILL },
    /* migrate_cancel in post-copy is obeyed, and the guest lost. */
    { "cancel-in-postcopy", R(2, 5), R(9, 2) },
    /* A guest that has been migrated away may be migrated again. */
    { "migrate-again", R(2, 4), R(5, 2) },
    /* A scheme that there is not makes the migration fail, not only the
     * command. */
    { "bad-scheme-fails-job", R(2, 4), R(8, 1) },
    /* query-qmp-schema does not look at arguments. */
    { "schema-takes-anything", R(2, 5), R(5, 2) },
    /* query-migrate of the destination stays empty. */
    { "no-status-when-incoming", R(2, 4), R(2, 12) },
    { NULL },
};

static const QuirkRange schemes[] = {
    { "tcp", R(2, 4), STILL },
    { "unix", R(2, 4), STILL },
    { "exec", R(2, 4), STILL },
    { "fd", R(2, 4), STILL },
    { "rdma", R(2, 4), STILL, "rdma" },
    { "vsock", R(5, 2), STILL },
    { "file", R(8, 2), STILL },
    { NULL },
};

/* What Debian has it in; Debian's 5.2 is without zstd. */
static const QuirkRange build_options[] = {
    { "zstd", R(6, 0), STILL },
    { "qpl", STILL, STILL },
    { "uadk", STILL, STILL },
    { "qatzip", STILL, STILL },
    { "rdma", R(2, 4), STILL },
    { "replication", R(2, 8), STILL },
    { "live-block-migration", R(2, 4), R(9, 0) },
    { NULL },
};

static gboolean
quirk_range_holds(const QuirkRange *range, MtRelease release)
{
    return release >= range->from && release <= range->until;
}

gboolean
mt_ref_profile_has_quirk(const MtRefProfile *profile, const char *quirk)
{
    for (const QuirkRange *q = quirks; q->name; q++) {
        if (strcmp(q->name, quirk) == 0 &&
            quirk_range_holds(q, profile->release))
            return TRUE;
    }

    return FALSE;
}

gboolean
mt_ref_profile_has_scheme(const MtRefProfile *profile, const char *scheme)
{
    for (const QuirkRange *s = schemes; s->name; s++) {
        if (strcmp(s->name, scheme) == 0)
            return quirk_range_holds(s, profile->release) &&
                   (!s->build_option ||
                    mt_ref_profile_has_build_option(profile, s->build_option));
    }

    return FALSE;
}

gboolean
mt_ref_build_option_exists(const char *option)
{
    for (const QuirkRange *o = build_options; o->name; o++) {
        if (strcmp(o->name, option) == 0)
            return TRUE;
    }

    return FALSE;
}

char **
mt_ref_build_options_default(MtRelease release)
{
    GPtrArray *options = g_ptr_array_new();

    for (const QuirkRange *o = build_options; o->name; o++) {
        if (quirk_range_holds(o, release))
            g_ptr_array_add(options, g_strdup(o->name));
    }
    g_ptr_array_add(options, NULL);

    return (char **)g_ptr_array_free(options, FALSE);
}

char *
mt_ref_build_options_text(void)
{
    GString *text = g_string_new(NULL);

    for (const QuirkRange *o = build_options; o->name; o++)
        g_string_append_printf(text, "%s%s", text->len ? ", " : "", o->name);

    return g_string_free(text, FALSE);
}
