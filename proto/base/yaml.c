#include "proto/base/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/buf.h"
#include "proto/base/yaml_reader.h"

enum { FILE_MAX = 1024 * 1024 };

struct yaml {
    struct yaml_content content;
};

struct yaml *
yaml_parse(const char *name, const char *bytes, size_t len, struct err *err)
{
    struct yaml *yaml;

    if (len > FILE_MAX) {
        err_set(err, "%s: larger than %d bytes", name, FILE_MAX);
        return NULL;
    }
    yaml = calloc(1, sizeof(*yaml));
    if (yaml == NULL)
        err_set(err, "%s: out of memory", name);
    else if (yaml_content_read(&yaml->content, name,
                               (struct text){ len == 0 ? "" : bytes, len }, err) != 0)
        yaml_destroy(&yaml);
    return yaml;
}

/* One byte more than allowed is enough to see that it is too large. */
static int
read_all(int fd, struct buf *out)
{
    while (out->len <= FILE_MAX) {
        ssize_t got;

        if (buf_reserve(out, 65536) != 0) {
            errno = ENOMEM;
            return -1;
        }
        got = read(fd, out->ptr + out->len, 65536);
        if (got == 0)
            return 0;
        if (got < 0 && errno != EINTR)
            return -1;
        if (got > 0)
            out->len += (size_t)got;
    }
    return 0;
}

struct yaml *
yaml_load(const char *path, struct err *err)
{
    struct buf bytes = { NULL, 0, 0 };
    struct yaml *yaml = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || read_all(fd, &bytes) != 0)
        err_set(err, "%s: %s", path, strerror(errno));
    else
        yaml = yaml_parse(path, bytes.ptr, bytes.len, err);
    if (fd >= 0)
        close(fd);
    buf_release(&bytes);
    return yaml;
}

void
yaml_destroy(struct yaml **yaml)
{
    if (*yaml == NULL)
        return;
    yaml_content_release(&(*yaml)->content);
    free(*yaml);
    *yaml = NULL;
}

size_t
yaml_count(const struct yaml *yaml)
{
    return json_array_size(yaml->content.documents);
}

json_t *
yaml_document(const struct yaml *yaml, size_t i)
{
    return json_array_get(yaml->content.documents, i);
}

int
yaml_line(const struct yaml *yaml, const json_t *value)
{
    return yaml_lines_get(&yaml->content.lines, value);
}
