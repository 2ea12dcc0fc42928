/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every command of every plan is valid: by the schema that was recorded from
 * that release, and, for explain, by what the facts say a release has.  The
 * schema is walked here anew, without the code that plans are made with.
 */
#include "config.h"

#include <string.h>

#include "fake-qmp.h"
#include "migtune/migtune.h"
#include "plan/plan.h"
#include "util/json-peek.h"
#include "util/json.h"

static const char *const releases[] = {
    "made-2.4", "made-2.5", "made-2.7", "made-2.8", "made-2.11",
    "qemu-5.2", "qemu-7.2", "qemu-10.0",
};

static JsonObject *
read_json(const char *dir, const char *name)
{
    g_autofree char *path =
        g_build_filename(g_getenv("MIGTUNE_TEST_DATA"), dir, name, NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    JsonObject *object;
    gsize length;

    g_file_get_contents(path, &text, &length, &error);
    g_assert_no_error(error);
    object = mt_json_parse_object(text, length, &error);
    g_assert_no_error(error);

    return object;
}

/* One recorded release. */
typedef struct {
    JsonObject *replies;
    JsonArray *schema;          /* NULL before 2.5 */
    guint64 max;                /* of numbers on the wire */
} Judge;

static JsonObject *
judge_entity(const Judge *judge, const char *meta, const char *name)
{
    for (guint i = 0; i < json_array_get_length(judge->schema); i++) {
        JsonObject *one = json_array_get_object_element(judge->schema, i);

        if (g_str_equal(json_object_get_string_member(one, "name"), name) &&
            (!meta ||
             g_str_equal(json_object_get_string_member(one, "meta-type"),
                         meta)))
            return one;
    }

    return NULL;
}

static gboolean
judge_builtin(const Judge *judge, const char *json_type, JsonNode *node)
{
    GType type = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node)
                                             : G_TYPE_INVALID;
    guint64 number;

    if (g_str_equal(json_type, "value"))
        return TRUE;
    if (g_str_equal(json_type, "boolean"))
        return type == G_TYPE_BOOLEAN;
    if (g_str_equal(json_type, "string"))
        return type == G_TYPE_STRING;
    if (g_str_equal(json_type, "null"))
        return JSON_NODE_HOLDS_NULL(node);
    if (g_str_equal(json_type, "number") && type == G_TYPE_DOUBLE)
        return TRUE;

    return type == G_TYPE_INT64 && mt_json_node_peek_uint64(node, &number) &&
           number <= judge->max;
}

static gboolean judge_value(const Judge *judge, const char *name,
                            JsonNode *node);

/* Only what is a member may be there, and what is required has to. */
static gboolean
judge_object(const Judge *judge, JsonObject *type, JsonNode *node)
{
    JsonArray *members = json_object_get_array_member(type, "members");
    guint n_known = 0;
    JsonObject *object;

    if (!JSON_NODE_HOLDS_OBJECT(node))
        return FALSE;
    object = json_node_get_object(node);
    for (guint i = 0; i < json_array_get_length(members); i++) {
        JsonObject *member = json_array_get_object_element(members, i);
        const char *name = json_object_get_string_member(member, "name");

        if (!json_object_has_member(object, name)) {
            if (!json_object_has_member(member, "default"))
                return FALSE;
            continue;
        }
        n_known++;
        if (!judge_value(judge, json_object_get_string_member(member, "type"),
                         json_object_get_member(object, name)))
            return FALSE;
    }

    return n_known == json_object_get_size(object);
}

static gboolean
judge_enum(JsonObject *type, JsonNode *node)
{
    JsonArray *values = json_object_get_array_member(type, "values");
    const char *text = mt_json_node_peek_string(node);

    for (guint i = 0; text && i < json_array_get_length(values); i++) {
        if (g_str_equal(json_array_get_string_element(values, i), text))
            return TRUE;
    }

    return FALSE;
}

static gboolean
judge_alternate(const Judge *judge, JsonObject *type, JsonNode *node)
{
    JsonArray *members = json_object_get_array_member(type, "members");

    for (guint i = 0; i < json_array_get_length(members); i++) {
        JsonObject *member = json_array_get_object_element(members, i);

        if (judge_value(judge, json_object_get_string_member(member, "type"),
                        node))
            return TRUE;
    }

    return FALSE;
}

