/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Saving a guest into a save image of libvirt, and restoring it from one.
 *
 * The daemon writes and reads the image, so it is a file of the daemon's host.
 * libvirt has no time limit for either; a save is cancelled by ending libvirt's
 * job, after which the guest runs on.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "drivers/libvirt/libvirt-private.h"
#include "util/i18n.h"

/* How often libvirt is asked to end a job that has not begun yet. */
#define SAVE_ABORT_PAUSE_US (100 * G_TIME_SPAN_MILLISECOND)
#define SAVE_MAX_ABORTS 100

/* A save or a restore; counted. */
typedef struct {
    virConnectPtr conn;         /* of a restore */
    virDomainPtr domain;        /* of a save */
    char *path;
    char *name;
    char *uuid;
    gint done;                  /* atomic */
} LvSave;

static void
save_clear(gpointer data)
{
    LvSave *save = data;

    if (save->domain)
        virDomainFree(save->domain);
    if (save->conn)
        virConnectClose(save->conn);
    g_free(save->path);
    g_free(save->name);
    g_free(save->uuid);
}

static void
save_unref(gpointer save)
{
    g_atomic_rc_box_release_full(save, save_clear);
}

static gboolean
save_run(gpointer data, GError **error)
{
    LvSave *save = data;
    int result = virDomainSaveFlags(save->domain, save->path, NULL, 0);

    if (result < 0)
        lv_error_take(error, LV_TO_CHANGE, save->name);
    g_atomic_int_set(&save->done, TRUE);

    return result == 0;
}

/* Ends the job of the save; again while the job has not begun. */
static gboolean
save_abort_run(gpointer data, GError **error)
{
    LvSave *save = data;

    for (guint i = 0; i < SAVE_MAX_ABORTS && !g_atomic_int_get(&save->done);
         i++) {
        if (virDomainAbortJob(save->domain) == 0)
            break;
        g_usleep(SAVE_ABORT_PAUSE_US);
    }

    return TRUE;
}

static void
save_on_cancel(GCancellable *cancellable, gpointer save)
{
    lv_call_detached(save_abort_run, g_atomic_rc_box_acquire(save),
                     save_unref);
}

/* FALSE with an error if the daemon is on another host. */
static gboolean
save_check_local(const LvConn *conn, GError **error)
{
    if (conn->is_local)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_UNSUPPORTED,
                      _("%s: the daemon's host has the save image: run migtune "
                        "there"), conn->uri);
    return FALSE;
}

gboolean
lv_save(gpointer data, const char *path, GCancellable *cancellable,
        GError **error)
{
    LvDomain *domain = data;
    g_autoptr(GError) failure = NULL;
    gboolean ok = FALSE;
    gulong handler = 0;
    LvSave *save;

    if (!save_check_local(domain->conn, error) ||
        !lv_domain_get_ready(domain, cancellable, error))
        return FALSE;

    save = g_atomic_rc_box_new0(LvSave);
    save->domain = domain->domain;
    virDomainRef(save->domain);
    save->path = g_strdup(path);
    save->name = g_strdup(domain->name);
    if (cancellable)
        handler = g_cancellable_connect(cancellable,
                                        G_CALLBACK(save_on_cancel), save,
                                        NULL);
    ok = lv_call(virDomainGetConnect(save->domain), save_run,
                 g_atomic_rc_box_acquire(save), save_unref, LV_CALL_SAVE, 0,
                 NULL, &failure);
    g_cancellable_disconnect(cancellable, handler);
    save_unref(save);
    if (ok)
        return TRUE;

    if (g_cancellable_is_cancelled(cancellable))
        migtune_error_set(error, MIGTUNE_ERROR_CANCELLED,
                          _("%s: the save was cancelled, and the guest runs "
                            "on"), domain->name);
    else
        g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
}

/* The text of the element uuid of a domain's XML; NULL without one. */
static char *
save_read_uuid(const char *xml)
{
    xmlDocPtr doc = xmlReadMemory(xml, strlen(xml), NULL, NULL,
                                  XML_PARSE_NONET | XML_PARSE_NOERROR |
                                      XML_PARSE_NOWARNING);
    xmlNodePtr root = doc ? xmlDocGetRootElement(doc) : NULL;
    char *uuid = NULL;

    for (xmlNodePtr node = root ? root->children : NULL; node && !uuid;
         node = node->next) {
        xmlChar *text;

        if (node->type != XML_ELEMENT_NODE ||
            strcmp((const char *)node->name, "uuid") != 0)
            continue;
        text = xmlNodeGetContent(node);
        uuid = g_strdup((const char *)text);
        xmlFree(text);
    }
    if (doc)
        xmlFreeDoc(doc);

    return uuid;
}

/* FALSE with an error if the image is not of the guest. */
static gboolean
save_check_image(LvSave *save, GError **error)
{
    char *xml = virDomainSaveImageGetXMLDesc(save->conn, save->path, 0);
    g_autofree char *uuid = NULL;

    if (!xml) {
        lv_error_take(error, LV_TO_QUERY, save->path);
        return FALSE;
    }
    uuid = save_read_uuid(xml);
    /* libvirt allocates with malloc(). */
    free(xml);
    if (uuid && g_ascii_strcasecmp(uuid, save->uuid) == 0)
        return TRUE;

    migtune_error_set(error, MIGTUNE_ERROR_CONFLICT,
                      _("%s is a save image of another guest than %s"),
                      save->path, save->name);
    return FALSE;
}

static gboolean
save_restore_run(gpointer data, GError **error)
{
    LvSave *save = data;

    if (!save_check_image(save, error))
        return FALSE;
    if (virDomainRestoreFlags(save->conn, save->path, NULL, 0) == 0)
        return TRUE;

    lv_error_take(error, LV_TO_CHANGE, save->name);
    return FALSE;
}

gboolean
lv_restore(gpointer data, const char *path, GCancellable *cancellable,
           GError **error)
{
    LvDomain *domain = data;
    virConnectPtr ref;
    LvSave *save;
    gboolean ok;

    if (!save_check_local(domain->conn, error))
        return FALSE;
    if (domain->runs) {
        migtune_error_set(error, MIGTUNE_ERROR_CONFLICT,
                          _("%s runs: only a guest that is shut off can be "
                            "restored"), domain->name);
        return FALSE;
    }
    ref = lv_conn_get(domain->conn, cancellable, error);
    if (!ref)
        return FALSE;

    save = g_atomic_rc_box_new0(LvSave);
    save->conn = ref;
    save->path = g_strdup(path);
    save->name = g_strdup(domain->name);
    save->uuid = g_strdup(domain->uuid);
    ok = lv_call(ref, save_restore_run, g_atomic_rc_box_acquire(save),
                 save_unref, LV_CALL_RESTORE, 0, cancellable, error);
    save_unref(save);

    return ok;
}
