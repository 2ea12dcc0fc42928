/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Guests from XML and from text: the result, and the errors with their line.
 */
#include "config.h"

#include <string.h>

#include <glib/gstdio.h>

#include "drivers/ref/spec/spec.h"
#include "migtune/migtune-error.h"

static char *
spec_write(const char *text, gssize length)
{
    g_autofree char *directory = g_dir_make_tmp("migtune-XXXXXX", NULL);
    char *path = g_build_filename(directory, "guests.xml", NULL);

    g_assert_true(g_file_set_contents(path, text, length, NULL));
    return path;
}

static void
spec_remove(const char *path)
{
    g_autofree char *directory = g_path_get_dirname(path);

    g_unlink(path);
    g_rmdir(directory);
}

static GPtrArray *
spec_load(const char *text, gssize length, char **ret_message)
{
    g_autofree char *path = spec_write(text, length);
    g_autoptr(GError) error = NULL;
    GPtrArray *specs = mt_ref_specs_load(path, &error);

    g_assert_cmpint(specs != NULL, !=, error != NULL);
    if (error) {
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_VALUE);
        /* File and line precede the message. */
        g_assert_true(g_str_has_prefix(error->message, path));
        *ret_message = g_strdup(error->message + strlen(path));
    } else {
        *ret_message = NULL;
    }
    spec_remove(path);

    return specs;
}

#define GUEST(what) \
    "<guests>\n<guest name=\"a\">\n<qemu release=\"7.2\"/>\n" what \
    "\n</guest>\n</guests>\n"

/* Each text has one error. */
static const struct {
    const char *text;
    const char *message;        /* begins with the line */
} wrong[] = {
    { "", ":1: not valid XML" },
    { "nonsense", ":1: not valid XML" },
    { "<guests>\n<guest>\n", ":3: not valid XML" },
    { "<guests>\n\xff\xfe</guests>", ":2: not valid XML" },
    { "<domain/>", ":1: the root element is not <guests>" },
    { "<!DOCTYPE guests [\n<!ENTITY a \"b\">\n]>\n<guests/>",
      ":1: DOCTYPE and entities are not accepted" },
    { "<?xml version=\"1.0\"?>\n<!DOCTYPE guests SYSTEM "
      "\"file:///etc/passwd\">\n<guests/>",
      ":2: DOCTYPE and entities are not accepted" },
    { "<guests>\n&xxe;\n</guests>", ":2: not valid XML" },
    { "<guests><guest><qemu release=\"7.2\"/></guest></guests>",
      ":1: guest: the name is missing" },
    { "<guests>\n<guest name=\"a\"/>\n</guests>",
      ":2: guest: the QEMU release is missing" },
    { "<guests>\n<guest name=\"a\">\n<qemu release=\"1.0\"/>\n"
      "</guest></guests>",
      ":3: release: '1.0' is not a supported QEMU release; expected 2.4 to "
      "11.1" },
    { "<guests>\n<guest name=\"a\"><qemu release=\"7.3\"/></guest></guests>",
      ":2: release: '7.3' is not a supported QEMU release" },
    { "<guests>\n<guest name=\"a/b\"><qemu release=\"7.2\"/></guest></guests>",
      ":2: name: slashes and control characters" },
    { "<guests>\n<guest name=\"\"><qemu release=\"7.2\"/></guest></guests>",
      ":2: name: the value is empty" },
    { GUEST("</guest><guest name=\"a\"><qemu release=\"8.0\"/>"),
      ":4: the guest in line 2 has the name 'a', too" },
    { GUEST("<uuid>2f4c1a52-6d0b-4a3e-9c57-07d1c0a97201</uuid></guest>"
            "<guest name=\"b\"><qemu release=\"8.0\"/>"
            "<uuid>2F4C1A52-6D0B-4A3E-9C57-07D1C0A97201</uuid>"),
      ":4: the guest 'a' in line 2 has the UUID" },
    { GUEST("<uuid>12345</uuid>"), ":4: uuid: '12345' is not a UUID" },
    { GUEST("<state>asleep</state>"),
      ":4: state: 'asleep' is not accepted; expected one of running, paused" },
    { GUEST("<ram size=\"lots\"/>"), ":4: ram: 'lots' is not a number" },
    { GUEST("<ram size=\"12XiB\"/>"),
      ":4: ram: '12XiB' has an unknown unit" },
    { GUEST("<ram size=\"256MiB\" unit=\"MiB\"/>"),
      ":4: ram: '256MiBMiB' has an unknown unit" },
    { GUEST("<ram unit=\"MiB\"/>"), ":4: ram: 'unit' requires 'size'" },
    { GUEST("<ram size=\"1048577\"/>"), ":2: ram: the size is not a multiple" },
    { GUEST("<ram size=\"0\"/>"), ":4: ram: 0 is out of range" },
    { GUEST("<ram size=\"-1\"/>"), ":4: ram: -1 is out of range" },
    { GUEST("<ram size=\"18446744073709551616\"/>"),
      ":4: ram: 18446744073709551616 has too many digits" },
    { GUEST("<ram size=\"99999999999999999999999999999999999999TiB\"/>"),
      ":4: ram: " },
    { GUEST("<ram size=\"2TiB\"/>"), ":4: ram: 2TiB is out of range" },
    { GUEST("<ram content=\"porridge\"/>"),
      ":4: content: 'porridge' is not accepted; expected one of zero, sparse" },
    { GUEST("<ram size=\"1MiB\"/><workload kind=\"hot\" pages=\"257\"/>"),
      ":2: workload: the pages exceed the RAM, which has 256" },
    { GUEST("<workload kind=\"frantic\"/>"),
      ":4: workload: 'frantic' is not accepted; expected one of idle, rw" },
    { GUEST("<workload kind=\"hot\" threads=\"0\"/>"),
      ":4: workload-threads: 0 is out of range" },
    { GUEST("<link bandwidth=\"fast\"/>"),
      ":4: bandwidth: 'fast' is not a number" },
    { GUEST("<link latency=\"2h\"/>"),
      ":4: latency: '2h' has an unknown unit" },
    { GUEST("<fault at=\"3\"/>"), ":4: fault: 'kind' is missing" },
    { GUEST("<fault kind=\"fire\"/>"),
      ":4: kind: 'fire' is not accepted; expected one of refuse, delay" },
    { GUEST("<fault kind=\"delay\"/>"),
      ":4: fault: kind 'delay' requires 'ms'" },
    { GUEST("<fault kind=\"kill\" command=\"stop\"/>"),
      ":4: fault: 'command' is not accepted with kind 'kill'" },
    { GUEST("<fault kind=\"refuse\" channel=\"0\"/>"),
      ":4: fault: 'channel' is not accepted with kind 'refuse'" },
    { GUEST("<fault kind=\"drop\" channel=\"256\"/>"),
      ":4: channel: 256 is out of range" },
    /* Errors that the schema finds. */
    { GUEST("<colour>red</colour>"),
      ":4: the schema does not allow this: Element guest has extra" },
    { GUEST("<ram colour=\"red\"/>"),
      ":4: ram: unknown attribute 'colour'; accepted: file, content" },
    { GUEST("<ram/><ram/>"), ":4: " },
    { GUEST("some text"), ":2: " },
    { GUEST("<workload/>"), ":4: " },
    { GUEST("<ram xmlns=\"urn:other\"/>"), ":4: " },
};

