/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest: made, asked, and ended.
 *
 * It costs nothing while nothing happens: RAM that is zero is not touched,
 * other content is put in by a thread that ends when it is done, and everything
 * else runs in threads of the migration or of whoever asks.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "drivers/ref/guest/guest-private.h"
#include "migtune/migtune-error.h"
#include "util/json-peek.h"

/* Between two looks whether the guest was freed meanwhile. */
#define FILL_PAGES 1024

/* Threads that fill one guest, with at least as many pages each. */
#define MAX_FILLERS 8

static gboolean
guest_is_over(MtRefGuest *g)
{
    gboolean over;

    g_mutex_lock(&g->lock);
    over = g->quit;
    g_mutex_unlock(&g->lock);
    return over;
}

/* A share of the RAM, for one thread. */
typedef struct {
    MtRefGuest *guest;
    guint64 first, end;
} FillShare;

static gpointer
guest_fill_share(gpointer data)
{
    const FillShare *share = data;
    MtRefGuest *g = share->guest;

    for (guint64 i = share->first; i < share->end; i++) {
        if (i % FILL_PAGES == 0 && guest_is_over(g))
            break;
        mt_content_fill(g->spec->content, g->spec->content_seed, i,
                        mt_ram_page(g->ram, i, NULL));
    }
    return NULL;
}

static gpointer
guest_fill(gpointer data)
{
    MtRefGuest *g = data;
    FillShare shares[MAX_FILLERS];
    GThread *threads[MAX_FILLERS] = { NULL };
    guint64 n_pages = mt_ram_n_pages(g->ram);
    guint n = CLAMP(MIN(g_get_num_processors(), n_pages / FILL_PAGES), 1,
                    MAX_FILLERS);

    for (guint i = 0; i < n; i++) {
        shares[i].guest = g;
        shares[i].first = n_pages * i / n;
        shares[i].end = n_pages * (i + 1) / n;
        if (i)
            threads[i] = g_thread_new("ref-fill", guest_fill_share,
                                      &shares[i]);
    }
    guest_fill_share(&shares[0]);
    for (guint i = 1; i < n; i++)
        g_thread_join(threads[i]);

    g_mutex_lock(&g->lock);
    g->filled = TRUE;
    g_cond_broadcast(&g->changed);
    g_mutex_unlock(&g->lock);
    mt_ref_guest_start_first(g);
    return NULL;
}

void
mt_ref_guest_wait_filled(MtRefGuest *g)
{
    g_mutex_lock(&g->lock);
    while (!g->filled)
        g_cond_wait(&g->changed, &g->lock);
    g_mutex_unlock(&g->lock);
}

MtRam *
mt_ref_guest_get_ram(MtRefGuest *g)
{
    mt_ref_guest_wait_filled(g);
    return g->ram;
}

/* What QEMU calls the main RAM of a machine. */
static const char *
guest_ram_name(const MtRefGuestSpec *spec)
{
    gboolean pc = spec->machine && g_str_has_prefix(spec->machine, "pc");

    return pc ? "pc.ram" : "ram";
}

static gboolean
guest_make_ram(MtRefGuest *g, GError **error)
{
    const MtRefGuestSpec *spec = g->spec;
    MtRamBlockSpec block = {
        .name = guest_ram_name(spec),
        .length = spec->ram_bytes,
        .path = spec->ram_file,
    };

    g->ram = mt_ram_new();
    if (!mt_ram_add(g->ram, &block, error))
        return FALSE;

    g->dirty = mt_dirty_new(mt_ram_n_pages(g->ram));
    g->throttle = mt_throttle_new(&mt_throttle_defaults);
    g->load = mt_workload_new(&spec->workload, g->ram, g->dirty, g->throttle,
                              error);
    if (!g->load)
        return FALSE;

    g->gate = mt_gate_new(mt_ram_n_pages(g->ram));
    mt_workload_set_gate(g->load, g->gate);
    return TRUE;
}

static void
guest_close_fd(gpointer fd)
{
    close(GPOINTER_TO_INT(fd));
}

