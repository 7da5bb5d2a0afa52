/* What a test says to a chain as its users do, and what is stored. */
#include "tests/support/chain_inner.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ANSWER_MS = 60000 };

static size_t
keep(char *bytes, size_t size, size_t count, void *self)
{
    struct chain_answer *answer = self;
    char *grown = realloc(answer->bytes, answer->len + size * count + 1);

    if (grown == NULL)
        return 0;
    memcpy(grown + answer->len, bytes, size * count);
    answer->bytes = grown;
    answer->len += size * count;
    grown[answer->len] = '\0';
    return size * count;
}

long
chain_request(const struct chain *chain, const struct chain_request *request,
              struct chain_answer *answer)
{
    struct curl_slist *headers = NULL;
    CURL *easy = curl_easy_init();
    char line[256];
    long status = 0;

    assert_non_null(easy);
    snprintf(line, sizeof(line), "X-API-Key: %s", chain_key(chain));
    headers = curl_slist_append(headers, line);
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)ANSWER_MS);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    if (request->unix_socket != NULL)
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
    if (request->body != NULL) {
        snprintf(line, sizeof(line), "Content-Type: %s", request->content_type);
        headers = curl_slist_append(headers, line);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->len);
    }
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    if (curl_easy_perform(easy) == CURLE_OK)
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
    return status;
}

long
chain_post(struct chain *chain, const char *path, const char *content_type, const char *body,
           size_t len, json_t **ret_body)
{
    struct chain_answer answer = { 0 };
    char url[512];
    long status;

    snprintf(url, sizeof(url), "%s%s", chain->ingest_url, path);
    status = chain_request(chain, &(struct chain_request){ .url = url, .body = body, .len = len,
                                                           .content_type = content_type },
                           &answer);
    if (ret_body != NULL)
        *ret_body = answer.bytes == NULL ? NULL : json_loadb(answer.bytes, answer.len, 0, NULL);
    free(answer.bytes);
    return status;
}

long
chain_post_api(struct chain *chain, const char *path, const char *body, size_t len)
{
    struct chain_answer answer = { 0 };
    char url[512];
    long status;

    snprintf(url, sizeof(url), "%s%s", chain->api_url, path);
    status = chain_request(chain, &(struct chain_request){ .url = url, .body = body, .len = len,
                                                           .content_type = "application/json" },
                           &answer);
    free(answer.bytes);
    return status;
}

static long
get(struct chain *chain, const char *path, struct chain_answer *answer)
{
    char url[2048];

    snprintf(url, sizeof(url), "%s%s", chain->api_url, path);
    return chain_request(chain, &(struct chain_request){ .url = url }, answer);
}

json_t *
chain_get(struct chain *chain, const char *path)
{
    struct chain_answer answer = { 0 };
    json_t *body = NULL;

    if (get(chain, path, &answer) == 200)
        body = json_loadb(answer.bytes, answer.len, 0, NULL);
    free(answer.bytes);
    return body;
}

/* One page; fails the test with what the API says. */
static json_t *
get_page(struct chain *chain, const char *path)
{
    struct chain_answer answer = { 0 };
    long status = get(chain, path, &answer);
    json_t *page = answer.bytes == NULL ? NULL : json_loadb(answer.bytes, answer.len, 0, NULL);

    if (status != 200 || page == NULL)
        fail_msg("GET %s: %ld %.500s", path, status, answer.bytes == NULL ? "" : answer.bytes);
    free(answer.bytes);
    return page;
}

static void
each_page(struct chain *chain, const char *path, const char *member, int limit,
          void (*take)(void *ctx, json_t *list), void *ctx)
{
    char url[1024];
    int is_more = 1;

    snprintf(url, sizeof(url), "%s?limit=%d", path, limit);
    while (is_more) {
        json_t *page = get_page(chain, url);
        const char *cursor = json_string_value(json_object_get(page, "next_cursor"));

        take(ctx, json_object_get(page, member));
        is_more = cursor != NULL;
        if (is_more)
            snprintf(url, sizeof(url), "%s?limit=%d&cursor=%s", path, limit, cursor);
        json_decref(page);
    }
}

static void
add_all(void *all, json_t *list)
{
    json_array_extend(all, list);
}

struct visit {
    void (*each)(void *ctx, const json_t *ev);
    void *ctx;
};

static void
visit_all(void *self, json_t *list)
{
    const struct visit *visit = self;
    const json_t *ev;
    size_t i;

    json_array_foreach(list, i, ev)
        visit->each(visit->ctx, ev);
}

void
chain_each_event(struct chain *chain, void (*each)(void *ctx, const json_t *ev), void *ctx)
{
    struct visit visit = { each, ctx };

    each_page(chain, "/events", "events", 1000, visit_all, &visit);
}

json_t *
chain_all_events(struct chain *chain)
{
    json_t *all = json_array();

    each_page(chain, "/events", "events", 1000, add_all, all);
    return all;
}

json_t *
chain_all_incidents(struct chain *chain)
{
    json_t *list = json_array(), *whole = json_array(), *one;
    size_t i;

    each_page(chain, "/incidents", "incidents", 500, add_all, list);
    json_array_foreach(list, i, one) {
        char path[128];
        json_t *body;

        snprintf(path, sizeof(path), "/incidents/%s",
                 json_string_value(json_object_get(one, "id")));
        body = chain_get(chain, path);
        assert_non_null(body);
        json_array_append_new(whole, body);
    }
    json_decref(list);
    return whole;
}
