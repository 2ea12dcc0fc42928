/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Lowering: what is wished for a migration that libvirt runs.
 *
 * libvirt sets capabilities and parameters of QEMU itself when it migrates a
 * guest, and puts back what there was when the migration ends.  So wishes for
 * such a migration are flags and typed parameters of virDomainMigrate3(); what
 * libvirt leaves alone can be set in the guest just before.
 *
 * Without a guest none of these functions needs libvirt at run time.
 */

#include <migtune/migtune-plan.h>

G_BEGIN_DECLS

typedef struct _MigtuneLowering MigtuneLowering;

/**
 * migtune_plan_lower:
 * @plan: a plan, applied or not, with a guest or without
 * @libvirt: (nullable): a release of libvirt, such as "9.0", the older one of
 *   the two hosts; %NULL for the libvirt of the plan's connection
 * @error: return location
 *
 * The libvirt of the plan's connection is asked which flags and typed
 * parameters it takes; that changes nothing and leaves a line in the daemon's
 * log.  Where it cannot be asked, as over a connection that may only read, its
 * release is gone by, or that of the client library if that is older.  When
 * @libvirt is given nothing is sent to anybody.  What stands against it is told
 * by migtune_lowering_check().
 *
 * Returns: (transfer full): the lowering, or %NULL with
 *   %MIGTUNE_ERROR_INVALID_VALUE for a text that is no release and
 *   %MIGTUNE_ERROR_INVALID_ARGUMENT when @libvirt is %NULL and the plan's
 *   connection, if any, is not one to libvirt, and with
 *   %MIGTUNE_ERROR_DISCONNECTED, %MIGTUNE_ERROR_TIMEOUT or
 *   %MIGTUNE_ERROR_CANCELLED when libvirt was to be asked.
 * Since: 0.1
 */
MigtuneLowering *migtune_plan_lower(MigtunePlan *plan, const char *libvirt,
                                    GError **error);

/**
 * migtune_lowering_free:
 * @lowering: (nullable): a lowering
 *
 * Since: 0.1
 */
void migtune_lowering_free(MigtuneLowering *lowering);

/**
 * migtune_lowering_check:
 * @lowering: a lowering
 * @error: return location
 *
 * Returns: %FALSE with the error of migtune_plan_check() or, with
 *   %MIGTUNE_ERROR_CONFLICT (libvirt's own rules) or
 *   %MIGTUNE_ERROR_UNSUPPORTED, with all that this libvirt cannot do or would
 *   refuse; code and fields are those of the first.
 * Since: 0.1
 */
gboolean migtune_lowering_check(MigtuneLowering *lowering, GError **error);

/**
 * migtune_lowering_get_flags:
 * @lowering: a lowering
 *
 * Returns: flags of virDomainMigrate3(), %VIR_MIGRATE_LIVE among them.
 * Since: 0.1
 */
unsigned int migtune_lowering_get_flags(MigtuneLowering *lowering);

/**
 * migtune_lowering_get_params:
 * @lowering: a lowering
 * @nparams: where to put how many there are
 *
 * Returns: (transfer none) (nullable): typed parameters for
 *   virDomainMigrate3(), until @lowering is freed; to be given to it with what
 *   else the caller has, such as the destination's address.
 * Since: 0.1
 */
virTypedParameterPtr migtune_lowering_get_params(MigtuneLowering *lowering,
                                                 int *nparams);

/**
 * migtune_lowering_prepare:
 * @lowering: a lowering of a plan that was made with a guest
 * @error: return location
 *
 * Sets in the guest what is to be set just before the migration: through
 * libvirt where it has a function, else through QEMU's monitor.
 *
 * Returns: %FALSE with the error of migtune_lowering_check() or of
 *   migtune_plan_apply().
 * Since: 0.1
 */
gboolean migtune_lowering_prepare(MigtuneLowering *lowering, GError **error);

/**
 * migtune_lowering_to_json:
 * @lowering: a lowering
 *
 * Returns: (transfer full): a JSON object with the members `libvirt` (the
 *   release), `flags` (an array of names), `flags-value`, `parameters` (an
 *   array of objects with `name`, `type` and `value`), `before` (an array of
 *   objects with either `function` and `value` or `execute` and `arguments`),
 *   `findings` (an array of objects with `name`, `rule`, which may be null,
 *   and `text`) and `virsh` (an array of command lines).
 * Since: 0.1
 */
JsonNode *migtune_lowering_to_json(MigtuneLowering *lowering);

/**
 * migtune_lowering_to_virsh:
 * @lowering: a lowering
 * @destination: (nullable): URI of the other host; %NULL for the word
 *   DESTINATION
 *
 * Returns: (transfer full): the commands of virsh that do the same, in order,
 *   for g_strfreev().
 * Since: 0.1
 */
char **migtune_lowering_to_virsh(MigtuneLowering *lowering,
                                 const char *destination);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MigtuneLowering, migtune_lowering_free)

G_END_DECLS
