/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The page size of the stream.  Every target that QEMU migrates with
 * compression or multifd uses 4096 bytes (TARGET_PAGE_SIZE); records, XBZRLE
 * deltas and multifd packets count in these pages.
 */

#define MT_PAGE_SHIFT 12
#define MT_PAGE_SIZE 4096
