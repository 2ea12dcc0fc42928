/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sequences around a migration: the settings that are allowed before, during
 * and after it, and the results of query-migrate and query-status in each
 * status.
 *
 * A migration to a peer that connects and reads nothing stays in its status for
 * any length of time, whatever is set meanwhile.
 */
#include "config.h"

#include "differ.h"

#define QUERIES "query-migrate", "query-status", "query-migrate-parameters", \
                "query-migrate-capabilities"

#define STORY_TRIES 3

/* Both sides of a post-copy that takes seconds. */
#define POSTCOPY_ON \
    "migrate-set-capabilities {'capabilities': [" \
    "{'capability': 'postcopy-ram', 'state': true}, " \
    "{'capability': 'events', 'state': true}]}", \
    "> migrate-set-capabilities {'capabilities': [" \
    "{'capability': 'postcopy-ram', 'state': true}, " \
    "{'capability': 'events', 'state': true}]}"
#define POSTCOPY_BEGIN \
    POSTCOPY_ON, \
    "migrate-set-parameters {'max-bandwidth': 131072}", \
    "migrate-set-parameters {'max-postcopy-bandwidth': 32768}", \
    "> migrate-incoming {'uri': '$DST'}", "migrate {'uri': '$DST'}", \
    "@wait active", "migrate-start-postcopy", "@wait postcopy-active", \
    "> @wait postcopy-active"

typedef struct {
    const char *name;
    PeerFlags flags;
    const char *steps[64];
} Story;

