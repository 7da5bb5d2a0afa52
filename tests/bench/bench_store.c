/*
 * bench_store - how fast the embedded store writes, and answers a dashboard
 *
 * usage: bench_store [EVENTS [FOLDER]]     (1,000,000 events, a folder below $TMPDIR)
 * One process, batches of 5,000, bodies of 300 B (9 of 10) to 2 KB, 5,000
 * sources, 2,000 users, event times over one day; and before it a month of days
 * on which each source was seen once. BONGSU_KEYED=1: ids as clients' keys make
 * them, bodies of 200 B, and how fast each million of them was stored.
 */
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/base/hash.h"
#include "proto/base/timestamp.h"
#include "proto/report/site_report.h"
#include "proto/store/store.h"

enum { BATCH = 5000, SOURCES = 5000, USERS = 2000 };

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define START (INT64_C(20500) * DAY)

static const char *const types[] = { "login_failed", "login_success", "http_request",
                                     "process_start", "dns_query" };
static const char *const severities[] = { "low", "low", "low", "medium", "high" };

struct sample {
    struct event ev;
    struct buf encoded;
    char source[32], username[32], text[2048];
};

static struct sample samples[BATCH];
static int is_keyed;

static struct value
text_value(const char *str)
{
    return value_text(text_of(str));
}

static void
make_key(uint64_t sequence, struct event_id *ret_id)
{
    const struct text part = { (const char *)&sequence, sizeof(sequence) };

    hash_id(&part, 1, ret_id->bytes);
    ret_id->len = HASH_ID_LEN;
}

/* The sample as the event of this sequence number. */
static void
make_event(struct sample *sample, uint64_t sequence, int64_t at_us)
{
    struct event *ev = &sample->ev;
    uint64_t mix = sequence * 0x9e3779b97f4a7c15u >> 20;
    size_t len = is_keyed ? 20 : mix % 10 == 0 ? 1900 : 200;

    event_clear(ev);
    snprintf(sample->source, sizeof(sample->source), "10.%u.%u.7",
             (unsigned)(mix % SOURCES / 250), (unsigned)(mix % SOURCES % 250));
    snprintf(sample->username, sizeof(sample->username), "user%u",
             (unsigned)(mix / 7 % USERS));
    memset(sample->text, 'x', len);
    sample->text[len] = '\0';
    ev->known[EVENT_TIMESTAMP] = text_value("2026-02-16T00:00:00Z");
    ev->known[EVENT_TYPE] = text_value(types[mix % 5]);
    ev->known[EVENT_SEVERITY] = text_value(severities[mix % 5]);
    ev->known[EVENT_SOURCE_IP] = text_value(sample->source);
    ev->known[EVENT_USERNAME] = text_value(sample->username);
    ev->known[EVENT_COUNT] = value_int(1);
    ev->known[EVENT_RAW_LOG] = text_value(sample->text);
    event_derive(ev);
    ev->id = event_id_make(0x1234, 7, sequence);
    if (is_keyed)
        make_key(sequence, &ev->id);
    ev->is_keyed = is_keyed;
    ev->at_us = at_us;
    ev->received_us = START + DAY / 2;
    buf_clear(&sample->encoded);
    if (event_pack(ev, &sample->encoded) != 0)
        exit(1);
}

static void
fail(const char *what, const struct err *err)
{
    fprintf(stderr, "%s: %s\n", what, err->text);
    exit(1);
}

static void
write_all(struct store *store, uint64_t total)
{
    static struct store_event events[BATCH];
    int64_t spent_us = 0, bytes = 0, slowest_us = 0, million_us = 0;

    for (uint64_t done = 0; done < total;) {
        size_t count = total - done < BATCH ? (size_t)(total - done) : BATCH;
        struct store_written written;
        struct err err;
        int64_t before, took;

        for (size_t i = 0; i < count; i++, done++) {
            struct sample *sample = &samples[i];

            make_event(sample, done,
                       START + (int64_t)((double)done / (double)total * (double)DAY));
            events[i] = (struct store_event){ .ev = &sample->ev, .encoded = buf_text(&sample->encoded) };
            bytes += (int64_t)sample->encoded.len;
        }
        before = clock_real_us();
        if (store->ops->put_events(store, events, count, &written, &err) != STORE_DONE)
            fail("put_events", &err);
        took = clock_real_us() - before;
        spent_us += took;
        slowest_us = took > slowest_us ? took : slowest_us;
        million_us += took;
        if (is_keyed && done % 1000000 == 0) {
            printf("million %" PRIu64 ": %.0f events/s\n", done / 1000000, 1e12 / (double)million_us);
            million_us = 0;
        }
    }
    printf("stored %" PRIu64 " events of %" PRId64 " B: %.0f events/s, %.0f MB/s, "
           "slowest batch %.0f ms\n",
           total, bytes / (int64_t)total, (double)total * 1e6 / (double)spent_us,
           (double)bytes / (double)spent_us, (double)slowest_us / 1000);
}

