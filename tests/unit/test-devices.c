/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The end of the device state is found for any bytes in it. */
#include "config.h"

#include <string.h>

#include "stream/devices.h"
#include "stream/wire.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

static const MtDevicesNone newer = {
    .footers = TRUE, .global_state = TRUE, .global_state_id = 3,
    .global_state_flags = TRUE, .configuration = TRUE, .machine = "none",
    .run_state = "running",
};

/* Sections, end of the list and description, as in a stream. */
static GByteArray *
make_tail(const MtDevicesNone *what, gsize *ret_sections)
{
    g_autoptr(GBytes) sections = NULL;
    g_autoptr(GBytes) vmdesc = NULL;
    GByteArray *out = g_byte_array_new();

    mt_devices_make_none(what, &sections, &vmdesc);
    g_byte_array_append(out, g_bytes_get_data(sections, NULL),
                        g_bytes_get_size(sections));
    *ret_sections = out->len;
    mt_append_u8(out, 0);
    mt_append_u8(out, 6);
    mt_append_be32(out, g_bytes_get_size(vmdesc));
    g_byte_array_append(out, g_bytes_get_data(vmdesc, NULL),
                        g_bytes_get_size(vmdesc));
    return out;
}

/* Byte by byte: it is complete with the last byte and not before. */
static void
test_end_is_found(void)
{
    for (guint footers = 0; footers < 2; footers++) {
        MtDevicesNone what = newer;
        gsize n_sections;
        g_autoptr(GByteArray) tail = NULL;
        g_autoptr(MtDevices) d = NULL;
        g_autoptr(GBytes) sections = NULL;
        GError *error = NULL;

        what.footers = footers;
        tail = make_tail(&what, &n_sections);
        d = mt_devices_new(footers, 1 << 20);
        for (guint i = 0; i < tail->len; i++) {
            gboolean complete;

            g_assert_true(mt_devices_append(d, tail->data + i, 1, &error));
            g_assert_true(mt_devices_is_complete(d, &complete, &error));
            g_assert_cmpint(complete, ==, i + 1 == tail->len);
        }
        sections = mt_devices_get_sections(d);
        g_assert_cmpmem(g_bytes_get_data(sections, NULL),
                        g_bytes_get_size(sections), tail->data, n_sections);
        g_assert_cmpuint(mt_devices_get_n(d), ==, 2);
    }
}

/* Device state that contains bytes like its end. */
static void
test_lookalike(void)
{
    static const char vmdesc[] =
        "{\"devices\": [{\"name\": \"x\", \"instance_id\": 0, "
        "\"vmsd_name\": \"x\", \"version\": 1, \"fields\": "
        "[{\"name\": \"a\", \"type\": \"buffer\", \"size\": 9}]}]}";
    static const guint8 state[] = { 0, 6, 0, 0, 0, 3, '{', 'a', '}' };
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autoptr(MtDevices) d = mt_devices_new(TRUE, 1 << 20);
    gboolean complete;
    GError *error = NULL;

    mt_append_u8(out, 4);
    mt_append_be32(out, 7);
    mt_append_str8(out, "x");
    mt_append_be32(out, 0);
    mt_append_be32(out, 1);
    g_byte_array_append(out, state, sizeof(state));
    mt_devices_append(d, out->data, out->len, NULL);
    g_assert_true(mt_devices_is_complete(d, &complete, &error));
    g_assert_false(complete);

    g_byte_array_set_size(out, 0);
    mt_append_u8(out, 0x7e);
    mt_append_be32(out, 7);
    mt_append_u8(out, 0);
    mt_append_u8(out, 6);
    mt_append_be32(out, strlen(vmdesc));
    g_byte_array_append(out, (const guint8 *)vmdesc, strlen(vmdesc));
    mt_devices_append(d, out->data, out->len, NULL);
    mt_devices_is_complete(d, &complete, &error);
    g_assert_no_error(error);
    g_assert_true(complete);
}

/* Sections that do not match the description. */
static void
test_mismatch(void)
{
    gsize n_sections;
    g_autoptr(GByteArray) tail = make_tail(&newer, &n_sections);

    for (guint i = 0; i < n_sections; i++) {
        g_autoptr(MtDevices) d = mt_devices_new(TRUE, 1 << 20);
        g_autoptr(GError) error = NULL;
        gboolean complete = FALSE;
        gboolean ok;

        tail->data[i] ^= 0x15;
        mt_devices_append(d, tail->data, tail->len, NULL);
        ok = mt_devices_is_complete(d, &complete, &error);
        if (!ok) {
            g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
            g_assert_nonnull(strstr(error->message, "byte"));
        }
        /* The content of a field is not checked; its size is. */
        if (i < 19 || i >= n_sections - 5)
            g_assert_false(ok);
        tail->data[i] ^= 0x15;
    }
}

