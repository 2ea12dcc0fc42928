/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * block-bitmap-mapping: names must be unique, and aliases fit the wire.
 */
#include "config.h"

#include <string.h>

#include "drivers/ref/tunables/tunables-private.h"

/* The stream has one byte for the length of a name. */
enum { MAX_ALIAS = 255 };

static gboolean
alias_is_well_formed(const char *alias)
{
    if (!g_ascii_isalpha(*alias))
        return FALSE;
    for (const char *c = alias + 1; *c; c++) {
        if (!g_ascii_isalnum(*c) && !strchr("-._", *c))
            return FALSE;
    }

    return TRUE;
}

G_GNUC_PRINTF(2, 3)
static gboolean
bitmaps_refuse(MtRefRefusal *refusal, const char *format, ...)
{
    g_autofree char *reason = NULL;
    va_list args;

    va_start(args, format);
    reason = g_strdup_vprintf(format, args);
    va_end(args);

    return mt_ref_refuse(
        refusal, "Invalid mapping given for block-bitmap-mapping: %s", reason);
}

/* One check that names are unique: of the names themselves, or of the
 * aliases. */
typedef struct {
    gboolean by_alias;
    GHashTable *nodes;          /* the names seen so far */
} BitmapsPass;

static gboolean
bitmaps_check_node(const BitmapsPass *pass, JsonObject *node,
                   MtRefRefusal *refusal)
{
    JsonArray *bitmaps = json_object_get_array_member(node, "bitmaps");
    const char *node_name = json_object_get_string_member(node, "node-name");
    const char *node_alias = json_object_get_string_member(node, "alias");
    g_autoptr(GHashTable) met = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < json_array_get_length(bitmaps); i++) {
        JsonObject *bitmap = json_array_get_object_element(bitmaps, i);
        const char *name = json_object_get_string_member(bitmap, "name");
        const char *alias = json_object_get_string_member(bitmap, "alias");

        if (strlen(alias) > MAX_ALIAS)
            return bitmaps_refuse(
                refusal, "The bitmap alias '%s' is longer than %d bytes",
                alias, MAX_ALIAS);
        if (g_hash_table_add(met, (gpointer)(pass->by_alias ? alias : name)))
            continue;
        if (pass->by_alias)
            return bitmaps_refuse(refusal,
                                  "The bitmap alias '%s'/'%s' is used twice",
                                  node_alias, alias);
        return bitmaps_refuse(refusal, "The bitmap '%s'/'%s' is mapped twice",
                              node_name, name);
    }

    return TRUE;
}

static gboolean
bitmaps_check_pass(const BitmapsPass *pass, JsonArray *mapping,
                   MtRefRefusal *refusal)
{
    for (guint i = 0; i < json_array_get_length(mapping); i++) {
        JsonObject *node = json_array_get_object_element(mapping, i);
        const char *name = json_object_get_string_member(node, "node-name");
        const char *alias = json_object_get_string_member(node, "alias");

        if (!alias_is_well_formed(alias))
            return bitmaps_refuse(
                refusal, "The node alias '%s' is not well-formed", alias);
        if (strlen(alias) > MAX_ALIAS)
            return bitmaps_refuse(
                refusal, "The node alias '%s' is longer than %d bytes", alias,
                MAX_ALIAS);
        if (!g_hash_table_add(pass->nodes,
                              (gpointer)(pass->by_alias ? alias : name)))
            return pass->by_alias
                       ? bitmaps_refuse(refusal,
                                        "The node alias '%s' is used twice",
                                        alias)
                       : bitmaps_refuse(refusal,
                                        "The node name '%s' is mapped twice",
                                        name);
        if (!bitmaps_check_node(pass, node, refusal))
            return FALSE;
    }

    return TRUE;
}

/* In QEMU's order: all names first, then all aliases. */
gboolean
mt_ref_bitmaps_check(JsonArray *mapping, MtRefRefusal *refusal)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) aliases = g_hash_table_new(g_str_hash, g_str_equal);
    const BitmapsPass by_name = { FALSE, names };
    const BitmapsPass by_alias = { TRUE, aliases };

    return bitmaps_check_pass(&by_name, mapping, refusal) &&
           bitmaps_check_pass(&by_alias, mapping, refusal);
}
