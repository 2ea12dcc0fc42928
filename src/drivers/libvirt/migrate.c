/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Migrating a guest to another libvirt, and comparing the two hosts before.
 *
 * Without VIR_MIGRATE_PEER2PEER this process drives the migration: the source
 * cancels it if the process ends.  With that flag the daemon of the source does
 * everything, and needs a URI that is valid on its own host.
 *
 * The comparison uses only functions of libvirt that change nothing and do not
 * use QEMU's monitor.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/xpath.h>

#include "drivers/libvirt/libvirt-private.h"
#include "util/json-peek.h"

/*
 * XML
 */

static xmlDocPtr
migrate_parse(const char *xml)
{
    return xml ? xmlReadMemory(xml, strlen(xml), NULL, NULL,
                               XML_PARSE_NONET | XML_PARSE_NOERROR |
                                   XML_PARSE_NOWARNING)
               : NULL;
}

/* The text at @path, for g_free(); NULL if there is none. */
static char *
migrate_get_text(xmlDocPtr doc, const char *path)
{
    g_autofree char *expression = g_strdup_printf("string(%s)", path);
    xmlXPathContextPtr context = doc ? xmlXPathNewContext(doc) : NULL;
    xmlXPathObjectPtr found =
        context ? xmlXPathEvalExpression((const xmlChar *)expression, context)
                : NULL;
    char *text = NULL;

    if (found && found->stringval && *found->stringval)
        text = g_strdup((const char *)found->stringval);
    xmlXPathFreeObject(found);
    xmlXPathFreeContext(context);

    return text;
}

/* The numeric ids of disks whose data may be in the page cache of the host. */
static JsonArray *
migrate_list_unsafe_disks(xmlDocPtr doc)
{
    static const char path[] =
        "/domain/devices/disk[not(readonly) and (@type='file' or "
        "@type='block') and not(driver/@cache='none' or "
        "driver/@cache='directsync')]/target/@dev";
    JsonArray *disks = json_array_new();
    xmlXPathContextPtr context = doc ? xmlXPathNewContext(doc) : NULL;
    xmlXPathObjectPtr found =
        context ? xmlXPathEvalExpression((const xmlChar *)path, context)
                : NULL;

    for (int i = 0; found && found->nodesetval &&
                    i < found->nodesetval->nodeNr; i++) {
        xmlChar *name = xmlNodeGetContent(found->nodesetval->nodeTab[i]);

        json_array_add_string_element(disks, (const char *)name);
        xmlFree(name);
    }
    xmlXPathFreeObject(found);
    xmlXPathFreeContext(context);

    return disks;
}

/*
 * The comparison
 */

/* What the other thread uses; counted. */
typedef struct {
    virDomainPtr domain;
    virConnectPtr to;
    JsonObject *result;
} LvCompare;

static void
migrate_compare_clear(gpointer data)
{
    LvCompare *compare = data;

    virDomainFree(compare->domain);
    virConnectClose(compare->to);
    g_clear_pointer(&compare->result, json_object_unref);
}

static void
migrate_compare_unref(gpointer compare)
{
    g_atomic_rc_box_release_full(compare, migrate_compare_clear);
}

static void
migrate_add_version(JsonObject *object, const char *name, unsigned long version)
{
    g_autofree char *text = NULL;

    if (version)
        text = g_strdup_printf("%lu.%lu.%lu", version / 1000000,
                               version / 1000 % 1000, version % 1000);
    mt_json_set_text(object, name, text);
}

/* What is known about a host. */
static JsonObject *
migrate_describe_host(virConnectPtr conn)
{
    JsonObject *object = json_object_new();
    unsigned long libvirt = 0;
    unsigned long qemu = 0;
    char *xml = virConnectGetCapabilities(conn);
    xmlDocPtr doc = migrate_parse(xml);
    g_autofree char *uuid = migrate_get_text(doc, "/capabilities/host/uuid");
    char *name = virConnectGetHostname(conn);

    virConnectGetLibVersion(conn, &libvirt);
    virConnectGetVersion(conn, &qemu);
    migrate_add_version(object, "libvirt", libvirt);
    migrate_add_version(object, "qemu", qemu);
    mt_json_set_text(object, "uuid", uuid);
    mt_json_set_text(object, "name", name);
    if (doc)
        xmlFreeDoc(doc);
    /* libvirt allocates with malloc(). */
    free(xml);
    free(name);

    return object;
}

static JsonObject *
migrate_describe_guest(xmlDocPtr doc)
{
    static const struct {
        const char *member;
        const char *path;
    } texts[] = {
        { "type", "/domain/@type" },
        { "machine", "/domain/os/type/@machine" },
        { "arch", "/domain/os/type/@arch" },
        { "emulator", "/domain/devices/emulator" },
        { "cpus", "/domain/vcpu" },
        { "threads", "/domain/cpu/topology/@threads" },
        { "memory-kib", "/domain/memory" },
    };
    JsonObject *object = json_object_new();

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autofree char *text = migrate_get_text(doc, texts[i].path);

        mt_json_set_text(object, texts[i].member, text);
    }
    json_object_set_array_member(object, "unsafe-disks",
                                 migrate_list_unsafe_disks(doc));

    return object;
}

