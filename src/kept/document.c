/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kept settings as a document.
 *
 * A change is made in the tree that was read, so that elements of newer
 * versions are preserved. The schema is built in, so that reading does not
 * depend on an installed file. Its error messages are of little help, so the
 * same rules are checked here, with a line and a message for each finding; only
 * a document that these checks accept and the schema does not gets the message
 * of the schema.
 *
 * A document loads nothing: no network, no DTD, no entities. It is read as
 * UTF-8, whatever its declaration says.
 */
#include "config.h"

#include <string.h>

#include <libxml/chvalid.h>
#include <libxml/parser.h>
#include <libxml/relaxng.h>
#include <libxml/tree.h>

#include "kept/document.h"
#include "util/i18n.h"

#include "migtune/migtune-driver.h"
#include "migtune/migtune-error.h"

#define KEPT_NAMESPACE ((const xmlChar *)MIGTUNE_DRIVER_KEPT_NAMESPACE)
#define KEPT_PREFIX ((const xmlChar *)MIGTUNE_DRIVER_KEPT_PREFIX)
#define KEPT_NAME_MAX 79

struct _MtKept {
    char *where;
    xmlDoc *doc;
    GPtrArray *entries;  /* MtKeptEntry */
    GPtrArray *findings; /* MtKeptFinding */
    char *policy;
};

static const char kept_schema[] =
#include "kept/settings.rng.h"
    ;

/* libxml2 initializes its tables of types at their first use, without a
 * lock. */
static GMutex document_lock;

static void
entry_free(gpointer data)
{
    MtKeptEntry *entry = data;

    g_free(entry->name);
    g_free(entry->value);
    g_free(entry);
}

static void
finding_free(gpointer data)
{
    MtKeptFinding *finding = data;

    g_free(finding->message);
    g_free(finding);
}

static MtKept *
kept_alloc(xmlDoc *doc, const char *where)
{
    MtKept *kept = g_new0(MtKept, 1);

    kept->doc = doc;
    kept->where = g_strdup(where);
    kept->entries = g_ptr_array_new_with_free_func(entry_free);
    kept->findings = g_ptr_array_new_with_free_func(finding_free);
    return kept;
}

void
mt_kept_free(MtKept *kept)
{
    if (!kept)
        return;

    xmlFreeDoc(kept->doc);
    g_ptr_array_unref(kept->entries);
    g_ptr_array_unref(kept->findings);
    g_free(kept->policy);
    g_free(kept->where);
    g_free(kept);
}

MtKept *
mt_kept_new(void)
{
    xmlDoc *doc = xmlNewDoc((const xmlChar *)"1.0");
    xmlNode *root = xmlNewNode(NULL, (const xmlChar *)"settings");

    xmlSetNs(root, xmlNewNs(root, KEPT_NAMESPACE, KEPT_PREFIX));
    xmlDocSetRootElement(doc, root);
    return kept_alloc(doc, "");
}

static void G_GNUC_PRINTF(3, 4)
    kept_find_fault(MtKept *kept, guint line, const char *format, ...)
{
    MtKeptFinding *finding = g_new0(MtKeptFinding, 1);
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    /* Messages of libxml2 contain text of the document. */
    finding->message = g_utf8_make_valid(text, -1);
    finding->line = line;
    g_ptr_array_add(kept->findings, finding);
}

static gboolean
kept_is_ours(const xmlNode *node, const char *name)
{
    return node && node->type == XML_ELEMENT_NODE && node->ns &&
           xmlStrEqual(node->ns->href, KEPT_NAMESPACE) &&
           strcmp((const char *)node->name, name) == 0;
}

/* Returns an attribute without a namespace; NULL if there is none. */
static char *
kept_get_attribute(xmlNode *node, const char *name)
{
    xmlChar *raw = xmlGetNoNsProp(node, (const xmlChar *)name);
    char *text = g_strdup((const char *)raw);

    xmlFree(raw);
    return text;
}

static gboolean
kept_is_name(const char *name)
{
    for (const char *p = name; *p; p++) {
        if (!g_ascii_isgraph(*p))
            return FALSE;
    }

    return *name && strlen(name) <= KEPT_NAME_MAX;
}

