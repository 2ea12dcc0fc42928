/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Metrics of migrations in the text format of OpenMetrics, for node_exporter's
 * textfile collector.
 *
 * All metrics are gauges: OpenMetrics and Prometheus write the names of
 * counters in different ways, and this text is valid for both.
 */

#include "record/trace.h"

G_BEGIN_DECLS

typedef struct {
    const char *domain;
    const char *run;            /* distinguishes runs of one guest; may be "" */
    const char *status;
    MtTraceSample last;
    double downtime_s;          /* -1: not known */
    guint n_decisions;          /* decisions that were carried out */
} MtMetricsRun;

char *mt_metrics_text(const MtMetricsRun *runs, guint n);

G_END_DECLS
