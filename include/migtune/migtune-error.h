/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Errors.
 *
 * Every function that can fail takes a GError ** as its last argument, and its
 * return value shows whether it failed.  Programs distinguish errors by
 * their code.  The parameter, the QMP command, the rule, and QEMU's class and
 * text are fields, which migtune_error_get_field() returns: programs need not
 * parse the message, which is translated.
 */

#include <glib.h>

G_BEGIN_DECLS

#define MIGTUNE_ERROR (migtune_error_quark())

/**
 * MigtuneErrorCode:
 * @MIGTUNE_ERROR_INTERNAL: a bug in migtune
 * @MIGTUNE_ERROR_INVALID_ARGUMENT: a wrong argument: a URI that cannot be
 *   parsed, an unknown flag, a NULL that is not allowed
 * @MIGTUNE_ERROR_UNKNOWN_PARAMETER: neither the catalogue nor this QEMU has a
 *   parameter of that name
 * @MIGTUNE_ERROR_INVALID_VALUE: a value of the wrong type, unit, range or
 *   spelling
 * @MIGTUNE_ERROR_CONFLICT: the settings exclude each other, or the present
 *   state excludes the request
 * @MIGTUNE_ERROR_UNSUPPORTED: not supported by this QEMU, driver or build
 * @MIGTUNE_ERROR_NOT_FOUND: there is no such domain
 * @MIGTUNE_ERROR_CONNECT: no connection to that address
 * @MIGTUNE_ERROR_DISCONNECTED: the connection was lost
 * @MIGTUNE_ERROR_TIMEOUT: no answer within the time limit
 * @MIGTUNE_ERROR_BUSY: another client uses the monitor or changes the guest, or
 *   a migration is running
 * @MIGTUNE_ERROR_PROTOCOL: the peer does not speak QMP
 * @MIGTUNE_ERROR_QEMU: QEMU refused a command; its class and text are in the
 *   fields
 * @MIGTUNE_ERROR_ROLLED_BACK: a change failed, and the former values have been
 *   restored and read back
 * @MIGTUNE_ERROR_STATE_UNKNOWN: a change failed, and it is not known what is in
 *   force now; the message names the values
 * @MIGTUNE_ERROR_DRIVER: a driver could not be loaded
 * @MIGTUNE_ERROR_CANCELLED: the call or the migration was cancelled
 * @MIGTUNE_ERROR_IO: an error with a local file or socket
 * @MIGTUNE_ERROR_STREAM: a migration stream is damaged or not understood
 * @MIGTUNE_ERROR_NOT_RUNNING: the domain is defined and does not run
 * @MIGTUNE_ERROR_AMBIGUOUS: several domains have that name; the message lists
 *   their keys
 * @MIGTUNE_ERROR_STILL_RUNNING: the caller stopped waiting, and the migration
 *   goes on
 *
 * The kind of an error.  New codes are added at the end.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_ERROR_INTERNAL,
    MIGTUNE_ERROR_INVALID_ARGUMENT,
    MIGTUNE_ERROR_UNKNOWN_PARAMETER,
    MIGTUNE_ERROR_INVALID_VALUE,
    MIGTUNE_ERROR_CONFLICT,
    MIGTUNE_ERROR_UNSUPPORTED,
    MIGTUNE_ERROR_NOT_FOUND,
    MIGTUNE_ERROR_CONNECT,
    MIGTUNE_ERROR_DISCONNECTED,
    MIGTUNE_ERROR_TIMEOUT,
    MIGTUNE_ERROR_BUSY,
    MIGTUNE_ERROR_PROTOCOL,
    MIGTUNE_ERROR_QEMU,
    MIGTUNE_ERROR_ROLLED_BACK,
    MIGTUNE_ERROR_STATE_UNKNOWN,
    MIGTUNE_ERROR_DRIVER,
    MIGTUNE_ERROR_CANCELLED,
    MIGTUNE_ERROR_IO,
    MIGTUNE_ERROR_STREAM,
    MIGTUNE_ERROR_NOT_RUNNING,
    MIGTUNE_ERROR_AMBIGUOUS,
    MIGTUNE_ERROR_STILL_RUNNING,
} MigtuneErrorCode;

/**
 * MigtuneErrorField:
 * @MIGTUNE_ERROR_FIELD_PARAMETER: the parameter it is about
 * @MIGTUNE_ERROR_FIELD_COMMAND: the QMP command that was refused
 * @MIGTUNE_ERROR_FIELD_RULE: the rule that was broken, such as
 *   "xbzrle excludes parallel"
 * @MIGTUNE_ERROR_FIELD_QEMU_CLASS: QEMU's error class, such as "GenericError"
 * @MIGTUNE_ERROR_FIELD_QEMU_DESC: QEMU's own text, which differs between
 *   releases
 * @MIGTUNE_ERROR_FIELD_REASON: a stable code that says more than the error
 *   code, such as "postcopy-begun"; never translated; %NULL if there is no
 *   finer reason than the error code
 * @MIGTUNE_ERROR_N_FIELDS: how many fields there are
 *
 * What an error says beside its message.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_ERROR_FIELD_PARAMETER,
    MIGTUNE_ERROR_FIELD_COMMAND,
    MIGTUNE_ERROR_FIELD_RULE,
    MIGTUNE_ERROR_FIELD_QEMU_CLASS,
    MIGTUNE_ERROR_FIELD_QEMU_DESC,
    MIGTUNE_ERROR_FIELD_REASON,
    MIGTUNE_ERROR_N_FIELDS
} MigtuneErrorField;

/**
 * migtune_error_quark:
 *
 * The error domain of this library, which MIGTUNE_ERROR stands for.
 *
 * Returns: the error domain of all errors of this library.
 * Since: 0.1
 */
