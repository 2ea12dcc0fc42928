/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each codec decodes what it encoded, packet after packet, and refuses a payload of
 * the wrong size. */
#include "config.h"

#include <string.h>

#include "stream/codec.h"
#include "engine/memory/workload.h"
#include "migtune/migtune-error.h"

#define N MT_MULTIFD_PAGES

typedef struct {
    guint8 *from;
    guint8 *to;
    guint8 *from_pages[N];
    guint8 *to_pages[N];
} Pages;

/* @step: the distance of neighbouring pages in memory, in pages. */
static void
pages_init(Pages *p, guint step)
{
    p->from = g_malloc0(N * step * MT_PAGE_SIZE);
    p->to = g_malloc0(N * step * MT_PAGE_SIZE);
    for (guint i = 0; i < N; i++) {
        p->from_pages[i] = p->from + i * step * MT_PAGE_SIZE;
        p->to_pages[i] = p->to + i * step * MT_PAGE_SIZE;
    }
}

static void
pages_clear(Pages *p)
{
    g_free(p->from);
    g_free(p->to);
}

static GByteArray *
encode(const MtCodec *codec, gpointer encoder, guint8 *const *pages, guint n)
{
    struct iovec iov[N + 1];
    guint n_iov = 0;
    GByteArray *out = g_byte_array_new();
    GError *error = NULL;

    codec->encode(encoder, pages, n, iov, &n_iov, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(n_iov, <=, n + 1);
    for (guint i = 0; i < n_iov; i++)
        g_byte_array_append(out, iov[i].iov_base, iov[i].iov_len);
    g_assert_cmpuint(out->len, <=, MT_MULTIFD_MAX_PAYLOAD);
    return out;
}

static void
round_trip(const MtCodec *codec, int level, guint step)
{
    gpointer encoder = codec->encoder_new ?
        codec->encoder_new(level, NULL) : NULL;
    gpointer decoder = codec->decoder_new ? codec->decoder_new(NULL) : NULL;
    Pages p;

    pages_init(&p, step);
    for (guint packet = 0; packet < 12; packet++) {
        guint n = packet % 4 == 3 ? 1 + packet * 5 : N;
        g_autoptr(GByteArray) payload = NULL;
        GError *error = NULL;

        for (guint i = 0; i < n; i++)
            mt_content_fill(packet % MT_CONTENT_N, packet / 3, i,
                            p.from_pages[i]);
        payload = encode(codec, encoder, p.from_pages, n);
        if (codec->decode) {
            codec->decode(decoder, payload->data, payload->len, p.to_pages, n,
                          &error);
            g_assert_no_error(error);
            for (guint i = 0; i < n; i++)
                g_assert_cmpmem(p.to_pages[i], MT_PAGE_SIZE, p.from_pages[i],
                                MT_PAGE_SIZE);
        } else {
            g_assert_cmpuint(payload->len, ==, n * MT_PAGE_SIZE);
            for (guint i = 0; i < n; i++)
                g_assert_cmpmem(payload->data + i * MT_PAGE_SIZE,
                                MT_PAGE_SIZE, p.from_pages[i], MT_PAGE_SIZE);
        }
    }
    pages_clear(&p);
    if (encoder)
        codec->encoder_free(encoder);
    if (decoder)
        codec->decoder_free(decoder);
}

static void
test_round_trip(gconstpointer data)
{
    const MtCodec *codec = data;

    for (int level = 0; level < 10; level += 3) {
        round_trip(codec, level, 1);
        round_trip(codec, level, 2);
    }
}

/* For each wrong number of pages and length of payload. */
static void
test_wrong_size(gconstpointer data)
{
    const MtCodec *codec = data;
    static const struct {
        int pages;
        int bytes;
    } wrong[] = { { -1, 0 }, { 1, 0 }, { 0, -20 }, { 0, -100000 } };

    for (guint i = 0; codec->decode && i < G_N_ELEMENTS(wrong); i++) {
        gpointer encoder = codec->encoder_new(1, NULL);
        gpointer decoder = codec->decoder_new(NULL);
        g_autoptr(GByteArray) payload = NULL;
        g_autoptr(GError) error = NULL;
        Pages p;

        pages_init(&p, 1);
        for (guint j = 0; j < N; j++)
            mt_content_fill(MT_CONTENT_RANDOM, 5, j, p.from_pages[j]);
        payload = encode(codec, encoder, p.from_pages, 100);
        g_assert_false(codec->decode(
            decoder, payload->data, payload->len + wrong[i].bytes,
            p.to_pages, 100 + wrong[i].pages, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
        /* Nothing was written outside the pages. */
        for (guint j = (100 + wrong[i].pages) * MT_PAGE_SIZE;
             j < N * MT_PAGE_SIZE; j++)
            g_assert_cmpuint(p.to[j], ==, 0);
        pages_clear(&p);
        codec->encoder_free(encoder);
        codec->decoder_free(decoder);
    }
}

/* One byte in each of 128 pages takes zstd tens of bytes and zlib thousands. */
static void
test_one_byte_a_page(void)
{
    static const struct {
        const char *name;
        guint min;
        guint max;
    } cases[] = { { "zlib", 1000, 5000 }, { "zstd", 10, 300 } };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        const MtCodec *codec = mt_codec_find(cases[i].name, NULL);
        gpointer encoder = codec->encoder_new(1, NULL);
        Pages p;

        pages_init(&p, 1);
        for (guint packet = 0; packet < 4; packet++) {
            g_autoptr(GByteArray) payload = NULL;

            for (guint j = 0; j < N; j++)
                p.from_pages[j][0] = packet + 1;
            payload = encode(codec, encoder, p.from_pages, N);
            g_test_message("%s: %u bytes", cases[i].name, payload->len);
            g_assert_cmpuint(payload->len, >=, cases[i].min);
            g_assert_cmpuint(payload->len, <=, cases[i].max);
        }
        pages_clear(&p);
        codec->encoder_free(encoder);
    }
}

/* Incompressible and compressible pages in one packet: no page grows, and the
 * compressible ones are compressed. */
static void
test_dense_pages(gconstpointer data)
{
    const MtCodec *codec = data;
    static const struct {
        const char *what;
        guint dense_each;       /* one page in so many is random */
        guint copy_at;          /* from here on a page repeats its beginning;
                                 * 0: it does not */
        guint most;             /* average bytes of a page */
    } cases[] = {
        { "all random", 1, 0, 4104 },
        { "every other random", 2, 0, 3000 },
        { "one in five random", 5, 0, 2400 },
        { "halves alike", 1, 2048, 2300 },
        { "a copy at any distance", 1, 2307, 2600 },
        { "a copy that is shorter", 1, 2900, 3500 },
    };

    for (guint i = 0; codec->decode && i < G_N_ELEMENTS(cases); i++) {
        gpointer encoder = codec->encoder_new(1, NULL);
        gpointer decoder = codec->decoder_new(NULL);
        Pages p;

        pages_init(&p, 1);
        for (guint packet = 0; packet < 3; packet++) {
            g_autoptr(GByteArray) payload = NULL;
            GError *error = NULL;

            for (guint j = 0; j < N; j++) {
                gboolean dense = j % cases[i].dense_each == 0;
                guint8 *page = p.from_pages[j];

                mt_content_fill(dense ? MT_CONTENT_RANDOM : MT_CONTENT_TEXT,
                                packet, j, page);
                if (cases[i].copy_at)
                    memcpy(page + cases[i].copy_at, page,
                           MT_PAGE_SIZE - cases[i].copy_at);
            }
            payload = encode(codec, encoder, p.from_pages, N);
            if (payload->len > N * cases[i].most)
                g_error("%s, %s: %u bytes", codec->name, cases[i].what,
                        payload->len);
            codec->decode(decoder, payload->data, payload->len, p.to_pages, N,
                          &error);
            g_assert_no_error(error);
            g_assert_cmpmem(p.to, N * MT_PAGE_SIZE, p.from,
                            N * MT_PAGE_SIZE);
        }
        pages_clear(&p);
        codec->encoder_free(encoder);
        codec->decoder_free(decoder);
    }
}

static void
test_list(void)
{
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < mt_codec_n(); i++) {
        const MtCodec *codec = mt_codec_get(i);

        g_assert_true(mt_codec_find(codec->name, NULL) == codec);
        for (guint j = 0; j < i; j++)
            g_assert_cmphex(codec->method, !=, mt_codec_get(j)->method);
    }
    g_assert_null(mt_codec_find("lzma", &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_UNSUPPORTED);
    g_assert_nonnull(strstr(error->message, "zstd"));
}

/* A frame that asks for a window larger than level 20 uses is refused before
 * memory is allocated for it. */
static void
test_zstd_window(void)
{
    static const struct {
        guint log;
        gboolean ok;
    } cases[] = { { 20, TRUE }, { 23, TRUE }, { 25, TRUE }, { 26, FALSE },
                  { 27, FALSE }, { 31, FALSE } };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        /* Magic, no content size, the window, one raw block of 4096 bytes. */
        guint8 frame[4 + 1 + 1 + 3 + MT_PAGE_SIZE] = {
            0x28, 0xb5, 0x2f, 0xfd, 0, (cases[i].log - 10) << 3, 0, 0x80, 0,
        };
        guint8 page[MT_PAGE_SIZE];
        guint8 *pages[] = { page };
        g_autoptr(GError) error = NULL;
        gpointer decoder = mt_codec_zstd.decoder_new(&error);
        gboolean ok;

        g_assert_no_error(error);
        ok = mt_codec_zstd.decode(decoder, frame, sizeof(frame), pages, 1,
                                  &error);
        if (ok != cases[i].ok)
            g_error("window 2^%u: %s", cases[i].log,
                    ok ? "accepted" : error->message);
        mt_codec_zstd.decoder_free(decoder);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < mt_codec_n(); i++) {
        const MtCodec *codec = mt_codec_get(i);
        g_autofree char *trip = g_strdup_printf("/codec/round-trip/%s",
                                                codec->name);
        g_autofree char *size = g_strdup_printf("/codec/wrong-size/%s",
                                                codec->name);
        g_autofree char *dense = g_strdup_printf("/codec/dense-pages/%s",
                                                 codec->name);

        g_test_add_data_func(trip, codec, test_round_trip);
        g_test_add_data_func(size, codec, test_wrong_size);
        g_test_add_data_func(dense, codec, test_dense_pages);
    }
    g_test_add_func("/codec/one-byte-a-page", test_one_byte_a_page);
    g_test_add_func("/codec/zstd-window", test_zstd_window);
    g_test_add_func("/codec/list", test_list);
    return g_test_run();
}
