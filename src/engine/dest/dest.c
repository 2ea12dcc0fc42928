/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sections of a migration stream: see dest.h.
 */
#include "config.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "engine/dest/dest-private.h"
#include "stream/devices.h"
#include "engine/return-path.h"
#include "stream/wire.h"
#include "migtune/migtune-error.h"

/* A stream without a device description ends if nothing arrives for so long. */
#define DEST_QUIET_MS 300

MtDest *
mt_dest_new(MtRam *ram, const MtEngineSettings *settings, MtPageState *pages,
            MtCounters *counters, MtFailure *failure)
{
    MtDest *dest = g_new0(MtDest, 1);

    dest->ram = ram;
    dest->settings = settings;
    dest->pages = pages;
    dest->counters = counters;
    dest->failure = failure;
    dest->where = "header";
    dest->placed = g_malloc(MT_PAGE_SIZE);
    g_mutex_init(&dest->send_lock);
    return dest;
}

void
mt_dest_free(MtDest *dest)
{
    if (!dest)
        return;

    if (dest->postcopy.gate)
        mt_gate_detach(dest->postcopy.gate);
    g_mutex_clear(&dest->send_lock);
    g_free(dest->placed);
    mt_stream_in_clear(&dest->in);
    mt_legacy_decoder_free(dest->decoder);
    mt_bitmap_free(dest->inflating);
    if (dest->inflating_list)
        g_array_unref(dest->inflating_list);
    g_clear_pointer(&dest->sections, g_bytes_unref);
    g_clear_pointer(&dest->vmdesc, g_bytes_unref);
    g_free(dest->machine);
    g_free(dest);
}

gboolean
mt_dest_has_return_path(const MtDest *dest)
{
    return dest->return_path;
}

const char *
mt_dest_get_machine(const MtDest *dest)
{
    return dest->machine;
}

GBytes *
mt_dest_ref_sections(const MtDest *dest)
{
    return dest->sections ? g_bytes_ref(dest->sections) :
           g_bytes_new(NULL, 0);
}

GBytes *
mt_dest_ref_vmdesc(const MtDest *dest)
{
    return dest->vmdesc ? g_bytes_ref(dest->vmdesc) : NULL;
}

guint64
mt_dest_get_device_bytes(const MtDest *dest)
{
    return dest->sections ? g_bytes_get_size(dest->sections) : 0;
}

static void
dest_enter(MtDest *dest, const char *where)
{
    dest->where = where;
    dest->where_offset = mt_stream_in_offset(&dest->in);
}

static gboolean
dest_header(MtDest *dest, GError **error)
{
    guint32 magic, version;

    if (!mt_stream_in_be32(&dest->in, &magic, error))
        return FALSE;
    if (magic != MT_WIRE_MAGIC) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the stream begins with 0x%08x, not with 0x%08x",
                          magic, MT_WIRE_MAGIC);
        return FALSE;
    }
    if (!mt_stream_in_be32(&dest->in, &version, error))
        return FALSE;
    if (version != MT_WIRE_VERSION) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the stream has version %u, only %d is accepted",
                          version, MT_WIRE_VERSION);
        return FALSE;
    }

    return TRUE;
}

static gboolean
dest_capabilities(MtDest *dest, GError **error)
{
    guint32 n;

    if (!mt_stream_in_be32(&dest->in, &n, error))
        return FALSE;

    for (guint32 i = 0; i < n; i++) {
        char name[256];

        if (!mt_stream_in_str8(&dest->in, name, error))
            return FALSE;
        if (strcmp(name, "mapped-ram") == 0) {
            dest->mapped = TRUE;
        } else if (strcmp(name, "x-ignore-shared") == 0) {
            dest->ignore_shared = TRUE;
        } else {
            migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                              "the source uses capability '%s', which is not "
                              "supported", name);
            return FALSE;
        }
    }

    return TRUE;
}

static gboolean
dest_uuid(MtDest *dest, GError **error)
{
    static const guint8 none[16];
    const guint8 *uuid = mt_stream_in_take(&dest->in, 16, error);

    if (!uuid)
        return FALSE;
    if (memcmp(dest->settings->uuid, none, sizeof(none)) != 0 &&
        memcmp(dest->settings->uuid, uuid, sizeof(none)) != 0) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the stream is from a guest with another UUID");
        return FALSE;
    }

    return TRUE;
}

