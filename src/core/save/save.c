/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Saving a guest into a file and restoring it.
 *
 * QEMU migrates into a UNIX socket of this process, or out of one.  What the
 * user has tuned for migrations to other hosts must not change the stream in a
 * file: such capabilities are switched off, the bandwidth is not limited, and
 * everything is put back afterwards, whatever happens.
 *
 * Commands that undo something are not cancellable; only waiting is.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "core/save/image.h"
#include "image/convert.h"
#include "util/foreign.h"
#include "util/i18n.h"
#include "util/json-peek.h"

#define SAVE_CONNECT_MS 10000
#define SAVE_END_MS 60000
#define SAVE_POLL_US 10000

/* 1 TiB a second: QEMU has no number for "no limit" on all releases. */
#define SAVE_BANDWIDTH G_GINT64_CONSTANT(1099511627776)

/* Capabilities that change the stream or need an answer. */
static const char *const save_off[] = {
    "xbzrle", "compress", "multifd", "postcopy-ram", "return-path",
    "mapped-ram", "x-ignore-shared", "x-colo", "background-snapshot",
    "pause-before-switchover", "release-ram", "zero-copy-send",
    "rdma-pin-all", "block", "dirty-bitmaps", "switchover-ack",
    "postcopy-preempt", "dirty-limit",
};

/* What was in force before, to be put back. */
typedef struct {
    JsonArray *capabilities;    /* that were on; for migrate-set-capabilities */
    gint64 bandwidth;           /* -1: not changed */
    char *tls_creds;            /* NULL: not changed */
    gint64 downtime_ms;         /* the limit; for the statistics */
} Former;

static void
former_clear(Former *former)
{
    g_clear_pointer(&former->capabilities, json_array_unref);
    g_clear_pointer(&former->tls_creds, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Former, former_clear)

static gboolean
save_command(MigtuneDomain *domain, const char *command,
             JsonObject *arguments, GError **error)
{
    g_autoptr(JsonNode) result =
        mt_exec_one(&domain->exec, command, arguments, NULL, error);

    return result != NULL;
}

/* A member of what @command returns; NULL on error. */
static char *
save_query(MigtuneDomain *domain, const char *command, const char *member,
           GError **error)
{
    g_autoptr(JsonNode) result =
        mt_exec_one(&domain->exec, command, NULL, NULL, error);
    const char *text = NULL;

    if (!result)
        return NULL;
    if (JSON_NODE_HOLDS_OBJECT(result))
        text = mt_json_peek_string(json_node_get_object(result), member);

    return g_strdup(text ? text : "none");
}

static void
add_capability(JsonArray *array, const char *name, gboolean on)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "capability", name);
    json_object_set_boolean_member(object, "state", on);
    json_array_add_object_element(array, object);
}

static gboolean
set_capabilities(MigtuneDomain *domain, JsonArray *array, GError **error)
{
    JsonObject *arguments = json_object_new();

    json_object_set_array_member(arguments, "capabilities",
                                 json_array_ref(array));
    return save_command(domain, "migrate-set-capabilities", arguments, error);
}

static gboolean
switch_off(MigtuneDomain *domain, Former *former, GError **error)
{
    g_autoptr(JsonNode) all =
        mt_exec_one(&domain->exec, "query-migrate-capabilities", NULL, NULL,
                    error);
    g_autoptr(JsonArray) off = json_array_new();
    JsonArray *array;

    if (!all)
        return FALSE;
    if (!JSON_NODE_HOLDS_ARRAY(all))
        return TRUE;

    array = json_node_get_array(all);
    former->capabilities = json_array_new();
    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonNode *node = json_array_get_element(array, i);
        JsonObject *entry = JSON_NODE_HOLDS_OBJECT(node)
            ? json_node_get_object(node) : NULL;
        const char *name = entry
            ? mt_json_peek_string(entry, "capability") : NULL;
        gboolean on = FALSE;

        if (!name || !mt_json_peek_bool(entry, "state", &on) || !on)
            continue;
        for (guint j = 0; j < G_N_ELEMENTS(save_off); j++) {
            if (strcmp(save_off[j], name) == 0) {
                add_capability(former->capabilities, name, TRUE);
                add_capability(off, name, FALSE);
            }
        }
    }
    if (json_array_get_length(off) == 0) {
        g_clear_pointer(&former->capabilities, json_array_unref);
        return TRUE;
    }

    return set_capabilities(domain, off, error);
}

