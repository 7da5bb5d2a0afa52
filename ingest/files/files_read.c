#include "ingest/files/files.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "ingest/files/files_inner.h"
#include "ingest/intake/intake_keep.h"
#include "proto/base/hash.h"
#include "proto/decode/decode.h"

/* A piece of a file: `before` bytes that were read earlier, and then new ones. */
struct window {
    char *bytes;
    size_t before, len;
    uint64_t start;             /* where bytes[before] is in the file */
    int is_at_end, is_last;     /* of the file; nobody will write on */
};

/* --- lines into events --- */

/* JOURNAL_DONE also when the line cannot be kept, which is counted and logged. */
static enum journal_outcome
take_line(struct files *files, const struct watched *w, struct intake_item item,
          struct err *err)
{
    const struct intake_origin origin = { .received_from = text_of("file"),
                                          .file = text_of(w->shown), .is_unanswered = 1 };
    struct intake_kept kept = { 0 };
    enum journal_outcome stop = intake_keep(files->spec.intake, &origin, item, &kept, err);

    files->turn_lines += kept.accepted;
    *files->numbers.split += kept.split;
    *files->numbers.plain += kept.plain;
    *files->numbers.refused_lines += kept.refused;
    if (kept.refused > 0)
        log_warn_burst(&files->line_burst, "a line cannot be kept",
                       "path=\"%s\" offset=%" PRIu64 " reason=\"%s\"", w->shown, item.position,
                       err->text);
    return stop;
}

/* The next line, or piece of one that is too long: 1 with its length, and that
 * of its end; 0 when it is not whole yet. */
static int
next_line(const struct window *window, size_t pos, size_t *ret_len, size_t *ret_end)
{
    struct text rest = { window->bytes + window->before + pos, window->len - pos };
    size_t most = rest.len < FILES_LINE_BYTES + 1 ? rest.len : FILES_LINE_BYTES + 1;
    const char *end = memchr(rest.ptr, '\n', most);

    *ret_end = 0;
    if (end != NULL) {
        *ret_len = (size_t)(end - rest.ptr);
        *ret_end = 1;
        return 1;
    }
    if (rest.len > FILES_LINE_BYTES) {
        *ret_len = raw_cut(rest, FILES_LINE_BYTES);
        return 1;
    }
    *ret_len = rest.len;
    return rest.len > 0 && window->is_at_end && window->is_last;
}

/* Is what stands at pos the rest of a line that was cut? */
static int
is_rest(const struct window *window, size_t pos)
{
    return window->before + pos > 0 && window->bytes[window->before + pos - 1] != '\n';
}

static enum journal_outcome
take_lines(struct files *files, struct watched *w, const struct window *window, size_t pos,
           size_t *ret_pos, struct err *err)
{
    struct journal *journal = intake_journal(files->spec.intake);
    enum journal_outcome outcome = JOURNAL_DONE;
    size_t len, end;

    for (; pos < window->len && next_line(window, pos, &len, &end); pos += len + end) {
        const struct journal_mark mark = journal_mark(journal);
        const uint64_t lines = files->turn_lines;
        struct intake_item item = {
            .text = { window->bytes + window->before + pos, len },
            .position = window->start + pos,
            .flags = is_rest(window, pos) || (end == 0 && pos + len < window->len) ? INTAKE_SPLIT : 0,
        };

        while (end == 1 && item.text.len > 0 && item.text.ptr[item.text.len - 1] == '\r')
            item.text.len--;
        if (text_trim(item.text).len == 0)
            continue;
        outcome = take_line(files, w, item, err);
        if (outcome != JOURNAL_DONE) {
            journal_cancel(journal, &mark);     /* half of a line, perhaps */
            files->turn_lines = lines;
            break;
        }
    }
    *ret_pos = pos;
    return outcome;
}

/* --- truncation --- */

static void
leave_ghost(struct files *files, const struct watched *w)
{
    struct file_place place = w->place;

    if (place.offset == 0)
        return;
    for (size_t i = 0; i < files->count; i++)
        if (files->all[i]->place.kind == FILE_GHOST && strcmp(files->all[i]->path, w->path) == 0)
            files_bury(files, files->all[i]);
    place.kind = FILE_GHOST;
    place.id = files_new_id(files);
    place.gone_us = files->now_us;
    if (files_add(files, &place) != NULL)
        files_mark(files->all[files->count - 1]);
}

