/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy of Nova from nova.conf.
 *
 * Only the keys of the section [libvirt] that begin with live_migration_ are
 * read: the section has hundreds of other keys.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "converge/import/import.h"
#include "util/i18n.h"

typedef struct {
    MtNovaConfig policy;
    gboolean auto_converge;
    gboolean tls;
    gboolean tunnelled;
} NovaFile;

#define NOVA(name, type, member, min, max) \
    { "libvirt", "live_migration_" name, type, \
      G_STRUCT_OFFSET(NovaFile, member), min, max }
#define NOVA_UNUSED(section, name) { section, name, MT_INI_UNUSED }

static const MtIniKey nova_keys[] = {
    NOVA("downtime", MT_INI_INT, policy.downtime_ms, 100, MT_DOWNTIME_MAX_MS),
    NOVA("downtime_steps", MT_INI_INT, policy.steps, 3, 100000),
    NOVA("downtime_delay", MT_INI_INT, policy.delay_s, 3, 100000000),
    NOVA("completion_timeout", MT_INI_INT, policy.completion_s, 0, 100000000),
    NOVA("permit_post_copy", MT_INI_BOOL, policy.permit_postcopy, 0, 0),
    NOVA("permit_auto_converge", MT_INI_BOOL, auto_converge, 0, 0),
    NOVA("with_native_tls", MT_INI_BOOL, tls, 0, 0),
    NOVA("tunnelled", MT_INI_BOOL, tunnelled, 0, 0),
    NOVA_UNUSED("libvirt", "live_migration_bandwidth"),
    NOVA_UNUSED("libvirt", "live_migration_parallel_connections"),
    NOVA_UNUSED("libvirt", "live_migration_scheme"),
    NOVA_UNUSED("libvirt", "live_migration_inbound_addr"),
    NOVA_UNUSED("libvirt", "live_migration_uri"),
    NOVA_UNUSED("libvirt", "live_migration_monitor_interval"),
    NOVA_UNUSED("DEFAULT", "max_concurrent_live_migrations"),
    NOVA_UNUSED("DEFAULT", "live_migration_retry_count"),
};

static guint
nova_line(const MtImport *import, const char *key)
{
    return mt_ini_line(import, "libvirt", key);
}

static void
nova_read_action(const MtImport *import, GKeyFile *file, NovaFile *nova)
{
    const char *key = "live_migration_timeout_action";
    g_autofree char *text = g_key_file_get_string(file, "libvirt", key, NULL);

    if (!text)
        return;
    g_strstrip(text);
    if (g_str_equal(text, "force_complete"))
        nova->policy.force_complete = TRUE;
    else if (!g_str_equal(text, "abort"))
        mt_findings_add(import->findings, MT_FINDING_ERROR, "wrong-type",
                        import->file, nova_line(import, key),
                        _("'%s' must be abort or force_complete, not '%s'"),
                        key, text);
}

static void
nova_find_unknown(const MtImport *import, GKeyFile *file)
{
    g_auto(GStrv) keys = g_key_file_get_keys(file, "libvirt", NULL, NULL);

    for (guint i = 0; keys && keys[i]; i++) {
        gboolean known = g_str_equal(keys[i], "live_migration_timeout_action");

        for (guint j = 0; j < G_N_ELEMENTS(nova_keys); j++)
            known |= g_str_equal(nova_keys[j].section, "libvirt") &&
                     g_str_equal(nova_keys[j].key, keys[i]);
        if (!known && g_str_has_prefix(keys[i], "live_migration_"))
            mt_findings_add(import->findings, MT_FINDING_WARNING,
                            "unknown-key", import->file,
                            nova_line(import, keys[i]),
                            _("'%s' is not known and is not used"), keys[i]);
    }
}

