/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Shared by the importers: selections, and INI files with line numbers.
 *
 * GLib's parser reads the files.  It does not report line numbers, so the text
 * is searched for the line of a key when a finding needs it.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "converge/import/import.h"
#include "util/foreign.h"
#include "util/i18n.h"

const char *
mt_import_selected(const MtImport *import, const char *key)
{
    gsize length = strlen(key);

    for (guint i = 0; import->select && import->select[i]; i++) {
        if (strncmp(import->select[i], key, length) == 0 &&
            import->select[i][length] == '=')
            return import->select[i] + length + 1;
    }

    return NULL;
}

/* Whether @line is "[section]", possibly followed by other text. */
static gboolean
ini_is_section(const char *line, const char *section)
{
    gsize length = strlen(section);

    return line[0] == '[' && strncmp(line + 1, section, length) == 0 &&
           line[length + 1] == ']';
}

guint
mt_ini_line(const MtImport *import, const char *section, const char *key)
{
    g_auto(GStrv) lines = g_strsplit(import->text, "\n", -1);
    gboolean inside = FALSE;
    guint found = 0;

    for (guint i = 0; lines[i]; i++) {
        const char *line = g_strchug(lines[i]);
        gsize length = strlen(key);

        if (*line == '[')
            inside = ini_is_section(line, section);
        if (inside && strncmp(line, key, length) == 0 &&
            line[length + strspn(line + length, " \t")] == '=')
            found = i + 1;      /* the last one counts */
    }

    return found;
}

/* The first line that GKeyFile refuses. */
static guint
ini_find_bad_line(const MtImport *import)
{
    g_auto(GStrv) lines = g_strsplit(import->text, "\n", -1);
    gboolean inside = FALSE;

    for (guint i = 0; lines[i]; i++) {
        const char *line = g_strstrip(lines[i]);

        if (!*line || *line == '#')
            continue;
        if (*line == '[' && strchr(line, ']')) {
            inside = TRUE;
            continue;
        }
        if (!inside || *line == '=' || !strchr(line, '='))
            return i + 1;
    }

    return 0;
}

GKeyFile *
mt_ini_parse(const MtImport *import)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) cause = NULL;
    g_autofree char *text = NULL;

    if (g_key_file_load_from_data(file, import->text, import->length,
                                  G_KEY_FILE_NONE, &cause))
        return g_steal_pointer(&file);

    text = mt_foreign_text(cause);

    mt_findings_add(import->findings, MT_FINDING_ERROR, "syntax",
                    import->file, ini_find_bad_line(import),
                    _("the text is not a valid configuration file: %s"),
                    text);
    return NULL;
}

static gboolean
ini_parse_bool(const char *text, gboolean *ret)
{
    static const char *const words[][2] = {
        { "true", "false" }, { "yes", "no" }, { "on", "off" }, { "1", "0" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        for (guint j = 0; j < 2; j++) {
            if (g_ascii_strcasecmp(text, words[i][j]) == 0) {
                *ret = j == 0;
                return TRUE;
            }
        }
    }

    return FALSE;
}

static void
ini_read_key(const MtImport *import, const char *text, const MtIniKey *key,
             gpointer place)
{
    guint line = mt_ini_line(import, key->section, key->key);
    char *end = NULL;
    gint64 number;

    switch (key->type) {
    case MT_INI_INT:
        errno = 0;
        number = g_ascii_strtoll(text, &end, 10);
        if (*text && !*end && !errno && number >= key->min &&
            number <= key->max)
            *(gint64 *)place = number;
        else
            mt_findings_add(import->findings, MT_FINDING_ERROR, "wrong-type",
                            import->file, line,
                            _("'%s' must be a whole number from %"
                              PRId64 " to %" PRId64
                              ", not '%s'"), key->key, key->min, key->max,
                            text);
        break;
    case MT_INI_BOOL:
        if (!ini_parse_bool(text, place))
            mt_findings_add(import->findings, MT_FINDING_ERROR, "wrong-type",
                            import->file, line,
                            _("'%s' must be true or false, not '%s'"),
                            key->key, text);
        break;
    case MT_INI_UNUSED:
        mt_findings_add(import->findings, MT_FINDING_INFO, "not-used",
                        import->file, line,
                        _("'%s' has no effect on convergence and is not "
                          "used"), key->key);
        break;
    }
}

guint
mt_ini_read(const MtImport *import, GKeyFile *file, const MtIniKey *keys,
            guint n_keys, gpointer base)
{
    guint n = 0;

    for (guint i = 0; i < n_keys; i++) {
        g_autofree char *text = g_key_file_get_string(
            file, keys[i].section, keys[i].key, NULL);

        if (!text)
            continue;
        g_strstrip(text);
        ini_read_key(import, text, &keys[i], (char *)base + keys[i].offset);
        n++;
    }

    return n;
}
