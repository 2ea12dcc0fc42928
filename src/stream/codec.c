/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The list of channel codecs.
 */
#include "config.h"

#include "stream/codec.h"
#include "migtune/migtune-error.h"

static const MtCodec *const codecs[] = {
    &mt_codec_none,
    &mt_codec_zlib,
    &mt_codec_zstd,
};

guint
mt_codec_n(void)
{
    return G_N_ELEMENTS(codecs);
}

const MtCodec *
mt_codec_get(guint i)
{
    return codecs[i];
}

const MtCodec *
mt_codec_find(const char *name, GError **error)
{
    g_autoptr(GString) known = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(codecs); i++) {
        if (g_str_equal(codecs[i]->name, name))
            return codecs[i];
        g_string_append_printf(known, "%s%s", i ? ", " : "",
                               codecs[i]->name);
    }

    migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                      "multifd compression '%s' is not supported; expected "
                      "one of: %s",
                      name, known->str);
    return NULL;
}