static gboolean
dest_page_bits(MtDest *dest, GError **error)
{
    guint32 bits;

    if (!mt_stream_in_be32(&dest->in, &bits, error))
        return FALSE;
    if (bits != MT_PAGE_SHIFT) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          "the source has pages of 2^%u bytes, only 2^%d is "
                          "supported", bits, MT_PAGE_SHIFT);
        return FALSE;
    }

    return TRUE;
}

static const struct {
    const char *name;
    gboolean (*load)(MtDest *dest, GError **error);
} configuration_subsections[] = {
    { "configuration/capabilities", dest_capabilities },
    { "configuration/uuid", dest_uuid },
    { "configuration/target-page-bits", dest_page_bits },
};

static gboolean
dest_configuration_subsection(MtDest *dest, GError **error)
{
    char name[256];
    guint32 version;

    mt_stream_in_take(&dest->in, 1, NULL);
    if (!mt_stream_in_str8(&dest->in, name, error) ||
        !mt_stream_in_be32(&dest->in, &version, error))
        return FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(configuration_subsections); i++) {
        if (strcmp(configuration_subsections[i].name, name) == 0 &&
            version == 1)
            return configuration_subsections[i].load(dest, error);
    }

    migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                      "subsection '%s' of version %u is not supported", name,
                      version);
    return FALSE;
}

static gboolean
dest_configuration(MtDest *dest, GError **error)
{
    guint32 len;
    const guint8 *name;

    dest_enter(dest, "configuration");
    mt_stream_in_take(&dest->in, 1, NULL);
    if (!mt_stream_in_be32(&dest->in, &len, error))
        return FALSE;
    if (len > 255) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the name of the machine type has %u bytes, at "
                          "most 255 are accepted", len);
        return FALSE;
    }
    name = mt_stream_in_take(&dest->in, len, error);
    if (!name)
        return FALSE;

    dest->machine = g_strndup((const char *)name, len);
    if (dest->settings->check_machine &&
        strcmp(dest->machine, dest->settings->machine) != 0) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the machine type of the source is '%s', here it "
                          "is '%s'", dest->machine,
                          dest->settings->machine);
        return FALSE;
    }

    for (;;) {
        guint8 next;
        gboolean end;

        if (!mt_stream_in_peek(&dest->in, &next, &end, error))
            return FALSE;
        if (end || next != MT_SECTION_SUBSECTION)
            return TRUE;
        if (!dest_configuration_subsection(dest, error))
            return FALSE;
    }
}

/* Checks the capabilities in the stream, which must be equal on both sides. */
static gboolean
dest_check_capabilities(MtDest *dest, GError **error)
{
    const struct {
        const char *name;
        gboolean here;
        gboolean there;
    } both[] = {
        { "mapped-ram", dest->settings->mapped_ram, dest->mapped },
        { "x-ignore-shared", dest->settings->ignore_shared,
          dest->ignore_shared },
    };

    for (guint i = 0; i < G_N_ELEMENTS(both); i++) {
        if (!both[i].here == !both[i].there)
            continue;
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "capability %s is %s on the source and %s here",
                          both[i].name, both[i].there ? "on" : "off",
                          both[i].here ? "on" : "off");
        return FALSE;
    }
    if (dest->mapped && !mt_io_is_seekable(dest->io)) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a mapped-ram stream can only be read from a file");
        return FALSE;
    }

    return TRUE;
}

static gboolean
dest_footer(MtDest *dest, guint32 id, GError **error)
{
    guint8 next;
    gboolean end;
    guint32 found;

    if (dest->footers == FOOTERS_UNKNOWN) {
        if (!mt_stream_in_peek(&dest->in, &next, &end, error))
            return FALSE;
        if (end) {
            migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                              "the stream ends at offset %" G_GUINT64_FORMAT
                              " after a RAM section",
                              mt_stream_in_offset(&dest->in));
            return FALSE;
        }
        dest->footers = next == MT_SECTION_FOOTER ? FOOTERS_ON : FOOTERS_OFF;
    }
    if (dest->footers == FOOTERS_OFF)
        return TRUE;

    if (!mt_stream_in_u8(&dest->in, &next, error))
        return FALSE;
    if (next != MT_SECTION_FOOTER) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the footer of section %u is missing, there is "
                          "byte 0x%02x", id, next);
        return FALSE;
    }
    if (!mt_stream_in_be32(&dest->in, &found, error))
        return FALSE;
    if (found != id) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the footer of section %u names section %u", id,
                          found);
        return FALSE;
    }

    return TRUE;
}

