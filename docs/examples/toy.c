/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A driver for toy guests: toy:///NAME is one guest that lives as long as the
 * connection and can be set to two things.
 *
 *     cc -shared -fPIC -o toy.so toy.c $(pkg-config --cflags --libs migtune)
 *     MIGTUNE_DRIVER_PATH=. migtune -c toy:///bear \
 *         "migrate-setparameters bear parallel=on; migrate-getparameters bear"
 */
#include <string.h>

#include <migtune/migtune-driver.h>

typedef struct {
    char *name;
    gboolean multifd;
    gint64 channels;
} Toy;

static const char *const toy_schemes[] = { "toy", NULL };

static gpointer
toy_open(const char *uri, const MigtuneDriverOptions *options,
         GCancellable *cancellable, GError **error)
{
    const char *name = strrchr(uri, '/');
    Toy *toy;

    if (!name || !name[1]) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "%s names no guest; accepted: toy:///NAME", uri);
        return NULL;
    }

    toy = g_new0(Toy, 1);
    toy->name = g_strdup(name + 1);
    toy->channels = 2;
    return toy;
}

static void
toy_close(gpointer conn)
{
    Toy *toy = conn;

    g_free(toy->name);
    g_free(toy);
}

static char **
toy_list(gpointer conn, GCancellable *cancellable, GError **error)
{
    Toy *toy = conn;
    char *keys[] = { toy->name, NULL };

    return g_strdupv(keys);
}

static gpointer
toy_domain_open(gpointer conn, const char *key,
                MigtuneDriverIdentity *identity, GCancellable *cancellable,
                GError **error)
{
    identity->name = g_strdup(key);
    return conn;
}

static void
toy_domain_close(gpointer domain)
{
}

/* What a QEMU without query-qmp-schema would say. */
static JsonNode *
toy_answer(Toy *toy, const MigtuneDriverCommand *command)
{
    g_autofree char *text = NULL;

    if (strcmp(command->name, "query-commands") == 0)
        text = g_strdup("[]");
    else if (strcmp(command->name, "query-migrate-capabilities") == 0)
        text = g_strdup_printf("[{\"capability\": \"multifd\","
                               "  \"state\": %s}]",
                               toy->multifd ? "true" : "false");
    else if (strcmp(command->name, "query-migrate-parameters") == 0)
        text = g_strdup_printf("{\"multifd-channels\": %" G_GINT64_FORMAT "}",
                               toy->channels);
    else if (strcmp(command->name, "query-migrate") == 0)
        text = g_strdup("{}");
    else if (strcmp(command->name, "query-status") == 0)
        text = g_strdup("{\"status\": \"running\"}");

    return text ? json_from_string(text, NULL) : NULL;
}

static JsonNode *
toy_set(Toy *toy, const MigtuneDriverCommand *command)
{
    if (strcmp(command->name, "migrate-set-capabilities") == 0) {
        JsonArray *list = json_object_get_array_member(command->arguments,
                                                       "capabilities");
        JsonObject *first = json_array_get_object_element(list, 0);

        toy->multifd = json_object_get_boolean_member(first, "state");
    } else if (strcmp(command->name, "migrate-set-parameters") == 0) {
        toy->channels = json_object_get_int_member(command->arguments,
                                                   "multifd-channels");
    } else {
        return NULL;
    }

    return json_from_string("{}", NULL);
}

static gboolean
toy_execute(gpointer domain, MigtuneDriverCommand *commands, guint n_commands,
            GCancellable *cancellable, GError **error)
{
    Toy *toy = domain;

    for (guint i = 0; i < n_commands; i++) {
        MigtuneDriverCommand *command = &commands[i];

        command->answered = TRUE;
        command->result = toy_answer(toy, command);
        if (!command->result)
            command->result = toy_set(toy, command);
        if (command->result)
            continue;
        migtune_error_set(&command->error, MIGTUNE_ERROR_QEMU,
                          "a toy does not know %s", command->name);
        migtune_error_set_field(command->error, MIGTUNE_ERROR_FIELD_COMMAND,
                                command->name);
        migtune_error_set_field(command->error,
                                MIGTUNE_ERROR_FIELD_QEMU_CLASS,
                                "CommandNotFound");
    }

    return TRUE;
}

static const MigtuneDriver toy_driver = {
    MIGTUNE_DRIVER_HEADER,
    .name = "toy",
    .schemes = toy_schemes,
    .open = toy_open,
    .close = toy_close,
    .list = toy_list,
    .domain_open = toy_domain_open,
    .domain_close = toy_domain_close,
    .execute = toy_execute,
};

MIGTUNE_DRIVER_DEFINE(toy_driver)