/* Text other than white space is an error in @parent. */
static void
kept_scan_text(MtKept *kept, const xmlNode *node, const char *parent)
{
    g_autofree char *text = NULL;
    guint line = 0;

    if ((node->type != XML_TEXT_NODE && node->type != XML_CDATA_SECTION_NODE) ||
        xmlIsBlankNode(node))
        return;

    text = g_strstrip(g_strdup((const char *)node->content));
    /* libxml2 stores the line in which a text ends. */
    for (const char *at = strstr((const char *)node->content, text); *at; at++)
        line += *at == '\n';
    line = MAX(xmlGetLineNo(node) - line, 1);
    if (g_utf8_strlen(text, -1) > 40)
        *g_utf8_offset_to_pointer(text, 40) = '\0';
    kept_find_fault(kept, line,
                    _("text in <%s>, where elements are expected: '%s'"),
                    parent, text);
}

static void
kept_scan_parameter(MtKept *kept, xmlNode *node)
{
    g_autofree char *name = kept_get_attribute(node, "name");
    g_autofree char *value = kept_get_attribute(node, "value");
    guint line = xmlGetLineNo(node);
    guint n_before = kept->findings->len;
    MtKeptEntry *entry;

    if (!name)
        kept_find_fault(kept, line, _("<parameter> without a name"));
    else if (!kept_is_name(name))
        kept_find_fault(kept, line,
                        _("'%s' is not a parameter name; a name has 1 to %d "
                          "ASCII letters and no spaces"),
                        name, KEPT_NAME_MAX);
    else if (!value)
        kept_find_fault(kept, line, _("<parameter name='%s'> without a value"),
                        name);
    else if (mt_kept_find(kept, name))
        kept_find_fault(kept, line, _("%s occurs twice, first in line %u"),
                        name, mt_kept_find(kept, name)->line);
    for (const xmlNode *at = node->children; at; at = at->next) {
        kept_scan_text(kept, at, "parameter");
        if (kept_is_ours(at, "parameter") || kept_is_ours(at, "settings"))
            kept_find_fault(kept, xmlGetLineNo(at),
                            _("<%s> within <parameter>"), at->name);
    }
    if (kept->findings->len > n_before)
        return;

    entry = g_new0(MtKeptEntry, 1);
    entry->name = g_steal_pointer(&name);
    entry->value = g_steal_pointer(&value);
    entry->line = line;
    g_ptr_array_add(kept->entries, entry);
}

/* Collects the settings and the findings. */
static void
kept_scan(MtKept *kept)
{
    static const char *const policies[] = { "strict", "substitute",
                                            "best-effort", NULL };
    xmlNode *root = xmlDocGetRootElement(kept->doc);

    g_ptr_array_set_size(kept->entries, 0);
    g_ptr_array_set_size(kept->findings, 0);
    g_free(kept->policy);
    kept->policy = kept_get_attribute(root, "policy");
    if (kept->policy && !g_strv_contains(policies, kept->policy)) {
        kept_find_fault(kept, xmlGetLineNo(root),
                        _("unknown policy '%s'; accepted: %s"), kept->policy,
                        "strict, substitute, best-effort");
        g_clear_pointer(&kept->policy, g_free);
    }
    for (xmlNode *node = root->children; node; node = node->next) {
        kept_scan_text(kept, node, "settings");
        if (kept_is_ours(node, "parameter"))
            kept_scan_parameter(kept, node);
        else if (kept_is_ours(node, "settings"))
            kept_find_fault(kept, xmlGetLineNo(node),
                            _("<%s> within <settings>"), node->name);
    }
}

static void
kept_take_schema_error(void *data, xmlErrorPtr error)
{
    MtKept *kept = data;
    g_autofree char *message = g_strdup(error->message ? error->message : "");

    /* Later findings follow from the first one. */
    if (kept->findings->len == 0)
        kept_find_fault(kept, MAX(error->line, 1), "%s", g_strchomp(message));
}

/* Compares with the schema if there are no other findings. */
static void
kept_validate(MtKept *kept)
{
    xmlRelaxNGParserCtxt *parser;
    xmlRelaxNGValidCtxt *valid;
    xmlRelaxNG *schema;

    g_mutex_lock(&document_lock);
    parser = xmlRelaxNGNewMemParserCtxt(kept_schema, strlen(kept_schema));
    schema = xmlRelaxNGParse(parser);
    g_assert(schema != NULL);
    valid = xmlRelaxNGNewValidCtxt(schema);
    xmlRelaxNGSetValidStructuredErrors(valid, kept_take_schema_error, kept);
    if (xmlRelaxNGValidateDoc(valid, kept->doc) != 0 &&
        kept->findings->len == 0)
        kept_find_fault(kept, 1, _("it does not match the schema"));
    xmlRelaxNGFreeValidCtxt(valid);
    xmlRelaxNGFree(schema);
    xmlRelaxNGFreeParserCtxt(parser);
    g_mutex_unlock(&document_lock);
}

