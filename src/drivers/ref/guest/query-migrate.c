/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * query-migrate: one table says which members an answer has in which status;
 * members that the release does not have are left out.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/guest/guest-private.h"
#include "util/clock.h"
#include "util/json-peek.h"

/* A destination in the status setup reports nothing before this release. */
#define INCOMING_SETUP_SINCE MT_RELEASE(8, 2)
#define DOWNTIME_IN_POSTCOPY_SINCE MT_RELEASE(8, 0)
/* error-desc is reported also for an interrupted post-copy. */
#define REASON_ALWAYS_SINCE MT_RELEASE(8, 2)

/* The statuses in which a member is reported; bits. */
enum {
    IN_ACTIVE = 1 << 0,
    IN_COMPLETED = 1 << 1,
    IN_POSTCOPY = 1 << 2,       /* the guest runs at the destination */
    IN_UNDER_WAY = IN_ACTIVE | IN_POSTCOPY,
    IN_BOTH = IN_UNDER_WAY | IN_COMPLETED,
};

typedef enum { NUMBER_COUNT, NUMBER_MS, NUMBER_REAL } NumberKind;

/* Whether a member that some migrations do not have is reported. */
typedef gboolean (*QueryCondition)(MtRefGuest *g, const MtEngineStats *stats);

static gboolean
with_xbzrle(MtRefGuest *g, const MtEngineStats *stats)
{
    return mt_ref_tunables_cap(g->tunables, MT_PARAM_XBZRLE);
}

static gboolean
with_compress(MtRefGuest *g, const MtEngineStats *stats)
{
    return mt_ref_tunables_cap(g->tunables, MT_PARAM_COMPRESS);
}

/* The downtime has ended when post-copy is active; QEMU reports it then since
 * this release (patch "Show downtime during postcopy phase"). */
static gboolean
with_downtime(MtRefGuest *g, const MtEngineStats *stats)
{
    return mt_ref_profile_release(g->profile) >= DOWNTIME_IN_POSTCOPY_SINCE;
}

static gboolean
with_expectation(MtRefGuest *g, const MtEngineStats *stats)
{
    return !with_downtime(g, stats);
}

static gboolean
with_throttle(MtRefGuest *g, const MtEngineStats *stats)
{
    return stats->throttle_percent != 0;
}

#define AT(member) G_STRUCT_OFFSET(MtEngineStats, member)
/* Always 0: the engine has no such pages. */
#define NOTHING (-1)

