/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The settings that are kept with a domain.
 *
 * A change reads the document, edits only the names of the change, and writes
 * the document, under a lock.  The lock covers this host only, and virsh takes
 * none, so the document is read again right before and after it is written; if
 * another program changed it meanwhile, the change starts again.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "core/kept/kept.h"
#include "kept/store.h"
#include "util/i18n.h"
#include "util/json-peek.h"
#include "util/lock.h"

/* Attempts before a change fails because of other writers. */
#define KEPT_MAX_TRIES 20

MtKeptChange *
mt_kept_change_new(void)
{
    MtKeptChange *change = g_new0(MtKeptChange, 1);

    change->names = g_ptr_array_new_with_free_func(g_free);
    change->values =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return change;
}

void
mt_kept_change_free(MtKeptChange *change)
{
    if (!change)
        return;

    g_ptr_array_unref(change->names);
    g_hash_table_unref(change->values);
    g_free(change->policy);
    g_free(change);
}

void
mt_kept_change_put(MtKeptChange *change, const char *name, const char *value)
{
    if (!g_hash_table_contains(change->values, name))
        g_ptr_array_add(change->names, g_strdup(name));
    g_hash_table_insert(change->values, g_strdup(name), g_strdup(value));
}

/* A value with its unit: "64MiB", "300ms". */
static char *
kept_value_text(const MtRow *row, const MtValue *value)
{
    char *text;

    if (value->type != MT_TYPE_INT && value->type != MT_TYPE_ULLONG &&
        value->type != MT_TYPE_BOOL)
        return g_strdup(value->text);

    text = mt_value_format(row, value);
    for (char *from = text, *to = text;; from++) {
        if (*from != ' ')
            *to++ = *from;
        if (!*from)
            return text;
    }
}

void
mt_kept_change_add_wishes(MtKeptChange *change, const MtPlan *plan)
{
    for (guint i = 0; i < plan->wishes->len; i++) {
        const MtWish *wish = g_ptr_array_index(plan->wishes, i);
        g_autofree char *text = NULL;

        if (!wish->value)
            continue;
        text = kept_value_text(wish->row, wish->value);
        mt_kept_change_put(change, wish->row->name, text);
    }
}

JsonArray *
mt_kept_change_to_json(const MtKeptChange *change)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; change && i < change->names->len; i++) {
        const char *name = g_ptr_array_index(change->names, i);
        const char *value = g_hash_table_lookup(change->values, name);
        JsonObject *object = json_object_new();

        json_object_set_string_member(object, "name", name);
        if (value)
            json_object_set_string_member(object, "value", value);
        else
            json_object_set_null_member(object, "value");
        json_array_add_object_element(array, object);
    }

    return array;
}

/* The file of a domain.  If the domain has no UUID, the name of the file
 * contains the address of the guest, because two guests with the same name
 * must not share a file. */
static char *
kept_path(const MigtuneDomain *domain)
{
    const char *key = domain->key;
    g_autofree char *name =
        g_path_is_absolute(key)
            ? g_strdup_printf("%s %s", domain->name, key)
            : g_strdup_printf("%s %s %s", domain->name, domain->conn->uri, key);

    return mt_store_path(domain->identity.uuid, name);
}

/* What a message calls the document. */
static char *
kept_where(const MigtuneDomain *domain, MigtuneDriverKept which)
{
    if (!domain->conn->driver->kept_get)
        return kept_path(domain);
    if (which == MIGTUNE_DRIVER_KEPT_LIVE)
        return g_strdup_printf(_("the live metadata of %s"), domain->name);

    return g_strdup_printf(_("the metadata of %s"), domain->name);
}

gboolean
mt_domain_keeps_live(const MigtuneDomain *domain)
{
    const MigtuneDriver *driver = domain->conn->driver;

    return driver->kept_get && driver->kept_set && !domain->identity.inactive;
}

