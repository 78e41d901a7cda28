/* Any malloc as a process: the library is loaded before this program's own libc (LD_PRELOAD), so
   everything here allocates with it. What it does not define itself is not used. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#define SPANSPEC_MAIN
#include "spanspec.h"

static void *(*its_malloc)(size_t), *(*its_calloc)(size_t, size_t);
static void *(*its_aligned_alloc)(size_t, size_t), *(*its_realloc)(void *, size_t);
static void (*its_free)(void *);
static size_t (*its_usable_size)(void *);
static char its_name[200];

/* Return what a library itself defines under a name, and not one that it rests on. */
static void *defined(void *library, const char *name) {
    Dl_info place;
    struct link_map *map;
    void *found = dlsym(library, name);
    if (found == NULL || !dladdr(found, &place) || dlinfo(library, RTLD_DI_LINKMAP, &map) != 0)
        return NULL;
    return (uintptr_t)place.dli_fbase == (uintptr_t)map->l_addr ? found : NULL;
}

__attribute__((constructor)) static void find(void) {
    const char *file = getenv("SPANSPEC_LIBRARY");
    void *library = file == NULL ? NULL : dlopen(file, RTLD_NOW | RTLD_NOLOAD);
    if (library == NULL) {
        fprintf(stderr, "%s cannot be loaded\n", file == NULL ? "no library" : file);
        _exit(70);
    }
    *(void **)&its_malloc = defined(library, "malloc");
    *(void **)&its_free = defined(library, "free");
    *(void **)&its_calloc = defined(library, "calloc");
    *(void **)&its_realloc = defined(library, "realloc");
    *(void **)&its_aligned_alloc = defined(library, "aligned_alloc");
    *(void **)&its_usable_size = defined(library, "malloc_usable_size");
    if (its_malloc == NULL || its_free == NULL) {
        fprintf(stderr, "%s defines no %s\n", file, its_malloc == NULL ? "malloc" : "free");
        _exit(70);
    }
    const char *slash = strrchr(file, '/');
    snprintf(its_name, sizeof its_name, "%s", slash == NULL ? file : slash + 1);
}

const char *spanspec_name(void) { return its_name; }
uint64_t spanspec_alignment(void) { return 16; }
uint64_t spanspec_threads(void) { return 64; }

unsigned spanspec_lacks(void) {
    return (its_realloc ? 0 : SPANSPEC_NO_REALLOC) | (its_aligned_alloc ? 0 : SPANSPEC_NO_ALIGN) |
           (its_calloc ? 0 : SPANSPEC_NO_ZERO);
}

/* Write to all that it says is usable behind what was asked for: it must be nobody else's. */
static void *with_all_used(void *object, uint64_t bytes) {
    size_t usable = object == NULL || its_usable_size == NULL ? bytes : its_usable_size(object);
    if (usable < bytes) {
        fprintf(stderr, "malloc_usable_size says %zu of an object of %zu bytes\n", usable,
                (size_t)bytes);
        abort();
    }
    if (usable > bytes)
        memset((char *)object + bytes, 0xa5, usable - bytes);
    return object;
}

void *spanspec_malloc(uint64_t bytes, uint64_t align, int zero) {
    void *object;
    if (align > 0)
        object = its_aligned_alloc(align, (bytes + align - 1) / align * align);
    else
        object = zero ? its_calloc(1, bytes) : its_malloc(bytes);
    return with_all_used(object, bytes);
}

void *spanspec_realloc(void *object, uint64_t bytes) {
    return with_all_used(its_realloc(object, bytes), bytes);
}
void spanspec_free(void *object) { its_free(object); }
