/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Files with the state of a guest: saving into them, restoring from them, and
 * looking at, checking and converting them without a guest.
 *
 * A save file is a zstd file in which each part can be decompressed by itself,
 * so that any number of threads works on it; `zstd -dc` gives the migration
 * stream of QEMU.  Its format is described in docs/internals/save-file.rst.
 *
 * All functions block until they have finished or @cancellable is cancelled,
 * and may be called from any thread; a domain is used by one call at a time.
 *
 * Options are a #GVariant of type `a{sv}`.  An option that a function does not
 * know is refused.
 *
 * - `threads` (`u`): threads that compress or decompress, from 1 to 64;
 *   default: the number of processors
 * - `level` (`i`): level of zstd, from -50 to 19; default 1
 * - `chunk-size` (`u`): bytes of the stream in one chunk, from 1 MiB to 16 MiB;
 *   default 8 MiB
 * - `direct-io` (`b`): write without the page cache
 * - `format` (`s`): of the file that is written, see migtune_image_convert()
 * - `live` (`b`): let the guest run until the end of its save
 */

#include <gio/gio.h>
#include <json-glib/json-glib.h>

#include <migtune/migtune-conn.h>

G_BEGIN_DECLS

/**
 * MigtuneImageFunc:
 * @done_bytes: bytes of the migration stream that were moved
 * @total_bytes: how many there will be at most; 0 if that is not known
 * @user_data: as given
 *
 * Called about ten times a second, from any thread, one call at a time.
 *
 * Since: 0.1
 */
typedef void (*MigtuneImageFunc)(guint64 done_bytes, guint64 total_bytes,
                                 gpointer user_data);

/**
 * migtune_image_get_info:
 * @path: a file with the state of a guest
 * @cancellable: (nullable): ends the call
 * @error: return location
 *
 * Reads headers and tables.
 *
 * Returns: (transfer full): a JSON object with the members `path`, `format`,
 *   `file_bytes`, and as far as the format has them `libvirt` (its header),
 *   `machine`, `stream_bytes`, `device_bytes`, `blocks`, `n_chunks`,
 *   `chunk_bytes`, `level`, `table` (whether the tables at the end exist) and
 *   `properties`.  %NULL with %MIGTUNE_ERROR_IO if the file cannot be read,
 *   with %MIGTUNE_ERROR_STREAM or %MIGTUNE_ERROR_DISCONNECTED if it is damaged
 *   or incomplete.
 * Since: 0.1
 */
JsonNode *migtune_image_get_info(const char *path, GCancellable *cancellable,
                                 GError **error);

/**
 * migtune_image_verify:
 * @path: a file with the state of a guest; "-" for standard input
 * @options: (nullable): `threads`; a floating reference is taken
 * @func: (nullable): progress
 * @user_data: for @func
 * @cancellable: (nullable): ends the call
 * @error: return location
 *
 * Reads all of a file: every checksum is compared, tables with what they
 * describe, and the migration stream inside is parsed.
 *
 * Returns: (transfer full): a JSON object with `path`, `format`,
 *   `stream_bytes`, `pages`, `zero_pages` and `device_bytes`.  %NULL as
 *   migtune_image_get_info().
 * Since: 0.1
 */
JsonNode *migtune_image_verify(const char *path, GVariant *options,
                               MigtuneImageFunc func, gpointer user_data,
                               GCancellable *cancellable, GError **error);

/**
 * migtune_image_convert:
 * @from: a file with the state of a guest; "-" for standard input
 * @to: the file to write; "-" for standard output
 * @options: (nullable): `format`, `threads`, `level`, `chunk-size`,
 *   `direct-io`; a floating reference is taken
 * @func: (nullable): progress
 * @user_data: for @func
 * @cancellable: (nullable): ends the call
 * @error: return location
 *
 * The format of @from is found out.  The option `format` is "stream" (as QEMU
 * sends it), "save", "mapped" (QEMU's mapped-ram file), or "libvirt-" followed
 * by "raw", "gzip", "bzip2", "xz", "lzop", "zstd" or "sparse".  Without it a
 * save file becomes a stream and everything else a save file; libvirt save
 * images become "libvirt-raw" and "libvirt-zstd".  The header of a libvirt
 * image is kept to the byte.
 *
 * A regular file gets its name only when it is complete and on the disk; before
 * that it is called @to with ".partial-PID" behind it.
 *
 * Returns: (transfer full): a JSON object with `from`, `to` (the formats),
 *   `stream_bytes` and `file_bytes`.  %NULL as migtune_image_get_info().
 * Since: 0.1
 */
