#include "detector/watch/allow_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "detector/match/allow_list.h"
#include "proto/base/buf.h"
#include "proto/base/hash.h"
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

/* A file as it is now; one that is not there is empty. */
struct look {
    struct buf bytes;
    uint64_t hash;              /* of the bytes, or of why it cannot be read */
    struct err err;
    int is_unreadable;
};

static void
take_look(const char *path, struct look *look)
{
    *look = (struct look){ .hash = 0 };
    if (read_bytes(path, &look->bytes) != 0 && errno != ENOENT) {
        err_set(&look->err, "%s: %s", path, strerror(errno));
        look->hash = hash64(look->err.text, strlen(look->err.text));
        look->is_unreadable = 1;
    } else if (look->bytes.len > 0) {
        look->hash = hash64(look->bytes.ptr, look->bytes.len);
    }
}

/* Its list, or NULL with look->err. */
static struct allow_list *
list_of(const char *path, struct look *look)
{
    if (look->is_unreadable)
        return NULL;
    return allow_list_parse(path, look->bytes.len == 0 ? "" : look->bytes.ptr,
                            look->bytes.len, &look->err);
}

int
allow_file_check(const char *path, struct err *err)
{
    struct allow_list *list;
    struct look look;
    int rc;

    take_look(path, &look);
    list = list_of(path, &look);
    rc = list == NULL ? -1 : 0;
    if (rc != 0)
        *err = look.err;
    allow_list_destroy(&list);
    buf_release(&look.bytes);
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
put_in_force(struct allow_file *file, struct engine *engine, struct allow_list **list,
             uint64_t hash)
{
    size_t count = allow_list_count(*list);
    uint8_t *told = calloc(count + 1, sizeof(*told));

    if (told == NULL || engine_set_allow(engine, list) != 0) {
        free(told);
        allow_list_destroy(list);
        file->judged = ~hash;   /* tried again with the next look */
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

/* Use what the file has, or say why not. */
static void
take(struct allow_file *file, struct engine *engine, struct look *look)
{
    struct allow_list *list = list_of(file->path, look);

    file->judged = look->hash;
    if (list != NULL) {
        put_in_force(file, engine, &list, look->hash);
        if (file->problem != NULL)
            return;
        buf_release(&file->good);
        file->good = look->bytes;
        look->bytes = (struct buf){ 0 };
        file->is_due = 1;
        return;
    }
    log_error("allow list refused", "reason=\"%s\" in_force=\"%s\"", look->err.text,
              what_is_in_force(file));
    set_problem(file, look->err.text);
}

/* What an earlier start had in force, until the file has something better. */
static void
take_kept(struct allow_file *file, struct engine *engine, struct text kept)
{
    struct err err = { "" };
    struct allow_list *list = allow_list_parse("the last good allow list", kept.ptr,
                                               kept.len, &err);

    if (list != NULL)
        put_in_force(file, engine, &list, 0);
    else
        log_error("allow list that was kept cannot be read", "reason=\"%s\"", err.text);
}

void
allow_file_open(struct allow_file *file, char **path, struct text kept,
                struct engine *engine)
{
    struct allow_list *list;
    struct look look;

    *file = (struct allow_file){ .path = *path };
    *path = NULL;
    take_look(file->path, &look);
    list = list_of(file->path, &look);
    if (list == NULL && kept.ptr != NULL)
        take_kept(file, engine, kept);
    allow_list_destroy(&list);
    file->seen = look.hash;
    take(file, engine, &look);
    buf_release(&look.bytes);
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
    struct look look;

    if (++file->looks % LOOKS_PER_STATE == 0)
        tell_states(file, engine);
    take_look(file->path, &look);
    file->seen = look.hash;
    /* one that is being written is not taken before it stands still */
    if (look.hash == before && look.hash != file->judged)
        take(file, engine, &look);
    buf_release(&look.bytes);
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
