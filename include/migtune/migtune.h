/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The whole public interface of libmigtune. */

#include "migtune/migtune-async.h"
#include "migtune/migtune-conn.h"
#include "migtune/migtune-converge.h"
#include "migtune/migtune-error.h"
#include "migtune/migtune-event.h"
#include "migtune/migtune-image.h"
#include "migtune/migtune-inspect.h"
#include "migtune/migtune-job.h"
#include "migtune/migtune-libvirt.h"
#include "migtune/migtune-migration.h"
#include "migtune/migtune-params.h"
#include "migtune/migtune-plan.h"
#include "migtune/migtune-settings.h"
#include "migtune/migtune-steering.h"
#include "migtune/migtune-version.h"
