#include "tests/support/load.h"

#include <curl/curl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/replay.h"

enum { MAX_CLIENTS = 8, MAX_NONCES = 1 << 20, MAX_EVENT = 4096, TIMEOUT_MS = 20000 };

struct load {
    struct load_spec spec;
    pthread_t threads[MAX_CLIENTS];
    int is_running;
    atomic_int is_over;
    atomic_uint issued, accepted, unavailable, without_retry, others;
    atomic_llong slowest_ms;
    int64_t began_ms;
    unsigned issued_before;             /* when it was last started */
    unsigned char *acked;               /* by nonce */
    char *padding;
};

/* --- one client --- */

static size_t
drop(char *bytes, size_t size, size_t count, void *self)
{
    (void)bytes, (void)self;
    return size * count;
}

static CURL *
open_client(const struct chain *chain, struct curl_slist **ret_headers, const char *type)
{
    CURL *easy = curl_easy_init();
    char line[256];

    snprintf(line, sizeof(line), "X-API-Key: %s", chain_key(chain));
    *ret_headers = curl_slist_append(NULL, line);
    snprintf(line, sizeof(line), "Content-Type: %s", type);
    *ret_headers = curl_slist_append(*ret_headers, line);
    *ret_headers = curl_slist_append(*ret_headers, "Expect:");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, *ret_headers);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
    return easy;
}

static long
post_with(CURL *easy, const char *url, const char *body, size_t len, long *ret_retry_after)
{
    curl_off_t seconds = 0;
    long status = 0;

    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
    *ret_retry_after = -1;
    if (curl_easy_perform(easy) != CURLE_OK)
        return 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds > 0)
        *ret_retry_after = (long)seconds;
    return status;
}

long
load_post(struct chain *chain, const char *path, const char *type, const char *body, size_t len,
          long *ret_retry_after)
{
    struct curl_slist *headers = NULL;
    CURL *easy = open_client(chain, &headers, type);
    char url[256];
    long status;

    snprintf(url, sizeof(url), "%s%s", chain_ingest_url(chain), path);
    status = post_with(easy, url, body, len, ret_retry_after);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    return status;
}

/* Of the first ones, each source fails at once as often as it takes. */
static size_t
write_event(const struct load *load, char *out, size_t size, unsigned nonce)
{
    unsigned sources = load->spec.sources;
    int is_attack = sources != 0 && nonce % 20 < 5;

    return (size_t)snprintf(out, size,
                            "{\"event_type\":\"%s\",\"source_ip\":\"198.51.100.%u\","
                            "\"username\":\"user%u\",\"count\":%u,\"nonce\":%u,"
                            "\"padding\":\"%s\"}\n",
                            is_attack ? "login_failed" : "note",
                            is_attack ? nonce / 20 % sources : nonce % 250, nonce % 8,
                            1 + nonce % 2, nonce, load->padding);
}

/* When this nonce's turn has come, at the pace that was asked for. */
static void
keep_pace(const struct load *load, unsigned nonce)
{
    int64_t due_ms;

    if (load->spec.per_second == 0)
        return;
    due_ms = load->began_ms +
             (int64_t)(nonce - load->issued_before) * 1000 / load->spec.per_second;
    while (now_ms() < due_ms && !atomic_load(&load->is_over))
        wait_a_little();
}

static void
count_answer(struct load *load, unsigned first, long status, long retry_after, int64_t took_ms)
{
    unsigned batch = load->spec.batch;

    if (status == 202) {
        memset(load->acked + first, 1, batch);
        atomic_fetch_add(&load->accepted, batch);
        if (took_ms > atomic_load(&load->slowest_ms))
            atomic_store(&load->slowest_ms, took_ms);
    } else if (status == 503) {
        atomic_fetch_add(&load->unavailable, 1);
        atomic_fetch_add(&load->without_retry, retry_after < 1);
        wait_a_little();
    } else {
        atomic_fetch_add(&load->others, 1);
        wait_a_little();                        /* it may be dead just now */
    }
}

static void *
client(void *arg)
{
    struct load *load = arg;
    unsigned batch = load->spec.batch;
    size_t size = (MAX_EVENT + load->spec.padding) * (size_t)batch;
    struct curl_slist *headers = NULL;
    CURL *easy = open_client(load->spec.chain, &headers,
                             batch == 1 ? "application/json" : "application/x-ndjson");
    char *body = malloc(size), url[256];

    snprintf(url, sizeof(url), "%s%s", chain_ingest_url(load->spec.chain),
             batch == 1 ? "/log" : "/logs");
    while (body != NULL && !atomic_load(&load->is_over)) {
        unsigned first = atomic_fetch_add(&load->issued, batch);
        int64_t started;
        size_t len = 0;
        long retry_after, status;

        if (first + batch > MAX_NONCES)
            break;
        for (unsigned i = 0; i < batch; i++)
            len += write_event(load, body + len, size - len, first + i);
        keep_pace(load, first);
        started = now_ms();
        status = post_with(easy, url, body, len, &retry_after);
        count_answer(load, first, status, retry_after, now_ms() - started);
    }
    free(body);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    return NULL;
}

/* --- all of them --- */

struct load *
load_new(const struct load_spec *spec)
{
    struct load *load = calloc(1, sizeof(*load));

    assert_non_null(load);
    assert_in_range(spec->clients, 1, MAX_CLIENTS);
    load->spec = *spec;
    load->acked = calloc(1, MAX_NONCES);
    load->padding = calloc(1, spec->padding + 1);
    assert_non_null(load->acked);
    assert_non_null(load->padding);
    memset(load->padding, 'x', spec->padding);
    return load;
}

