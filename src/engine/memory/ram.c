/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guest RAM.
 *
 * A block is one mapping, anonymous or a shared file, which a real QEMU can use,
 * too.  There are few blocks, and the stream names a block only if it is not the
 * one of the record before: so an array is sufficient.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/memory/ram.h"
#include "migtune/migtune-error.h"

struct MtRam {
    GPtrArray *blocks; /* MtRamBlock */
    guint64 n_pages;
};

static void
ram_block_free(gpointer data)
{
    MtRamBlock *block = data;

    if (block->host)
        munmap(block->host, block->max_length);
    g_free(block->name);
    g_free(block);
}

MtRam *
mt_ram_new(void)
{
    MtRam *ram = g_new0(MtRam, 1);

    ram->blocks = g_ptr_array_new_with_free_func(ram_block_free);
    return ram;
}

void
mt_ram_free(MtRam *ram)
{
    if (!ram)
        return;

    g_ptr_array_unref(ram->blocks);
    g_free(ram);
}

/* Opens @path and makes it at least @length bytes long; -1 on failure. */
static int
ram_open_file(const char *path, guint64 length, GError **error)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0) {
        migtune_error_set(error, MIGTUNE_ERROR_IO, "RAM file '%s': open: %s",
                          path, g_strerror(errno));
        return -1;
    }

    if (fstat(fd, &st) < 0 ||
        ((guint64)st.st_size < length && ftruncate(fd, length) < 0)) {
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          "RAM file '%s': growing to %" G_GUINT64_FORMAT
                          " bytes: %s",
                          path, length, g_strerror(errno));
        close(fd);
        return -1;
    }

    return fd;
}

static gboolean
ram_map(MtRamBlock *block, const char *path, GError **error)
{
    int flags = path ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    int fd = -1;
    void *host;

    if (path && (fd = ram_open_file(path, block->max_length, error)) < 0)
        return FALSE;

    host = mmap(NULL, block->max_length, PROT_READ | PROT_WRITE, flags, fd, 0);
    if (fd >= 0)
        close(fd);
    if (host == MAP_FAILED) {
        migtune_error_set(error, MIGTUNE_ERROR_IO,
                          "RAM %s '%s': mapping %" G_GUINT64_FORMAT
                          " bytes: %s", path ? "file" : "block",
                          path ? path : block->name, block->max_length,
                          g_strerror(errno));
        return FALSE;
    }

    /* Huge pages reduce the number of page faults; the call fails without harm
     * if the system has none. */
    madvise(host, block->max_length, MADV_HUGEPAGE);
    block->host = host;
    return TRUE;
}

static gboolean
ram_check_spec(const MtRam *ram, const MtRamBlockSpec *spec, GError **error)
{
    gsize name_len = strlen(spec->name);
    guint64 page_size = spec->page_size ? spec->page_size : MT_PAGE_SIZE;

    if (name_len == 0 || name_len > MT_RAM_NAME_MAX) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "RAM block name of %" G_GSIZE_FORMAT
                          " bytes: 1 to %d are supported",
                          name_len, MT_RAM_NAME_MAX);
        return FALSE;
    }
    if (mt_ram_find(ram, spec->name, name_len)) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "RAM block '%s' exists already", spec->name);
        return FALSE;
    }
    if (page_size < MT_PAGE_SIZE || (page_size & (page_size - 1))) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "RAM block '%s': page size %" G_GUINT64_FORMAT
                          " is not a power of two from %d on",
                          spec->name, page_size, MT_PAGE_SIZE);
        return FALSE;
    }
    if (spec->length == 0 || spec->length % page_size ||
        spec->length > G_MAXINT64) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "RAM block '%s': length %" G_GUINT64_FORMAT
                          " is not a positive multiple of its page size %"
                          G_GUINT64_FORMAT,
                          spec->name, spec->length, page_size);
        return FALSE;
    }
    if (spec->max_length &&
        (spec->max_length < spec->length || spec->max_length % page_size ||
         spec->max_length > G_MAXINT64)) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "RAM block '%s': largest length %" G_GUINT64_FORMAT
                          " does not suit length %" G_GUINT64_FORMAT,
                          spec->name, spec->max_length, spec->length);
        return FALSE;
    }

    return TRUE;
}

gboolean
mt_ram_add(MtRam *ram, const MtRamBlockSpec *spec, GError **error)
{
    MtRamBlock *block;

    if (!ram_check_spec(ram, spec, error))
        return FALSE;

    block = g_new0(MtRamBlock, 1);
    block->name = g_strdup(spec->name);
    block->name_len = strlen(spec->name);
    block->used_length = spec->length;
    block->max_length = spec->max_length ? spec->max_length : spec->length;
    block->page_size = spec->page_size ? spec->page_size : MT_PAGE_SIZE;
    block->gpa = spec->gpa;
    block->first_page = ram->n_pages;
    block->n_pages = spec->length >> MT_PAGE_SHIFT;
    block->resizable = spec->max_length != 0;
    block->shared = spec->path != NULL;

    if (!ram_map(block, spec->path, error)) {
        ram_block_free(block);
        return FALSE;
    }

    ram->n_pages += block->max_length >> MT_PAGE_SHIFT;
    g_ptr_array_add(ram->blocks, block);
    return TRUE;
}

MtRam *
mt_ram_new_simple(guint64 length, GError **error)
{
    g_autoptr(MtRam) ram = mt_ram_new();
    MtRamBlockSpec spec = { .name = "ram", .length = length };

    return mt_ram_add(ram, &spec, error) ? g_steal_pointer(&ram) : NULL;
}

