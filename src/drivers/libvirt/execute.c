/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands of QMP for a guest of libvirt.
 *
 * They go through the monitor that libvirt holds, one call a command.  What
 * libvirt has a function for is taken out of migrate-set-parameters and given
 * to that function (native.c): libvirt then knows of it, and a migration that
 * it runs keeps it.  What is left goes to the monitor, and the answer is one.
 *
 * A batch runs in a thread that may be left behind, see call.c: then it stops
 * before its next command, and what it has done until then counts.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <libvirt/libvirt-qemu.h>

#include "drivers/libvirt/native.h"
#include "qmp/message.h"
#include "util/json.h"
#include "util/json-peek.h"

/* One command on its way. */
typedef struct {
    const LvNative *native[LV_N_NATIVE];
    guint64 values[LV_N_NATIVE];
    guint n_native;
    const char *command;
    char *line;                 /* for the monitor; NULL: nothing left */
    char *reply;                /* of the monitor */
    JsonNode *bare;             /* of libvirt, in place of the monitor */
    GError *refusal;            /* of a function of libvirt, or ours */
    GError *failure;            /* nobody knows what became of it */
} LvItem;

/* What runs in the other thread; counted. */
typedef struct {
    virDomainPtr domain;
    char *name;
    gboolean no_monitor;
    char uuid[VIR_UUID_STRING_BUFLEN];
    guint id;                   /* whose number it is to have */
    gboolean known;             /* it has been asked before */
    gboolean look_first;        /* whether it has that number still */
    gint looked;                /* atomic: that is done */
    const char *how;            /* atomic: how it has lost it; NULL: it has not */
    gboolean at_once;           /* nothing but questions */
    gboolean crowded;           /* but others ask, too */
    LvItem *items;
    guint n_items;
    gint n_done;                /* atomic: items that are settled */
    gint left;                  /* atomic: nobody waits any more */
} LvBatch;

/* Others that may ask over a connection while a batch is sent at once. */
#define MAX_ASKING 3

/* Commands of which libvirt must know: it would take the guest for lost. */
static const char *const execute_forbidden[] = {
    "migrate",
    "migrate-incoming",
    "migrate-recover",
    "migrate-continue",
    "migrate-start-postcopy",
    "migrate-pause",
    "migrate_cancel",
    "cont",
    "stop",
    "quit",
    "system_powerdown",
    "system_reset",
    NULL
};

static void
execute_batch_clear(gpointer data)
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
    g_free(batch->name);
    virDomainFree(batch->domain);
}

static void
execute_batch_unref(gpointer batch)
{
    g_atomic_rc_box_release_full(batch, execute_batch_clear);
}

static char *
execute_line(const char *name, JsonObject *arguments)
{
    g_autoptr(JsonObject) object = json_object_new();

    json_object_set_string_member(object, "execute", name);
    if (arguments)
        json_object_set_object_member(object, "arguments",
                                      json_object_ref(arguments));

    return mt_json_object_to_line(object);
}

static void
execute_forbid(LvItem *item, const char *name)
{
    migtune_error_set(&item->refusal, MIGTUNE_ERROR_UNSUPPORTED,
                      "%s is not sent to a guest of libvirt behind its back: "
                      "use 'virsh migrate' and its kin; 'migtune explain "
                      "--for-libvirt' tells with which options", name);
    migtune_error_set_field(item->refusal, MIGTUNE_ERROR_FIELD_COMMAND, name);
}

/* Takes out of @command what libvirt has functions for. */
static void
execute_prepare(const LvDomain *domain, LvItem *item,
                const MigtuneDriverCommand *command)
{
    g_autoptr(JsonObject) rest = NULL;

    item->command = g_intern_string(command->name);
    if (g_strv_contains(execute_forbidden, command->name)) {
        execute_forbid(item, command->name);
        return;
    }
    if (strcmp(command->name, "migrate-set-parameters") == 0 &&
        command->arguments) {
        rest = lv_native_split(command->arguments, item->native, item->values,
                               &item->n_native);
        if (json_object_get_size(rest) > 0 || item->n_native == 0)
            item->line = execute_line(command->name, rest);
    } else {
        item->line = execute_line(command->name, command->arguments);
    }
}

/* libvirt finds a guest by its UUID, so that a command would reach whatever
 * runs under that now. */
static gboolean
execute_look(LvBatch *batch, GError **error)
{
    virDomainPtr now = virDomainLookupByUUIDString(
        virDomainGetConnect(batch->domain), batch->uuid);
    guint id = now ? virDomainGetID(now) : (unsigned int)-1;

    if (!now && virGetLastErrorCode() != VIR_ERR_NO_DOMAIN) {
        lv_error_take(error, LV_TO_ASK, batch->name);
        return FALSE;
    }
    if (now)
        virDomainFree(now);
    if (id == batch->id)
        return TRUE;

    g_atomic_pointer_set(&batch->how,
                         id == (unsigned int)-1
                             ? "it was stopped"
                             : "it was stopped and started again");
    lv_domain_set_gone(error, batch->name, batch->how);
    return FALSE;
}

