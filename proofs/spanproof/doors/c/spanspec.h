/* spanspec.h: an allocator in C against the specification, as a process or as a library.

   Made by `python -m spanproof.doors.header`, from the messages of protocol 1. Do not edit.

   Define the functions of one level, or of several; what you leave out is not asked for. Each that
   returns text returns NULL if all is well, and otherwise why the rules forbid what was asked.

   A process: define SPANSPEC_MAIN before you include this, in one file.
       cc -O2 -pthread -o mine mine.c          spanspec fuzz --exec ./mine
   A library: leave it out.
       cc -O2 -shared -fPIC -o mine.so mine.c  spanspec fuzz --lib ./mine.so */

#ifndef SPANSPEC_H
#define SPANSPEC_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SPANSPEC_PROTOCOL 1
#define SPANSPEC_WORDS 16 /* of a bitmap: 1024 slots */
#define SPANSPEC_RUNS 8   /* of equal bytes, as which contents are shown */
#define SPANSPEC_WEAK __attribute__((weak))

/* A bitmap: bit i of the whole is bit i % 64 of word i / 64. */
struct spanspec_bits {
    uint64_t word[SPANSPEC_WORDS];
};

/* Who answers: its name; what objects are aligned to (8), a power of two; the bytes of the largest
   object that it makes (any), and of all that live at once (any), each counted as 64 at least, and
   with its alignment besides if that was asked for; the threads that may act at once (1), not of a
   library; what its contract or its heap lacks, which is not asked for. All may be left out. */
SPANSPEC_WEAK const char *spanspec_name(void);
SPANSPEC_WEAK uint64_t spanspec_alignment(void);
SPANSPEC_WEAK uint64_t spanspec_largest(void);
SPANSPEC_WEAK uint64_t spanspec_memory(void);
SPANSPEC_WEAK uint64_t spanspec_threads(void);
#define SPANSPEC_NO_REALLOC 1u
#define SPANSPEC_NO_ALIGN 2u
#define SPANSPEC_NO_ZERO 4u
#define SPANSPEC_NO_CYCLES 8u     /* of a heap: a collector, and sweeping */
#define SPANSPEC_NO_SPECIALS 16u  /* finalizers, and profile records */
#define SPANSPEC_NO_MANUAL 32u    /* manual spans */
#define SPANSPEC_NO_PROCS 64u     /* more than one P */
#define SPANSPEC_NO_SCAVENGER 128u
#define SPANSPEC_NO_PHYSICAL 256u /* physical pages of other sizes than 4096 bytes */
#define SPANSPEC_NO_ANSWERS 512u  /* an operating system that says other than `grant` */
SPANSPEC_WEAK unsigned spanspec_lacks(void);

/* Of a heap: whether its replies have events (0); which calls it has besides (none). */
SPANSPEC_WEAK int spanspec_shows_events(void);
#define SPANSPEC_FIND 1u
#define SPANSPEC_SET_GC_PERCENT 2u
#define SPANSPEC_FINISH_PACED 4u
SPANSPEC_WEAK unsigned spanspec_calls(void);

/* Text in replies: path and stop are words; events and state are JSON, NULL for none. A list of
   words, such as answers, is one text with spaces between. Text of a request lasts until the
   function returns; text of a reply has to last until the next one is called. */

/* The contract: NULL if there is no memory. `align` is a power of two, or 0 for what is promised
   anyway. Contents are filled and looked at by this header. */
SPANSPEC_WEAK void *spanspec_malloc(uint64_t bytes, uint64_t align, int zero);
SPANSPEC_WEAK void *spanspec_realloc(void *object, uint64_t bytes);
SPANSPEC_WEAK void spanspec_free(void *object);

/* The size class, 0 for a large object; the bytes that are taken; the pages of its span. */
struct spanspec_sized {
    uint64_t size_class;
    uint64_t bytes;
    uint64_t pages;
};

/* Say which size class serves a request of so many bytes, and what it takes. */
SPANSPEC_WEAK const char *spanspec_size(uint64_t bytes, struct spanspec_sized *reply);

/* The living objects, and their bytes. */
struct spanspec_accounted {
    uint64_t objects;
    uint64_t bytes;
};

/* Say how many objects live, and of how many bytes that were asked for. */
SPANSPEC_WEAK const char *spanspec_account(struct spanspec_accounted *reply);

/* A span fresh from the page heap, in no cache: a program begins.

   size_class is 1 to 66, or 0 for one large object. It has pages of 8192 bytes, cut into slots
   of elemsize bytes; what is left over at the end is no slot. */
SPANSPEC_WEAK const char *spanspec_new_span(uint64_t size_class, uint64_t pages, uint64_t elemsize, int noscan, uint64_t sweepgen);

/* The slot, or the number of slots if none is free; and the path that found it, if it tells. */
struct spanspec_slotted {
    uint64_t slot;
    const char *path;
};

/* Hand out the lowest free slot of the cached span. */
SPANSPEC_WEAK const char *spanspec_allocate(struct spanspec_slotted *reply);

/* Mark an allocated slot; refuse another. */
SPANSPEC_WEAK const char *spanspec_mark(uint64_t slot);

/* The span enters a cache; sg is the heap's sweepgen. */
SPANSPEC_WEAK const char *spanspec_refill(uint64_t sg);

/* The full span leaves its cache. */
SPANSPEC_WEAK const char *spanspec_retire(uint64_t sg);

/* Whether the span was swept; and if so, what a sweep says. */
struct spanspec_flushed {
    int swept;
    uint64_t nfreed;
    int was_empty;
};

/* The span leaves its cache; one of the last cycle is swept at once. */
SPANSPEC_WEAK const char *spanspec_flush(uint64_t sg, struct spanspec_flushed *reply);

/* The slots freed, and whether none was free before. */
struct spanspec_swept {
    uint64_t nfreed;
    int was_empty;
};

/* The span is claimed and swept. */
SPANSPEC_WEAK const char *spanspec_sweep(uint64_t sg, struct spanspec_swept *reply);

