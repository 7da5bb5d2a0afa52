/*
 * remote.h - asking the api, here or on another machine
 *
 * Whatever goes wrong is said in one sentence that tells what to do, and has
 * an exit code of its own.
 */
#ifndef CTL_REMOTE_H
#define CTL_REMOTE_H

#include <jansson.h>

#include "ctl/complain.h"
#include "ctl/key_file.h"
#include "proto/http/http_client.h"

struct remote {
    struct http_session *session;
    const char *name;           /* of the command, for messages */
    const char *ca_file;        /* NULL: the system's; the call's */
    const char *certificate_file, *key_file;    /* to show; NULL: none; likewise */
    char *url, *key_header;     /* key_header: NULL, no key */
};

/* For --url, else this configuration's api. EXIT_DONE, or the exit code with
 * the reason. The caller closes it in any case. */
int remote_open(struct remote *remote, const struct call *call, enum key_use use,
                struct err *err);
void remote_close(struct remote *remote);

/* GET path (with its query), or POST body as JSON when it is not NULL. The
 * answer's bytes into ret_body (the caller releases). EXIT_DONE, or the exit
 * code with the reason; *ret_wait_s is then what Retry-After says, or -1
 * (NULL: nobody asks). */
int remote_ask(struct remote *remote, const char *path, const json_t *body,
               struct buf *ret_body, long *ret_wait_s, struct err *err);

/* The same, for an answer that is a JSON object: a new reference. */
int remote_ask_json(struct remote *remote, const char *path, const json_t *body,
                    json_t **ret_answer, long *ret_wait_s, struct err *err);

/* A member that is a text; else "". */
const char *answer_text(const json_t *object, const char *name);

/* Append ?name=value or &name=value, percent-encoded. A NULL value is left
 * out. 0, or -1 when out of memory. */
int query_add(struct buf *path, const char *name, struct text value);
int query_add_str(struct buf *path, const char *name, const char *value);

#endif
