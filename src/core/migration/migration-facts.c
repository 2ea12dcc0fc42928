/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Learning the facts about one side of a migration.
 *
 * QEMU is asked in two round trips beyond those that read its settings.  What
 * it refuses to tell stays unknown.  If QEMU runs on this host, /proc and the
 * files of its TLS credentials are read, too.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/migration/migration.h"
#include "util/i18n.h"
#include "util/json-peek.h"

/* CAP_SYS_PTRACE, with which userfaultfd is allowed. */
#define FACTS_CAP_SYS_PTRACE 19

enum {
    ASK_MACHINE,
    ASK_TARGET,
    ASK_KVM,
    ASK_CPUS,
    ASK_MIGRATE,
    ASK_RAM,
    ASK_MEMDEV,
    ASK_OBJECTS,
    ASK_BLOCK,
    N_ASKS
};

static JsonObject *
facts_qom_get(const char *path, const char *property)
{
    JsonObject *arguments = json_object_new();

    json_object_set_string_member(arguments, "path", path);
    json_object_set_string_member(arguments, "property", property);
    return arguments;
}

static JsonObject *
facts_answer_object(const MtCommand *command)
{
    return command->result && JSON_NODE_HOLDS_OBJECT(command->result)
               ? json_node_get_object(command->result)
               : NULL;
}

static JsonArray *
facts_answer_array(const MtCommand *command)
{
    return command->result && JSON_NODE_HOLDS_ARRAY(command->result)
               ? json_node_get_array(command->result)
               : NULL;
}

/* The nth element of @array if it is an object, else NULL. */
static JsonObject *
facts_nth(JsonArray *array, guint nth)
{
    JsonNode *node = json_array_get_element(array, nth);

    return JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

/* The text of an answer; NULL if there is none. */
static const char *
facts_answer_text(const MtCommand *command)
{
    return command->result ? mt_json_node_peek_string(command->result) : NULL;
}

static guint
facts_length(JsonArray *array)
{
    return array ? json_array_get_length(array) : 0;
}

static gboolean
facts_get_size(JsonObject *object, const char *member, guint64 *size)
{
    return json_object_has_member(object, member) &&
           mt_json_node_peek_uint64(json_object_get_member(object, member),
                                    size);
}

/* "pc-q35-8.2-machine" is the type of the machine "pc-q35-8.2". */
static char *
facts_machine(const char *type)
{
    static const char suffix[] = "-machine";
    gsize length = strlen(type);

    if (!g_str_has_suffix(type, suffix))
        return g_strdup(type);

    return g_strndup(type, length - strlen(suffix));
}

static void
facts_take_blockers(MtPairSide *side, JsonObject *migration)
{
    JsonArray *reasons = mt_json_peek_array(migration, "blocked-reasons");

    side->blockers = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < facts_length(reasons); i++) {
        const char *why =
            mt_json_node_peek_string(json_array_get_element(reasons, i));

        if (why)
            g_ptr_array_add(side->blockers, g_strdup(why));
    }
}

static void
facts_take_ram(MtPairSide *side, JsonObject *summary)
{
    guint64 plugged = 0;

    if (facts_get_size(summary, "base-memory", &side->ram_bytes) &&
        facts_get_size(summary, "plugged-memory", &plugged))
        side->ram_bytes += plugged;
}

static void
facts_take_memory(MtPairSide *side, JsonArray *backends)
{
    side->memory = mt_pair_memories_new();
    for (guint i = 0; i < facts_length(backends); i++) {
        JsonObject *one = facts_nth(backends, i);
        guint64 size = 0;

        if (one && facts_get_size(one, "size", &size))
            g_ptr_array_add(side->memory,
                            mt_pair_memory_new(mt_json_peek_string(one, "id"),
                                               size, 0));
    }
}

/* The objects whose type is of interest; "child<tls-creds-x509>" is the type of
 * a property that holds such an object. */
