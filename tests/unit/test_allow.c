/*
 * test_allow.c - the allow list: what it says, what it takes from rules, its file
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "detector/watch/allow_file.h"
#include "detector/match/allow_list.h"
#include "detector/state/checkpoint_allow.h"
#include "proto/base/timestamp.h"
#include "tests/support/engine_case.h"
#include "tests/support/temp_dir.h"

#define DAY (24 * HOUR)

static struct allow_list *
parse(const char *text)
{
    struct err err = { "" };
    struct allow_list *list = allow_list_parse("allow.yml", text, strlen(text), &err);

    if (list == NULL)
        fail_msg("%s", err.text);
    return list;
}

static void
allow(struct engine_case *fix, const char *text)
{
    struct allow_list *list = parse(text);

    assert_int_equal(engine_set_allow(fix->engine, &list), 0);
    assert_null(list);
}

static void
wrong_entries_are_refused_with_line_and_field(void **state)
{
    static const struct { const char *text, *reason; } rows[] = {
        { "allow:\n  - {source: 192.0.2.1}\n", "allow.yml:2: reason: is missing" },
        { "allow:\n  - {reason: x}\n", "allow.yml:2: an entry needs" },
        { "allow:\n  - reason: x\n    source: 192.0.2\n", "allow.yml:3: source: \"192.0.2\"" },
        { "allow:\n  - reason: x\n    source: 192.0.2.1/24\n", "allow.yml:3: source: " },
        { "allow:\n  - reason: x\n    user: a\n    until: soon\n", "allow.yml:4: until: " },
        { "allow:\n  - reason: x\n    user: 5\n", "allow.yml:3: user: must be a text" },
        { "allow:\n  - reason: x\n    user: ''\n", "allow.yml:3: user: must have" },
        { "allow:\n  - reason: \"a\\tb\"\n    user: a\n", "allow.yml:2: reason: a control" },
        { "allow:\n  - reason: x\n    usr: a\n", "allow.yml:3: unknown key \"usr\"" },
        { "allow:\n  - {reason: x, user: A}\n  - {reason: y, user: a}\n",
          "allow.yml:3: the same conditions as on line 2" },
        { "allow: x\n", "allow.yml:1: allow: must be a list" },
        { "alow: []\n", "allow.yml:1: unknown key \"alow\"" },
        { "- x\n", "allow.yml:1: must be one map" },
        { "allow: []\n---\n---\nallow: []\n", "allow.yml:4: must be one map" },
        { "allow: [x]\n", "allow.yml:1: an entry must be a map" },
        { "allow: [\n", "allow.yml:" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = { "" };

        assert_null(allow_list_parse("allow.yml", rows[i].text, strlen(rows[i].text), &err));
        if (strncmp(err.text, rows[i].reason, strlen(rows[i].reason)) != 0)
            fail_msg("\"%s\" is not \"%s\"", err.text, rows[i].reason);
    }
}

static void
an_empty_document_is_passed_over(void **state)
{
    static const struct { const char *text; size_t count; } rows[] = {
        { "allow:\n  - {reason: x, user: a}\n---\n", 1 },
        { "---\n---\nallow:\n  - {reason: x, user: a}\n...\n", 1 },
        { "---\n# nothing yet\n---\n", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct allow_list *list = parse(rows[i].text);

        assert_int_equal(allow_list_count(list), rows[i].count);
        allow_list_destroy(&list);
    }
}

static void
all_conditions_of_an_entry_must_hold(void **state)
{
    static const struct {
        const char *source, *host, *user;
        int64_t at_s;
        int is_found;
    } rows[] = {
        { "192.0.2.7", "WEB1", "backup-1", 0, 1 },
        { "::ffff:192.0.2.7", "web22", "backup-x", 0, 1 },
        { "192.0.3.7", "web1", "backup-1", 0, 0 },
        { "", "web1", "backup-1", 0, 0 },
        { "192.0.2.7", "db1", "backup-1", 0, 0 },
        { "192.0.2.7", "", "backup-1", 0, 0 },
        { "192.0.2.7", "web1", "backup-", 0, 0 },
        { "192.0.2.7", "web1", "root", 0, 0 },
        { "192.0.2.7", "web1", "backup-1", 86399, 1 },
        { "192.0.2.7", "web1", "backup-1", 86400, 0 },
    };
    const struct sigma_rule brute = { .id = "b1", .name = "brute", .title = "Brute Force" };
    const struct sigma_rule other = { .id = "o1", .title = "Other" };
    struct allow_list *list = parse(
        "---\nallow:\n"
        "  - {source: 192.0.2.0/24, host: 'web*', user: 'backup-?', rule: brute force,\n"
        "     reason: nightly, until: 2026-11-22}\n---\n# the end\n");
    int64_t midnight = timestamp_from_local(2026, 11, 22, 0, 0, 0);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct allow_question question = {
            text_of(rows[i].source), text_of(rows[i].host), text_of(rows[i].user),
            midnight + SEC(rows[i].at_s),
        };

        allow_list_ask(list, &question);
        assert_int_equal(allow_list_find(list, &brute), rows[i].is_found ? 0 : -1);
        assert_int_equal(allow_list_find(list, &other), -1);
    }
    assert_string_equal(allow_list_entry(list, 0)->name,
                        "source=192.0.2.0/24 host=web* user=backup-? rule=brute force");
    allow_list_destroy(&list);
}

static uint64_t
allowed(struct engine_case *fix, const char *entry)
{
    char label[200];

    snprintf(label, sizeof(label), "entry=\"%s\"", entry);
    return *metrics_number(fix->metrics, METRIC_COUNTER, "bongsu_detector_allowed_total", label,
                           "");
}

static void
allowed_event_reaches_only_the_rules_it_is_not_allowed_for(void **state)
{
    struct engine_case *fix = *state;
    struct event alarm = engine_case_event(fix, "alarm", "192.0.2.1", START);

    allow(fix, "allow: [{source: 192.0.2.1, rule: brute, reason: x}]");
    engine_case_fail_login(fix, "192.0.2.1", 50, START);
    assert_int_equal(engine_case_incidents(fix).count, 0);
    engine_case_judge(fix, &alarm);
    assert_int_equal(engine_case_incidents(fix).count, 1);
    engine_case_fail_login(fix, "192.0.2.2", 50, START);
    assert_int_equal(engine_case_incidents(fix).count, 2);
    assert_int_equal(allowed(fix, "source=192.0.2.1 rule=brute"), 1);
    assert_int_equal(engine_numbers(fix->engine).entries, 1);
}

static void
list_can_change_amid_a_window_which_goes_on(void **state)
{
    struct engine_case *fix = *state;

    engine_case_fail_login(fix, "192.0.2.1", 4, START);
    allow(fix, "allow: [{source: 192.0.2.0/24, reason: x}]");
    engine_case_fail_login(fix, "192.0.2.1", 4, START + SEC(1));
    assert_int_equal(engine_case_incidents(fix).count, 0);
    allow(fix, "");
    engine_case_fail_login(fix, "192.0.2.1", 1, START + SEC(2));
    assert_int_equal(engine_case_incidents(fix).total, 5);
}

static void
what_entries_ate_is_counted_by_day_and_kept_over_restarts(void **state)
{
    static const char list[] = "allow: [{source: 192.0.2.1, reason: x}]";
    static const char other[] = "allow: [{user: z, reason: new}, {source: 192.0.2.1, reason: y}]";
    struct engine_options options = engine_case_options();
    struct engine_case *fix = *state;
    struct row_store *store = calloc(1, sizeof(*store));
    struct engine_allowed one;

    allow(fix, list);
    for (int i = 0; i < 3; i++) {
        struct event ev = engine_case_event(fix, "alarm", "192.0.2.1", START + i * DAY);

        engine_case_judge(fix, &ev);
        engine_case_judge(fix, &ev);
    }
    row_store_save(store, fix);
    engine_case_close(fix);
    engine_case_open(fix, engine_case_rules, &options);
    row_store_restore(store, fix);
    allow(fix, other);
    assert_int_equal(engine_allowed(fix->engine, 1, &one), 1);
    assert_int_equal(one.total, 6);
    assert_int_equal(one.today, 2);
    assert_int_equal(one.last_us, START + 2 * DAY);
    assert_int_equal(one.state, ALLOW_ACTIVE);
    assert_string_equal(one.entry->reason.ptr, "y");
    assert_int_equal(allowed(fix, "source=192.0.2.1"), 6);
    assert_int_equal(engine_allowed(fix->engine, 2, &one), 0);
    row_store_destroy(&store);
}

static void
expired_unused_and_misspelt_entries_are_named(void **state)
{
    struct engine_case *fix = *state;
    struct engine_allowed one;

    allow(fix, "allow:\n"
               "  - {source: 192.0.2.1, reason: x}\n"
               "  - {user: u, reason: x}\n"
               "  - {source: 192.0.2.3, until: '2026-11-23T00:00:00Z', reason: x}\n"
               "  - {user: u, rule: brutte, reason: x}\n");
    engine_case_fail_login(fix, "192.0.2.1", 1, START);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(engine_allowed(fix->engine, i, &one), 1);
        assert_int_equal(one.state, ALLOW_ACTIVE);
    }
    engine_allowed(fix->engine, 3, &one);
    assert_int_equal(one.state, ALLOW_NO_RULE);
    engine_case_fail_login(fix, "192.0.2.1", 1, START + 31 * DAY);
    engine_allowed(fix->engine, 0, &one);
    assert_int_equal(one.state, ALLOW_ACTIVE);
    engine_allowed(fix->engine, 1, &one);
    assert_int_equal(one.state, ALLOW_UNUSED);
    engine_allowed(fix->engine, 2, &one);
    assert_int_equal(one.state, ALLOW_EXPIRED);
    engine_case_fail_login(fix, "192.0.2.3", 9, START + 31 * DAY);
    assert_int_equal(engine_case_incidents(fix).count, 1);
}

static void
entry_that_would_take_everything_is_named(void **state)
{
    static const struct { const char *text; enum allow_state state; } rows[] = {
        { "{source: 0.0.0.0/0, reason: x}", ALLOW_BROAD },
        { "{source: '::/0', reason: x}", ALLOW_BROAD },
        { "{source: '::ffff:0.0.0.0/96', reason: x}", ALLOW_BROAD },
        { "{source: 64.0.0.0/2, host: '*', reason: x}", ALLOW_BROAD },
        { "{user: '*', reason: x}", ALLOW_BROAD },
        { "{host: '?*', reason: x}", ALLOW_BROAD },
        { "{source: 10.0.0.0/8, reason: x}", ALLOW_ACTIVE },
        { "{source: 0.0.0.0/0, user: backup, reason: x}", ALLOW_ACTIVE },
        { "{user: '?', reason: x}", ALLOW_ACTIVE },
        { "{rule: brute, reason: x}", ALLOW_ACTIVE },
        { "{source: 0.0.0.0/0, rule: brute, reason: x}", ALLOW_ACTIVE },
    };
    struct engine_case *fix = *state;
    struct engine_allowed one;
    char text[200];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(text, sizeof(text), "allow: [%s]", rows[i].text);
        allow(fix, text);
        assert_int_equal(engine_allowed(fix->engine, 0, &one), 1);
        if (one.state != rows[i].state)
            fail_msg("%s: %d", rows[i].text, one.state);
    }
}

static void
entries_are_for_rules_by_id_title_or_name_in_any_case(void **state)
{
    static const struct sigma_rule rules[] = {
        { .id = "5712A", .title = "Brute force" },
        { .id = "5713", .title = "Spray", .name = "many_users" },
    };
    static const struct { const char *text; char marks[3]; } rows[] = {
        { "5712a", "10" }, { "BRUTE FORCE", "10" }, { "Many_Users", "01" }, { "5713", "01" },
        { "spray", "01" }, { "5712", "00" }, { "brute_force", "00" }, { "many_user", "00" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[100];
        struct allow_list *list;

        snprintf(text, sizeof(text), "allow: [{user: u, reason: x}, {rule: '%s', reason: x}]",
                 rows[i].text);
        list = parse(text);
        for (size_t rule = 0; rule < 2; rule++) {
            unsigned char marks[2] = { 0 };

            allow_list_mark(list, &rules[rule], marks);
            if (marks[0] != 0 || marks[1] != rows[i].marks[rule] - '0')
                fail_msg("%s, rule %zu: %d %d", rows[i].text, rule, marks[0], marks[1]);
        }
        allow_list_destroy(&list);
    }
}

/* An end is a moment of the site's zone unless it says which, and no day that is none. */
static void
end_of_an_entry_is_exact_to_the_second(void **state)
{
    static const struct { const char *until; const char *last; } rows[] = {
        { "2026-12-31", "2026-12-31T23:59:59.999999+09:00" },
        { "2026-12-31T12:00:00+00:00", "2026-12-31T11:59:59.999999Z" },
        { "2026-12-31T12:00:00-08:00", "2026-12-31T19:59:59.999999Z" },
        { "2028-02-29", "2028-02-29T23:59:59.999999+09:00" },
    };
    static const char no_day[] = "allow: [{user: u, reason: x, until: '2026-02-29'}]";
    const struct sigma_rule rule = { .id = "r", .title = "R" };
    struct err err = { "" };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct allow_question question = { text_of(""), text_of(""), text_of("U"), 0 };
        struct allow_list *list;
        char text[200];

        snprintf(text, sizeof(text), "allow: [{user: u, reason: x, until: '%s'}]",
                 rows[i].until);
        list = parse(text);
        assert_int_equal(timestamp_parse(text_of(rows[i].last), &question.at_us, &err), 0);
        allow_list_ask(list, &question);
        assert_int_equal(allow_list_find(list, &rule), 0);
        question.at_us++;
        allow_list_ask(list, &question);
        assert_int_equal(allow_list_find(list, &rule), -1);
        allow_list_destroy(&list);
    }
    assert_null(allow_list_parse("a", no_day, strlen(no_day), &err));
}

