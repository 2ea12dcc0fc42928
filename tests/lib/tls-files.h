/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Files for TLS credentials, made when a test runs: directories with the names
 * that QEMU expects, such as ca-cert.pem, server-key.pem and keys.psk.
 *
 *     good        certificates and a key for the user "qemu"
 *     beta        the same authority; the server is "beta"
 *     expired     the same authority; the server's certificate has expired
 *     other-name  the same authority; the server is "elsewhere.example"
 *     other-ca    another authority and another PSK key
 *     no-client   no certificate for the client
 *     no-key      no private keys
 */

#include <glib.h>

typedef struct TlsFiles TlsFiles;

TlsFiles *tls_files_new(void);
void tls_files_free(TlsFiles *files);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TlsFiles, tls_files_free)

/* The path of one of the directories above.  To be freed. */
char *tls_files_dir(const TlsFiles *files, const char *name);