/* Whether a SWITCHOVER_ACK is sent; depends on the version of the machine type. */
static gboolean
dest_wants_ack(MtDest *dest)
{
    const char *dash = dest->machine ? strrchr(dest->machine, '-') : NULL;
    int major, minor;

    switch (dest->settings->ack_rule) {
    case MT_ACK_ALWAYS:
        return TRUE;
    case MT_ACK_NEVER:
        return FALSE;
    case MT_ACK_AUTO:
    default:
        if (!dest->settings->switchover_ack || !dash ||
            sscanf(dash + 1, "%d.%d", &major, &minor) != 2)
            return FALSE;
        return major < 11 || (major == 11 && minor == 0);
    }
}

static gboolean
dest_open_return_path(MtDest *dest, const guint8 *payload, guint16 len,
                      GError **error)
{
    if (!mt_io_is_two_way(dest->io)) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the source opens a return path, but %s has only "
                          "one direction", mt_io_get_name(dest->io));
        return FALSE;
    }

    dest->return_path = TRUE;
    return !dest_wants_ack(dest) ||
           mt_dest_send(dest, MT_RP_SWITCHOVER_ACK, NULL, 0, error);
}

static gboolean
dest_ping(MtDest *dest, const guint8 *payload, guint16 len, GError **error)
{
    if (!dest->return_path) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "PING was received without a return path");
        return FALSE;
    }

    /* An error is ignored: the rest of the stream, with the command to run, may
     * still be readable, and reading detects a broken link. */
    mt_dest_send(dest, MT_RP_PONG, payload, len, NULL);
    return TRUE;
}

static gboolean
dest_note(MtDest *dest, const guint8 *payload, guint16 len, GError **error)
{
    return TRUE;
}

/* The payload determines the length. */
#define ANY_LENGTH G_MAXUINT16

static const struct {
    const char *name;
    guint16 len;
    guint16 other_len;
    gboolean (*run)(MtDest *dest, const guint8 *payload, guint16 len,
                    GError **error);
} dest_commands[] = {
    [MT_CMD_OPEN_RETURN_PATH] = {
        "OPEN_RETURN_PATH", 0, 0, dest_open_return_path
    },
    [MT_CMD_PING] = { "PING", 4, 4, dest_ping },
    [MT_CMD_POSTCOPY_ADVISE] = {
        "POSTCOPY_ADVISE", 16, 0, mt_dest_advise
    },
    /* These two are only accepted in a package. */
    [MT_CMD_POSTCOPY_LISTEN] = { "POSTCOPY_LISTEN" },
    [MT_CMD_POSTCOPY_RUN] = { "POSTCOPY_RUN" },
    [MT_CMD_POSTCOPY_RAM_DISCARD] = {
        "POSTCOPY_RAM_DISCARD", ANY_LENGTH, 0, mt_dest_discard
    },
    [MT_CMD_PACKAGED] = { "PACKAGED", 4, 4, mt_dest_package },
    [MT_CMD_ENABLE_COLO] = { "ENABLE_COLO" },
    [MT_CMD_POSTCOPY_RESUME] = { "POSTCOPY_RESUME", 0, 0, mt_dest_resumed },
    [MT_CMD_RECV_BITMAP] = { "RECV_BITMAP", ANY_LENGTH, 0,
                             mt_dest_recv_bitmap },
    [MT_CMD_SWITCHOVER_START] = { "SWITCHOVER_START", 0, 0, dest_note },
};

static gboolean
dest_command(MtDest *dest, GError **error)
{
    guint16 command, len;
    const guint8 *payload;

    dest_enter(dest, "command");
    if (!mt_stream_in_be16(&dest->in, &command, error) ||
        !mt_stream_in_be16(&dest->in, &len, error))
        return FALSE;

    if (command >= G_N_ELEMENTS(dest_commands) ||
        !dest_commands[command].name ||
        (command == MT_CMD_SWITCHOVER_START &&
         dest->settings->wire.refuse_switchover_start)) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "command %u is not supported", command);
        return FALSE;
    }
    if (!dest_commands[command].run) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          "command %s is not supported here",
                          dest_commands[command].name);
        return FALSE;
    }
    if (dest_commands[command].len != ANY_LENGTH &&
        len != dest_commands[command].len &&
        len != dest_commands[command].other_len) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "command %s has %u bytes, not %u",
                          dest_commands[command].name, len,
                          dest_commands[command].len);
        return FALSE;
    }

    payload = mt_stream_in_take(&dest->in, len, error);
    return payload && dest_commands[command].run(dest, payload, len, error);
}

