/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An inspection, as reports see it. */

#include "inspect/model.h"
#include "migtune/migtune-inspect.h"

G_BEGIN_DECLS

#define MT_INSPECT_BANDWIDTH (G_GUINT64_CONSTANT(128) << 20)
#define MT_INSPECT_DOWNTIME_MS 300

struct _MigtuneInspection {
    gatomicrefcount ref_count;
    char *name;             /* of the source, for people */
    MtAccount *account;
    guint64 bandwidth;      /* bytes a second */
    guint downtime_ms;
};

G_END_DECLS
