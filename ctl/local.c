#include "ctl/local.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/http/http_client.h"
#include "proto/run/run_dir.h"

const char *const local_processes[] = { "ingest", "detector", "indexer", "notifier", "api" };

int
local_find(const char *process)
{
    for (int i = 0; i < LOCAL_PROCESSES; i++)
        if (strcmp(local_processes[i], process) == 0)
            return i;
    return -1;
}

long
local_call(const struct settings *settings, const char *process, const char *path,
           const char *body, long timeout_ms, json_t **ret_body, struct err *err)
{
    const char *port = settings->health_listen;
    char url[512], key[600], *sock = port != NULL ? NULL : run_dir_socket(settings, process);
    const char *const headers[] = { key, NULL };
    struct http_call call = { .method = body == NULL ? "GET" : "POST", .url = url,
                              .unix_socket = sock, .body = text_of(body),
                              .content_type = "application/json", .timeout_ms = timeout_ms,
                              .allow_plain = 1 };
    struct http_answer answer = { 0 };
    long status = -1;

    *ret_body = NULL;
    if (port == NULL && sock == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    snprintf(url, sizeof(url), "http://%.256s%s", port == NULL ? "localhost" : port, path);
    if (port != NULL && settings->api_key != NULL) {
        snprintf(key, sizeof(key), "X-API-Key: %.512s", settings->api_key);
        call.headers = headers;
    }
    if (http_call(&call, &answer) == 0) {
        status = answer.status;
        *ret_body = json_loadb(answer.body.ptr, answer.body.len, 0, NULL);
    } else {
        err_set(err, "%s: %s", process, answer.error.text);
    }
    http_answer_release(&answer);
    free(sock);
    return status;
}
