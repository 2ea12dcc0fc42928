/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A running guest is migrated from one libvirt to another by
 * virDomainMigrate3() with only the flags and typed parameters that its
 * settings were lowered to.  The statistics that libvirt reports of the
 * finished job prove that the requested method was used.  The equivalent virsh
 * commands are run, too, and must have the same effect, as must the command
 * `migrate` of migtune.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include "hosts.h"
#include "migtune/migtune-driver.h"
#include "migtune/migtune.h"

#define CASE_SECONDS 60

static Host *alpha;
static Host *beta;

/* A migration that runs in its own thread. */
typedef struct {
    virDomainPtr domain;
    virConnectPtr to;
    char **commands;            /* virsh commands; used instead of params and
                                 * flags */
    const char *const *wishes;  /* for `migtune migrate`; the same */
    const char *options[4];     /* of `migtune migrate` */
    virTypedParameterPtr params;
    int n_params;
    unsigned int flags;

    gint done;                  /* atomic */
    virDomainPtr moved;
    char *error;
} Move;

/* Runs the printed virsh commands, with the connection URI inserted. */
static void
move_by_virsh(Move *move)
{
    for (char **at = move->commands; *at && !move->error; at++) {
        g_autofree char *line = NULL;
        g_autofree char *text = NULL;
        const char *argv[] = { "sh", "-c", NULL, NULL };

        g_assert_true(g_str_has_prefix(*at, "virsh "));
        line = g_strdup_printf("virsh -c '%s' %s", alpha->uri,
                               *at + strlen("virsh "));
        argv[2] = line;
        text = hosts_run(argv);
        g_test_message("%s: %s", *at, text);
        if (g_str_has_prefix(text, "exit ") || strstr(text, "\"error\""))
            move->error = g_steal_pointer(&text);
    }
    if (!move->error)
        move->moved = virDomainLookupByName(move->to, "mover");
}

/* Runs `migtune migrate`. */
static gpointer
move_run_migtune(gpointer data)
{
    Move *move = data;
    g_autofree char *tool = hosts_find_migtune();
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_autofree char *text = NULL;
    const char *start[] = { tool, "-c", alpha->uri, "migrate", "mover",
                            beta->uri };

    for (gsize i = 0; i < G_N_ELEMENTS(start); i++)
        g_ptr_array_add(words, (char *)start[i]);
    for (gsize i = 0; move->options[i]; i++)
        g_ptr_array_add(words, (char *)move->options[i]);
    for (gsize i = 0; move->wishes[i]; i++)
        g_ptr_array_add(words, (char *)move->wishes[i]);
    g_ptr_array_add(words, NULL);
    text = hosts_run((const char *const *)words->pdata);
    g_test_message("%s", text);
    if (g_str_has_prefix(text, "exit "))
        move->error = g_steal_pointer(&text);
    else
        move->moved = virDomainLookupByName(move->to, "mover");
    g_atomic_int_set(&move->done, TRUE);

    return NULL;
}

static gpointer
move_run_virsh(gpointer data)
{
    Move *move = data;

    move_by_virsh(move);
    g_atomic_int_set(&move->done, TRUE);

    return NULL;
}

/* Uses its own connection, so that the caller can use the others meanwhile. */
static gpointer
move_run(gpointer data)
{
    Move *move = data;
    virConnectPtr from = virConnectOpen(alpha->uri);
    virDomainPtr domain = virDomainLookupByName(from, "mover");

    move->moved = virDomainMigrate3(domain, move->to, move->params,
                                    move->n_params, move->flags);
    if (!move->moved)
        move->error = g_strdup(virGetLastErrorMessage());
    virDomainFree(domain);
    virConnectClose(from);
    g_atomic_int_set(&move->done, TRUE);

    return NULL;
}

