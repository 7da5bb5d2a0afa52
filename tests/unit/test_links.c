#include "proto/run/links.h"

#include <dlfcn.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/clock.h"
#include "proto/run/resolver.h"
#include "tests/support/temp_dir.h"

enum { DEADLINE_MS = 60000, ORIGIN = 77 };

/* A producer (two bound sockets) and a consumer (links) on one loop. */
struct world {
    char dir[64];
    char data[128], report[128];
    zloop_t *loop;
    struct metrics *metrics;
    struct links *links;
    zsock_t *push, *pull;
    struct link *link;              /* of the last batch */
    uint64_t keys[256];
    size_t count;
    unsigned per_turn;              /* stop a turn after so many; 0: never */
    size_t pause_after;             /* pause from inside on_batch; 0: never */
    int (*is_done)(struct world *world);
    int was_done;
};

/* --- a name server of our own: it knows one name, "ingest.test" --- */

static const char *const *fake_addresses;       /* NULL-terminated; NULL: it fails */
static unsigned fake_lookups;
static int fake_code;                           /* of the look-up under way */
static int is_hurried;                          /* what waits 5 s waits 5 ms */

static int
is_fake(const struct gaicb *request)
{
    return strcmp(request->ar_name, "ingest.test") == 0;
}

static void *
real(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    assert_non_null(function);
    return function;
}

int
getaddrinfo_a(int mode, struct gaicb *requests[], int count, struct sigevent *event)
{
    int (*next)(int, struct gaicb **, int, struct sigevent *);
    struct addrinfo **tail = &requests[0]->ar_result;
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };

    if (!is_fake(requests[0])) {
        *(void **)&next = real("getaddrinfo_a");
        return next(mode, requests, count, event);
    }
    fake_lookups++;
    fake_code = fake_addresses == NULL ? EAI_AGAIN : 0;
    for (size_t i = 0; fake_addresses != NULL && fake_addresses[i] != NULL; i++) {
        assert_int_equal(getaddrinfo(fake_addresses[i], NULL, &hints, tail), 0);
        while (*tail != NULL)
            tail = &(*tail)->ai_next;
    }
    return 0;
}

int
gai_error(struct gaicb *request)
{
    int (*next)(struct gaicb *);

    if (is_fake(request))
        return fake_code;
    *(void **)&next = real("gai_error");
    return next(request);
}

int
gai_cancel(struct gaicb *request)
{
    int (*next)(struct gaicb *);

    if (is_fake(request))
        return EAI_ALLDONE;
    *(void **)&next = real("gai_cancel");
    return next(request);
}

int
zloop_timer(zloop_t *loop, size_t delay, size_t times, zloop_timer_fn handler, void *arg)
{
    int (*next)(zloop_t *, size_t, size_t, zloop_timer_fn *, void *);

    *(void **)&next = real("zloop_timer");
    return next(loop, is_hurried && delay == 5000 ? 5 : delay, times, handler, arg);
}

/* --- set-up --- */

static int
take(void *self, struct link *link, struct bus_batch *batch)
{
    struct world *world = self;

    assert_true(world->count < 256);
    world->link = link;
    world->keys[world->count++] = batch->head.first;
    assert_true(text_is(batch->body, "body"));
    if (world->count == world->pause_after)
        links_pause(world->links, 1);
    return world->per_turn != 0 && world->count % world->per_turn == 0;
}

static int
open_world(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    temp_dir_make(NULL, world->dir, sizeof(world->dir));
    snprintf(world->data, sizeof(world->data), "ipc://%s/data", world->dir);
    snprintf(world->report, sizeof(world->report), "ipc://%s/report", world->dir);
    world->loop = zloop_new();
    world->metrics = metrics_new();
    *state = world;
    return 0;
}

