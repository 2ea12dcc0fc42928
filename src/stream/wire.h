/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Constants and fixed-size records of the migration stream of QEMU: see
 * docs/internals/wire-formats.rst.
 */

#include <glib.h>

#include "stream/page.h"

G_BEGIN_DECLS

#define MT_WIRE_MAGIC 0x5145564du       /* "QEVM" */
#define MT_WIRE_VERSION 3
#define MT_WIRE_RAM_VERSION 4

typedef enum {
    MT_SECTION_EOF = 0x00,
    MT_SECTION_START = 0x01,
    MT_SECTION_PART = 0x02,
    MT_SECTION_END = 0x03,
    MT_SECTION_FULL = 0x04,
    MT_SECTION_SUBSECTION = 0x05,
    MT_SECTION_VMDESC = 0x06,
    MT_SECTION_CONFIGURATION = 0x07,
    MT_SECTION_COMMAND = 0x08,
    MT_SECTION_FOOTER = 0x7e,
} MtSectionType;

/* The low 12 bits of a RAM record. */
enum {
    MT_RECORD_ZERO = 0x002,
    MT_RECORD_MEM_SIZE = 0x004,
    MT_RECORD_PAGE = 0x008,
    MT_RECORD_EOS = 0x010,
    MT_RECORD_CONTINUE = 0x020,
    MT_RECORD_XBZRLE = 0x040,
    MT_RECORD_HOOK = 0x080,
    MT_RECORD_COMPRESS = 0x100,
    MT_RECORD_FLUSH = 0x200,
};
#define MT_RECORD_MASK 0xfffu

typedef enum {
    MT_CMD_OPEN_RETURN_PATH = 1,
    MT_CMD_PING = 2,
    MT_CMD_POSTCOPY_ADVISE = 3,
    MT_CMD_POSTCOPY_LISTEN = 4,
    MT_CMD_POSTCOPY_RUN = 5,
    MT_CMD_POSTCOPY_RAM_DISCARD = 6,
    MT_CMD_PACKAGED = 7,
    MT_CMD_ENABLE_COLO = 8,
    MT_CMD_POSTCOPY_RESUME = 9,
    MT_CMD_RECV_BITMAP = 10,
    MT_CMD_SWITCHOVER_START = 11,
} MtWireCommand;

/* Messages of the return path, and the longest accepted payload. */
typedef enum {
    MT_RP_SHUT = 1,
    MT_RP_PONG = 2,
    MT_RP_REQ_PAGES_ID = 3,
    MT_RP_REQ_PAGES = 4,
    MT_RP_RECV_BITMAP = 5,
    MT_RP_RESUME_ACK = 6,
    MT_RP_SWITCHOVER_ACK = 7,
} MtReturnMessage;
#define MT_RP_MAX 512
#define MT_RP_BITMAP_END G_GUINT64_CONSTANT(0x0123456789abcdef)
#define MT_RP_RESUMED 1

/* Multifd. */
#define MT_MULTIFD_MAGIC 0x11223344u
#define MT_MULTIFD_VERSION 1
#define MT_MULTIFD_HELLO_SIZE 64
#define MT_MULTIFD_HEADER_SIZE 1344
#define MT_MULTIFD_PAGES 128
#define MT_MULTIFD_MAX_PAYLOAD (1024 * 1024)
#define MT_MULTIFD_MAX_CHANNELS 255

enum {
    MT_MULTIFD_SYNC = 0x01,
    MT_MULTIFD_METHOD = 0x3e,
    MT_MULTIFD_DEVICE_STATE = 0x40,
};

typedef struct {
    guint8 uuid[16];
    guint8 id;
} MtMultifdHello;

void mt_wire_put_hello(const MtMultifdHello *hello,
                       guint8 out[MT_MULTIFD_HELLO_SIZE]);
gboolean mt_wire_get_hello(const guint8 in[MT_MULTIFD_HELLO_SIZE],
                           MtMultifdHello *ret_hello, GError **error);

typedef struct {
    guint32 flags;
    guint32 n_normal;
    guint32 n_zero;
    guint32 payload;        /* 0 unless there are normal pages */
    guint64 number;
    char block[256];
    guint64 offsets[MT_MULTIFD_PAGES];  /* normal ones, then zero ones */
} MtMultifdPacket;

/*
 * @alloc is the field "pages_alloc", which receivers check but do not use.  All
 * bytes of @out are written.
 */
void mt_wire_put_packet(const MtMultifdPacket *packet, guint32 alloc,
                        guint8 out[MT_MULTIFD_HEADER_SIZE]);

/*
 * Refuses page counts and payload sizes that are out of bounds.  The caller
 * checks the block name and the offsets.
 */
gboolean mt_wire_get_packet(const guint8 in[MT_MULTIFD_HEADER_SIZE],
                            MtMultifdPacket *ret_packet, GError **error);

G_END_DECLS