GQuark migtune_error_quark(void);

/**
 * migtune_error_code_to_string:
 * @code: a #MigtuneErrorCode
 *
 * Converts the code of an error to its name in JSON output.
 *
 * Returns: the stable name of @code as it stands in JSON output, such as
 *   "invalid-value"; "internal" for a number that is not a code.
 * Since: 0.1
 */
const char *migtune_error_code_to_string(int code);

/**
 * migtune_error_get_field:
 * @error: any error
 * @field: which field
 *
 * Reads a field of an error.
 *
 * Returns: (nullable): the text of @field, owned by @error; %NULL when it is
 *   not set or @error is of another domain.
 * Since: 0.1
 */
const char *
migtune_error_get_field(const GError *error, MigtuneErrorField field);

/**
 * migtune_error_recall_field:
 * @code: the code of an error of %MIGTUNE_ERROR
 * @message: its message
 * @field: which field
 *
 * For languages whose errors have only a code and a message, such as Python:
 * their bindings release the #GError before the program sees it.  The fields of
 * the last error that had any and that this thread has released are recalled, if
 * its code and message are these.
 *
 * Returns: (transfer full) (nullable): the text of @field, for g_free(); %NULL
 *   if it is not set or not known.
 * Since: 0.1
 */
char *migtune_error_recall_field(int code, const char *message,
                                 MigtuneErrorField field);

/**
 * migtune_error_set: (skip)
 * @error: (nullable): where to put a new error
 * @code: a #MigtuneErrorCode
 * @format: printf format of the message: what was requested, what was found,
 *   what would be accepted
 * @...: the arguments of @format
 *
 * For drivers: they set errors through the library, because GLib registers an
 * error domain once in a process.
 *
 * Since: 0.1
 */
void migtune_error_set(GError **error, MigtuneErrorCode code,
                       const char *format, ...) G_GNUC_PRINTF(3, 4);

/**
 * migtune_error_set_field: (skip)
 * @error: (nullable): an error of %MIGTUNE_ERROR; others are unchanged
 * @field: which field
 * @value: (nullable): its new text, copied
 *
 * For drivers: sets a field of an error.
 *
 * Since: 0.1
 */
void migtune_error_set_field(GError *error, MigtuneErrorField field,
                             const char *value);

G_END_DECLS
