/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Shared by the files of the program `tuning`: real QEMUs that are tuned through the
 * public API and checked over a separate monitor.
 */

#include "guest.h"
#include "migtune/migtune.h"

G_BEGIN_DECLS

typedef struct {
    JsonNode *catalogue;
    GHashTable *counts;         /* "5.2 rows set": how many */
    char *dir;                  /* of the journal and the cache */
} Tuning;

/* A test of one release. */
typedef struct {
    Tuning *tuning;
    const char *release;
} Case;

/* Registers @func for every release that the tests know. */
void tuning_add(Tuning *tuning, const char *path, void (*func)(Case *));

void tuning_add_rows(Tuning *tuning);
void tuning_add_limits(Tuning *tuning);
void tuning_add_conflicts(Tuning *tuning);
void tuning_add_faults(Tuning *tuning);
void tuning_add_busy(Tuning *tuning);
void tuning_add_rivals(Tuning *tuning);
void tuning_add_kept(Tuning *tuning);

/* "tuning --tune PATH WORD...": sets, and prints "done" or an error. */
int tuning_child(char **args);

/* Increments the counter of @what, which is printed at the end. */
void tuning_count(const Case *test, const char *what);

/* "7.2" as 702, so that releases compare. */
guint tuning_release(const char *text);

/* A guest, a proxy that records what is sent, and the domain behind it. */
typedef struct {
    const Case *test;
    Guest *guest;
    Proxy *proxy;
    MigtuneConn *conn;
    MigtuneDomain *domain;
    JsonNode *probe;            /* of migtune_domain_probe() */
} Tuned;

/* @more has further options of the proxy, or is NULL. */
void tuned_up(Tuned *tuned, const Case *test, Guest *guest,
              const char *const *more);
void tuned_down(Tuned *tuned);

/* The domain behind the socket @path. */
MigtuneDomain *tuned_open(const char *path, GCancellable *cancellable,
                          MigtuneConn **ret_conn);

/* Whether QEMU has the value, with or without an effect. */
gboolean tuning_is_set(MigtuneVerdict verdict);

/* Plans @words, NULL-terminated. */
MigtunePlan *tuned_plan(Tuned *tuned, const char *const *words,
                        unsigned int flags);

/* Restores the state @before and checks it. */
void tuned_put_back(Tuned *tuned, const char *before);

/* Checks that @plan is refused with @code and that nothing was sent. */
void tuned_assert_refused(Tuned *tuned, MigtunePlan *plan,
                          MigtuneErrorCode code, const char *before);

/* Whether this QEMU has the row, and with @value that member of an enum. */
gboolean tuned_has(const Tuned *tuned, const char *name, const char *value);

/* The row with this name, ours or QEMU's. */
JsonObject *tuning_row(const Tuning *tuning, const char *name);

/* A setting in all its forms. */
typedef struct {
    char *ours;                 /* "bandwidth=256" */
    char *theirs;               /* "max-bandwidth=268435456" */
    char *wire;                 /* "268435456", JSON */
} Setting;

void setting_clear(Setting *setting);

/*
 * A legal value of @row that differs from its present value in the guest.
 */
void tuned_choose(Tuned *tuned, JsonObject *row, Setting *setting);

/* The settings that @row needs to be accepted or to have an effect: "a=on". */
void tuned_add_needs(Tuned *tuned, JsonObject *row, GPtrArray *words);

/* QEMU's reason why @row is not supported on this host; NULL if it is. */
char *tuned_host_refusal(Tuned *tuned, JsonObject *row);

G_END_DECLS
