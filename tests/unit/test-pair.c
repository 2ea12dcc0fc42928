/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rules about two hosts. Each case states the facts of both sides; no guest
 * is needed.
 *
 * A case names the expected finding, and the settings of both sides afterwards.
 * Most rules have a second case, which differs in one fact and must have no
 * finding.
 */
#include "config.h"

#include <string.h>

#include "migtune/migtune.h"
#include "pair/compat.h"
#include "pair/pairing.h"

#define PAIR_MAX_WORDS 6

/* The facts of one side that differ from those of side_new(). */
typedef struct {
    const char *qemu;           /* "8.2.2" */
    const char *machine;
    const char *values[PAIR_MAX_WORDS]; /* in force, as NAME=TEXT of the table */
    const char *run_state;
    const char *migration;
    gboolean listening;
    const char *package;
    const char *target;
    const char *uuid;
    const char *cpu;
    gint n_cpus;                /* 0: 2 */
    guint64 ram_mib;            /* 0: 1024 */
    const char *lacks;          /* a value of multifd-compression */
    const char *object;         /* "ID TYPE ENDPOINT" */
    const char *missing;        /* a file of it */
    const char *no_certificate; /* a file of a client's, which is optional */
    gboolean verify;
    gint64 expires;             /* of its certificate */
    const char *names;
    const char *blocker;
    const char *disk;
    const char *memory;         /* id of a memory backend with all RAM */
    guint64 page_size;          /* of the backend's pages */
    guint64 memlock;
    gboolean no_userfault;
    const char *libvirt;
    gint threads;
    const char *address;
    gboolean no_kvm;
} Side;

typedef struct {
    const char *name;
    Side source, destination;
    const char *words[PAIR_MAX_WORDS];
    MtPolicy policy;
    const char *uri;
    const char *finding;        /* NULL: no finding may refuse or substitute */
    MtPairSeverity severity;
    const char *after;          /* "NAME=TEXT" on both sides; NULL: any */
    const char *absent;         /* a finding that must not be there */
} Case;

