/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An inspection for programs (JSON) and for people (one screen of text).
 *
 * The members of the JSON object are described in libmigtune(3).
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "inspect/inspect.h"
#include "stream/codec.h"
#include "stream/page.h"
#include "stream/wire.h"
#include "util/i18n.h"
#include "util/json-peek.h"

/* Rows of lists in the text; the JSON has all. */
#define TEXT_MAX_PASSES 8
#define TEXT_MAX_BLOCKS 6
#define TEXT_MAX_DEVICES 8
#define TEXT_MAX_CHANNELS 16
#define TEXT_MAX_PROBLEMS 10

static const char *
section_type_to_string(guint8 type)
{
    switch (type) {
    case MT_SECTION_START:
        return "start";
    case MT_SECTION_PART:
        return "part";
    case MT_SECTION_END:
        return "end";
    default:
        return "full";
    }
}

/* Names of the compressions in @methods, bits of the packets' flags. */
static char *
methods_to_string(guint32 methods)
{
    static const struct {
        guint32 method;
        const char *name;
    } known[] = {
        { 0x02, "zlib" }, { 0x04, "zstd" }, { 0x08, "qpl" },
        { 0x10, "uadk" }, { 0x20, "qatzip" },
    };
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < G_N_ELEMENTS(known); i++) {
        if (methods & known[i].method)
            g_string_append_printf(text, "%s%s", text->len ? "+" : "",
                                   known[i].name);
    }
    if (!text->len)
        g_string_append(text, "none");
    return g_string_free(text, FALSE);
}

static guint64
budget_bytes(const MigtuneInspection *inspection)
{
    return (guint64)((double)inspection->bandwidth *
                     inspection->downtime_ms / 1000.0);
}

/* What is sent while the guest is stopped, at least: all device sections. */
static double
budget_ms(const MigtuneInspection *inspection)
{
    return inspection->account->device_bytes * 1000.0 /
        inspection->bandwidth;
}

static void
set_uint(JsonObject *object, const char *member, guint64 value)
{
    json_object_set_member(object, member, mt_json_node_new_uint64(value));
}

static JsonObject *
tally_to_json(MtTally tally)
{
    JsonObject *object = json_object_new();

    set_uint(object, "pages", tally.pages);
    set_uint(object, "bytes", tally.bytes);
    return object;
}

/* One member for each kind, also for those that do not occur. */
static JsonObject *
kinds_to_json(const MtTally kinds[MT_PAGES_N_KINDS])
{
    JsonObject *object = json_object_new();

    for (guint i = 0; i < MT_PAGES_N_KINDS; i++)
        json_object_set_object_member(object, mt_pages_kind_to_string(i),
                                      tally_to_json(kinds[i]));
    return object;
}

static void
account_totals(const MtAccount *account, MtTally ret_kinds[MT_PAGES_N_KINDS])
{
    for (guint i = 0; i < MT_PAGES_N_KINDS; i++)
        ret_kinds[i] = mt_account_total(account, i);
}

static JsonObject *
stream_to_json(const MtAccount *account)
{
    JsonObject *object = json_object_new();
    gboolean multifd = account->flushes;

    for (guint i = 0; i < account->channels->len; i++) {
        const MtAccountChannel *channel =
            g_ptr_array_index(account->channels, i);

        multifd |= channel->multifd;
    }

    if (account->stream_version)
        set_uint(object, "version", account->stream_version);
    else
        json_object_set_null_member(object, "version");
    mt_json_set_text(object, "machine", account->machine);
    if (account->capabilities) {
        JsonArray *array = json_array_new();

        for (char **name = account->capabilities; *name; name++)
            json_array_add_string_element(array, *name);
        json_object_set_array_member(object, "capabilities", array);
    } else {
        json_object_set_null_member(object, "capabilities");
    }
    mt_json_set_text(object, "uuid", account->uuid);
    set_uint(object, "page-size", account->page_bits ?
             (guint64)1 << account->page_bits : MT_PAGE_SIZE);
    if (account->footers_known)
        json_object_set_boolean_member(object, "footers", account->footers);
    else
        json_object_set_null_member(object, "footers");
    json_object_set_boolean_member(object, "complete", account->ended);
    json_object_set_boolean_member(object, "described", account->described);
    json_object_set_boolean_member(object, "postcopy", account->postcopy);
    mt_json_set_text(object, "multifd-sync",
                     !multifd || account->format != MT_FORMAT_STREAM ? NULL :
                     account->flushes ? "per-round" : "per-section");
    set_uint(object, "ram-bytes", account->total_ram);
    set_uint(object, "end-records", account->eos);
    set_uint(object, "flush-records", account->flush);
    set_uint(object, "package-bytes", account->package_bytes);
    set_uint(object, "description-bytes", account->description_bytes);
    set_uint(object, "trailing-bytes", account->trailing_bytes);
    return object;
}