static void
nova_find_traps(const MtImport *import, const NovaFile *nova)
{
    gint64 seconds, last_ms;

    if (nova->auto_converge && nova->policy.permit_postcopy)
        mt_findings_add(import->findings, MT_FINDING_WARNING, "trap",
                        import->file,
                        nova_line(import,
                                  "live_migration_permit_auto_converge"),
                        _("Nova ignores auto-converge if post-copy is "
                          "permitted"));
    if (nova->tls && nova->tunnelled)
        mt_findings_add(import->findings, MT_FINDING_WARNING, "trap",
                        import->file,
                        nova_line(import, "live_migration_tunnelled"),
                        _("nova-compute does not start with native TLS and "
                          "tunnelling"));
    if (!nova->policy.completion_s)
        mt_findings_add(import->findings, MT_FINDING_WARNING, "trap",
                        import->file,
                        nova_line(import, "live_migration_completion_timeout"),
                        _("without a completion timeout a migration that does "
                          "not converge goes on for ever"));
    if (nova->policy.force_complete && !nova->policy.permit_postcopy)
        mt_findings_add(import->findings, MT_FINDING_WARNING, "trap",
                        import->file,
                        nova_line(import, "live_migration_timeout_action"),
                        _("without post-copy, force_complete stops the guest "
                          "until all of its memory is sent"));
    mt_nova_step(&nova->policy, 64, nova->policy.steps, &seconds, &last_ms);
    mt_findings_add(import->findings, MT_FINDING_INFO, "taken", import->file,
                    0, _("%" PRId64 " downtime steps up to %"
                         PRId64 " ms; a guest of 64 GiB reaches the "
                         "last one after %" PRId64 " s"),
                    nova->policy.steps, last_ms, seconds);
}

/* Reads a number that the caller has given with "select". */
static gboolean
nova_read_selected(const MtImport *import, const char *key, const char *text,
                   guint64 max, guint64 *ret)
{
    if (g_ascii_string_to_unsigned(text, 10, 1, max, ret, NULL))
        return TRUE;

    mt_findings_add(import->findings, MT_FINDING_ERROR, "select",
                    import->file, 0,
                    _("'%s' must be a whole number from 1 to %" PRIu64
                      ", not '%s'"), key, max, text);
    return FALSE;
}

/* The size that Nova scales with is not in nova.conf: the memory of the flavor
 * is "flavor.ram" in MiB, and each disk that is copied is "disk" in bytes. */
static void
nova_read_size(const MtImport *import, MtNovaConfig *config)
{
    const char *ram = mt_import_selected(import, "flavor.ram");
    guint64 number;

    if (ram && nova_read_selected(import, "flavor.ram", ram, 1 << 30,
                                  &number))
        config->flavor_gib = number / 1024.0;
    for (guint i = 0; import->select && import->select[i]; i++) {
        const char *word = import->select[i];

        if (g_str_has_prefix(word, "disk=") &&
            nova_read_selected(import, "disk", word + strlen("disk="),
                               G_GUINT64_CONSTANT(1) << 60, &number))
            config->disk_gib += mt_nova_disk_gib(number);
    }
    if (!ram)
        mt_findings_add(import->findings, MT_FINDING_INFO, "size",
                        import->file, 0,
                        _("the times scale with the RAM that the migration "
                          "has; select flavor.ram=MIB, and disk=BYTES for "
                          "each disk that is copied, for Nova's own numbers"));
}

void
mt_import_nova(const MtImport *import)
{
    g_autoptr(GKeyFile) file = mt_ini_parse(import);
    NovaFile nova = { 0 };

    if (!file)
        return;

    mt_policy_config_init(import->config, "nova", NULL);
    nova.policy = import->config->nova;
    mt_ini_read(import, file, nova_keys, G_N_ELEMENTS(nova_keys), &nova);
    nova_read_action(import, file, &nova);
    nova_read_size(import, &nova.policy);
    nova_find_unknown(import, file);
    nova_find_traps(import, &nova);
    import->config->nova = nova.policy;
}
