/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the functions about files with a guest's state share.
 */

#include "core/core.h"
#include "image/convert.h"
#include "util/io.h"

G_BEGIN_DECLS

enum {
    MT_OPTION_THREADS = 1 << 0,
    MT_OPTION_LEVEL = 1 << 1,
    MT_OPTION_CHUNK_SIZE = 1 << 2,
    MT_OPTION_DIRECT_IO = 1 << 3,
    MT_OPTION_FORMAT = 1 << 4,
    MT_OPTION_LIVE = 1 << 5,
};

typedef struct {
    guint threads;
    gint level;
    guint chunk_bytes;
    gboolean direct;
    gboolean live;
    char *format;               /* NULL: default */
} MtImageOptions;

/* Takes a floating @options; refuses what is not in @allowed. */
gboolean mt_image_options_parse(GVariant *options, guint allowed,
                                MtImageOptions *ret_options, GError **error);
void mt_image_options_clear(MtImageOptions *options);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MtImageOptions, mt_image_options_clear)

/* A GCancellable that ends waits on descriptors. */
typedef struct {
    MtCancel *cancel;
    GCancellable *cancellable;
    gulong handler;
} MtImageCancel;

void mt_image_cancel_init(MtImageCancel *c, GCancellable *cancellable);
void mt_image_cancel_clear(MtImageCancel *c);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MtImageCancel, mt_image_cancel_clear)

/* Calls a progress function at most ten times a second. */
typedef struct {
    MigtuneImageFunc func;
    gpointer user_data;
    guint64 total;
    gint64 next_us;
} MtImageProgress;

void mt_image_progress(guint64 done, MtImageProgress *progress);

/* save-libvirt.c: the parts of a save and a restore that libvirt's guests have
 * instead of QEMU's commands.  The caller holds the domain, whose driver has
 * `save` and `restore`. */
JsonNode *mt_save_by_libvirt(MigtuneDomain *domain, const char *path,
                             const MtImageOptions *options, MtCancel *cancel,
                             MtImageProgress *progress, GError **error);
gboolean mt_restore_by_libvirt(MigtuneDomain *domain, const char *path,
                               const MtFileKind *kind,
                               const MtImageOptions *options, MtCancel *cancel,
                               MtImageProgress *progress, GError **error);

G_END_DECLS
