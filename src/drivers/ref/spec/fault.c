/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Faults on demand: see fault.h.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/spec/fault.h"
#include "util/json-peek.h"

/* A client must not be able to fill the memory with faults. */
#define MAX_ARMED 1024

typedef struct {
    MtRefFault fault;
    guint64 seen;               /* commands */
} ArmedFault;

static void
armed_clear(gpointer data)
{
    ArmedFault *armed = data;

    g_free(armed->fault.command);
}

void
mt_ref_faults_init(MtRefFaults *faults, const GArray *spec)
{
    faults->armed = g_array_new(FALSE, TRUE, sizeof(ArmedFault));
    g_array_set_clear_func(faults->armed, armed_clear);
    for (guint i = 0; spec && i < spec->len; i++)
        mt_ref_faults_arm(faults, &g_array_index(spec, MtRefFault, i));
}

void
mt_ref_faults_clear(MtRefFaults *faults)
{
    g_clear_pointer(&faults->armed, g_array_unref);
}

void
mt_ref_faults_arm(MtRefFaults *faults, const MtRefFault *fault)
{
    ArmedFault armed = { .fault = *fault };

    if (fault->kind == MT_REF_FAULT_NONE || faults->armed->len >= MAX_ARMED)
        return;

    armed.fault.command = g_strdup(fault->command);
    g_array_append_val(faults->armed, armed);
}

void
mt_ref_faults_disarm(MtRefFaults *faults)
{
    g_array_set_size(faults->armed, 0);
}

static gboolean
fault_is_of_commands(MtRefFaultKind kind)
{
    return kind == MT_REF_FAULT_REFUSE || kind == MT_REF_FAULT_DELAY ||
           kind == MT_REF_FAULT_HANGUP;
}

MtRefFaultKind
mt_ref_faults_meet(MtRefFaults *faults, const char *command, guint64 *ret_ms)
{
    MtRefFaultKind kind = MT_REF_FAULT_NONE;

    *ret_ms = 0;
    for (guint i = 0; i < faults->armed->len; ) {
        ArmedFault *armed = &g_array_index(faults->armed, ArmedFault, i);
        const MtRefFault *f = &armed->fault;
        gboolean about = fault_is_of_commands(f->kind) &&
            (!f->command || strcmp(f->command, command) == 0);

        /* Every fault counts the command, but only one takes effect. */
        if (!about || ++armed->seen < MAX(f->at, 1) ||
            kind != MT_REF_FAULT_NONE) {
            i++;
            continue;
        }
        kind = f->kind;
        *ret_ms = f->ms;
        g_array_remove_index(faults->armed, i);
    }

    return kind;
}

static MtIoFaultKind
fault_of_link(MtRefFaultKind kind)
{
    static const MtIoFaultKind kinds[MT_REF_N_FAULTS] = {
        [MT_REF_FAULT_DROP] = MT_IO_FAULT_DROP,
        [MT_REF_FAULT_STALL] = MT_IO_FAULT_STALL,
        [MT_REF_FAULT_CORRUPT] = MT_IO_FAULT_CORRUPT,
    };

    return kinds[kind];
}

void
mt_ref_faults_load(MtRefFaults *faults, gboolean incoming,
                   MtEngineSettings *settings)
{
    for (guint i = 0; i < faults->armed->len; ) {
        const MtRefFault *f =
            &g_array_index(faults->armed, ArmedFault, i).fault;
        MtIoFaultKind of_link = fault_of_link(f->kind);

        if (f->kind == MT_REF_FAULT_KILL && !settings->fail_at_pass) {
            settings->fail_at_pass = CLAMP(f->at, 1, G_MAXUINT);
        } else if (of_link != MT_IO_FAULT_NONE && !incoming &&
                   settings->fault.kind == MT_IO_FAULT_NONE) {
            settings->fault.kind = of_link;
            settings->fault.at = f->at;
            settings->fault_channel = f->channel;
        } else {
            i++;
            continue;
        }
        g_array_remove_index(faults->armed, i);
    }
}

static gboolean
fault_number(JsonObject *arguments, const char *name, guint64 *ret,
             MtRefRefusal *refusal)
{
    gint64 number;

    if (!json_object_has_member(arguments, name))
        return TRUE;
    if (!mt_json_peek_int(arguments, name, &number) || number < 0)
        return mt_ref_refuse(refusal, "x-migtune-fault: '%s' must be an "
                             "integer of at least 0", name);

    *ret = number;
    return TRUE;
}

static gboolean
fault_kind(JsonObject *arguments, MtRefFaultKind *ret_kind,
           MtRefRefusal *refusal)
{
    const char *text = mt_json_peek_string(arguments, "kind");
    g_autoptr(GString) known = NULL;

    if (text && (strcmp(text, "clear") == 0 ||
                 mt_ref_fault_from_string(text, ret_kind)))
        return TRUE;

    known = g_string_new("clear");
    for (guint i = MT_REF_FAULT_NONE + 1; i < MT_REF_N_FAULTS; i++)
        g_string_append_printf(known, ", %s", mt_ref_fault_to_string(i));
    return mt_ref_refuse(refusal, "x-migtune-fault: 'kind' must be one of %s",
                         known->str);
}

gboolean
mt_ref_fault_read(JsonObject *arguments, MtRefFault *ret_fault,
                   MtRefRefusal *refusal)
{
    static const char *const known[] = {
        "kind", "at", "command", "ms", "channel", NULL
    };
    g_autoptr(GList) names = json_object_get_members(arguments);
    gint64 channel = -1;
    MtRefFault fault = { .at = 1 };

    for (GList *l = names; l; l = l->next) {
        if (!g_strv_contains(known, l->data))
            return mt_ref_refuse(refusal, "x-migtune-fault: unknown argument "
                                 "'%s'; expected kind, at, command, ms or "
                                 "channel", (const char *)l->data);
    }
    if (!fault_kind(arguments, &fault.kind, refusal) ||
        !fault_number(arguments, "at", &fault.at, refusal) ||
        !fault_number(arguments, "ms", &fault.ms, refusal))
        return FALSE;
    if (json_object_has_member(arguments, "channel") &&
        (!mt_json_peek_int(arguments, "channel", &channel) || channel < -1 ||
         channel > 254))
        return mt_ref_refuse(refusal, "x-migtune-fault: 'channel' must be -1 "
                             "(main) to 254");
    if (json_object_has_member(arguments, "command") &&
        !mt_json_peek_string(arguments, "command"))
        return mt_ref_refuse(refusal, "x-migtune-fault: 'command' must be the "
                             "name of a command");

    fault.channel = channel;
    fault.command = (char *)mt_json_peek_string(arguments, "command");
    *ret_fault = fault;
    return TRUE;
}
