/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening what is to be inspected, and recognising what it is.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "image/unpack.h"
#include "inspect/channel.h"
#include "inspect/inspect.h"
#include "inspect/main-channel.h"
#include "stream/wire.h"
#include "util/require.h"
#include "migtune/migtune-error.h"

/* Bytes that tell what a file is. */
#define MAGIC_SIZE 4

/* One source while it is read. */
typedef struct {
    char *name;             /* "main", "ch0", ... */
    char *path;
    MtIo *io;               /* NULL: the file that contains it is damaged */
    MtUnpack *unpack;       /* NULL: the file is the stream */
    MtStreamIn in;
    MtAccountChannel *channel;
    MtChannelReader *reader;    /* of a multifd channel */
} Source;

static void
source_free(gpointer data)
{
    Source *source = data;

    mt_channel_reader_free(source->reader);
    mt_stream_in_clear(&source->in);
    mt_unpack_free(source->unpack);
    mt_io_free(source->io);
    g_free(source->name);
    g_free(source->path);
    g_free(source);
}

G_DEFINE_BOXED_TYPE(MigtuneInspection, migtune_inspection,
                    migtune_inspection_ref, migtune_inspection_unref)

MigtuneInspection *
migtune_inspection_ref(MigtuneInspection *inspection)
{
    g_return_val_if_fail(inspection, NULL);

    g_atomic_ref_count_inc(&inspection->ref_count);
    return inspection;
}

void
migtune_inspection_unref(MigtuneInspection *inspection)
{
    if (!inspection || !g_atomic_ref_count_dec(&inspection->ref_count))
        return;

    mt_account_free(inspection->account);
    g_free(inspection->name);
    g_free(inspection);
}

void
migtune_inspection_set_budget(MigtuneInspection *inspection,
                              guint64 bandwidth, guint downtime_ms)
{
    g_return_if_fail(inspection);

    inspection->bandwidth = bandwidth ? bandwidth : MT_INSPECT_BANDWIDTH;
    inspection->downtime_ms = downtime_ms ? downtime_ms :
        MT_INSPECT_DOWNTIME_MS;
}

gboolean
migtune_inspection_check(MigtuneInspection *inspection, GError **error)
{
    const MtAccount *account;

    MT_REQUIRE(inspection != NULL, FALSE);

    account = inspection->account;
    for (guint i = 0; i < account->problems->len; i++) {
        const MtProblem *problem = g_ptr_array_index(account->problems, i);
        g_autofree char *more = NULL;
        g_autofree char *where = NULL;

        if (problem->severity != MT_PROBLEM_ERROR)
            continue;
        if (account->n_errors > 1)
            more = g_strdup_printf(" (the first of %" G_GUINT64_FORMAT
                                   " errors)", account->n_errors);
        if (problem->has_offset)
            where = g_strdup_printf(", offset %" G_GUINT64_FORMAT,
                                    problem->offset);
        migtune_error_set(error, MIGTUNE_ERROR_STREAM, "%s: %s%s: %s%s",
                          inspection->name,
                          problem->channel ? problem->channel : "stream",
                          where ? where : "", problem->text,
                          more ? more : "");
        return FALSE;
    }

    /* More problems than are listed, and the errors are among the rest. */
    if (account->n_errors) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "%s: %" G_GUINT64_FORMAT " errors",
                          inspection->name, account->n_errors);
        return FALSE;
    }

    return TRUE;
}

/* Whether @word begins with "main=" or "chN=".  Takes the name off. */
static gboolean
source_split(const char *word, char **ret_name, const char **ret_path)
{
    const char *equals = strchr(word, '=');
    guint64 number;
    g_autofree char *name = NULL;

    if (!equals || !equals[1])
        return FALSE;
    name = g_strndup(word, equals - word);
    if (strcmp(name, "main") != 0 &&
        (strncmp(name, "ch", 2) != 0 ||
         !g_ascii_string_to_unsigned(name + 2, 10, 0,
                                     MT_MULTIFD_MAX_CHANNELS - 1, &number,
                                     NULL)))
        return FALSE;

    *ret_name = g_steal_pointer(&name);
    *ret_path = equals + 1;
    return TRUE;
}

