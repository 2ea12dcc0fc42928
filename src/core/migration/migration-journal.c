/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal of a migration: one JSON file and one lock file for each source
 * guest, below the state directory.
 *
 * The file exists from before the first change until the outcome is known.  It
 * has the addresses of both monitors, the former values of every row that is
 * changed, and the phase.  A phase is written before the first command of it is
 * sent.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "core/migration/migration-journal.h"
#include "util/i18n.h"
#include "util/json-peek.h"
#include "util/json.h"
#include "util/lock.h"
#include "util/replace.h"

struct _MtMigrationJournal {
    char *path;
    int lock_fd;
    JsonNode *content;
};

static const char *const phase_names[] = { "tuning", "listening", "migrating",
                                           "starting" };

const char *
mt_phase_to_string(MtPhase phase)
{
    return phase_names[phase];
}

char *
mt_migration_journal_dir(void)
{
    g_autofree char *state = mt_lock_state_dir();

    return g_build_filename(state, "migrations", NULL);
}

JsonArray *
mt_set_to_journal(const MtSet *values)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < mt_set_size(values); i++) {
        const MtRow *row = mt_set_nth(values, i);
        JsonObject *one = json_object_new();

        json_object_set_string_member(one, "qmp", row->qmp);
        json_object_set_int_member(one, "kind", row->kind);
        json_object_set_member(one, "value",
                               mt_value_to_json(row, mt_set_get(values, row)));
        json_array_add_object_element(array, one);
    }

    return array;
}

MtSet *
mt_set_from_journal(JsonArray *array, const MtCaps *caps)
{
    MtSet *values = mt_set_new();

    for (guint i = 0; array && i < json_array_get_length(array); i++) {
        JsonNode *node = json_array_get_element(array, i);
        JsonObject *one =
            JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
        const char *qmp = one ? mt_json_peek_string(one, "qmp") : NULL;
        const MtCapsEntry *entry;
        MtValue *value;
        gint64 kind;

        if (!qmp || !mt_json_peek_int(one, "kind", &kind) ||
            !json_object_has_member(one, "value"))
            continue;
        entry = mt_caps_lookup_qmp(caps, kind, qmp);
        value = entry ? mt_value_from_json(entry->row,
                                           json_object_get_member(one, "value"),
                                           NULL)
                      : NULL;
        if (value)
            mt_set_put(values, entry->row, value);
    }

    return values;
}

/* The former values of what @plan changes. */
static JsonArray *
journal_former(const MtPlan *plan)
{
    g_autoptr(MtSet) former = mt_set_new();

    for (guint i = 0; i < plan->assignments->len; i++) {
        const MtAssignment *a = g_ptr_array_index(plan->assignments, i);
        const MtValue *value = mt_set_get(plan->before->values, a->row);

        if (value)
            mt_set_put(former, a->row, mt_value_copy(value));
    }

    return mt_set_to_journal(former);
}

static JsonObject *
journal_side(MigtuneDomain *domain, const MtPlan *plan)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "uri", domain->conn->uri);
    json_object_set_string_member(object, "key", domain->key);
    json_object_set_string_member(object, "name", domain->name);
    mt_json_set_text(object, "uuid", domain->identity.uuid);
    mt_json_set_text(object, "instance", domain->identity.instance);
    json_object_set_array_member(object, "former", journal_former(plan));

    return object;
}

MtMigrationJournal *
mt_migration_journal_new(MigtuneMigration *migration, gboolean was_running,
                         GCancellable *cancellable, GError **error)
{
    g_autoptr(MtMigrationJournal) journal = g_new0(MtMigrationJournal, 1);
    g_autofree char *dir = mt_migration_journal_dir();
    g_autofree char *id = mt_domain_dup_identity(migration->source);
    g_autofree char *digest = NULL;
    g_autofree char *lock = NULL;
    g_autoptr(GError) cause = NULL;
    JsonObject *object = json_object_new();

    journal->lock_fd = -1;
    journal->content = mt_json_node_new_object(object);
    digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, id, -1);
    journal->path = g_strdup_printf("%s/%.32s.json", dir, digest);
    lock = g_strdup_printf("%s/%.32s.lock", dir, digest);

    if (!g_path_is_absolute(dir) || g_mkdir_with_parents(dir, 0700) < 0) {
        migtune_error_set(error, MIGTUNE_ERROR_IO, _("%s: %s"), dir,
                          g_path_is_absolute(dir) ? g_strerror(errno)
                                                  : _("not an absolute path"));
        return NULL;
    }
    journal->lock_fd = mt_lock_take(lock, 0, cancellable, &cause);
    if (cause && g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY)) {
        migtune_error_set(error, MIGTUNE_ERROR_BUSY,
                          _("another migtune is migrating %s"),
                          migration->source->name);
        return NULL;
    }
    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return NULL;
    }
    if (g_file_test(journal->path, G_FILE_TEST_EXISTS)) {
        migtune_error_set(error, MIGTUNE_ERROR_CONFLICT,
                          _("an earlier migration of %s was cut off, and it is "
                            "not known whether it has ended; 'migtune recover' "
                            "finds out"),
                          migration->source->name);
        return NULL;
    }

    json_object_set_int_member(object, "format", 1);
    json_object_set_string_member(object, "name", migration->source->name);
    json_object_set_boolean_member(object, "was-running", was_running);
    json_object_set_boolean_member(object, "trusts-link",
                                   migration->trusts_link);
    json_object_set_object_member(
        object, "source",
        journal_side(migration->source, migration->pairing->source_plan));
    json_object_set_object_member(
        object, "destination",
        journal_side(migration->destination,
                     migration->pairing->destination_plan));

    return g_steal_pointer(&journal);
}

gboolean
mt_migration_journal_enter(MtMigrationJournal *journal, MtPhase phase,
                           GError **error)
{
    JsonObject *object = json_node_get_object(journal->content);
    g_autofree char *text = NULL;

    json_object_set_string_member(object, "phase", phase_names[phase]);
    text = mt_json_to_line(journal->content);
    if (mt_replace_file(journal->path, text))
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_IO,
                      _("%s could not be written: %s"), journal->path,
                      g_strerror(errno));
    return FALSE;
}

void
mt_migration_journal_end(MtMigrationJournal *journal)
{
    g_unlink(journal->path);
}

void
mt_migration_journal_free(MtMigrationJournal *journal)
{
    if (!journal)
        return;

    if (journal->lock_fd >= 0)
        close(journal->lock_fd);
    g_clear_pointer(&journal->content, json_node_unref);
    g_free(journal->path);
    g_free(journal);
}
