/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * YAML and JSON documents with line numbers: see doc.h.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "converge/doc.h"
#include "util/i18n.h"
#include "util/json.h"

#define DOC_MAX_DEPTH 64
#define DOC_MAX_NODES 200000

typedef struct {
    yaml_parser_t parser;
    const char *file;
    MtFindings *findings;
    guint n_nodes;
} DocParser;

void
mt_doc_free(MtDoc *doc)
{
    if (!doc)
        return;

    g_free(doc->text);
    g_clear_pointer(&doc->keys, g_ptr_array_unref);
    g_clear_pointer(&doc->items, g_ptr_array_unref);
    g_free(doc);
}

static void
doc_free_item(gpointer data)
{
    mt_doc_free(data);
}

/* Raises an error with libyaml's description of the problem. */
static void
doc_syntax(DocParser *self)
{
    const yaml_parser_t *parser = &self->parser;

    mt_findings_add(self->findings, MT_FINDING_ERROR, "syntax", self->file,
                    parser->problem_mark.line + 1,
                    _("the text is not valid YAML: %s"),
                    parser->problem ? parser->problem : "?");
}

static gboolean
doc_next(DocParser *self, yaml_event_t *event)
{
    if (yaml_parser_parse(&self->parser, event))
        return TRUE;

    doc_syntax(self);
    return FALSE;
}

static MtDoc *doc_node(DocParser *self, yaml_event_t *event, guint depth);

/* The key of a map entry; takes @event. */
static char *
doc_key(DocParser *self, yaml_event_t *event, const MtDoc *map)
{
    guint line = event->start_mark.line + 1;
    g_autofree char *key = NULL;

    if (event->type != YAML_SCALAR_EVENT) {
        mt_findings_add(self->findings, MT_FINDING_ERROR, "key-type",
                        self->file, line, _("a key must be a text"));
        yaml_event_delete(event);
        return NULL;
    }
    key = g_strdup((const char *)event->data.scalar.value);
    yaml_event_delete(event);
    if (mt_doc_get(map, key)) {
        mt_findings_add(self->findings, MT_FINDING_ERROR, "key-twice",
                        self->file, line, _("the key '%s' is given twice"),
                        key);
        return NULL;
    }

    return g_steal_pointer(&key);
}

/* Reads the entries of @doc, a list or a map, up to its end. */
static gboolean
doc_fill(DocParser *self, MtDoc *doc, guint depth)
{
    yaml_event_type_t end = doc->kind == MT_DOC_MAP ?
        YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;

    for (;;) {
        g_autofree char *key = NULL;
        yaml_event_t event;
        MtDoc *item;

        if (!doc_next(self, &event))
            return FALSE;
        if (event.type == end) {
            yaml_event_delete(&event);
            return TRUE;
        }
        if (doc->kind == MT_DOC_MAP) {
            key = doc_key(self, &event, doc);
            if (!key || !doc_next(self, &event))
                return FALSE;
        }
        item = doc_node(self, &event, depth + 1);
        if (!item)
            return FALSE;
        if (key)
            g_ptr_array_add(doc->keys, g_steal_pointer(&key));
        g_ptr_array_add(doc->items, item);
    }
}

/* Takes @event, the start of the node. */
static MtDoc *
doc_node(DocParser *self, yaml_event_t *event, guint depth)
{
    g_autoptr(MtDoc) doc = g_new0(MtDoc, 1);
    gboolean anchor = FALSE, ok = TRUE;

    doc->line = event->start_mark.line + 1;
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        doc->kind = MT_DOC_SCALAR;
        doc->text = g_strdup((const char *)event->data.scalar.value);
        doc->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        anchor = event->data.scalar.anchor != NULL;
        break;
    case YAML_SEQUENCE_START_EVENT:
        doc->kind = MT_DOC_LIST;
        doc->items = g_ptr_array_new_with_free_func(doc_free_item);
        anchor = event->data.sequence_start.anchor != NULL;
        break;
    case YAML_MAPPING_START_EVENT:
        doc->kind = MT_DOC_MAP;
        doc->keys = g_ptr_array_new_with_free_func(g_free);
        doc->items = g_ptr_array_new_with_free_func(doc_free_item);
        anchor = event->data.mapping_start.anchor != NULL;
        break;
    default:
        anchor = TRUE;      /* an alias */
        break;
    }
    yaml_event_delete(event);

    if (anchor) {
        mt_findings_add(self->findings, MT_FINDING_ERROR, "alias", self->file,
                        doc->line, _("anchors and aliases of YAML are not "
                                     "supported; write the value out"));
        return NULL;
    }
    if (depth > DOC_MAX_DEPTH || ++self->n_nodes > DOC_MAX_NODES) {
        mt_findings_add(self->findings, MT_FINDING_ERROR, "too-large",
                        self->file, doc->line,
                        _("the document has more than %d levels or more than "
                          "%d values"), DOC_MAX_DEPTH, DOC_MAX_NODES);
        return NULL;
    }
    if (doc->kind != MT_DOC_SCALAR)
        ok = doc_fill(self, doc, depth);
    return ok ? g_steal_pointer(&doc) : NULL;
}