static gboolean
judge_array(const Judge *judge, JsonObject *type, JsonNode *node)
{
    JsonArray *array;

    if (!JSON_NODE_HOLDS_ARRAY(node))
        return FALSE;
    array = json_node_get_array(node);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        if (!judge_value(judge,
                         json_object_get_string_member(type, "element-type"),
                         json_array_get_element(array, i)))
            return FALSE;
    }

    return TRUE;
}

static gboolean
judge_value(const Judge *judge, const char *name, JsonNode *node)
{
    JsonObject *type = judge_entity(judge, NULL, name);
    const char *meta;

    g_assert_nonnull(type);
    meta = json_object_get_string_member(type, "meta-type");
    if (g_str_equal(meta, "builtin"))
        return judge_builtin(
            judge, json_object_get_string_member(type, "json-type"), node);
    if (g_str_equal(meta, "object"))
        return judge_object(judge, type, node);
    if (g_str_equal(meta, "enum"))
        return judge_enum(type, node);
    if (g_str_equal(meta, "alternate"))
        return judge_alternate(judge, type, node);

    return judge_array(judge, type, node);
}

static gboolean
judge_has_command(const Judge *judge, const char *name)
{
    JsonArray *list =
        json_object_get_array_member(judge->replies, "query-commands");

    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *one = json_array_get_object_element(list, i);

        if (g_str_equal(json_object_get_string_member(one, "name"), name))
            return TRUE;
    }

    return FALSE;
}

static gboolean
judge_has_capability(const Judge *judge, const char *name)
{
    JsonArray *list = json_object_get_array_member(
        judge->replies, "query-migrate-capabilities");

    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *one = json_array_get_object_element(list, i);

        if (g_str_equal(json_object_get_string_member(one, "capability"),
                        name))
            return TRUE;
    }

    return FALSE;
}

/* Without a schema: what is listed may be set, to a value of its type. */
static gboolean
judge_by_lists(const Judge *judge, const MtStep *step)
{
    JsonObject *known = json_object_get_object_member(
        judge->replies, "query-migrate-parameters");
    JsonArray *list = mt_json_peek_array(step->arguments, "capabilities");
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;

    for (guint i = 0; list && i < json_array_get_length(list); i++) {
        if (!judge_has_capability(
                judge, json_object_get_string_member(
                           json_array_get_object_element(list, i),
                           "capability")))
            return FALSE;
    }
    json_object_iter_init(&iter, step->arguments);
    while (strcmp(step->execute, "migrate-set-parameters") == 0 &&
           json_object_iter_next(&iter, &name, &node)) {
        if (!json_object_has_member(known, name) ||
            strcmp(mt_json_type_name(node),
                   mt_json_type_name(json_object_get_member(known, name))) !=
                0)
            return FALSE;
    }

    return TRUE;
}

static void
judge_step(const Judge *judge, const MtStep *step)
{
    g_autoptr(JsonNode) node =
        mt_json_node_new_object(json_object_ref(step->arguments));
    JsonObject *command = NULL;
    gboolean valid;

    g_assert_true(judge_has_command(judge, step->execute));
    if (judge->schema) {
        command = judge_entity(judge, "command", step->execute);
        g_assert_nonnull(command);
        valid = judge_value(
            judge, json_object_get_string_member(command, "arg-type"), node);
    } else {
        valid = judge_by_lists(judge, step);
    }
    if (!valid) {
        g_autofree char *text = mt_json_object_to_line(step->arguments);

        g_error("%s %s is not valid", step->execute, text);
    }
}

