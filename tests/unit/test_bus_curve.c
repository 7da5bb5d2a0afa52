/*
 * Who is let in over tcp, and to whom we speak. The guard is this process's; its peers
 * are sockets of their own keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/bus.h"
#include "proto/bus_message.h"
#include "proto/run/bus_guard.h"
#include "proto/run/bus_keys.h"
#include "proto/run/bus_retry.h"
#include "tests/support/raw_client.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

enum { WAIT_MS = 30000, QUIET_MS = 300 };

/* A pair of keys. */
struct pair {
    char public_key[BUS_KEY_SIZE], secret_key[BUS_KEY_SIZE];
};

struct world {
    char dir[128];
    struct settings settings;
    zloop_t *loop;
    struct metrics *metrics;
    struct bus_guard *guard;
    zsock_t *bound;                     /* what the guard stands before */
    char endpoint[128];
    uint64_t failed;
};

static uint64_t
refused(struct world *world, const char *labels)
{
    return *metrics_number(world->metrics, METRIC_COUNTER, "bongsu_bus_refused_peers_total",
                           labels, "");
}

static int
end_turn(zloop_t *loop, int timer, void *arg)
{
    (void)loop;
    (void)timer;
    (void)arg;
    return -1;
}

static void
turn(struct world *world)
{
    zloop_timer(world->loop, 10, 1, end_turn, NULL);
    zloop_start(world->loop);
}

/* Give the loop its turns while nothing is expected to happen. */
static void
turn_for(struct world *world, int64_t ms)
{
    for (int64_t end = now_ms() + ms; now_ms() < end;)
        turn(world);
}

static void
turn_until(struct world *world, const uint64_t *number, uint64_t least)
{
    for (int64_t end = now_ms() + WAIT_MS; *number < least; turn(world))
        if (now_ms() > end)
            fail_msg("still %d", (int)*number);
}

static void
expect_refused(struct world *world, const char *labels, uint64_t least)
{
    turn_until(world, metrics_number(world->metrics, METRIC_COUNTER,
                                     "bongsu_bus_refused_peers_total", labels, ""), least);
}

static void
start_guard(struct world *world, const char *role)
{
    struct err err = { "" };

    if (bus_guard_new(world->loop, &world->settings, role, world->metrics, &world->guard,
                      &err) != 0)
        fail_msg("%s", err.text);
    assert_non_null(world->guard);
}

static void
bind_guarded(struct world *world, int type)
{
    struct err err = { "" };

    world->bound = bus_bind(type, "tcp://127.0.0.1:*", &err);
    if (world->bound == NULL)
        fail_msg("%s", err.text);
    snprintf(world->endpoint, sizeof(world->endpoint), "%s", zsock_endpoint(world->bound));
}

static int
open_world(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    temp_dir_make(NULL, world->dir, sizeof(world->dir));
    world->settings.bus_curve_dir = world->dir;
    world->settings.bus_listen = (char *)"127.0.0.1";
    world->loop = zloop_new();
    world->metrics = metrics_new();
    *state = world;
    return 0;
}

static int
close_world(void **state)
{
    struct world *world = *state;

    zsock_destroy(&world->bound);
    bus_guard_destroy(&world->guard);
    zloop_destroy(&world->loop);
    metrics_destroy(&world->metrics);
    temp_dir_remove(world->dir);
    free(world);
    return 0;
}

/* --- peers --- */

static struct pair
keys_of(const struct world *world, const char *role)
{
    struct err err = { "" };
    struct pair pair;

    if (bus_keys_load(world->dir, role, pair.public_key, pair.secret_key, &err) != 0)
        fail_msg("%s", err.text);
    return pair;
}

static struct pair
new_keys(void)
{
    struct pair pair;

    assert_int_equal(zmq_curve_keypair(pair.public_key, pair.secret_key), 0);
    return pair;
}

static zsock_t *
new_peer(int type, const struct pair *pair)
{
    zsock_t *peer = zsock_new(type);

    zsock_set_linger(peer, 0);
    zsock_set_reconnect_ivl_max(peer, 200);
    if (pair != NULL) {
        zsock_set_curve_publickey(peer, pair->public_key);
        zsock_set_curve_secretkey(peer, pair->secret_key);
    }
    return peer;
}

/* pair NULL: without CURVE. server is the key it believes the other side to have. */
static zsock_t *
connect_peer(const struct world *world, const struct pair *pair, const char *server)
{
    zsock_t *peer = new_peer(ZMQ_PULL, pair);

    if (pair != NULL)
        zsock_set_curve_serverkey(peer, server);
    assert_int_equal(zsock_connect(peer, "%s", world->endpoint), 0);
    return peer;
}

