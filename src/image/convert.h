/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Files with a guest's state, of any format, from and to each other.  Between
 * two formats there is always the ordinary migration stream.
 */

#include "image/input.h"
#include "image/libvirt-header.h"
#include "image/output.h"
#include "image/reader.h"
#include "image/writer.h"

G_BEGIN_DECLS

typedef enum {
    MT_FORMAT_STREAM,       /* as QEMU sends it */
    MT_FORMAT_SAVE,         /* ours */
    MT_FORMAT_MAPPED,       /* QEMU's mapped-ram file */
    MT_FORMAT_GZIP,         /* a stream, compressed as a whole */
    MT_FORMAT_BZIP2,
    MT_FORMAT_XZ,
    MT_FORMAT_LZOP,
    MT_FORMAT_ZSTD,
    MT_N_FORMATS
} MtFormat;

const char *mt_format_name(MtFormat format);

/* What a file is. */
typedef struct {
    MtFormat format;            /* of what follows libvirt's header */
    guint8 *libvirt;            /* the header, or NULL */
    gsize libvirt_bytes;
    MtLibvirtHeader header;     /* if libvirt */
    guint64 base;               /* of the stream in the file */
} MtFileKind;

void mt_file_kind_clear(MtFileKind *kind);

/* Looks at the file's beginning and reads libvirt's header; the position is
 * then where the rest begins. */
gboolean mt_file_kind_detect(MtInput *input, MtFileKind *ret_kind,
                             GError **error);

typedef struct {
    guint n_threads;
    MtImageSink sink;
    gpointer user_data;
    void (*failed)(gpointer data);
    gpointer failed_data;
    MtImageChunkFunc chunk;     /* of a save file; may be NULL */
} MtSourceSettings;

/*
 * Gives the ordinary stream of a file to the sink.  @path is for programs that
 * decompress.  *@ret_image, if wanted, is what a save file has beside it.
 */
gboolean mt_source_run(MtInput *input, const char *path,
                       const MtFileKind *kind,
                       const MtSourceSettings *settings, MtImage **ret_image,
                       GError **error);

typedef struct {
    const char *format;         /* a name of mt_target_names, NULL: default */
    guint n_threads;
    int level;
    guint32 chunk_bytes;
    gboolean direct;
    const char *properties;
    MtCancel *cancel;
    /* After every piece; may be NULL. */
    void (*progress)(guint64 stream_bytes, gpointer data);
    gpointer progress_data;
} MtConvertSettings;

typedef struct {
    char *from;                 /* names of formats */
    char *to;
    MtImageTotals totals;
    guint64 file_bytes;
} MtConvertResult;

void mt_convert_result_clear(MtConvertResult *result);

/* "stream", "save", "mapped", "libvirt-raw", … */
extern const char *const mt_target_names[];

gboolean mt_convert(const char *from, const char *to,
                    const MtConvertSettings *settings,
                    MtConvertResult *ret_result, GError **error);

G_END_DECLS
