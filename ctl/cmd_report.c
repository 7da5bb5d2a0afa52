#include <stdio.h>
#include <string.h>

#include "ctl/remote.h"
#include "ctl/screen.h"
#include "ctl/span.h"
#include "ctl/subcommand.h"
#include "proto/base/clock.h"
#include "proto/run/daemon.h"

static int
make_path(const struct call *call, const char *format, struct buf *path, struct err *err)
{
    char day[32];

    if (call->date != NULL &&
        span_parse_day(text_of(call->date), clock_real_us(), day, err) != 0) {
        err_add(err, "--date");
        return EXIT_USAGE;
    }
    err_set(err, "out of memory");
    return buf_printf(path, "/report/%s", strchr(call->name, ' ') + 1) != 0 ||
           query_add_str(path, "date", call->date == NULL ? NULL : day) != 0 ||
           query_add_str(path, "format", format) != 0 ||
           query_add_str(path, "lang", call->lang) != 0 ? EXIT_SOFTWARE : EXIT_DONE;
}

/* How each form begins: what a proxy's own page says is no report. */
static const struct { const char *format, *start; } forms[] = {
    { "md", "# " }, { "html", "<!DOCTYPE html>\n<html " }, { "csv", "report," },
};

static int
is_report(const char *format, struct text text)
{
    static const char mark[] = "\xef\xbb\xbf";         /* of csv in Korean */

    if (text_starts_with(text, mark))
        text = (struct text){ text.ptr + 3, text.len - 3 };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (strcmp(forms[i].format, format) == 0)
            return text_starts_with(text, forms[i].start);
    return 1;                   /* a form that only the api knows: it refuses it */
}

/* As it is into a file; what a terminal would obey is written out. */
static void
print_report(const struct buf *report)
{
    if (screen_is_terminal())
        screen_print_text(buf_text(report));
    else if (report->len > 0)
        fwrite(report->ptr, 1, report->len, stdout);
}

/* bongsu report daily|weekly */
int
report_run(struct call *call)
{
    const char *format = call->json ? "json" : call->format == NULL ? "md" : call->format;
    struct remote remote = { 0 };
    struct buf path = { 0 }, report = { 0 };
    json_t *answer = NULL;
    struct err err;
    int code = remote_open(&remote, call, KEY_TO_READ, &err);

    if (code == EXIT_DONE)
        code = make_path(call, format, &path, &err);
    if (code == EXIT_DONE && strcmp(format, "json") == 0) {
        code = remote_ask_json(&remote, path.ptr, NULL, &answer, NULL, &err);
        if (code == EXIT_DONE)
            screen_print_json(answer);
    } else if (code == EXIT_DONE) {
        code = remote_ask(&remote, path.ptr, NULL, &report, NULL, &err);
        if (code == EXIT_DONE && !is_report(format, buf_text(&report))) {
            err_set(&err, "%s answers something that is no report: is --url right?", remote.url);
            code = EXIT_PROTOCOL;
        } else if (code == EXIT_DONE) {
            print_report(&report);
        }
    }
    if (code != EXIT_DONE)
        call_complain(call, code, &err);
    json_decref(answer);
    buf_release(&report);
    buf_release(&path);
    remote_close(&remote);
    return code;
}