JsonNode *migtune_image_convert(const char *from, const char *to,
                                GVariant *options, MigtuneImageFunc func,
                                gpointer user_data,
                                GCancellable *cancellable, GError **error);

/**
 * migtune_image_extract:
 * @from: a file with the state of a guest
 * @to: the file to write; "-" for standard output
 * @block: name of a block of guest RAM, such as "pc.ram"
 * @start: first byte in the block
 * @length: number of bytes; 0 for all up to the end of the block
 * @cancellable: (nullable): ends the call
 * @error: return location
 *
 * Writes a part of guest RAM.  Of a save file only the chunks that hold it are
 * read.
 *
 * Returns: (transfer full): a JSON object with `block`, `start`, `length` and
 *   `chunks` (how many were read; 0 for other formats).  %NULL with
 *   %MIGTUNE_ERROR_NOT_FOUND if there is no such block, with
 *   %MIGTUNE_ERROR_INVALID_VALUE if it is shorter, and as
 *   migtune_image_get_info().
 * Since: 0.1
 */
JsonNode *migtune_image_extract(const char *from, const char *to,
                                const char *block, guint64 start,
                                guint64 length, GCancellable *cancellable,
                                GError **error);

/**
 * migtune_domain_save:
 * @domain: a running or stopped guest
 * @path: the save file to write; "-" for standard output
 * @options: (nullable): `threads`, `level`, `chunk-size`, `direct-io`, `live`;
 *   a floating reference is taken
 * @func: (nullable): progress
 * @user_data: for @func
 * @cancellable: (nullable): cancels the save, and the guest runs on
 * @error: return location
 *
 * Has QEMU migrate the guest into a socket of this process.  The guest is
 * stopped first, unless `live` is set, and is stopped afterwards.  Capabilities
 * and parameters that would change the stream are switched off for the time of
 * the save and put back.
 *
 * QEMU must be able to reach a socket in the directory for temporary files.
 *
 * A guest of libvirt is saved by libvirt into a file next to @path, which is
 * then converted into a libvirt save image of format zstd and removed.  The
 * daemon must run on this host.  The guest does not run afterwards.  `live` and
 * "-" are refused with %MIGTUNE_ERROR_UNSUPPORTED.
 *
 * Returns: (transfer full): a JSON object with `domain`, `path`,
 *   `stream_bytes`, `file_bytes`, `ram_bytes`, `pages`, `zero_pages`,
 *   `device_bytes`, `chunks`, `seconds`, and `device_budget_bytes` with the
 *   `bandwidth` (bytes a second, measured) and `downtime_ms` (the limit that is
 *   set) it was computed from.  %NULL when it failed: the guest then runs as
 *   before, except with %MIGTUNE_ERROR_STATE_UNKNOWN.
 * Since: 0.1
 */
JsonNode *migtune_domain_save(MigtuneDomain *domain, const char *path,
                              GVariant *options, MigtuneImageFunc func,
                              gpointer user_data, GCancellable *cancellable,
                              GError **error);

/**
 * migtune_domain_restore:
 * @domain: a guest that was started to wait for a migration
 *   (`-incoming defer`)
 * @path: a file of any format that migtune_image_convert() reads
 * @options: (nullable): `threads`; a floating reference is taken
 * @func: (nullable): progress
 * @user_data: for @func
 * @cancellable: (nullable): ends the restore; the guest is lost then
 * @error: return location
 *
 * Sends the state in a file to the guest.  A guest that ran when it was saved
 * runs afterwards.
 *
 * A guest of libvirt must be shut off, and is restored by libvirt from one of
 * its save images.  A libvirt that refuses the format of the image gets an
 * uncompressed copy, which is removed afterwards.
 *
 * Returns: (transfer full): a JSON object with `domain`, `path`, `format`,
 *   `stream_bytes` (if it is known), `state` (of the guest) and `seconds`.
 *   %NULL when it
 *   failed: once data was sent QEMU ends.
 * Since: 0.1
 */
JsonNode *migtune_domain_restore(MigtuneDomain *domain, const char *path,
                                 GVariant *options, MigtuneImageFunc func,
                                 gpointer user_data,
                                 GCancellable *cancellable, GError **error);

/**
 * migtune_image_get_info_async:
 * @path: as for migtune_image_get_info()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_image_get_info() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void migtune_image_get_info_async(const char *path, GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);

/**
 * migtune_image_get_info_finish:
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_image_get_info_async().
 *
 * Returns: (transfer full): as migtune_image_get_info().
 * Since: 0.1
 */
