/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Descriptions of guests, read from XML or made in code.
 */

#include "drivers/ref/profile/profile.h"
#include "engine/memory/workload.h"

G_BEGIN_DECLS

typedef enum {
    MT_REF_FAULT_NONE,
    MT_REF_FAULT_REFUSE,        /* refuse QMP command number @at */
    MT_REF_FAULT_DELAY,         /* answer it @ms milliseconds later */
    MT_REF_FAULT_HANGUP,        /* close the monitor instead of answering */
    MT_REF_FAULT_DROP,          /* close the connection after @at bytes */
    MT_REF_FAULT_STALL,         /* send nothing after @at bytes */
    MT_REF_FAULT_CORRUPT,       /* invert byte number @at */
    MT_REF_FAULT_KILL,          /* end this side after pass @at, see fault.h */
    MT_REF_N_FAULTS
} MtRefFaultKind;

const char *mt_ref_fault_to_string(MtRefFaultKind kind);
gboolean mt_ref_fault_from_string(const char *text, MtRefFaultKind *ret_kind);

typedef struct {
    MtRefFaultKind kind;
    char *command;              /* REFUSE, DELAY, HANGUP: count only this
                                 * command; NULL: all commands */
    guint64 at;                 /* the number of a command (from 1), byte or
                                 * pass */
    guint64 ms;
    int channel;                /* the connection: -1 is main */
} MtRefFault;

typedef struct {
    char *name;
    char *uuid;                 /* NULL: none */
    MtRelease release;
    char **build_options;       /* NULL: those of Debian's build */
    GArray *overrides;          /* MtRefOverride, zero-terminated */
    gboolean reject_deprecated;
    gboolean hide_deprecated;
    gboolean reject_unstable;
    gboolean hide_unstable;

    guint64 ram_bytes;
    char *ram_file;             /* NULL: anonymous memory */
    MtContent content;          /* of anonymous memory */
    guint64 content_seed;
    char *machine;              /* NULL: "none" */

    gboolean incoming;          /* waits for migrate-incoming */
    gboolean paused;            /* does not run when it is created */
    MtWorkloadSpec workload;

    guint64 link_bandwidth;     /* bytes a second; 0: no limit */
    guint link_latency_ms;      /* one way */

    GArray *faults;             /* MtRefFault */
    int line;                   /* of the XML file; 0: none */
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
 * Sets a field, as an option of a URI does: "ram" to "256MiB".  The names are
 * in migtune-ref(5).  Fields with several values ("fault", "row") get a further
 * one.  MIGTUNE_ERROR_INVALID_VALUE, or _INVALID_ARGUMENT for an unknown field.
 */
gboolean mt_ref_guest_spec_set(MtRefGuestSpec *spec, const char *field,
                               const char *text, GError **error);

/* Checks the fields together: MIGTUNE_ERROR_INVALID_VALUE. */
gboolean mt_ref_guest_spec_check(const MtRefGuestSpec *spec, GError **error);

/* The input that the guest refuses: bits of MtRefReject. */
guint mt_ref_guest_spec_reject(const MtRefGuestSpec *spec);

/* Sets one member of a fault; checks all members together. */
gboolean mt_ref_fault_set(MtRefFault *fault, const char *member,
                          const char *text, GError **error);
gboolean mt_ref_fault_check(const MtRefFault *fault, GError **error);
void mt_ref_fault_clear(MtRefFault *fault);

/* "KIND" or "KIND:MEMBER=VALUE,MEMBER=VALUE...". */
gboolean mt_ref_fault_from_text(const char *text, MtRefFault *ret_fault,
                            GError **error);

/*
 * Returns an array of MtRefGuestSpec from an XML file.  Errors name file and
 * line: MIGTUNE_ERROR_CONNECT if the file does not exist, _IO if it cannot be
 * read, _INVALID_VALUE if its content is wrong.
 */
GPtrArray *mt_ref_specs_load(const char *path, GError **error);

/* The guests of ref:///default. */
GPtrArray *mt_ref_specs_default(void);

G_END_DECLS
