#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "ctl/event_row.h"
#include "ctl/look.h"
#include "ctl/pages.h"
#include "ctl/screen.h"
#include "ctl/stop_signal.h"
#include "ctl/subcommand.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "proto/run/daemon.h"

enum { FIRST_GAP_MS = 500, INCIDENTS = 30 };

struct top {
    struct call *call;
    struct remote api, ingest;
    int is_remote;              /* --url: only ingest and the api are seen */
    struct look before, now;
    json_t *incidents;          /* the latest that are open; NULL: not known */
    char trouble[512];          /* why not */
    struct termios saved;
    int is_raw;
};

/* --- looking --- */

static void
look_at_one(struct remote *remote, int process, struct look *look)
{
    struct err err;

    if (remote->url == NULL)
        snprintf(look->why[process], sizeof(look->why[process]), "not asked (--ingest-url)");
    else if (remote_ask_json(remote, "/status", NULL, &look->status[process], NULL, &err) !=
             EXIT_DONE)
        snprintf(look->why[process], sizeof(look->why[process]), "%.190s", err.text);
}

static void
look_from_afar(struct top *top, struct look *look)
{
    look->at_ms = clock_steady_ms();
    for (int i = 0; i < LOCAL_PROCESSES; i++)
        snprintf(look->why[i], sizeof(look->why[i]), "not seen from here");
    look_at_one(&top->ingest, local_find("ingest"), look);
    look_at_one(&top->api, local_find("api"), look);
}

static int
look_at_incidents(struct top *top)
{
    struct pages pages = { .remote = &top->api, .path = "/incidents?status=open",
                           .list = "incidents" };
    struct err err;
    int code;

    json_decref(top->incidents);
    top->incidents = NULL;
    code = pages_collect(&pages, INCIDENTS, NULL, NULL, &top->incidents, &err);
    snprintf(top->trouble, sizeof top->trouble, "%s", code == EXIT_DONE ? "" : err.text);
    pages_release(&pages);
    return code;
}

static int
look_around(struct top *top)
{
    look_release(&top->before);
    top->before = top->now;
    memset(&top->now, 0, sizeof top->now);
    if (top->is_remote)
        look_from_afar(top, &top->now);
    else
        look_at_all(&top->call->settings, &top->now);
    return look_at_incidents(top);
}

/* --- a frame --- */

static void
describe_process(const struct top *top, int i, char out[5][128])
{
    const json_t *status = top->now.status[i];
    const char *unit;
    double rate = look_rate(&top->before, &top->now, i, &unit);

    snprintf(out[0], 128, "%s", local_processes[i]);
    snprintf(out[1], 128, "%s", status == NULL ? "-"
             : json_is_true(json_object_get(status, "ready")) ? "ready" : "NOT READY");
    out[2][0] = out[3][0] = out[4][0] = '\0';
    if (status == NULL) {
        snprintf(out[4], 128, "%.120s", top->now.why[i]);
        return;
    }
    age_format(json_integer_value(json_object_get(status, "uptime_s")), out[2]);
    if (rate >= 0)
        snprintf(out[3], 128, "%.0f %s", rate, unit);
    if (json_integer_value(json_object_get(status, "dead_letters")) > 0)
        snprintf(out[4], 128, "%" JSON_INTEGER_FORMAT " dead letters",
                 json_integer_value(json_object_get(status, "dead_letters")));
}

static void
append_processes(const struct top *top, size_t width, struct buf *out)
{
    struct screen_table table = { .columns = 5,
                                  .titles = { "PROCESS", "STATE", "UP", "RATE", "" } };

    for (int i = 0; i < LOCAL_PROCESSES; i++) {
        char cells[5][128];

        describe_process(top, i, cells);
        screen_table_add(&table, (const char *const[]){ cells[0], cells[1], cells[2], cells[3],
                                                        cells[4] });
    }
    screen_table_append(&table, width, out);
    screen_table_release(&table);
}

static void
append_backlogs(const struct top *top, size_t width, struct buf *out)
{
    struct screen_table table = { .columns = 3,
                                  .titles = { "CONSUMER", "BACKLOG", "OLDEST UNACKED" } };
    json_t *consumers = json_object_get(top->now.status[local_find("ingest")], "consumers");
    json_t *consumer;
    const char *name;

    json_object_foreach(consumers, name, consumer) {
        char backlog[32], age[32];

        snprintf(backlog, sizeof backlog, "%" JSON_INTEGER_FORMAT,
                 json_integer_value(json_object_get(consumer, "backlog_events")));
        age_format(json_integer_value(json_object_get(consumer, "oldest_age_ms")) / 1000, age);
        screen_table_add(&table, (const char *const[]){ name, backlog, age });
    }
    if (table.count > 0) {
        buf_append_char(out, '\n');
        screen_table_append(&table, width, out);
    }
    screen_table_release(&table);
}