static gint
source_compare(gconstpointer a, gconstpointer b)
{
    const Source *x = *(Source *const *)a, *y = *(Source *const *)b;
    gboolean x_main = strcmp(x->name, "main") == 0;
    gboolean y_main = strcmp(y->name, "main") == 0;

    if (x_main || y_main)
        return y_main - x_main;
    return atoi(x->name + 2) - atoi(y->name + 2);
}

/* The names of the sources, the main channel first. */
static GPtrArray *
sources_parse(const char *const *words, GError **error)
{
    g_autoptr(GPtrArray) sources = g_ptr_array_new_with_free_func(source_free);
    gboolean named = FALSE;

    for (guint i = 0; words[i]; i++) {
        Source *source = g_new0(Source, 1);
        const char *path = words[i];

        g_ptr_array_add(sources, source);
        if (source_split(words[i], &source->name, &path))
            named = TRUE;
        else
            source->name = g_strdup("main");
        source->path = g_strdup(path);
        for (guint j = 0; j < i; j++) {
            const Source *other = g_ptr_array_index(sources, j);

            if (strcmp(other->name, source->name) != 0)
                continue;
            migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                              named ? "channel '%s' is given twice" :
                              "several files without names of channels (%s): "
                              "expected one file, or main=FILE ch0=FILE ...",
                              source->name);
            return NULL;
        }
    }
    if (!sources->len) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "no file given");
        return NULL;
    }

    g_ptr_array_sort(sources, source_compare);
    return g_steal_pointer(&sources);
}

static gboolean
source_open_file(Source *source, MtCancel *cancel, GError **error)
{
    if (strcmp(source->path, "-") == 0) {
        int fd = dup(STDIN_FILENO);

        if (fd < 0) {
            migtune_error_set(error, MIGTUNE_ERROR_IO,
                              "standard input is not open");
            return FALSE;
        }
        source->io = mt_io_new(fd, -1, "standard input", cancel);
        return TRUE;
    }

    source->io = mt_io_open_file(source->path, MT_IO_FILE_READ, FALSE, error);
    if (source->io)
        mt_io_set_cancel(source->io, cancel);
    return source->io != NULL;
}

/* Damage of the file around a stream comes before the problems of the stream,
 * which follow from it. */
static void
source_add_damage(MtAccount *account, const Source *source,
                  const GError *damage)
{
    MtProblem *problem;

    mt_account_problem(account, MT_PROBLEM_ERROR, "damaged-file",
                       source->name, "%s", damage->message);
    if (account->problems->len < 2 ||
        account->n_problems > account->problems->len)
        return;
    problem = g_ptr_array_steal_index(account->problems,
                                      account->problems->len - 1);
    g_ptr_array_insert(account->problems, 0, problem);
}

/* The main channel may be inside a save file or a libvirt save image. */
static gboolean
source_open(Source *source, MtAccount *account, MtCancel *cancel,
            GError **error)
{
    g_autoptr(GError) local = NULL;

    if (strcmp(source->name, "main") == 0 &&
        !mt_unpack_open(source->path, cancel, &source->unpack, &source->io,
                        &local)) {
        if (local->code == MIGTUNE_ERROR_IO ||
            local->code == MIGTUNE_ERROR_CANCELLED) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
        source_add_damage(account, source, local);
        return TRUE;
    }
    if (source->unpack)
        account->container = g_strdup(mt_unpack_get_name(source->unpack));
    else if (!source_open_file(source, cancel, error))
        return FALSE;

    mt_stream_in_init(&source->in, source->io);
    return TRUE;
}

/* Reads the rest of the file around a stream. */
static gboolean
source_finish(Source *source, MtAccount *account, GError **error)
{
    g_autoptr(GError) local = NULL;

    if (!source->unpack ||
        mt_unpack_finish(source->unpack, source->io, &local))
        return TRUE;
    if (local->code == MIGTUNE_ERROR_CANCELLED) {
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
    }
    source_add_damage(account, source, local);
    return TRUE;
}

