/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Running QMP commands on a guest of libvirt.
 *
 * A command goes through one of three channels: see batch_channels.  Settings
 * that libvirt has a function for are taken out of migrate-set-parameters and
 * given to that function (native.c), so that libvirt knows of them and a
 * migration that it runs keeps them.  The other settings of the command go to
 * the monitor, and the command gets one answer.
 *
 * A batch runs in a thread that may be abandoned (call.c).  It stops before its
 * next command then, and the commands that were answered until then count.
 */
#include "config.h"

#undef G_LOG_DOMAIN
#define G_LOG_DOMAIN "migtune-libvirt"

#include <stdlib.h>
#include <string.h>

#include <libvirt/libvirt-qemu.h>

#include "drivers/libvirt/native.h"
#include "qmp/message.h"
#include "util/i18n.h"
#include "util/json.h"
#include "util/json-peek.h"

/* Batches of one connection up to which the queries of a batch are sent in
 * parallel.  A daemon runs five calls of a client at a time. */
#define BATCH_MAX_PARALLEL 3

typedef enum {
    CHANNEL_MONITOR,            /* QEMU's monitor: taints the guest */
    CHANNEL_LIBVIRT,            /* a function of libvirt */
    CHANNEL_REFUSED,            /* libvirt would lose track of the guest */
} Channel;

static int
batch_abort_job(virDomainPtr domain)
{
    return virDomainAbortJob(domain);
}

static int
batch_start_postcopy(virDomainPtr domain)
{
    return virDomainMigrateStartPostCopy(domain, 0);
}

static int
batch_suspend(virDomainPtr domain)
{
    return virDomainSuspend(domain);
}

static int
batch_resume(virDomainPtr domain)
{
    return virDomainResume(domain);
}

/* The channel of each command; the monitor for all others. */
static const struct {
    const char *command;
    Channel channel;
    int (*run)(virDomainPtr domain);
    const char *function;       /* libvirt's name of it */
} batch_channels[] = {
    { "migrate_cancel", CHANNEL_LIBVIRT, batch_abort_job,
      "virDomainAbortJob" },
    { "migrate-start-postcopy", CHANNEL_LIBVIRT, batch_start_postcopy,
      "virDomainMigrateStartPostCopy" },
    { "migrate", CHANNEL_REFUSED, NULL, NULL },
    { "migrate-incoming", CHANNEL_REFUSED, NULL, NULL },
    { "migrate-recover", CHANNEL_REFUSED, NULL, NULL },
    { "migrate-continue", CHANNEL_REFUSED, NULL, NULL },
    { "migrate-pause", CHANNEL_REFUSED, NULL, NULL },
    { "cont", CHANNEL_LIBVIRT, batch_resume, "virDomainResume" },
    { "stop", CHANNEL_LIBVIRT, batch_suspend, "virDomainSuspend" },
    { "quit", CHANNEL_REFUSED, NULL, NULL },
    { "system_powerdown", CHANNEL_REFUSED, NULL, NULL },
    { "system_reset", CHANNEL_REFUSED, NULL, NULL },
};

/* One command. */
typedef struct {
    const char *command;        /* interned */
    gssize channel;             /* index in batch_channels; -1: the monitor */
    const LvNative *native[LV_N_NATIVE];
    guint64 values[LV_N_NATIVE];
    guint n_native;
    char *line;                 /* for the monitor; NULL: nothing is left */
    char *reply;                /* of the monitor */
    JsonNode *bare;             /* libvirt's answer, instead of the monitor's */
    GError *refusal;
    GError *failure;            /* it is unknown whether it took effect */
} LvItem;

/* What the other thread uses; counted. */
typedef struct {
    virDomainPtr domain;
    char *name;
    char *uuid;
    guint id;
    gboolean check_id;
    gboolean no_monitor;
    gboolean parallel;
    gboolean only_queries;
    gboolean check_job;
    gboolean check_arrival;
    LvItem *items;
    guint n_items;
    GError *check_failure;
    GError *job_failure;
    gint checked;               /* atomic */
    gint arrived;               /* atomic */
    const char *gone;           /* atomic */
    gint n_done;                /* atomic: items that are answered */
    gint abandoned;             /* atomic */
} LvBatch;

