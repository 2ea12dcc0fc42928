/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The public lowering of a plan for libvirt, with the domain of that plan.
 */
#include "config.h"

#include "core/core.h"
#include "plan/lower/lower-ask.h"
#include "plan/lower/lower.h"
#include "util/i18n.h"

struct _MigtuneLowering {
    GObject parent_instance;
    MtLowering *lowering;
    MigtunePlan *plan;
};

G_DEFINE_TYPE(MigtuneLowering, migtune_lowering, G_TYPE_OBJECT)

/* The release of libvirt that is to migrate the guest. */
static MtRelease
lower_release(MigtunePlan *plan, const char *libvirt, GError **error)
{
    MigtuneDomain *domain = mt_plan_get_domain(plan);
    const MigtuneDriver *driver = domain ? domain->conn->driver : NULL;
    g_autofree char *version = g_strdup(libvirt);
    MtRelease release;

    if (!version && driver && driver->features & MIGTUNE_DRIVER_LIBVIRT &&
        driver->manager_version) {
        version = driver->manager_version(domain->conn->handle,
                                          domain->cancellable, error);
        if (!version)
            return MT_RELEASE_NONE;
    }
    if (!version) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("the libvirt release is needed, such as 9.0, "
                            "because the guest is not managed by libvirt"));
        return MT_RELEASE_NONE;
    }
    release = mt_release_parse(version);
    if (release == MT_RELEASE_NONE)
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                          _("'%s' is not a libvirt release; expected a number "
                            "such as 9.0"),
                          version);

    return release;
}

/* Errors after which the lowering fails; all other errors mean that
 * libvirt's answer is not known. */
static gboolean
lower_is_over(const GError *error)
{
    return g_error_matches(error, MIGTUNE_ERROR, MIGTUNE_ERROR_CANCELLED) ||
           g_error_matches(error, MIGTUNE_ERROR, MIGTUNE_ERROR_TIMEOUT) ||
           g_error_matches(error, MIGTUNE_ERROR, MIGTUNE_ERROR_DISCONNECTED);
}

/*
 * Asks the libvirt of the guest which settings of @ask it supports. Returns
 * FALSE if libvirt cannot be asked, with the reason if there is a libvirt; sets
 * @error if the lowering has to fail.
 */
static gboolean
lower_ask(MigtunePlan *plan, MtLowerAsk *ask, char **ret_why, GError **error)
{
    MigtuneDomain *domain = mt_plan_get_domain(plan);
    const MigtuneDriver *driver = domain ? domain->conn->driver : NULL;
    g_autoptr(GError) failure = NULL;

    if (!driver || !driver->takes)
        return FALSE;
    if (ask->params->len == 0 && ask->flags == 0)
        return TRUE;
    if (driver->takes(domain->handle, ask->flags, &ask->refused,
                      (MigtuneDriverAsked *)(gpointer)ask->params->data,
                      ask->params->len, domain->cancellable, &failure))
        return TRUE;

    if (lower_is_over(failure))
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        *ret_why = g_strdup(failure->message);

    return FALSE;
}

/* Lowers for the given release, or for the libvirt of the guest if there is
 * none. */
static MtLowering *
lower_plan(MigtunePlan *plan, const char *libvirt, MtRelease release,
           GError **error)
{
    MtPlan *inner = mt_plan_get_inner(plan);
    g_autoptr(MtLowerAsk) ask = mt_lower_ask_new(inner);
    g_autoptr(GError) failure = NULL;
    g_autofree char *why = NULL;
    gboolean answered = !libvirt && lower_ask(plan, ask, &why, &failure);
    MtLowering *lowering;

    if (failure) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return NULL;
    }
    lowering = mt_lowering_new(inner, release, answered ? ask : NULL);
    if (why)
        lowering->remark = g_strdup_printf(
            _("libvirt could not report what it supports; only its release "
              "number was used: %s"),
            why);

    return lowering;
}

