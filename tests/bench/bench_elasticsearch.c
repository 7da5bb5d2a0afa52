/*
 * The whole pipeline into Elasticsearch beside a bare loader of the same
 * documents, in turn, on the node of BONGSU_ELASTICSEARCH (none: nothing is done).
 *
 * The loader has its _bulk bodies ready: two connections, 2,000 documents a
 * request, the same index template. The pipeline takes the events by POST /logs,
 * whose bodies are ready too, and is done when the indexer has the node's word for
 * each. Beside the rates: the processor time that a document cost (docs/PERFORMANCE.md).
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "proto/base/clock.h"
#include "proto/base/hash.h"
#include "proto/base/timestamp.h"
#include "proto/codec_json.h"
#include "proto/http/http_client.h"
#include "proto/store/store.h"
#include "tests/support/chain.h"

enum { ROUNDS = 5, DOCUMENTS = 200000, WARM_UP = 200000, A_REQUEST = 2000, A_POST = 500,
       CONNECTIONS = 2, POSTERS = 4, ASKED = 9, SHARDS = 2 };

static const char *url;

/* The events of bench_chain: an ordinary line of some 300 bytes. */
static size_t
write_event(char *out, size_t size, unsigned n)
{
    return (size_t)snprintf(out, size,
        "{\"event_type\":\"%s\",\"source_ip\":\"10.%u.%u.%u\",\"username\":\"user%u\","
        "\"destination_ip\":\"192.0.2.%u\",\"severity\":\"low\",\"description\":\"session no. %u of the "
        "bench, an ordinary line\",\"host\":\"web%u\"}\n",
        n % 50 == 0 ? "login_failed" : "http_access", n % 7, n % 250, n % 199, n % 500, n % 9, n, n % 20);
}

/* A number of the environment, or this one. */
static long
number_of(const char *name, long otherwise)
{
    const char *value = getenv(name);

    return value == NULL ? otherwise : strtol(value, NULL, 10);
}

static struct settings
settings_of(void)
{
    return (struct settings){ .store_url = (char *)(uintptr_t)url,
                              .elastic_gzip = (char *)(uintptr_t)"off",
                              .elastic_timeout_ms = 60000, .elastic_refresh_ms = 1000,
                              .elastic_shards = number_of("BENCH_SHARDS", SHARDS) };
}

/* --- processor time --- */

/* Of all nodes of the cluster. */
static double
node_s(void)
{
    struct http_call call = { .method = "GET", .timeout_ms = 60000, .allow_plain = 1 };
    struct http_answer answer;
    char target[256];
    json_t *root = NULL, *nodes;
    double total = 0;
    const char *name;

    snprintf(target, sizeof(target), "%s/_nodes/stats/process", url);
    call.url = target;
    if (http_call(&call, &answer) == 0)
        root = json_loadb(answer.body.ptr, answer.body.len, 0, NULL);
    nodes = json_object_get(root, "nodes");
    for (void *iter = json_object_iter(nodes); iter != NULL; iter = json_object_iter_next(nodes, iter)) {
        double ms = 0;

        name = json_object_iter_key(iter);
        json_unpack(json_object_get(nodes, name), "{s:{s:{s:F}}}", "process", "cpu", "total_in_millis", &ms);
        total += ms / 1000;
    }
    json_decref(root);
    http_answer_release(&answer);
    return total;
}

/* Seconds in which cores of this machine had nothing to do: what is waited for is no work. */
static double
idle_s(void)
{
    unsigned long idle = 0, for_disk = 0;
    FILE *file = fopen("/proc/stat", "r");
    int count = file == NULL ? 0 : fscanf(file, "cpu %*u %*u %*u %lu %lu", &idle, &for_disk);

    if (file != NULL)
        fclose(file);
    return count == 2 ? (double)(idle + for_disk) / (double)sysconf(_SC_CLK_TCK) : 0;
}

enum { SENDER = PROCESSES, NODE, IDLE, COSTS };

/* What the processes, this one (it sends) and the node have used so far; and had
 * when the last measure began. */
static struct costs {
    double s[COSTS];
} begun;

