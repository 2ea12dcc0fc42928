/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Scenarios of the tests of the simulator, in MiB, MiB/s and seconds.
 */

#include <math.h>
#include <string.h>

#include "converge/simulate.h"

#define MIB 1048576.0

static inline MtModel
model(double bytes, double rate)
{
    return (MtModel){ 1, { { bytes, rate } } };
}

static inline void
scene_init(MtSimScene *scene, double first, double bandwidth, double bytes,
           double rate, double downtime)
{
    memset(scene, 0, sizeof(*scene));
    scene->guest.ram_bytes = first * MIB;
    scene->data_bytes = first * MIB;
    scene->ratio = 1;
    scene->speed = INFINITY;
    scene->downtime_ms = downtime * 1000;
    scene->limit_s = 3600;
    scene->n_works = scene->n_links = 1;
    scene->works[0].model = model(bytes * MIB, rate * MIB);
    scene->links[0].bandwidth = bandwidth * MIB;
}