/* FALSE when it is not known what became of it. */
static gboolean
execute_monitor(LvBatch *batch, LvItem *item, const char *line,
                GError **error)
{
    g_autoptr(GError) failure = NULL;

    if (virDomainQemuMonitorCommand(batch->domain, line, &item->reply, 0) >= 0)
        return TRUE;

    lv_error_take(&failure, LV_TO_ASK, batch->name);
    /* As of a domain that does not run. */
    if (virGetLastErrorCode() == VIR_ERR_OPERATION_INVALID && batch->known) {
        g_autoptr(GError) gone = NULL;

        if (!execute_look(batch, &gone) && batch->how) {
            g_propagate_error(error, g_steal_pointer(&gone));
            return FALSE;
        }
    }
    g_propagate_error(error, g_steal_pointer(&failure));

    return FALSE;
}

/* A function of libvirt; a refusal settles the item. */
static gboolean
execute_native(LvBatch *batch, LvItem *item, guint nth, GError **error)
{
    const LvNative *native = item->native[nth];
    g_autoptr(GError) failure = NULL;

    if (native->set(batch->domain, item->values[nth] / native->unit) == 0)
        return TRUE;

    lv_error_take(&failure, LV_TO_CHANGE, native->member);
    if (lv_error_is_loss()) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return FALSE;
    }
    item->refusal = g_steal_pointer(&failure);
    migtune_error_set_field(item->refusal, MIGTUNE_ERROR_FIELD_COMMAND,
                            native->function);

    return TRUE;
}

static gboolean
execute_refused_by_qemu(const LvItem *item)
{
    g_autoptr(MtMessage) message = NULL;

    if (item->reply)
        message = mt_message_parse(item->reply, strlen(item->reply), NULL);

    return message && message->kind == MT_MESSAGE_ERROR;
}

/* Answers without the monitor, or refuses. */
static gboolean
execute_bare(LvBatch *batch, LvItem *item, GError **error)
{
    item->bare = lv_bare_answer(batch->domain, item->command,
                                &item->refusal);
    if (item->refusal &&
        g_error_matches(item->refusal, MIGTUNE_ERROR,
                        MIGTUNE_ERROR_DISCONNECTED)) {
        g_propagate_error(error, g_steal_pointer(&item->refusal));
        return FALSE;
    }

    return TRUE;
}

static gboolean
execute_item(LvBatch *batch, LvItem *item, GError **error)
{
    if (item->refusal)
        return TRUE;
    if (item->line && batch->no_monitor)
        return execute_bare(batch, item, error);
    if (item->line && !execute_monitor(batch, item, item->line, error))
        return FALSE;
    if (item->n_native > 0 && execute_refused_by_qemu(item))
        return TRUE;
    for (guint i = 0; i < item->n_native && !item->refusal; i++) {
        if (!execute_native(batch, item, i, error))
            return FALSE;
    }

    return TRUE;
}

static void
execute_nth(guint nth, gpointer data)
{
    LvBatch *batch = data;
    LvItem *item = &batch->items[nth];

    if (!g_atomic_int_get(&batch->left))
        execute_item(batch, item, &item->failure);
}

/* What only asks has no order, and it is the waiting that costs.  With many
 * guests at a time nobody waits less for it: a daemon takes five calls of a
 * client at a time. */
