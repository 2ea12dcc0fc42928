/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The working-set model: see model.h.
 */
#include "config.h"

#include <math.h>

#include "converge/model.h"

/* Growth of at least this share of the proportional one counts as
 * proportional. */
#define FIT_LINEAR 0.999

#define BISECTIONS 200

double
mt_model_part_written(const MtModelPart *part, double done, double seconds,
                      double share)
{
    double rate = part->rate * share;

    if (isinf(part->bytes))
        return done + rate * seconds;
    if (done >= part->bytes)
        return done;
    return part->bytes -
           (part->bytes - done) * exp(-rate * seconds / part->bytes);
}

double
mt_model_written(const MtModel *model, double seconds)
{
    double written = 0;

    for (guint i = 0; i < model->n_parts; i++)
        written += mt_model_part_written(&model->parts[i], 0, seconds, 1);
    return written;
}

void
mt_model_fit(MtModel *model, double t1, double u1, double t2, double u2)
{
    double low = u2, high = u2 * 2;

    model->n_parts = 1;
    if (u1 <= 0 || u2 <= 0) {
        model->parts[0] = (MtModelPart){ INFINITY, MAX(u1 / t1, u2 / t2) };
        return;
    }
    if (u2 / u1 >= t2 / t1 * FIT_LINEAR) {
        model->parts[0] = (MtModelPart){ INFINITY, u2 / t2 };
        return;
    }
    if (u2 <= u1) {
        double bytes = MAX(u1, u2);

        model->parts[0] = (MtModelPart){ bytes, bytes / t1 };
        return;
    }

    /* For W from u2 to infinity: the U(t2) of the model through U(t1) rises
     * with W, from at most u2 to the value of proportional growth. */
    while (high * (1 - pow(1 - u1 / high, t2 / t1)) < u2)
        high *= 2;
    for (guint i = 0; i < BISECTIONS && low < high; i++) {
        double middle = (low + high) / 2;

        if (middle * (1 - pow(1 - u1 / middle, t2 / t1)) < u2)
            low = middle;
        else
            high = middle;
    }
    model->parts[0] =
        (MtModelPart){ high, -high / t1 * log1p(-u1 / high) };
}

double
mt_model_floor(const MtModel *model, double bandwidth)
{
    double rate = 0, low = 0, high = 0;

    for (guint i = 0; i < model->n_parts; i++) {
        rate += model->parts[i].rate;
        high += model->parts[i].bytes;
    }
    if (rate <= bandwidth)
        return 0;
    if (isinf(high)) {
        MtModel finite = { 0 };
        double left = bandwidth;

        /* If the parts without a bound need more than the bandwidth, there
         * is no floor; otherwise the other parts have the rest of the
         * bandwidth. */
        for (guint i = 0; i < model->n_parts; i++) {
            if (isinf(model->parts[i].bytes))
                left -= model->parts[i].rate;
            else
                finite.parts[finite.n_parts++] = model->parts[i];
        }
        if (left <= 0)
            return INFINITY;
        return mt_model_floor(&finite, left) * bandwidth / left;
    }

    for (guint i = 0; i < BISECTIONS && low < high; i++) {
        double middle = (low + high) / 2;

        if (mt_model_written(model, middle / bandwidth) > middle)
            low = middle;
        else
            high = middle;
    }
    return high;
}

double
mt_model_balance(const MtModel *model, double bandwidth)
{
    const MtModelPart *part = &model->parts[0];

    if (part->rate <= bandwidth)
        return 0;
    return part->bytes * (1 - bandwidth / part->rate);
}

double
mt_model_remaining(const MtModel *model, double remaining, double bandwidth,
                   double seconds)
{
    const MtModelPart *part = &model->parts[0];
    double balance;

    if (isinf(part->bytes) || part->rate <= 0)
        return MAX(remaining - (bandwidth - part->rate) * seconds, 0);

    balance = part->bytes * (1 - bandwidth / part->rate);
    return MAX(balance + (remaining - balance) *
               exp(-part->rate / part->bytes * seconds), 0);
}

void
mt_model_scale(MtModel *model, double factor)
{
    for (guint i = 0; i < model->n_parts; i++)
        model->parts[i].rate *= factor;
}

void
mt_model_run(const MtModel *model, double first, double bandwidth,
             double downtime, guint max_passes, double max_seconds,
             MtModelRun *ret_run)
{
    MtModelRun run = { 0 };
    double pass = first;

    for (;;) {
        double seconds = pass / bandwidth;

        run.seconds += seconds;
        run.bytes += pass;
        pass = mt_model_written(model, seconds);
        run.n_passes++;
        run.ends = pass <= bandwidth * downtime;
        if (run.ends || run.n_passes >= max_passes ||
            run.seconds >= max_seconds)
            break;
    }
    if (run.ends) {
        run.downtime = pass / bandwidth;
        run.bytes += pass;
    }
    *ret_run = run;
}
