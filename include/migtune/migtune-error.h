/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Errors.
 *
 * Every function that can fail takes a GError ** as its last argument and
 * tells by its return value alone whether it failed.  The code is what a
 * program may switch on.  What the error is about (a parameter, a QMP
 * command, a rule, QEMU's own class and text) travels in fields that
 * migtune_error_get_field() reads, never in the message alone.
 */

#include <glib.h>

G_BEGIN_DECLS

#define MIGTUNE_ERROR (migtune_error_quark())

/**
 * MigtuneErrorCode:
 * @MIGTUNE_ERROR_INTERNAL: a bug in migtune
 * @MIGTUNE_ERROR_INVALID_ARGUMENT: a call was wrong in itself: a URI that
 *   cannot be parsed, a flag that is not known, a NULL that may not be
 * @MIGTUNE_ERROR_UNKNOWN_PARAMETER: neither the catalogue nor this QEMU knows
 *   a parameter of that name
 * @MIGTUNE_ERROR_INVALID_VALUE: a value of the wrong type, unit, range or
 *   spelling
 * @MIGTUNE_ERROR_CONFLICT: the wishes exclude each other, or what is on
 * @MIGTUNE_ERROR_UNSUPPORTED: this QEMU, driver or build cannot do it
 * @MIGTUNE_ERROR_NOT_FOUND: there is no such domain
 * @MIGTUNE_ERROR_CONNECT: nobody answers at that address
 * @MIGTUNE_ERROR_DISCONNECTED: the other side went away in the middle
 * @MIGTUNE_ERROR_TIMEOUT: the other side is there and does not answer
 * @MIGTUNE_ERROR_BUSY: somebody else holds the monitor or the guest, or a
 *   migration is running
 * @MIGTUNE_ERROR_PROTOCOL: the other side does not speak QMP
 * @MIGTUNE_ERROR_QEMU: QEMU refused a command; its class and text are in the
 *   fields
 * @MIGTUNE_ERROR_ROLLED_BACK: a change failed in the middle and the former
 *   state has been established again, which was read back
 * @MIGTUNE_ERROR_STATE_UNKNOWN: a change failed in the middle and what is in
 *   force now could not be established; the message names the values
 * @MIGTUNE_ERROR_DRIVER: a driver could not be loaded
 * @MIGTUNE_ERROR_CANCELLED: the caller, or a signal, stopped it
 * @MIGTUNE_ERROR_IO: a file or socket of this machine failed
 * @MIGTUNE_ERROR_STREAM: a migration stream is damaged or not understood
 * @MIGTUNE_ERROR_NOT_RUNNING: the domain is there and does not run
 *
 * What went wrong.  Codes are only ever added at the end.
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
} MigtuneErrorCode;

/**
 * MigtuneErrorField:
 * @MIGTUNE_ERROR_FIELD_PARAMETER: the parameter it is about
 * @MIGTUNE_ERROR_FIELD_COMMAND: the QMP command that was refused
 * @MIGTUNE_ERROR_FIELD_RULE: the rule that was broken, such as
 *   "xbzrle excludes parallel"
 * @MIGTUNE_ERROR_FIELD_QEMU_CLASS: QEMU's error class, such as "GenericError"
 * @MIGTUNE_ERROR_FIELD_QEMU_DESC: QEMU's own text, for people: it differs
 *   from one release to the next
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_ERROR_FIELD_PARAMETER,
    MIGTUNE_ERROR_FIELD_COMMAND,
    MIGTUNE_ERROR_FIELD_RULE,
    MIGTUNE_ERROR_FIELD_QEMU_CLASS,
    MIGTUNE_ERROR_FIELD_QEMU_DESC,
    MIGTUNE_ERROR_N_FIELDS
} MigtuneErrorField;

/**
 * migtune_error_quark:
 *
 * Returns: the error domain of all errors of this library.
 * Since: 0.1
 */
GQuark migtune_error_quark(void);

/**
 * migtune_error_code_to_string:
 * @code: a #MigtuneErrorCode
 *
 * Returns: the stable name of @code as it stands in JSON output, such as
 *   "invalid-value"; "internal" for a number that is no code.
 * Since: 0.1
 */
const char *migtune_error_code_to_string(int code);

/**
 * migtune_error_get_field:
 * @error: any error
 * @field: which field
 *
 * Returns: (nullable): the text of @field, owned by @error; %NULL when it is
 *   not set or @error is of another domain.
 * Since: 0.1
 */
const char *migtune_error_get_field(const GError *error,
                                    MigtuneErrorField field);

/**
 * migtune_error_set:
 * @error: (nullable): where to put a new error
 * @code: a #MigtuneErrorCode
 * @format: printf format of the message: what was asked, what was found, what
 *   would be accepted
 *
 * For drivers, which raise errors through the library so that there is one
 * error domain in a process.
 *
 * Since: 0.1
 */
void migtune_error_set(GError **error, MigtuneErrorCode code,
                       const char *format, ...) G_GNUC_PRINTF(3, 4);

/**
 * migtune_error_set_field:
 * @error: (nullable): an error of %MIGTUNE_ERROR; others are left alone
 * @field: which field
 * @value: (nullable): its new text, copied
 *
 * Since: 0.1
 */
void migtune_error_set_field(GError *error, MigtuneErrorField field,
                             const char *value);

G_END_DECLS
