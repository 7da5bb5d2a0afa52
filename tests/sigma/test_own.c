/*
 * `bongsu rules match` over tests/sigma/own: small rules, each for a thing that engines get
 * wrong, and events whose matches were written by hand; and how it takes a file that is not
 * in order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/buf.h"
#include "tests/support/command.h"

#define OWN "tests/sigma/own/"
#define FIELDS "product=logsource_product,category=logsource_category,service=logsource_service"

static char folder[64];

static char *
path_in(const char *name, char space[128])
{
    snprintf(space, 128, "%s/%s", folder, name);
    return space;
}

static void
write_file(const char *name, const char *bytes, size_t len)
{
    char path[128];
    FILE *file = fopen(path_in(name, path), "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void
read_all(const char *path, struct buf *ret_bytes)
{
    FILE *file = fopen(path, "rb");
    char piece[4096];
    size_t got;

    assert_non_null(file);
    while ((got = fread(piece, 1, sizeof(piece), file)) > 0)
        assert_int_equal(buf_append(ret_bytes, piece, got), 0);
    assert_int_equal(buf_append_char(ret_bytes, '\0'), 0);
    fclose(file);
}

static int
compare_lines(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The lines of a text, sorted; they borrow it. */
static size_t
sorted_lines(char *text, char *lines[], size_t max)
{
    size_t count = 0;

    for (char *rest = text, *line; (line = strsep(&rest, "\n")) != NULL;)
        if (line[0] != '\0' && count < max)
            lines[count++] = line;
    qsort(lines, count, sizeof(lines[0]), compare_lines);
    return count;
}

/* Both outputs of `bongsu rules match` with these arguments, copied; the caller frees. */
static char *
match(int code, const char *const *args)
{
    static const struct command_spec here = { 0 };
    const char *all[16] = { "bongsu", "rules", "match" };
    struct command *command;
    int found;
    char *output;

    for (size_t i = 0; args[i] != NULL; i++)
        all[3 + i] = args[i];
    command = command_run(&here, all, &found);
    output = strdup(command_output(command));
    assert_non_null(output);
    if (found != code)
        fail_msg("it ended with %d, not %d: %s", found, code, output);
    command_destroy(&command);
    return output;
}

static void
every_line_matches_what_a_person_says_it_does(void **state)
{
    const char *const args[] = { "--rules", OWN "rules", "--logsource-fields", FIELDS,
                                 OWN "events.ndjson", NULL };
    enum { MAX = 500 };
    char *found[MAX], *expected[MAX], *output = match(0, args);
    size_t found_count = sorted_lines(output, found, MAX), count, f = 0, e = 0;
    struct buf file = { 0 };
    int wrong = 0;

    (void)state;
    read_all(OWN "expected.ndjson", &file);
    count = sorted_lines(file.ptr, expected, MAX);
    assert_true(count > 50);
    while (f < found_count || e < count) {
        int order = f == found_count ? 1 : e == count ? -1 : strcmp(found[f], expected[e]);

        if (order != 0)
            print_error("%s: %s\n", order < 0 ? "not expected" : "missing",
                        order < 0 ? found[f] : expected[e]);
        wrong += order != 0;
        f += order <= 0;
        e += order >= 0;
    }
    buf_release(&file);
    free(output);
    assert_int_equal(wrong, 0);
}

static void
a_logsource_of_the_call_is_that_of_every_line(void **state)
{
    static const char lines[] = "{\"mark\":\"routed\"}\n{\"mark\":\"routed\",\"field\":\"y\"}\n";
    char path[128];
    const char *const none[] = { "--rules", OWN "rules", path_in("plain", path), NULL };
    const char *const web[] = { "--rules", OWN "rules", "--logsource",
                                "product=routed,service=two,category=WEB", path, NULL };
    char *output;

    (void)state;
    write_file("plain", lines, strlen(lines));
    output = match(0, none);
    assert_non_null(strstr(output, "{\"line\":1,\"rule\":\"of-service\"}"));
    assert_non_null(strstr(output, "{\"line\":2,\"rule\":\"pure-negation\"}"));
    free(output);
    output = match(0, web);
    assert_string_equal(output, "{\"line\":1,\"rule\":\"of-category\"}\n"
                                "{\"line\":2,\"rule\":\"of-category\"}\n");
    free(output);
}

