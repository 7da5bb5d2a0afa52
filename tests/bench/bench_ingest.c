/*
 * The front door: requests and events a second that ingest answers 2xx, that is, has on
 * disk; alone, with the chain at work, and what others do with the same bytes.
 *
 * wrk sends the same files to all of them, in turn, ROUNDS times; medians are printed. The
 * peers: libmicrohttpd that reads the body, forgets it and answers 202 (what a front door on
 * it can reach at most), and whatever takes such bodies at PEER_URL, where it is set.
 *
 *   bench_ingest [speed] [growth]        (both)
 */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "tests/support/chain.h"

enum { ROUNDS = 3, SECONDS = 5, MOST_BODIES = 512, NAME_SIZE = 600 };

/* --- what is sent --- */

struct work {
    const char *what, *path, *type, *encoding;
    int events, connections, bodies, event_size;
    int is_bulk;
};

static const struct work works[] = {
    { "one event", "/log", "application/json", NULL, 1, 32, 512, 300, 0 },
    { "500 events", "/logs", "application/x-ndjson", NULL, 500, 8, 64, 300, 0 },
    { "_bulk, 1,000 documents, gzip", "/_bulk", "application/x-ndjson", "gzip", 1000, 8, 32, 300, 1 },
};

/* An ordinary event of about `size` bytes. */
static void
add_event(struct buf *out, unsigned n, int size)
{
    size_t from = out->len;

    if (size < 200) {
        buf_printf(out, "{\"event_type\":\"http_access\",\"source_ip\":\"10.%u.%u.%u\",\"username\":\"user%u\","
                        "\"severity\":\"low\"}", n % 7, n % 250, n % 199, n % 500);
        return;
    }
    buf_printf(out, "{\"event_type\":\"%s\",\"source_ip\":\"10.%u.%u.%u\",\"username\":\"user%u\","
                    "\"destination_ip\":\"192.0.2.%u\",\"severity\":\"low\",\"host\":\"web%u\","
                    "\"description\":\"session no. %u of the bench, an ordinary line",
               n % 50 == 0 ? "login_failed" : "http_access", n % 7, n % 250, n % 199, n % 500, n % 9, n % 20, n);
    while (out->len - from + 2 < (size_t)size)
        buf_printf(out, " and word %u", n + (unsigned)out->len);
    buf_printf(out, "\"}");
}

/* What Elasticsearch's clients send of the same. */
static void
add_document(struct buf *out, unsigned n)
{
    char at[TIMESTAMP_LEN];

    timestamp_format(clock_real_us(), at);
    buf_printf(out, "{\"create\":{}}\n"
                    "{\"@timestamp\":\"%s\",\"event\":{\"action\":\"http_access\"},"
                    "\"source\":{\"ip\":\"10.%u.%u.%u\"},\"user\":{\"name\":\"user%u\"},"
                    "\"host\":{\"name\":\"web%u\"},\"message\":\"session no. %u of the bench, an ordinary line, "
                    "as a shipper of logs has read it from a file and has put it into a document\"}\n",
               at, n % 7, n % 250, n % 199, n % 500, n % 20, n);
}

static void
compress_into(struct buf *out, const struct buf *in)
{
    z_stream z = { .next_in = (Bytef *)in->ptr, .avail_in = (uInt)in->len };
    size_t room;

    assert_int_equal(deflateInit2(&z, 5, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    room = deflateBound(&z, (uLong)in->len);
    assert_int_equal(buf_reserve(out, room), 0);
    z.next_out = (Bytef *)out->ptr + out->len;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    out->len += room - z.avail_out;
    deflateEnd(&z);
}

static void
write_file(const char *path, const struct buf *bytes)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes->ptr, 1, bytes->len, file), bytes->len);
    fclose(file);
}

/* The bodies, as files that wrk's script takes in turn. */
static void
write_bodies(struct chain *chain, const struct work *work)
{
    unsigned n = 0;

    assert_true(work->bodies <= MOST_BODIES);
    for (int i = 0; i < work->bodies; i++) {
        struct buf body = { 0 }, packed = { 0 };
        char path[NAME_SIZE];

        for (int j = 0; j < work->events; j++, n++) {
            if (work->is_bulk)
                add_document(&body, n);
            else
                add_event(&body, n, work->event_size);
            if (!work->is_bulk && work->events > 1)
                buf_printf(&body, "\n");
        }
        snprintf(path, sizeof(path), "%s/body-%d", chain_dir(chain), i);
        if (work->encoding != NULL)
            compress_into(&packed, &body);
        write_file(path, work->encoding != NULL ? &packed : &body);
        buf_release(&body);
        buf_release(&packed);
    }
}

