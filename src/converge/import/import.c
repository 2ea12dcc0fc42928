/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Recognising a configuration: see import.h.
 */
#include "config.h"

#include <string.h>

#include "converge/import/import.h"
#include "util/i18n.h"

/* Whether a line of @text begins with @word, white space not counted. */
static gboolean
import_has_line(const MtImport *import, const char *word)
{
    const char *line = import->text;

    while (line) {
        line += strspn(line, " \t");
        if (g_str_has_prefix(line, word))
            return TRUE;
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }

    return FALSE;
}

static gboolean
import_is_nova(const MtImport *import)
{
    return import_has_line(import, "[libvirt]") ||
           import_has_line(import, "live_migration_");
}

static gboolean
import_is_vdsm_conf(const MtImport *import)
{
    return import_has_line(import, "[vars]");
}

static gboolean
import_is_json(const MtImport *import)
{
    const char *start = import->text + strspn(import->text, " \t\r\n");

    return *start == '{' || *start == '[';
}

static gboolean
import_is_kubevirt(const MtImport *import)
{
    return import_has_line(import, "kind:") ||
           import_has_line(import, "apiVersion:") ||
           import_has_line(import, "migrations:") ||
           import_has_line(import, "completionTimeoutPerGiB:");
}

static gboolean
import_is_proxmox(const MtImport *import)
{
    static const char *const words[] = {
        "migrate_downtime:", "migrate_speed:", "migration:", "bwlimit:",
        "migration_unsecure:", "memory:", "scsihw:", "ostype:",
    };

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (import_has_line(import, words[i]))
            return TRUE;
    }

    return FALSE;
}

static const struct {
    gboolean (*is)(const MtImport *import);
    void (*run)(const MtImport *import);
} formats[] = {
    { import_is_nova, mt_import_nova },
    { import_is_vdsm_conf, mt_import_vdsm_conf },
    { import_is_json, mt_import_vdsm },
    { import_is_kubevirt, mt_import_kubevirt },
    { import_is_proxmox, mt_import_proxmox },
};

gboolean
mt_import(const MtImport *import)
{
    if (import->length > MT_DOC_MAX_BYTES ||
        strlen(import->text) != import->length ||
        !g_utf8_validate(import->text, import->length, NULL)) {
        mt_findings_add(import->findings, MT_FINDING_ERROR, "syntax",
                        import->file, 0,
                        _("the file is not a text in UTF-8 of at most %d "
                          "bytes"), MT_DOC_MAX_BYTES);
        return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (!formats[i].is(import))
            continue;
        formats[i].run(import);
        return mt_findings_check(import->findings, NULL);
    }

    mt_findings_add(import->findings, MT_FINDING_ERROR, "unknown-format",
                    import->file, 0,
                    _("the format is not known; expected nova.conf, vdsm.conf, "
                      "a migration policy of oVirt or VDSM as JSON, a "
                      "KubeVirt or MigrationPolicy object as YAML, or a VM "
                      "configuration or datacenter.cfg of Proxmox"));
    return FALSE;
}
