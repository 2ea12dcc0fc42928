/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TLS channels: see tls.h.
 *
 * One thread for each channel uses the GnuTLS session for both directions, so the
 * session needs no lock, and messages of TLS itself (new keys, tickets) are
 * answered while the engine only writes.  Both sockets are non-blocking; the
 * thread waits in poll() for whatever the next step needs.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <gnutls/gnutls.h>

#include "engine/tls-private.h"
#include "util/clock.h"
#include "util/thread.h"
#include "migtune/migtune-error.h"

/* Bytes of one TLS record, and what is read from the engine at once. */
#define IN_BYTES (16 * 1024)
#define OUT_BYTES (64 * 1024)

/* The first byte of a TLS handshake record. */
#define HANDSHAKE_BYTE 0x16

/* How long the socket stays open without progress after the engine closed its
 * end. */
#define CLOSE_MS 2000

struct MtTls {
    int refs;
    MtTlsCreds *creds;
    gboolean clean;
    char *host;
    MtTlsAllow allow;
    gpointer allow_data;
    GDestroyNotify free_data;

    GMutex lock;
    GError *first;
};

typedef struct {
    MtTls *tls;
    gnutls_session_t session;
    MtIo *far;                  /* encrypted */
    MtIo *near;                 /* plain; NULL while a client connects */
    MtCancel *cancel;           /* of the handshake */
    guint timeout_ms;           /* of the handshake */

    gsize in_len, in_done;      /* from far to near */
    gsize out_len, out_done;    /* from near to far */
    gboolean far_ended;
    gboolean near_ended;        /* the engine writes nothing more */
    gboolean near_gone;         /* the engine reads nothing more */
    gboolean said_bye;
    guint8 in[IN_BYTES];
    guint8 out[OUT_BYTES];
} TlsChannel;

MtTls *
mt_tls_new(MtTlsCreds *creds, const char *host, gboolean clean)
{
    MtTls *tls = g_new0(MtTls, 1);

    tls->refs = 1;
    tls->creds = mt_tls_creds_ref(creds);
    tls->clean = clean;
    mt_tls_set_host(tls, host);
    g_mutex_init(&tls->lock);
    return tls;
}

MtTls *
mt_tls_ref(MtTls *tls)
{
    g_atomic_int_inc(&tls->refs);
    return tls;
}

void
mt_tls_unref(MtTls *tls)
{
    if (!tls || !g_atomic_int_dec_and_test(&tls->refs))
        return;

    mt_tls_creds_unref(tls->creds);
    if (tls->free_data)
        tls->free_data(tls->allow_data);
    g_clear_error(&tls->first);
    g_mutex_clear(&tls->lock);
    g_free(tls->host);
    g_free(tls);
}

void
mt_tls_set_allow(MtTls *tls, MtTlsAllow allow, gpointer data,
                 GDestroyNotify free_data)
{
    tls->allow = allow;
    tls->allow_data = data;
    tls->free_data = free_data;
}

void
mt_tls_set_host(MtTls *tls, const char *host)
{
    if (!tls->host && host && *host)
        tls->host = g_strdup(host);
}

GError *
mt_tls_dup_error(MtTls *tls)
{
    GError *error;

    g_mutex_lock(&tls->lock);
    error = tls->first ? g_error_copy(tls->first) : NULL;
    g_mutex_unlock(&tls->lock);
    return error;
}

/* Takes ownership of @error. */
static void
tls_note(MtTls *tls, GError *error)
{
    g_mutex_lock(&tls->lock);
    if (tls->first)
        g_error_free(error);
    else
        tls->first = error;
    g_mutex_unlock(&tls->lock);
}

/* ---- channels ---- */

static void
channel_free(TlsChannel *channel)
{
    if (channel->session)
        gnutls_deinit(channel->session);
    if (channel->cancel)
        mt_cancel_unref(channel->cancel);
    mt_io_free(channel->far);
    mt_io_free(channel->near);
    mt_tls_unref(channel->tls);
    g_free(channel);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TlsChannel, channel_free)

