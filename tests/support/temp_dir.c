#include "tests/support/temp_dir.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Of the 107 bytes of a socket's name; the rest is for what is below. */
enum { LONGEST_PARENT = 40 };

void
temp_dir_make(const char *parent, char *out, size_t size)
{
    if (parent == NULL) {
        parent = getenv("TMPDIR");
        if (parent == NULL || parent[0] != '/' || strlen(parent) > LONGEST_PARENT)
            parent = "/tmp";
    }
    assert_true(snprintf(out, size, "%s/bongsu-test-XXXXXX", parent) < (int)size);
    if (mkdtemp(out) == NULL)
        fail_msg("%s: %s", out, strerror(errno));
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
    return remove(path);
}

int
temp_dir_remove(const char *path)
{
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
