/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Parameters: what can be tuned, as libvirt's typed parameters.
 *
 * A parameter that libvirt has, too, has libvirt's name, type and unit:
 * `bandwidth` is VIR_TYPED_PARAM_ULLONG in MiB/s, `compression.xbzrle.cache`
 * VIR_TYPED_PARAM_ULLONG in bytes, `compression.zlib.level`
 * VIR_TYPED_PARAM_INT.  QEMU's own name is accepted everywhere and means QEMU's
 * own unit: `max-bandwidth` is in bytes a second. A number can be given as any
 * number type in which it fits.  Every value can be given as
 * VIR_TYPED_PARAM_STRING in the form that people type ("64MiB", "on", "zstd").
 *
 * `compression` is a string with one or more methods separated by commas.  It
 * can also be given several times, as in libvirt.
 *
 * Arrays that the library returns are released with
 * migtune_typed_params_free(), which does the same as virTypedParamsFree() and
 * needs no libvirt at run time.
 */

#include <libvirt/libvirt.h>

#include <migtune/migtune-conn.h>

G_BEGIN_DECLS

/**
 * migtune_typed_params_free: (skip)
 * @params: (nullable): an array of the library
 * @nparams: their number
 *
 * Releases an array of typed parameters with the values in it.
 *
 * Since: 0.1
 */
void migtune_typed_params_free(virTypedParameterPtr params, int nparams);

/**
 * migtune_typed_params_parse: (skip)
 * @words: `NAME=VALUE` texts, %NULL-terminated
 * @params: where to put the array
 * @nparams: where to put its length
 * @error: return location
 *
 * Converts texts to typed parameters.  Values of parameters in the catalogue
 * get the type of the parameter.  A value or name that is wrong stays a string:
 * a plan refuses it together with everything else that is wrong.  @params and
 * @nparams are unchanged on failure.
 *
 * Returns: %FALSE with %MIGTUNE_ERROR_INVALID_ARGUMENT for the first word that
 *   is not of that form, or %MIGTUNE_ERROR_UNKNOWN_PARAMETER for a name that
 *   is longer than a typed parameter can hold.
 * Since: 0.1
 */
gboolean migtune_typed_params_parse(const char *const *words,
                                    virTypedParameterPtr *params, int *nparams,
                                    GError **error);

/**
 * migtune_typed_param_format: (skip)
 * @param: one parameter
 *
 * Formats a value for people.
 *
 * Returns: (transfer full): its value for people, with its unit, such as
 *   "64 MiB" or "300 ms"; for g_free().
 * Since: 0.1
 */
char *migtune_typed_param_format(const virTypedParameter *param);

/**
 * migtune_param_canonical_name:
 * @name: a parameter's name or QEMU's spelling of it
 *
 * Looks a parameter up by any of its names.
 *
 * Returns: (nullable): the name that migtune uses; %NULL if the catalogue has
 * no such parameter.
 * Since: 0.1
 */
const char *migtune_param_canonical_name(const char *name);

/**
 * migtune_param_suggest:
 * @name: a name that does not exist
 *
 * Looks for a parameter that the user may have meant.
 *
 * Returns: (nullable): the nearest name that exists; %NULL if none is near.
 * Since: 0.1
 */
const char *migtune_param_suggest(const char *name);

/**
 * migtune_suggest:
 * @name: a name that does not exist
 * @candidates: (array zero-terminated=1): the names that exist
 *
 * Compares names of any kind.  Characters that are swapped with their neighbour
 * count as one error, and `-` and `_` are equal.
 *
 * Returns: (nullable) (transfer none): the element of @candidates that is nearest
 *   to @name; %NULL if none has errors in at most a third of the characters.
 * Since: 0.1
 */
const char *migtune_suggest(const char *name, const char *const *candidates);

/**
 * migtune_catalogue_to_json:
 * @release: (nullable): only what QEMU of this release has, such as "7.2";
 *   %NULL for everything
 * @error: return location
 *
 * The catalogue: every capability and parameter of QEMU 2.4 to 11.1.
 *
 * Returns: (transfer full): a JSON array of objects with the members `name`,
 *   `qmp` (QEMU's name, or null), `kind` ("capability", "parameter", or
 *   "wish" for `compression`), `type` ("bool", "int", "ullong", "enum",
 * "string" or "json"), `unit` (null without one), `min`, `max`, `default` (null
 * when there is none), `values` (array, of enums), `sides` ("source",
 * "destination" or "both"), `when` ("setup" or "running"), `needs`, `conflicts`
 * (arrays of texts), `since`, `deprecated`, `removed` (null for never),
 * `unstable`, `libvirt` (whether the name is libvirt's own) and `help`. %NULL
 * with %MIGTUNE_ERROR_INVALID_VALUE for a release that is not one.
 * Since: 0.1
 */
JsonNode *migtune_catalogue_to_json(const char *release, GError **error);

