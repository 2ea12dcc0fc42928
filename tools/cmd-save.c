/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands that save a guest into a file and restore it.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include <glib/gi18n.h>

#include "cmd.h"
#include "image-options.h"

static char *
save_size(JsonObject *object, const char *member)
{
    return g_format_size_full(json_object_get_int_member(object, member),
                              G_FORMAT_SIZE_IEC_UNITS);
}

static void
save_print(Tool *tool, JsonObject *object)
{
    g_autofree char *ram = save_size(object, "ram_bytes");
    g_autofree char *stream = save_size(object, "stream_bytes");
    g_autofree char *file = save_size(object, "file_bytes");
    g_autofree char *devices = save_size(object, "device_bytes");
    g_autofree char *budget = save_size(object, "device_budget_bytes");
    g_autofree char *rate = save_size(object, "bandwidth");

    if (tool->quiet)
        return;
    out_line(_("%s: saved in %.2f s"), out_get_string(object, "domain"),
             json_object_get_double_member(object, "seconds"));
    out_line(_("RAM %s, stream %s (%s/s), file %s"), ram, stream, rate, file);
    out_line(_("Device state %s; a downtime of %" PRId64 " ms at "
               "this bandwidth is enough for %s"), devices,
             json_object_get_int_member(object, "downtime_ms"), budget);
}

static int
save_dry_run(const Tool *tool, const char *domain, const char *command)
{
    if (tool->uri && g_str_has_prefix(tool->uri, "qemu")) {
        out_line(_("%s: libvirt's own save image, which migtune converts"),
                 domain);
        return TOOL_DONE;
    }
    out_line(_("%s: %s to a UNIX socket of migtune, with the capabilities "
               "that change the stream switched off meanwhile"), domain,
             command);
    return TOOL_DONE;
}

static int
save_save(Tool *tool, const CmdLine *line, GError **error)
{
    const char *name = cmd_line_get(line, "domain");
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(JsonNode) result = NULL;
    ImageProgress progress;
    GVariant *options = image_options_take(line, error);

    if (!options)
        return TOOL_USAGE;
    domain = tool_open_domain(tool, name, error);
    if (!domain || cmd_line_has(line, "dry-run")) {
        g_variant_unref(g_variant_ref_sink(options));
        return domain ? save_dry_run(tool, name, "migrate") : TOOL_FAILED;
    }
    image_progress_init(&progress, tool, line);
    result = migtune_domain_save(domain, cmd_line_get(line, "file"), options,
                                 image_progress_show, &progress,
                                 tool->cancellable, error);
    image_progress_clear(&progress);
    if (!result)
        return TOOL_FAILED;
    if (strcmp(cmd_line_get(line, "file"), "-") == 0)
        return TOOL_DONE;
    if (tool->json)
        out_json(result);
    else
        save_print(tool, json_node_get_object(result));

    return TOOL_DONE;
}

static int
save_restore(Tool *tool, const CmdLine *line, GError **error)
{
    const char *name = cmd_line_get(line, "domain");
    g_autoptr(MigtuneDomain) domain = NULL;
    g_autoptr(JsonNode) result = NULL;
    ImageProgress progress;
    GVariant *options = image_options_take(line, error);
    JsonObject *object;

    if (!options)
        return TOOL_USAGE;
    domain = tool_open_domain(tool, name, error);
    if (!domain || cmd_line_has(line, "dry-run")) {
        g_variant_unref(g_variant_ref_sink(options));
        return domain ? save_dry_run(tool, name, "migrate-incoming") : TOOL_FAILED;
    }
    image_progress_init(&progress, tool, line);
    result = migtune_domain_restore(domain, cmd_line_get(line, "file"),
                                    options, image_progress_show, &progress,
                                    tool->cancellable, error);
    image_progress_clear(&progress);
    if (!result)
        return TOOL_FAILED;
    object = json_node_get_object(result);
    if (tool->json)
        out_json(result);
    else if (!tool->quiet)
        out_line(_("%s: restored in %.2f s, the guest is %s"), name,
                 json_object_get_double_member(object, "seconds"),
                 out_get_string(object, "state"));

    return TOOL_DONE;
}

#define SAVE_DOMAIN                                                     \
    { "domain", 0, CMD_OPT_DATA, .required = TRUE,                      \
      .word = CMD_WORD_DOMAIN, .metavar = "DOMAIN",                     \
      .help = N_("name, UUID or key of a guest") }
#define SAVE_DRY_RUN                                                    \
    { "dry-run", 0, CMD_OPT_FLAG,                                       \
      .help = N_("print what would be done, and do nothing") }

static const CmdOption save_save_options[] = {
    SAVE_DOMAIN,
    { "file", 0, CMD_OPT_DATA, .required = TRUE, .metavar = "FILE",
      .help = N_("the save file to write; - for standard output") },
    { "live", 0, CMD_OPT_FLAG,
      .help = N_("let the guest run until the end of the save") },
    IMAGE_OPTION_LEVEL,
    IMAGE_OPTION_THREADS,
    IMAGE_OPTION_CHUNK_SIZE,
    IMAGE_OPTION_DIRECT_IO,
    IMAGE_OPTION_VERBOSE,
    SAVE_DRY_RUN,
    { NULL }
};

static const CmdOption save_restore_options[] = {
    { "file", 0, CMD_OPT_DATA, .required = TRUE, .metavar = "FILE",
      .help = N_("a save file, a migration stream, a mapped-ram file or a "
                 "libvirt save image") },
    SAVE_DOMAIN,
    IMAGE_OPTION_THREADS,
    IMAGE_OPTION_VERBOSE,
    SAVE_DRY_RUN,
    { NULL }
};

const Cmd cmd_save_commands[] = {
    { "save", 0, save_save_options, save_save,
      N_("save the state of a guest into a file"),
      N_("Writes RAM and devices of a guest into a save file, compressed by "
         "several threads. The guest is stopped first, or, with --live, at "
         "the end, and stays stopped. A signal (Ctrl-C) cancels the save, and "
         "the guest runs on. The file gets its name only when it is complete "
         "and on the disk.\n\n"
         "QEMU can restore the file without migtune, too: start it with "
         "-incoming 'exec:zstd -dc FILE'. It is then paused if the guest was "
         "saved without --live. Disks are not part of the file.\n\n"
         "A guest of libvirt is saved by libvirt and is shut off then. Its "
         "image is converted into a libvirt image of format zstd.") },
    { "restore", 0, save_restore_options, save_restore,
      N_("restore a guest from a file"),
      N_("Sends the state in a file to a guest that was started with "
         "-incoming defer. A guest that ran when it was saved runs "
         "afterwards. Any number of threads can restore a file.\n\n"
         "A guest of libvirt must be shut off. libvirt restores it from a "
         "save image of libvirt; if it does not know the format of the image, "
         "it is given an uncompressed copy.") },
    { NULL }
};
