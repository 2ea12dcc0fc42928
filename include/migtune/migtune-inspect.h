/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Looking into recorded migration streams.
 *
 * An inspection is the account of one stream: what is in it, how much of what,
 * and what is wrong with it.  It is made from files or pipes, without a guest
 * and without QEMU.  The memory that it takes depends on the size of the
 * guest's RAM (one bit for each page) and of its device state, not on the
 * length of the stream.
 *
 * Units: sizes and offsets are bytes, bandwidth is bytes a second, downtime is
 * milliseconds.  An inspection does not change after it was made, except by
 * migtune_inspection_set_budget(), and may then be read by several threads.
 */

#include <gio/gio.h>
#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/**
 * MigtuneInspection:
 *
 * The report about a recorded stream.
 *
 * Since: 0.1
 */
typedef struct _MigtuneInspection MigtuneInspection;

#define MIGTUNE_TYPE_INSPECTION (migtune_inspection_get_type())

/**
 * migtune_inspection_get_type:
 *
 * Returns: the boxed type of inspections.
 * Since: 0.1
 */
GType migtune_inspection_get_type(void);

/**
 * MigtuneInspectFlags:
 * @MIGTUNE_INSPECT_DEVICES: every field of every device, with its first 16
 *   bytes, and not only the devices
 *
 * What a report shows.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_INSPECT_DEVICES = 1 << 0,
} MigtuneInspectFlags;

/**
 * migtune_inspect:
 * @sources: (array zero-terminated=1): what to read: one file name, or "-" for
 *   standard input; or the channels of one migration as "main=FILE",
 *   "ch0=FILE", "ch1=FILE" and so on, in any order
 * @cancellable: (nullable): ends the call early
 * @error: return location
 *
 * Reads the sources to their end and adds up what they hold.  What is wrong
 * with the stream is part of the result: see migtune_inspection_check().
 *
 * Of a single file the kind is recognised: the main channel of a migration, a
 * mapped-ram file, a multifd channel, or a recording that is encrypted with TLS
 * and can only be named.  Save files and libvirt images are not supported yet;
 * convert them to a stream with migtune_image_convert() first.
 *
 * Returns: (transfer full): an inspection; %NULL with
 *   %MIGTUNE_ERROR_INVALID_ARGUMENT for @sources that do not fit together,
 *   %MIGTUNE_ERROR_IO when a source cannot be read, or
 *   %MIGTUNE_ERROR_CANCELLED.
 * Since: 0.1
 */
MigtuneInspection *migtune_inspect(const char *const *sources,
                                   GCancellable *cancellable, GError **error);

/**
 * migtune_inspect_extract:
 * @sources: (array zero-terminated=1): as for migtune_inspect()
 * @block: name of a RAM block, such as "pc.ram"
 * @offset: first byte in the block, a multiple of 4096
 * @length: how many bytes, a multiple of 4096; 0 for all that follow
 * @fd: an empty file that can be read and written, which stays open
 * @cancellable: (nullable): ends the call early
 * @error: return location
 *
 * The same, and writes a range of RAM to @fd as it is once the whole stream
 * was loaded: @offset of the block is at 0 of the file.  Pages that are zero
 * or not in the stream are holes.  If the stream is damaged, the file has what
 * came before the damage.
 *
 * Returns: (transfer full): an inspection; %NULL with the errors of
 *   migtune_inspect(), %MIGTUNE_ERROR_NOT_FOUND when the stream has no such
 *   block or range, or %MIGTUNE_ERROR_UNSUPPORTED for a mapped-ram file that
 *   comes from a pipe.
 * Since: 0.1
 */
MigtuneInspection *migtune_inspect_extract(const char *const *sources,
                                           const char *block, guint64 offset,
                                           guint64 length, int fd,
                                           GCancellable *cancellable,
                                           GError **error);

/**
 * migtune_inspection_ref: (skip)
 * @inspection: an inspection
 *
 * Takes a reference.
 *
 * Returns: @inspection.
 * Since: 0.1
 */
MigtuneInspection *migtune_inspection_ref(MigtuneInspection *inspection);

/**
 * migtune_inspection_unref:
 * @inspection: (nullable): an inspection
 *
 * Releases a reference.
 *
 * Since: 0.1
 */
void migtune_inspection_unref(MigtuneInspection *inspection);