static void
append_incidents(const struct top *top, size_t width, struct buf *out)
{
    struct screen_table table = { .columns = 4,
                                  .titles = { "OPEN SINCE", "SEVERITY", "RULE", "SUMMARY" } };
    json_t *inc;
    size_t i;

    buf_append_char(out, '\n');
    json_array_foreach(top->incidents, i, inc) {
        char opened[EVENT_TIME_LEN];

        event_time(answer_text(inc, "opened_at"), opened);
        screen_table_add(&table, (const char *const[]){
            opened, answer_text(inc, "severity"), answer_text(json_object_get(inc, "rule"), "title"),
            answer_text(inc, "summary") });
    }
    if (table.count > 0)
        screen_table_append(&table, width, out);
    else if (top->trouble[0] != '\0')
        screen_append_cell(out, text_of(top->trouble), width == 0 ? SIZE_MAX : width, 0);
    else
        buf_append_str(out, "no open incident");
    screen_table_release(&table);
}

static void
make_frame(const struct top *top, size_t width, struct buf *out)
{
    char now[TIMESTAMP_LEN];

    timestamp_format_local(clock_real_us(), now);
    buf_printf(out, "bongsu top  %.19s  %s\n\n", now,
               top->is_remote ? top->api.url : top->call->settings.data_dir);
    append_processes(top, width, out);
    append_backlogs(top, width, out);
    append_incidents(top, width, out);
}

/* --- the terminal --- */

static void
enter_terminal(struct top *top)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &top->saved) == 0) {
        raw = top->saved;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        top->is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    }
    fputs("\033[?1049h\033[?25l", stdout);
}

static void
leave_terminal(struct top *top)
{
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    if (top->is_raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &top->saved);
}

/* As many lines as there are rows, each wiped to its end. */
static void
draw(const struct top *top)
{
    struct buf out = { 0 };
    struct text rest;
    size_t width, rows;

    screen_size(&width, &rows);
    make_frame(top, width, &out);
    fputs("\033[H", stdout);
    rest = buf_text(&out);
    for (size_t i = 0; i < rows && rest.ptr != NULL; i++) {
        struct text line = text_split(&rest, '\n');

        printf("%s%.*s\033[K", i == 0 ? "" : "\r\n", (int)line.len,
               line.ptr == NULL ? "" : line.ptr);
    }
    fputs("\033[J", stdout);
    fflush(stdout);
    buf_release(&out);
}

/* Wait for the next look: 1 when it is to end. A changed window draws anew. */
static int
wait_or_quit(const struct top *top)
{
    int64_t until_ms = clock_steady_ms() + top->call->every_ms, left;

    while (!stop_is_asked && (left = until_ms - clock_steady_ms()) > 0) {
        struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
        int got = poll(&input, top->is_raw ? 1 : 0, (int)left);
        char key;

        if (got > 0 && (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q'))
            return 1;
        if (got < 0)
            draw(top);
    }
    return stop_is_asked;
}

static void
redraw_on_signal(int sig)
{
    (void)sig;                  /* only that poll is interrupted */
}

static int
watch(struct top *top)
{
    struct sigaction action = { .sa_handler = redraw_on_signal };

    sigaction(SIGWINCH, &action, NULL);
    stop_signal_catch();
    enter_terminal(top);
    do {
        look_around(top);
        draw(top);
    } while (!wait_or_quit(top));
    leave_terminal(top);
    return EXIT_DONE;
}

static int
show_once(struct top *top)
{
    struct buf out = { 0 };
    json_t *all;
    int code, health;

    poll(NULL, 0, FIRST_GAP_MS);
    code = look_around(top);
    health = look_judge(&top->now);
    if (top->call->json) {
        all = json_pack("{s:o, s:O?, s:s?}", "processes", look_to_json(&top->now), "incidents",
                        top->incidents, "trouble", top->trouble[0] != '\0' ? top->trouble : NULL);
        screen_print_json(all);
        json_decref(all);
    } else {
        make_frame(top, 0, &out);
        puts(out.ptr == NULL ? "" : out.ptr);
    }
    buf_release(&out);
    if (code != EXIT_DONE)
        return code;
    return top->is_remote ? EXIT_DONE : health;
}

static int
open_remotes(struct top *top, struct err *err)
{
    struct call ingest = *top->call;
    int code = remote_open(&top->api, top->call, KEY_TO_READ, err);

    top->is_remote = top->call->url != NULL;
    if (code != EXIT_DONE || top->call->ingest_url == NULL)
        return code;
    ingest.url = ingest.ingest_url;
    return remote_open(&top->ingest, &ingest, KEY_TO_READ, err);
}

int
top_run(struct call *call)
{
    struct top top = { .call = call };
    struct err err;
    int code = open_remotes(&top, &err);

    if (code != EXIT_DONE) {
        call_complain(call, code, &err);
    } else {
        look_around(&top);
        code = call->once || call->json || !screen_is_terminal() ? show_once(&top) : watch(&top);
    }
    look_release(&top.before);
    look_release(&top.now);
    json_decref(top.incidents);
    remote_close(&top.api);
    remote_close(&top.ingest);
    return code;
}
