#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/event_row.h"
#include "ctl/pages.h"
#include "ctl/screen.h"
#include "ctl/subcommand.h"
#include "proto/base/clock.h"
#include "proto/run/daemon.h"

enum { ID_LEN = 32, SHORT_ID = 8, LABEL_CELLS = 14 };

/* --- list --- */

static int
has_title(const void *ctx, const json_t *inc)
{
    return strcasestr(answer_text(json_object_get(inc, "rule"), "title"), ctx) != NULL;
}

static void
print_list(const json_t *incidents)
{
    struct screen_table table = { .columns = 7, .titles = { "ID", "LAST SEEN", "SEVERITY", "STATUS",
                                                            "COUNT", "RULE", "SUMMARY" } };
    json_t *inc;
    size_t i;

    json_array_foreach((json_t *)(uintptr_t)incidents, i, inc) {
        char id[SHORT_ID + 1], seen[EVENT_TIME_LEN], count[24];

        snprintf(id, sizeof id, "%s", answer_text(inc, "id"));
        event_time(answer_text(inc, "last_seen"), seen);
        snprintf(count, sizeof count, "%" JSON_INTEGER_FORMAT,
                 json_integer_value(json_object_get(inc, "count")));
        screen_table_add(&table, (const char *const[]){
            id, seen, answer_text(inc, "severity"), answer_text(inc, "status"), count,
            answer_text(json_object_get(inc, "rule"), "title"), answer_text(inc, "summary") });
    }
    screen_table_print(&table);
    screen_table_release(&table);
}

int
incidents_list_run(struct call *call)
{
    const char *title = call->rule != NULL && !pages_is_rule_id(call->rule) ? call->rule : NULL;
    struct buf path = { 0 };
    struct remote remote = { 0 };
    struct pages pages = { .remote = &remote, .list = "incidents" };
    json_t *incidents = NULL, *answer;
    struct err err;
    int code = remote_open(&remote, call, KEY_TO_READ, &err);

    if (code == EXIT_DONE && buf_append_str(&path, "/incidents") == 0)
        code = pages_add_incident_filters(&path, call, clock_real_us(), &err);
    pages.path = path.ptr;
    if (code == EXIT_DONE)
        code = pages_collect(&pages, (size_t)call->limit, title == NULL ? NULL : has_title, title,
                             &incidents, &err);
    if (code != EXIT_DONE) {
        call_complain(call, code, &err);
    } else {
        code = json_array_size(incidents) > 0 ? EXIT_DONE : EXIT_PARTLY;
        answer = json_pack("{s:O, s:b}", "incidents", incidents, "more", !pages.is_done);
        if (call->json)
            screen_print_json(answer);
        else if (code == EXIT_DONE)
            print_list(incidents);
        else
            puts("no incident");
        json_decref(answer);
    }
    json_decref(incidents);
    pages_release(&pages);
    buf_release(&path);
    remote_close(&remote);
    return code;
}

/* --- one of them --- */

static int
begins_with(const void *ctx, const json_t *inc)
{
    return strncasecmp(answer_text(inc, "id"), ctx, strlen(ctx)) == 0;
}

/* The whole id of one that is given in part. EXIT_DONE, or the exit code. */
static int
find_id(struct remote *remote, const char *given, char ret_id[ID_LEN + 1], struct err *err)
{
    struct pages pages = { .remote = remote, .path = "/incidents", .list = "incidents" };
    json_t *found = NULL;
    size_t len = strlen(given);
    int code;

    for (size_t i = 0; i < len; i++)
        if (!isxdigit((unsigned char)given[i]) || len > ID_LEN) {
            err_set(err, "%.80s: is no incident's id (bongsu incidents list shows them)", given);
            return EXIT_USAGE;
        }
    if (len == ID_LEN) {
        memcpy(ret_id, given, ID_LEN + 1);
        return EXIT_DONE;
    }
    code = pages_collect(&pages, 2, begins_with, given, &found, err);
    if (code == EXIT_DONE && json_array_size(found) != 1) {
        err_set(err, json_array_size(found) == 0 ? "%s: no incident's id begins so"
                                                 : "%s: several incidents' ids begin so", given);
        code = EXIT_PARTLY;
    }
    if (code == EXIT_DONE)
        snprintf(ret_id, ID_LEN + 1, "%s", answer_text(json_array_get(found, 0), "id"));
    json_decref(found);
    pages_release(&pages);
    return code;
}

