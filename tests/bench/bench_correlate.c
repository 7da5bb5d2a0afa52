/*
 * bench_correlate - correlations alone, on one core
 *
 * usage: bench_correlate [EVENTS]          (2,000,000 a run)
 * BENCH_ONLY=name runs one scene.
 * Events are judged as they stand in memory, by one detection and one correlation; a
 * second of the stream is 60,000 of them. Warm, the median of five runs, and beside it
 * how many times a bare table does the same in the time: the key hashed, found among as
 * many, and a number of it raised. That tells on a busy machine too. Making the events'
 * texts is nobody's work and not in the time: they are made a few hundred at a time.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "detector/engine/engine.h"
#include "detector/ruleset/ruleset.h"
#include "proto/base/hash.h"

enum { PER_SECOND = 60000, RUNS = 5, ROOM = 24, AT_ONCE = 256, AHEAD = ENGINE_AHEAD };

#define SECOND INT64_C(1000000)
#define START (INT64_C(1795300000) * SECOND)
#define ORIGIN 0x1234

struct scene {
    const char *name;
    uint32_t keys, values;
    const char *correlation;    /* type, timespan and condition */
};

struct cell {
    uint64_t hash, count;
    char key[ROOM];
};

/* What one event has that others have not. */
struct made {
    char key[ROOM], value[ROOM];
    struct text key_text, value_text;
    struct event_id id;
};

struct bench {
    const struct scene *scene;
    uint64_t events, n;
    struct engine *engine;
    struct event ring[AHEAD + 1];
    struct made made[AT_ONCE];
    struct cell *cells;
    uint64_t mask;
};

static const char rules[] =
    "title: A\nid: 5e2dbb1b-5d5b-4f83-8f9b-6a0a2b1f5a01\nname: a\n"
    "logsource:\n    category: authentication\n"
    "detection:\n    sel:\n        event_type: login_failed\n    condition: sel\n"
    "level: low\n---\n"
    "title: B\nid: 5e2dbb1b-5d5b-4f83-8f9b-6a0a2b1f5a02\n"
    "correlation:\n    rules: [a]\n    group-by: [source_address]\n%s"
    "level: high\n";

static void
fail(const char *what)
{
    fprintf(stderr, "bench_correlate: %s\n", what);
    exit(1);
}

static double
cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double
resident_mib(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long size = 0, pages = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "%ld %ld", &size, &pages) != 2)
        pages = 0;
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1024 * 1024);
}

/* Numbers in an order without a pattern, the same every time. */
static uint64_t
mixed(uint64_t n)
{
    n *= UINT64_C(0x9E3779B97F4A7C15);
    n ^= n >> 32;
    n *= UINT64_C(0xD6E8FEB86659FD93);
    return n ^ n >> 32;
}

/* Text and five digits, where an event that was just read has them: near. */
static struct text
make_text(char *out, const char *head, uint64_t number)
{
    size_t len = strlen(head);

    memcpy(out, head, len);
    for (size_t i = 5; i-- > 0; number /= 10)
        out[len + i] = (char)('0' + number % 10);
    out[len + 5] = '\0';
    return (struct text){ out, len + 5 };
}

static void
open_engine(struct bench *bench)
{
    const struct engine_options options = { .lateness_us = 1 * SECOND, .max_keys = 250000,
                                            .max_entries = 5000,
                                            .max_total_entries = 1000000, .slots = 1 };
    struct ruleset *set = ruleset_new();
    char text[2000];
    struct err err;

    snprintf(text, sizeof(text), rules, bench->scene->correlation);
    if (set == NULL || ruleset_add(set, "bench.yml", text, strlen(text)) != 0 ||
        ruleset_link(set, &err) != 0)
        fail("rules");
    if (ruleset_refused_count(set) > 0)
        fail(ruleset_refused(set, 0));
    bench->engine = engine_new(&options, &set, metrics_new(), &err);
    if (bench->engine == NULL)
        fail(err.text);
}

/* The next events, from n on. */
static void
make(struct bench *bench, uint64_t n)
{
    for (struct made *made = bench->made; made < bench->made + AT_ONCE; made++, n++) {
        made->key_text = make_text(made->key, "2001:db8::",
                                   mixed(n) % bench->scene->keys);
        made->value_text = make_text(made->value, "user",
                                     mixed(~n) % bench->scene->values);
        made->id = event_id_make(ORIGIN, 7, n + 1);
    }
}

/* Event i of those that were made, as one that was read: the engine hears of it. */
static void
expect(struct bench *bench, size_t i)
{
    const struct made *made = &bench->made[i];
    struct event *ev = &bench->ring[i % (AHEAD + 1)];

    ev->at_us = ev->received_us = START + (int64_t)(bench->n + i) * SECOND / PER_SECOND;
    ev->id = made->id;
    ev->known[EVENT_SOURCE_ADDRESS] = value_text(made->key_text);
    ev->known[EVENT_USERNAME] = value_text(made->value_text);
    engine_expect(bench->engine, ev);
}

