/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `info` of the human monitor.
 *
 * The text is made from the answers of QMP commands, in QEMU's order and with
 * QEMU's omissions.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/monitor/hmp.h"
#include "util/json-peek.h"

/* `info dirty_rate` exists since this release. */
#define DIRTY_RATE_SINCE MT_RELEASE(6, 1)

typedef struct {
    MtRefGuest *guest;
    MtRefDispatch dispatch;
} HmpInfo;

/* What a QMP command returns, NULL if it fails. */
static JsonNode *
info_ask(const HmpInfo *info, const char *command)
{
    g_autoptr(JsonObject) arguments = json_object_new();
    g_auto(MtRefRefusal) refusal = { 0 };
    JsonNode *result = NULL;

    info->dispatch(info->guest, command, arguments, &result, &refusal);
    return result;
}

static void
info_status(const HmpInfo *info, GString *out)
{
    MtRefRunState state = mt_ref_guest_run_state(info->guest);

    if (state == MT_REF_RUNNING)
        mt_ref_hmp_line(out, "VM status: running");
    else if (state == MT_REF_PAUSED)
        mt_ref_hmp_line(out, "VM status: paused");
    else
        mt_ref_hmp_line(out, "VM status: paused (%s)",
                        mt_ref_run_state_to_string(state));
}

/* ---- migrate ---- */

/* Properties of the machine with their defaults. */
static const struct {
    const char *line;
    MtRelease from, until;
} info_globals[] = {
    { "globals:", MT_RELEASE(2, 10), MT_RELEASE_MAX },
    { "store-global-state: on", MT_RELEASE(2, 10), MT_RELEASE_MAX },
    { "only-migratable: off", MT_RELEASE(2, 10), MT_RELEASE_MAX },
    { "send-configuration: on", MT_RELEASE(2, 10), MT_RELEASE_MAX },
    { "send-section-footer: on", MT_RELEASE(2, 10), MT_RELEASE_MAX },
    { "send-switchover-start: on", MT_RELEASE(10, 0), MT_RELEASE_MAX },
    { "decompress-error-check: on", MT_RELEASE(3, 0), MT_RELEASE(9, 0) },
    { "clear-bitmap-shift: 18", MT_RELEASE(4, 2), MT_RELEASE_MAX },
};

static const struct {
    const char *member;         /* of query-migrate */
    const char *label;
    const char *unit;
    guint64 divisor;
    gboolean not_zero;          /* left out if it is 0 */
} info_members[] = {
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
    { "ram.dirty-pages-rate", "dirty pages rate", " pages", 1, TRUE },
    { "ram.precopy-bytes", "precopy ram", " kbytes", 1024, TRUE },
    { "ram.downtime-bytes", "downtime ram", " kbytes", 1024, TRUE },
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
info_find(JsonObject *info, const char *path)
{
    const char *dot = strchr(path, '.');
    g_autofree char *parent = dot ? g_strndup(path, dot - path) : NULL;

    if (dot)
        info = mt_json_peek_object(info, parent);
    return info ? json_object_get_member(info, dot ? dot + 1 : path) : NULL;
}

static void
info_member(GString *out, JsonObject *info, gsize i)
{
    JsonNode *node = info_find(info, info_members[i].member);

    if (!node)
        return;
    if (json_node_get_value_type(node) == G_TYPE_DOUBLE)
        mt_ref_hmp_line(out, "%s: %0.2f%s", info_members[i].label,
                        json_node_get_double(node), info_members[i].unit);
    else if (json_node_get_int(node) || !info_members[i].not_zero)
        mt_ref_hmp_line(out, "%s: %" G_GUINT64_FORMAT "%s",
                        info_members[i].label,
                        (guint64)json_node_get_int(node) /
                        info_members[i].divisor, info_members[i].unit);
}

static void
info_migrate_status(GString *out, JsonObject *info, const char *status)
{
    const char *why = mt_json_peek_string(info, "error-desc");
    gint64 total_ms = 0;

    if (why)
        mt_ref_hmp_line(out, "Migration status: %s (%s)", status, why);
    else
        mt_ref_hmp_line(out, "Migration status: %s", status);
    mt_json_peek_int(info, "total-time", &total_ms);
    mt_ref_hmp_line(out, "total time: %" G_GINT64_FORMAT " ms", total_ms);
}

static void
info_sockets(GString *out, JsonObject *info)
{
    JsonArray *list = mt_json_peek_array(info, "socket-address");

    if (!list)
        return;

    mt_ref_hmp_line(out, "socket address: [");
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *one = json_array_get_object_element(list, i);
        const char *path = mt_json_peek_string(one, "path");

        if (path)
            mt_ref_hmp_line(out, "\tunix:%s", path);
        else
            mt_ref_hmp_line(out, "\ttcp:%s:%s",
                            mt_json_peek_string(one, "host"),
                            mt_json_peek_string(one, "port"));
    }
    mt_ref_hmp_line(out, "]");
}