static void
print_line(const char *name, const char *value)
{
    struct buf out = { 0 };
    size_t cells = screen_width(text_of(name));

    cells = cells < LABEL_CELLS ? LABEL_CELLS : cells;
    if (value[0] != '\0' && screen_append_cell(&out, text_of(name), cells, 1) == 0 &&
        buf_append_str(&out, "  ") == 0 &&
        screen_escape(&out, text_of(value)) == 0)
        puts(out.ptr);
    buf_release(&out);
}

static void
print_history(const json_t *inc)
{
    json_t *entry;
    size_t i;

    json_array_foreach(json_object_get(inc, "history"), i, entry) {
        struct buf line = { 0 };
        char at[EVENT_TIME_LEN];

        event_time(answer_text(entry, "at"), at);
        buf_printf(&line, "%s  %s -> %s by %s%s%s", at, answer_text(entry, "from"),
                   answer_text(entry, "to"), answer_text(entry, "by"),
                   answer_text(entry, "note")[0] == '\0' ? "" : ": ", answer_text(entry, "note"));
        print_line(i == 0 ? "history" : "", line.ptr == NULL ? "" : line.ptr);
        buf_release(&line);
    }
}

static void
print_incident(const json_t *inc)
{
    char opened[EVENT_TIME_LEN], seen[EVENT_TIME_LEN], count[24];
    const json_t *rule = json_object_get(inc, "rule");
    const char *name;
    json_t *value;
    size_t i;

    event_time(answer_text(inc, "opened_at"), opened);
    event_time(answer_text(inc, "last_seen"), seen);
    snprintf(count, sizeof count, "%" JSON_INTEGER_FORMAT,
             json_integer_value(json_object_get(inc, "count")));
    print_line("id", answer_text(inc, "id"));
    print_line("summary", answer_text(inc, "summary"));
    print_line("rule", answer_text(rule, "title"));
    if (json_is_string(json_object_get(rule, "author")))
        print_line("rule by", answer_text(rule, "author"));
    json_array_foreach(json_object_get(rule, "references"), i, value)
        print_line(i == 0 ? "see" : "", json_is_string(value) ? json_string_value(value) : "");
    print_line("severity", answer_text(inc, "severity"));
    print_line("status", answer_text(inc, "status"));
    json_object_foreach(json_object_get(inc, "key"), name, value)
        print_line(name, json_is_string(value) ? json_string_value(value) : "");
    print_line("opened", opened);
    print_line("last seen", seen);
    print_line("count", count);
    if (json_is_true(json_object_get(inc, "incomplete")))
        print_line("incomplete", "the detector had lost its state: events may be missing");
    print_history(inc);
    if (json_array_size(json_object_get(inc, "events")) > 0) {
        putchar('\n');
        event_rows_print(json_object_get(inc, "events"));
    }
}

/* GET one, or POST its new status; and show what the answer says. */
static int
ask_for_one(struct call *call, enum key_use use, const char *what, const json_t *body)
{
    struct remote remote = { 0 };
    char id[ID_LEN + 1], path[ID_LEN + 64];
    json_t *inc = NULL;
    struct err err;
    int code = remote_open(&remote, call, use, &err);

    if (code == EXIT_DONE)
        code = find_id(&remote, call->args[0], id, &err);
    if (code == EXIT_DONE) {
        snprintf(path, sizeof path, "/incidents/%s%s", id, what);
        code = remote_ask_json(&remote, path, body, &inc, NULL, &err);
    }
    if (code != EXIT_DONE)
        call_complain(call, code, &err);
    else if (call->json)
        screen_print_json(inc);
    else
        print_incident(inc);
    json_decref(inc);
    remote_close(&remote);
    return code;
}

int
incidents_show_run(struct call *call)
{
    return ask_for_one(call, KEY_TO_READ, "", NULL);
}

int
incidents_status_run(struct call *call)
{
    const char *login = getlogin();
    const char *by = call->by != NULL ? call->by : login != NULL ? login : getenv("USER");
    json_t *body = json_pack("{s:s, s:s*, s:s*}", "status", call->args[1], "note", call->note,
                             "by", by);
    struct err err = { "STATUS, --note and --by must be UTF-8" };
    int code = body == NULL ? call_complain(call, EXIT_USAGE, &err)
                            : ask_for_one(call, KEY_TO_WRITE, "/status", body);

    json_decref(body);
    return code;
}