JsonNode *migtune_image_get_info_finish(GAsyncResult *result, GError **error);

/**
 * migtune_image_verify_async:
 * @path: as for migtune_image_verify()
 * @options: (nullable): as for migtune_image_verify()
 * @func: (nullable) (scope forever) (closure func_data): progress, called in
 *   the main context of @callback, and before @callback
 * @func_data: for @func
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_image_verify() without blocking; @callback is called
 * when it has ended.
 *
 * Since: 0.1
 */
void migtune_image_verify_async(const char *path, GVariant *options,
                                MigtuneImageFunc func, gpointer func_data,
                                GCancellable *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer user_data);

/**
 * migtune_image_verify_finish:
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_image_verify_async().
 *
 * Returns: (transfer full): as migtune_image_verify().
 * Since: 0.1
 */
JsonNode *migtune_image_verify_finish(GAsyncResult *result, GError **error);

/**
 * migtune_image_convert_async:
 * @from: as for migtune_image_convert()
 * @to: as for migtune_image_convert()
 * @options: (nullable): as for migtune_image_convert()
 * @func: (nullable) (scope forever) (closure func_data): progress, called in
 *   the main context of @callback, and before @callback
 * @func_data: for @func
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_image_convert() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void migtune_image_convert_async(const char *from, const char *to,
                                 GVariant *options, MigtuneImageFunc func,
                                 gpointer func_data, GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data);

/**
 * migtune_image_convert_finish:
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_image_convert_async().
 *
 * Returns: (transfer full): as migtune_image_convert().
 * Since: 0.1
 */
JsonNode *migtune_image_convert_finish(GAsyncResult *result, GError **error);

/**
 * migtune_image_extract_async:
 * @from: as for migtune_image_extract()
 * @to: as for migtune_image_extract()
 * @block: as for migtune_image_extract()
 * @start: as for migtune_image_extract()
 * @length: as for migtune_image_extract()
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_image_extract() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void migtune_image_extract_async(const char *from, const char *to,
                                 const char *block, guint64 start,
                                 guint64 length, GCancellable *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer user_data);

/**
 * migtune_image_extract_finish:
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_image_extract_async().
 *
 * Returns: (transfer full): as migtune_image_extract().
 * Since: 0.1
 */
JsonNode *migtune_image_extract_finish(GAsyncResult *result, GError **error);

/**
 * migtune_domain_save_async:
 * @domain: as for migtune_domain_save()
 * @path: as for migtune_domain_save()
 * @options: (nullable): as for migtune_domain_save()
 * @func: (nullable) (scope forever) (closure func_data): progress, called in
 *   the main context of @callback, and before @callback
 * @func_data: for @func
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_save() without blocking; @callback is called
 * when it has ended.
 *
 * Since: 0.1
 */
void migtune_domain_save_async(MigtuneDomain *domain, const char *path,
                               GVariant *options, MigtuneImageFunc func,
                               gpointer func_data, GCancellable *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer user_data);

/**
 * migtune_domain_save_finish:
 * @domain: as for migtune_domain_save_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_save_async().
 *
 * Returns: (transfer full): as migtune_domain_save().
 * Since: 0.1
 */
JsonNode *migtune_domain_save_finish(MigtuneDomain *domain,
                                     GAsyncResult *result, GError **error);

/**
 * migtune_domain_restore_async:
 * @domain: as for migtune_domain_restore()
 * @path: as for migtune_domain_restore()
 * @options: (nullable): as for migtune_domain_restore()
 * @func: (nullable) (scope forever) (closure func_data): progress, called in
 *   the main context of @callback, and before @callback
 * @func_data: for @func
 * @cancellable: (nullable): cancels this call
 * @callback: called when it has ended
 * @user_data: for @callback
 *
 * Does the same as migtune_domain_restore() without blocking; @callback is
 * called when it has ended.
 *
 * Since: 0.1
 */
void migtune_domain_restore_async(MigtuneDomain *domain, const char *path,
                                  GVariant *options, MigtuneImageFunc func,
                                  gpointer func_data,
                                  GCancellable *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer user_data);

/**
 * migtune_domain_restore_finish:
 * @domain: as for migtune_domain_restore_async()
 * @result: what the callback was given
 * @error: return location
 *
 * Takes the result of migtune_domain_restore_async().
 *
 * Returns: (transfer full): as migtune_domain_restore().
 * Since: 0.1
 */
JsonNode *migtune_domain_restore_finish(MigtuneDomain *domain,
                                        GAsyncResult *result, GError **error);

G_END_DECLS