static void
mapped_addresses_and_capitals_are_the_same(void **state)
{
    static const struct { const char *entry, *source, *user; int is_found; } rows[] = {
        { "source: '::ffff:192.0.2.0/120'", "192.0.2.9", "", 1 },
        { "source: '::FFFF:c000:0209'", "192.0.2.9", "", 1 },
        { "source: 192.0.2.9", "::ffff:192.0.2.9", "", 1 },
        { "source: 192.0.2.9", "0:0:0:0:0:FFFF:C000:209", "", 1 },
        { "source: 192.0.2.9", "::192.0.2.9", "", 0 },
        { "source: '::/0'", "192.0.2.9", "", 0 },
        { "source: '2001:DB8::/32'", "2001:db8:0:0::1", "", 1 },
        { "user: Jenkins", "", "JENKINS", 1 },
        { "user: 'EXAMPLE\\Jenkins'", "", "example\\jenkins", 1 },
        { "user: jenkins", "", "jenkins ", 0 },
        { "user: jenkins", "", "xjenkins", 0 },
    };
    const struct sigma_rule rule = { .id = "r", .title = "R" };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct allow_question question = { text_of(rows[i].source), text_of(""),
                                                 text_of(rows[i].user), 0 };
        struct allow_list *list;
        char text[200];

        snprintf(text, sizeof(text), "allow:\n  - reason: x\n    %s\n", rows[i].entry);
        list = parse(text);
        allow_list_ask(list, &question);
        if ((allow_list_find(list, &rule) == 0) != rows[i].is_found)
            fail_msg("%s", rows[i].entry);
        allow_list_destroy(&list);
    }
}

