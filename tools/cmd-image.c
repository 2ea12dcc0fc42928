/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Commands about files that contain the state of a guest.
 */
#include "config.h"

#include <string.h>

#include <glib/gi18n.h>

#include "cmd.h"
#include "image-options.h"

static void
image_line(const char *title, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
image_line(const char *title, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, format);
    text = g_strdup_vprintf(format, ap);
    va_end(ap);
    out_line("%-16s %s", title, text);
}

/* Prints a number of bytes with a unit, if @object has this member. */
static void
image_size(JsonObject *object, const char *member, const char *title)
{
    g_autofree char *text = NULL;

    if (!json_object_has_member(object, member))
        return;
    text = g_format_size_full(json_object_get_int_member(object, member),
                              G_FORMAT_SIZE_IEC_UNITS |
                              G_FORMAT_SIZE_LONG_FORMAT);
    image_line(title, "%s", text);
}

static void
image_number(JsonObject *object, const char *member, const char *title)
{
    if (json_object_has_member(object, member))
        image_line(title, "%" G_GINT64_FORMAT,
                   json_object_get_int_member(object, member));
}

static void
image_text(JsonObject *object, const char *member, const char *title)
{
    const char *text = out_get_string(object, member);

    if (text && *text)
        image_line(title, "%s", text);
}

static void
image_print_info(JsonObject *object)
{
    JsonArray *blocks = out_get_array(object, "blocks");
    JsonObject *properties = json_object_has_member(object, "properties")
        ? json_object_get_object_member(object, "properties") : NULL;
    JsonObject *libvirt = json_object_has_member(object, "libvirt")
        ? json_object_get_object_member(object, "libvirt") : NULL;

    image_text(object, "path", _("File"));
    image_text(object, "format", _("Format"));
    image_size(object, "file_bytes", _("Size"));
    if (properties) {
        image_text(properties, "name", _("Guest"));
        image_text(properties, "uuid", _("UUID"));
        image_text(properties, "created", _("Created"));
        image_text(properties, "creator", _("Creator"));
    }
    if (libvirt)
        image_line(_("libvirt header"), _("format %s, guest %s"),
                   out_get_string(libvirt, "format"),
                   json_object_get_boolean_member(libvirt, "was_running")
                   ? _("was running") : _("was stopped"));
    image_text(object, "machine", _("Machine type"));
    image_size(object, "stream_bytes", _("Stream"));
    image_size(object, "device_bytes", _("Device state"));
    image_number(object, "n_chunks", _("Chunks"));
    image_size(object, "chunk_bytes", _("Chunk size"));
    image_number(object, "level", _("Level of zstd"));
    if (json_object_has_member(object, "table") &&
        !json_object_get_boolean_member(object, "table"))
        out_line("%s", _("The tables at the end are missing; all chunks "
                         "exist."));
    for (guint i = 0; blocks && i < json_array_get_length(blocks); i++) {
        JsonObject *block = json_array_get_object_element(blocks, i);
        g_autofree char *size =
            g_format_size_full(json_object_get_int_member(block, "bytes"),
                               G_FORMAT_SIZE_IEC_UNITS);

        image_line(i ? "" : _("RAM blocks"), "%s, %s",
                   out_get_string(block, "name"), size);
    }
}

static int
image_info(Tool *tool, const CmdLine *line, GError **error)
{
    g_autoptr(JsonNode) info = migtune_image_get_info(
        cmd_line_get(line, "file"), tool->cancellable, error);

    if (!info)
        return TOOL_FAILED;
    if (tool->json)
        out_json(info);
    else
        image_print_info(json_node_get_object(info));

    return TOOL_DONE;
}

static int
image_verify(Tool *tool, const CmdLine *line, GError **error)
{
    g_autoptr(JsonNode) result = NULL;
    ImageProgress progress;
    GVariant *options = image_options_take(line, error);
    JsonObject *object;

    if (!options)
        return TOOL_USAGE;
    image_progress_init(&progress, tool, line);
    result = migtune_image_verify(cmd_line_get(line, "file"), options,
                                  image_progress_show, &progress,
                                  tool->cancellable, error);
    image_progress_clear(&progress);
    if (!result)
        return TOOL_FAILED;
    if (tool->json) {
        out_json(result);
        return TOOL_DONE;
    }

    object = json_node_get_object(result);
    if (!tool->quiet)
        out_line(_("%s: no damage found"), cmd_line_get(line, "file"));
    image_text(object, "format", _("Format"));
    image_size(object, "stream_bytes", _("Stream"));
    image_number(object, "pages", _("Pages"));
    image_number(object, "zero_pages", _("Zero pages"));
    image_size(object, "device_bytes", _("Device state"));
    return TOOL_DONE;
}

static int
image_convert(Tool *tool, const CmdLine *line, GError **error)
{
    const char *to = cmd_line_get(line, "to");
    g_autoptr(JsonNode) result = NULL;
    ImageProgress progress;
    GVariant *options = image_options_take(line, error);
    JsonObject *object;

    if (!options)
        return TOOL_USAGE;
    image_progress_init(&progress, tool, line);
    result = migtune_image_convert(cmd_line_get(line, "from"), to, options,
                                   image_progress_show, &progress,
                                   tool->cancellable, error);
    image_progress_clear(&progress);
    if (!result)
        return TOOL_FAILED;
    /* The file was written to standard output, so nothing else is printed
     * there. */
    if (strcmp(to, "-") == 0)
        return TOOL_DONE;
    if (tool->json) {
        out_json(result);
        return TOOL_DONE;
    }

    object = json_node_get_object(result);
    image_line(_("Converted"), "%s -> %s", out_get_string(object, "from"),
               out_get_string(object, "to"));
    image_size(object, "stream_bytes", _("Stream"));
    image_size(object, "file_bytes", _("Size"));
    return TOOL_DONE;
}

