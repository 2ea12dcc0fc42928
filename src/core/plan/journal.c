/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal: one JSON file for each guest process, and one lock file for each
 * guest.
 *
 * The name of the JSON file is a digest of the process, so that a restarted
 * QEMU has no journal.  The name of the lock file is a digest of the guest,
 * because two monitors of one guest may identify its process differently.
 *
 * A file that is damaged counts as missing.  Files of processes that have ended
 * are removed.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "core/plan/journal.h"
#include "util/i18n.h"
#include "util/json-peek.h"
#include "util/json.h"
#include "util/lock.h"
#include "util/replace.h"

#include "migtune/migtune-error.h"

/* Age at which the journal of an unidentified process is removed. */
#define JOURNAL_MAX_AGE_S (30 * 24 * 3600)

struct _MtJournal {
    char *path; /* NULL: the process is not identified */
    char *lock_path;
    char *id;          /* of the process */
    int lock_fd;       /* -1: not locked: nothing is written */
    JsonNode *content; /* what was begun and not ended yet */
    char *before;      /* of the file, before it was begun */
};

/*
 * A file below the state directory, for g_free().  If @id begins with the
 * number and the start time of a process, so does the name of the file.
 */
static char *
journal_path(const char *id, const char *ending)
{
    g_autofree char *dir = mt_lock_state_dir();
    g_autofree char *digest =
        g_compute_checksum_for_string(G_CHECKSUM_SHA256, id, -1);
    guint64 start;
    guint pid;

    if (sscanf(id, "process %u:%" G_GUINT64_FORMAT " ", &pid, &start) == 2)
        return g_strdup_printf("%s/%u-%" G_GUINT64_FORMAT "-%.32s.%s", dir, pid,
                               start, digest, ending);

    return g_strdup_printf("%s/%.32s.%s", dir, digest, ending);
}

MtJournal *
mt_journal_new(const char *guest, const char *process)
{
    MtJournal *journal = g_new0(MtJournal, 1);

    journal->id = g_strdup(process);
    journal->path = process ? journal_path(process, "json") : NULL;
    journal->lock_path = journal_path(guest, "lock");
    journal->lock_fd = -1;

    return journal;
}

/* Whether the process @pid that started at @start, in clock ticks after boot,
 * still runs. */
static gboolean
journal_process_runs(guint pid, guint64 start)
{
    g_autofree char *path = g_strdup_printf("/proc/%u/stat", pid);
    g_autofree char *text = NULL;
    g_auto(GStrv) fields = NULL;
    const char *rest;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        return FALSE;
    rest = strrchr(text, ')');
    if (!rest || rest[1] != ' ')
        return TRUE;
    fields = g_strsplit(rest + 2, " ", 21);

    return g_strv_length(fields) < 20 ||
           g_ascii_strtoull(fields[19], NULL, 10) == start;
}

/*
 * Removes the files of processes that have ended, and journals of unidentified
 * processes after JOURNAL_MAX_AGE_S.  Lock files of other guests stay: if one
 * was removed, two processes could lock two files of one name.
 */
static void
journal_clean(const char *dir_path)
{
    g_autoptr(GDir) dir = g_dir_open(dir_path, 0, NULL);
    gint64 oldest = g_get_real_time() / G_USEC_PER_SEC - JOURNAL_MAX_AGE_S;
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(dir_path, name, NULL);
        GStatBuf status;
        guint64 start;
        guint pid;
        gboolean is_lock = g_str_has_suffix(name, ".lock");
        gboolean over;

        if (!is_lock && !g_str_has_suffix(name, ".json"))
            continue;
        if (sscanf(name, "%u-%" G_GUINT64_FORMAT "-", &pid, &start) == 2)
            over = !journal_process_runs(pid, start);
        else
            over = !is_lock && g_lstat(path, &status) == 0 &&
                   S_ISREG(status.st_mode) && status.st_mtime < oldest;
        if (over)
            g_unlink(path);
    }
}

gboolean
mt_journal_lock(MtJournal *journal, guint timeout_ms, GCancellable *cancellable,
                char **ret_warning, GError **error)
{
    g_autofree char *dir = g_path_get_dirname(journal->lock_path);
    g_autofree char *reason = NULL; /* why there is no directory */
    g_autoptr(GError) cause = NULL;

    *ret_warning = NULL;
    /* A relative HOME or XDG_STATE_HOME is ignored. */
    if (!g_path_is_absolute(dir)) {
        migtune_error_set(&cause, MIGTUNE_ERROR_IO,
                          _("HOME is not an absolute path"));
    } else {
        if (g_mkdir_with_parents(dir, 0700) < 0)
            reason = g_strdup_printf("%s: %s", dir, g_strerror(errno));
        journal->lock_fd =
            mt_lock_take(journal->lock_path, timeout_ms, cancellable, &cause);
    }
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
        reason ? reason : cause->message);
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
mt_journal_load(MtJournal *journal, const MtCaps *caps, gboolean *interrupted,
                GPtrArray *unknown)
{
    g_autofree char *text = NULL;
    g_autoptr(JsonNode) root = NULL;
    g_autoptr(MtSet) former = mt_set_new();
    JsonObject *object;
    JsonArray *values;
    gboolean ended;
    gsize length;

    if (!journal->path ||
        !g_file_get_contents(journal->path, &text, &length, NULL))
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
        if (entry && json_object_get_null_member(one, "value")) {
            if (unknown)
                g_ptr_array_add(unknown, (gpointer)entry->row);
            continue;
        }
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

    if (journal->lock_fd < 0 || !journal->content || !journal->path)
        return;

    object = json_node_get_object(journal->content);
    json_object_set_boolean_member(object, "ended", ended);
    text = mt_json_to_line(journal->content);
    mt_replace_file(journal->path, text);
}

void
mt_journal_begin(MtJournal *journal, const MtCaps *caps, const MtSet *former,
                 const GPtrArray *unknown)
{
    gboolean interrupted = FALSE;
    g_autoptr(MtSet) all = mt_set_copy(former);
    g_autoptr(MtSet) left = mt_journal_load(journal, caps, &interrupted,
                                            NULL);
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
    for (guint i = 0; i < unknown->len; i++) {
        const MtRow *row = g_ptr_array_index(unknown, i);
        JsonObject *one = json_object_new();

        json_object_set_string_member(one, "qmp", row->qmp);
        json_object_set_int_member(one, "kind", row->kind);
        json_object_set_null_member(one, "value");
        json_array_add_object_element(values, one);
    }
    mt_json_set_text(object, "id", journal->id);
    json_object_set_array_member(object, "former", values);
    g_clear_pointer(&journal->content, json_node_unref);
    journal->content = mt_json_node_new_object(object);
    g_clear_pointer(&journal->before, g_free);
    if (journal->path &&
        !g_file_get_contents(journal->path, &journal->before, NULL, NULL)) {
        g_autofree char *dir = g_path_get_dirname(journal->path);

        /* The first change of a process: now and then is often enough. */
        journal_clean(dir);
    }
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
    if (journal->lock_fd < 0 || !journal->content || !journal->path)
        return;

    if (journal->before)
        mt_replace_file(journal->path, journal->before);
    else
        g_unlink(journal->path);
}