static void
write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static size_t
count_in_force(struct engine_case *fix)
{
    struct engine_allowed one;
    size_t i = 0;

    while (engine_allowed(fix->engine, i, &one))
        i++;
    return i;
}

static void
changed_file_is_taken_and_a_wrong_one_leaves_the_last_good(void **state)
{
    struct engine_case *fix = *state;
    char dir[300], path[500], *given;
    const char *tmp = getenv("TMPDIR");
    struct allow_file file;
    json_t *status = json_object(), *warnings = json_array();
    struct err err = { "" };

    snprintf(dir, sizeof(dir), "%s/bongsu-allow-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/allow.yml", dir);
    given = strdup(path);
    allow_file_open(&file, &given, (struct text){ NULL, 0 }, fix->engine);
    assert_null(given);
    assert_int_equal(count_in_force(fix), 0);
    assert_int_equal(allow_file_check(path, &err), 0);
    write_file(path, "allow: [{user: a, reason: x}, {user: b, reason: x}]\n");
    allow_file_look(&file, fix->engine);
    assert_int_equal(count_in_force(fix), 0);           /* it may be half written */
    allow_file_look(&file, fix->engine);
    assert_int_equal(count_in_force(fix), 2);
    write_file(path, "allow: [{user: a}]\n");
    allow_file_look(&file, fix->engine);
    allow_file_look(&file, fix->engine);
    assert_int_equal(count_in_force(fix), 2);
    assert_int_equal(allow_file_check(path, &err), -1);
    allow_file_fill(&file, fix->engine, status, warnings);
    assert_non_null(strstr(json_string_value(json_array_get(warnings, 0)), ":1: reason"));
    assert_int_equal(json_array_size(json_object_get(json_object_get(status, "allow"),
                                                     "entries")), 2);
    write_file(path, "allow: [{user: a, reason: again}]\n");
    allow_file_look(&file, fix->engine);
    allow_file_look(&file, fix->engine);
    assert_int_equal(count_in_force(fix), 1);
    assert_null(file.problem);
    assert_int_equal(unlink(path), 0);
    allow_file_look(&file, fix->engine);
    assert_int_equal(count_in_force(fix), 1);
    allow_file_look(&file, fix->engine);
    assert_int_equal(count_in_force(fix), 0);
    allow_file_close(&file);
    json_decref(status);
    json_decref(warnings);
    assert_int_equal(temp_dir_remove(dir), 0);
}