/* Takes ownership of @far. */
static TlsChannel *
channel_new(MtTls *tls, MtIo *far, guint timeout_ms, MtCancel *cancel,
            GError **error)
{
    g_autoptr(TlsChannel) channel = g_new0(TlsChannel, 1);
    unsigned flags = GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL;
    int code;

    channel->tls = mt_tls_ref(tls);
    channel->far = far;
    channel->timeout_ms = timeout_ms;
    channel->cancel = cancel ? mt_cancel_ref(cancel) : NULL;
    if (!mt_io_is_socket(far)) {
        migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                          "TLS needs a socket, and '%s' is not one",
                          mt_io_get_name(far));
        return NULL;
    }
    code = gnutls_init(&channel->session, flags |
                       (mt_tls_creds_is_server(tls->creds) ? GNUTLS_SERVER :
                        GNUTLS_CLIENT));
    if (code < 0) {
        channel->session = NULL;
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT, "TLS: %s",
                          gnutls_strerror(code));
        return NULL;
    }
    if (!mt_tls_creds_apply(tls->creds, channel->session, error))
        return NULL;
    if (tls->host && !mt_tls_creds_is_server(tls->creds))
        gnutls_server_name_set(channel->session, GNUTLS_NAME_DNS, tls->host,
                               strlen(tls->host));
    gnutls_transport_set_int(channel->session, mt_io_get_read_fd(far));
    gnutls_handshake_set_timeout(channel->session, 0);
    return g_steal_pointer(&channel);
}

static const char *
channel_peer(const TlsChannel *channel)
{
    return mt_tls_creds_is_server(channel->tls->creds) ? "source" :
           "destination";
}

static gboolean
code_is_retry(int code)
{
    return code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED;
}

/* The error of a GnuTLS call that failed while @what. */
static void
channel_error(TlsChannel *channel, const char *what, int code, GError **error)
{
    const char *peer = channel_peer(channel);

    if (code == GNUTLS_E_FATAL_ALERT_RECEIVED ||
        code == GNUTLS_E_WARNING_ALERT_RECEIVED)
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                          "TLS: %s: the %s refused: %s", what, peer,
                          gnutls_alert_get_name(
                              gnutls_alert_get(channel->session)));
    else if (code == GNUTLS_E_PREMATURE_TERMINATION ||
             code == GNUTLS_E_PULL_ERROR || code == GNUTLS_E_PUSH_ERROR)
        migtune_error_set(error, MIGTUNE_ERROR_DISCONNECTED,
                          "TLS: %s: the %s closed the connection", what, peer);
    else
        migtune_error_set(error, MIGTUNE_ERROR_CONNECT, "TLS: %s: %s", what,
                          gnutls_strerror(code));
}

static gboolean
channel_wait_handshake(TlsChannel *channel, gboolean writes, gint64 end_us,
                       GError **error)
{
    gint64 left = end_us - g_get_monotonic_time();
    guint wait_ms = !end_us ? 0 : left > 0 ? (left + 999) / 1000 : 1;
    GError *local = NULL;

    if (mt_io_poll("TLS", mt_io_get_read_fd(channel->far),
                   writes ? POLLOUT : POLLIN, wait_ms, channel->cancel,
                   &local))
        return TRUE;

    if (local)
        g_propagate_error(error, local);
    else
        migtune_error_set(error, MIGTUNE_ERROR_TIMEOUT,
                          "TLS: no handshake with the %s within %u ms; does "
                          "it use TLS?", channel_peer(channel),
                          channel->timeout_ms);
    return FALSE;
}

/* Server: the first byte that arrives shows whether the source uses TLS. */
static gboolean
channel_check_first(TlsChannel *channel, gint64 end_us, GError **error)
{
    guint8 first[4] = { 0 };

    if (!channel_wait_handshake(channel, FALSE, end_us, error))
        return FALSE;
    if (mt_io_peek(channel->far, first, sizeof(first)) <= 0 ||
        first[0] == HANDSHAKE_BYTE)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                      "TLS: the source does not use TLS: its data begins with "
                      "%02x %02x %02x %02x, expected a TLS handshake (%02x)",
                      first[0], first[1], first[2], first[3], HANDSHAKE_BYTE);
    return FALSE;
}

/* Checks who the peer is. */
static gboolean
channel_check_peer(TlsChannel *channel, GError **error)
{
    MtTls *tls = channel->tls;
    g_autofree char *identity = NULL;
    gboolean server = mt_tls_creds_is_server(tls->creds);

    if (!mt_tls_creds_check_peer(tls->creds, channel->session,
                                 server ? NULL : tls->host, &identity, error))
        return FALSE;
    if (!identity || !tls->allow || tls->allow(identity, tls->allow_data))
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_CONNECT,
                      "TLS: tls-authz does not allow the source '%s'",
                      identity);
    return FALSE;
}