/* Reads the head of a START or FULL section. */
static gboolean
dest_section_head(MtDest *dest, guint32 *ret_id, char ret_name[256],
                  GError **error)
{
    guint32 instance, version;

    if (!mt_stream_in_be32(&dest->in, ret_id, error) ||
        !mt_stream_in_str8(&dest->in, ret_name, error) ||
        !mt_stream_in_be32(&dest->in, &instance, error) ||
        !mt_stream_in_be32(&dest->in, &version, error))
        return FALSE;
    if (strcmp(ret_name, "ram") != 0)
        return TRUE;

    if (instance != 0 || version != MT_WIRE_RAM_VERSION) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "section ram has instance %u and version %u, only "
                          "0 and %d are accepted", instance, version,
                          MT_WIRE_RAM_VERSION);
        return FALSE;
    }
    return TRUE;
}

static gboolean
dest_start(MtDest *dest, GError **error)
{
    char name[256];
    guint32 id;

    dest_enter(dest, "START");
    if (!dest_section_head(dest, &id, name, error))
        return FALSE;
    if (strcmp(name, "ram") != 0) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          "live section '%s' is not supported, only 'ram' is",
                          name);
        return FALSE;
    }
    if (dest->have_ram) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a second START of section ram");
        return FALSE;
    }

    dest->have_ram = TRUE;
    dest->ram_id = id;
    dest_enter(dest, "ram START");
    return mt_dest_ram_section(dest, TRUE, error) &&
           dest_footer(dest, id, error);
}

static gboolean
dest_part(MtDest *dest, const char *where, GError **error)
{
    guint32 id;

    dest_enter(dest, where);
    if (!mt_stream_in_be32(&dest->in, &id, error))
        return FALSE;
    if (!dest->have_ram || id != dest->ram_id) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "section %u continues, but was not started", id);
        return FALSE;
    }

    return mt_dest_ram_section(dest, FALSE, error) &&
           dest_footer(dest, id, error);
}

/* Whether the source sends nothing, so it waits for an answer. */
static gboolean
dest_is_quiet(MtDest *dest)
{
    return !mt_io_poll(mt_io_get_name(dest->io),
                       mt_io_get_read_fd(dest->io), POLLIN, DEST_QUIET_MS,
                       NULL, NULL);
}

/*
 * Reads the device sections, of which the first byte was already read, to the end
 * of the stream.
 */
static gboolean
dest_devices(MtDest *dest, guint8 first, GError **error)
{
    gboolean need_vmdesc = dest->settings->wire.send_vmdesc;
    g_autoptr(MtDevices) devices =
        mt_devices_new(dest->footers != FOOTERS_OFF,
                       dest->settings->max_device_bytes);
    gboolean complete = FALSE;

    dest_enter(dest, "devices");
    if (!mt_devices_append(devices, &first, 1, error))
        return FALSE;

    while (!complete) {
        const guint8 *data;
        gssize n = mt_stream_in_some(&dest->in, &data, error);

        if (n < 0)
            return FALSE;
        if (n == 0) {
            if (!mt_devices_finish(devices, need_vmdesc, error))
                return FALSE;
            break;
        }
        if (!mt_devices_append(devices, data, n, error) ||
            !mt_devices_is_complete(devices, &complete, error))
            return FALSE;
        if (!complete && !need_vmdesc && mt_devices_may_end(devices) &&
            dest_is_quiet(dest)) {
            if (!mt_devices_finish(devices, FALSE, error))
                return FALSE;
            break;
        }
    }

    dest->sections = mt_devices_get_sections(devices);
    dest->vmdesc = mt_devices_get_vmdesc(devices);
    return TRUE;
}

/* Reads the description after a section list without devices. */
static gboolean
dest_vmdesc(MtDest *dest, GError **error)
{
    guint8 next;
    gboolean end;
    guint32 len;
    g_autofree char *text = NULL;

    dest_enter(dest, "vmdescription");
    if (dest->return_path && !dest->settings->wire.send_vmdesc &&
        dest_is_quiet(dest))
        return TRUE;
    if (!mt_stream_in_peek(&dest->in, &next, &end, error))
        return FALSE;
    if (end || next != MT_SECTION_VMDESC)
        return TRUE;

    mt_stream_in_take(&dest->in, 1, NULL);
    if (!mt_stream_in_be32(&dest->in, &len, error))
        return FALSE;
    if (len > MIN(dest->settings->max_device_bytes, MT_DEVICES_MAX_TEXT)) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "a description has %u bytes, at most %"
                          G_GUINT64_FORMAT " are accepted", len,
                          MIN(dest->settings->max_device_bytes,
                              MT_DEVICES_MAX_TEXT));
        return FALSE;
    }
    text = g_malloc(len);
    if (!mt_stream_in_read(&dest->in, text, len, error) ||
        !mt_devices_walk(NULL, 0, text, len, dest->footers != FOOTERS_OFF,
                         NULL, error))
        return FALSE;

    dest->vmdesc = g_bytes_new_take(g_steal_pointer(&text), len);
    return TRUE;
}

