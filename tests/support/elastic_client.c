#include "tests/support/elastic_client.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CALL_SECONDS = 60, PATH_LEN = 2048 };

static const char *trusted_ca, *authorization;

struct answer {
    char *bytes;
    size_t len;
};

void
elastic_trust(const char *ca_file)
{
    trusted_ca = ca_file;
}

void
elastic_authorize(const char *value)
{
    authorization = value;
}

static size_t
answer_add(char *bytes, size_t size, size_t count, void *self)
{
    struct answer *answer = self;
    char *grown = realloc(answer->bytes, answer->len + count + 1);

    if (grown == NULL)
        return 0;
    memcpy(grown + answer->len, bytes, count);
    answer->bytes = grown;
    answer->len += count;
    grown[answer->len] = '\0';
    return count;
}

/* Status (0: no answer) and what came, NUL-terminated or NULL. */
static long
perform(const char *method, const char *url, const char *body, struct answer *answer)
{
    int is_bulk = strstr(url, "_bulk") != NULL;
    struct curl_slist *headers = curl_slist_append(
        NULL, is_bulk ? "Content-Type: application/x-ndjson" : "Content-Type: application/json");
    CURL *curl = curl_easy_init();
    char line[512];
    long status = 0;

    assert_non_null(curl);
    assert_non_null(headers);
    if (authorization != NULL) {
        snprintf(line, sizeof(line), "Authorization: %s", authorization);
        headers = curl_slist_append(headers, line);
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_NOBODY, (long)(strcmp(method, "HEAD") == 0));
    if (body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)CALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, answer_add);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
    if (trusted_ca != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, trusted_ca);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return status;
}

static long
call(const char *base, const char *method, const char *path, const char *body,
     struct answer *answer)
{
    char url[PATH_LEN];

    assert_true(snprintf(url, sizeof(url), "%s%s", base, path) < (int)sizeof(url));
    return perform(method, url, body, answer);
}

json_t *
elastic_request(const char *base, const char *method, const char *path, const char *body,
             long *ret_status)
{
    struct answer answer = { NULL, 0 };
    long status = call(base, method, path, body, &answer);
    json_t *json = answer.bytes == NULL ? NULL
                       : json_loadb(answer.bytes, answer.len, JSON_DECODE_ANY, NULL);

    free(answer.bytes);
    if (ret_status != NULL)
        *ret_status = status;
    return json;
}

static json_t *
call_well(const char *base, const char *method, const char *path, const char *body)
{
    struct answer answer = { NULL, 0 };
    long status = call(base, method, path, body, &answer);
    json_t *json;

    if (status / 100 != 2)
        fail_msg("%s %s: %ld %.2000s", method, path, status,
                 answer.bytes == NULL ? "" : answer.bytes);
    json = json_loadb(answer.bytes == NULL ? "" : answer.bytes, answer.len, JSON_DECODE_ANY, NULL);
    if (json == NULL)
        fail_msg("%s %s: no JSON but %.2000s", method, path,
                 answer.bytes == NULL ? "" : answer.bytes);
    free(answer.bytes);
    return json;
}

json_t *
elastic_get(const char *base, const char *path)
{
    return call_well(base, "GET", path, NULL);
}

json_t *
elastic_post(const char *base, const char *path, const char *body)
{
    return call_well(base, "POST", path, body == NULL ? "" : body);
}

json_t *
elastic_put(const char *base, const char *path, const char *body)
{
    return call_well(base, "PUT", path, body == NULL ? "" : body);
}

long
elastic_status(const char *base, const char *method, const char *path, const char *body)
{
    struct answer answer = { NULL, 0 };
    long status = call(base, method, path, body, &answer);

    free(answer.bytes);
    return status;
}

json_t *
elastic_at(const json_t *json, const char *path)
{
    const json_t *at = json;

    while (at != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");

        if (json_is_array(at))
            at = json_array_get(at, strtoul(path, NULL, 10));
        else
            at = json_object_getn(at, path, len);
        path += len + (path[len] == '.');
    }
    return (json_t *)(uintptr_t)at;
}

void
elastic_refresh(const char *base)
{
    json_decref(elastic_post(base, "/_refresh", NULL));
}

long
elastic_documents(const char *base, const char *pattern)
{
    char path[PATH_LEN];
    json_t *answer;
    long count;

    elastic_refresh(base);
    snprintf(path, sizeof(path), "/%s/_count?ignore_unavailable=true&allow_no_indices=true", pattern);
    answer = elastic_get(base, path);
    count = (long)json_integer_value(json_object_get(answer, "count"));
    json_decref(answer);
    return count;
}

/* Whatever blocks a test has set. */
static void
lift_blocks(const char *base, const json_t *indices)
{
    char path[PATH_LEN];
    const json_t *one;
    size_t i;

    json_decref(elastic_put(base, "/_cluster/settings",
                            "{\"persistent\":{\"cluster.blocks.read_only\":null}}"));
    json_array_foreach(indices, i, one) {
        snprintf(path, sizeof(path), "/%s/_settings",
                 json_string_value(json_object_get(one, "index")));
        json_decref(elastic_put(base, path, "{\"index.blocks.read_only\":null,"
                                            "\"index.blocks.read_only_allow_delete\":null,"
                                            "\"index.blocks.write\":null}"));
    }
}

/* DELETE each name of a list; what belongs to a data stream is refused (400). */
static void
delete_each(const char *base, const char *below, const json_t *list, const char *member)
{
    char path[PATH_LEN];
    const json_t *one;
    size_t i;

    json_array_foreach(list, i, one) {
        long status;

        snprintf(path, sizeof(path), "%s/%s", below,
                 json_string_value(json_object_get(one, member)));
        status = elastic_status(base, "DELETE", path, NULL);
        if (status != 200 && status != 400)
            fail_msg("DELETE %s: %ld", path, status);
    }
}

void
elastic_delete_all(const char *base)
{
    json_t *indices = elastic_get(base, "/_cat/indices?format=json&h=index");
    json_t *templates = elastic_get(base, "/_index_template");
    json_t *parts = elastic_get(base, "/_component_template");

    lift_blocks(base, indices);
    delete_each(base, "", indices, "index");
    delete_each(base, "/_index_template", json_object_get(templates, "index_templates"), "name");
    delete_each(base, "/_component_template", json_object_get(parts, "component_templates"),
                "name");
    json_decref(indices);
    json_decref(templates);
    json_decref(parts);
}