MtRefGuest *
mt_ref_guest_new(const MtRefGuestSpec *spec, GError **error)
{
    g_autoptr(MtRefGuest) g = g_new0(MtRefGuest, 1);

    g_mutex_init(&g->command);
    g_mutex_init(&g->run);
    g_mutex_init(&g->lock);
    g_cond_init(&g->changed);
    mt_ref_guest_init_events(g);
    g->spec = mt_ref_guest_spec_copy(spec);
    mt_ref_faults_init(&g->faults, spec->faults);
    g->fds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                   guest_close_fd);
    g->profile = mt_ref_profile_new(
        spec->release, (const char *const *)spec->build_options,
        spec->overrides ? (const MtRefOverride *)spec->overrides->data : NULL,
        error);
    if (!g->profile || !guest_make_ram(g, error))
        return NULL;

    g->tunables = mt_ref_tunables_new(g->profile);
    mt_ref_tunables_set_machine(g->tunables, spec->machine);
    mt_ref_guest_make_engines(g);
    g->autostart = !spec->paused;
    g->state = spec->incoming ? MT_REF_INMIGRATE :
               spec->paused ? MT_REF_PRELAUNCH : MT_REF_RUNNING;
    g->filled = spec->incoming || spec->ram_file ||
                spec->content == MT_CONTENT_ZERO;
    if (g->filled)
        mt_ref_guest_start_first(g);
    else
        g->filler = g_thread_new("ref-fill", guest_fill, g);

    return g_steal_pointer(&g);
}

void
mt_ref_guest_free(MtRefGuest *g)
{
    if (!g)
        return;

    if (g->load)
        mt_ref_guest_die(g, NULL);
    if (g->filler)
        g_thread_join(g->filler);
    mt_ref_guest_stop_rate(g);
    /* The end of the one may still cancel the other. */
    mt_engine_end(g->source);
    mt_engine_end(g->dest);
    mt_engine_free(g->source);
    mt_engine_free(g->dest);
    mt_workload_free(g->load);
    mt_gate_free(g->gate);
    mt_throttle_free(g->throttle);
    mt_dirty_free(g->dirty);
    mt_ram_free(g->ram);
    mt_ref_tunables_free(g->tunables);
    g_clear_pointer(&g->profile, mt_ref_profile_unref);
    g_hash_table_unref(g->fds);
    mt_ref_faults_clear(&g->faults);
    mt_ref_side_clear(&g->outgoing);
    mt_ref_side_clear(&g->incoming);
    mt_ref_guest_drop_events(g);
    mt_ref_guest_spec_free(g->spec);
    g_free(g->incoming_address);
    g_free(g->last_words);
    g_free(g->rate.mode);
    g_mutex_clear(&g->command);
    g_mutex_clear(&g->run);
    g_mutex_clear(&g->lock);
    g_cond_clear(&g->changed);
    g_free(g);
}

const MtRefGuestSpec *
mt_ref_guest_get_spec(const MtRefGuest *g)
{
    return g->spec;
}

MtRefProfile *
mt_ref_guest_get_profile(const MtRefGuest *g)
{
    return g->profile;
}

gboolean
mt_ref_guest_has_quit(MtRefGuest *g)
{
    return guest_is_over(g);
}

char *
mt_ref_guest_dup_last_words(MtRefGuest *g)
{
    char *words;

    g_mutex_lock(&g->lock);
    words = g_strdup(g->last_words);
    g_mutex_unlock(&g->lock);
    return words;
}

void
mt_ref_guest_give_fd(MtRefGuest *g, const char *name, int fd)
{
    g_mutex_lock(&g->command);
    g_hash_table_replace(g->fds, g_strdup(name), GINT_TO_POINTER(fd));
    g_mutex_unlock(&g->command);
}

/* Where the guest is, for the rules that ask. */
void
mt_ref_guest_situation(MtRefGuest *g, MtRefSituation *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->migrating = mt_ref_guest_is_migrating(g);
    ret->incoming = mt_ref_guest_run_state(g) == MT_REF_INMIGRATE;
    ret->incoming_started = ret->incoming && g->incoming_begun;
    ret->ram_bytes = mt_ram_bytes(g->ram);
    ret->reject = mt_ref_guest_spec_reject(g->spec);
    ret->hide_deprecated = g->spec->hide_deprecated;
    ret->hide_unstable = g->spec->hide_unstable;
}

static gboolean
guest_run_tunables(MtRefGuest *g, const char *command, JsonObject *arguments,
                   JsonNode **ret_result, MtRefRefusal *refusal)
{
    MtRefSituation situation;
    gboolean ok;

    mt_ref_guest_situation(g, &situation);
    ok = mt_ref_tunables_run(g->tunables, &situation, command, arguments,
                             ret_result, refusal);
    mt_ref_guest_retune(g);
    return ok;
}

