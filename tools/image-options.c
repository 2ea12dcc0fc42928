/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options and progress of the commands about files that contain the state of a
 * guest.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <glib/gi18n.h>

#include "image-options.h"

#define PROGRESS_IN_PLACE_US 100000
#define PROGRESS_LINE_US 1000000

#define OPTIONS_MIN_CHUNK (1 << 20)
#define OPTIONS_MAX_CHUNK (16 << 20)

/* Reads an option with a whole number; FALSE with an error. */
static gboolean
options_number(const CmdLine *line, const char *name, gint64 min, gint64 max,
               gint64 *ret_value, GError **error)
{
    const char *text = cmd_line_get(line, name);

    if (g_ascii_string_to_signed(text, 10, min, max, ret_value, NULL))
        return TRUE;
    tool_usage_error(error, _("--%s is a number from %d to %d, not '%s'"),
                     name, (int)min, (int)max, text);

    return FALSE;
}

/* The units of a size, as in values of parameters.  Case is ignored. */
static const struct {
    const char *suffix;
    guint64 bytes;
} options_units[] = {
    { "", 1ull << 20 },
    { "b", 1 },
    { "k", 1ull << 10 }, { "kib", 1ull << 10 }, { "kb", 1000 },
    { "m", 1ull << 20 }, { "mib", 1ull << 20 }, { "mb", 1000000 },
    { "g", 1ull << 30 }, { "gib", 1ull << 30 }, { "gb", 1000000000 },
};

/* Reads the option --chunk-size; FALSE with an error. */
static gboolean
options_chunk_bytes(const char *text, guint32 *ret_bytes, GError **error)
{
    g_autofree char *suffix = NULL;
    gsize n_digits = strspn(text, "0123456789.");
    char *end = NULL;
    double number = g_ascii_strtod(text, &end);

    suffix = g_strstrip(g_ascii_strdown(text + n_digits, -1));
    for (guint i = 0; i < G_N_ELEMENTS(options_units); i++) {
        double bytes = number * options_units[i].bytes;

        /* Not for "inf", "0x10" and "1.2.3". */
        if (!g_ascii_isdigit(*text) || end != text + n_digits ||
            strcmp(suffix, options_units[i].suffix) != 0)
            continue;
        if (bytes < OPTIONS_MIN_CHUNK || bytes > OPTIONS_MAX_CHUNK ||
            bytes != (guint32)bytes)
            break;
        *ret_bytes = bytes;
        return TRUE;
    }
    tool_usage_error(error,
                     _("--chunk-size is a size from 1MiB to 16MiB such as 8MiB "
                       "or 2048KiB, or a number of MiB, not '%s'"), text);

    return FALSE;
}

GVariant *
image_options_take(const CmdLine *line, GError **error)
{
    g_auto(GVariantDict) dict = G_VARIANT_DICT_INIT(NULL);
    guint32 bytes;
    gint64 n;

    if (cmd_line_has(line, "level")) {
        if (!options_number(line, "level", -50, 19, &n, error))
            return NULL;
        g_variant_dict_insert(&dict, "level", "i", (gint32)n);
    }
    if (cmd_line_has(line, "threads")) {
        if (!options_number(line, "threads", 1, 64, &n, error))
            return NULL;
        g_variant_dict_insert(&dict, "threads", "u", (guint32)n);
    }
    if (cmd_line_has(line, "chunk-size")) {
        if (!options_chunk_bytes(cmd_line_get(line, "chunk-size"), &bytes,
                                 error))
            return NULL;
        g_variant_dict_insert(&dict, "chunk-size", "u", bytes);
    }
    if (cmd_line_has(line, "direct-io"))
        g_variant_dict_insert(&dict, "direct-io", "b", TRUE);
    if (cmd_line_has(line, "live"))
        g_variant_dict_insert(&dict, "live", "b", TRUE);
    if (cmd_line_has(line, "format"))
        g_variant_dict_insert(&dict, "format", "s",
                              cmd_line_get(line, "format"));

    return g_variant_dict_end(&dict);
}

void
image_progress_init(ImageProgress *progress, const Tool *tool,
                    const CmdLine *line)
{
    progress->in_place = isatty(STDERR_FILENO) && !tool->quiet;
    progress->lines = !progress->in_place && cmd_line_has(line, "verbose");
    progress->begin_us = g_get_monotonic_time();
    progress->next_us = 0;
}

void
image_progress_clear(ImageProgress *progress)
{
    if (progress->in_place && progress->next_us)
        fputc('\n', stderr);
}

void
image_progress_show(guint64 done, guint64 total, gpointer data)
{
    ImageProgress *progress = data;
    gint64 now = g_get_monotonic_time();
    double seconds = (now - progress->begin_us) / 1e6;
    g_autofree char *size = NULL;
    g_autofree char *rate = NULL;

    if (now < progress->next_us || (!progress->in_place && !progress->lines))
        return;

    progress->next_us = now + (progress->in_place ? PROGRESS_IN_PLACE_US
                                                  : PROGRESS_LINE_US);
    size = g_format_size_full(done, G_FORMAT_SIZE_IEC_UNITS);
    rate = g_format_size_full(done / MAX(seconds, 1e-3),
                              G_FORMAT_SIZE_IEC_UNITS);
    /* The stream is shorter than the RAM, because zero pages are short in
     * it. */
    if (total)
        fprintf(stderr, _("%s of at most %.0f MiB, %s/s"), size,
                total / 1048576.0, rate);
    else
        fprintf(stderr, _("%s, %s/s"), size, rate);
    fputs(progress->in_place ? "   \r" : "\n", stderr);
    fflush(stderr);
}