/* A number of libvirt's job statistics; -1 if libvirt does not report it. */
static gint64
job_number(virDomainPtr domain, const char *name, unsigned int flags)
{
    virTypedParameterPtr params = NULL;
    int n_params = 0;
    int type;
    gint64 result = -1;

    if (virDomainGetJobStats(domain, &type, &params, &n_params, flags) < 0)
        return -1;
    for (int i = 0; i < n_params; i++) {
        if (strcmp(params[i].field, name) != 0)
            continue;
        result = params[i].type == VIR_TYPED_PARAM_INT
                     ? params[i].value.i : (gint64)params[i].value.ul;
    }
    virTypedParamsFree(params, n_params);

    return result;
}

/* Counts the established TCP connections of the migration. */
static guint
count_connections(const Host *host)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/net/tcp", host->pid);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    guint n = 0;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    lines = g_strsplit(text, "\n", -1);
    for (char **at = lines; *at; at++) {
        unsigned int remote, state;

        if (sscanf(*at, " %*d: %*x:%*x %*x:%x %x", &remote, &state) == 2 &&
            state == 1 && remote >= 49152 && remote <= 49215)
            n++;
    }

    return n;
}

/* What was observed while the migration ran. */
typedef struct {
    guint n_connections;
    gint64 throttle;            /* percent; the highest value seen */
    gint64 rise;                /* the pass in which that was first seen */
    gint64 iteration;
    gint64 normal;              /* pages, as they are */
    gint64 compressed;          /* pages, by XBZRLE */
    gboolean postcopy;          /* the guest ran on the destination */
    gboolean enough;            /* what Case.enough asks for */
} Seen;

typedef struct {
    const char *name;
    const char *wishes[8];
    /* Whether enough was observed, so that the test ends the migration;
     * NULL: it ends by itself. */
    gboolean (*enough)(const Seen *seen);
    gboolean postcopy;          /* end it by a switch to post-copy */
    /* Proves by libvirt's final statistics and by the observations that the
     * requested method was used. */
    void (*proof)(virDomainPtr moved, const Seen *seen);
    const char *not_before;     /* libvirt release; older ones must refuse */
    const char *gone_with;      /* the error if this QEMU has removed it */
    gboolean virsh;             /* also test its virsh commands */
    gboolean needs_monitor;     /* `migtune migrate` must refuse it */
    gboolean p2p;               /* also test it peer to peer */
} Case;

/* A pass sends each of the 143 busy pages once, or fewer if the guest had little
 * processor time. */
static gboolean
enough_passes(const Seen *seen)
{
    return seen->iteration >= 3 && seen->normal > 2 * 143;
}

static gboolean
enough_compressed(const Seen *seen)
{
    return seen->compressed >= 143;
}

static gboolean
enough_connections(const Seen *seen)
{
    return seen->n_connections >= 5;
}

static gboolean
enough_throttle(const Seen *seen)
{
    return seen->throttle >= 50;
}

/* The throttle may rise every other pass. */
static gboolean
enough_limited_throttle(const Seen *seen)
{
    return seen->throttle > 45 ||
           (seen->throttle == 45 && seen->iteration >= seen->rise + 6);
}

static gint64
completed(virDomainPtr moved, const char *name)
{
    return job_number(moved, name, VIR_DOMAIN_JOB_STATS_COMPLETED |
                                       VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED);
}

static void
proof_plain(virDomainPtr moved, const Seen *seen)
{
    g_assert_cmpint(completed(moved, VIR_DOMAIN_JOB_MEMORY_NORMAL), >, 2 * 143);
    g_assert_cmpint(completed(moved, VIR_DOMAIN_JOB_COMPRESSION_PAGES), <=, 0);
    g_assert_cmpuint(seen->n_connections, ==, 1);
}

static void
proof_xbzrle(virDomainPtr moved, const Seen *seen)
{
    g_assert_cmpint(completed(moved, VIR_DOMAIN_JOB_COMPRESSION_CACHE), ==,
                    16 * 1024 * 1024);
    g_assert_cmpint(completed(moved, VIR_DOMAIN_JOB_COMPRESSION_PAGES), >, 0);
}

/* Pages that were compressed by threads do not count as normal pages. */
static void
proof_mt(virDomainPtr moved, const Seen *seen)
{
    g_assert_cmpint(completed(moved, VIR_DOMAIN_JOB_MEMORY_NORMAL), <, 100);
    g_assert_cmpint(completed(moved, VIR_DOMAIN_JOB_MEMORY_ITERATION), >, 1);
}