static int
close_world(void **state)
{
    struct world *world = *state;
    char path[160];

    is_hurried = 0;
    links_destroy(&world->links);
    assert_null(world->links);
    links_destroy(&world->links);
    zsock_destroy(&world->push);
    zsock_destroy(&world->pull);
    zloop_destroy(&world->loop);
    metrics_destroy(&world->metrics);
    snprintf(path, sizeof(path), "%s/data", world->dir);
    unlink(path);
    snprintf(path, sizeof(path), "%s/report", world->dir);
    unlink(path);
    rmdir(world->dir);
    free(world);
    return 0;
}

static uint64_t
number(struct world *world, const char *name, const char *labels)
{
    return *metrics_number(world->metrics, METRIC_COUNTER, name, labels, "");
}

static uint64_t
open_count(struct world *world)
{
    return *metrics_number(world->metrics, METRIC_GAUGE, "bongsu_links", "", "");
}

static void
bind_producer(struct world *world)
{
    struct err err = { "" };

    world->push = bus_bind(ZMQ_PUSH, world->data, &err);
    assert_non_null(world->push);
    world->pull = bus_bind(ZMQ_PULL, world->report, &err);
    assert_non_null(world->pull);
}

/* The same on tcp ports of the system's choice, reached by host. */
static void
bind_producer_on_tcp(struct world *world, const char *host)
{
    snprintf(world->data, sizeof(world->data), "tcp://127.0.0.1:*");
    snprintf(world->report, sizeof(world->report), "tcp://127.0.0.1:*");
    bind_producer(world);
    snprintf(world->data, sizeof(world->data), "tcp://%s%s", host,
             strrchr(zsock_endpoint(world->push), ':'));
    snprintf(world->report, sizeof(world->report), "tcp://%s%s", host,
             strrchr(zsock_endpoint(world->pull), ':'));
}

static int
try_open(struct world *world, struct err *err)
{
    struct links_spec spec = { .data = world->data, .report = world->report, .server = "ingest",
                               .on_batch = take, .self = world };

    world->links = links_new(world->loop, &spec, world->metrics, err);
    return world->links == NULL ? -1 : 0;
}

static void
open_links(struct world *world)
{
    struct err err = { "" };

    if (try_open(world, &err) != 0)
        print_message("%s\n", err.text);
    assert_non_null(world->links);
}

static void
send_key(struct world *world, uint64_t key)
{
    struct batch_head head = { .origin = ORIGIN, .first = key, .count = 1 };

    zsock_set_sndtimeo(world->push, DEADLINE_MS);
    while (bus_send_batch(world->push, BUS_EVENTS, &head, text_of("body")) != 0)
        zmq_poll(&(zmq_pollitem_t){ .socket = zsock_resolve(world->push),
                                    .events = ZMQ_POLLOUT }, 1, 100);
}

static int
send_raw(struct world *world, const char *kind_and_version, const char *head)
{
    return zsock_send(world->push, "bbb", kind_and_version, strlen(kind_and_version),
                      head, strlen(head), "", (size_t)0);
}

/* --- waiting --- */

static int
watch(zloop_t *loop, int timer, void *self)
{
    struct world *world = self;

    world->was_done = world->is_done(world);
    return world->was_done ? -1 : 0;
}

static int
give_up(zloop_t *loop, int timer, void *self)
{
    return -1;
}

static int
run_for(struct world *world, int (*is_done)(struct world *world), size_t limit_ms)
{
    int watching = zloop_timer(world->loop, 2, 0, watch, world);
    int deadline = zloop_timer(world->loop, limit_ms, 1, give_up, NULL);

    world->is_done = is_done;
    world->was_done = 0;
    zloop_start(world->loop);
    zloop_timer_end(world->loop, watching);
    zloop_timer_end(world->loop, deadline);
    return world->was_done;
}

static void
run_until(struct world *world, int (*is_done)(struct world *world))
{
    assert_true(run_for(world, is_done, DEADLINE_MS));
}

static int
has_one(struct world *world)
{
    return world->count >= 1;
}

static int
has_hundred(struct world *world)
{
    return world->count >= 100;
}

static int
has_linked(struct world *world)
{
    return open_count(world) > 0;
}

