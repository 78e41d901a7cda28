/* A harness connects an allocator with spanspec. Put your own calls in place of what is here.

   make                             builds it
   spanspec smoke --exec ./harness  says in ten seconds what works
   spanspec fuzz --exec ./harness   looks for a difference, and makes it small */

#define SPANSPEC_MAIN
#include "spanspec.h"

const char *spanspec_name(void) { return "harness"; }

/* The contract of any malloc. Leave these functions out if you have none. */

void *spanspec_malloc(uint64_t bytes, uint64_t align, int zero) {
    if (align != 0)
        return aligned_alloc(align, (bytes + align - 1) / align * align);
    return zero ? calloc(1, bytes) : malloc(bytes);
}

void *spanspec_realloc(void *object, uint64_t bytes) { return realloc(object, bytes); }
void spanspec_free(void *object) { free(object); }

/* A span: its slots are handed out lowest first, marked, and swept. */

static unsigned char taken[1024], marked[1024];
static uint64_t nelems, generation;

const char *spanspec_new_span(uint64_t size_class, uint64_t pages, uint64_t elemsize, int noscan,
                              uint64_t sweepgen) {
    (void)size_class, (void)noscan;
    memset(taken, 0, sizeof taken);
    memset(marked, 0, sizeof marked);
    nelems = pages * 8192 / elemsize;
    generation = sweepgen;
    return NULL;
}

const char *spanspec_allocate(struct spanspec_slotted *reply) {
    for (reply->slot = 0; reply->slot < nelems && taken[reply->slot];)
        reply->slot++;
    taken[reply->slot % 1024] |= reply->slot < nelems;
    return NULL;
}

const char *spanspec_mark(uint64_t slot) {
    if (slot >= nelems || !taken[slot])
        return "the slot is free";
    marked[slot] = 1;
    return NULL;
}

const char *spanspec_refill(uint64_t sg) { return generation = (uint32_t)(sg + 3), NULL; }
const char *spanspec_retire(uint64_t sg) { return generation = sg, NULL; }

const char *spanspec_sweep(uint64_t sg, struct spanspec_swept *reply) {
    reply->was_empty = 1;
    for (uint64_t slot = 0; slot < nelems; slot++) {
        reply->was_empty &= taken[slot];
        reply->nfreed += taken[slot] && !marked[slot];
        taken[slot] = marked[slot];
        marked[slot] = 0;
    }
    generation = sg;
    return NULL;
}

const char *spanspec_flush(uint64_t sg, struct spanspec_flushed *reply) {
    struct spanspec_swept swept = {0};
    reply->swept = generation == (uint32_t)(sg + 1); /* it is of the last cycle */
    if (reply->swept)
        spanspec_sweep(sg, &swept);
    reply->nfreed = swept.nfreed;
    reply->was_empty = swept.was_empty;
    generation = sg;
    return NULL;
}
