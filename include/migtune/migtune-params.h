/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Parameters: what can be tuned, as libvirt's typed parameters.
 *
 * A parameter has the name that libvirt gives it where libvirt has one, with
 * libvirt's type and unit: `bandwidth` is VIR_TYPED_PARAM_ULLONG in MiB/s,
 * `compression.xbzrle.cache` VIR_TYPED_PARAM_ULLONG in bytes,
 * `compression.zlib.level` VIR_TYPED_PARAM_INT.  QEMU's own name is accepted
 * everywhere, too, and then means QEMU's own unit: `max-bandwidth` is in bytes
 * a second.  A number may be given as any of the number types as long as it
 * fits, and everything may be given as VIR_TYPED_PARAM_STRING in the form that
 * people type ("64MiB", "on", "zstd").
 *
 * `compression` is a string with one or more methods separated by commas, or
 * given several times as libvirt does it.
 *
 * Arrays that the library returns are released with
 * migtune_typed_params_free(), which does the same as virTypedParamsFree() and
 * needs no libvirt at run time.
 */

#include <libvirt/libvirt.h>

#include <migtune/migtune-conn.h>

G_BEGIN_DECLS

/**
 * migtune_typed_params_free:
 * @params: (nullable): an array of the library
 * @nparams: how many
 *
 * Since: 0.1
 */
void migtune_typed_params_free(virTypedParameterPtr params, int nparams);

/**
 * migtune_typed_params_parse:
 * @words: `NAME=VALUE` texts, %NULL-terminated
 * @params: where to put the array
 * @nparams: where to put its length
 * @error: return location
 *
 * Turns what a person types into typed parameters.  Values of parameters that
 * the catalogue knows get their own type.  Whatever is wrong with a value or a
 * name is kept as a string: a plan refuses it and tells of all that is wrong
 * at once.
 *
 * Returns: %FALSE with %MIGTUNE_ERROR_INVALID_ARGUMENT for the first word that
 *   is not of that form, or %MIGTUNE_ERROR_UNKNOWN_PARAMETER for a name that
 *   is longer than a typed parameter can hold.
 * Since: 0.1
 */
gboolean migtune_typed_params_parse(const char *const *words,
                                    virTypedParameterPtr *params,
                                    int *nparams, GError **error);

/**
 * migtune_typed_param_format:
 * @param: one parameter
 *
 * Returns: (transfer full): its value as people read it, with its unit, such
 *   as "64 MiB" or "300 ms".
 * Since: 0.1
 */
char *migtune_typed_param_format(const virTypedParameter *param);

/**
 * migtune_param_canonical_name:
 * @name: a parameter's name or QEMU's spelling of it
 *
 * Returns: (nullable): the name that migtune uses, or %NULL when the catalogue
 *   has no such parameter.
 * Since: 0.1
 */
const char *migtune_param_canonical_name(const char *name);

/**
 * migtune_param_suggest:
 * @name: a name that does not exist
 *
 * Returns: (nullable): the nearest name that does, or %NULL when none is near.
 * Since: 0.1
 */
const char *migtune_param_suggest(const char *name);

/**
 * migtune_catalogue_to_json:
 * @release: (nullable): only what QEMU of this release has, such as "7.2";
 *   %NULL for everything
 * @error: return location
 *
 * The catalogue: every capability and parameter of QEMU 2.4 to 11.1.
 *
 * Returns: (transfer full): a JSON array of objects with the members `name`,
 *   `qmp` (QEMU's name, null for a wish), `kind` ("capability", "parameter" or
 *   "wish"), `type` ("bool", "int", "ullong", "enum", "string" or "json"),
 *   `unit` (null without one), `min`, `max`, `default` (null when there is
 *   none), `values` (array, of enums), `sides` ("source", "destination" or
 *   "both"), `when` ("setup" or "running"), `needs`, `conflicts` (arrays of
 *   texts), `since`, `deprecated`, `removed` (null for never), `unstable`,
 *   `libvirt` (whether the name is libvirt's own) and `help`.
 *   %NULL with %MIGTUNE_ERROR_INVALID_VALUE for a release that is not one.
 * Since: 0.1
 */
JsonNode *migtune_catalogue_to_json(const char *release, GError **error);

/**
 * MigtuneGetFlags:
 * @MIGTUNE_GET_CAPABILITIES: only capabilities
 * @MIGTUNE_GET_LIVE: what is in force in the guest that runs
 * @MIGTUNE_GET_CONFIG: what is kept for its later starts; without either it is
 *   the former if it runs, else the latter
 *
 * Since: 0.1
 */
