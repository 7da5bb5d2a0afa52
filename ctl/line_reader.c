#include "ctl/line_reader.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/clock.h"

enum {
    SPACE = 2 * PIECE_MAX_BYTES,    /* a full piece, and room to read on */
    READ_BYTES = 256 * 1024,
    LINGER_MS = 50
};

struct line_reader {
    int fd;
    size_t max_lines;
    size_t start, end;          /* what is read and not handed out */
    uint64_t offset, line;      /* of start */
    int64_t linger_until_ms;    /* 0: no whole line is waiting */
    int is_ended, is_interrupted;
    char space[SPACE];
};

/* What stands at the start of the buffer. */
struct cut {
    size_t len, lines, blank_lines;
    int is_full;                /* no further line may be added */
    int is_too_long;            /* the line after these is */
};

struct line_reader *
line_reader_new(int fd, size_t max_lines)
{
    struct line_reader *reader = malloc(sizeof *reader);

    if (reader == NULL)
        return NULL;

    memset(reader, 0, offsetof(struct line_reader, space));
    reader->fd = fd;
    reader->max_lines = max_lines;
    reader->line = 1;
    return reader;
}

void
line_reader_destroy(struct line_reader **reader)
{
    free(*reader);
    *reader = NULL;
}

static int
is_blank(const char *line, size_t len)
{
    return text_trim((struct text){ line, len }).len == 0;
}

static struct cut
find_cut(const struct line_reader *reader)
{
    const char *at = reader->space + reader->start, *end = reader->space + reader->end;
    struct cut cut = { 0 };

    while (cut.lines < reader->max_lines) {
        const char *line = at + cut.len, *stop = memchr(line, '\n', (size_t)(end - line));
        size_t len = (size_t)((stop != NULL ? stop : end) - line);

        if (len > LINE_MAX_BYTES) {
            cut.is_too_long = 1;
            break;
        }
        if (stop == NULL && !(reader->is_ended && !reader->is_interrupted && len > 0))
            return cut;
        len += stop != NULL;
        if (cut.len + len > PIECE_MAX_BYTES)
            break;
        cut.blank_lines += (size_t)is_blank(line, len);
        cut.len += len;
        cut.lines++;
    }
    cut.is_full = 1;
    return cut;
}

/* Wait for input and take it in: -1 with the reason. */
static int
fill(struct line_reader *reader, struct err *err)
{
    ssize_t n;

    if (reader->end + READ_BYTES > SPACE) {
        reader->end -= reader->start;
        memmove(reader->space, reader->space + reader->start, reader->end);
        reader->start = 0;
    }

    n = read(reader->fd, reader->space + reader->end, READ_BYTES);
    if (n < 0 && errno != EINTR) {
        err_set(err, "cannot be read: %s", strerror(errno));
        return -1;
    }

    reader->is_interrupted = n < 0;
    reader->is_ended = n <= 0;
    reader->end += n > 0 ? (size_t)n : 0;
    return 0;
}

/* Is it worth waiting for more before these lines go? */
static int
has_more_soon(struct line_reader *reader)
{
    struct pollfd poll_fd = { .fd = reader->fd, .events = POLLIN };
    int64_t now_ms = clock_steady_ms();

    if (reader->is_ended)
        return 0;
    if (reader->linger_until_ms == 0)
        reader->linger_until_ms = now_ms + LINGER_MS;

    return now_ms < reader->linger_until_ms &&
           poll(&poll_fd, 1, (int)(reader->linger_until_ms - now_ms)) > 0;
}

static void
advance(struct line_reader *reader, struct line_piece *piece)
{
    piece->offset = reader->offset;
    piece->first_line = reader->line;
    reader->offset += piece->size;
    reader->line += piece->lines;
    reader->linger_until_ms = 0;
}