static const Story stories[] = {
    { "completed", 0, {
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'events', 'state': true}]}",
        "migrate {'uri': '$SINK'}", "@wait completed", QUERIES,
        "migrate_cancel", "query-migrate",
        "migrate-set-parameters {'max-bandwidth': 1000000}",
        "migrate-start-postcopy", "migrate-pause",
        "migrate-continue {'state': 'pre-switchover'}",
        "migrate-continue {'state': 'completed'}",
        "stop", "query-status", "@events",
    } },
    { "completed, then again", 0, {
        "migrate {'uri': '$SINK'}", "@wait completed",
        "migrate {'uri': '$SINK'}", "@settle", QUERIES,
    } },
    { "completed, then cont", PEER_FILLED, {
        "migrate {'uri': '$SINK'}", "@wait completed", "cont", QUERIES,
        "migrate {'uri': '$SINK'}", "@wait completed", QUERIES,
    } },
    { "of a paused guest", PEER_PAUSED, {
        "migrate {'uri': '$SINK'}", "@wait completed", QUERIES,
        "cont", "query-status",
    } },
    { "failed", 0, {
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'events', 'state': true}]}",
        "migrate {'uri': 'unix:/nonexistent/socket'}", "@wait failed",
        QUERIES, "migrate_cancel", "query-migrate",
        "migrate {'uri': '$SINK'}", "@wait completed", QUERIES, "@events",
    } },
    { "an address without a scheme", 0, {
        "migrate {'uri': 'nonsense'}", "@settle", QUERIES,
        "migrate {'uri': '$SINK'}", "@settle", QUERIES,
    } },
    { "cancelled", PEER_FILLED, {
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'events', 'state': true}]}",
        "migrate {'uri': '$STALL'}", "@wait active", QUERIES,
        "migrate {'uri': '$SINK'}", "migrate-incoming {'uri': '$DST'}",
        "migrate_cancel", "@wait cancelled", QUERIES, "migrate_cancel",
        "migrate {'uri': '$SINK'}", "@wait completed", QUERIES, "@events",
    } },
    { "on the side that waits", PEER_INCOMING, {
        "migrate {'uri': '$SINK'}", "query-migrate",
        "migrate-incoming {'uri': '$DST'}", QUERIES,
        "migrate {'uri': '$SINK'}", "migrate_cancel", QUERIES,
    } },
    { "pre-switchover", 0, {
        "migrate-set-capabilities {'capabilities': ["
        "{'capability': 'events', 'state': true}, "
        "{'capability': 'pause-before-switchover', 'state': true}]}",
        "migrate {'uri': '$SINK'}", "@wait pre-switchover", QUERIES,
        "migrate-continue {'state': 'active'}",
        "migrate-continue {'state': 'device'}", "query-migrate",
        "migrate-set-capabilities {'capabilities': []}",
        "migrate-set-parameters {'downtime-limit': 5}",
        "migrate-continue {'state': 'pre-switchover'}", "@wait completed",
        QUERIES, "@events",
    } },
    { "pre-switchover, cancelled", 0, {
        "migrate-set-capabilities {'capabilities': ["
        "{'capability': 'events', 'state': true}, "
        "{'capability': 'pause-before-switchover', 'state': true}]}",
        "migrate {'uri': '$SINK'}", "@wait pre-switchover",
        "migrate_cancel", "@wait cancelled", QUERIES, "@events",
        "migrate {'uri': '$SINK'}", "@wait pre-switchover",
        "migrate-continue {'state': 'pre-switchover'}", "@wait completed",
    } },
    { "received", PEER_FILLED, {
        "> migrate-set-capabilities {'capabilities': "
        "[{'capability': 'events', 'state': true}]}",
        "> query-migrate", "> query-status",
        "> migrate-incoming {'uri': '$DST'}", "> query-status",
        "> migrate-incoming {'uri': '$DST'}",
        "> migrate-set-parameters {'announce-max': 100}",
        "migrate {'uri': '$DST'}", "@wait completed", "> @wait completed",
        "> query-migrate", "> query-status", "> @events",
        "> migrate {'uri': '$SINK'}", "> @wait completed", "> query-migrate",
    } },
    { "received with a way back", PEER_FILLED, {
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'return-path', 'state': true}]}",
        "> migrate-set-capabilities {'capabilities': "
        "[{'capability': 'return-path', 'state': true}]}",
        "> migrate-incoming {'uri': '$DST'}",
        "migrate {'uri': '$DST'}", "@wait completed", "> @wait completed",
        QUERIES, "> query-migrate", "> query-status",
    } },
    { "received, without the events capability", PEER_FILLED, {
        "> migrate-incoming {'uri': '$DST'}",
        "migrate {'uri': '$DST'}", "@wait completed", "> @wait completed",
        "@events", "> @events",
    } },
    { "incoming again", PEER_INCOMING, {
        "migrate-incoming {'uri': 'unix:/nonexistent/socket'}",
        "query-migrate",
        "migrate-incoming {'uri': 'tcp:127.0.0.1'}",
        "migrate-incoming {'uri': 'fd:nonsense'}", "query-migrate",
        "migrate-incoming {'uri': 'nonsense'}",
        "migrate-incoming {'uri': '$DST'}", QUERIES, "@events",
    } },
    { "incoming from a descriptor that there is not", PEER_INCOMING, {
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'events', 'state': true}]}",
        "migrate-incoming {'uri': 'fd:nonsense'}", "query-migrate",
        "migrate-incoming {'uri': '$DST'}", QUERIES, "@events",
    } },
    { "incoming from a file that is not there", PEER_INCOMING, {
        "migrate-incoming {'uri': 'file:/nonexistent/state'}", QUERIES,
    } },
    { "to a file that cannot be", 0, {
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'events', 'state': true}]}",
        "migrate {'uri': 'file:/nonexistent/state'}", QUERIES, "@events",
    } },
    { "received by a paused guest", PEER_FILLED | PEER_PAUSED, {
        "> migrate-incoming {'uri': '$DST'}",
        "migrate {'uri': '$DST'}", "@wait completed", "> @wait completed",
        QUERIES, "> query-migrate", "> query-status", "> cont",
        "> query-status",
    } },
    { "received by multifd", PEER_FILLED, {
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'multifd', 'state': true}]}",
        "> migrate-set-capabilities {'capabilities': "
        "[{'capability': 'multifd', 'state': true}]}",
        "migrate-set-parameters {'multifd-compression': 'zlib'}",
        "> migrate-set-parameters {'multifd-compression': 'zlib'}",
        "> migrate-incoming {'uri': '$DST'}",
        "> migrate-set-capabilities {'capabilities': "
        "[{'capability': 'multifd', 'state': true}]}",
        "> migrate-set-capabilities {'capabilities': "
        "[{'capability': 'multifd', 'state': false}, "
        "{'capability': 'multifd', 'state': true}]}",
        "migrate {'uri': '$DST'}", "@wait completed", "> @wait completed",
        QUERIES, "> query-migrate",
    } },
    { "with xbzrle", PEER_FILLED, {
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'xbzrle', 'state': true}]}",
        "migrate {'uri': '$STALL'}", "@wait active", QUERIES,
        "migrate-set-parameters {'xbzrle-cache-size': 131072}",
        "migrate-set-parameters {'xbzrle-cache-size': 131073}",
        "migrate_cancel", "@wait cancelled", QUERIES,
        "migrate {'uri': '$SINK'}", "@wait completed", QUERIES,
    } },
    { "with compress", PEER_FILLED, {
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'compress', 'state': true}]}",
        "migrate {'uri': '$SINK'}", "@wait completed", QUERIES,
    } },
    { "with auto-converge", PEER_FILLED, {
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'auto-converge', 'state': true}]}",
        "migrate {'uri': '$STALL'}", "@wait active", QUERIES,
        "migrate_cancel", "@wait cancelled", QUERIES,
    } },
    { "objects", 0, {
        "object-add {'qom-type': 'authz-simple', 'id': 'a', 'identity': 'x'}",
        "object-add {'qom-type': 'authz-simple', 'id': 'a', 'identity': 'x'}",
        "object-add {'qom-type': 'authz-simple', 'id': '1', 'identity': 'x'}",
        "object-add {'qom-type': 'nonsense', 'id': 'b'}",
        "object-add {'id': 'b'}", "object-add {'qom-type': 'authz-simple'}",
        "qom-list {'path': '/objects'}", "qom-list {'path': '/nonsense'}",
        "qom-get {'path': '/objects/a', 'property': 'identity'}",
        "qom-get {'path': '/objects/a', 'property': 'nonsense'}",
        "qom-get {'path': '/objects/b', 'property': 'type'}",
        "object-add {'qom-type': 'tls-creds-psk', 'id': 'b', 'dir': "
        "'/nonexistent', 'endpoint': 'client'}",
        "object-add {'qom-type': 'tls-creds-x509', 'id': 'b', 'dir': "
        "'/nonexistent', 'endpoint': 'server'}",
        "object-del {'id': 'a'}", "object-del {'id': 'a'}", "object-del",
    } },
    { "TLS credentials that do not exist", 0, {
        "migrate-set-parameters {'tls-creds': 'none', 'tls-hostname': 'h'}",
        "migrate {'uri': '$SINK'}", "@settle", QUERIES,
    } },
    { "multifd where it cannot be", 0, {
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'multifd', 'state': true}]}",
        "migrate {'uri': 'exec:cat >/dev/null'}", "@settle",
        "query-migrate", "query-status",
    } },
    { "preempt without its transport", 0, {
        "migrate-set-capabilities {'capabilities': ["
        "{'capability': 'postcopy-ram', 'state': true}, "
        "{'capability': 'postcopy-preempt', 'state': true}]}",
        "migrate {'uri': 'exec:cat >/dev/null'}", "@settle",
        "query-migrate", "query-status",
    } },
    { "mapped-ram to a socket", 0, {
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'mapped-ram', 'state': true}]}",
        "migrate {'uri': '$SINK'}", "@settle", "query-migrate",
        "migrate {'uri': 'file:$DIR/state'}", "@settle", "query-migrate",
    } },
    { "post-copy", PEER_FILLED, {
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'postcopy-ram', 'state': true}]}",
        "migrate {'uri': '$STALL'}", "@wait active", QUERIES,
        "migrate-pause", "migrate-start-postcopy", "query-status",
        "migrate-recover {'uri': '$SINK'}",
    } },
    { "post-copy that comes about", PEER_FILLED, {
        POSTCOPY_BEGIN, QUERIES, "> query-migrate", "> query-status",
        "migrate-start-postcopy", "migrate {'uri': '$SINK'}",
        "migrate {'uri': '$SINK', 'resume': true}",
        "migrate-recover {'uri': '$DST'}", "> migrate-recover {'uri': '$DST'}",
        "migrate-continue {'state': 'pre-switchover'}", "cont",
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'xbzrle', 'state': true}]}",
        "> migrate-set-capabilities {'capabilities': "
        "[{'capability': 'xbzrle', 'state': true}]}",
        "> migrate-set-parameters {'max-bandwidth': 100000000}",
        "> stop", "> query-status", "> cont", "> query-status",
        "migrate-set-parameters {'max-postcopy-bandwidth': 0}",
        "@wait completed", "> @wait completed", QUERIES, "> query-migrate",
        "> query-status", "migrate-pause", "> migrate-pause",
        "migrate-start-postcopy", "@events", "> @events",
    } },
    { "post-copy that is interrupted", PEER_FILLED, {
        POSTCOPY_BEGIN, "migrate-pause", "@wait postcopy-paused",
        "> @wait postcopy-paused", QUERIES, "> query-migrate",
        "> query-status", "migrate-pause", "> migrate-pause",
        "migrate-start-postcopy", "migrate {'uri': '$SINK'}",
        "migrate-recover {'uri': '$DST'}", "> migrate-recover {'uri': '$DST'}",
        "migrate {'uri': '$DST', 'resume': true}", "@wait postcopy-active",
        "> @wait postcopy-active", "query-migrate", "> query-migrate",
        "migrate-set-parameters {'max-postcopy-bandwidth': 0}",
        "@wait completed", "> @wait completed", QUERIES, "> query-migrate",
        "@events", "> @events",
    } },
    { "post-copy, cancelled", PEER_FILLED, {
        POSTCOPY_BEGIN, "migrate_cancel",
        "migrate-set-parameters {'max-postcopy-bandwidth': 0}", "@settle",
        "query-migrate", "query-status",
    } },
    { "post-copy requested before the migration", PEER_FILLED, {
        POSTCOPY_ON, "migrate-start-postcopy",
        "> migrate-incoming {'uri': '$DST'}", "migrate {'uri': '$DST'}",
        "@wait completed", "> @wait completed", QUERIES, "> query-migrate",
        "@events", "> @events",
    } },
    { "post-copy that one side does not want", PEER_FILLED, {
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'postcopy-ram', 'state': true}]}",
        "> migrate-incoming {'uri': '$DST'}", "migrate {'uri': '$DST'}",
        "@wait failed", "query-status",
    } },
    { "more channels at the destination", 0, {
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'multifd', 'state': true}]}",
        "> migrate-set-capabilities {'capabilities': "
        "[{'capability': 'multifd', 'state': true}]}",
        "> migrate-set-parameters {'multifd-channels': 4}",
        "> migrate-incoming {'uri': '$DST'}", "migrate {'uri': '$DST'}",
        "@wait completed", "query-migrate", "query-status",
        "> query-migrate", "> query-status",
    } },
    { "multifd at the destination only", 0, {
        "> migrate-set-capabilities {'capabilities': "
        "[{'capability': 'multifd', 'state': true}]}",
        "> migrate-incoming {'uri': '$DST'}", "migrate {'uri': '$DST'}",
        "@wait completed", "query-migrate", "query-status",
        "> query-migrate", "> query-status",
    } },
    { "available bandwidth set while it runs", PEER_FILLED, {
        "migrate-set-parameters {'max-bandwidth': 65536}",
        "migrate {'uri': '$SINK'}", "@wait active", "query-migrate",
        "migrate-set-parameters "
        "{'avail-switchover-bandwidth': 1000000000000}",
        "migrate-set-parameters {'downtime-limit': 2000000}",
        "migrate-set-parameters {'max-bandwidth': 65537}",
        "@wait completed", QUERIES,
    } },
    { "downtime limit raised while it runs", PEER_FILLED, {
        "migrate-set-parameters {'max-bandwidth': 1048576}",
        "migrate {'uri': '$SINK'}", "@wait active",
        "migrate-set-parameters {'downtime-limit': 2000000}",
        "@wait completed", QUERIES,
    } },
    { "less than ten bytes per second", PEER_FILLED, {
        "migrate-set-parameters {'max-bandwidth': 9}",
        "migrate {'uri': '$SINK'}", "@wait completed", QUERIES,
    } },
    { "multifd after what cannot do it", 0, {
        "migrate {'uri': 'exec:cat >/dev/null'}", "@wait completed",
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'multifd', 'state': true}]}",
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'multifd', 'state': false}]}",
        "migrate-set-capabilities {'capabilities': ["
        "{'capability': 'postcopy-ram', 'state': true}, "
        "{'capability': 'postcopy-preempt', 'state': true}]}",
    } },
    { "multifd after an invalid address", 0, {
        "migrate {'uri': 'nonsense'}", "@settle",
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'multifd', 'state': true}]}",
        "migrate {'uri': '$SINK'}", "@settle", "query-migrate",
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'multifd', 'state': true}]}",
    } },
    { "multifd of who waits", PEER_INCOMING, {
        "migrate-incoming {'uri': 'exec:sleep 1'}",
        "migrate-set-capabilities {'capabilities': "
        "[{'capability': 'multifd', 'state': true}]}",
    } },
    { "a mode that needs shared memory", 0, {
        "migrate-set-parameters {'mode': 'cpr-transfer'}", "query-migrate",
        "migrate {'uri': '$SINK'}", "@settle", "query-migrate",
        "migrate-set-parameters {'mode': 'cpr-reboot'}", "query-migrate",
        "migrate {'uri': '$SINK'}", "@settle", "query-migrate",
        "query-status",
    } },
    { "no channels", 0, {
        "migrate {'uri': '$SINK', 'channels': []}", "@settle",
        "query-migrate",
    } },
    { "received, and no channels", PEER_INCOMING, {
        "migrate-incoming {'uri': '$DST', 'channels': []}", "query-migrate",
    } },
    { "a channel", 0, {
        "migrate {'channels': [{'channel-type': 'main', 'addr': {'transport': "
        "'exec', 'args': ['/bin/sh', '-c', 'cat >/dev/null']}}]}", "@settle",
        "query-migrate",
    } },
    { "by the other monitor", 0, {
        "human-monitor-command {'command-line': "
        "'migrate_set_capability events on'}",
        "human-monitor-command {'command-line': 'migrate -d $SINK'}",
        "@wait completed", QUERIES,
        "human-monitor-command {'command-line': 'migrate -d $SINK'}",
        "@settle", "query-migrate",
        "human-monitor-command {'command-line': 'cont'}", "query-status",
        "human-monitor-command {'command-line': 'migrate $SINK'}",
        "@settle", QUERIES, "@events",
    } },
    { "incoming by the other monitor", PEER_INCOMING, {
        "human-monitor-command {'command-line': 'migrate_incoming $DST'}",
        QUERIES,
        "human-monitor-command {'command-line': 'migrate_incoming $DST'}",
    } },
    { "to a command", 0, {
        "migrate {'uri': 'exec:cat >/dev/null'}", "@wait completed", QUERIES,
    } },
    { "to a descriptor that there is not", 0, {
        "migrate {'uri': 'fd:nonsense'}", "query-migrate",
        "migrate {'uri': 'fd:'}", "query-migrate",
    } },
    { "to a file", 0, {
        "migrate {'uri': 'file:$DIR/state'}", "@settle", "query-migrate",
        "migrate {'uri': 'file:'}", "@settle", "query-migrate",
    } },
};