static void
test_wrong(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autofree char *message = NULL;
        g_autoptr(GPtrArray) specs = spec_load(wrong[i].text, -1, &message);

        g_assert_null(specs);
        if (!g_str_has_prefix(message, wrong[i].message)) {
            g_test_message("\"%s\" instead of \"%s\" for %s", message,
                           wrong[i].message, wrong[i].text);
            g_test_fail();
        }
    }
}

/* Texts that would expand without limit are refused early. */
static void
test_laughs(void)
{
    g_autoptr(GString) text = g_string_new("<!DOCTYPE guests [\n"
                                           "<!ENTITY l0 \"ha\">\n");
    g_autoptr(GString) deep = g_string_new(NULL);
    gint64 start_us = g_get_monotonic_time();

    for (guint i = 1; i < 30; i++)
        g_string_append_printf(text, "<!ENTITY l%u \"&l%u;&l%u;&l%u;\">\n", i,
                               i - 1, i - 1, i - 1);
    g_string_append(text, "]>\n<guests><guest name=\"&l29;\"/></guests>");
    for (guint i = 0; i < 500000; i++)
        g_string_append(deep, "<a>");

    for (guint i = 0; i < 2; i++) {
        g_autofree char *message = NULL;
        g_autoptr(GPtrArray) specs = spec_load(i ? deep->str : text->str, -1,
                                               &message);

        g_test_message("%s", message);
        g_assert_null(specs);
    }
    g_assert_cmpint(g_get_monotonic_time() - start_us, <, 20000000);
}

