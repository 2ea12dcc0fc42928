/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fixed-size records: the offset of each field, and values that are refused. */
#include "config.h"

#include <string.h>

#include "stream/mapped.h"
#include "stream/wire.h"
#include "util/bytes.h"
#include "migtune/migtune-error.h"

static void
make_packet(MtMultifdPacket *packet)
{
    memset(packet, 0, sizeof(*packet));
    packet->flags = MT_MULTIFD_SYNC | 0x04;
    packet->n_normal = 2;
    packet->n_zero = 1;
    packet->payload = 4242;
    packet->number = G_GUINT64_CONSTANT(0x1122334455667788);
    strcpy(packet->block, "pc.ram");
    packet->offsets[0] = 0x1000;
    packet->offsets[1] = 0x7000;
    packet->offsets[2] = 0x3000;
}

static void
test_packet_offsets(void)
{
    guint8 bytes[MT_MULTIFD_HEADER_SIZE];
    MtMultifdPacket packet, back;
    GError *error = NULL;

    make_packet(&packet);
    mt_wire_put_packet(&packet, 128, bytes);
    g_assert_cmphex(mt_get_be32(bytes), ==, 0x11223344);
    g_assert_cmphex(mt_get_be32(bytes + 0x04), ==, 1);
    g_assert_cmphex(mt_get_be32(bytes + 0x08), ==, 5);
    g_assert_cmphex(mt_get_be32(bytes + 0x0c), ==, 128);
    g_assert_cmphex(mt_get_be32(bytes + 0x10), ==, 2);
    g_assert_cmphex(mt_get_be32(bytes + 0x14), ==, 4242);
    g_assert_cmphex(mt_get_be64(bytes + 0x18), ==, packet.number);
    g_assert_cmphex(mt_get_be32(bytes + 0x20), ==, 1);
    g_assert_cmpstr((char *)bytes + 0x40, ==, "pc.ram");
    g_assert_cmphex(mt_get_be64(bytes + 0x140), ==, 0x1000);
    g_assert_cmphex(mt_get_be64(bytes + 0x150), ==, 0x3000);
    g_assert_cmphex(mt_get_be64(bytes + 0x158), ==, 0);

    g_assert_true(mt_wire_get_packet(bytes, &back, &error));
    g_assert_cmphex(back.flags, ==, packet.flags);
    g_assert_cmpuint(back.n_normal, ==, 2);
    g_assert_cmpuint(back.n_zero, ==, 1);
    g_assert_cmpuint(back.payload, ==, 4242);
    g_assert_cmpstr(back.block, ==, "pc.ram");
    g_assert_cmphex(back.offsets[1], ==, 0x7000);
}

/* An empty packet of a source up to 7.2 has the payload size of an earlier one. */
static void
test_stale_payload(void)
{
    guint8 bytes[MT_MULTIFD_HEADER_SIZE];
    MtMultifdPacket packet, back;

    make_packet(&packet);
    packet.n_normal = packet.n_zero = 0;
    mt_wire_put_packet(&packet, 128, bytes);
    g_assert_true(mt_wire_get_packet(bytes, &back, NULL));
    g_assert_cmpuint(back.payload, ==, 0);
}

static void
test_bad_packets(void)
{
    static const struct {
        const char *what;
        gsize at;
        guint32 value;
        int code;
    } cases[] = {
        { "magic", 0x00, 0x11223345, MIGTUNE_ERROR_STREAM },
        { "version", 0x04, 2, MIGTUNE_ERROR_STREAM },
        { "flags", 0x08, 0x81, MIGTUNE_ERROR_STREAM },
        { "device state", 0x08, 0x40, MIGTUNE_ERROR_UNSUPPORTED },
        { "room", 0x0c, 129, MIGTUNE_ERROR_STREAM },
        { "normal", 0x10, 129, MIGTUNE_ERROR_STREAM },
        { "normal", 0x10, 0xffffffff, MIGTUNE_ERROR_STREAM },
        { "both", 0x10, 128, MIGTUNE_ERROR_STREAM },
        { "zero", 0x20, 127, MIGTUNE_ERROR_STREAM },
        { "zero", 0x20, 0xffffffff, MIGTUNE_ERROR_STREAM },
        { "payload", 0x14, MT_MULTIFD_MAX_PAYLOAD + 1, MIGTUNE_ERROR_STREAM },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        guint8 bytes[MT_MULTIFD_HEADER_SIZE];
        MtMultifdPacket packet;
        g_autoptr(GError) error = NULL;

        make_packet(&packet);
        mt_wire_put_packet(&packet, 128, bytes);
        mt_put_be32(bytes + cases[i].at, cases[i].value);
        if (mt_wire_get_packet(bytes, &packet, &error))
            g_error("%s %u was accepted", cases[i].what, cases[i].value);
        g_assert_error(error, MIGTUNE_ERROR, cases[i].code);
    }
}

static void
test_endless_name(void)
{
    guint8 bytes[MT_MULTIFD_HEADER_SIZE];
    MtMultifdPacket packet;
    g_autoptr(GError) error = NULL;

    make_packet(&packet);
    mt_wire_put_packet(&packet, 128, bytes);
    memset(bytes + 0x40, 'x', 256);
    g_assert_false(mt_wire_get_packet(bytes, &packet, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
}

static void
test_hello(void)
{
    guint8 bytes[MT_MULTIFD_HELLO_SIZE];
    MtMultifdHello hello = { { 1, 2, 3 }, 200 }, back;
    g_autoptr(GError) error = NULL;

    mt_wire_put_hello(&hello, bytes);
    g_assert_cmphex(bytes[0x08], ==, 1);
    g_assert_cmphex(bytes[0x18], ==, 200);
    g_assert_true(mt_wire_get_hello(bytes, &back, &error));
    g_assert_cmpmem(back.uuid, 16, hello.uuid, 16);
    g_assert_cmpuint(back.id, ==, 200);
    bytes[7] = 9;
    g_assert_false(mt_wire_get_hello(bytes, &back, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_STREAM);
}

static void
test_mapped(void)
{
    guint8 bytes[MT_MAPPED_HEADER_SIZE];
    MtMappedHeader header = { 1, 4096, 0x3081, 0x100000 }, back;

    mt_wire_put_mapped(&header, bytes);
    g_assert_cmphex(mt_get_be32(bytes), ==, 1);
    g_assert_cmphex(mt_get_be64(bytes + 4), ==, 4096);
    g_assert_cmphex(mt_get_be64(bytes + 12), ==, 0x3081);
    mt_wire_get_mapped(bytes, &back);
    g_assert_cmphex(back.pages_offset, ==, 0x100000);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/wire/packet-offsets", test_packet_offsets);
    g_test_add_func("/wire/stale-payload", test_stale_payload);
    g_test_add_func("/wire/bad-packets", test_bad_packets);
    g_test_add_func("/wire/endless-name", test_endless_name);
    g_test_add_func("/wire/hello", test_hello);
    g_test_add_func("/wire/mapped", test_mapped);
    return g_test_run();
}