static void
write_script(struct chain *chain, const struct work *work)
{
    char path[NAME_SIZE];
    FILE *file;

    snprintf(path, sizeof(path), "%s/wrk.lua", chain_dir(chain));
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "wrk.method = 'POST'\n"
                  "wrk.headers['X-API-Key'] = '%s'\n"
                  "wrk.headers['Content-Type'] = '%s'\n", chain_key(chain), work->type);
    if (work->encoding != NULL)
        fprintf(file, "wrk.headers['Content-Encoding'] = '%s'\n", work->encoding);
    fprintf(file, "local requests, k = {}, 0\n"
                  "function init()\n"
                  "  for i = 1, %d do\n"
                  "    local f = io.open('%s/body-' .. (i - 1), 'rb')\n"
                  "    requests[i] = wrk.format(nil, nil, nil, f:read('*a'))\n"
                  "    f:close()\n"
                  "  end\n"
                  "end\n"
                  "function request()\n"
                  "  k = k %% #requests + 1\n"
                  "  return requests[k]\n"
                  "end\n"
                  "function done(s, l, r)\n"
                  "  io.write(string.format('FIGURES %%d %%d %%d %%d\\n', s.requests, s.duration,\n"
                  "    l:percentile(99), s.errors.status + s.errors.connect + s.errors.read + s.errors.timeout))\n"
                  "end\n", work->bodies, chain_dir(chain));
    fclose(file);
}

/* --- who takes it --- */

struct got {
    double requests, per_s, p99_ms;     /* answered 2xx */
};

static struct got
run_wrk(struct chain *chain, const struct work *work, const char *url, const char *path)
{
    char command[2 * NAME_SIZE], line[512];
    struct got got = { 0 };
    long errors = -1;
    FILE *pipe;

    snprintf(command, sizeof(command), "wrk -t1 --timeout 20s -c%d -d%ds -s %s/wrk.lua %s%s 2>&1", work->connections,
             (int)SECONDS, chain_dir(chain), url, path);
    pipe = popen(command, "r");
    assert_non_null(pipe);
    while (fgets(line, sizeof(line), pipe) != NULL) {
        double requests, duration_us, p99_us;

        if (sscanf(line, "FIGURES %lf %lf %lf %ld", &requests, &duration_us, &p99_us, &errors) == 4)
            got = (struct got){ requests, requests / (duration_us / 1e6), p99_us / 1000 };
    }
    pclose(pipe);
    if (errors != 0)
        fail_msg("wrk at %s%s: %ld errors", url, path, errors);
    return got;
}

static enum MHD_Result
forget(void *ctx, struct MHD_Connection *conn, const char *url, const char *method, const char *version,
       const char *bytes, size_t *len, void **request)
{
    static int begun;
    struct MHD_Response *answer;
    enum MHD_Result rc;

    (void)ctx, (void)url, (void)method, (void)version, (void)bytes;
    if (*request == NULL) {
        *request = &begun;
        return MHD_YES;
    }
    if (*len > 0) {
        *len = 0;
        return MHD_YES;
    }
    answer = MHD_create_response_from_buffer(15, (void *)(uintptr_t)"{\"accepted\":1}\n", MHD_RESPMEM_PERSISTENT);
    rc = MHD_queue_response(conn, MHD_HTTP_ACCEPTED, answer);
    MHD_destroy_response(answer);
    return rc;
}

/* One thread and epoll, as ingest has it; until it is killed. */
static pid_t
start_bare(char *url, size_t size)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    pid_t pid;

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(fd, 1024), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    snprintf(url, size, "http://127.0.0.1:%d", ntohs(addr.sin_port));
    pid = fork();
    assert_true(pid >= 0);
    if (pid > 0) {
        close(fd);
        return pid;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL, forget, NULL,
                         MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, 2000, MHD_OPTION_END) == NULL)
        _exit(1);
    for (;;)
        pause();
}

static struct got
run_bare(struct chain *chain, const struct work *work)
{
    char url[64];
    pid_t pid = start_bare(url, sizeof(url));
    struct got got = run_wrk(chain, work, url, work->path);

    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return got;
}

struct front {
    struct got got;
    double cpu_us;              /* of ingest, an event */
    double late_s;              /* that the chain was behind when wrk ended */
    long resident_kib;
};

static double
accepted(struct chain *chain)
{
    return chain_metric(chain, INGEST, "bongsu_ingest_events_accepted_total");
}

