/*
 * test_key_commands.c - bongsu key against real processes: made, used, taken back
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "proto/http/http_client.h"
#include "tests/support/chain.h"
#include "tests/support/command.h"

enum { IN_FORCE_MS = 5000, PATIENCE_MS = 60000 };

static char data_env[600];
static const char *env[] = { data_env, "API_KEY", "READER_KEY", NULL };
static char dir[512];

static json_t *
run(int wanted, const char *const *args)
{
    const struct command_spec spec = { .dir = dir, .env = env };
    struct command *command;
    json_t *answer;
    int code;

    command = command_run(&spec, args, &code);
    if (code != wanted)
        fail_msg("%s %s: %d: %s", args[1], args[2], code, command_output(command));
    answer = json_loads(command_output(command), JSON_DISABLE_EOF_CHECK, NULL);
    command_destroy(&command);
    return answer;
}

static long
post(struct chain *chain, const char *key)
{
    char url[200], header[200];
    const char *const headers[] = { header, NULL };
    struct http_call call = { .method = "POST", .url = url, .headers = headers, .allow_plain = 1,
                              .body = { "{\"event_type\":\"knock\"}", 22 },
                              .content_type = "application/json" };
    struct http_answer answer = { 0 };
    long status;

    snprintf(url, sizeof(url), "%s/log", chain_ingest_url(chain));
    snprintf(header, sizeof(header), "Authorization: Bearer %.150s", key);
    assert_int_equal(http_call(&call, &answer), 0);
    status = answer.status;
    http_answer_release(&answer);
    return status;
}

static void
wait_for_status(struct chain *chain, const char *key, long wanted)
{
    int64_t begun = now_ms();
    long status;

    while ((status = post(chain, key)) != wanted) {
        if (now_ms() - begun > (is_slow() ? PATIENCE_MS : IN_FORCE_MS))
            fail_msg("%ld, not %ld", status, wanted);
        wait_a_little();
    }
}

static const char *
text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static void
a_key_counts_within_five_seconds_of_its_making_and_of_its_revocation(void **state)
{
    struct chain *chain = *state;
    json_t *made, *list, *events, *again;

    made = run(0, (const char *const[]){ "bongsu", "key", "add", "web1", "--scope", "ingest",
                                         "--expires", "90d", "--rate-bytes", "1MiB", "--json",
                                         NULL });
    assert_non_null(text(made, "key"));
    wait_for_status(chain, text(made, "key"), 202);
    list = run(0, (const char *const[]){ "bongsu", "key", "list", "--json", NULL });
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(text(json_array_get(list, 0), "name"), "web1");
    assert_string_equal(text(json_array_get(list, 0), "scope"), "ingest");
    assert_non_null(text(json_array_get(list, 0), "last_used"));
    assert_null(json_object_get(json_array_get(list, 0), "key"));
    chain_wait_delivered(chain, PATIENCE_MS);
    events = chain_get(chain, "/events?received_key=web1");
    assert_true(json_array_size(json_object_get(events, "events")) >= 1);
    assert_true(chain_metric(chain, INGEST, "bongsu_key_events_total{key=\"web1\"}") >= 1);
    again = run(78, (const char *const[]){ "bongsu", "key", "add", "web1", "--scope", "read",
                                           "--json", NULL });
    json_decref(again);
    again = run(0, (const char *const[]){ "bongsu", "key", "revoke", text(made, "id"), "--json",
                                          NULL });
    assert_string_equal(text(again, "name"), "web1");
    wait_for_status(chain, text(made, "key"), 401);
    json_decref(again);
    json_decref(made);
    json_decref(list);
    json_decref(events);
}

static void
a_wrong_call_says_so_and_makes_nothing(void **state)
{
    json_t *answer;

    (void)state;
    json_decref(run(64, (const char *const[]){ "bongsu", "key", "add", "x", "--json", NULL }));
    json_decref(run(64, (const char *const[]){ "bongsu", "key", "add", "x", "--scope", "root",
                                               "--json", NULL }));
    json_decref(run(78, (const char *const[]){ "bongsu", "key", "add", "a b", "--scope", "read",
                                               "--json", NULL }));
    json_decref(run(1, (const char *const[]){ "bongsu", "key", "revoke", "nobody", "--json",
                                              NULL }));
    answer = run(0, (const char *const[]){ "bongsu", "key", "list", "--json", NULL });
    assert_int_equal(json_array_size(answer), 0);
    json_decref(answer);
}

static int
open_chain(void **state)
{
    struct chain *chain = chain_new(NULL, NULL);

    *state = chain;
    chain_start_all(chain);
    snprintf(dir, sizeof(dir), "%s", chain_dir(chain));
    snprintf(data_env, sizeof(data_env), "BONGSU_DATA_DIR=%s", dir);
    return 0;
}

static int
close_chain(void **state)
{
    struct chain *chain = *state;

    chain_stop_all(chain);
    chain_destroy(&chain);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_call_says_so_and_makes_nothing),
        cmocka_unit_test(a_key_counts_within_five_seconds_of_its_making_and_of_its_revocation),
    };

    return cmocka_run_group_tests_name("key_commands", tests, open_chain, close_chain);
}
