/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One migration over loopback TCP between engines, real QEMUs, or one of each,
 * and its measurements.
 */

#include "bench.h"
#include "engine/engine.h"
#include "lib/qemu-guest.h"
#include "engine/memory/workload.h"

/*
 * An image of guest RAM in an unnamed memory file, which QEMU can use, too.
 */
typedef struct {
    int fd;
    char *path; /* for other processes, while this process runs */
    MtRam *ram;
} Image;

#define IMAGE_INIT { -1, NULL, NULL }

gboolean image_make(Image *image, const Bench *bench, MtContent content,
                    GError **error);
void image_clear(Image *image);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Image, image_clear)

typedef struct {
    MtEngineSettings settings; /* for the engine; QEMU gets the same settings */
    QemuGuest *source_guest; /* a running QEMU; NULL: start one */
    gboolean cold;     /* the engine's source maps the image during the
                        * migration, too */
    gboolean separate; /* the engine's destination is another process */
    gboolean qemu_source;
    gboolean qemu_dest;
    const char *qemu;    /* its command */
    MtRam *dest_ram;     /* NULL: fresh memory */
    MtWorkloadSpec load; /* idle, or writers of the engine's source */
    guint64 steps_per_pass; /* if not 0: the number of writes in each pass,
                             * independent of the timing of threads */
    guint64 last_pass;      /* the last pass with writes of @load */
    MtWorkloadSpec background; /* additional load in another thread */
} Move;

typedef struct {
    double seconds;
    double cpu_seconds;  /* of both sides */
    guint64 sent;        /* bytes, all channels */
    MtEngineStats stats; /* of the engine's source, if it was one */
} MoveResult;

/* The option with which this program is the destination of one migration: it
 * reads what it needs from standard input, and prints the address of its socket.
 * Not for users. */
#define MOVE_BE_DEST "--be-destination"
int move_be_dest(void);

/* The settings of a row such as ("zstd", 2, 3). */
void move_settings(Move *move, const char *codec, guint channels, int level);

/*
 * Starts a QEMU with the image as its RAM, all of it mapped: it has migrated
 * once and was resumed.  For Move.source_guest; NULL on error.
 */
QemuGuest *move_start_source(const Bench *bench, const Move *move,
                             Image *image, GError **error);

/*
 * Allocates as much memory as a destination needs, to be freed just before the
 * migration; NULL on error.  The kernel hands out first what was freed last.
 *
 * A virtual machine receives its memory from its host at the first access, and
 * may give back what is free.  Receiving it again takes up to 50 times as long as
 * a page fault of the machine's kernel.  Without this call a migration measures
 * the host.
 */
MtRam *move_hold_memory(const Bench *bench, GError **error);

gboolean move_run(const Bench *bench, const Move *move, Image *image,
                  MoveResult *ret_result, GError **error);

/*
 * The command of the QEMU that --qemu names, or of the newest one that an
 * environment variable such as MIGTUNE_QEMU_10_0 names; NULL if there is none.
 * @ret_generation: how the engine speaks to it.
 */
const char *move_find_qemu(const Bench *bench, const char **ret_release,
                           MtGeneration *ret_generation);

/* Resident memory of this process in bytes: the current value, and the
 * maximum since the last call of move_reset_peak(). */
guint64 move_memory(void);
guint64 move_peak(void);
void move_reset_peak(void);
