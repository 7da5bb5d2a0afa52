#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "ctl/complain.h"
#include "ctl/look.h"
#include "ctl/screen.h"
#include "ctl/subcommand.h"
#include "proto/base/buf.h"
#include "proto/run/daemon.h"

/* Two looks this far apart give the rates. */
enum { RATE_MS = 500 };

/* More entries of the allow list would push out what matters. */
enum { MAX_ALLOW_LINES = 20, SOURCES_SHOWN = 5 };

/* Members of /status that everybody should see, as they are. */
static const char *const shown[] = {
    "dead_letters", "messages_waiting", "messages_failed", "messages_unreadable",
    "held_events", "incidents_in_flight", NULL,
};

static void
append_indented(struct buf *out, const char *name, const char *text)
{
    buf_append_str(out, "\n    ");
    screen_escape(out, text_of(name));
    buf_append_str(out, name[0] == '\0' ? "" : ": ");
    screen_escape(out, text_of(text));
}

/* The checks that are not fine, with their reasons ("ok" or why not), and the
 * warnings, which make nothing less ready. */
static void
append_trouble(struct buf *out, const json_t *status)
{
    json_t *checks = json_object_get(status, "checks"), *check, *warning;
    const char *name;
    size_t i;

    json_object_foreach(checks, name, check) {
        const char *word = json_string_value(check);

        if (word == NULL || strcmp(word, "ok") != 0)
            append_indented(out, name, word == NULL ? "not fine" : word);
    }
    json_array_foreach(json_object_get(status, "warnings"), i, warning)
        if (json_is_string(warning))
            append_indented(out, "", json_string_value(warning));
}

/* ingest: what each consumer has still to confirm. */
static void
append_backlog(struct buf *out, const json_t *status)
{
    json_t *consumers = json_object_get(status, "consumers"), *consumer;
    const char *name;
    char age[32];

    json_object_foreach(consumers, name, consumer) {
        age_format(json_integer_value(json_object_get(consumer, "oldest_age_ms")) / 1000, age);
        buf_append_str(out, "    ");
        screen_append_cell(out, text_of(name), 10, 1);
        buf_printf(out, " backlog %" JSON_INTEGER_FORMAT " events, oldest unacked %s\n",
                   json_integer_value(json_object_get(consumer, "backlog_events")), age);
    }
}

/* detector: what the allow list takes from the rules. */
static void
append_allow(struct buf *out, const json_t *status)
{
    json_t *entry, *entries = json_object_get(json_object_get(status, "allow"), "entries");
    size_t i;

    json_array_foreach(entries, i, entry) {
        const char *name = json_string_value(json_object_get(entry, "entry"));
        const char *reason = json_string_value(json_object_get(entry, "reason"));

        if (i == MAX_ALLOW_LINES) {
            buf_printf(out, "    and %zu more entries of the allow list (--json has all)\n",
                       json_array_size(entries) - i);
            break;
        }
        buf_printf(out, "    allowed today %" JSON_INTEGER_FORMAT ", ever %" JSON_INTEGER_FORMAT
                   "  ", json_integer_value(json_object_get(entry, "today")),
                   json_integer_value(json_object_get(entry, "total")));
        screen_escape(out, text_of(name));
        buf_append_str(out, " (");
        screen_escape(out, text_of(reason));
        buf_append_str(out, ")\n");
    }
}

/* ingest: how far behind the watched files are. */
static void
append_files(struct buf *out, const json_t *status)
{
    const json_t *files = json_object_get(status, "files");

    if (!json_is_object(files))
        return;
    buf_printf(out, "    files      %" JSON_INTEGER_FORMAT " watched, %" JSON_INTEGER_FORMAT
               " bytes behind\n", json_integer_value(json_object_get(files, "known")),
               json_integer_value(json_object_get(files, "lag_bytes")));
}

/* ingest: whose lines no decoder knows, most first as they come. */
static void
append_undecoded(struct buf *out, const json_t *status)
{
    const json_t *undecoded = json_object_get(status, "undecoded"), *source;
    const json_t *sources = json_object_get(undecoded, "sources");
    json_int_t rest = json_integer_value(json_object_get(undecoded, "lines"));
    size_t i;

    if (rest <= 0)
        return;
    buf_printf(out, "    lines that no decoder knows: ");
    json_array_foreach(sources, i, source) {
        const char *name = json_string_value(json_object_get(source, "source"));
        json_int_t lines = json_integer_value(json_object_get(source, "lines"));

        if (i == SOURCES_SHOWN)
            break;
        buf_printf(out, "%s%" JSON_INTEGER_FORMAT " from ", i == 0 ? "" : ", ", lines);
        screen_escape(out, text_of(name == NULL ? "?" : name));
        rest -= lines;
    }
    if (rest > 0)
        buf_printf(out, "%s%" JSON_INTEGER_FORMAT " from others",
                   json_array_size(sources) == 0 ? "" : ", ", rest);
    buf_append_char(out, '\n');
}

