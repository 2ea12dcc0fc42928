/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What two streams do not agree on.
 *
 * Devices are matched by name and instance, fields by their path.  A path may
 * occur several times in a device (padding, the elements of an array, whose
 * index only some releases write), so the n-th occurrence is matched with the
 * n-th.
 *
 * Names are not on the wire.  A field that only one stream has and a field of
 * the same type and size at the same place of the other are one field that was
 * renamed.
 */
#include "config.h"

#include <string.h>

#include "inspect/inspect.h"
#include "util/i18n.h"
#include "util/json-peek.h"

typedef struct {
    char *kind;
    char *device;           /* NULL: outside of devices */
    char *name;
    char *a;                /* NULL: nothing */
    char *b;
} Difference;

static void
difference_free(gpointer data)
{
    Difference *d = data;

    g_free(d->kind);
    g_free(d->device);
    g_free(d->name);
    g_free(d->a);
    g_free(d->b);
    g_free(d);
}

/* Adds a difference if @a and @b, which may be NULL, are not the same. */
static void
diff_text(GPtrArray *list, const char *kind, const char *device,
          const char *name, const char *a, const char *b)
{
    Difference *d;

    if (g_strcmp0(a, b) == 0)
        return;

    d = g_new0(Difference, 1);
    d->kind = g_strdup(kind);
    d->device = g_strdup(device);
    d->name = g_strdup(name);
    d->a = g_strdup(a);
    d->b = g_strdup(b);
    g_ptr_array_add(list, d);
}

static void
diff_uint(GPtrArray *list, const char *kind, const char *device,
          const char *name, guint64 a, guint64 b)
{
    g_autofree char *x = g_strdup_printf("%" G_GUINT64_FORMAT, a);
    g_autofree char *y = g_strdup_printf("%" G_GUINT64_FORMAT, b);

    diff_text(list, kind, device, name, x, y);
}

static void
diff_streams(GPtrArray *list, const MtAccount *a, const MtAccount *b)
{
    g_autofree char *x = a->capabilities ? g_strjoinv(",", a->capabilities) :
        NULL;
    g_autofree char *y = b->capabilities ? g_strjoinv(",", b->capabilities) :
        NULL;

    diff_text(list, "stream", NULL, "format", mt_format_to_string(a->format),
              mt_format_to_string(b->format));
    diff_text(list, "stream", NULL, "machine", a->machine, b->machine);
    diff_text(list, "stream", NULL, "capabilities", x, y);
    diff_text(list, "stream", NULL, "uuid", a->uuid, b->uuid);
    diff_uint(list, "stream", NULL, "page-bits", a->page_bits, b->page_bits);
    if (a->footers_known && b->footers_known)
        diff_text(list, "stream", NULL, "footers", a->footers ? "yes" : "no",
                  b->footers ? "yes" : "no");
    for (guint i = 0; i <= 16; i++) {
        const char *name = mt_command_to_string(i);
        gboolean in_a = FALSE, in_b = FALSE;

        for (guint j = 0; j < a->commands->len; j++)
            in_a |= g_array_index(a->commands, MtAccountCommand,
                                  j).number == i;
        for (guint j = 0; j < b->commands->len; j++)
            in_b |= g_array_index(b->commands, MtAccountCommand,
                                  j).number == i;
        if (name)
            diff_text(list, "stream", NULL, name, in_a ? "sent" : NULL,
                      in_b ? "sent" : NULL);
    }
}

static void
diff_blocks(GPtrArray *list, const MtAccount *a, const MtAccount *b)
{
    for (guint i = 0; i < a->blocks->len; i++) {
        const MtAccountBlock *x = g_ptr_array_index(a->blocks, i);
        int j = mt_account_find_block(b, x->name);
        const MtAccountBlock *y = j < 0 ? NULL :
            g_ptr_array_index(b->blocks, j);
        g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT " bytes",
                                                x->length);
        g_autofree char *other = y ?
            g_strdup_printf("%" G_GUINT64_FORMAT " bytes", y->length) : NULL;

        diff_text(list, "block", NULL, x->name, size, other);
    }
    for (guint i = 0; i < b->blocks->len; i++) {
        const MtAccountBlock *y = g_ptr_array_index(b->blocks, i);
        g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT " bytes",
                                                y->length);

        if (mt_account_find_block(a, y->name) < 0)
            diff_text(list, "block", NULL, y->name, NULL, size);
    }
}