/* Reads the document; @ret_text is NULL if there is none. */
static gboolean
kept_read(MigtuneDomain *domain, MigtuneDriverKept which, char **ret_text,
          GError **error)
{
    const MigtuneDriver *driver = domain->conn->driver;
    g_autofree char *path = NULL;
    GError *cause = NULL;
    gsize length;

    if (driver->kept_get) {
        *ret_text = driver->kept_get(domain->handle, which, &cause);
        if (!cause)
            return TRUE;
        g_propagate_error(error, cause);
        return FALSE;
    }

    path = kept_path(domain);
    *ret_text = NULL;
    return which == MIGTUNE_DRIVER_KEPT_LIVE ||
           mt_store_read(path, ret_text, &length, error);
}

static gboolean
kept_write(MigtuneDomain *domain, MigtuneDriverKept which, const MtKept *kept,
           GError **error)
{
    const MigtuneDriver *driver = domain->conn->driver;
    gboolean empty = mt_kept_is_empty(kept);
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;

    if (driver->kept_get) {
        if (!empty)
            text = mt_kept_to_element(kept);
        return driver->kept_set(domain->handle, which, text, error);
    }

    path = kept_path(domain);
    if (!empty)
        text = mt_kept_to_file(kept);
    return mt_store_write(path, text, error);
}

static MtKept *
kept_parse(MigtuneDomain *domain, MigtuneDriverKept which, const char *text,
           GError **error)
{
    g_autofree char *where = NULL;

    if (!text)
        return mt_kept_new();

    where = kept_where(domain, which);
    return mt_kept_parse(text, strlen(text), where, error);
}

MtKept *
mt_domain_kept_load(MigtuneDomain *domain, MigtuneDriverKept which,
                    GError **error)
{
    g_autofree char *text = NULL;

    if (!kept_read(domain, which, &text, error))
        return NULL;

    return kept_parse(domain, which, text, error);
}

/* Passes on the faults of a document, and says what to do. */
static void
kept_fail(GError **error, GError *cause)
{
    if (g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_VALUE)) {
        char *message = g_strdup_printf(
            _("%s; nothing was changed: repair or remove the kept settings by "
              "hand"),
            cause->message);

        g_free(cause->message);
        cause->message = message;
    }
    g_propagate_error(error, cause);
}

MtKept *
mt_domain_kept_load_valid(MigtuneDomain *domain, MigtuneDriverKept which,
                          GError **error)
{
    GError *cause = NULL;
    g_autoptr(MtKept) kept = mt_domain_kept_load(domain, which, &cause);

    if (kept && mt_kept_check(kept, &cause))
        return g_steal_pointer(&kept);

    kept_fail(error, cause);
    return NULL;
}

/* Where the driver keeps the settings, a lock that cannot be opened is not an
 * error: collisions are noticed by reading back. */
static gboolean
kept_lock(MigtuneDomain *domain, int *ret_lock, GError **error)
{
    const MigtuneConn *conn = domain->conn;
    guint timeout_ms = conn->options.command_timeout_ms;
    g_autofree char *path = NULL;
    g_autoptr(GError) cause = NULL;

    if (conn->driver->kept_get) {
        g_autofree char *id = g_strdup_printf(
            "kept %s",
            domain->identity.uuid ? domain->identity.uuid : domain->key);
        g_autofree char *digest =
            g_compute_checksum_for_string(G_CHECKSUM_SHA256, id, -1);
        g_autofree char *dir = mt_lock_state_dir();

        path = g_strdup_printf("%s/kept-%.32s.lock", dir, digest);
        if (!g_path_is_absolute(dir))
            return TRUE;
        g_mkdir_with_parents(dir, 0700);
        *ret_lock = mt_lock_take(path, timeout_ms, domain->cancellable, &cause);
        if (g_error_matches(cause, MIGTUNE_ERROR, MIGTUNE_ERROR_IO))
            return TRUE;
    } else {
        path = kept_path(domain);
        *ret_lock =
            mt_store_lock(path, timeout_ms, domain->cancellable, &cause);
    }
    if (!cause)
        return TRUE;

    g_propagate_error(error, g_steal_pointer(&cause));
    return FALSE;
}

const MtRow *
mt_kept_row(const char *name)
{
    gboolean qmp;

    return mt_row_find(name, &qmp);
}

/*
 * Records in @inverse that @name had the value @former, NULL for none, before
 * it got @value.  After a retry the document may contain what this change
 * wrote itself; that is not a former value.
 */