static void
facts_take_objects(MtPairSide *side, JsonArray *properties)
{
    side->objects = mt_pair_objects_new();
    for (guint i = 0; i < facts_length(properties); i++) {
        JsonObject *one = facts_nth(properties, i);
        const char *name = one ? mt_json_peek_string(one, "name") : NULL;
        const char *type = one ? mt_json_peek_string(one, "type") : NULL;
        g_autofree char *inner = NULL;

        if (!name || !type || !g_str_has_prefix(type, "child<") ||
            !g_str_has_suffix(type, ">"))
            continue;
        inner = g_strndup(type + 6, strlen(type) - 7);
        g_ptr_array_add(side->objects, mt_pair_object_new(name, inner));
    }
}

static void
facts_take_disks(MtPairSide *side, JsonArray *disks)
{
    side->unsafe_disks = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < facts_length(disks); i++) {
        JsonObject *one = facts_nth(disks, i);
        JsonObject *inserted =
            one ? mt_json_peek_object(one, "inserted") : NULL;
        JsonObject *cache =
            inserted ? mt_json_peek_object(inserted, "cache") : NULL;
        const char *name = one ? mt_json_peek_string(one, "device") : NULL;
        gboolean direct, read_only = FALSE;

        if (!cache || !mt_json_peek_bool(cache, "direct", &direct) || direct)
            continue;
        mt_json_peek_bool(inserted, "ro", &read_only);
        if (name && !*name)
            name = mt_json_peek_string(one, "qdev");
        if (!read_only)
            g_ptr_array_add(side->unsafe_disks, g_strdup(name ? name : "?"));
    }
}

static void
facts_take(MtPairSide *side, const MtCommand *asks, char **ret_cpu)
{
    JsonObject *object;
    JsonArray *array;

    if (facts_answer_text(&asks[ASK_MACHINE]))
        side->machine = facts_machine(facts_answer_text(&asks[ASK_MACHINE]));
    object = facts_answer_object(&asks[ASK_TARGET]);
    if (object)
        side->target = g_strdup(mt_json_peek_string(object, "arch"));
    object = facts_answer_object(&asks[ASK_KVM]);
    if (object)
        mt_json_peek_bool(object, "enabled", &side->kvm);
    array = facts_answer_array(&asks[ASK_CPUS]);
    if (array) {
        side->n_cpus = json_array_get_length(array);
        object = side->n_cpus ? facts_nth(array, 0) : NULL;
        *ret_cpu =
            g_strdup(object ? mt_json_peek_string(object, "qom-path") : NULL);
    }
    object = facts_answer_object(&asks[ASK_MIGRATE]);
    if (object)
        facts_take_blockers(side, object);
    object = facts_answer_object(&asks[ASK_RAM]);
    if (object)
        facts_take_ram(side, object);
    array = facts_answer_array(&asks[ASK_MEMDEV]);
    if (array)
        facts_take_memory(side, array);
    array = facts_answer_array(&asks[ASK_OBJECTS]);
    if (array)
        facts_take_objects(side, array);
    array = facts_answer_array(&asks[ASK_BLOCK]);
    if (array)
        facts_take_disks(side, array);
}

/* The first round trip. */
static gboolean
facts_ask(MigtuneDomain *domain, MtPairSide *side, char **ret_cpu,
          GError **error)
{
    MtCommand asks[N_ASKS];
    JsonObject *path = json_object_new();
    gboolean ok;

    json_object_set_string_member(path, "path", "/objects");
    mt_command_init(&asks[ASK_MACHINE], "qom-get",
                    facts_qom_get("/machine", "type"));
    mt_command_init(&asks[ASK_TARGET], "query-target", NULL);
    mt_command_init(&asks[ASK_KVM], "query-kvm", NULL);
    mt_command_init(&asks[ASK_CPUS], "query-cpus-fast", NULL);
    mt_command_init(&asks[ASK_MIGRATE], "query-migrate", NULL);
    mt_command_init(&asks[ASK_RAM], "query-memory-size-summary", NULL);
    mt_command_init(&asks[ASK_MEMDEV], "query-memdev", NULL);
    mt_command_init(&asks[ASK_OBJECTS], "qom-list", path);
    mt_command_init(&asks[ASK_BLOCK], "query-block", NULL);
    ok = domain->exec.run(&domain->exec, asks, N_ASKS, domain->cancellable,
                          error);
    if (ok)
        facts_take(side, asks, ret_cpu);
    mt_commands_clear(asks, N_ASKS);

    return ok;
}

