#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/complain.h"
#include "ctl/line_reader.h"
#include "ctl/screen.h"
#include "ctl/subcommand.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "proto/codec_json.h"
#include "proto/decode/decode.h"
#include "proto/run/daemon.h"

enum { NAME_CELLS = 26, MANY_LINES = 1000 };

static const char *const encodings[] = {
    [RAW_UTF8] = "UTF-8", [RAW_CP949] = "CP949", [RAW_ESCAPED] = "bytes as \\xHH",
};

struct decoding {
    const struct call *call;
    int64_t now_us;
    struct arena arena;
    struct event event;
    char time_space[TIMESTAMP_LEN];
    uint64_t lines;
    int code;
};

/* What was found of one line. */
struct finding {
    const char *decoder;        /* "none" or "syslog": no decoder knows it */
    enum raw_encoding how;
    int has_time;
    const char *refusal;        /* NULL: ingest takes it */
};

static void
print_field(const char *name, const char *value)
{
    struct buf out = { 0 };

    screen_append_cell(&out, text_of(name), NAME_CELLS, 1);
    buf_append_char(&out, ' ');
    screen_escape(&out, text_of(value));
    puts(out.ptr == NULL ? "" : out.ptr);
    buf_release(&out);
}

/* A field as it is compared; the line itself is on the screen already. */
static void
print_value(const char *name, const json_t *value)
{
    char *text;

    if (strcmp(name, "raw_log") == 0)
        return;
    if (json_is_string(value)) {
        print_field(name, json_string_value(value));
        return;
    }
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    print_field(name, text == NULL ? "" : text);
    free(text);
}

static void
print_for_people(struct decoding *work, const json_t *fields, const struct finding *found)
{
    const char *name;
    json_t *value;

    if (work->lines > 1)
        putchar('\n');
    print_field("decoder", found->decoder);
    if (found->how != RAW_UTF8)
        print_field("encoding", encodings[found->how]);
    if (!found->has_time)
        print_field("(no time in the line)", "its time is that of its receipt, or of its file");
    if (found->refusal != NULL)
        print_field("(refused)", found->refusal);
    json_object_foreach((json_t *)(uintptr_t)fields, name, value)
        print_value(name, value);
}

static void
print_for_programs(const json_t *fields, const struct finding *found)
{
    json_t *all = json_pack("{s:s, s:s, s:b, s:O}", "decoder", found->decoder, "encoding",
                            encodings[found->how], "has_time", found->has_time, "event", fields);

    if (found->refusal != NULL)
        json_object_set_new(all, "refused", json_string(found->refusal));
    screen_print_json_line(all);
    json_decref(all);
}

/* What a reader of the API would see, without what only ingest can know. */
static json_t *
fields_of(const struct event *ev)
{
    json_t *fields = event_to_json(ev);

    json_object_del(fields, "id");
    json_object_del(fields, "received_at");
    json_object_del(fields, "received_from");
    return fields;
}

static int
decode_one(struct decoding *work, struct text line)
{
    struct event *ev = &work->event;
    struct finding found = { 0 };
    struct err err;
    json_t *fields;
    struct text text;

    arena_clear(&work->arena);
    event_clear(ev);
    text = raw_to_utf8(line, &work->arena, &found.how);
    if (text.ptr != NULL)
        found.decoder = decode_line(text, work->now_us, &work->arena, ev);
    if (found.decoder == NULL) {
        err_set(&err, "out of memory");
        return call_complain(work->call, EXIT_SOFTWARE, &err);
    }
    found.has_time = ev->known[EVENT_TIMESTAMP].kind == VALUE_TEXT;
    if (event_check(ev, work->now_us, work->time_space, &err) != 0)
        found.refusal = err.text;
    if (found.refusal != NULL || strcmp(found.decoder, "none") == 0 ||
        strcmp(found.decoder, "syslog") == 0)
        work->code = EXIT_PARTLY;
    work->lines++;
    fields = fields_of(ev);
    if (work->call->json)
        print_for_programs(fields, &found);
    else
        print_for_people(work, fields, &found);
    json_decref(fields);
    return 0;
}

/* Each line without its end; blank ones are passed over, as ingest does. */
static int
decode_all(struct decoding *work, struct text lines)
{
    int rc = 0;

    while (rc == 0 && lines.len > 0) {
        struct text line = text_split(&lines, '\n');

        while (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (text_trim(line).len > 0)
            rc = decode_one(work, line);
    }
    return rc;
}

static int
decode_input(struct decoding *work)
{
    struct line_reader *reader = line_reader_new(STDIN_FILENO, MANY_LINES);
    struct line_piece piece;
    struct err err = { "out of memory" };
    int rc = EXIT_SOFTWARE, got = -1;

    if (reader == NULL)
        goto done;
    for (rc = 0; rc == 0 && (got = line_reader_next(reader, &piece, &err)) > 0;
         fflush(stdout)) {
        rc = decode_all(work, piece.bytes);
        if (piece.bytes.ptr == NULL) {
            call_warn("decode", "line %" PRIu64 " is longer than 512 KiB", piece.first_line);
            work->code = EXIT_PARTLY;
        }
    }
    if (got < 0)
        rc = EXIT_IO;

done:
    if (got < 0)
        call_complain(work->call, rc, &err);
    line_reader_destroy(&reader);
    return rc;
}

int
decode_run(struct call *call)
{
    struct decoding work = { .call = call, .now_us = clock_real_us() };
    int rc = 0;

    for (int i = 0; rc == 0 && i < call->arg_count; i++)
        rc = strcmp(call->args[i], "-") == 0 ? decode_input(&work)
                                             : decode_all(&work, text_of(call->args[i]));
    arena_release(&work.arena);
    event_release(&work.event);
    return rc != 0 ? rc : work.code;
}