MigtuneLowering *
migtune_plan_lower(MigtunePlan *plan, const char *libvirt,
                   GCancellable *cancellable, GError **error)
{
    g_autoptr(MtDomainHold) hold = NULL;
    MigtuneLowering *lowering;
    MigtuneDomain *domain;
    MtLowering *inner;
    MtRelease release;

    MT_REQUIRE(plan != NULL, NULL);

    domain = mt_plan_get_domain(plan);
    if (domain) {
        hold = mt_domain_hold(domain, cancellable, error);
        if (!hold)
            return NULL;
    }
    if (domain && domain->identity.inactive) {
        migtune_error_set(error, MIGTUNE_ERROR_NOT_RUNNING,
                          _("%s is not running, so the abilities of its QEMU "
                            "are not known: start the guest, or give the "
                            "releases of QEMU and libvirt instead"),
                          domain->name);
        return NULL;
    }

    release = lower_release(plan, libvirt, error);
    if (release == MT_RELEASE_NONE)
        return NULL;
    inner = lower_plan(plan, libvirt, release, error);
    if (!inner)
        return NULL;
    lowering = g_object_new(MIGTUNE_TYPE_LOWERING, NULL);
    lowering->lowering = inner;
    lowering->plan = migtune_plan_ref(plan);

    return lowering;
}

static void
migtune_lowering_init(MigtuneLowering *lowering)
{
}

static void
migtune_lowering_finalize(GObject *object)
{
    MigtuneLowering *lowering = MIGTUNE_LOWERING(object);

    mt_lowering_free(lowering->lowering);
    g_clear_object(&lowering->plan);
    G_OBJECT_CLASS(migtune_lowering_parent_class)->finalize(object);
}

static void
migtune_lowering_class_init(MigtuneLoweringClass *klass)
{
    G_OBJECT_CLASS(klass)->finalize = migtune_lowering_finalize;
}

void
migtune_lowering_free(MigtuneLowering *lowering)
{
    if (lowering)
        g_object_unref(lowering);
}

gboolean
migtune_lowering_check(MigtuneLowering *lowering, GError **error)
{
    MT_REQUIRE(lowering != NULL, FALSE);

    return mt_lowering_check(lowering->lowering, error);
}

unsigned int
migtune_lowering_get_flags(MigtuneLowering *lowering)
{
    g_return_val_if_fail(lowering != NULL, 0);

    return lowering->lowering->flags;
}

virTypedParameterPtr
migtune_lowering_get_params(MigtuneLowering *lowering, int *nparams)
{
    GArray *params;

    g_return_val_if_fail(lowering && nparams, NULL);

    params = lowering->lowering->params;
    *nparams = params->len;
    return params->len ? (virTypedParameterPtr)params->data : NULL;
}

gboolean
migtune_lowering_prepare(MigtuneLowering *lowering, GCancellable *cancellable,
                         GError **error)
{
    g_autoptr(MigtunePlan) plan = NULL;

    MT_REQUIRE(lowering != NULL, FALSE);

    if (!mt_lowering_check(lowering->lowering, error))
        return FALSE;
    if (mt_set_size(lowering->lowering->before) == 0)
        return TRUE;
    if (!mt_plan_get_domain(lowering->plan)) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          _("a plan that was made without a guest cannot be "
                            "applied"));
        return FALSE;
    }
    plan =
        mt_domain_plan_values(mt_plan_get_domain(lowering->plan),
                              lowering->lowering->before, cancellable, error);

    return plan && migtune_plan_apply(plan, cancellable, error);
}

JsonNode *
migtune_lowering_to_json(MigtuneLowering *lowering)
{
    g_return_val_if_fail(lowering != NULL, NULL);

    return mt_lowering_to_json(lowering->lowering);
}

char **
migtune_lowering_to_virsh(MigtuneLowering *lowering, const char *destination)
{
    MigtuneDomain *domain;

    g_return_val_if_fail(lowering != NULL, NULL);

    domain = mt_plan_get_domain(lowering->plan);
    return mt_lowering_to_virsh(lowering->lowering,
                                domain ? domain->name : NULL, destination);
}