static void
proof_parallel(virDomainPtr moved, const Seen *seen)
{
    /* Four multifd channels and the main channel. */
    g_assert_cmpuint(seen->n_connections, ==, 5);
}

static void
proof_zstd(virDomainPtr moved, const Seen *seen)
{
    gint64 pages = completed(moved, VIR_DOMAIN_JOB_MEMORY_NORMAL);

    g_assert_cmpint(pages, >, 143);
    g_assert_cmpint(completed(moved, VIR_DOMAIN_JOB_MEMORY_PROCESSED), <,
                    pages * 4096 / 2);
}

static void
proof_throttle(virDomainPtr moved, const Seen *seen)
{
    g_assert_cmpint(seen->throttle, >=, 50);
    /* The throttle starts at 30 and rises in steps of 20. */
    g_assert_cmpint(seen->throttle % 20, ==, 10);
}

static void
proof_limited_throttle(virDomainPtr moved, const Seen *seen)
{
    g_assert_cmpint(seen->throttle, ==, 45);
}

static void
proof_postcopy(virDomainPtr moved, const Seen *seen)
{
    g_assert_true(seen->postcopy);
}

#define SLOW "bandwidth=1MiB/s", "downtime=10"

static const Case cases[] = {
    { "plain", { SLOW, NULL }, enough_passes, FALSE, proof_plain,
      .p2p = TRUE },
    { "xbzrle", { "compression=xbzrle", "compression.xbzrle.cache=16MiB",
                  SLOW, NULL }, enough_compressed, FALSE, proof_xbzrle,
      .virsh = TRUE },
    { "mt", { "compression=mt", "compression.mt.level=9",
              "compression.mt.threads=2", "compression.mt.dthreads=1",
              NULL }, NULL, FALSE, proof_mt, NULL,
      "compress was removed", .virsh = TRUE },
    { "parallel", { "parallel=on", "parallel.connections=4", SLOW, NULL },
      enough_connections, FALSE, proof_parallel, .virsh = TRUE },
    { "zstd", { "compression=zstd", "parallel.connections=4",
                "compression.zstd.level=3", NULL }, NULL, FALSE, proof_zstd,
      "9.4", .virsh = TRUE },
    { "auto-converge", { "auto_converge=on", "auto_converge.initial=30",
                         "auto_converge.increment=20", SLOW, NULL },
      enough_throttle, FALSE, proof_throttle },
    /* libvirt knows neither the limit nor the threshold: they are set through
     * QEMU's monitor just before the migration.  With this threshold QEMU
     * throttles also a guest that writes little, as on a busy machine. */
    { "auto-converge-limited", { "auto_converge=on",
                                 "auto_converge.initial=30",
                                 "auto_converge.increment=10",
                                 "auto_converge.max=45",
                                 "auto_converge.threshold=1", SLOW, NULL },
      enough_limited_throttle, FALSE, proof_limited_throttle, .virsh = TRUE,
      .needs_monitor = TRUE },
    { "postcopy", { "postcopy=on", "bandwidth.postcopy=1", SLOW, NULL },
      enough_passes, TRUE, proof_postcopy, .p2p = TRUE },
};

