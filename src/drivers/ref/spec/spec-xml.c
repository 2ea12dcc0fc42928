/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests from an XML file, see migtune-ref(5).
 *
 * The text is parsed without entities, without network access and within the
 * parser's limits.  The reader visits the elements that it knows and checks
 * the values; the built-in RELAX NG schema then finds elements at wrong
 * places.  The first problem becomes the error, with file and line.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/relaxng.h>

#include "drivers/ref/schema-text.h"
#include "drivers/ref/spec/spec.h"
#include "migtune/migtune-error.h"
#include "util/i18n.h"
#include "util/io.h"

#define XML_MAX_BYTES (4 * 1024 * 1024)

/* A file that is being read, and the first problem found. */
typedef struct {
    const char *path;
    int line;
    char *what;
} XmlReader;

G_GNUC_PRINTF(3, 4)
static gboolean
xml_error(XmlReader *reader, int line, const char *format, ...)
{
    va_list args;

    if (reader->what)
        return FALSE;

    va_start(args, format);
    reader->what = g_strdup_vprintf(format, args);
    va_end(args);
    reader->line = line;

    return FALSE;
}

/* Only the first error matters; later ones follow from it. */
static void
xml_structured_error(gpointer data, xmlErrorPtr found)
{
    XmlReader *reader = data;
    g_autofree char *text = g_strdup(found->message ? found->message : "");
    int line = found->line;

    if (found->level < XML_ERR_ERROR)
        return;
    if (found->node)
        line = xmlGetLineNo(found->node);
    xml_error(reader, 0, _("the schema does not allow this: %s"),
              g_strchomp(text));
    /* The first error often has no line number. */
    if (reader->line <= 0)
        reader->line = line;
}

/* A DOCTYPE could define entities, which the file does not need. */
static void
xml_refuse_doctype(gpointer context, const xmlChar *name,
                   const xmlChar *external_id, const xmlChar *system_id)
{
    xmlParserCtxtPtr parser = context;

    xml_error(parser->_private, xmlSAX2GetLineNumber(parser),
              _("DOCTYPE and entities are not accepted"));
    xmlStopParser(parser);
}

static void
xml_take_parser_error(XmlReader *reader, xmlParserCtxtPtr parser)
{
    const xmlError *last = xmlCtxtGetLastError(parser);
    g_autofree char *text = g_strdup(last && last->message ? last->message
                                     : _("unknown error"));

    xml_error(reader, last ? last->line : 0, _("not valid XML: %s"),
              g_strchomp(text));
}

static xmlDocPtr
xml_parse(XmlReader *reader, const char *text, gsize length)
{
    xmlParserCtxtPtr parser = xmlNewParserCtxt();
    xmlDocPtr doc;

    parser->_private = reader;
    parser->sax->internalSubset = xml_refuse_doctype;
    doc = xmlCtxtReadMemory(parser, text, length, reader->path, NULL,
                            XML_PARSE_NONET | XML_PARSE_NOERROR |
                            XML_PARSE_NOWARNING | XML_PARSE_NOCDATA |
                            XML_PARSE_BIG_LINES);
    if (!doc || !parser->wellFormed || reader->what) {
        xml_take_parser_error(reader, parser);
        xmlFreeDoc(doc);
        doc = NULL;
    }
    xmlFreeParserCtxt(parser);

    return doc;
}

static gboolean
xml_validate(XmlReader *reader, xmlDocPtr doc)
{
    xmlRelaxNGParserCtxtPtr parser =
        xmlRelaxNGNewMemParserCtxt(schema_text, strlen(schema_text));
    xmlRelaxNGValidCtxtPtr context = NULL;
    xmlRelaxNGPtr schema;

    xmlRelaxNGSetParserStructuredErrors(parser, xml_structured_error, reader);
    schema = xmlRelaxNGParse(parser);
    if (schema) {
        context = xmlRelaxNGNewValidCtxt(schema);
        xmlRelaxNGSetValidStructuredErrors(context, xml_structured_error,
                                           reader);
        if (xmlRelaxNGValidateDoc(context, doc) != 0)
            xml_error(reader, 0, _("the schema in migtune-ref(5) does not "
                                   "allow this"));
        xmlRelaxNGFreeValidCtxt(context);
    }
    xmlRelaxNGFree(schema);
    xmlRelaxNGFreeParserCtxt(parser);

    return reader->what == NULL;
}

