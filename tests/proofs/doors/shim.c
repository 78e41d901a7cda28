/* A malloc of fixed size classes, to be preloaded; FAULT plants one of six faults, 0 none. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define OVERLAP 1
#define MISALIGNED 2
#define LOST 3
#define DIRTY 4
#define USABLE_LITTLE 5
#define USABLE_MUCH 6

enum { UNIT = 16, CLASSES = 257, REGION = 1 << 26, HEAD = 16 };

struct block {
    size_t room;
    void *start; /* where the block begins, before any gap of alignment */
};

static char *region, *region_end;
static void *freed[CLASSES];
static int lock;

static void enter(void) {
    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
        ;
}

static void leave(void) { __atomic_store_n(&lock, 0, __ATOMIC_RELEASE); }

static size_t room_for(size_t size) {
#if FAULT == OVERLAP
    if (size > 128 && size < 140)
        return 128;
#endif
    return size == 0 ? UNIT : (size + UNIT - 1) / UNIT * UNIT;
}

static char *fresh(size_t bytes) {
    if (bytes > REGION / 2) {
        char *alone = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return alone == MAP_FAILED ? NULL : alone;
    }
    if (region_end - region < (ptrdiff_t)bytes) {
        region = mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (region == MAP_FAILED)
            return NULL;
        region_end = region + REGION;
    }
    char *at = region;
    region += bytes;
    return at;
}

static struct block *block_of(void *object) { return (struct block *)((char *)object - HEAD); }

void *malloc(size_t size) {
    size_t room = room_for(size), class = room / UNIT;
    char *object = NULL;
    enter();
    if (class < CLASSES && freed[class] != NULL) {
        object = freed[class];
        memcpy(&freed[class], object, sizeof(void *));
    } else {
        char *start = fresh(HEAD + room);
        object = start == NULL ? NULL : start + HEAD;
    }
#if FAULT == MISALIGNED
    static unsigned count;
    if (object != NULL && size > 1024 && ++count % 16 == 0) {
        char *start = fresh(HEAD + room + UNIT);
        object = start + HEAD + 4;
    }
#endif
    leave();
    if (object != NULL)
        *block_of(object) = (struct block){room, object};
    return object;
}

void free(void *object) {
    if (object == NULL)
        return;
    struct block *block = block_of(object);
    size_t class = block->room / UNIT;
    void *start = block->start;
    if (class >= CLASSES || (uintptr_t)start % UNIT)
        return;
    enter();
    memcpy(start, &freed[class], sizeof(void *));
    freed[class] = start;
    leave();
}

void *calloc(size_t count, size_t size) {
    char *object = malloc(count * size);
#if FAULT == DIRTY
    if (object != NULL && count * size > 48)
        memset(object, 0, 48);
    else
#endif
    if (object != NULL)
        memset(object, 0, count * size);
    return object;
}

void *realloc(void *object, size_t size) {
    char *other = malloc(size);
    if (object == NULL || other == NULL)
        return other;
    size_t kept = block_of(object)->room;
#if FAULT == LOST
    kept = kept > 64 ? 64 : kept;
#endif
    memcpy(other, object, kept < size ? kept : size);
    free(object);
    return other;
}

void *aligned_alloc(size_t align, size_t size) {
    char *start = malloc(size + align + HEAD);
    if (start == NULL)
        return NULL;
    char *object = (char *)(((uintptr_t)start + HEAD + align - 1) / align * align);
    /* The block is known by its own beginning, so that all of it can be used again. */
    *block_of(object) = (struct block){block_of(start)->room, start};
    return object;
}

#if FAULT == 0 || FAULT >= USABLE_LITTLE
/* The other faults have none: it would tell of some before what they do is seen. */
size_t malloc_usable_size(void *object) {
    if (object == NULL)
        return 0;
    struct block *block = block_of(object);
    size_t usable = block->room - (size_t)((char *)object - (char *)block->start);
#if FAULT == USABLE_LITTLE
    return usable > 1000 ? 1000 : usable;
#elif FAULT == USABLE_MUCH
    return usable + 4 * UNIT;
#else
    return usable;
#endif
}
#endif

int posix_memalign(void **object, size_t align, size_t size) {
    *object = aligned_alloc(align, size);
    return *object == NULL ? 12 : 0;
}

void *memalign(size_t align, size_t size) { return aligned_alloc(align, size); }
