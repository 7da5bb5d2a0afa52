/* `bongsu rules match`: which rules does each line of a file match? */
#include "detector/tool/match_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "detector/ruleset/ruleset.h"
#include "detector/tool/line_event.h"
#include "detector/tool/lines.h"
#include "detector/tool/rule_cases.h"
#include "proto/base/clock.h"
#include "proto/json_write.h"
#include "proto/run/daemon.h"

/* Answers are written in pieces of this size; of refused lines so many are told. */
enum { PIECE = 256 * 1024, TOLD = 20 };

struct matching {
    struct ruleset *rules;
    struct matcher *matcher;
    struct logsource of, fields;    /* of the call: the logsource, and the fields that hold it */
    int is_auto;                /* the detector's own way */
    int is_by_fields;           /* a line's logsource is in its own fields */
    struct buf *tails;          /* for each rule: what stands behind the line's number */
    struct line_event event;
    struct buf out;
    int is_raw;
    const char *name;           /* of the file */
    uint64_t refused;
};

static int
say(int code, const char *reason)
{
    fprintf(stderr, "bongsu rules match: %s\n", reason);
    return code;
}

static int
write_out(struct buf *out)
{
    size_t len = out->len, written = len == 0 ? 0 : fwrite(out->ptr, 1, len, stdout);

    buf_clear(out);
    return written == len ? 0 : -1;
}

/* --- before the first line --- */

static int
make_tails(struct matching *work)
{
    size_t count = ruleset_count(work->rules);

    work->tails = calloc(count + 1, sizeof(work->tails[0]));
    for (size_t i = 0; work->tails != NULL && i < count; i++) {
        struct buf *tail = &work->tails[i];

        if (buf_append_str(tail, ",\"rule\":") != 0 ||
            json_write_text(tail, text_of(ruleset_rule(work->rules, i)->sigma.id)) != 0 ||
            buf_append_str(tail, "}\n") != 0)
            return -1;
    }
    return work->tails == NULL ? -1 : 0;
}

static struct text *
part_of(struct logsource *of, struct text name)
{
    return text_is(name, "product")    ? &of->product
           : text_is(name, "category") ? &of->category
           : text_is(name, "service")  ? &of->service
                                       : NULL;
}

/* "product=linux,service=sshd"; the texts borrow it. */
static int
parse_logsource(struct text text, struct logsource *ret_of, struct err *err)
{
    while (text.len > 0) {
        struct text value = text_split(&text, ','), name = text_trim(text_split(&value, '='));
        struct text *part = part_of(ret_of, name);

        value = text_trim(value);
        if (part == NULL)
            err_set(err, "\"%.*s\": a logsource has product, category and service",
                    (int)(name.len < 100 ? name.len : 100), name.ptr);
        else if (value.len == 0)
            err_set(err, "%.*s: of what? %.*s=VALUE", (int)name.len, name.ptr, (int)name.len,
                    name.ptr);
        else if (part->len > 0)
            err_set(err, "%.*s: given twice", (int)name.len, name.ptr);
        if (part == NULL || value.len == 0 || part->len > 0)
            return -1;
        *part = value;
    }
    return 0;
}

/* By the fields of each event, as the detector does; else that of the call, where what is
 * not said is unknown, and every rule is tried that does not differ. */
static int
set_logsource(struct matching *work, const struct match_call *call, struct err *err)
{
    int is_auto = strcmp(call->logsource, "auto") == 0 ||
                  (call->is_raw && call->logsource[0] == '\0');

    if ((!is_auto && parse_logsource(text_of(call->logsource), &work->of, err) != 0) ||
        parse_logsource(text_of(call->fields), &work->fields, err) != 0)
        return -1;
    work->is_by_fields = call->fields[0] != '\0';
    if (is_auto && work->is_by_fields) {
        err_set(err, "either --logsource auto or --logsource-fields");
        return -1;
    }
    work->is_auto = is_auto;
    return 0;
}

static int
prepare(struct matching *work, const struct match_call *call, struct err *err)
{
    size_t refused;

    work->is_raw = call->is_raw;
    if (set_logsource(work, call, err) != 0)
        return EXIT_USAGE;
    if (access(call->rules, R_OK) != 0) {
        err_set(err, "%s: %s", call->rules, strerror(errno));
        return EXIT_NO_INPUT;
    }
    work->rules = rule_cases_load_with(call->rules, call->placeholders, err);
    if (work->rules == NULL)
        return EXIT_CONFIG;
    refused = ruleset_refused_count(work->rules);
    if (refused > 0)
        fprintf(stderr, "bongsu rules match: %zu rule%s refused: `bongsu rules check %s` says "
                "why; the others go on\n", refused, refused == 1 ? " was" : "s were",
                call->rules);
    err_set(err, "out of memory");
    work->matcher = ruleset_matcher(work->rules);
    if (matcher_set_logsource(work->matcher, work->is_auto ? NULL : &work->of) != 0 ||
        make_tails(work) != 0 || line_event_init(&work->event, clock_real_us()) != 0)
        return EXIT_SOFTWARE;
    return EXIT_DONE;
}

