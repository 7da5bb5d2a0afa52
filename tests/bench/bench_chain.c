/*
 * What the chain can do on this machine: the figures of README.md.
 *
 * All five run as users run them. wrk sends; what is accepted is on disk
 * before its answer. Prints one line per figure.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/chain.h"
#include "tests/support/http_stub.h"

enum { SECONDS = 8, LATENCY_TURNS = 100, HOT_KEYS = 500 };

static long
resident_kib(struct chain *chain, const char *what)
{
    long total = 0;

    printf("%-44s", what);
    for (int i = 0; i < PROCESSES; i++) {
        long kib = chain_resident_kib(chain, (enum process)i);

        printf(" %s %ld", process_names[i], kib / 1024);
        total += kib;
    }
    printf(" = %ld MiB\n", total / 1024);
    return total;
}

static void
write_script(struct chain *chain, char *path, size_t size, int events)
{
    FILE *file;

    snprintf(path, size, "%s/wrk-%d.lua", chain_dir(chain), events);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "local n = 0\n"
            "local function event()\n"
            "  n = n + 1\n"
            "  return string.format('{\"event_type\":\"%%s\",\"source_ip\":\"10.%%d.%%d.%%d\",\"username\":\"user%%d\",'\n"
            "    .. '\"destination_ip\":\"192.0.2.%%d\",\"severity\":\"low\",\"description\":\"session no. %%d of the bench, an ordinary line\",'\n"
            "    .. '\"host\":\"web%%d\"}',\n"
            "    n %% 50 == 0 and 'login_failed' or 'http_access', n %% 7, n %% 250, n %% 199, n %% 500, n %% 9, n, n %% 20)\n"
            "end\n"
            "wrk.method = 'POST'\n"
            "wrk.headers['X-API-Key'] = '%s'\n"
            "wrk.headers['Content-Type'] = '%s'\n"
            "local bodies = {}\n"
            "function init()\n"
            "  for i = 1, %d do\n"
            "    local t = {}\n"
            "    for j = 1, %d do t[j] = event() end\n"
            "    bodies[i] = table.concat(t, '\\n')\n"
            "  end\n"
            "end\n"
            "local k = 0\n"
            "function request()\n"
            "  k = k %% #bodies + 1\n"
            "  return wrk.format(nil, nil, nil, bodies[k])\n"
            "end\n"
            "function done(s, l, r)\n"
            "  io.write(string.format('FIGURES %%d %%d %%d %%d\\n', s.requests, s.duration,\n"
            "    l:percentile(99), s.errors.status + s.errors.connect + s.errors.read + s.errors.timeout))\n"
            "end\n",
            chain_key(chain), events == 1 ? "application/json" : "application/x-ndjson",
            events == 1 ? 2000 : 40, events);
    fclose(file);
}

struct load {
    double requests_per_s, p99_ms;
    long errors, peak_kib;
};

static long
total_kib(struct chain *chain)
{
    long total = 0;

    for (int i = 0; i < PROCESSES; i++)
        total += chain_resident_kib(chain, (enum process)i);
    return total;
}

static struct load
run_wrk(struct chain *chain, int connections, int events)
{
    char script[512], command[1024], line[512];
    struct load load = { 0 };
    FILE *pipe;

    write_script(chain, script, sizeof(script), events);
    snprintf(command, sizeof(command), "wrk -t1 -c%d -d%ds -s %s %s%s 2>&1", connections, SECONDS,
             script, chain_ingest_url(chain), events == 1 ? "/log" : "/logs");
    pipe = popen(command, "r");
    assert_non_null(pipe);
    while (fgets(line, sizeof(line), pipe) != NULL) {
        double requests, duration_us, p99_us;

        if (sscanf(line, "FIGURES %lf %lf %lf %ld", &requests, &duration_us, &p99_us,
                   &load.errors) == 4) {
            load.requests_per_s = requests / (duration_us / 1e6);
            load.p99_ms = p99_us / 1000;
        }
    }
    pclose(pipe);
    load.peak_kib = total_kib(chain);
    return load;
}

/* Events stored and judged per second from now until all is. */
static void
drain(struct chain *chain, const char *what)
{
    int64_t started = now_ms(), stored_ms = 0, judged_ms = 0;
    double accepted = chain_metric(chain, INGEST, "bongsu_ingest_events_accepted_total");
    double stored = chain_metric(chain, INDEXER, "bongsu_indexer_events_stored_total");
    double judged = chain_metric(chain, DETECTOR, "bongsu_detector_events_total");
    double s = stored, j = judged;
    long peak = 0;

    while ((stored_ms == 0 || judged_ms == 0) && now_ms() - started < 300000) {
        long kib = total_kib(chain);

        peak = kib > peak ? kib : peak;
        s = chain_metric(chain, INDEXER, "bongsu_indexer_events_stored_total");
        j = chain_metric(chain, DETECTOR, "bongsu_detector_events_total");
        if (stored_ms == 0 && s >= accepted)
            stored_ms = now_ms() - started + 1;
        if (judged_ms == 0 && j >= accepted)
            judged_ms = now_ms() - started + 1;
        wait_a_little();
    }
    printf("%-44s left %.0f to store in %lld ms (%.0f/s), %.0f to judge in %lld ms; peak %ld MiB\n",
           what, accepted - stored, (long long)stored_ms,
           stored_ms == 0 ? 0 : (accepted - stored) * 1000 / (double)stored_ms, accepted - judged,
           (long long)judged_ms, peak / 1024);
}

