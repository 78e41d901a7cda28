/* A malloc that passes its calls on, but for one: what ACT says comes in call number CALL. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static void *(*passed_malloc)(size_t);
static void (*passed_free)(void *);
static long calls;

void *malloc(size_t size) {
    if (passed_malloc == NULL)
        passed_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
    if (++calls == CALL) {
        ACT;
    }
    return passed_malloc(size);
}

void free(void *object) {
    if (passed_free == NULL)
        passed_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
    passed_free(object);
}
