#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/base/yaml.h"

static struct yaml *
parse(const char *str)
{
    struct err err = { "" };
    struct yaml *yaml = yaml_parse("t.yml", str, strlen(str), &err);

    if (yaml == NULL)
        fail_msg("%s", err.text);
    return yaml;
}

/* The one document as JSON must be expected. */
static void
assert_reads(const char *str, const char *expected)
{
    struct yaml *yaml = parse(str);
    char *json;

    assert_int_equal(yaml_count(yaml), 1);
    json = json_dumps(yaml_document(yaml, 0), JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(json, expected);
    free(json);
    yaml_destroy(&yaml);
    assert_null(yaml);
}

static void
assert_refused_bytes(const char *bytes, size_t len, const char *reason)
{
    struct err err = { "" };

    assert_null(yaml_parse("t.yml", bytes, len, &err));
    if (strncmp(err.text, reason, strlen(reason)) != 0)
        fail_msg("said \"%s\", not \"%s\"", err.text, reason);
}

static void
assert_refused(const char *str, const char *reason)
{
    assert_refused_bytes(str, strlen(str), reason);
}

static void
plain_scalars_are_what_they_look_like(void **state)
{
    assert_reads("[null, ~, Null, NULL, true, True, FALSE]",
                 "[null,null,null,null,true,true,false]");
    assert_reads("[1, -2, +3, 007, 0x1F, 0o17, 9223372036854775807]",
                 "[1,-2,3,7,31,15,9223372036854775807]");
    assert_reads("[1.5, -.5, 1., 1e3, 2.5e-1]", "[1.5,-0.5,1.0,1000.0,0.25]");
    assert_reads("a:\nb: ~\n", "{\"a\":null,\"b\":null}");
}

static void
everything_else_is_text(void **state)
{
    assert_reads(
        "[yes, no, on, off, nULL, tRUE, 1_000, 1:30, 0b1, 12ab, '', .inf, -.INF, .nan]",
        "[\"yes\",\"no\",\"on\",\"off\",\"nULL\",\"tRUE\",\"1_000\",\"1:30\",\"0b1\","
        "\"12ab\",\"\",\".inf\",\"-.INF\",\".nan\"]");
    assert_reads(
        "[-, +1e, 1e, ., 0x, 0o8, 2026-11-22, 10.0.0.1]",
        "[\"-\",\"+1e\",\"1e\",\".\",\"0x\",\"0o8\",\"2026-11-22\",\"10.0.0.1\"]");
    /* what a number cannot hold is not bent to one that it can */
    assert_reads("[9223372036854775808, 1e999]", "[\"9223372036854775808\",\"1e999\"]");
}

static void
quoted_and_tagged_scalars_are_text(void **state)
{
    assert_reads("['1', \"true\", '~', !!str 12, ! 13]",
                 "[\"1\",\"true\",\"~\",\"12\",\"13\"]");
    assert_reads("a: |\n  12\nb: >-\n  true\n", "{\"a\":\"12\\n\",\"b\":\"true\"}");
}

static void
a_number_as_key_is_text(void **state)
{
    assert_reads("4625: x\ntrue: y\n~: z\n",
                 "{\"4625\":\"x\",\"true\":\"y\",\"~\":\"z\"}");
}

static void
documents_with_something_in_them_are_counted(void **state)
{
    struct yaml *yaml = parse("---\n---\na: 1\n---\n# none\n---\n- 2\n---\n~\n...\n---\n");

    assert_int_equal(yaml_count(yaml), 2);
    assert_true(json_is_object(yaml_document(yaml, 0)));
    assert_true(json_is_array(yaml_document(yaml, 1)));
    assert_null(yaml_document(yaml, 2));
    yaml_destroy(&yaml);
    yaml = parse("# nothing\n");
    assert_int_equal(yaml_count(yaml), 0);
    yaml_destroy(&yaml);
    yaml = yaml_parse("t.yml", NULL, 0, NULL);
    assert_non_null(yaml);
    yaml_destroy(&yaml);
    yaml_destroy(&yaml);
}

static void
every_value_knows_its_line(void **state)
{
    struct yaml *yaml =
        parse("# c\na: 1\nb:\n  c: true\n  d: true\n  e:\n    - x\n    - ~\nf:\n"
              "---\ng: |\n  text\n");
    json_t *root = yaml_document(yaml, 0), *b = json_object_get(root, "b");
    json_t *list = json_object_get(b, "e");

    assert_int_equal(yaml_line(yaml, root), 2);
    assert_int_equal(yaml_line(yaml, json_object_get(root, "a")), 2);
    assert_int_equal(yaml_line(yaml, b), 3);
    assert_int_equal(yaml_line(yaml, json_object_get(b, "c")), 4);
    assert_int_equal(yaml_line(yaml, json_object_get(b, "d")), 5);
    assert_int_equal(yaml_line(yaml, list), 6);
    assert_int_equal(yaml_line(yaml, json_array_get(list, 0)), 7);
    assert_int_equal(yaml_line(yaml, json_array_get(list, 1)), 8);
    assert_int_equal(yaml_line(yaml, json_object_get(root, "f")), 9);
    assert_int_equal(yaml_line(yaml, json_object_get(yaml_document(yaml, 1), "g")), 11);
    assert_int_equal(yaml_line(yaml, json_true()), 0);
    yaml_destroy(&yaml);
}

/* Booleans have places of their own; a copy must outlive them. */
static void
a_copy_outlives_its_file(void **state)
{
    struct yaml *yaml = parse("[true, false, ~, 1, x]");
    json_t *copy = json_deep_copy(yaml_document(yaml, 0));
    char *json;

    yaml_destroy(&yaml);
    yaml = parse("[false, ~, true, ~, true, false]");
    json = json_dumps(copy, JSON_COMPACT);
    assert_string_equal(json, "[true,false,null,1,\"x\"]");
    free(json);
    json_decref(copy);
    yaml_destroy(&yaml);
}

static void
an_alias_is_a_copy(void **state)
{
    struct yaml *yaml = parse("base: &b\n  x: [1, true]\nother: *b\n");
    json_t *root = yaml_document(yaml, 0);
    json_t *base = json_object_get(root, "base"), *other = json_object_get(root, "other");

    assert_int_equal(yaml_line(yaml, base), 1);
    assert_int_equal(yaml_line(yaml, other), 3);
    assert_int_equal(yaml_line(yaml, json_object_get(other, "x")), 2);
    json_object_del(other, "x");
    assert_non_null(json_object_get(base, "x"));
    yaml_destroy(&yaml);
    assert_reads("[&a 1, *a, &a 2, *a]", "[1,1,2,2]");
}

static void
an_alias_needs_an_anchor_that_is_complete(void **state)
{
    assert_refused("a: 1\nb: *a\n", "t.yml:2: alias *a of no anchor");
    assert_refused("a: &a\n  b: *a\n", "t.yml:2: alias *a stands inside its own anchor");
    assert_refused("&a [ *a ]", "t.yml:1: alias *a stands inside its own anchor");
    assert_refused("&a x\n--- \n- *a\n", "t.yml:3: alias *a of no anchor");
}

static void
a_billion_laughs_are_refused(void **state)
{
    struct buf out = { NULL, 0, 0 };
    int64_t start_ms = clock_steady_ms();

    buf_append_str(&out, "a0: &a0 lol\n");
    for (int i = 1; i < 30; i++)
        buf_printf(&out, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i,
                   i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    assert_refused_bytes(out.ptr, out.len, "t.yml:");
    assert_true(clock_steady_ms() - start_ms < 5000);
    buf_release(&out);
}

static void
aliases_of_a_long_text_are_limited_by_its_bytes(void **state)
{
    struct buf out = { NULL, 0, 0 };
    struct err err = { "" };

    buf_append_str(&out, "- &a ");
    for (int i = 0; i < 100000; i++)
        buf_append_char(&out, 'x');
    for (int i = 0; i < 20; i++)
        buf_append_str(&out, "\n- *a");
    assert_null(yaml_parse("t.yml", out.ptr, out.len, &err));
    assert_string_equal(err.text, "t.yml:12: aliases unfold to more than 1048576 bytes");
    buf_release(&out);
}

static void
anchors_are_limited_in_number(void **state)
{
    struct buf out = { NULL, 0, 0 };

    for (int i = 0; i < 1001; i++)
        buf_printf(&out, "- &a%d x\n", i);
    assert_refused_bytes(out.ptr, out.len, "t.yml:1001: more than 1000 anchors");
    buf_release(&out);
}

static void
nesting_is_limited_for_values_and_for_aliases(void **state)
{
    char deep[200];
    struct yaml *yaml;

    memset(deep, '[', 32);
    memset(deep + 32, ']', 32);
    deep[64] = '\0';
    yaml = parse(deep);
    yaml_destroy(&yaml);
    memset(deep, '[', 33);
    memset(deep + 33, ']', 33);
    deep[66] = '\0';
    assert_refused(deep, "t.yml:1: nested deeper than 32 levels");
    memset(deep, '[', 199);
    deep[199] = '\0';
    assert_refused(deep, "t.yml:1: nested deeper than 32 levels");
    assert_refused("- &a [[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]\n"
                   "- &b [[[[[[[[[[[[*a]]]]]]]]]]]]\n",
                   "t.yml:1: an alias nests deeper than 32 levels");
}

static void
a_key_stands_once_in_a_map(void **state)
{
    assert_refused("a: 1\nb: 2\na: 3\n", "t.yml:3: key \"a\" is already on line 1");
    assert_refused("x:\n  1: a\n  '1': b\n", "t.yml:3: key \"1\" is already on line 2");
    assert_reads("x: {a: 1}\ny: {a: 1}\n", "{\"x\":{\"a\":1},\"y\":{\"a\":1}}");
}

static void
a_key_is_a_scalar(void **state)
{
    assert_refused("a: 1\n? [b]\n: 2\n", "t.yml:2: a key must be");
    assert_refused("? {b: 1}\n: 2\n", "t.yml:1: a key must be");
    assert_refused("a: &a x\n*a : 2\n", "t.yml:2: a key must be");
}

static void
unknown_tags_are_refused(void **state)
{
    assert_refused("a: 1\nb: !!python/object:os.system x\n",
                   "t.yml:2: tag tag:yaml.org,2002:python");
    assert_refused("a: !!set {x}\n", "t.yml:1: tag");
    assert_refused("a: !mine [x]\n", "t.yml:1: tag !mine is not known");
    assert_reads("!!map {a: !!seq [!!str 1]}", "{\"a\":[\"1\"]}");
}

static void
a_text_holds_no_nul(void **state)
{
    assert_refused("a: 1\nb: \"x\\0y\"\n", "t.yml:2: a text holds a NUL");
    assert_refused("\"a\\0b\": 1\n", "t.yml:1: a text holds a NUL");
    assert_refused_bytes("a: 1\nb: x\0y\n", 12, "t.yml:2: ");
}

static void
broken_files_are_refused_with_their_line(void **state)
{
    assert_refused("a: 1\nb: [1, 2\n", "t.yml:3: ");
    assert_refused("a: 1\n  b: 2\n", "t.yml:2: ");
    assert_refused("a:\n\tb: 1\n", "t.yml:2: ");
    assert_refused("a: \"x\n", "t.yml:2: ");
    assert_refused("a: 1\nb: 2\nc: \xff\n", "t.yml:3: ");
    assert_refused("a: 1\nb: \xed\xa0\x80\n", "t.yml:2: ");
}

/* Whatever a file is cut to, reading it ends, with a reason if it fails. */
static void
every_beginning_of_a_file_is_read_or_refused(void **state)
{
    const char *whole =
        "a: &x {b: [1, 'two', \"th\\tree\", *y]}\n---\n- |\n  t\n- >-\n  f\n"
        "- !!str 5\n? k\n: *x\n";

    for (size_t len = 0; len <= strlen(whole); len++) {
        char *copy = malloc(len == 0 ? 1 : len);
        struct err err = { "" };
        struct yaml *yaml;

        memcpy(copy, whole, len);
        yaml = yaml_parse("t.yml", copy, len, &err);
        assert_int_equal(yaml == NULL, err.text[0] != '\0');
        yaml_destroy(&yaml);
        free(copy);
    }
}

static void
a_mebibyte_is_read_and_a_byte_more_is_not(void **state)
{
    size_t len = 1024 * 1024 + 1;
    char *bytes = malloc(len);
    struct yaml *yaml;

    memset(bytes, '#', len);
    yaml = yaml_parse("t.yml", bytes, len - 1, NULL);
    assert_non_null(yaml);
    yaml_destroy(&yaml);
    assert_refused_bytes(bytes, len, "t.yml: larger than 1048576 bytes");
    free(bytes);
}

static void
a_file_is_read_under_its_path(void **state)
{
    char path[] = "/tmp/bongsu-yaml-XXXXXX", expected[100];
    int fd = mkstemp(path);
    struct err err = { "" };
    struct yaml *yaml;

    assert_int_equal(write(fd, "a: 1\n", 5), 5);
    yaml = yaml_load(path, &err);
    assert_non_null(yaml);
    assert_int_equal(yaml_line(yaml, json_object_get(yaml_document(yaml, 0), "a")), 1);
    yaml_destroy(&yaml);
    assert_int_equal(write(fd, "a: 2\n", 5), 5);
    assert_null(yaml_load(path, &err));
    snprintf(expected, sizeof(expected), "%s:2: key \"a\" is already on line 1", path);
    assert_string_equal(err.text, expected);
    assert_int_equal(ftruncate(fd, 5 * 1024 * 1024), 0);
    assert_null(yaml_load(path, &err));
    snprintf(expected, sizeof(expected), "%s: larger than 1048576 bytes", path);
    assert_string_equal(err.text, expected);
    close(fd);
    unlink(path);
    assert_null(yaml_load(path, &err));
    assert_non_null(strstr(err.text, "No such file"));
    assert_null(yaml_load("/tmp", &err));
    assert_string_equal(err.text, "/tmp: Is a directory");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_scalars_are_what_they_look_like),
        cmocka_unit_test(everything_else_is_text),
        cmocka_unit_test(quoted_and_tagged_scalars_are_text),
        cmocka_unit_test(a_number_as_key_is_text),
        cmocka_unit_test(documents_with_something_in_them_are_counted),
        cmocka_unit_test(every_value_knows_its_line),
        cmocka_unit_test(a_copy_outlives_its_file),
        cmocka_unit_test(an_alias_is_a_copy),
        cmocka_unit_test(an_alias_needs_an_anchor_that_is_complete),
        cmocka_unit_test(a_billion_laughs_are_refused),
        cmocka_unit_test(aliases_of_a_long_text_are_limited_by_its_bytes),
        cmocka_unit_test(anchors_are_limited_in_number),
        cmocka_unit_test(nesting_is_limited_for_values_and_for_aliases),
        cmocka_unit_test(a_key_stands_once_in_a_map),
        cmocka_unit_test(a_key_is_a_scalar),
        cmocka_unit_test(unknown_tags_are_refused),
        cmocka_unit_test(a_text_holds_no_nul),
        cmocka_unit_test(broken_files_are_refused_with_their_line),
        cmocka_unit_test(every_beginning_of_a_file_is_read_or_refused),
        cmocka_unit_test(a_mebibyte_is_read_and_a_byte_more_is_not),
        cmocka_unit_test(a_file_is_read_under_its_path),
    };

    return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
