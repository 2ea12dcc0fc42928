/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Adding up what a stream holds: see model.h.
 */
#include "config.h"

#include <string.h>

#include "inspect/model.h"
#include "stream/page.h"
#include "stream/wire.h"

/* Pages of one bitmap: 4 KiB for 128 MiB of RAM. */
#define CHUNK_PAGES 32768
#define CHUNK_WORDS (CHUNK_PAGES / 64)

static const char *const kind_names[] = {
    [MT_PAGES_PLAIN] = "plain",
    [MT_PAGES_ZERO] = "zero",
    [MT_PAGES_XBZRLE] = "xbzrle",
    [MT_PAGES_COMPRESS] = "compress",
    [MT_PAGES_MULTIFD] = "multifd",
    [MT_PAGES_MULTIFD_ZERO] = "multifd-zero",
    [MT_PAGES_MAPPED] = "mapped",
};

static const char *const severity_names[] = {
    [MT_PROBLEM_ERROR] = "error",
    [MT_PROBLEM_WARNING] = "warning",
    [MT_PROBLEM_INFO] = "info",
};

static const char *const format_names[] = {
    [MT_FORMAT_UNKNOWN] = "unknown",
    [MT_FORMAT_STREAM] = "stream",
    [MT_FORMAT_MULTIFD] = "multifd",
    [MT_FORMAT_TLS] = "tls",
};

static const char *const command_names[] = {
    [MT_CMD_OPEN_RETURN_PATH] = "open-return-path",
    [MT_CMD_PING] = "ping",
    [MT_CMD_POSTCOPY_ADVISE] = "postcopy-advise",
    [MT_CMD_POSTCOPY_LISTEN] = "postcopy-listen",
    [MT_CMD_POSTCOPY_RUN] = "postcopy-run",
    [MT_CMD_POSTCOPY_RAM_DISCARD] = "postcopy-ram-discard",
    [MT_CMD_PACKAGED] = "packaged",
    [MT_CMD_ENABLE_COLO] = "enable-colo",
    [MT_CMD_POSTCOPY_RESUME] = "postcopy-resume",
    [MT_CMD_RECV_BITMAP] = "recv-bitmap",
    [MT_CMD_SWITCHOVER_START] = "switchover-start",
};

const char *
mt_pages_kind_to_string(MtPagesKind kind)
{
    return kind_names[kind];
}

const char *
mt_problem_severity_to_string(MtProblemSeverity severity)
{
    return severity_names[severity];
}

const char *
mt_format_to_string(MtFormat format)
{
    return format_names[format];
}

const char *
mt_command_to_string(guint number)
{
    return number < G_N_ELEMENTS(command_names) ? command_names[number] :
           NULL;
}

static guint64
block_n_chunks(const MtAccountBlock *block)
{
    guint64 n_pages = block->length / MT_PAGE_SIZE +
        (block->length % MT_PAGE_SIZE != 0);

    return (n_pages + CHUNK_PAGES - 1) / CHUNK_PAGES;
}

static void
block_free(gpointer data)
{
    MtAccountBlock *block = data;

    for (guint64 i = 0; block->tracked && i < block_n_chunks(block); i++)
        g_free(block->seen[i]);
    g_free(block->seen);
    g_free(block->name);
    g_free(block);
}

static void
channel_free(gpointer data)
{
    MtAccountChannel *channel = data;

    g_free(channel->name);
    g_free(channel->source);
    g_free(channel->uuid);
    g_free(channel);
}

static void
section_free(gpointer data)
{
    MtAccountSection *section = data;

    g_free(section->name);
    g_free(section);
}

static void
device_free(gpointer data)
{
    MtAccountDevice *device = data;

    g_free(device->name);
    g_free(device->vmsd_name);
    g_ptr_array_unref(device->fields);
    g_free(device);
}

static void
problem_free(gpointer data)
{
    MtProblem *problem = data;

    g_free(problem->id);
    g_free(problem->channel);
    g_free(problem->text);
    g_free(problem);
}

static void
account_add_pass(MtAccount *account)
{
    MtAccountPass pass = { 0 };

    pass.postcopy = account->postcopy;
    g_array_append_val(account->passes, pass);
    account->n_passes++;
}

