/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Running a command on a guest: armed faults first, then the check of the
 * arguments, then the function from the table of commands.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "drivers/ref/monitor/commands.h"
#include "drivers/ref/monitor/execute.h"
#include "drivers/ref/monitor/hmp.h"
#include "util/json-peek.h"

static gboolean
execute_arm_fault(MtRefGuest *g, JsonObject *arguments, MtRefRefusal *refusal)
{
    MtRefFault fault;

    if (!mt_ref_fault_read(arguments, &fault, refusal))
        return FALSE;

    g_mutex_lock(&g->lock);
    if (fault.kind == MT_REF_FAULT_NONE)
        mt_ref_faults_disarm(&g->faults);
    else
        mt_ref_faults_arm(&g->faults, &fault);
    g_mutex_unlock(&g->lock);
    return TRUE;
}

/* getfd */
static gboolean
execute_take_fd(MtRefGuest *g, JsonObject *arguments, int *fd,
                MtRefRefusal *refusal)
{
    const char *name = mt_json_peek_string(arguments, "fdname");

    if (*fd < 0)
        return mt_ref_refuse(refusal, "No file descriptor supplied via "
                             "SCM_RIGHTS");
    if (!name || g_ascii_isdigit(*name)) {
        close(*fd);
        *fd = -1;
        return mt_ref_refuse(refusal, "Parameter 'fdname' expects a name not "
                             "starting with a digit");
    }

    g_hash_table_replace(g->fds, g_strdup(name), GINT_TO_POINTER(*fd));
    *fd = -1;
    return TRUE;
}

static gboolean
execute_locked(MtRefGuest *g, const char *command, JsonObject *arguments,
               int *fd, JsonNode **ret_result, MtRefRefusal *refusal);

/* Commands of the human monitor are made of QMP commands. */
static gboolean
execute_dispatch(MtRefGuest *g, const char *command, JsonObject *arguments,
                 JsonNode **ret_result, MtRefRefusal *refusal)
{
    int fd = -1;

    return execute_locked(g, command, arguments, &fd, ret_result, refusal);
}

static gboolean
execute_hmp(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
            MtRefRefusal *refusal)
{
    const char *line = mt_json_peek_string(arguments, "command-line");
    g_autofree char *text = NULL;

    if (json_object_has_member(arguments, "cpu-index"))
        return mt_ref_refuse(refusal,
                             "Parameter 'cpu-index' expects a CPU number");

    text = mt_ref_hmp_run(g, execute_dispatch, line ? line : "");
    *ret_result = json_node_init_string(json_node_alloc(), text);
    return TRUE;
}

/* @fd: the descriptor that came with the command; -1: none. */
static gboolean
execute_locked(MtRefGuest *g, const char *command, JsonObject *arguments,
               int *fd, JsonNode **ret_result, MtRefRefusal *refusal)
{
    MtRefRun run = mt_ref_command_get_run(command);

    if (strcmp(command, "x-migtune-fault") == 0)
        return execute_arm_fault(g, arguments, refusal);
    if (!mt_ref_input_check(g->profile, command, arguments,
                            mt_ref_guest_spec_reject(g->spec), refusal))
        return FALSE;

    mt_ref_guest_unset_blk(g);
    if (strcmp(command, "getfd") == 0)
        return execute_take_fd(g, arguments, fd, refusal);
    if (strcmp(command, "add-fd") == 0)
        return mt_ref_guest_add_fd(g, arguments, fd, ret_result, refusal);
    if (strcmp(command, "human-monitor-command") == 0)
        return execute_hmp(g, arguments, ret_result, refusal);
    if (mt_ref_tunables_knows(command))
        return mt_ref_guest_run_tunables(g, command, arguments, ret_result,
                                         refusal);
    if (run)
        return run(g, arguments, ret_result, refusal);

    return mt_ref_refuse(refusal, "A reference guest does not implement the "
                         "command '%s' of this release", command);
}

/* Interval at which a waiting command checks whether it has been cancelled. */
#define EXECUTE_CHECK_US (20 * G_TIME_SPAN_MILLISECOND)

/* Waits for @ms, until the guest ends or @patience, which may be NULL, is
 * exhausted.  Returns FALSE if @ms have not passed then. */
