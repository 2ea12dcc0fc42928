/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The header of a libvirt save image: 92 bytes in the byte order of the host
 * that wrote them, then the domain's XML, a cookie and padding.  The stream
 * follows.
 */

#include <glib.h>

G_BEGIN_DECLS

#define MT_LIBVIRT_HEAD 92
#define MT_LIBVIRT_MAX_DATA (16 * 1024 * 1024)

typedef enum {
    MT_LIBVIRT_RAW = 0,
    MT_LIBVIRT_GZIP = 1,
    MT_LIBVIRT_BZIP2 = 2,
    MT_LIBVIRT_XZ = 3,
    MT_LIBVIRT_LZOP = 4,
    MT_LIBVIRT_ZSTD = 5,
    MT_LIBVIRT_SPARSE = 6,
    MT_LIBVIRT_N_FORMATS
} MtLibvirtFormat;

typedef struct {
    gboolean swapped;           /* of the other byte order */
    guint32 data_len;
    gboolean was_running;
    MtLibvirtFormat format;
    guint32 cookie_offset;      /* in the data; 0: no cookie */
} MtLibvirtHeader;

/* "raw", "gzip", … */
const char *mt_libvirt_format_name(MtLibvirtFormat format);

/* Whether these bytes (at least 16) begin a complete or partial image. */
gboolean mt_libvirt_is_header(const guint8 *data, gsize len);

gboolean mt_libvirt_parse(const guint8 head[MT_LIBVIRT_HEAD],
                          MtLibvirtHeader *ret_header, GError **error);

/* Whether XML and cookie, @header->data_len bytes, end inside the data. */
gboolean mt_libvirt_check_data(const MtLibvirtHeader *header,
                               const guint8 *data, GError **error);

/* Changes the format in a header that was parsed; all else stays. */
void mt_libvirt_set_format(guint8 *head, const MtLibvirtHeader *header,
                           MtLibvirtFormat format);

/* Marks it as not complete, and as complete again. */
void mt_libvirt_set_partial(guint8 *head, gboolean partial);

G_END_DECLS