/* The whole state of a span; alloc_cache is null where there is none, or it means nothing. */
struct spanspec_span_shown {
    uint64_t nelems;
    uint64_t freeindex;
    uint64_t alloc_count;
    struct spanspec_bits alloc_bits;
    struct spanspec_bits mark_bits;
    uint64_t sweepgen;
    uint64_t needzero;
    uint64_t alloc_cache;
    int has_alloc_cache;
};

/* Show the whole span. */
SPANSPEC_WEAK const char *spanspec_span_state(struct spanspec_span_shown *reply);

/* A heap without objects, of so many Ps, in which no cycle was: a program begins.

   physical is the size of a physical page. answers are what the operating system says to the
   first requests for addresses; it grants all later ones where they are asked for. */
SPANSPEC_WEAK const char *spanspec_new_heap(uint64_t procs, uint64_t sweepgen, uint64_t physical, const char *answers);

/* What a call has come to: an address, or a number of pages, or 0; or that there is no memory.

   With events, what a recorder would have written of it: kinds, and figures by their names. */
struct spanspec_returned {
    int64_t result;
    int no_memory;
    const char *events;
};

/* The fields of a request; those that it is not about are 0, percent is 100. */
struct spanspec_heap_call {
    const char *call;
    uint64_t p;
    uint64_t address;
    uint64_t bytes;
    int noscan;
    int zero;
    uint64_t npages;
    uint64_t procs;
    uint64_t nanoseconds;
    const char *kind;
    const char *purpose;
    int64_t percent;
    uint64_t took_ns;
    uint64_t assist_ns;
};

/* Do something with the heap, on a P; only what the call is about has a field, unless it is 0.

   kind is that of a special record, purpose that of a manual span. */
SPANSPEC_WEAK const char *spanspec_heap_call(const struct spanspec_heap_call *ask, struct spanspec_returned *reply);

/* Where a call has stopped: after a step, because it waits for another P, or at its end.

   published: the sweepgen of span was stored, which no event tells. left: since it stopped
   last, the call has left those that sweep. The result is that of the call, at its end; events are
   those since it stopped last. */
struct spanspec_stopped {
    int64_t result;
    int no_memory;
    const char *events;
    const char *stop;
    uint64_t span;
    int left;
};

/* Begin a call on a P, and go on until a step of it has ended.

   Other Ps may be in the middle of calls. A step ends with each section under a lock, and with
   each atomic access that others can see. */
SPANSPEC_WEAK const char *spanspec_heap_begin(const struct spanspec_heap_call *ask, struct spanspec_stopped *reply);

/* Go on with the call that a P is in, until the next step of it has ended. */
SPANSPEC_WEAK const char *spanspec_turn(uint64_t p, struct spanspec_stopped *reply);

/* The whole state of a heap: its parts by their names. */
struct spanspec_heap_shown {
    const char *state;
};

/* Show the whole heap; with now, although calls may be under way. */
SPANSPEC_WEAK const char *spanspec_heap_state(int now, struct spanspec_heap_shown *reply);

/* --- the process: compiled where SPANSPEC_MAIN is defined, in one file of a program ------------ */

#ifdef SPANSPEC_MAIN

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* It takes no memory from malloc, which may be what is under test. It is C, and C++ as well. */

#ifdef __cplusplus
#define SS_NOTHING {}
#else
#define SS_NOTHING {0}
#endif

struct ss_text {
    char *at;
    size_t used, room;
};

static void ss_fail(const char *why) {
    fprintf(stderr, "spanspec.h: %s\n", why);
    _exit(70);
}

static void *ss_pages(void *old, size_t before, size_t bytes) {
    void *at = old == NULL ? mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                           : mremap(old, before, bytes, MREMAP_MAYMOVE);
    if (at == MAP_FAILED)
        ss_fail("no memory for its own records");
    return at;
}

static char *ss_room(struct ss_text *text, size_t more) {
    size_t room = text->room == 0 ? 1 << 16 : text->room;
    while (room - text->used < more)
        room *= 2;
    if (room != text->room) {
        text->at = (char *)ss_pages(text->at, text->room, room);
        text->room = room;
    }
    return text->at + text->used;
}

static void ss_put(struct ss_text *out, const char *text) {
    size_t length = strlen(text);
    memcpy(ss_room(out, length), text, length);
    out->used += length;
}

static void ss_put_number(struct ss_text *out, uint64_t value) {
    char digits[24], *at = digits + sizeof digits;
    *--at = 0;
    do
        *--at = (char)('0' + value % 10);
    while (value /= 10);
    ss_put(out, at);
}