static gboolean
doc_stream(DocParser *self, GPtrArray *docs)
{
    for (;;) {
        yaml_event_t event;
        yaml_event_type_t type;
        MtDoc *doc;

        if (!doc_next(self, &event))
            return FALSE;
        type = event.type;
        if (type == YAML_STREAM_START_EVENT ||
            type == YAML_DOCUMENT_START_EVENT ||
            type == YAML_DOCUMENT_END_EVENT ||
            type == YAML_STREAM_END_EVENT) {
            yaml_event_delete(&event);
            if (type == YAML_STREAM_END_EVENT)
                return TRUE;
            continue;
        }
        doc = doc_node(self, &event, 0);
        if (!doc)
            return FALSE;
        g_ptr_array_add(docs, doc);
    }
}

GPtrArray *
mt_doc_parse(const char *text, gsize length, const char *file,
             MtFindings *findings)
{
    g_autoptr(GPtrArray) docs =
        g_ptr_array_new_with_free_func(doc_free_item);
    DocParser self = { .file = file, .findings = findings };
    gboolean ok;

    if (length > MT_DOC_MAX_BYTES) {
        mt_findings_add(findings, MT_FINDING_ERROR, "too-large", file, 0,
                        _("the file has %zu bytes; expected at "
                          "most %d"), length, MT_DOC_MAX_BYTES);
        return NULL;
    }
    if (memchr(text, '\0', length) || !g_utf8_validate(text, length, NULL)) {
        mt_findings_add(findings, MT_FINDING_ERROR, "syntax", file, 0,
                        _("the file is not a text in UTF-8"));
        return NULL;
    }
    if (!yaml_parser_initialize(&self.parser))
        g_error("out of memory");
    yaml_parser_set_encoding(&self.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&self.parser, (const unsigned char *)text,
                                 length);
    ok = doc_stream(&self, docs);
    yaml_parser_delete(&self.parser);
    return ok ? g_steal_pointer(&docs) : NULL;
}

MtDoc *
mt_doc_parse_json(const char *text, gsize length, const char *file,
                  MtFindings *findings)
{
    const MtJsonLimits limits = {
        .max_bytes = MT_DOC_MAX_BYTES, .max_values = DOC_MAX_NODES,
    };
    g_autoptr(GError) cause = NULL;
    g_autoptr(JsonNode) strict =
        mt_json_parse_within(text, length, &limits, &cause);
    g_autoptr(GPtrArray) docs = NULL;

    if (!strict) {
        mt_findings_add(findings, MT_FINDING_ERROR, "syntax", file, 0,
                        _("the text is not valid JSON: %s"), cause->message);
        return NULL;
    }
    docs = mt_doc_parse(text, length, file, findings);
    if (!docs || docs->len != 1)
        return NULL;
    return g_ptr_array_steal_index(docs, 0);
}

const MtDoc *
mt_doc_get(const MtDoc *doc, const char *key)
{
    if (!doc || doc->kind != MT_DOC_MAP)
        return NULL;

    for (guint i = 0; i < doc->items->len; i++) {
        if (g_str_equal(g_ptr_array_index(doc->keys, i), key))
            return g_ptr_array_index(doc->items, i);
    }

    return NULL;
}

static const char *
doc_describe(const MtDoc *doc)
{
    switch (doc->kind) {
    case MT_DOC_LIST:
        return _("a list");
    case MT_DOC_MAP:
        return _("a group of members");
    default:
        return doc->text;
    }
}

gboolean
mt_doc_expect(const MtDocReader *reader, const MtDoc *doc, MtDocKind kind,
              const char *what)
{
    static const char *const kinds[] = {
        [MT_DOC_SCALAR] = N_("a value"),
        [MT_DOC_LIST] = N_("a list"),
        [MT_DOC_MAP] = N_("a group of members"),
    };

    if (doc->kind == kind)
        return TRUE;

    mt_findings_add(reader->findings, MT_FINDING_ERROR, "wrong-type",
                    reader->file, doc->line, _("'%s' must be %s"), what,
                    _(kinds[kind]));
    return FALSE;
}

