/* What the keys of the file may do at a server, and what is seen of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <sodium.h>

#include "proto/base/clock.h"
#include "proto/keys/key_list.h"
#include "tests/support/http_fixture.h"
#include "tests/support/temp_dir.h"

#define PLAIN "Content-Type: text/plain\r\n"

struct place {
    struct http_fixture *f;
    char dir[512], path[600];
    struct key_list *list;
    struct keyring *ring;
    char keys[SCOPE_COUNT][API_KEY_TEXT_LEN];
    struct loop_client *client;
};

static void
save(struct place *place)
{
    assert_int_equal(key_list_save(place->list, place->path, NULL), 0);
}

static struct key_entry *
entry(struct place *place, enum key_scope scope)
{
    return key_list_find(place->list, text_of(key_scope_name(scope)));
}

static int
set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    snprintf(place->path, sizeof(place->path), "%s/keys.yml", place->dir);
    place->list = key_list_load(place->path, NULL);
    for (int scope = 0; scope < SCOPE_COUNT; scope++)
        key_list_add(place->list, text_of(key_scope_name(scope)), scope, place->keys[scope], NULL);
    save(place);
    http_fixture_set_up((void **)&place->f);
    *state = place;
    return 0;
}

/* A server on which reading needs a key. */
static struct loop_client *
start(struct place *place)
{
    const struct keyring_spec spec = { .path = place->path, .api_key = API_KEY,
                                       .reader_key = READER_KEY };
    struct err err = { "" };

    place->ring = keyring_new(place->f->loop, &spec, place->f->metrics, &err);
    if (place->ring == NULL)
        fail_msg("%s", err.text);
    place->f->options.keyring = place->ring;
    place->f->options.reader_key = READER_KEY;
    place->client = http_fixture_start(place->f);
    return place->client;
}

static int
tear_down(void **state)
{
    struct place *place = *state;
    struct http_fixture *f = place->f;

    loop_client_destroy(&f->client);
    http_server_destroy(&f->server);
    keyring_destroy(&place->ring);
    http_fixture_tear_down((void **)&f);
    temp_dir_remove(place->dir);
    free(place->list);
    free(place);
    return 0;
}

static int
get_as(struct place *place, const char *path, const char *header, const char *key)
{
    char headers[400];

    snprintf(headers, sizeof(headers), "%.100s%.200s\r\n", header, key);
    return http_get(place->client, path, headers);
}

static int
post_as(struct place *place, const char *path, const char *key, const char *body)
{
    char headers[400];

    snprintf(headers, sizeof(headers), PLAIN "X-API-Key: %.200s\r\n", key);
    return http_post(place->client, path, headers, body);
}

static uint64_t
key_number(struct place *place, const char *name, const char *labels)
{
    return number(place->f, name, labels);
}

static void
each_scope_opens_its_own_routes_and_no_other(void **state)
{
    static const int wanted[SCOPE_COUNT][4] = {     /* read, write, change, do */
        [SCOPE_INGEST] = { 403, 200, 403, 403 },
        [SCOPE_READ] = { 200, 403, 403, 403 },
        [SCOPE_ANALYST] = { 200, 403, 200, 403 },
        [SCOPE_ADMIN] = { 200, 200, 200, 200 },
    };
    struct place *place = *state;

    start(place);
    for (int scope = 0; scope < SCOPE_COUNT; scope++) {
        const char *key = place->keys[scope];

        assert_int_equal(get_as(place, "/read", "X-API-Key: ", key), wanted[scope][0]);
        assert_int_equal(post_as(place, "/write", key, "x"), wanted[scope][1]);
        assert_int_equal(post_as(place, "/change", key, "x"), wanted[scope][2]);
        assert_int_equal(post_as(place, "/admin", key, "x"), wanted[scope][3]);
    }
    assert_int_equal(post_as(place, "/admin", API_KEY, "x"), 200);
    assert_int_equal(get_as(place, "/read", "X-API-Key: ", READER_KEY), 200);
    assert_int_equal(post_as(place, "/write", READER_KEY, "x"), 403);
    assert_true(body_has(place->client, "The key READER_KEY is for read; this needs one for ingest"));
    assert_int_equal(refused(place->f, "reason=\"scope\""), 9);
    assert_int_equal(key_number(place, "bongsu_key_refused_total",
                                "key=\"analyst\",reason=\"scope\""), 2);
}

