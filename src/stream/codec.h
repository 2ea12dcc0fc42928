/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How the pages of a multifd packet become its payload and back.
 *
 * A codec has one encoder or decoder a channel, which lives as long as the
 * channel: what it makes is one continuous stream, of which every packet is a
 * flushed piece.  A new codec is one file codec-NAME.c and one line in
 * codec.c.
 */

#include <glib.h>
#include <sys/uio.h>

#include "stream/wire.h"

G_BEGIN_DECLS

typedef struct MtCodec MtCodec;

struct MtCodec {
    const char *name;
    guint32 method;     /* bits of the packet's flags */

    /* @level is the codec's own scale.  NULL on error. */
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
     * Decoding.  NULL callbacks: the payload is the pages themselves, and is
     * read to where they belong.
     */
    gpointer (*decoder_new)(GError **error);
    void (*decoder_free)(gpointer decoder);

    /* Uses up exactly @len bytes of @payload and fills exactly @n pages. */
    gboolean (*decode)(gpointer decoder, const guint8 *payload, gsize len,
                       guint8 *const *pages, guint n, GError **error);
};

extern const MtCodec mt_codec_none;
extern const MtCodec mt_codec_zlib;
extern const MtCodec mt_codec_zstd;

guint mt_codec_n(void);
const MtCodec *mt_codec_get(guint i);

/* NULL, with an error that names all there are, for an unknown one. */
const MtCodec *mt_codec_find(const char *name, GError **error);

G_END_DECLS