static void
kept_note_former(MtKeptChange *inverse, const char *name, const char *former,
                 const char *value)
{
    if (!g_hash_table_contains(inverse->values, name) ||
        g_strcmp0(former, value) != 0)
        mt_kept_change_put(inverse, name, former);
}

/* Removes entries for the same parameter under other names. */
static void
kept_remove_aliases(MtKept *kept, const char *name, MtKeptChange *inverse)
{
    const MtRow *row = mt_kept_row(name);

    for (guint i = mt_kept_size(kept); row && i-- > 0;) {
        const MtKeptEntry *entry = mt_kept_nth(kept, i);

        if (mt_kept_row(entry->name) != row || strcmp(entry->name, name) == 0)
            continue;
        kept_note_former(inverse, entry->name, entry->value, NULL);
        mt_kept_remove(kept, mt_kept_nth(kept, i)->name);
    }
}

static void
kept_edit_policy(MtKept *kept, const MtKeptChange *change,
                 MtKeptChange *inverse)
{
    const char *former = mt_kept_policy(kept);

    if (!change->policy && !change->removes_policy)
        return;
    if ((!inverse->policy && !inverse->removes_policy) ||
        g_strcmp0(former, change->policy) != 0) {
        g_free(inverse->policy);
        inverse->policy = g_strdup(former);
        inverse->removes_policy = !former;
    }
    mt_kept_set_policy(kept, change->policy);
}

static gboolean
kept_edit(MtKept *kept, const MtKeptChange *change, MtKeptChange *inverse,
          GError **error)
{
    for (guint i = 0; i < change->names->len; i++) {
        const char *name = g_ptr_array_index(change->names, i);
        const char *value = g_hash_table_lookup(change->values, name);
        const MtKeptEntry *entry = mt_kept_find(kept, name);

        kept_note_former(inverse, name, entry ? entry->value : NULL, value);
        if (!value) {
            mt_kept_remove(kept, name);
            continue;
        }
        kept_remove_aliases(kept, name, inverse);
        if (!mt_kept_put(kept, name, value, error))
            return FALSE;
    }
    kept_edit_policy(kept, change, inverse);

    return TRUE;
}

/* Whether @kept contains the change. */
static gboolean
kept_has(const MtKept *kept, const MtKeptChange *change)
{
    for (guint i = 0; i < change->names->len; i++) {
        const char *name = g_ptr_array_index(change->names, i);
        const MtKeptEntry *entry = mt_kept_find(kept, name);

        if (g_strcmp0(entry ? entry->value : NULL,
                      g_hash_table_lookup(change->values, name)) != 0)
            return FALSE;
    }

    return TRUE;
}

typedef enum {
    KEPT_FAILED,  /* nothing was changed */
    KEPT_DONE,    /* changed and read back */
    KEPT_AGAIN,   /* another writer changed the document */
    KEPT_UNKNOWN, /* written perhaps; it cannot be read back */
} KeptOutcome;

/* Fails with @cause, which is taken, and the names of the change. */
static KeptOutcome
kept_fail_unknown(MigtuneDomain *domain, MigtuneDriverKept which,
                  const MtKeptChange *change, GError *cause, GError **error)
{
    g_autofree char *where = kept_where(domain, which);
    g_autofree char *names = NULL;

    g_ptr_array_add(change->names, NULL);
    names = g_strjoinv(", ", (char **)change->names->pdata);
    g_ptr_array_set_size(change->names, change->names->len - 1);
    migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                      _("it is not known whether %s was changed (%s): %s"),
                      where, names, cause->message);
    g_error_free(cause);

    return KEPT_UNKNOWN;
}

/*
 * Reads the document back after it was written; @write_error, which is taken,
 * is what the driver said about that, or NULL.  One read that fails is
 * repeated: the daemon may have been restarted.
 */
