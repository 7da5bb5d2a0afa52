#include "detector/watch/allow_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "detector/match/allow_list.h"
#include "proto/base/buf.h"
#include "proto/base/file_look.h"
#include "proto/base/log.h"
#include "proto/base/timestamp.h"

/* Entries change their state with the day, so that need not be looked at each time. */
enum { MAX_BYTES = 1024 * 1024, CHUNK = 65536, LOOKS_PER_STATE = 60, MAX_WARNINGS = 20 };

static const struct {
    const char *name, *told;
} states[] = {
    [ALLOW_ACTIVE] = { "active", NULL },
    [ALLOW_EXPIRED] = { "expired", "is past its time" },
    [ALLOW_UNUSED] = { "unused", "has allowed nothing for 30 days" },
    [ALLOW_BROAD] = { "broad", "takes nearly everything from every rule" },
    [ALLOW_NO_RULE] = { "no_rule", "is for a rule that is not there" },
};

/* The bytes of a file, and one more than the limit when it has so many. 0; -1 with
 * errno. */
static int
read_bytes(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = fd < 0 ? -1 : 1;
    int code;

    while (got > 0 && out->len <= MAX_BYTES) {
        if (buf_reserve(out, CHUNK) != 0) {
            errno = ENOMEM;
            got = -1;
            break;
        }
        got = read(fd, out->ptr + out->len, CHUNK);
        if (got > 0)
            out->len += (size_t)got;
    }
    code = errno;
    if (fd >= 0)
        close(fd);
    errno = code;
    return got < 0 ? -1 : 0;
}

/* The file's list, and its bytes; one that is not there is empty. NULL with the reason:
 * the bytes are wrong, or were not read. */
static struct allow_list *
read_list(const char *path, struct buf *bytes, int *ret_is_read, struct err *err)
{
    *ret_is_read = read_bytes(path, bytes) == 0 || errno == ENOENT;
    if (!*ret_is_read) {
        err_set(err, "%s: %s", path, strerror(errno));
        return NULL;
    }
    return allow_list_parse(path, bytes->len == 0 ? "" : bytes->ptr, bytes->len, err);
}

int
allow_file_check(const char *path, struct err *err)
{
    struct buf bytes = { 0 };
    int is_read;
    struct allow_list *list = read_list(path, &bytes, &is_read, err);
    int rc = list == NULL ? -1 : 0;

    allow_list_destroy(&list);
    buf_release(&bytes);
    return rc;
}

static void
set_problem(struct allow_file *file, const char *text)
{
    free(file->problem);
    file->problem = text == NULL ? NULL : strdup(text);
}

/* Say which entries have come to another state. */
static void
tell_states(struct allow_file *file, const struct engine *engine)
{
    struct engine_allowed one;

    for (size_t i = 0; i < file->told_count && engine_allowed(engine, i, &one); i++) {
        if (one.state == file->told[i])
            continue;
        file->told[i] = (uint8_t)one.state;
        if (states[one.state].told != NULL)
            log_warn("entry of the allow list", "entry=\"%s\" line=%d state=%s reason=\"%s\"",
                     one.entry->name, one.entry->line, states[one.state].name,
                     one.entry->reason.ptr);
    }
}

static void
put_in_force(struct allow_file *file, struct engine *engine, struct allow_list **list)
{
    size_t count = allow_list_count(*list);
    uint8_t *told = calloc(count + 1, sizeof(*told));

    if (told == NULL || engine_set_allow(engine, list) != 0) {
        free(told);
        allow_list_destroy(list);
        file->judged = ~file->seen;     /* tried again with the next look */
        set_problem(file, "out of memory");
        return;
    }
    free(file->told);
    file->told = told;
    file->told_count = count;
    set_problem(file, NULL);
    if (count > 0 || file->is_read)
        log_info("allow list in force", "file=\"%s\" entries=%zu", file->path, count);
    file->is_read = 1;
    tell_states(file, engine);
}

static const char *
what_is_in_force(const struct allow_file *file)
{
    return file->is_read ? "the last good one stays" : "none is in force until it is right";
}

/* What an earlier start had in force, until the file has something better. */
static void
take_kept(struct allow_file *file, struct engine *engine, struct text kept)
{
    struct err err = { "" };
    struct allow_list *list = allow_list_parse("the last good allow list", kept.ptr,
                                               kept.len, &err);

    if (list != NULL)
        put_in_force(file, engine, &list);
    else
        log_error("allow list that was kept cannot be read", "reason=\"%s\"", err.text);
}