static JsonArray *
passes_to_json(const MtAccount *account)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < account->passes->len; i++) {
        const MtAccountPass *pass = &g_array_index(account->passes,
                                                   MtAccountPass, i);
        JsonObject *object = json_object_new();

        set_uint(object, "number", i + 1);
        json_object_set_boolean_member(object, "postcopy", pass->postcopy);
        json_object_set_object_member(object, "pages",
                                      kinds_to_json(pass->kinds));
        json_array_add_object_element(array, object);
    }

    return array;
}

static JsonObject *
block_to_json(const MtAccountBlock *block)
{
    JsonObject *object = json_object_new();

    mt_json_set_text(object, "name", block->name);
    set_uint(object, "bytes", block->length);
    if (block->page_size)
        set_uint(object, "page-size", block->page_size);
    else
        json_object_set_null_member(object, "page-size");
    if (block->mapped) {
        set_uint(object, "bitmap-offset", block->bitmap_offset);
        set_uint(object, "pages-offset", block->pages_offset);
    } else {
        json_object_set_null_member(object, "bitmap-offset");
        json_object_set_null_member(object, "pages-offset");
    }
    json_object_set_object_member(object, "pages",
                                  kinds_to_json(block->kinds));
    if (block->tracked) {
        set_uint(object, "distinct-pages", block->distinct);
        set_uint(object, "repeated-pages", block->repeated);
    } else {
        json_object_set_null_member(object, "distinct-pages");
        json_object_set_null_member(object, "repeated-pages");
    }
    return object;
}

static JsonObject *
channel_to_json(const MtAccountChannel *channel)
{
    JsonObject *object = json_object_new();
    JsonObject *multifd;
    g_autofree char *methods = NULL;

    mt_json_set_text(object, "name", channel->name);
    mt_json_set_text(object, "source", channel->source);
    set_uint(object, "bytes", channel->bytes);
    if (!channel->multifd) {
        json_object_set_null_member(object, "multifd");
        return object;
    }

    multifd = json_object_new();
    methods = methods_to_string(channel->methods);
    set_uint(multifd, "id", channel->id);
    mt_json_set_text(multifd, "uuid", channel->uuid);
    mt_json_set_text(multifd, "compression", methods);
    set_uint(multifd, "packets", channel->packets);
    set_uint(multifd, "sync-packets", channel->sync);
    set_uint(multifd, "sync-packets-with-pages", channel->sync_with_data);
    set_uint(multifd, "empty-packets", channel->empty);
    set_uint(multifd, "stale-size-packets", channel->stale);
    set_uint(multifd, "normal-pages", channel->normal);
    set_uint(multifd, "zero-pages", channel->zero);
    set_uint(multifd, "payload-bytes", channel->payload);
    if (channel->payload)
        json_object_set_double_member(multifd, "ratio",
                                      (double)channel->normal * MT_PAGE_SIZE /
                                      channel->payload);
    else
        json_object_set_null_member(multifd, "ratio");
    json_object_set_object_member(object, "multifd", multifd);
    return object;
}

static JsonObject *
section_to_json(const MtAccountSection *section)
{
    JsonObject *object = json_object_new();

    mt_json_set_text(object, "type", section_type_to_string(section->type));
    mt_json_set_text(object, "name", section->name);
    set_uint(object, "id", section->id);
    set_uint(object, "instance", section->instance);
    set_uint(object, "version", section->version);
    set_uint(object, "offset", section->offset);
    set_uint(object, "count", section->count);
    set_uint(object, "bytes", section->bytes);
    json_object_set_boolean_member(object, "guessed", section->guessed);
    set_uint(object, "fields", section->fields);
    set_uint(object, "subsections", section->subsections);
    return object;
}

