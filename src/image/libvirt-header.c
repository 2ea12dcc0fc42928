/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The header of a libvirt save image: see libvirt-header.h.
 */
#include "config.h"

#include <string.h>

#include "image/libvirt-header.h"
#include "migtune/migtune-error.h"

static const char libvirt_magic[16] = "LibvirtQemudSave";
static const char libvirt_partial[16] = "LibvirtQemudPart";

#define LIBVIRT_VERSION 2

enum {
    HEAD_VERSION = 16,
    HEAD_DATA_LEN = 20,
    HEAD_RUNNING = 24,
    HEAD_FORMAT = 28,
    HEAD_COOKIE = 32,
};

static const char *const libvirt_formats[MT_LIBVIRT_N_FORMATS] = {
    [MT_LIBVIRT_RAW] = "raw",
    [MT_LIBVIRT_GZIP] = "gzip",
    [MT_LIBVIRT_BZIP2] = "bzip2",
    [MT_LIBVIRT_XZ] = "xz",
    [MT_LIBVIRT_LZOP] = "lzop",
    [MT_LIBVIRT_ZSTD] = "zstd",
    [MT_LIBVIRT_SPARSE] = "sparse",
};

const char *
mt_libvirt_format_name(MtLibvirtFormat format)
{
    return format < MT_LIBVIRT_N_FORMATS ? libvirt_formats[format] : "unknown";
}

gboolean
mt_libvirt_is_header(const guint8 *data, gsize len)
{
    return len >= 16 && (memcmp(data, libvirt_magic, 16) == 0 ||
                         memcmp(data, libvirt_partial, 16) == 0);
}

static guint32
head_get(const guint8 *head, guint at, gboolean swapped)
{
    guint32 v;

    memcpy(&v, head + at, sizeof(v));
    return swapped ? GUINT32_SWAP_LE_BE(v) : v;
}

static gboolean
libvirt_bad(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean
libvirt_bad(GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, format);
    text = g_strdup_vprintf(format, ap);
    va_end(ap);
    migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                      "at offset 0 of the file: the libvirt save image %s",
                      text);
    return FALSE;
}

gboolean
mt_libvirt_parse(const guint8 head[MT_LIBVIRT_HEAD],
                 MtLibvirtHeader *ret_header, GError **error)
{
    gboolean swapped = head_get(head, HEAD_VERSION, FALSE) > LIBVIRT_VERSION;
    guint32 version = head_get(head, HEAD_VERSION, swapped);
    guint32 format = head_get(head, HEAD_FORMAT, swapped);
    MtLibvirtHeader h = {
        .swapped = swapped,
        .data_len = head_get(head, HEAD_DATA_LEN, swapped),
        .was_running = head_get(head, HEAD_RUNNING, swapped) != 0,
        .cookie_offset = head_get(head, HEAD_COOKIE, swapped),
    };

    if (memcmp(head, libvirt_partial, 16) == 0)
        return libvirt_bad(error, "is incomplete: its writer did not finish");
    if (memcmp(head, libvirt_magic, 16) != 0)
        return libvirt_bad(error, "has no magic");
    if (version > LIBVIRT_VERSION)
        return libvirt_bad(error, "has version %u, at most %d is supported",
                           head_get(head, HEAD_VERSION, FALSE),
                           LIBVIRT_VERSION);
    if (!h.data_len || h.data_len > MT_LIBVIRT_MAX_DATA)
        return libvirt_bad(error, "has %u bytes of XML and cookie, from 1 to "
                           "%d are accepted", h.data_len,
                           MT_LIBVIRT_MAX_DATA);
    if (h.cookie_offset >= h.data_len)
        return libvirt_bad(error, "has its cookie at %u of %u bytes",
                           h.cookie_offset, h.data_len);
    if (format >= MT_LIBVIRT_N_FORMATS)
        return libvirt_bad(error, "has format %u, which is not known", format);

    h.format = format;
    *ret_header = h;
    return TRUE;
}

gboolean
mt_libvirt_check_data(const MtLibvirtHeader *header, const guint8 *data,
                      GError **error)
{
    gsize xml = header->cookie_offset ? header->cookie_offset
                                      : header->data_len;

    if (!memchr(data, 0, xml))
        return libvirt_bad(error, "has XML without an end");
    if (header->cookie_offset &&
        !memchr(data + xml, 0, header->data_len - xml))
        return libvirt_bad(error, "has a cookie without an end");

    return TRUE;
}

void
mt_libvirt_set_format(guint8 *head, const MtLibvirtHeader *header,
                      MtLibvirtFormat format)
{
    guint32 v = header->swapped ? GUINT32_SWAP_LE_BE((guint32)format) : format;

    memcpy(head + HEAD_FORMAT, &v, sizeof(v));
}

void
mt_libvirt_set_partial(guint8 *head, gboolean partial)
{
    memcpy(head, partial ? libvirt_partial : libvirt_magic, 16);
}
