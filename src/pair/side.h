/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The known facts of one side of a migration.  Each member has a value that
 * means "not known", so that a rule never treats an unknown fact as correct.
 */

#include "probe/state.h"

G_BEGIN_DECLS

/* A memory backend of the guest. */
typedef struct {
    char *id;                   /* "" if QEMU does not report it */
    guint64 size;
    guint64 page_size;          /* of the host's pages; 0: not known */
} MtPairMemory;

/* An object with TLS credentials or an authorization. */
typedef struct {
    char *id;
    char *type;                 /* "tls-creds-x509" ... */
    char *endpoint;             /* "client" or "server"; NULL: not known */
    char *dir;                  /* NULL: not known */
    gint verify;                /* -1: not known */

    /* Read from the files; only if QEMU runs on this host. */
    char *missing;              /* the first file that cannot be read */
    char *no_certificate;       /* the file with a client's certificate, which
                                 * is optional, if it does not exist */
    gint64 expires;             /* unix time; 0: not known */
    char *names;                /* of the certificate; NULL: not known */
} MtPairObject;

typedef struct {
    MtCaps *caps;
    MtState *state;             /* with run state and migration status */

    MtVersion version;          /* of QEMU */
    char *package;              /* version of the package, such as Debian's;
                                 * may be NULL */
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
    GPtrArray *unsafe_disks;    /* ids of disks with a cache in the host;
                                 * NULL: not known */

    guint64 memlock_bytes;      /* limit of the process; 0: not known */
    gint userfault;             /* 0, 1; -1: not known */
    char *userfault_why;        /* the reason if userfault is 0 */

    MtVersion libvirt;          /* MT_VERSION_NONE: not libvirt, or unknown */
} MtPairSide;

MtPairSide *mt_pair_side_new(void);
void mt_pair_side_free(MtPairSide *side);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MtPairSide, mt_pair_side_free)

/* Empty arrays of these structures, which own their elements. */
GPtrArray *mt_pair_memories_new(void);
GPtrArray *mt_pair_objects_new(void);

MtPairMemory *mt_pair_memory_new(const char *id, guint64 size,
                                 guint64 page_size);
MtPairObject *mt_pair_object_new(const char *id, const char *type);

/* The object with this id; NULL if there is none. */
const MtPairObject *mt_pair_side_find_object(const MtPairSide *side,
                                             const char *id);

/* The QEMU release whose migration interface this side has. */
MtRelease mt_pair_side_release(const MtPairSide *side);

/* The value of a compatibility property; see compat.h. */
const char *mt_pair_side_compat(const MtPairSide *side, const char *property);

/* Whether the machine type has no version, so that the format of the stream
 * depends on the QEMU release; also TRUE if it is not known. */
gboolean mt_pair_side_is_bare(const MtPairSide *side);

MtState *mt_pair_state_copy(const MtState *state);

G_END_DECLS
