/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal: one JSON file for each guest process, and a lock file beside
 * it.  The file's name is a digest of what identifies the process, so that
 * what was remembered of a guest is gone when its QEMU has been restarted.
 *
 * A file that cannot be understood is as good as none.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "core/journal.h"
#include "util/i18n.h"
#include "util/json-peek.h"
#include "util/json.h"
#include "util/lock.h"
#include "util/replace.h"

#include "migtune/migtune-error.h"

struct _MtJournal {
    char *path;
    char *lock_path;
    char *id;
    int lock_fd;       /* -1: not locked: nothing is written */
    JsonNode *content; /* what was begun and not ended yet */
    char *before;      /* of the file, before it was begun */
};

MtJournal *
mt_journal_new(const char *id)
{
    MtJournal *journal = g_new0(MtJournal, 1);
    g_autofree char *dir = mt_lock_state_dir();
    g_autofree char *digest =
        g_compute_checksum_for_string(G_CHECKSUM_SHA256, id, -1);

    journal->id = g_strdup(id);
    journal->path = g_strdup_printf("%s/%.32s.json", dir, digest);
    journal->lock_path = g_strdup_printf("%s/%.32s.lock", dir, digest);
    journal->lock_fd = -1;

    return journal;
}

gboolean
mt_journal_lock(MtJournal *journal, guint timeout_ms, GCancellable *cancellable,
                char **ret_warning, GError **error)
{
    g_autofree char *dir = g_path_get_dirname(journal->lock_path);
    g_autoptr(GError) cause = NULL;

    *ret_warning = NULL;
    g_mkdir_with_parents(dir, 0700);
    journal->lock_fd =
        mt_lock_take(journal->lock_path, timeout_ms, cancellable, &cause);
    if (!cause)
        return TRUE;
    if (!g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_IO)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return FALSE;
    }

    *ret_warning = g_strdup_printf(
        _("no lock and no journal: %s; another migtune could change this "
          "guest at the same time, and 'reset' will not know its former "
          "state"),
        cause->message);
    return TRUE;
}

void
mt_journal_free(MtJournal *journal)
{
    if (!journal)
        return;

    if (journal->lock_fd >= 0)
        close(journal->lock_fd);
    g_clear_pointer(&journal->content, json_node_unref);
    g_free(journal->path);
    g_free(journal->lock_path);
    g_free(journal->before);
    g_free(journal->id);
    g_free(journal);
}

MtSet *
mt_journal_load(MtJournal *journal, const MtCaps *caps, gboolean *interrupted)
{
    g_autofree char *text = NULL;
    g_autoptr(JsonNode) root = NULL;
    g_autoptr(MtSet) former = mt_set_new();
    JsonObject *object;
    JsonArray *values;
    gboolean ended;
    gsize length;

    if (!g_file_get_contents(journal->path, &text, &length, NULL))
        return NULL;
    root = mt_json_parse(text, length, NULL);
    if (!root || !JSON_NODE_HOLDS_OBJECT(root))
        return NULL;
    object = json_node_get_object(root);
    values = mt_json_peek_array(object, "former");
    if (g_strcmp0(mt_json_peek_string(object, "id"), journal->id) != 0 ||
        !mt_json_peek_bool(object, "ended", &ended) || !values)
        return NULL;

    for (guint i = 0; i < json_array_get_length(values); i++) {
        JsonNode *node = json_array_get_element(values, i);
        const MtCapsEntry *entry = NULL;
        MtValue *value = NULL;
        const char *qmp;
        JsonObject *one;
        gint64 kind;

        if (!JSON_NODE_HOLDS_OBJECT(node))
            return NULL;
        one = json_node_get_object(node);
        qmp = mt_json_peek_string(one, "qmp");
        if (!qmp || !mt_json_peek_int(one, "kind", &kind) ||
            !json_object_has_member(one, "value"))
            return NULL;
        entry = mt_caps_lookup_qmp(caps, kind, qmp);
        if (entry)
            value = mt_value_from_json(
                entry->row, json_object_get_member(one, "value"), NULL);
        if (value)
            mt_set_put(former, entry->row, value);
    }
    if (interrupted)
        *interrupted = !ended;

    return g_steal_pointer(&former);
}

static void
journal_write(MtJournal *journal, gboolean ended)
{
    g_autofree char *text = NULL;
    JsonObject *object;

    if (journal->lock_fd < 0 || !journal->content)
        return;

    object = json_node_get_object(journal->content);
    json_object_set_boolean_member(object, "ended", ended);
    text = mt_json_to_line(journal->content);
    mt_replace_file(journal->path, text);
}

void
mt_journal_begin(MtJournal *journal, const MtCaps *caps, const MtSet *former)
{
    gboolean interrupted = FALSE;
    g_autoptr(MtSet) all = mt_set_copy(former);
    g_autoptr(MtSet) left = mt_journal_load(journal, caps, &interrupted);
    JsonObject *object = json_object_new();
    JsonArray *values = json_array_new();

    for (guint i = 0; interrupted && i < mt_set_size(left); i++) {
        const MtRow *row = mt_set_nth(left, i);

        mt_set_put(all, row, mt_value_copy(mt_set_get(left, row)));
    }
    for (guint i = 0; i < mt_set_size(all); i++) {
        const MtRow *row = mt_set_nth(all, i);
        JsonObject *one = json_object_new();

        json_object_set_string_member(one, "qmp", row->qmp);
        json_object_set_int_member(one, "kind", row->kind);
        json_object_set_member(one, "value",
                               mt_value_to_json(row, mt_set_get(all, row)));
        json_array_add_object_element(values, one);
    }
    json_object_set_string_member(object, "id", journal->id);
    json_object_set_array_member(object, "former", values);
    g_clear_pointer(&journal->content, json_node_unref);
    journal->content = mt_json_node_new_object(object);
    g_clear_pointer(&journal->before, g_free);
    g_file_get_contents(journal->path, &journal->before, NULL, NULL);
    journal_write(journal, FALSE);
}

void
mt_journal_end(MtJournal *journal)
{
    journal_write(journal, TRUE);
}

void
mt_journal_abort(MtJournal *journal)
{
    if (journal->lock_fd < 0 || !journal->content)
        return;

    if (journal->before)
        mt_replace_file(journal->path, journal->before);
    else
        g_unlink(journal->path);
}
