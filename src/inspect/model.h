/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The account of a stream: what is in it, how much of what, what is wrong.
 *
 * The readers of the main channel and of the multifd channels report pages,
 * sections, commands and problems; this module adds them up.  The memory that
 * an account takes depends on the guest (one bit for each page, the device
 * state) and not on the length of the stream: lists that a stream could make
 * longer and longer have a limit, and their last entry stands for the rest.
 */

#include <glib.h>

G_BEGIN_DECLS

/* How a page is encoded. */
typedef enum {
    MT_PAGES_PLAIN,         /* page record of the main channel */
    MT_PAGES_ZERO,
    MT_PAGES_XBZRLE,
    MT_PAGES_COMPRESS,      /* one zlib stream for the page */
    MT_PAGES_MULTIFD,       /* in a packet, compressed or not */
    MT_PAGES_MULTIFD_ZERO,
    MT_PAGES_MAPPED,        /* at a fixed place of the file */
    MT_PAGES_N_KINDS
} MtPagesKind;

/* Stable names, as in the JSON output. */
const char *mt_pages_kind_to_string(MtPagesKind kind);

typedef struct {
    guint64 pages;
    guint64 bytes;          /* in the stream, with the header of the record */
} MtTally;

/* Passes beyond these are added to the last one. */
#define MT_ACCOUNT_MAX_PASSES 1000

/* Problems beyond these are only counted. */
#define MT_ACCOUNT_MAX_PROBLEMS 100

/* Pages that can be told apart: those of a guest of 4 TiB. */
#define MT_ACCOUNT_MAX_PAGES (G_GUINT64_CONSTANT(1) << 30)

/* One walk of the source over the RAM. */
typedef struct {
    gboolean postcopy;      /* pages sent after the guest had moved */
    MtTally kinds[MT_PAGES_N_KINDS];
} MtAccountPass;

typedef struct {
    char *name;
    guint64 length;
    guint64 page_size;      /* of the block's memory; 0: not in the stream */
    gboolean has_address;
    guint64 address;        /* guest physical address, with x-ignore-shared */
    gboolean mapped;
    guint64 bitmap_offset;
    guint64 pages_offset;

    MtTally kinds[MT_PAGES_N_KINDS];
    guint64 distinct;       /* pages sent at least once */
    guint64 repeated;       /* page records for a page that was sent before */
    gboolean tracked;       /* FALSE: the two above are not known */

    /* private */
    guint64 **seen;         /* bitmaps of MT_ACCOUNT_CHUNK pages */
} MtAccountBlock;

/* A connection or file. */
typedef struct {
    char *name;             /* "main", "ch0", ... */
    char *source;           /* file name, "-" */
    guint64 bytes;          /* that were read */

    /* Of a multifd channel. */
    gboolean multifd;
    guint8 id;
    char *uuid;             /* NULL: all zero */
    guint64 packets;
    guint64 sync;           /* packets with the SYNC flag */
    guint64 sync_with_data; /* of these, packets with pages */
    guint64 empty;          /* packets without pages and without SYNC */
    guint64 stale;          /* packets without normal pages that name a size */
    guint64 normal;
    guint64 zero;
    guint64 payload;        /* bytes of the normal pages in the stream */
    guint32 methods;        /* bits of the packets' flags */
} MtAccountChannel;

/* Sections of RAM and other live sections of one type, or one device. */
typedef struct {
    guint8 type;
    guint32 id;
    char *name;
    guint32 instance;
    guint32 version;
    guint64 offset;         /* of the first one, in the main channel */
    guint64 count;
    guint64 bytes;          /* of all of them, with header and footer */
    gboolean guessed;       /* the end was found without a description */
    guint fields;
    guint subsections;
} MtAccountSection;

/* A device of the device state, with the layout by the description. */
typedef struct {
    char *name;
    char *vmsd_name;
    guint32 instance;
    guint32 version;
    GPtrArray *fields;      /* of MtAccountField */
} MtAccountDevice;

typedef struct {
    char *path;
    char *type;             /* "subsection" for the beginning of one */
    guint64 size;
    guint64 count;
    guint64 offset;         /* in the main channel */
    gboolean example;       /* of an element of the array before */
    char *value;            /* the first bytes, as hexadecimal digits */
} MtAccountField;

typedef struct {
    guint number;
    guint64 count;
    guint64 offset;         /* of the first one */
} MtAccountCommand;

typedef enum {
    MT_PROBLEM_ERROR,       /* no destination could load this */
    MT_PROBLEM_WARNING,
    MT_PROBLEM_INFO,
} MtProblemSeverity;

const char *mt_problem_severity_to_string(MtProblemSeverity severity);

