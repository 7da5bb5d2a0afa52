#include "ctl/env_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/buf.h"
#include "proto/base/text.h"

enum { MAX_FILE = 256 * 1024 };

/* 0, 1 when there is no such file, -1. */
static int
read_file(const char *path, struct buf *out, struct err *err)
{
    char chunk[4096];
    ssize_t got;
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

    if (fd < 0 && errno == ENOENT)
        return 1;
    if (fd < 0) {
        err_set(err, "%s: %s", path, strerror(errno));
        return -1;
    }
    while (rc == 0 && (got = read(fd, chunk, sizeof(chunk))) != 0)
        if (got < 0 || out->len + (size_t)got > MAX_FILE ||
            buf_append(out, chunk, (size_t)got) != 0) {
            err_set(err, "%s: %s", path, got < 0 ? strerror(errno) : "too large");
            rc = -1;
        }
    close(fd);
    return rc;
}

static int
is_name(struct text name)
{
    if (name.len == 0 || isdigit((unsigned char)name.ptr[0]))
        return 0;
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.ptr[i]) && name.ptr[i] != '_')
            return 0;
    return 1;
}

/* The value without its quotes and without the comment behind it; -1 when
 * a quote has no end. */
static int
unquote(struct text *value)
{
    struct text rest;
    const char *end;

    if (value->len > 0 && (value->ptr[0] == '"' || value->ptr[0] == '\'')) {
        end = memchr(value->ptr + 1, value->ptr[0], value->len - 1);
        if (end == NULL)
            return -1;
        rest = text_trim((struct text){ end + 1, value->len - (size_t)(end + 1 - value->ptr) });
        *value = (struct text){ value->ptr + 1, (size_t)(end - value->ptr - 1) };
        return rest.len == 0 || rest.ptr[0] == '#' ? 0 : -1;
    }
    for (size_t i = 0; i < value->len; i++)
        if (value->ptr[i] == '#' && (i == 0 || isspace((unsigned char)value->ptr[i - 1]))) {
            *value = text_trim((struct text){ value->ptr, i });
            break;
        }
    return 0;
}

/* Split a line: 1 and name and value, 0 for blank and comment, -1. */
static int
parse_line(struct text line, struct text *ret_name, struct text *ret_value)
{
    struct text value = text_trim(line), name;

    if (value.len == 0 || value.ptr[0] == '#')
        return 0;
    if (text_starts_with(value, "export "))
        value = text_trim((struct text){ value.ptr + 7, value.len - 7 });
    name = text_trim(text_split(&value, '='));
    if (value.ptr == NULL || !is_name(name) || memchr(value.ptr, '\0', value.len) != NULL)
        return -1;
    value = text_trim(value);
    if (unquote(&value) != 0)
        return -1;
    *ret_name = name;
    *ret_value = value;
    return 1;
}

static int
put_into_environment(struct text name, struct text value)
{
    char *n = text_dup(name), *v = text_dup(value);
    int rc = n == NULL || v == NULL ? -1 : setenv(n, v, 0);

    free(n);
    free(v);
    return rc;
}

int
env_file_load(const char *path, struct err *err)
{
    struct buf content = { 0 };
    struct text rest, line, name, value;
    int number = 0, rc = read_file(path, &content, err);

    rest = buf_text(&content);
    while (rc == 0 && rest.ptr != NULL) {
        int kind;

        line = text_split(&rest, '\n');
        number++;
        kind = parse_line(line, &name, &value);
        if (kind < 0 || (kind > 0 && put_into_environment(name, value) != 0)) {
            err_set(err, "%s:%d: not a NAME=value line", path, number);
            rc = -1;
        }
    }
    buf_release(&content);
    return rc < 0 ? -1 : 0;
}

/* The file as it is, without the lines that set name. */
static int
copy_without(const char *path, const char *name, struct buf *out, struct err *err)
{
    struct buf content = { 0 };
    struct text rest, line, found, value;
    int rc = read_file(path, &content, err);

    rest = buf_text(&content);
    while (rc == 0 && rest.ptr != NULL && rest.len > 0) {
        line = text_split(&rest, '\n');
        if (parse_line(line, &found, &value) == 1 && text_is(found, name))
            continue;
        if (buf_append_text(out, line) != 0 || buf_append_char(out, '\n') != 0) {
            err_set(err, "%s: out of memory", path);
            rc = -1;
        }
    }
    buf_release(&content);
    return rc < 0 ? -1 : 0;
}

/* A file of ours alone, all of it on the disk. 0, or -1 and errno. */
static int
write_file(const char *path, const struct buf *content)
{
    int fd, rc = -1, saved;

    if (unlink(path) != 0 && errno != ENOENT)
        return -1;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    errno = ENOSPC;         /* what a short write means */
    if (fchmod(fd, 0600) == 0 &&
        write(fd, content->ptr, content->len) == (ssize_t)content->len && fsync(fd) == 0)
        rc = 0;
    saved = errno;
    close(fd);
    errno = saved;
    return rc;
}

/* Written beside and renamed, so that a crash leaves the old file. */
int
env_file_set(const char *path, const char *name, const char *value, struct err *err)
{
    struct buf content = { 0 };
    char temp[4096];
    int rc = -1;

    if (!is_name(text_of(name)) || strpbrk(value, "\r\n\"'#") != NULL ||
        snprintf(temp, sizeof(temp), "%s.new", path) >= (int)sizeof(temp)) {
        err_set(err, "%s: %s cannot be written as a line", path, name);
        return -1;
    }
    if (copy_without(path, name, &content, err) != 0)
        goto done;
    if (buf_printf(&content, "%s=%s\n", name, value) != 0) {
        err_set(err, "%s: out of memory", path);
        goto done;
    }
    if (write_file(temp, &content) != 0 || rename(temp, path) != 0) {
        err_set(err, "%s: cannot be written: %s", path, strerror(errno));
        unlink(temp);
        goto done;
    }
    rc = 0;

done:
    buf_release(&content);
    return rc;
}
