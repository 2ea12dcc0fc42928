/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Hosts that each have their own libvirt daemon, in namespaces: see host.sh.
 * Guests are real QEMUs with TCG that write to 143 pages of their memory in an
 * endless loop.
 */

#include <glib.h>
#include <libvirt/libvirt.h>

G_BEGIN_DECLS

/* A time limit for a daemon on a busy machine, in milliseconds. */
#define HOST_PATIENCE_MS 60000

typedef struct {
    char *dir;
    char *uri;
    char *address;
    GPid pid;
    virConnectPtr conn;
} Host;

/* Call it once, after g_test_init().  Returns FALSE if this machine lacks
 * something for a host; then the test program is skipped and prints the
 * reason. */
gboolean hosts_can_be(void);

/* For child processes that must end when this process ends. */
void hosts_child_setup(gpointer data);

/* Starts a host.  If @peer is not NULL, both hosts are in one network.  A
 * failure ends the program. */
Host *host_new(const char *name, guint nth, const Host *peer);
/* The same with additional lines of qemu.conf and libvirtd.conf; NULL: none. */
Host *host_new_configured(const char *name, guint nth, const Host *peer,
                          const char *qemu_conf, const char *libvirtd_conf);
void host_free(Host *host);

/* Kills the daemon without its guests; host_revive() starts it again. */
void host_kill_daemon(Host *host);
void host_revive(Host *host);

/* Stops the daemon with SIGSTOP; host_wake_daemon() continues it. */
void host_hang_daemon(Host *host);
void host_wake_daemon(Host *host);

/* Defines a guest; starts it if @run. */
virDomainPtr host_add_guest(Host *host, const char *name, gboolean run);

/* Destroys and undefines the guest, if the host has it. */
void host_remove_guest(const Host *host, const char *name);

/* Waits until the guest writes to its memory. */
void host_wait_busy(Host *host, const char *name);

/* Returns the output of a command (stdout and stderr), after "exit STATUS"
 * if the status is not 0.  Free with g_free(). */
char *host_virsh(const Host *host, ...) G_GNUC_NULL_TERMINATED;
char *host_migtune(const Host *host, ...) G_GNUC_NULL_TERMINATED;
char *hosts_run(const char *const *words);

/* The command that compares JSON with the schema; for g_free(). */
char *hosts_find_migtune(void);

void assert_has(const char *text, const char *part);
void assert_lacks(const char *text, const char *part);

G_END_DECLS