/* What one object of interest is asked. */
static const char *const facts_properties[] = { "endpoint", "dir",
                                                "verify-peer" };

static gboolean
facts_is_tls(const MtPairObject *object)
{
    return g_str_has_prefix(object->type, "tls-creds");
}

/* The second round trip: the credentials, and the type of the first CPU. */
static gboolean
facts_ask_more(MigtuneDomain *domain, MtPairSide *side, const char *cpu,
               GError **error)
{
    guint n_objects = side->objects ? side->objects->len : 0;
    g_autofree MtCommand *asks =
        g_new0(MtCommand, 1 + n_objects * G_N_ELEMENTS(facts_properties));
    guint n = 0;
    gboolean ok;

    if (cpu)
        mt_command_init(&asks[n++], "qom-get", facts_qom_get(cpu, "type"));
    for (guint i = 0; i < n_objects; i++) {
        const MtPairObject *object = g_ptr_array_index(side->objects, i);
        g_autofree char *path = g_strconcat("/objects/", object->id, NULL);

        for (guint j = 0;
             facts_is_tls(object) && j < G_N_ELEMENTS(facts_properties); j++)
            mt_command_init(&asks[n++], "qom-get",
                            facts_qom_get(path, facts_properties[j]));
    }
    if (n == 0)
        return TRUE;

    ok = domain->exec.run(&domain->exec, asks, n, domain->cancellable, error);
    if (ok) {
        guint at = 0;

        if (cpu)
            side->cpu = g_strdup(facts_answer_text(&asks[at++]));
        for (guint i = 0; i < n_objects; i++) {
            MtPairObject *object = g_ptr_array_index(side->objects, i);
            JsonNode *verify;

            if (!facts_is_tls(object))
                continue;
            object->endpoint =
                g_strdup(facts_answer_text(&asks[at++]));
            object->dir =
                g_strdup(facts_answer_text(&asks[at++]));
            verify = asks[at++].result;
            if (verify && JSON_NODE_HOLDS_VALUE(verify) &&
                json_node_get_value_type(verify) == G_TYPE_BOOLEAN)
                object->verify = json_node_get_boolean(verify);
        }
    }
    mt_commands_clear(asks, n);

    return ok;
}

/*
 * This host
 */

/* Reads "PID:START ..." of an identity; 0 if it names no process. */
static guint
facts_get_pid(const char *instance, guint64 *start)
{
    guint pid;

    if (!instance ||
        sscanf(instance, "%u:%" G_GUINT64_FORMAT, &pid, start) != 2)
        return 0;

    return pid;
}