static void
batch_clear(gpointer data)
{
    LvBatch *batch = data;

    for (guint i = 0; i < batch->n_items; i++) {
        g_free(batch->items[i].line);
        free(batch->items[i].reply);
        g_clear_error(&batch->items[i].refusal);
        g_clear_error(&batch->items[i].failure);
        g_clear_pointer(&batch->items[i].bare, json_node_unref);
    }
    g_free(batch->items);
    g_clear_error(&batch->check_failure);
    g_clear_error(&batch->job_failure);
    g_free(batch->name);
    g_free(batch->uuid);
    virDomainFree(batch->domain);
}

static void
batch_unref(gpointer batch)
{
    g_atomic_rc_box_release_full(batch, batch_clear);
}

static gssize
batch_find_channel(const char *command)
{
    for (gsize i = 0; i < G_N_ELEMENTS(batch_channels); i++) {
        if (strcmp(batch_channels[i].command, command) == 0)
            return i;
    }

    return -1;
}

static char *
batch_line(const char *name, JsonObject *arguments)
{
    g_autoptr(JsonObject) object = json_object_new();

    json_object_set_string_member(object, "execute", name);
    if (arguments)
        json_object_set_object_member(object, "arguments",
                                      json_object_ref(arguments));

    return mt_json_object_to_line(object);
}

static void
batch_refuse(LvItem *item, const char *name)
{
    migtune_error_set(&item->refusal, MIGTUNE_ERROR_UNSUPPORTED,
                      _("%s is not sent to a libvirt guest, because libvirt "
                        "would not know about it: use 'virsh migrate'; "
                        "'migtune explain --for-libvirt' shows its options"),
                      name);
    migtune_error_set_field(item->refusal, MIGTUNE_ERROR_FIELD_COMMAND, name);
}

/* Whether @arguments of migrate-set-capabilities switch the events off. */
static gboolean
batch_disables_events(JsonObject *arguments)
{
    JsonArray *list = mt_json_peek_array(arguments, "capabilities");

    for (guint i = 0; list && i < json_array_get_length(list); i++) {
        JsonNode *node = json_array_get_element(list, i);
        JsonObject *object;

        if (!JSON_NODE_HOLDS_OBJECT(node))
            continue;
        object = json_node_get_object(node);
        if (g_strcmp0(mt_json_peek_string(object, "capability"), "events") ==
                0 &&
            !json_object_get_boolean_member_with_default(object, "state",
                                                         TRUE))
            return TRUE;
    }

    return FALSE;
}

/* Chooses the channel of a command and splits its arguments. */
static void
batch_prepare(LvItem *item, const char *name, JsonObject *arguments)
{
    g_autoptr(JsonObject) rest = NULL;

    item->command = g_intern_string(name);
    item->channel = batch_find_channel(name);
    if (item->channel >= 0) {
        if (batch_channels[item->channel].channel == CHANNEL_REFUSED)
            batch_refuse(item, name);
    } else if (strcmp(name, "migrate-set-capabilities") == 0 && arguments &&
               batch_disables_events(arguments)) {
        migtune_error_set(&item->refusal, MIGTUNE_ERROR_UNSUPPORTED,
                          _("events cannot be switched off: libvirt needs the "
                            "events of a migration"));
        migtune_error_set_field(item->refusal, MIGTUNE_ERROR_FIELD_COMMAND,
                                name);
    } else if (strcmp(name, "migrate-set-parameters") == 0 && arguments) {
        rest = lv_native_split(arguments, item->native, item->values,
                               &item->n_native);
        if (json_object_get_size(rest) > 0 || item->n_native == 0)
            item->line = batch_line(name, rest);
    } else {
        item->line = batch_line(name, arguments);
    }
}

gboolean
lv_batch_uses_monitor(const char *command, JsonObject *arguments)
{
    LvItem item = { NULL };
    gboolean uses;

    batch_prepare(&item, command, arguments);
    uses = item.line != NULL;
    g_free(item.line);
    g_clear_error(&item.refusal);

    return uses;
}

/* Checks that the guest still has its number.  libvirt finds a guest by its
 * UUID, so a command would reach a later start of the guest as well. */
static gboolean
batch_check_id(LvBatch *batch, GError **error)
{
    virDomainPtr now = virDomainLookupByUUIDString(
        virDomainGetConnect(batch->domain), batch->uuid);
    guint id = now ? virDomainGetID(now) : (unsigned int)-1;

    if (!now && virGetLastErrorCode() != VIR_ERR_NO_DOMAIN) {
        lv_error_take(error, LV_TO_QUERY, batch->name);
        return FALSE;
    }
    if (now)
        virDomainFree(now);
    if (id == batch->id)
        return TRUE;

    g_atomic_pointer_set(&batch->gone,
                         id == (unsigned int)-1
                             ? N_("it was stopped")
                             : N_("it was stopped and started again"));
    lv_error_set_gone(error, batch->name, _(batch->gone));
    return FALSE;
}

