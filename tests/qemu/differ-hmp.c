/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The human monitor, by human-monitor-command: its lines are compared with
 * those of QEMU, except for the text after "Error".
 */
#include "config.h"

#include "differ.h"

/* Run in this order on one guest. */
static const char *const talks[][24] = {
    { "info migrate", "info  migrate", " info migrate ", "info migrate x",
      "info migrate_parameters", "info migrate_parameters x",
      "info migrate_capabilities", "info status", "info status x",
      "info uuid", "info kvm", "info nonsense", "info nonsense x",
      "nonsense", "nonsense x", "INFO migrate", "" },
    { "stop", "info status", "cont", "info status", "stop x", "cont x",
      "migrate_cancel", "migrate_cancel x", "migrate_pause",
      "migrate_start_postcopy", "migrate_continue",
      "migrate_continue nonsense", "migrate_continue active",
      "migrate_recover x", "migrate_incoming", "migrate_incoming nonsense",
      "migrate", "migrate -x y", "migrate nonsense", "info migrate" },
    { "migrate_set_capability", "migrate_set_capability xbzrle on",
      "migrate_set_capability xbzrle 1", "migrate_set_capability xbzrle on x",
      "migrate_set_capability nonsense on",
      "migrate_set_capability compress on",
      "migrate_set_capability multifd on",
      "migrate_set_capability postcopy-preempt on",
      "migrate_set_capability multifd off", "info migrate_capabilities" },
    { "migrate_set_parameter", "migrate_set_parameter downtime-limit",
      "migrate_set_parameter nonsense 1", "migrate_set_parameter max_bandwidth 1",
      "migrate_set_parameter max-bandwidth 10",
      "migrate_set_parameter max-bandwidth 11M",
      "migrate_set_parameter max-bandwidth 1.5M",
      "migrate_set_parameter max-bandwidth -1",
      "migrate_set_parameter max-bandwidth x",
      "migrate_set_parameter max-bandwidth 1 2",
      "migrate_set_parameter xbzrle-cache-size 1M",
      "migrate_set_parameter xbzrle-cache-size 4096",
      "migrate_set_parameter xbzrle-cache-size 100",
      "migrate_set_parameter max-postcopy-bandwidth 7",
      "migrate_set_parameter avail-switchover-bandwidth 7",
      "migrate_set_parameter downtime-limit 400",
      "migrate_set_parameter downtime-limit x",
      "migrate_set_parameter downtime-limit 99999999",
      "migrate_set_parameter announce-initial 70",
      "info migrate_parameters" },
    { "migrate_set_parameter cpu-throttle-initial 0",
      "migrate_set_parameter cpu-throttle-initial 30",
      "migrate_set_parameter cpu-throttle-tailslow on",
      "migrate_set_parameter cpu-throttle-tailslow x",
      "migrate_set_parameter multifd-channels 3",
      "migrate_set_parameter multifd-channels 300",
      "migrate_set_parameter multifd-compression zlib",
      "migrate_set_parameter multifd-compression nonsense",
      "migrate_set_parameter multifd-zlib-level 3",
      "migrate_set_parameter compress-level 9",
      "migrate_set_parameter compress-level 10",
      "migrate_set_parameter tls-creds abc",
      "migrate_set_parameter mode normal",
      "migrate_set_parameter zero-page-detection legacy",
      "migrate_set_parameter vcpu-dirty-limit 3",
      "migrate_set_parameter direct-io on",
      "migrate_set_parameter block-bitmap-mapping x",
      "info migrate_parameters" },
    { "migrate_set_parameter downtime-limit 0.5",
      "migrate_set_parameter downtime-limit 1.5k",
      "migrate_set_parameter downtime-limit 0x10",
      "migrate_set_parameter max-cpu-throttle 99.5",
      "migrate_set_parameter xbzrle-cache-size 1.5M",
      "migrate_set_parameter max-bandwidth 0.5",
      "migrate_set_parameter announce-initial 0.5",
      "migrate_set_parameter cpu-throttle-tailslow yes",
      "migrate_set_parameter cpu-throttle-tailslow false",
      "migrate_set_parameter cpu-throttle-tailslow y",
      "migrate_set_parameter cpu-throttle-tailslow n",
      "migrate_set_parameter cpu-throttle-tailslow no",
      "migrate_set_parameter cpu-throttle-tailslow true",
      "migrate_set_parameter cpu-throttle-tailslow ON",
      "migrate_set_parameter cpu-throttle-tailslow 1",
      "migrate_set_capability xbzrle yes",
      "migrate_set_capability xbzrle true", "info migrate_parameters" },
    { "migrate -d -b", "migrate -b -d x:y", "migrate -d -d x:y",
      "migrate -db x:y", "migrate -i -b x:y", "migrate -d", "migrate -r x:y",
      "migrate -r unix:/x", "migrate -d -r unix:/x",
      "migrate -d -b -i -r unix:/x", "migrate - x", "info migrate_capabilities",
      "announce_self", "announce_self x", "announce_self x y",
      "announce_self x y z" },
    { "calc_dirty_rate", "calc_dirty_rate 0", "calc_dirty_rate x",
      "calc_dirty_rate -r -b 1", "calc_dirty_rate -b -r 1",
      "calc_dirty_rate 1 5", "calc_dirty_rate 99", "info dirty_rate",
      "info dirty_rate x", "calc_dirty_rate 1 2 3",
      /* The last one: whether the migration has ended depends on the
       * machine. */
      "calc_dirty_rate 2 200" },
    { "migrate_set_speed 10M", "migrate_set_speed 5", "migrate_set_speed x",
      "migrate_set_downtime 0.5", "migrate_set_downtime x",
      "migrate_set_cache_size 64K", "info migrate_parameters" },
};

void
differ_hmp_sequences(Differ *differ)
{
    static const PeerFlags flags[] = { 0, PEER_INCOMING, PEER_PAUSED };

    for (gsize i = 0; i < G_N_ELEMENTS(flags); i++) {
        for (gsize j = 0; j < G_N_ELEMENTS(talks); j++) {
            g_autofree char *name = g_strdup_printf("talk %zu", j);
            Sequence *sequence = sequence_new(name, flags[i]);

            for (gsize k = 0; k < G_N_ELEMENTS(talks[j]) && talks[j][k]; k++)
                sequence_add(sequence, "human-monitor-command "
                             "{'command-line': '%s'}", talks[j][k]);
            sequence_set_fresh(sequence);
            differ_run(differ, sequence);
        }
    }
}