/* What the first bytes say.  FALSE only if they cannot be read. */
static gboolean
source_recognise(Source *source, MtAccount *account, MtFormat *ret_format,
                 GError **error)
{
    g_autoptr(GError) local = NULL;
    const guint8 *p;

    *ret_format = MT_FORMAT_UNKNOWN;
    if (!mt_stream_in_fill(&source->in, MAGIC_SIZE, &local)) {
        if (local->code != MIGTUNE_ERROR_DISCONNECTED) {
            g_propagate_error(error, g_steal_pointer(&local));
            return FALSE;
        }
        mt_account_problem_at(account, MT_PROBLEM_ERROR, "truncated",
                              source->name, source->in.end,
                              "the file has %" G_GSIZE_FORMAT " bytes, which "
                              "is less than any stream has", source->in.end);
        return TRUE;
    }

    p = source->in.buf;
    if (mt_get_be32(p) == MT_WIRE_MAGIC) {
        *ret_format = MT_FORMAT_STREAM;
    } else if (mt_get_be32(p) == MT_MULTIFD_MAGIC) {
        *ret_format = MT_FORMAT_MULTIFD;
    } else if (p[0] == 0x16 && p[1] == 0x03 && p[2] <= 0x04) {
        /* A TLS record that begins a handshake (RFC 8446, 5.1). */
        *ret_format = MT_FORMAT_TLS;
        mt_account_problem_at(account, MT_PROBLEM_ERROR, "tls", source->name,
                              0, "the recording is encrypted with TLS: only "
                              "its two ends can read it");
    } else {
        mt_account_problem_at(account, MT_PROBLEM_ERROR, "unknown-format",
                              source->name, 0,
                              "the file begins with 0x%08x, which is neither "
                              "a migration stream ('QEVM'), a multifd channel, "
                              "a save file nor a libvirt save image",
                              mt_get_be32(p));
    }

    return TRUE;
}

/* Reads channels for which there is no main one. */
static void
sources_read_channels(GPtrArray *sources, MtAccount *account)
{
    guint64 max_pass = 0;

    for (guint i = 0; i < sources->len; i++) {
        Source *source = g_ptr_array_index(sources, i);

        mt_channel_reader_run(source->reader, TRUE);
        max_pass = MAX(max_pass,
                       mt_channel_reader_get_cursor(source->reader)->pass);
    }
    account->format = MT_FORMAT_MULTIFD;
    account->ended = account->n_errors == 0;
}

static void
source_set_channel(Source *source, MtAccount *account, gboolean add_blocks,
                   MtSink *sink)
{
    source->reader = mt_channel_reader_new(&source->in, account,
                                           source->channel, add_blocks, sink);
}

static gboolean
sources_read(GPtrArray *sources, MtAccount *account, MtSink *sink,
             GError **error)
{
    Source *first = g_ptr_array_index(sources, 0);
    gboolean has_main = strcmp(first->name, "main") == 0;
    g_autofree MtChannelReader **channels = NULL;
    MtMainInput input = { 0 };
    MtFormat format = MT_FORMAT_MULTIFD;
    guint n = 0;

    if (has_main && !first->io) {
        account->format = MT_FORMAT_UNKNOWN;
        return TRUE;
    }
    if (has_main &&
        !source_recognise(first, account, &format, error))
        return FALSE;
    account->format = format;
    if (format == MT_FORMAT_TLS || format == MT_FORMAT_UNKNOWN)
        return TRUE;
    if (has_main && sources->len > 1 && format != MT_FORMAT_STREAM) {
        mt_account_problem_at(account, MT_PROBLEM_ERROR, "unknown-format",
                              "main", 0, "the file is a multifd channel, not "
                              "the main channel");
        return TRUE;
    }

    channels = g_new0(MtChannelReader *, sources->len + 1);
    for (guint i = format == MT_FORMAT_STREAM; i < sources->len; i++) {
        Source *source = g_ptr_array_index(sources, i);

        source_set_channel(source, account, format != MT_FORMAT_STREAM, sink);
        channels[n++] = source->reader;
    }
    if (format != MT_FORMAT_STREAM) {
        sources_read_channels(sources, account);
        return TRUE;
    }

    input.account = account;
    input.channel = first->channel;
    input.in = &first->in;
    input.channels = n ? channels : NULL;
    input.sink = sink;
    input.file = mt_io_is_seekable(first->io) ? first->io : NULL;
    return mt_inspect_main(&input, error);
}

