#include "ctl/send_post.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "ctl/complain.h"
#include "proto/base/clock.h"

enum {
    FIRST_WAIT_MS = 200, LONGEST_WAIT_MS = 5000, RETRY_AFTER_MAX_S = 3600,
    CALL_TIMEOUT_MS = 30000,
    URL_LEN = 2048, HEADER_LEN = 4200
};

/* What an answer's status means. */
enum verdict { VERDICT_COUNTED, VERDICT_AGAIN, VERDICT_TOO_LARGE, VERDICT_STOP };

static const struct {
    long first, last;
    enum verdict verdict;
    int exit_code;
    const char *reason;         /* for those that stop */
} verdicts[] = {
    { 202, 202, VERDICT_COUNTED, 0, NULL },
    { 400, 400, VERDICT_COUNTED, 0, NULL },
    { 401, 401, VERDICT_STOP, EXIT_NO_PERMISSION,
      "the API key is missing or wrong: set API_KEY in the environment or in ./.env" },
    { 403, 403, VERDICT_STOP, EXIT_NO_PERMISSION, "this API key may not send events" },
    { 404, 404, VERDICT_STOP, EXIT_PROTOCOL,
      "no ingest there (404): is --url right?" },
    { 408, 408, VERDICT_AGAIN, 0, NULL },
    { 413, 413, VERDICT_TOO_LARGE, 0, NULL },
    { 429, 429, VERDICT_AGAIN, 0, NULL },
    { 500, 599, VERDICT_AGAIN, 0, NULL },
};

int64_t
poster_wait_ms(unsigned attempts, long retry_after_s)
{
    int64_t wait_ms = FIRST_WAIT_MS;

    if (retry_after_s >= 0)
        return (retry_after_s < RETRY_AFTER_MAX_S ? retry_after_s : RETRY_AFTER_MAX_S) *
                   INT64_C(1000) + (retry_after_s == 0 ? FIRST_WAIT_MS : 0);

    for (unsigned i = 1; i < attempts && wait_ms < LONGEST_WAIT_MS; i++)
        wait_ms *= 2;
    return wait_ms < LONGEST_WAIT_MS ? wait_ms : LONGEST_WAIT_MS;
}

/* Say it once, and again only when it is something else. */
static void
tell(struct poster *poster, const char *trouble)
{
    if (strncmp(poster->trouble, trouble, sizeof poster->trouble - 1) == 0)
        return;

    snprintf(poster->trouble, sizeof poster->trouble, "%s", trouble);
    progress_wipe(poster->progress);
    if (trouble[0] != '\0')
        call_warn("send", "waiting for %s: %s", poster->url, trouble);
    else
        call_warn("send", "%s answers again", poster->url);
}

/* Wait, or until a signal: 0, or -1 when stopped. */
static int
wait_ms(const struct poster *poster, int64_t ms)
{
    int64_t until_ms = clock_steady_ms() + ms;

    while (!*poster->is_stopped && clock_steady_ms() < until_ms)
        (void)poll(NULL, 0, (int)(until_ms - clock_steady_ms() + 1));
    return *poster->is_stopped ? -1 : 0;
}

static int
call_ingest(struct poster *poster, const struct send_source *source,
            const struct line_piece *piece, const char *default_time,
            struct http_answer *answer)
{
    char url[URL_LEN], key[HEADER_LEN], offset[24] = "each";
    const char *headers[2] = { NULL, NULL };
    struct http_call call = {
        .method = "POST", .url = url, .headers = headers, .body = piece->bytes,
        .content_type = source->is_json == 1 ? "application/x-ndjson" : "text/plain",
        .timeout_ms = CALL_TIMEOUT_MS, .allow_plain = 1, .ca_file = poster->ca_file,
        .certificate_file = poster->certificate_file, .key_file = poster->key_file,
    };

    if (piece->numbers == NULL)
        snprintf(offset, sizeof offset, "%" PRIu64, piece->offset);
    snprintf(url, sizeof url, "%s/logs?source=%s&offset=%s&default_time=%s", poster->url,
             source->identity, offset, default_time);
    if (poster->api_key != NULL) {
        snprintf(key, sizeof key, "X-API-Key: %s", poster->api_key);
        headers[0] = key;
    }
    return http_session_call(poster->session, &call, answer);
}

/* The "detail" of a problem+json, or other. */
static void
read_detail(const struct http_answer *answer, const char *other, char *out, size_t size)
{
    struct text body = buf_text(&answer->body);
    json_t *problem = json_loadb(body.ptr != NULL ? body.ptr : "", body.len, 0, NULL);
    const char *detail = json_string_value(json_object_get(problem, "detail"));

    snprintf(out, size, "%s", detail != NULL ? detail : other);
    json_decref(problem);
}

