/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The migration status of a guest, one for each direction, and the events that
 * report it.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/guest/guest-private.h"

void
mt_ref_side_clear(MtRefSide *side)
{
    g_free(side->error_desc);
    memset(side, 0, sizeof(*side));
}

gboolean
mt_ref_status_is_final(MtStatus status)
{
    return status == MT_STATUS_COMPLETED || status == MT_STATUS_FAILED ||
           status == MT_STATUS_CANCELLED;
}

gboolean
mt_ref_status_is_postcopy(MtStatus status)
{
    return status == MT_STATUS_POSTCOPY_ACTIVE ||
           status == MT_STATUS_POSTCOPY_PAUSED ||
           status == MT_STATUS_POSTCOPY_RECOVER_SETUP ||
           status == MT_STATUS_POSTCOPY_RECOVER;
}

gboolean
mt_ref_side_is_over(const MtRefSide *side)
{
    return !side->by_engine || mt_ref_status_is_final(side->status);
}

MtStatus
mt_ref_guest_outgoing_status(MtRefGuest *g)
{
    MtStatus status;

    g_mutex_lock(&g->lock);
    status = g->outgoing.any ? g->outgoing.status : MT_STATUS_NONE;
    g_mutex_unlock(&g->lock);
    return status;
}

gboolean
mt_ref_guest_is_migrating(MtRefGuest *g)
{
    gboolean migrating;

    g_mutex_lock(&g->lock);
    migrating = g->outgoing.any && !mt_ref_status_is_final(g->outgoing.status);
    g_mutex_unlock(&g->lock);
    return migrating;
}

void
mt_ref_guest_force_migration_event_locked(MtRefGuest *g, const char *status)
{
    JsonObject *data = json_object_new();

    json_object_set_string_member(data, "status", status);
    mt_ref_guest_queue_event_locked(g, "MIGRATION", data);
}

void
mt_ref_guest_migration_event_locked(MtRefGuest *g, const char *status)
{
    if (g->events_enabled && mt_ref_profile_has_status(g->profile, status))
        mt_ref_guest_force_migration_event_locked(g, status);
}
