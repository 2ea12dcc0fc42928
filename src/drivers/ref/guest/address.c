/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The address of migrate and migrate-incoming: a URI, or since 8.2 a list of
 * channels.
 */
#include "config.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/ref/guest/guest-private.h"
#include "util/json-peek.h"

/* The text for both or none of the two arguments was another one in the first
 * releases that had both. */
#define ONE_OF_TWO_TEXT_SINCE MT_RELEASE(9, 0)
/* The list may have a channel of type cpr since this release. */
#define CPR_CHANNEL_SINCE MT_RELEASE(10, 0)

/* A descriptor of a regular file is refused since this release. */
#define FD_FILE_GONE MT_RELEASE(11, 0)

static gboolean
address_neither_nor(MtRefGuest *g, gboolean both, gboolean incoming,
                    MtRefRefusal *refusal)
{
    const char *command = incoming ? "migrate-incoming" : "migrate";

    if (mt_ref_profile_release(g->profile) >= ONE_OF_TWO_TEXT_SINCE)
        return mt_ref_refuse(refusal,
                             "need either 'uri' or 'channels' argument");
    if (both)
        return mt_ref_refuse(refusal, "'uri' and 'channels' arguments are "
                             "mutually exclusive; exactly one of the two "
                             "should be present in '%s' qmp command ",
                             command);
    return mt_ref_refuse(refusal, "neither 'uri' or 'channels' argument are "
                         "specified in '%s' qmp command ", command);
}

/* The engine runs commands by the shell: the words are quoted, unless they are
 * a call of the shell already. */
static char *
address_of_exec(JsonObject *addr)
{
    JsonArray *args = mt_json_peek_array(addr, "args");
    guint n = args ? json_array_get_length(args) : 0;
    GString *line = g_string_new("exec:");

    if (n == 3 &&
        g_strcmp0(json_array_get_string_element(args, 0), "/bin/sh") == 0 &&
        g_strcmp0(json_array_get_string_element(args, 1), "-c") == 0) {
        g_string_append(line, json_array_get_string_element(args, 2));
        return g_string_free(line, FALSE);
    }

    for (guint i = 0; i < n; i++) {
        g_autofree char *word =
            g_shell_quote(json_array_get_string_element(args, i));

        g_string_append_printf(line, "%s%s", i ? " " : "", word);
    }
    return g_string_free(line, FALSE);
}

static char *
address_of_file(JsonObject *addr)
{
    const char *name = mt_json_peek_string(addr, "filename");
    gint64 offset = 0;

    if (!name)
        return NULL;
    if (!mt_json_peek_int(addr, "offset", &offset) || !offset)
        return g_strconcat("file:", name, NULL);
    return g_strdup_printf("file:%s,offset=%" G_GUINT64_FORMAT, name,
                           (guint64)offset);
}

static char *
address_of_socket(JsonObject *addr)
{
    const char *type = mt_json_peek_string(addr, "type");
    const char *host = mt_json_peek_string(addr, "host");
    const char *port = mt_json_peek_string(addr, "port");
    const char *path = mt_json_peek_string(addr, "path");
    const char *name = mt_json_peek_string(addr, "str");

    if (g_strcmp0(type, "unix") == 0 && path)
        return g_strconcat("unix:", path, NULL);
    if (g_strcmp0(type, "fd") == 0 && name)
        return g_strconcat("fd:", name, NULL);
    if (g_strcmp0(type, "inet") == 0 && host && port)
        return g_strdup_printf(strchr(host, ':') ? "tcp:[%s]:%s" :
                               "tcp:%s:%s", host, port);
    if (g_strcmp0(type, "vsock") == 0)
        return g_strdup_printf("vsock:%s:%s",
                               mt_json_peek_string(addr, "cid"), port);
    return NULL;
}

static char *
address_of_rdma(JsonObject *addr)
{
    return g_strdup_printf("rdma:%s:%s", mt_json_peek_string(addr, "host"),
                           mt_json_peek_string(addr, "port"));
}

static const struct {
    const char *transport;
    char *(*to_uri)(JsonObject *addr);
} address_transports[] = {
    { "socket", address_of_socket },
    { "exec", address_of_exec },
    { "file", address_of_file },
    { "rdma", address_of_rdma },
};

static gboolean
address_from_channels(MtRefGuest *g, JsonArray *channels, char **ret_uri,
                      MtRefRefusal *refusal)
{
    gboolean cpr = mt_ref_profile_release(g->profile) >= CPR_CHANNEL_SINCE;
    JsonObject *main_channel = NULL;
    JsonObject *addr;
    const char *transport;

    if (!cpr && json_array_get_length(channels) > 1)
        return mt_ref_refuse(refusal,
                             "Channel list has more than one entries");

    for (guint i = 0; i < json_array_get_length(channels); i++) {
        JsonObject *channel = json_array_get_object_element(channels, i);

        if (g_strcmp0(mt_json_peek_string(channel, "channel-type"), "main"))
            continue;
        if (main_channel)
            return mt_ref_refuse(refusal, "Channel list has more than one "
                                 "main entry");
        main_channel = channel;
    }
    /* QEMU 10.0 and later crash in this case. */
    if (!main_channel)
        return mt_ref_refuse(refusal, "Channel list has no main entry");

    addr = mt_json_peek_object(main_channel, "addr");
    transport = addr ? mt_json_peek_string(addr, "transport") : NULL;
    for (guint i = 0; i < G_N_ELEMENTS(address_transports); i++) {
        if (g_strcmp0(transport, address_transports[i].transport) == 0)
            *ret_uri = address_transports[i].to_uri(addr);
    }
    return *ret_uri ? TRUE :
           mt_ref_refuse(refusal, "The main channel has an address that is "
                         "not supported");
}