/* --- line by line --- */

static void
refuse_line(struct matching *work, uint64_t number, const char *reason)
{
    if (work->refused++ < TOLD)
        fprintf(stderr, "bongsu rules match: %s:%" PRIu64 ": %s\n", work->name, number, reason);
}

static struct text
text_in(const struct event *ev, struct text field, struct text otherwise)
{
    const struct value *value = field.len == 0 ? NULL : event_get(ev, field);

    return value == NULL || value_get_text(value).len == 0 ? otherwise : value_get_text(value);
}

/* The logsource of an event: of its fields, else of the call. */
static int
set_logsource_of(struct matching *work)
{
    const struct event *ev = &work->event.event;
    const struct logsource of = {
        .product = text_in(ev, work->fields.product, work->of.product),
        .category = text_in(ev, work->fields.category, work->of.category),
        .service = text_in(ev, work->fields.service, work->of.service),
    };

    return matcher_set_logsource(work->matcher, &of);
}

static int
answer(struct matching *work, uint64_t number)
{
    const uint32_t *rules;
    char line[24];
    size_t count;

    if (work->is_by_fields && set_logsource_of(work) != 0)
        return -1;
    count = matcher_match(work->matcher, &work->event.event, &rules);
    snprintf(line, sizeof(line), "%" PRIu64, number);
    for (size_t i = 0; i < count; i++)
        if (buf_append_str(&work->out, "{\"line\":") != 0 ||
            buf_append_str(&work->out, line) != 0 ||
            buf_append(&work->out, work->tails[rules[i]].ptr, work->tails[rules[i]].len) != 0)
            return -1;
    return work->out.len < PIECE ? 0 : write_out(&work->out);
}

static int
match_line(struct matching *work, uint64_t number, struct text line)
{
    struct err err;
    int rc;

    while (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    if (text_trim(line).len == 0)
        return 0;
    rc = work->is_raw ? line_event_raw(&work->event, line, &err)
                      : line_event_json(&work->event, line, &err);
    if (rc == 0)
        return answer(work, number);
    refuse_line(work, number, err.text);
    return 0;
}

static int
match_file(struct matching *work, int fd)
{
    struct err err = { "out of memory" };
    struct lines lines;
    struct text line;
    int rc = lines_init(&lines, fd), got = -1;

    while (rc == 0 && (got = lines_next(&lines, &line, &err)) > 0) {
        if (got == 2)
            refuse_line(work, lines.number, "longer than an event may be (512 KiB)");
        else
            rc = match_line(work, lines.number, line);
    }
    if (got < 0)
        fprintf(stderr, "bongsu rules match: %s: %s\n", work->name, err.text);
    lines_release(&lines);
    return rc == 0 && got == 0 && write_out(&work->out) == 0 && fflush(stdout) == 0 ? 0 : -1;
}

static void
release(struct matching *work)
{
    for (size_t i = 0; work->tails != NULL && i < ruleset_count(work->rules); i++)
        buf_release(&work->tails[i]);
    free(work->tails);
    ruleset_destroy(&work->rules);
    line_event_release(&work->event);
    buf_release(&work->out);
}

int
rules_tool_match(const struct match_call *call)
{
    struct matching work = { .name = call->file };
    int is_input = strcmp(call->file, "-") == 0;
    int fd = is_input ? STDIN_FILENO : open(call->file, O_RDONLY | O_CLOEXEC);
    struct err err = { "" };
    int code = EXIT_NO_INPUT;

    if (fd < 0)
        err_set(&err, "%s: %s", call->file, strerror(errno));
    else
        code = prepare(&work, call, &err);
    if (code != EXIT_DONE) {
        say(code, err.text);
    } else if (match_file(&work, fd) != 0) {
        code = say(EXIT_IO, "not all of it could be read, judged and written");
    } else if (work.refused > 0) {
        fprintf(stderr, "bongsu rules match: %" PRIu64 " line%s refused\n", work.refused,
                work.refused == 1 ? " was" : "s were");
        code = EXIT_PARTLY;
    }
    if (fd >= 0 && !is_input)
        close(fd);
    release(&work);
    return code;
}