/* Parses BLOCK, BLOCK:START or BLOCK:START+LENGTH.  The name of a block may
 * contain colons. */
static gboolean
image_parse_range(const char *text, char **ret_block, guint64 *ret_start,
                  guint64 *ret_length, GError **error)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;

    *ret_start = *ret_length = 0;
    if (!colon) {
        *ret_block = g_strdup(text);
        return TRUE;
    }
    if (g_ascii_isdigit(colon[1])) {
        *ret_start = g_ascii_strtoull(colon + 1, &end, 0);
        if (*end == '+' && g_ascii_isdigit(end[1]))
            *ret_length = g_ascii_strtoull(end + 1, &end, 0);
    }
    if (!end || *end || colon == text) {
        tool_usage_error(error, _("'%s' is not a range; expected "
                                  "BLOCK:START+LENGTH in bytes, such as "
                                  "pc.ram:0x100000+4096"), text);
        return FALSE;
    }
    *ret_block = g_strndup(text, colon - text);

    return TRUE;
}

static int
image_extract(Tool *tool, const CmdLine *line, GError **error)
{
    const char *to = cmd_line_get(line, "to");
    g_autoptr(JsonNode) result = NULL;
    g_autofree char *block = NULL;
    guint64 start, length;
    JsonObject *object;

    if (!image_parse_range(cmd_line_get(line, "range"), &block, &start,
                           &length, error))
        return TOOL_USAGE;
    result = migtune_image_extract(cmd_line_get(line, "file"), to, block,
                                   start, length, tool->cancellable, error);
    if (!result)
        return TOOL_FAILED;
    if (strcmp(to, "-") == 0)
        return TOOL_DONE;
    if (tool->json) {
        out_json(result);
        return TOOL_DONE;
    }

    object = json_node_get_object(result);
    image_text(object, "block", _("Block"));
    image_number(object, "start", _("First byte"));
    image_size(object, "length", _("Length"));
    image_number(object, "chunks", _("Chunks read"));
    return TOOL_DONE;
}

#define IMAGE_FILE                                                      \
    { "file", 0, CMD_OPT_DATA, .required = TRUE, .metavar = "FILE",     \
      .help = N_("a save file, a migration stream, a mapped-ram file or a " \
                 "libvirt save image") }

static const CmdOption image_info_options[] = {
    IMAGE_FILE,
    { NULL }
};

static const CmdOption image_verify_options[] = {
    IMAGE_FILE,
    IMAGE_OPTION_THREADS,
    IMAGE_OPTION_VERBOSE,
    { NULL }
};

static const char *const image_formats[] = {
    "stream", "save", "mapped", "libvirt-raw", "libvirt-gzip",
    "libvirt-bzip2", "libvirt-xz", "libvirt-lzop", "libvirt-zstd",
    "libvirt-sparse", NULL
};

static const CmdOption image_convert_options[] = {
    { "from", 0, CMD_OPT_DATA, .required = TRUE, .metavar = "FROM",
      .help = N_("the file to read, of any format; - for standard input") },
    { "to", 0, CMD_OPT_DATA, .required = TRUE, .metavar = "TO",
      .help = N_("the file to write; - for standard output") },
    { "format", 0, CMD_OPT_TEXT, .choices = image_formats,
      .metavar = "FORMAT",
      .help = N_("the format of TO; default: a save file, or, if FROM is one, "
                 "a migration stream") },
    IMAGE_OPTION_LEVEL,
    IMAGE_OPTION_THREADS,
    IMAGE_OPTION_CHUNK_SIZE,
    IMAGE_OPTION_DIRECT_IO,
    IMAGE_OPTION_VERBOSE,
    { NULL }
};

static const CmdOption image_extract_options[] = {
    IMAGE_FILE,
    { "range", 0, CMD_OPT_DATA, .required = TRUE,
      .metavar = "BLOCK:START+LENGTH",
      .help = N_("the part of guest RAM, in bytes; without LENGTH up to the "
                 "end of the block, without START all of it") },
    { "to", 0, CMD_OPT_DATA, .required = TRUE, .metavar = "TO",
      .help = N_("the file to write; - for standard output") },
    { NULL }
};

const Cmd cmd_image_commands[] = {
    { "image-info", 0, image_info_options, image_info,
      N_("describe a file with the state of a guest"),
      N_("Reads headers and tables and shows format, guest, machine type, RAM "
         "blocks and sizes.") },
    { "image-verify", 0, image_verify_options, image_verify,
      N_("check a file with the state of a guest"),
      N_("Reads all of the file, compares every checksum and every table, and "
         "parses the migration stream in it. Damage is reported with its "
         "offset, and the exit status is 1.") },
    { "image-convert", 0, image_convert_options, image_convert,
      N_("convert a file with the state of a guest"),
      N_("Converts between migration streams as QEMU sends them, save files, "
         "mapped-ram files of QEMU and save images of libvirt. The header of "
         "a libvirt image, with the XML of the guest, is kept to the byte.\n\n"
         "'zstd -dc' decompresses a save file, and 'virsh restore' restores "
         "one of format libvirt-zstd.") },
    { "image-extract", 0, image_extract_options, image_extract,
      N_("write a part of the RAM in a file with the state of a guest"),
      N_("Writes a range of one RAM block. From a save file, only the "
         "chunks that contain the range are read.") },
    { NULL }
};
