/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Kept settings as documents and as files: their content, errors with the
 * line, and changes, which must not affect the rest of the file. */
#include "config.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "kept/document.h"
#include "kept/store.h"

#include "migtune/migtune-driver.h"
#include "migtune/migtune-error.h"

#define OPEN \
    "<migtune:settings xmlns:migtune='" MIGTUNE_DRIVER_KEPT_NAMESPACE "'"
#define CLOSE "</migtune:settings>\n"
#define PARAMETER(name, value) \
    "<migtune:parameter name='" name "' value='" value "'/>\n"

static MtKept *
parse(const char *text, GError **error)
{
    return mt_kept_parse(text, strlen(text), "here", error);
}

/* "name=value,...", policy and all. */
static char *
contents(const MtKept *kept)
{
    GString *text = g_string_new(mt_kept_policy(kept));

    for (guint i = 0; i < mt_kept_size(kept); i++) {
        const MtKeptEntry *entry = mt_kept_nth(kept, i);

        g_string_append_printf(text, "%s%s=%s", text->len ? "," : "",
                               entry->name, entry->value);
    }

    return g_string_free(text, FALSE);
}

static void
test_what_is_right_is_read(void)
{
    static const struct {
        const char *text;
        const char *contents;
    } cases[] = {
        { OPEN "/>", "" },
        { OPEN ">\n" PARAMETER("downtime", "300") CLOSE, "downtime=300" },
        { "<?xml version='1.0'?>\n<!-- mine -->\n" OPEN " policy='strict'>"
          PARAMETER("compression", "mt") PARAMETER("xbzrle", "on") CLOSE,
          "strict,compression=mt,xbzrle=on" },
        /* Another prefix, or none, is the same element. */
        { "<settings xmlns='" MIGTUNE_DRIVER_KEPT_NAMESPACE "'>"
          "<parameter value='' name='tls.creds'/></settings>", "tls.creds=" },
        { "<a:settings xmlns:a='" MIGTUNE_DRIVER_KEPT_NAMESPACE "'>"
          "<a:parameter name='a' value='1&lt;2'/></a:settings>", "a=1<2" },
        /* Of a newer migtune. */
        { OPEN " newer='1' migtune:x='2'><migtune:window from='3'>text"
          "<b xmlns='urn:b'>x</b></migtune:window>"
          "<migtune:parameter name='a' value='1' unit='s'>"
          "<migtune:why>because</migtune:why></migtune:parameter>" CLOSE,
          "a=1" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MtKept) kept = parse(cases[i].text, &error);
        g_autofree char *found = NULL;

        g_assert_no_error(error);
        mt_kept_check(kept, &error);
        g_assert_no_error(error);
        found = contents(kept);
        g_assert_cmpstr(found, ==, cases[i].contents);
    }
}