static void
story_run_once(Differ *differ, const Story *story)
{
    Sequence *sequence = sequence_new(story->name, story->flags);

    for (gsize i = 0; i < G_N_ELEMENTS(story->steps) && story->steps[i]; i++)
        sequence_add(sequence, "%s", story->steps[i]);
    sequence_set_fresh(sequence);
    differ_run(differ, sequence);
}

/*
 * A real QEMU differs from run to run: right after a change of status its
 * answers depend on its threads, and up to 7.2 a multifd migration fails if a
 * channel connects before the main one. A difference that does not occur with
 * new guests is discarded.
 */
static void
story_run(Differ *differ, const Story *story)
{
    guint max = differ_is_of_one_release(differ) ? STORY_TRIES : 1;
    Report *report = differ_report(differ);

    for (guint tries = 1;; tries++) {
        report_hold(report);
        story_run_once(differ, story);
        if (!report_n_held(report) || tries == max) {
            report_release(report, TRUE);
            return;
        }
        g_test_message("\"%s\" is told once more", story->name);
        report_release(report, FALSE);
    }
}

void
differ_story_sequences(Differ *differ)
{
    for (gsize i = 0; i < G_N_ELEMENTS(stories); i++) {
        if (differ_has_ref(differ) || differ_takes(differ))
            story_run(differ, &stories[i]);
    }
}

