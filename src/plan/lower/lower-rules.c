/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libvirt's own rules about the flags and parameters of a migration.
 *
 * libvirt checks them one after the other once the call has begun.  Here all
 * violations are found before anything is sent.
 */
#include "config.h"

#include <string.h>

#include "plan/lower/lower.h"
#include "util/i18n.h"

/* A flag, a typed parameter or a method of compression in a call. */
typedef struct {
    unsigned int flag;
    const char *param;
    const char *method;
} LowerThing;

#define HAS_FLAG(f) { .flag = VIR_MIGRATE_##f }
#define HAS_PARAM(p) { .param = p }
#define HAS_METHOD(m) { .method = m }

typedef struct {
    const char *name;           /* parameter that the finding is about */
    LowerThing what;
    gboolean excludes;          /* @what excludes @other, else needs it */
    LowerThing other;
    MtRelease from;             /* first libvirt with the rule; 0: all */
    const char *rule;
    const char *text;           /* N_() */
} LowerRule;

#define NEEDS_METHOD(param_, method_) \
    { param_, HAS_PARAM(param_), FALSE, HAS_METHOD(method_), 0, \
      param_ " needs compression=" method_, \
      N_("libvirt supports it only together with this compression method") }

static const LowerRule lower_rules[] = {
    NEEDS_METHOD("compression.mt.level", "mt"),
    NEEDS_METHOD("compression.mt.threads", "mt"),
    NEEDS_METHOD("compression.mt.dthreads", "mt"),
    NEEDS_METHOD("compression.xbzrle.cache", "xbzrle"),
    NEEDS_METHOD("compression.zlib.level", "zlib"),
    NEEDS_METHOD("compression.zstd.level", "zstd"),
    { "auto_converge.initial", HAS_PARAM("auto_converge.initial"), FALSE,
      HAS_FLAG(AUTO_CONVERGE), 0, "auto_converge.initial needs auto_converge",
      N_("libvirt supports it only together with auto_converge") },
    { "auto_converge.increment", HAS_PARAM("auto_converge.increment"), FALSE,
      HAS_FLAG(AUTO_CONVERGE), 0,
      "auto_converge.increment needs auto_converge",
      N_("libvirt supports it only together with auto_converge") },
    { "parallel.connections", HAS_PARAM("parallel.connections"), FALSE,
      HAS_FLAG(PARALLEL), 0, "parallel.connections needs parallel",
      N_("libvirt supports it only together with parallel") },
    { "bandwidth.postcopy", HAS_PARAM("bandwidth.postcopy"), FALSE,
      HAS_FLAG(POSTCOPY), 0, "bandwidth.postcopy needs postcopy",
      N_("libvirt supports it only together with postcopy") },
    { "zerocopy", HAS_FLAG(ZEROCOPY), FALSE, HAS_FLAG(PARALLEL), 0,
      "zerocopy needs parallel",
      N_("libvirt supports it only together with parallel") },
    { "compression", HAS_METHOD("zlib"), FALSE, HAS_FLAG(PARALLEL), 0,
      "compression=zlib needs parallel",
      N_("libvirt supports zlib only together with parallel") },
    { "compression", HAS_METHOD("zstd"), FALSE, HAS_FLAG(PARALLEL), 0,
      "compression=zstd needs parallel",
      N_("libvirt supports zstd only together with parallel") },
    { "compression", HAS_METHOD("mt"), TRUE, HAS_FLAG(PARALLEL),
      MT_RELEASE(9, 4), "compression=mt excludes parallel",
      N_("libvirt does not support mt together with parallel") },
    { "compression", HAS_METHOD("xbzrle"), TRUE, HAS_FLAG(PARALLEL),
      MT_RELEASE(9, 4), "compression=xbzrle excludes parallel",
      N_("libvirt does not support xbzrle together with parallel") },
    { "compression", HAS_METHOD("zlib"), TRUE, HAS_METHOD("zstd"), 0,
      "compression=zlib excludes compression=zstd",
      N_("libvirt supports only one method together with parallel") },
};

static void
finding_free(gpointer data)
{
    MtLowerFinding *finding = data;

    g_free(finding->text);
    g_free(finding);
}

GPtrArray *
mt_lower_findings_new(void)
{
    return g_ptr_array_new_with_free_func(finding_free);
}

void
mt_lower_findings_add(GPtrArray *findings, const char *name, const char *rule,
                      const char *format, ...)
{
    MtLowerFinding *finding = g_new0(MtLowerFinding, 1);
    va_list args;

    finding->name = name;
    finding->rule = rule;
    va_start(args, format);
    finding->text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(findings, finding);
}

static gboolean
rules_have_param(const GArray *params, const char *name, const char *text)
{
    for (guint i = 0; i < params->len; i++) {
        const virTypedParameter *param =
            &g_array_index(params, virTypedParameter, i);

        if (strcmp(param->field, name) == 0 &&
            (!text || strcmp(param->value.s, text) == 0))
            return TRUE;
    }

    return FALSE;
}

static gboolean
rules_have(unsigned int flags, const GArray *params, const LowerThing *thing)
{
    if (thing->flag)
        return (flags & thing->flag) != 0;
    if (thing->param)
        return rules_have_param(params, thing->param, NULL);

    return rules_have_param(params, VIR_MIGRATE_PARAM_COMPRESSION,
                            thing->method);
}

void
mt_lower_findings_judge(GPtrArray *findings, unsigned int flags,
                        const GArray *params, MtRelease libvirt)
{
    for (gsize i = 0; i < G_N_ELEMENTS(lower_rules); i++) {
        const LowerRule *rule = &lower_rules[i];

        if (libvirt >= rule->from && rules_have(flags, params, &rule->what) &&
            rules_have(flags, params, &rule->other) == rule->excludes)
            mt_lower_findings_add(findings, rule->name, rule->rule, "%s",
                                  _(rule->text));
    }
}
