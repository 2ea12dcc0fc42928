/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sets of descriptors: add-fd, remove-fd, query-fdsets, and files of the form
 * /dev/fdset/N, which stand for a descriptor of set N with the access mode that
 * is needed.
 *
 * Descriptors are in the order of their sets.  The engine opens such a file by
 * its name in /proc, so unlike in QEMU the process needs permission to open it
 * again.
 */
#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "drivers/ref/guest/guest-private.h"
#include "util/json-peek.h"

#define FDSET_PREFIX "file:/dev/fdset/"

/* Before this release a removed descriptor stays listed while the guest does
 * not run. */
#define REMOVED_AT_ONCE_SINCE MT_RELEASE(9, 1)

typedef struct {
    gint64 set;
    int fd;
    char *opaque;               /* NULL: none */
    gboolean removed;
} FdsetEntry;

static void
fdset_entry_clear(gpointer data)
{
    FdsetEntry *entry = data;

    close(entry->fd);
    g_free(entry->opaque);
}

void
mt_ref_guest_init_fdsets(MtRefGuest *g)
{
    g->fdsets = g_array_new(FALSE, TRUE, sizeof(FdsetEntry));
    g_array_set_clear_func(g->fdsets, fdset_entry_clear);
}

static FdsetEntry *
fdset_entry(MtRefGuest *g, guint i)
{
    return &g_array_index(g->fdsets, FdsetEntry, i);
}

/* Closes removed descriptors, if the release does so in this state. */
static void
fdset_clean(MtRefGuest *g)
{
    if (mt_ref_profile_release(g->profile) < REMOVED_AT_ONCE_SINCE &&
        mt_ref_guest_run_state(g) != MT_REF_RUNNING)
        return;

    for (guint i = g->fdsets->len; i > 0; i--) {
        if (fdset_entry(g, i - 1)->removed)
            g_array_remove_index(g->fdsets, i - 1);
    }
}

/* The lowest number that no set has. */
static gint64
fdset_free_number(MtRefGuest *g)
{
    gint64 number = 0;

    for (guint i = 0; i < g->fdsets->len; i++) {
        if (fdset_entry(g, i)->set == number)
            number++;
    }
    return number;
}

gboolean
mt_ref_guest_add_fd(MtRefGuest *g, JsonObject *arguments, int *fd,
                    JsonNode **ret_result, MtRefRefusal *refusal)
{
    FdsetEntry entry = { .fd = *fd };
    JsonObject *info;
    guint i;

    if (*fd < 0)
        return mt_ref_refuse(refusal, "No file descriptor supplied via "
                             "SCM_RIGHTS");
    if (!mt_json_peek_int(arguments, "fdset-id", &entry.set))
        entry.set = fdset_free_number(g);
    *fd = -1;
    if (entry.set < 0) {
        close(entry.fd);
        return mt_ref_refuse(refusal, "Parameter 'fdset-id' expects a "
                             "non-negative value");
    }

    entry.opaque = g_strdup(mt_json_peek_string(arguments, "opaque"));
    for (i = 0; i < g->fdsets->len && fdset_entry(g, i)->set <= entry.set; i++)
        ;
    g_array_insert_val(g->fdsets, i, entry);

    info = json_object_new();
    json_object_set_int_member(info, "fd", entry.fd);
    json_object_set_int_member(info, "fdset-id", entry.set);
    *ret_result = mt_json_node_new_object(info);
    return TRUE;
}

gboolean
mt_ref_run_remove_fd(MtRefGuest *g, JsonObject *arguments,
                     JsonNode **ret_result, MtRefRefusal *refusal)
{
    gint64 set = 0, fd = -1;
    gboolean one = mt_json_peek_int(arguments, "fd", &fd);
    gboolean found = FALSE;

    mt_json_peek_int(arguments, "fdset-id", &set);
    for (guint i = 0; i < g->fdsets->len; i++) {
        FdsetEntry *entry = fdset_entry(g, i);

        if (entry->set != set || (one && entry->fd != fd))
            continue;
        entry->removed = found = TRUE;
    }
    if (found) {
        fdset_clean(g);
        return TRUE;
    }
    if (one)
        return mt_ref_refuse(refusal, "File descriptor named 'fdset-id:%"
                             G_GINT64_FORMAT ", fd:%" G_GINT64_FORMAT
                             "' not found", set, fd);
    return mt_ref_refuse(refusal, "File descriptor named 'fdset-id:%"
                         G_GINT64_FORMAT "' not found", set);
}

/* Sets in descending order, as QEMU reports them. */
gboolean
mt_ref_run_query_fdsets(MtRefGuest *g, JsonObject *arguments,
                        JsonNode **ret_result, MtRefRefusal *refusal)
{
    JsonArray *sets = json_array_new();

    for (guint end = g->fdsets->len; end > 0; ) {
        gint64 set = fdset_entry(g, end - 1)->set;
        guint first = end;
        JsonObject *info = json_object_new();
        JsonArray *fds = json_array_new();

        while (first > 0 && fdset_entry(g, first - 1)->set == set)
            first--;
        for (guint i = first; i < end; i++) {
            JsonObject *one = json_object_new();

            json_object_set_int_member(one, "fd", fdset_entry(g, i)->fd);
            if (fdset_entry(g, i)->opaque)
                json_object_set_string_member(one, "opaque",
                                              fdset_entry(g, i)->opaque);
            json_array_add_object_element(fds, one);
        }
        json_object_set_array_member(info, "fds", fds);
        json_object_set_int_member(info, "fdset-id", set);
        json_array_add_object_element(sets, info);
        end = first;
    }
    *ret_result = mt_json_node_new_array(sets);
    return TRUE;
}

/* A descriptor of the set with the access mode; -1 with @refusal. */
static int
fdset_find(MtRefGuest *g, gint64 set, gboolean incoming,
           MtRefRefusal *refusal)
{
    int mode = incoming ? O_RDONLY : O_WRONLY;
    gboolean found = FALSE;

    for (guint i = 0; i < g->fdsets->len; i++) {
        const FdsetEntry *entry = fdset_entry(g, i);

        if (entry->set != set || entry->removed)
            continue;
        found = TRUE;
        if ((fcntl(entry->fd, F_GETFL) & O_ACCMODE) == mode)
            return entry->fd;
    }

    if (!found)
        mt_ref_refuse(refusal, "Failed to find fdset /dev/fdset/%"
                      G_GINT64_FORMAT, set);
    else
        mt_ref_refuse(refusal, "Failed to find file descriptor with matching "
                      "flags=0x%x", mode | (incoming ? 0 : O_CREAT));
    return -1;
}

char *
mt_ref_fdset_resolve(MtRefGuest *g, const char *uri, gboolean incoming,
                     MtRefRefusal *refusal)
{
    g_autofree char *number = NULL;
    const char *rest;
    gint64 set;
    int fd;

    if (!g_str_has_prefix(uri, FDSET_PREFIX))
        return g_strdup(uri);

    uri += strlen(FDSET_PREFIX);
    rest = uri + strcspn(uri, ",");
    number = g_strndup(uri, rest - uri);
    if (!g_ascii_string_to_signed(number, 10, 0, G_MAXINT64, &set, NULL)) {
        mt_ref_refuse(refusal, "Could not parse fdset /dev/fdset/%s", number);
        return NULL;
    }
    fd = fdset_find(g, set, incoming, refusal);
    return fd < 0 ? NULL : g_strdup_printf("file:/proc/self/fd/%d%s", fd,
                                           rest);
}