static JsonObject *
device_to_json(const MtAccountDevice *device)
{
    JsonObject *object = json_object_new();
    JsonArray *fields = json_array_new();

    mt_json_set_text(object, "name", device->name);
    mt_json_set_text(object, "vmsd-name", device->vmsd_name);
    set_uint(object, "instance", device->instance);
    set_uint(object, "version", device->version);
    for (guint i = 0; i < device->fields->len; i++) {
        const MtAccountField *field = g_ptr_array_index(device->fields, i);
        JsonObject *row = json_object_new();

        mt_json_set_text(row, "name", field->path);
        mt_json_set_text(row, "type", field->type);
        set_uint(row, "size", field->size);
        set_uint(row, "count", field->count);
        set_uint(row, "offset", field->offset);
        json_object_set_boolean_member(row, "element", field->example);
        mt_json_set_text(row, "value", field->value);
        json_array_add_object_element(fields, row);
    }
    json_object_set_array_member(object, "fields", fields);
    return object;
}

static JsonObject *
budget_to_json(const MigtuneInspection *inspection)
{
    JsonObject *object = json_object_new();

    set_uint(object, "device-bytes", inspection->account->device_bytes);
    set_uint(object, "bandwidth", inspection->bandwidth);
    set_uint(object, "downtime", inspection->downtime_ms);
    set_uint(object, "budget-bytes", budget_bytes(inspection));
    json_object_set_double_member(object, "device-milliseconds",
                                  budget_ms(inspection));
    json_object_set_double_member(object, "share",
                                  budget_ms(inspection) /
                                  inspection->downtime_ms);
    return object;
}

static JsonArray *
commands_to_json(const MtAccount *account)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < account->commands->len; i++) {
        const MtAccountCommand *command = &g_array_index(
            account->commands, MtAccountCommand, i);
        JsonObject *object = json_object_new();

        mt_json_set_text(object, "name",
                         mt_command_to_string(command->number));
        set_uint(object, "count", command->count);
        set_uint(object, "offset", command->offset);
        json_array_add_object_element(array, object);
    }

    return array;
}

static JsonArray *
problems_to_json(const MtAccount *account)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < account->problems->len; i++) {
        const MtProblem *problem = g_ptr_array_index(account->problems, i);
        JsonObject *object = json_object_new();

        mt_json_set_text(object, "id", problem->id);
        mt_json_set_text(object, "severity",
                         mt_problem_severity_to_string(problem->severity));
        mt_json_set_text(object, "channel", problem->channel);
        if (problem->has_offset)
            set_uint(object, "offset", problem->offset);
        else
            json_object_set_null_member(object, "offset");
        mt_json_set_text(object, "text", problem->text);
        json_array_add_object_element(array, object);
    }

    return array;
}

/* An array with one object for each element of @from. */
static JsonArray *
array_to_json(const GPtrArray *from, JsonObject *(*to_json)(gconstpointer))
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < from->len; i++)
        json_array_add_object_element(array,
                                      to_json(g_ptr_array_index(from, i)));
    return array;
}

#define TO_JSON(function) ((JsonObject *(*)(gconstpointer))(function))

JsonNode *
migtune_inspection_to_json(MigtuneInspection *inspection, unsigned int flags)
{
    JsonObject *object = json_object_new();
    MtTally totals[MT_PAGES_N_KINDS];
    const MtAccount *account;

    g_return_val_if_fail(inspection, NULL);

    account = inspection->account;
    account_totals(account, totals);
    mt_json_set_text(object, "source", inspection->name);
    mt_json_set_text(object, "format", mt_format_to_string(account->format));
    mt_json_set_text(object, "container", account->container);
    json_object_set_boolean_member(object, "sound", account->n_errors == 0);
    json_object_set_object_member(object, "stream", stream_to_json(account));
    json_object_set_object_member(object, "pages", kinds_to_json(totals));
    set_uint(object, "plain-zero-pages", account->plain_zero);
    set_uint(object, "n-passes", account->n_passes);
    json_object_set_array_member(object, "passes", passes_to_json(account));
    json_object_set_array_member(object, "blocks", array_to_json(
        account->blocks, TO_JSON(block_to_json)));
    json_object_set_array_member(object, "channels", array_to_json(
        account->channels, TO_JSON(channel_to_json)));
    json_object_set_array_member(object, "commands",
                                 commands_to_json(account));
    json_object_set_array_member(object, "sections", array_to_json(
        account->sections, TO_JSON(section_to_json)));
    if (flags & MIGTUNE_INSPECT_DEVICES)
        json_object_set_array_member(object, "devices", array_to_json(
            account->devices, TO_JSON(device_to_json)));
    json_object_set_object_member(object, "budget",
                                  budget_to_json(inspection));
    set_uint(object, "n-problems", account->n_problems);
    json_object_set_array_member(object, "problems",
                                 problems_to_json(account));
    return mt_json_node_new_object(object);
}