gboolean
mt_ref_guest_dispatch(MtRefGuest *g, const char *command,
                      JsonObject *arguments, int *fd, JsonNode **ret_result,
                      MtRefRefusal *refusal)
{
    MtRefRun run = mt_ref_guest_find_command(command);

    if (strcmp(command, "x-migtune-fault") == 0)
        return mt_ref_run_fault(g, arguments, ret_result, refusal);
    if (!mt_ref_input_check(g->profile, command, arguments,
                            mt_ref_guest_spec_reject(g->spec), refusal))
        return FALSE;

    mt_ref_guest_unset_blk(g);
    if (strcmp(command, "getfd") == 0)
        return mt_ref_guest_take_fd(g, arguments, fd, refusal);
    if (mt_ref_tunables_knows(command))
        return guest_run_tunables(g, command, arguments, ret_result, refusal);
    if (run)
        return run(g, arguments, ret_result, refusal);

    return mt_ref_refuse(refusal, "The reference engine has nothing behind "
                         "the command '%s' of this release", command);
}

/* Waits for @ms, or until the guest ends. */
static void
guest_delay(MtRefGuest *g, guint64 ms)
{
    gint64 end = g_get_monotonic_time() + MIN(ms, G_MAXINT32) * 1000;

    g_mutex_lock(&g->lock);
    while (!g->quit && g_cond_wait_until(&g->changed, &g->lock, end))
        ;
    g_mutex_unlock(&g->lock);
}

static MtRefAnswer
guest_meet_fault(MtRefGuest *g, const char *command, MtRefRefusal *refusal)
{
    MtRefFaultKind fault = MT_REF_FAULT_NONE;
    gboolean quit;
    guint64 ms = 0;

    g_mutex_lock(&g->lock);
    quit = g->quit;
    if (strcmp(command, "x-migtune-fault") != 0)
        fault = mt_ref_faults_meet(&g->faults, command, &ms);
    g_mutex_unlock(&g->lock);

    if (quit || fault == MT_REF_FAULT_HANGUP)
        return MT_REF_HANG_UP;
    if (fault == MT_REF_FAULT_DELAY)
        guest_delay(g, ms);
    if (fault != MT_REF_FAULT_REFUSE)
        return MT_REF_ANSWERED;

    mt_ref_refuse(refusal, "%s was refused, as the fault in force asks",
                  command);
    return MT_REF_REFUSED;
}

MtRefAnswer
mt_ref_guest_execute_fd(MtRefGuest *g, const char *command,
                        JsonObject *arguments, int *fd, JsonNode **ret_result,
                        MtRefRefusal *refusal)
{
    MtRefAnswer answer = guest_meet_fault(g, command, refusal);
    g_autoptr(JsonObject) args = arguments ? json_object_ref(arguments) :
                                 json_object_new();
    JsonNode *result = NULL;

    if (answer != MT_REF_ANSWERED)
        return answer;

    g_mutex_lock(&g->command);
    if (!mt_ref_guest_dispatch(g, command, args, fd, &result, refusal))
        answer = MT_REF_REFUSED;
    else if (strcmp(command, "quit") == 0)
        answer = MT_REF_QUIT;
    g_mutex_unlock(&g->command);
    mt_ref_guest_tell(g);

    if (answer != MT_REF_REFUSED)
        *ret_result = result ? result :
                      mt_json_node_new_object(json_object_new());
    return answer;
}

MtRefAnswer
mt_ref_guest_execute(MtRefGuest *g, const char *command,
                     JsonObject *arguments, JsonNode **ret_result,
                     MtRefRefusal *refusal)
{
    int fd = -1;

    return mt_ref_guest_execute_fd(g, command, arguments, &fd, ret_result,
                                   refusal);
}

gboolean
mt_ref_run_fault(MtRefGuest *g, JsonObject *arguments, JsonNode **ret_result,
                 MtRefRefusal *refusal)
{
    MtRefFault fault;

    if (!mt_ref_fault_read(arguments, &fault, refusal))
        return FALSE;

    g_mutex_lock(&g->lock);
    if (fault.kind == MT_REF_FAULT_NONE)
        mt_ref_faults_disarm(&g->faults);
    else
        mt_ref_faults_arm(&g->faults, &fault);
    g_mutex_unlock(&g->lock);
    return TRUE;
}
