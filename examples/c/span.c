/* The slots of one span, in C: freeindex, allocBits and the 64-bit allocCache in front of it.

   A process:  cc -O2 -pthread -DSPANSPEC_MAIN -o span span.c
               spanspec fuzz --exec ./span
   A library:  cc -O2 -shared -fPIC -o span.so span.c
               spanspec fuzz --lib ./span.so

   With PLANT=1 in its environment it has a bug:
               spanspec fuzz --exec "env PLANT=1 ./span" */

#include "spanspec.h"

#include <stdlib.h>
#include <string.h>

enum { WORD = 64, PAGE = 8192 };

static struct {
    uint64_t nelems, freeindex, alloc_count, alloc_cache, needzero;
    uint32_t sweepgen;
    int is_large;
    struct spanspec_bits alloc_bits, mark_bits;
} span;

static int bit(const struct spanspec_bits *bits, uint64_t i) {
    return bits->word[i / WORD] >> i % WORD & 1;
}

static uint64_t count(const struct spanspec_bits *bits) {
    uint64_t sum = 0;
    for (int i = 0; i < SPANSPEC_WORDS; i++)
        sum += (uint64_t)__builtin_popcountll(bits->word[i]);
    return sum;
}

static int is_planted(void) {
    const char *planted = getenv("PLANT");
    return planted != NULL && strcmp(planted, "1") == 0;
}

/* Return the cache of a whole word: bit k is 1 if slot k of it is free. */
static uint64_t free_in_word(uint64_t word) { return ~span.alloc_bits.word[word % SPANSPEC_WORDS]; }

const char *spanspec_name(void) { return "span.c"; }

const char *spanspec_new_span(uint64_t size_class, uint64_t pages, uint64_t elemsize, int noscan,
                              uint64_t sweepgen) {
    (void)noscan;
    memset(&span, 0, sizeof span);
    span.nelems = pages * PAGE / elemsize;
    span.alloc_cache = ~(uint64_t)0;
    span.sweepgen = (uint32_t)sweepgen;
    span.is_large = size_class == 0;
    return NULL;
}

/* Take a slot of the cache; return 0 if it shows none, or the last of its word: then the cache has
   to be loaded anew. */
static int allocate_fast(uint64_t *slot) {
    if (span.alloc_cache == 0)
        return 0;
    int ahead = __builtin_ctzll(span.alloc_cache);
    *slot = span.freeindex + (uint64_t)ahead;
    int ends_word = (*slot + 1) % WORD == 0 && *slot + 1 != span.nelems;
    if (*slot >= span.nelems || (ends_word && !is_planted())) /* the bug takes it all the same */
        return 0;
    span.alloc_cache = ahead == WORD - 1 ? 0 : span.alloc_cache >> (ahead + 1);
    span.freeindex = *slot + 1;
    return 1;
}

/* Search on, word by word; return 0 if no slot is free. */
static int allocate_slow(uint64_t *slot) {
    if (span.freeindex == span.nelems)
        return 0;
    uint64_t index = span.freeindex;
    while (span.alloc_cache == 0) {
        index = (index | (WORD - 1)) + 1;
        if (index >= span.nelems) {
            span.freeindex = span.nelems;
            return 0;
        }
        span.alloc_cache = free_in_word(index / WORD);
    }
    int ahead = __builtin_ctzll(span.alloc_cache);
    *slot = index + (uint64_t)ahead;
    if (*slot >= span.nelems) {
        span.freeindex = span.nelems;
        return 0;
    }
    span.alloc_cache = ahead == WORD - 1 ? 0 : span.alloc_cache >> (ahead + 1);
    span.freeindex = *slot + 1;
    if (span.freeindex % WORD == 0 && span.freeindex != span.nelems)
        span.alloc_cache = free_in_word(span.freeindex / WORD);
    return 1;
}

const char *spanspec_allocate(struct spanspec_slotted *reply) {
    reply->path = "fast";
    if (!allocate_fast(&reply->slot)) {
        reply->path = "slow";
        if (!allocate_slow(&reply->slot)) {
            reply->path = "full";
            reply->slot = span.nelems;
            return NULL;
        }
    }
    span.alloc_count++;
    return NULL;
}

const char *spanspec_mark(uint64_t slot) {
    if (slot >= span.nelems || (slot >= span.freeindex && !bit(&span.alloc_bits, slot)))
        return "a free slot cannot be marked";
    span.mark_bits.word[slot / WORD] |= (uint64_t)1 << slot % WORD;
    return NULL;
}

const char *spanspec_refill(uint64_t sg) {
    span.alloc_cache = free_in_word(span.freeindex / WORD) >> span.freeindex % WORD;
    span.sweepgen = (uint32_t)(sg + 3);
    return NULL;
}

const char *spanspec_retire(uint64_t sg) {
    span.sweepgen = (uint32_t)sg;
    return NULL;
}

const char *spanspec_sweep(uint64_t sg, struct spanspec_swept *reply) {
    uint64_t alive = count(&span.mark_bits);
    reply->nfreed = span.alloc_count - alive;
    reply->was_empty = span.alloc_count == span.nelems;
    if (span.is_large ? alive == 0 : reply->nfreed > 0)
        span.needzero = 1;
    span.alloc_bits = span.mark_bits;
    memset(&span.mark_bits, 0, sizeof span.mark_bits);
    span.alloc_count = alive;
    span.freeindex = 0;
    span.alloc_cache = free_in_word(0);
    span.sweepgen = (uint32_t)sg;
    return NULL;
}

const char *spanspec_flush(uint64_t sg, struct spanspec_flushed *reply) {
    struct spanspec_swept swept = {0};
    reply->swept = span.sweepgen == (uint32_t)(sg + 1);
    span.sweepgen = (uint32_t)sg;
    if (reply->swept)
        spanspec_sweep(sg, &swept);
    reply->nfreed = swept.nfreed;
    reply->was_empty = swept.was_empty;
    return NULL;
}

const char *spanspec_span_state(struct spanspec_span_shown *reply) {
    reply->nelems = span.nelems;
    reply->freeindex = span.freeindex;
    reply->alloc_count = span.alloc_count;
    reply->alloc_bits = span.alloc_bits;
    reply->mark_bits = span.mark_bits;
    reply->sweepgen = span.sweepgen;
    reply->needzero = span.needzero;
    reply->has_alloc_cache = span.freeindex < span.nelems;
    reply->alloc_cache = span.alloc_cache;
    return NULL;
}
