/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds, loads and checks drivers.
 *
 * A driver is NAME.so in one of the directories of MIGTUNE_DRIVER_PATH or in
 * the installed one.  For "qmp+tcp:" the file qmp.so is tried first; only if
 * it is absent or has no such scheme are the other modules loaded, because
 * loading one may cost more than all that is done with it.
 *
 * Modules are never unloaded, so the table of those that are loaded belongs
 * to the process, as the table of the dynamic linker does.
 */
#include "config.h"

#include <string.h>

#include <gmodule.h>

#include "core/registry.h"

#define REGISTRY_PATH_VARIABLE "MIGTUNE_DRIVER_PATH"

typedef struct {
    MigtuneDriver driver;
    char *file;
} RegistryEntry;

typedef const MigtuneDriver *(*RegistryEntryPoint)(void);

static GMutex registry_lock;
/* RegistryEntry by file name; under the lock. */
static GHashTable *registry_loaded;

/* Members that a module must know to be of any use. */
#define REGISTRY_MIN_SIZE \
    (G_STRUCT_OFFSET(MigtuneDriver, execute) + sizeof(gpointer))

static char **
registry_directories(void)
{
    const char *path = g_getenv(REGISTRY_PATH_VARIABLE);
    g_auto(GStrv) own = g_strsplit(path ? path : "", ":", -1);
    g_autoptr(GPtrArray) directories = g_ptr_array_new();

    for (char **at = own; *at; at++) {
        if (**at)
            g_ptr_array_add(directories, g_strdup(*at));
    }
    g_ptr_array_add(directories, g_strdup(DRIVER_DIR));
    g_ptr_array_add(directories, NULL);

    return (char **)g_ptr_array_steal(directories, NULL);
}

static gboolean
registry_check(const MigtuneDriver *driver, const char *file, GError **error)
{
    const char *what = NULL;

    /* The first two members are there in every version. */
    if (!driver)
        what = "it offers no driver";
    else if (driver->api != MIGTUNE_DRIVER_API)
        what = "it was built for another version of the driver interface";
    else if (driver->size < REGISTRY_MIN_SIZE)
        what = "its structure is too small";
    else if (!driver->name || !*driver->name)
        what = "it has no name";
    else if (!driver->schemes || !driver->schemes[0])
        what = "it serves no URI scheme";
    else if (!driver->open || !driver->close || !driver->list ||
             !driver->domain_open || !driver->domain_close ||
             !driver->execute)
        what = "it lacks open, close, list, domain_open, domain_close or "
            "execute";
    if (!what)
        return TRUE;

    if (driver && driver->api != MIGTUNE_DRIVER_API)
        migtune_error_set(error, MIGTUNE_ERROR_DRIVER,
                          "cannot use driver %s: %s, %u; this is %u", file,
                          what, driver->api, MIGTUNE_DRIVER_API);
    else
        migtune_error_set(error, MIGTUNE_ERROR_DRIVER,
                          "cannot use driver %s: %s", file, what);

    return FALSE;
}

/* The lock is held. */
static const RegistryEntry *
registry_load(const char *file, GError **error)
{
    RegistryEntry *entry;
    const MigtuneDriver *driver;
    GModule *module;
    gpointer symbol = NULL;

    if (!registry_loaded)
        registry_loaded = g_hash_table_new(g_str_hash, g_str_equal);
    entry = g_hash_table_lookup(registry_loaded, file);
    if (entry)
        return entry;

    module = g_module_open(file, G_MODULE_BIND_LOCAL);
    if (!module) {
        migtune_error_set(error, MIGTUNE_ERROR_DRIVER,
                          "cannot load driver %s: %s", file,
                          g_module_error());
        return NULL;
    }
    if (!g_module_symbol(module, MIGTUNE_DRIVER_SYMBOL, &symbol)) {
        migtune_error_set(error, MIGTUNE_ERROR_DRIVER,
                          "cannot use driver %s: it does not export %s", file,
                          MIGTUNE_DRIVER_SYMBOL);
        g_module_close(module);
        return NULL;
    }
    driver = ((RegistryEntryPoint)symbol)();
    if (!registry_check(driver, file, error)) {
        g_module_close(module);
        return NULL;
    }

    g_module_make_resident(module);
    entry = g_new0(RegistryEntry, 1);
    memcpy(&entry->driver, driver, MIN(driver->size, sizeof(MigtuneDriver)));
    entry->driver.size = sizeof(MigtuneDriver);
    entry->file = g_strdup(file);
    g_hash_table_insert(registry_loaded, entry->file, entry);

    return entry;
}

/* File names of all modules; of two with one name the first found is it. */
static char **
registry_files(void)
{
    g_auto(GStrv) directories = registry_directories();
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash,
                                                       g_str_equal, g_free,
                                                       NULL);
    g_autoptr(GPtrArray) files = g_ptr_array_new();

    for (char **at = directories; *at; at++) {
        g_autoptr(GDir) dir = g_dir_open(*at, 0, NULL);
        const char *name;

        while (dir && (name = g_dir_read_name(dir))) {
            if (g_str_has_suffix(name, ".so") &&
                g_hash_table_add(seen, g_strdup(name)))
                g_ptr_array_add(files, g_build_filename(*at, name, NULL));
        }
    }
    g_ptr_array_add(files, NULL);

    return (char **)g_ptr_array_steal(files, NULL);
}