/* All that were made; a few are read ahead, as the detector does. */
static void
judge(struct bench *bench)
{
    struct err err = { 0 };

    for (size_t i = 0; i < AHEAD; i++)
        expect(bench, i);
    for (size_t i = 0; i < AT_ONCE; i++) {
        if (i + AHEAD < AT_ONCE)
            expect(bench, i + AHEAD);
        if (engine_judge(bench->engine, &bench->ring[i % (AHEAD + 1)], ORIGIN, &err) != 0)
            fail(err.text);
    }
    bench->n += AT_ONCE;
}

/* The least that any engine has to do. */
static uint64_t
count_bare(struct bench *bench, const struct made *made)
{
    struct text key = made->key_text;
    uint64_t hash = hash64(key.ptr, key.len);
    struct cell *cell = &bench->cells[hash & bench->mask];

    while (cell->count != 0 && (cell->hash != hash || memcmp(cell->key, key.ptr, key.len + 1) != 0))
        cell = cell + 1 < bench->cells + bench->mask + 1 ? cell + 1 : bench->cells;
    cell->hash = hash;
    memcpy(cell->key, key.ptr, key.len + 1);
    return ++cell->count;
}

static uint64_t
count_all_bare(struct bench *bench)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < AT_ONCE; i++)
        sum += count_bare(bench, &bench->made[i]);
    return sum;
}

static int
compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

/* Events a second, of the run in the middle. */
static double
measure(struct bench *bench, int is_bare)
{
    double rates[RUNS];
    uint64_t n = 0, sum = 0;

    for (int run = -1; run < RUNS; run++) {
        double took = 0;

        for (uint64_t i = 0; i < bench->events; i += AT_ONCE, n += AT_ONCE) {
            double began;

            make(bench, n);
            began = cpu_seconds();
            if (is_bare)
                sum += count_all_bare(bench);
            else
                judge(bench);
            took += cpu_seconds() - began;
        }
        if (run >= 0)
            rates[run] = (double)((bench->events + AT_ONCE - 1) / AT_ONCE * AT_ONCE) / took;
    }
    if (is_bare && sum == 0)
        fail("nothing was counted");
    qsort(rates, RUNS, sizeof(rates[0]), compare);
    return rates[RUNS / 2];
}

static void
run(struct bench *bench)
{
    struct engine_numbers numbers;
    double bare, rate, before;

    bench->mask = 1;
    while (bench->mask < (uint64_t)bench->scene->keys * 2)
        bench->mask = bench->mask * 2 + 1;
    bench->cells = calloc(bench->mask + 1, sizeof(bench->cells[0]));
    if (bench->cells == NULL)
        fail("out of memory");
    bare = measure(bench, 1);
    free(bench->cells);
    for (size_t i = 0; i <= AHEAD; i++) {
        struct value *known = bench->ring[i].known;

        known[EVENT_COUNT] = (struct value){ .kind = VALUE_INT, .as.integer = 1 };
        known[EVENT_TYPE] = value_text(text_of("login_failed"));
    }
    before = resident_mib();
    open_engine(bench);
    rate = measure(bench, 0);
    numbers = engine_numbers(bench->engine);
    printf("%-36s %8.0f events/s, a bare table %.1f times as many; %zu keys, %zu entries,"
           " %.1f MiB; %" PRIu64 " keys evicted, %" PRIu64 " entries dropped\n",
           bench->scene->name, rate, bare / rate, numbers.keys, numbers.entries,
           resident_mib() - before, numbers.keys_evicted, numbers.entries_dropped);
    fflush(stdout);
}

int
main(int argc, char **argv)
{
    static const struct scene scenes[] = {
        { "event_count, 100,000 keys", 100000, 1,
          "    type: event_count\n    timespan: 5s\n    condition:\n        gte: 1000\n" },
        { "value_sum, 100,000 keys", 100000, 1,
          "    type: value_sum\n    timespan: 5s\n    condition:\n        field: count\n"
          "        gte: 1000\n" },
        { "value_count, 100,000 keys", 100000, 1000,
          "    type: value_count\n    timespan: 5s\n    condition:\n"
          "        field: username\n        gte: 1000\n" },
        { "value_count, 1,800 distinct", 20, 1800,
          "    type: value_count\n    timespan: 5s\n    condition:\n"
          "        field: username\n        gte: 2000\n" },
        { "value_count, 10,000 distinct", 20, 10000,
          "    type: value_count\n    timespan: 5s\n    condition:\n"
          "        field: username\n        gte: 12000\n" },
    };
    const char *only = getenv("BENCH_ONLY");
    uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000;
    int failed = 0;

    for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++) {
        struct bench bench = { .scene = &scenes[i], .events = events };
        int status = -1;
        pid_t child;

        if (only != NULL && strcmp(only, scenes[i].name) != 0)
            continue;
        child = fork();
        if (child == 0) {
            run(&bench);
            _exit(0);
        }
        if (child < 0 || waitpid(child, &status, 0) < 0)
            perror("bench_correlate");
        failed |= status != 0;
    }
    return failed;
}