static const char *
first_warning(const struct allow_file *file, struct engine_case *fix, char *out, size_t len)
{
    json_t *status = json_object(), *warnings = json_array();

    allow_file_fill(file, fix->engine, status, warnings);
    snprintf(out, len, "%s", json_array_size(warnings) == 0
                             ? "" : json_string_value(json_array_get(warnings, 0)));
    json_decref(status);
    json_decref(warnings);
    return out;
}

static void
file_that_could_not_be_read_is_tried_again(void **state)
{
    struct engine_case *fix = *state;
    char dir[64], path[100], warning[500], *given;
    struct rlimit before, none;
    struct allow_file file;

    temp_dir_make(NULL, dir, sizeof(dir));
    snprintf(path, sizeof(path), "%s/allow.yml", dir);
    given = strdup(path);
    allow_file_open(&file, &given, (struct text){ NULL, 0 }, fix->engine);
    write_file(path, "allow: [{user: a, reason: x}]\n");
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){ 0, before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (int i = 0; i < 3; i++)
        allow_file_look(&file, fix->engine);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(count_in_force(fix), 0);
    assert_non_null(strstr(first_warning(&file, fix, warning, sizeof(warning)),
                           "Too many open files"));
    allow_file_look(&file, fix->engine);
    assert_int_equal(count_in_force(fix), 1);
    assert_string_equal(first_warning(&file, fix, warning, sizeof(warning)), "");
    allow_file_close(&file);
    assert_int_equal(temp_dir_remove(dir), 0);
}

