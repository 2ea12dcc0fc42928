/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What guests are to be like: read from XML, or made in code.
 */

#include "drivers/ref/profile/profile.h"
#include "engine/memory/workload.h"

G_BEGIN_DECLS

typedef enum {
    MT_REF_FAULT_NONE,
    MT_REF_FAULT_REFUSE,        /* refuse the nth QMP command */
    MT_REF_FAULT_DELAY,         /* answer it @ms later */
    MT_REF_FAULT_HANGUP,        /* close the monitor instead of answering */
    MT_REF_FAULT_DROP,          /* the link goes after @at bytes */
    MT_REF_FAULT_STALL,         /* it stands still from there on */
    MT_REF_FAULT_CORRUPT,       /* one byte there is flipped */
    MT_REF_FAULT_KILL,          /* this side dies when pass @at ends: see
                                 * fault.h */
    MT_REF_N_FAULTS
} MtRefFaultKind;

const char *mt_ref_fault_to_string(MtRefFaultKind kind);
gboolean mt_ref_fault_from_string(const char *text, MtRefFaultKind *ret_kind);

typedef struct {
    MtRefFaultKind kind;
    char *command;              /* of REFUSE, DELAY, HANGUP: only such; NULL:
                                 * any */
    guint64 at;                 /* the nth command (from 1), byte, or pass */
    guint64 ms;
    int channel;                /* of the link: -1 is main */
} MtRefFault;

typedef struct {
    char *name;
    char *uuid;                 /* NULL: none */
    MtRelease release;
    char **build_options;       /* NULL: as Debian's */
    GArray *overrides;          /* MtRefOverride, zero-terminated */
    gboolean reject_deprecated;
    gboolean hide_deprecated;
    gboolean reject_unstable;
    gboolean hide_unstable;

    guint64 ram_bytes;
    char *ram_file;             /* NULL: anonymous memory */
    MtContent content;          /* what fills anonymous memory */
    guint64 content_seed;
    char *machine;              /* NULL: "none" */

    gboolean incoming;          /* waits for migrate-incoming */
    gboolean paused;            /* else it runs from the start */
    MtWorkloadSpec workload;

    guint64 link_bandwidth;     /* bytes a second; 0: no limit */
    guint link_latency_ms;      /* one way */

    GArray *faults;             /* MtRefFault */
    int line;                   /* in the file; 0: none */
} MtRefGuestSpec;

/* 256 MiB of zero pages, running, idle. */
MtRefGuestSpec *mt_ref_guest_spec_new(const char *name, MtRelease release);
MtRefGuestSpec *mt_ref_guest_spec_copy(const MtRefGuestSpec *spec);
void mt_ref_guest_spec_free(MtRefGuestSpec *spec);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtRefGuestSpec, mt_ref_guest_spec_free)

void mt_ref_guest_spec_add_override(MtRefGuestSpec *spec, const char *name,
                                    MtRefState state);
void mt_ref_guest_spec_add_fault(MtRefGuestSpec *spec,
                                 const MtRefFault *fault);

/*
 * Sets what is called @field in migtune-ref(5) from text, as options of a URI
 * have it: "ram" "256MiB".  Those that may be had several times ("fault",
 * "row") are added.  MIGTUNE_ERROR_INVALID_VALUE, or _INVALID_ARGUMENT for a
 * field that there is not.
 */
gboolean mt_ref_guest_spec_set(MtRefGuestSpec *spec, const char *field,
                               const char *text, GError **error);

/* What no field can tell alone: MIGTUNE_ERROR_INVALID_VALUE. */
gboolean mt_ref_guest_spec_check(const MtRefGuestSpec *spec, GError **error);

/* What input the guest is to refuse: bits of MtRefReject. */
guint mt_ref_guest_spec_reject(const MtRefGuestSpec *spec);

/* One member of a fault, and what a fault needs as a whole. */
gboolean mt_ref_fault_set(MtRefFault *fault, const char *member,
                          const char *text, GError **error);
gboolean mt_ref_fault_check(const MtRefFault *fault, GError **error);
void mt_ref_fault_clear(MtRefFault *fault);

/* "KIND" or "KIND:MEMBER=VALUE,MEMBER=VALUE...". */
gboolean mt_ref_fault_from_text(const char *text, MtRefFault *ret_fault,
                            GError **error);

/*
 * An array of MtRefGuestSpec from an XML file; errors name file and line:
 * MIGTUNE_ERROR_CONNECT when there is no such file, _IO when it cannot be
 * read, _INVALID_VALUE for what stands in it.
 */
GPtrArray *mt_ref_specs_load(const char *path, GError **error);

/* Those of ref:///default. */
GPtrArray *mt_ref_specs_default(void);

G_END_DECLS
