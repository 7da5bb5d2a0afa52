/*
 * Two hosts: ingest, indexer and detector slot 0 on one, slot 1 on the other, with
 * nothing shared but the wire, and keys that were carried over by hand. The hosts are
 * network namespaces with an Ethernet between them. Skips where it may not make some.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/command.h"
#include "tests/support/nonces.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

enum { SKIPPED = 77, CLIENTS = 12, READY_MS = 20000, CUT_MS = 3000 };

#define KEY "0123456789abcdef0123"

/* TEST-NET-2 of RFC 5737 */
#define ADDRESS_A "198.51.100.1"
#define ADDRESS_B "198.51.100.2"

struct host {
    const char *address;
    int net;                    /* its network namespace */
    char dir[128], keys[160];
};

struct world {
    struct host a, b, x, y;     /* the test itself is on a; x and y are strangers on b */
    struct command *ingest, *indexer, *detectors[2];
    struct nonces nonces;
};

/* --- the network --- */

/* Run a command, one line; 0 when it ended well. */
static int
shell(const char *format, ...)
{
    char line[512], said[256];
    va_list args;
    FILE *pipe;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    pipe = popen(line, "re");
    if (pipe == NULL)
        return -1;
    while (fgets(said, sizeof(said), pipe) != NULL)
        fputs(said, stderr);
    return pclose(pipe);
}

static int
enter(int net)
{
    return setns(net, CLONE_NEWNET);
}