/* 3 significant digits and a binary unit. */
static char *
format_bytes(guint64 bytes)
{
    static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB",
                                         "EiB" };
    double value = bytes;
    guint unit = 0;

    if (bytes < 1024)
        return g_strdup_printf("%u B", (guint)bytes);
    for (value /= 1024; value >= 1024 && unit + 1 < G_N_ELEMENTS(units); unit++)
        value /= 1024;

    return g_strdup_printf("%.*f %s", value < 10 ? 2 : value < 100 ? 1 : 0,
                           value, units[unit]);
}

/* "  Title      text". */
static void
text_row(GString *text, const char *title, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static void
text_row(GString *text, const char *title, const char *format, ...)
{
    g_autofree char *padded = NULL;
    glong width = g_utf8_strlen(title, -1);
    va_list args;

    padded = g_strnfill(MAX(1, 13 - width), ' ');
    g_string_append_printf(text, "%s%s", title, padded);
    va_start(args, format);
    g_string_append_vprintf(text, format, args);
    va_end(args);
    g_string_append_c(text, '\n');
}

static char *
format_name(const char *name)
{
    return name && *name ? g_strescape(name, NULL) : g_strdup("-");
}

static const char *
format_title(const MtAccount *account)
{
    switch (account->format) {
    case MT_FORMAT_STREAM:
        return _("QEMU migration stream");
    case MT_FORMAT_MULTIFD:
        return _("multifd channels of a QEMU migration");
    case MT_FORMAT_TLS:
        return _("encrypted with TLS");
    default:
        return _("no migration stream");
    }
}

static void
text_head(const MigtuneInspection *inspection, GString *text)
{
    const MtAccount *account = inspection->account;
    g_autofree char *name = format_name(inspection->name);
    guint64 bytes = 0;
    g_autofree char *size = NULL;

    for (guint i = 0; i < account->channels->len; i++)
        bytes += ((MtAccountChannel *)account->channels->pdata[i])->bytes;
    size = format_bytes(bytes);

    g_string_append_printf(text, "%s: %s%s%s%s", name,
                           account->container ? account->container : "",
                           account->container ? ", " : "",
                           format_title(account),
                           account->postcopy ? _(" with post-copy") : "");
    if (bytes)
        g_string_append_printf(text, ", %s", size);
    if (account->format == MT_FORMAT_STREAM)
        g_string_append_printf(text, ", %s", account->ended ?
                               _("complete") : _("not complete"));
    g_string_append_c(text, '\n');
}

static void
text_stream(const MtAccount *account, GString *text)
{
    g_autofree char *machine = format_name(account->machine);
    g_autofree char *capabilities = account->capabilities ?
        g_strjoinv(", ", account->capabilities) : NULL;
    g_autofree char *escaped = format_name(capabilities);
    gboolean multifd = account->flushes || account->channels->len > 1;

    text_row(text, _("Machine"), "%s", machine);
    if (capabilities)
        text_row(text, _("Capabilities"), "%s", escaped);
    if (account->uuid)
        text_row(text, "UUID", "%s", account->uuid);
    if (multifd)
        text_row(text, _("Multifd sync"), "%s", account->flushes ?
                 _("once for each round over the RAM (QEMU 8.1 and later)") :
                 _("at the end of every RAM section (QEMU up to 8.0)"));
    if (account->footers_known && !account->footers)
        text_row(text, _("Footers"), "%s", _("none"));
}

static void
text_blocks(const MtAccount *account, GString *text)
{
    g_autofree char *total = format_bytes(account->total_ram);

    if (!account->blocks->len)
        return;
    if (account->total_ram)
        text_row(text, _("RAM"), g_dngettext(GETTEXT_PACKAGE,
                 "%s in %u block", "%s in %u blocks", account->blocks->len),
                 total, account->blocks->len);
    for (guint i = 0; i < account->blocks->len; i++) {
        const MtAccountBlock *block = g_ptr_array_index(account->blocks, i);
        g_autofree char *name = format_name(block->name);
        g_autofree char *size = format_bytes(block->length);

        if (i == TEXT_MAX_BLOCKS) {
            text_row(text, "", _("  and %u smaller blocks"),
                     account->blocks->len - i);
            break;
        }
        if (!block->length)
            text_row(text, "", "  %s", name);
        else if (block->tracked)
            text_row(text, "", _("  %s: %s, %" PRIu64 " of %" PRIu64
                     " pages sent, %" PRIu64 " repeats"), name, size,
                     block->distinct, block->length / MT_PAGE_SIZE,
                     block->repeated);
        else
            text_row(text, "", "  %s: %s", name, size);
    }
}

static void
text_pages(const MtAccount *account, GString *text)
{
    MtTally totals[MT_PAGES_N_KINDS];
    gboolean first = TRUE;

    account_totals(account, totals);
    for (guint i = 0; i < MT_PAGES_N_KINDS; i++) {
        g_autofree char *bytes = format_bytes(totals[i].bytes);
        double ratio = totals[i].bytes ?
            (double)totals[i].pages * MT_PAGE_SIZE / totals[i].bytes : 0;

        if (!totals[i].pages)
            continue;
        text_row(text, first ? _("Pages") : "",
                 ratio > 1.05 && i != MT_PAGES_ZERO &&
                 i != MT_PAGES_MULTIFD_ZERO ?
                 "%-13s %10" G_GUINT64_FORMAT "  %10s  %.1f : 1" :
                 "%-13s %10" G_GUINT64_FORMAT "  %10s",
                 mt_pages_kind_to_string(i), totals[i].pages, bytes, ratio);
        first = FALSE;
    }
    if (account->plain_zero)
        text_row(text, "", _("%" PRIu64 " of the plain pages hold "
                             "only zeros"), account->plain_zero);
}

static void
text_passes(const MtAccount *account, GString *text)
{
    if (account->n_passes < 2)
        return;

    for (guint i = 0; i < account->passes->len; i++) {
        const MtAccountPass *pass = &g_array_index(account->passes,
                                                   MtAccountPass, i);
        g_autofree char *number = g_strdup_printf("%u", i + 1);
        g_autoptr(GString) row = g_string_new(NULL);
        guint64 bytes = 0;
        g_autofree char *size = NULL;

        if (i == TEXT_MAX_PASSES - 1 && account->n_passes > TEXT_MAX_PASSES) {
            text_row(text, "", _("and %" PRIu64 " more passes"),
                     account->n_passes - i);
            break;
        }
        for (guint k = 0; k < MT_PAGES_N_KINDS; k++) {
            bytes += pass->kinds[k].bytes;
            if (pass->kinds[k].pages)
                g_string_append_printf(row, "%s%" G_GUINT64_FORMAT " %s",
                                       row->len ? ", " : "",
                                       pass->kinds[k].pages,
                                       mt_pages_kind_to_string(k));
        }
        size = format_bytes(bytes);
        text_row(text, i == 0 ? _("Passes") : "", "%s: %s (%s)%s", number,
                 row->len ? row->str : _("no pages"), size,
                 pass->postcopy ? _(", post-copy") : "");
    }
}

static void
text_channels(const MtAccount *account, GString *text)
{
    guint shown = 0;

    for (guint i = 0; i < account->channels->len; i++) {
        const MtAccountChannel *channel =
            g_ptr_array_index(account->channels, i);
        g_autofree char *methods = methods_to_string(channel->methods);
        g_autofree char *bytes = format_bytes(channel->bytes);

        if (!channel->multifd)
            continue;
        if (shown == TEXT_MAX_CHANNELS) {
            text_row(text, "", _("and %u more channels"),
                     account->channels->len - i);
            break;
        }
        text_row(text, shown++ ? "" : _("Channels"),
                 _("%s: %s, %s, %" PRIu64 " packets (%" PRIu64 " sync), %"
                   PRIu64 " normal and %" PRIu64 " zero pages, ratio %.2f"),
                 channel->name, methods, bytes, channel->packets,
                 channel->sync, channel->normal, channel->zero,
                 channel->payload ? (double)channel->normal * MT_PAGE_SIZE /
                 channel->payload : 1.0);
    }
}

static gint
compare_sections(gconstpointer a, gconstpointer b)
{
    const MtAccountSection *x = *(MtAccountSection *const *)a;
    const MtAccountSection *y = *(MtAccountSection *const *)b;

    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static void
text_devices(const MigtuneInspection *inspection, GString *text)
{
    const MtAccount *account = inspection->account;
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    g_autofree char *total = format_bytes(account->device_bytes);
    g_autofree char *budget = format_bytes(budget_bytes(inspection));
    g_autofree char *bandwidth = format_bytes(inspection->bandwidth);
    guint ram = 0;

    for (guint i = 0; i < account->sections->len; i++) {
        MtAccountSection *section = g_ptr_array_index(account->sections, i);

        if (section->type == MT_SECTION_FULL)
            g_ptr_array_add(sorted, section);
        else
            ram += section->count;
    }
    text_row(text, _("Sections"), _("%u of RAM, %u of devices"), ram,
             sorted->len);
    if (!sorted->len)
        return;

    g_ptr_array_sort(sorted, compare_sections);
    text_row(text, _("Devices"), _("%s in all; largest first:"), total);
    for (guint i = 0; i < sorted->len; i++) {
        const MtAccountSection *section = g_ptr_array_index(sorted, i);
        g_autofree char *name = format_name(section->name);
        g_autofree char *bytes = format_bytes(section->bytes);

        if (i == TEXT_MAX_DEVICES) {
            text_row(text, "", _("  and %u more"), sorted->len - i);
            break;
        }
        text_row(text, "", section->guessed ?
                 _("  %-40s %10s  at %" PRIu64 " (guessed)") :
                 _("  %-40s %10s  at %" PRIu64), name, bytes,
                 section->offset);
    }
    text_row(text, _("Downtime"),
             _("the devices take %.3f ms, %.2f %% of the budget of %s "
               "(%u ms at %s/s)"), budget_ms(inspection),
             100 * budget_ms(inspection) / inspection->downtime_ms, budget,
             inspection->downtime_ms, bandwidth);
}

static void
text_fields(const MtAccount *account, GString *text)
{
    for (guint i = 0; i < account->devices->len; i++) {
        const MtAccountDevice *device = g_ptr_array_index(account->devices,
                                                          i);
        g_autofree char *name = format_name(device->name);

        g_string_append_printf(text, "\n%s, instance %u, version %u\n", name,
                               device->instance, device->version);
        for (guint j = 0; j < device->fields->len; j++) {
            const MtAccountField *field = g_ptr_array_index(device->fields,
                                                            j);
            g_autofree char *path = format_name(field->path);
            g_autofree char *type = format_name(field->type);
            g_autofree char *count = field->count == 1 ? g_strdup("") :
                g_strdup_printf("[%" G_GUINT64_FORMAT "]", field->count);

            if (strcmp(field->type, "subsection") == 0 && !field->value)
                g_string_append_printf(text, "  %s: subsection, version %"
                                       G_GUINT64_FORMAT "\n", path,
                                       field->count);
            else
                g_string_append_printf(text, "  %s: %s %" G_GUINT64_FORMAT
                                       "%s%s%s\n", path, type, field->size,
                                       count, field->value ? " = " : "",
                                       field->value ? field->value : "");
        }
    }
}

static void
text_problems(const MtAccount *account, GString *text)
{
    guint shown = 0;

    if (!account->n_problems) {
        text_row(text, _("Problems"), "%s", _("none"));
        return;
    }

    for (guint i = 0; i < account->problems->len; i++) {
        const MtProblem *problem = g_ptr_array_index(account->problems, i);
        g_autofree char *where = NULL;

        if (shown == TEXT_MAX_PROBLEMS)
            break;
        where = problem->has_offset ?
            g_strdup_printf(_(" at offset %" PRIu64),
                            problem->offset) : g_strdup("");
        text_row(text, shown++ ? "" : _("Problems"), "%s: %s%s: %s [%s]",
                 mt_problem_severity_to_string(problem->severity),
                 problem->channel ? problem->channel : _("stream"), where,
                 problem->text, problem->id);
    }
    if (account->n_problems > shown)
        text_row(text, "", _("and %" PRIu64 " more problems"),
                 account->n_problems - shown);
}

char *
migtune_inspection_to_text(MigtuneInspection *inspection, unsigned int flags)
{
    g_autoptr(GString) text = g_string_new(NULL);
    const MtAccount *account;

    g_return_val_if_fail(inspection, NULL);

    account = inspection->account;
    text_head(inspection, text);
    if (account->format == MT_FORMAT_STREAM)
        text_stream(account, text);
    text_blocks(account, text);
    text_pages(account, text);
    text_passes(account, text);
    text_channels(account, text);
    if (account->format == MT_FORMAT_STREAM)
        text_devices(inspection, text);
    text_problems(account, text);
    if (flags & MIGTUNE_INSPECT_DEVICES)
        text_fields(account, text);
    return g_string_free(g_steal_pointer(&text), FALSE);
}
