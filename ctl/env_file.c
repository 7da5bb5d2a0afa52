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
        if (got < 0 || out->len + (size_t)got > MAX_FILE || buf_append(out, chunk, (size_t)got) != 0) {
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

/* Split a line: 1 and name and value, 0 for blank and comment, -1. */
static int
parse_line(struct text line, struct text *ret_name, struct text *ret_value)
{
    struct text value = text_trim(line), name;

    if (value.len == 0 || value.ptr[0] == '#')
        return 0;
    if (text_starts_with(value, "export "))
        value = text_trim((struct text){ value.ptr + 7, value.len - 7 });
    name = text_split(&value, '=');
    if (value.ptr == NULL || !is_name(name))
        return -1;
    value = text_trim(value);
    if (value.len >= 2 && (value.ptr[0] == '"' || value.ptr[0] == '\'') &&
        value.ptr[value.len - 1] == value.ptr[0])
        value = (struct text){ value.ptr + 1, value.len - 2 };
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
        buf_append_text(out, line);
        rc = buf_append_char(out, '\n');
    }
    buf_release(&content);
    return rc < 0 ? -1 : 0;
}

/* Written beside and renamed, so that a crash leaves the old file. */
int
env_file_set(const char *path, const char *name, const char *value, struct err *err)
{
    struct buf content = { 0 };
    char temp[4096];
    int fd = -1, rc = -1;

    if (copy_without(path, name, &content, err) != 0)
        goto done;
    snprintf(temp, sizeof(temp), "%s.new", path);
    buf_printf(&content, "%s=%s\n", name, value);
    fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || fchmod(fd, 0600) != 0 ||
        write(fd, content.ptr, content.len) != (ssize_t)content.len || fsync(fd) != 0 ||
        rename(temp, path) != 0) {
        err_set(err, "%s: cannot be written: %s", path, strerror(errno));
        goto done;
    }
    rc = 0;

done:
    if (fd >= 0)
        close(fd);
    buf_release(&content);
    return rc;
}
