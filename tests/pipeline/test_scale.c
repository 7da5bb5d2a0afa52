/*
 * Every stage several times on one data folder, over tcp: two ingests, two
 * detectors, three indexers of which one works. They are killed and started
 * again under load, one ingest is given up for good, and the number of
 * detectors changes: every event that was answered 2xx is stored once, and the
 * incidents are those of a replay.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <poll.h>

#include "proto/base/clock.h"
#include "tests/support/chain.h"
#include "tests/support/command.h"
#include "tests/support/nonces.h"
#include "tests/support/temp_dir.h"

enum { INGESTS = 2, DETECTORS = 3, INDEXERS = 3, CLIENTS = 12, READY_MS = 20000 };

#define KEY "0123456789abcdef0123"

/* A network of its own below 127/8, for the ports are fixed. */
struct world {
    char dir[128];
    char net[32];                   /* "127.12.34." */
    int slots;
    int has_keys;                   /* CURVE between them */
    struct command *ingests[INGESTS], *detectors[DETECTORS], *indexers[INDEXERS];
    struct nonces nonces;
    int is_given_up;                /* the second ingest: its clients are no more */
    unsigned turn;                  /* the clients' names change with it */
};

static struct world *
world_new(int slots)
{
    struct world *world = calloc(1, sizeof(*world));
    const char *tmp = getenv("TMPDIR");

    world->slots = slots;
    snprintf(world->dir, sizeof(world->dir), "%s/bongsu-scale-XXXXXX",
             tmp != NULL ? tmp : "/tmp");
    assert_non_null(mkdtemp(world->dir));
    snprintf(world->net, sizeof(world->net), "127.%d.%d.", 1 + (int)(getpid() / 250 % 250),
             1 + (int)(getpid() % 250));
    return world;
}

static struct command *
start(const struct world *world, const char *program, int host)
{
    char listen[80], address[64], ingests[128], detectors[64], slots[8];
    char keys[160] = "BONGSU_BUS_CURVE_DIR";
    const char *const env[] = { "TZ=" CHAIN_ZONE, "API_KEY=" KEY, "BONGSU_BUS_DIR",
                                "BONGSU_DATA_DIR", keys, NULL };
    const char *const args[] = {
        program, "--data-dir", world->dir, "--bus-listen", address, "--ingest-listen", listen,
        "--ingest-host", ingests, "--detector-host", detectors, "--detector-slots", slots,
        "--journal-min-free", "1MiB", "--journal-segment-bytes", "256KiB", NULL,
    };

    if (world->has_keys)
        snprintf(keys, sizeof(keys), "BONGSU_BUS_CURVE_DIR=%s/keys", world->dir);
    snprintf(address, sizeof(address), "%s%d", world->net, host);
    snprintf(listen, sizeof(listen), "%s:8000", address);
    snprintf(ingests, sizeof(ingests), "%s1,%s2", world->net, world->net);
    snprintf(detectors, sizeof(detectors), "%s11", world->net);
    snprintf(slots, sizeof(slots), "%d", world->slots);
    return command_start(&(struct command_spec){ .env = env }, args);
}

static void
start_ingest(struct world *world, int k)
{
    world->ingests[k] = start(world, "bongsu-ingest", k + 1);
    command_expect(world->ingests[k], " started ", READY_MS);
}

static void
start_detectors(struct world *world)
{
    for (int k = 0; k < world->slots; k++)
        if (world->detectors[k] == NULL)
            world->detectors[k] = start(world, "bongsu-detector", 11);
    for (int k = 0; k < world->slots; k++)
        command_expect(world->detectors[k], " started ", READY_MS);
}

static void
start_indexer(struct world *world, int k)
{
    world->indexers[k] = start(world, "bongsu-indexer", 21 + k);
    command_expect(world->indexers[k], " started ", READY_MS);
}

static void
start_all(struct world *world)
{
    for (int k = 0; k < INGESTS; k++)
        start_ingest(world, k);
    start_detectors(world);
    for (int k = 0; k < INDEXERS; k++)
        start_indexer(world, k);
}

/* One client's next event, to its own ingest: what has no answer is not known, and is not
 * sent again. Each client has addresses and users of its own. */
static void
post_one(struct world *world, unsigned client)
{
    static const char *const types[] = { "login_failed", "login_failed", "login_failed",
                                         "login_success", "privilege_escalation" };
    int ingest = world->is_given_up ? 0 : (int)(client % INGESTS);
    unsigned nonce = nonces_next(&world->nonces);
    char body[512], url[96];

    snprintf(url, sizeof(url), "http://%s%d:8000/log", world->net, ingest + 1);
    snprintf(body, sizeof(body), "{\"event_type\":\"%s\",\"source_ip\":\"10.%u.%u.7\","
             "\"username\":\"u%u-%u-%u\",\"nonce\":%u}", types[nonce / CLIENTS % 5],
             world->turn, client, world->turn, client, nonce / 40 % 3, nonce);
    nonces_post(&world->nonces, nonce, url, KEY, body);
}

static void
post_some(struct world *world, unsigned rounds)
{
    for (unsigned i = 0; i < rounds; i++)
        for (unsigned client = 0; client < CLIENTS; client++)
            post_one(world, client);
}

/* Stored once, and the incidents are the replay's. */
static void
expect_settled(struct world *world)
{
    nonces_expect_settled(&world->nonces, world->dir, CLIENTS);
}