static const MtAccountDevice *
find_device(const MtAccount *account, const MtAccountDevice *like)
{
    for (guint i = 0; i < account->devices->len; i++) {
        const MtAccountDevice *device = g_ptr_array_index(account->devices,
                                                          i);

        if (device->instance == like->instance &&
            strcmp(device->name, like->name) == 0)
            return device;
    }

    return NULL;
}

/* @path without the indexes of arrays. */
static char *
strip_indexes(const char *path)
{
    GString *text = g_string_new(NULL);

    for (const char *p = path; *p; p++) {
        gsize digits = *p == '[' ? strspn(p + 1, "0123456789") : 0;

        if (digits && p[1 + digits] == ']')
            p += 1 + digits;
        else
            g_string_append_c(text, *p);
    }

    return g_string_free(text, FALSE);
}

typedef struct {
    const MtAccountField *field;
    char *key;              /* path and number of the occurrence */
    char *layout;
    gboolean matched;
} Side;

static void
side_clear(gpointer data)
{
    Side *side = data;

    g_free(side->key);
    g_free(side->layout);
}

static gboolean
is_subsection(const MtAccountField *field)
{
    return strcmp(field->type, "subsection") == 0 && !field->value;
}

static char *
format_layout(const MtAccountField *field)
{
    if (is_subsection(field))
        return g_strdup_printf("version %" G_GUINT64_FORMAT, field->count);
    if (field->count != 1)
        return g_strdup_printf("%s, %" G_GUINT64_FORMAT " x %"
                               G_GUINT64_FORMAT " bytes", field->type,
                               field->count, field->size);

    return g_strdup_printf("%s, %" G_GUINT64_FORMAT " bytes", field->type,
                           field->size);
}

/* The fields of @device in order; @index, which borrows, finds one by key. */
static GArray *
list_fields(const MtAccountDevice *device, GHashTable *index)
{
    GArray *sides = g_array_new(FALSE, TRUE, sizeof(Side));
    g_autoptr(GHashTable) counts = g_hash_table_new_full(g_str_hash,
                                                         g_str_equal, g_free,
                                                         NULL);

    g_array_set_clear_func(sides, side_clear);
    for (guint i = 0; i < device->fields->len; i++) {
        Side side = { g_ptr_array_index(device->fields, i) };
        char *path = strip_indexes(side.field->path);
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(counts, path));

        side.key = n ? g_strdup_printf("%s#%u", path, n + 1) :
            g_strdup(path);
        side.layout = format_layout(side.field);
        g_hash_table_insert(counts, path, GUINT_TO_POINTER(n + 1));
        g_hash_table_insert(index, side.key, GUINT_TO_POINTER(i + 1));
        g_array_append_val(sides, side);
    }

    return sides;
}

/* The next field of @sides at or after @at that has no match; or NULL. */
static Side *
next_unmatched(GArray *sides, guint *at)
{
    while (*at < sides->len && g_array_index(sides, Side, *at).matched)
        (*at)++;

    return *at < sides->len ? &g_array_index(sides, Side, *at) : NULL;
}

/* Whether the fields before @i and @j are the same field. */
static gboolean
follow_match(GArray *x, guint i, GArray *y, guint j)
{
    if (i == 0 || j == 0)
        return i == j;

    return g_array_index(x, Side, i - 1).matched &&
           g_array_index(y, Side, j - 1).matched;
}

/* Pairs fields that are at the same place and differ only by their name. */
static void
diff_renamed(GPtrArray *list, const char *device, GArray *x, GArray *y)
{
    guint i = 0, j = 0;
    Side *a, *b;

    while ((a = next_unmatched(x, &i)) && (b = next_unmatched(y, &j))) {
        if (strcmp(a->layout, b->layout) == 0 &&
            is_subsection(a->field) == is_subsection(b->field) &&
            follow_match(x, i, y, j)) {
            a->matched = b->matched = TRUE;
            diff_text(list, "renamed", device, a->key, a->key, b->key);
            continue;
        }
        /* Behind the place where more fields of one side follow. */
        if (x->len - i > y->len - j)
            i++;
        else
            j++;
    }
}