/* Observes the migration, and lets it end once enough was observed. */
static void
watch(const Case *c, Move *move, Seen *seen)
{
    gint64 end = g_get_monotonic_time() + CASE_SECONDS * G_USEC_PER_SEC;

    seen->enough = !c->enough;
    while (!g_atomic_int_get(&move->done)) {
        guint n = count_connections(alpha);
        gint64 throttle = job_number(move->domain,
            VIR_DOMAIN_JOB_AUTO_CONVERGE_THROTTLE, 0);
        gint64 iteration = job_number(move->domain,
                                      VIR_DOMAIN_JOB_MEMORY_ITERATION, 0);

        gint64 compressed = job_number(move->domain,
                                       VIR_DOMAIN_JOB_COMPRESSION_PAGES, 0);
        gint64 normal = job_number(move->domain,
                                   VIR_DOMAIN_JOB_MEMORY_NORMAL, 0);
        int state = 0;
        int reason = 0;

        virDomainGetState(move->domain, &state, &reason, 0);
        if (state == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_POSTCOPY)
            seen->postcopy = TRUE;
        seen->n_connections = MAX(seen->n_connections, n);
        seen->compressed = MAX(seen->compressed, compressed);
        seen->normal = MAX(seen->normal, normal);
        if (throttle > seen->throttle) {
            seen->throttle = throttle;
            seen->rise = iteration;
        }
        seen->iteration = MAX(seen->iteration, iteration);
        /* libvirt refuses both if the migration has ended in the meantime. */
        if (!seen->enough && c->enough(seen))
            seen->enough =
                (c->postcopy
                     ? virDomainMigrateStartPostCopy(move->domain, 0)
                     : virDomainMigrateSetMaxSpeed(move->domain, 1000, 0)) == 0;
        if (g_get_monotonic_time() > end) {
            g_test_message("too long: %u connections, throttle %d, pass %d",
                           seen->n_connections, (int)seen->throttle,
                           (int)seen->iteration);
            virDomainAbortJob(move->domain);
            break;
        }
        g_usleep(5000);
    }
}

static gboolean
libvirt_is_older(const char *release)
{
    unsigned long version;
    int major, minor;

    g_assert_cmpint(virConnectGetLibVersion(alpha->conn, &version), ==, 0);
    g_assert_cmpint(sscanf(release, "%d.%d", &major, &minor), ==, 2);

    return version < major * 1000000ul + minor * 1000ul;
}

/* On a busy machine a guest may write so little for a moment that its migration
 * ends before enough was observed.  Then it is migrated again. */
#define MOVE_TRIES 5

static void
move_repeat(const Case *c, gboolean option,
            gboolean (*move)(const Case *c, gboolean option))
{
    for (guint i = 0; i < MOVE_TRIES; i++) {
        if (move(c, option))
            return;
        g_test_message("the migration ended too early");
    }
    g_test_message("%u migrations ended too early", MOVE_TRIES);
    g_test_fail();
}

/* FALSE if the migration ended too early. */
static gboolean
move_by_virsh_or_api(const Case *c, gboolean virsh)
{
    virDomainPtr domain = host_add_guest(alpha, "mover", TRUE);
    g_autoptr(GError) error = NULL;
    g_autoptr(MigtuneConn) conn = NULL;
    g_autoptr(MigtuneDomain) tuned = NULL;
    g_autoptr(MigtunePlan) plan = NULL;
    g_autoptr(MigtuneLowering) lowering = NULL;
    virTypedParameterPtr params = NULL;
    g_autofree char *info = NULL;
    g_auto(GStrv) commands = NULL;
    Move move = { .domain = domain, .to = beta->conn };
    Seen seen = { 0 };
    GThread *thread;
    gboolean ok = TRUE;
    int n = 0;

    host_wait_busy(alpha, "mover");
    conn = migtune_conn_open(alpha->uri, 0, HOST_PATIENCE_MS, NULL, &error);
    g_assert_no_error(error);
    tuned = migtune_conn_lookup(conn, "mover", NULL, &error);
    g_assert_no_error(error);
    g_assert_true(migtune_typed_params_parse(c->wishes, &params, &n, &error));
    plan = migtune_domain_plan(
        tuned, params, n, c->gone_with ? MIGTUNE_SET_STRICT : 0, NULL, &error);
    g_assert_no_error(error);
    migtune_typed_params_free(params, n);
    lowering = migtune_plan_lower(plan, NULL, NULL, &error);
    g_assert_no_error(error);

    if (!migtune_lowering_check(lowering, &error)) {
        /* Refused before anything is sent, and only for the expected reason. */
        g_test_message("refused: %s", error->message);
        if (c->gone_with)
            g_assert_nonnull(strstr(error->message, c->gone_with));
        else
            g_assert_true(c->not_before && libvirt_is_older(c->not_before) &&
                          strstr(error->message, c->not_before));
        goto out;
    }
    g_assert_false(c->not_before && libvirt_is_older(c->not_before));
    if (virsh)
        commands = migtune_lowering_to_virsh(lowering, beta->uri);
    else
        migtune_lowering_prepare(lowering, NULL, &error);
    g_assert_no_error(error);

    move.commands = commands;
    move.flags = migtune_lowering_get_flags(lowering);
    move.params = migtune_lowering_get_params(lowering, &move.n_params);
    thread = g_thread_new("move", virsh ? move_run_virsh : move_run, &move);
    watch(c, &move, &seen);
    g_thread_join(thread);
    g_assert_cmpstr(move.error, ==, NULL);

    info = host_virsh(beta, "domjobinfo", "--completed", "--keep-completed",
                      "mover", NULL);
    g_test_message("%s", info);
    if (c->postcopy) {
        /* After post-copy, the source has the statistics. */
        g_autofree char *source = host_virsh(alpha, "domjobinfo",
                                             "--completed", "mover", NULL);

        g_test_message("%s", source);
    }
    if (seen.enough)
        c->proof(move.moved, &seen);
    ok = seen.enough;
    virDomainDestroy(move.moved);
    virDomainFree(move.moved);

out:
    virDomainDestroy(domain);
    virDomainUndefine(domain);
    virDomainFree(domain);
    return ok;
}