static gboolean
execute_delay(MtRefGuest *g, guint64 ms, MtRefPatience *patience)
{
    gint64 due = g_get_monotonic_time() + MIN(ms, G_MAXINT32) * 1000;
    gint64 end = due;
    gint64 now;

    if (patience)
        end = MIN(end, g_get_monotonic_time() + patience->limit_ms *
                           G_TIME_SPAN_MILLISECOND);
    g_mutex_lock(&g->lock);
    while (!g->quit && (now = g_get_monotonic_time()) < end &&
           !(patience && g_cancellable_is_cancelled(patience->cancellable)))
        g_cond_wait_until(&g->changed, &g->lock,
                          patience ? MIN(end, now + EXECUTE_CHECK_US) : end);
    now = g->quit ? due : g_get_monotonic_time();
    g_mutex_unlock(&g->lock);
    if (now >= due)
        return TRUE;

    patience->left_ms = (due - now) / 1000 + 1;
    return FALSE;
}

static MtRefAnswer
execute_meet_fault(MtRefGuest *g, const char *command, MtRefPatience *patience,
                   MtRefRefusal *refusal)
{
    MtRefFaultKind fault = MT_REF_FAULT_NONE;
    gboolean quit;
    guint64 ms = 0;

    g_mutex_lock(&g->lock);
    quit = g->quit;
    if (strcmp(command, "x-migtune-fault") != 0)
        fault = mt_ref_faults_meet(&g->faults, command, &ms);
    g_mutex_unlock(&g->lock);

    if (quit || fault == MT_REF_FAULT_HANGUP)
        return MT_REF_HANG_UP;
    if (fault == MT_REF_FAULT_DELAY && !execute_delay(g, ms, patience))
        return MT_REF_LATE;
    if (fault != MT_REF_FAULT_REFUSE)
        return MT_REF_ANSWERED;

    mt_ref_refuse(refusal, "%s was refused because of an armed fault",
                  command);
    return MT_REF_REFUSED;
}

/* Runs a command without an injected fault. */
static MtRefAnswer
execute_run(MtRefGuest *g, const char *command, JsonObject *arguments, int *fd,
            JsonNode **ret_result, MtRefRefusal *refusal)
{
    g_autoptr(JsonObject) args = arguments ? json_object_ref(arguments) :
                                 json_object_new();
    MtRefAnswer answer = MT_REF_ANSWERED;
    JsonNode *result = NULL;

    g_mutex_lock(&g->command);
    if (!execute_locked(g, command, args, fd, &result, refusal))
        answer = MT_REF_REFUSED;
    else if (strcmp(command, "quit") == 0)
        answer = MT_REF_QUIT;
    g_mutex_unlock(&g->command);
    mt_ref_guest_deliver_events(g);

    if (answer != MT_REF_REFUSED)
        *ret_result = result ? result :
                      mt_json_node_new_object(json_object_new());
    return answer;
}

MtRefAnswer
mt_ref_execute_fd(MtRefGuest *g, const char *command,
                        JsonObject *arguments, int *fd, JsonNode **ret_result,
                        MtRefRefusal *refusal)
{
    MtRefAnswer answer = execute_meet_fault(g, command, NULL, refusal);

    return answer == MT_REF_ANSWERED
        ? execute_run(g, command, arguments, fd, ret_result, refusal) : answer;
}

MtRefAnswer
mt_ref_execute_within(MtRefGuest *g, const char *command,
                      JsonObject *arguments, MtRefPatience *patience,
                      JsonNode **ret_result, MtRefRefusal *refusal)
{
    MtRefAnswer answer = execute_meet_fault(g, command, patience, refusal);
    int fd = -1;

    return answer == MT_REF_ANSWERED
        ? execute_run(g, command, arguments, &fd, ret_result, refusal)
        : answer;
}

void
mt_ref_execute_late(MtRefGuest *g, const char *command, JsonObject *arguments)
{
    g_autoptr(JsonNode) result = NULL;
    MtRefRefusal refusal = { NULL };
    int fd = -1;

    execute_run(g, command, arguments, &fd, &result, &refusal);
    mt_ref_refusal_clear(&refusal);
}

MtRefAnswer
mt_ref_execute(MtRefGuest *g, const char *command,
                     JsonObject *arguments, JsonNode **ret_result,
                     MtRefRefusal *refusal)
{
    int fd = -1;

    return mt_ref_execute_fd(g, command, arguments, &fd, ret_result,
                                   refusal);
}