static gboolean
channel_handshake(TlsChannel *channel, GError **error)
{
    gint64 end_us = channel->timeout_ms ? g_get_monotonic_time() +
                    channel->timeout_ms * (gint64)1000 : 0;
    int code;

    if (mt_tls_creds_is_server(channel->tls->creds) &&
        !channel_check_first(channel, end_us, error))
        return FALSE;
    for (;;) {
        code = gnutls_handshake(channel->session);
        if (code == GNUTLS_E_SUCCESS)
            break;
        if (code_is_retry(code)) {
            if (!channel_wait_handshake(
                    channel, gnutls_record_get_direction(channel->session),
                    end_us, error))
                return FALSE;
        } else if (gnutls_error_is_fatal(code)) {
            channel_error(channel, "handshake", code, error);
            gnutls_alert_send_appropriate(channel->session, code);
            return FALSE;
        }
    }
    if (channel_check_peer(channel, error))
        return TRUE;

    gnutls_alert_send(channel->session, GNUTLS_AL_FATAL,
                      GNUTLS_A_ACCESS_DENIED);
    return FALSE;
}

/* Reads until the peer closes: closing a socket with unread data would discard
 * the alert that was sent. */
static void
channel_linger(TlsChannel *channel)
{
    gint64 end_us = g_get_monotonic_time() + CLOSE_MS * (gint64)1000;
    struct iovec iov = { channel->in, IN_BYTES };

    mt_io_shutdown_write(channel->far);
    mt_io_set_read_timeout_ms(channel->far, CLOSE_MS);
    while (g_get_monotonic_time() < end_us &&
           mt_io_read_some(channel->far, &iov, 1, NULL) > 0)
        ;
}

/* What the next poll() waits for. */
typedef struct {
    short far;
    short near;
    gboolean moved;             /* try again immediately */
} TlsWait;

/* Decrypts a record and gives it to the engine.  FALSE: the channel is broken,
 * with @error. */
static gboolean
channel_receive(TlsChannel *channel, TlsWait *wait, GError **error)
{
    gssize n;

    if (channel->in_done == channel->in_len && !channel->far_ended) {
        n = gnutls_record_recv(channel->session, channel->in, IN_BYTES);
        if (n > 0) {
            channel->in_len = n;
            channel->in_done = 0;
            wait->moved = TRUE;
        } else if (n == 0 || n == GNUTLS_E_PREMATURE_TERMINATION) {
            channel->far_ended = TRUE;
            wait->moved = TRUE;
        } else if (code_is_retry(n)) {
            wait->far |= gnutls_record_get_direction(channel->session) ?
                POLLOUT : POLLIN;
        } else if (gnutls_error_is_fatal(n)) {
            channel_error(channel, "receiving", n, error);
            return FALSE;
        } else {
            wait->moved = TRUE;
        }
    }

    if (channel->near_gone)
        channel->in_done = channel->in_len;
    if (channel->in_done < channel->in_len) {
        n = send(mt_io_get_read_fd(channel->near),
                 channel->in + channel->in_done,
                 channel->in_len - channel->in_done, MSG_NOSIGNAL);
        if (n > 0) {
            channel->in_done += n;
            wait->moved = TRUE;
        } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            wait->near |= POLLOUT;
        } else if (n < 0 && errno != EINTR) {
            channel->near_gone = TRUE;
            wait->moved = TRUE;
        }
    }
    if (channel->far_ended && channel->in_done == channel->in_len)
        mt_io_shutdown_write(channel->near);
    return TRUE;
}

/* Ends the writing direction of the TLS session and of its socket. */
static void
channel_say_bye(TlsChannel *channel, TlsWait *wait)
{
    int code = channel->tls->clean ?
        gnutls_bye(channel->session, GNUTLS_SHUT_WR) : 0;

    if (code_is_retry(code)) {
        wait->far |= POLLOUT;
        return;
    }
    mt_io_shutdown_write(channel->far);
    channel->said_bye = TRUE;
    wait->moved = TRUE;
}

/* The peer reads nothing more.  Its last answer may still be on the way. */
static void
channel_stop_sending(TlsChannel *channel, int code)
{
    GError *error = NULL;

    channel_error(channel, "sending", code, &error);
    tls_note(channel->tls, error);
    shutdown(mt_io_get_read_fd(channel->near), SHUT_RD);
    channel->out_done = channel->out_len = 0;
    channel->near_ended = channel->said_bye = TRUE;
}

