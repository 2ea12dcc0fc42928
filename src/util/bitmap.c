/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bitmaps of fixed size.
 *
 * Everything is done on 64-bit words with the compiler's atomic operations.
 * A bit is set without testing it first: a plain load could be reordered before
 * the write to the page that the bit stands for, and a thread that drains the
 * bitmap in between would lose that write.
 */
#include "config.h"

#include "util/bitmap.h"

#define WORD_BITS 64

static inline guint64
bitmap_load(const MtBitmap *bitmap, guint64 word)
{
    return __atomic_load_n(&bitmap->words[word], __ATOMIC_ACQUIRE);
}

MtBitmap *
mt_bitmap_new(guint64 n_bits)
{
    MtBitmap *bitmap = g_new0(MtBitmap, 1);

    bitmap->n_bits = n_bits;
    bitmap->n_words = n_bits / WORD_BITS + (n_bits % WORD_BITS != 0);
    bitmap->words = g_new0(guint64, bitmap->n_words);
    return bitmap;
}

void
mt_bitmap_free(MtBitmap *bitmap)
{
    if (!bitmap)
        return;

    g_free(bitmap->words);
    g_free(bitmap);
}

gboolean
mt_bitmap_set(MtBitmap *bitmap, guint64 bit)
{
    guint64 mask = G_GUINT64_CONSTANT(1) << (bit % WORD_BITS);
    guint64 *word = &bitmap->words[bit / WORD_BITS];

    g_assert(bit < bitmap->n_bits);

    return (__atomic_fetch_or(word, mask, __ATOMIC_ACQ_REL) & mask) != 0;
}

gboolean
mt_bitmap_clear(MtBitmap *bitmap, guint64 bit)
{
    guint64 mask = G_GUINT64_CONSTANT(1) << (bit % WORD_BITS);
    guint64 *word = &bitmap->words[bit / WORD_BITS];

    g_assert(bit < bitmap->n_bits);
    return (__atomic_fetch_and(word, ~mask, __ATOMIC_ACQ_REL) & mask) != 0;
}

gboolean
mt_bitmap_test(const MtBitmap *bitmap, guint64 bit)
{
    g_assert(bit < bitmap->n_bits);
    return (bitmap_load(bitmap, bit / WORD_BITS) >> (bit % WORD_BITS)) & 1;
}

/* The bits of @word that lie in [first, end). */
static inline guint64
bitmap_mask(guint64 word, guint64 first, guint64 end)
{
    guint64 base = word * WORD_BITS;
    guint64 mask = G_MAXUINT64;

    if (first > base)
        mask &= G_MAXUINT64 << (first - base);
    if (end - base < WORD_BITS)
        mask &= ~(G_MAXUINT64 << (end - base));
    return mask;
}

static void
bitmap_check_range(const MtBitmap *bitmap, guint64 first, guint64 n)
{
    g_assert(first <= bitmap->n_bits && n <= bitmap->n_bits - first);
}

guint64
mt_bitmap_set_range(MtBitmap *bitmap, guint64 first, guint64 n)
{
    guint64 end = first + n;
    guint64 changed = 0;

    bitmap_check_range(bitmap, first, n);
    for (guint64 i = first / WORD_BITS; i * WORD_BITS < end; i++) {
        guint64 mask = bitmap_mask(i, first, end);
        guint64 old =
            __atomic_fetch_or(&bitmap->words[i], mask, __ATOMIC_ACQ_REL);

        changed += __builtin_popcountll(mask & ~old);
    }
    return changed;
}

guint64
mt_bitmap_clear_range(MtBitmap *bitmap, guint64 first, guint64 n)
{
    guint64 end = first + n;
    guint64 changed = 0;

    bitmap_check_range(bitmap, first, n);
    for (guint64 i = first / WORD_BITS; i * WORD_BITS < end; i++) {
        guint64 mask = bitmap_mask(i, first, end);
        guint64 old =
            __atomic_fetch_and(&bitmap->words[i], ~mask, __ATOMIC_ACQ_REL);

        changed += __builtin_popcountll(mask & old);
    }
    return changed;
}

guint64
mt_bitmap_count(const MtBitmap *bitmap)
{
    guint64 count = 0;

    for (guint64 i = 0; i < bitmap->n_words; i++)
        count += __builtin_popcountll(bitmap_load(bitmap, i));
    return count;
}

/* The first bit at or after @from of the bitmap whose words are xored with
 * @flip. */
static guint64
bitmap_next(const MtBitmap *bitmap, guint64 from, guint64 flip)
{
    guint64 i = from / WORD_BITS;
    guint64 word;

    if (from >= bitmap->n_bits)
        return MT_BITMAP_NONE;

    word = (bitmap_load(bitmap, i) ^ flip) & (G_MAXUINT64 << (from % WORD_BITS));
    while (!word) {
        if (++i >= bitmap->n_words)
            return MT_BITMAP_NONE;
        word = bitmap_load(bitmap, i) ^ flip;
    }

    from = i * WORD_BITS + __builtin_ctzll(word);
    return from < bitmap->n_bits ? from : MT_BITMAP_NONE;
}

guint64
mt_bitmap_next_set(const MtBitmap *bitmap, guint64 from)
{
    return bitmap_next(bitmap, from, 0);
}

guint64
mt_bitmap_next_clear(const MtBitmap *bitmap, guint64 from)
{
    return bitmap_next(bitmap, from, G_MAXUINT64);
}

guint64
mt_bitmap_drain(MtBitmap *from, MtBitmap *into, guint64 *ret_moved)
{
    guint64 gained = 0;
    guint64 moved = 0;

    g_assert(from->n_bits == into->n_bits);

    for (guint64 i = 0; i < from->n_words; i++) {
        guint64 word;
        guint64 old;

        if (!__atomic_load_n(&from->words[i], __ATOMIC_RELAXED))
            continue;

        word = __atomic_exchange_n(&from->words[i], 0, __ATOMIC_ACQ_REL);
        old = __atomic_fetch_or(&into->words[i], word, __ATOMIC_ACQ_REL);
        moved += __builtin_popcountll(word);
        gained += __builtin_popcountll(word & ~old);
    }

    if (ret_moved)
        *ret_moved = moved;
    return gained;
}