/* Checks that libvirt runs no job that would keep the commands waiting.  libvirt
 * would let them wait for half a minute, and run them later if the job ends in
 * that time. */
static gboolean
batch_check_job(LvBatch *batch, GError **error)
{
    if (!lv_job_blocks_changes(batch->domain))
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_BUSY,
                      _("%s: libvirt runs a migration or another job on the "
                        "guest and allows no change through QEMU's monitor "
                        "until it ends; without the monitor ('--no-monitor') the "
                        "settings that libvirt has functions for can be read "
                        "and changed now"), batch->name);
    if (error)
        migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_REASON,
                                "libvirt-job");
    return FALSE;
}

/* Checks that no migration brings the guest to this host.  libvirt would let
 * also queries wait for half a minute. */
static gboolean
batch_check_arrival(LvBatch *batch, GError **error)
{
    gboolean incoming = FALSE;

    if (lv_job_find_incoming(batch->domain, &incoming) && !incoming)
        g_atomic_int_set(&batch->arrived, TRUE);
    if (!incoming)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_BUSY,
                      _("%s: this host receives the guest by a migration of "
                        "libvirt, and until the migration ends libvirt reports "
                        "only the state of the guest ('migtune list')"),
                      batch->name);
    if (error)
        migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_REASON,
                                "libvirt-job");
    return FALSE;
}

static void
batch_check_nth(guint nth, gpointer data)
{
    LvBatch *batch = data;

    if (nth == 0 && batch->check_job)
        batch_check_job(batch, &batch->job_failure);
    else
        batch_check_id(batch, &batch->check_failure);
}

/* Makes the checks that precede the first command, both at the same time.  The
 * batch of queries checks the guest's number itself. */
static gboolean
batch_check(LvBatch *batch, GError **error)
{
    guint n = (batch->check_job ? 1 : 0) +
              (batch->check_id && !batch->only_queries ? 1 : 0);

    if (batch->check_arrival && !batch_check_arrival(batch, error))
        return FALSE;

    lv_call_each(n, batch_check_nth, batch);
    if (batch->check_failure)
        g_propagate_error(error, g_steal_pointer(&batch->check_failure));
    else if (batch->job_failure)
        g_propagate_error(error, g_steal_pointer(&batch->job_failure));
    else
        return TRUE;

    return FALSE;
}

static void
batch_log(const LvBatch *batch, const char *what, const char *text)
{
    g_autofree char *line = mt_message_for_log(text, strlen(text));

    g_debug("%s: %s %s", batch->name, what, line);
}

/* FALSE if it is unknown whether the command took effect. */
static gboolean
batch_run_monitor(LvBatch *batch, LvItem *item, GError **error)
{
    g_autoptr(GError) failure = NULL;

    batch_log(batch, "sent", item->line);
    if (virDomainQemuMonitorCommand(batch->domain, item->line, &item->reply,
                                    0) >= 0) {
        batch_log(batch, "received", item->reply);
        return TRUE;
    }

    lv_error_take(&failure, LV_TO_QUERY, batch->name);
    /* The error of a domain that does not run. */
    if (virGetLastErrorCode() == VIR_ERR_OPERATION_INVALID) {
        g_autoptr(GError) gone = NULL;

        if (!batch_check_id(batch, &gone) && batch->gone) {
            g_propagate_error(error, g_steal_pointer(&gone));
            return FALSE;
        }
    }
    g_propagate_error(error, g_steal_pointer(&failure));

    return FALSE;
}

/* Handles the result of a libvirt function: a refusal is an answer. */
static gboolean
batch_take_result(LvItem *item, int result, const char *what,
                  const char *function, GError **error)
{
    g_autoptr(GError) failure = NULL;

    g_debug("%s: %s", function, result == 0 ? "ok" : "failed");
    if (result == 0)
        return TRUE;

    lv_error_take(&failure, LV_TO_CHANGE, what);
    if (lv_error_is_loss()) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    item->refusal = g_steal_pointer(&failure);
    migtune_error_set_field(item->refusal, MIGTUNE_ERROR_FIELD_COMMAND,
                            function);

    return TRUE;
}

static gboolean
batch_run_native(LvBatch *batch, LvItem *item, guint nth, GError **error)
{
    const LvNative *native = item->native[nth];

    return batch_take_result(item,
                             native->set(batch->domain,
                                         item->values[nth] / native->unit),
                             native->member, native->function, error);
}

