/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as what query-qmp-schema returns: a probe either refuses it or
 * finds rows that survive the cache, and planning on them ends.
 */
#include "config.h"

#include <string.h>

#include "fuzz.h"
#include "plan/plan.h"
#include "probe/caps.h"
#include "util/json.h"

#include "migtune/migtune.h"

typedef struct {
    MtExec exec;
    JsonNode *schema;
} SchemaExec;

static gboolean
schema_run(MtExec *exec, MtCommand *commands, guint n_commands,
           GCancellable *cancellable, GError **error)
{
    SchemaExec *self = (SchemaExec *)exec;

    for (guint i = 0; i < n_commands; i++) {
        commands[i].answered = TRUE;
        commands[i].result = json_node_ref(self->schema);
    }

    return TRUE;
}

/* Wishes one row of @caps, whatever it is. */
static void
check_plan(MtCaps *caps, const MtRow *row)
{
    char value[] = "1";
    virTypedParameter param = { .type = VIR_TYPED_PARAM_STRING,
                                .value = { .s = value } };
    g_autoptr(MtPlan) plan = NULL;

    g_strlcpy(param.field, row->name, sizeof(param.field));
    plan = mt_plan_new(NULL, "?", caps, mt_state_new_default(caps), &param, 1,
                       MT_POLICY_SUBSTITUTE);
    g_assert_cmpuint(plan->wishes->len, ==, 1);
    if (!mt_plan_check(plan, NULL))
        g_assert_cmpuint(plan->steps->len, ==, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SchemaExec exec = { .exec = { .run = schema_run } };
    g_autoptr(MtCaps) caps = NULL;

    exec.schema = mt_json_parse((const char *)data, size, NULL);
    if (!exec.schema)
        return 0;

    caps = mt_caps_probe(&exec.exec, MT_RELEASE(10, 0), NULL, NULL);
    if (caps) {
        g_autoptr(JsonNode) json = mt_caps_to_json(caps);
        g_autoptr(MtCaps) again = mt_caps_from_json(json);

        g_assert_nonnull(again);
        g_assert_cmpuint(mt_caps_size(again), ==, mt_caps_size(caps));
        for (guint i = 0; i < MIN(mt_caps_size(caps), 8); i++)
            check_plan(caps, mt_caps_nth(caps, i)->row);
    }
    json_node_unref(exec.schema);

    return 0;
}