/* Open the list of path, and keep what is due; kept as the state file has it. */
static void
start(const char *path, struct checkpoint *cp, struct allow_file *file, struct engine_case *fix)
{
    struct buf kept = { 0 };
    struct text bytes;
    struct err err = { "" };
    char *given = strdup(path);
    int is_known = checkpoint_read_allow(cp, &kept, &err);

    assert_true(is_known >= 0);
    allow_file_open(file, &given, !is_known ? (struct text){ NULL, 0 }
                                  : kept.len > 0 ? buf_text(&kept) : text_of(""), fix->engine);
    if (allow_file_due(file, &bytes)) {
        assert_int_equal(checkpoint_keep_allow(cp, bytes, &err), DB_DONE);
        allow_file_is_kept(file);
    }
    assert_false(allow_file_due(file, &bytes));
    buf_release(&kept);
}

static void
list_that_is_wrong_at_start_leaves_the_last_good_of_the_run_before(void **state)
{
    static const struct {
        const char *text;       /* NULL: the file is gone */
        size_t in_force;
        const char *warning;
    } starts[] = {
        { "allow: [{user: a}]\n", 0, "none is in force until it is right" },
        { "allow: [{user: a, reason: x}, {user: b, reason: x}]\n", 2, "" },
        { "allow: [{user: a}]\n", 2, "the last good one stays" },
        { "allow: [\n", 2, "the last good one stays" },
        { NULL, 0, "" },
        { "allow: [{user: a}]\n", 0, "the last good one stays" },
        { "allow: [{user: a, reason: x}]\n", 1, "" },
        { "allow: [{user: a}]\n", 1, "the last good one stays" },
    };
    struct engine_case *fix = *state;
    char dir[300], path[500], db[500], warning[500];
    const char *tmp = getenv("TMPDIR");
    struct err err = { "" };

    snprintf(dir, sizeof(dir), "%s/bongsu-allow-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/allow.yml", dir);
    snprintf(db, sizeof(db), "%s/detector-0.db", dir);
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        struct checkpoint *cp = checkpoint_open(db, START, &err);
        struct allow_file file;

        assert_non_null(cp);
        if (starts[i].text != NULL)
            write_file(path, starts[i].text);
        else
            assert_int_equal(unlink(path), 0);
        start(path, cp, &file, fix);
        assert_int_equal(count_in_force(fix), starts[i].in_force);
        assert_non_null(strstr(first_warning(&file, fix, warning, sizeof(warning)),
                               starts[i].warning));
        assert_int_equal(warning[0] == '\0', starts[i].warning[0] == '\0');
        allow_file_close(&file);
        checkpoint_close(&cp);
        engine_case_tear_down((void **)&fix);
        engine_case_set_up((void **)&fix);
    }
    *state = fix;
    assert_int_equal(temp_dir_remove(dir), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, engine_case_set_up, engine_case_tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_entries_are_refused_with_line_and_field),
        cmocka_unit_test(an_empty_document_is_passed_over),
        cmocka_unit_test(all_conditions_of_an_entry_must_hold),
        TEST(allowed_event_reaches_only_the_rules_it_is_not_allowed_for),
        TEST(list_can_change_amid_a_window_which_goes_on),
        TEST(what_entries_ate_is_counted_by_day_and_kept_over_restarts),
        TEST(expired_unused_and_misspelt_entries_are_named),
        TEST(entry_that_would_take_everything_is_named),
        cmocka_unit_test(entries_are_for_rules_by_id_title_or_name_in_any_case),
        cmocka_unit_test(end_of_an_entry_is_exact_to_the_second),
        cmocka_unit_test(mapped_addresses_and_capitals_are_the_same),
        TEST(list_that_is_wrong_at_start_leaves_the_last_good_of_the_run_before),
        TEST(changed_file_is_taken_and_a_wrong_one_leaves_the_last_good),
        TEST(file_that_could_not_be_read_is_tried_again),
    };

    struct err err = { "" };

    setenv("TZ", "Asia/Seoul", 1);
    if (timestamp_init(&err) != 0) {
        print_error("%s\n", err.text);
        return 1;
    }
    return cmocka_run_group_tests_name("allow", tests, NULL, NULL);
}
