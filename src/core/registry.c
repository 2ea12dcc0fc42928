/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds, loads and checks drivers.
 *
 * A driver is NAME.so in one of the directories of MIGTUNE_DRIVER_PATH or in
 * the installed one.  For "qmp+tcp:" the file qmp.so is tried first; only if
 * it is absent or does not serve the scheme are the other modules loaded,
 * because loading a module can take longer than the whole command.
 *
 * Modules are never unloaded, so the table of those that are loaded belongs
 * to the process, as the table of the dynamic linker does.
 */
#include "config.h"

#include <string.h>

#include <gmodule.h>

#include "core/registry.h"
#include "util/i18n.h"

#define REGISTRY_PATH_VARIABLE "MIGTUNE_DRIVER_PATH"

typedef struct {
    MigtuneDriver driver;
    char *file;
} RegistryEntry;

typedef const MigtuneDriver *(*RegistryEntryPoint)(void);

static GMutex registry_lock;
/* RegistryEntry by file name; under the lock. */
static GHashTable *registry_loaded;

/* The smallest struct that is accepted: it ends with the last callback that
 * every driver must have. */
#define REGISTRY_MIN_SIZE                                                      \
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

/* What is wrong with @driver; NULL for nothing. */
static const char *
registry_find_fault(const MigtuneDriver *driver)
{
    if (!driver)
        return _("it offers no driver");
    if (driver->size < REGISTRY_MIN_SIZE)
        return _("its structure is too small");
    if (!driver->name || !*driver->name)
        return _("it has no name");
    if (!driver->schemes || !driver->schemes[0])
        return _("it serves no URI scheme");
    if (!driver->open || !driver->close || !driver->list ||
        !driver->domain_open || !driver->domain_close || !driver->execute)
        return _("it lacks open, close, list, domain_open, domain_close or "
                 "execute");

    return NULL;
}

static gboolean
registry_check(const MigtuneDriver *driver, const char *file, GError **error)
{
    const char *fault;

    /* `api` and `size` are the first two members in every version. */
    if (driver && driver->api != MIGTUNE_DRIVER_API) {
        migtune_error_set(error, MIGTUNE_ERROR_DRIVER,
                          _("cannot use driver %s: it was built for version "
                            "%u of the driver interface, and this library "
                            "has version %u"),
                          file, driver->api, MIGTUNE_DRIVER_API);
        return FALSE;
    }
    fault = registry_find_fault(driver);
    if (fault)
        migtune_error_set(error, MIGTUNE_ERROR_DRIVER,
                          _("cannot use driver %s: %s"), file, fault);

    return !fault;
}

/* Called with registry_lock held. */
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
                          _("cannot load driver %s: %s"), file,
                          g_module_error());
        return NULL;
    }
    if (!g_module_symbol(module, MIGTUNE_DRIVER_SYMBOL, &symbol)) {
        migtune_error_set(error, MIGTUNE_ERROR_DRIVER,
                          _("cannot use driver %s: it does not export %s"),
                          file, MIGTUNE_DRIVER_SYMBOL);
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

/* File names of all modules.  If two directories have a module of the same
 * name, the first one is used. */
static char **
registry_files(void)
{
    g_auto(GStrv) directories = registry_directories();
    g_autoptr(GHashTable) seen =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
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

/* The pattern "qemu+*" matches "qemu" and every scheme that begins with
 * "qemu+". */
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

/* The module NAME.so for the scheme "NAME+...". */
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

/* Searches all modules.  @broken is the error of registry_find_by_name(), or
 * NULL. */
static const MigtuneDriver *
registry_find_any(const char *scheme, const GError *broken, GError **error)
{
    g_auto(GStrv) files = registry_files();
    g_auto(GStrv) directories = registry_directories();
    g_autofree char *searched = g_strjoinv(", ", directories);

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
                          _("there is no driver for '%s:'; searched in %s"),
                          scheme, searched);

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
                          _("'%s' is not a URI: expected a scheme and a "
                            "colon, as in qmp:///run/guests/"),
                          uri);
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

/* The drivers that are loaded and can leave threads behind. */
static GPtrArray *
registry_find_waiting(void)
{
    GPtrArray *drivers = g_ptr_array_new();
    GHashTableIter iter;
    gpointer entry;

    g_mutex_lock(&registry_lock);
    if (registry_loaded) {
        g_hash_table_iter_init(&iter, registry_loaded);
        while (g_hash_table_iter_next(&iter, NULL, &entry)) {
            if (((RegistryEntry *)entry)->driver.wait_idle)
                g_ptr_array_add(drivers, &((RegistryEntry *)entry)->driver);
        }
    }
    g_mutex_unlock(&registry_lock);

    return drivers;
}

gboolean
mt_registry_wait_idle(guint timeout_ms)
{
    g_autoptr(GPtrArray) drivers = registry_find_waiting();
    gint64 end_us = g_get_monotonic_time() +
                    timeout_ms * G_TIME_SPAN_MILLISECOND;
    gboolean idle = TRUE;

    for (guint i = 0; i < drivers->len; i++) {
        const MigtuneDriver *driver = drivers->pdata[i];
        gint64 left_us = MAX(end_us - g_get_monotonic_time(), 0);

        idle = driver->wait_idle(left_us / G_TIME_SPAN_MILLISECOND) && idle;
    }

    return idle;
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
