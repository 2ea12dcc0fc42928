/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kept settings: one element in the <metadata> of the domain, in migtune's
 * namespace.  Also the title of the domain, which libvirt has the same functions
 * for.
 *
 * libvirt stores the element with a prefix that it declares itself, and returns
 * it without a namespace.  So this file removes the namespace before writing
 * and adds it, as the default namespace, after reading: the rest of migtune
 * sees the element as the schema describes it.
 */
#include "config.h"

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "drivers/libvirt/libvirt-private.h"
#include "util/i18n.h"

/* One read or write; counted. */
typedef struct {
    virDomainPtr domain;
    int type;                   /* a virDomainMetadataType */
    unsigned int flags;
    gboolean set;
    char *xml;
} LvMetadata;

static void
metadata_clear(gpointer data)
{
    LvMetadata *metadata = data;

    virDomainFree(metadata->domain);
    g_free(metadata->xml);
}

static void
metadata_unref(gpointer metadata)
{
    g_atomic_rc_box_release_full(metadata, metadata_clear);
}

/* Converts the last error, with advice for a domain without a definition. */
static void
metadata_fail(const LvMetadata *metadata, LvPurpose purpose, const char *what,
              GError **error)
{
    gboolean is_state = virGetLastErrorCode() == VIR_ERR_OPERATION_INVALID &&
                        metadata->flags == VIR_DOMAIN_AFFECT_CONFIG;
    g_autoptr(GError) failure = NULL;

    /* Convert first: the next libvirt call resets the last error. */
    lv_error_take(&failure, purpose, what);
    if (!is_state || virDomainIsPersistent(metadata->domain) != 0) {
        g_propagate_error(error, g_steal_pointer(&failure));
        return;
    }
    migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                      _("%s is transient: it has no definition in which "
                        "settings could be kept for its next start; use "
                        "--live, or define it with the output of 'virsh "
                        "dumpxml' and 'virsh define'"),
                      virDomainGetName(metadata->domain));
}

static gboolean
metadata_run(gpointer data, GError **error)
{
    LvMetadata *metadata = data;
    char *xml;

    if (metadata->set && lv_job_is_migrating(metadata->domain)) {
        /* libvirt would wait until the migration has ended. */
        migtune_error_set(error, MIGTUNE_ERROR_BUSY,
                          _("%s: kept settings cannot be changed while "
                            "libvirt migrates the domain"),
                          virDomainGetName(metadata->domain));
        return FALSE;
    }
    if (metadata->set) {
        if (virDomainSetMetadata(metadata->domain,
                                 VIR_DOMAIN_METADATA_ELEMENT, metadata->xml,
                                 MIGTUNE_DRIVER_KEPT_PREFIX, MIGTUNE_DRIVER_KEPT_NAMESPACE,
                                 metadata->flags) == 0)
            return TRUE;
        metadata_fail(metadata, LV_TO_CHANGE, _("cannot write the metadata"), error);
        return FALSE;
    }

    xml = virDomainGetMetadata(metadata->domain, metadata->type,
                               metadata->type == VIR_DOMAIN_METADATA_ELEMENT
                                   ? MIGTUNE_DRIVER_KEPT_NAMESPACE : NULL,
                               metadata->flags);
    if (xml) {
        metadata->xml = g_strdup(xml);
        free(xml);
        return TRUE;
    }
    if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN_METADATA)
        return TRUE;
    metadata_fail(metadata, LV_TO_QUERY, _("cannot read the metadata"), error);

    return FALSE;
}

/* Puts elements without a namespace into @ns or, if that is NULL, removes the
 * namespace from those in migtune's. */
static void
metadata_move(xmlNodePtr node, xmlNsPtr ns)
{
    for (xmlNodePtr at = node; at; at = at->next) {
        if (at->type != XML_ELEMENT_NODE)
            continue;
        if (ns && !at->ns)
            xmlSetNs(at, ns);
        else if (!ns && at->ns &&
                 xmlStrEqual(at->ns->href, BAD_CAST MIGTUNE_DRIVER_KEPT_NAMESPACE))
            xmlSetNs(at, NULL);
        metadata_move(at->children, ns);
    }
}

/* Removes the declarations of the namespace, which are unused now. */
static void
metadata_drop_declarations(xmlNodePtr node)
{
    for (xmlNsPtr *at = &node->nsDef; *at;) {
        xmlNsPtr ns = *at;

        if (xmlStrEqual(ns->href, BAD_CAST MIGTUNE_DRIVER_KEPT_NAMESPACE)) {
            *at = ns->next;
            xmlFreeNs(ns);
        } else {
            at = &ns->next;
        }
    }
}