static gboolean
set_parameters(MigtuneDomain *domain, gint64 bandwidth, const char *tls_creds,
               GError **error)
{
    JsonObject *arguments = json_object_new();

    if (bandwidth >= 0)
        json_object_set_int_member(arguments, "max-bandwidth", bandwidth);
    if (tls_creds)
        json_object_set_string_member(arguments, "tls-creds", tls_creds);
    return save_command(domain, "migrate-set-parameters", arguments, error);
}

static gboolean
open_up(MigtuneDomain *domain, Former *former, GError **error)
{
    g_autoptr(JsonNode) result =
        mt_exec_one(&domain->exec, "query-migrate-parameters", NULL, NULL,
                    error);
    JsonObject *object;
    const char *creds;
    gint64 bandwidth;

    if (!result)
        return FALSE;
    if (!JSON_NODE_HOLDS_OBJECT(result))
        return TRUE;

    object = json_node_get_object(result);
    if (!mt_json_peek_int(object, "downtime-limit", &former->downtime_ms))
        former->downtime_ms = 0;
    if (!mt_json_peek_int(object, "max-bandwidth", &bandwidth))
        bandwidth = -1;
    creds = mt_json_peek_string(object, "tls-creds");
    if (creds && !*creds)
        creds = NULL;
    if (bandwidth < 0 && !creds)
        return TRUE;
    if (!set_parameters(domain, bandwidth < 0 ? -1 : SAVE_BANDWIDTH,
                        creds ? "" : NULL, error))
        return FALSE;

    former->bandwidth = bandwidth;
    former->tls_creds = g_strdup(creds);
    return TRUE;
}

/* All that is asked for is tried, whatever fails. */
static gboolean
put_back(MigtuneDomain *domain, Former *former, GError **error)
{
    g_autoptr(GError) first = NULL;
    gboolean ok = TRUE;

    if (former->bandwidth >= 0 || former->tls_creds)
        ok = set_parameters(domain, former->bandwidth, former->tls_creds,
                            &first);
    former->bandwidth = -1;
    g_clear_pointer(&former->tls_creds, g_free);
    if (former->capabilities)
        ok = set_capabilities(domain, former->capabilities,
                              first ? NULL : &first) && ok;
    g_clear_pointer(&former->capabilities, json_array_unref);
    if (!ok)
        migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("%s: migration settings could not be restored: %s"), domain->name, first->message);

    return ok;
}

/* Whether libvirt saves and restores the guest. */
static gboolean
save_is_by_libvirt(const MigtuneDomain *domain)
{
    const MigtuneDriver *driver = domain->conn->driver;

    return driver->save && driver->restore;
}

/* A directory that only this user can enter, for one socket. */
typedef struct {
    char *dir;
    char *path;
    char *uri;
    int fd;             /* that listens, or -1 */
} Meeting;

static gboolean
meeting_init(Meeting *m, GError **error)
{
    GError *local = NULL;

    m->fd = -1;
    m->dir = g_dir_make_tmp("migtune-XXXXXX", &local);
    if (!m->dir) {
        g_autofree char *why = mt_foreign_text(local);

        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          _("cannot create a temporary directory in %s: %s"),
                          g_get_tmp_dir(), why);
        g_error_free(local);
        return FALSE;
    }
    m->path = g_build_filename(m->dir, "stream", NULL);
    m->uri = g_strdup_printf("unix:%s", m->path);
    return TRUE;
}

