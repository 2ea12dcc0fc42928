/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which flags and typed parameters the daemon's migration call supports.
 *
 * libvirt has no function that reports them.  But the QEMU driver of libvirt
 * compares the flags and then the parameters with those that it knows before it
 * looks for the guest, and its error names the first unknown one.  So the
 * migration call is made with everything that is of interest and with one
 * parameter more that no libvirt knows.  The call always fails; the name in the
 * error is the answer.  That flag or parameter is left out and the call
 * repeated, until the error names the parameter that no libvirt knows.
 *
 * If a daemon accepted that parameter, the call would fail all the same: it is
 * a peer-to-peer migration to a host whose name cannot exist.
 *
 * The text of the error is in the daemon's language.  The error code and the
 * name are not translated, and two errors about unknown names must differ in
 * nothing but the name.
 */
#include "config.h"

#include <string.h>

#include "drivers/libvirt/libvirt-private.h"
#include "util/i18n.h"

/* The parameter that no libvirt knows.  libvirt compares names in their order,
 * and this one is the last. */
#define TAKES_UNKNOWN "~migtune-asks-only"

/* .invalid: RFC 2606. */
#define TAKES_NOWHERE "qemu://migtune-asks-only.invalid/system"

/* What the other thread uses; counted. */
typedef struct {
    virDomainPtr domain;
    unsigned int flags;         /* of interest */
    unsigned int refused;       /* of `flags` */
    MigtuneDriverAsked *asked;  /* names are interned */
    char **words;               /* libvirt's error about each unknown one */
    guint n_asked;
} LvTakes;

static void
takes_clear(gpointer data)
{
    LvTakes *takes = data;

    for (guint i = 0; i < takes->n_asked; i++)
        g_free(takes->words[i]);
    g_free(takes->words);
    g_free(takes->asked);
    virDomainFree(takes->domain);
}

static void
takes_unref(gpointer takes)
{
    g_atomic_rc_box_release_full(takes, takes_clear);
}

static void
takes_add(GArray *params, const char *name, int type)
{
    virTypedParameter param = { .type = type };

    /* The value is not used, but a string must not be NULL. */
    if (type == VIR_TYPED_PARAM_STRING)
        param.value.s = (char *)"";
    g_strlcpy(param.field, name, sizeof(param.field));
    g_array_append_val(params, param);
}

/* TRUE if the call failed, as it must. */
static gboolean
takes_call(const LvTakes *takes)
{
    g_autoptr(GArray) params = g_array_new(FALSE, FALSE,
                                           sizeof(virTypedParameter));
    unsigned int flags = takes->flags & ~takes->refused;

    for (guint i = 0; i < takes->n_asked; i++) {
        if (!takes->asked[i].refused)
            takes_add(params, takes->asked[i].name, takes->asked[i].type);
    }
    takes_add(params, TAKES_UNKNOWN, VIR_TYPED_PARAM_INT);

    return virDomainMigrateToURI3(takes->domain, TAKES_NOWHERE,
                                  (virTypedParameterPtr)(gpointer)params->data,
                                  params->len,
                                  flags | VIR_MIGRATE_PEER2PEER) < 0;
}

/* The parameter whose name is in @text; the one with the longest name if there
 * are several, such as "bandwidth" and "bandwidth.postcopy".  -1: none. */
static int
takes_find_name(const LvTakes *takes, const char *text)
{
    int found = -1;

    for (guint i = 0; i < takes->n_asked; i++) {
        const char *name = takes->asked[i].name;

        if (!takes->asked[i].refused && strstr(text, name) &&
            (found < 0 || strlen(name) > strlen(takes->asked[found].name)))
            found = i;
    }

    return found;
}

/* The flags that @text names, as "(0x40000)". */
static unsigned int
takes_find_flags(const LvTakes *takes, const char *text)
{
    const char *hex = strstr(text, "0x");
    guint64 flags = hex ? g_ascii_strtoull(hex, NULL, 16) : 0;

    return flags & takes->flags & ~takes->refused;
}