gboolean
mt_doc_get_int(const MtDocReader *reader, const MtDoc *doc, const char *name,
               gint64 min, gint64 max, gint64 *ret)
{
    char *end = NULL;
    gint64 value = 0;

    errno = 0;
    if (doc->kind == MT_DOC_SCALAR && *doc->text)
        value = g_ascii_strtoll(doc->text, &end, 10);
    if (!end || *end || errno || value < min || value > max) {
        mt_findings_add(reader->findings, MT_FINDING_ERROR, "wrong-type",
                        reader->file, doc->line,
                        _("'%s' must be a whole number from %" PRId64
                          " to %" PRId64 ", not '%s'"), name, min,
                        max, doc_describe(doc));
        return FALSE;
    }
    *ret = value;
    return TRUE;
}

gboolean
mt_doc_get_double(const MtDocReader *reader, const MtDoc *doc,
                  const char *name, double min, double max, double *ret)
{
    char *end = NULL;
    double value = 0;

    if (doc->kind == MT_DOC_SCALAR && *doc->text &&
        strspn(doc->text, "+-.0123456789eE") == strlen(doc->text))
        value = g_ascii_strtod(doc->text, &end);
    if (!end || *end || !isfinite(value) || value < min || value > max) {
        mt_findings_add(reader->findings, MT_FINDING_ERROR, "wrong-type",
                        reader->file, doc->line,
                        _("'%s' must be a number from %g to %g, not '%s'"),
                        name, min, max, doc_describe(doc));
        return FALSE;
    }
    *ret = value;
    return TRUE;
}

static void
doc_read_bool(const MtDocReader *reader, const MtDoc *doc, const char *name,
              gboolean *ret)
{
    if (doc->kind == MT_DOC_SCALAR && !doc->quoted &&
        g_ascii_strcasecmp(doc->text, "true") == 0)
        *ret = TRUE;
    else if (doc->kind == MT_DOC_SCALAR && !doc->quoted &&
             g_ascii_strcasecmp(doc->text, "false") == 0)
        *ret = FALSE;
    else
        mt_findings_add(reader->findings, MT_FINDING_ERROR, "wrong-type",
                        reader->file, doc->line,
                        _("'%s' must be true or false, not '%s'"), name,
                        doc_describe(doc));
}

static void
doc_read_field(const MtDocReader *reader, const MtDoc *doc,
               const MtField *field, gpointer place)
{
    gint64 number;

    switch (field->type) {
    case MT_FIELD_INT:
        mt_doc_get_int(reader, doc, field->name, field->min, field->max,
                       place);
        break;
    case MT_FIELD_UINT:
        if (mt_doc_get_int(reader, doc, field->name, field->min, field->max,
                           &number))
            *(guint64 *)place = number;
        break;
    case MT_FIELD_DOUBLE:
        mt_doc_get_double(reader, doc, field->name, field->min, field->max,
                          place);
        break;
    case MT_FIELD_BOOL:
        doc_read_bool(reader, doc, field->name, place);
        break;
    case MT_FIELD_TEXT:
        if (mt_doc_expect(reader, doc, MT_DOC_SCALAR, field->name))
            *(const char **)place = doc->text;
        break;
    case MT_FIELD_NODE:
        *(const MtDoc **)place = doc;
        break;
    case MT_FIELD_UNUSED:
        mt_findings_add(reader->findings, MT_FINDING_INFO, "not-used",
                        reader->file, doc->line,
                        _("'%s' has no effect on convergence and is not "
                          "used"), field->name);
        break;
    }
}

void
mt_doc_read(const MtDocReader *reader, const MtDoc *doc, const MtField *fields,
            guint n_fields, gpointer base)
{
    for (guint i = 0; i < doc->items->len; i++) {
        const char *key = g_ptr_array_index(doc->keys, i);
        const MtDoc *value = g_ptr_array_index(doc->items, i);
        guint j;

        for (j = 0; j < n_fields; j++) {
            if (g_str_equal(fields[j].name, key))
                break;
        }
        if (j < n_fields)
            doc_read_field(reader, value, &fields[j],
                           (char *)base + fields[j].offset);
        else
            mt_findings_add(reader->findings, MT_FINDING_WARNING,
                            "unknown-key", reader->file, value->line,
                            _("'%s' is not known and is not used"), key);
    }
}