static const struct {
    const char *path;
    gssize offset;
    NumberKind kind;
    guint told;
    QueryCondition condition;
} query_members[] = {
    { "total-time", AT(total_ns), NUMBER_MS, IN_BOTH },
    { "setup-time", AT(setup_ns), NUMBER_MS, IN_BOTH },
    { "expected-downtime", AT(expected_downtime_ns), NUMBER_MS, IN_ACTIVE },
    { "expected-downtime", AT(expected_downtime_ns), NUMBER_MS, IN_POSTCOPY,
      with_expectation },
    { "downtime", AT(downtime_ns), NUMBER_MS, IN_COMPLETED },
    { "downtime", AT(downtime_ns), NUMBER_MS, IN_POSTCOPY, with_downtime },
    { "remaining", AT(remaining), NUMBER_COUNT, IN_UNDER_WAY },
    { "ram.transferred", AT(transferred), NUMBER_COUNT, IN_BOTH },
    { "ram.remaining", AT(remaining), NUMBER_COUNT, IN_BOTH },
    { "ram.total", AT(total), NUMBER_COUNT, IN_BOTH },
    { "ram.duplicate", AT(duplicate), NUMBER_COUNT, IN_BOTH },
    { "ram.skipped", NOTHING, NUMBER_COUNT, IN_BOTH },
    { "ram.normal", AT(normal), NUMBER_COUNT, IN_BOTH },
    { "ram.normal-bytes", AT(normal_bytes), NUMBER_COUNT, IN_BOTH },
    { "ram.dirty-pages-rate", AT(dirty_pages_rate), NUMBER_COUNT, IN_BOTH },
    { "ram.mbps", AT(mbps), NUMBER_REAL, IN_BOTH },
    { "ram.dirty-sync-count", AT(dirty_sync_count), NUMBER_COUNT, IN_BOTH },
    { "ram.dirty-sync-missed-zero-copy", NOTHING, NUMBER_COUNT, IN_BOTH },
    { "ram.postcopy-requests", AT(postcopy_requests), NUMBER_COUNT, IN_BOTH },
    { "ram.page-size", AT(page_size), NUMBER_COUNT, IN_BOTH },
    { "ram.multifd-bytes", AT(multifd_bytes), NUMBER_COUNT, IN_BOTH },
    { "ram.pages-per-second", AT(pages_per_second), NUMBER_COUNT, IN_BOTH },
    { "ram.precopy-bytes", AT(precopy_bytes), NUMBER_COUNT, IN_BOTH },
    { "ram.downtime-bytes", AT(downtime_bytes), NUMBER_COUNT, IN_BOTH },
    { "ram.postcopy-bytes", AT(postcopy_bytes), NUMBER_COUNT, IN_BOTH },
    { "xbzrle-cache.cache-size", AT(xbzrle_cache_bytes), NUMBER_COUNT,
      IN_BOTH, with_xbzrle },
    { "xbzrle-cache.bytes", AT(xbzrle_bytes), NUMBER_COUNT, IN_BOTH,
      with_xbzrle },
    { "xbzrle-cache.pages", AT(xbzrle_pages), NUMBER_COUNT, IN_BOTH,
      with_xbzrle },
    { "xbzrle-cache.cache-miss", AT(xbzrle_cache_miss), NUMBER_COUNT, IN_BOTH,
      with_xbzrle },
    { "xbzrle-cache.cache-miss-rate", AT(xbzrle_cache_miss_rate), NUMBER_REAL,
      IN_BOTH, with_xbzrle },
    { "xbzrle-cache.encoding-rate", AT(xbzrle_encoding_rate), NUMBER_REAL,
      IN_BOTH, with_xbzrle },
    { "xbzrle-cache.overflow", AT(xbzrle_overflow), NUMBER_COUNT, IN_BOTH,
      with_xbzrle },
    { "compression.pages", AT(compression_pages), NUMBER_COUNT, IN_BOTH,
      with_compress },
    { "compression.busy", AT(compression_busy), NUMBER_COUNT, IN_BOTH,
      with_compress },
    { "compression.busy-rate", AT(compression_busy_rate), NUMBER_REAL,
      IN_BOTH, with_compress },
    { "compression.compressed-size", AT(compressed_size), NUMBER_COUNT,
      IN_BOTH, with_compress },
    { "compression.compression-rate", AT(compression_rate), NUMBER_REAL,
      IN_BOTH, with_compress },
};

/* Members that do not have 64 bits in MtEngineStats. */
static const struct {
    const char *path;
} query_throttle[] = {
    { "cpu-throttle-percentage" },
    { "x-cpu-throttle-percentage" },
};

/* The object that has the last part of @path as a member; created if needed. */
static JsonObject *
query_parent(JsonObject *info, const char *path, const char **ret_last)
{
    const char *dot = strchr(path, '.');
    g_autofree char *parent = NULL;
    JsonObject *object;

    *ret_last = dot ? dot + 1 : path;
    if (!dot)
        return info;

    parent = g_strndup(path, dot - path);
    object = mt_json_peek_object(info, parent);
    if (!object) {
        object = json_object_new();
        json_object_set_object_member(info, parent, object);
    }
    return object;
}

static void
query_add(JsonObject *info, const char *path, gssize offset, NumberKind kind,
          const MtEngineStats *stats)
{
    const char *name;
    JsonObject *object = query_parent(info, path, &name);

    if (kind == NUMBER_REAL)
        json_object_set_double_member(
            object, name, G_STRUCT_MEMBER(double, stats, offset));
    else if (offset == NOTHING)
        json_object_set_int_member(object, name, 0);
    else
        json_object_set_int_member(
            object, name, G_STRUCT_MEMBER(gint64, stats, offset) /
            (kind == NUMBER_MS ? MT_NS_PER_MS : 1));
}