/* Removes the socket and its directory.  A connection that exists goes on: it is
 * removed when there is one, so that a process that is killed leaves nothing. */
static void
meeting_remove(Meeting *m)
{
    if (m->fd >= 0)
        close(m->fd);
    m->fd = -1;
    if (m->path)
        g_unlink(m->path);
    if (m->dir)
        g_rmdir(m->dir);
    g_clear_pointer(&m->path, g_free);
    g_clear_pointer(&m->dir, g_free);
}

static void
meeting_clear(Meeting *m)
{
    meeting_remove(m);
    g_free(m->uri);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Meeting, meeting_clear)

typedef struct {
    MigtuneDomain *domain;
    const char *path;
    const MtImageOptions *options;
    MtImageCancel *cancel;
    MtImageProgress progress;
    Meeting meeting;
    Former former;
    gboolean was_running;
    gboolean started;           /* the migration */
    MtOutput *output;
    MtImageWriter *writer;
    MtImageTotals totals;
    gint64 begin_us;
} Save;

static void
save_clear(Save *s)
{
    mt_image_writer_free(s->writer);
    mt_output_free(s->output);
    meeting_clear(&s->meeting);
    former_clear(&s->former);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Save, save_clear)

/* Why QEMU's migration is not going on; FALSE always. */
static gboolean
save_failed(Save *s, const char *status, GError **error)
{
    g_autofree char *why =
        save_query(s->domain, "query-migrate", "error-desc", NULL);

    migtune_error_set(error, MIGTUNE_ERROR_QEMU,
                      _("%s: the migration into the file is '%s': %s"),
                      s->domain->name, status,
                      why && strcmp(why, "none") != 0 ? why
                      : _("QEMU gives no reason"));
    return FALSE;
}

static gboolean
status_is_end(const char *status)
{
    return strcmp(status, "failed") == 0 || strcmp(status, "cancelled") == 0 ||
           strcmp(status, "completed") == 0;
}

/* QEMU's connection; looks meanwhile whether its migration has failed. */
static MtIo *
save_accept(Save *s, GError **error)
{
    gint64 end = g_get_monotonic_time() + SAVE_CONNECT_MS * 1000LL;

    for (;;) {
        g_autofree char *status = NULL;
        GError *local = NULL;
        MtIo *io = mt_io_accept(s->meeting.fd, 100, s->cancel->cancel,
                                &local);

        if (io) {
            meeting_remove(&s->meeting);
            return io;
        }
        if (local) {
            g_propagate_error(error, local);
            return NULL;
        }
        status = save_query(s->domain, "query-migrate", "status", error);
        if (!status)
            return NULL;
        if (status_is_end(status)) {
            save_failed(s, status, error);
            return NULL;
        }
        if (g_get_monotonic_time() > end) {
            migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                              _("%s: QEMU does not connect to %s"),
                              s->domain->name, s->meeting.path);
            return NULL;
        }
    }
}

static gboolean
save_receive(Save *s, MtIo *io, GError **error)
{
    for (;;) {
        struct iovec iov;
        gssize n;

        iov.iov_base = mt_image_writer_room(s->writer, &iov.iov_len, error);
        if (!iov.iov_base)
            return FALSE;
        n = mt_io_read_some(io, &iov, 1, error);
        if (n <= 0)
            return n == 0;
        if (!mt_image_writer_commit(s->writer, n, error))
            return FALSE;
        mt_image_writer_get_totals(s->writer, &s->totals);
        s->progress.total = s->totals.ram_bytes;
        mt_image_progress(s->totals.stream_bytes, &s->progress);
    }
}

