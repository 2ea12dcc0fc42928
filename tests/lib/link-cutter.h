/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A link that breaks after a number of bytes: a TCP port of 127.0.0.1 whose
 * connections are passed on to a UNIX socket.
 */

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _LinkCutter LinkCutter;

/*
 * Passes one connection on to the socket @path.  Once @limit bytes have passed
 * in one direction, from the port to the socket if @forward, both ends are
 * closed.
 */
LinkCutter *link_cutter_new(const char *path, gboolean forward, guint64 limit);

typedef void (*LinkCutterFunc)(gpointer data);

/* The same, but at the limit @func is called, in a thread of the link, and the
 * link goes on. */
LinkCutter *link_cutter_new_full(const char *path, gboolean forward,
                                 guint64 limit, LinkCutterFunc func,
                                 gpointer data);

/*
 * Looks at the next @n bytes of the counted direction before they pass.  Returns
 * after how many bytes of the whole stream the link breaks.
 */
typedef guint64 (*LinkCutterLook)(gpointer data, const guint8 *bytes, gsize n);

/* The same as link_cutter_new(), but @look, in a thread of the link, says where
 * the link breaks. */
LinkCutter *link_cutter_new_looking(const char *path, gboolean forward,
                                    LinkCutterLook look, gpointer data);

guint link_cutter_port(const LinkCutter *cutter);

/* Ends it.  Returns how many bytes passed in that direction. */
guint64 link_cutter_free(LinkCutter *cutter);

G_END_DECLS
