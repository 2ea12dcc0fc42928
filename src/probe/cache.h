/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Probe results on disk, one file for each QEMU binary.
 *
 * A file that is damaged, of another format, or about another binary is a
 * miss and never an error; so is a directory that cannot be read or written.
 */

#include "probe/caps.h"

G_BEGIN_DECLS

/*
 * The key of what a driver told: its binary where it knows it, else what the
 * greeting says together with the address.  NULL when nothing identifies it.
 */
char *mt_cache_key(JsonNode *version, const char *binary, const char *address);

/* @dir may be NULL: no cache. */
MtCaps *mt_cache_load(const char *dir, const char *key);
void mt_cache_save(const char *dir, const char *key, const MtCaps *caps);

/*
 * Reads what a cache file holds; NULL unless it is about @key.  For the fuzz
 * target as well.
 */
MtCaps *mt_cache_parse(const char *text, gsize length, const char *key);

/* Where the files are: $XDG_CACHE_HOME/migtune. */
char *mt_cache_default_dir(void);

G_END_DECLS
