/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The device state in the account: sections with their sizes, and the fields
 * of each device as the description in the stream names them.
 */

#include <glib.h>

#include "inspect/model.h"
#include "stream/devices.h"

G_BEGIN_DECLS

/*
 * Device state that was read to the end.  @offset is where it begins in
 * @channel, @bytes is all that came after it: sections, description and
 * anything that follows.
 */
void mt_tree_add(MtAccount *account, const char *channel, MtDevices *devices,
                 guint64 offset, guint64 bytes, gboolean footers);

/* Device state that does not fit its description or has no end.  @devices may
 * be NULL.  Adds the problem @text, too. */
void mt_tree_add_damaged(MtAccount *account, const char *channel,
                         MtDevices *devices, guint64 offset, guint64 bytes,
                         gboolean footers, const char *text);

/* The stream inside of a post-copy package: commands and device sections, for
 * which there is no description. */
void mt_tree_add_package(MtAccount *account, const char *channel,
                         const guint8 *data, gsize len, guint64 offset,
                         gboolean footers);

G_END_DECLS
