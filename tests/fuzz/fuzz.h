/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What every fuzz target is: one function that takes any bytes. */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
