#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/clock.h"
#include "proto/codec_json.h"

/* "1:item|2:item|", then "!reason" when the end was an error. */
static void
split(const char *body, char *out, size_t size)
{
    struct json_splitter splitter;
    struct err err = { "" };
    struct text item;
    size_t len = 0;
    int rc;

    out[0] = '\0';
    json_splitter_init(&splitter, text_of(body));
    while ((rc = json_splitter_next(&splitter, &item, &err)) == 1)
        len += (size_t)snprintf(out + len, size - len, "%zu:%.*s|", splitter.number,
                                (int)item.len, item.ptr);
    if (rc == -1)
        snprintf(out + len, size - len, "!%s", err.text);
    assert_int_equal(json_splitter_next(&splitter, &item, &err), 0);
}

static void
splits(const char *body, const char *expected)
{
    char out[512];

    split(body, out, sizeof(out));
    assert_string_equal(out, expected);
}

static void
breaks(const char *body, const char *items, const char *reason)
{
    char out[512];

    split(body, out, sizeof(out));
    if (strncmp(out, items, strlen(items)) != 0 || out[strlen(items)] != '!' ||
        strstr(out, reason) == NULL)
        fail_msg("%s: \"%s\"", body, out);
}

static void
splits_lines_and_counts_blank_ones(void **state)
{
    splits("", "");
    splits("\n \r\n", "");
    splits("{}\n{\"a\":1}", "1:{}|2:{\"a\":1}|");
    splits("\r\n{}\r\n\r\n {} \r\n", "2:{}|4:{}|");
    splits("\xEF\xBB\xBF{}\n", "1:{}|");
    splits("not json\n{}", "1:not json|2:{}|");
}

static void
splits_the_elements_of_an_array(void **state)
{
    splits("[]", "");
    splits(" [ ] \n", "");
    splits("[{},{\"a\":[1,{}]} , 5,null,\"x,]\"]\r\n",
           "1:{}|2:{\"a\":[1,{}]}|3:5|4:null|5:\"x,]\"|");
    splits("[{\"a\":\"]}\\\"\"},{\"b\":\"\\\\\"}]",
           "1:{\"a\":\"]}\\\"\"}|2:{\"b\":\"\\\\\"}|");
    splits("[[],[[]]]", "1:[]|2:[[]]|");
}

static void
refuses_an_array_whose_structure_is_broken(void **state)
{
    breaks("[", "", "not closed");
    breaks("[{}", "1:{}|", "not closed");
    breaks("[{},", "1:{}|", "not closed");
    breaks("[{} {}]", "1:{}|", "a comma is missing");
    breaks("[{}{}]", "1:{}|", "a comma is missing");
    breaks("[,{}]", "", "an element is missing");
    breaks("[{},,{}]", "1:{}|", "an element is missing");
    breaks("[{},]", "1:{}|", "an element is missing");
    breaks("[{}] x", "1:{}|", "after its end");
    breaks("[{}][{}]", "1:{}|", "after its end");
    breaks("[{\"a\":\"", "", "does not end");
    breaks("[{\"a\":1", "", "does not end");
    breaks("[5", "", "does not end");
    breaks("[}]", "", "an element is missing");
}

/* Backslashes are looked at once for each quote: many of both stay linear. */
static void
hostile_backslashes_and_quotes_take_linear_time(void **state)
{
    size_t len = 8 * 1024 * 1024;
    char *body = malloc(len);
    int64_t start = clock_steady_ms();
    struct json_splitter splitter;
    struct text item;

    memset(body, '\\', len);
    body[0] = '[';
    body[1] = '"';
    for (size_t i = 1000; i < len; i += 1001)
        body[i] = '"';
    json_splitter_init(&splitter, (struct text){ body, len });
    while (json_splitter_next(&splitter, &item, NULL) == 1)
        ;
    assert_in_range(clock_steady_ms() - start, 0, 1000);
    free(body);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_lines_and_counts_blank_ones),
        cmocka_unit_test(splits_the_elements_of_an_array),
        cmocka_unit_test(refuses_an_array_whose_structure_is_broken),
        cmocka_unit_test(hostile_backslashes_and_quotes_take_linear_time),
    };

    return cmocka_run_group_tests_name("json_splitter", tests, NULL, NULL);
}