static void
bench_load(struct chain *chain, const char *what, int connections, int events)
{
    int64_t started = now_ms();
    double stored = chain_metric(chain, INDEXER, "bongsu_indexer_events_stored_total");
    struct load load = run_wrk(chain, connections, events);
    double stored_then = chain_metric(chain, INDEXER, "bongsu_indexer_events_stored_total");

    printf("%-44s %.0f requests/s = %.0f events/s accepted, p99 %.1f ms, errors %ld, %ld MiB\n",
           what, load.requests_per_s, load.requests_per_s * events, load.p99_ms, load.errors,
           load.peak_kib / 1024);
    drain(chain, "  then");
    printf("%-44s %.0f events/s\n", "  stored and judged over all",
           (chain_metric(chain, INDEXER, "bongsu_indexer_events_stored_total") - stored) * 1000 /
               (double)(now_ms() - started));
    printf("%-44s %.0f events/s\n", "  stored while wrk was sending", (stored_then - stored) / SECONDS);
}

static int
by_size(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static size_t
write_event(char *body, size_t size, const char *type, const char *source, int count)
{
    return (size_t)snprintf(body, size,
                            "{\"event_type\":\"%s\",\"source_ip\":\"%s\",\"count\":%d}\n",
                            type, source, count);
}

/* `events` of type from the hot sources, going on at turn's. */
static size_t
write_hot(char *body, size_t size, const char *type, int events, int count, int turn)
{
    char source[64];
    size_t len = 0;

    for (int i = 0; i < events; i++) {
        int key = (turn * events + i) % HOT_KEYS;

        snprintf(source, sizeof(source), "10.1.%d.%d", key / 200, key % 200 + 1);
        len += write_event(body + len, size - len, type, source, count);
    }
    return len;
}

/* A source that was not there before. */
static size_t
write_new(char *body, size_t size)
{
    static int sources;
    char source[64];

    snprintf(source, sizeof(source), "203.%d.%d.%d", sources / 40000, sources / 200 % 200,
             sources % 200 + 1);
    sources++;
    return write_event(body, size, "login_failed", source, 9);
}

static void
post_lines(struct chain *chain, const char *body, size_t len)
{
    assert_int_equal(chain_post(chain, "/logs", "application/x-ndjson", body, len, NULL), 202);
}

/* Each hot source gets its incident, and is told of. */
static void
open_hot(struct chain *chain, struct stub *slack)
{
    static char body[256 * 1024];

    stub_forget(slack);
    post_lines(chain, body, write_hot(body, sizeof(body), "login_failed", HOT_KEYS, 9, 0));
    assert_int_equal(stub_wait_for(slack, HOT_KEYS, 60000), 0);
}

/* 1,000 events/s, and every 100 ms one that opens an incident. The others are of
 * type: they match nothing, or each adds to one of many incidents. */
static void
bench_latency(struct chain *chain, struct stub *slack, const char *what, const char *type)
{
    double commits = chain_metric(chain, DETECTOR, "bongsu_detector_commits_total");
    int64_t waits[LATENCY_TURNS], next = now_ms();
    static char body[64 * 1024];

    stub_forget(slack);
    for (int turn = 0; turn < LATENCY_TURNS; turn++) {
        size_t len = write_hot(body, sizeof(body), type, 99, 1, turn);
        int64_t posted = now_ms();

        post_lines(chain, body, len + write_new(body + len, sizeof(body) - len));
        assert_int_equal(stub_wait_for(slack, (size_t)turn + 1, 5000), 0);
        waits[turn] = stub_request(slack, (size_t)turn)->at_ms - posted;
        next += 100;
        while (now_ms() < next)
            wait_a_little();
    }
    qsort(waits, LATENCY_TURNS, sizeof(waits[0]), by_size);
    printf("%-44s median %lld ms, p99 %lld ms, %.0f commits\n", what,
           (long long)waits[LATENCY_TURNS / 2], (long long)waits[LATENCY_TURNS * 99 / 100],
           chain_metric(chain, DETECTOR, "bongsu_detector_commits_total") - commits);
}

/* Each row adds to every hot incident and opens another: what is left for rules
 * beside the commits? */
static void
bench_urgent(struct chain *chain)
{
    double commits = chain_metric(chain, DETECTOR, "bongsu_detector_commits_total");
    double judged = chain_metric(chain, DETECTOR, "bongsu_detector_events_total"), rate;
    static char body[256 * 1024];
    int64_t started = now_ms();

    for (int turn = 0; now_ms() - started < SECONDS * 1000; turn++) {
        size_t len = write_hot(body, sizeof(body), "login_failed", HOT_KEYS, 1, turn);

        post_lines(chain, body, len + write_new(body + len, sizeof(body) - len));
    }
    rate = chain_metric(chain, DETECTOR, "bongsu_detector_events_total") - judged;
    commits = chain_metric(chain, DETECTOR, "bongsu_detector_commits_total") - commits;
    printf("%-44s %.0f events/s judged, %.0f commits/s\n", "hot keys, an incident in each request",
           rate / SECONDS, commits / SECONDS);
    drain(chain, "  then");
}

static void
measures(void **state)
{
    struct stub *slack = stub_new();
    struct chain *chain = chain_new(getenv("BENCH_DIR"), stub_url(slack));

    (void)state;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("%-44s %ld\n", "cores", sysconf(_SC_NPROCESSORS_ONLN));
    chain_set(chain, "BONGSU_SLACK_DIGEST_OVER", "10000");
    chain_start_all(chain);
    resident_kib(chain, "idle, resident");
    bench_latency(chain, slack, "POST to Slack at 1,000 events/s", "http_access");
    open_hot(chain, slack);
    bench_latency(chain, slack, "  and all of them add to incidents", "login_failed");
    bench_urgent(chain);
    if (getenv("BENCH_SHORT") != NULL)
        goto done;
    bench_load(chain, "POST /log, 64 connections", 64, 1);
    bench_load(chain, "POST /logs, 500 events, 8 connections", 8, 500);
    resident_kib(chain, "after the load, resident");
done:
    chain_destroy(&chain);
    stub_destroy(&slack);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(measures) };

    return cmocka_run_group_tests_name("bench", tests, NULL, NULL);
}
