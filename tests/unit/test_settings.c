#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/settings.h"

static struct settings settings;
static struct options_call call;
static struct err err;

/* No option may come from who runs the test. */
static int
forget_environment(void **state)
{
    clearenv();
    return 0;
}

static int
release(void **state)
{
    settings_release(&settings);
    return 0;
}

static int
load(char *first, char *second)
{
    char name[] = "test";
    char *argv[] = { name, first, second, NULL };

    settings_release(&settings);
    err.text[0] = '\0';
    return settings_load(&settings, first == NULL ? 1 : second == NULL ? 2 : 3, argv,
                         &call, &err);
}

static void
refuses(const char *name, const char *value, const char *reason)
{
    setenv(name, value, 1);
    assert_int_equal(load(NULL, NULL), -1);
    if (strstr(err.text, reason) == NULL)
        fail_msg("%s=%s: \"%s\"", name, value, err.text);
    assert_null(settings.data_dir);         /* released */
    unsetenv(name);
}

static void
has_the_defaults_of_its_header(void **state)
{
    if (load(NULL, NULL) != 0)
        fail_msg("%s", err.text);
    assert_string_equal(settings.data_dir, "./var");
    assert_string_equal(settings.log_level, "info");
    assert_string_equal(settings.ingest_listen, "127.0.0.1:8000");
    assert_string_equal(settings.api_listen, "127.0.0.1:8080");
    assert_null(settings.api_key);
    assert_null(settings.bus_dir);
    assert_int_equal(settings.read_open, 0);
    assert_int_equal(settings.http_max_body, 10 * 1024 * 1024);
    assert_int_equal(settings.journal_min_free, 1024 * 1024 * 1024);
    assert_int_equal(settings.journal_segment_bytes, 64 * 1024 * 1024);
    assert_int_equal(settings.journal_max_bytes, 0);
    assert_int_equal(settings.detector_slots, 1);
    assert_int_equal(settings.detector_slot, -1);
    assert_int_equal(settings.detector_lateness_ms, 5 * 60 * 1000);
    assert_int_equal(settings.checkpoint_ms, 1000);
    assert_true(settings.store_retention_ms == INT64_C(90) * 24 * 3600 * 1000);
    assert_string_equal(settings.slack_min_severity, "medium");
    assert_int_equal(settings.slack_digest_over, 20);
}

static void
finds_the_rules_of_the_checkout_it_runs_in(void **state)
{
    assert_int_equal(load(NULL, NULL), 0);
    if (settings.rules_dir == NULL)
        fail_msg("no rules found");
    assert_int_equal(settings.rules_dir[0], '/');
    assert_int_equal(access(settings.rules_dir, R_OK), 0);
    setenv("BONGSU_DETECTOR_RULES", "/elsewhere", 1);
    assert_int_equal(load(NULL, NULL), 0);
    assert_string_equal(settings.rules_dir, "/elsewhere");
    unsetenv("BONGSU_DETECTOR_RULES");
}

static void
takes_the_names_that_users_know(void **state)
{
    setenv("API_KEY", "0123456789abcdef", 1);
    setenv("READER_KEY", "r", 1);
    setenv("READ_OPEN", "1", 1);
    setenv("ELASTIC_PASSWORD", "secret", 1);
    setenv("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T/B", 1);
    if (load(NULL, NULL) != 0)
        fail_msg("%s", err.text);
    assert_string_equal(settings.api_key, "0123456789abcdef");
    assert_string_equal(settings.reader_key, "r");
    assert_string_equal(settings.elastic_password, "secret");
    assert_string_equal(settings.slack_webhook_url,
                        "https://hooks.slack.com/services/T/B");
    assert_int_equal(settings.read_open, 1);
    forget_environment(state);
}

static void
placeholders_count_as_unset_and_are_named(void **state)
{
    setenv("API_KEY", "change-me", 1);
    setenv("ELASTIC_PASSWORD", "change-me", 1);
    setenv("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/CHANGE/ME", 1);
    if (load(NULL, NULL) != 0)
        fail_msg("%s", err.text);
    assert_null(settings.api_key);
    assert_null(settings.elastic_password);
    assert_null(settings.slack_webhook_url);
    assert_non_null(strstr(options_placeholders_seen(), "api_key"));
    assert_non_null(strstr(options_placeholders_seen(), "slack.webhook_url"));
    forget_environment(state);
}

static void
cross_checks_name_the_option(void **state)
{
    refuses("API_KEY", "0123456789abcde", "api_key: must be 16 characters");
    refuses("BONGSU_LOG_LEVEL", "loud", "log.level: must be debug");
    refuses("BONGSU_SLACK_MIN_SEVERITY", "urgent", "slack.min_severity: must be low");
    refuses("BONGSU_DETECTOR_SLOT", "1", "detector.slot: 1, but detector.slots is 1");
    refuses("BONGSU_DETECTOR_SLOTS", "0", "BONGSU_DETECTOR_SLOTS: ");
    refuses("BONGSU_TLS_CLIENT_CRL", "/x.pem", "tls.client_crl: needs tls.client_ca");
    refuses("BONGSU_TLS_CLIENT_KEY", "/x.key",
            "tls.client_certificate and tls.client_key: one needs the other");
    setenv("BONGSU_DETECTOR_SLOTS", "2", 1);
    setenv("BONGSU_DETECTOR_SLOT", "1", 1);
    assert_int_equal(load(NULL, NULL), 0);
    forget_environment(state);
}