/* A new namespace, entered: its descriptor, -1 when that may not be. */
static int
make_net(void)
{
    if (unshare(CLONE_NEWNET) != 0)
        return -1;
    return open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

/* Ends the program when it cannot. */
static void
make_network(int *ret_a, int *ret_b)
{
    *ret_b = make_net();
    *ret_a = *ret_b >= 0 ? make_net() : -1;
    if (*ret_a < 0) {
        printf("no network namespace may be made: %s\n", strerror(errno));
        exit(SKIPPED);
    }
    if (shell("ip link set lo up && "
              "ip link add wire type veth peer name wire netns /proc/%d/fd/%d 2>&1 && "
              "ip addr add " ADDRESS_A "/30 dev wire && ip link set wire up",
              (int)getpid(), *ret_b) != 0) {
        printf("no Ethernet can be laid between two network namespaces (ip link)\n");
        exit(SKIPPED);
    }
    if (enter(*ret_b) != 0 ||
        shell("ip link set lo up && ip addr add " ADDRESS_B "/30 dev wire && "
              "ip link set wire up") != 0 || enter(*ret_a) != 0) {
        printf("the second network namespace cannot be set up\n");
        exit(SKIPPED);
    }
}

/* --- the processes --- */

static struct command *
start(const struct host *host, const char *program, int slot, const char *keys)
{
    char listen[80], curve[192] = "BONGSU_BUS_CURVE_DIR", number[8];
    const char *const env[] = { "TZ=Asia/Seoul", "API_KEY=" KEY, "BONGSU_BUS_DIR",
                                "BONGSU_DATA_DIR", curve, NULL };
    const char *const args[] = {
        program, "--data-dir", host->dir, "--bus-listen", host->address,
        "--ingest-listen", listen, "--ingest-host", ADDRESS_A,
        "--detector-host", ADDRESS_A "," ADDRESS_B, "--detector-slots", "2",
        "--detector-slot", number, "--journal-min-free", "1MiB", NULL,
    };

    if (keys != NULL)
        snprintf(curve, sizeof(curve), "BONGSU_BUS_CURVE_DIR=%s", keys);
    snprintf(listen, sizeof(listen), "%s:8000", host->address);
    snprintf(number, sizeof(number), "%d", slot);
    return command_start(&(struct command_spec){ .env = env, .net = host->net }, args);
}

static void
start_known(struct command **command, const struct host *host, const char *program, int slot)
{
    *command = start(host, program, slot, host->keys);
    command_expect(*command, " started ", READY_MS);
}

/* What docs/OPERATIONS.md says: to each host the secrets of what runs there, and allowed. */
static void
carry_keys(const struct world *world)
{
    const char *const args[] = { "bongsu", "bus", "keys", world->a.keys, NULL };
    const struct command_spec spec = { .dir = world->a.dir };
    struct command *command;
    int code;

    command = command_run(&spec, args, &code);
    assert_int_equal(code, 0);
    command_destroy(&command);
    assert_int_equal(mkdir(world->b.keys, 0700), 0);
    assert_int_equal(shell("cp -a %s/allowed %s/detector.key_secret %s", world->a.keys,
                           world->a.keys, world->b.keys), 0);
}

static void
host_init(struct host *host, const char *address, int net)
{
    host->address = address;
    host->net = net;
    temp_dir_make(NULL, host->dir, sizeof(host->dir));
    snprintf(host->keys, sizeof(host->keys), "%s/keys", host->dir);
}

static struct world *
world_new(const int nets[2])
{
    struct world *world = calloc(1, sizeof(*world));

    host_init(&world->a, ADDRESS_A, nets[0]);
    host_init(&world->b, ADDRESS_B, nets[1]);
    carry_keys(world);
    start_known(&world->ingest, &world->a, "bongsu-ingest", -1);
    start_known(&world->detectors[0], &world->a, "bongsu-detector", 0);
    start_known(&world->detectors[1], &world->b, "bongsu-detector", 1);
    start_known(&world->indexer, &world->a, "bongsu-indexer", -1);
    return world;
}

static void
world_destroy(struct world *world)
{
    command_destroy(&world->ingest);
    command_destroy(&world->indexer);
    command_destroy(&world->detectors[0]);
    command_destroy(&world->detectors[1]);
    assert_int_equal(temp_dir_remove(world->a.dir), 0);
    assert_int_equal(temp_dir_remove(world->b.dir), 0);
    free(world);
}

/* Each client has an address and users of its own, and each turn has others. */
static void
post_some(struct world *world, unsigned rounds)
{
    static const char *const types[] = { "login_failed", "login_failed", "login_failed",
                                         "login_success", "privilege_escalation" };
    char body[512];

    for (unsigned i = 0; i < rounds * CLIENTS; i++) {
        unsigned nonce = nonces_next(&world->nonces), client = nonce % CLIENTS;

        snprintf(body, sizeof(body), "{\"event_type\":\"%s\",\"source_ip\":\"10.1.%u.7\","
                 "\"username\":\"u%u-%u\",\"nonce\":%u}", types[nonce / CLIENTS % 5], client,
                 client, nonce / 40 % 3, nonce);
        nonces_post(&world->nonces, nonce, "http://" ADDRESS_A ":8000/log", KEY, body);
    }
}

static void
expect_settled(struct world *world)
{
    nonces_expect_settled(&world->nonces, world->a.dir, CLIENTS);
}

/* --- the tests --- */

static void
detectors_of_two_hosts_share_the_work_and_nothing_is_lost(void **state)
{
    struct world *world = world_new(*state);

    post_some(world, 10);
    command_destroy(&world->detectors[1]);
    post_some(world, 4);
    start_known(&world->detectors[1], &world->b, "bongsu-detector", 1);
    post_some(world, 4);
    command_destroy(&world->detectors[0]);
    command_destroy(&world->indexer);
    post_some(world, 4);
    start_known(&world->indexer, &world->a, "bongsu-indexer", -1);
    start_known(&world->detectors[0], &world->a, "bongsu-detector", 0);
    command_destroy(&world->ingest);
    start_known(&world->ingest, &world->a, "bongsu-ingest", -1);
    post_some(world, 4);
    expect_settled(world);
    world_destroy(world);
}

static void
a_cut_wire_costs_nothing(void **state)
{
    struct world *world = world_new(*state);

    post_some(world, 6);
    assert_int_equal(shell("ip link set wire down"), 0);
    for (int64_t end = now_ms() + CUT_MS; now_ms() < end; wait_a_little())
        post_some(world, 1);
    assert_int_equal(shell("ip link set wire up"), 0);
    post_some(world, 6);
    expect_settled(world);
    world_destroy(world);
}

/* A process of the other host without keys, and one with keys of its own making: both
 * are refused, are told so, and take no event away from those who are known. */
static void
whoever_was_given_no_key_gets_nothing(void **state)
{
    struct world *world = world_new(*state);
    struct command *strangers[2];

    host_init(&world->x, ADDRESS_B, world->b.net);
    host_init(&world->y, ADDRESS_B, world->b.net);
    strangers[0] = start(&world->x, "bongsu-indexer", -1, NULL);
    strangers[1] = start(&world->y, "bongsu-indexer", -1, world->y.keys);
    for (int i = 0; i < 2; i++)
        command_expect(strangers[i], "no connection", READY_MS);
    command_expect(world->ingest, "peer refused", READY_MS);
    command_expect(world->detectors[0], "peer refused", READY_MS);
    command_expect(world->detectors[1], "peer refused", READY_MS);
    post_some(world, 10);
    expect_settled(world);
    command_destroy(&strangers[0]);
    command_destroy(&strangers[1]);
    assert_int_equal(temp_dir_remove(world->x.dir), 0);
    assert_int_equal(temp_dir_remove(world->y.dir), 0);
    world_destroy(world);
}

int
main(void)
{
    static int nets[2];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(detectors_of_two_hosts_share_the_work_and_nothing_is_lost,
                                  nets),
        cmocka_unit_test_prestate(a_cut_wire_costs_nothing, nets),
        cmocka_unit_test_prestate(whoever_was_given_no_key_gets_nothing, nets),
    };

    make_network(&nets[0], &nets[1]);
    return cmocka_run_group_tests_name("hosts", tests, NULL, NULL);
}