/* Encrypts what the engine has written. */
static void
channel_send(TlsChannel *channel, TlsWait *wait)
{
    gssize n;

    if (channel->out_done == channel->out_len && !channel->near_ended) {
        n = recv(mt_io_get_read_fd(channel->near), channel->out, OUT_BYTES,
                 0);
        if (n > 0) {
            channel->out_len = n;
            channel->out_done = 0;
        } else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            wait->near |= POLLIN;
        } else if (n == 0 || errno != EINTR) {
            channel->near_ended = TRUE;
        }
    }
    if (channel->out_done < channel->out_len) {
        n = gnutls_record_send(channel->session,
                               channel->out + channel->out_done,
                               channel->out_len - channel->out_done);
        if (n > 0) {
            channel->out_done += n;
            wait->moved = TRUE;
        } else if (code_is_retry(n)) {
            wait->far |= POLLOUT;
        } else if (n < 0 && gnutls_error_is_fatal(n)) {
            channel_stop_sending(channel, n);
            wait->moved = TRUE;
        }
        return;
    }
    if (channel->near_ended && !channel->said_bye)
        channel_say_bye(channel, wait);
}

/* FALSE: nothing happened for CLOSE_MS after the engine closed its end. */
static gboolean
channel_wait(TlsChannel *channel, const TlsWait *wait)
{
    struct pollfd fds[2] = {
        { .fd = wait->far ? mt_io_get_read_fd(channel->far) : -1,
          .events = wait->far },
        { .fd = channel->near_gone ? -1 : mt_io_get_read_fd(channel->near),
          .events = wait->near },
    };
    int n;

    do {
        n = poll(fds, G_N_ELEMENTS(fds), channel->near_gone ? CLOSE_MS : -1);
    } while (n < 0 && errno == EINTR);
    /* The engine has closed its end. */
    if (fds[1].revents & (POLLHUP | POLLERR))
        channel->near_gone = TRUE;
    return n > 0;
}

static void
channel_carry(TlsChannel *channel)
{
    GError *error = NULL;

    for (;;) {
        TlsWait wait = { 0 };

        if (!channel_receive(channel, &wait, &error)) {
            tls_note(channel->tls, error);
            return;
        }
        channel_send(channel, &wait);
        if (channel->far_ended && channel->said_bye &&
            (channel->near_gone || channel->in_done == channel->in_len))
            return;
        if (!wait.moved && !channel_wait(channel, &wait))
            return;
    }
}

static gpointer
channel_thread(gpointer data)
{
    TlsChannel *channel = data;
    GError *error = NULL;

    if (mt_tls_creds_is_server(channel->tls->creds) &&
        !channel_handshake(channel, &error)) {
        tls_note(channel->tls, error);
        g_clear_pointer(&channel->near, mt_io_free);
        channel_linger(channel);
    } else {
        channel_carry(channel);
    }
    channel_free(channel);
    return NULL;
}

/* Takes ownership of @channel. */
static MtIo *
channel_start(TlsChannel *take_channel, MtCancel *cancel, GError **error)
{
    g_autoptr(TlsChannel) channel = take_channel;
    g_autoptr(MtIo) here = NULL;
    GThread *thread;

    if (!mt_io_pair(cancel, NULL, &here, &channel->near, error))
        return NULL;
    thread = mt_thread_new("mt-tls", channel_thread, channel, error);
    if (!thread)
        return NULL;

    g_steal_pointer(&channel);
    g_thread_unref(thread);
    return g_steal_pointer(&here);
}

MtIo *
mt_tls_connect(MtTls *tls, MtIo *far, guint timeout_ms, MtCancel *cancel,
               GError **error)
{
    g_autoptr(TlsChannel) channel = NULL;

    if (!tls->host && mt_tls_creds_get_kind(tls->creds) == MT_TLS_X509) {
        mt_io_free(far);
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "No hostname available for TLS: set tls-hostname to "
                          "the name in the certificate of the destination");
        return NULL;
    }
    channel = channel_new(tls, far, timeout_ms, cancel, error);
    if (!channel || !channel_handshake(channel, error))
        return NULL;
    return channel_start(g_steal_pointer(&channel), cancel, error);
}

MtIo *
mt_tls_accept(MtTls *tls, MtIo *far, guint timeout_ms, MtCancel *cancel,
              GError **error)
{
    TlsChannel *channel = channel_new(tls, far, timeout_ms, cancel, error);

    return channel ? channel_start(channel, cancel, error) : NULL;
}