static json_int_t
refused_of(const json_t *balance)
{
    const char *name;
    const json_t *number;
    json_int_t refused = 0;

    json_object_foreach((json_t *)balance, name, number)
        if (strncmp(name, "refused_", 8) == 0)
            refused += json_integer_value(number);
    return refused;
}

/* notifier: the balance sheet of the last 24 hours. */
static void
append_balance(struct buf *out, const json_t *status)
{
    const json_t *balance = json_object_get(status, "balance");
    json_int_t accepted = json_integer_value(json_object_get(balance, "accepted"));
    json_int_t refused = refused_of(balance);

    if (accepted + refused == 0)
        return;
    buf_printf(out, "    24 hours   received %" JSON_INTEGER_FORMAT " = stored %" JSON_INTEGER_FORMAT
               " + set aside %" JSON_INTEGER_FORMAT " + refused %" JSON_INTEGER_FORMAT
               " + on the way %" JSON_INTEGER_FORMAT "%s\n", accepted + refused,
               json_integer_value(json_object_get(balance, "stored")),
               json_integer_value(json_object_get(balance, "not_stored")), refused,
               json_integer_value(json_object_get(balance, "on_the_way")),
               json_integer_value(json_object_get(balance, "hours_off")) > 0
                   ? "; an hour does not close" : "");
}

static void
append_process(struct buf *out, int i, const struct look *before, const struct look *now)
{
    const json_t *status = now->status[i];
    const char *unit;
    double rate = look_rate(before, now, i, &unit);
    char age[32];

    if (status == NULL) {
        buf_printf(out, "%-10s down       ", local_processes[i]);
        screen_escape(out, text_of(now->why[i]));
        buf_append_char(out, '\n');
        return;
    }
    age_format(json_integer_value(json_object_get(status, "uptime_s")), age);
    buf_printf(out, "%-10s %-10s up %s", local_processes[i],
               json_is_true(json_object_get(status, "ready")) ? "ready" : "NOT READY", age);
    if (rate >= 0)
        buf_printf(out, "  %.0f %s", rate, unit);
    for (const char *const *name = shown; *name != NULL; name++)
        if (json_integer_value(json_object_get(status, *name)) != 0)
            buf_printf(out, "  %s=%" JSON_INTEGER_FORMAT, *name,
                       json_integer_value(json_object_get(status, *name)));
    append_trouble(out, status);
    buf_append_char(out, '\n');
    append_backlog(out, status);
    append_allow(out, status);
    append_files(out, status);
    append_undecoded(out, status);
    append_balance(out, status);
}

/* The second of a kind and so on: whether it is ready, and why not. */
static void
append_more(struct buf *out, const char *name, const json_t *status)
{
    char age[32];

    age_format(json_integer_value(json_object_get(status, "uptime_s")), age);
    screen_append_cell(out, text_of(name), 10, 1);
    buf_printf(out, " %-10s up %s",
               json_is_true(json_object_get(status, "ready")) ? "ready" : "NOT READY", age);
    append_trouble(out, status);
    buf_append_char(out, '\n');
}

static void
print_table(const struct settings *settings, const struct look *before, struct look *now)
{
    struct buf out = { 0 };
    const char *name;
    json_t *status;

    if (look_judge(before) == EXIT_UNREACHABLE) {
        call_warn("status", "nothing runs with --data-dir %s (bongsu up starts it)",
                  settings->data_dir);
        return;
    }
    poll(NULL, 0, RATE_MS);
    look_at_all(settings, now);
    for (int i = 0; i < LOCAL_PROCESSES; i++)
        append_process(&out, i, before, now);
    json_object_foreach(now->more, name, status)
        append_more(&out, name, status);
    fputs(out.ptr == NULL ? "" : out.ptr, stdout);
    buf_release(&out);
}

int
status_run(struct call *call)
{
    struct look before = { 0 }, now = { 0 };
    json_t *all;
    int code;

    look_at_all(&call->settings, &before);
    if (call->json) {
        all = look_to_json(&before);
        screen_print_json(all);
        json_decref(all);
    } else {
        print_table(&call->settings, &before, &now);
    }
    code = look_judge(now.at_ms != 0 ? &now : &before);
    look_release(&before);
    look_release(&now);
    return code;
}