/* NULL with an error if the monitor's reply is too large or not a message. */
static MtMessage *
batch_parse_reply(const LvItem *item, GError **error)
{
    gsize length = strlen(item->reply);

    if (!mt_message_check_answer(item->command, item->reply, length, error))
        return NULL;

    return mt_message_parse(item->reply, length, error);
}

static gboolean
batch_is_refused_by_qemu(const LvItem *item)
{
    g_autoptr(MtMessage) message = NULL;

    if (item->reply)
        message = batch_parse_reply(item, NULL);

    return message && message->kind == MT_MESSAGE_ERROR;
}

/* Answers from libvirt's functions, or refuses. */
static gboolean
batch_run_bare(LvBatch *batch, LvItem *item, GError **error)
{
    item->bare = lv_bare_answer(batch->domain, item->command,
                                &item->refusal);
    if (item->refusal &&
        g_error_matches(item->refusal, MIGTUNE_ERROR,
                        MIGTUNE_ERROR_DISCONNECTED)) {
        g_propagate_error(error, g_steal_pointer(&item->refusal));
        return FALSE;
    }
    /* The daemon forgets a guest that is not defined when it ends. */
    if (item->refusal && g_error_matches(item->refusal, MIGTUNE_ERROR,
                                         MIGTUNE_ERROR_NOT_FOUND))
        return batch_check_id(batch, error);
    if (item->refusal && strcmp(item->command, "query-migrate") == 0) {
        if (!batch_check_id(batch, error))
            return FALSE;
        /* The guest did not run when it was opened. */
        g_clear_error(&item->refusal);
        item->bare = mt_json_node_new_object(json_object_new());
    }

    return TRUE;
}

static gboolean
batch_run_item(LvBatch *batch, LvItem *item, GError **error)
{
    if (item->refusal)
        return TRUE;
    if (item->channel >= 0)
        return batch_take_result(
            item, batch_channels[item->channel].run(batch->domain),
            item->command, batch_channels[item->channel].function, error);
    if (item->line && batch->no_monitor)
        return batch_run_bare(batch, item, error);
    if (item->line && !batch_run_monitor(batch, item, error))
        return FALSE;
    if (item->n_native > 0 && batch_is_refused_by_qemu(item))
        return TRUE;
    for (guint i = 0; i < item->n_native && !item->refusal; i++) {
        if (!batch_run_native(batch, item, i, error))
            return FALSE;
    }

    return TRUE;
}

/* Runs an item, or after the last one the check of the guest's number. */
static void
batch_run_nth(guint nth, gpointer data)
{
    LvBatch *batch = data;

    if (g_atomic_int_get(&batch->abandoned))
        return;
    if (nth == batch->n_items)
        batch_check_id(batch, &batch->check_failure);
    else
        batch_run_item(batch, &batch->items[nth],
                       &batch->items[nth].failure);
}

/* Queries need no order.  Sending them in parallel saves round trips, unless
 * other guests are queried at the same time.  The check of the guest's number
 * is sent with them: if it fails, the answers are discarded. */
static gboolean
batch_run_queries(LvBatch *batch, GError **error)
{
    guint n = batch->n_items + (batch->check_id ? 1 : 0);

    if (batch->parallel) {
        lv_call_each(n, batch_run_nth, batch);
    } else {
        for (guint i = n; i > 0; i--)
            batch_run_nth(i - 1, batch);
    }
    if (batch->check_failure) {
        g_propagate_error(error, g_steal_pointer(&batch->check_failure));
        return FALSE;
    }
    g_atomic_int_set(&batch->checked, TRUE);
    for (guint i = 0; i < batch->n_items; i++) {
        if (g_atomic_int_get(&batch->abandoned))
            return TRUE;
        if (batch->items[i].failure) {
            g_propagate_error(error,
                              g_steal_pointer(&batch->items[i].failure));
            return FALSE;
        }
        g_atomic_int_set(&batch->n_done, i + 1);
    }

    return TRUE;
}

static gboolean
batch_run(gpointer data, GError **error)
{
    LvBatch *batch = data;

    if (!batch_check(batch, error))
        return FALSE;
    if (batch->only_queries)
        return batch_run_queries(batch, error);
    g_atomic_int_set(&batch->checked, TRUE);

    for (guint i = 0; i < batch->n_items; i++) {
        if (g_atomic_int_get(&batch->abandoned))
            return TRUE;
        if (!batch_run_item(batch, &batch->items[i], error))
            return FALSE;
        g_atomic_int_set(&batch->n_done, i + 1);
    }

    return TRUE;
}

