/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The statistics of a migration.
 *
 * All members of query-migrate are reported, so that members of a newer QEMU
 * are reported, too.  A table has the names that libvirt gives to some of them,
 * and the units.
 */
#include "config.h"

#include <math.h>
#include <string.h>

#include "core/migration/job.h"
#include "util/json-peek.h"
#include "util/json.h"

#define STATS_MAX_DEPTH 4

typedef enum {
    STATS_NONE,
    STATS_BYTES,
    STATS_BYTES_RATE,
    STATS_PAGES,
    STATS_PAGES_RATE,
    STATS_MS,
    STATS_US,
    STATS_NS,
    STATS_PERCENT,
    STATS_MEGABITS_RATE,
    STATS_RATIO,
} StatsUnit;

static const char *const stats_units[] = {
    [STATS_NONE] = NULL,
    [STATS_BYTES] = "bytes",
    [STATS_BYTES_RATE] = "bytes/s",
    [STATS_PAGES] = "pages",
    [STATS_PAGES_RATE] = "pages/s",
    [STATS_MS] = "ms",
    [STATS_US] = "us",
    [STATS_NS] = "ns",
    [STATS_PERCENT] = "%",
    [STATS_MEGABITS_RATE] = "Mbit/s",
    [STATS_RATIO] = NULL,
};

/* In the order in which they are shown; what is not here comes last. */
typedef struct {
    const char *qmp;
    const char *name; /* libvirt's; NULL: it has none */
    StatsUnit unit;
    int type; /* libvirt's; 0: by the value */
} StatsRow;

static const StatsRow stats_rows[] = {
    { "total-time", VIR_DOMAIN_JOB_TIME_ELAPSED, STATS_MS },
    { "setup-time", VIR_DOMAIN_JOB_SETUP_TIME, STATS_MS },
    { "downtime", VIR_DOMAIN_JOB_DOWNTIME, STATS_MS },
    /* libvirt tells the expected one under this name until it is known. */
    { "expected-downtime", VIR_DOMAIN_JOB_DOWNTIME, STATS_MS },
    { "remaining", NULL, STATS_BYTES },
    { "ram.total", VIR_DOMAIN_JOB_MEMORY_TOTAL, STATS_BYTES },
    { "ram.transferred", VIR_DOMAIN_JOB_MEMORY_PROCESSED, STATS_BYTES },
    { "ram.remaining", VIR_DOMAIN_JOB_MEMORY_REMAINING, STATS_BYTES },
    { "ram.mbps", VIR_DOMAIN_JOB_MEMORY_BPS, STATS_BYTES_RATE,
      VIR_TYPED_PARAM_ULLONG },
    { "ram.duplicate", VIR_DOMAIN_JOB_MEMORY_CONSTANT, STATS_PAGES },
    { "ram.skipped", NULL, STATS_PAGES },
    { "ram.normal", VIR_DOMAIN_JOB_MEMORY_NORMAL, STATS_PAGES },
    { "ram.normal-bytes", VIR_DOMAIN_JOB_MEMORY_NORMAL_BYTES, STATS_BYTES },
    { "ram.dirty-pages-rate", VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE,
      STATS_PAGES_RATE },
    { "ram.dirty-sync-count", VIR_DOMAIN_JOB_MEMORY_ITERATION, STATS_NONE },
    { "ram.page-size", VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE, STATS_BYTES },
    { "ram.pages-per-second", NULL, STATS_PAGES_RATE },
    { "ram.multifd-bytes", NULL, STATS_BYTES },
    { "ram.precopy-bytes", NULL, STATS_BYTES },
    { "ram.downtime-bytes", NULL, STATS_BYTES },
    { "ram.postcopy-bytes", NULL, STATS_BYTES },
    { "ram.postcopy-requests", VIR_DOMAIN_JOB_MEMORY_POSTCOPY_REQS,
      STATS_NONE },
    { "ram.dirty-sync-missed-zero-copy", NULL, STATS_NONE },
    { "disk.total", VIR_DOMAIN_JOB_DISK_TOTAL, STATS_BYTES },
    { "disk.transferred", VIR_DOMAIN_JOB_DISK_PROCESSED, STATS_BYTES },
    { "disk.remaining", VIR_DOMAIN_JOB_DISK_REMAINING, STATS_BYTES },
    { "disk.mbps", VIR_DOMAIN_JOB_DISK_BPS, STATS_BYTES_RATE,
      VIR_TYPED_PARAM_ULLONG },
    { "xbzrle-cache.cache-size", VIR_DOMAIN_JOB_COMPRESSION_CACHE,
      STATS_BYTES },
    { "xbzrle-cache.bytes", VIR_DOMAIN_JOB_COMPRESSION_BYTES, STATS_BYTES },
    { "xbzrle-cache.pages", VIR_DOMAIN_JOB_COMPRESSION_PAGES, STATS_PAGES },
    { "xbzrle-cache.cache-miss", VIR_DOMAIN_JOB_COMPRESSION_CACHE_MISSES,
      STATS_NONE },
    { "xbzrle-cache.cache-miss-rate", NULL, STATS_RATIO },
    { "xbzrle-cache.encoding-rate", NULL, STATS_RATIO },
    { "xbzrle-cache.overflow", VIR_DOMAIN_JOB_COMPRESSION_OVERFLOW,
      STATS_NONE },
    { "compression.pages", NULL, STATS_PAGES },
    { "compression.busy", NULL, STATS_NONE },
    { "compression.busy-rate", NULL, STATS_RATIO },
    { "compression.compressed-size", NULL, STATS_BYTES },
    { "compression.compression-rate", NULL, STATS_RATIO },
    { "cpu-throttle-percentage", VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE,
      STATS_PERCENT, VIR_TYPED_PARAM_INT },
    { "x-cpu-throttle-percentage", VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE,
      STATS_PERCENT, VIR_TYPED_PARAM_INT },
    { "dirty-limit-throttle-time-per-round", NULL, STATS_US },
    { "dirty-limit-ring-full-time", NULL, STATS_US },
    { "postcopy-blocktime", NULL, STATS_MS },
    { "postcopy-vcpu-blocktime", NULL, STATS_MS },
    { "postcopy-latency", NULL, STATS_NS },
    { "postcopy-latency-dist", NULL, STATS_NS },
    { "postcopy-vcpu-latency", NULL, STATS_NS },
    { "postcopy-non-vcpu-latency", NULL, STATS_NS },
    { "vfio.transferred", NULL, STATS_BYTES },
    /* From the driver, not from query-migrate; the names are migtune's. */
    { "devices.bytes", "device_state", STATS_BYTES },
    { "devices.budget", "device_state_budget", STATS_BYTES },
    { "devices.mbps", "device_state_bps", STATS_BYTES_RATE,
      VIR_TYPED_PARAM_ULLONG },
    { "devices.downtime-limit", "device_state_downtime", STATS_MS },
    { "error-desc", VIR_DOMAIN_JOB_ERRMSG, STATS_NONE },
};