/* Values to request for a row, as text. */
static GPtrArray *
values_of(const MtRow *row)
{
    static const char *const methods[] = { "none",   "xbzrle", "mt",  "zlib",
                                           "zstd",   "qatzip", "qpl", "uadk",
                                           "xbzrle,zstd" };
    GPtrArray *values = g_ptr_array_new_with_free_func(g_free);

    if (row->kind == MT_KIND_WISH) {
        for (gsize i = 0; i < G_N_ELEMENTS(methods); i++)
            g_ptr_array_add(values, g_strdup(methods[i]));
        return values;
    }
    switch (row->type) {
    case MT_TYPE_BOOL:
        g_ptr_array_add(values, g_strdup("on"));
        g_ptr_array_add(values, g_strdup("off"));
        break;
    case MT_TYPE_INT:
    case MT_TYPE_ULLONG:
        g_ptr_array_add(values, g_strdup_printf("%" G_GUINT64_FORMAT,
                                                row->min));
        g_ptr_array_add(values, g_strdup_printf("%" G_GUINT64_FORMAT,
                                                row->max));
        g_ptr_array_add(values, g_strdup("2097152"));
        g_ptr_array_add(values, g_strdup("7"));
        break;
    case MT_TYPE_ENUM:
        for (const MtEnumMember *m = row->members; m->name; m++)
            g_ptr_array_add(values, g_strdup(m->name));
        break;
    case MT_TYPE_STRING:
        g_ptr_array_add(values, g_strdup("test"));
        g_ptr_array_add(values, g_strdup("none"));
        break;
    case MT_TYPE_JSON:
        g_ptr_array_add(values, g_strdup(
            row == mt_row(MT_PARAM_BLOCK_BITMAP_MAPPING)
                ? "[{\"node-name\": \"n\", \"alias\": \"a\", \"bitmaps\": []}]"
                : "[\"/bin/true\"]"));
        g_ptr_array_add(values, g_strdup("[]"));
        break;
    }

    return values;
}

/* What is in force before; what a release lacks is left out. */
static const char *const states[][4] = {
    { NULL },
    { "xbzrle=true", "auto-converge=true", "downtime-limit=700" },
    { "multifd=true", "multifd-compression=zlib", "multifd-channels=9" },
    { "postcopy-ram=true", "postcopy-preempt=true", "return-path=true" },
    { "compress=true", "compress-level=5", "x-multifd=true" },
    { "mapped-ram=true", "direct-io=true", "events=true" },
};

static MtState *
state_of(const MtCaps *caps, gsize nth)
{
    MtState *state = mt_state_new_default(caps);

    for (guint i = 0; i < 4 && states[nth][i]; i++) {
        g_auto(GStrv) pair = g_strsplit(states[nth][i], "=", 2);
        const MtRow *row = mt_caps_find_row(caps, pair[0], NULL);
        const MtCapsEntry *entry = row ? mt_caps_lookup(caps, row) : NULL;

        if (entry && entry->readable)
            mt_set_put(state->values, row,
                       mt_value_from_table(row, pair[1]));
    }

    return state;
}

typedef struct {
    const char *name;
    MtCaps *caps;
    Judge judge;
    guint n_plans;
    guint n_steps;
} Round;

static MtPlan *
plan_of(Round *round, const char *const *words, gsize state, MtPolicy policy)
{
    virTypedParameterPtr params = NULL;
    MtPlan *plan;
    int n = 0;

    g_assert_true(migtune_typed_params_parse(words, &params, &n, NULL));
    plan = mt_plan_new("guest", round->name, round->caps,
                       state_of(round->caps, state), params, n, policy);
    migtune_typed_params_free(params, n);

    return plan;
}

static void
judge_steps(Round *round, GPtrArray *steps)
{
    round->n_plans++;
    for (guint i = 0; i < steps->len; i++) {
        judge_step(&round->judge, g_ptr_array_index(steps, i));
        round->n_steps++;
    }
}

/* There, and back again as an undo would go. */
static void
judge_plan(Round *round, const MtPlan *plan)
{
    g_autoptr(MtSet) after = mt_set_copy(plan->before->values);
    g_autoptr(GPtrArray) back = NULL;

    judge_steps(round, plan->steps);
    for (guint i = 0; i < plan->assignments->len; i++) {
        const MtAssignment *a = g_ptr_array_index(plan->assignments, i);

        mt_set_put(after, a->row, mt_value_copy(a->value));
    }
    back = mt_steps_build(round->caps, after, plan->before->values);
    judge_steps(round, back);
}

static void
judge_row(Round *round, const MtRow *row)
{
    g_autoptr(GPtrArray) values = values_of(row);
    gsize n_states = G_N_ELEMENTS(states);

    for (guint i = 0; i < values->len * n_states * 3; i++) {
        const char *value = g_ptr_array_index(values, i / 3 / n_states);
        g_autofree char *ours = g_strdup_printf("%s=%s", row->name, value);
        g_autofree char *theirs =
            g_strdup_printf("%s=%s", row->qmp ? row->qmp : row->name, value);
        const char *const words[][2] = { { ours, NULL }, { theirs, NULL } };

        for (guint j = 0; j < G_N_ELEMENTS(words); j++) {
            g_autoptr(MtPlan) plan =
                plan_of(round, words[j], i / 3 % n_states, i % 3);

            judge_plan(round, plan);
        }
    }
}