MtAccount *
mt_account_new(void)
{
    MtAccount *account = g_new0(MtAccount, 1);

    account->blocks = g_ptr_array_new_with_free_func(block_free);
    account->passes = g_array_new(FALSE, TRUE, sizeof(MtAccountPass));
    account->channels = g_ptr_array_new_with_free_func(channel_free);
    account->sections = g_ptr_array_new_with_free_func(section_free);
    account->devices = g_ptr_array_new_with_free_func(device_free);
    account->commands = g_array_new(FALSE, TRUE, sizeof(MtAccountCommand));
    account->problems = g_ptr_array_new_with_free_func(problem_free);
    account_add_pass(account);
    return account;
}

void
mt_account_free(MtAccount *account)
{
    if (!account)
        return;

    g_ptr_array_unref(account->blocks);
    g_array_unref(account->passes);
    g_ptr_array_unref(account->channels);
    g_ptr_array_unref(account->sections);
    g_ptr_array_unref(account->devices);
    g_array_unref(account->commands);
    g_ptr_array_unref(account->problems);
    g_free(account->container);
    g_free(account->machine);
    g_strfreev(account->capabilities);
    g_free(account->uuid);
    g_free(account);
}

int
mt_account_find_block(const MtAccount *account, const char *name)
{
    for (guint i = 0; i < account->blocks->len; i++) {
        const MtAccountBlock *block = g_ptr_array_index(account->blocks, i);

        if (g_str_equal(block->name, name))
            return i;
    }

    return -1;
}

MtAccountBlock *
mt_account_add_block(MtAccount *account, const char *name, guint64 length)
{
    MtAccountBlock *block = g_new0(MtAccountBlock, 1);
    guint64 before = 0;

    for (guint i = 0; i < account->blocks->len; i++) {
        const MtAccountBlock *other = g_ptr_array_index(account->blocks, i);

        before += other->tracked ? other->length / MT_PAGE_SIZE : 0;
    }

    block->name = g_strdup(name);
    block->length = length;
    block->tracked = length / MT_PAGE_SIZE <= MT_ACCOUNT_MAX_PAGES - before;
    if (block->tracked)
        block->seen = g_new0(guint64 *, MAX(1, block_n_chunks(block)));
    g_ptr_array_add(account->blocks, block);
    return block;
}

MtAccountChannel *
mt_account_add_channel(MtAccount *account, const char *name,
                       const char *source)
{
    MtAccountChannel *channel = g_new0(MtAccountChannel, 1);

    channel->name = g_strdup(name);
    channel->source = g_strdup(source);
    g_ptr_array_add(account->channels, channel);
    return channel;
}

/* Whether the page was seen before; remembers that it was. */
static gboolean
block_mark(MtAccountBlock *block, guint64 offset)
{
    guint64 page = offset / MT_PAGE_SIZE;
    guint64 **chunk = &block->seen[page / CHUNK_PAGES];
    guint64 bit = G_GUINT64_CONSTANT(1) << (page % 64);
    guint64 *word;
    gboolean before;

    if (!*chunk)
        *chunk = g_new0(guint64, CHUNK_WORDS);
    word = &(*chunk)[page % CHUNK_PAGES / 64];
    before = (*word & bit) != 0;
    *word |= bit;
    return before;
}

static gboolean
cursor_is_after(const MtCursor *cursor, guint block, guint64 offset)
{
    return !cursor->any || block > cursor->block ||
           (block == cursor->block && offset > cursor->offset);
}

static MtAccountPass *
account_get_pass(MtAccount *account, guint64 number)
{
    while (number >= account->n_passes &&
           account->passes->len < MT_ACCOUNT_MAX_PASSES)
        account_add_pass(account);
    account->n_passes = MAX(account->n_passes, number + 1);

    return &g_array_index(account->passes, MtAccountPass,
                          MIN(number, account->passes->len - 1));
}

void
mt_account_pages(MtAccount *account, MtCursor *cursor, guint block_index,
                 MtPagesKind kind, const guint64 *offsets, guint n,
                 guint64 bytes, gboolean ordered)
{
    MtAccountBlock *block = g_ptr_array_index(account->blocks, block_index);
    guint64 lowest = G_MAXUINT64, highest = 0;
    MtAccountPass *pass;

    for (guint i = 0; i < n; i++) {
        lowest = MIN(lowest, offsets[i]);
        highest = MAX(highest, offsets[i]);
        if (!block->tracked)
            continue;
        if (block_mark(block, offsets[i]))
            block->repeated++;
        else
            block->distinct++;
    }

    if (n && ordered) {
        if (cursor->any &&
            (cursor->next || !cursor_is_after(cursor, block_index, lowest)))
            cursor->pass++;
        cursor->any = TRUE;
        cursor->next = FALSE;
        cursor->block = block_index;
        cursor->offset = highest;
    }

    pass = account_get_pass(account, cursor->pass);
    pass->kinds[kind].pages += n;
    pass->kinds[kind].bytes += bytes;
    block->kinds[kind].pages += n;
    block->kinds[kind].bytes += bytes;
}

