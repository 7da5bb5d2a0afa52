/*
 * bench_engine - how fast the detector reads and judges, on one core
 *
 * usage: bench_engine [EVENTS [RULES]]     (2,000,000 events, the shipped rules)
 * BENCH_ONLY=name runs one scene.
 * Wire bytes in, batches of 500 as ingest makes them; a second of the stream
 * is 60,000 events. Each scene runs in a process of its own, so that its
 * memory is its own. The state file is in a new folder below $TMPDIR.
 */
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "detector/state/checkpoint.h"
#include "detector/engine/engine.h"
#include "detector/read_ahead.h"
#include "detector/ruleset/ruleset.h"
#include "detector/sources/sources.h"
#include "proto/base/buf.h"
#include "proto/base/timestamp.h"
#include "proto/settings.h"

enum { BATCH = 500, PER_SECOND = 60000, MADE_BATCHES = 400, ADDRESSES = 200000 };

#define SECOND INT64_C(1000000)
#define START (INT64_C(1795300000) * SECOND)

/* What a scene sends, and what is done with the engine's state: each second it
 * is packed or committed, and committed after a batch that opened an incident. */
struct scene {
    const char *name;
    void (*make)(struct event *ev, uint64_t n);
    int packs, commits;
    uint64_t failures;          /* of each address; 0: no flood */
};

struct bench {
    const char *rules;
    uint64_t events;
    struct engine *engine;
    struct sources *sources;
    struct checkpoint *checkpoint;
    struct metrics *metrics;
    struct read_ahead ahead;
    struct buf *bodies;
    size_t body_count;
    uint64_t rows, bytes, seconds;
};

static void
fail(const char *what, const struct err *err)
{
    fprintf(stderr, "bench_engine: %s: %s\n", what, err->text);
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

static double
larger(double a, double b)
{
    return a > b ? a : b;
}

static double
written_mb(void)
{
    FILE *file = fopen("/proc/self/io", "r");
    char line[100];
    double bytes = 0;

    if (file == NULL)
        return 0;
    while (fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "wchar: %lf", &bytes) == 1)
            break;
    fclose(file);
    return bytes / 1e6;
}

/* The texts of an event that is being made. */
static char type[32], source[32], user[32], target[32], words[100], host[32];

static void
set_text(struct event *ev, enum event_field field, const char *text)
{
    ev->known[field] = value_text(text_of(text));
}

/* As tests/bench/bench_chain.c sends them. */
static void
make_ordinary(struct event *ev, uint64_t n)
{
    snprintf(type, sizeof(type), "%s", n % 50 == 0 ? "login_failed" : "http_access");
    snprintf(source, sizeof(source), "10.%d.%d.%d", (int)(n % 7), (int)(n % 250),
             (int)(n % 199));
    snprintf(user, sizeof(user), "user%d", (int)(n % 500));
    snprintf(target, sizeof(target), "192.0.2.%d", (int)(n % 9));
    snprintf(words, sizeof(words), "session no. %" PRIu64 " of the bench, an ordinary line",
             n);
    snprintf(host, sizeof(host), "web%d", (int)(n % 20));
    set_text(ev, EVENT_TYPE, type);
    set_text(ev, EVENT_SOURCE_IP, source);
    set_text(ev, EVENT_USERNAME, user);
    set_text(ev, EVENT_DESTINATION_IP, target);
    set_text(ev, EVENT_DESCRIPTION, words);
    if (event_add_extra(ev, text_of("host.name"), value_text(text_of(host))) != 0)
        exit(1);
}

/* The same with two sources a user and nine a target: nothing to be told. */
static void
make_quiet(struct event *ev, uint64_t n)
{
    make_ordinary(ev, n);
    snprintf(type, sizeof(type), "http_access");
    snprintf(source, sizeof(source), "10.0.0.%d", (int)(n % 500 / 250 * 4 + n / 500 % 2));
    set_text(ev, EVENT_TYPE, type);
    set_text(ev, EVENT_SOURCE_IP, source);
}

/* Everybody fails once before anyone fails again. */
static void
make_flood(struct event *ev, uint64_t n)
{
    uint64_t who = n % ADDRESSES;

    snprintf(source, sizeof(source), "10.%d.%d.%d", (int)(who / 62500),
             (int)(who / 250 % 250), (int)(who % 250));
    snprintf(words, sizeof(words), "Failed password for root from %s port 22 ssh2",
             source);
    set_text(ev, EVENT_TYPE, "login_failed");
    set_text(ev, EVENT_SOURCE_IP, source);
    set_text(ev, EVENT_DESCRIPTION, words);
}

