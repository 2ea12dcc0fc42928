/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Conversion between typed parameters and dictionaries. */

#include "core/core.h"

G_BEGIN_DECLS

/* A floating `a{sv}`. */
GVariant *mt_settings_from_typed(const virTypedParameter *params,
                                 int n_params);

/* For migtune_typed_params_free().  FALSE with an error for a value of a type
 * that no parameter has. */
gboolean mt_settings_to_typed(GVariant *settings, virTypedParameterPtr *params,
                              int *n_params, GError **error);

G_END_DECLS
