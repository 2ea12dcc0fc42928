/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * human-monitor-command: the few lines of the other monitor that are about
 * migration, as text for people.
 *
 * The names in it are those of the QMP answers, so the text is made from them.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/guest-private.h"
#include "params/table.h"
#include "util/json-peek.h"

static void
hmp_line(GString *out, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
hmp_line(GString *out, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_string_append_vprintf(out, format, args);
    va_end(args);
    g_string_append(out, "\r\n");
}

static void
hmp_status(MtRefGuest *g, GString *out)
{
    MtRefRunState state = mt_ref_guest_run_state(g);

    if (state == MT_REF_RUNNING)
        hmp_line(out, "VM status: running");
    else if (state == MT_REF_PAUSED)
        hmp_line(out, "VM status: paused");
    else
        hmp_line(out, "VM status: paused (%s)",
                 mt_ref_run_state_to_string(state));
}

static const struct {
    const char *member;         /* of query-migrate */
    const char *label;
    const char *unit;
    guint64 divisor;
} hmp_members[] = {
    { "total-time", "total time", " ms", 1 },
    { "expected-downtime", "expected downtime", " ms", 1 },
    { "downtime", "downtime", " ms", 1 },
    { "setup-time", "setup", " ms", 1 },
    { "ram.transferred", "transferred ram", " kbytes", 1024 },
    { "ram.mbps", "throughput", " mbps", 1 },
    { "ram.remaining", "remaining ram", " kbytes", 1024 },
    { "ram.total", "total ram", " kbytes", 1024 },
    { "ram.duplicate", "duplicate", " pages", 1 },
    { "ram.skipped", "skipped", " pages", 1 },
    { "ram.normal", "normal", " pages", 1 },
    { "ram.normal-bytes", "normal bytes", " kbytes", 1024 },
    { "ram.dirty-sync-count", "dirty sync count", "", 1 },
    { "ram.page-size", "page size", " kbytes", 1024 },
    { "ram.multifd-bytes", "multifd bytes", " kbytes", 1024 },
    { "ram.pages-per-second", "pages-per-second", "", 1 },
    { "ram.dirty-pages-rate", "dirty pages rate", " pages", 1 },
    { "ram.precopy-bytes", "precopy ram", " kbytes", 1024 },
    { "ram.downtime-bytes", "downtime ram", " kbytes", 1024 },
    { "xbzrle-cache.cache-size", "cache size", " bytes", 1 },
    { "xbzrle-cache.bytes", "xbzrle transferred", " kbytes", 1024 },
    { "xbzrle-cache.pages", "xbzrle pages", " pages", 1 },
    { "xbzrle-cache.cache-miss", "xbzrle cache miss", " pages", 1 },
    { "xbzrle-cache.cache-miss-rate", "xbzrle cache miss rate", "", 1 },
    { "xbzrle-cache.encoding-rate", "xbzrle encoding rate", "", 1 },
    { "xbzrle-cache.overflow", "xbzrle overflow", "", 1 },
    { "compression.pages", "compression pages", " pages", 1 },
    { "compression.busy", "compression busy", "", 1 },
    { "compression.busy-rate", "compression busy rate", "", 1 },
    { "compression.compressed-size", "compressed size", " kbytes", 1024 },
    { "compression.compression-rate", "compression rate", "", 1 },
    { "cpu-throttle-percentage", "cpu throttle percentage", "", 1 },
    { "x-cpu-throttle-percentage", "cpu throttle percentage", "", 1 },
};

static JsonNode *
hmp_find(JsonObject *info, const char *path)
{
    const char *dot = strchr(path, '.');
    g_autofree char *parent = dot ? g_strndup(path, dot - path) : NULL;

    if (dot)
        info = mt_json_peek_object(info, parent);
    return info ? json_object_get_member(info, dot ? dot + 1 : path) : NULL;
}

static void
hmp_migrate(MtRefGuest *g, GString *out)
{
    g_autoptr(JsonObject) info = mt_ref_guest_query_migrate(g);
    const char *status = mt_json_peek_string(info, "status");
    const char *why = mt_json_peek_string(info, "error-desc");

    if (!status)
        return;
    if (why)
        hmp_line(out, "Migration status: %s (%s)", status, why);
    else
        hmp_line(out, "Migration status: %s", status);
    for (guint i = 0; i < G_N_ELEMENTS(hmp_members); i++) {
        JsonNode *node = hmp_find(info, hmp_members[i].member);

        if (!node)
            continue;
        if (json_node_get_value_type(node) == G_TYPE_DOUBLE)
            hmp_line(out, "%s: %0.2f%s", hmp_members[i].label,
                     json_node_get_double(node), hmp_members[i].unit);
        else
            hmp_line(out, "%s: %" G_GUINT64_FORMAT "%s",
                     hmp_members[i].label, json_node_get_int(node) /
                     hmp_members[i].divisor, hmp_members[i].unit);
    }
}

/* What the QMP command of the same purpose returns. */
static JsonNode *
hmp_ask(MtRefGuest *g, const char *command)
{
    g_autoptr(JsonObject) arguments = json_object_new();
    MtRefRefusal refusal = { 0 };
    MtRefSituation situation;
    JsonNode *result = NULL;

    mt_ref_guest_situation(g, &situation);
    mt_ref_tunables_run(g->tunables, &situation, command, arguments, &result,
                        &refusal);
    mt_ref_refusal_clear(&refusal);
    return result;
}

static void
hmp_capabilities(MtRefGuest *g, GString *out)
{
    g_autoptr(JsonNode) node = hmp_ask(g, "query-migrate-capabilities");
    JsonArray *list = node ? json_node_get_array(node) : NULL;

    for (guint i = 0; list && i < json_array_get_length(list); i++) {
        JsonObject *one = json_array_get_object_element(list, i);
        gboolean on = FALSE;

        mt_json_peek_bool(one, "state", &on);
        hmp_line(out, "%s: %s", mt_json_peek_string(one, "capability"),
                 on ? "on" : "off");
    }
}

static const char *
hmp_unit(const char *qmp_name)
{
    static const char *const units[] = {
        [MT_UNIT_BYTES] = " bytes",
        [MT_UNIT_RATE] = " bytes/second",
        [MT_UNIT_MEGABYTES_RATE] = " MB/s",
        [MT_UNIT_MS] = " ms",
        [MT_UNIT_PERCENT] = "",
    };

    for (guint i = 0; i < MT_N_PARAMS; i++) {
        const MtRow *row = mt_row(i);

        if (row->kind == MT_KIND_PARAMETER && row->qmp &&
            strcmp(row->qmp, qmp_name) == 0 &&
            row->unit < G_N_ELEMENTS(units) && units[row->unit])
            return units[row->unit];
    }
    return "";
}

static void
hmp_parameter(JsonObject *object, const char *name, JsonNode *node,
              gpointer data)
{
    GString *out = data;
    GType type = JSON_NODE_HOLDS_VALUE(node) ?
        json_node_get_value_type(node) : G_TYPE_INVALID;

    if (type == G_TYPE_INT64)
        hmp_line(out, "%s: %" G_GUINT64_FORMAT "%s", name,
                 (guint64)json_node_get_int(node), hmp_unit(name));
    else if (type == G_TYPE_BOOLEAN)
        hmp_line(out, "%s: %s", name,
                 json_node_get_boolean(node) ? "on" : "off");
    else if (type == G_TYPE_STRING && g_str_has_prefix(name, "tls-"))
        hmp_line(out, "%s: '%s'", name, json_node_get_string(node));
    else if (type == G_TYPE_STRING)
        hmp_line(out, "%s: %s", name, json_node_get_string(node));
}

static void
hmp_parameters(MtRefGuest *g, GString *out)
{
    g_autoptr(JsonNode) node = hmp_ask(g, "query-migrate-parameters");

    if (node)
        json_object_foreach_member(json_node_get_object(node), hmp_parameter,
                                   out);
}

static const struct {
    const char *what;
    void (*run)(MtRefGuest *g, GString *out);
} hmp_infos[] = {
    { "migrate", hmp_migrate },
    { "migrate_capabilities", hmp_capabilities },
    { "migrate_parameters", hmp_parameters },
    { "status", hmp_status },
};

char *
mt_ref_guest_hmp(MtRefGuest *g, const char *line)
{
    g_auto(GStrv) words = g_strsplit_set(line, " \t\r\n", -1);
    const char *found[2] = { NULL, NULL };
    GString *out = g_string_new(NULL);
    guint n = 0;

    for (guint i = 0; words[i] && n < 2; i++) {
        if (*words[i])
            found[n++] = words[i];
    }
    if (n == 0)
        return g_string_free(out, FALSE);

    for (guint i = 0; n == 2 && i < G_N_ELEMENTS(hmp_infos); i++) {
        if (strcmp(found[0], "info") == 0 &&
            strcmp(found[1], hmp_infos[i].what) == 0) {
            hmp_infos[i].run(g, out);
            return g_string_free(out, FALSE);
        }
    }

    if (n == 2 && strcmp(found[0], "info") == 0)
        hmp_line(out, "unknown command: 'info %s'", found[1]);
    else
        hmp_line(out, "unknown command: '%s'", found[0]);
    return g_string_free(out, FALSE);
}
