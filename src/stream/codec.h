/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Codecs: compress the pages of a multifd packet and decompress them.
 *
 * Each channel has one encoder or decoder, which lives as long as the channel:
 * its output is one continuous stream, flushed at the end of each packet.  To
 * add a codec, add a file codec-NAME.c and a line in codec.c.
 */

#include <glib.h>
#include <sys/uio.h>

#include "stream/wire.h"

G_BEGIN_DECLS

typedef struct MtCodec MtCodec;

struct MtCodec {
    const char *name;
    guint32 method;     /* bits of the packet's flags */

    /* @level is a level of this codec.  NULL on error. */
    gpointer (*encoder_new)(int level, GError **error);
    void (*encoder_free)(gpointer encoder);

    /*
     * Encodes @n pages, at most MT_MULTIFD_PAGES.  The payload is described
     * by @ret_iov, which has room for @n + 1 pieces, and stays valid until the
     * next call and as long as the pages are.
     */
    gboolean (*encode)(gpointer encoder, guint8 *const *pages, guint n,
                       struct iovec *ret_iov, guint *ret_n_iov,
                       GError **error);

    /*
     * Decoding.  The callbacks are NULL if the payload is the uncompressed
     * pages, which are read directly to their addresses.
     */
    gpointer (*decoder_new)(GError **error);
    void (*decoder_free)(gpointer decoder);

    /* Consumes exactly @len bytes of @payload and fills exactly @n pages. */
    gboolean (*decode)(gpointer decoder, const guint8 *payload, gsize len,
                       guint8 *const *pages, guint n, GError **error);
};

extern const MtCodec mt_codec_none;
extern const MtCodec mt_codec_zlib;
extern const MtCodec mt_codec_zstd;

guint mt_codec_n(void);
const MtCodec *mt_codec_get(guint i);

/* NULL if no codec has this name; the error lists all names. */
const MtCodec *mt_codec_find(const char *name, GError **error);

G_END_DECLS
