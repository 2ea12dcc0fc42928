/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Probe results on disk, one file for each QEMU.
 *
 * A file that is damaged, too old, of another format, or about another QEMU is
 * ignored, and so is a directory that cannot be read or written.
 */

#include "probe/caps.h"

G_BEGIN_DECLS

/*
 * The key of a QEMU.  @binary identifies the binary if the driver knows it; else
 * the key is @version and @address.  NULL if neither @binary nor @version is
 * known.
 */
char *mt_cache_key(JsonNode *version, const char *binary, const char *address);

/* @dir may be NULL: no cache. */
MtCaps *mt_cache_load(const char *dir, const char *key);

/* Also removes files that have not been written for a long time. */
void mt_cache_save(const char *dir, const char *key, const MtCaps *caps);

/* Reads the text of a file; NULL unless it is about @key. */
MtCaps *mt_cache_parse(const char *text, gsize length, const char *key);

/* $XDG_CACHE_HOME/migtune; NULL if there is no absolute path for it. */
char *mt_cache_default_dir(void);

G_END_DECLS
