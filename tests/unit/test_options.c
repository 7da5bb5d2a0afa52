#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/options.h"

struct target {
    char *listen;
    char *key;
    char *dir;
    int64_t slots;
    int64_t open;
    int64_t max_body;
    int64_t lateness_ms;
};

#define AT(member) offsetof(struct target, member)

static const struct option rows[] = {
    { "ingest.listen", NULL, OPTION_TEXT, AT(listen), "127.0.0.1:8000", 0, 0, 0, NULL,
      "where ingest listens" },
    { "api.key", "API_KEY", OPTION_TEXT, AT(key), NULL, 0, 64, OPTION_SECRET, "change-me",
      "key for writing" },
    { "data_dir", NULL, OPTION_TEXT, AT(dir), NULL, 0, 0, 0, "/put/a/path/here", "data" },
    { "detector.slots", NULL, OPTION_INT, AT(slots), "1", 1, 64, 0, NULL, "a|b" },
    { "read_open", "READ_OPEN", OPTION_BOOL, AT(open), "false", 0, 0, 0, NULL, "open" },
    { "ingest.http.max_body", NULL, OPTION_BYTES, AT(max_body), "10MiB", 1024, 1 << 30, 0,
      NULL, "longest body" },
    { "detector.lateness", NULL, OPTION_DURATION, AT(lateness_ms), "5m", 0, 86400000, 0,
      NULL, "lateness" },
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const char *const variables[] = {
    "BONGSU_INGEST_LISTEN", "API_KEY", "BONGSU_DATA_DIR", "BONGSU_DETECTOR_SLOTS",
    "READ_OPEN", "BONGSU_CONFIG", "BONGSU_INGEST_HTTP_MAX_BODY",
    "BONGSU_DETECTOR_LATENESS",
};

/* What one load works on; args end with the first NULL. */
struct load {
    struct target target;
    struct options_call call;
    struct err err;
    char path[40];
    char *argv[12];
};

static int
clean(void **state)
{
    struct load *load = calloc(1, sizeof(*load));

    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        unsetenv(variables[i]);
    *state = load;
    return load == NULL;
}

static int
release(void **state)
{
    struct load *load = *state;

    options_release(rows, ROWS, &load->target);
    if (load->path[0] != '\0')
        unlink(load->path);
    free(load);
    return 0;
}

static int
load_args(struct load *load, const char *const *args)
{
    int argc = 1;

    options_release(rows, ROWS, &load->target);
    load->argv[0] = "program";
    for (; args[argc - 1] != NULL; argc++)
        load->argv[argc] = (char *)args[argc - 1];
    load->argv[argc] = NULL;
    return options_load(rows, ROWS, &load->target, argc, load->argv, &load->call,
                        &load->err);
}

#define LOAD(load, ...) load_args(load, (const char *const[]){ __VA_ARGS__, NULL })

static void
write_config(struct load *load, const char *content)
{
    int fd;

    snprintf(load->path, sizeof(load->path), "/tmp/bongsu-options-XXXXXX");
    fd = mkstemp(load->path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
    setenv("BONGSU_CONFIG", load->path, 1);
}

/* Loading this file must fail at this line with this reason. */
static void
assert_file_refused(struct load *load, const char *content, int line, const char *reason)
{
    char expected[200];

    write_config(load, content);
    assert_int_equal(LOAD(load, NULL), -1);
    snprintf(expected, sizeof(expected), "%s:%d: %s", load->path, line, reason);
    assert_string_equal(load->err.text, expected);
    unlink(load->path);
}

static void
defaults_hold_when_nothing_or_empty_is_said(void **state)
{
    struct load *load = *state;

    setenv("BONGSU_INGEST_LISTEN", "", 1);
    setenv("BONGSU_DETECTOR_SLOTS", "", 1);
    assert_int_equal(LOAD(load, NULL), 0);
    assert_string_equal(load->target.listen, "127.0.0.1:8000");
    assert_null(load->target.key);
    assert_null(load->target.dir);
    assert_int_equal(load->target.slots, 1);
    assert_int_equal(load->target.open, 0);
    assert_int_equal(load->target.max_body, 10 * 1024 * 1024);
    assert_int_equal(load->target.lateness_ms, 300000);
    assert_null(load->call.config_path);
    assert_int_equal(load->call.arg_count, 0);
    assert_string_equal(options_placeholders_seen(), "");
}

static void
flag_beats_environment_beats_file_beats_default(void **state)
{
    struct load *load = *state;

    write_config(load, "detector: {slots: 2}\n");
    assert_int_equal(LOAD(load, NULL), 0);
    assert_int_equal(load->target.slots, 2);
    setenv("BONGSU_DETECTOR_SLOTS", "3", 1);
    assert_int_equal(LOAD(load, NULL), 0);
    assert_int_equal(load->target.slots, 3);
    assert_int_equal(LOAD(load, "--detector-slots", "4"), 0);
    assert_int_equal(load->target.slots, 4);
    assert_int_equal(LOAD(load, "--detector-slots=5", "--ingest-http-max-body=2k"), 0);
    assert_int_equal(load->target.slots, 5);
    assert_int_equal(load->target.max_body, 2048);
}

static void
the_file_may_nest_or_dot_its_names(void **state)
{
    struct load *load = *state;

    write_config(load, "ingest:\n  listen: 0.0.0.0:1\n  http.max_body: 1MiB\n"
                       "\"detector.slots\": 7\nread_open: yes\ndata_dir: '123'\napi:\n");
    assert_int_equal(LOAD(load, NULL), 0);
    assert_string_equal(load->target.listen, "0.0.0.0:1");
    assert_int_equal(load->target.max_body, 1024 * 1024);
    assert_int_equal(load->target.slots, 7);
    assert_int_equal(load->target.open, 1);
    assert_string_equal(load->target.dir, "123");
    assert_string_equal(load->call.config_path, load->path);
}

static void
a_document_of_the_file_with_nothing_in_it_is_passed_over(void **state)
{
    struct load *load = *state;

    write_config(load, "---\n# ours\n---\ndetector: {slots: 2}\n...\n---\n");
    assert_int_equal(LOAD(load, NULL), 0);
    assert_int_equal(load->target.slots, 2);
}

static void
the_config_flag_beats_its_variable(void **state)
{
    struct load *load = *state;

    write_config(load, "detector.slots: 9\n");
    setenv("BONGSU_CONFIG", "/nowhere.yml", 1);
    assert_int_equal(LOAD(load, NULL), -1);
    assert_non_null(strstr(load->err.text, "/nowhere.yml: No such file"));
    assert_int_equal(LOAD(load, "--config", load->path), 0);
    assert_int_equal(load->target.slots, 9);
    setenv("BONGSU_CONFIG", "", 1);
    assert_int_equal(LOAD(load, NULL), 0);
    assert_int_equal(load->target.slots, 1);
}

static void
a_wrong_file_is_an_error_that_names_the_line(void **state)
{
    struct load *load = *state;

    assert_file_refused(load, "# c\ndetector:\n  slots: 1\n  slot: true\n", 4,
                        "unknown option detector.slot");
    assert_file_refused(load, "x: ~\n", 1, "unknown option x");
    assert_file_refused(load, "ingest:\n  listen:\n    port: 1\n", 2,
                        "ingest.listen must be a single value");
    assert_file_refused(load, "\n\ningest: 5\n", 3,
                        "ingest must hold options (ingest.something: value)");
    assert_file_refused(load, "detector.slots: 1\ndetector:\n  slots: 1\n", 3,
                        "detector.slots is already on line 1");
    assert_file_refused(load, "\ndetector.slots: [1]\n", 2,
                        "detector.slots must be a single value");
    assert_file_refused(load, "\ndetector.slots: 1.5\n", 2,
                        "detector.slots: \"1.5\" is not a whole number");
    assert_file_refused(load, "api.key: 0123456\n", 1,
                        "api.key is a text: put its value in quotes");
    assert_file_refused(load, "- a\n", 1, "must be a map of options (name: value)");
    assert_file_refused(load, "---\n{}\n---\n{}\n", 4, "a second document");
    assert_file_refused(
        load, "\ndetector.lateness: 5\n", 2,
        "detector.lateness: \"5\" is not a time such as 500ms, 10s, 5m, 1h or 30d");
}

static void
a_key_of_any_length_is_just_unknown(void **state)
{
    struct load *load = *state;
    char content[2000];

    memset(content, 'k', sizeof(content));
    memcpy(content, "ingest:\n ? ", 11);
    memcpy(content + sizeof(content) - 6, "\n : 1", 6);
    write_config(load, content);
    assert_int_equal(LOAD(load, NULL), -1);
    assert_non_null(strstr(load->err.text, ":2: unknown option ingest.kkk"));
}

static void
a_wrong_value_is_an_error_that_names_its_source(void **state)
{
    struct load *load = *state;

    assert_int_equal(LOAD(load, "--detector-slots=0"), -1);
    assert_string_equal(load->err.text, "--detector-slots: \"0\" is not within 1 and 64");
    setenv("BONGSU_DETECTOR_SLOTS", "many", 1);
    assert_int_equal(LOAD(load, NULL), -1);
    assert_string_equal(load->err.text,
                        "BONGSU_DETECTOR_SLOTS: \"many\" is not a whole number");
}

static void
a_secret_comes_from_the_environment_only(void **state)
{
    struct load *load = *state;

    setenv("API_KEY", "s3cret", 1);
    assert_int_equal(LOAD(load, NULL), 0);
    assert_string_equal(load->target.key, "s3cret");
    assert_int_equal(LOAD(load, "--api-key=hunter2"), -1);
    assert_non_null(strstr(load->err.text, "--api-key: a secret is not taken"));
    assert_non_null(strstr(load->err.text, "environment variable API_KEY"));
    assert_null(strstr(load->err.text, "hunter2"));
    assert_int_equal(LOAD(load, "--api-key", "hunter2"), -1);
    assert_null(strstr(load->err.text, "hunter2"));
}

static void
a_bad_secret_is_not_shown(void **state)
{
    struct load *load = *state;
    char longer[100];

    setenv("API_KEY", "hunter2\n", 1);
    assert_int_equal(LOAD(load, NULL), -1);
    assert_string_equal(load->err.text,
                        "API_KEY: holds a control character (\\x0a) at byte 8");
    memset(longer, 'h', sizeof(longer));
    longer[65] = '\0';
    setenv("API_KEY", longer, 1);
    assert_int_equal(LOAD(load, NULL), -1);
    assert_string_equal(load->err.text, "API_KEY: is longer than 64 bytes");
    longer[64] = '\0';
    setenv("API_KEY", longer, 1);
    assert_int_equal(LOAD(load, NULL), 0);
}

static void
a_placeholder_counts_as_unset_and_is_named(void **state)
{
    struct load *load = *state;

    setenv("API_KEY", "change-me", 1);
    write_config(load, "data_dir: /put/a/path/here\n");
    assert_int_equal(LOAD(load, NULL), 0);
    assert_null(load->target.key);
    assert_null(load->target.dir);
    assert_string_equal(options_placeholders_seen(), "api.key,data_dir");
    setenv("API_KEY", "real", 1);
    unsetenv("BONGSU_CONFIG");
    assert_int_equal(LOAD(load, NULL), 0);
    assert_string_equal(options_placeholders_seen(), "");
}

static void
a_placeholder_does_not_hide_the_file(void **state)
{
    struct load *load = *state;

    setenv("API_KEY", "change-me", 1);
    write_config(load, "api: {key: from-file}\n");
    assert_int_equal(LOAD(load, NULL), 0);
    assert_string_equal(load->target.key, "from-file");
    assert_string_equal(options_placeholders_seen(), "api.key");
}

static void
unknown_flags_are_errors(void **state)
{
    static const char *const bad[] = { "--ingest", "--ingest.listen=x", "-x", "-nh",
                                       "--ingest-listen=", "--config" };
    struct load *load = *state;

    assert_int_equal(LOAD(load, "--ingest-listenx=secret"), -1);
    assert_string_equal(load->err.text,
                        "unknown flag --ingest-listenx (--help lists them all)");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(LOAD(load, bad[i]), -1);
    assert_int_equal(LOAD(load, "--ingest-listen"), -1);
    assert_string_equal(load->err.text, "--ingest-listen needs a value");
}

static void
other_arguments_keep_their_order_and_may_be_read_again(void **state)
{
    struct load *load = *state;

    for (int round = 0; round < 2; round++) {
        int rc = round == 0 ? LOAD(load, "send", "--detector-slots", "2", "-", "-n", "--",
                                   "-x", "f")
                            : options_load(rows, ROWS, &load->target, 9, load->argv,
                                           &load->call, &load->err);

        assert_int_equal(rc, 0);
        assert_int_equal(load->call.arg_count, 4);
        assert_string_equal(load->call.args[0], "send");
        assert_string_equal(load->call.args[1], "-");
        assert_string_equal(load->call.args[2], "-x");
        assert_string_equal(load->call.args[3], "f");
        assert_null(load->call.args[4]);
        assert_int_equal(load->call.wants_check, 1);
        assert_int_equal(load->target.slots, 2);
        options_release(rows, ROWS, &load->target);
    }
}

static void
help_comes_whatever_the_file_says(void **state)
{
    struct load *load = *state;

    setenv("BONGSU_CONFIG", "/nowhere.yml", 1);
    setenv("BONGSU_DETECTOR_SLOTS", "many", 1);
    assert_int_equal(LOAD(load, "--help"), 0);
    assert_int_equal(load->call.wants_help, 1);
    assert_int_equal(LOAD(load, "-h"), 0);
    assert_int_equal(LOAD(load, "--version"), 0);
    assert_int_equal(load->call.wants_version, 1);
    assert_int_equal(LOAD(load, "-n"), -1);
}

static void
a_failed_load_leaves_the_target_empty(void **state)
{
    struct load *load = *state;
    static const struct target empty;

    setenv("BONGSU_DETECTOR_LATENESS", "never", 1);     /* the last row */
    assert_int_equal(LOAD(load, "--ingest-listen", "x"), -1);
    assert_memory_equal(&load->target, &empty, sizeof(empty));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, clean, release)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults_hold_when_nothing_or_empty_is_said),
        TEST(flag_beats_environment_beats_file_beats_default),
        TEST(the_file_may_nest_or_dot_its_names),
        TEST(a_document_of_the_file_with_nothing_in_it_is_passed_over),
        TEST(the_config_flag_beats_its_variable),
        TEST(a_wrong_file_is_an_error_that_names_the_line),
        TEST(a_key_of_any_length_is_just_unknown),
        TEST(a_wrong_value_is_an_error_that_names_its_source),
        TEST(a_secret_comes_from_the_environment_only),
        TEST(a_bad_secret_is_not_shown),
        TEST(a_placeholder_counts_as_unset_and_is_named),
        TEST(a_placeholder_does_not_hide_the_file),
        TEST(unknown_flags_are_errors),
        TEST(other_arguments_keep_their_order_and_may_be_read_again),
        TEST(help_comes_whatever_the_file_says),
        TEST(a_failed_load_leaves_the_target_empty),
    };

    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
