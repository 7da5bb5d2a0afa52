#include "proto/run/run_dir.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proto/base/buf.h"
#include "proto/base/hash.h"

/* The longest socket name of ours ("/incident-report-255.sock") fits beside. */
enum { MAX_DIR = 80 };

/* One more "/part" for each part of a path; "." and "//" are none. */
static int
append_parts(struct buf *out, const char *path)
{
    struct text rest = text_of(path);
    int rc = 0;

    while (rest.ptr != NULL && rc == 0) {
        struct text part = text_split(&rest, '/');

        if (part.len == 0 || text_is(part, "."))
            continue;
        rc = buf_append_char(out, '/');
        rc = rc == 0 ? buf_append_text(out, part) : rc;
    }
    return rc;
}

/* path as an absolute one, whether it exists or not; "var", "./var" and
 * "var/" are the same. */
static int
append_absolute(struct buf *out, const char *path)
{
    char *here = NULL;
    int rc = 0;

    if (path[0] != '/') {
        here = getcwd(NULL, 0);
        rc = here == NULL ? -1 : append_parts(out, here);
        free(here);
    }
    if (rc == 0)
        rc = append_parts(out, path);
    return rc == 0 && out->len == 0 ? buf_append_char(out, '/') : rc;
}

static int
append_short(struct buf *out, struct text data_dir)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    unsigned char id[HASH_ID_LEN];
    char hex[2 * HASH_ID_LEN + 1];

    hash_id(&data_dir, 1, id);
    hash_to_hex(id, 6, hex);
    if (runtime != NULL && runtime[0] == '/' && strlen(runtime) < MAX_DIR - 20)
        return buf_printf(out, "%s/bongsu-%s", runtime, hex);
    return buf_printf(out, "/tmp/bongsu-%u-%s", (unsigned)getuid(), hex);
}

char *
run_dir(const struct settings *settings)
{
    struct buf data = { 0 }, dir = { 0 };
    int rc;

    if (settings->bus_dir != NULL) {
        rc = append_absolute(&dir, settings->bus_dir);
    } else if ((rc = append_absolute(&data, settings->data_dir)) == 0) {
        rc = data.len + 4 <= MAX_DIR ? buf_printf(&dir, "%s/run", data.ptr)
                                     : append_short(&dir, buf_text(&data));
    }
    buf_release(&data);
    if (rc != 0)
        buf_release(&dir);
    return rc == 0 ? buf_take(&dir) : NULL;
}

char *
run_dir_socket(const struct settings *settings, const char *process)
{
    struct buf path = { 0 };
    char *dir = run_dir(settings);
    int rc = dir == NULL ? -1 : buf_printf(&path, "%s/%s.sock", dir, process);

    free(dir);
    if (rc != 0)
        buf_release(&path);
    return rc == 0 ? buf_take(&path) : NULL;
}
