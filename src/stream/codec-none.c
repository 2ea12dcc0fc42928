/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * No compression: the payload points to the pages in guest RAM.
 */
#include "config.h"

#include "stream/codec.h"

static gboolean
none_encode(gpointer encoder, guint8 *const *pages, guint n,
            struct iovec *ret_iov, guint *ret_n_iov, GError **error)
{
    guint n_iov = 0;

    for (guint i = 0; i < n; i++) {
        struct iovec *last = n_iov ? &ret_iov[n_iov - 1] : NULL;

        if (last && (guint8 *)last->iov_base + last->iov_len == pages[i]) {
            last->iov_len += MT_PAGE_SIZE;
        } else {
            ret_iov[n_iov].iov_base = pages[i];
            ret_iov[n_iov].iov_len = MT_PAGE_SIZE;
            n_iov++;
        }
    }

    *ret_n_iov = n_iov;
    return TRUE;
}

const MtCodec mt_codec_none = {
    .name = "none",
    .method = 0,
    .encode = none_encode,
};
