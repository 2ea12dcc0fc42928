/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A real guest passes through the engine and lives.
 *
 * A boot sector prints the letters A to Z over and over on the serial port.  The
 * guest is stopped and migrated from QEMU to the engine and on to another QEMU,
 * three times.  All RAM blocks must be the same each time, and the device state
 * from the second time on: QEMU itself changes a field of its IDE controller when
 * it loads the first one.  In the last QEMU the guest continues with the letter
 * after the last one.
 *
 * The same guest also passes once by post-copy with postcopy-preempt: pages that
 * the test asks for, and then those that the guest asks for, arrive on a channel
 * of their own.
 */
#include "config.h"

#include <glib/gstdio.h>
#include <string.h>

#include "engine/engine.h"
#include "engine/memory/gate.h"
#include "engine/memory/workload.h"
#include "lib/qemu-guest.h"
#include "lib/remove-tree.h"
#include "util/clock.h"
#include "migtune/migtune-error.h"

#define RAM_BYTES (32 * 1024 * 1024)
#define ROUNDS 3
#define TIMEOUT_MS 60000
#define WAIT_NS (TIMEOUT_MS * MT_NS_PER_MS)

static const struct {
    const char *name;
    const char *machine;
    MtGeneration generation;
    gboolean multifd;
} cases[] = {
    { "7.2", "pc", MT_GENERATION_OLD, FALSE },
    { "7.2", "pc", MT_GENERATION_OLD, TRUE },
    { "7.2", "q35", MT_GENERATION_OLD, FALSE },
    { "10.0", "pc", MT_GENERATION_NEW, FALSE },
    { "10.0", "q35", MT_GENERATION_NEW, TRUE },
    { "11.1", "pc", MT_GENERATION_NEW, TRUE },
    { "11.1", "q35", MT_GENERATION_NEW, FALSE },
};

/* mov dx,3f8; mov al,'A'; next: out dx,al; mov cx,ffff; wait: loop wait;
 * inc al; cmp al,'Z'+1; jne next; mov al,'A'; jmp next */
static const guint8 boot_code[] = {
    0xba, 0xf8, 0x03, 0xb0, 0x41, 0xee, 0xb9, 0xff, 0xff, 0xe2, 0xfe,
    0xfe, 0xc0, 0x3c, 0x5b, 0x75, 0xf4, 0xb0, 0x41, 0xeb, 0xf0,
};

typedef struct {
    guint i;                    /* of cases */
    char *dir;
    char *disk;
    MtEngineSettings settings;
} Passage;

static char *
serial_path(const Passage *p, guint n)
{
    return g_strdup_printf("%s/serial-%u", p->dir, n);
}

static char *
serial_text(const Passage *p, guint n)
{
    g_autofree char *path = serial_path(p, n);
    char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, NULL))
        text = g_strdup("");
    return text;
}

/* Waits until QEMU @n has printed @len letters. */
static void
serial_wait(const Passage *p, guint n, gsize len)
{
    gint64 end = g_get_monotonic_time() + TIMEOUT_MS * (gint64)1000;

    for (;;) {
        g_autofree char *text = serial_text(p, n);

        if (strlen(text) >= len)
            return;
        if (g_get_monotonic_time() > end)
            g_error("QEMU %u has printed only '%s'", n, text);
        g_usleep(10000);
    }
}

static QemuGuest *
passage_start_qemu(const Passage *p, guint n, gboolean incoming)
{
    g_autofree char *serial = serial_path(p, n);
    g_autofree char *serial_arg = g_strdup_printf("file:%s", serial);
    g_autofree char *drive = g_strdup_printf(
        "if=ide,format=raw,snapshot=on,file.locking=off,file=%s", p->disk);
    g_autofree char *dir = g_strdup_printf("%s/qemu-%u", p->dir, n);
    /* The clock of the guest stands still while the guest does. */
    const char *args[] = { "-m", "32M", "-vga", "std", "-serial", serial_arg,
                           "-drive", drive, "-rtc", "base=utc,clock=vm",
                           NULL };
    QemuGuestSpec spec = {
        .command = qemu_guest_command(cases[p->i].name),
        .dir = dir, .ram_bytes = RAM_BYTES, .incoming = incoming,
        /* userfaultfd works with private memory only. */
        .private_ram = incoming || !p->settings.postcopy, .machine = cases[p->i].machine,
        .more_args = args,
    };
    g_autoptr(GError) error = NULL;
    QemuGuest *qemu;

    g_assert_cmpint(g_mkdir(dir, 0700), ==, 0);
    qemu = qemu_guest_start(&spec, &error);
    g_assert_no_error(error);
    qemu_guest_set_capability(qemu, "events", TRUE, &error);
    g_assert_no_error(error);
    qemu_guest_set_capability(qemu, "return-path", TRUE, &error);
    g_assert_no_error(error);
    if (cases[p->i].multifd)
        qemu_guest_set_capability(qemu, "multifd", TRUE, &error);
    g_assert_no_error(error);
    return qemu;
}