static void
world_destroy(struct world *world)
{
    for (int k = 0; k < INGESTS; k++)
        if (world->ingests[k] != NULL)
            command_destroy(&world->ingests[k]);
    for (int k = 0; k < DETECTORS; k++)
        if (world->detectors[k] != NULL)
            command_destroy(&world->detectors[k]);
    for (int k = 0; k < INDEXERS; k++)
        if (world->indexers[k] != NULL)
            command_destroy(&world->indexers[k]);
    if (getenv("BONGSU_KEEP") == NULL)
        assert_int_equal(temp_dir_remove(world->dir), 0);
    free(world);
}

/* --- the tests --- */

static void
let_replicas_die(struct world *world)
{
    start_all(world);
    post_some(world, 10);
    for (int round = 0; round < 6; round++) {
        command_destroy(&world->detectors[round % 2]);
        post_some(world, 3);
        command_destroy(&world->indexers[round % INDEXERS]);
        post_some(world, 3);
        start_detectors(world);
        start_indexer(world, round % INDEXERS);
        command_destroy(&world->ingests[round % INGESTS]);
        post_some(world, 2);
        start_ingest(world, round % INGESTS);
        post_some(world, 3);
    }
    expect_settled(world);
    world_destroy(world);
}

static void
replicas_die_and_come_back_and_nothing_is_lost(void **state)
{
    (void)state;
    let_replicas_die(world_new(2));
}

static void
with_keys_between_them_nothing_is_lost_either(void **state)
{
    struct world *world = world_new(2);

    (void)state;
    world->has_keys = 1;
    let_replicas_die(world);
}

static void
journal_of_an_ingest_that_is_given_up_is_delivered_by_another(void **state)
{
    struct world *world = world_new(2);

    (void)state;
    for (int k = 0; k < INGESTS; k++)
        start_ingest(world, k);
    post_some(world, 15);           /* nobody takes it yet */
    command_destroy(&world->ingests[1]);
    world->is_given_up = 1;
    world->turn = 1;
    start_detectors(world);
    for (int k = 0; k < INDEXERS; k++)
        start_indexer(world, k);
    post_some(world, 5);
    command_expect(world->ingests[0], "journal adopted", 20000);
    expect_settled(world);
    command_expect(world->ingests[0], "adopted journal is delivered", 20000);
    /* it is free again: who starts now takes it, and is delivered */
    start_ingest(world, 1);
    world->is_given_up = 0;
    world->turn = 2;
    post_some(world, 10);
    expect_settled(world);
    world_destroy(world);
}

/* The embedded store takes one writer; who stands by is there within two seconds. */
static void
one_indexer_writes_and_another_takes_over(void **state)
{
    struct world *world = world_new(1);
    int64_t killed_ms;
    int next = -1;

    (void)state;
    start_all(world);
    for (int k = 1; k < INDEXERS; k++)
        command_expect(world->indexers[k], "stands by", 1000);
    assert_null(strstr(command_output(world->indexers[0]), "stands by"));
    post_some(world, 3);
    command_destroy(&world->indexers[0]);
    killed_ms = clock_steady_ms();
    while (next < 0) {
        for (int k = 1; k < INDEXERS; k++)
            if (strstr(command_output(world->indexers[k]), "works from now on") != NULL)
                next = k;
        if (clock_steady_ms() - killed_ms > 10000)
            fail_msg("nobody takes over");
        poll(NULL, 0, 20);
    }
    print_message("taken over after %d ms\n", (int)(clock_steady_ms() - killed_ms));
    start_indexer(world, 0);
    command_expect(world->indexers[0], "stands by", 1000);
    post_some(world, 12);
    expect_settled(world);
    world_destroy(world);
}

static void
stop_and_forget(struct command **command)
{
    command_signal(*command, SIGTERM);
    assert_int_equal(command_wait(*command, 20000), 0);
    command_destroy(command);
}

/* The detectors are stopped or killed at different places, and all begin again as another
 * number; ingest too, which serves each slot. */
static void
number_of_detectors_changes_between_events(void **state)
{
    static const int numbers[] = { 2, 3, 1 };
    struct world *world = world_new(1);

    (void)state;
    start_all(world);
    post_some(world, 10);
    for (size_t i = 0; i < 3; i++) {
        for (int k = 0; k < world->slots; k++) {
            if (k % 2 == 0)
                stop_and_forget(&world->detectors[k]);
            else
                command_destroy(&world->detectors[k]);
            post_some(world, 3);
        }
        for (int k = 0; k < INGESTS; k++)
            stop_and_forget(&world->ingests[k]);
        for (int k = 0; k < INDEXERS; k++)
            command_destroy(&world->indexers[k]);
        world->slots = numbers[i];
        start_all(world);
        post_some(world, 6);
    }
    expect_settled(world);
    world_destroy(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replicas_die_and_come_back_and_nothing_is_lost),
        cmocka_unit_test(with_keys_between_them_nothing_is_lost_either),
        cmocka_unit_test(journal_of_an_ingest_that_is_given_up_is_delivered_by_another),
        cmocka_unit_test(one_indexer_writes_and_another_takes_over),
        cmocka_unit_test(number_of_detectors_changes_between_events),
    };

    return cmocka_run_group_tests_name("scale", tests, NULL, NULL);
}
