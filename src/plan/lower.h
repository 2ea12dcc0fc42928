/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Lowering: a plan for QEMU as what libvirt's migration call is to be given.
 *
 * libvirt sets capabilities and parameters itself when it migrates a guest,
 * and puts back what there was when the migration ends.  So what is wished for
 * a migration that libvirt runs has to be said in that call, as flags and
 * typed parameters; only what libvirt leaves alone can be set beforehand.
 */

#include "plan/plan.h"

G_BEGIN_DECLS

/* What becomes of a row. */
typedef enum {
    MT_LOWER_UNKNOWN,           /* libvirt has nothing to do with it */
    MT_LOWER_FLAG,              /* switched on by a flag of the call */
    MT_LOWER_PARAM,             /* a typed parameter of the call */
    MT_LOWER_METHOD,            /* a value of the parameter "compression" */
    MT_LOWER_METHODS,           /* its own value is such a method */
    MT_LOWER_BEFORE,            /* a function of libvirt, before the call */
    MT_LOWER_ITSELF,            /* libvirt switches it on where it is there */
    MT_LOWER_NEVER,             /* not in a migration that libvirt runs */
} MtLowerHow;

typedef struct {
    MtParamId id;
    MtLowerHow how;
    unsigned int flag;          /* virDomainMigrateFlags */
    const char *name;           /* of the typed parameter or the method */
    const char *witness;        /* the typed parameter that came with the
                                 * method */
    int type;                   /* of the typed parameter or the witness */
    MtRelease since;            /* of libvirt */
    const char *option;         /* of virsh migrate, or a command of virsh */
    const char *why;            /* why, to be translated */
} MtLowerRow;

/* How libvirt has it; NULL for a row that it does not know. */
const MtLowerRow *mt_lower_row(const MtRow *row);

/* A method of compression by its name; NULL for one that libvirt has not. */
const MtLowerRow *mt_lower_method(const char *name);

/* How libvirt has that value; NULL when it has nothing to do with it. */
const MtLowerRow *mt_lower_assignment(const MtAssignment *a);

/* @flags without those that exclude each other. */
unsigned int mt_lower_flags_settle(unsigned int flags);

/* "VIR_MIGRATE_LIVE" and "--live" of a flag. */
const char *mt_lower_flag_name(unsigned int flag);
const char *mt_lower_flag_option(unsigned int flag);

/* Something that stands against it. */
typedef struct {
    const char *name;           /* of the parameter */
    const char *rule;           /* libvirt's rule, NULL for none */
    char *text;
} MtLowerFinding;

/* lower-ask.h */
typedef struct _MtLowerAsk MtLowerAsk;

typedef struct {
    MtRelease libvirt;
    const MtLowerAsk *ask;      /* while it is made; NULL: nobody was asked */
    gboolean asked;             /* libvirt itself, not its release alone */
    char *remark;               /* why it was not; NULL: there was no one */
    MtPlan *plan;

    unsigned int flags;
    GArray *params;             /* virTypedParameter; texts are owned */
    MtSet *before;              /* values that are set before the call */
    GPtrArray *findings;        /* MtLowerFinding */
} MtLowering;

/*
 * Lowers @plan, which it references, for @libvirt: with what @ask says that it
 * takes or, without that, with what the release has.
 */
MtLowering *mt_lowering_new(MtPlan *plan, MtRelease libvirt,
                            const MtLowerAsk *ask);
void mt_lowering_free(MtLowering *lowering);

void mt_lowering_find(MtLowering *lowering, const char *name,
                      const char *rule, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* lower-rules.c: adds what libvirt's own rules have against it. */
void mt_lowering_judge(MtLowering *lowering);

/* FALSE when there are findings, with an error that tells of all. */
gboolean mt_lowering_check(const MtLowering *lowering, GError **error);

/* Forms for people and programs: see migtune_lowering_to_json(). */
JsonNode *mt_lowering_to_json(const MtLowering *lowering);

/* The commands of virsh that do it, in order; with DOMAIN and DESTINATION for
 * what is NULL. */
char **mt_lowering_to_virsh(const MtLowering *lowering, const char *domain,
                            const char *destination);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtLowering, mt_lowering_free)

G_END_DECLS