/**
 * migtune_inspection_check:
 * @inspection: an inspection
 * @error: return location
 *
 * Whether a destination could load the stream.
 *
 * Returns: %FALSE with %MIGTUNE_ERROR_STREAM when a destination could not load
 *   this stream; @error has the first reason with channel and offset, and how
 *   many there are.  %TRUE if there are warnings only.
 * Since: 0.1
 */
gboolean migtune_inspection_check(MigtuneInspection *inspection,
                                  GError **error);

/**
 * migtune_inspection_set_budget:
 * @inspection: an inspection
 * @bandwidth: bytes a second; 0 for 128 MiB/s, QEMU's default
 * @downtime_ms: milliseconds; 0 for 300, QEMU's default
 *
 * From which bandwidth and downtime reports compute the bytes that can be sent
 * while the guest is stopped.  The device state is sent in that time.
 *
 * Since: 0.1
 */
void migtune_inspection_set_budget(MigtuneInspection *inspection,
                                   guint64 bandwidth, guint downtime_ms);

/**
 * migtune_inspection_to_json:
 * @inspection: an inspection
 * @flags: #MigtuneInspectFlags
 *
 * The report about a stream as JSON.
 *
 * Returns: (transfer full): a JSON object, as libmigtune(3) describes it.
 * Since: 0.1
 */
JsonNode *migtune_inspection_to_json(MigtuneInspection *inspection,
                                     unsigned int flags);

/**
 * migtune_inspection_to_text:
 * @inspection: an inspection
 * @flags: #MigtuneInspectFlags
 *
 * The report about a stream as text.
 *
 * Returns: (transfer full): the report as the `migtune` command prints it.
 *   Names that come from the stream have control characters escaped.
 * Since: 0.1
 */
char *migtune_inspection_to_text(MigtuneInspection *inspection,
                                 unsigned int flags);

/**
 * migtune_inspection_diff:
 * @a: an inspection
 * @b: another one
 *
 * Compares what a destination has to agree with: machine type, capabilities,
 * RAM blocks, device sections with their versions, and the layout of each
 * device by the description in the stream: fields and subsections that only
 * one of them has, and fields of another type or size.  Contents of RAM and
 * fields are not compared.
 *
 * Returns: (transfer full): a JSON object with the members `a` and `b` (names
 *   of the sources), `same`, and `differences`, an array of objects with
 *   `kind` ("stream", "block", "device", "version", "subsection", "field" or
 *   "renamed": the same field under another name, which no destination
 *   notices), `device` (null outside of devices), `name`, `a` and `b` (what each of them
 *   has; null for nothing).
 * Since: 0.1
 */
JsonNode *migtune_inspection_diff(MigtuneInspection *a, MigtuneInspection *b);

/**
 * migtune_inspection_diff_to_text:
 * @a: an inspection
 * @b: another one
 *
 * Compares two streams.
 *
 * Returns: (transfer full): the differences as the `migtune` command prints
 *   them, one a line.
 * Since: 0.1
 */
char *migtune_inspection_diff_to_text(MigtuneInspection *a,
                                      MigtuneInspection *b);

/**
 * migtune_inspect_async:
 * @sources: (array zero-terminated=1): as for migtune_inspect()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_inspect() without blocking; @callback is called when
 * it has ended.
 *
 * Since: 0.1
 */
void migtune_inspect_async(const char *const *sources,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback, gpointer user_data);

/**
 * migtune_inspect_finish:
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_inspect_async().
 *
 * Returns: (transfer full): as migtune_inspect().
 * Since: 0.1
 */
MigtuneInspection *
migtune_inspect_finish(GAsyncResult *result, GError **error);

/**
 * migtune_inspect_extract_async:
 * @sources: (array zero-terminated=1): as for migtune_inspect_extract()
 * @block: as for migtune_inspect_extract()
 * @offset: as for migtune_inspect_extract()
 * @length: as for migtune_inspect_extract()
 * @fd: as for migtune_inspect_extract(); stays open until @callback is
 *   called
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_inspect_extract() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void migtune_inspect_extract_async(const char *const *sources,
                                   const char *block, guint64 offset,
                                   guint64 length, int fd,
                                   GCancellable *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer user_data);

/**
 * migtune_inspect_extract_finish:
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_inspect_extract_async().
 *
 * Returns: (transfer full): as migtune_inspect_extract().
 * Since: 0.1
 */
MigtuneInspection *
migtune_inspect_extract_finish(GAsyncResult *result, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigtuneInspection, migtune_inspection_unref)

G_END_DECLS