static void
make_batches(struct bench *bench, const struct scene *scene, size_t count)
{
    struct event ev = { 0 };
    char time_space[TIMESTAMP_LEN];
    uint64_t n = 0;
    struct err err;

    bench->bodies = calloc(count, sizeof(bench->bodies[0]));
    bench->body_count = count;
    for (size_t i = 0; i < count; i++) {
        if (batch_pack_count(BATCH, &bench->bodies[i]) != 0)
            exit(1);
        for (int j = 0; j < BATCH; j++, n++) {
            event_clear(&ev);
            scene->make(&ev, n);
            if (event_check(&ev, START, time_space, &err) != 0)
                fail("event", &err);
            set_text(&ev, EVENT_RECEIVED_FROM, "127.0.0.1");
            if (event_pack(&ev, &bench->bodies[i]) != 0)
                exit(1);
        }
    }
    event_release(&ev);
}

/* The batch as the n-th of the stream; its events happen when they are received. */
static void
judge_batch(struct bench *bench, uint64_t number)
{
    const struct buf *body = &bench->bodies[number % bench->body_count];
    const struct batch_head head = {
        .origin = 0x1234, .nonce = 7, .first = number * BATCH + 1, .count = BATCH,
        .previous = number * BATCH,
        .received_us = START + (int64_t)(number * BATCH * SECOND / PER_SECOND),
    };
    struct ahead_event *one;
    struct err err;
    int rc;

    if (read_ahead_begin(&bench->ahead, bench->engine, &head, buf_text(body), 0, &err) != 0)
        fail("batch", &err);
    sources_tick(bench->sources, head.origin, head.received_us, 0);
    for (int64_t i = 1; (rc = read_ahead_next(&bench->ahead, &one, &err)) == 1; i++) {
        one->event.at_us = head.received_us + i;
        if (engine_judge(bench->engine, &one->event, head.origin, &err) != 0)
            fail("judge", &err);
        sources_hear(bench->sources, &one->event);
    }
    if (rc != 0)
        fail("batch", &err);
    read_ahead_end(&bench->ahead);
}

static int
count_row(void *ctx, const struct engine_row *row)
{
    struct bench *bench = ctx;

    bench->rows++;
    bench->bytes += row->rule.len + row->key.len + row->state.len;
    return 0;
}

static void
published(void *ctx, const struct incident *inc, const struct batch_head *head,
          struct text body)
{
    (void)ctx, (void)inc, (void)head, (void)body;
}

static void
save(struct bench *bench, const struct scene *scene)
{
    const struct checkpoint_commit work = {
        .engine = bench->engine, .sources = bench->sources, .acked = UINT32_MAX, .published = published,
    };
    struct err err;

    if ((scene->packs || scene->commits) &&
        engine_changes(bench->engine, count_row, bench) != 0)
        exit(1);
    if (scene->commits && checkpoint_commit(bench->checkpoint, &work, &err) != DB_DONE)
        fail("commit", &err);
    if (!scene->commits)
        engine_settle(bench->engine);
}

static void
open_engine(struct bench *bench, const struct scene *scene, const char *dir)
{
    char name[] = "bench_engine", *argv[] = { name, NULL }, path[300];
    struct settings settings = { 0 };
    struct options_call call;
    struct ruleset *rules;
    struct engine_options options;
    uint64_t refused = 0;
    struct err err;

    if (settings_load(&settings, 1, argv, &call, &err) != 0)
        fail("settings", &err);
    rules = ruleset_load(bench->rules != NULL ? bench->rules : settings.rules_dir, &err);
    if (rules == NULL)
        fail("rules", &err);
    options = (struct engine_options){
        .lateness_us = settings.detector_lateness_ms * 1000,
        .max_keys = (size_t)settings.detector_max_keys,
        .max_entries = (size_t)settings.detector_max_entries,
        .max_total_entries = (size_t)settings.detector_max_total_entries, .slots = 1,
    };
    bench->metrics = metrics_new();
    bench->engine = engine_new(&options, &rules, bench->metrics, &err);
    if (bench->engine == NULL)
        fail("engine", &err);
    snprintf(path, sizeof(path), "%s/%s.db", dir, scene->commits ? "state" : "unused");
    bench->checkpoint = checkpoint_open(path, START, &err);
    if (bench->checkpoint == NULL)
        fail("checkpoint", &err);
    bench->sources = sources_new(&(struct sources_options){ .silent_after_us = 3600 * SECOND },
                                 bench->metrics);
    if (bench->sources == NULL ||
        checkpoint_restore_sources(bench->checkpoint, bench->sources, &refused, &err) != 0)
        fail("sources", &err);
    settings_release(&settings);
}