void
load_start(struct load *load)
{
    load->began_ms = now_ms();
    load->issued_before = atomic_load(&load->issued);
    atomic_store(&load->is_over, 0);
    for (unsigned i = 0; i < load->spec.clients; i++)
        assert_int_equal(pthread_create(&load->threads[i], NULL, client, load), 0);
    load->is_running = 1;
}

void
load_stop(struct load *load)
{
    if (!load->is_running)
        return;
    atomic_store(&load->is_over, 1);
    for (unsigned i = 0; i < load->spec.clients; i++)
        pthread_join(load->threads[i], NULL);
    load->is_running = 0;
}

void
load_destroy(struct load **load)
{
    if (*load == NULL)
        return;
    load_stop(*load);
    free((*load)->acked);
    free((*load)->padding);
    free(*load);
    *load = NULL;
}

struct load_numbers
load_numbers(struct load *load)
{
    return (struct load_numbers){
        .accepted = atomic_load(&load->accepted),
        .unavailable = atomic_load(&load->unavailable),
        .without_retry = atomic_load(&load->without_retry),
        .others = atomic_load(&load->others),
        .slowest_ms = atomic_load(&load->slowest_ms),
    };
}

void
load_wait_accepted(struct load *load, unsigned more, int64_t deadline_ms)
{
    unsigned wanted = load_numbers(load).accepted + more;
    int64_t deadline = now_ms() + deadline_ms;

    while (load_numbers(load).accepted < wanted) {
        if (now_ms() > deadline)
            fail_msg("ingest does not accept %u events in %lld ms", more, (long long)deadline_ms);
        wait_a_little();
    }
}

/* --- checks --- */

struct check {
    const struct load *load;
    unsigned char *seen;                /* by nonce */
    unsigned stored;
};

static void
check_event(void *ctx, const json_t *ev)
{
    struct check *check = ctx;
    const struct load *load = check->load;
    json_t *number = json_object_get(ev, "nonce"), *sent, *value;
    json_int_t nonce = json_integer_value(number);
    char *expected = malloc(MAX_EVENT + load->spec.padding);
    const char *name;

    assert_non_null(expected);
    assert_true(json_is_integer(number));
    assert_in_range(nonce, 0, atomic_load(&load->issued) - 1);
    if (check->seen[nonce]++)
        fail_msg("nonce %lld is stored twice", (long long)nonce);
    write_event(load, expected, MAX_EVENT + load->spec.padding, (unsigned)nonce);
    sent = json_loads(expected, 0, NULL);
    json_object_foreach(sent, name, value)
        if (!json_equal(value, json_object_get(ev, name)))
            fail_msg("nonce %lld: %s is not as it was sent", (long long)nonce, name);
    json_decref(sent);
    free(expected);
    check->stored++;
}

void
load_check_stored(struct load *load, int64_t deadline_ms)
{
    struct check check = { .load = load, .seen = calloc(1, MAX_NONCES) };
    unsigned lost = 0, issued = atomic_load(&load->issued);

    assert_non_null(check.seen);
    chain_wait_delivered(load->spec.chain, deadline_ms);
    chain_each_event(load->spec.chain, check_event, &check);
    for (unsigned n = 0; n < issued && n < MAX_NONCES; n++)
        lost += load->acked[n] && !check.seen[n];
    printf("  answered 2xx %u, stored %u, lost %u; 503 %u, no answer %u\n",
           load_numbers(load).accepted, check.stored, lost,
           load_numbers(load).unavailable, load_numbers(load).others);
    assert_int_equal(lost, 0);
    assert_true(load_numbers(load).accepted > 0);
    free(check.seen);
}

void
load_check_incidents(struct chain *chain, int64_t deadline_ms)
{
    json_t *expected = replay_incidents(chain_dir(chain), "detector/rules");
    int64_t deadline = now_ms() + deadline_ms;

    assert_true(json_object_size(expected) > 0);
    for (;;) {
        json_t *list = chain_all_incidents(chain), *found = replay_shape(list);
        int is_equal = json_equal(expected, found);

        if (!is_equal && now_ms() > deadline) {
            replay_print_difference(expected, found);
            fail_msg("incidents differ from the replay's");
        }
        json_decref(list);
        json_decref(found);
        if (is_equal)
            break;
        wait_a_little();
    }
    json_decref(expected);
}

void
load_check_told(struct chain *chain, struct stub *slack, unsigned extra, int64_t deadline_ms)
{
    json_t *list = chain_all_incidents(chain), *inc;
    int64_t deadline = now_ms() + deadline_ms;
    size_t i, told = 0;

    json_array_foreach(list, i, inc) {
        const char *id = json_string_value(json_object_get(inc, "id"));
        size_t times;

        if (strcmp(json_string_value(json_object_get(inc, "severity")), "low") == 0)
            continue;
        while ((times = stub_count_containing(slack, id)) == 0) {
            if (now_ms() > deadline)
                fail_msg("incident %s was told to nobody", id);
            wait_a_little();
        }
        if (times > 1 + extra) {
            for (size_t r = 0; r < stub_count(slack); r++)
                if (strstr(stub_request(slack, r)->body, id) != NULL)
                    printf("%s\n", stub_request(slack, r)->body);
            fail_msg("incident %s was told %zu times", id, times);
        }
        told++;
    }
    printf("  told %zu incidents\n", told);
    assert_true(told > 0);
    json_decref(list);
}
