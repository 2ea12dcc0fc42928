/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Imports policies from the configurations of other programs.
 *
 * The format is detected from the content.  The findings of an import list the
 * settings that were used, the settings that were ignored, and known traps.  A
 * wrong type, a value out of bounds or an impossible schedule is an error
 * finding with the line.  Each format has a file import-NAME.c and one line in
 * import.c.
 */

#include "converge/doc.h"
#include "converge/policy/policy.h"

G_BEGIN_DECLS

typedef struct {
    const char *text;       /* ends with a NUL */
    gsize length;
    const char *file;
    /* "policy=NAME", "vm.LABEL=VALUE", "namespace.LABEL=VALUE",
     * "flavor.ram=MIB" and "disk=BYTES", NULL-terminated; NULL for none. */
    const char *const *select;
    MtPolicyConfig *config; /* the result */
    MtFindings *findings;
} MtImport;

/* Fills in import->config.  FALSE if there is an error finding. */
gboolean mt_import(const MtImport *import);

/* The value of "KEY=VALUE" in import->select; NULL if there is none. */
const char *mt_import_selected(const MtImport *import, const char *key);

void mt_import_nova(const MtImport *import);
void mt_import_vdsm(const MtImport *import);
void mt_import_vdsm_conf(const MtImport *import);
void mt_import_kubevirt(const MtImport *import);
void mt_import_proxmox(const MtImport *import);

/* Keys of INI files. */
typedef enum {
    MT_INI_INT,             /* gint64 */
    MT_INI_BOOL,            /* gboolean */
    MT_INI_UNUSED,
} MtIniType;

typedef struct {
    const char *section;
    const char *key;
    MtIniType type;
    gsize offset;
    gint64 min, max;
} MtIniKey;

/* NULL with an error finding if the text is not an INI file. */
GKeyFile *mt_ini_parse(const MtImport *import);

/* Reads the keys of a table into the structure @base; returns the number of
 * keys that were found. */
guint mt_ini_read(const MtImport *import, GKeyFile *file, const MtIniKey *keys,
                  guint n_keys, gpointer base);

/* The line of a key; 0 if the key is not found. */
guint mt_ini_line(const MtImport *import, const char *section,
                  const char *key);

G_END_DECLS