gboolean
mt_ref_address_parse(MtRefGuest *g, JsonObject *arguments, gboolean incoming,
                     char **ret_uri, MtRefRefusal *refusal)
{
    const char *uri = mt_json_peek_string(arguments, "uri");
    JsonArray *channels = mt_json_peek_array(arguments, "channels");

    *ret_uri = NULL;
    /* QEMU treats an empty list as absent. */
    if (channels && json_array_get_length(channels) == 0)
        channels = NULL;
    if (uri && !channels) {
        *ret_uri = g_strdup(uri);
        return TRUE;
    }
    if (!uri == !channels)
        return address_neither_nor(g, uri && channels, incoming, refusal);

    return address_from_channels(g, channels, ret_uri, refusal);
}

/* Removes options after a comma: QEMU accepts some, the engine has none. */
static char *
address_plain_tcp(const char *uri)
{
    const char *comma = strchr(uri, ',');

    return comma ? g_strndup(uri, comma - uri) : g_strdup(uri);
}

static MtTransport *
address_open_fd(MtRefGuest *g, const char *name, MtRefRefusal *refusal)
{
    g_autofree char *uri = NULL;
    gpointer key, fd;
    struct stat st;

    /* A number, which QEMU accepts, would be a descriptor of the process that
     * the guest lives in. */
    if (!g_hash_table_steal_extended(g->fds, name, &key, &fd)) {
        mt_ref_refuse(refusal, "File descriptor named '%s' has not been found",
                      name);
        return NULL;
    }

    if (mt_ref_profile_release(g->profile) >= FD_FILE_GONE &&
        fstat(GPOINTER_TO_INT(fd), &st) == 0 && S_ISREG(st.st_mode)) {
        g_free(key);
        close(GPOINTER_TO_INT(fd));
        mt_ref_refuse(refusal, "fd: migration to a file is not supported. Use "
                      "file: instead.");
        return NULL;
    }

    g_free(key);
    uri = g_strdup_printf("fd:%d", GPOINTER_TO_INT(fd));
    return mt_transport_new(uri, NULL);
}

MtTransport *
mt_ref_address_open(MtRefGuest *g, const char *uri, gboolean incoming,
                    MtRefRefusal *refusal)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *plain = NULL;
    MtTransport *transport;

    if (g_str_has_prefix(uri, "fd:"))
        return address_open_fd(g, uri + strlen("fd:"), refusal);
    if (g_str_has_prefix(uri, "tcp:")) {
        plain = address_plain_tcp(uri);
        if (!strchr(plain + strlen("tcp:"), ':')) {
            mt_ref_refuse(refusal, "error parsing address '%s'",
                          uri + strlen("tcp:"));
            return NULL;
        }
    } else {
        plain = mt_ref_fdset_resolve(g, uri, incoming, refusal);
        if (!plain)
            return NULL;
    }

    transport = mt_transport_new(plain ? plain : uri, &error);
    if (!transport)
        mt_ref_refuse(refusal, "%s", error->message);
    else if (g->spec->link_bandwidth || g->spec->link_latency_ms)
        mt_transport_set_link(transport, g->spec->link_bandwidth,
                              g->spec->link_latency_ms);
    return transport;
}

gboolean
mt_ref_address_try_file(MtTransport *transport, gboolean incoming,
                        MtRefRefusal *refusal)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MtIo) io = NULL;

    if (!mt_transport_is_file(transport))
        return TRUE;
    io = mt_transport_reopen(transport, !incoming, FALSE, &error);
    return io || mt_ref_refuse(refusal, "%s", error->message);
}

gboolean
mt_ref_guest_check_scheme(MtRefGuest *g, const char *uri, gboolean incoming,
                          MtRefRefusal *refusal)
{
    g_autofree char *scheme = g_strndup(uri, strcspn(uri, ":"));

    if (strchr(uri, ':') && mt_ref_profile_has_scheme(g->profile, scheme))
        return TRUE;
    if (incoming ||
        !mt_ref_profile_has_quirk(g->profile, "bad-scheme-fails-job"))
        return mt_ref_refuse(refusal, "unknown migration protocol: %s", uri);

    mt_ref_refuse(refusal, "Parameter 'uri' expects a valid migration "
                  "protocol");
    return FALSE;
}

gboolean
mt_ref_guest_check_rules(MtRefGuest *g, const char *uri, gboolean incoming,
                         MtRefRefusal *refusal)
{
    g_autofree char *scheme = g_strndup(uri, strcspn(uri, ":"));
    MtRefSituation situation;

    mt_ref_guest_situation(g, &situation);
    return mt_ref_tunables_check_start(g->tunables, &situation, incoming,
                                       scheme, refusal);
}