static void
a_bad_setting_does_not_keep_anyone_from_the_help(void **state)
{
    char help[] = "--help";

    setenv("API_KEY", "short", 1);
    assert_int_equal(load(help, NULL), 0);
    assert_int_equal(call.wants_help, 1);
    unsetenv("API_KEY");
}

static void
patterns_of_files_are_a_text_or_a_list(void **state)
{
    static const struct { const char *yaml, *files; } cases[] = {
        { "ingest:\n  files: \"/a/*.log, /b\"\n", "/a/*.log, /b" },
        { "ingest:\n  files: [\"/a/*.log\", \"/b\"]\n", "/a/*.log,/b" },
        { "ingest:\n  files:\n    - /b\n", "/b" },
        { "ingest:\n  files: []\n", NULL },
        { "ingest:\n  files: [[\"/a\"]]\n", "!must be a list of texts without commas" },
        { "ingest:\n  files: [7]\n", "!must be a list of texts without commas" },
        { "ingest:\n  files: [\"/a,b\"]\n", "!must be a list of texts without commas" },
        { "ingest:\n  listen: [\"/a\"]\n", "!must be a single value" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[] = "/tmp/bongsu-settings-XXXXXX", flag[] = "--config";
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, cases[i].yaml, strlen(cases[i].yaml)), strlen(cases[i].yaml));
        close(fd);
        if (cases[i].files != NULL && cases[i].files[0] == '!') {
            assert_int_equal(load(flag, path), -1);
            if (strstr(err.text, cases[i].files + 1) == NULL)
                fail_msg("%s: \"%s\"", cases[i].yaml, err.text);
        } else if (load(flag, path) != 0) {
            fail_msg("%s: \"%s\"", cases[i].yaml, err.text);
        } else if (cases[i].files == NULL) {
            assert_null(settings.ingest_files);
        } else {
            assert_string_equal(settings.ingest_files, cases[i].files);
        }
        unlink(path);
    }
    refuses("BONGSU_INGEST_FILES_FROM", "middle", "must be end or start");
}

static void
a_secret_is_no_flag(void **state)
{
    char flag[] = "--api-key", value[] = "0123456789abcdef";

    assert_int_equal(load(flag, value), -1);
    assert_null(strstr(err.text, value));
}

/* No member may be filled by two rows, no name given twice, no row lack help. */
static void
every_option_has_its_own_name_place_and_help(void **state)
{
    for (size_t i = 0; i < settings_option_count; i++) {
        const struct option *option = &settings_options[i];

        assert_non_null(option->help);
        assert_in_range(strlen(option->help), 10, 200);
        assert_in_range(option->offset, 0, sizeof(settings) - sizeof(int64_t));
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(option->name, settings_options[k].name);
            assert_int_not_equal(option->offset, settings_options[k].offset);
        }
    }
    /* every member is a pointer or an int64_t: as many as there are rows */
    assert_int_equal(settings_option_count, sizeof(settings) / sizeof(int64_t));
}

static void
assert_path(const char *name, const char *expected)
{
    char *path = settings_path(&settings, name);

    assert_string_equal(path, expected);
    free(path);
}

static void
paths_are_below_data_dir_or_where_an_option_says(void **state)
{
    setenv("BONGSU_DATA_DIR", "/data", 1);
    assert_int_equal(load(NULL, NULL), 0);
    assert_path("journal", "/data/journal");
    assert_path("store/events", "/data/store/events");
    setenv("BONGSU_JOURNAL_DIR", "/fast/j", 1);
    setenv("BONGSU_STORE_DIR", "/big/s", 1);
    assert_int_equal(load(NULL, NULL), 0);
    assert_path("journal", "/fast/j");
    assert_path("journal/lock", "/fast/j/lock");
    assert_path("store/events", "/big/s/events");
    assert_path("journals", "/data/journals");
    assert_path("outbox.db", "/data/outbox.db");
    forget_environment(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, forget_environment, release)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(has_the_defaults_of_its_header),
        TEST(finds_the_rules_of_the_checkout_it_runs_in),
        TEST(takes_the_names_that_users_know),
        TEST(placeholders_count_as_unset_and_are_named),
        TEST(cross_checks_name_the_option),
        TEST(a_bad_setting_does_not_keep_anyone_from_the_help),
        TEST(patterns_of_files_are_a_text_or_a_list),
        TEST(a_secret_is_no_flag),
        TEST(every_option_has_its_own_name_place_and_help),
        TEST(paths_are_below_data_dir_or_where_an_option_says),
    };

    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
