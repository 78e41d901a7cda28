/* A heap in C whose functions ask another process, named by the variable BEHIND, and tell what that
   replies. So each field goes through the structs of spanspec.h, and through its own process or
   the library's door, in both directions; and what is behind knows every rule. */

#include "spanspec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE *to, *from;
static char *line, *rest;
static size_t room;

static void start(void) {
    int there[2], back[2];
    if (to != NULL)
        return;
    if (pipe(there) != 0 || pipe(back) != 0)
        exit(1);
    if (fork() == 0) {
        dup2(there[0], 0);
        dup2(back[1], 1);
        close(there[1]);
        close(back[0]);
        execl("/bin/sh", "sh", "-c", getenv("BEHIND"), (char *)NULL);
        _exit(127);
    }
    close(there[0]);
    close(back[1]);
    to = fdopen(there[1], "w");
    from = fdopen(back[0], "r");
}

/* Read the reply; return why it is refused, if it is. */
static const char *reply(void) {
    static char words[4096];
    char *refused;
    fflush(to);
    if (getline(&line, &room, from) <= 0)
        exit(1);
    refused = strstr(line, "\"refused\": \"");
    if (refused == NULL)
        return NULL;
    snprintf(words, sizeof words, "%s", refused + 12);
    if (strchr(words, '"') != NULL)
        *strchr(words, '"') = 0;
    return words;
}

/* The number, or the text up to an end, that a field of the reply has. */
static int64_t number(const char *name) {
    char *at = strstr(line, name);
    return at == NULL ? 0 : (int64_t)strtoull(at + strlen(name), NULL, 10);
}

static int is_true(const char *name) {
    char *at = strstr(line, name);
    return at != NULL && strncmp(at + strlen(name), "true", 4) == 0;
}

/* The list or object that a field has, cut out of a copy of the reply. */
static const char *json(const char *name) {
    char *at, *end;
    int depth = 0, quoted = 0;
    free(rest);
    rest = strdup(line);
    at = strstr(rest, name);
    if (at == NULL)
        return NULL;
    at += strlen(name);
    end = at;
    do {
        quoted ^= *end == '"';
        if (!quoted)
            depth += (*end == '[' || *end == '{') - (*end == ']' || *end == '}');
        end++;
    } while (depth > 0 && *end);
    *end = 0;
    return at;
}

const char *spanspec_name(void) { return "bridge"; }
int spanspec_shows_events(void) { return 1; }
unsigned spanspec_calls(void) {
    return SPANSPEC_FIND | SPANSPEC_SET_GC_PERCENT | SPANSPEC_FINISH_PACED;
}

const char *spanspec_new_heap(uint64_t procs, uint64_t sweepgen, uint64_t physical,
                              const char *answers) {
    char words[512], *word, *comma = "";
    start();
    fprintf(to,
            "{\"op\": \"new_heap\", \"n\": 1, \"procs\": %llu, \"sweepgen\": %llu, "
            "\"physical\": %llu, \"answers\": [",
            (unsigned long long)procs, (unsigned long long)sweepgen, (unsigned long long)physical);
    snprintf(words, sizeof words, "%s", answers);
    for (word = strtok(words, " "); word != NULL; word = strtok(NULL, " ")) {
        fprintf(to, "%s\"%s\"", comma, word);
        comma = ", ";
    }
    fprintf(to, "]}\n");
    return reply();
}

static void send(const char *op, const struct spanspec_heap_call *ask) {
    const struct {
        const char *name;
        long long value;
    } numbers[] = {
        {"p", (long long)ask->p},
        {"address", (long long)ask->address},
        {"npages", (long long)ask->npages},
        {"procs", (long long)ask->procs},
        {"nanoseconds", (long long)ask->nanoseconds},
        {"percent", (long long)ask->percent},
        {"took_ns", (long long)ask->took_ns},
        {"assist_ns", (long long)ask->assist_ns},
    };
    fprintf(to, "{\"op\": \"%s\", \"n\": 1, \"call\": \"%s\"", op, ask->call);
    fprintf(to, ", \"bytes\": %llu", (unsigned long long)ask->bytes);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        fprintf(to, ", \"%s\": %lld", numbers[i].name, numbers[i].value);
    fprintf(to, ", \"noscan\": %s", ask->noscan ? "true" : "false");
    fprintf(to, ", \"zero\": %s", ask->zero ? "true" : "false");
    if (*ask->kind)
        fprintf(to, ", \"kind\": \"%s\"", ask->kind);
    if (*ask->purpose)
        fprintf(to, ", \"purpose\": \"%s\"", ask->purpose);
    fprintf(to, "}\n");
}

const char *spanspec_heap_call(const struct spanspec_heap_call *ask, struct spanspec_returned *came) {
    send("heap_call", ask);
    const char *refused = reply();
    came->result = number("\"result\": ");
    came->no_memory = is_true("\"no_memory\": ");
    came->events = json("\"events\": ");
    return refused;
}

static const char *stopped(struct spanspec_stopped *told) {
    static const char *const stops[] = {"step", "published", "waits", "ended"};
    const char *refused = reply();
    for (size_t i = 0; i < 4; i++) {
        char wanted[40];
        snprintf(wanted, sizeof wanted, "\"stop\": \"%s\"", stops[i]);
        if (strstr(line, wanted) != NULL)
            told->stop = stops[i];
    }
    told->result = number("\"result\": ");
    told->no_memory = is_true("\"no_memory\": ");
    told->span = (uint64_t)number("\"span\": ");
    told->left = is_true("\"left\": ");
    told->events = json("\"events\": ");
    return refused;
}

const char *spanspec_heap_begin(const struct spanspec_heap_call *ask,
                                struct spanspec_stopped *told) {
    send("heap_begin", ask);
    return stopped(told);
}

const char *spanspec_turn(uint64_t p, struct spanspec_stopped *told) {
    fprintf(to, "{\"op\": \"turn\", \"n\": 1, \"p\": %llu}\n", (unsigned long long)p);
    return stopped(told);
}

const char *spanspec_heap_state(int now, struct spanspec_heap_shown *shown) {
    fprintf(to, "{\"op\": \"heap_state\", \"n\": 1, \"now\": %s}\n", now ? "true" : "false");
    const char *refused = reply();
    shown->state = json("\"state\": ");
    return refused;
}