typedef struct {
    MtProblemSeverity severity;
    char *id;               /* stable name */
    char *channel;          /* "main", "ch0"; NULL: none in particular */
    guint64 offset;         /* in the channel */
    gboolean has_offset;
    char *text;
} MtProblem;

/* What kind of file the main source is. */
typedef enum {
    MT_FORMAT_UNKNOWN,
    MT_FORMAT_STREAM,
    MT_FORMAT_MULTIFD,      /* only channels, or a file that is one */
    MT_FORMAT_TLS,
} MtFormat;

const char *mt_format_to_string(MtFormat format);

typedef struct {
    MtFormat format;
    char *container;        /* "libvirt image (zstd)"; NULL: none */
    guint32 stream_version;
    gboolean has_configuration;
    char *machine;          /* NULL: the stream does not say */
    char **capabilities;    /* NULL: the stream does not say */
    char *uuid;
    guint page_bits;        /* 0: the stream does not say */
    gboolean footers;
    gboolean footers_known;
    gboolean ended;         /* the end of the section list was read */
    gboolean described;     /* a description of the devices was there */
    gboolean flushes;       /* SYNC packets belong to flush records */
    gboolean postcopy;      /* the guest had moved before the RAM was complete */

    guint64 total_ram;      /* as the block list says */
    guint64 eos;            /* records that end the data of a RAM section */
    guint64 flush;          /* records that flush the multifd channels */
    guint64 package_bytes;  /* of the post-copy package */
    guint64 device_bytes;   /* of all device sections */
    guint64 description_bytes;
    guint64 plain_zero;     /* plain pages that hold only zeros */
    guint64 trailing_bytes; /* after the end */

    GPtrArray *blocks;      /* of MtAccountBlock */
    GArray *passes;         /* of MtAccountPass; never empty */
    guint64 n_passes;       /* of which the list may have fewer */
    GPtrArray *channels;    /* of MtAccountChannel; the main one first */
    GPtrArray *sections;    /* of MtAccountSection, in order */
    GPtrArray *devices;     /* of MtAccountDevice, in order */
    GArray *commands;       /* of MtAccountCommand, by first offset */
    GPtrArray *problems;    /* of MtProblem */
    guint64 n_problems;
    guint64 n_errors;
} MtAccount;

MtAccount *mt_account_new(void);
void mt_account_free(MtAccount *account);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtAccount, mt_account_free)

/* Takes nothing.  -1 for an unknown name. */
int mt_account_find_block(const MtAccount *account, const char *name);
MtAccountBlock *mt_account_add_block(MtAccount *account, const char *name,
                                     guint64 length);
MtAccountChannel *mt_account_add_channel(MtAccount *account, const char *name,
                                         const char *source);

/*
 * Where a reader is in its walk over the RAM.  Pages come in the order of the
 * blocks and of the offsets; a page that is not after the one before begins
 * the next pass.
 */
typedef struct {
    guint64 pass;
    gboolean any;           /* a page was seen */
    gboolean next;          /* the next page begins a pass */
    guint block;
    guint64 offset;
} MtCursor;

/*
 * Counts pages of one kind.  @offsets are multiples of the page size below the
 * length of the block.  @bytes is the whole size in the stream.  With
 * @ordered FALSE the pages do not tell where a pass begins.
 */
void mt_account_pages(MtAccount *account, MtCursor *cursor, guint block,
                      MtPagesKind kind, const guint64 *offsets, guint n,
                      guint64 bytes, gboolean ordered);

/* All pages of a mapped block at once: only totals, no repeats. */
void mt_account_mapped(MtAccount *account, guint block, guint64 n_pages,
                       guint64 n_zero);

/* A further section of this kind: added to the one before it if that is alike
 * and @merge is TRUE. */
MtAccountSection *mt_account_section(MtAccount *account, guint8 type,
                                     guint32 id, const char *name,
                                     guint32 instance, guint32 version,
                                     guint64 offset, guint64 bytes,
                                     gboolean merge);
void mt_account_command(MtAccount *account, guint number, guint64 offset);

void mt_account_problem(MtAccount *account, MtProblemSeverity severity,
                        const char *id, const char *channel,
                        const char *format, ...) G_GNUC_PRINTF(5, 6);
void mt_account_problem_at(MtAccount *account, MtProblemSeverity severity,
                           const char *id, const char *channel,
                           guint64 offset, const char *format, ...)
    G_GNUC_PRINTF(6, 7);

/* Sums over all blocks and passes. */
MtTally mt_account_total(const MtAccount *account, MtPagesKind kind);

/* What a command of the stream is called; NULL for an unknown one. */
const char *mt_command_to_string(guint number);

G_END_DECLS
