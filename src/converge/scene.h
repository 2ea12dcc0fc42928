/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Scenarios for the simulator as JSON:
 *
 *     {"scenarios": [{"name": "hot", "ram_bytes": 8589934592,
 *       "work": [{"from_s": 0,
 *                 "parts": [{"bytes": 536870912, "rate": 209715200}]}],
 *       "link": [{"from_s": 0, "bandwidth": 123731968}]}]}
 *
 * libmigtune(3) describes all members.
 */

#include "converge/finding.h"
#include "converge/simulate.h"

G_BEGIN_DECLS

#define MT_SCENES_MAX 10000

typedef struct {
    char *name;
    MtSimScene scene;
} MtScene;

/* Returns a list of MtScene; NULL with error findings. */
GPtrArray *mt_scenes_parse(const char *text, gsize length, const char *file,
                           MtFindings *findings);

G_END_DECLS
