/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The working-set model of a guest that writes to its RAM.
 *
 * U(t) is how many different bytes of RAM are written in t seconds.  A part of
 * the working set with W bytes that is written uniformly at r bytes a second
 * has U(t) = W (1 - exp(-r t / W)); a guest is the sum of up to two parts, such
 * as a hot and a cold one.  An infinite W is a guest that writes to new pages
 * all the time: U(t) = r t.
 *
 * With a bandwidth of B bytes a second, a pass that sends v bytes leaves
 * U(v / B) bytes for the next one.  Where r > B that has a fixed point above
 * 0, the floor: no number of passes leaves less, and no downtime shorter than
 * floor / B lets the migration end.
 */

#include <glib.h>

G_BEGIN_DECLS

#define MT_MODEL_PARTS 2

typedef struct {
    double bytes;           /* W; INFINITY is allowed */
    double rate;            /* r, bytes a second */
} MtModelPart;

typedef struct {
    guint n_parts;
    MtModelPart parts[MT_MODEL_PARTS];
} MtModel;

/* Returns how many different bytes of a part are written after @seconds
 * more, if @done bytes are written now.  @share: the share of the processor
 * time that the guest may use, 0 to 1. */
double mt_model_part_written(const MtModelPart *part, double done,
                             double seconds, double share);

/* U(@seconds). */
double mt_model_written(const MtModel *model, double seconds);

/*
 * Fits a model with one part to U(@t1) = @u1 and U(@t2) = @u2; @t1 < @t2, all
 * greater than 0.  If the growth is proportional to the time, W is infinite.
 * If there is no growth, W is @u2 and the rate is the lowest possible one, W /
 * @t1.
 */
void mt_model_fit(MtModel *model, double t1, double u1, double t2, double u2);

/* The floor in bytes at @bandwidth bytes a second; 0 if there is none, and
 * INFINITY if the passes grow without end. */
double mt_model_floor(const MtModel *model, double bandwidth);

/*
 * The dirty RAM as a continuous function of time.  While the guest writes and
 * the link sends, the remaining data approaches a balance of W (1 - B / r), at
 * which clean bytes become dirty as fast as dirty ones are sent.  QEMU syncs
 * its dirty log as soon as the remaining data fits into the downtime, so the
 * balance is the least that it can reach.  It is less than the floor of whole
 * passes.
 */

/* The balance in bytes; 0 if the link is faster than the guest, INFINITY if
 * the remaining data grows without end.  For a model with one part. */
double mt_model_balance(const MtModel *model, double bandwidth);

/* The remaining data @seconds after it was @remaining bytes.  For a model
 * with one part. */
double mt_model_remaining(const MtModel *model, double remaining,
                          double bandwidth, double seconds);

/* Multiplies all rates, as a throttled guest does. */
void mt_model_scale(MtModel *model, double factor);

typedef struct {
    gboolean ends;
    guint n_passes;         /* after the first one */
    double seconds;         /* until the guest is stopped */
    double downtime;        /* seconds */
    double bytes;           /* sent in all */
} MtModelRun;

/*
 * Predicts a migration that begins with a pass of @first bytes and stops the
 * guest when the remaining data can be sent within @downtime seconds.  It gives
 * up after @max_passes passes or @max_seconds.
 */
void mt_model_run(const MtModel *model, double first, double bandwidth,
                  double downtime, guint max_passes, double max_seconds,
                  MtModelRun *ret_run);

G_END_DECLS