static int
has_failed_to_resolve(struct world *world)
{
    return number(world, "bongsu_unresolved_total", "") > 0;
}

static int
has_refused_three(struct world *world)
{
    return number(world, "bongsu_bus_refused_total", "socket=\"data\"") >= 3;
}

/* --- data --- */

static void
hands_over_every_batch_in_order(void **state)
{
    struct world *world = *state;

    bind_producer(world);
    open_links(world);
    for (uint64_t key = 1; key <= 30; key++)
        send_key(world, key);
    run_until(world, has_one);
    for (uint64_t key = 31; key <= 100; key++) {
        send_key(world, key);
        if (key % 10 == 0)
            run_for(world, has_hundred, 5);
    }
    run_until(world, has_hundred);
    for (uint64_t key = 1; key <= 100; key++)
        assert_int_equal(world->keys[key - 1], key);
}

static void
knows_the_origin_and_the_living(void **state)
{
    struct world *world = *state;

    bind_producer(world);
    open_links(world);
    assert_int_equal(links_alive(world->links, clock_steady_ms()), 0);
    send_key(world, 1);
    run_until(world, has_one);
    assert_int_equal(link_origin(world->link), ORIGIN);
    assert_int_equal(links_alive(world->links, clock_steady_ms()), 1);
    assert_int_equal(links_alive(world->links, clock_steady_ms() + 60000), 0);
}

static void
goes_on_in_the_next_turn_when_a_handler_has_enough(void **state)
{
    struct world *world = *state;

    bind_producer(world);
    open_links(world);
    world->per_turn = 1;
    for (uint64_t key = 1; key <= 10; key++)
        send_key(world, key);
    run_until(world, has_one);
    for (uint64_t key = 11; key <= 100; key++) {
        send_key(world, key);
        run_for(world, has_hundred, 2);
    }
    run_until(world, has_hundred);
}

static void
reads_nothing_while_paused_and_loses_nothing(void **state)
{
    struct world *world = *state;

    bind_producer(world);
    open_links(world);
    world->pause_after = 3;
    for (uint64_t key = 1; key <= 10; key++)
        send_key(world, key);
    assert_false(run_for(world, has_hundred, 100));
    assert_int_equal(world->count, 3);
    links_pause(world->links, 1);
    links_pause(world->links, 0);
    links_pause(world->links, 0);
    for (uint64_t key = 11; key <= 100; key++) {
        send_key(world, key);
        run_for(world, has_hundred, 2);
    }
    run_until(world, has_hundred);
    for (uint64_t key = 1; key <= 100; key++)
        assert_int_equal(world->keys[key - 1], key);
}

static void
counts_what_it_refuses_and_takes_the_rest(void **state)
{
    struct world *world = *state;

    bind_producer(world);
    open_links(world);
    run_for(world, has_one, 50);
    zsock_set_sndtimeo(world->push, DEADLINE_MS);
    assert_int_equal(zstr_send(world->push, "hello"), 0);
    assert_int_equal(send_raw(world, "\x01\x63", "\x80"), 0);    /* another version */
    assert_int_equal(send_raw(world, "\x01\x01", "\xc1"), 0);    /* no msgpack */
    send_key(world, 5);
    run_until(world, has_one);
    run_until(world, has_refused_three);
    assert_int_equal(world->keys[0], 5);
    assert_int_equal(number(world, "bongsu_bus_refused_total", "socket=\"data\""), 3);
}

/* --- reports --- */

static int
has_report(struct world *world)
{
    struct report report;
    struct err err;

    if (bus_recv_report(world->pull, &report, &err) != 1)
        return 0;
    assert_string_equal(report.consumer, "index");
    assert_int_equal(report.boot, 4711);
    report_release(&report);
    return 1;
}

static void
reports_go_to_where_the_batch_came_from(void **state)
{
    struct world *world = *state;
    struct report report = { .consumer = "index", .boot = 4711 };

    bind_producer(world);
    open_links(world);
    send_key(world, 1);
    run_until(world, has_one);
    link_report(world->link, &report);
    run_until(world, has_report);
    links_report(world->links, &report);
    run_until(world, has_report);
}