/* Sums that libvirt has; memory and disks together. */
static const struct {
    const char *name;
    const char *parts[2];
} stats_sums[] = {
    { VIR_DOMAIN_JOB_DATA_TOTAL,
      { VIR_DOMAIN_JOB_MEMORY_TOTAL, VIR_DOMAIN_JOB_DISK_TOTAL } },
    { VIR_DOMAIN_JOB_DATA_PROCESSED,
      { VIR_DOMAIN_JOB_MEMORY_PROCESSED, VIR_DOMAIN_JOB_DISK_PROCESSED } },
    { VIR_DOMAIN_JOB_DATA_REMAINING,
      { VIR_DOMAIN_JOB_MEMORY_REMAINING, VIR_DOMAIN_JOB_DISK_REMAINING } },
};

/* One statistic. */
typedef struct {
    const char *name;
    char *qmp;           /* NULL: computed */
    const StatsRow *row; /* NULL: the table does not have it */
    StatsUnit unit;
    JsonNode *value;
} Stat;

static void
stat_free(gpointer data)
{
    Stat *stat = data;

    g_free(stat->qmp);
    json_node_unref(stat->value);
    g_free(stat);
}

static const Stat *
stats_find(const GPtrArray *stats, const char *name)
{
    for (guint i = 0; i < stats->len; i++) {
        const Stat *stat = g_ptr_array_index(stats, i);

        if (strcmp(stat->name, name) == 0)
            return stat;
    }

    return NULL;
}

static const StatsRow *
stats_row(const char *qmp)
{
    for (gsize i = 0; i < G_N_ELEMENTS(stats_rows); i++) {
        if (strcmp(stats_rows[i].qmp, qmp) == 0)
            return &stats_rows[i];
    }

    return NULL;
}

/* Megabits a second as libvirt tells them. */
static JsonNode *
stats_to_bytes_rate(JsonNode *node)
{
    double mbps = json_node_get_double(node);

    if (!(mbps > 0))
        mbps = 0;

    return mt_json_node_new_uint64((guint64)MIN(mbps * 1e6 / 8, 1e18));
}