static void
test_without_description(void)
{
    gsize n;
    g_autoptr(GByteArray) tail = make_tail(&newer, &n);

    for (guint cut = 1; cut < tail->len; cut++) {
        for (guint need = 0; need < 2; need++) {
            g_autoptr(MtDevices) d = mt_devices_new(TRUE, 1 << 20);
            g_autoptr(GError) error = NULL;
            gboolean ok;

            mt_devices_append(d, tail->data, cut, NULL);
            ok = mt_devices_finish(d, need, &error);
            /* A source that sends a description has not finished, and runs its
             * guest again. */
            g_assert_cmpint(ok, ==, !need && cut == n + 1);
            if (!ok)
                g_assert_error(error, MIGTUNE_ERROR,
                               MIGTUNE_ERROR_DISCONNECTED);
        }
    }
}

/* Text that would exhaust the stack of a recursive parser. */
static void
test_deep_nesting(void)
{
    static const char *const openings[] = { "[", "{\"a\":", "'[", "/*\"*/[", "\"\\\"[" };

    for (guint i = 0; i < G_N_ELEMENTS(openings); i++) {
        g_autoptr(GString) text = g_string_new("{\"devices\": ");
        g_autoptr(GError) error = NULL;

        for (guint n = 0; n < 300000; n++)
            g_string_append(text, openings[i]);
        g_string_append_c(text, '}');
        g_assert_false(mt_devices_walk(NULL, 0, text->str, text->len, TRUE,
                                       NULL, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
    }
}

static void
test_limit(void)
{
    g_autoptr(MtDevices) d = mt_devices_new(TRUE, 1000);
    g_autofree guint8 *zeros = g_malloc0(600);
    g_autoptr(GError) error = NULL;

    g_assert_true(mt_devices_append(d, zeros, 600, &error));
    g_assert_false(mt_devices_append(d, zeros, 600, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
}

/* Values of every kind cost a parser more than their text does: too many of them
 * are refused before, and the largest accepted text is small enough. */
static void
test_amplification(void)
{
    static const struct {
        const char *item;
        guint bytes;            /* of all items */
        gboolean ok;
    } cases[] = {
        { "[],", 300000, TRUE },
        { "1,", 500000, TRUE },
        { "[],", 3 << 20, FALSE },
        { "1,", 3 << 20, FALSE },
        { "{\"a\":1},", 3 << 20, FALSE },
        { "\"0123456789012345678901234567890123456789\",", 3 << 20, TRUE },
        { "\"0123456789012345678901234567890123456789\",", 5 << 20, FALSE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GString) text = g_string_new("{\"devices\": [], \"x\": [");
        g_autoptr(GError) error = NULL;

        while (text->len < cases[i].bytes)
            g_string_append(text, cases[i].item);
        g_string_append(text, "0]}");
        if (mt_devices_walk(NULL, 0, text->str, text->len, TRUE, NULL,
                            &error) != cases[i].ok)
            g_error("%u bytes of %s: %s", cases[i].bytes, cases[i].item,
                    error ? error->message : "accepted");
    }
}

/* Candidates that are not a description may not be parsed without limit. */
static void
test_many_candidates(void)
{
    g_autoptr(MtDevices) d = mt_devices_new(TRUE, 256 << 20);
    g_autofree char *text = g_malloc(2 << 20);
    g_autoptr(GError) error = NULL;
    gboolean complete = FALSE, ok = TRUE;
    guint n = 0;

    memset(text, '1', 2 << 20);
    text[0] = '{';
    text[(2 << 20) - 1] = '}';
    while (ok && n < 20) {
        guint8 head[6] = { MT_SECTION_EOF, MT_SECTION_VMDESC };

        mt_put_be32(head + 2, 2 << 20);
        g_assert_true(mt_devices_append(d, head, sizeof(head), NULL));
        g_assert_true(mt_devices_append(d, (const guint8 *)text, 2 << 20,
                                        NULL));
        ok = mt_devices_is_complete(d, &complete, &error);
        g_assert_false(complete);
        n++;
    }
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
    g_assert_cmpuint(n, <, 20);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/devices/end-is-found", test_end_is_found);
    g_test_add_func("/devices/lookalike", test_lookalike);
    g_test_add_func("/devices/mismatch", test_mismatch);
    g_test_add_func("/devices/without-description", test_without_description);
    g_test_add_func("/devices/deep-nesting", test_deep_nesting);
    g_test_add_func("/devices/amplification", test_amplification);
    g_test_add_func("/devices/many-candidates", test_many_candidates);
    g_test_add_func("/devices/limit", test_limit);
    return g_test_run();
}