/* Ingest alone, or all of them, from an empty folder. */
static struct front
run_front(const struct work *work, int is_whole)
{
    struct chain *chain = chain_new(getenv("BENCH_DIR"), NULL);
    struct front front;
    double cpu, taken;
    int64_t ended;

    if (is_whole) {
        chain_start_all(chain);
    } else {
        chain_start(chain, INGEST, NULL);
        chain_wait_metric(chain, INGEST, "bongsu_ingest_events_accepted_total", 0, 20000);
    }
    write_bodies(chain, work);
    write_script(chain, work);
    cpu = chain_cpu_s(chain, INGEST);
    front.got = run_wrk(chain, work, chain_ingest_url(chain), work->path);
    taken = accepted(chain);
    assert_true(taken >= front.got.requests * work->events);
    front.cpu_us = (chain_cpu_s(chain, INGEST) - cpu) * 1e6 / taken;
    front.resident_kib = chain_peak_kib(chain, INGEST);
    ended = now_ms();
    if (is_whole)
        chain_wait_delivered(chain, 600000);
    front.late_s = (double)(now_ms() - ended) / 1000;
    chain_destroy(&chain);
    return front;
}

/* --- speed --- */

static int
by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double
median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(values[0]), by_size);
    return values[count / 2];
}

enum who { BARE, PEER, ALONE, WHOLE, WHOS };
static const char *const names[WHOS] = { "libmicrohttpd, nothing kept", "PEER_URL", "ingest alone",
                                         "ingest, the chain at work" };

static void
say_front(const struct front *front)
{
    printf("  (%.2f us of processor an event, at most %ld MiB, the chain %.1f s behind)\n", front->cpu_us,
           front->resident_kib / 1024, front->late_s);
}

/* One work by all who take it, in turn. */
static void
compare(struct chain *desk, const struct work *work)
{
    const char *peer = getenv("PEER_URL");
    double per_s[WHOS][ROUNDS], p99[WHOS][ROUNDS], bare, middle;

    write_bodies(desk, work);
    write_script(desk, work);
    printf("%s, %d connections\n", work->what, work->connections);
    for (int round = 0; round < ROUNDS; round++)
        for (int who = 0; who < WHOS; who++) {
            struct got got = { 0 };

            if (who == BARE) {
                got = run_bare(desk, work);
            } else if (who == PEER && peer != NULL) {
                got = run_wrk(desk, work, peer, "");
            } else if (who >= ALONE) {
                struct front front = run_front(work, who == WHOLE);

                say_front(&front);
                got = front.got;
            }
            per_s[who][round] = got.per_s * work->events;
            p99[who][round] = got.p99_ms;
        }
    bare = median(per_s[BARE], ROUNDS);
    for (int who = 0; who < WHOS; who++) {
        if (who == PEER && peer == NULL)
            continue;
        middle = median(per_s[who], ROUNDS);
        printf("  %-28s %9.0f events/s (%.0f to %.0f), %.2f of bare, p99 %.1f ms\n", names[who], middle,
               per_s[who][0], per_s[who][ROUNDS - 1], middle / bare, median(p99[who], ROUNDS));
    }
}

static void
speed(struct chain *desk)
{
    for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++)
        compare(desk, &works[i]);
}

/* --- growth --- */

static void
growth(void)
{
    static const int connections[] = { 1, 8, 64, 512 }, sizes[] = { 100, 1000, 10000 };

    printf("%-14s %12s %12s %12s %14s\n", "ingest alone", "one event/s", "p99 ms", "100 in one/s", "resident MiB");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (size_t j = 0; j < sizeof(connections) / sizeof(connections[0]); j++) {
            struct work one = { "", "/log", "application/json", NULL, 1, connections[j], 256, sizes[i], 0 };
            struct work many = { "", "/logs", "application/x-ndjson", NULL, 100, connections[j], 64, sizes[i], 0 };
            struct front a = run_front(&one, 0), b = run_front(&many, 0);

            printf("%5d B %4d c. %12.0f %12.1f %12.0f %14ld\n", sizes[i], connections[j], a.got.per_s, a.got.p99_ms,
                   b.got.per_s * many.events,
                   (a.resident_kib > b.resident_kib ? a.resident_kib : b.resident_kib) / 1024);
        }
}

static int is_wanted[2] = { 1, 1 };

static void
measures(void **state)
{
    struct chain *desk = chain_new(getenv("BENCH_DIR"), NULL);      /* a folder for the bodies */

    (void)state;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (is_wanted[0])
        speed(desk);
    if (is_wanted[1])
        growth();
    chain_destroy(&desk);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(measures) };

    if (argc > 1) {
        is_wanted[0] = strcmp(argv[1], "speed") == 0;
        is_wanted[1] = strcmp(argv[argc - 1], "growth") == 0;
    }
    return cmocka_run_group_tests_name("bench_ingest", tests, NULL, NULL);
}