/* Waits until the migration has ended.  Its final status; NULL on error. */
static char *
save_wait(Save *s, GError **error)
{
    gint64 end = g_get_monotonic_time() + SAVE_END_MS * 1000LL;

    for (;;) {
        char *status = save_query(s->domain, "query-migrate", "status",
                                  error);

        if (!status || status_is_end(status))
            return status;
        g_free(status);
        if (g_get_monotonic_time() > end) {
            migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                              _("%s: the migration into the file does not "
                                "end"), s->domain->name);
            return NULL;
        }
        g_usleep(SAVE_POLL_US);
    }
}

/* Thread of the writer: the read that waits for QEMU must end. */
static void
save_writer_failed(gpointer data)
{
    mt_cancel_fire(data);
}

static char *
save_properties(Save *s)
{
    g_autoptr(JsonNode) node = NULL;
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *created = g_date_time_format_iso8601(now);
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "creator",
                                  "migtune " PACKAGE_VERSION);
    json_object_set_string_member(object, "created", created);
    json_object_set_string_member(object, "name", s->domain->name);
    mt_json_set_text(object, "uuid", s->domain->identity.uuid);
    json_object_set_boolean_member(object, "was_running", s->was_running);
    node = mt_json_node_new_object(object);
    return json_to_string(node, FALSE);
}

static gboolean
save_start(Save *s, GError **error)
{
    g_autofree char *properties = save_properties(s);
    JsonObject *arguments = json_object_new();
    const MtImageWriterSettings settings = {
        .n_threads = s->options->threads, .level = s->options->level,
        .chunk_bytes = s->options->chunk_bytes, .properties = properties,
        .failed = save_writer_failed, .failed_data = s->cancel->cancel,
    };

    s->output = mt_output_open(s->path, s->options->direct, NULL, error);
    if (s->output)
        s->writer = mt_image_writer_new(&settings, s->output, error);
    if (!s->writer || !meeting_init(&s->meeting, error)) {
        json_object_unref(arguments);
        return FALSE;
    }
    s->meeting.fd = mt_io_listen_unix(s->meeting.path, error);
    if (s->meeting.fd < 0 ||
        !switch_off(s->domain, &s->former, error) ||
        !open_up(s->domain, &s->former, error) ||
        (s->was_running && !s->options->live &&
         !save_command(s->domain, "stop", NULL, error))) {
        json_object_unref(arguments);
        return FALSE;
    }

    json_object_set_string_member(arguments, "uri", s->meeting.uri);
    s->started = TRUE;
    return save_command(s->domain, "migrate", arguments, error);
}

static gboolean
save_run(Save *s, GError **error)
{
    g_autofree char *status = NULL;
    g_autoptr(MtIo) io = NULL;
    GError *local = NULL;

    if (!save_start(s, error))
        return FALSE;
    io = save_accept(s, error);
    if (!io)
        return FALSE;
    mt_io_set_name(io, s->domain->name);
    if (!save_receive(s, io, &local)) {
        GError *cause = NULL;

        /* What the writer says is the reason, if it has failed. */
        if (g_error_matches(local, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED) &&
            mt_image_writer_get_error(s->writer, &cause))
            g_clear_error(&local);
        g_propagate_error(error, cause ? cause : local);
        return FALSE;
    }
    g_clear_pointer(&io, mt_io_free);

    status = save_wait(s, error);
    if (!status)
        return FALSE;
    if (strcmp(status, "completed") != 0)
        return save_failed(s, status, error);
    if (!mt_image_writer_finish(s->writer, error) ||
        !mt_output_finish(s->output, error))
        return FALSE;

    mt_image_writer_get_totals(s->writer, &s->totals);
    return TRUE;
}

/* The guest is as it was before: no migration, and it runs if it ran. */
static gboolean
save_undo(Save *s, GError **error)
{
    g_autofree char *status = NULL;
    g_autofree char *state = NULL;
    GError *local = NULL;

    /* A command may have been cancelled in the middle of its answer. */
    if (s->started) {
        if (!save_command(s->domain, "migrate_cancel", NULL, &local)) {
            g_clear_error(&local);
            if (!s->domain->exec.reconnect(&s->domain->exec, NULL, error) ||
                !save_command(s->domain, "migrate_cancel", NULL, error))
                return FALSE;
        }
        status = save_wait(s, error);
        if (!status)
            return FALSE;
    }
    state = save_query(s->domain, "query-status", "status", error);
    if (!state)
        return FALSE;

    return !s->was_running || strcmp(state, "running") == 0 ||
           save_command(s->domain, "cont", NULL, error);
}