/* The command `migrate` of migtune does the same, directly or peer to peer; what
 * it cannot do, it refuses before anything is sent. */
static gboolean
move_by_migtune(const Case *c, gboolean p2p)
{
    virDomainPtr domain = host_add_guest(alpha, "mover", TRUE);
    gboolean refused = c->not_before && libvirt_is_older(c->not_before);
    Move move = { .domain = domain, .to = beta->conn, .wishes = c->wishes };
    Seen seen = { 0 };
    GThread *thread;
    gboolean ok = TRUE;
    guint n = 0;

    if (p2p)
        move.options[n++] = "--p2p";
    if (c->gone_with) {
        move.options[n++] = "--policy";
        move.options[n++] = "strict";
    }
    host_wait_busy(alpha, "mover");
    thread = g_thread_new("move", move_run_migtune, &move);
    if (!refused && !c->needs_monitor)
        watch(c, &move, &seen);
    g_thread_join(thread);
    if (move.error && (refused || c->needs_monitor || c->gone_with)) {
        assert_has(move.error, c->needs_monitor ? "the monitor"
                               : refused        ? c->not_before
                                                : c->gone_with);
        g_assert_cmpint(virDomainIsActive(domain), ==, 1);
    } else {
        g_assert_cmpstr(move.error, ==, NULL);
        g_assert_false(refused || c->needs_monitor);
        ok = seen.enough;
        if (ok)
            c->proof(move.moved, &seen);
        virDomainDestroy(move.moved);
        virDomainFree(move.moved);
    }
    g_free(move.error);
    virDomainDestroy(domain);
    virDomainUndefine(domain);
    virDomainFree(domain);
    return ok;
}

static void
test_move_by_migtune(gconstpointer c)
{
    move_repeat(c, FALSE, move_by_migtune);
}

static void
test_move_peer_to_peer(gconstpointer c)
{
    move_repeat(c, TRUE, move_by_migtune);
}

static void
test_move(gconstpointer c)
{
    move_repeat(c, FALSE, move_by_virsh_or_api);
}

static void
test_move_by_virsh(gconstpointer c)
{
    move_repeat(c, TRUE, move_by_virsh_or_api);
}

static char *
get_metadata(virDomainPtr domain, const char *name)
{
    char *text = virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT,
                                      name, VIR_DOMAIN_AFFECT_LIVE);

    if (!text)
        g_error("%s: %s", name, virGetLastErrorMessage());

    return text;
}

#define SHOW(host, ...)                                                   \
    host_migtune(host, "migrate-getparameters", "mover", __VA_ARGS__, NULL)