/* ---- all settings in each lasting status ---- */

typedef struct {
    const char *name;
    PeerFlags flags;
    const char *before[4];
} Situation;

static const Situation situations[] = {
    { "while it runs", PEER_FILLED,
      { "migrate {'uri': '$STALL'}", "@wait active" } },
    { "after it completed", 0,
      { "migrate {'uri': '$SINK'}", "@wait completed" } },
    { "after it failed", 0,
      { "migrate {'uri': 'unix:/nonexistent/socket'}", "@wait failed" } },
    { "after it was cancelled", PEER_FILLED,
      { "migrate {'uri': '$STALL'}", "@wait active", "migrate_cancel",
        "@wait cancelled" } },
    { "while it waits", PEER_INCOMING,
      { "migrate-incoming {'uri': '$DST'}" } },
};

static Sequence *
situation_begin(const Situation *situation, const char *what)
{
    g_autofree char *name = g_strdup_printf("%s %s", what, situation->name);
    Sequence *sequence = sequence_new(name, situation->flags);

    for (gsize i = 0; i < G_N_ELEMENTS(situation->before); i++) {
        if (situation->before[i])
            sequence_add(sequence, "%s", situation->before[i]);
    }
    sequence_set_fresh(sequence);
    return sequence;
}

/* The number of names that share a sequence and its guests. */
#define TOGETHER 4

