/*
 * What shippers say to Elasticsearch, said to ingest: tests/wire/README.md has the
 * form of the talks. Each is one connection; what it says is stored afterwards.
 */
#include <glob.h>
#include <poll.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "proto/base/buf.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "tests/support/chain.h"
#include "tests/support/raw_client.h"

enum { ANSWER_MS = 30000, STORED_MS = 60000, MAX_CLAIMS = 64 };

static struct chain *chain;

/* A claim about what is stored: `count` -1 is at least one. */
struct claim {
    char *json;
    int count;
};

struct talk {
    const char *path;
    size_t line;
    int fd;
    struct buf head, body, answer;
    size_t head_len;                    /* of the answer */
    int is_gzip, is_head, has_body;
    char now[TIMESTAMP_LEN];
    struct claim claims[MAX_CLAIMS];
    size_t claim_count;
};

static void
fail_at(const struct talk *talk, const char *what, const char *said)
{
    fail_msg("%s:%zu: %s: %s\nthe answer was: %s", talk->path, talk->line, what, said,
             talk->answer.ptr == NULL ? "" : talk->answer.ptr);
}

/* --- what is sent --- */

static void
append_pair(struct buf *out, const char *name)
{
    char pair[256], encoded[512];

    snprintf(pair, sizeof(pair), "%s:%s", name, chain_key(chain));
    sodium_bin2base64(encoded, sizeof(encoded), (unsigned char *)pair, strlen(pair),
                      sodium_base64_VARIANT_ORIGINAL);
    buf_append_str(out, encoded);
}

static void
append_filled(struct talk *talk, struct buf *out, const char *line)
{
    while (*line != '\0') {
        if (strncmp(line, "@HOST@", 6) == 0) {
            buf_append_str(out, strstr(chain_ingest_url(chain), "//") + 2);
            line += 6;
        } else if (strncmp(line, "@KEY@", 5) == 0) {
            buf_append_str(out, chain_key(chain));
            line += 5;
        } else if (strncmp(line, "@NOW@", 5) == 0) {
            buf_append_str(out, talk->now);
            line += 5;
        } else if (strncmp(line, "@PAIR@", 6) == 0) {
            append_pair(out, "id");
            line += 6;
        } else if (strncmp(line, "@BASIC@", 7) == 0) {
            append_pair(out, "user");
            line += 7;
        } else {
            buf_append_char(out, *line++);
        }
    }
}