/* Adds the domain of the destination that has the name or the UUID of the
 * guest. */
static void
migrate_add_namesake(JsonObject *object, const LvCompare *compare)
{
    char uuid[VIR_UUID_STRING_BUFLEN] = "";
    char other[VIR_UUID_STRING_BUFLEN] = "";
    virDomainPtr found;
    int active;

    virDomainGetUUIDString(compare->domain, uuid);
    found = virDomainLookupByUUIDString(compare->to, uuid);
    if (!found)
        found = virDomainLookupByName(compare->to,
                                      virDomainGetName(compare->domain));
    if (!found) {
        json_object_set_null_member(object, "namesake");
        return;
    }
    virDomainGetUUIDString(found, other);
    active = virDomainIsActive(found);
    json_object_set_string_member(object, "namesake",
                                  active == 1 ? "running" : "shut off");
    json_object_set_boolean_member(object, "namesake-is-same",
                                   strcmp(uuid, other) == 0);
    virDomainFree(found);
}

/* Adds the reason why the destination cannot start such a guest. */
static void
migrate_add_machine_error(JsonObject *object, const LvCompare *compare,
                          JsonObject *guest)
{
    char *xml = virConnectGetDomainCapabilities(
        compare->to, mt_json_peek_string(guest, "emulator"),
        mt_json_peek_string(guest, "arch"),
        mt_json_peek_string(guest, "machine"),
        mt_json_peek_string(guest, "type"), 0);

    mt_json_set_text(object, "machine-error",
                     xml ? NULL : virGetLastErrorMessage());
    free(xml);
}

static gboolean
migrate_compare_run(gpointer data, GError **error)
{
    LvCompare *compare = data;
    char *xml = virDomainGetXMLDesc(compare->domain, 0);
    JsonObject *there;
    JsonObject *guest;
    xmlDocPtr doc;

    if (!xml) {
        lv_error_take(error, LV_TO_QUERY, virDomainGetName(compare->domain));
        return FALSE;
    }
    doc = migrate_parse(xml);
    guest = migrate_describe_guest(doc);
    there = migrate_describe_host(compare->to);
    migrate_add_namesake(there, compare);
    migrate_add_machine_error(there, compare, guest);
    compare->result = json_object_new();
    json_object_set_object_member(
        compare->result, "source",
        migrate_describe_host(virDomainGetConnect(compare->domain)));
    json_object_set_object_member(compare->result, "destination", there);
    json_object_set_object_member(compare->result, "guest", guest);
    if (doc)
        xmlFreeDoc(doc);
    free(xml);

    return TRUE;
}

JsonNode *
lv_compare(gpointer data, gpointer destination, GCancellable *cancellable,
           GError **error)
{
    LvDomain *domain = data;
    LvCompare *compare;
    JsonNode *node = NULL;
    virConnectPtr to;

    if (!lv_domain_get_ready(domain, cancellable, error))
        return NULL;
    to = lv_conn_get(destination, cancellable, error);
    if (!to)
        return NULL;

    compare = g_atomic_rc_box_new0(LvCompare);
    compare->to = to;
    compare->domain = domain->domain;
    virDomainRef(compare->domain);
    if (lv_call(virDomainGetConnect(compare->domain), migrate_compare_run,
                g_atomic_rc_box_acquire(compare), migrate_compare_unref,
                LV_CALL_COMPARE, 2 * domain->conn->command_timeout_ms,
                cancellable, error))
        node = mt_json_node_new_object(g_steal_pointer(&compare->result));
    migrate_compare_unref(compare);

    return node;
}

/*
 * The migration
 */

/* The error of a migration.  A cancelled job has its own code. */
static void
migrate_take_error(const char *name, GError **error)
{
    const virError *last = virGetLastError();

    if (last && last->code == VIR_ERR_OPERATION_ABORTED)
        migtune_error_set(error, MIGTUNE_ERROR_CANCELLED, "%s: %s", name,
                          last->message ? last->message : "");
    else
        lv_error_take(error, LV_TO_CHANGE, name);
}

gboolean
lv_migrate(gpointer data, gpointer destination, guint flags, gpointer params,
           guint n_params, GCancellable *cancellable, GError **error)
{
    LvDomain *domain = data;
    LvConn *there = destination;
    virDomainPtr source;
    virConnectPtr to;
    gboolean ok;

    if (!lv_domain_get_ready(domain, cancellable, error))
        return FALSE;
    to = lv_conn_get(there, cancellable, error);
    if (!to)
        return FALSE;

    source = domain->domain;
    virDomainRef(source);
    if (flags & VIR_MIGRATE_PEER2PEER) {
        ok = virDomainMigrateToURI3(source, there->uri, params, n_params,
                                    flags) == 0;
    } else {
        virDomainPtr moved =
            virDomainMigrate3(source, to, params, n_params, flags);

        ok = moved != NULL;
        if (moved)
            virDomainFree(moved);
    }
    if (!ok)
        migrate_take_error(domain->name, error);
    virDomainFree(source);
    virConnectClose(to);

    return ok;
}
