/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The policy of Proxmox VE from a VM configuration or datacenter.cfg.
 *
 * A VM configuration has lines "key: value", followed by a section for each
 * snapshot.  These sections contain older configurations and are not read.
 */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "converge/import/import.h"
#include "util/i18n.h"

static void
proxmox_read_downtime(const MtImport *import, guint line, const char *value)
{
    char *end;
    double seconds = g_ascii_strtod(value, &end);

    if (!*value || *end || !isfinite(seconds) || seconds < 0 ||
        strspn(value, "0123456789.") != strlen(value)) {
        mt_findings_add(import->findings, MT_FINDING_ERROR, "wrong-type",
                        import->file, line,
                        _("'%s' must be a number of seconds, not '%s'"),
                        "migrate_downtime", value);
        return;
    }
    if (seconds * 1000 > MT_DOWNTIME_MAX_MS)
        mt_findings_add(import->findings, MT_FINDING_WARNING, "trap",
                        import->file, line,
                        _("Proxmox uses at most %d s"),
                        MT_DOWNTIME_MAX_MS / 1000);
    import->config->proxmox.downtime_ms =
        MIN(seconds * 1000, MT_DOWNTIME_MAX_MS);
    if (!import->config->proxmox.downtime_ms)
        mt_findings_add(import->findings, MT_FINDING_WARNING, "trap",
                        import->file, line,
                        _("a downtime of 0 stays 0 when it is doubled"));
}

static void
proxmox_read_line(const MtImport *import, guint number, char *line)
{
    static const char *const unused[] = {
        "migrate_speed", "migration", "migration_unsecure", "bwlimit",
    };
    char *colon = strchr(line, ':');

    if (!*line || *line == '#')
        return;
    if (!colon) {
        mt_findings_add(import->findings, MT_FINDING_ERROR, "syntax",
                        import->file, number,
                        _("expected 'key: value', not '%s'"), line);
        return;
    }
    *colon = '\0';
    if (g_str_equal(line, "migrate_downtime")) {
        proxmox_read_downtime(import, number, g_strstrip(colon + 1));
        return;
    }
    for (guint i = 0; i < G_N_ELEMENTS(unused); i++) {
        if (g_str_equal(line, unused[i]))
            mt_findings_add(import->findings, MT_FINDING_INFO, "not-used",
                            import->file, number,
                            _("'%s' has no effect on convergence and is not "
                              "used"), line);
    }
    if (g_str_has_prefix(line, "migrate_") &&
        !g_str_equal(line, "migrate_speed"))
        mt_findings_add(import->findings, MT_FINDING_WARNING, "unknown-key",
                        import->file, number,
                        _("'%s' is not known and is not used"), line);
}

void
mt_import_proxmox(const MtImport *import)
{
    g_auto(GStrv) lines = g_strsplit(import->text, "\n", -1);

    mt_policy_config_init(import->config, "proxmox", NULL);
    for (guint i = 0; lines[i]; i++) {
        if (*g_strstrip(lines[i]) == '[')
            break;
        proxmox_read_line(import, i + 1, lines[i]);
    }
    mt_findings_add(import->findings, MT_FINDING_INFO, "taken", import->file,
                    0, _("a downtime of %" PRIu64 " ms at the "
                         "start"), import->config->proxmox.downtime_ms);
    mt_findings_add(import->findings, MT_FINDING_WARNING, "trap",
                    import->file, 0,
                    _("Proxmox has no time limit, and doubles the downtime up "
                      "to %d s without asking"), MT_DOWNTIME_MAX_MS / 1000);
}