static void
info_migrate(const HmpInfo *info, GString *out)
{
    MtRelease release = mt_ref_profile_release(info->guest->profile);
    g_autoptr(JsonObject) answer = mt_ref_guest_query_migrate(info->guest);
    const char *status = mt_json_peek_string(answer, "status");

    for (gsize i = 0; i < G_N_ELEMENTS(info_globals); i++) {
        if (release >= info_globals[i].from &&
            release <= info_globals[i].until)
            mt_ref_hmp_line(out, "%s", info_globals[i].line);
    }
    if (status)
        info_migrate_status(out, answer, status);
    for (gsize i = 0; i < G_N_ELEMENTS(info_members); i++)
        info_member(out, answer, i);
    info_sockets(out, answer);
}

/* ---- settings ---- */

static void
info_capabilities(const HmpInfo *info, GString *out)
{
    g_autoptr(JsonNode) node = info_ask(info, "query-migrate-capabilities");
    JsonArray *list = node ? json_node_get_array(node) : NULL;

    for (guint i = 0; list && i < json_array_get_length(list); i++) {
        JsonObject *one = json_array_get_object_element(list, i);
        gboolean on = FALSE;

        mt_json_peek_bool(one, "state", &on);
        mt_ref_hmp_line(out, "%s: %s", mt_json_peek_string(one, "capability"),
                        on ? "on" : "off");
    }
}

/* The parameters that QEMU prints, if the release has them.  It does not print
 * the levels of multifd. */
static const struct {
    const char *name;
    const char *unit;
} info_parameter_rows[] = {
    { "announce-initial", " ms" },
    { "announce-max", " ms" },
    { "announce-rounds", "" },
    { "announce-step", " ms" },
    { "compress-level", "" },
    { "compress-threads", "" },
    { "compress-wait-thread", "" },
    { "decompress-threads", "" },
    { "throttle-trigger-threshold", "" },
    { "x-cpu-throttle-initial", "" },
    { "x-cpu-throttle-increment", "" },
    { "cpu-throttle-initial", "" },
    { "cpu-throttle-increment", "" },
    { "cpu-throttle-tailslow", "" },
    { "max-cpu-throttle", "" },
    { "tls-creds", NULL },
    { "tls-hostname", NULL },
    { "max-bandwidth", " bytes/second" },
    { "avail-switchover-bandwidth", " bytes/second" },
    { "downtime-limit", " ms" },
    { "x-checkpoint-delay", " ms" },
    { "block-incremental", "" },
    { "x-multifd-channels", "" },
    { "x-multifd-page-count", "" },
    { "multifd-channels", "" },
    { "multifd-compression", "" },
    { "zero-page-detection", "" },
    { "xbzrle-cache-size", " bytes" },
    { "max-postcopy-bandwidth", "" },
    { "tls-authz", NULL },
    { "x-vcpu-dirty-limit-period", " ms" },
    { "vcpu-dirty-limit", " MB/s" },
    { "mode", "" },
    { "direct-io", "" },
};

static void
info_parameter(GString *out, const char *name, const char *unit,
               JsonNode *node)
{
    GType type = JSON_NODE_HOLDS_VALUE(node) ?
        json_node_get_value_type(node) : G_TYPE_INVALID;

    if (type == G_TYPE_INT64)
        mt_ref_hmp_line(out, "%s: %" G_GUINT64_FORMAT "%s", name,
                        (guint64)json_node_get_int(node), unit ? unit : "");
    else if (type == G_TYPE_BOOLEAN)
        mt_ref_hmp_line(out, "%s: %s", name,
                        json_node_get_boolean(node) ? "on" : "off");
    else if (type == G_TYPE_STRING)
        mt_ref_hmp_line(out, unit ? "%s: %s" : "%s: '%s'", name,
                        json_node_get_string(node));
}