/* Longer than an event may be, then one that is fine: the reader finds its place again. */
static void
lines_that_are_no_events_are_named_and_the_others_judged(void **state)
{
    static const char others[] = "\n\r\n{\"field\":\"abc\",\"field\":1}\n[1]\n{\"field\":\"abc\"}\r\n"
                                 "{\"field\":\"a\\u0000bc\"}\n{\"field\":\"abc\"";
    enum { LONG = 3 * 512 * 1024 };
    char path[128], *bytes = malloc(LONG + sizeof(others)), *output;
    const char *const args[] = { "--rules", OWN "rules/values.yml", path_in("broken", path), NULL };

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'x', LONG);
    bytes[0] = '{';
    bytes[LONG - 1] = '\n';
    memcpy(bytes + LONG, others, sizeof(others));
    write_file("broken", bytes, LONG + strlen(others));
    output = match(1, args);
    assert_non_null(strstr(output, "broken:1: longer than an event may be"));
    assert_non_null(strstr(output, "broken:4: field: given twice"));
    assert_non_null(strstr(output, "broken:5: an event must be a JSON object"));
    assert_non_null(strstr(output, "{\"line\":6,\"rule\":\"text\"}"));
    assert_non_null(strstr(output, "broken:7: field: "));
    assert_non_null(strstr(output, "broken:8: not JSON"));
    assert_non_null(strstr(output, "5 lines were refused"));
    assert_null(strstr(output, "\"line\":1,"));
    free(output);
    free(bytes);
}

static void
fields_that_only_ingest_may_set_are_fields_like_others(void **state)
{
    static const char rule[] = "title: T\nid: taken\nlogsource: {product: x}\n"
                               "detection: {s: {id: 7, received_at: then, count: many,"
                               " severity: absurd}, condition: s}\n";
    static const char line[] = "{\"id\":7,\"received_at\":\"then\",\"count\":[\"many\"],"
                               "\"severity\":\"absurd\",\"timestamp\":{\"no\":\"time\"}}\n";
    char rules[128], lines[128], *output;
    const char *const args[] = { "--rules", path_in("taken.yml", rules),
                                 path_in("taken.ndjson", lines), NULL };

    (void)state;
    write_file("taken.yml", rule, strlen(rule));
    write_file("taken.ndjson", line, strlen(line));
    output = match(0, args);
    assert_string_equal(output, "{\"line\":1,\"rule\":\"taken\"}\n");
    free(output);
}

static void
a_file_in_which_nothing_matches_says_nothing(void **state)
{
    static const char line[] = "{\"nothing\":\"here\"}\n";
    char lines[128], *output;
    const char *const args[] = { "--rules", OWN "rules", "--logsource", "product=own",
                                 path_in("nothing.ndjson", lines), NULL };

    (void)state;
    write_file("nothing.ndjson", line, strlen(line));
    output = match(0, args);
    assert_string_equal(output, "");
    free(output);
}

static void
raw_lines_go_through_the_decoders(void **state)
{
    static const char line[] = "Nov 22 10:00:00 web sshd[7]: Failed password for root from "
                               "192.0.2.1 port 4 ssh2\n";
    static const char rule[] = "title: T\nid: raw\nlogsource: {product: linux, service: sshd}\n"
                               "detection:\n"
                               "    s: {event_type: login_failed, username: root}\n"
                               "    condition: s\n---\n"
                               "title: U\nid: other\nlogsource: {product: windows}\n"
                               "detection: {s: {username: root}, condition: s}\n";
    char rules[128], lines[128], *output;
    const char *const args[] = { "--raw", "--rules", path_in("raw.yml", rules),
                                 path_in("raw.log", lines), NULL };

    (void)state;
    write_file("raw.yml", rule, strlen(rule));
    write_file("raw.log", line, strlen(line));
    output = match(0, args);
    assert_string_equal(output, "{\"line\":1,\"rule\":\"raw\"}\n");
    free(output);
}

static void
a_wrong_call_says_what_is_wrong(void **state)
{
    static const struct {
        int code;
        const char *args[8], *says;
    } rows[] = {
        { 64, { "--rules", OWN "rules", "--logsource", "os=x", OWN "events.ndjson" }, "\"os\"" },
        { 64, { "--rules", OWN "rules", "--logsource", "product=", OWN "events.ndjson" },
          "product=VALUE" },
        { 64, { "--rules", OWN "rules", "--logsource", "product=a,product=b",
                OWN "events.ndjson" }, "given twice" },
        { 66, { "--rules", OWN "rules", "no/such" }, "no/such: No such file" },
        { 66, { "--rules", "no/rules", OWN "events.ndjson" }, "no/rules: No such file" },
        { 74, { "--rules", OWN "rules", OWN }, "directory" },
        { 64, { "--rules", OWN "rules" }, "what is missing?" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *output = match(rows[i].code, rows[i].args);

        if (strstr(output, rows[i].says) == NULL)
            fail_msg("row %zu says: %s", i, output);
        free(output);
    }
}

static int
make_folder(void **state)
{
    (void)state;
    command_make_folder(folder, sizeof(folder));
    return 0;
}

static int
remove_folder(void **state)
{
    (void)state;
    command_remove_folder(folder);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_matches_what_a_person_says_it_does),
        cmocka_unit_test(a_logsource_of_the_call_is_that_of_every_line),
        cmocka_unit_test(lines_that_are_no_events_are_named_and_the_others_judged),
        cmocka_unit_test(fields_that_only_ingest_may_set_are_fields_like_others),
        cmocka_unit_test(a_file_in_which_nothing_matches_says_nothing),
        cmocka_unit_test(raw_lines_go_through_the_decoders),
        cmocka_unit_test(a_wrong_call_says_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