static struct costs
costs_now(struct chain *chain)
{
    struct costs costs;
    struct rusage usage;

    for (int i = 0; i < PROCESSES; i++)
        costs.s[i] = chain_cpu_s(chain, (enum process)i);
    getrusage(RUSAGE_SELF, &usage);
    costs.s[SENDER] = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                      (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    costs.s[NODE] = node_s();
    costs.s[IDLE] = idle_s();
    return costs;
}

static void
print_costs(const char *what, struct chain *chain)
{
    static const char *const more[] = { "sender", "node", "(idle)" };
    struct costs now = costs_now(chain);

    printf("  %s, us a document:", what);
    for (int i = 0; i < COSTS; i++)
        if (now.s[i] > begun.s[i])
            printf(" %s %.2f", i < PROCESSES ? process_names[i] : more[i - PROCESSES],
                   (now.s[i] - begun.s[i]) * 1e6 / DOCUMENTS);
    printf("\n");
}

/* --- the bare loader --- */

static void
ask(const char *method, const char *path, struct http_answer *answer)
{
    char target[512];
    struct http_call call = { .method = method, .url = target, .timeout_ms = 60000, .allow_plain = 1 };

    snprintf(target, sizeof(target), "%s/%s", url, path);
    if (http_call(&call, answer) != 0)
        fail_msg("%s %s", method, target);
}

/* Both begin with no index of events: the merges of what one of them has brought
 * would be the other's time otherwise. */
static void
start_clean(void)
{
    struct http_answer answer;
    char names[4096], path[256], *rest = names;

    ask("GET", "_cat/indices/bongsu-events-*?h=index", &answer);
    snprintf(names, sizeof(names), "%.*s", (int)answer.body.len, answer.body.ptr);
    http_answer_release(&answer);
    for (char *name = strsep(&rest, "\n"); name != NULL; name = strsep(&rest, "\n")) {
        snprintf(path, sizeof(path), "%s", name);
        if (path[0] == '\0')
            continue;
        ask("DELETE", path, &answer);
        http_answer_release(&answer);
    }
}

struct loader {
    struct buf *bodies;
    size_t first, count;
    char target[256];
    int failed;
};

static void *
load(void *arg)
{
    struct loader *loader = arg;
    struct http_session *session = http_session_new();

    for (size_t i = loader->first; i < loader->count; i += CONNECTIONS) {
        const struct http_call call = { .method = "POST", .url = loader->target,
            .body = buf_text(&loader->bodies[i]), .content_type = "application/x-ndjson",
            .timeout_ms = 60000, .allow_plain = 1 };
        struct http_answer answer;

        if (http_session_call(session, &call, &answer) != 0 || answer.status != 200)
            loader->failed++;
        http_answer_release(&answer);
    }
    http_session_destroy(&session);
    return NULL;
}

static void
make_bodies(struct store *store, struct buf *bodies, size_t documents)
{
    struct json_reader *reader = json_reader_new(65536);
    struct arena arena = { 0 };
    struct event ev = { 0 };
    uint64_t journal = hash_random64();
    struct err err;

    for (unsigned n = 0; n < documents; n++) {
        char line[512], space[TIMESTAMP_LEN];
        struct text key;
        struct store_item item;
        size_t len = write_event(line, sizeof(line), n);

        arena_clear(&arena);
        assert_int_equal(event_from_json(reader, (struct text){ line, len - 1 }, &arena, &ev, &key, &err), 0);
        assert_int_equal(event_check(&ev, clock_real_us(), space, &err), 0);
        ev.known[EVENT_RECEIVED_FROM] = value_text(text_of("127.0.0.1"));
        ev.received_us = clock_real_us();
        ev.id = event_id_make(journal, 1, n + 1);
        item = (struct store_item){ .id = ev.id, .day = event_storage_day(&ev), .journal = journal,
                                    .sequence = n + 1 };
        assert_int_equal(store->ops->bulk->add(store, &ev, &item, &bodies[n / A_REQUEST], &err), 0);
    }
    event_release(&ev);
    arena_release(&arena);
    json_reader_destroy(&reader);
}

static double
bare(struct chain *chain, struct store *store, size_t documents, int is_clean)
{
    size_t count = (documents + A_REQUEST - 1) / A_REQUEST;
    struct buf *bodies = calloc(count, sizeof(*bodies));
    struct loader loaders[CONNECTIONS];
    pthread_t threads[CONNECTIONS];
    int64_t started;

    make_bodies(store, bodies, documents);
    if (is_clean)
        start_clean();
    begun = costs_now(chain);
    started = now_ms();
    for (size_t i = 0; i < CONNECTIONS; i++) {
        loaders[i] = (struct loader){ .bodies = bodies, .first = i, .count = count };
        snprintf(loaders[i].target, sizeof(loaders[i].target), "%s/_bulk?filter_path=errors", url);
        pthread_create(&threads[i], NULL, load, &loaders[i]);
    }
    for (size_t i = 0; i < CONNECTIONS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(loaders[i].failed, 0);
    }
    started = now_ms() - started;
    for (size_t i = 0; i < count; i++)
        buf_release(&bodies[i]);
    free(bodies);
    return (double)documents * 1000 / (double)started;
}

/* --- the pipeline --- */

struct poster {
    struct chain *chain;
    struct buf *bodies;
    size_t first, count;
};

static void *
post(void *arg)
{
    struct poster *poster = arg;
    struct http_session *session = http_session_new();
    char target[256], key[256];
    const char *const headers[] = { key, NULL };

    snprintf(target, sizeof(target), "%s/logs", chain_ingest_url(poster->chain));
    snprintf(key, sizeof(key), "X-API-Key: %s", chain_key(poster->chain));
    for (size_t i = poster->first; i < poster->count; i += POSTERS) {
        const struct http_call call = { .method = "POST", .url = target, .headers = headers,
            .body = buf_text(&poster->bodies[i]), .is_body_kept = 1,
            .content_type = "application/x-ndjson", .timeout_ms = 60000, .allow_plain = 1 };
        struct http_answer answer = { 0 };

        while (http_session_call(session, &call, &answer) != 0 || answer.status != 202) {
            http_answer_release(&answer);
            wait_a_little();
        }
        http_answer_release(&answer);
    }
    http_session_destroy(&session);
    return NULL;
}

/* No number comes again: addresses that fail once more each round would be found guilty
 * in the fifth, all at once, and the last rounds be about something else. */
static struct buf *
make_posts(unsigned documents, size_t count)
{
    static unsigned posted;
    struct buf *bodies = calloc(count, sizeof(*bodies));

    for (unsigned n = 0; n < documents; n++) {
        char line[512];

        buf_append(&bodies[n / A_POST], line, write_event(line, sizeof(line), posted + n));
    }
    posted += documents;
    return bodies;
}

static double
pipeline(struct chain *chain, unsigned documents)
{
    double before = chain_metric(chain, INDEXER, "bongsu_indexer_events_stored_total");
    double requests = chain_metric(chain, INDEXER, "bongsu_indexer_requests_total");
    size_t count = (documents + A_POST - 1) / A_POST;
    struct buf *bodies = make_posts(documents, count);
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    int64_t started, accepted_ms;

    start_clean();
    begun = costs_now(chain);
    started = now_ms();
    for (unsigned i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){ chain, bodies, i, count };
        pthread_create(&threads[i], NULL, post, &posters[i]);
    }
    for (unsigned i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    accepted_ms = now_ms() - started;
    /* each look costs the indexer a page of numbers and a new connection: some 200 us */
    while (chain_metric(chain, INDEXER, "bongsu_indexer_events_stored_total") < before + documents)
        pass_ms(50);
    started = now_ms() - started;
    printf("  (accepted in %lld ms, stored in %lld ms, %.0f documents a request)\n", (long long)accepted_ms,
           (long long)started,
           documents / (chain_metric(chain, INDEXER, "bongsu_indexer_requests_total") - requests));
    for (size_t i = 0; i < count; i++)
        buf_release(&bodies[i]);
    free(bodies);
    return (double)documents * 1000 / (double)started;
}

static int
by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Milliseconds that the dashboard's question takes. */
static double
dashboard_once(struct store *store, uint64_t *ret_total)
{
    int64_t started = now_ms(), now_us = clock_real_us() / 60000000 * 60000000;
    const struct count_query query = { now_us - INT64_C(86400000000), now_us + 60000000,
                                       INT64_C(900000000), 10 };
    struct counts counts = { 0 };
    struct err err;

    if (store->ops->count(store, &query, &counts, &err) != 0)
        fail_msg("%s", err.text);
    *ret_total = counts.total;
    counts_release(&counts);
    return (double)(now_ms() - started);
}

/* What a dashboard asks, over BENCH_MILLIONS million documents of the last hours: at once,
 * again while nothing comes, and after a second's events each time. */
static void
dashboard(struct chain *chain, struct store *store)
{
    double quiet[ASKED], busy[ASKED], first;
    struct http_answer answer;
    uint64_t total = 0;

    for (long i = 0; i < number_of("BENCH_MILLIONS", 0) * 5; i++)
        bare(chain, store, 200000, i == 0);
    ask("POST", "bongsu-events-*/_refresh", &answer);
    http_answer_release(&answer);
    first = dashboard_once(store, &total);
    for (int turn = 0; turn < ASKED; turn++)
        quiet[turn] = dashboard_once(store, &total);
    for (int turn = 0; turn < ASKED; turn++) {
        bare(chain, store, A_REQUEST, 0);
        ask("POST", "bongsu-events-*/_refresh", &answer);
        http_answer_release(&answer);
        busy[turn] = dashboard_once(store, &total);
    }
    qsort(quiet, ASKED, sizeof(quiet[0]), by_size);
    qsort(busy, ASKED, sizeof(busy[0]), by_size);
    printf("dashboard over %llu documents: first %.0f ms, again %.0f, after %d more events %.0f "
           "(%.0f to %.0f)\n", (unsigned long long)total, first, quiet[ASKED / 2], (int)A_REQUEST,
           busy[ASKED / 2], busy[0], busy[ASKED - 1]);
}

static double
one_round(struct store *store, struct chain *chain)
{
    double alone = bare(chain, store, DOCUMENTS, 1), whole;

    print_costs("loader", chain);
    whole = pipeline(chain, DOCUMENTS);
    print_costs("pipeline", chain);
    printf("bare loader %.0f documents/s, pipeline %.0f: ratio %.2f\n", alone, whole, whole / alone);
    return whole / alone;
}

static void
compare(struct store *store, struct chain *chain)
{
    double ratios[ROUNDS];

    bare(chain, store, WARM_UP, 1);
    pipeline(chain, WARM_UP);
    for (int i = 0; i < ROUNDS; i++)
        ratios[i] = one_round(store, chain);
    qsort(ratios, ROUNDS, sizeof(ratios[0]), by_size);
    printf("ratio, median of %d rounds: %.2f;", (int)ROUNDS, ratios[ROUNDS / 2]);
    for (int i = 0; i < PROCESSES; i++)
        printf(" %s %ld MiB", process_names[i], chain_resident_kib(chain, (enum process)i) / 1024);
    printf("\n");
}

static void
measures(void **state)
{
    struct settings settings = settings_of();
    struct err err;
    struct store *store = store_open(&settings, STORE_WRITE, &err);
    struct chain *chain = chain_new(getenv("BENCH_DIR"), NULL);
    char shards[24];

    (void)state;
    setvbuf(stdout, NULL, _IOLBF, 0);
    assert_non_null(store);
    assert_int_equal(store->ops->set_up(store, &err), STORE_DONE);
    chain_set(chain, "ELASTICSEARCH_URL", url);
    snprintf(shards, sizeof(shards), "%ld", number_of("BENCH_SHARDS", SHARDS));
    chain_set(chain, "BONGSU_ELASTIC_SHARDS", shards);
    chain_start_all(chain);
    if (number_of("BENCH_DASHBOARD_ONLY", 0) == 0)
        compare(store, chain);
    dashboard(chain, store);
    chain_destroy(&chain);
    store_close(&store);
}

int
main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(measures) };

    url = getenv("BONGSU_ELASTICSEARCH");
    if (url == NULL || url[0] == '\0') {
        printf("bench_elasticsearch: BONGSU_ELASTICSEARCH names no node\n");
        return 0;
    }
    return cmocka_run_group_tests_name("bench_elasticsearch", tests, NULL, NULL);
}