static void
inspect_cancelled(GCancellable *cancellable, gpointer cancel)
{
    mt_cancel_fire(cancel);
}

static MigtuneInspection *
inspect_run(const char *const *words, MtSink *sink, GCancellable *cancellable,
            GError **error)
{
    g_autoptr(MigtuneInspection) inspection = NULL;
    g_autoptr(GPtrArray) sources = sources_parse(words, error);
    g_autoptr(MtCancel) cancel = mt_cancel_new();
    gulong handler = 0;
    gboolean ok = TRUE;

    if (!sources)
        return NULL;

    inspection = g_new0(MigtuneInspection, 1);
    g_atomic_ref_count_init(&inspection->ref_count);
    inspection->account = mt_account_new();
    migtune_inspection_set_budget(inspection, 0, 0);

    if (cancellable)
        handler = g_cancellable_connect(cancellable,
                                        G_CALLBACK(inspect_cancelled), cancel,
                                        NULL);
    for (guint i = 0; i < sources->len && ok; i++) {
        Source *source = g_ptr_array_index(sources, i);

        ok = source_open(source, inspection->account, cancel, error);
        source->channel = mt_account_add_channel(inspection->account,
                                                 source->name, source->path);
    }
    ok = ok && sources_read(sources, inspection->account, sink, error) &&
        source_finish(sources->pdata[0], inspection->account, error);
    g_cancellable_disconnect(cancellable, handler);
    if (!ok)
        return NULL;

    inspection->name = g_strdup(((Source *)sources->pdata[0])->path);
    return g_steal_pointer(&inspection);
}

MigtuneInspection *
migtune_inspect(const char *const *sources, GCancellable *cancellable,
                GError **error)
{
    MT_REQUIRE(sources != NULL, NULL);

    return inspect_run(sources, NULL, cancellable, error);
}

MigtuneInspection *
migtune_inspect_extract(const char *const *sources, const char *block,
                        guint64 offset, guint64 length, int fd,
                        GCancellable *cancellable, GError **error)
{
    g_autoptr(MigtuneInspection) inspection = NULL;
    MtSink sink = { block, offset, G_MAXUINT64, fd, 0 };
    const MtAccountBlock *found;
    int index;

    MT_REQUIRE(sources && block && fd >= 0, NULL);

    if (offset % MT_PAGE_SIZE || length % MT_PAGE_SIZE ||
        length > G_MAXINT64 || offset > G_MAXINT64) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "offset %" G_GUINT64_FORMAT " and length %"
                          G_GUINT64_FORMAT ": both must be multiples of %d",
                          offset, length, MT_PAGE_SIZE);
        return NULL;
    }
    if (length)
        sink.end = offset + length;

    inspection = inspect_run(sources, &sink, cancellable, error);
    if (!inspection)
        return NULL;
    index = mt_account_find_block(inspection->account, block);
    if (index < 0) {
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          "%s: no RAM block named '%s'", inspection->name,
                          block);
        return NULL;
    }
    found = g_ptr_array_index(inspection->account->blocks, index);
    if (found->length && (offset >= found->length ||
                          length > found->length - offset)) {
        migtune_error_set(error, MIGTUNE_ERROR_NOT_FOUND,
                          "%s: block '%s' has %" G_GUINT64_FORMAT " bytes",
                          inspection->name, block, found->length);
        return NULL;
    }
    if (found->length &&
        ftruncate(fd, (length ? offset + length : found->length) - offset) <
        0) {
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          "cannot set the size of the extracted file");
        return NULL;
    }

    return g_steal_pointer(&inspection);
}
