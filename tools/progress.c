/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Progress of a migration; see progress.h.
 *
 * The share is the part of the memory that is not left to send. It decreases
 * at the start of a pass if the guest has written to its memory.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <glib/gi18n.h>

#include "progress.h"

#define PROGRESS_BAR_MIN 10
#define PROGRESS_BAR_MAX 40
#define PROGRESS_DRAW_US 50000
#define PROGRESS_LINE_US 1000000

struct _Progress {
    gboolean in_place;      /* standard error is a terminal */
    gboolean lines;
    gboolean drawn;         /* the last line shows a bar */
    gboolean json;          /* one JSON document per line */
    double share;           /* the last known one */
    gint64 next_us;
};

Progress *
progress_new(const Tool *tool, gboolean verbose)
{
    Progress *progress = g_new0(Progress, 1);

    progress->json = tool->json;
    progress->in_place = isatty(STDERR_FILENO) && !tool->quiet && !tool->json;
    progress->lines = verbose && !progress->in_place;

    return progress;
}

void
progress_free(Progress *progress)
{
    if (progress && progress->drawn)
        fputc('\n', stderr);
    g_free(progress);
}

/* Finds a statistic; NULL if QEMU does not report it. */
static JsonObject *
progress_find(JsonObject *info, const char *name)
{
    JsonArray *statistics = out_get_array(info, "statistics");
    guint n = statistics ? json_array_get_length(statistics) : 0;

    for (guint i = 0; i < n; i++) {
        JsonObject *object = json_array_get_object_element(statistics, i);

        if (g_strcmp0(out_get_string(object, "name"), name) == 0)
            return object;
    }

    return NULL;
}

static double
progress_number(JsonObject *info, const char *name)
{
    JsonObject *object = progress_find(info, name);

    return object ? json_object_get_double_member(object, "value") : 0;
}

/* Returns the share of the memory that is not left to send. */
static double
progress_share(JsonObject *info)
{
    double total = progress_number(info, "memory_total");
    double left = progress_number(info, "memory_remaining");

    if (g_strcmp0(out_get_string(info, "job"), "completed") == 0)
        return 1;

    return total > 0 ? CLAMP(1 - left / total, 0, 1) : 0;
}

/* "1:05", or "2:03:04" from an hour on. */
static char *
progress_time(double seconds)
{
    guint64 s = seconds > 0 ? (guint64)(seconds + 0.5) : 0;

    if (s >= 3600)
        return g_strdup_printf("%" G_GUINT64_FORMAT ":%02u:%02u", s / 3600,
                               (guint)(s / 60 % 60), (guint)(s % 60));

    return g_strdup_printf("%u:%02u", (guint)(s / 60), (guint)(s % 60));
}

/* Adds the elapsed time, and the remaining time or the reason why there is
 * none. */
static void
progress_add_times(GString *text, JsonObject *info)
{
    double elapsed = progress_number(info, "time_elapsed") / 1000;
    double speed = progress_number(info, "memory_bps");
    double left = progress_number(info, "memory_remaining");
    double dirty = progress_number(info, "memory_dirty_rate") *
                   progress_number(info, "memory_page_size");
    g_autofree char *passed = progress_time(elapsed);

    g_string_append_printf(text, "  %s", passed);
    if (speed <= 0)
        return;

    if (dirty >= speed) {
        g_autofree char *dirties = g_format_size_full(
            (guint64)dirty, G_FORMAT_SIZE_IEC_UNITS);
        g_autofree char *sends = g_format_size_full(
            (guint64)speed, G_FORMAT_SIZE_IEC_UNITS);

        g_string_append_printf(text, _("  does not converge: dirties %s/s, "
                                       "sends %s/s"), dirties, sends);
    } else if (left > 0) {
        g_autofree char *rest = progress_time(left / (speed - dirty));

        /* Translators: the estimated time to the end. */
        g_string_append_printf(text, _("  about %s left"), rest);
    }
}

/* Formats the text after the bar. */
static char *
progress_text(JsonObject *info, double share)
{
    JsonObject *pass = progress_find(info, "memory_iteration");
    JsonObject *left = progress_find(info, "memory_remaining");
    JsonObject *speed = progress_find(info, "memory_bps");
    const char *status = out_get_string(info, "status");
    g_autoptr(GString) text = g_string_new(NULL);

    /* QEMU reports no sizes before the start and after a cancellation. */
    if (!pass || !left || !speed)
        return g_strdup_printf("%3.0f %%  %s", share * 100, status);

    /* Translators: the share of the memory that has been sent, the number of
     * the pass over the memory, the size that is left, the speed, and QEMU's
     * status. */
    g_string_append_printf(text, _("%3.0f %%  pass %s  %s left  %s  %s"),
                           share * 100, out_get_string(pass, "text"),
                           out_get_string(left, "text"),
                           out_get_string(speed, "text"), status);
    if (g_strcmp0(out_get_string(info, "job"), "active") == 0)
        progress_add_times(text, info);

    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Shortens @line: a longer text would continue in a line that is not
 * cleared. */
static void
progress_cut(char *line, guint columns)
{
    char *end = line + strlen(line);

    while (end && end > line && out_width(line) > columns) {
        end = g_utf8_find_prev_char(line, end);
        if (end)
            *end = '\0';
    }
}

static void
progress_draw(Progress *progress, const char *name, const char *text,
              double share)
{
    guint columns = out_get_columns(STDERR_FILENO);
    guint taken = out_width(name) + out_width(text) + 6;
    guint width = taken + PROGRESS_BAR_MIN < columns
        ? MIN(columns - taken, PROGRESS_BAR_MAX) : 0;
    g_autofree char *bar = g_strnfill(width, ' ');
    g_autofree char *line = NULL;
    g_autofree char *drawn = NULL;

    memset(bar, '=', (gsize)(share * width));
    if (width && share < 1)
        bar[(gsize)(share * width)] = '>';
    /* Return to the start of the line and clear it. */
    line = width ? g_strdup_printf("%s [%s] %s", name, bar, text)
        : g_strdup_printf("%s %s", name, text);
    progress_cut(line, columns - 1);
    drawn = g_strconcat("\r\033[K", line, NULL);
    out_progress(drawn);
    progress->drawn = TRUE;
}

void
progress_show(JsonNode *info, gpointer data)
{
    Progress *progress = data;
    JsonObject *object = json_node_get_object(info);
    gint64 now_us = g_get_monotonic_time();
    gboolean active = g_strcmp0(out_get_string(object, "job"), "active") == 0;
    double share = progress_share(object);
    g_autofree char *text = NULL;
    g_autofree char *name = NULL;

    if (!(progress->in_place || progress->lines) ||
        (active && now_us < progress->next_us))
        return;

    /* A failed migration has no sizes: show what had been reached. */
    if (progress_find(object, "memory_remaining") || share >= 1)
        progress->share = share;
    share = progress->share;
    progress->next_us = now_us + (progress->in_place ? PROGRESS_DRAW_US
                                                     : PROGRESS_LINE_US);
    if (progress->json) {
        g_autofree char *line = json_to_string(info, FALSE);

        out_progress(line);
        out_progress("\n");
        return;
    }
    text = progress_text(object, share);
    name = out_escape(out_get_string(object, "domain"));
    if (progress->in_place) {
        progress_draw(progress, name, text, share);
    } else {
        g_autofree char *line = g_strdup_printf("%s: %s\n", name, text);

        out_progress(line);
    }
}