static void
pack_body(struct talk *talk)
{
    z_stream stream = { 0 };
    struct buf packed = { 0 };

    assert_int_equal(deflateInit2(&stream, 1, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(buf_reserve(&packed, talk->body.len + 1024), 0);
    stream.next_in = (Bytef *)talk->body.ptr;
    stream.avail_in = (uInt)talk->body.len;
    stream.next_out = (Bytef *)packed.ptr;
    stream.avail_out = (uInt)packed.cap;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    packed.len = stream.total_out;
    deflateEnd(&stream);
    buf_release(&talk->body);
    talk->body = packed;
}

static void
send_all(struct talk *talk, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(talk->fd, bytes, len, MSG_NOSIGNAL);

        if (sent <= 0)
            fail_at(talk, "the connection", "broke");
        bytes += sent;
        len -= (size_t)sent;
    }
}

/* --- what is answered --- */

static const char *
header_of(const struct talk *talk, const char *name)
{
    const char *at = talk->answer.ptr, *end = at + talk->head_len;
    size_t len = strlen(name);

    for (at = strstr(at, "\r\n"); at != NULL && at + 2 < end; at = strstr(at + 2, "\r\n"))
        if (strncasecmp(at + 2, name, len) == 0 && at[2 + len] == ':')
            return at + 2 + len + 1 + strspn(at + 2 + len + 1, " ");
    return NULL;
}

/* 1 when the answer at the front is whole. Interim ones (100) are dropped. */
static int
is_whole(struct talk *talk)
{
    char *end = talk->answer.len == 0 ? NULL : strstr(talk->answer.ptr, "\r\n\r\n");
    const char *length;

    if (end == NULL)
        return 0;
    talk->head_len = (size_t)(end + 4 - talk->answer.ptr);
    if (strncmp(talk->answer.ptr, "HTTP/1.1 1", 10) == 0) {
        talk->answer.len -= talk->head_len;
        memmove(talk->answer.ptr, end + 4, talk->answer.len + 1);
        return is_whole(talk);
    }
    length = header_of(talk, "Content-Length");
    return length != NULL &&
           talk->answer.len >= talk->head_len + (talk->is_head ? 0 : strtoul(length, NULL, 10));
}

static void
read_answer(struct talk *talk)
{
    int64_t deadline = clock_steady_ms() + ANSWER_MS;
    char part[4096];

    buf_clear(&talk->answer);
    while (!is_whole(talk)) {
        struct pollfd item = { talk->fd, POLLIN, 0 };
        ssize_t got;

        if (clock_steady_ms() > deadline || poll(&item, 1, 1000) < 0)
            fail_at(talk, "no answer", "in time");
        if (!(item.revents & (POLLIN | POLLHUP)))
            continue;
        got = recv(talk->fd, part, sizeof(part), 0);
        if (got <= 0)
            fail_at(talk, "the connection", "ended");
        buf_append(&talk->answer, part, (size_t)got);
    }
}

static void
say(struct talk *talk, int status)
{
    int is_closing;

    if (talk->fd < 0)
        talk->fd = raw_dial(chain_ingest_url(chain));
    if (talk->is_gzip)
        pack_body(talk);
    if (talk->has_body)
        buf_printf(&talk->head, "Content-Length: %zu\r\n", talk->body.len);
    buf_append_str(&talk->head, "\r\n");
    send_all(talk, talk->head.ptr, talk->head.len);
    send_all(talk, talk->body.ptr, talk->body.len);
    read_answer(talk);
    buf_clear(&talk->head);
    buf_clear(&talk->body);
    talk->is_gzip = talk->has_body = 0;
    if (strtol(talk->answer.ptr + strlen("HTTP/1.1 "), NULL, 10) != status)
        fail_at(talk, "status", "is another");
    is_closing = header_of(talk, "Connection") != NULL &&
                 strncasecmp(header_of(talk, "Connection"), "close", 5) == 0;
    if (is_closing) {
        close(talk->fd);
        talk->fd = -1;
    }
}

/* --- lines --- */

static void
check_header(struct talk *talk, const char *line)
{
    const char *colon = strchr(line, ':'), *value;
    char name[64];

    assert_non_null(colon);
    snprintf(name, sizeof(name), "%.*s", (int)(colon - line), line);
    value = header_of(talk, name);
    colon += 2;
    if (value == NULL || strncmp(value, colon, strlen(colon)) != 0)
        fail_at(talk, "header", line);
}

static void
note_claim(struct talk *talk, const char *line)
{
    struct claim *claim = &talk->claims[talk->claim_count++];
    struct buf json = { 0 };

    assert_true(talk->claim_count <= MAX_CLAIMS);
    claim->count = line[1] == ' ' ? -1 : line[1] - '0';
    append_filled(talk, &json, strchr(line, ' ') + 1);
    claim->json = buf_take(&json);
}

static void
take_line(struct talk *talk, const char *line)
{
    if (line[0] == '#' || line[0] == '\0')
        return;
    if (strncmp(line, ">> ", 3) == 0) {
        append_filled(talk, &talk->body, line + 3);
        buf_append_char(&talk->body, '\n');
        talk->has_body = 1;
    } else if (line[0] == '>') {
        if (talk->head.len == 0)
            talk->is_head = strncmp(line, "> HEAD", 6) == 0;
        append_filled(talk, &talk->head, line + 2);
        buf_append_str(&talk->head, "\r\n");
    } else if (strcmp(line, "gzip") == 0) {
        talk->is_gzip = 1;
    } else if (line[0] == '<' && line[2] >= '0' && line[2] <= '9') {
        say(talk, (int)strtol(line + 2, NULL, 10));
    } else if (line[0] == '<') {
        check_header(talk, line + 2);
    } else if (line[0] == '~') {
        if (strstr(talk->answer.ptr + talk->head_len, line + 2) == NULL)
            fail_at(talk, "not said", line + 2);
    } else if (line[0] == '!') {
        if (strstr(talk->answer.ptr + talk->head_len, line + 2) != NULL)
            fail_at(talk, "said", line + 2);
    } else if (line[0] == '=') {
        note_claim(talk, line);
    } else {
        fail_at(talk, "what is this line", line);
    }
}

/* --- what is stored --- */

static int
has_all(const json_t *event, json_t *wanted)
{
    const char *name;
    json_t *value;

    json_object_foreach(wanted, name, value)
        if (!json_equal(json_object_get(event, name), value))
            return 0;
    return 1;
}

static void
check_claims(struct talk *talk)
{
    json_t *events;

    chain_wait_delivered(chain, STORED_MS);
    events = chain_all_events(chain);
    for (size_t i = 0; i < talk->claim_count; i++) {
        struct claim *claim = &talk->claims[i];
        json_t *wanted = json_loads(claim->json, 0, NULL), *event;
        int count = 0;
        size_t at;

        assert_non_null(wanted);
        json_array_foreach(events, at, event)
            count += has_all(event, wanted);
        if (claim->count < 0 ? count == 0 : count != claim->count)
            fail_msg("%s: %d stored of %s", talk->path, count, claim->json);
        json_decref(wanted);
        free(claim->json);
    }
    json_decref(events);
}

static void
hold(const char *path)
{
    struct talk talk = { .path = path, .fd = -1 };
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;

    assert_non_null(file);
    timestamp_format(clock_real_us(), talk.now);
    while ((len = getline(&line, &cap, file)) > 0) {
        talk.line++;
        line[strcspn(line, "\n")] = '\0';
        take_line(&talk, line);
    }
    assert_int_equal(talk.head.len, 0);         /* nothing was left unsaid */
    check_claims(&talk);
    if (talk.fd >= 0)
        close(talk.fd);
    fclose(file);
    free(line);
    buf_release(&talk.head);
    buf_release(&talk.body);
    buf_release(&talk.answer);
}

static void
every_shipper_hears_what_it_needs_and_its_events_are_stored(void **state)
{
    glob_t found;

    (void)state;
    assert_int_equal(glob("tests/wire/*.talk", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 6);
    for (size_t i = 0; i < found.gl_pathc; i++)
        hold(found.gl_pathv[i]);
    globfree(&found);
    chain_check_balance(chain);
}

static int
open_chain(void **state)
{
    (void)state;
    chain = chain_new(NULL, NULL);
    chain_start_all(chain);
    return 0;
}

static int
close_chain(void **state)
{
    (void)state;
    chain_stop_all(chain);
    chain_destroy(&chain);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shipper_hears_what_it_needs_and_its_events_are_stored),
    };

    return cmocka_run_group_tests(tests, open_chain, close_chain);
}
