/*
 * bench_stall - how long the detector's loop stands still with large windows
 *
 * usage: bench_stall [KEYS]        (200,000 of five entries each)
 * What a user would feel as a pause: the longest single event while the memory fills,
 * while all of it grows old at once, and while random keys push others out; one event
 * out of order in the largest window; the commits, to a state file on disk, of a stream
 * whose keys come in no order; and other rules (SIGHUP) with all of it in memory. The
 * worst of each, for one pause is what counts: processor time, but for commits, which wait
 * for the disk.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "detector/commit_pace.h"
#include "detector/engine/engine.h"
#include "detector/ruleset/ruleset.h"
#include "detector/state/checkpoint.h"

enum { ENTRIES = 5, PER_SECOND = 60000, ROOM = 32, ORIGIN = 0x1234, LIMIT_MS = 50,
       LARGE = 100000, RUNS = 5, GROWN = 100, STEP = 7919 /* no pattern */ };

#define SECOND INT64_C(1000000)
#define START (INT64_C(1795300000) * SECOND)
#define NEVER "gte: 1000000"

struct bench {
    struct engine *engine;
    struct metrics *metrics;
    struct checkpoint *checkpoint;
    uint64_t n, keys;
    int64_t at_us;
};

static const char rules[] =
    "title: A\nid: 5e2dbb1b-5d5b-4f83-8f9b-6a0a2b1f5a01\nname: a\n"
    "logsource:\n    category: authentication\n"
    "detection:\n    sel:\n        event_type: login_failed\n    condition: sel\n"
    "level: low\n---\n"
    "title: B\nid: 5e2dbb1b-5d5b-4f83-8f9b-6a0a2b1f5a02\n"
    "correlation:\n    type: event_count\n    rules: [a]\n    group-by: [source_address%s]\n"
    "    timespan: 30m\n    condition:\n        %s\n"
    "level: high\n";

static void
fail(const char *what)
{
    fprintf(stderr, "bench_stall: %s\n", what);
    exit(1);
}

static double
now_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void
tell(const char *what, double worst_ms)
{
    printf("%-66s %8.1f ms%s\n", what, worst_ms, worst_ms > LIMIT_MS ? "  (over 50)" : "");
    fflush(stdout);
}

static struct ruleset *
make_rules(const char *condition, const char *more_fields)
{
    struct ruleset *set = ruleset_new();
    char text[2000];
    struct err err;

    snprintf(text, sizeof(text), rules, more_fields, condition);
    if (set == NULL || ruleset_add(set, "bench.yml", text, strlen(text)) != 0 ||
        ruleset_link(set, &err) != 0)
        fail("rules");
    if (ruleset_refused_count(set) > 0)
        fail(ruleset_refused(set, 0));
    return set;
}

static void
open_engine(struct bench *bench)
{
    const struct engine_options options = {
        .lateness_us = 300 * SECOND, .max_keys = bench->keys + 100,
        .max_entries = LARGE + LARGE / 2, .max_total_entries = 2000000, .slots = 1,
    };
    struct ruleset *set = make_rules(NEVER, "");
    struct err err;

    bench->metrics = metrics_new();
    bench->engine = engine_new(&options, &set, bench->metrics, &err);
    if (bench->engine == NULL)
        fail(err.text);
    bench->at_us = START;
}

/* The time that one event of this key takes. */
static double
judge(struct bench *bench, uint64_t key, int64_t behind_us)
{
    char text[ROOM];
    struct event ev = { .at_us = bench->at_us - behind_us, .received_us = bench->at_us };
    struct err err;
    double began;

    snprintf(text, sizeof(text), "10.%u.%u.%u", (unsigned)(key >> 16) & 255,
             (unsigned)(key >> 8) & 255, (unsigned)key & 255);
    ev.id = event_id_make(ORIGIN, 7, ++bench->n);
    ev.known[EVENT_COUNT] = (struct value){ .kind = VALUE_INT, .as.integer = 1 };
    ev.known[EVENT_TYPE] = value_text(text_of("login_failed"));
    ev.known[EVENT_SOURCE_ADDRESS] = value_text(text_of(text));
    bench->at_us += SECOND / PER_SECOND;
    began = now_ms(CLOCK_PROCESS_CPUTIME_ID);
    if (engine_judge(bench->engine, &ev, ORIGIN, &err) != 0)
        fail(err.text);
    return now_ms(CLOCK_PROCESS_CPUTIME_ID) - began;
}

static double
larger(double a, double b)
{
    return a > b ? a : b;
}

static void
published(void *ctx, const struct incident *inc, const struct batch_head *head, struct text body)
{
    (void)ctx, (void)inc, (void)head, (void)body;
}

static double
commit(struct bench *bench)
{
    struct checkpoint_commit work = { .engine = bench->engine, .published = published,
                                      .most_grown = GROWN };
    struct err err;
    double began = now_ms(CLOCK_MONOTONIC);

    if (checkpoint_commit(bench->checkpoint, &work, &err) != DB_DONE)
        fail(err.text);
    return now_ms(CLOCK_MONOTONIC) - began;
}

