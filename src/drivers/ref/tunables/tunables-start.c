/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rules that are checked only when a migration starts.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/tunables/tunables-private.h"

#define R(major, minor) MT_RELEASE(major, minor)
#define STILL MT_RELEASE_MAX

typedef enum {
    START_END,
    START_CHANNELS, /* the scheme must allow several connections */
    START_SEEKABLE, /* the scheme must be file */
    START_NO_COMPRESSION,
    START_NO_TLS,
    START_NO_CPR, /* the mode must be normal */
    START_NO_RDMA,
} StartKind;

typedef enum { SIDE_OUT = 1, SIDE_IN = 2, SIDE_ANY = 3 } StartSide;

typedef struct {
    StartKind kind;
    MtParamId cap;
    StartSide sides;
    MtRelease from, until;
    const char *text;
} StartCheck;

static const StartCheck checks[] = {
    { START_CHANNELS, MT_PARAM_MULTIFD, SIDE_ANY, R(8, 0), STILL,
      "Migration requires multi-channel URIs (e.g. tcp)" },
    { START_CHANNELS, MT_PARAM_POSTCOPY_PREEMPT, SIDE_ANY, R(8, 0), STILL,
      "Migration requires multi-channel URIs (e.g. tcp)" },
    { START_SEEKABLE, MT_PARAM_MAPPED_RAM, SIDE_ANY, R(9, 0), STILL,
      "Migration requires seekable transport (e.g. file)" },

    { START_NO_RDMA, MT_PARAM_XBZRLE, SIDE_ANY, R(10, 1), STILL,
      "RDMA and XBZRLE can't be used together" },
    { START_NO_RDMA, MT_PARAM_MULTIFD, SIDE_ANY, R(10, 1), STILL,
      "RDMA and multifd can't be used together" },
    { START_NO_RDMA, MT_PARAM_POSTCOPY_RAM, SIDE_ANY, R(10, 1), STILL,
      "RDMA and postcopy-ram can't be used together" },
    { START_NO_RDMA, MT_PARAM_MULTIFD, SIDE_IN, R(8, 2), R(10, 0),
      "RDMA and multifd can't be used together" },
    { START_NO_RDMA, MT_PARAM_COMPRESS, SIDE_IN, R(8, 2), R(9, 0),
      "RDMA and compression can't be used together" },
    { START_NO_RDMA, MT_PARAM_XBZRLE, SIDE_IN, R(8, 2), R(10, 0),
      "RDMA and XBZRLE can't be used together" },

    { START_NO_COMPRESSION, MT_PARAM_MAPPED_RAM, SIDE_OUT, R(9, 0), STILL,
      "Cannot use compression with mapped-ram" },
    { START_NO_TLS, MT_PARAM_MAPPED_RAM, SIDE_OUT, R(9, 0), STILL,
      "Cannot use TLS with mapped-ram" },
    { START_NO_CPR, MT_PARAM_POSTCOPY_RAM, SIDE_OUT, R(9, 0), STILL,
      "Cannot use postcopy with CPR" },
    { START_NO_CPR, MT_PARAM_BACKGROUND_SNAPSHOT, SIDE_OUT, R(9, 0), STILL,
      "Cannot use background snapshot with CPR" },
    { START_NO_CPR, MT_PARAM_X_COLO, SIDE_OUT, R(9, 0), STILL,
      "Cannot use COLO with CPR" },
    { START_END },
};

static gboolean
scheme_is_socket(const char *scheme)
{
    static const char *const sockets[] = { "tcp", "unix", "vsock", NULL };

    return scheme && g_strv_contains(sockets, scheme);
}

static gboolean
start_has_channels(const MtRefTunables *tunables, const char *scheme)
{
    return scheme_is_socket(scheme) ||
           (g_strcmp0(scheme, "file") == 0 &&
            mt_ref_tunables_cap(tunables, MT_PARAM_MAPPED_RAM));
}

static gboolean
start_check_fails(const MtRefTunables *tunables, const StartCheck *check,
                  const char *scheme)
{
    const MtRefValue *values = tunables->values;

    switch (check->kind) {
    case START_CHANNELS:
        return !start_has_channels(tunables, scheme);
    case START_SEEKABLE:
        return g_strcmp0(scheme, "file") != 0;
    case START_NO_COMPRESSION:
        return strcmp(values[MT_PARAM_MULTIFD_COMPRESSION].text, "none") != 0;
    case START_NO_TLS:
        return *values[MT_PARAM_TLS_CREDS].text != '\0';
    case START_NO_CPR:
        return strcmp(values[MT_PARAM_MODE].text, "normal") != 0;
    case START_NO_RDMA:
        return g_strcmp0(scheme, "rdma") == 0;
    case START_END:
        break;
    }

    return FALSE;
}

gboolean
mt_ref_tunables_check_start(MtRefTunables *tunables,
                            const MtRefSituation *situation, gboolean incoming,
                            const char *scheme, MtRefRefusal *refusal)
{
    MtRelease release = tunables->profile->release;
    StartSide side = incoming ? SIDE_IN : SIDE_OUT;

    for (const StartCheck *c = checks; c->kind; c++) {
        if (release < c->from || release > c->until || !(c->sides & side) ||
            !mt_ref_value_is_on(tunables, tunables->values, c->cap))
            continue;
        if (start_check_fails(tunables, c, scheme))
            return mt_ref_refuse(refusal, "%s", c->text);
    }
    /* Rules about capabilities that are set later depend on these. */
    if (incoming) {
        tunables->one_channel = !scheme_is_socket(scheme);
        tunables->listens = scheme_is_socket(scheme) ||
                            g_strcmp0(scheme, "rdma") == 0;
    }

    return TRUE;
}
