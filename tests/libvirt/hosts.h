/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Hosts with a libvirt of their own, in namespaces: see host.sh.  Guests are
 * real QEMUs with TCG that write to 143 pages of their memory for ever.
 */

#include <glib.h>
#include <libvirt/libvirt.h>

G_BEGIN_DECLS

typedef struct {
    char *dir;
    char *uri;
    char *address;
    GPid pid;
    virConnectPtr conn;
} Host;

/* Once, after g_test_init().  FALSE when something is missing for a host on
 * this machine: the program is skipped, and says why. */
gboolean hosts_can_be(void);

/* For a child that is to end with this process. */
void hosts_child_setup(gpointer data);

/* Starts a host, in a network with @peer unless that is NULL; what fails ends
 * the program. */
Host *host_new(const char *name, guint nth, const Host *peer);
void host_free(Host *host);

/* Kills the daemon, while its guests run on, and starts it again. */
void host_kill_daemon(Host *host);
void host_revive(Host *host);

/* Stops the daemon in its tracks, and lets it go on. */
void host_hang_daemon(Host *host);
void host_wake_daemon(Host *host);

/* Defines a guest, and starts it if it is to @run. */
virDomainPtr host_add_guest(Host *host, const char *name, gboolean run);

/* Waits until the guest writes to its memory. */
void host_wait_busy(Host *host, const char *name);

/* What a command prints, both streams, after "exit STATUS" if that is not 0;
 * for g_free(). */
char *host_virsh(const Host *host, ...) G_GNUC_NULL_TERMINATED;
char *host_migtune(const Host *host, ...) G_GNUC_NULL_TERMINATED;
char *hosts_run(const char *const *words);

void assert_has(const char *text, const char *part);
void assert_lacks(const char *text, const char *part);

G_END_DECLS