/* Records what libvirt refused.  FALSE if it is nothing of interest. */
static gboolean
takes_note(LvTakes *takes, int code, const char *text)
{
    gboolean is_unknown = code == VIR_ERR_ARGUMENT_UNSUPPORTED;
    unsigned int flags = is_unknown ? 0 : takes_find_flags(takes, text);
    int which = flags ? -1 : takes_find_name(takes, text);

    if (!is_unknown && code != VIR_ERR_INVALID_ARG)
        return FALSE;
    takes->refused |= flags;
    if (which >= 0) {
        takes->asked[which].refused = TRUE;
        if (is_unknown)
            takes->words[which] = g_strdup(text);
    }

    return flags != 0 || which >= 0;
}

/* Whether the errors about unknown names equal @text, the error about
 * TAKES_UNKNOWN, except for the name. */
static gboolean
takes_is_consistent(const LvTakes *takes, const char *text)
{
    for (guint i = 0; i < takes->n_asked; i++) {
        g_auto(GStrv) parts = NULL;
        g_autofree char *same = NULL;

        if (!takes->words[i])
            continue;
        parts = g_strsplit(takes->words[i], takes->asked[i].name, -1);
        same = g_strjoinv(TAKES_UNKNOWN, parts);
        if (strcmp(same, text) != 0)
            return FALSE;
    }

    return TRUE;
}

/* Only libvirt's QEMU driver is known to compare the parameters first. */
static gboolean
takes_is_qemu(const LvTakes *takes)
{
    return g_strcmp0(virConnectGetType(virDomainGetConnect(takes->domain)),
                     "QEMU") == 0;
}

static gboolean
takes_run(gpointer data, GError **error)
{
    LvTakes *takes = data;

    if (!takes_is_qemu(takes)) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          _("only libvirt's QEMU driver reports what its "
                            "migration supports"));
        return FALSE;
    }
    /* Each round leaves out at least one flag or parameter. */
    for (;;) {
        gboolean failed = takes_call(takes);
        const virError *last = failed ? virGetLastError() : NULL;
        const char *text = last && last->message ? last->message : "";

        if (last && last->code == VIR_ERR_ARGUMENT_UNSUPPORTED &&
            strstr(text, TAKES_UNKNOWN) && takes_is_consistent(takes, text))
            return TRUE;
        if (last && !strstr(text, TAKES_UNKNOWN) &&
            takes_note(takes, last->code, text))
            continue;
        lv_error_take(error, LV_TO_QUERY,
                      _("cannot read which parameters libvirt's migration "
                        "supports"));
        return FALSE;
    }
}

/* Takes @domain. */
static LvTakes *
takes_new(virDomainPtr domain, guint flags, const MigtuneDriverAsked *asked,
          guint n_asked)
{
    LvTakes *takes = g_atomic_rc_box_new0(LvTakes);

    takes->domain = domain;
    takes->flags = flags;
    takes->n_asked = n_asked;
    takes->asked = g_new0(MigtuneDriverAsked, n_asked);
    takes->words = g_new0(char *, n_asked);
    for (guint i = 0; i < n_asked; i++) {
        takes->asked[i].name = g_intern_string(asked[i].name);
        takes->asked[i].type = asked[i].type;
    }

    return takes;
}

gboolean
lv_takes(gpointer data, guint flags, guint *ret_refused,
         MigtuneDriverAsked *asked, guint n_asked, GCancellable *cancellable,
         GError **error)
{
    LvDomain *domain = data;
    virDomainPtr any = lv_domain_get_any(domain, error);
    LvTakes *takes;
    gboolean ok;

    if (!any)
        return FALSE;
    takes = takes_new(any, flags, asked, n_asked);
    ok = lv_call(virDomainGetConnect(any), takes_run,
                 g_atomic_rc_box_acquire(takes), takes_unref, LV_CALL_TAKES,
                 domain->conn->command_timeout_ms, cancellable, error);
    for (guint i = 0; ok && i < n_asked; i++)
        asked[i].refused = takes->asked[i].refused;
    if (ok)
        *ret_refused = takes->refused;
    takes_unref(takes);

    return ok;
}
