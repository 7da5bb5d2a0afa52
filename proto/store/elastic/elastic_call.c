/* Asking Elasticsearch, one question after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/store/elastic/elastic.h"

enum { REST_MS = 2000, HTTP_OK_END = 300, HTTP_BAD = 400 };

static void
rest(struct elastic_store *store, const struct err *why)
{
    store->failed_until_ms = clock_steady_ms() + REST_MS;
    store->failed = *why;
}

int
elastic_call(struct elastic_store *store, const char *method, const char *path,
             struct text body, size_t max_answer, struct http_answer *ret_answer,
             struct err *err)
{
    struct http_call call = {
        .method = method, .headers = store->headers, .body = body,
        .content_type = body.len == 0 ? NULL
                        : strstr(path, "_bulk") != NULL ? "application/x-ndjson"
                                                        : "application/json",
        .timeout_ms = ELASTIC_READ_LIMIT_MS, .max_answer = max_answer, .allow_plain = 1, .ca_file = store->ca_file };
    struct buf url = { 0 };
    int rc = -1;

    *ret_answer = (struct http_answer){ .retry_after_s = -1 };
    if (clock_steady_ms() < store->failed_until_ms) {
        *err = store->failed;
        return -1;
    }
    if (buf_append_str(&url, store->url) != 0 || buf_append_str(&url, path) != 0) {
        err_set(err, "store: out of memory");
        goto done;
    }
    call.url = url.ptr;
    if (http_session_call(store->session, &call, ret_answer) != 0) {
        err_set(err, "Elasticsearch does not answer: %s", ret_answer->error.text);
        if (!ret_answer->is_too_long)
            rest(store, err);
        http_answer_release(ret_answer);
        goto done;
    }
    rc = (int)ret_answer->status;

done:
    buf_release(&url);
    return rc;
}

static const char *
string_in(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

/* {"error":{"type":...,"reason":...,"root_cause":[...]}}, or {"error":"..."} of a proxy. */
void
elastic_reason(int status, struct text body, struct err *err)
{
    json_t *json = json_loadb(body.ptr == NULL ? "" : body.ptr, body.len, 0, NULL);
    const json_t *error = json_object_get(json, "error");
    const json_t *root = json_array_get(json_object_get(error, "root_cause"), 0);
    const char *reason = string_in(root == NULL ? error : root, "reason");

    if (json_is_object(error))
        err_set(err, "Elasticsearch says %d: %s: %.200s", status,
                string_in(root == NULL ? error : root, "type"), reason);
    else
        err_set(err, "Elasticsearch says %d", status);
    if (status == 401 || status == 403)
        err_add(err, "elastic.user, elastic.password or elastic.api_key");
    json_decref(json);
}

int
elastic_ask(struct elastic_store *store, const char *method, const char *path,
            json_t *body, json_t **ret_json, struct err *err)
{
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    struct http_answer answer;
    int status;

    *ret_json = NULL;
    if (body != NULL && text == NULL) {
        json_decref(body);
        err_set(err, "store: out of memory");
        return -1;
    }
    json_decref(body);
    status = elastic_call(store, method, path, text_of(text), 0, &answer, err);
    free(text);
    if (status < 0)
        return -1;
    if (answer.body.len > 0)
        *ret_json = json_loadb(answer.body.ptr, answer.body.len, 0, NULL);
    if (status >= HTTP_BAD)
        elastic_reason(status, buf_text(&answer.body), err);
    else if (*ret_json == NULL && strcmp(method, "HEAD") != 0) {
        err_set(err, "Elasticsearch's answer is no JSON");
        status = -1;
    }
    http_answer_release(&answer);
    return status;
}

int
elastic_check_shards(const json_t *answer, struct err *err)
{
    const json_t *shards = json_object_get(answer, "_shards");
    const json_t *failure = json_array_get(json_object_get(shards, "failures"), 0);
    const char *reason = json_string_value(
        json_object_get(json_object_get(failure, "reason"), "reason"));

    if (json_is_true(json_object_get(answer, "timed_out"))) {
        err_set(err, "Elasticsearch took longer than %d s; ask for a shorter time",
                ELASTIC_READ_LIMIT_MS / 1000);
        return -1;
    }
    if (json_integer_value(json_object_get(shards, "failed")) > 0) {
        err_set(err, "Elasticsearch could not look at all of it: %.200s",
                reason == NULL ? "a shard failed" : reason);
        return -1;
    }
    return 0;
}

/* --- small writes --- */

static int
add_line(struct buf *body, json_t *json)
{
    char *line = json == NULL ? NULL : json_dumps(json, JSON_COMPACT);
    int rc = line == NULL || buf_append_str(body, line) != 0 || buf_append_char(body, '\n') != 0;

    free(line);
    json_decref(json);
    return rc == 0 ? 0 : -1;
}

int
elastic_bulk_action(struct buf *body, json_t *action, json_t *document)
{
    if (add_line(body, action) == 0)
        return add_line(body, document);
    json_decref(document);
    return -1;
}

int
elastic_bulk_line(struct buf *body, const char *op, const char *index, const char *id,
                  json_t *document)
{
    return elastic_bulk_action(body, json_pack("{s:{s:s, s:s}}", op, "_index", index, "_id", id),
                               document);
}

int
elastic_bulk_ask(struct elastic_store *store, struct buf *body, json_t **ret_answer,
                 struct err *err)
{
    struct http_answer answer = { 0 };
    int status = elastic_call(store, "POST", store->refresh_ms == 0 ? "/_bulk?refresh=true" : "/_bulk",
                              buf_text(body), 0, &answer, err), rc = -1;

    *ret_answer = NULL;
    if (status < 0)
        return -1;
    *ret_answer = json_loadb(answer.body.ptr == NULL ? "" : answer.body.ptr, answer.body.len, 0, NULL);
    if (status >= HTTP_OK_END)
        elastic_reason(status, buf_text(&answer.body), err);
    else if (*ret_answer == NULL)
        err_set(err, "Elasticsearch's answer is no JSON");
    else
        rc = 0;
    http_answer_release(&answer);
    return rc;
}

enum store_outcome
elastic_bulk_send(struct elastic_store *store, struct buf *body, struct err *err)
{
    enum store_outcome outcome = elastic_set_up(store, err);
    json_t *answer = NULL;

    if (outcome != STORE_DONE)
        return outcome;
    if (elastic_bulk_ask(store, body, &answer, err) != 0) {
        outcome = STORE_RETRY;
    } else if (!json_is_false(json_object_get(answer, "errors"))) {
        err_set(err, "Elasticsearch did not take all that was sent");
        outcome = STORE_RETRY;
    }
    json_decref(answer);
    return outcome;
}