void
mt_account_mapped(MtAccount *account, guint block_index, guint64 n_pages,
                  guint64 n_zero)
{
    MtAccountBlock *block = g_ptr_array_index(account->blocks, block_index);
    MtAccountPass *pass = account_get_pass(account, 0);

    pass->kinds[MT_PAGES_MAPPED].pages += n_pages;
    pass->kinds[MT_PAGES_MAPPED].bytes += n_pages * MT_PAGE_SIZE;
    pass->kinds[MT_PAGES_ZERO].pages += n_zero;
    block->kinds[MT_PAGES_MAPPED].pages += n_pages;
    block->kinds[MT_PAGES_MAPPED].bytes += n_pages * MT_PAGE_SIZE;
    block->kinds[MT_PAGES_ZERO].pages += n_zero;
    block->distinct = n_pages + n_zero;
}

MtAccountSection *
mt_account_section(MtAccount *account, guint8 type, guint32 id,
                   const char *name, guint32 instance, guint32 version,
                   guint64 offset, guint64 bytes, gboolean merge)
{
    GPtrArray *sections = account->sections;
    MtAccountSection *section = sections->len ?
        g_ptr_array_index(sections, sections->len - 1) : NULL;

    if (merge && section && section->type == type && section->id == id) {
        section->count++;
        section->bytes += bytes;
        return section;
    }

    section = g_new0(MtAccountSection, 1);
    section->type = type;
    section->id = id;
    section->name = g_strdup(name);
    section->instance = instance;
    section->version = version;
    section->offset = offset;
    section->count = 1;
    section->bytes = bytes;
    g_ptr_array_add(sections, section);
    return section;
}

void
mt_account_command(MtAccount *account, guint number, guint64 offset)
{
    MtAccountCommand command = { number, 1, offset };

    for (guint i = 0; i < account->commands->len; i++) {
        MtAccountCommand *known = &g_array_index(account->commands,
                                                 MtAccountCommand, i);

        if (known->number == number) {
            known->count++;
            return;
        }
    }
    g_array_append_val(account->commands, command);
}

static void
account_add_problem(MtAccount *account, MtProblemSeverity severity,
                    const char *id, const char *channel, gboolean has_offset,
                    guint64 offset, const char *format, va_list args)
{
    MtProblem *problem;

    account->n_problems++;
    if (severity == MT_PROBLEM_ERROR)
        account->n_errors++;
    if (account->problems->len >= MT_ACCOUNT_MAX_PROBLEMS)
        return;

    problem = g_new0(MtProblem, 1);
    problem->severity = severity;
    problem->id = g_strdup(id);
    problem->channel = g_strdup(channel);
    problem->has_offset = has_offset;
    problem->offset = offset;
    problem->text = g_strdup_vprintf(format, args);
    g_ptr_array_add(account->problems, problem);
}

void
mt_account_problem(MtAccount *account, MtProblemSeverity severity,
                   const char *id, const char *channel, const char *format,
                   ...)
{
    va_list args;

    va_start(args, format);
    account_add_problem(account, severity, id, channel, FALSE, 0, format,
                        args);
    va_end(args);
}

void
mt_account_problem_at(MtAccount *account, MtProblemSeverity severity,
                      const char *id, const char *channel, guint64 offset,
                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    account_add_problem(account, severity, id, channel, TRUE, offset, format,
                        args);
    va_end(args);
}

MtTally
mt_account_total(const MtAccount *account, MtPagesKind kind)
{
    MtTally total = { 0 };

    for (guint i = 0; i < account->blocks->len; i++) {
        const MtAccountBlock *block = g_ptr_array_index(account->blocks, i);

        total.pages += block->kinds[kind].pages;
        total.bytes += block->kinds[kind].bytes;
    }

    return total;
}