typedef enum {
    MIGTUNE_GET_CAPABILITIES = 1 << 0,
    MIGTUNE_GET_LIVE = 1 << 1,
    MIGTUNE_GET_CONFIG = 1 << 2,
} MigtuneGetFlags;

/**
 * migtune_domain_get_parameters:
 * @domain: a domain
 * @names: (nullable): which, %NULL-terminated; %NULL for all it has
 * @params: where to put the array
 * @nparams: where to put its length
 * @flags: a combination of #MigtuneGetFlags
 * @error: return location
 *
 * Asks QEMU what is in force now.  Costs one round trip when the probe is
 * cached.  Parameters that this QEMU has but cannot tell are left out, as are
 * those that are not kept with %MIGTUNE_GET_CONFIG.  %MIGTUNE_GET_LIVE and
 * %MIGTUNE_GET_CONFIG exclude each other here.
 *
 * Returns: %FALSE with %MIGTUNE_ERROR_UNKNOWN_PARAMETER,
 *   %MIGTUNE_ERROR_UNSUPPORTED (not in this QEMU),
 *   %MIGTUNE_ERROR_NOT_RUNNING, %MIGTUNE_ERROR_INVALID_VALUE (what is kept is
 *   damaged) or a failure to talk to it.
 * Since: 0.1
 */
gboolean migtune_domain_get_parameters(MigtuneDomain *domain,
                                       const char *const *names,
                                       virTypedParameterPtr *params,
                                       int *nparams, unsigned int flags,
                                       GError **error);

/**
 * migtune_domain_report:
 * @domain: a domain
 * @names: (nullable): which, %NULL-terminated; %NULL for all it has
 * @flags: a combination of #MigtuneGetFlags
 * @error: return location
 *
 * The same with all that is known of each.
 *
 * With both %MIGTUNE_GET_LIVE and %MIGTUNE_GET_CONFIG it is what is in force,
 * compared with what is kept.
 *
 * Returns: (transfer full): a JSON object with the members `domain`, `qemu`,
 *   `shows` (an array of "live" and "config"), `findings`, an array of texts
 *   about what is wrong with what is kept, and `parameters`, an array of
 *   objects with `name`, `qmp`, `kind`, `value` (null when QEMU cannot tell),
 *   `unit` (null without one), `text` (value and unit as people read them),
 *   `default` (null when not known), `from`, `kept`, `differs`, `why`, `deprecated`
 *   and `unstable`.
 *
 *   `from` says where the value comes from: "default", QEMU's own; "kept",
 *   from what is kept for later starts; "set", changed by hand; the name of
 *   who manages the guest, such as "libvirt"; null when that cannot be told.
 *   `kept` is what a later start would make of it, as text, null when nothing
 *   is kept about it, and `differs` whether that is not what is in force;
 *   `why` tells, where libvirt has set a value, why, else it is null.
 * Since: 0.1
 */
JsonNode *migtune_domain_report(MigtuneDomain *domain,
                                const char *const *names, unsigned int flags,
                                GError **error);

/**
 * MigtuneSetFlags:
 * @MIGTUNE_SET_STRICT: refuse whatever cannot be had exactly
 * @MIGTUNE_SET_BEST_EFFORT: drop what cannot be had; without either flag an
 *   equivalent is used where the documentation names one, and the rest refused
 *   unless leaving it out is harmless
 * @MIGTUNE_SET_DEFAULTS: for migtune_domain_plan_reset(): QEMU's defaults
 *   instead of the state before the last set
 * @MIGTUNE_SET_LIVE: change the guest that runs
 * @MIGTUNE_SET_CONFIG: keep it for later starts; without either of them the
 *   guest is changed if it runs, else it is kept
 * @MIGTUNE_SET_SUBSTITUTE: the policy that holds without a flag, said so; what
 *   is said about the policy is kept as well
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
 * migtune_domain_set_parameters:
 * @domain: a domain
 * @params: what is wished
 * @nparams: how many
 * @flags: as for migtune_domain_plan()
 * @error: return location
 *
 * Plans and applies in one go: all or nothing.  Use migtune_domain_plan() to
 * learn what became of each wish.
 *
 * Returns: %FALSE when something was refused, in which case nothing was
 *   changed, or failed, in which case the error says what is in force.
 * Since: 0.1
 */
gboolean migtune_domain_set_parameters(MigtuneDomain *domain,
                                       virTypedParameterPtr params,
                                       int nparams, unsigned int flags,
                                       GError **error);

G_END_DECLS
