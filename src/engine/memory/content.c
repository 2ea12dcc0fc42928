/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Content for the pages of a simulated guest.
 *
 * Each page depends only on the seed and its index, so a single page can be made
 * again.  The mixed image has the proportions of images that migration is usually
 * measured with; neighbouring pages have the same kind, as in a real guest.
 */
#include "config.h"

#include <string.h>

#include "engine/memory/workload.h"
#include "engine/memory/workload-private.h"

/* Pages of one kind in a row in the mixed image. */
#define MIXED_RUN 16

static const char *const content_names[MT_CONTENT_N] = {
    [MT_CONTENT_ZERO] = "zero",     [MT_CONTENT_SPARSE] = "sparse",
    [MT_CONTENT_TEXT] = "text",     [MT_CONTENT_RANDOM] = "random",
    [MT_CONTENT_MIXED] = "mixed",
};

/* Shares of the mixed image in percent. */
static const struct {
    MtContent content;
    guint percent;
} mixed_shares[] = {
    { MT_CONTENT_ZERO, 35 },
    { MT_CONTENT_TEXT, 45 },
    { MT_CONTENT_RANDOM, 10 },
    { MT_CONTENT_SPARSE, 10 },
};

static const char text_syllables[][4] = {
    "ba", "ter", "li", "on", "ver", "da", "mi", "ner", "so", "ka", "pre",
    "ul", "ti", "en", "gor", "fa", "lu", "sta", "chi", "or", "ne", "qua",
    "is", "dom", "re", "al", "vi", "tum", "per", "co", "ed", "xi",
};

const char *
mt_content_name(MtContent content)
{
    return content_names[content];
}

gboolean
mt_content_from_name(const char *name, MtContent *ret_content)
{
    for (guint i = 0; i < MT_CONTENT_N; i++) {
        if (strcmp(name, content_names[i]) == 0) {
            *ret_content = i;
            return TRUE;
        }
    }
    return FALSE;
}

/* A hash of both numbers. */
static guint64
content_mix(guint64 a, guint64 b)
{
    guint64 state = a ^ (b * G_GUINT64_CONSTANT(0xd1342543de82ef95));

    return mt_random_next(&state);
}

static void
content_random(guint64 state, guint8 *page)
{
    for (guint at = 0; at < MT_PAGE_SIZE; at += sizeof(guint64)) {
        guint64 word = mt_random_next(&state);

        memcpy(page + at, &word, sizeof(word));
    }
}

static void
content_sparse(guint64 state, guint8 *page)
{
    guint n = 1 + mt_random_next(&state) % 16;

    memset(page, 0, MT_PAGE_SIZE);
    for (guint i = 0; i < n; i++) {
        guint64 word = mt_random_next(&state);

        page[word % MT_PAGE_SIZE] = 1 + (word >> 32) % 255;
    }
}

/* Appends the @n bytes at @what, cut at the end of the page. */
static guint
content_append(guint8 *page, guint at, const char *what, guint n)
{
    n = MIN(n, MT_PAGE_SIZE - at);
    memcpy(page + at, what, n);
    return at + n;
}

/* Lines of invented words, some much more frequent than others, and numbers. */
static void
content_text(guint64 state, guint8 *page)
{
    guint at = 0;

    while (at < MT_PAGE_SIZE) {
        guint64 bits = mt_random_next(&state);
        guint word = (bits & 0x3ff) * ((bits >> 10) & 0x3ff) >> 10;
        guint kind = (bits >> 20) % 16;
        char number[24];

        if (kind == 0) {
            int n = g_snprintf(number, sizeof(number), "%u%c",
                               (guint)(bits >> 32) % 100000,
                               (bits >> 31) & 1 ? '\n' : ' ');

            at = content_append(page, at, number, n);
            continue;
        }

        for (guint i = 0; i < 1 + (word & 3); i++) {
            guint pick = (word * 2654435761u >> (5 * i + 7)) & 31;
            const char *syllable = text_syllables[pick];

            at = content_append(page, at, syllable, strlen(syllable));
        }
        at = content_append(page, at, kind == 1 ? ".\n" : " ", kind == 1 ? 2 : 1);
    }
}

static MtContent
content_of_mixed(guint64 seed, guint64 index)
{
    guint roll = content_mix(seed, index / MIXED_RUN) % 100;
    guint i = 0;

    while (roll >= mixed_shares[i].percent)
        roll -= mixed_shares[i++].percent;
    return mixed_shares[i].content;
}

void
mt_content_fill(MtContent content, guint64 seed, guint64 index, guint8 *page)
{
    guint64 state = content_mix(seed + 1, index);

    if (content == MT_CONTENT_MIXED)
        content = content_of_mixed(seed, index);

    switch (content) {
    case MT_CONTENT_SPARSE:
        content_sparse(state, page);
        break;
    case MT_CONTENT_TEXT:
        content_text(state, page);
        break;
    case MT_CONTENT_RANDOM:
        content_random(state, page);
        break;
    default:
        memset(page, 0, MT_PAGE_SIZE);
        break;
    }
}

void
mt_content_fill_ram(MtContent content, guint64 seed, MtRam *ram)
{
    for (guint i = 0; i < mt_ram_n_blocks(ram); i++) {
        MtRamBlock *block = mt_ram_block(ram, i);

        for (guint64 p = 0; p < block->n_pages; p++)
            mt_content_fill(content, seed, block->first_page + p,
                            block->host + (p << MT_PAGE_SHIFT));
    }
}
