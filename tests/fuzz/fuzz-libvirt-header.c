/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as the header of a libvirt save image, with XML and cookie.  Other
 * formats can be written into a header that is accepted, and nothing else
 * changes.
 */
#include "config.h"

#include <string.h>

#include "fuzz.h"
#include "image/libvirt-header.h"

static void
change(const guint8 *data, const MtLibvirtHeader *header)
{
    guint8 head[MT_LIBVIRT_HEAD];
    MtLibvirtHeader other;

    memcpy(head, data, sizeof(head));
    mt_libvirt_set_partial(head, TRUE);
    g_assert_true(mt_libvirt_is_header(head, sizeof(head)));
    g_assert_false(mt_libvirt_parse(head, &other, NULL));
    mt_libvirt_set_partial(head, FALSE);
    for (guint i = 0; i < MT_LIBVIRT_N_FORMATS; i++) {
        mt_libvirt_set_format(head, header, i);
        g_assert_true(mt_libvirt_parse(head, &other, NULL));
        g_assert_cmpuint(other.format, ==, i);
        g_assert_cmpuint(other.data_len, ==, header->data_len);
        g_assert_cmpuint(other.cookie_offset, ==, header->cookie_offset);
        g_assert_true(other.was_running == header->was_running);
        g_assert_true(other.swapped == header->swapped);
    }
    mt_libvirt_set_format(head, header, header->format);
    g_assert_cmpmem(head, sizeof(head), data, sizeof(head));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) cause = NULL;
    g_autofree guint8 *xml = NULL;
    MtLibvirtHeader header;

    if (size < MT_LIBVIRT_HEAD)
        return 0;
    if (!mt_libvirt_parse(data, &header, &error)) {
        g_assert_nonnull(error);
        return 0;
    }
    g_assert_true(mt_libvirt_is_header(data, size));
    g_assert_cmpuint(header.data_len, <=, MT_LIBVIRT_MAX_DATA);
    g_assert_cmpuint(header.cookie_offset, <, header.data_len);
    change(data, &header);

    /* The reader has as many bytes as the header says. */
    if (header.data_len > size - MT_LIBVIRT_HEAD)
        return 0;
    xml = g_memdup2(data + MT_LIBVIRT_HEAD, header.data_len);
    if (!mt_libvirt_check_data(&header, xml, &cause)) {
        g_assert_nonnull(cause);
        return 0;
    }
    g_assert_cmpuint(strlen((char *)xml), <, header.data_len);
    if (header.cookie_offset)
        g_assert_cmpuint(header.cookie_offset +
                         strlen((char *)xml + header.cookie_offset), <,
                         header.data_len);
    return 0;
}
