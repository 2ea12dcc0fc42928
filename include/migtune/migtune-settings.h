/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Settings: the same as typed parameters, as dictionaries.
 *
 * A dictionary is a GVariant of the type `a{sv}`.  A value that a function
 * returns has the type that the catalogue gives the parameter: `b`, `i`, `t`,
 * `s` and so on, whatever the language of the program.  A value that is given
 * to a function may have any number type in which it fits, or be a string in
 * the form that people type ("64MiB", "on"); `compression` may be an array of
 * strings.
 *
 * A floating GVariant that is given to a function is consumed.
 */

#include <migtune/migtune-libvirt.h>

G_BEGIN_DECLS

/**
 * migtune_settings_parse:
 * @words: (array zero-terminated=1): texts of the form `NAME=VALUE`
 * @error: return location
 *
 * As migtune_typed_params_parse().
 *
 * Returns: (transfer full): an `a{sv}`; %NULL on error.
 * Since: 0.1
 */
GVariant *migtune_settings_parse(const char *const *words, GError **error);

/**
 * migtune_domain_get_settings:
 * @domain: a domain
 * @names: (nullable) (array zero-terminated=1): which; %NULL for all
 * @flags: a combination of #MigtuneGetFlags
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * As migtune_domain_get_parameters().
 *
 * Returns: (transfer full): an `a{sv}`; %NULL on error.
 * Since: 0.1
 */
GVariant *
migtune_domain_get_settings(MigtuneDomain *domain, const char *const *names,
                            unsigned int flags, GCancellable *cancellable,
                            GError **error);

/**
 * migtune_domain_set_settings:
 * @domain: a domain
 * @settings: an `a{sv}`
 * @flags: a combination of #MigtuneSetFlags
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * As migtune_domain_set_parameters().
 *
 * Returns: %FALSE on error.
 * Since: 0.1
 */
gboolean migtune_domain_set_settings(MigtuneDomain *domain, GVariant *settings,
                                     unsigned int flags,
                                     GCancellable *cancellable, GError **error);

/**
 * migtune_domain_plan_settings:
 * @domain: a domain
 * @settings: an `a{sv}`
 * @flags: a combination of #MigtuneSetFlags
 * @cancellable: (nullable): cancels this call
 * @error: return location
 *
 * As migtune_domain_plan().
 *
 * Returns: (transfer full): a plan; %NULL on error.
 * Since: 0.1
 */
MigtunePlan *
migtune_domain_plan_settings(MigtuneDomain *domain, GVariant *settings,
                             unsigned int flags, GCancellable *cancellable,
                             GError **error);

/**
 * migtune_explain_settings:
 * @release: a QEMU release, such as "9.1"
 * @settings: an `a{sv}`
 * @flags: a combination of #MigtuneSetFlags
 * @error: return location
 *
 * As migtune_explain().
 *
 * Returns: (transfer full): a plan that cannot be applied; %NULL on error.
 * Since: 0.1
 */
MigtunePlan *migtune_explain_settings(const char *release, GVariant *settings,
                                      unsigned int flags, GError **error);

/**
 * migtune_lowering_get_settings:
 * @lowering: a lowering
 *
 * As migtune_lowering_get_params().
 *
 * Returns: (transfer full): an `a{sv}`.
 * Since: 0.1
 */
GVariant *migtune_lowering_get_settings(MigtuneLowering *lowering);

G_END_DECLS