static guint
query_told(MtStatus status)
{
    switch (status) {
    case MT_STATUS_ACTIVE:
    case MT_STATUS_PRE_SWITCHOVER:
    case MT_STATUS_DEVICE:
    case MT_STATUS_CANCELLING:
        return IN_ACTIVE;
    case MT_STATUS_POSTCOPY_ACTIVE:
    case MT_STATUS_POSTCOPY_PAUSED:
    case MT_STATUS_POSTCOPY_RECOVER_SETUP:
    case MT_STATUS_POSTCOPY_RECOVER:
        return IN_POSTCOPY;
    case MT_STATUS_COMPLETED:
        return IN_COMPLETED;
    case MT_STATUS_NONE:
    case MT_STATUS_SETUP:
    case MT_STATUS_CANCELLED:
    case MT_STATUS_FAILED:
    default:
        return 0;
    }
}

static void
query_numbers(MtRefGuest *g, JsonObject *info, MtStatus status,
              const MtEngineStats *stats)
{
    guint told = query_told(status);

    for (guint i = 0; i < G_N_ELEMENTS(query_members); i++) {
        if ((query_members[i].told & told) &&
            mt_ref_profile_has_member(g->profile, query_members[i].path) &&
            (!query_members[i].condition ||
             query_members[i].condition(g, stats)))
            query_add(info, query_members[i].path, query_members[i].offset,
                      query_members[i].kind, stats);
    }

    for (guint i = 0; told && with_throttle(g, stats) &&
         i < G_N_ELEMENTS(query_throttle); i++) {
        if (mt_ref_profile_has_member(g->profile, query_throttle[i].path))
            json_object_set_int_member(info, query_throttle[i].path,
                                       stats->throttle_percent);
    }
}

/*
 * Counts as the release does.  Releases with an encoding rate count every page
 * that was found in the cache as encoded, also if it did not get smaller
 * (overflow) and was sent as 4096 bytes; older ones count what was sent as a
 * delta.
 */
static void
query_adjust_xbzrle(MtRefGuest *g, MtEngineStats *stats)
{
    stats->xbzrle_cache_bytes = mt_ref_tunables_number(
        g->tunables, MT_PARAM_XBZRLE_CACHE_SIZE);
    if (mt_ref_profile_has_member(g->profile, "xbzrle-cache.encoding-rate"))
        return;

    stats->xbzrle_pages -= MIN(stats->xbzrle_pages, stats->xbzrle_overflow +
                               stats->xbzrle_unchanged);
    stats->xbzrle_bytes -= MIN(stats->xbzrle_bytes,
                               stats->xbzrle_overflow * MT_PAGE_SIZE);
}

static void
query_outgoing(MtRefGuest *g, JsonObject *info, MtStatus status,
               gboolean by_engine, const char *error_desc)
{
    MtEngineStats stats;

    memset(&stats, 0, sizeof(stats));
    if (by_engine) {
        mt_engine_get_stats(g->source, &stats);
        query_adjust_xbzrle(g, &stats);
        query_numbers(g, info, status, &stats);
    }
    json_object_set_string_member(info, "status",
                                  mt_status_to_string(status));
    if (!error_desc)
        error_desc = stats.error_desc;
    if ((status == MT_STATUS_FAILED ||
         (query_told(status) == IN_POSTCOPY &&
          mt_ref_profile_release(g->profile) >= REASON_ALWAYS_SINCE)) &&
        error_desc &&
        mt_ref_profile_has_member(g->profile, "error-desc"))
        json_object_set_string_member(info, "error-desc", error_desc);
    mt_engine_stats_clear(&stats);
}

/* The address where a destination listens; NULL unless it is tcp or unix. */
static JsonArray *
query_socket_address(const char *address)
{
    g_autofree char *host = NULL;
    JsonArray *list;
    JsonObject *one;
    const char *port;

    if (g_str_has_prefix(address, "unix:")) {
        one = json_object_new();
        json_object_set_string_member(one, "type", "unix");
        json_object_set_string_member(one, "path", address + 5);
    } else if (g_str_has_prefix(address, "tcp:")) {
        port = strrchr(address, ':');
        host = g_strndup(address + 4, port - address - 4);
        one = json_object_new();
        json_object_set_string_member(one, "type", "inet");
        json_object_set_string_member(one, "host", *host ? host : "0.0.0.0");
        json_object_set_string_member(one, "port", port + 1);
    } else {
        return NULL;
    }

    list = json_array_new();
    json_array_add_object_element(list, one);
    return list;
}