/*
 * The places of the fields of a guest: an attribute of an element, or the text
 * of the element if @attribute is NULL.
 */
static const struct {
    const char *element;
    const char *attribute;
    const char *field;
} xml_fields[] = {
    { "guest", "name", "name" },
    { "uuid", NULL, "uuid" },
    { "machine", NULL, "machine" },
    { "state", NULL, "state" },
    { "qemu", "release", "release" },
    { "qemu", "build", "build" },
    { "qemu", "deprecated-input", "deprecated-input" },
    { "qemu", "deprecated-output", "deprecated-output" },
    { "qemu", "unstable-input", "unstable-input" },
    { "qemu", "unstable-output", "unstable-output" },
    { "ram", "file", "ram-file" },
    { "ram", "content", "content" },
    { "ram", "seed", "seed" },
    { "workload", "kind", "workload" },
    { "workload", "content", "workload-content" },
    { "workload", "seed", "workload-seed" },
    { "workload", "threads", "workload-threads" },
    { "workload", "first-page", "workload-first-page" },
    { "workload", "pages", "workload-pages" },
    { "workload", "rate", "workload-rate" },
    { "link", "bandwidth", "bandwidth" },
    { "link", "latency", "latency" },
};

/* Attributes that have a reader of their own. */
static const struct {
    const char *element;
    const char *attribute;
} xml_attributes[] = {
    { "ram", "size" },
    { "ram", "unit" },
    { "row", "name" },
    { "row", "state" },
    { "fault", "kind" },
    { "fault", "at" },
    { "fault", "ms" },
    { "fault", "command" },
    { "fault", "channel" },
};

static gboolean
xml_is(xmlNodePtr node, const char *name)
{
    return node->type == XML_ELEMENT_NODE &&
        strcmp((const char *)node->name, name) == 0;
}

/* Whether @name is an attribute of @node; @all receives the accepted ones. */
static gboolean
xml_knows_attribute(xmlNodePtr node, const char *name, GString *all)
{
    gboolean found = FALSE;

    for (gsize i = 0; i < G_N_ELEMENTS(xml_fields) +
             G_N_ELEMENTS(xml_attributes); i++) {
        gsize j = i - G_N_ELEMENTS(xml_fields);
        gboolean field = i < G_N_ELEMENTS(xml_fields);
        const char *element = field ? xml_fields[i].element
            : xml_attributes[j].element;
        const char *attribute = field ? xml_fields[i].attribute
            : xml_attributes[j].attribute;

        if (!attribute || !xml_is(node, element))
            continue;
        g_string_append_printf(all, "%s%s", all->len ? ", " : "", attribute);
        found |= strcmp(attribute, name) == 0;
    }

    return found;
}

/* The schema checks this as well, but its message is of no help. */
static gboolean
xml_check_attributes(XmlReader *reader, xmlNodePtr node)
{
    for (xmlAttrPtr a = node->properties; a; a = a->next) {
        const char *name = (const char *)a->name;
        g_autoptr(GString) all = g_string_new(NULL);

        if (!xml_knows_attribute(node, name, all))
            return xml_error(reader, xmlGetLineNo(node),
                             _("%s: unknown attribute '%s'; accepted: %s"),
                             (const char *)node->name, name,
                             all->len ? all->str : _("none"));
    }

    return TRUE;
}

/* A copy; NULL if the attribute is absent. */
static char *
xml_attribute(xmlNodePtr node, const char *name)
{
    xmlChar *text = xmlGetNoNsProp(node, (const xmlChar *)name);
    char *copy = text ? g_strdup((const char *)text) : NULL;

    xmlFree(text);
    return copy;
}

static char *
xml_text(xmlNodePtr node)
{
    xmlChar *text = xmlNodeGetContent(node);
    char *copy = g_strdup(text ? (const char *)text : "");

    xmlFree(text);
    return g_strstrip(copy);
}

/* Reports an error about @node.  Frees @error. */
static gboolean
xml_take_error(XmlReader *reader, xmlNodePtr node, GError *error)
{
    xml_error(reader, xmlGetLineNo(node), "%s", error->message);
    g_error_free(error);

    return FALSE;
}