gboolean
mt_ram_resize(MtRam *ram, MtRamBlock *block, guint64 length, GError **error)
{
    if (length == block->used_length)
        return TRUE;

    if (!block->resizable || length == 0 || length % MT_PAGE_SIZE ||
        length > block->max_length) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "RAM block '%s': length %" G_GUINT64_FORMAT
                          " requested, the length is %" G_GUINT64_FORMAT "%s",
                          block->name, length, block->used_length,
                          block->resizable ? "; the largest length is smaller" : "");
        return FALSE;
    }

    /* The part that is no longer used must be zero if it is used again. */
    if (length < block->used_length &&
        !mt_ram_discard(block, length, block->used_length - length))
        memset(block->host + length, 0, block->used_length - length);
    block->used_length = length;
    block->n_pages = length >> MT_PAGE_SHIFT;
    return TRUE;
}

gboolean
mt_ram_discard(const MtRamBlock *block, guint64 offset, guint64 length)
{
    /* For a private mapping of anonymous memory DONTNEED is enough; a file
     * would keep its content. */
    return madvise(block->host + offset, length,
                   block->shared ? MADV_REMOVE : MADV_DONTNEED) == 0;
}

/* Bits 62 and 63 of an entry of pagemap: swapped out, present. */
#define PAGEMAP_IN_USE (G_GUINT64_CONSTANT(3) << 62)

static void
ram_find_untouched_block(int fd, const MtRamBlock *block, MtBitmap *untouched)
{
    guint64 entries[8192];
    guint64 from = (guintptr)block->host >> MT_PAGE_SHIFT;

    for (guint64 done = 0; done < block->n_pages;) {
        guint64 want = MIN(block->n_pages - done, G_N_ELEMENTS(entries));
        gssize n = pread(fd, entries, want * sizeof(entries[0]),
                         (from + done) * sizeof(entries[0]));
        guint64 start = 0;

        if (n < (gssize)sizeof(entries[0]))
            return;
        n /= sizeof(entries[0]);
        for (gssize i = 0; i <= n; i++) {
            if (i < n && !(entries[i] & PAGEMAP_IN_USE))
                continue;
            if (start < (guint64)i)
                mt_bitmap_set_range(untouched,
                                    block->first_page + done + start,
                                    i - start);
            start = i + 1;
        }
        done += n;
    }
}

void
mt_ram_find_untouched(const MtRam *ram, MtBitmap *untouched)
{
    int fd = -1;

    /* Entries are for pages of the host. */
    if (sysconf(_SC_PAGESIZE) == MT_PAGE_SIZE)
        fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;

    for (guint i = 0; i < ram->blocks->len; i++) {
        const MtRamBlock *block = mt_ram_block(ram, i);

        if (!block->shared)
            ram_find_untouched_block(fd, block, untouched);
    }
    close(fd);
}

guint
mt_ram_n_blocks(const MtRam *ram)
{
    return ram->blocks->len;
}

MtRamBlock *
mt_ram_block(const MtRam *ram, guint i)
{
    return i < ram->blocks->len ? g_ptr_array_index(ram->blocks, i) : NULL;
}

MtRamBlock *
mt_ram_find(const MtRam *ram, const char *name, gsize name_len)
{
    for (guint i = 0; i < ram->blocks->len; i++) {
        MtRamBlock *block = g_ptr_array_index(ram->blocks, i);

        if (block->name_len == name_len &&
            memcmp(block->name, name, name_len) == 0)
            return block;
    }
    return NULL;
}

guint64
mt_ram_n_pages(const MtRam *ram)
{
    return ram->n_pages;
}

guint64
mt_ram_bytes(const MtRam *ram)
{
    guint64 bytes = 0;

    for (guint i = 0; i < ram->blocks->len; i++)
        bytes += mt_ram_block(ram, i)->used_length;
    return bytes;
}

guint8 *
mt_ram_page(const MtRam *ram, guint64 index, MtRamBlock **ret_block)
{
    for (guint i = 0; i < ram->blocks->len; i++) {
        MtRamBlock *block = g_ptr_array_index(ram->blocks, i);

        if (index < block->first_page)
            return NULL;
        if (index - block->first_page >= block->n_pages)
            continue;

        if (ret_block)
            *ret_block = block;
        return block->host + ((index - block->first_page) << MT_PAGE_SHIFT);
    }
    return NULL;
}

char *
mt_ram_hash(const MtRam *ram)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

    for (guint i = 0; i < ram->blocks->len; i++) {
        MtRamBlock *block = g_ptr_array_index(ram->blocks, i);

        g_checksum_update(sum, block->host, block->used_length);
    }
    return g_strdup(g_checksum_get_string(sum));
}

static gboolean
ram_block_equal(const MtRamBlock *a, const MtRamBlock *b, char **ret_where)
{
    for (guint64 at = 0; at < a->used_length; at += MT_PAGE_SIZE) {
        if (memcmp(a->host + at, b->host + at, MT_PAGE_SIZE) == 0)
            continue;

        if (ret_where)
            *ret_where = g_strdup_printf("block '%s', page at 0x%"
                                         G_GINT64_MODIFIER "x",
                                         a->name, at);
        return FALSE;
    }
    return TRUE;
}

gboolean
mt_ram_equal(const MtRam *a, const MtRam *b, char **ret_where)
{
    for (guint i = 0; i < MAX(a->blocks->len, b->blocks->len); i++) {
        const MtRamBlock *ours = mt_ram_block(a, i);
        const MtRamBlock *theirs =
            ours ? mt_ram_find(b, ours->name, ours->name_len) : NULL;

        if (!ours || !theirs || ours->used_length != theirs->used_length) {
            if (ret_where)
                *ret_where = g_strdup_printf("the list of blocks, number %u",
                                             i);
            return FALSE;
        }
        if (!ram_block_equal(ours, theirs, ret_where))
            return FALSE;
    }
    return TRUE;
}
