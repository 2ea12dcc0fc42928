/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Settings that are kept with a domain: one element in its <metadata>, under a
 * namespace of migtune's own.
 *
 * libvirt stores the element with a prefix that it declares itself, and gives
 * it back without any namespace.  So the namespace is taken off on the way in
 * and put on, as the default one, on the way out: outside of this file the
 * element looks as the schema says.
 */
#include "config.h"

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "drivers/libvirt/libvirt-private.h"

/* One question or change; counted. */
typedef struct {
    virDomainPtr domain;
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

static gboolean
metadata_run(gpointer data, GError **error)
{
    LvMetadata *metadata = data;
    char *xml;

    if (metadata->set) {
        if (virDomainSetMetadata(metadata->domain,
                                 VIR_DOMAIN_METADATA_ELEMENT, metadata->xml,
                                 MIGTUNE_DRIVER_KEPT_PREFIX, MIGTUNE_DRIVER_KEPT_NAMESPACE,
                                 metadata->flags) == 0)
            return TRUE;
        lv_error_take(error, LV_TO_CHANGE, "writing the metadata");
        return FALSE;
    }

    xml = virDomainGetMetadata(metadata->domain, VIR_DOMAIN_METADATA_ELEMENT,
                               MIGTUNE_DRIVER_KEPT_NAMESPACE, metadata->flags);
    if (xml) {
        metadata->xml = g_strdup(xml);
        free(xml);
        return TRUE;
    }
    if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN_METADATA)
        return TRUE;
    lv_error_take(error, LV_TO_ASK, "reading the metadata");

    return FALSE;
}

/* Takes every element of our namespace out of it, or puts those without any
 * into it. */
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

/* Declarations of our namespace that nobody uses any more. */
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
                          "the settings that are to be kept are no XML");
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

static LvMetadata *
metadata_new(const LvDomain *domain, MigtuneDriverKept which)
{
    LvMetadata *metadata = g_atomic_rc_box_new0(LvMetadata);

    metadata->domain = domain->domain;
    virDomainRef(metadata->domain);
    metadata->flags = which == MIGTUNE_DRIVER_KEPT_LIVE
        ? VIR_DOMAIN_AFFECT_LIVE : VIR_DOMAIN_AFFECT_CONFIG;

    return metadata;
}

static gboolean
metadata_call(LvDomain *domain, LvMetadata *metadata, const char *what,
              GError **error)
{
    return lv_call(metadata_run, g_atomic_rc_box_acquire(metadata),
                   metadata_unref, what, domain->conn->command_timeout_ms,
                   NULL, error);
}

char *
lv_kept_get(gpointer data, MigtuneDriverKept which, GError **error)
{
    LvDomain *domain = data;
    LvMetadata *metadata = metadata_new(domain, which);
    char *xml = NULL;

    if (metadata_call(domain, metadata, "read the metadata", error) &&
        metadata->xml)
        xml = metadata_convert(metadata->xml, FALSE, error);
    metadata_unref(metadata);

    return xml;
}

gboolean
lv_kept_set(gpointer data, MigtuneDriverKept which, const char *xml,
            GError **error)
{
    LvDomain *domain = data;
    gboolean ok = TRUE;
    LvMetadata *metadata;

    if (which == MIGTUNE_DRIVER_KEPT_LIVE && !lv_domain_check(domain, error))
        return FALSE;
    metadata = metadata_new(domain, which);
    metadata->set = TRUE;
    if (xml) {
        metadata->xml = metadata_convert(xml, TRUE, error);
        ok = metadata->xml != NULL;
    }
    ok = ok && metadata_call(domain, metadata, "write the metadata", error);
    metadata_unref(metadata);

    return ok;
}
