/*
 * Nothing lost: clients post events that each carry a nonce, a random one of
 * the five is killed again and again, and afterwards every nonce that was
 * answered 2xx is stored exactly once, as it was sent; the incidents are
 * those of the engine run once over what is stored; each new incident was told.
 *
 * BONGSU_ROUNDS (20) kills, BONGSU_SEED repeats a run.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/rig.h"

enum { CLIENTS = 4, BATCH = 20, MAX_NONCES = 1 << 20, DEADLINE_MS = 120000 };

struct run {
    struct chain *chain;
    atomic_int is_over;
    atomic_uint issued;                 /* nonces given out */
    unsigned char acked[MAX_NONCES];    /* answered 2xx */
    unsigned long seed;
};

static struct run run;

/* Everything of an event follows from its nonce. Few sources, so that rules fire. */
static int
write_event(char *out, size_t size, unsigned nonce)
{
    return snprintf(out, size,
                    "{\"event_type\":\"%s\",\"source_ip\":\"198.51.100.%u\",\"username\":\"user%u\","
                    "\"severity\":\"low\",\"count\":%u,\"nonce\":%u,\"nested\":{\"n\":[%u,null,true]},"
                    "\"description\":\"\xeb\xb4\x89\xec\x88\x98 no. %u\"}\n",
                    nonce % 3 == 0 ? "login_failed" : "login_success", nonce % 40, nonce % 50,
                    1 + nonce % 3, nonce, nonce, nonce);
}

static void *
client(void *arg)
{
    char body[BATCH * 512];

    (void)arg;
    for (unsigned turn = 0; !atomic_load(&run.is_over); turn++) {
        unsigned count = turn % 2 == 0 ? 1 : BATCH;
        unsigned first = atomic_fetch_add(&run.issued, count);
        size_t len = 0;
        long status;

        if (first + count >= MAX_NONCES)
            break;
        for (unsigned i = 0; i < count; i++)
            len += (size_t)write_event(body + len, sizeof(body) - len, first + i);
        status = chain_post(run.chain, count == 1 ? "/log" : "/logs",
                            count == 1 ? "application/json" : "application/x-ndjson", body, len,
                            NULL);
        if (status == 202)
            memset(run.acked + first, 1, count);
        else
            wait_a_little();            /* ingest is dead just now */
    }
    return NULL;
}

static unsigned
kill_one(unsigned kills[PROCESSES])
{
    unsigned victim = (unsigned)random() % PROCESSES;
    int64_t until = now_ms() + 50 + random() % 450;

    while (now_ms() < until)
        wait_a_little();
    chain_kill(run.chain, (enum process)victim);
    kills[victim]++;
    chain_revive(run.chain);
    return victim;
}

/* Until everything is stored and judged, and nothing is on the way. */
static void
wait_settled(void)
{
    chain_wait_ready(run.chain, DEADLINE_MS);
    chain_wait_delivered(run.chain, DEADLINE_MS);
}

static unsigned
check_event(const json_t *ev, unsigned char *seen)
{
    json_int_t nonce = json_integer_value(json_object_get(ev, "nonce"));
    char expected[512];
    json_t *sent;
    const char *name;
    json_t *value;

    assert_true(json_is_integer(json_object_get(ev, "nonce")));
    assert_in_range(nonce, 0, atomic_load(&run.issued) - 1);
    if (seen[nonce])
        fail_msg("nonce %lld is stored twice", (long long)nonce);
    seen[nonce] = 1;
    write_event(expected, sizeof(expected), (unsigned)nonce);
    sent = json_loads(expected, 0, NULL);
    json_object_foreach(sent, name, value)
        if (!json_equal(value, json_object_get(ev, name)))
            fail_msg("nonce %lld: %s is not as it was sent", (long long)nonce, name);
    json_decref(sent);
    return (unsigned)nonce;
}

static void
check_events(void)
{
    unsigned char *seen = calloc(1, MAX_NONCES);
    json_t *events = chain_all_events(run.chain), *ev;
    unsigned acked = 0, lost = 0;
    size_t i;

    json_array_foreach(events, i, ev)
        check_event(ev, seen);
    for (unsigned n = 0; n < atomic_load(&run.issued) && n < MAX_NONCES; n++) {
        acked += run.acked[n];
        lost += run.acked[n] && !seen[n];
    }
    printf("issued %u, answered 2xx %u, stored %zu, lost %u\n", atomic_load(&run.issued), acked,
           json_array_size(events), lost);
    assert_int_equal(lost, 0);
    assert_true(acked > 100);
    json_decref(events);
    free(seen);
}

static void
check_told(struct stub *slack, unsigned notifier_kills)
{
    json_t *list = chain_all_incidents(run.chain), *inc;
    int64_t deadline = now_ms() + DEADLINE_MS;
    size_t i, told = 0, extra = 0;

    json_array_foreach(list, i, inc) {
        const char *id = json_string_value(json_object_get(inc, "id"));
        const char *severity = json_string_value(json_object_get(inc, "severity"));
        size_t times;

        if (strcmp(severity, "low") == 0)
            continue;
        while ((times = stub_count_containing(slack, id)) == 0) {
            if (now_ms() > deadline)
                fail_msg("incident %s was told to nobody", id);
            wait_a_little();
        }
        told++;
        extra += times - 1;
    }
    printf("told %zu, extra %zu, notifier killed %u times\n", told, extra, notifier_kills);
    assert_true(told > 0);
    assert_true(extra <= notifier_kills);
    json_decref(list);
}

static unsigned long
number_of(const char *name, unsigned long fallback)
{
    const char *text = getenv(name);

    return text == NULL ? fallback : strtoul(text, NULL, 10);
}

static void
loses_nothing_and_repeats_nothing_whatever_is_killed(void **state)
{
    unsigned long rounds = number_of("BONGSU_ROUNDS", 20);
    unsigned kills[PROCESSES] = { 0 };
    struct stub *slack = stub_new();
    pthread_t threads[CLIENTS];

    (void)state;
    run.seed = number_of("BONGSU_SEED", (unsigned long)time(NULL) ^ (unsigned long)getpid());
    printf("BONGSU_SEED=%lu BONGSU_ROUNDS=%lu\n", run.seed, rounds);
    srandom((unsigned)run.seed);
    run.chain = chain_new(NULL, stub_url(slack));
    chain_set(run.chain, "BONGSU_PUBLIC_URL", "http://bongsu.example");
    chain_set(run.chain, "BONGSU_SLACK_DIGEST_OVER", "10000");
    chain_start_all(run.chain);
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, client, NULL), 0);
    for (unsigned long round = 0; round < rounds; round++)
        kill_one(kills);
    atomic_store(&run.is_over, 1);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    wait_settled();
    chain_check_balance(run.chain);
    check_events();
    load_check_incidents(run.chain, DEADLINE_MS);
    check_told(slack, kills[NOTIFIER]);
    if (kills[INDEXER] + kills[INGEST] + kills[DETECTOR] > 0 &&
        chain_metric(run.chain, INGEST, "bongsu_ingest_rows_resent_total") +
            chain_metric(run.chain, INDEXER, "bongsu_indexer_events_repeated_total") +
            chain_metric(run.chain, DETECTOR, "bongsu_detector_rows_repeated_total") == 0)
        fail_msg("void: nothing was sent again, so nothing was shown");
    chain_destroy(&run.chain);
    stub_destroy(&slack);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loses_nothing_and_repeats_nothing_whatever_is_killed),
    };

    return cmocka_run_group_tests_name("kill", tests, NULL, NULL);
}
