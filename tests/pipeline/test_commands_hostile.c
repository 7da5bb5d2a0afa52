/*
 * What asks the api, against something that is no api, or a hostile one: each
 * command ends by itself, with its code, and sends nothing to a terminal that
 * it obeys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/command.h"
#include "tests/support/http_stub.h"
#include "tests/support/temp_dir.h"

#define ESCAPES "\\u001b[2J\\u009b31m\\u202etxt\\u2066\\u007f"

enum { WORDS = 8 };

struct answer_case {
    const char *name;
    struct stub_answer answer;
    int code;
    const char *says;
};

static char megabyte[1024 * 1024 + 1];

static const struct answer_case cases[] = {
    { "a login page", { .headers = "Content-Type: text/html\r\n", .body = "<html>\033[2J</html>" },
      76, "is --url right" },
    { "half of it", { .raw = "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{\"events\":[" },
      69, "does not answer" },
    { "an endless depth", { .body = "[[[[[[[[", .repeat = 20000 }, 76, "is --url right" },
    { "an endless answer", { .body = megabyte, .repeat = 100 }, 69, "the answer has more than" },
    { "the same page for ever",
      { .body = "{\"events\":[],\"incidents\":[],\"next_cursor\":\"5_a\","
                "\"next_after\":\"s1\",\"more\":true}" }, 76, "Bongsu's api" },
    { "a reason that is a command", { .status = 503, .body = "{\"detail\":\"" ESCAPES "\"}" }, 75,
      "\\x1b[2J\\u009b31m\\u202etxt\\u2066\\x7f" },
    { "nothing", { .is_dropped = 1 }, 69, "does not answer" },
};

static const char *const commands[][WORDS] = {
    { "bongsu", "events", "search" },
    { "bongsu", "events", "tail", "-f" },
    { "bongsu", "incidents", "list" },
    { "bongsu", "export", "events" },
    { "bongsu", "report", "daily" },
};

static struct stub *stub;
static char dir[64];

static int
open_stub(void **state)
{
    (void)state;
    memset(megabyte, 'x', sizeof(megabyte) - 1);
    stub = stub_new();
    snprintf(dir, sizeof(dir), "/tmp/bongsu-hostile-XXXXXX");
    return stub == NULL || mkdtemp(dir) == NULL;
}

static int
close_stub(void **state)
{
    (void)state;
    stub_destroy(&stub);
    temp_dir_remove(dir);
    return 0;
}

/* 1 when there is a control (but line ends), a C1 control, or a turning mark. */
static int
is_obeyed(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
        if ((*at < ' ' && *at != '\n') || *at == 0x7f || (*at == 0xc2 && at[1] < 0xa0) ||
            (at[0] == 0xe2 && at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae) ||
            (at[0] == 0xe2 && at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9))
            return 1;
    return 0;
}

static char *
ask(const char *const *words, int *ret_code)
{
    char url[128];
    const char *const env[] = { url, "READER_KEY=a-key-for-the-reader-of-it", NULL };
    const struct command_spec spec = { .dir = dir, .env = env };
    struct command *command;
    char *output;

    snprintf(url, sizeof(url), "BONGSU_URL=%s", stub_url(stub));
    command = command_start(&spec, words);
    *ret_code = command_wait(command, 60000);
    output = strdup(command_output(command));
    command_destroy(&command);
    return output;
}

static void
each_ends_with_a_reason_whatever_the_api_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t k = 0; k < sizeof(commands) / sizeof(commands[0]); k++) {
            const char *what = commands[k][1];
            int code, is_report = strcmp(what, "report") == 0;
            char *output;

            stub_set_usual(stub, &cases[i].answer);
            output = ask(commands[k], &code);
            if (code != cases[i].code || is_obeyed(output) ||
                (!is_report && strstr(output, cases[i].says) == NULL))
                fail_msg("%s: bongsu %s ends with %d: %.400s", cases[i].name, what, code, output);
            free(output);
        }
}

static void
members_of_any_type_and_texts_that_are_commands_are_shown(void **state)
{
    const struct stub_answer answer = { .body =
        "{\"events\":[1,null,\"x\",{\"id\":5,\"timestamp\":7,\"event_type\":{}},"
        "{\"timestamp\":\"" ESCAPES "\",\"event_type\":\"" ESCAPES "\",\"raw_log\":\"" ESCAPES "\"}],"
        "\"incidents\":[1,null,{\"id\":5,\"rule\":7,\"key\":[1]},{\"id\":\"" ESCAPES "\","
        "\"status\":\"" ESCAPES "\",\"summary\":\"" ESCAPES "\",\"rule\":{\"title\":\"" ESCAPES "\"}}],"
        "\"id\":\"" ESCAPES "\",\"summary\":\"" ESCAPES "\",\"key\":{\"" ESCAPES "\":\"" ESCAPES "\"},"
        "\"history\":[{\"at\":\"" ESCAPES "\",\"note\":\"" ESCAPES "\",\"by\":7}],\"next_cursor\":null}" };
    static const char *const shown[][WORDS] = {
        { "bongsu", "events", "search" }, { "bongsu", "events", "search", "--json" },
        { "bongsu", "events", "tail" }, { "bongsu", "events", "tail", "--json" },
        { "bongsu", "incidents", "list" }, { "bongsu", "incidents", "list", "--json" },
        { "bongsu", "incidents", "show", "00000000000000000000000000000001" },
        { "bongsu", "incidents", "show", "00000000000000000000000000000001", "--json" },
        { "bongsu", "export", "events" }, { "bongsu", "report", "daily", "--json" },
        { "bongsu", "top", "--once", "--ingest-url", "http://127.0.0.1:1" },
    };

    (void)state;
    stub_set_usual(stub, &answer);
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        int code;
        char *output = ask(shown[i], &code);

        if (code > 69 || is_obeyed(output) || strstr(output, "u009b31m") == NULL)
            fail_msg("bongsu %s %s ends with %d: %.600s", shown[i][1], shown[i][2], code, output);
        free(output);
    }
}

/* Who is listed by ps sees no key: none is taken as an argument. */
static void
a_key_is_sent_as_a_header_and_is_no_argument(void **state)
{
    const struct stub_answer answer = { .body = "{\"incidents\":[],\"next_cursor\":null}" };
    static const char *const list[WORDS] = { "bongsu", "incidents", "list" };
    static const char *const flag[WORDS] = { "bongsu", "incidents", "list", "--api-key",
                                             "a-key-on-the-command-line" };
    int code;
    char *output;

    (void)state;
    stub_set_usual(stub, &answer);
    stub_forget(stub);
    free(ask(list, &code));
    assert_int_equal(code, 1);
    assert_non_null(strstr(stub_request(stub, 0)->headers, "a-key-for-the-reader-of-it"));
    assert_null(strstr(stub_request(stub, 0)->path, "a-key"));
    output = ask(flag, &code);
    assert_int_equal(code, 64);
    assert_null(strstr(output, "a-key-on-the-command-line"));
    free(output);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_ends_with_a_reason_whatever_the_api_answers),
        cmocka_unit_test(members_of_any_type_and_texts_that_are_commands_are_shown),
        cmocka_unit_test(a_key_is_sent_as_a_header_and_is_no_argument),
    };

    return cmocka_run_group_tests_name("commands_hostile", tests, open_stub, close_stub);
}