/* 202 or 400. A 400 that counts no lines refuses them all. */
static int
count_answer(struct poster *poster, const char *file, const struct line_piece *piece,
             const struct http_answer *answer, struct err *err)
{
    struct text body = buf_text(&answer->body);

    if (tally_answer(poster->tally, file, piece, body, err) == 0)
        return 0;
    if (answer->status == 400) {
        char reason[TALLY_REASON_LEN];

        read_detail(answer, "refused without a reason (400)", reason, sizeof reason);
        tally_refuse(poster->tally, file, piece->first_line,
                     piece->lines - piece->blank_lines, text_of(reason));
        return 0;
    }
    err_add(err, "%s", poster->url);
    return EXIT_PROTOCOL;
}

static size_t
find_verdict(long status)
{
    size_t i = 0, count = sizeof verdicts / sizeof verdicts[0];

    while (i < count && (status < verdicts[i].first || status > verdicts[i].last))
        i++;
    return i;
}

/* No clear answer: wait before the next attempt. 0, or the exit code. */
static int
hold_on(struct poster *poster, const struct http_answer *answer, unsigned attempts,
        struct err *err)
{
    int64_t now_ms = clock_steady_ms();
    char trouble[sizeof poster->trouble], status[32];

    snprintf(status, sizeof status, "it answers %ld", answer->status);
    if (answer->status == 0)
        snprintf(trouble, sizeof trouble, "%.120s", answer->error.text);
    else
        read_detail(answer, status, trouble, sizeof trouble);
    tell(poster, trouble);

    if (poster->failing_since_ms == 0)
        poster->failing_since_ms = now_ms;
    if (poster->give_up_ms > 0 &&
        now_ms - poster->failing_since_ms >= poster->give_up_ms) {
        err_set(err, "%s: gave up: %s", poster->url, trouble);
        return EXIT_UNREACHABLE;
    }

    if (wait_ms(poster, poster_wait_ms(attempts, answer->retry_after_s)) != 0) {
        err_set(err, "stopped");
        return EXIT_STOPPED;
    }
    return 0;
}

/* One call. *ret_verdict says what to do; 0, or the exit code with the reason. */
static int
try_once(struct poster *poster, const struct send_source *source,
         const struct line_piece *piece, const char *default_time, unsigned attempts,
         enum verdict *ret_verdict, struct err *err)
{
    struct http_answer answer = { 0 };
    char detail[TALLY_REASON_LEN];
    size_t i;
    int rc = 0;

    *ret_verdict = VERDICT_AGAIN;
    if (call_ingest(poster, source, piece, default_time, &answer) != 0) {
        answer.status = 0;
        rc = hold_on(poster, &answer, attempts, err);
        goto done;
    }

    i = find_verdict(answer.status);
    if (i == sizeof verdicts / sizeof verdicts[0]) {
        read_detail(&answer, "is there another program?", detail, sizeof detail);
        err_set(err, "%s answers %ld: %s", poster->url, answer.status, detail);
        rc = EXIT_PROTOCOL;
        goto done;
    }

    *ret_verdict = verdicts[i].verdict;
    if (*ret_verdict == VERDICT_STOP) {
        err_set(err, "%s: %s", poster->url, verdicts[i].reason);
        rc = verdicts[i].exit_code;
    } else if (*ret_verdict == VERDICT_AGAIN) {
        rc = hold_on(poster, &answer, attempts, err);
    } else if (*ret_verdict == VERDICT_COUNTED) {
        rc = count_answer(poster, source->name, piece, &answer, err);
    }

done:
    http_answer_release(&answer);
    return rc;
}

/* Resends carry the same default time: it is a part of what is stored. */
static int
send_dated(struct poster *poster, const struct send_source *source,
           const struct line_piece *piece, const char *default_time, struct err *err)
{
    enum verdict verdict = VERDICT_AGAIN;
    struct line_piece first, second;
    int rc = 0;

    for (unsigned attempts = 1; rc == 0 && verdict == VERDICT_AGAIN; attempts++)
        rc = try_once(poster, source, piece, default_time, attempts, &verdict, err);
    if (rc != 0)
        return rc;

    poster->failing_since_ms = 0;
    tell(poster, "");
    if (verdict == VERDICT_COUNTED)
        return 0;

    if (line_piece_halve(piece, &first, &second) != 0) {
        tally_refuse(poster->tally, source->name, piece->first_line, 1,
                     text_of("too large for ingest (413)"));
        return 0;
    }
    rc = send_dated(poster, source, &first, default_time, err);
    return rc != 0 ? rc : send_dated(poster, source, &second, default_time, err);
}

int
poster_send(struct poster *poster, const struct send_source *source,
            const struct line_piece *piece, struct err *err)
{
    char default_time[TIMESTAMP_LEN];

    send_source_default_time(source, default_time);
    return send_dated(poster, source, piece, default_time, err);
}
