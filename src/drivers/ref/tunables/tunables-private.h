/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of the tunables share: the values, and the functions that set
 * and check them.
 */

#include "drivers/ref/profile/profile-private.h"
#include "drivers/ref/tunables/tunables.h"

G_BEGIN_DECLS

typedef struct {
    guint64 number;             /* of numbers and booleans */
    char *text;                 /* of texts and enums */
    JsonNode *json;             /* of lists; NULL: never set */
    gboolean given;             /* a client has set it */
} MtRefValue;

struct MtRefTunables {
    MtRefProfile *profile;
    MtRefValue values[MT_N_PARAMS];
    gboolean changed[MT_N_PARAMS];
    gboolean one_channel;       /* the address of migrate-incoming allows one
                                 * connection only */
    gboolean listens;           /* that address is a listening socket */
};

/* values.c */
void mt_ref_value_init(MtRefValue *value, const MtRow *row, MtRelease release);
void mt_ref_value_copy(MtRefValue *value, const MtRefValue *from);
void mt_ref_value_clear(MtRefValue *value);

/* Whether a capability is on in @values.  FALSE for rows that the release does
 * not have or ignores. */
gboolean mt_ref_value_is_on(const MtRefTunables *tunables,
                            const MtRefValue *values, MtParamId id);

/* tunables-caps.c */
gboolean mt_ref_caps_set(MtRefTunables *tunables,
                         const MtRefSituation *situation,
                         JsonObject *arguments, MtRefRefusal *refusal);
JsonNode *mt_ref_caps_query(const MtRefTunables *tunables);

/* tunables-params.c */
gboolean mt_ref_params_set(MtRefTunables *tunables, JsonObject *arguments,
                           MtRefRefusal *refusal);
JsonNode *mt_ref_params_query(const MtRefTunables *tunables,
                              const MtRefSituation *situation);

/* Refuses a value of @id with the text of the release. */
gboolean mt_ref_params_refuse(const MtRefTunables *tunables, MtParamId id,
                              MtRefRefusal *refusal);

/* Whether @values have neither multifd compression nor TLS. */
gboolean mt_ref_params_are_plain(const MtRefTunables *tunables,
                                 const MtRefValue *values);

/* tunables-bitmaps.c */
gboolean mt_ref_bitmaps_check(JsonArray *mapping, MtRefRefusal *refusal);

G_END_DECLS