static JsonNode *
save_to_json(const Save *s)
{
    double seconds = (g_get_monotonic_time() - s->begin_us) / 1e6;
    double bandwidth = s->totals.stream_bytes / MAX(seconds, 1e-3);
    JsonObject *object = json_object_new();
    const struct {
        const char *name;
        guint64 value;
    } numbers[] = {
        { "stream_bytes", s->totals.stream_bytes },
        { "file_bytes", mt_output_get_bytes(s->output) },
        { "ram_bytes", s->totals.ram_bytes },
        { "pages", s->totals.n_pages },
        { "zero_pages", s->totals.n_zero },
        { "device_bytes", s->totals.devices_bytes },
        { "chunks", s->totals.n_chunks },
        { "bandwidth", bandwidth },
        { "downtime_ms", s->former.downtime_ms },
        { "device_budget_bytes",
          bandwidth * s->former.downtime_ms / 1000 },
    };

    json_object_set_string_member(object, "domain", s->domain->name);
    json_object_set_string_member(object, "path", s->path);
    for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
        json_object_set_member(object, numbers[i].name,
                               mt_json_node_new_uint64(numbers[i].value));
    json_object_set_double_member(object, "seconds", seconds);
    return mt_json_node_new_object(object);
}

JsonNode *
migtune_domain_save(MigtuneDomain *domain, const char *path,
                    GVariant *options, MigtuneImageFunc func,
                    gpointer user_data, GCancellable *cancellable,
                    GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    g_auto(MtImageOptions) o = { 0 };
    g_auto(MtImageCancel) c = { NULL };
    g_auto(Save) s = {
        .domain = domain, .path = path, .options = &o, .cancel = &c,
        .progress = { func, user_data }, .former = { .bandwidth = -1 },
        .meeting = { .fd = -1 }, .begin_us = g_get_monotonic_time(),
    };
    g_autofree char *state = NULL;
    GError *failure = NULL;
    GError *undo = NULL;
    gboolean ok;

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain) && path != NULL, NULL);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return NULL;

    if (!mt_image_options_parse(options, MT_OPTION_THREADS | MT_OPTION_LEVEL |
                                MT_OPTION_CHUNK_SIZE | MT_OPTION_DIRECT_IO |
                                MT_OPTION_LIVE, &o, error))
        return NULL;
    if (save_is_by_libvirt(domain)) {
        mt_image_cancel_init(&c, cancellable);
        return mt_save_by_libvirt(domain, path, &o, c.cancel, &s.progress,
                                  error);
    }
    state = save_query(domain, "query-status", "status", error);
    if (!state)
        return NULL;
    if (strcmp(state, "inmigrate") == 0 || strcmp(state, "postmigrate") == 0) {
        migtune_error_set(error, MIGTUNE_ERROR_CONFLICT,
                          _("%s: the guest is in state '%s' and cannot be "
                            "saved"), domain->name, state);
        return NULL;
    }

    s.was_running = strcmp(state, "running") == 0;
    mt_image_cancel_init(&c, cancellable);
    ok = save_run(&s, &failure);
    if (!ok && !save_undo(&s, &undo)) {
        migtune_error_set(error, MIGTUNE_ERROR_STATE_UNKNOWN,
                          _("%s: the save failed (%s), and whether the guest "
                            "runs is not known: %s"), domain->name,
                          failure->message, undo->message);
        g_error_free(failure);
        g_error_free(undo);
        put_back(domain, &s.former, NULL);
        return NULL;
    }
    if (!put_back(domain, &s.former, &undo)) {
        g_clear_error(&failure);
        g_propagate_error(error, undo);
        return NULL;
    }
    if (!ok) {
        g_propagate_error(error, failure);
        return NULL;
    }

    return save_to_json(&s);
}