static void G_GNUC_PRINTF(4, 5) kept_refuse(GError **error, const char *where,
                                            guint line, const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autofree char *valid = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    valid = g_utf8_make_valid(text, -1);
    migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE, _("%s, line %u: %s"),
                      where, line, valid);
}

/* A document type could refer to entities and to other files. */
static void
kept_refuse_doctype(void *data, const xmlChar *name, const xmlChar *public_id,
                    const xmlChar *system_id)
{
    xmlParserCtxt *parser = data;

    *(guint *)parser->_private = xmlSAX2GetLineNumber(parser);
    xmlStopParser(parser);
}

static xmlDoc *
kept_read(const char *text, gsize length, const char *where, GError **error)
{
    guint doctype_line = 0;
    xmlParserCtxt *parser;
    xmlDoc *doc;

    g_mutex_lock(&document_lock);
    xmlInitParser();
    g_mutex_unlock(&document_lock);

    parser = xmlNewParserCtxt();
    parser->_private = &doctype_line;
    parser->sax->internalSubset = kept_refuse_doctype;
    doc = xmlCtxtReadMemory(parser, text, length, NULL, "UTF-8",
                            XML_PARSE_NONET | XML_PARSE_NOERROR |
                                XML_PARSE_NOWARNING);
    if (doctype_line) {
        kept_refuse(error, where, doctype_line,
                    _("a document type is not accepted"));
        g_clear_pointer(&doc, xmlFreeDoc);
    } else if (!doc) {
        const xmlError *cause = xmlCtxtGetLastError(parser);
        g_autofree char *message = g_strdup(
            cause && cause->message ? cause->message : _("the document is empty"));

        kept_refuse(error, where, cause ? MAX(cause->line, 1) : 1,
                    _("this is not XML: %s"), g_strchomp(message));
    }
    xmlFreeParserCtxt(parser);

    return doc;
}

MtKept *
mt_kept_parse(const char *text, gsize length, const char *where, GError **error)
{
    g_autoptr(MtKept) kept = NULL;
    const char *end;
    xmlNode *root;
    xmlDoc *doc;

    if (length > MT_KEPT_MAX_BYTES) {
        kept_refuse(error, where, 1,
                    _("%zu bytes; the maximum is %d"), length,
                    MT_KEPT_MAX_BYTES);
        return NULL;
    }
    if (!g_utf8_validate(text, length, &end)) {
        guint line = 1;

        for (const char *at = text; at < end; at++)
            line += *at == '\n';
        kept_refuse(error, where, line, _("this is not UTF-8"));
        return NULL;
    }
    doc = kept_read(text, length, where, error);
    if (!doc)
        return NULL;

    kept = kept_alloc(doc, where);
    root = xmlDocGetRootElement(doc);
    if (!kept_is_ours(root, "settings")) {
        kept_refuse(error, where, root ? xmlGetLineNo(root) : 1,
                    _("this is <%s> of the namespace '%s'; expected: "
                      "<settings> of '%s'"),
                    root ? (const char *)root->name : "",
                    root && root->ns && root->ns->href
                        ? (const char *)root->ns->href
                        : "",
                    MIGTUNE_DRIVER_KEPT_NAMESPACE);
        return NULL;
    }
    kept_scan(kept);
    if (kept->findings->len == 0)
        kept_validate(kept);

    return g_steal_pointer(&kept);
}

const GPtrArray *
mt_kept_findings(const MtKept *kept)
{
    return kept->findings;
}

gboolean
mt_kept_check(const MtKept *kept, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (kept->findings->len == 0)
        return TRUE;

    for (guint i = 0; i < kept->findings->len; i++) {
        const MtKeptFinding *finding = g_ptr_array_index(kept->findings, i);

        g_string_append_printf(text, i ? _("; line %u: %s") : _("line %u: %s"),
                               finding->line, finding->message);
    }
    migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE, _("%s, %s"),
                      kept->where, text->str);
    return FALSE;
}

const char *
mt_kept_where(const MtKept *kept)
{
    return kept->where;
}

guint
mt_kept_size(const MtKept *kept)
{
    return kept->entries->len;
}

const MtKeptEntry *
mt_kept_nth(const MtKept *kept, guint nth)
{
    return g_ptr_array_index(kept->entries, nth);
}

const MtKeptEntry *
mt_kept_find(const MtKept *kept, const char *name)
{
    for (guint i = 0; i < kept->entries->len; i++) {
        const MtKeptEntry *entry = g_ptr_array_index(kept->entries, i);

        if (strcmp(entry->name, name) == 0)
            return entry;
    }

    return NULL;
}

const char *
mt_kept_policy(const MtKept *kept)
{
    return kept->policy;
}

