/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Lowering: turning a plan for QEMU into the arguments of libvirt's migration
 * call.
 *
 * When libvirt migrates a guest, it sets capabilities and parameters of QEMU
 * itself, and restores the former values when the migration ends.  Settings for
 * such a migration must therefore be flags and typed parameters of the call.  Only
 * settings that libvirt does not know can be set before the call.
 */

#include "plan/plan.h"

G_BEGIN_DECLS

/* How libvirt sets a row. */
typedef enum {
    MT_LOWER_UNKNOWN,           /* libvirt does not know it */
    MT_LOWER_FLAG,              /* a flag of the call switches it on */
    MT_LOWER_PARAM,             /* a typed parameter of the call sets it */
    MT_LOWER_METHOD,            /* a value of the parameter "compression" */
    MT_LOWER_METHODS,           /* the value of the row is such a method */
    MT_LOWER_BEFORE,            /* a function of libvirt, before the call */
    MT_LOWER_ITSELF,            /* libvirt always switches it on */
    MT_LOWER_NEVER,             /* libvirt does not migrate with it */
} MtLowerKind;

typedef struct {
    MtParamId id;
    MtLowerKind kind;
    unsigned int flag;          /* virDomainMigrateFlags */
    const char *name;           /* of the typed parameter or the method */
    const char *witness;        /* typed parameter that was added to libvirt
                                 * together with the method */
    int type;                   /* of the typed parameter or the witness */
    MtRelease since;            /* of libvirt */
    const char *option;         /* of virsh migrate, or a command of virsh */
    const char *why;            /* reason, to be translated */
} MtLowerRow;

/* How libvirt sets @row; NULL if it does not know it. */
const MtLowerRow *mt_lower_row(const MtRow *row);

/* A method of compression by name; NULL if libvirt does not support it. */
const MtLowerRow *mt_lower_method(const char *name);

/* How libvirt sets the value of @a; NULL if it does not know it. */
const MtLowerRow *mt_lower_assignment(const MtAssignment *a);

/* The function of libvirt that sets @row before the call; NULL if there is none. */
const MtLowerRow *mt_lower_before(const MtRow *row);

/* Removes flags that exclude others. */
unsigned int mt_lower_flags_settle(unsigned int flags);

/* The names of a flag, such as "VIR_MIGRATE_LIVE" and "--live". */
const char *mt_lower_flag_name(unsigned int flag);
const char *mt_lower_flag_option(unsigned int flag);

/* A reason why libvirt cannot do what the plan asks for. */
typedef struct {
    const char *name;           /* of the parameter */
    const char *rule;           /* libvirt's rule, NULL for none */
    char *text;
} MtLowerFinding;

/* lower-rules.c: an array of MtLowerFinding. */
GPtrArray *mt_lower_findings_new(void);
void mt_lower_findings_add(GPtrArray *findings, const char *name,
                           const char *rule, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* Adds the findings by libvirt's own rules about flags and parameters. */
void mt_lower_findings_judge(GPtrArray *findings, unsigned int flags,
                             const GArray *params, MtRelease libvirt);

/* lower-ask.h */
typedef struct _MtLowerAsk MtLowerAsk;

typedef struct {
    MtRelease libvirt;
    const MtLowerAsk *ask;      /* only during mt_lowering_new(); NULL: libvirt
                                 * was not asked */
    gboolean asked;             /* libvirt was asked; else only its release
                                 * number was used */
    char *remark;               /* why it was not asked; NULL: no daemon */
    MtPlan *plan;

    unsigned int flags;
    GArray *params;             /* virTypedParameter; texts are owned */
    MtSet *before;              /* values to be set before the call */
    GPtrArray *findings;        /* MtLowerFinding */
} MtLowering;

/*
 * Lowers @plan, which is referenced, for @libvirt.  @ask has the answers of this
 * libvirt about what it supports; without it the release number decides.
 */
MtLowering *mt_lowering_new(MtPlan *plan, MtRelease libvirt,
                            const MtLowerAsk *ask);
void mt_lowering_free(MtLowering *lowering);

/* FALSE if there are findings; @error describes all of them. */
gboolean mt_lowering_check(const MtLowering *lowering, GError **error);

/* The form of migtune_lowering_to_json(). */
JsonNode *mt_lowering_to_json(const MtLowering *lowering);

/* The equivalent virsh commands, in order.  The words DOMAIN and DESTINATION stand
 * for arguments that are NULL. */
char **mt_lowering_to_virsh(const MtLowering *lowering, const char *domain,
                            const char *destination);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtLowering, mt_lowering_free)

G_END_DECLS