/* --- restore --- */

typedef struct {
    MigtuneDomain *domain;
    MtIo *io;
    guint64 n_bytes;
    MtImageProgress progress;
} Restore;

static gboolean
restore_send(const guint8 *data, gsize len, gpointer user_data,
             GError **error)
{
    Restore *r = user_data;

    if (!mt_io_write(r->io, data, len, error))
        return FALSE;

    r->n_bytes += len;
    mt_image_progress(r->n_bytes, &r->progress);
    return TRUE;
}

/* QEMU's listening socket, which appears some time after its answer. */
static MtIo *
restore_connect(Meeting *m, MtCancel *cancel, GError **error)
{
    gint64 end = g_get_monotonic_time() + SAVE_CONNECT_MS * 1000LL;

    for (;;) {
        GError *local = NULL;
        MtIo *io = mt_io_connect_unix(m->path, SAVE_CONNECT_MS, cancel,
                                      &local);

        if (io)
            return io;
        if (!g_error_matches(local, MIGTUNE_ERROR, MIGTUNE_ERROR_CONNECT) ||
            g_get_monotonic_time() > end) {
            g_propagate_error(error, local);
            return NULL;
        }
        g_error_free(local);
        g_usleep(SAVE_POLL_US);
    }
}

/* Until the guest has left the state "inmigrate": its new state. */
static char *
restore_wait(MigtuneDomain *domain, GError **error)
{
    gint64 end = g_get_monotonic_time() + SAVE_END_MS * 1000LL;

    for (;;) {
        char *state = save_query(domain, "query-status", "status", error);

        if (!state || strcmp(state, "inmigrate") != 0)
            return state;
        g_free(state);
        if (g_get_monotonic_time() > end) {
            migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                              _("%s: the guest did not load its state"),
                              domain->name);
            return NULL;
        }
        g_usleep(SAVE_POLL_US);
    }
}

/* Whether the guest ran when it was saved, as far as the file says. */
static gboolean
restore_was_running(const MtFileKind *kind, const MtImage *image)
{
    g_autoptr(JsonNode) node = NULL;
    gboolean running = FALSE;

    if (kind->libvirt)
        return kind->header.was_running;
    if (!image)
        return FALSE;

    node = json_from_string(image->header.properties, NULL);
    return node && JSON_NODE_HOLDS_OBJECT(node) &&
           mt_json_peek_bool(json_node_get_object(node), "was_running",
                             &running) && running;
}

/* Sends all of the file and waits for the guest. */
static char *
restore_run(Restore *r, MtInput *in, const char *path, const MtFileKind *kind,
            const MtImageOptions *o, MtCancel *cancel, GError **error)
{
    const MtSourceSettings source = {
        o->threads, restore_send, r, save_writer_failed, cancel
    };
    g_autoptr(MtImage) image = NULL;
    g_autofree char *state = NULL;

    if (!mt_source_run(in, path, kind, &source, &image, error))
        return NULL;
    g_clear_pointer(&r->io, mt_io_free);
    state = restore_wait(r->domain, error);
    if (!state) {
        g_prefix_error(error, "%s",
                       _("the guest could not load the state in the file: "));
        return NULL;
    }
    if (strcmp(state, "paused") == 0 && restore_was_running(kind, image)) {
        if (!save_command(r->domain, "cont", NULL, error))
            return NULL;
        g_free(state);
        state = save_query(r->domain, "query-status", "status", error);
    }

    return g_steal_pointer(&state);
}

/* What a restore returns: NULL if @after, the state of the guest, is NULL.
 * Clears @kind. */