static void
reports_that_a_socket_does_not_take_are_dropped_and_counted(void **state)
{
    struct world *world = *state;
    struct report report = { .consumer = "index", .boot = 4711 };

    open_links(world);          /* nobody is there */
    for (int i = 0; i < 5000; i++)
        links_report(world->links, &report);
    assert_in_range(number(world, "bongsu_reports_dropped_total", ""), 1, 5000);
}

/* --- addresses --- */

static void
a_name_becomes_a_link_per_address(void **state)
{
    struct world *world = *state;

    bind_producer_on_tcp(world, "localhost");
    open_links(world);
    assert_int_equal(open_count(world), 0);
    run_until(world, has_linked);
    send_key(world, 1);
    run_until(world, has_one);
    assert_int_equal(world->keys[0], 1);
}

static void
a_numeric_address_is_linked_at_once(void **state)
{
    struct world *world = *state;

    bind_producer_on_tcp(world, "127.0.0.1");
    open_links(world);
    assert_int_equal(open_count(world), 1);
    send_key(world, 1);
    run_until(world, has_one);
}

static void
a_name_that_leads_nowhere_is_counted_and_asked_again(void **state)
{
    struct world *world = *state;

    snprintf(world->data, sizeof(world->data), "tcp://no-such-host.invalid:5550");
    snprintf(world->report, sizeof(world->report), "tcp://no-such-host.invalid:5559");
    open_links(world);
    run_until(world, has_failed_to_resolve);
    assert_int_equal(open_count(world), 0);
}

static unsigned lookups_wanted;

static void
keep_link(void *ctx, struct link *link)
{
    *(struct link **)ctx = link;
}

static int
has_looked_up(struct world *world)
{
    return fake_lookups >= lookups_wanted;
}

/* Let the name have these addresses for so many look-ups, all taken in. */
static void
look_up(struct world *world, const char *const *addresses, unsigned times)
{
    fake_addresses = addresses;
    lookups_wanted = fake_lookups + times + 1;      /* the last one has begun only */
    run_until(world, has_looked_up);
}

static void
links_come_and_go_with_the_addresses_of_a_name(void **state)
{
    static const char *const one[] = { "127.0.0.1", NULL };
    static const char *const both[] = { "127.0.0.2", "127.0.0.1", "127.0.0.2", NULL };
    static const char *const other[] = { "127.0.0.2", "::1", NULL };
    struct world *world = *state;
    struct link *first;

    bind_producer_on_tcp(world, "ingest.test");
    is_hurried = 1;
    fake_lookups = 0;
    fake_addresses = one;
    open_links(world);
    look_up(world, one, 1);
    assert_int_equal(open_count(world), 1);
    look_up(world, both, 2);
    assert_int_equal(open_count(world), 2);

    look_up(world, other, 1);           /* and one has begun: twice is not yet gone */
    assert_int_equal(open_count(world), 2);
    look_up(world, both, 1);
    assert_int_equal(open_count(world), 2);
    look_up(world, NULL, 10);           /* a name server that fails proves nothing */
    assert_int_equal(open_count(world), 2);
    assert_in_range(number(world, "bongsu_unresolved_total", ""), 10, 20);

    send_key(world, 1);
    run_until(world, has_one);
    first = world->link;
    look_up(world, other, 10);          /* 127.0.0.1 is missing, but alive */
    assert_int_equal(open_count(world), 2);
    links_report(world->links, &(struct report){ .consumer = "index", .boot = 4711 });
    look_up(world, one, 5);             /* the silent 127.0.0.2 is gone */
    assert_int_equal(open_count(world), 1);
    assert_int_equal(link_origin(first), ORIGIN);
}