static void
diff_fields(GPtrArray *list, const char *device, const MtAccountDevice *a,
            const MtAccountDevice *b)
{
    g_autoptr(GHashTable) x_index = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) y_index = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GArray) x = list_fields(a, x_index);
    g_autoptr(GArray) y = list_fields(b, y_index);

    for (guint i = 0; i < x->len; i++) {
        Side *side = &g_array_index(x, Side, i);
        guint j = GPOINTER_TO_UINT(g_hash_table_lookup(y_index, side->key));
        Side *other;

        if (!j)
            continue;
        other = &g_array_index(y, Side, j - 1);
        side->matched = other->matched = TRUE;
        diff_text(list, is_subsection(side->field) ? "subsection" : "field",
                  device, side->key, side->layout, other->layout);
    }
    diff_renamed(list, device, x, y);
    for (guint i = 0; i < x->len; i++) {
        const Side *side = &g_array_index(x, Side, i);

        if (!side->matched)
            diff_text(list, is_subsection(side->field) ? "subsection" :
                      "field", device, side->key, side->layout, NULL);
    }
    for (guint i = 0; i < y->len; i++) {
        const Side *side = &g_array_index(y, Side, i);

        if (!side->matched)
            diff_text(list, is_subsection(side->field) ? "subsection" :
                      "field", device, side->key, NULL, side->layout);
    }
}

static void
diff_devices(GPtrArray *list, const MtAccount *a, const MtAccount *b)
{
    for (guint i = 0; i < a->devices->len; i++) {
        const MtAccountDevice *x = g_ptr_array_index(a->devices, i);
        const MtAccountDevice *y = find_device(b, x);
        g_autofree char *name = x->instance ?
            g_strdup_printf("%s/%u", x->name, x->instance) :
            g_strdup(x->name);

        if (!y) {
            diff_text(list, "device", name, name, x->vmsd_name, NULL);
            continue;
        }
        diff_uint(list, "version", name, name, x->version, y->version);
        diff_text(list, "device", name, "vmsd-name", x->vmsd_name,
                  y->vmsd_name);
        diff_fields(list, name, x, y);
    }
    for (guint i = 0; i < b->devices->len; i++) {
        const MtAccountDevice *y = g_ptr_array_index(b->devices, i);
        g_autofree char *name = y->instance ?
            g_strdup_printf("%s/%u", y->name, y->instance) :
            g_strdup(y->name);

        if (!find_device(a, y))
            diff_text(list, "device", name, name, NULL, y->vmsd_name);
    }
}

static GPtrArray *
diff_all(MigtuneInspection *a, MigtuneInspection *b)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(difference_free);

    diff_streams(list, a->account, b->account);
    diff_blocks(list, a->account, b->account);
    diff_devices(list, a->account, b->account);
    return list;
}

JsonNode *
migtune_inspection_diff(MigtuneInspection *a, MigtuneInspection *b)
{
    JsonObject *object = json_object_new();
    JsonArray *array = json_array_new();
    g_autoptr(GPtrArray) list = NULL;

    g_return_val_if_fail(a && b, NULL);

    list = diff_all(a, b);
    for (guint i = 0; i < list->len; i++) {
        const Difference *d = g_ptr_array_index(list, i);
        JsonObject *row = json_object_new();

        mt_json_set_text(row, "kind", d->kind);
        mt_json_set_text(row, "device", d->device);
        mt_json_set_text(row, "name", d->name);
        mt_json_set_text(row, "a", d->a);
        mt_json_set_text(row, "b", d->b);
        json_array_add_object_element(array, row);
    }
    mt_json_set_text(object, "a", a->name);
    mt_json_set_text(object, "b", b->name);
    json_object_set_boolean_member(object, "same", list->len == 0);
    json_object_set_array_member(object, "differences", array);
    return mt_json_node_new_object(object);
}

char *
migtune_inspection_diff_to_text(MigtuneInspection *a, MigtuneInspection *b)
{
    g_autoptr(GPtrArray) list = NULL;
    GString *text;

    g_return_val_if_fail(a && b, NULL);

    list = diff_all(a, b);
    text = g_string_new(NULL);
    for (guint i = 0; i < list->len; i++) {
        const Difference *d = g_ptr_array_index(list, i);
        g_autofree char *device = d->device && strcmp(d->device, d->name) ?
            g_strescape(d->device, NULL) : NULL;
        g_autofree char *name = g_strescape(d->name, NULL);
        g_autofree char *x = g_strescape(d->a ? d->a : _("nothing"), NULL);
        g_autofree char *y = g_strescape(d->b ? d->b : _("nothing"), NULL);

        g_string_append_printf(text, "%s %s%s", d->kind,
                               device ? device : "", device ? " " : "");
        if (strcmp(d->kind, "renamed") != 0)
            g_string_append_printf(text, "%s: ", name);
        g_string_append_printf(text, "%s -> %s\n", x, y);
    }
    if (!list->len)
        g_string_append_printf(text, "%s\n", _("no differences"));

    return g_string_free(text, FALSE);
}