/* "qemu+*" is "qemu" and all that begins with "qemu+". */
static gboolean
registry_scheme_matches(const char *pattern, const char *scheme)
{
    gsize bare = strlen(pattern) - strlen("+*");

    if (!g_str_has_suffix(pattern, "+*"))
        return g_ascii_strcasecmp(pattern, scheme) == 0;

    return g_ascii_strncasecmp(pattern, scheme, bare) == 0 &&
           (!scheme[bare] || (scheme[bare] == '+' && scheme[bare + 1]));
}

static const MigtuneDriver *
registry_serves(const RegistryEntry *entry, const char *scheme)
{
    for (gsize i = 0; entry && entry->driver.schemes[i]; i++) {
        if (registry_scheme_matches(entry->driver.schemes[i], scheme))
            return &entry->driver;
    }

    return NULL;
}

/* The module that is named after the first part of @scheme. */
static const MigtuneDriver *
registry_find_by_name(const char *scheme, GError **error)
{
    g_auto(GStrv) directories = registry_directories();
    g_auto(GStrv) parts = g_strsplit(scheme, "+", 2);
    g_autofree char *lower = g_ascii_strdown(parts[0], -1);
    g_autofree char *name = g_strconcat(lower, ".so", NULL);

    for (char **at = directories; *at; at++) {
        g_autofree char *file = g_build_filename(*at, name, NULL);

        if (g_file_test(file, G_FILE_TEST_EXISTS))
            return registry_serves(registry_load(file, error), scheme);
    }

    return NULL;
}

/* @broken is what was wrong with the module of that name, or NULL. */
static const MigtuneDriver *
registry_find_any(const char *scheme, const GError *broken, GError **error)
{
    g_auto(GStrv) files = registry_files();
    g_auto(GStrv) directories = registry_directories();
    g_autofree char *looked = g_strjoinv(", ", directories);

    for (char **at = files; *at; at++) {
        const MigtuneDriver *driver =
            registry_serves(registry_load(*at, NULL), scheme);

        if (driver)
            return driver;
    }
    if (broken)
        g_propagate_error(error, g_error_copy(broken));
    else
        migtune_error_set(error, MIGTUNE_ERROR_DRIVER,
                          "there is no driver for \"%s:\"; looked in %s", scheme,
                          looked);

    return NULL;
}

const MigtuneDriver *
mt_registry_find(const char *uri, GError **error)
{
    g_autofree char *scheme = g_uri_parse_scheme(uri);
    g_autoptr(GError) broken = NULL;
    const MigtuneDriver *driver;

    if (!scheme) {
        migtune_error_set(error, MIGTUNE_ERROR_INVALID_ARGUMENT,
                          "\"%s\" is no URI: expected a scheme and a colon, "
                          "as in qmp:///run/guests/", uri);
        return NULL;
    }

    g_mutex_lock(&registry_lock);
    driver = registry_find_by_name(scheme, &broken);
    if (!driver)
        driver = registry_find_any(scheme, broken, error);
    g_mutex_unlock(&registry_lock);

    return driver;
}

static JsonObject *
registry_describe_file(const char *file)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *base = g_path_get_basename(file);
    const RegistryEntry *entry = registry_load(file, &error);
    JsonObject *object = json_object_new();
    JsonArray *schemes = json_array_new();

    for (gsize i = 0; entry && entry->driver.schemes[i]; i++)
        json_array_add_string_element(schemes, entry->driver.schemes[i]);
    base[strlen(base) - strlen(".so")] = '\0';
    json_object_set_string_member(object, "name",
                                  entry ? entry->driver.name : base);
    json_object_set_array_member(object, "schemes", schemes);
    json_object_set_string_member(object, "file", file);
    if (error)
        json_object_set_string_member(object, "error", error->message);

    return object;
}

JsonNode *
mt_registry_describe(void)
{
    g_auto(GStrv) files = registry_files();
    JsonNode *node = json_node_new(JSON_NODE_ARRAY);
    JsonArray *array = json_array_new();

    g_mutex_lock(&registry_lock);
    for (char **at = files; *at; at++)
        json_array_add_object_element(array, registry_describe_file(*at));
    g_mutex_unlock(&registry_lock);
    json_node_take_array(node, array);

    return node;
}

void
migtune_driver_identity_clear(MigtuneDriverIdentity *identity)
{
    g_clear_pointer(&identity->name, g_free);
    g_clear_pointer(&identity->uuid, g_free);
    g_clear_pointer(&identity->version, json_node_unref);
    g_clear_pointer(&identity->binary, g_free);
    g_clear_pointer(&identity->instance, g_free);
}
