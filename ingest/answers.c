#include "ingest/answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/buf.h"
#include "proto/base/timestamp.h"

/* Stands where an id goes in the prepared answer. */
static const char placeholder[] = "@";

struct answers {
    char *accepted;             /* jansson's text of the answer */
    size_t before;              /* bytes of it before the id, and after */
    const char *after;
};

struct answers *
answers_new(void)
{
    struct answers *answers = calloc(1, sizeof(*answers));
    json_t *body = json_pack("{s:s, s:s}", "status", "accepted", "id", placeholder);
    char *at = NULL;

    if (answers != NULL && body != NULL)
        answers->accepted = json_dumps(body, JSON_COMPACT);
    if (answers != NULL && answers->accepted != NULL)
        at = strstr(answers->accepted, placeholder);
    if (at != NULL) {
        answers->before = (size_t)(at - answers->accepted);
        answers->after = at + strlen(placeholder);
    } else {
        answers_destroy(&answers);
    }
    json_decref(body);
    return answers;
}

void
answers_destroy(struct answers **answers)
{
    if (*answers == NULL)
        return;
    free((*answers)->accepted);
    free(*answers);
    *answers = NULL;
}

void
answer_id(const struct answers *answers, struct http_request *req, const struct event_id *id)
{
    char text[EVENT_ID_TEXT_LEN], body[256];
    size_t id_len, after_len = strlen(answers->after);

    event_id_format(id, text);
    id_len = strlen(text);
    memcpy(body, answers->accepted, answers->before);
    memcpy(body + answers->before, text, id_len);
    memcpy(body + answers->before + id_len, answers->after, after_len);
    http_reply(req, 202, "application/json",
               (struct text){ body, answers->before + id_len + after_len });
}

/* A reason may quote what was sent, cut anywhere. */
static json_t *
reason_text(const char *reason)
{
    json_t *text = json_string(reason);
    char ascii[sizeof(((struct err *)NULL)->text)];
    size_t i;

    if (text != NULL)
        return text;
    for (i = 0; reason[i] != '\0' && i + 1 < sizeof(ascii); i++)
        ascii[i] = (unsigned char)reason[i] < 0x80 ? reason[i] : '?';
    ascii[i] = '\0';
    return json_string(ascii);
}

static json_t *
list_errors(const struct intake_tally *tally)
{
    json_t *list = json_array();

    for (size_t i = 0; i < tally->error_count && list != NULL; i++) {
        json_t *error = json_pack("{s:I, s:o}", "line", (json_int_t)tally->errors[i].line,
                                  "reason", reason_text(tally->errors[i].reason.text));

        if (json_array_append_new(list, error) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *
counts_of(const struct intake_tally *tally)
{
    return json_pack("{s:I, s:I, s:o, s:I}",
                     "accepted", (json_int_t)tally->accepted,
                     "refused", (json_int_t)tally->refused,
                     "errors", list_errors(tally),
                     "errors_omitted", (json_int_t)(tally->refused - tally->error_count));
}

json_t *
answer_tally(const struct intake_tally *tally)
{
    char first[TIMESTAMP_LEN], last[TIMESTAMP_LEN];
    json_t *counts = counts_of(tally), *body = json_pack("{s:s}", "status", "accepted");

    timestamp_format(tally->first_us, first);
    timestamp_format(tally->last_us, last);
    if (counts == NULL || body == NULL || json_object_update(body, counts) != 0 ||
        json_object_set_new(body, "first_time", json_string(first)) != 0 ||
        json_object_set_new(body, "last_time", json_string(last)) != 0) {
        json_decref(body);
        body = NULL;
    }
    json_decref(counts);
    return body;
}

void
answer_all_refused(struct http_request *req, const struct intake_tally *tally)
{
    char detail[sizeof(tally->errors[0].reason.text) + 64];

    if (tally->refused == 0)
        snprintf(detail, sizeof(detail), "the body holds no event");
    else if (tally->error_count == 0)
        snprintf(detail, sizeof(detail), "no event was accepted");
    else
        snprintf(detail, sizeof(detail), "no event was accepted; line %zu: %s",
                 tally->errors[0].line, tally->errors[0].reason.text);
    http_reply_problem_with(req, 400, counts_of(tally), detail);
}

/* How long to wait: a turn, or until a consumer has made room. */
static const char *
wait_s(enum journal_outcome why)
{
    return why == JOURNAL_OVER_QUOTA || why == JOURNAL_NO_SPACE ? "5" : "1";
}

void
answer_unavailable(struct http_request *req, enum journal_outcome why, const char *reason)
{
    http_set_header(req, "Retry-After", wait_s(why));
    http_reply_problem(req, 503, "not stored, try again: %s", reason);
}