#define IN_FORCE(host, ...)                                               \
    do {                                                                  \
        g_autofree char *text_ = host_migtune(host, __VA_ARGS__, NULL);   \
        assert_has(text_, "in-force");                                    \
        assert_lacks(text_, "exit");                                      \
    } while (0)

/*
 * Settings that were made by hand migrate with the guest, in its metadata
 * beside the metadata of other programs.  On the destination migtune shows
 * which of them libvirt has changed, and can bring them into force again.
 */
static void
test_kept(void)
{
    virDomainPtr domain = host_add_guest(alpha, "mover", TRUE);
    virDomainPtr moved;
    g_autofree char *mine = NULL;
    g_autofree char *mine_there = NULL;
    g_autofree char *foreign = NULL;
    g_autofree char *foreign_there = NULL;
    g_autofree char *undone = NULL;
    g_autofree char *composed = NULL;
    g_autofree char *itself = NULL;
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;
    g_autofree char *again = NULL;

    host_wait_busy(alpha, "mover");
    IN_FORCE(alpha, "migrate-setparameters", "mover", "downtime=432",
             "xbzrle=on");
    mine = get_metadata(domain, MIGTUNE_DRIVER_KEPT_NAMESPACE);
    foreign = get_metadata(domain, "urn:other");

    moved = virDomainMigrate3(domain, beta->conn, NULL, 0, VIR_MIGRATE_LIVE);
    if (!moved)
        g_error("%s", virGetLastErrorMessage());
    mine_there = get_metadata(moved, MIGTUNE_DRIVER_KEPT_NAMESPACE);
    foreign_there = get_metadata(moved, "urn:other");
    g_assert_cmpstr(mine_there, ==, mine);
    g_assert_cmpstr(foreign_there, ==, foreign);

    undone = SHOW(beta, "xbzrle");
    g_test_message("%s", undone);
    assert_has(undone, "libvirt switches it on only during a migration that "
                       "asks for it");
    /* `compression` is composed of `xbzrle` and has the same reason. */
    composed = SHOW(beta, "compression");
    g_test_message("%s", composed);
    assert_has(composed,
               "libvirt switches it on only during a migration that asks for "
               "it");
    itself = SHOW(beta, "events");
    g_test_message("%s", itself);
    assert_has(itself, "libvirt needs the events of a migration");

    before = host_virsh(beta, "migrate-getmaxdowntime", "mover", NULL);
    g_assert_cmpstr(g_strstrip(before), ==, "300");
    IN_FORCE(beta, "apply-config", "mover", "--live");
    after = host_virsh(beta, "migrate-getmaxdowntime", "mover", NULL);
    g_assert_cmpstr(g_strstrip(after), ==, "432");
    again = SHOW(beta, "xbzrle");
    g_test_message("%s", again);
    assert_lacks(again, "libvirt");

    virDomainDestroy(moved);
    virDomainFree(moved);
    virDomainDestroy(domain);
    virDomainUndefine(domain);
    virDomainFree(domain);
}

int
main(int argc, char **argv)
{
    int status;

    g_test_init(&argc, &argv, NULL);
    if (!hosts_can_be())
        return 0;

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/libvirt/move/%s",
                                                cases[i].name);

        g_test_add_data_func(path, &cases[i], test_move);
        if (cases[i].virsh) {
            g_autofree char *by_virsh = g_strdup_printf("%s-by-virsh", path);

            g_test_add_data_func(by_virsh, &cases[i], test_move_by_virsh);
        }
        {
            g_autofree char *by_migtune =
                g_strdup_printf("%s-by-migtune", path);

            g_test_add_data_func(by_migtune, &cases[i], test_move_by_migtune);
        }
        if (cases[i].p2p) {
            g_autofree char *p2p =
                g_strdup_printf("%s-by-migtune-p2p", path);

            g_test_add_data_func(p2p, &cases[i], test_move_peer_to_peer);
        }
    }
    g_test_add_func("/libvirt/move/kept", test_kept);

    alpha = host_new("alpha", 1, NULL);
    beta = host_new("beta", 2, alpha);
    status = g_test_run();
    host_free(alpha);
    host_free(beta);

    return status;
}
