/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is known of one side of a migration.  Members say what a fact is when it
 * is not known, so that a rule never takes "not known" for "in order".
 */

#include "probe/state.h"

G_BEGIN_DECLS

/* A memory backend of the guest. */
typedef struct {
    char *id;                   /* "" if QEMU does not tell it */
    guint64 size;
    guint64 page_size;          /* of the host; 0: not known */
} MtPairMemory;

/* An object with TLS credentials or an authorization. */
typedef struct {
    char *id;
    char *type;                 /* "tls-creds-x509" ... */
    char *endpoint;             /* "client" or "server"; NULL: not known */
    char *dir;                  /* NULL: not known */
    gint verify;                /* -1: not known */

    /* From the files, only on this host. */
    char *missing;              /* the first file that cannot be read */
    gint64 expires;             /* unix time; 0: not known */
    char *names;                /* of the certificate; NULL: not known */
} MtPairObject;

typedef struct {
    MtCaps *caps;
    MtState *state;             /* with the run state and the migration */

    MtVersion version;          /* of QEMU */
    char *package;              /* of its build, such as Debian's; may be NULL */
    char *machine;              /* such as "pc-q35-8.2"; NULL: not known */
    char *target;               /* such as "x86_64"; NULL: not known */
    char *cpu;                  /* QOM type of the first CPU; NULL: not known */
    gint n_cpus;                /* -1: not known */
    gint threads;               /* of each core; -1: not known */
    gint kvm;                   /* 0, 1; -1: not known */
    char *uuid;                 /* NULL: not known */
    char *instance;             /* identifies the QEMU process; may be NULL */
    char *address;              /* identifies the monitor: URI and key */
    gint local;                 /* whether QEMU runs on this host; -1: not
                                 * known */

    GPtrArray *blockers;        /* texts; NULL: not known */
    guint64 ram_bytes;          /* 0: not known */
    GPtrArray *memory;          /* MtPairMemory; NULL: not known */
    GPtrArray *objects;         /* MtPairObject; NULL: not known */
    GPtrArray *unsafe_disks;    /* ids of disks with a host cache; NULL: not
                                 * known */

    guint64 memlock_bytes;      /* limit of the process; 0: not known */
    gint userfault;             /* 0, 1; -1: not known */
    char *userfault_why;        /* if 0 */

    MtVersion libvirt;          /* MT_VERSION_NONE: not libvirt, or unknown */
} MtPairSide;

MtPairSide *mt_pair_side_new(void);
void mt_pair_side_free(MtPairSide *side);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtPairSide, mt_pair_side_free)

/* Arrays of these that own their elements. */
GPtrArray *mt_pair_memories_new(void);
GPtrArray *mt_pair_objects_new(void);

MtPairMemory *mt_pair_memory_new(const char *id, guint64 size,
                                 guint64 page_size);
MtPairObject *mt_pair_object_new(const char *id, const char *type);

/* The object with this id; NULL if there is none. */
const MtPairObject *mt_pair_side_find_object(const MtPairSide *side,
                                             const char *id);

/* The release of the migration interface. */
MtRelease mt_pair_side_release(const MtPairSide *side);

/* The value of a compatibility property: see compat.h. */
const char *mt_pair_side_compat(const MtPairSide *side, const char *property);

/* Whether the machine type has no version, so that it does not decide about
 * the format of the stream; also if it is not known. */
gboolean mt_pair_side_is_bare(const MtPairSide *side);

MtState *mt_pair_state_copy(const MtState *state);

G_END_DECLS