static void
start_over(struct files *files, struct watched *w)
{
    log_info("file was truncated or written anew", "path=\"%s\" read=%" PRIu64 " size=%" PRIu64,
             w->shown, w->place.offset, w->size);
    ++*files->numbers.truncations;
    files_release_copies(files, &w->place);
    leave_ghost(files, w);
    w->place.offset = 0;
    w->place.head_len = 0;
    w->is_hole = 1;
    w->has_news = 1;
    files_mark(w);
}

/* --- reading --- */

static int
has_head(const struct watched *w)
{
    char head[HEAD_BYTES];
    size_t len = w->place.head_len;

    return w->place.offset == 0 ||
           (len <= HEAD_BYTES && pread(w->fd, head, len, 0) == (ssize_t)len &&
            hash64(head, len) == w->place.head);
}

/* Fill the window from where the file was read to. 0, or -1: what was read
 * there does not stand there any more. The head is looked at first: with what
 * comes now the tail comes in one read, and a truncation in between takes the
 * tail away. */
static int
fill(struct files *files, const struct watched *w, struct window *window, int *ret_errno)
{
    ssize_t len;

    *ret_errno = 0;
    if (!has_head(w))
        return -1;
    window->bytes = files->buf;
    window->start = w->place.offset;
    window->before = (size_t)(w->place.offset < TAIL_BYTES ? w->place.offset : TAIL_BYTES);
    len = pread(w->fd, window->bytes, window->before + FILES_READ_BYTES,
                (off_t)(w->place.offset - window->before));
    if (len < 0)
        *ret_errno = errno;
    if (len < (ssize_t)window->before)
        return -1;
    window->len = (size_t)len - window->before;
    window->is_at_end = window->len < FILES_READ_BYTES;
    return w->place.offset == 0 ||
           hash64(window->bytes, window->before) == w->place.tail ? 0 : -1;
}

/* All before pos of the window is in the turn. */
static void
move_place(struct watched *w, const struct window *window, size_t pos)
{
    struct file_place *place = &w->place;
    size_t tail, end = window->before + pos;

    if (pos == 0)
        return;
    place->offset += pos;
    tail = place->offset < TAIL_BYTES ? (size_t)place->offset : TAIL_BYTES;
    place->tail = hash64(window->bytes + end - tail, tail);
    if (place->head_len < HEAD_BYTES) {
        /* less than HEAD_BYTES were read before: all of it is in the window,
         * or is the head that is known */
        struct file_place whole = *place;

        if (files_fingerprint(w->fd, &whole) == 0 && whole.tail == place->tail)
            *place = whole;
    }
    files_mark(w);
}

static size_t
skip_hole(struct files *files, struct watched *w, const struct window *window)
{
    size_t pos = 0;

    while (pos < window->len && window->bytes[window->before + pos] == '\0')
        pos++;
    if (pos < window->len)
        w->is_hole = 0;
    *files->numbers.hole_bytes += pos;
    return pos;
}

enum journal_outcome
files_read(struct files *files, struct watched *w, struct err *err)
{
    struct window window = { .is_last = !w->is_home && files->now_ms - w->quiet_ms >= QUIET_MS };
    enum journal_outcome outcome;
    size_t pos = 0;
    struct stat st;
    int code;

    if (fstat(w->fd, &st) == 0)
        files_look(files, w, &st);
    if (fill(files, w, &window, &code) != 0) {
        w->has_news = 0;
        if (code != 0)
            files_refuse(files, w->path, strerror(code), 1);
        else
            start_over(files, w);
        return JOURNAL_DONE;
    }
    if (w->is_hole)
        pos = skip_hole(files, w, &window);
    outcome = take_lines(files, w, &window, pos, &pos, err);
    files->turn_bytes += pos;
    move_place(w, &window, pos);
    w->has_news = outcome != JOURNAL_DONE || !window.is_at_end;
    return outcome;
}