static void
a_key_comes_in_any_of_the_ways_that_shippers_have(void **state)
{
    static const char *const ways[] = { "X-API-Key: ", "Authorization: Bearer ",
                                        "Authorization: bearer  ", "Authorization: Splunk " };
    static const char *const not_ways[] = { "Authorization: ", "Authorization: Digest ",
                                            "Authorization: BearerX ", "X-Api: ", "Cookie: k=" };
    struct place *place = *state;

    start(place);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        assert_int_equal(get_as(place, "/read", ways[i], place->keys[SCOPE_READ]), 200);
    for (size_t i = 0; i < sizeof(not_ways) / sizeof(not_ways[0]); i++) {
        assert_int_equal(get_as(place, "/read", not_ways[i], place->keys[SCOPE_READ]), 401);
        assert_string_equal(loop_client_header(place->client, "WWW-Authenticate"),
                            "Bearer realm=\"bongsu\"");
    }
    assert_int_equal(get_as(place, "/read", "Authorization: Bearer", ""), 401);
    assert_int_equal(get_as(place, "/read?x-api-key=", "X-API-Key: ", ""), 401);
}

static void
a_key_comes_in_the_ways_of_elasticsearch(void **state)
{
    struct place *place = *state;
    char pair[300], encoded[500];

    start(place);
    snprintf(pair, sizeof(pair), "anybody:%s", place->keys[SCOPE_READ]);
    for (int variant = 0; variant < 2; variant++) {
        sodium_bin2base64(encoded, sizeof(encoded), (unsigned char *)pair, strlen(pair),
                          variant == 0 ? sodium_base64_VARIANT_ORIGINAL
                                       : sodium_base64_VARIANT_URLSAFE_NO_PADDING);
        assert_int_equal(get_as(place, "/read", "Authorization: ApiKey ", encoded), 200);
        assert_int_equal(get_as(place, "/read", "Authorization: Basic ", encoded), 200);
    }
    assert_int_equal(get_as(place, "/read", "Authorization: apikey ", place->keys[SCOPE_READ]), 200);
    assert_int_equal(get_as(place, "/read", "Authorization: Basic ", place->keys[SCOPE_READ]), 401);
    assert_int_equal(get_as(place, "/read", "Authorization: Basic ", "Og=="), 401);
    assert_int_equal(get_as(place, "/read", "Authorization: Basic ", "%%%%"), 401);
}

static void
an_expired_key_is_401_and_says_so(void **state)
{
    struct place *place = *state;

    entry(place, SCOPE_READ)->expires_us = clock_real_us() - 1;
    entry(place, SCOPE_ADMIN)->expires_us = clock_real_us() + INT64_C(3600000000);
    save(place);
    start(place);
    assert_int_equal(get_as(place, "/read", "X-API-Key: ", place->keys[SCOPE_READ]), 401);
    assert_true(body_has(place->client, "The key read has expired"));
    assert_int_equal(get_as(place, "/read", "X-API-Key: ", place->keys[SCOPE_ADMIN]), 200);
    assert_int_equal(key_number(place, "bongsu_key_refused_total",
                                "key=\"read\",reason=\"expired\""), 1);
}

/* The wrong secret under a right id, with a right checksum, is no key. */
static void
another_secret_under_the_same_id_is_refused(void **state)
{
    struct place *place = *state;
    char key[API_KEY_TEXT_LEN], id[API_KEY_ID_LEN];

    api_key_make(key, id);
    memcpy(key + 4, place->keys[SCOPE_ADMIN] + 4, API_KEY_ID_LEN - 1);
    start(place);
    assert_int_equal(get_as(place, "/read", "X-API-Key: ", key), 401);
    assert_int_equal(key_number(place, "bongsu_key_unknown_total", ""), 1);
}

static void
who_sends_more_events_than_the_rate_is_429_until_it_is_paid(void **state)
{
    struct place *place = *state;
    const char *key = place->keys[SCOPE_INGEST];
    int status;

    entry(place, SCOPE_INGEST)->rate_events = 4;
    save(place);
    start(place);
    assert_int_equal(post_as(place, "/charge", key, "7"), 200);       /* 3 in debt */
    assert_int_equal(post_as(place, "/charge", key, "1"), 429);
    assert_string_equal(loop_client_header(place->client, "Retry-After"), "1");
    assert_int_equal(post_as(place, "/charge", place->keys[SCOPE_ADMIN], "1000"), 200);
    assert_int_equal(post_as(place, "/charge", place->keys[SCOPE_ADMIN], "1"), 200);
    do
        status = post_as(place, "/charge", key, "1");
    while (status == 429);
    assert_int_equal(status, 200);
    assert_int_equal(key_number(place, "bongsu_key_events_total", "key=\"ingest\""), 8);
    assert_true(key_number(place, "bongsu_key_refused_total",
                           "key=\"ingest\",reason=\"rate\"") >= 1);
    assert_true(refused(place->f, "reason=\"rate\"") >= 1);
}