/* Two rows at once, each with its first value, from some state. */
static void
judge_pairs(Round *round)
{
    /* Under valgrind a sample has to do. */
    guint step = g_getenv("MIGTUNE_TEST_SHORT") ? 37 : 1;

    for (guint i = 0; i < MT_N_PARAMS * MT_N_PARAMS; i += step) {
        const MtRow *rows[] = { mt_row(i / MT_N_PARAMS),
                                mt_row(i % MT_N_PARAMS) };
        g_autoptr(GPtrArray) first = values_of(rows[0]);
        g_autoptr(GPtrArray) second = values_of(rows[1]);
        g_autofree char *one = g_strdup_printf(
            "%s=%s", rows[0]->name,
            (char *)g_ptr_array_index(first, first->len / 2));
        g_autofree char *two = g_strdup_printf(
            "%s=%s", rows[1]->name,
            (char *)g_ptr_array_index(second, second->len / 2));
        const char *const words[] = { one, two, NULL };
        g_autoptr(MtPlan) plan = plan_of(
            round, words, i % G_N_ELEMENTS(states), MT_POLICY_BEST_EFFORT);

        judge_plan(round, plan);
    }
}

static void
test_recorded(gconstpointer data)
{
    Round round = { .name = data };
    g_autofree char *file = g_strconcat(round.name, ".json", NULL);
    g_autoptr(JsonObject) replies = read_json("replies", file);
    g_autoptr(FakeQmp) qmp = fake_qmp_new(round.name);
    g_autoptr(MtCaps) caps = NULL;
    MtRelease release = mt_release_parse(strchr(round.name, '-') + 1);
    g_autoptr(GError) error = NULL;

    caps = mt_caps_probe(fake_qmp_exec(qmp), release, NULL, &error);
    g_assert_no_error(error);
    round.caps = caps;
    round.judge.replies = replies;
    round.judge.schema = mt_json_peek_array(replies, "query-qmp-schema");
    round.judge.max = release < MT_RELEASE(6, 0) ? G_MAXINT64 : G_MAXUINT64;
    for (guint i = 0; i < MT_N_PARAMS; i++)
        judge_row(&round, mt_row(i));
    judge_pairs(&round);
    g_test_message("%s: %u plans, %u commands", round.name, round.n_plans,
                   round.n_steps);
    g_assert_cmpuint(round.n_steps, >, 100);
}

static gboolean
list_has(JsonObject *release, const char *list, const char *name)
{
    JsonArray *array = json_object_get_array_member(release, list);

    for (guint i = 0; i < json_array_get_length(array); i++) {
        if (g_str_equal(json_array_get_string_element(array, i), name))
            return TRUE;
    }

    return FALSE;
}

/* Whether the facts have @value of the enum @name in @release. */
static gboolean
facts_have_value(JsonObject *facts, const char *name, const char *value,
                 MtRelease release)
{
    JsonArray *parameters =
        json_object_get_array_member(facts, "parameters");

    for (guint i = 0; i < json_array_get_length(parameters); i++) {
        JsonObject *one = json_array_get_object_element(parameters, i);
        JsonArray *values = mt_json_peek_array(one, "enum");

        if (!values ||
            !g_str_equal(json_object_get_string_member(one, "name"), name))
            continue;
        for (guint j = 0; j < json_array_get_length(values); j++) {
            JsonObject *member = json_array_get_object_element(values, j);

            if (g_str_equal(json_object_get_string_member(member, "value"),
                            value))
                return mt_release_parse(json_object_get_string_member(
                           member, "since")) <= release;
        }
        return FALSE;
    }

    return TRUE;
}

