/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The library's own texts, which a program need not have set up gettext for. */

#include "config.h"

#include <glib/gi18n-lib.h>
