/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * `migtune inspect`: reports the content of a recorded migration stream.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib/gi18n.h>
#include <glib/gstdio.h>

#include "cmd.h"

/* Prints the report of the library, in which names are already escaped. */
static void
inspect_print(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (char **line = lines; *line; line++) {
        if (line[1] || **line)
            out_line("%s", *line);
    }
}

/* Parses an option as the value of the parameter @parameter, with its units. */
static gboolean
inspect_take_parameter(const CmdLine *line, const char *option,
                       const char *parameter, guint64 *ret_value,
                       GError **error)
{
    const char *text = cmd_line_get(line, option);
    g_autofree char *word = g_strdup_printf("%s=%s", parameter,
                                            text ? text : "");
    const char *words[] = { word, NULL };
    virTypedParameterPtr params = NULL;
    int n_params = 0;
    gboolean ok = FALSE;

    *ret_value = 0;
    if (!text)
        return TRUE;

    if (migtune_typed_params_parse(words, &params, &n_params, NULL) &&
        n_params == 1 && params[0].type == VIR_TYPED_PARAM_ULLONG) {
        *ret_value = params[0].value.ul;
        ok = *ret_value > 0;
    }
    migtune_typed_params_free(params, n_params);
    if (!ok)
        tool_usage_error(error, _("--%s: '%s' is not a positive value such "
                                  "as %s"), option, text,
                         strcmp(option, "bandwidth") == 0 ? "1GiB/s" :
                         "500ms");
    return ok;
}

static gboolean
inspect_take_number(const CmdLine *line, const char *option,
                    guint64 *ret_value, GError **error)
{
    const char *text = cmd_line_get(line, option);
    char *end;

    *ret_value = 0;
    if (!text)
        return TRUE;

    errno = 0;
    *ret_value = g_ascii_strtoull(text, &end, 0);
    if (errno || end == text || *end || *text == '-' || *ret_value % 4096) {
        tool_usage_error(error, _("--%s: '%s' is not a number of bytes that "
                                  "is a multiple of 4096"), option, text);
        return FALSE;
    }

    return TRUE;
}

static gboolean
inspect_set_budget(MigtuneInspection *inspection, const CmdLine *line,
                   GError **error)
{
    guint64 mib_per_s, downtime_ms;

    if (!inspect_take_parameter(line, "bandwidth", "bandwidth", &mib_per_s,
                                error) ||
        !inspect_take_parameter(line, "downtime", "downtime", &downtime_ms,
                                error))
        return FALSE;

    migtune_inspection_set_budget(inspection, mib_per_s << 20, downtime_ms);
    return TRUE;
}

static char **
inspect_get_sources(const CmdLine *line)
{
    GPtrArray *words = g_ptr_array_new();

    for (guint i = 0; i < line->rest->len; i++)
        g_ptr_array_add(words, g_strdup(g_ptr_array_index(line->rest, i)));
    g_ptr_array_add(words, NULL);
    return (char **)g_ptr_array_free(words, FALSE);
}

/* Returns NULL for a damaged stream, too. */
static MigtuneInspection *
inspect_one_sound(Tool *tool, const char *source, GError **error)
{
    const char *sources[] = { source, NULL };
    g_autoptr(MigtuneInspection) inspection =
        migtune_inspect(sources, tool->cancellable, error);

    if (!inspection || !migtune_inspection_check(inspection, error))
        return NULL;
    return g_steal_pointer(&inspection);
}

static int
inspect_diff(Tool *tool, char **sources, GError **error)
{
    g_autoptr(MigtuneInspection) a = NULL;
    g_autoptr(MigtuneInspection) b = NULL;
    g_autoptr(JsonNode) document = NULL;
    gboolean same;

    if (g_strv_length(sources) != 2) {
        tool_usage_error(error, _("--diff compares two files"));
        return TOOL_USAGE;
    }
    a = inspect_one_sound(tool, sources[0], error);
    b = a ? inspect_one_sound(tool, sources[1], error) : NULL;
    if (!b)
        return TOOL_USAGE;

    document = migtune_inspection_diff(a, b);
    same = out_get_bool(json_node_get_object(document), "same");
    if (tool->json) {
        out_json(document);
    } else {
        g_autofree char *text = migtune_inspection_diff_to_text(a, b);

        inspect_print(text);
    }
    return same ? TOOL_DONE : TOOL_FAILED;
}