static const Case cases[] = {
    /* Known defects between two releases. */
    { "t1", { "8.2.2", "pc-q35-8.2" }, { "9.2.0", "pc-q35-8.2" },
      { "parallel=on" }, .finding = "multifd-sync-data",
      .severity = MT_PAIR_REFUSE },
    { "t1-corrected", { "8.2.2", "pc-q35-8.2" }, { "9.2.1", "pc-q35-8.2" },
      { "parallel=on" }, .after = "multifd=true" },
    { "t1-distribution", { "8.2.2", "pc-q35-8.2" },
      { "9.2.0", "pc-q35-8.2", .package = "Debian 1:9.2.0+ds-5" },
      { "parallel=on" }, .finding = "multifd-sync-data",
      .severity = MT_PAIR_WARN },
    { "t1-new-source", { "9.0.0", "pc-q35-8.2" }, { "9.2.0", "pc-q35-8.2" },
      { "parallel=on" } },
    { "same-old-machine", { "7.2.22", "pc-i440fx-7.2" },
      { "11.1.3", "pc-i440fx-7.2" }, { "parallel=on", "compression=zstd" },
      .after = "multifd-compression=zstd" },
    { "t2-none", { "7.2.22", "none" }, { "11.1.3", "none" },
      { "parallel=on" }, .finding = "multifd-flush",
      .severity = MT_PAIR_REFUSE },
    { "t2-not-known", { "7.2.22" }, { "10.0.0" }, { "parallel=on" },
      .finding = "multifd-flush", .severity = MT_PAIR_REFUSE },
    { "t2-without-parallel", { "7.2.22", "none" }, { "11.1.3", "none" } },
    { "t9", { "10.0.0", "pc-q35-10.0" }, { "10.2.0", "pc-q35-10.0" },
      { "parallel=on", "postcopy=on" }, .finding = "setting-refused",
      .severity = MT_PAIR_REFUSE },
    { "t9-in-force", { "7.2.0", "pc-q35-7.2", { "multifd=true",
      "postcopy-ram=true" } }, { "10.2.0", "pc-q35-7.2" },
      .finding = "multifd-postcopy", .severity = MT_PAIR_REFUSE },
    { "t9-both-new", { "10.1.0", "pc-q35-10.0" }, { "10.2.0", "pc-q35-10.0" },
      { "parallel=on", "postcopy=on" }, .after = "multifd=true" },
    { "t9-old-destination", { "10.1.0", "pc-q35-10.0" },
      { "10.0.0", "pc-q35-10.0" }, { "parallel=on", "postcopy=on" },
      .finding = "multifd-postcopy", .severity = MT_PAIR_REFUSE },
    { "t5", { "11.1.3", "none" }, { "11.0.3", "none" },
      { "switchover_ack=on", "return_path=on" },
      .finding = "switchover-ack-dialect", .severity = MT_PAIR_SUBSTITUTE,
      .after = "switchover-ack=false" },
    { "t5-strict", { "11.1.3", "none" }, { "11.0.3", "none" },
      { "switchover_ack=on", "return_path=on" }, MT_POLICY_STRICT,
      .finding = "switchover-ack-dialect", .severity = MT_PAIR_REFUSE },
    { "t5-machine", { "11.1.3", "pc-q35-11.0" }, { "11.0.3", "pc-q35-11.0" },
      { "switchover_ack=on", "return_path=on" },
      .after = "switchover-ack=true" },
    { "t3", { "9.0.0", "pc-q35-8.0", { "zero-page-detection=multifd" } },
      { "8.2.2", "pc-q35-8.0" }, { "parallel=on" },
      .finding = "zero-page-packets", .severity = MT_PAIR_SUBSTITUTE },
    { "t3-asked", { "9.0.0", "pc-q35-8.0" }, { "8.2.2", "pc-q35-8.0" },
      { "parallel=on", "zero_page_detection=multifd" },
      .finding = "zero-page-packets", .severity = MT_PAIR_SUBSTITUTE },
    { "t3-new", { "9.0.0", "pc-q35-9.0", { "zero-page-detection=multifd" } },
      { "9.0.0", "pc-q35-9.0" }, { "parallel=on" } },
    { "no-zstd", { "10.0.0", "pc-q35-10.0" },
      { "10.0.0", "pc-q35-10.0", .lacks = "zstd" }, { "compression=zstd" },
      .finding = "setting-fallback", .severity = MT_PAIR_SUBSTITUTE,
      .after = "multifd-compression=zlib" },
    { "no-zstd-here", { "10.0.0", "pc-q35-10.0", .lacks = "zstd" },
      { "10.0.0", "pc-q35-10.0" }, { "compression=zstd" },
      .finding = "setting-fallback", .severity = MT_PAIR_SUBSTITUTE,
      .after = "multifd-compression=zlib" },
    { "no-zstd-strict", { "10.0.0", "pc-q35-10.0" },
      { "10.0.0", "pc-q35-10.0", .lacks = "zstd" }, { "compression=zstd" },
      MT_POLICY_STRICT, .finding = "setting-refused",
      .severity = MT_PAIR_REFUSE },
    { "channels", { "10.0.0", "pc-q35-10.0", { "multifd=true",
      "multifd-channels=4" } }, { "10.0.0", "pc-q35-10.0",
      { "multifd=true", "multifd-channels=2" } }, { NULL },
      .finding = "pair-multifd-channels", .severity = MT_PAIR_INFO,
      .after = "multifd-channels=4" },
    { "channels-listening", { "10.0.0", "pc-q35-10.0", { "multifd=true",
      "multifd-channels=4" } }, { "10.0.0", "pc-q35-10.0",
      { "multifd=true", "multifd-channels=2" }, .listening = TRUE,
      .migration = "setup" }, { NULL },
      .finding = "set-before-listening", .severity = MT_PAIR_REFUSE },
    { "listening", { "10.0.0", "pc-q35-10.0" },
      { "10.0.0", "pc-q35-10.0", .listening = TRUE, .migration = "setup" },
      { "parallel=on" }, .finding = "set-before-listening",
      .severity = MT_PAIR_REFUSE },

    /* The other pairs of releases. */
    { "t4", { "9.2.1", "none", .object = "tls0 tls-creds-x509 client" },
      { "10.0.0", "none", .object = "tls0 tls-creds-x509 server" },
      { "parallel=on", "tls.creds=tls0", "tls.destination=h" },
      .finding = "multifd-tls-end", .severity = MT_PAIR_REFUSE },
    { "t6", { "10.0.0", "none" }, { "9.2.1", "none" }, { "return_path=on" },
      .finding = "switchover-start", .severity = MT_PAIR_REFUSE },
    { "t7", { "7.1.0", "none" }, { "7.2.0", "none" },
      { "postcopy=on", "postcopy.preempt=on" }, .finding = "preempt-dialect",
      .severity = MT_PAIR_REFUSE },
    { "t8", { "10.1.0", "pc-q35-10.1", .object = "t tls-creds-psk client" },
      { "10.1.0", "pc-q35-10.1", .object = "t tls-creds-psk server" },
      { "postcopy=on", "postcopy.preempt=on", "parallel=on", "tls.creds=t" },
      .finding = "preempt-tls", .severity = MT_PAIR_WARN },
    { "t10", { "11.0.0", "pc-q35-11.0" }, { "11.0.0", "pc-q35-11.0" },
      .finding = "new-states", .severity = MT_PAIR_INFO },
    { "t11", { "9.2.1", "pc-q35-9.2" },
      { "10.0.0", "pc-q35-9.2", .libvirt = "11.3.0", .threads = 2 },
      .finding = "libvirt-threads", .severity = MT_PAIR_REFUSE },
    { "t11-one-thread", { "9.2.1", "pc-q35-9.2" },
      { "10.0.0", "pc-q35-9.2", .libvirt = "11.3.0", .threads = 1 },
      .absent = "libvirt-threads" },
    { "t11-corrected", { "9.2.1", "pc-q35-9.2" },
      { "10.0.0", "pc-q35-9.2", .libvirt = "11.10.0", .threads = 2 },
      .absent = "libvirt-threads" },
    { "t14", { "10.0.0", "pc-q35-10.0", .ram_mib = 512 << 10,
      .object = "t tls-creds-psk client" }, { "10.0.0", "pc-q35-10.0",
      .ram_mib = 512 << 10, .object = "t tls-creds-psk server" },
      { "tls.creds=t" }, .finding = "tls-volume", .severity = MT_PAIR_WARN },
    { "t15", { "11.0.0", "pc-q35-11.0" },
      { "11.0.0", "pc-q35-11.0", .libvirt = "12.0.0" },
      .finding = "libvirt-restore", .severity = MT_PAIR_WARN },
    { "t15-corrected", { "11.0.0", "pc-q35-11.0" },
      { "11.0.0", "pc-q35-11.0", .libvirt = "12.1.0" },
      .absent = "libvirt-restore" },
    { "t15-old-qemu", { "10.0.0", "pc-q35-10.0" },
      { "10.0.0", "pc-q35-10.0", .libvirt = "12.0.0" },
      .absent = "libvirt-restore" },
    { "t16", { "10.0.0", "pc-q35-10.0" }, { "10.0.0", "pc-q35-10.0" },
      { "parallel=on", "zerocopy=on" }, .finding = "multifd-zerocopy",
      .severity = MT_PAIR_WARN },
    { "t17", { "6.1.0", "pc-q35-6.1" },
      { "6.1.0", "pc-q35-6.1", .libvirt = "11.2.0" },
      .finding = "libvirt-floor", .severity = MT_PAIR_REFUSE },
    { "t17-source", { "6.1.0", "pc-q35-6.1", .libvirt = "11.2.0" },
      { "6.1.0", "pc-q35-6.1" },
      .finding = "libvirt-floor", .severity = MT_PAIR_WARN },
    { "t17-older-libvirt", { "6.1.0", "pc-q35-6.1" },
      { "6.1.0", "pc-q35-6.1", .libvirt = "11.1.0" },
      .absent = "libvirt-floor" },
    { "t17-12.3", { "6.2.0", "pc-q35-6.2" },
      { "6.2.0", "pc-q35-6.2", .libvirt = "12.3.0" },
      .absent = "libvirt-floor" },
    { "t17-12.4", { "7.1.0", "pc-q35-7.1" },
      { "7.1.0", "pc-q35-7.1", .libvirt = "12.4.0" },
      .finding = "libvirt-floor", .severity = MT_PAIR_REFUSE },
    { "t17-12.4-7.2", { "7.2.0", "pc-q35-7.2" },
      { "7.2.0", "pc-q35-7.2", .libvirt = "12.4.0" },
      .absent = "libvirt-floor" },
    { "t18", { "10.0.0", "pc-q35-10.0", .migration = "cancelled" },
      { "10.0.0", "pc-q35-10.0" }, { "parallel=on" },
      .finding = "after-cancel", .severity = MT_PAIR_WARN },
    { "t19", { "11.0.0", "pc-q35-11.0", .libvirt = "12.9.0" },
      { "11.0.0", "pc-q35-11.0" }, .finding = "libvirt-failing",
      .severity = MT_PAIR_INFO },
    { "t19-old-qemu", { "10.2.0", "pc-q35-10.2", .libvirt = "12.9.0" },
      { "10.2.0", "pc-q35-10.2" }, .absent = "libvirt-failing" },
    { "t19-no-libvirt", { "11.0.0", "pc-q35-11.0" },
      { "11.0.0", "pc-q35-11.0" }, .absent = "libvirt-failing" },

    /* The two guests. */
    { "plain", { "10.0.0", "pc-q35-10.0" }, { "10.0.0", "pc-q35-10.0" } },
    { "same-guest", { "10.0.0", "pc-q35-10.0", .address = "a" },
      { "10.0.0", "pc-q35-10.0", .address = "a" },
      .finding = "same-guest", .severity = MT_PAIR_REFUSE },
    { "source-waits", { "10.0.0", "pc-q35-10.0", .run_state = "inmigrate" },
      { "10.0.0", "pc-q35-10.0" }, .finding = "source-waits",
      .severity = MT_PAIR_REFUSE },
    { "source-migrates", { "10.0.0", "pc-q35-10.0", .migration = "active" },
      { "10.0.0", "pc-q35-10.0" }, .finding = "source-migrates",
      .severity = MT_PAIR_REFUSE },
    { "source-migrated", { "10.0.0", "pc-q35-10.0",
      .run_state = "postmigrate", .migration = "completed" },
      { "10.0.0", "pc-q35-10.0" }, .finding = "source-migrated",
      .severity = MT_PAIR_REFUSE },
    { "not-waiting", { "10.0.0", "pc-q35-10.0" },
      { "10.0.0", "pc-q35-10.0", .run_state = "running" },
      .finding = "destination-not-waiting", .severity = MT_PAIR_REFUSE },
    { "destination-busy", { "10.0.0", "pc-q35-10.0" },
      { "10.0.0", "pc-q35-10.0", .migration = "active" },
      .finding = "destination-busy", .severity = MT_PAIR_REFUSE },
    { "destination-failed", { "10.0.0", "pc-q35-10.0" },
      { "10.0.0", "pc-q35-10.0", .migration = "failed" },
      .finding = "destination-busy", .severity = MT_PAIR_REFUSE },
    { "machine", { "10.0.0", "pc-q35-10.0" }, { "10.0.0", "pc-q35-9.2" },
      .finding = "machine-type", .severity = MT_PAIR_REFUSE },
    { "target", { "10.0.0", "virt-10.0", .target = "aarch64" },
      { "10.0.0", "virt-10.0", .target = "riscv64" }, .finding = "target",
      .severity = MT_PAIR_REFUSE },
    { "uuid", { "10.0.0", "pc-q35-10.0", .uuid = "1" },
      { "10.0.0", "pc-q35-10.0", .uuid = "2" }, .finding = "uuid",
      .severity = MT_PAIR_WARN },
    { "uuid-parallel", { "10.0.0", "pc-q35-10.0", .uuid = "1" },
      { "10.0.0", "pc-q35-10.0", .uuid = "2" }, { "parallel=on" },
      .finding = "uuid", .severity = MT_PAIR_REFUSE },
    { "cpus", { "10.0.0", "pc-q35-10.0", .n_cpus = 4 },
      { "10.0.0", "pc-q35-10.0" }, .finding = "cpus",
      .severity = MT_PAIR_REFUSE },
    { "cpu-type", { "10.0.0", "pc-q35-10.0", .cpu = "a-cpu" },
      { "10.0.0", "pc-q35-10.0", .cpu = "b-cpu" }, .finding = "cpu-type",
      .severity = MT_PAIR_WARN },
    { "accelerator", { "10.0.0", "pc-q35-10.0" },
      { "10.0.0", "pc-q35-10.0", .no_kvm = TRUE }, .finding = "accelerator",
      .severity = MT_PAIR_WARN },
    { "ram-size", { "10.0.0", "pc-q35-10.0", .ram_mib = 2048 },
      { "10.0.0", "pc-q35-10.0" }, .finding = "ram-size",
      .severity = MT_PAIR_REFUSE },
    { "ram-block", { "10.0.0", "pc-q35-10.0", .memory = "m0" },
      { "10.0.0", "pc-q35-10.0", .memory = "m1" }, .finding = "ram-block",
      .severity = MT_PAIR_REFUSE },
    { "ram-page-size", { "10.0.0", "pc-q35-10.0", .memory = "m0",
      .page_size = 4096 }, { "10.0.0", "pc-q35-10.0", .memory = "m0",
      .page_size = 2 << 20 }, { "postcopy=on" }, .finding = "ram-page-size",
      .severity = MT_PAIR_REFUSE },
    { "ram-page-size-precopy", { "10.0.0", "pc-q35-10.0", .memory = "m0",
      .page_size = 4096 }, { "10.0.0", "pc-q35-10.0", .memory = "m0",
      .page_size = 2 << 20 } },

    /* What each host must be able to do. */
    { "blocked", { "10.0.0", "pc-q35-10.0", .blocker = "a device" },
      { "10.0.0", "pc-q35-10.0" }, .finding = "blocked",
      .severity = MT_PAIR_REFUSE },
    { "userfaultfd", { "10.0.0", "pc-q35-10.0" },
      { "10.0.0", "pc-q35-10.0", .no_userfault = TRUE }, { "postcopy=on" },
      .finding = "userfaultfd", .severity = MT_PAIR_REFUSE },
    { "userfaultfd-precopy", { "10.0.0", "pc-q35-10.0" },
      { "10.0.0", "pc-q35-10.0", .no_userfault = TRUE } },
    { "memlock", { "10.0.0", "pc-q35-10.0", .memlock = 8 << 20 },
      { "10.0.0", "pc-q35-10.0" }, { "parallel=on", "zerocopy=on" },
      .finding = "memlock-too-low", .severity = MT_PAIR_REFUSE },
    { "disk-cache", { "10.0.0", "pc-q35-10.0", .disk = "drive0" },
      { "10.0.0", "pc-q35-10.0" }, .finding = "disk-cache",
      .severity = MT_PAIR_WARN },
    { "single-connection", { "10.0.0", "pc-q35-10.0" },
      { "10.0.0", "pc-q35-10.0" }, { "parallel=on" }, .uri = "exec:cat",
      .finding = "single-connection", .severity = MT_PAIR_REFUSE },

    /* TLS. */
    { "tls", { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 client" }, { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 server", .names = "host2 *.example.org" },
      { "tls.creds=tls0" }, .uri = "tcp:h.example.org:49152",
      .after = "tls-creds=tls0" },
    { "tls-other-id", { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 client" }, { "10.0.0", "pc-q35-10.0",
      { "tls-creds=other" }, .object = "other tls-creds-x509 server" },
      { "tls.creds=tls0" } },
    { "tls-one-side", { "10.0.0", "pc-q35-10.0" }, { "10.0.0", "pc-q35-10.0",
      { "tls-creds=tls0" }, .object = "tls0 tls-creds-x509 server" },
      .finding = "tls-one-side", .severity = MT_PAIR_REFUSE },
    { "tls-client-missing", { "10.0.0", "pc-q35-10.0",
      .object = "other tls-creds-x509 client" }, { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 server" }, { "tls.creds=tls0" },
      .finding = "tls-client-creds", .severity = MT_PAIR_REFUSE },
    { "tls-server-missing", { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 client" }, { "10.0.0", "pc-q35-10.0",
      .object = "other tls-creds-x509 server" }, { "tls.creds=tls0" },
      .finding = "tls-server-creds", .severity = MT_PAIR_REFUSE },
    { "tls-endpoint", { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 client" }, { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 client" }, { "tls.creds=tls0" },
      .finding = "tls-server-creds", .severity = MT_PAIR_REFUSE },
    { "tls-file", { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 client" }, { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 server",
      .missing = "/etc/pki/qemu/server-cert.pem" }, { "tls.creds=tls0" },
      .finding = "tls-server-creds", .severity = MT_PAIR_REFUSE },
    { "tls-expired", { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 client" }, { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 server", .expires = 1000000000 },
      { "tls.creds=tls0" }, .finding = "tls-server-creds",
      .severity = MT_PAIR_REFUSE },
    { "tls-client-expired", { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 client", .expires = 1000000000 },
      { "10.0.0", "pc-q35-10.0", .object = "tls0 tls-creds-x509 server" },
      { "tls.creds=tls0" }, .finding = "tls-client-creds",
      .severity = MT_PAIR_REFUSE },
    { "tls-client-verified", { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 client",
      .no_certificate = "/etc/pki/qemu/client-cert.pem" }, { "10.0.0",
      "pc-q35-10.0", .object = "tls0 tls-creds-x509 server", .verify = TRUE },
      { "tls.creds=tls0" }, .finding = "tls-client-creds",
      .severity = MT_PAIR_REFUSE },
    { "tls-name", { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 client" }, { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 server", .names = "host2" },
      { "tls.creds=tls0" }, .uri = "tcp:host3:49152",
      .finding = "tls-hostname", .severity = MT_PAIR_REFUSE },
    { "tls-no-host", { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 client" }, { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 server" }, { "tls.creds=tls0" },
      .uri = "unix:/run/m", .finding = "tls-hostname",
      .severity = MT_PAIR_REFUSE },
    { "tls-authz", { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 client" }, { "10.0.0", "pc-q35-10.0",
      .object = "tls0 tls-creds-x509 server" },
      { "tls.creds=tls0", "tls.authz=absent" }, .finding = "tls-authz",
      .severity = MT_PAIR_REFUSE },

    /* The same result on both sides. */
    { "mt-to-new", { "8.2.2", "pc-q35-8.0" }, { "10.0.0", "pc-q35-8.0" },
      { "compression=mt", "compression.mt.level=3" },
      .finding = "setting-fallback", .severity = MT_PAIR_SUBSTITUTE,
      .after = "multifd-compression=zlib" },
    { "mt-in-force-to-new", { "8.2.2", "pc-q35-8.0", { "compress=true" } },
      { "10.0.0", "pc-q35-8.0" }, { NULL }, .finding = "pair-compress",
      .severity = MT_PAIR_SUBSTITUTE },
    { "mt-in-force-strict", { "8.2.2", "pc-q35-8.0", { "compress=true" } },
      { "10.0.0", "pc-q35-8.0" }, { NULL }, MT_POLICY_STRICT,
      .finding = "pair-compress", .severity = MT_PAIR_REFUSE },
    { "destination-only", { "10.0.0", "pc-q35-10.0" }, { "10.0.0",
      "pc-q35-10.0", { "multifd=true" } }, { NULL },
      .finding = "pair-multifd", .severity = MT_PAIR_INFO,
      .after = "multifd=false" },
    { "preempt-old-destination", { "10.0.0", "pc-q35-6.2" },
      { "6.2.0", "pc-q35-6.2" }, { "postcopy=on", "postcopy.preempt=on" },
      .finding = "setting-refused", .severity = MT_PAIR_REFUSE },
    { "xbzrle-source-only", { "10.0.0", "pc-q35-10.0" },
      { "10.0.0", "pc-q35-10.0" }, { "xbzrle=on" } },
    { "unknown", { "10.0.0", "pc-q35-10.0" }, { "10.0.0", "pc-q35-10.0" },
      { "nonsense=1" }, .finding = "setting-refused",
      .severity = MT_PAIR_REFUSE },
};

/* Puts "NAME=TEXT", as in the table of rows, into @values. */
static void
put_value(const MtCaps *caps, MtSet *values, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "=", 2);
    const MtCapsEntry *entry =
        mt_caps_lookup_qmp(caps, MT_KIND_CAPABILITY, parts[0]);

    if (!entry)
        entry = mt_caps_lookup_qmp(caps, MT_KIND_PARAMETER, parts[0]);
    g_assert_nonnull(entry);
    mt_set_put(values, entry->row, mt_value_from_table(entry->row, parts[1]));
}

/* Removes a value of multifd-compression. */
static void
remove_member(const MtCaps *caps, const char *name)
{
    const MtCapsEntry *entry =
        mt_caps_lookup(caps, mt_row(MT_PARAM_MULTIFD_COMPRESSION));

    for (char **m = entry->members; *m; m++) {
        if (strcmp(*m, name) != 0)
            continue;
        g_free(*m);
        for (char **rest = m; (*rest = rest[1]); rest++)
            continue;
        return;
    }
    g_assert_not_reached();
}

static void
add_object(MtPairSide *side, const Side *facts)
{
    g_auto(GStrv) parts = g_strsplit(facts->object, " ", 3);
    MtPairObject *object = mt_pair_object_new(parts[0], parts[1]);

    object->endpoint = g_strdup(parts[2]);
    object->missing = g_strdup(facts->missing);
    object->no_certificate = g_strdup(facts->no_certificate);
    object->verify = facts->verify;
    object->expires = facts->expires;
    object->names = g_strdup(facts->names);
    g_ptr_array_add(side->objects, object);
}

static GPtrArray *
list_of(const char *text)
{
    GPtrArray *array = g_ptr_array_new_with_free_func(g_free);

    if (text)
        g_ptr_array_add(array, g_strdup(text));
    return array;
}

static MtPairSide *
side_new(const Side *facts, gboolean waits)
{
    MtPairSide *side = mt_pair_side_new();
    guint64 ram = (facts->ram_mib ? facts->ram_mib : 1024) << 20;

    side->version = mt_version_parse(facts->qemu);
    side->caps = mt_caps_new_for_release(mt_version_release(side->version));
    side->state = mt_state_new_default(side->caps);
    for (guint i = 0; i < PAIR_MAX_WORDS && facts->values[i]; i++)
        put_value(side->caps, side->state->values, facts->values[i]);
    if (facts->lacks)
        remove_member(side->caps, facts->lacks);
    g_free(side->state->run_state);
    side->state->run_state = g_strdup(facts->run_state ? facts->run_state
                                      : waits          ? "inmigrate"
                                                       : "running");
    g_free(side->state->migration);
    side->state->migration =
        g_strdup(facts->migration ? facts->migration : "none");
    side->state->listening = facts->listening;
    side->package = g_strdup(facts->package);
    side->machine = g_strdup(facts->machine);
    side->target = g_strdup(facts->target ? facts->target : "x86_64");
    side->uuid = g_strdup(facts->uuid ? facts->uuid : "0");
    side->cpu = g_strdup(facts->cpu ? facts->cpu : "qemu64-x86_64-cpu");
    side->n_cpus = facts->n_cpus ? facts->n_cpus : 2;
    side->kvm = !facts->no_kvm;
    side->ram_bytes = ram;
    side->memory = mt_pair_memories_new();
    if (facts->memory)
        g_ptr_array_add(side->memory,
                        mt_pair_memory_new(facts->memory, ram,
                                           facts->page_size));
    side->objects = mt_pair_objects_new();
    if (facts->object)
        add_object(side, facts);
    side->blockers = list_of(facts->blocker);
    side->unsafe_disks = list_of(facts->disk);
    side->memlock_bytes = facts->memlock ? facts->memlock : G_MAXUINT64;
    side->userfault = !facts->no_userfault;
    side->userfault_why = g_strdup("it is not allowed");
    side->local = 0;
    side->address = g_strdup(facts->address ? facts->address
                             : waits        ? "there"
                                            : "here");
    side->threads = facts->threads ? facts->threads : 1;
    if (facts->libvirt)
        side->libvirt = mt_version_parse(facts->libvirt);

    return side;
}

static void
print_findings(const MtPairing *pairing)
{
    for (guint i = 0; i < pairing->findings->len; i++) {
        const MtPairFinding *one = g_ptr_array_index(pairing->findings, i);

        g_test_message("%s %s: %s",
                       mt_pair_severity_to_string(one->severity), one->id,
                       one->text);
    }
}

static void
check_value(const MtPairSide *side, const MtSet *values, const char *text)
{
    g_autoptr(MtSet) wanted = mt_set_new();

    put_value(side->caps, wanted, text);
    for (guint i = 0; i < mt_set_size(wanted); i++) {
        const MtRow *row = mt_set_nth(wanted, i);

        g_assert_true(mt_value_equal(mt_set_get(wanted, row),
                                     mt_set_get(values, row)));
    }
}

static void
test_case(gconstpointer data)
{
    const Case *c = data;
    g_autoptr(MtPairSide) source = side_new(&c->source, FALSE);
    g_autoptr(MtPairSide) destination = side_new(&c->destination, TRUE);
    g_autoptr(GError) error = NULL;
    virTypedParameterPtr params = NULL;
    int n = 0;
    MtPairing *pairing;
    const MtPairFinding *finding;

    if (c->words[0])
        migtune_typed_params_parse(c->words, &params, &n, &error);
    g_assert_no_error(error);
    pairing = mt_pairing_new(source, destination, params, n, c->policy,
                             c->uri);
    migtune_typed_params_free(params, n);
    print_findings(pairing);

    if (c->finding) {
        finding = mt_pairing_find(pairing, c->finding);
        g_assert_nonnull(finding);
        g_assert_cmpint(finding->severity, ==, c->severity);
        g_assert_cmpint(c->severity == MT_PAIR_REFUSE, ==,
                        !mt_pairing_is_ok(pairing));
    } else {
        for (guint i = 0; i < pairing->findings->len; i++) {
            finding = g_ptr_array_index(pairing->findings, i);
            g_assert_cmpint(finding->severity, <, MT_PAIR_SUBSTITUTE);
        }
    }
    if (c->absent)
        g_assert_null(mt_pairing_find(pairing, c->absent));
    if (c->after) {
        g_autofree char *differences = NULL;

        check_value(source, pairing->source_after, c->after);
        check_value(destination, pairing->destination_after, c->after);
        differences = mt_pairing_compare(pairing, pairing->source_after,
                                         pairing->destination_after);
        g_assert_null(differences);
    }
    /* A refused pair changes nothing. */
    if (!mt_pairing_is_ok(pairing)) {
        g_assert_cmpuint(pairing->source_plan->steps->len, ==, 0);
        g_assert_cmpuint(pairing->destination_plan->steps->len, ==, 0);
    }
    mt_pairing_free(pairing);
}

/* If a fact for a rule is missing, the rule is listed as not checked. */
static void
test_unchecked(void)
{
    static const Side facts = { "10.0.0", "pc-q35-10.0" };
    static const char *const words[] = { "parallel=on", "zerocopy=on", NULL };
    static const char *const expected[] = {
        "devices", "migration-globals", "machine-type", "ram-size", "memlock",
        "disk-cache",
    };
    g_autoptr(MtPairSide) source = side_new(&facts, FALSE);
    g_autoptr(MtPairSide) destination = side_new(&facts, TRUE);
    virTypedParameterPtr params;
    g_autoptr(MtPairing) pairing = NULL;
    int n;

    g_clear_pointer(&source->machine, g_free);
    g_clear_pointer(&source->unsafe_disks, g_ptr_array_unref);
    source->ram_bytes = 0;
    source->memlock_bytes = 0;
    g_assert_true(migtune_typed_params_parse(words, &params, &n, NULL));
    pairing = mt_pairing_new(source, destination, params, n,
                             MT_POLICY_SUBSTITUTE, NULL);
    migtune_typed_params_free(params, n);

    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        gboolean found = FALSE;

        for (guint j = 0; j < pairing->unchecked->len; j++) {
            const MtPairUnchecked *one =
                g_ptr_array_index(pairing->unchecked, j);

            found = found || strcmp(one->id, expected[i]) == 0;
        }
        g_test_message("%s", expected[i]);
        g_assert_true(found);
    }
}