/* The RAM of a guest with the blocks of @qemu. */
static MtRam *
passage_make_ram(QemuGuest *qemu)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonNode) answer = qemu_guest_execute(
        qemu, "human-monitor-command", "{'command-line': 'info ramblock'}",
        &error);
    g_auto(GStrv) lines = NULL;
    MtRam *ram = mt_ram_new();

    g_assert_no_error(error);
    lines = g_strsplit(json_node_get_string(answer), "\n", -1);
    /* NAME SIZE UNIT OFFSET USED TOTAL ... */
    for (char **line = lines + 1; *line; line++) {
        g_autoptr(GRegex) regex = g_regex_new(
            "^\\s*(\\S+)\\s+\\d+ \\S+\\s+0x\\w+\\s+0x(\\w+)\\s+0x(\\w+)", 0, 0,
            NULL);
        g_autoptr(GMatchInfo) match = NULL;
        g_autofree char *name = NULL;
        g_autofree char *used = NULL;
        g_autofree char *total = NULL;
        MtRamBlockSpec spec = { 0 };

        if (!g_regex_match(regex, *line, 0, &match))
            continue;
        name = g_match_info_fetch(match, 1);
        used = g_match_info_fetch(match, 2);
        total = g_match_info_fetch(match, 3);
        spec.name = name;
        spec.length = g_ascii_strtoull(used, NULL, 16);
        spec.max_length = g_ascii_strtoull(total, NULL, 16);
        if (spec.max_length == spec.length)
            spec.max_length = 0;
        mt_ram_add(ram, &spec, &error);
        g_assert_no_error(error);
    }

    g_assert_cmpuint(mt_ram_n_blocks(ram), >, 3);
    return ram;
}

/* Begins a migration from @qemu, which is stopped, to @ram.  @gate is NULL without
 * post-copy. */
static MtEngine *
passage_begin_load(Passage *p, QemuGuest *qemu, guint n, MtRam *ram,
                   MtGate *gate)
{
    g_autofree char *address = g_strdup_printf("unix:%s/in-%u", p->dir, n);
    g_autoptr(MtTransport) link = NULL;
    MtEngineGuest guest = { .gate = gate };
    MtEngine *engine = mt_engine_new(ram, NULL, &guest);
    g_autoptr(GError) error = NULL;

    link = mt_transport_new(address, &error);
    g_assert_no_error(error);
    mt_engine_incoming(engine, &p->settings, link, &error);
    g_assert_no_error(error);
    qemu_guest_run(qemu, &error, "migrate", "{'uri': '%s'}", address);
    g_assert_no_error(error);
    return engine;
}

/* Waits for its end; the device state is returned, the description only after
 * pre-copy. */
static void
passage_end_load(MtEngine *engine, QemuGuest *qemu, GBytes **ret_sections,
                 GBytes **ret_vmdesc, char **ret_machine)
{
    g_autoptr(GError) error = NULL;

    mt_engine_wait(engine, WAIT_NS, &error);
    g_assert_no_error(error);
    qemu_guest_wait_migration(qemu, TIMEOUT_MS, &error);
    g_assert_no_error(error);
    g_assert_true(mt_engine_get_devices(engine, ret_sections, ret_vmdesc));
    *ret_machine = mt_engine_dup_machine(engine);
}

/* Begins a migration from @ram to @qemu, which waits for it. */
static MtEngine *
passage_begin_send(Passage *p, QemuGuest *qemu, guint n, MtRam *ram,
                   GBytes *sections, GBytes *vmdesc, const char *machine)
{
    g_autofree char *address = g_strdup_printf("unix:%s/out-%u", p->dir, n);
    g_autoptr(MtTransport) link = NULL;
    MtEngine *engine = mt_engine_new(ram, NULL, NULL);
    g_autoptr(GError) error = NULL;

    g_strlcpy(p->settings.machine, machine, sizeof(p->settings.machine));
    mt_engine_set_devices(engine, sections, vmdesc);
    qemu_guest_run(qemu, &error, "migrate-incoming", "{'uri': '%s'}",
                   address);
    g_assert_no_error(error);
    link = mt_transport_new(address, &error);
    g_assert_no_error(error);
    mt_engine_migrate(engine, &p->settings, link, &error);
    g_assert_no_error(error);
    return engine;
}