static char *
metadata_convert(const char *xml, gboolean inwards, GError **error)
{
    xmlDocPtr doc = xmlReadMemory(xml, strlen(xml), "settings", NULL,
                                  XML_PARSE_NONET | XML_PARSE_NOERROR |
                                      XML_PARSE_NOWARNING);
    xmlBufferPtr buffer;
    xmlNodePtr root;
    char *text;

    if (!doc) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                          _("the settings to be kept are not XML"));
        return NULL;
    }
    root = xmlDocGetRootElement(doc);
    if (inwards) {
        metadata_move(root, NULL);
        metadata_drop_declarations(root);
    } else {
        metadata_move(root, xmlNewNs(root, BAD_CAST MIGTUNE_DRIVER_KEPT_NAMESPACE, NULL));
    }
    buffer = xmlBufferCreate();
    xmlNodeDump(buffer, doc, root, 0, 0);
    text = g_strdup((const char *)xmlBufferContent(buffer));
    xmlBufferFree(buffer);
    xmlFreeDoc(doc);

    return text;
}

/* Settings that are kept with a running guest belong to its process; settings
 * in the definition belong to the domain. */
static LvMetadata *
metadata_new(LvDomain *domain, MigtuneDriverKept which, GError **error)
{
    LvMetadata *metadata;
    virDomainPtr any;

    if (which == MIGTUNE_DRIVER_KEPT_LIVE &&
        !lv_domain_get_ready(domain, NULL, error))
        return NULL;
    any = lv_domain_get_any(domain, error);
    if (!any)
        return NULL;

    metadata = g_atomic_rc_box_new0(LvMetadata);
    metadata->domain = any;
    metadata->type = VIR_DOMAIN_METADATA_ELEMENT;
    metadata->flags = which == MIGTUNE_DRIVER_KEPT_LIVE
        ? VIR_DOMAIN_AFFECT_LIVE : VIR_DOMAIN_AFFECT_CONFIG;

    return metadata;
}

static gboolean
metadata_call(LvDomain *domain, LvMetadata *metadata, LvCallPurpose what,
              GCancellable *cancellable, GError **error)
{
    GError *failure = NULL;

    if (lv_call(virDomainGetConnect(metadata->domain), metadata_run,
                g_atomic_rc_box_acquire(metadata), metadata_unref, what,
                domain->conn->command_timeout_ms, cancellable, &failure))
        return TRUE;

    if (domain->domain && lv_error_loses_connection(failure))
        lv_domain_lose(domain);
    g_propagate_error(error, failure);
    return FALSE;
}

/* @ret_xml is in libvirt's form; NULL if nothing is kept. */
static gboolean
metadata_read(LvDomain *domain, MigtuneDriverKept which, char **ret_xml,
              GError **error)
{
    LvMetadata *metadata = metadata_new(domain, which, error);
    gboolean ok;

    if (!metadata)
        return FALSE;
    ok = metadata_call(domain, metadata, LV_CALL_METADATA_READ, NULL, error);
    if (ok)
        *ret_xml = g_strdup(metadata->xml);
    metadata_unref(metadata);

    return ok;
}

char *
lv_kept_get(gpointer data, MigtuneDriverKept which, GError **error)
{
    g_autoptr(GError) failure = NULL;
    g_autofree char *xml = NULL;
    gboolean ok = metadata_read(data, which, &xml, &failure);

    /* A daemon that was restarted shows only at the next call. */
    if (!ok && g_error_matches(failure, MIGTUNE_ERROR,
                               MIGTUNE_ERROR_DISCONNECTED))
        ok = metadata_read(data, which, &xml, error);
    else if (!ok)
        g_propagate_error(error, g_steal_pointer(&failure));

    return ok && xml ? metadata_convert(xml, FALSE, error) : NULL;
}

gboolean
lv_kept_set(gpointer data, MigtuneDriverKept which, const char *xml,
            GError **error)
{
    LvDomain *domain = data;
    LvMetadata *metadata = metadata_new(domain, which, error);
    gboolean ok = TRUE;

    if (!metadata)
        return FALSE;
    metadata->set = TRUE;
    if (xml) {
        metadata->xml = metadata_convert(xml, TRUE, error);
        ok = metadata->xml != NULL;
    }
    ok = ok && metadata_call(domain, metadata, LV_CALL_METADATA_WRITE, NULL,
                             error);
    metadata_unref(metadata);

    return ok;
}

char *
lv_title(gpointer data, GCancellable *cancellable, GError **error)
{
    LvDomain *domain = data;
    virDomainPtr any = lv_domain_get_any(domain, error);
    LvMetadata *metadata;
    char *title = NULL;

    if (!any)
        return NULL;

    metadata = g_atomic_rc_box_new0(LvMetadata);
    metadata->domain = any;
    metadata->type = VIR_DOMAIN_METADATA_TITLE;
    metadata->flags = VIR_DOMAIN_AFFECT_CURRENT;
    if (metadata_call(domain, metadata, LV_CALL_METADATA_READ, cancellable,
                      error))
        title = g_strdup(metadata->xml);
    metadata_unref(metadata);

    return title;
}
