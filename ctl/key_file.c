#include "ctl/key_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/buf.h"
#include "proto/base/hash.h"

enum { KEY_MAX = 512 };

static int
read_key(const char *path, char **ret_key, struct err *err)
{
    char line[KEY_MAX + 2];
    FILE *file = fopen(path, "re");
    struct text key = { NULL, 0 };

    if (file == NULL) {
        err_set(err, "%s: %s", path, strerror(errno));
        return -1;
    }
    if (fgets(line, sizeof line, file) != NULL)
        key = text_trim(text_of(line));
    fclose(file);
    for (size_t i = 0; i < key.len; i++)
        if ((unsigned char)key.ptr[i] <= ' ' || (unsigned char)key.ptr[i] >= 0x7f)
            key.len = 0;
    if (key.len == 0 || key.len > KEY_MAX) {
        err_set(err, "%s: its first line is no key (1 to %d characters, no space)", path,
                (int)KEY_MAX);
        return -1;
    }
    *ret_key = text_dup(key);
    if (*ret_key == NULL)
        err_set(err, "out of memory");
    return *ret_key == NULL ? -1 : 0;
}

int
key_find(const struct call *call, enum key_use use, char **ret_key, struct err *err)
{
    const char *key = call->settings.api_key;

    *ret_key = NULL;
    if (call->key_file != NULL)
        return read_key(call->key_file, ret_key, err);
    if (use == KEY_TO_READ && call->settings.reader_key != NULL)
        key = call->settings.reader_key;
    if (key == NULL)
        return 0;
    *ret_key = strdup(key);
    if (*ret_key == NULL)
        err_set(err, "out of memory");
    return *ret_key == NULL ? -1 : 0;
}

void
key_make(char ret_key[KEY_TEXT_LEN])
{
    unsigned char bytes[KEY_TEXT_LEN / 2];

    hash_random(bytes, sizeof bytes);
    hash_to_hex(bytes, sizeof bytes, ret_key);
}

/* Where one is reached who listens on every address. */
static const struct { const char *any, *loopback; } anywhere[] = {
    { "0.0.0.0:", "127.0.0.1:" },
    { "[::]:", "[::1]:" },
    { "*:", "127.0.0.1:" },
};

char *
url_of(const struct settings *settings, const char *given, const char *listen)
{
    const char *scheme = settings->tls_certificate == NULL ? "http" : "https";
    struct buf url = { 0 };
    const char *start = "";

    for (size_t i = 0; i < sizeof anywhere / sizeof anywhere[0]; i++)
        if (strncmp(listen, anywhere[i].any, strlen(anywhere[i].any)) == 0) {
            start = anywhere[i].loopback;
            listen += strlen(anywhere[i].any);
            break;
        }
    if (given != NULL ? buf_append_str(&url, given) != 0
                      : buf_printf(&url, "%s://%s%s", scheme, start, listen) != 0)
        return NULL;
    while (url.len > 0 && url.ptr[url.len - 1] == '/')
        url.ptr[--url.len] = '\0';
    return buf_take(&url);
}

char *
call_url(const struct call *call, const char *given, const char *listen)
{
    return url_of(&call->settings, given, listen);
}

const char *
call_ca(const struct call *call, const char *given)
{
    if (call->ca != NULL)
        return call->ca;
    return given == NULL ? call->settings.tls_certificate : NULL;
}

char *
call_url_to_look(const struct call *call)
{
    return call_url(call, call->ingest_url != NULL ? call->ingest_url : call->settings.public_url,
                    call->settings.api_listen);
}