/* Fills in the answer of @command. */
static gboolean
batch_answer(LvItem *item, MigtuneDriverCommand *command, GError **error)
{
    g_autoptr(MtMessage) message = NULL;

    if (item->refusal) {
        command->error = g_steal_pointer(&item->refusal);
    } else if (item->bare) {
        command->result = g_steal_pointer(&item->bare);
    } else if (item->reply) {
        message = batch_parse_reply(item, error);
        if (!message)
            return FALSE;
        if (message->kind == MT_MESSAGE_ERROR) {
            command->error = mt_message_refusal(
                command->name, message->error_class, message->error_desc);
        } else if (message->kind == MT_MESSAGE_REPLY) {
            command->result = g_steal_pointer(&message->result);
        } else {
            migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                              _("libvirt's answer to %s is neither a reply "
                                "nor an error"), command->name);
            return FALSE;
        }
    } else {
        /* libvirt's functions did all of it. */
        command->result = mt_json_node_new_object(json_object_new());
    }
    command->answered = TRUE;

    return TRUE;
}

static gboolean
batch_only_queries(const MigtuneDriverCommand *commands, guint n_commands)
{
    for (guint i = 0; i < n_commands; i++) {
        if (!g_str_has_prefix(commands[i].name, "query-"))
            return FALSE;
    }

    return TRUE;
}

/* Whether libvirt lets the command wait during an incoming migration. */
static gboolean
batch_waits(const LvBatch *batch, const LvItem *item)
{
    if (item->refusal)
        return FALSE;
    if (batch->no_monitor && item->line)
        return lv_bare_waits(item->command);

    return TRUE;
}

static LvBatch *
batch_new(const LvTarget *target, const MigtuneDriverCommand *commands,
          guint n_commands)
{
    LvBatch *batch = g_atomic_rc_box_new0(LvBatch);

    batch->domain = target->domain;
    virDomainRef(batch->domain);
    batch->name = g_strdup(target->name);
    batch->uuid = g_strdup(target->uuid);
    batch->id = target->id;
    batch->no_monitor = target->no_monitor;
    batch->only_queries = batch_only_queries(commands, n_commands);
    batch->check_id = target->check_id || !batch->only_queries;
    batch->n_items = n_commands;
    batch->items = g_new0(LvItem, n_commands);
    for (guint i = 0; i < n_commands; i++) {
        batch_prepare(&batch->items[i], commands[i].name,
                      commands[i].arguments);
        /* libvirt lets queries through during a job. */
        if (batch->items[i].line && !batch->no_monitor &&
            !g_str_has_prefix(commands[i].name, "query-"))
            batch->check_job = TRUE;
        if (target->check_arrival && batch_waits(batch, &batch->items[i]))
            batch->check_arrival = TRUE;
    }

    return batch;
}

gboolean
lv_batch_run(const LvTarget *target, MigtuneDriverCommand *commands,
             guint n_commands, LvOutcome *ret_outcome,
             GCancellable *cancellable, GError **error)
{
    LvBatch *batch = batch_new(target, commands, n_commands);
    g_autoptr(GError) failure = NULL;
    gboolean ok = TRUE;
    guint n_done;

    batch->parallel =
        g_atomic_int_add(target->n_querying, 1) < BATCH_MAX_PARALLEL;
    lv_call(virDomainGetConnect(target->domain), batch_run,
            g_atomic_rc_box_acquire(batch), batch_unref, LV_CALL_COMMAND,
            target->timeout_ms, cancellable, &failure);
    g_atomic_int_add(target->n_querying, -1);
    g_atomic_int_set(&batch->abandoned, TRUE);
    n_done = g_atomic_int_get(&batch->n_done);
    ret_outcome->checked = batch->check_id &&
                           g_atomic_int_get(&batch->checked);
    ret_outcome->arrived = g_atomic_int_get(&batch->arrived);
    ret_outcome->gone = g_atomic_pointer_get(&batch->gone);
    ret_outcome->repeatable =
        g_error_matches(failure, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED) &&
        (batch->only_queries || !g_atomic_int_get(&batch->checked));
    for (guint i = 0; ok && !ret_outcome->repeatable && i < n_done; i++)
        ok = batch_answer(&batch->items[i], &commands[i], error);
    batch_unref(batch);
    if (ok && failure)
        g_propagate_error(error, g_steal_pointer(&failure));
    else if (ok)
        return TRUE;

    return FALSE;
}
