/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The places between two records of the last phase of a migration, found while
 * the stream passes through a LinkCutter.
 *
 * From the source to the destination, the last phase begins with the first
 * record that the source sends after it has stopped the guest, and the places
 * are those after each record of the RAM and after each section of the device
 * state, up to the end of the stream; of pages that follow each other, only the
 * place after the first one counts.  From the destination to the source, the
 * places are those before each message of the return path.
 */

#include "link-cutter.h"

G_BEGIN_DECLS

typedef struct Boundaries Boundaries;

/*
 * @whole: of a migration between the same guests that was not cut, after
 * boundaries_finish(); it has the order of the device sections.  The stream is cut
 * @beyond bytes after place @nth of @whole.  Without @whole it is not cut.
 */
Boundaries *boundaries_new(gboolean forward, const Boundaries *whole,
                           guint nth, guint beyond);
void boundaries_free(Boundaries *boundaries);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Boundaries, boundaries_free)

/* For link_cutter_new_looking(). */
guint64 boundaries_look(gpointer boundaries, const guint8 *bytes, gsize n);

/* The uncut stream has ended.  Returns the number of places. */
guint boundaries_finish(Boundaries *boundaries);

/* Whether the place where the stream is cut was found. */
gboolean boundaries_has_cut(const Boundaries *boundaries);

/* What comes before place @nth, such as "section 7 serial". */
const char *boundaries_name(const Boundaries *boundaries, guint nth);

G_END_DECLS