/**
 * MigtuneGetFlags:
 * @MIGTUNE_GET_CAPABILITIES: only capabilities
 * @MIGTUNE_GET_LIVE: the values in force in the running guest
 * @MIGTUNE_GET_CONFIG: the settings kept for its later starts.  Without
 *   %MIGTUNE_GET_LIVE and %MIGTUNE_GET_CONFIG: the former if the guest runs,
 * and else the latter
 *
 * Which values are read.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_GET_CAPABILITIES = 1 << 0,
    MIGTUNE_GET_LIVE = 1 << 1,
    MIGTUNE_GET_CONFIG = 1 << 2,
} MigtuneGetFlags;

/**
 * migtune_domain_get_parameters: (skip)
 * @domain: a domain
 * @names: (nullable) (array zero-terminated=1): the parameters; %NULL for all
 * @params: where to put the array
 * @nparams: where to put its length
 * @flags: a combination of #MigtuneGetFlags
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Reads the values in force.  It costs one round trip if the probe is cached.
 * Parameters whose value QEMU does not report are left out; with
 * %MIGTUNE_GET_CONFIG, parameters without a kept value.  %MIGTUNE_GET_LIVE and
 * %MIGTUNE_GET_CONFIG exclude each other here.  @params and @nparams are left
 * unchanged on failure.
 *
 * Returns: %FALSE with %MIGTUNE_ERROR_UNKNOWN_PARAMETER,
 *   %MIGTUNE_ERROR_UNSUPPORTED (not in this QEMU),
 *   %MIGTUNE_ERROR_NOT_RUNNING, %MIGTUNE_ERROR_INVALID_VALUE (the kept
 *   settings are damaged), or if QEMU could not be asked.
 * Since: 0.1
 */
gboolean
migtune_domain_get_parameters(MigtuneDomain *domain, const char *const *names,
                              virTypedParameterPtr *params, int *nparams,
                              unsigned int flags, GCancellable *cancellable,
                              GError **error);

/**
 * migtune_domain_report:
 * @domain: a domain
 * @names: (nullable) (array zero-terminated=1): the parameters; %NULL for all
 * @flags: a combination of #MigtuneGetFlags
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * The same with everything that is known about each parameter.
 *
 * With both %MIGTUNE_GET_LIVE and %MIGTUNE_GET_CONFIG the values in force are
 * compared with the kept settings.
 *
 * Returns: (transfer full): a JSON object with the members `domain`, `qemu`,
 *   `shows` (an array of "live" and "config"), `findings`, an array of texts
 *   about faults of the kept settings, and `parameters`, an array of
 *   objects with `name`, `qmp`, `kind`, `value` (null if QEMU does not report
 * it), `unit` (null without one), `text` (value and unit as people read them),
 *   `default` (null when not known), `from`, `kept`, `differs`, `why`,
 * `deprecated` and `unstable`.
 *
 *   `from` is the origin of the value: "default" of QEMU; "kept", from the kept
 *   settings; "set" by a user; the name of the manager of the guest, such as
 *   "libvirt"; null if it is not known.  `kept` is the value after a later
 *   start, as text; null if no value is kept.  `differs` is whether `kept` is
 *   not the value in force.  `why` is the reason of a value that libvirt has
 *   set, and else null.
 * Since: 0.1
 */
JsonNode *migtune_domain_report(MigtuneDomain *domain, const char *const *names,
                                unsigned int flags, GCancellable *cancellable,
                                GError **error);

/**
 * MigtuneSetFlags:
 * @MIGTUNE_SET_STRICT: refuse every setting that is not supported exactly
 * @MIGTUNE_SET_BEST_EFFORT: leave out settings that are not supported
 * @MIGTUNE_SET_SUBSTITUTE: the default policy: use the documented equivalent of
 *   a setting that is not supported; without an equivalent refuse it, unless
 *   leaving it out is harmless.  If one of these three flags is given together
 *   with %MIGTUNE_SET_CONFIG, the policy is kept, too
 * @MIGTUNE_SET_DEFAULTS: for migtune_domain_plan_reset(): go back to QEMU's
 *   defaults instead of the state before the last change
 * @MIGTUNE_SET_LIVE: change the running guest
 * @MIGTUNE_SET_CONFIG: keep the settings for later starts.  Without
 *   %MIGTUNE_SET_LIVE and %MIGTUNE_SET_CONFIG the guest is changed if it runs,
 *   and else the settings are kept
 *
 * What is changed, and what happens to a setting that is not supported.
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_SET_STRICT = 1 << 0,
    MIGTUNE_SET_BEST_EFFORT = 1 << 1,
    MIGTUNE_SET_DEFAULTS = 1 << 2,
    MIGTUNE_SET_LIVE = 1 << 3,
    MIGTUNE_SET_CONFIG = 1 << 4,
    MIGTUNE_SET_SUBSTITUTE = 1 << 5,
} MigtuneSetFlags;

/**
 * migtune_domain_set_parameters: (skip)
 * @domain: a domain
 * @params: the settings
 * @nparams: their number
 * @flags: as for migtune_domain_plan()
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * Plans and applies: all settings or none.  Use migtune_domain_plan() to get a
 * verdict for each setting, also after a failure.
 *
 * Returns: %FALSE if a setting was refused, and then nothing was changed; or if
 *   the change failed, and then the error says what is in force.
 * Since: 0.1
 */
gboolean
migtune_domain_set_parameters(MigtuneDomain *domain,
                              virTypedParameterPtr params, int nparams,
                              unsigned int flags, GCancellable *cancellable,
                              GError **error);

/**
 * migtune_json_to_text:
 * @node: JSON that a function of this library returned
 *
 * Writes JSON in lines, as the `migtune` command prints it.  Unlike json-glib,
 * whose integers have 63 bits and a sign, this writes a number from 2^63 to
 * 2^64 - 1 as it is.
 *
 * Returns: (transfer full): the text, without a newline at its end, for g_free().
 * Since: 0.1
 */
char *migtune_json_to_text(JsonNode *node);

G_END_DECLS