static void
info_parameters(const HmpInfo *info, GString *out)
{
    g_autoptr(JsonNode) node = info_ask(info, "query-migrate-parameters");
    JsonObject *all = node ? json_node_get_object(node) : NULL;

    for (gsize i = 0; all && i < G_N_ELEMENTS(info_parameter_rows); i++) {
        const char *name = info_parameter_rows[i].name;

        if (json_object_has_member(all, name))
            info_parameter(out, name, info_parameter_rows[i].unit,
                           json_object_get_member(all, name));
    }
}

/* ---- identity ---- */

static void
info_name(const HmpInfo *info, GString *out)
{
    mt_ref_hmp_line(out, "%s", info->guest->spec->name);
}

static void
info_uuid(const HmpInfo *info, GString *out)
{
    const char *uuid = info->guest->spec->uuid;

    mt_ref_hmp_line(out, "%s", uuid ? uuid :
                    "00000000-0000-0000-0000-000000000000");
}

static void
info_version(const HmpInfo *info, GString *out)
{
    g_autoptr(JsonObject) version =
        mt_ref_profile_version(info->guest->profile);
    JsonObject *qemu = mt_json_peek_object(version, "qemu");
    gint64 part[3] = { 0 };

    mt_json_peek_int(qemu, "major", &part[0]);
    mt_json_peek_int(qemu, "minor", &part[1]);
    mt_json_peek_int(qemu, "micro", &part[2]);
    mt_ref_hmp_line(out, "%d.%d.%d%s", (int)part[0], (int)part[1],
                    (int)part[2], mt_json_peek_string(version, "package"));
}

static void
info_kvm(const HmpInfo *info, GString *out)
{
    mt_ref_hmp_line(out, "kvm support: disabled");
}

/* QEMU prints a period in seconds, and calls the start time milliseconds. */
static void
info_dirty_rate(const HmpInfo *info, GString *out)
{
    g_autoptr(JsonNode) node = info_ask(info, "query-dirty-rate");
    JsonObject *rate = json_node_get_object(node);
    const char *mode = mt_json_peek_string(rate, "mode");
    gint64 start = 0, samples = 0, period = 0, mb_per_s = 0;

    mt_json_peek_int(rate, "start-time", &start);
    mt_json_peek_int(rate, "sample-pages", &samples);
    mt_json_peek_int(rate, "calc-time", &period);
    mt_ref_hmp_line(out, "Status: %s", mt_json_peek_string(rate, "status"));
    mt_ref_hmp_line(out, "Start Time: %" G_GINT64_FORMAT " (ms)", start);
    if (!mode || strcmp(mode, "page-sampling") == 0)
        mt_ref_hmp_line(out, "Sample Pages: %" G_GINT64_FORMAT " (per GB)",
                        samples);
    mt_ref_hmp_line(out, "Period: %" G_GINT64_FORMAT " (sec)", period);
    if (mode)
        mt_ref_hmp_line(out, "Mode: %s", mode);
    if (mt_json_peek_int(rate, "dirty-rate", &mb_per_s))
        mt_ref_hmp_line(out, "Dirty rate: %" G_GINT64_FORMAT " (MB/s)",
                        mb_per_s);
    else
        mt_ref_hmp_line(out, "Dirty rate: (not ready)");
}

static const struct {
    const char *what;
    void (*run)(const HmpInfo *info, GString *out);
} infos[] = {
    { "dirty_rate", info_dirty_rate },
    { "kvm", info_kvm },
    { "migrate", info_migrate },
    { "migrate_capabilities", info_capabilities },
    { "migrate_parameters", info_parameters },
    { "name", info_name },
    { "status", info_status },
    { "uuid", info_uuid },
    { "version", info_version },
};

void
mt_ref_hmp_info(MtRefGuest *g, MtRefDispatch dispatch, const char *what,
                gboolean more, GString *out)
{
    const HmpInfo info = { g, dispatch };

    for (gsize i = 0; i < G_N_ELEMENTS(infos); i++) {
        if (strcmp(what, infos[i].what) != 0 ||
            (infos[i].run == info_dirty_rate &&
             mt_ref_profile_release(g->profile) < DIRTY_RATE_SINCE))
            continue;
        if (more)
            mt_ref_hmp_extraneous(out, what, "info ", what);
        else
            infos[i].run(&info, out);
        return;
    }
    mt_ref_hmp_line(out, "unknown command: 'info %s'", what);
}
