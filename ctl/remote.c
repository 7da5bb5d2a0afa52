#include "ctl/remote.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/run/daemon.h"

enum { CALL_TIMEOUT_MS = 30000, KEY_HEADER_MAX = 600 };

static const char no_key[] =
    "the key is missing or wrong there: set API_KEY (or READER_KEY, to read) in the environment "
    "or in ./.env, or give --key-file";

/* What a status means; the reason has two holes: where, and what it says itself. */
static const struct {
    long first, last;
    int code;
    const char *reason;
} verdicts[] = {
    { 200, 299, EXIT_DONE, NULL },
    { 300, 399, EXIT_PROTOCOL,
      "%s only refers to the api (is it ingest?): give --url the api's own address%.0s" },
    { 400, 400, EXIT_USAGE, "%.0s%s" },
    { 401, 401, EXIT_NO_PERMISSION, NULL },
    { 403, 403, EXIT_NO_PERMISSION, "%s refuses: %s" },
    { 404, 404, EXIT_PARTLY, "%.0s%s" },
    { 408, 408, EXIT_BUSY, "%s had no time for it (%s): try again" },
    { 413, 415, EXIT_USAGE, "%.0s%s" },
    { 422, 422, EXIT_USAGE, "%.0s%s" },
    { 429, 429, EXIT_BUSY, "%s has too many requests (%s): try again later" },
    { 503, 504, EXIT_BUSY, "%s cannot answer now (%s): try again later" },
};

int
remote_open(struct remote *remote, const struct call *call, enum key_use use, struct err *err)
{
    char *key = NULL;
    int rc = EXIT_SOFTWARE;

    *remote = (struct remote){ .name = call->name, .session = http_session_new(),
                               .url = call_url(call, call->url, call->settings.api_listen),
                               .ca_file = call_ca(call, call->url),
                               .certificate_file = call->settings.tls_client_certificate,
                               .key_file = call->settings.tls_client_key };
    err_set(err, "out of memory");
    if (remote->session == NULL || remote->url == NULL)
        return rc;
    if (key_find(call, use, &key, err) != 0)
        return EXIT_CONFIG;
    if (key == NULL || asprintf(&remote->key_header, "X-API-Key: %s", key) > 0)
        rc = EXIT_DONE;
    free(key);
    return rc;
}

void
remote_close(struct remote *remote)
{
    http_session_destroy(&remote->session);
    free(remote->url);
    free(remote->key_header);
    remote->url = remote->key_header = NULL;
}

/* The "detail" of a problem+json; 0 when there is none: no program of ours. */
static int
read_detail(const struct http_answer *answer, char *out, size_t size)
{
    struct text body = buf_text(&answer->body);
    json_t *problem = json_loadb(body.ptr != NULL ? body.ptr : "", body.len, 0, NULL);
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    int is_there = detail != NULL;

    snprintf(out, size, "%.400s", is_there ? detail : "no reason given");
    json_decref(problem);
    return is_there;
}

/* gcc cannot check the table's formats; each row has exactly these holes. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static int
judge(const struct remote *remote, const struct http_answer *answer, struct err *err)
{
    char detail[420];
    int is_ours = read_detail(answer, detail, sizeof detail);

    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        if (answer->status < verdicts[i].first || answer->status > verdicts[i].last)
            continue;
        if (answer->status == 401)
            err_set(err, "%s", no_key);
        else if (answer->status == 404 && !is_ours)
            break;
        else if (verdicts[i].reason != NULL)
            err_set(err, verdicts[i].reason, remote->url, detail);
        return verdicts[i].code;
    }
    err_set(err, "%s answers %ld: is Bongsu's api there? (--url says where)", remote->url,
            answer->status);
    return EXIT_PROTOCOL;
}
#pragma GCC diagnostic pop

int
remote_ask(struct remote *remote, const char *path, const json_t *body, struct buf *ret_body,
           long *ret_wait_s, struct err *err)
{
    char *url = NULL, *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    const char *const headers[] = { remote->key_header, NULL };
    struct http_call call = { .method = body == NULL ? "GET" : "POST", .headers = headers,
                              .body = text_of(text), .content_type = "application/json",
                              .timeout_ms = CALL_TIMEOUT_MS, .allow_plain = 1,
                              .ca_file = remote->ca_file,
                              .certificate_file = remote->certificate_file,
                              .key_file = remote->key_file };
    struct http_answer answer = { .retry_after_s = -1 };
    int code = EXIT_SOFTWARE;

    err_set(err, "out of memory");
    if ((body != NULL && text == NULL) || asprintf(&url, "%s%s", remote->url, path) < 0)
        goto done;
    call.url = url;
    if (http_session_call(remote->session, &call, &answer) != 0) {
        err_set(err, "%s does not answer (%s): is Bongsu up there, and is --url right?",
                remote->url, answer.error.text);
        code = EXIT_UNREACHABLE;
        goto done;
    }
    code = judge(remote, &answer, err);
    if (ret_wait_s != NULL)
        *ret_wait_s = answer.retry_after_s;
    if (code == EXIT_DONE) {
        *ret_body = answer.body;
        answer.body = (struct buf){ 0 };
    }

done:
    http_answer_release(&answer);
    free(text);
    free(url);
    return code;
}

int
remote_ask_json(struct remote *remote, const char *path, const json_t *body,
                json_t **ret_answer, long *ret_wait_s, struct err *err)
{
    struct buf bytes = { 0 };
    int code = remote_ask(remote, path, body, &bytes, ret_wait_s, err);
    json_t *answer;

    if (code == EXIT_DONE) {
        answer = json_loadb(bytes.ptr != NULL ? bytes.ptr : "", bytes.len, 0, NULL);
        if (json_is_object(answer)) {
            *ret_answer = answer;
        } else {
            json_decref(answer);
            err_set(err, "%s answers something that is not Bongsu's: is --url right?",
                    remote->url);
            code = EXIT_PROTOCOL;
        }
    }
    buf_release(&bytes);
    return code;
}

const char *
answer_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

/* --- the query --- */

static int
append_encoded(struct buf *out, struct text text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        int is_plain = c < 0x80 && (isalnum(c) || strchr("-._~", c) != NULL);

        if (is_plain ? buf_append_char(out, (char)c) != 0
                     : buf_printf(out, "%%%02X", (unsigned)c) != 0)
            return -1;
    }
    return 0;
}

int
query_add(struct buf *path, const char *name, struct text value)
{
    char mark = memchr(path->ptr, '?', path->len) == NULL ? '?' : '&';

    if (value.ptr == NULL)
        return 0;
    return buf_append_char(path, mark) != 0 || append_encoded(path, text_of(name)) != 0 ||
           buf_append_char(path, '=') != 0 || append_encoded(path, value) != 0 ? -1 : 0;
}

int
query_add_str(struct buf *path, const char *name, const char *value)
{
    return query_add(path, name, text_of(value));
}
