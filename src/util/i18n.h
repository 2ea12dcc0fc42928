/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Translation of the library's texts, in its own text domain: works whether or not
 * the program has set up gettext. */

#include "config.h"

#include <glib/gi18n-lib.h>