static gboolean
execute_all_at_once(LvBatch *batch, GError **error)
{
    if (batch->crowded) {
        for (guint i = 0; i < batch->n_items; i++)
            execute_nth(i, batch);
    } else {
        lv_call_each(batch->n_items, execute_nth, batch);
    }
    for (guint i = 0; i < batch->n_items; i++) {
        if (g_atomic_int_get(&batch->left))
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
execute_run(gpointer data, GError **error)
{
    LvBatch *batch = data;

    if (batch->look_first && !execute_look(batch, error))
        return FALSE;
    g_atomic_int_set(&batch->looked, TRUE);
    if (batch->at_once)
        return execute_all_at_once(batch, error);

    for (guint i = 0; i < batch->n_items; i++) {
        if (g_atomic_int_get(&batch->left))
            return TRUE;
        if (!execute_item(batch, &batch->items[i], error))
            return FALSE;
        g_atomic_int_set(&batch->n_done, i + 1);
    }

    return TRUE;
}

/* Turns what came into what the command is to have. */
static gboolean
execute_answer(LvItem *item, MigtuneDriverCommand *command, GError **error)
{
    g_autoptr(MtMessage) message = NULL;

    if (item->refusal) {
        command->error = g_steal_pointer(&item->refusal);
    } else if (item->bare) {
        command->result = g_steal_pointer(&item->bare);
    } else if (item->reply) {
        message = mt_message_parse(item->reply, strlen(item->reply), error);
        if (!message)
            return FALSE;
        if (message->kind == MT_MESSAGE_ERROR) {
            command->error = mt_message_refusal(
                command->name, message->error_class, message->error_desc);
        } else if (message->kind == MT_MESSAGE_REPLY) {
            command->result = g_steal_pointer(&message->result);
        } else {
            migtune_error_set(error, MIGTUNE_ERROR_PROTOCOL,
                              "libvirt answered %s with something that is "
                              "neither a reply nor an error", command->name);
            return FALSE;
        }
    } else {
        /* All of it was libvirt's. */
        command->result = mt_json_node_new_object(json_object_new());
    }
    command->answered = TRUE;

    return TRUE;
}

/* Whether it is nothing but questions. */
static gboolean
execute_only_asks(const MigtuneDriverCommand *commands, guint n_commands)
{
    for (guint i = 0; i < n_commands; i++) {
        if (!g_str_has_prefix(commands[i].name, "query-"))
            return FALSE;
    }

    return TRUE;
}

static LvBatch *
execute_batch_new(const LvDomain *domain,
                  const MigtuneDriverCommand *commands, guint n_commands)
{
    LvBatch *batch = g_atomic_rc_box_new0(LvBatch);

    batch->domain = domain->domain;
    virDomainRef(batch->domain);
    batch->name = g_strdup(domain->name);
    batch->no_monitor = domain->conn->no_monitor;
    memcpy(batch->uuid, domain->uuid, sizeof(batch->uuid));
    batch->id = domain->id;
    batch->at_once = execute_only_asks(commands, n_commands);
    batch->known = domain->instance != NULL;
    batch->look_first = batch->known &&
                        (!batch->at_once ||
                         g_get_monotonic_time() - domain->seen_us > LV_SEEN_US);
    batch->n_items = n_commands;
    batch->items = g_new0(LvItem, n_commands);
    for (guint i = 0; i < n_commands; i++)
        execute_prepare(domain, &batch->items[i], &commands[i]);

    return batch;
}

/* @ret_again: nothing came of it that could not be done a second time. */
static gboolean
execute_once(LvDomain *domain, MigtuneDriverCommand *commands,
             guint n_commands, gboolean *ret_again, GCancellable *cancellable,
             GError **error)
{
    LvBatch *batch = execute_batch_new(domain, commands, n_commands);
    g_autoptr(GError) failure = NULL;
    gboolean ok = TRUE;
    guint n_done;

    batch->crowded = g_atomic_int_add(&domain->conn->n_asking, 1) >= MAX_ASKING;
    lv_call(execute_run, g_atomic_rc_box_acquire(batch), execute_batch_unref,
            "answer", domain->conn->command_timeout_ms, cancellable,
            &failure);
    g_atomic_int_add(&domain->conn->n_asking, -1);
    g_atomic_int_set(&batch->left, TRUE);
    n_done = g_atomic_int_get(&batch->n_done);
    *ret_again = g_error_matches(failure, MIGTUNE_ERROR,
                                 MIGTUNE_ERROR_DISCONNECTED) &&
                 (batch->at_once ||
                  (batch->look_first && !g_atomic_int_get(&batch->looked)));
    for (guint i = 0; ok && !*ret_again && i < n_done; i++)
        ok = execute_answer(&batch->items[i], &commands[i], error);
    if (batch->look_first && !failure)
        domain->seen_us = g_get_monotonic_time();
    domain->gone = g_strdup(g_atomic_pointer_get(&batch->how));
    execute_batch_unref(batch);
    if (!failure)
        return ok;

    if (lv_domain_is_lost_by(failure))
        lv_domain_lose(domain);
    if (ok)
        g_propagate_error(error, g_steal_pointer(&failure));

    return FALSE;
}

gboolean
lv_execute(gpointer data, MigtuneDriverCommand *commands, guint n_commands,
           GCancellable *cancellable, GError **error)
{
    LvDomain *domain = data;
    g_autoptr(GError) failure = NULL;
    gboolean again;

    if (!lv_domain_get_ready(domain, cancellable, error))
        return FALSE;
    if (execute_once(domain, commands, n_commands, &again, cancellable,
                     &failure))
        return TRUE;
    /* A daemon that was started anew shows at the next that it is asked. */
    if (again && !domain->reconnects)
        return lv_domain_get_ready(domain, cancellable, error) &&
               execute_once(domain, commands, n_commands, &again, cancellable,
                            error);
    g_propagate_error(error, g_steal_pointer(&failure));

    return FALSE;
}

char *
lv_remark(gpointer data, const char *command, JsonObject *arguments)
{
    LvDomain *domain = data;
    LvItem item = { NULL };
    const MigtuneDriverCommand asked = { .name = command,
                                         .arguments = arguments };
    char *text = NULL;

    execute_prepare(domain, &item, &asked);
    if (item.line && !domain->conn->no_monitor)
        text = g_strdup("part of this goes through QEMU's monitor, as "
                        "reading does: libvirt marks the guest as tainted "
                        "(custom monitor control commands); --no-monitor "
                        "refuses instead");
    g_free(item.line);
    g_clear_error(&item.refusal);

    return text;
}