static void
write_month(struct store *store)
{
    static struct store_event events[SOURCES];

    for (int day = 1; day <= 30; day++) {
        struct store_written written;
        struct err err;

        for (size_t i = 0; i < SOURCES; i++) {
            struct sample *sample = &samples[i];

            make_event(sample, ((uint64_t)day << 40) + i, START - day * DAY + DAY / 2);
            sample->ev.received_us = sample->ev.at_us;
            events[i] = (struct store_event){ .ev = &sample->ev, .encoded = buf_text(&sample->encoded) };
        }
        if (store->ops->put_events(store, events, SOURCES, &written, &err) != STORE_DONE)
            fail("put_events", &err);
    }
}

static void
report(struct store *store, const char *what, enum report_period period)
{
    struct report_span span = report_span_make(period, (int32_t)(START / DAY), INT64_MAX);
    struct site_report report = { 0 };
    struct err err;
    int64_t before = clock_real_us();

    if (site_report_read(store, &span, &report, &err) != 0)
        fail("report", &err);
    printf("report, %s: %" PRIu64 " events, %zu sources, %zu new, %zu quiet, %.1f ms\n", what,
           report.counts.total, report.sources.total, report.sources.fresh_total,
           report.sources.quiet_total, (double)(clock_real_us() - before) / 1000);
    site_report_release(&report);
}

static void
dashboard(struct store *store, const char *what, int64_t from_us, int64_t to_us)
{
    const struct count_query query = { from_us, to_us, 900 * SECOND, 10 };
    struct counts counts;
    struct err err;
    int64_t before = clock_real_us();

    if (store->ops->count(store, &query, &counts, &err) != 0)
        fail("count", &err);
    printf("dashboard, %s: %" PRIu64 " events, %.1f ms\n", what, counts.total,
           (double)(clock_real_us() - before) / 1000);
    counts_release(&counts);
}

static int
count_visit(void *ctx, const struct event *ev)
{
    ++*(unsigned *)ctx;
    return 0;
}

static void
search(struct store *store, const char *what, const char *field, const char *value,
       const char *text)
{
    struct event_query query = {
        .from_us = START, .to_us = START + DAY, .limit = 100, .text = text_of(text)
    };
    struct event_page page;
    struct err err;
    unsigned found = 0;
    int64_t before = clock_real_us();

    if (field != NULL) {
        query.filters[0].field = text_of(field);
        query.filters[0].value = text_of(value);
        query.filter_count = 1;
    }
    if (store->ops->find_events(store, &query, count_visit, &found, &page, &err) != 0)
        fail("find_events", &err);
    printf("search, %s: %u found, %.1f ms%s\n", what, found,
           (double)(clock_real_us() - before) / 1000, page.is_more ? ", more" : "");
}

static int
remove_entry(const char *path, const struct stat *info, int type, struct FTW *place)
{
    return remove(path);
}

int
main(int argc, char **argv)
{
    uint64_t total = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    const char *tmp = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
    char made[512];
    struct settings settings = { 0 };
    struct store *store;
    struct err err;

    is_keyed = getenv("BONGSU_KEYED") != NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(made, sizeof(made), "%s/bench-store-XXXXXX", tmp);
    settings.store_dir = argc > 2 ? argv[2] : mkdtemp(made);
    store = store_open(&settings, STORE_WRITE, &err);
    if (store == NULL)
        fail("store_open", &err);
    printf("%ld processors\n", sysconf(_SC_NPROCESSORS_ONLN));
    if (timestamp_init(&err) != 0)
        fail("timestamp_init", &err);
    if (total > 0) {
        write_month(store);
        write_all(store, total);
    }
    dashboard(store, "whole day", START, START + DAY);
    dashboard(store, "24 h off the hour", START + 1740 * SECOND,
              START + DAY - 1740 * SECOND);
    report(store, "daily", REPORT_DAILY);
    report(store, "daily again", REPORT_DAILY);
    report(store, "weekly", REPORT_WEEKLY);
    search(store, "newest 100", NULL, NULL, NULL);
    search(store, "one source", "source_address", "10.3.9.7", NULL);
    search(store, "one type", "event_type", "DNS_query", NULL);
    search(store, "no such source", "source_address", "192.0.2.1", NULL);
    search(store, "no such text", NULL, NULL, "needle");
    store_close(&store);
    return argc > 2 ? 0 : nftw(settings.store_dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}