static void
a_link_that_is_gone_may_still_be_named(void **state)
{
    static const char *const one[] = { "127.0.0.1", NULL };
    static const char *const other[] = { "127.0.0.2", NULL };
    const struct report report = { .consumer = "index", .boot = 4711 };
    struct world *world = *state;
    struct link *links[2] = { NULL, NULL };

    bind_producer_on_tcp(world, "ingest.test");
    is_hurried = 1;
    fake_addresses = one;
    open_links(world);
    look_up(world, one, 1);
    links_each(world->links, keep_link, links);
    look_up(world, other, 5);
    links_each(world->links, keep_link, links + 1);
    assert_ptr_not_equal(links[0], links[1]);
    link_report(links[0], &report);
    assert_int_equal(number(world, "bongsu_reports_dropped_total", ""), 1);
    look_up(world, one, 5);             /* back: it is the same link again */
    links_each(world->links, keep_link, links + 1);
    assert_ptr_equal(links[0], links[1]);
}

static void
refuses_endpoints_that_cannot_be(void **state)
{
    static const char *const cases[][2] = {
        { "tcp://127.0.0.1", "tcp://127.0.0.1:5559" },
        { "tcp://:5550", "tcp://:5559" },
        { "tcp://one:5550", "tcp://other:5559" },
        { "tcp://one:5550", "ipc:///tmp/x" },
        { "nonsense://x", "nonsense://y" },
        { "", "" },
    };
    struct world *world = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = { "" };

        snprintf(world->data, sizeof(world->data), "%s", cases[i][0]);
        snprintf(world->report, sizeof(world->report), "%s", cases[i][1]);
        assert_int_equal(try_open(world, &err), -1);
        assert_string_not_equal(err.text, "");
    }
    assert_int_equal(open_count(world), 0);
}

static void
puts_an_address_in_the_place_of_a_name(void **state)
{
    static const struct {
        const char *endpoint, *host, *address, *put;
    } cases[] = {
        { "tcp://ingest:5550", "ingest", "192.0.2.1", "tcp://192.0.2.1:5550" },
        { "tcp://ingest:5550", "ingest", "2001:db8::1", "tcp://[2001:db8::1]:5550" },
        { "tcp://[::1]:5550", "::1", "", "tcp://[::1]:5550" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[RESOLVER_ENDPOINT_LEN], *host = NULL;

        assert_int_equal(resolver_split_host(cases[i].endpoint, &host, NULL), 0);
        assert_string_equal(host, cases[i].host);
        assert_int_equal(resolver_put_address(cases[i].endpoint, cases[i].address, out),
                         0);
        assert_string_equal(out, cases[i].put);
        free(host);
    }
    assert_true(resolver_is_numeric("127.0.0.1"));
    assert_true(resolver_is_numeric("::1"));
    assert_false(resolver_is_numeric("ingest"));
}

static void
count_link(void *ctx, struct link *link)
{
    ++*(unsigned *)ctx;
}

static void
walks_over_its_links(void **state)
{
    struct world *world = *state;
    unsigned count = 0;

    open_links(world);
    links_each(world->links, count_link, &count);
    assert_int_equal(count, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hands_over_every_batch_in_order),
        TEST(knows_the_origin_and_the_living),
        TEST(goes_on_in_the_next_turn_when_a_handler_has_enough),
        TEST(reads_nothing_while_paused_and_loses_nothing),
        TEST(counts_what_it_refuses_and_takes_the_rest),
        TEST(reports_go_to_where_the_batch_came_from),
        TEST(reports_that_a_socket_does_not_take_are_dropped_and_counted),
        TEST(a_name_becomes_a_link_per_address),
        TEST(a_numeric_address_is_linked_at_once),
        TEST(a_name_that_leads_nowhere_is_counted_and_asked_again),
        TEST(links_come_and_go_with_the_addresses_of_a_name),
        TEST(a_link_that_is_gone_may_still_be_named),
        TEST(refuses_endpoints_that_cannot_be),
        TEST(puts_an_address_in_the_place_of_a_name),
        TEST(walks_over_its_links),
    };

    return cmocka_run_group_tests_name("links", tests, NULL, NULL);
}