static gboolean
xml_read_fields(XmlReader *reader, xmlNodePtr node, MtRefGuestSpec *spec)
{
    for (gsize i = 0; i < G_N_ELEMENTS(xml_fields); i++) {
        const char *attribute = xml_fields[i].attribute;
        g_autofree char *text = NULL;
        GError *error = NULL;

        if (!xml_is(node, xml_fields[i].element))
            continue;
        text = attribute ? xml_attribute(node, attribute) : xml_text(node);
        if (text && !mt_ref_guest_spec_set(spec, xml_fields[i].field, text,
                                           &error))
            return xml_take_error(reader, node, error);
    }

    return TRUE;
}

/* "256MiB", or a number with its unit beside it. */
static gboolean
xml_read_ram(XmlReader *reader, xmlNodePtr node, MtRefGuestSpec *spec)
{
    g_autofree char *size = xml_attribute(node, "size");
    g_autofree char *unit = xml_attribute(node, "unit");
    g_autofree char *text = NULL;
    GError *error = NULL;

    if (!size)
        return !unit || xml_error(reader, xmlGetLineNo(node),
                                  _("ram: 'unit' requires 'size'"));

    text = g_strconcat(size, unit, NULL);
    if (!mt_ref_guest_spec_set(spec, "ram", text, &error))
        return xml_take_error(reader, node, error);

    return TRUE;
}

/* A relative path is relative to the XML file. */
static void
xml_resolve_ram_file(const XmlReader *reader, MtRefGuestSpec *spec)
{
    g_autofree char *directory = NULL;
    char *path;

    if (!spec->ram_file || g_path_is_absolute(spec->ram_file))
        return;

    directory = g_path_get_dirname(reader->path);
    path = g_build_filename(directory, spec->ram_file, NULL);
    g_free(spec->ram_file);
    spec->ram_file = path;
}

static gboolean
xml_read_rows(XmlReader *reader, xmlNodePtr qemu, MtRefGuestSpec *spec)
{
    for (xmlNodePtr node = qemu->children; node; node = node->next) {
        g_autofree char *name = NULL;
        g_autofree char *state = NULL;
        g_autofree char *text = NULL;
        GError *error = NULL;

        if (!xml_is(node, "row"))
            continue;
        if (!xml_check_attributes(reader, node))
            return FALSE;
        name = xml_attribute(node, "name");
        state = xml_attribute(node, "state");
        if (!name || !state)
            return xml_error(reader, xmlGetLineNo(node),
                             _("row: 'name' and 'state' are required"));
        text = g_strdup_printf("%s:%s", name, state);
        if (!mt_ref_guest_spec_set(spec, "row", text, &error))
            return xml_take_error(reader, node, error);
    }

    return TRUE;
}

static gboolean
xml_read_fault(XmlReader *reader, xmlNodePtr node, MtRefGuestSpec *spec)
{
    static const char *const members[] = {
        "kind", "command", "at", "ms", "channel",
    };
    MtRefFault fault = { .at = 1, .channel = -1 };
    GError *error = NULL;
    gboolean ok = TRUE;

    for (gsize i = 0; ok && i < G_N_ELEMENTS(members); i++) {
        g_autofree char *text = xml_attribute(node, members[i]);

        ok = !text || mt_ref_fault_set(&fault, members[i], text, &error);
    }
    ok = ok && mt_ref_fault_check(&fault, &error);
    if (ok)
        mt_ref_guest_spec_add_fault(spec, &fault);
    mt_ref_fault_clear(&fault);

    return ok || xml_take_error(reader, node, error);
}

/* Elements that need more than the table of fields. */
static const struct {
    const char *element;
    gboolean (*read)(XmlReader *reader, xmlNodePtr node,
                     MtRefGuestSpec *spec);
} xml_elements[] = {
    { "ram", xml_read_ram },
    { "qemu", xml_read_rows },
    { "fault", xml_read_fault },
};

static gboolean
xml_read_element(XmlReader *reader, xmlNodePtr node, MtRefGuestSpec *spec)
{
    if (!xml_check_attributes(reader, node) ||
        !xml_read_fields(reader, node, spec))
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(xml_elements); i++) {
        if (xml_is(node, xml_elements[i].element))
            return xml_elements[i].read(reader, node, spec);
    }

    return TRUE;
}