static JsonNode *
restore_end(const Restore *r, const char *path, MtFileKind *kind,
            const char *after, gint64 begin_us)
{
    JsonObject *object;

    if (!after) {
        mt_file_kind_clear(kind);
        return NULL;
    }

    object = json_object_new();
    json_object_set_string_member(object, "domain", r->domain->name);
    json_object_set_string_member(object, "path", path);
    json_object_set_string_member(object, "format",
                                  kind->libvirt ? "libvirt"
                                                : mt_format_name(kind->format));
    /* libvirt does not report the size of a compressed stream. */
    if (r->n_bytes)
        json_object_set_member(object, "stream_bytes",
                               mt_json_node_new_uint64(r->n_bytes));
    json_object_set_string_member(object, "state", after);
    json_object_set_double_member(
        object, "seconds", (g_get_monotonic_time() - begin_us) / 1e6);
    mt_file_kind_clear(kind);

    return mt_json_node_new_object(object);
}

JsonNode *
migtune_domain_restore(MigtuneDomain *domain, const char *path,
                       GVariant *options, MigtuneImageFunc func,
                       gpointer user_data, GCancellable *cancellable,
                       GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    Restore r = { .domain = domain, .progress = { func, user_data } };
    g_auto(MtImageOptions) o = { 0 };
    g_auto(MtImageCancel) c = { NULL };
    g_auto(Meeting) meeting = { .fd = -1 };
    g_auto(Former) former = { .bandwidth = -1 };
    g_autoptr(MtInput) in = NULL;
    g_autofree char *state = NULL;
    g_autofree char *after = NULL;
    gint64 begin_us = g_get_monotonic_time();
    JsonObject *arguments;
    GError *undo = NULL;
    MtFileKind kind;

    MT_REQUIRE(MIGTUNE_IS_DOMAIN(domain) && path != NULL, NULL);
    hold = mt_domain_hold(domain, cancellable, error);
    if (!hold)
        return NULL;

    if (!mt_image_options_parse(options, MT_OPTION_THREADS, &o, error))
        return NULL;
    mt_image_cancel_init(&c, cancellable);
    in = mt_input_open(path, FALSE, c.cancel, error);
    if (!in || !mt_file_kind_detect(in, &kind, error))
        return NULL;
    if (save_is_by_libvirt(domain)) {
        if (mt_restore_by_libvirt(domain, path, &kind, &o, c.cancel,
                                  &r.progress, error))
            after = g_strdup(kind.header.was_running ? "running" : "paused");
        if (kind.format == MT_FORMAT_STREAM)
            r.n_bytes = mt_input_get_size(in) - kind.base;
        return restore_end(&r, path, &kind, after, begin_us);
    }
    state = save_query(domain, "query-status", "status", error);
    if (state && strcmp(state, "inmigrate") != 0)
        migtune_error_set(error, MIGTUNE_ERROR_CONFLICT,
                          _("%s: the guest is in state '%s'; a guest that is "
                            "restored must have been started with '-incoming "
                            "defer'"), domain->name, state);
    if (!state || strcmp(state, "inmigrate") != 0 ||
        !meeting_init(&meeting, error) ||
        !switch_off(domain, &former, error)) {
        mt_file_kind_clear(&kind);
        return NULL;
    }

    arguments = json_object_new();
    json_object_set_string_member(arguments, "uri", meeting.uri);
    if (save_command(domain, "migrate-incoming", arguments, error))
        r.io = restore_connect(&meeting, c.cancel, error);
    if (r.io) {
        meeting_remove(&meeting);
        after = restore_run(&r, in, path, &kind, &o, c.cancel, error);
    }
    mt_io_free(r.io);
    if (!put_back(domain, &former, &undo)) {
        if (after) {
            g_propagate_error(error, undo);
            g_clear_pointer(&after, g_free);
        } else {
            g_error_free(undo);
        }
    }

    return restore_end(&r, path, &kind, after, begin_us);
}
