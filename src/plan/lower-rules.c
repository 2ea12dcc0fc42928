/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt's own rules about the flags and parameters of a migration.
 *
 * libvirt checks them when the call has begun, one after the other; here all
 * that is wrong is found before anything is sent.  A rule that came with a
 * release holds from then on.
 */
#include "config.h"

#include <string.h>

#include "plan/lower.h"
#include "util/i18n.h"

/* Something that a call can have: a flag, a parameter or a method. */
typedef struct {
    unsigned int flag;
    const char *param;
    const char *method;
} LowerThing;

#define HAS_FLAG(f) { .flag = VIR_MIGRATE_##f }
#define HAS_PARAM(p) { .param = p }
#define HAS_METHOD(m) { .method = m }

typedef struct {
    const char *name;           /* the parameter that it is about */
    LowerThing what;
    gboolean excludes;          /* else it needs the other */
    LowerThing other;
    MtRelease from;             /* of libvirt; 0: always */
    const char *rule;
    const char *text;           /* N_() */
} LowerRule;

#define NEEDS_METHOD(param_, method_) \
    { param_, HAS_PARAM(param_), FALSE, HAS_METHOD(method_), 0, \
      param_ " needs compression=" method_, \
      N_("libvirt takes it together with its method of compression alone") }

static const LowerRule lower_rules[] = {
    NEEDS_METHOD("compression.mt.level", "mt"),
    NEEDS_METHOD("compression.mt.threads", "mt"),
    NEEDS_METHOD("compression.mt.dthreads", "mt"),
    NEEDS_METHOD("compression.xbzrle.cache", "xbzrle"),
    NEEDS_METHOD("compression.zlib.level", "zlib"),
    NEEDS_METHOD("compression.zstd.level", "zstd"),
    { "auto_converge.initial", HAS_PARAM("auto_converge.initial"), FALSE,
      HAS_FLAG(AUTO_CONVERGE), 0, "auto_converge.initial needs auto_converge",
      N_("libvirt takes it together with auto_converge alone") },
    { "auto_converge.increment", HAS_PARAM("auto_converge.increment"), FALSE,
      HAS_FLAG(AUTO_CONVERGE), 0,
      "auto_converge.increment needs auto_converge",
      N_("libvirt takes it together with auto_converge alone") },
    { "parallel.connections", HAS_PARAM("parallel.connections"), FALSE,
      HAS_FLAG(PARALLEL), 0, "parallel.connections needs parallel",
      N_("libvirt takes it together with parallel alone") },
    { "bandwidth.postcopy", HAS_PARAM("bandwidth.postcopy"), FALSE,
      HAS_FLAG(POSTCOPY), 0, "bandwidth.postcopy needs postcopy",
      N_("libvirt takes it together with postcopy alone") },
    { "zerocopy", HAS_FLAG(ZEROCOPY), FALSE, HAS_FLAG(PARALLEL), 0,
      "zerocopy needs parallel",
      N_("libvirt takes it together with parallel alone") },
    { "compression", HAS_METHOD("zlib"), FALSE, HAS_FLAG(PARALLEL), 0,
      "compression=zlib needs parallel",
      N_("libvirt takes zlib with parallel alone") },
    { "compression", HAS_METHOD("zstd"), FALSE, HAS_FLAG(PARALLEL), 0,
      "compression=zstd needs parallel",
      N_("libvirt takes zstd with parallel alone") },
    { "compression", HAS_METHOD("mt"), TRUE, HAS_FLAG(PARALLEL),
      MT_RELEASE(9, 4), "compression=mt excludes parallel",
      N_("libvirt does not take mt with parallel") },
    { "compression", HAS_METHOD("xbzrle"), TRUE, HAS_FLAG(PARALLEL),
      MT_RELEASE(9, 4), "compression=xbzrle excludes parallel",
      N_("libvirt does not take xbzrle with parallel") },
    { "compression", HAS_METHOD("zlib"), TRUE, HAS_METHOD("zstd"), 0,
      "compression=zlib excludes compression=zstd",
      N_("libvirt takes one method alone with parallel") },
};

static gboolean
lower_has_param(const MtLowering *lowering, const char *name,
                const char *text)
{
    for (guint i = 0; i < lowering->params->len; i++) {
        const virTypedParameter *param =
            &g_array_index(lowering->params, virTypedParameter, i);

        if (strcmp(param->field, name) == 0 &&
            (!text || strcmp(param->value.s, text) == 0))
            return TRUE;
    }

    return FALSE;
}

static gboolean
lower_has(const MtLowering *lowering, const LowerThing *thing)
{
    if (thing->flag)
        return (lowering->flags & thing->flag) != 0;
    if (thing->param)
        return lower_has_param(lowering, thing->param, NULL);

    return lower_has_param(lowering, VIR_MIGRATE_PARAM_COMPRESSION,
                           thing->method);
}

void
mt_lowering_judge(MtLowering *lowering)
{
    for (gsize i = 0; i < G_N_ELEMENTS(lower_rules); i++) {
        const LowerRule *rule = &lower_rules[i];

        if (lowering->libvirt >= rule->from &&
            lower_has(lowering, &rule->what) &&
            lower_has(lowering, &rule->other) == rule->excludes)
            mt_lowering_find(lowering, rule->name, rule->rule, "%s",
                             _(rule->text));
    }
}