/* Fails for a section that may not come in a post-copy. */
static gboolean
dest_before_postcopy(MtDest *dest, const char *section, GError **error)
{
    if (dest->phase < DEST_POSTCOPY)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                      "a section %s was received after the switch to "
                      "post-copy", section);
    return FALSE;
}

/* The end of the section list. */
static gboolean
dest_end(MtDest *dest, GError **error)
{
    switch (dest->phase) {
    case DEST_PRECOPY:
    case DEST_ADVISED:
        return dest_vmdesc(dest, error);
    case DEST_POSTCOPY:
        return mt_dest_check_arrived(dest, error);
    case DEST_PAUSED:
    default:
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the stream ended before the post-copy was "
                          "resumed");
        return FALSE;
    }
}

static gboolean
dest_sections(MtDest *dest, GError **error)
{
    for (;;) {
        guint8 type;
        gboolean ok;

        dest_enter(dest, "type of section");
        if (!mt_stream_in_u8(&dest->in, &type, error) ||
            !mt_failure_check(dest->failure, error))
            return FALSE;

        switch (type) {
        case MT_SECTION_START:
            ok = dest_before_postcopy(dest, "START", error) &&
                 dest_start(dest, error);
            break;
        case MT_SECTION_PART:
            ok = dest_part(dest, "ram PART", error);
            break;
        case MT_SECTION_END:
            ok = dest_part(dest, "ram END", error);
            break;
        case MT_SECTION_COMMAND:
            ok = dest_command(dest, error);
            break;
        case MT_SECTION_FULL:
            return dest_before_postcopy(dest, "FULL", error) &&
                   dest_devices(dest, type, error);
        case MT_SECTION_EOF:
            return dest_end(dest, error);
        default:
            migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                              "section type 0x%02x is not supported", type);
            ok = FALSE;
        }
        if (!ok)
            return FALSE;
    }
}

static gboolean
dest_load(MtDest *dest, GError **error)
{
    guint8 next;
    gboolean end;

    if (!dest_header(dest, error) ||
        !mt_stream_in_peek(&dest->in, &next, &end, error))
        return FALSE;
    if (!end && next == MT_SECTION_CONFIGURATION &&
        !dest_configuration(dest, error))
        return FALSE;
    if (!dest_check_capabilities(dest, error) ||
        !dest_sections(dest, error))
        return FALSE;
    if (!dest->have_ram) {
        migtune_error_set(error, MIGTUNE_ERROR_STREAM,
                          "the stream has no RAM section");
        return FALSE;
    }

    return TRUE;
}

/* Runs @load, and adds the position to an error. */
static gboolean
dest_read(MtDest *dest, gboolean (*load)(MtDest *dest, GError **error),
          GError **error)
{
    guint64 begin = mt_stream_in_offset(&dest->in);
    gboolean ok = load(dest, error);

    mt_count(dest->counters->transferred,
             mt_stream_in_offset(&dest->in) - begin);
    if (!ok)
        g_prefix_error(error, "main channel, section %s at offset %"
                       G_GUINT64_FORMAT ", near offset %" G_GUINT64_FORMAT
                       ": ", dest->where, dest->where_offset,
                       mt_stream_in_offset(&dest->in));
    return ok;
}

gboolean
mt_dest_load(MtDest *dest, MtIo *io, MtMultifdRecv *channels,
             MtTransport *transport, GError **error)
{
    dest->io = io;
    dest->channels = channels;
    dest->transport = transport;
    mt_stream_in_init(&dest->in, io);
    if (mt_io_is_seekable(io))
        dest->in.offset = mt_io_tell(io);

    return dest_read(dest, dest_load, error);
}

void
mt_dest_set_failure(MtDest *dest, MtFailure *failure)
{
    dest->failure = failure;
}

gboolean
mt_dest_resume(MtDest *dest, MtIo *io, GError **error)
{
    dest->io = io;
    mt_stream_in_clear(&dest->in);
    mt_stream_in_init(&dest->in, io);
    return dest_read(dest, dest_sections, error);
}