static void
who_sends_more_bytes_than_the_rate_is_429(void **state)
{
    struct place *place = *state;
    const char *key = place->keys[SCOPE_INGEST];
    char body[MAX_BODY];

    memset(body, 'a', sizeof(body));
    body[sizeof(body) - 1] = '\0';
    entry(place, SCOPE_INGEST)->rate_bytes = 100;
    save(place);
    start(place);
    assert_int_equal(post_as(place, "/write", key, body), 200);
    assert_int_equal(post_as(place, "/write", key, "a"), 429);
    assert_string_equal(loop_client_header(place->client, "Retry-After"), "9");
}

static void
a_changed_file_counts_and_a_broken_one_changes_nothing(void **state)
{
    struct place *place = *state;
    json_t *status = json_object();
    FILE *file;

    start(place);
    assert_int_equal(get_as(place, "/read", "X-API-Key: ", place->keys[SCOPE_READ]), 200);
    key_list_remove(place->list, entry(place, SCOPE_READ));
    save(place);
    keyring_look(place->ring);
    assert_int_equal(get_as(place, "/read", "X-API-Key: ", place->keys[SCOPE_READ]), 401);
    assert_int_equal(get_as(place, "/read", "X-API-Key: ", place->keys[SCOPE_ADMIN]), 200);
    keyring_show(place->ring, status);
    assert_null(json_object_get(status, "warnings"));

    file = fopen(place->path, "w");
    fputs("keys: [\n", file);
    fclose(file);
    keyring_look(place->ring);
    assert_int_equal(get_as(place, "/read", "X-API-Key: ", place->keys[SCOPE_ADMIN]), 200);
    keyring_show(place->ring, status);
    assert_int_equal(json_array_size(json_object_get(status, "warnings")), 1);
    assert_int_equal(*metrics_number(place->f->metrics, METRIC_GAUGE, "bongsu_keys_file_ok", "",
                                     ""), 0);
    json_decref(status);

    save(place);
    keyring_look(place->ring);
    assert_int_equal(*metrics_number(place->f->metrics, METRIC_GAUGE, "bongsu_keys_file_ok", "",
                                     ""), 1);
}

/* A key that was in debt stays so when the file is read again. */
static void
reading_the_file_again_forgives_no_debt(void **state)
{
    struct place *place = *state;

    entry(place, SCOPE_INGEST)->rate_events = 1;
    save(place);
    start(place);
    assert_int_equal(post_as(place, "/charge", place->keys[SCOPE_INGEST], "1000"), 200);
    key_list_remove(place->list, entry(place, SCOPE_READ));
    save(place);
    keyring_look(place->ring);
    assert_int_equal(post_as(place, "/charge", place->keys[SCOPE_INGEST], "1"), 429);
}

static void
keys_come_and_go_a_thousand_times_and_the_last_ones_count(void **state)
{
    struct place *place = *state;
    char keys[KEY_LIST_MAX][API_KEY_TEXT_LEN], name[32];

    start(place);
    for (int round = 0; round < 8; round++) {
        place->list->count = 0;
        for (int i = 0; i < KEY_LIST_MAX; i++) {
            snprintf(name, sizeof(name), "k%d-%d", round, i);
            assert_non_null(key_list_add(place->list, text_of(name), SCOPE_READ, keys[i], NULL));
        }
        save(place);
        keyring_look(place->ring);
        for (int i = 0; i < KEY_LIST_MAX; i += 51)
            assert_int_equal(get_as(place, "/read", "X-API-Key: ", keys[i]), 200);
    }
    assert_int_equal(get_as(place, "/read", "X-API-Key: ", place->keys[SCOPE_ADMIN]), 401);
}

static void
a_broken_file_at_the_start_is_an_error(void **state)
{
    struct place *place = *state;
    const struct keyring_spec spec = { .path = place->path, .api_key = API_KEY };
    struct err err = { "" };

    assert_int_equal(chmod(place->path, 0666), 0);
    assert_null(keyring_new(place->f->loop, &spec, place->f->metrics, &err));
    assert_non_null(strstr(err.text, "chmod 600"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_scope_opens_its_own_routes_and_no_other),
        TEST(a_key_comes_in_any_of_the_ways_that_shippers_have),
        TEST(a_key_comes_in_the_ways_of_elasticsearch),
        TEST(an_expired_key_is_401_and_says_so),
        TEST(another_secret_under_the_same_id_is_refused),
        TEST(who_sends_more_events_than_the_rate_is_429_until_it_is_paid),
        TEST(who_sends_more_bytes_than_the_rate_is_429),
        TEST(a_changed_file_counts_and_a_broken_one_changes_nothing),
        TEST(reading_the_file_again_forgives_no_debt),
        TEST(keys_come_and_go_a_thousand_times_and_the_last_ones_count),
        TEST(a_broken_file_at_the_start_is_an_error),
    };

    return cmocka_run_group_tests_name("http_keys", tests, NULL, NULL);
}
