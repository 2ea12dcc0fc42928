/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cache of probe results.
 *
 * The name of a file is a digest of the key.  The file also contains the key, so
 * that a collision is noticed.  Files are replaced atomically, so that two
 * processes that write at the same time leave one complete file.
 *
 * A binary may be replaced under the same name and size, and behind one address
 * there may be another QEMU tomorrow.  Files therefore expire.
 */
#include "config.h"

#include <string.h>

#include <glib/gstdio.h>

#include "probe/cache.h"
#include "util/json-peek.h"
#include "util/json.h"
#include "util/replace.h"

/* Real files have about 10 KiB. */
#define CACHE_MAX_BYTES (1024 * 1024)

/* A file is used for a day, and removed after a month. */
#define CACHE_USE_S (24 * 60 * 60)
#define CACHE_KEEP_S (30 * CACHE_USE_S)

char *
mt_cache_key(JsonNode *version, const char *binary, const char *address)
{
    g_autofree char *text = version ? mt_json_to_line(version) : NULL;

    if (!text && !binary)
        return NULL;

    /* Two builds of one version may differ, so the version is not enough. */
    return g_strdup_printf("%s\n%s\n%s", PACKAGE_VERSION, text ? text : "",
                           binary ? binary : address);
}

char *
mt_cache_default_dir(void)
{
    const char *dir = g_get_user_cache_dir();

    /* A relative path would depend on the current directory. */
    return g_path_is_absolute(dir) ? g_build_filename(dir, "migtune", NULL)
                                   : NULL;
}

static char *
cache_file(const char *dir, const char *key)
{
    g_autofree char *digest =
        g_compute_checksum_for_string(G_CHECKSUM_SHA256, key, -1);
    g_autofree char *name = g_strdup_printf("probe-%.32s.json", digest);

    return g_build_filename(dir, name, NULL);
}

MtCaps *
mt_cache_parse(const char *text, gsize length, const char *key)
{
    g_autoptr(JsonNode) root = NULL;
    JsonNode *caps;
    JsonObject *object;

    if (length > CACHE_MAX_BYTES)
        return NULL;
    root = mt_json_parse(text, length, NULL);
    if (!root || !JSON_NODE_HOLDS_OBJECT(root))
        return NULL;
    object = json_node_get_object(root);
    caps = json_object_get_member(object, "caps");
    if (g_strcmp0(mt_json_peek_string(object, "key"), key) != 0 || !caps)
        return NULL;

    return mt_caps_from_json(caps);
}

/* The age of a file in seconds; a time in the future counts as very old. */
static gint64
cache_age(const GStatBuf *st)
{
    gint64 age = g_get_real_time() / G_USEC_PER_SEC - st->st_mtime;

    return age < -60 ? G_MAXINT64 : age;
}

/* Removes the files in @dir that have not been written for a month. */
static void
cache_clean(const char *dir)
{
    g_autoptr(GDir) opened = g_dir_open(dir, 0, NULL);
    const char *name;

    while (opened && (name = g_dir_read_name(opened))) {
        g_autofree char *path = g_build_filename(dir, name, NULL);
        GStatBuf st;

        if (g_str_has_prefix(name, "probe-") && g_lstat(path, &st) == 0 &&
            S_ISREG(st.st_mode) && cache_age(&st) > CACHE_KEEP_S)
            g_unlink(path);
    }
}

MtCaps *
mt_cache_load(const char *dir, const char *key)
{
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;
    GStatBuf st;
    gsize length;

    if (!dir || !key)
        return NULL;
    path = cache_file(dir, key);
    if (g_stat(path, &st) < 0 || !S_ISREG(st.st_mode) ||
        st.st_size > CACHE_MAX_BYTES || cache_age(&st) > CACHE_USE_S ||
        !g_file_get_contents(path, &text, &length, NULL))
        return NULL;

    return mt_cache_parse(text, length, key);
}

void
mt_cache_save(const char *dir, const char *key, const MtCaps *caps)
{
    g_autofree char *path = NULL;
    g_autofree char *text = NULL;
    g_autoptr(JsonNode) root = NULL;
    JsonObject *object;

    if (!dir || !key || g_mkdir_with_parents(dir, 0700) < 0)
        return;

    object = json_object_new();
    json_object_set_string_member(object, "key", key);
    json_object_set_member(object, "caps", mt_caps_to_json(caps));
    root = mt_json_node_new_object(object);
    text = mt_json_to_line(root);
    path = cache_file(dir, key);
    mt_replace_file(path, text);
    cache_clean(dir);
}
