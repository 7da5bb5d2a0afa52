/* Where a client may put its key, and what is none. */
#include "proto/server/http_server.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/http_fixture.h"

/* The status of a GET /read with this Authorization; a pair is encoded. */
static int
ask(struct loop_client *client, const char *scheme, const char *pair, int variant)
{
    char encoded[4096], line[4200];

    if (variant != 0)
        sodium_bin2base64(encoded, sizeof(encoded), (const unsigned char *)pair, strlen(pair),
                          variant);
    snprintf(line, sizeof(line), "Authorization: %s %s\r\n", scheme,
             variant != 0 ? encoded : pair);
    return http_get(client, "/read", line);
}

static struct loop_client *
start(void **state)
{
    ((struct http_fixture *)*state)->options.reader_key = READER_KEY;
    return http_fixture_start(*state);
}

static void
a_key_is_taken_from_each_scheme_in_each_alphabet(void **state)
{
    static const int variants[] = {
        sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
        sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING,
    };
    struct loop_client *client = start(state);

    for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
        assert_int_equal(ask(client, "ApiKey", "id~~?:" API_KEY, variants[i]), 200);
        assert_int_equal(ask(client, "Basic", "elastic:" API_KEY, variants[i]), 200);
    }
    assert_int_equal(ask(client, "apikey", ":" API_KEY, variants[0]), 200);
    assert_int_equal(ask(client, "ApiKey", API_KEY, 0), 200);
    assert_int_equal(ask(client, "Bearer", API_KEY, 0), 200);
    assert_int_equal(ask(client, "Basic ", "elastic:" READER_KEY, variants[0]), 200);
}

static void
what_is_no_key_is_401(void **state)
{
    static const char *const lines[] = {
        "", "ApiKey", "ApiKey ", "Basic", "Basic ====", "Basic " API_KEY, "Bearer", "Bearer x",
        "Digest " API_KEY, "ApiKey Og==", API_KEY, "Basic " API_KEY "x",
    };
    struct loop_client *client = start(state);
    char line[512], pair[2048];

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        snprintf(line, sizeof(line), "Authorization: %s\r\n", lines[i]);
        assert_int_equal(http_get(client, "/read", line), 401);
    }
    assert_int_equal(ask(client, "Basic", API_KEY ":other", sodium_base64_VARIANT_ORIGINAL), 401);
    assert_int_equal(ask(client, "ApiKey", "id:" API_KEY "x", sodium_base64_VARIANT_ORIGINAL),
                     401);
    memset(pair, 'a', sizeof(pair));                    /* more than is looked at */
    pair[1] = ':';
    pair[sizeof(pair) - 1] = '\0';
    assert_int_equal(ask(client, "Basic", pair, sodium_base64_VARIANT_ORIGINAL), 401);
}

static void
our_own_header_goes_before_authorization(void **state)
{
    struct loop_client *client = start(state);

    assert_int_equal(http_get(client, "/read", "X-API-Key: wrong\r\n"
                              "Authorization: Bearer " API_KEY "\r\n"), 401);
    assert_int_equal(http_get(client, "/read", "X-API-Key: " API_KEY "\r\n"
                              "Authorization: Bearer wrong\r\n"), 200);
}

/* Events are keyed under the key's id: it may not depend on how the key came. */
static void
the_keys_id_is_the_same_however_it_comes(void **state)
{
    struct loop_client *client = start(state);
    char id[64];
    const char *at;

    assert_int_equal(http_get(client, "/read", "X-API-Key: " API_KEY "\r\n"), 200);
    at = strstr(loop_client_body(client).ptr, "key=");
    assert_non_null(at);
    snprintf(id, sizeof(id), "%.13s", at);              /* key=12345678; */
    assert_int_equal(ask(client, "ApiKey", "x:" API_KEY, sodium_base64_VARIANT_ORIGINAL), 200);
    assert_true(body_has(client, id));
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, http_fixture_set_up, http_fixture_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_taken_from_each_scheme_in_each_alphabet),
        TEST(what_is_no_key_is_401),
        TEST(our_own_header_goes_before_authorization),
        TEST(the_keys_id_is_the_same_however_it_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