static void
stats_add(GPtrArray *stats, const char *qmp, JsonNode *node)
{
    const StatsRow *row = stats_row(qmp);
    Stat *stat = g_new0(Stat, 1);
    gboolean converted = row && row->unit == STATS_BYTES_RATE &&
                         JSON_NODE_HOLDS_VALUE(node) &&
                         json_node_get_value_type(node) != G_TYPE_STRING;

    stat->qmp = g_strdup(qmp);
    stat->row = row;
    stat->unit = row ? row->unit : STATS_NONE;
    stat->name = row && row->name && !stats_find(stats, row->name) ? row->name
                                                                   : stat->qmp;
    stat->value = converted ? stats_to_bytes_rate(node) : json_node_ref(node);
    g_ptr_array_add(stats, stat);
}

/* Every member that is not an object, recursively. */
static void
stats_walk(GPtrArray *stats, JsonObject *object, const char *prefix,
           guint depth)
{
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;

    json_object_iter_init(&iter, object);
    while (json_object_iter_next(&iter, &name, &node)) {
        g_autofree char *path = g_strconcat(prefix, name, NULL);

        if (depth == 0 && strcmp(name, "status") == 0)
            continue;
        if (JSON_NODE_HOLDS_OBJECT(node) && depth < STATS_MAX_DEPTH) {
            g_autofree char *inner = g_strconcat(path, ".", NULL);

            stats_walk(stats, json_node_get_object(node), inner, depth + 1);
        } else if (!JSON_NODE_HOLDS_NULL(node)) {
            stats_add(stats, path, node);
        }
    }
}

static void
stats_add_sums(GPtrArray *stats)
{
    for (gsize i = 0; i < G_N_ELEMENTS(stats_sums); i++) {
        guint64 sum = 0;
        guint n_found = 0;
        Stat *stat;

        for (gsize j = 0; j < G_N_ELEMENTS(stats_sums[i].parts); j++) {
            const Stat *part = stats_find(stats, stats_sums[i].parts[j]);
            guint64 number;

            if (part && mt_json_node_peek_uint64(part->value, &number)) {
                sum += number;
                n_found++;
            }
        }
        if (n_found == 0)
            continue;
        stat = g_new0(Stat, 1);
        stat->name = stats_sums[i].name;
        stat->unit = STATS_BYTES;
        stat->value = mt_json_node_new_uint64(sum);
        g_ptr_array_add(stats, stat);
    }
}

/* Where it stands in the table; what is computed, and then what is not in the
 * table, comes behind. */
static gsize
stats_place(const Stat *stat)
{
    if (stat->row)
        return stat->row - stats_rows;

    return G_N_ELEMENTS(stats_rows) + (stat->qmp ? 1 : 0);
}

static int
stats_compare(gconstpointer a, gconstpointer b)
{
    const Stat *stat_a = *(const Stat *const *)a;
    const Stat *stat_b = *(const Stat *const *)b;
    gsize place_a = stats_place(stat_a);
    gsize place_b = stats_place(stat_b);

    if (place_a != place_b)
        return place_a < place_b ? -1 : 1;

    return strcmp(stat_a->name, stat_b->name);
}

static GPtrArray *
stats_new(const MtJob *job)
{
    GPtrArray *stats = g_ptr_array_new_with_free_func(stat_free);

    if (JSON_NODE_HOLDS_OBJECT(job->migration)) {
        stats_walk(stats, json_node_get_object(job->migration), "", 0);
        stats_add_sums(stats);
    }
    if (job->devices)
        stats_walk(stats, job->devices, "devices.", 1);
    g_ptr_array_sort(stats, stats_compare);

    return stats;
}

/* "1.50 GiB": three digits tell enough to a person. */
static char *
stats_format_size(guint64 bytes, const char *per)
{
    static const char *const prefixes[] = { "",   "Ki", "Mi", "Gi",
                                            "Ti", "Pi", "Ei" };
    double size = bytes;
    guint i = 0;
    char digits[G_ASCII_DTOSTR_BUF_SIZE];

    for (; size >= 1024 && i < G_N_ELEMENTS(prefixes) - 1; i++)
        size /= 1024;
    if (i == 0)
        return g_strdup_printf("%" G_GUINT64_FORMAT " bytes%s", bytes, per);
    g_ascii_formatd(digits, sizeof(digits),
                    size >= 100  ? "%.0f"
                    : size >= 10 ? "%.1f"
                                 : "%.2f",
                    size);

    return g_strdup_printf("%s %sB%s", digits, prefixes[i], per);
}