static gboolean
xml_read_guest(XmlReader *reader, xmlNodePtr guest, MtRefGuestSpec *spec)
{
    GError *error = NULL;

    spec->line = xmlGetLineNo(guest);
    if (!xml_read_element(reader, guest, spec))
        return FALSE;
    for (xmlNodePtr node = guest->children; node; node = node->next) {
        if (node->type == XML_ELEMENT_NODE &&
            !xml_read_element(reader, node, spec))
            return FALSE;
    }
    xml_resolve_ram_file(reader, spec);
    if (!mt_ref_guest_spec_check(spec, &error))
        return xml_take_error(reader, guest, error);

    return TRUE;
}

/* Two guests must not have the same name.  They may have the same UUID if one
 * of them is the destination of the other. */
static gboolean
xml_is_unique(XmlReader *reader, const GPtrArray *specs,
             const MtRefGuestSpec *spec)
{
    for (guint i = 0; i < specs->len; i++) {
        const MtRefGuestSpec *other = g_ptr_array_index(specs, i);

        if (strcmp(other->name, spec->name) == 0)
            return xml_error(reader, spec->line,
                             _("the guest in line %d has the name '%s', too"),
                             other->line, spec->name);
        if (spec->uuid && other->uuid && spec->incoming == other->incoming &&
            g_ascii_strcasecmp(other->uuid, spec->uuid) == 0)
            return xml_error(reader, spec->line,
                             _("the guest '%s' in line %d has the UUID %s, "
                               "too; only a guest and its destination may "
                               "have the same UUID"), other->name,
                             other->line, spec->uuid);
    }

    return TRUE;
}

static gboolean
xml_read_guests(XmlReader *reader, xmlDocPtr doc, GPtrArray *specs)
{
    xmlNodePtr root = xmlDocGetRootElement(doc);

    if (!root || !xml_is(root, "guests"))
        return xml_error(reader, root ? xmlGetLineNo(root) : 0,
                         _("the root element is not <guests>"));

    for (xmlNodePtr node = root->children; node; node = node->next) {
        MtRefGuestSpec *spec;

        if (!xml_is(node, "guest"))
            continue;
        spec = mt_ref_guest_spec_new(NULL, MT_RELEASE_NONE);
        if (!xml_read_guest(reader, node, spec) ||
            !xml_is_unique(reader, specs, spec)) {
            mt_ref_guest_spec_free(spec);
            return FALSE;
        }
        g_ptr_array_add(specs, spec);
    }

    return TRUE;
}

/* The content of a file of at most XML_MAX_BYTES. */
static char *
xml_read_file(const char *path, gsize *ret_length, GError **error)
{
    g_autoptr(MtIo) io = NULL;
    g_autofree char *text = NULL;
    struct stat st;

    if (stat(path, &st) != 0) {
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          _("cannot open '%s': %s"), path, g_strerror(errno));
        return NULL;
    }
    if (!S_ISREG(st.st_mode) || st.st_size > XML_MAX_BYTES) {
        migtune_error_set(error, MIGTUNE_ERROR_IO, S_ISREG(st.st_mode)
                          ? _("'%s' is larger than 4 MiB")
                          : _("'%s' is not a regular file; expected a file "
                              "that describes guests, see migtune-ref(5)"),
                          path);
        return NULL;
    }
    io = mt_io_open_file(path, MT_IO_FILE_READ, FALSE, error);
    if (!io)
        return NULL;
    text = g_malloc(st.st_size + 1);
    if (!mt_io_pread(io, text, st.st_size, 0, error))
        return NULL;

    *ret_length = st.st_size;
    return g_steal_pointer(&text);
}

GPtrArray *
mt_ref_specs_load(const char *path, GError **error)
{
    g_autoptr(GPtrArray) specs = g_ptr_array_new_with_free_func(
        (GDestroyNotify)mt_ref_guest_spec_free);
    XmlReader reader = { .path = path };
    g_autofree char *text = NULL;
    gsize length;
    xmlDocPtr doc;

    text = xml_read_file(path, &length, error);
    if (!text)
        return NULL;

    doc = xml_parse(&reader, text, length);
    if (doc && xml_read_guests(&reader, doc, specs))
        xml_validate(&reader, doc);
    xmlFreeDoc(doc);
    if (reader.what) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_VALUE, "%s:%d: %s",
                          path, reader.line, reader.what);
        g_free(reader.what);
        return NULL;
    }

    return g_steal_pointer(&specs);
}