static void
hand_out(struct line_reader *reader, const struct cut *cut, struct line_piece *ret_piece)
{
    *ret_piece = (struct line_piece){
        .bytes = { reader->space + reader->start, cut->len },
        .size = cut->len, .lines = cut->lines, .blank_lines = cut->blank_lines,
    };
    advance(reader, ret_piece);
    reader->start += cut->len;
}

/* Read on to the end of the line without keeping it. */
static int
pass_over_line(struct line_reader *reader, struct line_piece *ret_piece, struct err *err)
{
    *ret_piece = (struct line_piece){ .lines = 1 };

    for (;;) {
        const char *line = reader->space + reader->start;
        size_t len = reader->end - reader->start;
        const char *stop = memchr(line, '\n', len);

        if (stop != NULL)
            len = (size_t)(stop + 1 - line);
        ret_piece->size += len;
        reader->start += len;
        if (stop != NULL || reader->is_ended)
            break;
        if (fill(reader, err) != 0)
            return -1;
    }
    advance(reader, ret_piece);
    return 1;
}

int
line_reader_next(struct line_reader *reader, struct line_piece *ret_piece,
                 struct err *err)
{
    for (;;) {
        struct cut cut = find_cut(reader);

        if (cut.lines > 0 && (cut.is_full || !has_more_soon(reader))) {
            hand_out(reader, &cut, ret_piece);
            return 1;
        }
        if (cut.is_too_long)
            return pass_over_line(reader, ret_piece, err);
        if (reader->is_ended)
            return 0;
        if (fill(reader, err) != 0)
            return -1;
    }
}

/* Of a sorted line, what follows its offset. */
static int
is_blank_line(const struct line_piece *piece, struct text line)
{
    if (piece->numbers != NULL)
        (void)text_split(&line, ' ');
    return is_blank(line.ptr, line.len);
}

static void
count_lines(struct line_piece *piece)
{
    struct text rest = piece->bytes;

    piece->lines = piece->blank_lines = 0;
    while (rest.len > 0) {
        const char *stop = memchr(rest.ptr, '\n', rest.len);
        size_t len = stop != NULL ? (size_t)(stop + 1 - rest.ptr) : rest.len;

        piece->lines++;
        piece->blank_lines += (uint64_t)is_blank_line(piece, (struct text){ rest.ptr, len });
        rest.ptr += len;
        rest.len -= len;
    }
}

int
line_piece_halve(const struct line_piece *piece, struct line_piece *ret_first,
                 struct line_piece *ret_second)
{
    struct text bytes = piece->bytes;
    size_t half = bytes.len / 2;
    const char *stop = half > 0 ? memrchr(bytes.ptr, '\n', half) : NULL;
    size_t cut;

    if (stop == NULL)
        stop = bytes.len > 0 ? memchr(bytes.ptr + half, '\n', bytes.len - half) : NULL;
    cut = stop != NULL ? (size_t)(stop + 1 - bytes.ptr) : bytes.len;
    if (cut == bytes.len)
        return -1;

    *ret_first = *ret_second = *piece;
    ret_first->bytes.len = ret_first->size = cut;
    ret_second->bytes = (struct text){ bytes.ptr + cut, bytes.len - cut };
    ret_second->size = bytes.len - cut;
    ret_second->offset += cut;

    count_lines(ret_first);
    count_lines(ret_second);
    if (piece->numbers != NULL)
        ret_second->numbers += ret_first->lines;
    ret_second->first_line = line_piece_number(piece, ret_first->lines);
    return 0;
}

uint64_t
line_piece_number(const struct line_piece *piece, uint64_t i)
{
    return piece->numbers != NULL ? piece->numbers[i] : piece->first_line + i;
}

/* Inside a JSON string these names have a backslash before the last quote. */
int
looks_like_json(struct text bytes)
{
    struct text first;

    bytes = text_trim(bytes);
    if (bytes.len == 0)
        return -1;
    first = text_split(&bytes, '\n');
    return *first.ptr == '{' && (text_find(first, "\"event_type\"") != NULL ||
                                 text_find(first, "\"raw_log\"") != NULL);
}