static void
passage_end_send(MtEngine *engine, QemuGuest *qemu)
{
    g_autoptr(GError) error = NULL;

    if (!mt_engine_wait(engine, WAIT_NS, &error)) {
        g_autofree char *log = qemu_guest_dup_log(qemu);

        g_error("%s; QEMU says: %s", error->message, log);
    }
    qemu_guest_wait_migration(qemu, TIMEOUT_MS, &error);
    g_assert_no_error(error);
}

static void
passage_load(Passage *p, QemuGuest *qemu, guint n, MtRam *ram,
             GBytes **ret_sections, GBytes **ret_vmdesc, char **ret_machine)
{
    g_autoptr(MtEngine) engine = passage_begin_load(p, qemu, n, ram, NULL);

    passage_end_load(engine, qemu, ret_sections, ret_vmdesc, ret_machine);
}

static void
passage_send(Passage *p, QemuGuest *qemu, guint n, MtRam *ram,
             GBytes *sections, GBytes *vmdesc, const char *machine)
{
    g_autoptr(MtEngine) engine =
        passage_begin_send(p, qemu, n, ram, sections, vmdesc, machine);
    MtEngineStats stats;

    passage_end_send(engine, qemu);
    mt_engine_get_stats(engine, &stats);
    g_test_message("%s: %u blocks, %" G_GUINT64_FORMAT " bytes of devices, %"
                   G_GUINT64_FORMAT " %% of what fits into the downtime",
                   machine, mt_ram_n_blocks(ram), stats.device_bytes,
                   (guint64)(100 * stats.device_ratio));
    mt_engine_stats_clear(&stats);
}

static void
passage_make_disk(Passage *p)
{
    g_autofree guint8 *disk = g_malloc0(1 << 20);
    g_autoptr(GError) error = NULL;

    memcpy(disk, boot_code, sizeof(boot_code));
    disk[510] = 0x55;
    disk[511] = 0xaa;
    p->disk = g_build_filename(p->dir, "disk", NULL);
    g_file_set_contents(p->disk, (char *)disk, 1 << 20, &error);
    g_assert_no_error(error);
}

/* FALSE: the QEMU is missing, and the case is skipped. */
static gboolean
passage_begin(Passage *p)
{
    if (!qemu_guest_command(cases[p->i].name)) {
        g_autofree char *why = g_strdup_printf(
            "no QEMU %s: tools/get-qemus.sh provides it", cases[p->i].name);

        g_test_skip(why);
        return FALSE;
    }

    p->dir = g_dir_make_tmp("migtune-XXXXXX", NULL);
    passage_make_disk(p);
    mt_engine_settings_init(&p->settings);
    mt_engine_settings_speak(&p->settings, cases[p->i].generation);
    p->settings.return_path = TRUE;
    p->settings.max_bandwidth = 0;
    return TRUE;
}

static void
passage_end(Passage *p)
{
    remove_tree(p->dir);
    g_free(p->disk);
    g_free(p->dir);
}

/* Lets the guest of the first QEMU run until it has printed some letters, which
 * are returned, and stops it. */
static char *
passage_print(Passage *p, QemuGuest *qemu)
{
    g_autoptr(GError) error = NULL;

    qemu_guest_run(qemu, &error, "cont", NULL);
    g_assert_no_error(error);
    serial_wait(p, 0, 40);
    qemu_guest_run(qemu, &error, "stop", NULL);
    g_assert_no_error(error);
    return serial_text(p, 0);
}

/* QEMU @n, which runs, prints the letters after those of @last. */
static void
passage_goes_on(const Passage *p, guint n, const char *last)
{
    char end = last[strlen(last) - 1];
    g_autofree char *next = NULL;

    serial_wait(p, n, 40);
    next = serial_text(p, n);
    if (next[0] != (end == 'Z' ? 'A' : end + 1))
        g_error("the first QEMU printed '%s', the last one goes on with '%s'",
                last, next);
}