static int
push(struct world *world)
{
    const struct batch_head head = { .origin = 1 };

    return bus_send_batch(world->bound, BUS_EVENTS, &head, text_of("x"));
}

static void
expect_let_in(struct world *world, zsock_t *peer)
{
    struct bus_batch batch;
    int64_t end = now_ms() + WAIT_MS;
    int rc;

    while (push(world) != 0) {
        assert_true(now_ms() < end);
        turn(world);
    }
    while ((rc = bus_recv_batch(peer, &batch, NULL)) == 0) {
        assert_true(now_ms() < end);
        turn(world);
    }
    assert_int_equal(rc, 1);
    bus_batch_release(&batch);
}

static void
write_file(const struct world *world, const char *name, const char *content, mode_t mode)
{
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", world->dir, name);
    file = fopen(path, "we");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static void
remove_file(const struct world *world, const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", world->dir, name);
    assert_int_equal(unlink(path), 0);
}

/* --- the tests --- */

static void
a_peer_whose_key_is_allowed_is_let_in(void **state)
{
    struct world *world = *state;
    struct pair own, ingest;
    zsock_t *peer;

    start_guard(world, "ingest");
    bind_guarded(world, ZMQ_PUSH);
    own = keys_of(world, "indexer");
    ingest = keys_of(world, "ingest");
    peer = connect_peer(world, &own, ingest.public_key);
    expect_let_in(world, peer);
    assert_int_equal(refused(world, "reason=\"key\""), 0);
    assert_int_equal(refused(world, "reason=\"handshake\""), 0);
    zsock_destroy(&peer);
}

/* A PUSH socket gives its messages to whom it is connected with: one that is only
 * knocking must not be among them. */
static void
a_peer_without_curve_is_refused_and_counted(void **state)
{
    struct world *world = *state;
    zsock_t *peer;

    start_guard(world, "ingest");
    bind_guarded(world, ZMQ_PUSH);
    peer = connect_peer(world, NULL, NULL);
    expect_refused(world, "reason=\"handshake\"", 1);
    assert_int_equal(push(world), -1);
    assert_int_equal(refused(world, "reason=\"key\""), 0);
    zsock_destroy(&peer);
}

static void
a_peer_with_an_unknown_key_is_refused_and_counted(void **state)
{
    struct world *world = *state;
    struct pair stranger = new_keys(), ingest;
    zsock_t *peer;

    start_guard(world, "ingest");
    bind_guarded(world, ZMQ_PUSH);
    ingest = keys_of(world, "ingest");
    peer = connect_peer(world, &stranger, ingest.public_key);
    expect_refused(world, "reason=\"key\"", 1);
    turn_for(world, QUIET_MS);
    assert_int_equal(push(world), -1);
    zsock_destroy(&peer);
}

/* It has an allowed key, but takes us for another: it cannot even say hello. */
static void
a_peer_that_looks_for_another_server_is_refused_and_counted(void **state)
{
    struct world *world = *state;
    struct pair own, detector;
    zsock_t *peer;

    start_guard(world, "ingest");
    bind_guarded(world, ZMQ_PUSH);
    own = keys_of(world, "indexer");
    detector = keys_of(world, "detector");
    peer = connect_peer(world, &own, detector.public_key);
    expect_refused(world, "reason=\"handshake\"", 2);
    assert_int_equal(push(world), -1);
    zsock_destroy(&peer);
}

/* A web browser, ZMTP 1.0 (without greeting), ZMTP 3.0 of mechanism NULL, and a
 * greeting of CURVE with nothing behind it. libzmq does not tell of the first two. */
static void
whoever_speaks_no_curve_is_refused(void **state)
{
    static const struct { const char *bytes; size_t len; unsigned counted; } words[] = {
        { "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27, 0 },
        { "\x01\x00\x05\x00hello", 9, 0 },
        { "\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
          "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 64, 1 },
        { "\xff\0\0\0\0\0\0\0\x01\x7f\x03\0CURVE\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
          "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 64, 1 },
    };
    struct world *world = *state;
    char url[128];

    start_guard(world, "ingest");
    bind_guarded(world, ZMQ_PUSH);
    snprintf(url, sizeof(url), "http://%s", world->endpoint + strlen("tcp://"));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        uint64_t before = refused(world, "reason=\"handshake\"");
        int fd = raw_dial(url);

        raw_throw(fd, words[i].bytes, words[i].len);
        turn_for(world, 50);
        assert_int_equal(push(world), -1);
        close(fd);
        expect_refused(world, "reason=\"handshake\"", before + words[i].counted);
        assert_int_equal(push(world), -1);
    }
}

static void
a_key_may_be_allowed_and_taken_back_while_it_runs(void **state)
{
    struct world *world = *state;
    struct pair guest = new_keys(), ingest;
    zsock_t *peer;

    start_guard(world, "ingest");
    bind_guarded(world, ZMQ_PUSH);
    ingest = keys_of(world, "ingest");
    write_file(world, "allowed/guest.pub", guest.public_key, 0600);
    turn_for(world, 1100);
    peer = connect_peer(world, &guest, ingest.public_key);
    expect_let_in(world, peer);
    zsock_destroy(&peer);
    remove_file(world, "allowed/guest.pub");
    turn_for(world, 1100);
    peer = connect_peer(world, &guest, ingest.public_key);
    expect_refused(world, "reason=\"key\"", 1);
    zsock_destroy(&peer);
}

/* What is broken meanwhile lets nobody in, and locks nobody else out. */
static void
a_broken_file_among_the_allowed_leaves_the_others_in_force(void **state)
{
    struct world *world = *state;
    struct pair own, ingest;
    zsock_t *peer;

    start_guard(world, "ingest");
    bind_guarded(world, ZMQ_PUSH);
    own = keys_of(world, "indexer");
    ingest = keys_of(world, "ingest");
    write_file(world, "allowed/notifier.pub", "broken", 0600);
    turn_for(world, 1100);
    peer = connect_peer(world, &own, ingest.public_key);
    expect_let_in(world, peer);
    zsock_destroy(&peer);
}

static void
sockets_over_ipc_stay_without_keys(void **state)
{
    struct world *world = *state;
    zsock_t *peer = new_peer(ZMQ_PULL, NULL);
    char endpoint[192];

    start_guard(world, "ingest");
    snprintf(endpoint, sizeof(endpoint), "ipc://%s/sock", world->dir);
    world->bound = bus_bind(ZMQ_PUSH, endpoint, NULL);
    assert_non_null(world->bound);
    assert_int_equal(zsock_connect(peer, "%s", endpoint), 0);
    expect_let_in(world, peer);
    zsock_destroy(&peer);
}

static struct bus_retry *
connect_as_client(struct world *world)
{
    const struct bus_retry_spec spec = {
        .loop = world->loop, .type = ZMQ_PUSH, .endpoint = world->endpoint,
        .server = "ingest", .failed = &world->failed,
    };
    struct bus_retry *retry = bus_retry_new(&spec, NULL);

    assert_non_null(retry);
    return retry;
}

static zsock_t *
bind_server(struct world *world, const struct pair *pair)
{
    zsock_t *server = new_peer(ZMQ_PULL, pair);
    int64_t end = now_ms() + WAIT_MS;

    if (pair != NULL)
        zsock_set_curve_server(server, 1);
    /* the one before it may not have let go of the port yet */
    while (zsock_bind(server, "%s", world->endpoint) == -1) {
        assert_true(now_ms() < end);
        turn(world);
    }
    snprintf(world->endpoint, sizeof(world->endpoint), "%s", zsock_endpoint(server));
    return server;
}

/* Impostors with a key of their own, and without CURVE; then the true one at the same
 * address, who gets what was waiting or comes next. */
static void
a_client_says_nothing_to_an_impostor_and_finds_the_true_server(void **state)
{
    const struct report report = { .consumer = "index", .boot = 7 };
    struct world *world = *state;
    struct pair impostor = new_keys(), ingest;
    const struct pair *const impostors[] = { &impostor, NULL };
    struct bus_retry *client;
    struct report got;
    zsock_t *server;
    int64_t end;

    start_guard(world, "detector");
    ingest = keys_of(world, "ingest");
    snprintf(world->endpoint, sizeof(world->endpoint), "tcp://127.0.0.1:*");
    server = bind_server(world, &impostor);
    client = connect_as_client(world);
    for (size_t i = 0; i < 2; i++) {
        uint64_t before = world->failed;

        if (server == NULL)
            server = bind_server(world, impostors[i]);
        bus_send_report(bus_retry_sock(client), &report);
        turn_until(world, &world->failed, before + 2);
        assert_int_equal(zsock_events(server) & ZMQ_POLLIN, 0);
        zsock_destroy(&server);
    }
    server = bind_server(world, &ingest);
    for (end = now_ms() + WAIT_MS; bus_recv_report(server, &got, NULL) != 1; turn(world)) {
        assert_true(now_ms() < end);
        bus_send_report(bus_retry_sock(client), &report);
    }
    assert_int_equal(got.boot, 7);
    report_release(&got);
    zsock_destroy(&server);
    bus_retry_destroy(&client);
}

/* Here client and server are one process, of one key. libzmq alone would never try again
 * after the first refusal. */
static void
a_client_that_was_refused_is_let_in_once_its_key_is_allowed(void **state)
{
    const struct report report = { .consumer = "index", .boot = 7 };
    struct world *world = *state;
    struct bus_retry *client;
    struct report got;
    struct pair ingest;
    int64_t end;

    start_guard(world, "ingest");
    bind_guarded(world, ZMQ_PULL);
    ingest = keys_of(world, "ingest");
    turn_for(world, 1100);              /* so that what is allowed is read again */
    client = connect_as_client(world);
    write_file(world, "allowed/ingest.pub", "not yet", 0600);
    turn_until(world, &world->failed, 2);
    assert_true(refused(world, "reason=\"key\"") >= 2);
    assert_int_equal(bus_recv_report(world->bound, &got, NULL), 0);
    write_file(world, "allowed/ingest.pub", ingest.public_key, 0600);
    for (end = now_ms() + WAIT_MS; bus_recv_report(world->bound, &got, NULL) != 1; turn(world)) {
        assert_true(now_ms() < end);
        bus_send_report(bus_retry_sock(client), &report);
    }
    report_release(&got);
    bus_retry_destroy(&client);
}

/* What CURVE adds to a message must not count against the largest that there is: libzmq
 * would hang up, and what connects then never come back. */
static void
the_largest_message_passes_encrypted(void **state)
{
    const struct batch_head head = { .origin = 1 };
    struct world *world = *state;
    char *body = calloc(1, BUS_MAX_MESSAGE);
    struct bus_batch batch;
    struct pair own, ingest;
    zsock_t *peer;
    int64_t end;

    start_guard(world, "ingest");
    bind_guarded(world, ZMQ_PULL);
    own = keys_of(world, "indexer");
    ingest = keys_of(world, "ingest");
    peer = new_peer(ZMQ_PUSH, &own);
    zsock_set_curve_serverkey(peer, ingest.public_key);
    assert_int_equal(zsock_connect(peer, "%s", world->endpoint), 0);
    assert_int_equal(bus_send_batch(peer, BUS_EVENTS, &head,
                                    (struct text){ body, BUS_MAX_MESSAGE }), 0);
    for (end = now_ms() + WAIT_MS; bus_recv_batch(world->bound, &batch, NULL) != 1; turn(world))
        assert_true(now_ms() < end);
    assert_int_equal(batch.body.len, BUS_MAX_MESSAGE);
    bus_batch_release(&batch);
    zsock_destroy(&peer);
    free(body);
}

static void
no_folder_or_ipc_means_no_guard(void **state)
{
    struct world *world = *state;

    world->settings.bus_dir = world->dir;
    assert_int_equal(bus_guard_new(world->loop, &world->settings, "ingest", world->metrics,
                                   &world->guard, NULL), 0);
    assert_null(world->guard);
    assert_false(bus_keys_exist(world->dir));
    world->settings.bus_dir = NULL;
    world->settings.bus_curve_dir = NULL;
    assert_int_equal(bus_guard_new(world->loop, &world->settings, "ingest", world->metrics,
                                   &world->guard, NULL), 0);
    assert_null(world->guard);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_peer_whose_key_is_allowed_is_let_in),
        TEST(a_peer_without_curve_is_refused_and_counted),
        TEST(a_peer_with_an_unknown_key_is_refused_and_counted),
        TEST(a_peer_that_looks_for_another_server_is_refused_and_counted),
        TEST(whoever_speaks_no_curve_is_refused),
        TEST(a_key_may_be_allowed_and_taken_back_while_it_runs),
        TEST(a_broken_file_among_the_allowed_leaves_the_others_in_force),
        TEST(sockets_over_ipc_stay_without_keys),
        TEST(a_client_says_nothing_to_an_impostor_and_finds_the_true_server),
        TEST(a_client_that_was_refused_is_let_in_once_its_key_is_allowed),
        TEST(the_largest_message_passes_encrypted),
        TEST(no_folder_or_ipc_means_no_guard),
    };

    zsys_handler_set(NULL);
    return cmocka_run_group_tests_name("bus_curve", tests, NULL, NULL);
}
