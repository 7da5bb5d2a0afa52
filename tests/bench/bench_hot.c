/*
 * bench_hot - what an event costs on its way, step by step, on one core
 *
 * usage: bench_hot [STEP [EVENTS]]     (all steps, 1,000,000 events)
 * Processor time alone: nothing waits for a disk or a socket. With valgrind
 * --tool=callgrind a step's instructions can be counted where clocks lie.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/base/timestamp.h"
#include "proto/codec_json.h"
#include "proto/codec_msgpack.h"
#include "proto/settings.h"
#include "proto/store/store.h"

enum { BATCH = 500, LINE = 512, MAX_JSON = 65536 };

#define RECEIVED_US INT64_C(1795300000123456)

struct bench {
    char lines[BATCH][LINE];
    size_t lens[BATCH];
    struct json_reader *reader;
    struct arena arena;
    struct event event;
    struct buf packed;          /* a batch */
    struct buf body;            /* of a _bulk */
    struct store *store;
    char time_space[TIMESTAMP_LEN];
};

static void
fail(const struct err *err)
{
    fprintf(stderr, "bench_hot: %s\n", err->text);
    exit(1);
}

/* The events of bench_chain: an ordinary line of some 300 bytes. */
static void
make_lines(struct bench *bench)
{
    for (unsigned n = 0; n < BATCH; n++)
        bench->lens[n] = (size_t)snprintf(bench->lines[n], LINE,
            "{\"event_type\":\"%s\",\"source_ip\":\"10.%u.%u.%u\",\"username\":\"user%u\","
            "\"destination_ip\":\"192.0.2.%u\",\"severity\":\"low\",\"description\":\"session no. %u of the "
            "bench, an ordinary line\",\"host\":\"web%u\"}",
            n % 50 == 0 ? "login_failed" : "http_access", n % 7, n % 250, n % 199, n % 500, n % 9,
            n, n % 20);
}

static void
read_line(struct bench *bench, unsigned n)
{
    struct text key;
    struct err err;

    arena_clear(&bench->arena);
    if (event_from_json(bench->reader, (struct text){ bench->lines[n], bench->lens[n] },
                        &bench->arena, &bench->event, &key, &err) != 0 ||
        event_check(&bench->event, RECEIVED_US, bench->time_space, &err) != 0)
        fail(&err);
    bench->event.known[EVENT_RECEIVED_FROM] = value_text(text_of("127.0.0.1"));
}

/* As ingest takes a POST /logs. */
static void
take(struct bench *bench)
{
    buf_clear(&bench->packed);
    batch_pack_count(BATCH, &bench->packed);
    for (unsigned n = 0; n < BATCH; n++) {
        read_line(bench, n);
        event_pack(&bench->event, &bench->packed);
    }
}

static void
unpack_each(struct bench *bench, int is_stored)
{
    const struct batch_head head = { .origin = 0x1234567890abcdef, .nonce = 77, .first = 1,
                                     .count = BATCH, .received_us = RECEIVED_US };
    struct batch_reader reader;
    struct err err;
    int rc = batch_reader_init(&reader, &head, bench->packed.ptr, bench->packed.len, &err);

    buf_clear(&bench->body);
    while (rc >= 0 && (rc = batch_reader_next(&reader, &bench->event, &err)) == 1) {
        struct store_item item = { .id = bench->event.id, .journal = head.origin,
                                   .day = event_storage_day(&bench->event),
                                   .sequence = head.first + reader.index - 1 };

        if (is_stored && bench->store->ops->bulk->add(bench->store, &bench->event, &item,
                                                      &bench->body, &err) != 0)
            fail(&err);
    }
    if (rc < 0)
        fail(&err);
    batch_reader_release(&reader);
}

/* As the detector and the indexer open a batch. */
static void
unpack(struct bench *bench)
{
    unpack_each(bench, 0);
}

/* As the indexer makes a _bulk of it, unpacking included. */
static void
document(struct bench *bench)
{
    unpack_each(bench, 1);
}

static void
run(struct bench *bench, const char *name, void (*step)(struct bench *), unsigned long events)
{
    clock_t began = clock();

    for (unsigned long done = 0; done < events; done += BATCH)
        step(bench);
    printf("%-10s %6.0f ns an event (%lu events; a batch of %d: %zu bytes packed, %zu as documents)\n",
           name, (double)(clock() - began) * 1e9 / CLOCKS_PER_SEC / (double)events, events,
           (int)BATCH, bench->packed.len, bench->body.len);
}

int
main(int argc, char **argv)
{
    static const struct { const char *name; void (*step)(struct bench *); } steps[] = {
        { "take", take }, { "unpack", unpack }, { "document", document },
    };
    static struct bench bench;
    const struct settings settings = { .store_url = (char *)(uintptr_t)"http://127.0.0.1:9",
                                       .elastic_gzip = (char *)(uintptr_t)"off" };
    unsigned long events = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
    struct err err;

    make_lines(&bench);
    bench.reader = json_reader_new(MAX_JSON);
    bench.store = store_open(&settings, STORE_WRITE, &err);
    if (bench.reader == NULL || bench.store == NULL || timestamp_init(&err) != 0)
        fail(&err);
    take(&bench);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        if (argc < 2 || strcmp(argv[1], steps[i].name) == 0)
            run(&bench, steps[i].name, steps[i].step, events);
    store_close(&bench.store);
    json_reader_destroy(&bench.reader);
    arena_release(&bench.arena);
    event_release(&bench.event);
    buf_release(&bench.packed);
    buf_release(&bench.body);
    return 0;
}