static void
test_passage(gconstpointer data)
{
    Passage p = { .i = GPOINTER_TO_UINT(data) };
    g_autoptr(QemuGuest) qemu = NULL;
    g_autoptr(MtRam) before = NULL;
    g_autoptr(GBytes) sections_before = NULL;
    g_autofree char *last = NULL;
    g_autoptr(GError) error = NULL;

    if (!passage_begin(&p))
        return;

    p.settings.multifd = cases[p.i].multifd;
    qemu = passage_start_qemu(&p, 0, FALSE);
    last = passage_print(&p, qemu);

    for (guint round = 0; round < ROUNDS; round++) {
        g_autoptr(MtRam) ram = passage_make_ram(qemu);
        g_autoptr(QemuGuest) other = passage_start_qemu(&p, round + 1, TRUE);
        g_autoptr(GBytes) sections = NULL;
        g_autoptr(GBytes) vmdesc = NULL;
        g_autofree char *machine = NULL;
        g_autofree char *where = NULL;

        passage_load(&p, qemu, round, ram, &sections, &vmdesc, &machine);
        passage_send(&p, other, round, ram, sections, vmdesc, machine);

        /* Nothing ran in between. */
        if (before && !mt_ram_equal(before, ram, &where))
            g_error("after a round %s differs", where);
        if (round >= 2)
            g_assert_cmpmem(g_bytes_get_data(sections_before, NULL),
                            g_bytes_get_size(sections_before),
                            g_bytes_get_data(sections, NULL),
                            g_bytes_get_size(sections));
        mt_ram_free(before);
        before = g_steal_pointer(&ram);
        g_clear_pointer(&sections_before, g_bytes_unref);
        sections_before = g_steal_pointer(&sections);
        qemu_guest_free(qemu);
        qemu = g_steal_pointer(&other);
    }

    qemu_guest_run(qemu, &error, "cont", NULL);
    g_assert_no_error(error);
    passage_goes_on(&p, ROUNDS, last);

    g_clear_pointer(&qemu, qemu_guest_free);
    passage_end(&p);
}

/* Slow, so that pages are needed before they arrive in order; the limit is
 * removed afterwards. */
#define POSTCOPY_BYTES_PER_S (1024 * 1024)
#define N_ASKED 32

/* For a source or a destination. */
static void
preempt_enable(QemuGuest *qemu)
{
    static const char *const names[] = { "postcopy-ram", "postcopy-preempt" };
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        qemu_guest_set_capability(qemu, names[i], TRUE, &error);
        g_assert_no_error(error);
    }
    qemu_guest_run(qemu, &error, "migrate-set-parameters",
                   "{'max-bandwidth': %d, 'max-postcopy-bandwidth': %d}",
                   POSTCOPY_BYTES_PER_S, POSTCOPY_BYTES_PER_S);
    g_assert_no_error(error);
}

static void
preempt_wait_active(MtEngine *engine)
{
    gint64 end = g_get_monotonic_time() + TIMEOUT_MS * (gint64)1000;

    for (;;) {
        MtStatus status = mt_engine_get_status(engine);

        if (status == MT_STATUS_POSTCOPY_ACTIVE)
            return;
        if (status == MT_STATUS_FAILED || status == MT_STATUS_COMPLETED ||
            g_get_monotonic_time() > end)
            g_error("the status is %s, not postcopy-active",
                    mt_status_to_string(status));
        g_usleep(1000);
    }
}

static void
preempt_wait_requests(MtEngine *engine)
{
    gint64 end = g_get_monotonic_time() + TIMEOUT_MS * (gint64)1000;
    guint64 n = 0;

    while (!n) {
        MtEngineStats stats;

        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(1000);
        mt_engine_get_stats(engine, &stats);
        n = stats.postcopy_requests;
        mt_engine_stats_clear(&stats);
    }
}

/* Fills the RAM of @qemu above 1 MiB, which the boot code does not use. */
static void
preempt_fill(QemuGuest *qemu)
{
    MtRamBlockSpec spec = { .name = "ram", .length = RAM_BYTES,
                            .path = qemu_guest_ram_path(qemu) };
    g_autoptr(MtRam) file = mt_ram_new();
    g_autoptr(GError) error = NULL;

    mt_ram_add(file, &spec, &error);
    g_assert_no_error(error);
    for (guint64 i = 256; i < mt_ram_n_pages(file); i++)
        mt_content_fill(MT_CONTENT_RANDOM, 5, i, mt_ram_page(file, i, NULL));
}

