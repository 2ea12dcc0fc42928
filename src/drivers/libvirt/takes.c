/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which flags and typed parameters the daemon's migration call takes.
 *
 * libvirt has no function that tells.  But before a driver of libvirt looks
 * for the guest that is to be migrated, it compares the flags with those that
 * it knows and then the parameters, and refuses the first that it does not
 * know by its name.  So it is called with all that is to be asked about and
 * with one parameter more that no libvirt has: it never gets any further, and
 * which name it refuses is the answer.  What is refused is left out and the
 * rest asked anew, until it is the one that no libvirt has.
 *
 * Were that one taken, the call would end all the same: it is for a migration
 * between daemons to a host whose name cannot exist.
 *
 * The words of the refusal are in the daemon's language.  Its code and the
 * name in it are not, and between two refusals of unknown names nothing but
 * the name may differ.
 */
#include "config.h"

#include <string.h>

#include "drivers/libvirt/libvirt-private.h"

/* Sorts behind every name of libvirt, which compares them in order. */
#define TAKES_NOBODY "~migtune-asks-only"

/* .invalid: RFC 2606. */
#define TAKES_NOWHERE "qemu://migtune-asks-only.invalid/system"

/* What runs in the other thread; counted. */
typedef struct {
    virDomainPtr domain;
    unsigned int flags;         /* asked about */
    unsigned int refused;       /* of these */
    MigtuneDriverAsked *asked;  /* names are interned */
    char **words;               /* libvirt's about each unknown one */
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

    /* Nobody looks at the value; but a text is one, to be sent. */
    if (type == VIR_TYPED_PARAM_STRING)
        param.value.s = (char *)"";
    g_strlcpy(param.field, name, sizeof(param.field));
    g_array_append_val(params, param);
}

/* TRUE when it went wrong, as it must. */
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
    takes_add(params, TAKES_NOBODY, VIR_TYPED_PARAM_INT);

    return virDomainMigrateToURI3(takes->domain, TAKES_NOWHERE,
                                  (virTypedParameterPtr)(gpointer)params->data,
                                  params->len,
                                  flags | VIR_MIGRATE_PEER2PEER) < 0;
}

/* The one whose name is in @text, the longest if there are several: such as
 * "bandwidth" and "bandwidth.postcopy".  -1 for none. */
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

/* Notes what libvirt has refused; FALSE when it is none of what was asked. */
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

/* Whether the refusals of unknown names are the same as @text, that of the
 * name that nobody has. */
static gboolean
takes_is_consistent(const LvTakes *takes, const char *text)
{
    for (guint i = 0; i < takes->n_asked; i++) {
        g_auto(GStrv) parts = NULL;
        g_autofree char *same = NULL;

        if (!takes->words[i])
            continue;
        parts = g_strsplit(takes->words[i], takes->asked[i].name, -1);
        same = g_strjoinv(TAKES_NOBODY, parts);
        if (strcmp(same, text) != 0)
            return FALSE;
    }

    return TRUE;
}

/* That is how the driver for QEMU goes about it; others may look elsewhere
 * first. */
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
                          "libvirt's driver for QEMU alone can be asked");
        return FALSE;
    }
    /* Every round leaves out something of what it asks about. */
    for (;;) {
        gboolean failed = takes_call(takes);
        const virError *last = failed ? virGetLastError() : NULL;
        const char *text = last && last->message ? last->message : "";

        if (last && last->code == VIR_ERR_ARGUMENT_UNSUPPORTED &&
            strstr(text, TAKES_NOBODY) && takes_is_consistent(takes, text))
            return TRUE;
        if (last && !strstr(text, TAKES_NOBODY) &&
            takes_note(takes, last->code, text))
            continue;
        lv_error_take(error, LV_TO_ASK,
                      "asking which parameters its migration takes");
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
    ok = lv_call(takes_run, g_atomic_rc_box_acquire(takes), takes_unref,
                 "tell what its migration takes",
                 domain->conn->command_timeout_ms, cancellable, error);
    for (guint i = 0; ok && i < n_asked; i++)
        asked[i].refused = takes->asked[i].refused;
    if (ok)
        *ret_refused = takes->refused;
    takes_unref(takes);

    return ok;
}