static void
test_unreadable(void)
{
    static const struct {
        const char *path;
        int code;
    } cases[] = {
        { "/no/such/file.xml", MIGTUNE_ERROR_CONNECT },
        { "/", MIGTUNE_ERROR_IO },
        { "/dev/zero", MIGTUNE_ERROR_IO },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(mt_ref_specs_load(cases[i].path, &error));
        g_assert_error(error, MIGTUNE_ERROR, cases[i].code);
        g_assert_nonnull(strstr(error->message, cases[i].path));
    }
}

static const char good[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<!-- remarks are fine -->\n"
    "<guests>\n"
    "  <guest name=\"web1\">\n"
    "    <uuid>2f4c1a52-6d0b-4a3e-9c57-07d1c0a97201</uuid>\n"
    "    <qemu release=\"7.2\" build=\"zstd rdma\" deprecated-input=\"reject\""
    " unstable-input=\"reject\" unstable-output=\"hide\""
    " deprecated-output=\"hide\">\n"
    "      <row name=\"compress\" state=\"removed\"/>\n"
    "      <row name=\"xbzrle\" state=\"stubbed\"/>\n"
    "    </qemu>\n"
    "    <machine>q35</machine>\n"
    "    <ram size=\"64\" unit=\"MiB\" file=\"web1.ram\" content=\"mixed\""
    " seed=\"7\"/>\n"
    "    <state>paused</state>\n"
    "    <workload kind=\"hot\" content=\"text\" seed=\"3\" threads=\"2\""
    " first-page=\"16\" pages=\"100\" rate=\"5000\"/>\n"
    "    <link bandwidth=\"100MiB/s\" latency=\"1.5s\"/>\n"
    "    <fault kind=\"drop\" at=\"1MiB\" channel=\"1\"/>\n"
    "    <fault kind=\"refuse\" at=\"3\" command=\"migrate\"/>\n"
    "  </guest>\n"
    "  <guest name=\"plain\"><qemu release=\"11.1\"/></guest>\n"
    "</guests>\n";

/* Every member, also in a copy. */
static void
check_good(const MtRefGuestSpec *spec)
{
    const MtRefOverride *rows = (MtRefOverride *)(void *)spec->overrides->data;
    const MtRefFault *faults = (MtRefFault *)(void *)spec->faults->data;

    g_assert_cmpstr(spec->name, ==, "web1");
    g_assert_cmpstr(spec->uuid, ==, "2f4c1a52-6d0b-4a3e-9c57-07d1c0a97201");
    g_assert_cmpuint(spec->release, ==, MT_RELEASE(7, 2));
    g_assert_cmpuint(g_strv_length(spec->build_options), ==, 2);
    g_assert_cmpstr(spec->build_options[1], ==, "rdma");
    g_assert_true(spec->reject_deprecated && spec->hide_deprecated);
    g_assert_true(spec->reject_unstable && spec->hide_unstable);
    g_assert_cmpuint(spec->overrides->len, ==, 2);
    g_assert_cmpstr(rows[0].name, ==, "compress");
    g_assert_cmpint(rows[0].state, ==, MT_REF_ABSENT);
    g_assert_cmpint(rows[1].state, ==, MT_REF_STUBBED);
    g_assert_null(rows[2].name);
    g_assert_cmpstr(spec->machine, ==, "q35");
    g_assert_cmpuint(spec->ram_bytes, ==, 64 * 1024 * 1024);
    g_assert_true(g_path_is_absolute(spec->ram_file));
    g_assert_true(g_str_has_suffix(spec->ram_file, "/web1.ram"));
    g_assert_cmpint(spec->content, ==, MT_CONTENT_MIXED);
    g_assert_cmpuint(spec->content_seed, ==, 7);
    g_assert_true(spec->paused && !spec->incoming);
    g_assert_cmpint(spec->workload.kind, ==, MT_WORKLOAD_HOT);
    g_assert_cmpint(spec->workload.content, ==, MT_CONTENT_TEXT);
    g_assert_cmpuint(spec->workload.seed, ==, 3);
    g_assert_cmpuint(spec->workload.n_threads, ==, 2);
    g_assert_cmpuint(spec->workload.first_page, ==, 16);
    g_assert_cmpuint(spec->workload.n_pages, ==, 100);
    g_assert_cmpuint(spec->workload.pages_per_s, ==, 5000);
    g_assert_cmpuint(spec->link_bandwidth, ==, 100 * 1024 * 1024);
    g_assert_cmpuint(spec->link_latency_ms, ==, 1500);
    g_assert_cmpuint(spec->faults->len, ==, 2);
    g_assert_cmpint(faults[0].kind, ==, MT_REF_FAULT_DROP);
    g_assert_cmpuint(faults[0].at, ==, 1024 * 1024);
    g_assert_cmpint(faults[0].channel, ==, 1);
    g_assert_cmpint(faults[1].kind, ==, MT_REF_FAULT_REFUSE);
    g_assert_cmpstr(faults[1].command, ==, "migrate");
    g_assert_cmpuint(faults[1].at, ==, 3);
    g_assert_cmpint(faults[1].channel, ==, -1);
    g_assert_cmpint(spec->line, ==, 4);
}

static void
test_good(void)
{
    g_autofree char *message = NULL;
    g_autoptr(GPtrArray) specs = spec_load(good, -1, &message);
    g_autoptr(MtRefGuestSpec) copy = NULL;
    const MtRefGuestSpec *plain;

    g_assert_cmpstr(message, ==, NULL);
    g_assert_cmpuint(specs->len, ==, 2);
    check_good(g_ptr_array_index(specs, 0));
    copy = mt_ref_guest_spec_copy(g_ptr_array_index(specs, 0));
    plain = g_ptr_array_index(specs, 1);
    g_assert_cmpuint(plain->release, ==, MT_RELEASE(11, 1));
    g_assert_cmpuint(plain->ram_bytes, ==, 256 * 1024 * 1024);
    g_assert_null(plain->build_options);
    g_assert_false(plain->paused || plain->incoming);
    g_ptr_array_set_size(specs, 0);
    check_good(copy);
}

/* A text that is cut off or changed anywhere gives a result or an error. */
static void
test_damaged(void)
{
    guint32 seed = g_test_rand_int();
    g_autoptr(GRand) random = g_rand_new_with_seed(seed);

    g_test_message("seed %u", seed);
    for (guint i = 0; i < 2000; i++) {
        g_autofree char *text = g_memdup2(good, sizeof(good));
        gsize length = g_rand_int_range(random, 1, sizeof(good));
        g_autofree char *message = NULL;
        g_autoptr(GPtrArray) specs = NULL;

        for (guint j = g_rand_int_range(random, 0, 4); j > 0; j--)
            text[g_rand_int_range(random, 0, length)] =
                g_rand_int_range(random, 0, 256);
        specs = spec_load(text, length, &message);
    }
}

static void
test_faults(void)
{
    static const struct {
        const char *text;
        gboolean good;
    } cases[] = {
        { "drop", TRUE },
        { "drop:at=100000", TRUE },
        { "corrupt:at=4KiB,channel=main", TRUE },
        { "delay:ms=50,at=2,command=query-migrate", TRUE },
        { "kill:at=2", TRUE },
        { "", FALSE },
        { "none", FALSE },
        { "drop:", TRUE },
        { "drop:at", FALSE },
        { "drop:at=", FALSE },
        { "drop:at=1,,channel=2", FALSE },
        { "drop:when=now", FALSE },
        { "delay", FALSE },
        { "stall:ms=3", FALSE },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        MtRefFault fault;

        g_test_message("%s", cases[i].text);
        if (mt_ref_fault_from_text(cases[i].text, &fault, &error)) {
            g_assert_no_error(error);
            mt_ref_fault_clear(&fault);
        }
        g_assert_cmpint(error == NULL, ==, cases[i].good);
    }
}

/* The built-in guests are valid.  A guest and its destination, and no others,
 * have the same UUID. */
static void
test_default(void)
{
    g_autoptr(GPtrArray) specs = mt_ref_specs_default();
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < specs->len; i++) {
        const MtRefGuestSpec *spec = g_ptr_array_index(specs, i);
        g_autoptr(GError) error = NULL;

        g_assert_true(mt_ref_guest_spec_check(spec, &error));
        g_assert_no_error(error);
        g_assert_true(g_uuid_string_is_valid(spec->uuid));
        g_assert_true(g_hash_table_add(seen, spec->name));
        g_assert_true(g_hash_table_add(seen, spec->uuid) != spec->incoming);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ref-spec/good", test_good);
    g_test_add_func("/ref-spec/wrong", test_wrong);
    g_test_add_func("/ref-spec/laughs", test_laughs);
    g_test_add_func("/ref-spec/unreadable", test_unreadable);
    g_test_add_func("/ref-spec/damaged", test_damaged);
    g_test_add_func("/ref-spec/faults", test_faults);
    g_test_add_func("/ref-spec/default", test_default);
    return g_test_run();
}