/* The file @name of the process, as text; NULL if it cannot be read. */
static char *
facts_read_proc(guint pid, const char *name)
{
    g_autofree char *path = g_strdup_printf("/proc/%u/%s", pid, name);
    char *text = NULL;

    return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

static void
facts_take_memlock(MtPairSide *side, guint pid)
{
    g_autofree char *text = facts_read_proc(pid, "limits");
    const char *at = text ? strstr(text, "Max locked memory") : NULL;
    char soft[32];

    if (!at || sscanf(at, "Max locked memory %31s", soft) != 1)
        return;

    side->memlock_bytes = strcmp(soft, "unlimited") == 0
                              ? G_MAXUINT64
                              : g_ascii_strtoull(soft, NULL, 10);
}

/* Whether the process may open /dev/userfaultfd: 1, 0, or -1 if a group of it
 * may have access. */
static gint
facts_ask_device(guint uid)
{
    struct stat st;

    if (stat("/dev/userfaultfd", &st) < 0)
        return 0;
    if ((st.st_mode & 06) == 06 ||
        (st.st_uid == uid && (st.st_mode & 0600) == 0600))
        return 1;

    return (st.st_mode & 060) == 060 ? -1 : 0;
}

/* Whether the process may use userfaultfd for faults of the kernel. */
static void
facts_take_userfault(MtPairSide *side, guint pid)
{
    g_autofree char *setting = NULL;
    g_autofree char *status = facts_read_proc(pid, "status");
    const char *caps = status ? strstr(status, "CapEff:") : NULL;
    const char *uids = status ? strstr(status, "Uid:") : NULL;
    /* Older releases use the system call only. */
    gboolean device = mt_pair_side_release(side) >= MT_RELEASE(8, 0);
    guint64 mask;
    guint uid;

    if (!g_file_get_contents("/proc/sys/vm/unprivileged_userfaultfd", &setting,
                             NULL, NULL))
        return;
    if (*setting == '1') {
        side->userfault = 1;
        return;
    }
    if (!caps || sscanf(caps, "CapEff: %" G_GINT64_MODIFIER "x", &mask) != 1 ||
        !uids || sscanf(uids, "Uid: %*u %u", &uid) != 1)
        return;
    side->userfault = mask & 1ULL << FACTS_CAP_SYS_PTRACE ? 1
                      : device                            ? facts_ask_device(uid)
                                                          : 0;
    if (side->userfault == 0)
        side->userfault_why = g_strdup(
            device ? _("vm.unprivileged_userfaultfd is 0, and the QEMU process "
                       "has neither CAP_SYS_PTRACE nor /dev/userfaultfd")
                   : _("vm.unprivileged_userfaultfd is 0, and the QEMU process "
                       "does not have CAP_SYS_PTRACE"));
}

/* A property that newer releases of GLib have; @unref'ed by the caller. */
static gpointer
facts_get_property(GTlsCertificate *certificate, const char *name)
{
    gpointer value = NULL;

    if (g_object_class_find_property(G_OBJECT_GET_CLASS(certificate), name))
        g_object_get(certificate, name, &value, NULL);

    return value;
}

/* The names and the end of a certificate. */
static void
facts_take_certificate(MtPairObject *object, const char *path)
{
    g_autoptr(GTlsCertificate) certificate =
        g_tls_certificate_new_from_file(path, NULL);
    g_autoptr(GDateTime) end = NULL;
    g_autoptr(GPtrArray) names = NULL;
    g_autoptr(GPtrArray) addresses = NULL;
    g_autoptr(GString) text = g_string_new(NULL);

    if (!certificate)
        return;
    end = facts_get_property(certificate, "not-valid-after");
    if (end)
        object->expires = g_date_time_to_unix(end);
    names = facts_get_property(certificate, "dns-names");
    for (guint i = 0; names && i < names->len; i++) {
        gsize length;
        const char *name =
            g_bytes_get_data(g_ptr_array_index(names, i), &length);

        g_string_append_printf(text, "%s%.*s", text->len ? " " : "",
                               (int)length, name);
    }
    addresses = facts_get_property(certificate, "ip-addresses");
    for (guint i = 0; addresses && i < addresses->len; i++) {
        g_autofree char *name =
            g_inet_address_to_string(g_ptr_array_index(addresses, i));

        g_string_append_printf(text, "%s%s", text->len ? " " : "", name);
    }
    if (text->len)
        object->names = g_string_free(g_steal_pointer(&text), FALSE);
}

/* The files of x509 credentials, as QEMU looks for them. */
static void
facts_take_files(MtPairObject *object)
{
    static const struct {
        const char *endpoint;
        const char *name;
        gboolean certificate;
        gboolean optional;
    } files[] = {
        { NULL, "ca-cert.pem", FALSE },
        { "server", "server-key.pem", FALSE },
        { "server", "server-cert.pem", TRUE },
        { "client", "client-cert.pem", TRUE, TRUE },
    };

    if (strcmp(object->type, "tls-creds-x509") != 0 || !object->dir ||
        !object->endpoint)
        return;

    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path =
            g_build_filename(object->dir, files[i].name, NULL);

        if (files[i].endpoint &&
            strcmp(files[i].endpoint, object->endpoint) != 0)
            continue;
        /* A directory that this user cannot search proves nothing. */
        if (access(object->dir, X_OK) == 0 && access(path, F_OK) != 0) {
            char **absent = files[i].optional ? &object->no_certificate
                                              : &object->missing;

            if (!*absent)
                *absent = g_strdup(path);
        } else if (files[i].certificate) {
            facts_take_certificate(object, path);
        }
    }
}