static void
test_compat(void)
{
    static const struct {
        const char *property;
        MtRelease release;
        const char *machine;
        const char *value;
    } values[] = {
        { "multifd-flush-after-each-section", MT_RELEASE(7, 2), "none", "on" },
        { "multifd-flush-after-each-section", MT_RELEASE(8, 1), "none",
          "off" },
        { "multifd-flush-after-each-section", MT_RELEASE(11, 1),
          "pc-q35-8.0", "on" },
        { "multifd-flush-after-each-section", MT_RELEASE(11, 1),
          "pc-q35-8.1", "off" },
        { "x-preempt-pre-7-2", MT_RELEASE(7, 1), "none", "true" },
        { "zero-page-detection", MT_RELEASE(9, 0), "virt-8.2", "legacy" },
        { "send-switchover-start", MT_RELEASE(10, 0), "virt-9.2", "off" },
        { "switchover-ack-legacy", MT_RELEASE(11, 1), "virt-11.1", "off" },
    };

    for (guint i = 0; i < G_N_ELEMENTS(values); i++)
        g_assert_cmpstr(
            mt_compat_value(values[i].property, values[i].release,
                            mt_compat_machine_release(values[i].machine)),
            ==, values[i].value);
    g_assert_cmpuint(mt_compat_machine_release("pc-q35-rhel9.2.0"), ==,
                     MT_RELEASE_NONE);
    for (guint i = 0; mt_compat_nth(i); i++)
        g_assert_true(mt_release_exists(mt_compat_nth(i)->since));
}

static void
test_version(void)
{
    g_autofree char *text = mt_version_format(MT_VERSION(9, 2, 1));

    g_assert_cmpuint(mt_version_parse("9.2.1"), ==, MT_VERSION(9, 2, 1));
    g_assert_cmpuint(mt_version_parse("9.2"), ==, MT_VERSION(9, 2, 0));
    g_assert_cmpuint(mt_version_parse("7.2.22 (Debian)"), ==,
                     MT_VERSION(7, 2, 22));
    g_assert_cmpuint(mt_version_parse("nine"), ==, MT_VERSION_NONE);
    g_assert_cmpuint(mt_version_release(MT_VERSION(9, 2, 1)), ==,
                     MT_RELEASE(9, 2));
    g_assert_cmpstr(text, ==, "9.2.1");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);

    g_test_add_func("/pair/compat", test_compat);
    g_test_add_func("/pair/version", test_version);
    g_test_add_func("/pair/unchecked", test_unchecked);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/pair/", cases[i].name, NULL);

        g_test_add_data_func(path, &cases[i], test_case);
    }

    return g_test_run();
}