static void
situation_capabilities(Differ *differ, const Situation *situation)
{
    GPtrArray *names = differ_facts(differ)->capabilities;
    Sequence *sequence = NULL;

    for (guint i = 0; i < names->len; i++) {
        g_autofree char *on = step_capability(names->pdata[i], TRUE);
        g_autofree char *off = step_capability(names->pdata[i], FALSE);

        if (!sequence)
            sequence = situation_begin(situation, names->pdata[i]);
        sequence_add(sequence, "%s", off);
        sequence_add(sequence, "%s", on);
        sequence_add(sequence, "%s", on);
        sequence_add(sequence, "%s", off);
        if ((i + 1) % TOGETHER && i + 1 < names->len)
            continue;
        if (!differ_takes(differ)) {
            g_clear_pointer(&sequence, sequence_free);
            continue;
        }
        sequence_add(sequence,
                     "migrate-set-capabilities {'capabilities': []}");
        sequence_add(sequence, "query-migrate");
        differ_run(differ, g_steal_pointer(&sequence));
    }
}

/* All valid values, and some invalid ones. */
static void
situation_parameter(Sequence *sequence, const Facts *facts, const char *name)
{
    guint n_right;
    g_autoptr(GPtrArray) values = differ_values(facts, name, &n_right);

    for (guint i = 0; i < MIN(n_right + 12, values->len); i++) {
        g_autofree char *step = step_parameter(name, values->pdata[i]);

        sequence_add(sequence, "%s", step);
    }
}