static MigtuneInspection *
inspect_extract(Tool *tool, const CmdLine *line, char **sources,
                GError **error)
{
    const char *path = cmd_line_get(line, "output");
    MigtuneInspection *inspection;
    guint64 offset, length;
    int fd;

    if (!path) {
        tool_usage_error(error, _("--extract needs --output"));
        return NULL;
    }
    if (!inspect_take_number(line, "offset", &offset, error) ||
        !inspect_take_number(line, "length", &length, error))
        return NULL;

    fd = g_open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        g_set_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_IO,
                    _("cannot create '%s': %s"), path, g_strerror(errno));
        return NULL;
    }
    inspection = migtune_inspect_extract((const char *const *)sources,
                                         cmd_line_get(line, "extract"),
                                         offset, length, fd,
                                         tool->cancellable, error);
    if (close(fd) < 0 && inspection) {
        g_clear_pointer(&inspection, migtune_inspection_unref);
        g_set_error(error, MIGTUNE_ERROR, MIGTUNE_ERROR_IO,
                    _("cannot write '%s': %s"), path, g_strerror(errno));
    }
    if (!inspection)
        g_unlink(path);
    return inspection;
}

static int
inspect_run(Tool *tool, const CmdLine *line, GError **error)
{
    g_auto(GStrv) sources = inspect_get_sources(line);
    unsigned int flags = cmd_line_has(line, "devices") ?
        MIGTUNE_INSPECT_DEVICES : 0;
    g_autoptr(MigtuneInspection) inspection = NULL;
    gboolean sound;

    if (!sources[0]) {
        tool_usage_error(error, _("inspect: no file given; expected FILE, - "
                                  "or main=FILE ch0=FILE ..."));
        return TOOL_USAGE;
    }
    if (cmd_line_has(line, "diff"))
        return inspect_diff(tool, sources, error);

    inspection = cmd_line_has(line, "extract") ?
        inspect_extract(tool, line, sources, error) :
        migtune_inspect((const char *const *)sources, tool->cancellable,
                        error);
    if (!inspection || !inspect_set_budget(inspection, line, error))
        return TOOL_FAILED;

    sound = migtune_inspection_check(inspection, NULL);
    if (cmd_line_has(line, "check") && !tool->json)
        return migtune_inspection_check(inspection, error) ? TOOL_DONE :
               TOOL_FAILED;

    if (tool->json) {
        g_autoptr(JsonNode) document = migtune_inspection_to_json(inspection,
                                                                  flags);

        out_json(document);
    } else if (!cmd_line_has(line, "extract")) {
        g_autofree char *text = migtune_inspection_to_text(inspection, flags);

        inspect_print(text);
    }
    return sound ? TOOL_DONE : TOOL_FAILED;
}

static const CmdOption inspect_options[] = {
    { "file", 0, CMD_OPT_REST, .metavar = "FILE",
      .help = N_("one recording, - for standard input, or the channels of one "
                 "migration as main=FILE ch0=FILE ch1=FILE ...") },
    { "check", 0, CMD_OPT_FLAG,
      .help = N_("print only the problems; the exit status is 1 if a "
                 "destination could not load the stream") },
    { "devices", 0, CMD_OPT_FLAG,
      .help = N_("list every field of every device") },
    { "bandwidth", 0, CMD_OPT_TEXT, .metavar = "RATE",
      .help = N_("compute the downtime that the device state takes with this "
                 "bandwidth; the default is 128MiB/s, as in QEMU") },
    { "downtime", 0, CMD_OPT_TEXT, .metavar = "TIME",
      .help = N_("compare that with this downtime; the default is 300ms, as "
                 "in QEMU") },
    { "diff", 0, CMD_OPT_FLAG,
      .help = N_("compare two recordings: machine, RAM blocks, devices and "
                 "their fields; the exit status is 0 if they agree, 1 if "
                 "not") },
    { "extract", 0, CMD_OPT_TEXT, .metavar = "BLOCK",
      .help = N_("write the RAM of this block to the file of --output, as it "
                 "is at the end of the stream") },
    { "offset", 0, CMD_OPT_TEXT, .metavar = "BYTES",
      .help = N_("extract from here on; the default is 0") },
    { "length", 0, CMD_OPT_TEXT, .metavar = "BYTES",
      .help = N_("the number of bytes to extract; the default is the rest of "
                 "the block") },
    { "output", 0, CMD_OPT_TEXT, .metavar = "PATH",
      .help = N_("a new file for the extracted RAM") },
    { NULL }
};

const Cmd cmd_inspect_commands[] = {
    { "inspect", 0, inspect_options, inspect_run,
      N_("show what a recorded migration stream holds"),
      N_("Reads a migration stream to its end and shows what is in it: pages "
         "by kind and pass, RAM blocks, channels, sections of devices with "
         "their sizes, and everything that is wrong with it. The file may be "
         "the main channel of a migration, a mapped-ram file, a multifd "
         "channel, a save file, a libvirt save image of any format or a "
         "compressed stream; a recording that is encrypted with TLS is "
         "reported as such. No guest and no QEMU is needed. The exit status "
         "is 1 if a destination could not load the stream.") },
    { NULL }
};
