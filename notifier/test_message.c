#include "notifier/notifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/clock.h"
#include "proto/http/http_client.h"

/* POST /test on the notifier's own socket: what `bongsu notify test` calls. */

static void
answer_test(struct http_request *req, long status, const char *answer)
{
    http_reply_json(req, status >= 200 && status < 300 ? 200 : 502,
                    json_pack("{s:I, s:s}", "status", (json_int_t)status, "answer", answer));
}

static void
on_test_answer(void *ctx, const struct http_answer *answer)
{
    const char *text = answer->status == 0 ? answer->error.text
                       : answer->body.len > 0 ? answer->body.ptr : "";
    char line[600];

    snprintf(line, sizeof(line), "Slack answered %ld %.500s", answer->status, text);
    if (!text_is_utf8(text_of(line)))
        for (char *at = line; *at != '\0'; at++)
            if ((unsigned char)*at >= 0x80)
                *at = '?';
    answer_test(ctx, answer->status, line);
}

/* A made-up incident, so that the message looks like the real ones. */
static struct incident *
make_example(void)
{
    struct incident *inc = incident_new();

    if (inc == NULL)
        return NULL;
    memset(inc->id, '0', sizeof(inc->id) - 1);
    inc->severity = SEVERITY_LOW;
    inc->rule_title = strdup("Test message");
    inc->summary = strdup("Bongsu can reach this channel. Nothing has happened.");
    inc->opened_us = inc->last_seen_us = clock_real_us();
    inc->count = 1;
    if (inc->rule_title == NULL || inc->summary == NULL)
        incident_destroy(&inc);
    return inc;
}

static void
handle_test(struct http_request *req, void *self)
{
    struct notifier *nt = self;
    struct incident *inc = make_example();
    const struct notice notice = { inc, "opened", NULL };
    struct http_call call = { .method = "POST", .url = nt->url,
                              .content_type = "application/json" };
    struct buf body = { 0 };
    struct err err = { "out of memory" };

    if (nt->url == NULL) {
        answer_test(req, 0, "SLACK_WEBHOOK_URL is not set; incidents go to the notifier's log");
    } else if (inc == NULL ||
               nt->channel->write(&body, &notice, 1, 1, nt->daemon->settings->public_url) != 0) {
        answer_test(req, 0, err.text);
    } else {
        call.body = buf_text(&body);
        if (http_client_start(nt->client, &call, on_test_answer, req, &err) == 0)
            http_defer(req);
        else
            answer_test(req, 0, err.text);
    }
    incident_destroy(&inc);
    buf_release(&body);
}

/* Whoever can open our socket may; a port is open to more than that. */
static const struct http_route on_socket = { "POST", "/test", HTTP_OPEN, NULL, 1024,
                                             handle_test };
static const struct http_route on_port = { "POST", "/test", HTTP_ADMIN, NULL, 1024,
                                           handle_test };

void
notifier_add_routes(struct notifier *nt)
{
    int is_port = nt->daemon->settings->health_listen != NULL;

    if (nt->daemon->server != NULL)
        http_server_add_routes(nt->daemon->server, is_port ? &on_port : &on_socket, 1, nt);
}