static void
situation_parameters(Differ *differ, const Situation *situation)
{
    const Facts *facts = differ_facts(differ);
    GPtrArray *names = facts->parameters;
    Sequence *sequence = NULL;

    for (guint i = 0; i < names->len; i++) {
        if (!sequence)
            sequence = situation_begin(situation, names->pdata[i]);
        situation_parameter(sequence, facts, names->pdata[i]);
        if ((i + 1) % TOGETHER && i + 1 < names->len)
            continue;
        if (!differ_takes(differ)) {
            g_clear_pointer(&sequence, sequence_free);
            continue;
        }
        sequence_add(sequence, "query-migrate");
        differ_run(differ, g_steal_pointer(&sequence));
    }
}

/* Commands that would end the status, or start one that does not last. */
static const char *const leaving[] = {
    "migrate", "migrate_cancel", "migrate-incoming", "calc-dirty-rate", NULL,
};

static void
situation_commands(Differ *differ, const Situation *situation)
{
    GPtrArray *commands = differ_facts(differ)->commands;
    Sequence *sequence = situation_begin(situation, "commands");

    for (guint i = 0; i < commands->len; i++) {
        if (!g_strv_contains(leaving, commands->pdata[i])) {
            sequence_add(sequence, "%s", (char *)commands->pdata[i]);
            sequence_add(sequence, "%s {}", (char *)commands->pdata[i]);
        }
        sequence_add(sequence, "%s {'nonsense': 1}",
                     (char *)commands->pdata[i]);
    }
    sequence_add(sequence, "migrate-continue {'state': 'pre-switchover'}");
    sequence_add(sequence, "migrate-recover {'uri': '$SINK'}");
    sequence_add(sequence, "migrate {'uri': '$SINK', 'resume': true}");
    sequence_add(sequence, "query-migrate");
    sequence_add(sequence, "query-status");
    sequence_add(sequence, "migrate_cancel");
    differ_run(differ, sequence);
}

void
differ_situation_sequences(Differ *differ)
{
    for (gsize i = 0; i < G_N_ELEMENTS(situations); i++) {
        situation_capabilities(differ, &situations[i]);
        situation_parameters(differ, &situations[i]);
        situation_commands(differ, &situations[i]);
    }
}