/* Use what the file has, or say why not; kept (ptr NULL: nothing) is for when it is wrong. */
static void
take(struct allow_file *file, struct engine *engine, struct text kept)
{
    struct buf bytes = { 0 };
    struct err err = { "" };
    int is_read;
    struct allow_list *list = read_list(file->path, &bytes, &is_read, &err);

    /* what was not read, for want of a descriptor say, is tried again with the next look */
    file->judged = is_read ? file->seen : ~file->seen;
    if (list != NULL) {
        put_in_force(file, engine, &list);
        if (file->problem == NULL) {
            buf_release(&file->good);
            file->good = bytes;
            bytes = (struct buf){ 0 };
            file->is_due = 1;
        }
    } else {
        if (kept.ptr != NULL)
            take_kept(file, engine, kept);
        if (is_read || file->problem == NULL || strcmp(file->problem, err.text) != 0)
            log_error("allow list refused", "reason=\"%s\" in_force=\"%s\"", err.text,
                      what_is_in_force(file));
        set_problem(file, err.text);
    }
    buf_release(&bytes);
}

void
allow_file_open(struct allow_file *file, char **path, struct text kept,
                struct engine *engine)
{
    *file = (struct allow_file){ .path = *path, .seen = file_look(*path) };
    *path = NULL;
    take(file, engine, kept);
}

int
allow_file_due(const struct allow_file *file, struct text *ret_bytes)
{
    *ret_bytes = file->good.len > 0 ? buf_text(&file->good) : text_of("");
    return file->is_due;
}

void
allow_file_is_kept(struct allow_file *file)
{
    buf_release(&file->good);
    file->is_due = 0;
}

void
allow_file_close(struct allow_file *file)
{
    free(file->path);
    free(file->problem);
    free(file->told);
    buf_release(&file->good);
    *file = (struct allow_file){ 0 };
}

void
allow_file_look(struct allow_file *file, struct engine *engine)
{
    uint64_t before = file->seen;

    if (++file->looks % LOOKS_PER_STATE == 0)
        tell_states(file, engine);
    file->seen = file_look(file->path);
    /* one that is being written is not taken before it stands still */
    if (file->seen == before && file->seen != file->judged)
        take(file, engine, (struct text){ NULL, 0 });
}

static void
add_day(void *days, const char *day, uint64_t events)
{
    json_object_set_new(days, day, json_integer((json_int_t)events));
}

static json_t *
time_or_null(int64_t at_us, int is_set)
{
    char text[TIMESTAMP_LEN];

    if (!is_set)
        return json_null();
    timestamp_format(at_us, text);
    return json_string(text);
}

static json_t *
entry_json(const struct engine *engine, const struct engine_allowed *one)
{
    json_t *days = json_object();

    engine_allowed_days(engine, one->entry, add_day, days);
    return json_pack("{s:s, s:s, s:i, s:s, s:o, s:I, s:I, s:o, s:o}",
                     "entry", one->entry->name, "reason", one->entry->reason.ptr,
                     "line", one->entry->line, "state", states[one->state].name,
                     "until", time_or_null(one->entry->until_us,
                                           one->entry->until_us != INT64_MAX),
                     "total", (json_int_t)one->total, "today", (json_int_t)one->today,
                     "last_used", time_or_null(one->last_us, one->last_us != 0),
                     "days", days);
}

void
allow_file_fill(const struct allow_file *file, const struct engine *engine, json_t *status,
                json_t *warnings)
{
    json_t *allow = json_object(), *entries = json_array();
    struct engine_allowed one;
    json_int_t today = 0;

    if (file->problem != NULL)
        json_array_append_new(warnings, json_sprintf("allow list: %s; %s", file->problem,
                                                     what_is_in_force(file)));
    for (size_t i = 0; engine_allowed(engine, i, &one); i++) {
        json_array_append_new(entries, entry_json(engine, &one));
        today += (json_int_t)one.today;
        if (states[one.state].told != NULL && json_array_size(warnings) < MAX_WARNINGS)
            json_array_append_new(warnings,
                                  json_sprintf("allow list: %s (line %d) %s", one.entry->name,
                                               one.entry->line, states[one.state].told));
    }
    json_object_set_new(allow, "file", json_string(file->path));
    json_object_set_new(allow, "problem", file->problem != NULL ? json_string(file->problem)
                                                                : json_null());
    json_object_set_new(allow, "today", json_integer(today));
    json_object_set_new(allow, "entries", entries);
    json_object_set_new(status, "allow", allow);
}