static void ss_put_signed(struct ss_text *out, int64_t value) {
    if (value < 0)
        ss_put(out, "-");
    ss_put_number(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

static void ss_put_string(struct ss_text *out, const char *text) {
    ss_put(out, "\"");
    for (; *text; text++) {
        char one[8] = {*text, 0};
        if (*text == '"' || *text == '\\')
            snprintf(one, sizeof one, "\\%c", *text);
        else if ((unsigned char)*text < 32)
            snprintf(one, sizeof one, "\\u%04x", *text);
        ss_put(out, one);
    }
    ss_put(out, "\"");
}

static void ss_put_bits(struct ss_text *out, const struct spanspec_bits *bits) {
    const char *before = "[";
    for (unsigned slot = 0; slot < 64 * SPANSPEC_WORDS; slot++)
        if (bits->word[slot / 64] >> slot % 64 & 1) {
            ss_put(out, before);
            ss_put_number(out, slot);
            before = ",";
        }
    ss_put(out, *before == '[' ? "[]" : "]");
}

/* The fields of requests. */

enum {
    SS_protocol,
    SS_bytes,
    SS_id,
    SS_align,
    SS_zero,
    SS_byte,
    SS_thread,
    SS_size_class,
    SS_pages,
    SS_elemsize,
    SS_noscan,
    SS_sweepgen,
    SS_slot,
    SS_sg,
    SS_procs,
    SS_physical,
    SS_p,
    SS_address,
    SS_npages,
    SS_nanoseconds,
    SS_percent,
    SS_took_ns,
    SS_assist_ns,
    SS_now,
    SS_threads,
    SS_FIELDS
};

static const char *const ss_names[SS_FIELDS] = {
    "protocol",
    "bytes",
    "id",
    "align",
    "zero",
    "byte",
    "thread",
    "size_class",
    "pages",
    "elemsize",
    "noscan",
    "sweepgen",
    "slot",
    "sg",
    "procs",
    "physical",
    "p",
    "address",
    "npages",
    "nanoseconds",
    "percent",
    "took_ns",
    "assist_ns",
    "now",
    "threads",
};

/* The texts of requests. */

enum {
    SS_TEXT_answers,
    SS_TEXT_call,
    SS_TEXT_kind,
    SS_TEXT_purpose,
    SS_TEXTS
};

static const char *const ss_text_names[SS_TEXTS] = {
    "answers",
    "call",
    "kind",
    "purpose",
};

/* What may be lacking, and calls that a heap lacks then. */

enum { SS_LACKS = 10 };

static const char *const ss_lacks[SS_LACKS] = {
    "realloc",
    "align",
    "zero",
    "cycles",
    "specials",
    "manual",
    "procs",
    "scavenger",
    "physical",
    "answers",
};

static const struct {
    unsigned lack;
    const char *call;
} ss_lacking[] = {
    {3, "start_cycle"},
    {3, "mark"},
    {3, "find"},
    {3, "finish_cycle"},
    {3, "finish_paced"},
    {3, "sweep_one"},
    {3, "ensure_swept"},
    {3, "set_gc_percent"},
    {3, "trigger"},
    {3, "free_os_memory"},
    {4, "add_special"},
    {4, "remove_finalizer"},
    {4, "run_finalizers"},
    {5, "take_manual"},
    {5, "free_manual"},
    {6, "set_procs"},
    {7, "scavenge_all"},
    {7, "pass_time"},
    {7, "free_os_memory"},
};

static void ss_set_defaults(uint64_t *field) {
    field[SS_percent] = 100;
}

static struct spanspec_heap_call ss_heap_call_asked(const uint64_t *field,
    const char *const *text) {
    struct spanspec_heap_call ask = SS_NOTHING;
    ask.call = text[SS_TEXT_call];
    ask.p = field[SS_p];
    ask.address = field[SS_address];
    ask.bytes = field[SS_bytes];
    ask.noscan = field[SS_noscan] != 0;
    ask.zero = field[SS_zero] != 0;
    ask.npages = field[SS_npages];
    ask.procs = field[SS_procs];
    ask.nanoseconds = field[SS_nanoseconds];
    ask.kind = text[SS_TEXT_kind];
    ask.purpose = text[SS_TEXT_purpose];
    ask.percent = (int64_t)field[SS_percent];
    ask.took_ns = field[SS_took_ns];
    ask.assist_ns = field[SS_assist_ns];
    return ask;
}

/* Call the function of a request, and write what it says; tell whether there is one. */
static int ss_dispatch(const char *op, const uint64_t *field, const char *const *text,
                       struct ss_text *out, const char **refused, const char **events) {
    (void)events;
    if (strcmp(op, "size") == 0 && spanspec_size) {
        struct spanspec_sized reply = SS_NOTHING;
        *refused = spanspec_size(field[SS_bytes], &reply);
        ss_put(out, ",\"size_class\":");
        ss_put_number(out, reply.size_class);
        ss_put(out, ",\"bytes\":");
        ss_put_number(out, reply.bytes);
        ss_put(out, ",\"pages\":");
        ss_put_number(out, reply.pages);
        return 1;
    }
    if (strcmp(op, "account") == 0 && spanspec_account) {
        struct spanspec_accounted reply = SS_NOTHING;
        *refused = spanspec_account(&reply);
        ss_put(out, ",\"objects\":");
        ss_put_number(out, reply.objects);
        ss_put(out, ",\"bytes\":");
        ss_put_number(out, reply.bytes);
        return 1;
    }
    if (strcmp(op, "new_span") == 0 && spanspec_new_span) {
        *refused = spanspec_new_span(field[SS_size_class], field[SS_pages], field[SS_elemsize], field[SS_noscan] != 0, field[SS_sweepgen]);
        return 1;
    }
    if (strcmp(op, "allocate") == 0 && spanspec_allocate) {
        struct spanspec_slotted reply = SS_NOTHING;
        *refused = spanspec_allocate(&reply);
        ss_put(out, ",\"slot\":");
        ss_put_number(out, reply.slot);
        ss_put(out, ",\"path\":");
        if (reply.path != NULL)
            ss_put_string(out, reply.path);
        else
            ss_put(out, "null");
        return 1;
    }
    if (strcmp(op, "mark") == 0 && spanspec_mark) {
        *refused = spanspec_mark(field[SS_slot]);
        return 1;
    }
    if (strcmp(op, "refill") == 0 && spanspec_refill) {
        *refused = spanspec_refill(field[SS_sg]);
        return 1;
    }
    if (strcmp(op, "retire") == 0 && spanspec_retire) {
        *refused = spanspec_retire(field[SS_sg]);
        return 1;
    }
    if (strcmp(op, "flush") == 0 && spanspec_flush) {
        struct spanspec_flushed reply = SS_NOTHING;
        *refused = spanspec_flush(field[SS_sg], &reply);
        ss_put(out, ",\"swept\":");
        ss_put(out, reply.swept ? "true" : "false");
        ss_put(out, ",\"nfreed\":");
        ss_put_number(out, reply.nfreed);
        ss_put(out, ",\"was_empty\":");
        ss_put(out, reply.was_empty ? "true" : "false");
        return 1;
    }
    if (strcmp(op, "sweep") == 0 && spanspec_sweep) {
        struct spanspec_swept reply = SS_NOTHING;
        *refused = spanspec_sweep(field[SS_sg], &reply);
        ss_put(out, ",\"nfreed\":");
        ss_put_number(out, reply.nfreed);
        ss_put(out, ",\"was_empty\":");
        ss_put(out, reply.was_empty ? "true" : "false");
        return 1;
    }
    if (strcmp(op, "span_state") == 0 && spanspec_span_state) {
        struct spanspec_span_shown reply = SS_NOTHING;
        *refused = spanspec_span_state(&reply);
        ss_put(out, ",\"nelems\":");
        ss_put_number(out, reply.nelems);
        ss_put(out, ",\"freeindex\":");
        ss_put_number(out, reply.freeindex);
        ss_put(out, ",\"alloc_count\":");
        ss_put_number(out, reply.alloc_count);
        ss_put(out, ",\"alloc_bits\":");
        ss_put_bits(out, &reply.alloc_bits);
        ss_put(out, ",\"mark_bits\":");
        ss_put_bits(out, &reply.mark_bits);
        ss_put(out, ",\"sweepgen\":");
        ss_put_number(out, reply.sweepgen);
        ss_put(out, ",\"needzero\":");
        ss_put_number(out, reply.needzero);
        ss_put(out, ",\"alloc_cache\":");
        if (reply.has_alloc_cache)
            ss_put_number(out, reply.alloc_cache);
        else
            ss_put(out, "null");
        return 1;
    }
    if (strcmp(op, "new_heap") == 0 && spanspec_new_heap) {
        *refused = spanspec_new_heap(field[SS_procs], field[SS_sweepgen], field[SS_physical], text[SS_TEXT_answers]);
        return 1;
    }
    if (strcmp(op, "heap_call") == 0 && spanspec_heap_call) {
        struct spanspec_heap_call ask = ss_heap_call_asked(field, text);
        struct spanspec_returned reply = SS_NOTHING;
        *refused = spanspec_heap_call(&ask, &reply);
        *events = reply.events;
        ss_put(out, ",\"result\":");
        ss_put_signed(out, reply.result);
        ss_put(out, ",\"no_memory\":");
        ss_put(out, reply.no_memory ? "true" : "false");
        if (reply.events != NULL) {
            ss_put(out, ",\"events\":");
            ss_put(out, reply.events);
        }
        return 1;
    }
    if (strcmp(op, "heap_begin") == 0 && spanspec_heap_begin) {
        struct spanspec_heap_call ask = ss_heap_call_asked(field, text);
        struct spanspec_stopped reply = SS_NOTHING;
        *refused = spanspec_heap_begin(&ask, &reply);
        *events = reply.events;
        ss_put(out, ",\"result\":");
        ss_put_signed(out, reply.result);
        ss_put(out, ",\"no_memory\":");
        ss_put(out, reply.no_memory ? "true" : "false");
        if (reply.events != NULL) {
            ss_put(out, ",\"events\":");
            ss_put(out, reply.events);
        }
        ss_put(out, ",\"stop\":");
        if (reply.stop != NULL)
            ss_put_string(out, reply.stop);
        else
            ss_put(out, "null");
        ss_put(out, ",\"span\":");
        ss_put_number(out, reply.span);
        ss_put(out, ",\"left\":");
        ss_put(out, reply.left ? "true" : "false");
        return 1;
    }
    if (strcmp(op, "turn") == 0 && spanspec_turn) {
        struct spanspec_stopped reply = SS_NOTHING;
        *refused = spanspec_turn(field[SS_p], &reply);
        *events = reply.events;
        ss_put(out, ",\"result\":");
        ss_put_signed(out, reply.result);
        ss_put(out, ",\"no_memory\":");
        ss_put(out, reply.no_memory ? "true" : "false");
        if (reply.events != NULL) {
            ss_put(out, ",\"events\":");
            ss_put(out, reply.events);
        }
        ss_put(out, ",\"stop\":");
        if (reply.stop != NULL)
            ss_put_string(out, reply.stop);
        else
            ss_put(out, "null");
        ss_put(out, ",\"span\":");
        ss_put_number(out, reply.span);
        ss_put(out, ",\"left\":");
        ss_put(out, reply.left ? "true" : "false");
        return 1;
    }
    if (strcmp(op, "heap_state") == 0 && spanspec_heap_state) {
        struct spanspec_heap_shown reply = SS_NOTHING;
        *refused = spanspec_heap_state(field[SS_now] != 0, &reply);
        if (reply.state != NULL) {
            ss_put(out, ",\"state\":");
            ss_put(out, reply.state);
        }
        return 1;
    }
    return 0;
}

/* Requests. */

struct ss_ask {
    char op[24];
    uint64_t n, field[SS_FIELDS];
    const char *text[SS_TEXTS]; /* in its line, at what follows the name */
    uint32_t turn;
    size_t first, count; /* of a program: its requests */
};

struct ss_reader {
    const char *at;
    struct ss_ask *asks;
    size_t used, room;
};

static void ss_skip(struct ss_reader *in) {
    while (*in->at == ' ' || *in->at == '\t' || *in->at == '\r')
        in->at++;
}

static int ss_is(struct ss_reader *in, char wanted) {
    ss_skip(in);
    if (*in->at != wanted)
        return 0;
    in->at++;
    return 1;
}

static void ss_string(struct ss_reader *in, char *to, size_t room) {
    size_t used = 0;
    if (!ss_is(in, '"'))
        ss_fail("a request is no JSON that it reads");
    for (; *in->at && *in->at != '"'; in->at++)
        if (used + 1 < room)
            to[used++] = *in->at;
    to[used] = 0;
    if (*in->at)
        in->at++;
}

static uint64_t ss_value(struct ss_reader *in) {
    uint64_t value = 0;
    int below = ss_is(in, '-');
    ss_skip(in);
    if (strncmp(in->at, "true", 4) == 0) {
        in->at += 4;
        return 1;
    }
    if (strncmp(in->at, "false", 5) == 0) {
        in->at += 5;
        return 0;
    }
    if (*in->at < '0' || *in->at > '9')
        ss_fail("a request has a value that it does not read");
    while (*in->at >= '0' && *in->at <= '9')
        value = value * 10 + (uint64_t)(*in->at++ - '0');
    return below ? 0 - value : value;
}

/* Pass over a text, or a list of texts; copy it to a place, if there is one, with spaces between. */
static void ss_words(struct ss_reader *in, char *to, size_t room) {
    char word[64];
    size_t used = 0;
    int list = ss_is(in, '[');
    do {
        if (list && ss_is(in, ']'))
            break;
        ss_string(in, word, sizeof word);
        for (const char *at = word; to != NULL && *at && used + 2 < room; at++) {
            if (at == word && used > 0)
                to[used++] = ' ';
            to[used++] = *at;
        }
        ss_is(in, ',');
    } while (list);
    if (to != NULL)
        to[used] = 0;
}

static struct ss_ask *ss_add(struct ss_reader *in) {
    if (in->used == in->room) {
        size_t room = in->room == 0 ? 64 : 2 * in->room, size = sizeof *in->asks;
        in->asks = (struct ss_ask *)ss_pages(in->asks, in->room * size, room * size);
        in->room = room;
    }
    memset(&in->asks[in->used], 0, sizeof *in->asks);
    return &in->asks[in->used++];
}

static void ss_request(struct ss_reader *in) {
    size_t place = in->used;
    char name[24];
    ss_add(in);
    ss_set_defaults(in->asks[place].field);
    if (!ss_is(in, '{'))
        ss_fail("a request is no JSON object");
    while (!ss_is(in, '}')) {
        ss_is(in, ',');
        ss_string(in, name, sizeof name);
        ss_is(in, ':');
        if (strcmp(name, "op") == 0) {
            ss_string(in, in->asks[place].op, sizeof in->asks[place].op);
        } else if (strcmp(name, "requests") == 0) {
            size_t count = 0;
            in->asks[place].first = in->used;
            if (!ss_is(in, '['))
                ss_fail("`requests` is no list");
            while (!ss_is(in, ']')) {
                ss_is(in, ',');
                ss_request(in);
                count++;
            }
            in->asks[place].count = count;
        } else if (ss_skip(in), *in->at == '"' || *in->at == '[') {
            for (size_t text = 0; text < SS_TEXTS; text++)
                if (strcmp(name, ss_text_names[text]) == 0)
                    in->asks[place].text[text] = in->at;
            ss_words(in, NULL, 0);
        } else {
            uint64_t value = ss_value(in);
            if (strcmp(name, "n") == 0)
                in->asks[place].n = value;
            for (size_t field = 0; field < SS_FIELDS; field++)
                if (strcmp(name, ss_names[field]) == 0)
                    in->asks[place].field[field] = value;
        }
    }
}

/* The contract: objects by their numbers, and their contents. */

struct ss_object {
    unsigned char *at;
    uint64_t bytes;
    uint32_t uses;
    uint32_t turn; /* taken and given with __atomic, as C++ has no _Atomic */
};

struct ss_made {
    void *address;
    uint64_t began, ended;
    unsigned runs;
    struct {
        unsigned char byte;
        uint64_t count;
    } run[SPANSPEC_RUNS];
};

static struct ss_object *ss_objects;
static size_t ss_room_for_objects;
static uint64_t ss_clock = 1;

static uint64_t ss_now(void) { return __atomic_fetch_add(&ss_clock, 1, __ATOMIC_SEQ_CST); }

static struct ss_object *ss_object(uint64_t id) {
    if (id >= (uint64_t)1 << 28)
        ss_fail("the number of an object is too large");
    if (id >= ss_room_for_objects) {
        size_t room = ss_room_for_objects == 0 ? 1024 : ss_room_for_objects;
        while (room <= id)
            room *= 2;
        ss_objects = (struct ss_object *)ss_pages(
            ss_objects, ss_room_for_objects * sizeof *ss_objects, room * sizeof *ss_objects);
        ss_room_for_objects = room;
    }
    return &ss_objects[id];
}

static void ss_show(const struct ss_object *object, struct ss_made *made) {
    uint64_t at = 0;
    while (object->at != NULL && at < object->bytes && made->runs < SPANSPEC_RUNS) {
        unsigned char byte = object->at[at];
        uint64_t end = at + 1;
        while (end < object->bytes && object->at[end] == byte)
            end++;
        made->run[made->runs].byte = byte;
        made->run[made->runs++].count = end - at;
        at = end;
    }
}

static void ss_contract(const struct ss_ask *ask, struct ss_object *object, struct ss_made *made) {
    uint64_t bytes = ask->field[SS_bytes];
    if (ask->op[0] == 'm' || ask->op[0] == 'r') {
        int is_new = ask->op[0] == 'm';
        made->began = ss_now();
        if (is_new)
            made->address = spanspec_malloc(bytes, ask->field[SS_align], ask->field[SS_zero] != 0);
        else
            made->address = spanspec_realloc(object->at, bytes);
        made->ended = ss_now();
        object->at = (unsigned char *)made->address;
        object->bytes = bytes;
        if (!is_new || ask->field[SS_zero])
            ss_show(object, made);
        if (object->at != NULL)
            memset(object->at, (int)ask->field[SS_byte], bytes);
        return;
    }
    ss_show(object, made);
    made->began = ss_now();
    if (ask->op[0] == 'f') {
        spanspec_free(object->at);
        object->at = NULL;
        object->bytes = 0;
    }
    made->ended = ss_now();
}

static void ss_put_made(struct ss_text *out, const struct ss_ask *ask, struct ss_made *made) {
    ss_put(out, "{\"n\":");
    ss_put_number(out, ask->n);
    if (ask->op[0] == 'm' || ask->op[0] == 'r') {
        ss_put(out, ",\"address\":");
        if (made->address == NULL)
            ss_put(out, "null");
        else
            ss_put_number(out, (uint64_t)(uintptr_t)made->address);
    }
    ss_put(out, ",\"began\":");
    ss_put_number(out, made->began);
    ss_put(out, ",\"ended\":");
    ss_put_number(out, made->ended);
    ss_put(out, ",\"runs\":[");
    for (unsigned i = 0; i < made->runs; i++) {
        ss_put(out, i ? ",[" : "[");
        ss_put_number(out, made->run[i].byte);
        ss_put(out, ",");
        ss_put_number(out, made->run[i].count);
        ss_put(out, "]");
    }
    ss_put(out, "]}");
}

static int ss_is_contract(const char *op) {
    return spanspec_malloc && (!strcmp(op, "malloc") || !strcmp(op, "free") ||
                               !strcmp(op, "show") || (spanspec_realloc && !strcmp(op, "realloc")));
}

static void ss_forget(void) {
    for (size_t id = 0; id < ss_room_for_objects; id++)
        if (ss_objects[id].at != NULL)
            spanspec_free(ss_objects[id].at);
    memset(ss_objects, 0, ss_room_for_objects * sizeof *ss_objects);
}

/* Several threads: each takes its requests in order; those of an object take turns. */

struct ss_work {
    const struct ss_ask *asks;
    struct ss_made *made;
    size_t count;
    uint64_t thread;
};

static void *ss_thread(void *argument) {
    struct ss_work *work = (struct ss_work *)argument;
    for (size_t i = 0; i < work->count; i++) {
        const struct ss_ask *ask = &work->asks[i];
        struct ss_object *object = &ss_objects[ask->field[SS_id]];
        if (ask->field[SS_thread] != work->thread)
            continue;
        while (__atomic_load_n(&object->turn, __ATOMIC_ACQUIRE) != ask->turn)
            sched_yield();
        ss_contract(ask, object, &work->made[i]);
        __atomic_store_n(&object->turn, ask->turn + 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void ss_at_once(struct ss_reader *in, struct ss_ask *program, struct ss_made *made) {
    pthread_t threads[64];
    struct ss_work work[64];
    struct ss_ask *asks = in->asks + program->first;
    uint64_t number = program->field[SS_threads] < 64 ? program->field[SS_threads] : 64;
    for (size_t i = 0; i < program->count; i++) {
        if (!ss_is_contract(asks[i].op))
            ss_fail("several threads can only do what is of the contract");
        asks[i].field[SS_thread] %= number;
        struct ss_object *object = ss_object(asks[i].field[SS_id]);
        asks[i].turn = object->uses++;
    }
    for (uint64_t i = 0; i < number; i++) {
        work[i].asks = asks;
        work[i].made = made;
        work[i].count = program->count;
        work[i].thread = i;
        if (pthread_create(&threads[i], NULL, ss_thread, &work[i]) != 0)
            ss_fail("a thread cannot be started");
    }
    for (uint64_t i = 0; i < number; i++)
        pthread_join(threads[i], NULL);
}

/* Whether it has the functions that a level begins with. */
static int ss_has_level(const char *name) {
    const int heap = spanspec_new_heap && spanspec_heap_call;
    return !strcmp(name, "sizes")      ? spanspec_size != NULL
           : !strcmp(name, "contract") ? spanspec_malloc && spanspec_free
           : !strcmp(name, "span")     ? spanspec_new_span != NULL
           : !strcmp(name, "heap")     ? heap
                                       : heap && spanspec_heap_begin && spanspec_turn;
}

/* Say who it is; return why not, if there is nothing to say. */
static const char *ss_hello(struct ss_text *out) {
    static const char *const levels[] = {"sizes", "contract", "span", "heap", "schedule"};
    const char *before = "";
    unsigned lacks = spanspec_lacks ? spanspec_lacks() : 0;
    ss_put(out, ",\"protocol\":");
    ss_put_number(out, SPANSPEC_PROTOCOL);
    ss_put(out, ",\"name\":");
    ss_put_string(out, spanspec_name ? spanspec_name() : "an allocator in C");
    ss_put(out, ",\"threads\":");
    ss_put_number(out, spanspec_threads ? spanspec_threads() : 1);
    ss_put(out, ",\"alignment\":");
    ss_put_number(out, spanspec_alignment ? spanspec_alignment() : 8);
    if (spanspec_largest) {
        ss_put(out, ",\"largest\":");
        ss_put_number(out, spanspec_largest());
    }
    if (spanspec_memory) {
        ss_put(out, ",\"memory\":");
        ss_put_number(out, spanspec_memory());
    }
    ss_put(out, ",\"programs\":true,\"lacks\":[");
    if (!spanspec_realloc)
        lacks |= SPANSPEC_NO_REALLOC;
    for (unsigned i = 0; i < SS_LACKS; i++)
        if (lacks >> i & 1) {
            ss_put(out, before);
            ss_put_string(out, ss_lacks[i]);
            before = ",";
        }
    before = "";
    ss_put(out, "],\"levels\":[");
    for (unsigned i = 0; i < 5; i++)
        if (ss_has_level(levels[i])) {
            ss_put(out, before);
            ss_put_string(out, levels[i]);
            before = ",";
        }
    if (*before == 0)
        return "it has none of spanspec_size, _malloc with _free, _new_span, "
               "_new_heap with _heap_call";
    before = "";
    ss_put(out, "],\"shows\":[");
    if ((spanspec_span_state || spanspec_heap_state) &&
        !(spanspec_new_span && !spanspec_span_state) &&
        !(spanspec_new_heap && !spanspec_heap_state)) {
        ss_put(out, "\"state\"");
        before = ",";
    }
    if (spanspec_account) {
        ss_put(out, before);
        ss_put(out, "\"account\"");
        before = ",";
    }
    if (spanspec_shows_events && spanspec_shows_events()) {
        ss_put(out, before);
        ss_put(out, "\"events\"");
    }
    before = "";
    ss_put(out, "],\"calls\":[");
    for (unsigned i = 0; spanspec_calls && i < 3; i++)
        if (spanspec_calls() >> i & 1) {
            static const char *const names[] = {"find", "set_gc_percent", "finish_paced"};
            ss_put(out, before);
            ss_put_string(out, names[i]);
            before = ",";
        }
    ss_put(out, "]");
    return NULL;
}

static void ss_put_missing(struct ss_text *out, const char *op) {
    char why[96];
    snprintf(why, sizeof why, "there is no function spanspec_%s", op);
    ss_put(out, ",\"error\":");
    ss_put_string(out, why);
}

static void ss_answer(struct ss_reader *in, size_t place, struct ss_text *out) {
    struct ss_ask *ask = &in->asks[place];
    const char *refused = NULL, *events = NULL, *text[SS_TEXTS];
    char words[SS_TEXTS][128];
    size_t start = out->used;
    if (ss_is_contract(ask->op)) {
        struct ss_made made = SS_NOTHING;
        ss_contract(ask, ss_object(ask->field[SS_id]), &made);
        ss_put_made(out, ask, &made);
        return;
    }
    ss_put(out, "{\"n\":");
    ss_put_number(out, ask->n);
    if (strcmp(ask->op, "hello") == 0) {
        refused = ss_hello(out);
    } else if (strcmp(ask->op, "new_contract") == 0 && spanspec_malloc) {
        ss_forget();
    } else if (strcmp(ask->op, "program") == 0) {
        ss_put(out, ",\"replies\":[");
        if (ask->field[SS_threads] > 1) {
            static struct ss_made *made;
            static size_t room;
            if (room < ask->count) {
                made = (struct ss_made *)ss_pages(made, room * sizeof *made,
                                                  ask->count * sizeof *made);
                room = ask->count;
            }
            memset(made, 0, ask->count * sizeof *made);
            ss_at_once(in, ask, made);
            for (size_t i = 0; i < ask->count; i++) {
                ss_put(out, i ? "," : "");
                ss_put_made(out, &in->asks[ask->first + i], &made[i]);
            }
        } else {
            for (size_t i = 0, first = ask->first, count = ask->count; i < count; i++) {
                ss_put(out, i ? "," : "");
                ss_answer(in, first + i, out);
            }
        }
        ss_put(out, "]");
    } else {
        for (size_t one = 0; one < SS_TEXTS; one++) {
            struct ss_reader at = SS_NOTHING;
            at.at = ask->text[one];
            words[one][0] = 0;
            text[one] = words[one];
            if (at.at != NULL)
                ss_words(&at, words[one], sizeof words[one]);
        }
        if (!ss_dispatch(ask->op, ask->field, text, out, &refused, &events))
            ss_put_missing(out, ask->op);
    }
    if (refused != NULL) {
        out->used = start;
        ss_put(out, "{\"n\":");
        ss_put_number(out, in->asks[place].n);
        ss_put(out, ",\"refused\":");
        ss_put_string(out, refused);
        if (events != NULL) {
            ss_put(out, ",\"events\":");
            ss_put(out, events);
        }
    }
    ss_put(out, "}");
}

/* Where replies go. What an allocator prints on standard output goes to standard error, unless it
   prints before `main`; SPANSPEC_REPLIES names another descriptor for who starts this otherwise. */
static int ss_replies = 1;

static void ss_keep_output_apart(void) {
    const char *other = getenv("SPANSPEC_REPLIES");
    int kept = other != NULL ? atoi(other) : fcntl(1, F_DUPFD_CLOEXEC, 3);
    if (kept > 2 && (other != NULL || dup2(2, 1) == 1))
        ss_replies = kept;
}

static void ss_say(struct ss_text *out) {
    size_t done = 0;
    ss_put(out, "\n");
    while (done < out->used) {
        ssize_t wrote = write(ss_replies, out->at + done, out->used - done);
        if (wrote < 0 && errno != EINTR)
            _exit(0);
        done += wrote > 0 ? (size_t)wrote : 0;
    }
    out->used = 0;
}

/* Vectors: requests with the replies that they must have. Each line of the file has an
   "exchange": [[request, reply], ...]; of a refusal the words may be others. */

static char *ss_braces(char **at) {
    char *start = strchr(*at, '{'), *end = start;
    int depth = 0, quoted = 0;
    if (start == NULL)
        return NULL;
    do {
        if (quoted && *end == '\\' && end[1])
            end++; /* what is escaped ends no string */
        else
            quoted ^= *end == '"';
        depth += quoted ? 0 : (*end == '{') - (*end == '}');
    } while (*++end && depth > 0);
    *at = *end ? end + 1 : end;
    *end = 0;
    return start;
}

/* Whether a line is a whole object: a file may have been cut off. */
static int ss_is_whole(const char *line) {
    int depth = 0, quoted = 0;
    for (; *line; line++) {
        if (quoted && *line == '\\' && line[1])
            line++;
        else if (*line == '"')
            quoted = !quoted;
        else if (!quoted)
            depth += (*line == '{' || *line == '[') - (*line == '}' || *line == ']');
    }
    return depth == 0 && !quoted;
}

/* Whether it is asked: what it does not have is not, and a heap's state is JSON, which is not
   compared here; nor are its events. */
static int ss_is_asked(struct ss_ask *ask) {
    static const char *const extra[] = {"\"find\"", "\"set_gc_percent\"", "\"finish_paced\"",
                                        "\"trigger\""};
    const char *call = ask->text[SS_TEXT_call];
    unsigned has = spanspec_calls ? spanspec_calls() : 0;
    has |= has & SPANSPEC_SET_GC_PERCENT ? 8u : 0;
    for (unsigned i = 0; call != NULL && i < 4; i++)
        if (strncmp(call, extra[i], strlen(extra[i])) == 0 && !(has >> i & 1))
            return 0;
    return strcmp(ask->op, "heap_state") != 0 &&
           (spanspec_span_state || strcmp(ask->op, "span_state") != 0);
}

/* Whether a line of a heap asks for nothing that it lacks. */
static int ss_lacks_nothing_of(const char *line) {
    const unsigned lacks = spanspec_lacks ? spanspec_lacks() : 0;
    char asked[40];
    for (size_t i = 0; i < sizeof ss_lacking / sizeof *ss_lacking; i++) {
        snprintf(asked, sizeof asked, "\"call\":\"%s\"", ss_lacking[i].call);
        if (lacks >> ss_lacking[i].lack & 1 && strstr(line, asked) != NULL)
            return 0;
    }
    const char *begins = strstr(line, "\"op\":\"new_heap\"");
    return begins == NULL ||
           !((lacks & SPANSPEC_NO_PROCS && strstr(begins, "\"procs\":1,") == NULL) ||
             (lacks & SPANSPEC_NO_PHYSICAL && strstr(begins, "\"physical\":4096") == NULL) ||
             (lacks & SPANSPEC_NO_ANSWERS && strstr(begins, "\"answers\":[]") == NULL));
}

/* Whether a line is of a level that it has. */
static int ss_is_of_level(const char *line) {
    char name[16] = "";
    const char *at = strstr(line, "\"level\":\"");
    return at == NULL || sscanf(at + 9, "%15[a-z]", name) != 1 || ss_has_level(name);
}

static void ss_cut_events(char *reply) {
    char *events = strstr(reply, ",\"events\":");
    if (events != NULL)
        strcpy(events, "}");
}

/* Leave out a field that it does not show, or that means nothing. One that it has shown once, it
   has to show again. */
static void ss_cut_unshown(char *said, char *wanted, const char *field, int *shown) {
    char *fields[2] = {strstr(said, field), strstr(wanted, field)};
    int nulls[2];
    for (int i = 0; i < 2; i++)
        nulls[i] = fields[i] == NULL || strncmp(fields[i] + strlen(field), "null", 4) == 0;
    *shown |= !nulls[0];
    for (int i = 0; i < 2 && (nulls[1] || (nulls[0] && !*shown)); i++)
        if (fields[i] != NULL) {
            char *rest = strpbrk(fields[i] + strlen(field), ",}");
            memmove(fields[i], rest, strlen(rest) + 1);
        }
}

/* Return of how many vectors a line says that it is one, or 0 if it does not, as before format 1.3. */
static size_t ss_is_one_of(const char *line) {
    const char *exchange = strstr(line, "\"exchange\":"), *of = strstr(line, "\"of\":");
    size_t number;
    return of != NULL && exchange != NULL && of < exchange && sscanf(of + 5, "%zu", &number) == 1
               ? number
               : 0;
}

static int ss_vectors(const char *file) {
    struct ss_text out = SS_NOTHING;
    struct ss_reader reader = SS_NOTHING;
    FILE *vectors = fopen(file, "r");
    char *line = NULL, *asked, *wanted;
    size_t room = 0, number = 0, had = 0, wrong = 0, exchanged = 0, of = 0;
    int shows_path = 0, shows_cache = 0;
    if (vectors == NULL)
        ss_fail("the file of vectors cannot be read");
    for (; getline(&line, &room, vectors) > 0; number++) {
        if (!ss_is_whole(line))
            ss_fail("a line of the file of vectors is not whole");
        of = ss_is_one_of(line);
        if (!ss_is_of_level(line) || !ss_lacks_nothing_of(line))
            continue;
        had++;
        char *at = strstr(line, "\"exchange\":");
        while (at != NULL && (asked = ss_braces(&at)) && (wanted = ss_braces(&at))) {
            char *words = strstr(wanted, "\"refused\":");
            reader.at = asked;
            reader.used = 0;
            out.used = 0;
            ss_request(&reader);
            if (!ss_is_asked(&reader.asks[0]))
                continue;
            ss_answer(&reader, 0, &out);
            *ss_room(&out, 1) = 0;
            ss_cut_events(out.at);
            ss_cut_events(wanted);
            ss_cut_unshown(out.at, wanted, ",\"path\":", &shows_path);
            ss_cut_unshown(out.at, wanted, ",\"alloc_cache\":", &shows_cache);
            exchanged++;
            if (words ? strncmp(out.at, wanted, (size_t)(words - wanted) + 10) != 0
                      : strcmp(out.at, wanted) != 0) {
                printf("vector %zu: asked %s\n  must say %s\n  says     %s\n", number + 1, asked,
                       wanted, out.at);
                wrong++;
                break;
            }
        }
    }
    free(line);
    fclose(vectors);
    if (of != 0 && number != of)
        ss_fail("the file of vectors has not as many as it says: it was cut off");
    printf("%zu vectors, %zu replies, %zu wrong\n", had, exchanged, wrong);
    if (number > 0 && had == 0)
        printf("none of %zu vectors is of a level that it has\n", number);
    return wrong > 0 || exchanged == 0;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "vectors") == 0)
        return ss_vectors(argv[2]);
    struct ss_text in = SS_NOTHING, out = SS_NOTHING;
    struct ss_reader reader = SS_NOTHING;
    size_t looked = 0;
    ss_keep_output_apart();
    for (;;) {
        char *end;
        while (looked < in.used && (end = (char *)memchr(in.at + looked, '\n', in.used - looked))) {
            size_t length = (size_t)(end - in.at) + 1;
            *end = 0;
            reader.at = in.at;
            reader.used = 0;
            ss_request(&reader);
            ss_answer(&reader, 0, &out);
            ss_say(&out);
            memmove(in.at, in.at + length, in.used - length);
            in.used -= length;
            looked = 0;
        }
        looked = in.used;
        ssize_t got = read(0, ss_room(&in, 1 << 16), 1 << 16);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return 0;
        in.used += (size_t)got;
    }
}

#endif /* SPANSPEC_MAIN */

#ifdef __cplusplus
}
#endif

#endif /* SPANSPEC_H */