static void
query_incoming(MtRefGuest *g, JsonObject *info, MtStatus status,
               const char *address)
{
    MtRelease release = mt_ref_profile_release(g->profile);
    JsonArray *sockets = NULL;

    if (address && mt_ref_profile_has_member(g->profile, "socket-address"))
        sockets = query_socket_address(address);
    if (sockets)
        json_object_set_array_member(info, "socket-address", sockets);
    if (status == MT_STATUS_NONE ||
        (status == MT_STATUS_SETUP && release < INCOMING_SETUP_SINCE) ||
        mt_ref_profile_has_quirk(g->profile, "no-status-when-incoming"))
        return;

    json_object_set_string_member(info, "status",
                                  mt_status_to_string(status));
}

/* The CPR modes need RAM that can be shared. */
const char *
mt_ref_guest_blocked_reason(MtRefGuest *g)
{
    static const char *const modes[] = { "cpr-transfer", "cpr-exec", NULL };
    const char *mode = mt_ref_tunables_text(g->tunables, MT_PARAM_MODE);

    if (g->spec->ram_file || !mode || !g_strv_contains(modes, mode))
        return NULL;
    return "Memory region ram is not compatible with CPR. share=on is "
           "required for memory-backend objects, and aux-ram-share=on is "
           "required.";
}

static void
query_blocked(MtRefGuest *g, JsonObject *info)
{
    const char *reason = mt_ref_guest_blocked_reason(g);
    JsonArray *reasons;

    if (mt_ref_profile_has_member(g->profile, "blocked"))
        json_object_set_boolean_member(info, "blocked", reason != NULL);
    if (!reason || !mt_ref_profile_has_member(g->profile, "blocked-reasons"))
        return;

    reasons = json_array_new();
    json_array_add_string_element(reasons, reason);
    json_object_set_array_member(info, "blocked-reasons", reasons);
}

JsonObject *
mt_ref_guest_query_migrate(MtRefGuest *g)
{
    JsonObject *info = json_object_new();
    g_autofree char *error_desc = NULL;
    g_autofree char *address = NULL;
    MtRefSide out, in;

    g_mutex_lock(&g->lock);
    out = g->outgoing;
    in = g->incoming;
    error_desc = g_strdup(out.error_desc);
    address = g_strdup(g->incoming_address);
    g_mutex_unlock(&g->lock);

    query_blocked(g, info);
    if (out.any)
        query_outgoing(g, info, out.status, out.by_engine, error_desc);
    else if (in.any)
        query_incoming(g, info, in.status, address);
    return info;
}

JsonObject *
mt_ref_guest_query_device_state(MtRefGuest *g)
{
    double limit_ms = mt_ref_tunables_number(g->tunables,
                                             MT_PARAM_DOWNTIME_LIMIT);
    JsonObject *state = NULL;
    MtEngineStats stats;
    gboolean by_engine;
    double bandwidth;

    g_mutex_lock(&g->lock);
    by_engine = g->outgoing.any && g->outgoing.by_engine;
    g_mutex_unlock(&g->lock);
    if (!by_engine)
        return NULL;

    memset(&stats, 0, sizeof(stats));
    mt_engine_get_stats(g->source, &stats);
    /* A migration that ends at once has no measured bandwidth. */
    bandwidth = stats.bandwidth ? stats.bandwidth :
        stats.transferred * (double)MT_NS_PER_S / MAX(stats.total_ns, 1);
    if (stats.device_bytes) {
        state = json_object_new();
        json_object_set_int_member(state, "bytes", stats.device_bytes);
        json_object_set_int_member(state, "budget",
                                   bandwidth * limit_ms / 1000);
        json_object_set_double_member(state, "mbps", bandwidth * 8 / 1e6);
        json_object_set_int_member(state, "downtime-limit", limit_ms);
    }
    mt_engine_stats_clear(&stats);
    return state;
}
