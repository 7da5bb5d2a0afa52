#include "proto/server/keyring.h"

#include <stdlib.h>

#include "proto/keys/key_list.h"

static char *
path_of(const struct settings *settings, struct err *err)
{
    char *path = settings_path(settings, "keys.yml");

    if (path == NULL)
        err_set(err, "out of memory");
    return path;
}

struct keyring *
keyring_open(zloop_t *loop, const struct settings *settings, struct metrics *metrics,
             struct err *err)
{
    char *path = path_of(settings, err);
    const struct keyring_spec spec = { .path = path, .api_key = settings->api_key,
                                       .reader_key = settings->reader_key };
    struct keyring *ring = path == NULL ? NULL : keyring_new(loop, &spec, metrics, err);

    free(path);
    return ring;
}

int
keyring_check(const struct settings *settings, struct err *err)
{
    char *path = path_of(settings, err);
    struct key_list *list = path == NULL ? NULL : key_list_load(path, err);
    int rc = list == NULL ? -1 : 0;

    free(path);
    free(list);
    return rc;
}
