/*
 * Rules anew while events come: when a file changes, on SIGHUP, by `bongsu rules reload`.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/chain.h"
#include "tests/support/command.h"
#include "tests/support/temp_dir.h"

enum { SEEN_MS = 60000, RELOADS = 60 };

static struct chain *chain;
static char rules[64], config[80];

static const char first_rule[] =
    "title: Notes\nid: 0b3c3f0e-5b4e-4a57-9f0a-1d2c3b4a5968\nlevel: low\n"
    "logsource: {product: bongsu}\n"
    "detection: {s: {event_type: note}, condition: s}\n";

/* Some events of one source, counted over; the number is when it is enough. */
static const char counted[] =
    "title: A step\nid: 33333333-5b4e-4a57-9f0a-1d2c3b4a5968\nlevel: low\n"
    "logsource: {product: bongsu}\n"
    "detection: {s: {event_type: step}, condition: s}\n"
    "---\n"
    "title: Steps\nid: 44444444-5b4e-4a57-9f0a-1d2c3b4a5968\nlevel: high\n"
    "correlation: {type: event_count, rules: 33333333-5b4e-4a57-9f0a-1d2c3b4a5968,\n"
    "  group-by: [source_address], timespan: 1h, condition: {gte: %d}}\n";

static void
write_rule(const char *name, const char *text)
{
    char path[128], half[160];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", rules, name);
    snprintf(half, sizeof(half), "%s/.%s.new", rules, name);
    file = fopen(half, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(rename(half, path), 0);        /* as editors do */
}

static void
write_counted(int enough)
{
    char text[2000];

    snprintf(text, sizeof(text), counted, enough);
    write_rule("counted.yml", text);
}

static int
prepare(void **state)
{
    (void)state;
    chain = chain_new(NULL, NULL);
    temp_dir_make(NULL, rules, sizeof(rules));
    chain_set(chain, "BONGSU_DETECTOR_RULES", rules);
    write_rule(".bongsu.yml", "# nothing yet\n");
    snprintf(config, sizeof(config), "%s/.bongsu.yml", rules);
    chain_set(chain, "BONGSU_CONFIG", config);
    write_rule("notes.yml", first_rule);
    write_counted(5);
    chain_start_all(chain);
    return 0;
}

static int
release(void **state)
{
    (void)state;
    chain_destroy(&chain);
    temp_dir_remove(rules);
    return 0;
}

static void
post(const char *type, const char *source, int events)
{
    for (int i = 0; i < events; i++) {
        char body[256];
        int len = snprintf(body, sizeof(body), "{\"event_type\":\"%s\",\"source_ip\":\"%s\"}", type, source);

        assert_int_equal(chain_post(chain, "/log", "application/json", body, (size_t)len, NULL), 202);
    }
}

/* Incidents of a rule, in the store. */
static size_t
incidents_of(const char *title)
{
    json_t *all, *one;
    size_t i, found = 0;

    all = chain_all_incidents(chain);
    json_array_foreach(all, i, one)
        found += strcmp(json_string_value(json_object_get(json_object_get(one, "rule"), "title")), title) == 0;
    json_decref(all);
    return found;
}

static void
wait_incident(const char *title, size_t count)
{
    for (int64_t until = now_ms() + SEEN_MS; incidents_of(title) < count; wait_a_little())
        if (now_ms() > until)
            fail_msg("%s: never %zu incidents", title, count);
}

static struct command *
run_reload(const char *json, int *ret_code)
{
    char dir[512];
    struct command_spec spec = { 0 };

    snprintf(dir, sizeof(dir), "%s", chain_dir(chain));
    return command_run(&spec, (const char *const[]){ "bongsu", "rules", "reload", "--data-dir", dir, json, NULL },
                       ret_code);
}

static double
reloads(void)
{
    return chain_metric(chain, DETECTOR, "bongsu_detector_rules_reloads_total");
}

/* --- tests --- */

static void
a_changed_file_is_in_force_by_itself_and_windows_go_on(void **state)
{
    double before = reloads();

    (void)state;
    post("step", "192.0.2.1", 4);
    chain_wait_delivered(chain, SEEN_MS);
    write_rule("notes.yml", "title: Notices\nid: 55555555-5b4e-4a57-9f0a-1d2c3b4a5968\nlevel: low\n"
                            "logsource: {product: bongsu}\n"
                            "detection: {s: {event_type: notice}, condition: s}\n");
    chain_wait_metric(chain, DETECTOR, "bongsu_detector_rules_reloads_total", before + 1, SEEN_MS);
    post("note", "192.0.2.1", 1);
    post("notice", "192.0.2.1", 1);
    post("step", "192.0.2.1", 1);       /* the fifth: four were counted by the rules of before */
    wait_incident("Notices", 1);
    wait_incident("Steps", 1);
    assert_int_equal(incidents_of("Notes"), 0);
}

/* As Kubernetes mounts a ConfigMap: files are links through one that changes at once. */
static void
mount_version(const char *version, const char *title)
{
    char path[256], link[128], half[128], text[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/..%s", rules, version);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/..%s/mapped.yml", rules, version);
    snprintf(text, sizeof(text), "title: %s\nid: 66666666-5b4e-4a57-9f0a-1d2c3b4a5968\nlevel: low\n"
             "logsource: {product: bongsu}\ndetection: {s: {event_type: mapped}, condition: s}\n", title);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    snprintf(path, sizeof(path), "..%s", version);
    snprintf(half, sizeof(half), "%s/..data_tmp", rules);
    snprintf(link, sizeof(link), "%s/..data", rules);
    assert_int_equal(symlink(path, half), 0);
    assert_int_equal(rename(half, link), 0);
}

static void
a_configmap_changes_at_once_and_is_read_once(void **state)
{
    char path[128];
    double before = reloads();
    struct command *command;
    int code;

    (void)state;
    mount_version("2026_11_01", "First of the map");
    snprintf(path, sizeof(path), "%s/mapped.yml", rules);
    assert_int_equal(symlink("..data/mapped.yml", path), 0);
    chain_wait_metric(chain, DETECTOR, "bongsu_detector_rules_reloads_total", before + 1, SEEN_MS);
    post("mapped", "192.0.2.30", 1);
    wait_incident("First of the map", 1);
    mount_version("2026_11_02", "Second of the map");
    chain_wait_metric(chain, DETECTOR, "bongsu_detector_rules_reloads_total", before + 2, SEEN_MS);
    post("mapped", "192.0.2.31", 1);
    wait_incident("Second of the map", 1);
    command = run_reload(NULL, &code);
    assert_int_equal(code, 0);
    assert_non_null(strstr(command_output(command), "4 rules in force, 0 refused"));
    command_destroy(&command);
    assert_int_equal(unlink(path), 0);
    command_destroy(&(struct command *){ run_reload(NULL, &code) });
    assert_int_equal(code, 0);
}

/* A death in the middle of changed rules: the window of another rule goes on, and what
 * comes meanwhile is judged by the rules that are on disk. */
static void
die_at(const char *fault, unsigned number)
{
    char title[32], type[32], source[32], text[512];
    size_t steps = incidents_of("Steps");
    int64_t until;

    snprintf(title, sizeof(title), "Death %u", number);
    snprintf(type, sizeof(type), "death%u", number);
    snprintf(source, sizeof(source), "192.0.2.%u", 40 + number);
    snprintf(text, sizeof(text), "title: %s\nid: 77777777-5b4e-4a57-9f0a-1d2c3b4a5968\nlevel: low\n"
             "logsource: {product: bongsu}\ndetection: {s: {event_type: %s}, condition: s}\n", title, type);
    post("step", source, 4);
    chain_wait_delivered(chain, SEEN_MS);
    chain_kill(chain, DETECTOR);
    chain_start(chain, DETECTOR, fault);
    chain_wait_metric(chain, DETECTOR, "bongsu_detector_rules_reloads_total", 0, SEEN_MS);
    write_rule("death.yml", text);
    for (until = now_ms() + SEEN_MS; !chain_has_died(chain, DETECTOR); wait_a_little())
        if (now_ms() > until)
            fail_msg("%s: it does not die", fault);
    post(type, source, 1);
    post("step", source, 1);
    chain_start(chain, DETECTOR, NULL);
    wait_incident(title, 1);
    wait_incident("Steps", steps + 1);
    chain_wait_delivered(chain, SEEN_MS);
    assert_int_equal(incidents_of(title), 1);
    assert_int_equal(incidents_of("Steps"), steps + 1);
}

static void
a_death_while_a_changed_rule_comes_in_force_costs_nothing(void **state)
{
    static const char *const faults[] = { "detector.before_swap:1", "detector.after_swap:1",
                                          "detector.rules_kept:2" };
    char path[128];
    int code;

    (void)state;
    for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        die_at(faults[i], i);
    chain_check_balance(chain);
    snprintf(path, sizeof(path), "%s/death.yml", rules);
    assert_int_equal(unlink(path), 0);
    command_destroy(&(struct command *){ run_reload(NULL, &code) });
    assert_int_equal(code, 0);
}

/* The count of a rule's one incident in the store; 0: there is none. */
static json_int_t
count_of(const char *title)
{
    json_t *all = chain_all_incidents(chain), *one;
    json_int_t count = 0;
    size_t i;

    json_array_foreach(all, i, one)
        if (strcmp(json_string_value(json_object_get(json_object_get(one, "rule"), "title")), title) == 0)
            count = json_integer_value(json_object_get(one, "count"));
    json_decref(all);
    return count;
}

static void
what_grew_before_its_rule_went_is_told(void **state)
{
    enum { EVENTS = 60 };
    char path[128];
    int code;

    (void)state;
    write_rule("going.yml", "title: Going\nid: 88888888-5b4e-4a57-9f0a-1d2c3b4a5968\nlevel: low\n"
               "logsource: {product: bongsu}\ndetection: {s: {event_type: going}, condition: s}\n");
    command_destroy(&(struct command *){ run_reload(NULL, &code) });
    assert_int_equal(code, 0);
    post("going", "192.0.2.60", 1);
    wait_incident("Going", 1);
    post("going", "192.0.2.60", EVENTS - 1);
    chain_wait_delivered(chain, SEEN_MS);
    snprintf(path, sizeof(path), "%s/going.yml", rules);
    assert_int_equal(unlink(path), 0);
    command_destroy(&(struct command *){ run_reload(NULL, &code) });
    assert_int_equal(code, 0);
    for (int64_t until = now_ms() + SEEN_MS; count_of("Going") != EVENTS; wait_a_little())
        if (now_ms() > until)
            fail_msg("%lld of %d are told", (long long)count_of("Going"), EVENTS);
}

static void
a_bad_file_stays_in_its_last_good_version(void **state)
{
    struct command *command;
    int code;

    (void)state;
    write_counted(2);
    command_destroy(&(struct command *){ run_reload(NULL, &code) });
    assert_int_equal(code, 0);
    write_rule("counted.yml", "title: [\n");
    command = run_reload(NULL, &code);
    assert_int_equal(code, 1);
    assert_non_null(strstr(command_output(command), "counted.yml:"));
    assert_non_null(strstr(command_output(command), "its last good version stays in force"));
    assert_non_null(strstr(command_output(command), "1 file in the last good version"));
    command_destroy(&command);
    chain_wait_metric(chain, DETECTOR, "bongsu_detector_rule_files_kept", 1, SEEN_MS);
    post("step", "192.0.2.2", 2);
    wait_incident("Steps", 2);

    chain_kill(chain, DETECTOR);        /* also after a death */
    chain_start(chain, DETECTOR, NULL);
    chain_wait_ready(chain, SEEN_MS);
    post("step", "192.0.2.3", 2);
    wait_incident("Steps", 3);
    write_counted(2);
    command_destroy(&(struct command *){ run_reload(NULL, &code) });
    assert_int_equal(code, 0);
    assert_int_equal(chain_metric(chain, DETECTOR, "bongsu_detector_rule_files_kept"), 0);
}

static void
a_folder_that_is_gone_changes_nothing(void **state)
{
    struct command *command;
    char away[80];
    int code;

    (void)state;
    snprintf(away, sizeof(away), "%s.away", rules);
    assert_int_equal(rename(rules, away), 0);
    command = run_reload(NULL, &code);
    assert_int_equal(code, 1);
    assert_non_null(strstr(command_output(command), "No such file or directory"));
    command_destroy(&command);
    assert_true(chain_metric(chain, DETECTOR, "bongsu_detector_rules_reloads_failed_total") >= 1);
    post("step", "192.0.2.4", 2);
    wait_incident("Steps", 4);
    assert_int_equal(rename(away, rules), 0);
    command_destroy(&(struct command *){ run_reload(NULL, &code) });
    assert_int_equal(code, 0);
}

static void
sighup_reads_them_anew(void **state)
{
    double before = reloads();

    (void)state;
    chain_signal(chain, DETECTOR, SIGHUP);
    chain_wait_metric(chain, DETECTOR, "bongsu_detector_rules_reloads_total", before + 1, SEEN_MS);
    chain_signal(chain, INGEST, SIGHUP);            /* who reads nothing anew goes on */
    post("step", "192.0.2.5", 2);
    wait_incident("Steps", 5);
}

static void
which_rules_are_on_is_read_again_from_the_configuration(void **state)
{
    double before = reloads();
    struct command *command;
    int code;

    (void)state;
    write_rule(".bongsu.yml", "detector:\n  rule_choice:\n    - off path=no*.yml level=low\n");
    chain_wait_metric(chain, DETECTOR, "bongsu_detector_rules_reloads_total", before + 1, SEEN_MS);
    command = run_reload(NULL, &code);
    assert_int_equal(code, 0);
    assert_non_null(strstr(command_output(command), "2 rules in force, 0 refused, 1 off"));
    command_destroy(&command);
    write_rule(".bongsu.yml", "detector: {rule_choice: [off level=lo]}\n");
    command = run_reload(NULL, &code);
    assert_int_equal(code, 1);
    assert_non_null(strstr(command_output(command), "there is no level \"lo\""));
    assert_non_null(strstr(command_output(command), "2 rules in force, 0 refused, 1 off"));
    command_destroy(&command);
    write_rule(".bongsu.yml", "# all\n");
    command = run_reload(NULL, &code);
    assert_int_equal(code, 0);
    assert_non_null(strstr(command_output(command), "3 rules in force, 0 refused\n"));
    command_destroy(&command);
}

static void
many_reloads_cost_no_memory_and_no_event(void **state)
{
    long before = 0;
    int code;

    (void)state;
    for (int i = 0; i < RELOADS; i++) {
        struct command *command;

        post("step", "192.0.2.6", 1);
        write_counted(i % 2 == 0 ? 100000 : 90000);
        command = run_reload("--json", &code);
        assert_int_equal(code, 0);
        assert_non_null(strstr(command_output(command), "\"rules\": 3"));
        command_destroy(&command);
        if (i == RELOADS / 3)
            before = chain_resident_kib(chain, DETECTOR);
    }
    chain_wait_delivered(chain, SEEN_MS);
    chain_check_balance(chain);
    if (!is_slow())
        assert_in_range(chain_resident_kib(chain, DETECTOR), 0, before + 3 * 1024);
    chain_stop_all(chain);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_changed_file_is_in_force_by_itself_and_windows_go_on),
        cmocka_unit_test(a_configmap_changes_at_once_and_is_read_once),
        cmocka_unit_test(a_death_while_a_changed_rule_comes_in_force_costs_nothing),
        cmocka_unit_test(what_grew_before_its_rule_went_is_told),
        cmocka_unit_test(a_bad_file_stays_in_its_last_good_version),
        cmocka_unit_test(a_folder_that_is_gone_changes_nothing),
        cmocka_unit_test(sighup_reads_them_anew),
        cmocka_unit_test(which_rules_are_on_is_read_again_from_the_configuration),
        cmocka_unit_test(many_reloads_cost_no_memory_and_no_event),
    };

    return cmocka_run_group_tests_name("reload", tests, prepare, release);
}