static void
facts_look_around(MtPairSide *side)
{
    guint64 start;
    guint pid = facts_get_pid(side->instance, &start);
    g_autofree char *stat = pid ? facts_read_proc(pid, "stat") : NULL;

    if (!pid)
        return;
    side->local = stat != NULL;
    if (!stat)
        return;

    facts_take_memlock(side, pid);
    facts_take_userfault(side, pid);
    for (guint i = 0; side->objects && i < side->objects->len; i++)
        facts_take_files(g_ptr_array_index(side->objects, i));
}

gboolean
mt_migration_has_ended(MigtuneDomain *domain)
{
    const MigtuneDriver *driver = domain->conn->driver;
    g_autofree char *text = NULL;
    const char *rest;
    g_auto(GStrv) fields = NULL;
    guint64 start;
    guint pid = facts_get_pid(domain->identity.instance, &start);

    if (driver->check_alive)
        return !driver->check_alive(domain->handle, NULL);
    if (!pid)
        return FALSE;

    text = facts_read_proc(pid, "stat");
    rest = text ? strrchr(text, ')') : NULL;
    if (!rest || rest[1] != ' ')
        return TRUE;
    /* A zombie has ended; the number may belong to another process now. */
    fields = g_strsplit(rest + 2, " ", 21);

    return g_strv_length(fields) < 20 || *fields[0] == 'Z' ||
           g_ascii_strtoull(fields[19], NULL, 10) != start;
}

MtPairSide *
mt_migration_read_side(MigtuneDomain *domain, GCancellable *cancellable,
                       GError **error)
{
    g_autoptr(MtDomainHold) hold = mt_domain_hold(domain, cancellable, error);
    g_autoptr(MtPairSide) side = mt_pair_side_new();
    g_autofree char *cpu = NULL;
    const char *package = NULL;

    if (!hold || !mt_domain_check_running(domain, error))
        return NULL;

    side->state = mt_domain_read_state(domain, MT_STATE_MIGRATION, error);
    if (!side->state)
        return NULL;
    side->caps = mt_caps_ref(domain->caps);
    side->version = mt_version_parse(domain->qemu);
    if (domain->identity.version &&
        JSON_NODE_HOLDS_OBJECT(domain->identity.version))
        package = mt_json_peek_string(
            json_node_get_object(domain->identity.version), "package");
    side->package = g_strdup(package);
    side->uuid = g_strdup(domain->identity.uuid);
    side->instance = g_strdup(domain->identity.instance);
    side->address = g_strdup_printf("%s %s", domain->conn->uri, domain->key);
    if (!facts_ask(domain, side, &cpu, error) ||
        !facts_ask_more(domain, side, cpu, error))
        return NULL;
    facts_look_around(side);

    return g_steal_pointer(&side);
}