/* Uses pages at the end of the largest block before they would have arrived in order. */
static void
preempt_use_pages(MtGate *gate, const MtRam *ram)
{
    const MtRamBlock *block = mt_ram_block(ram, 0);
    guint n_missing = 0;

    for (guint i = 1; i < mt_ram_n_blocks(ram); i++) {
        if (mt_ram_block(ram, i)->n_pages > block->n_pages)
            block = mt_ram_block(ram, i);
    }
    for (guint i = 1; i <= N_ASKED; i++) {
        guint64 page = block->first_page + block->n_pages - i;

        n_missing += mt_gate_is_missing(gate, page) ? 1 : 0;
        g_assert_true(mt_gate_pass(gate, page, TIMEOUT_MS * (gint64)1000));
    }
    g_assert_cmpuint(n_missing, >, 0);
}

/* From @qemu to @ram by post-copy. */
static void
preempt_load(Passage *p, QemuGuest *qemu, MtRam *ram, GBytes **ret_sections,
             char **ret_machine)
{
    g_autoptr(MtGate) gate = mt_gate_new(mt_ram_n_pages(ram));
    g_autoptr(MtEngine) engine = passage_begin_load(p, qemu, 0, ram, gate);
    g_autoptr(GBytes) vmdesc = NULL;
    g_autoptr(GError) error = NULL;

    qemu_guest_run(qemu, &error, "migrate-start-postcopy", NULL);
    g_assert_no_error(error);
    preempt_wait_active(engine);
    preempt_use_pages(gate, ram);
    qemu_guest_run(qemu, &error, "migrate-set-parameters",
                   "{'max-postcopy-bandwidth': 0}");
    g_assert_no_error(error);
    passage_end_load(engine, qemu, ret_sections, &vmdesc, ret_machine);
}

/* From @ram to @qemu by post-copy; its guest runs before its RAM is there. */
static void
preempt_send(Passage *p, QemuGuest *qemu, MtRam *ram, GBytes *sections,
             const char *machine)
{
    g_autoptr(MtEngine) engine = NULL;
    g_autoptr(GError) error = NULL;

    p->settings.max_bandwidth = p->settings.max_postcopy_bandwidth =
        POSTCOPY_BYTES_PER_S;
    engine = passage_begin_send(p, qemu, 0, ram, sections, NULL, machine);
    mt_engine_start_postcopy(engine, &error);
    g_assert_no_error(error);
    preempt_wait_active(engine);
    qemu_guest_run(qemu, &error, "cont", NULL);
    g_assert_no_error(error);
    preempt_wait_requests(engine);
    mt_engine_set_max_postcopy_bandwidth(engine, 0);
    passage_end_send(engine, qemu);
}

static void
test_preempt(gconstpointer data)
{
    Passage p = { .i = GPOINTER_TO_UINT(data) };
    g_autoptr(QemuGuest) first = NULL;
    g_autoptr(QemuGuest) second = NULL;
    g_autoptr(MtRam) ram = NULL;
    g_autoptr(GBytes) sections = NULL;
    g_autofree char *machine = NULL;
    g_autofree char *last = NULL;

    if (!passage_begin(&p))
        return;

    p.settings.postcopy = p.settings.postcopy_preempt = TRUE;
    p.settings.multifd = cases[p.i].multifd;
    first = passage_start_qemu(&p, 0, FALSE);
    preempt_fill(first);
    preempt_enable(first);
    last = passage_print(&p, first);
    ram = passage_make_ram(first);
    second = passage_start_qemu(&p, 1, TRUE);
    preempt_enable(second);
    preempt_load(&p, first, ram, &sections, &machine);
    preempt_send(&p, second, ram, sections, machine);
    passage_goes_on(&p, 1, last);

    g_clear_pointer(&first, qemu_guest_free);
    g_clear_pointer(&second, qemu_guest_free);
    passage_end(&p);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf(
            "/passage/%s/%s%s", cases[i].name, cases[i].machine,
            cases[i].multifd ? "-multifd" : "");
        g_autofree char *preempt = g_strconcat(path, "-preempt", NULL);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_passage);
        /* QEMU refuses post-copy together with multifd before 10.1. */
        if (!cases[i].multifd || strcmp(cases[i].name, "11.1") == 0)
            g_test_add_data_func(preempt, GUINT_TO_POINTER(i), test_preempt);
    }
    return g_test_run();
}