static char *
stats_format(const Stat *stat)
{
    const char *unit = stats_units[stat->unit];
    const char *string = mt_json_node_peek_string(stat->value);
    char digits[G_ASCII_DTOSTR_BUF_SIZE];
    guint64 number;

    if (string)
        return g_strdup(string);
    if (mt_json_node_peek_uint64(stat->value, &number)) {
        if (stat->unit == STATS_BYTES)
            return stats_format_size(number, "");
        if (stat->unit == STATS_BYTES_RATE)
            return stats_format_size(number, "/s");
        return g_strdup_printf("%" G_GUINT64_FORMAT "%s%s", number,
                               unit ? " " : "", unit ? unit : "");
    }
    if (JSON_NODE_HOLDS_VALUE(stat->value) &&
        json_node_get_value_type(stat->value) == G_TYPE_DOUBLE) {
        g_ascii_formatd(digits, sizeof(digits), "%.3f",
                        json_node_get_double(stat->value));
        return g_strdup_printf("%s%s%s", digits, unit ? " " : "",
                               unit ? unit : "");
    }

    return mt_json_to_line(stat->value);
}

JsonArray *
mt_job_stats_to_json(const MtJob *job)
{
    g_autoptr(GPtrArray) stats = stats_new(job);
    JsonArray *array = json_array_new();

    for (guint i = 0; i < stats->len; i++) {
        const Stat *stat = g_ptr_array_index(stats, i);
        JsonObject *object = json_object_new();
        const char *unit = stats_units[stat->unit];
        g_autofree char *text = stats_format(stat);

        json_object_set_string_member(object, "name", stat->name);
        if (stat->qmp)
            json_object_set_string_member(object, "qmp", stat->qmp);
        else
            json_object_set_null_member(object, "qmp");
        json_object_set_member(object, "value", json_node_copy(stat->value));
        if (unit)
            json_object_set_string_member(object, "unit", unit);
        else
            json_object_set_null_member(object, "unit");
        json_object_set_string_member(object, "text", text);
        json_array_add_object_element(array, object);
    }

    return array;
}

static void
stats_to_param(const Stat *stat, virTypedParameterPtr param)
{
    const char *string = mt_json_node_peek_string(stat->value);
    GType type = JSON_NODE_HOLDS_VALUE(stat->value)
                     ? json_node_get_value_type(stat->value)
                     : G_TYPE_INVALID;
    guint64 number;

    g_strlcpy(param->field, stat->name, sizeof(param->field));
    if (mt_json_node_peek_uint64(stat->value, &number)) {
        if (stat->row && stat->row->type == VIR_TYPED_PARAM_INT) {
            param->type = VIR_TYPED_PARAM_INT;
            param->value.i = MIN(number, G_MAXINT);
        } else {
            param->type = VIR_TYPED_PARAM_ULLONG;
            param->value.ul = number;
        }
    } else if (type == G_TYPE_DOUBLE) {
        param->type = VIR_TYPED_PARAM_DOUBLE;
        param->value.d = json_node_get_double(stat->value);
    } else if (type == G_TYPE_BOOLEAN) {
        param->type = VIR_TYPED_PARAM_BOOLEAN;
        param->value.b = json_node_get_boolean(stat->value);
    } else {
        param->type = VIR_TYPED_PARAM_STRING;
        param->value.s =
            string ? g_strdup(string) : mt_json_to_line(stat->value);
    }
}

void
mt_job_stats_to_typed(const MtJob *job, virTypedParameterPtr *params,
                      int *nparams)
{
    g_autoptr(GPtrArray) stats = stats_new(job);
    gboolean ended = job->state == MIGTUNE_JOB_COMPLETED ||
                     job->state == MIGTUNE_JOB_FAILED ||
                     job->state == MIGTUNE_JOB_CANCELLED;
    virTypedParameterPtr param;

    *params = g_new0(virTypedParameter, stats->len + 1);
    for (guint i = 0; i < stats->len; i++)
        stats_to_param(g_ptr_array_index(stats, i), &(*params)[i]);
    *nparams = stats->len;
    if (!ended)
        return;

    param = &(*params)[(*nparams)++];
    g_strlcpy(param->field, VIR_DOMAIN_JOB_SUCCESS, sizeof(param->field));
    param->type = VIR_TYPED_PARAM_BOOLEAN;
    param->value.b = job->state == MIGTUNE_JOB_COMPLETED;
}