/* Returns the element of a setting; NULL if there is none. */
static xmlNode *
kept_find_node(const MtKept *kept, const char *name)
{
    xmlNode *root = xmlDocGetRootElement(kept->doc);

    for (xmlNode *node = root->children; node; node = node->next) {
        g_autofree char *found = kept_is_ours(node, "parameter")
                                     ? kept_get_attribute(node, "name")
                                     : NULL;

        if (g_strcmp0(found, name) == 0)
            return node;
    }

    return NULL;
}

/* Appends an element on a line of its own. */
static xmlNode *
kept_add_node(const MtKept *kept)
{
    xmlNode *root = xmlDocGetRootElement(kept->doc);
    xmlNode *node = xmlNewNode(root->ns, (const xmlChar *)"parameter");
    xmlNode *last = root->last;

    if (last && last->type == XML_TEXT_NODE && xmlIsBlankNode(last)) {
        xmlNodeSetContent(last, (const xmlChar *)"\n  ");
    } else {
        xmlAddChild(root, xmlNewText((const xmlChar *)"\n  "));
    }
    xmlAddChild(root, node);
    xmlAddChild(root, xmlNewText((const xmlChar *)"\n"));
    return node;
}

/* Returns whether every character of @text is allowed in XML. */
static gboolean
kept_is_text(const char *text)
{
    if (!g_utf8_validate(text, -1, NULL))
        return FALSE;

    for (const char *p = text; *p; p = g_utf8_next_char(p)) {
        if (!xmlIsCharQ(g_utf8_get_char(p)))
            return FALSE;
    }

    return TRUE;
}

void
mt_kept_set_policy(MtKept *kept, const char *policy)
{
    xmlNode *root = xmlDocGetRootElement(kept->doc);

    if (policy)
        xmlSetProp(root, (const xmlChar *)"policy", (const xmlChar *)policy);
    else
        xmlUnsetProp(root, (const xmlChar *)"policy");
    kept_scan(kept);
}

gboolean
mt_kept_put(MtKept *kept, const char *name, const char *value, GError **error)
{
    xmlNode *node = kept_find_node(kept, name);

    if (!kept_is_name(name) || !kept_is_text(value)) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE,
                          _("%s: a value with control characters or invalid "
                            "UTF-8 cannot be kept"),
                          name);
        if (error)
            migtune_error_set_field(*error, MIGTUNE_ERROR_FIELD_PARAMETER,
                                    name);
        return FALSE;
    }

    if (!node) {
        node = kept_add_node(kept);
        xmlSetProp(node, (const xmlChar *)"name", (const xmlChar *)name);
    }
    xmlSetProp(node, (const xmlChar *)"value", (const xmlChar *)value);
    kept_scan(kept);
    return TRUE;
}

gboolean
mt_kept_remove(MtKept *kept, const char *name)
{
    xmlNode *node = kept_find_node(kept, name);
    xmlNode *before = node ? node->prev : NULL;

    if (!node)
        return FALSE;

    /* Removes the line of the element, too. */
    if (before && before->type == XML_TEXT_NODE && xmlIsBlankNode(before)) {
        xmlUnlinkNode(before);
        xmlFreeNode(before);
    }
    xmlUnlinkNode(node);
    xmlFreeNode(node);
    kept_scan(kept);
    return TRUE;
}

gboolean
mt_kept_is_empty(const MtKept *kept)
{
    const xmlNode *root = xmlDocGetRootElement(kept->doc);

    for (const xmlNode *node = kept->doc->children; node; node = node->next) {
        if (node != root)
            return FALSE;
    }
    for (const xmlNode *node = root->children; node; node = node->next) {
        if (!xmlIsBlankNode(node))
            return FALSE;
    }
    for (const xmlAttr *at = root->properties; at; at = at->next) {
        if (strcmp((const char *)at->name, "policy") != 0)
            return FALSE;
    }

    return TRUE;
}

char *
mt_kept_to_file(const MtKept *kept)
{
    xmlChar *raw = NULL;
    char *text;
    int size;

    xmlDocDumpMemoryEnc(kept->doc, &raw, &size, "UTF-8");
    text = g_strdup((const char *)raw);
    xmlFree(raw);
    return text;
}

char *
mt_kept_to_element(const MtKept *kept)
{
    xmlBuffer *buffer = xmlBufferCreate();
    char *text;

    xmlNodeDump(buffer, kept->doc, xmlDocGetRootElement(kept->doc), 0, 0);
    text = g_strdup((const char *)xmlBufferContent(buffer));
    xmlBufferFree(buffer);
    return text;
}