static uint64_t
number_of(const struct bench *bench, enum metric_kind kind, const char *name)
{
    return *metrics_number(bench->metrics, kind, name, "", "");
}

static void
run(struct bench *bench, const struct scene *scene, const char *dir)
{
    uint64_t batches = bench->events / BATCH;
    double began, took, before_mib, peak_mib = 0, before_mb;

    if (scene->failures > 0)
        batches = ADDRESSES / BATCH * scene->failures;
    open_engine(bench, scene, dir);
    make_batches(bench, scene, scene->failures > 0 ? ADDRESSES / BATCH : MADE_BATCHES);
    before_mib = resident_mib();
    before_mb = written_mb();
    began = cpu_seconds();
    for (uint64_t i = 0; i < batches; i++) {
        int is_second = (i + 1) % (PER_SECOND / BATCH) == 0;

        judge_batch(bench, i);
        bench->seconds += (uint64_t)is_second;
        if (is_second || (scene->commits && engine_is_urgent(bench->engine)))
            save(bench, scene);
        if (is_second || i + 1 == batches)
            peak_mib = larger(resident_mib(), peak_mib);
    }
    took = cpu_seconds() - began;
    printf("%-28s %8.0f events/s, %5.2f CPU s, %5.1f MiB of state, %" PRIu64
           " keys, %" PRIu64 " incidents, %" PRIu64 " keys evicted",
           scene->name, (double)(batches * BATCH) / took, took, peak_mib - before_mib,
           number_of(bench, METRIC_GAUGE, "bongsu_detector_keys"),
           number_of(bench, METRIC_COUNTER, "bongsu_detector_incidents_total"),
           number_of(bench, METRIC_COUNTER, "bongsu_detector_keys_evicted_total"));
    if (bench->rows > 0)
        printf("; a second: %" PRIu64 " rows, %.0f KB",
               bench->rows / bench->seconds,
               (double)bench->bytes / (double)bench->seconds / 1e3);
    if (scene->commits)
        printf(", %.1f MB written", (written_mb() - before_mb) / (double)bench->seconds);
    printf("\n");
    fflush(stdout);
}

static int
remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info, (void)kind, (void)walk;
    return remove(path);
}

/* In a process of its own, with a folder of its own. 0, or -1 when it failed. */
static int
run_apart(struct bench *bench, const struct scene *scene)
{
    const char *tmp = getenv("TMPDIR");
    char dir[200];
    int status = -1;
    pid_t child;

    snprintf(dir, sizeof(dir), "%s/bench_engine.XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(dir) == NULL) {
        perror(dir);
        return -1;
    }
    child = fork();
    if (child == 0) {
        run(bench, scene, dir);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0)
        perror("bench_engine");
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    return status == 0 ? 0 : -1;
}

int
main(int argc, char **argv)
{
    static const struct scene scenes[] = {
        { "judge", make_ordinary, 0, 0, 0 },
        { "judge, pack", make_ordinary, 1, 0, 0 },
        { "judge, commit", make_ordinary, 0, 1, 0 },
        { "judge, commit, quiet", make_quiet, 0, 1, 0 },
        { "200,000 addresses, once", make_flood, 0, 0, 1 },
        { "200,000 addresses", make_flood, 0, 0, 5 },
        { "200,000 addresses, commit", make_flood, 0, 1, 5 },
    };
    const char *only = getenv("BENCH_ONLY");
    struct bench bench = { .events = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000000,
                           .rules = argc > 2 ? argv[2] : NULL };
    int failed = 0;

    for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
        if (only == NULL || strcmp(only, scenes[i].name) == 0)
            failed |= run_apart(&bench, &scenes[i]) != 0;
    return failed;
}
