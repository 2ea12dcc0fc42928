/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a cache file: a miss, or a result that can be written and read
 * again.
 */
#include "config.h"

#include "fuzz.h"
#include "probe/cache.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(MtCaps) caps = mt_cache_parse((const char *)data, size, "k");
    g_autoptr(MtCaps) again = NULL;
    g_autoptr(JsonNode) json = NULL;

    if (!caps)
        return 0;
    json = mt_caps_to_json(caps);
    again = mt_caps_from_json(json);
    g_assert_nonnull(again);
    g_assert_cmpuint(mt_caps_size(again), ==, mt_caps_size(caps));

    return 0;
}
