/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Behaviour of single releases that no general rule covers, and the schemes of
 * an address.
 *
 * If a stable update changed a release, the profile has the updated behaviour:
 * 7.2 accepts null for tls-authz, and 8.2 channels without uri.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/profile/profile-private.h"

#define R(major, minor) MT_RELEASE(major, minor)
#define STILL MT_RELEASE_MAX

/* A name, and the first and last release that it applies to. */
typedef struct {
    const char *name;
    MtRelease from, until;
    const char *build_option;   /* NULL: in every build */
} QuirkRange;

static const QuirkRange quirks[] = {
    /* A command with capabilities that exclude each other fails, but sets
     * them. */
    { "refused-list-stays", R(2, 10), R(2, 11) },
    /* Post-copy is switched off by compress, without an error. */
    { "postcopy-dropped", R(2, 5), R(2, 9) },
    /* The range of a CPU throttle value is checked after it was stored. */
    { "throttle-kept-on-error", R(2, 6), R(2, 7) },
    /* Numbers lose their upper bits before their range is checked. */
    { "narrowing", R(2, 12), R(5, 2) },
    /* A negative rate is accepted as 2^64 minus its absolute value. */
    { "negative-wraps", R(2, 12), STILL },
    /* null for tls-authz crashes QEMU. */
    { "tls-authz-null-aborts", R(4, 0), R(7, 1) },
    { "tls-authz-null-aborts", R(8, 0), R(8, 1) },
    /* tls-* are reported only after they were set. */
    { "tls-reported-when-set", R(2, 8), R(2, 8) },
    /* With mapped-ram, compression or TLS can be set, but then no parameter
     * can be set any more. */
    { "mapped-ram-latch", R(9, 0), STILL },
    /* multifd over exec crashes the source. */
    { "multifd-exec-crashes", R(4, 0), R(5, 2) },
    /* A list of channels without "main" crashes the source. */
    { "channels-without-main-crash", R(10, 0), STILL },
    /* A URI without a channel list crashes a source in mode cpr-transfer. */
    { "cpr-transfer-uri-aborts", R(11, 0), STILL },
    /* A second migrate-incoming reports an error, but listens. */
    { "second-incoming-starts", R(2, 3), R(4, 2) },
    /* After a failed migrate-incoming no other one is accepted. */
    { "failed-incoming-is-the-last", R(9, 1), STILL },
    /* migrate_cancel is accepted in post-copy, and the guest is lost. */
    { "cancel-in-postcopy", R(2, 5), R(9, 2) },
    /* A guest that has been migrated away may be migrated again. */
    { "migrate-again", R(2, 4), R(5, 2) },
    /* An unknown scheme changes the status to failed, besides the error. */
    { "bad-scheme-fails-job", R(2, 4), R(8, 1) },
    /* query-qmp-schema ignores arguments. */
    { "schema-takes-anything", R(2, 5), R(5, 2) },
    /* query-migrate of a destination is always empty. */
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
