/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The recordings of tests/data/streams, as plain files in a temporary folder.
 */

#include <json-glib/json-glib.h>

#define RECORDING_MAX_FILES 5

typedef struct {
    char *name;
    JsonObject *entry;      /* of the manifest; borrowed */
    char *folder;
    char *paths[RECORDING_MAX_FILES];
    gsize sizes[RECORDING_MAX_FILES];
    char *words[RECORDING_MAX_FILES + 1];   /* for migtune_inspect() */
    guint n_files;          /* the first one is the main channel */
} Recording;

/* The manifest, an array of objects. */
JsonArray *recordings_load_manifest(void);

Recording *recording_open(JsonObject *entry);
Recording *recording_open_by_name(JsonArray *manifest, const char *name);
void recording_free(Recording *recording);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recording, recording_free)