/* Every name in one command of an explained plan is one of that release. */
static void
judge_explained(JsonObject *facts, JsonObject *there, JsonObject *step)
{
    const char *execute = json_object_get_string_member(step, "execute");
    JsonObject *arguments = json_object_get_object_member(step, "arguments");
    JsonArray *list = mt_json_peek_array(arguments, "capabilities");
    MtRelease release =
        mt_release_parse(json_object_get_string_member(there, "release"));
    JsonObjectIter iter;
    const char *name;
    JsonNode *node;

    g_assert_true(list_has(there, "commands", execute));
    for (guint i = 0; list && i < json_array_get_length(list); i++)
        g_assert_true(list_has(
            there, "capabilities",
            json_object_get_string_member(
                json_array_get_object_element(list, i), "capability")));
    json_object_iter_init(&iter, arguments);
    while (g_str_equal(execute, "migrate-set-parameters") &&
           json_object_iter_next(&iter, &name, &node)) {
        const char *text = mt_json_node_peek_string(node);

        g_assert_true(list_has(there, "parameters", name));
        if (text)
            g_assert_true(facts_have_value(facts, name, text, release));
    }
}

/* Listed by a release that does not let it be set. */
static gboolean
is_only_listed(const MtRow *row, MtRelease release)
{
    static const struct {
        const char *qmp;
        MtRelease release;
    } only[] = {
        { "x-cpu-throttle-initial", MT_RELEASE(2, 5) },
        { "x-cpu-throttle-increment", MT_RELEASE(2, 5) },
        { "tls-creds", MT_RELEASE(2, 7) },
        { "tls-hostname", MT_RELEASE(2, 7) },
    };

    for (gsize i = 0; i < G_N_ELEMENTS(only); i++) {
        if (strcmp(only[i].qmp, row->qmp) == 0 && only[i].release == release)
            return TRUE;
    }

    return FALSE;
}

static void
explain_row(JsonObject *facts, JsonObject *there, const MtRow *row)
{
    g_autoptr(GPtrArray) values = values_of(row);
    const char *release = json_object_get_string_member(there, "release");

    for (guint i = 0; i < values->len * 3; i++) {
        static const unsigned int policies[] = { MIGTUNE_SET_STRICT, 0,
                                                 MIGTUNE_SET_BEST_EFFORT };
        const char *value = g_ptr_array_index(values, i / 3);
        g_autofree char *word = g_strdup_printf("%s=%s", row->name, value);
        const char *const words[] = { word, NULL };
        virTypedParameterPtr params = NULL;
        g_autoptr(MigtunePlan) plan = NULL;
        g_autoptr(JsonNode) json = NULL;
        g_autoptr(GError) error = NULL;
        JsonArray *steps;
        gboolean listed;
        int n = 0;

        g_assert_true(migtune_typed_params_parse(words, &params, &n, NULL));
        plan = migtune_explain(release, params, n, policies[i % 3], &error);
        g_assert_no_error(error);
        migtune_typed_params_free(params, n);
        json = migtune_plan_to_json(plan);
        steps = json_object_get_array_member(json_node_get_object(json),
                                             "steps");
        for (guint j = 0; j < json_array_get_length(steps); j++)
            judge_explained(facts, there,
                            json_array_get_object_element(steps, j));

        /* What a release has is never said to be missing. */
        if (!row->qmp)
            continue;
        listed = list_has(there,
                          row->kind == MT_KIND_CAPABILITY ? "capabilities"
                                                          : "parameters",
                          row->qmp);
        if (listed && row->type != MT_TYPE_ENUM &&
            !is_only_listed(row, mt_release_parse(release)) &&
            !migtune_plan_check(plan, &error))
            g_assert_false(g_error_matches(error, MIGTUNE_ERROR,
                                           MIGTUNE_ERROR_UNSUPPORTED));
    }
}

static void
test_explained(void)
{
    g_autoptr(JsonObject) facts = read_json(".", "migration-history.json");
    JsonArray *list = json_object_get_array_member(facts, "releases");
    guint n = 0;

    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *there = json_array_get_object_element(list, i);

        if (!mt_release_exists(mt_release_parse(
                json_object_get_string_member(there, "release"))))
            continue;
        n++;
        for (guint j = 0; j < MT_N_PARAMS; j++)
            explain_row(facts, there, mt_row(j));
    }
    for (const MtRelease *r = mt_releases(); *r; r++)
        n--;
    g_assert_cmpuint(n, ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(releases); i++) {
        g_autofree char *path =
            g_strdup_printf("/schema-valid/%s", releases[i]);

        g_test_add_data_func(path, releases[i], test_recorded);
    }
    g_test_add_func("/schema-valid/explained", test_explained);
    return g_test_run();
}