/* A stream of so many events a second, and the commits that the detector would make. */
static void
stream(struct bench *bench, const char *what, int64_t per_second, uint64_t keys)
{
    struct commit_pace pace = { 0 };
    int64_t due_us = INT64_MAX, second_us = SECOND;
    double event_ms = 0, commit_ms = 0, total_ms = 0;
    uint64_t count = keys * ENTRIES;
    size_t commits = 0;
    char text[120];

    for (uint64_t i = 0; i < count; i++) {
        int64_t now_us = 1 + (int64_t)i * SECOND / per_second;
        double took_ms;

        event_ms = larger(event_ms, judge(bench, i * STEP % keys, 0));
        if (engine_is_urgent(bench->engine) && due_us == INT64_MAX)
            due_us = now_us + commit_pace_wait_ms(&pace, now_us) * 1000;
        if (now_us < second_us && now_us < due_us && i + 1 < count &&
            !commit_pace_is_full(&pace, engine_changed(bench->engine), now_us))
            continue;
        took_ms = commit(bench);
        commit_pace_note(&pace, now_us, now_us + (int64_t)(took_ms * 1e3));
        commit_ms = larger(commit_ms, took_ms);
        total_ms += took_ms;
        commits++;
        due_us = INT64_MAX;
        second_us = now_us >= second_us ? now_us + SECOND : second_us;
    }
    snprintf(text, sizeof(text), "%s: an event", what);
    tell(text, event_ms);
    snprintf(text, sizeof(text), "%s: a commit (%zu, %.1f ms each)", what, commits,
             total_ms / (double)commits);
    tell(text, commit_ms);
}

/* --- the scenes, each with what the one before left --- */

static void
fill(struct bench *bench)
{
    struct engine_numbers numbers;

    stream(bench, "10,000 events/s", 10000, bench->keys);
    stream(bench, "60,000 events/s", PER_SECOND, bench->keys);
    numbers = engine_numbers(bench->engine);
    printf("%zu keys, %zu entries\n", numbers.keys, numbers.entries);
}

static void
swap_rules(struct bench *bench)
{
    static const struct { const char *what, *condition; } swaps[] = {
        { "other rules, those with windows as they were", NEVER },
        { "other rules, the one with all windows changed", "gte: 999999" },
    };

    for (size_t i = 0; i < 2; i++) {
        struct ruleset *set = make_rules(swaps[i].condition, "");
        struct err err;
        double began = now_ms(CLOCK_PROCESS_CPUTIME_ID);

        if (engine_swap(&bench->engine, &set, &err) != 0)
            fail(err.text);
        tell(swaps[i].what, now_ms(CLOCK_PROCESS_CPUTIME_ID) - began);
        commit(bench);
    }
}

static void
push_out(struct bench *bench)
{
    double worst_ms = 0;

    for (uint64_t i = 0; i < bench->keys; i++)
        worst_ms = larger(worst_ms, judge(bench, bench->keys + i, 0));
    tell("an event of a new key, which pushes another one out", worst_ms);
    commit(bench);
}

static void
grow_one(struct bench *bench)
{
    double worst_ms = 0, late_ms = 0;

    for (uint64_t i = 0; i < LARGE; i++)
        worst_ms = larger(worst_ms, judge(bench, 5, 0));
    tell("an event of one key, up to 100,000 entries", worst_ms);
    for (int i = 0; i < RUNS; i++)
        late_ms = larger(late_ms, judge(bench, 5, SECOND));
    tell("an event out of order among 100,000 entries", late_ms);
    commit(bench);
}

static void
grow_old(struct bench *bench)
{
    bench->at_us += 24 * 3600 * SECOND;
    stream(bench, "a day after, when all is held long enough", 10000, 1);
    stream(bench, "while it goes, 10,000 events/s", 10000, bench->keys / 10);
}

static void
open_incidents(struct bench *bench)
{
    struct ruleset *set = make_rules("gte: 5", "");
    struct err err;

    commit(bench);
    if (engine_swap(&bench->engine, &set, &err) != 0)
        fail(err.text);
    stream(bench, "an incident of each key, 10,000 events/s", 10000, bench->keys / 10);
}

/* No rule makes the keys of before. */
static void
leave(struct bench *bench)
{
    struct ruleset *set = make_rules("gte: 999999", ", event_type");
    struct err err;
    double began;

    stream(bench, "60,000 events/s again", PER_SECOND, bench->keys);
    commit(bench);
    began = now_ms(CLOCK_PROCESS_CPUTIME_ID);
    if (engine_swap(&bench->engine, &set, &err) != 0)
        fail(err.text);
    tell("other rules, the one with all windows grouped otherwise", now_ms(CLOCK_PROCESS_CPUTIME_ID) - began);
    stream(bench, "while the old ones leave, 10,000 events/s", 10000, bench->keys / 20);
}

int
main(int argc, char **argv)
{
    struct bench bench = { .keys = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000 };
    char path[] = "/var/tmp/bench_stall.XXXXXX", name[64];
    struct err err;

    if (mkdtemp(path) == NULL)
        fail("no folder for the state file");
    snprintf(name, sizeof(name), "%s/state.db", path);
    bench.checkpoint = checkpoint_open(name, START, &err);
    if (bench.checkpoint == NULL)
        fail(err.text);
    open_engine(&bench);
    fill(&bench);
    grow_one(&bench);
    push_out(&bench);
    swap_rules(&bench);
    grow_old(&bench);
    open_incidents(&bench);
    leave(&bench);
    engine_destroy(&bench.engine);
    metrics_destroy(&bench.metrics);
    checkpoint_close(&bench.checkpoint);
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s/state.db%s", path,
                 i == 0 ? "" : i == 1 ? "-wal" : "-shm");
        unlink(name);
    }
    rmdir(path);
    return 0;
}