static KeptOutcome
kept_verify(MigtuneDomain *domain, MigtuneDriverKept which,
            const MtKeptChange *change, const char *before, GError *write_error,
            GError **error)
{
    g_autoptr(GError) failure = write_error;
    g_autofree char *after = NULL;
    g_autoptr(MtKept) kept = NULL;
    GError *cause = NULL;

    if (!kept_read(domain, which, &after, NULL) &&
        !kept_read(domain, which, &after, &cause))
        return kept_fail_unknown(domain, which, change, cause, error);
    kept = kept_parse(domain, which, after, NULL);
    if (kept && kept_has(kept, change))
        return KEPT_DONE;
    if (failure && g_strcmp0(before, after) == 0) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return KEPT_FAILED;
    }

    return KEPT_AGAIN;
}

static KeptOutcome
kept_try(MigtuneDomain *domain, MigtuneDriverKept which,
         const MtKeptChange *change, MtKeptChange *inverse, GError **error)
{
    g_autofree char *before = NULL;
    g_autofree char *again = NULL;
    g_autoptr(MtKept) kept = NULL;
    GError *cause = NULL;

    if (!kept_read(domain, which, &before, error))
        return KEPT_FAILED;
    kept = kept_parse(domain, which, before, &cause);
    if (!kept || !mt_kept_check(kept, &cause)) {
        kept_fail(error, cause);
        return KEPT_FAILED;
    }
    if (!kept_edit(kept, change, inverse, error))
        return KEPT_FAILED;

    if (!kept_read(domain, which, &again, error))
        return KEPT_FAILED;
    if (g_strcmp0(before, again) != 0)
        return KEPT_AGAIN;

    kept_write(domain, which, kept, &cause);
    return kept_verify(domain, which, change, before, cause, error);
}

gboolean
mt_domain_kept_change(MigtuneDomain *domain, MigtuneDriverKept which,
                      const MtKeptChange *change, MtKeptChange **ret_inverse,
                      GError **error)
{
    g_autoptr(MtKeptChange) inverse = mt_kept_change_new();
    KeptOutcome outcome = KEPT_AGAIN;
    int lock = -1;

    if (domain->conn->options.read_only) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("the kept settings of %s cannot be changed over a "
                            "read-only connection; connect without "
                            "--readonly"),
                          domain->name);
        return FALSE;
    }
    if (!kept_lock(domain, &lock, error))
        return FALSE;

    for (guint i = 0; i < KEPT_MAX_TRIES && outcome == KEPT_AGAIN; i++)
        outcome = kept_try(domain, which, change, inverse, error);
    if (outcome == KEPT_AGAIN) {
        g_autofree char *where = kept_where(domain, which);

        migtune_error_set(error, MIGTUNE_ERROR_BUSY,
                          _("another program changed %s during each of %d "
                            "attempts"),
                          where, KEPT_MAX_TRIES);
    }
    if (lock >= 0)
        close(lock);
    if (outcome == KEPT_DONE && ret_inverse)
        *ret_inverse = g_steal_pointer(&inverse);

    return outcome == KEPT_DONE;
}

virTypedParameterPtr
mt_kept_to_params(const MtKept *kept, int *n_params)
{
    virTypedParameterPtr params =
        g_new0(virTypedParameter, MAX(mt_kept_size(kept), 1));

    *n_params = mt_kept_size(kept);
    for (int i = 0; i < *n_params; i++) {
        const MtKeptEntry *entry = mt_kept_nth(kept, i);

        g_strlcpy(params[i].field, entry->name, sizeof(params[i].field));
        params[i].type = VIR_TYPED_PARAM_STRING;
        params[i].value.s = g_strdup(entry->value);
    }

    return params;
}

MtPolicy
mt_kept_get_policy(const MtKept *kept, unsigned int flags)
{
    if (flags & MIGTUNE_SET_STRICT)
        return MT_POLICY_STRICT;
    if (flags & MIGTUNE_SET_BEST_EFFORT)
        return MT_POLICY_BEST_EFFORT;

    for (MtPolicy p = MT_POLICY_SUBSTITUTE;
         !(flags & MIGTUNE_SET_SUBSTITUTE) && p <= MT_POLICY_BEST_EFFORT; p++) {
        if (g_strcmp0(mt_kept_policy(kept), mt_policy_to_string(p)) == 0)
            return p;
    }

    return MT_POLICY_SUBSTITUTE;
}