static void
test_what_is_no_document_is_refused(void)
{
    static const struct {
        const char *text;
        const char *why;
    } cases[] = {
        { "", "line 1: this is not XML" },
        { "downtime=300\n", "line 1: this is not XML" },
        { OPEN ">\n<migtune:parameter\n" CLOSE, "line 3: this is not XML" },
        { OPEN ">\n\n</migtune:setting>", "line 3: this is not XML" },
        { "<settings/>", "line 1: this is <settings> of the namespace ''" },
        { "\n<x xmlns='urn:x'/>", "line 2: this is <x> of the namespace "
          "'urn:x'; expected: <settings>" },
        { "<?xml version='1.0'?>\n<!DOCTYPE x [<!ENTITY a 'aaaa'>]>\n" OPEN
          "/>", "line 2: a document type is not accepted" },
        { "<!DOCTYPE x SYSTEM 'file:///etc/passwd'>\n" OPEN "/>",
          "line 1: a document type is not accepted" },
        { OPEN "><migtune:parameter name='a' value='&a;'/>" CLOSE,
          "line 1: this is not XML" },
        { "<?xml version='1.0' encoding='ISO-8859-1'?>\n<!-- \xfc -->" OPEN
          "/>", "line 2: this is not UTF-8" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_null(parse(cases[i].text, &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_VALUE);
        g_test_message("%s", error->message);
        g_assert_true(g_str_has_prefix(error->message, "here, "));
        g_assert_nonnull(strstr(error->message, cases[i].why));
    }
}

static void
test_too_much_is_refused(void)
{
    g_autofree char *text = g_strnfill(MT_KEPT_MAX_BYTES + 1, ' ');
    g_autoptr(GError) error = NULL;

    g_assert_null(parse(text, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_VALUE);
}

/* What is wrong has its line, and the rest is read all the same. */
static void
test_findings_have_lines(void)
{
    static const struct {
        const char *text;
        const char *findings[4];    /* "LINE: part of the message" */
        const char *contents;
    } cases[] = {
        { OPEN ">\n" PARAMETER("a", "1")
          "<migtune:parameter nam='b' value='2'/>\n" PARAMETER("c", "3") CLOSE,
          { "3: without a name" }, "a=1,c=3" },
        { OPEN ">\n<migtune:parameter name='b'/>\n" CLOSE,
          { "2: <parameter name='b'> without a value" }, "" },
        { OPEN ">\n<migtune:parameter name='b'>3</migtune:parameter>\n" CLOSE,
          { "2: without a value", "2: text in <parameter>" }, "" },
        { OPEN ">\n" PARAMETER("", "1") PARAMETER("a b", "1") CLOSE,
          { "2: not a parameter name", "3: 'a b' is not a parameter name" }, "" },
        { OPEN ">\n" PARAMETER("a", "1") PARAMETER("a", "2") CLOSE,
          { "3: a occurs twice, first in line 2" }, "a=1" },
        { OPEN " policy='lax'>\n" PARAMETER("a", "1") CLOSE,
          { "1: unknown policy 'lax'; accepted: strict, substitute" },
          "a=1" },
        { OPEN ">\n" PARAMETER("a", "1") "downtime = 300\n" CLOSE,
          { "3: text in <settings>, where elements are expected: 'downtime "
            "= 300'" }, "a=1" },
        { OPEN "><migtune:settings/>" CLOSE,
          { "1: <settings> within <settings>" }, "" },
        { OPEN ">\n<migtune:parameter name='a' value='1'>\n"
          PARAMETER("b", "2") "</migtune:parameter>" CLOSE,
          { "3: <parameter> within <parameter>" }, "" },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(MtKept) kept = parse(cases[i].text, &error);
        g_autofree char *found = NULL;
        const GPtrArray *findings;
        guint n = 0;

        g_assert_no_error(error);
        g_assert_false(mt_kept_check(kept, &error));
        g_test_message("%s", error->message);
        findings = mt_kept_findings(kept);
        for (; n < G_N_ELEMENTS(cases[i].findings) && cases[i].findings[n];
             n++) {
            const MtKeptFinding *finding = g_ptr_array_index(findings, n);
            g_auto(GStrv) parts = g_strsplit(cases[i].findings[n], ": ", 2);
            g_autofree char *line = g_strdup_printf("%u", finding->line);

            g_assert_cmpstr(line, ==, parts[0]);
            g_assert_nonnull(strstr(finding->message, parts[1]));
        }
        g_assert_cmpuint(findings->len, ==, n);
        found = contents(kept);
        g_assert_cmpstr(found, ==, cases[i].contents);
    }
}

/* A change touches what it is about and nothing else. */
static void
test_changes_keep_the_rest(void)
{
    static const char before[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<!-- written by hand -->\n"
        "<m:settings xmlns:m=\"" MIGTUNE_DRIVER_KEPT_NAMESPACE
        "\" newer=\"1\">\n"
        "    <m:parameter name=\"a\" value=\"1\" unit=\"s\"><m:why/>"
        "</m:parameter> <!-- \xc3\xbc -->\n"
        "    <m:window><![CDATA[<&>]]><b xmlns=\"urn:b\" c=\"d\"/></m:window>\n"
        "    <m:parameter name=\"b\" value=\"2\"/>\n"
        "</m:settings>\n";
    static const char after[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<!-- written by hand -->\n"
        "<m:settings xmlns:m=\"" MIGTUNE_DRIVER_KEPT_NAMESPACE
        "\" newer=\"1\">\n"
        "    <m:parameter name=\"a\" value=\"&lt;7&gt;\" unit=\"s\"><m:why/>"
        "</m:parameter> <!-- \xc3\xbc -->\n"
        "    <m:window><![CDATA[<&>]]><b xmlns=\"urn:b\" c=\"d\"/></m:window>\n"
        "  <m:parameter name=\"c\" value=\"3\"/>\n"
        "</m:settings>\n";
    g_autoptr(MtKept) kept = parse(before, NULL);
    g_autofree char *same = mt_kept_to_file(kept);
    g_autofree char *text = NULL;

    g_assert_cmpstr(same, ==, before);
    g_assert_true(mt_kept_put(kept, "a", "<7>", NULL));
    g_assert_true(mt_kept_remove(kept, "b"));
    g_assert_false(mt_kept_remove(kept, "b"));
    g_assert_true(mt_kept_put(kept, "c", "3", NULL));
    g_assert_false(mt_kept_is_empty(kept));
    text = mt_kept_to_file(kept);
    g_assert_cmpstr(text, ==, after);
    g_assert_cmpstr(mt_kept_find(kept, "a")->value, ==, "<7>");
    g_assert_null(mt_kept_find(kept, "b"));
}

static void
test_a_new_one_fits_the_schema(void)
{
    g_autoptr(MtKept) kept = mt_kept_new();
    g_autoptr(MtKept) again = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *empty = mt_kept_to_element(kept);
    g_autofree char *text = NULL;
    g_autofree char *found = NULL;

    g_assert_true(mt_kept_is_empty(kept));
    g_assert_cmpstr(empty, ==,
                    "<migtune:settings xmlns:migtune=\"" //
                    MIGTUNE_DRIVER_KEPT_NAMESPACE "\"/>");
    g_assert_true(mt_kept_put(kept, "x", "tab\tline\n\"quotes\" \xf0\x9f\x90\xbb",
                              NULL));
    mt_kept_set_policy(kept, "best-effort");
    text = mt_kept_to_element(kept);
    again = parse(text, &error);
    g_assert_no_error(error);
    g_assert_true(mt_kept_check(again, NULL));
    found = contents(again);
    g_assert_cmpstr(found, ==, "best-effort,x=tab\tline\n\"quotes\" "
                               "\xf0\x9f\x90\xbb");
    g_assert_true(mt_kept_remove(kept, "x"));
    g_assert_true(mt_kept_is_empty(kept));
}

static void
test_what_xml_cannot_hold_is_refused(void)
{
    static const char *const values[] = { "\x01", "a\x1b[0m", "\xff",
                                          "\xef\xbf\xbe" };
    g_autoptr(MtKept) kept = mt_kept_new();

    for (gsize i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(mt_kept_put(kept, "a", values[i], &error));
        g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_VALUE);
    }
    g_assert_true(mt_kept_is_empty(kept));
}

static gpointer
parse_often(gpointer data)
{
    for (guint i = 0; i < 100; i++) {
        g_autoptr(MtKept) kept =
            parse(OPEN ">" PARAMETER("a", "1") CLOSE, NULL);

        g_assert_true(mt_kept_check(kept, NULL));
    }

    return NULL;
}

static void
test_threads(void)
{
    GThread *threads[8];

    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("parse", parse_often, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
}

static void
test_file_names(void)
{
    static const struct {
        const char *uuid;
        const char *name;
        const char *file;
    } cases[] = {
        { "11111111-2222-3333-4444-55555555555A", "x",
          "11111111-2222-3333-4444-55555555555a.xml" },
        { NULL, "web1", "web1.xml" },
        { NULL, "web.1_a-b", "web.1_a-b.xml" },
        { NULL, "../etc/passwd", "%2E.%2Fetc%2Fpasswd.xml" },
        { NULL, "/run/a.sock", "%2Frun%2Fa.sock.xml" },
        { NULL, "a b\n\xc3\xbc%", "a%20b%0A%C3%BC%25.xml" },
    };
    g_autofree char *dir =
        g_build_filename(g_get_user_config_dir(), "migtune", NULL);
    g_autofree char *many = g_strnfill(300, '/');
    g_autofree char *more = g_strconcat(many, "x", NULL);
    g_autofree char *long1 = mt_store_path(NULL, many);
    g_autofree char *long2 = mt_store_path(NULL, more);

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = mt_store_path(cases[i].uuid, cases[i].name);
        g_autofree char *want = g_build_filename(dir, cases[i].file, NULL);

        g_assert_cmpstr(path, ==, want);
    }
    g_assert_cmpstr(long1, !=, long2);
    g_assert_cmpuint(strlen(strrchr(long1, '/')), <, 240);
}

static void
test_files(void)
{
    g_autofree char *path = mt_store_path(NULL, "files");
    g_autofree char *fifo = mt_store_path(NULL, "fifo");
    g_autofree char *text = NULL;
    g_autofree char *again = NULL;
    g_autoptr(GError) error = NULL;
    GStatBuf status;
    gsize length;
    int lock;

    g_assert_true(mt_store_read(path, &text, &length, &error));
    g_assert_null(text);
    g_assert_true(mt_store_write(path, NULL, &error));

    lock = mt_store_lock(path, 1000, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpint(mt_store_lock(path, 30, NULL, &error), ==, -1);
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_BUSY);
    g_clear_error(&error);
    close(lock);
    lock = mt_store_lock(path, 30, NULL, &error);
    g_assert_no_error(error);
    close(lock);

    g_assert_true(mt_store_write(path, "abc", &error));
    g_assert_true(mt_store_read(path, &again, &length, &error));
    g_assert_cmpmem(again, length, "abc", 3);
    g_assert_cmpint(g_stat(path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 07777, ==, 0600);
    g_assert_true(mt_store_write(path, NULL, &error));
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));

    /* What would never end is not read. */
    g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
    g_assert_false(mt_store_read(fifo, &text, &length, &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_INVALID_VALUE);
    g_unlink(fifo);
}

/* The scratch file of a process that was killed is written over, and
 * nothing else is touched. */
static void
test_left_behind(void)
{
    static const char *const others[] = {
        "left.xml.backup", "left.xml~", "left2.xml", ".left2.xml.new",
    };
    g_autofree char *path = mt_store_path(NULL, "left");
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *left = g_build_filename(dir, ".left.xml.new", NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    guint n = 0;
    gsize length;

    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *file = g_build_filename(dir, others[i], NULL);

        g_assert_true(g_file_set_contents(file, "x", 1, NULL));
    }
    g_assert_true(g_file_set_contents(left, "much more than that", -1, NULL));
    for (guint i = 0; i < 3; i++) {
        mt_store_write(path, "short", &error);
        g_assert_no_error(error);
    }
    g_assert_true(mt_store_read(path, &text, &length, NULL));
    g_assert_cmpstr(text, ==, "short");
    g_assert_false(g_file_test(left, G_FILE_TEST_EXISTS));
    for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *file = g_build_filename(dir, others[i], NULL);

        n += g_unlink(file) == 0;
    }
    g_assert_cmpuint(n, ==, G_N_ELEMENTS(others));

    /* It cannot be written: what there was stays. */
    g_assert_cmpint(g_mkdir(left, 0700), ==, 0);
    g_assert_false(mt_store_write(path, "other", &error));
    g_assert_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_IO);
    g_assert_nonnull(strstr(error->message, path));
    g_rmdir(left);
    g_unlink(path);
}

int
main(int argc, char **argv)
{
    g_autofree char *home = g_dir_make_tmp("migtune-kept-XXXXXX", NULL);
    g_autofree char *folder = g_build_filename(home, "migtune", NULL);
    g_autofree char *lock = g_build_filename(folder, ".files.xml.lock", NULL);
    int status;

    g_test_init(&argc, &argv, NULL);
    g_setenv("XDG_CONFIG_HOME", home, TRUE);
    g_test_add_func("/kept/what-is-right-is-read", test_what_is_right_is_read);
    g_test_add_func("/kept/what-is-no-document-is-refused",
                    test_what_is_no_document_is_refused);
    g_test_add_func("/kept/too-much-is-refused", test_too_much_is_refused);
    g_test_add_func("/kept/findings-have-lines", test_findings_have_lines);
    g_test_add_func("/kept/changes-keep-the-rest",
                    test_changes_keep_the_rest);
    g_test_add_func("/kept/a-new-one-fits-the-schema",
                    test_a_new_one_fits_the_schema);
    g_test_add_func("/kept/what-xml-cannot-hold-is-refused",
                    test_what_xml_cannot_hold_is_refused);
    g_test_add_func("/kept/threads", test_threads);
    g_test_add_func("/kept/file-names", test_file_names);
    g_test_add_func("/kept/files", test_files);
    g_test_add_func("/kept/left-behind", test_left_behind);
    status = g_test_run();
    g_unlink(lock);
    g_rmdir(folder);
    g_rmdir(home);
    return status;
}
