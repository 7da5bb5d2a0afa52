#include "ctl/local.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/buf.h"
#include "proto/run/daemon.h"
#include "proto/run/http_client.h"
#include "proto/run/run_dir.h"

const char *const local_processes[] = { "ingest", "detector", "indexer", "notifier", "api" };

long
local_call(const struct settings *settings, const char *process, const char *path,
           const char *body, json_t **ret_body, struct err *err)
{
    char url[256], *sock = run_dir_socket(settings, process);
    struct http_call call = { .method = body == NULL ? "GET" : "POST", .url = url,
                              .unix_socket = sock, .body = text_of(body),
                              .content_type = "application/json", .timeout_ms = 20000,
                              .allow_plain = 1 };
    struct http_answer answer = { 0 };
    long status = -1;

    *ret_body = NULL;
    snprintf(url, sizeof(url), "http://localhost%s", path);
    if (sock == NULL) {
        err_set(err, "out of memory");
        return -1;
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

int
local_settings(struct settings *settings, int argc, char **argv, const char *usage,
               struct options_call *call, int *ret_code)
{
    struct buf help = { 0 };
    struct err err;

    if (settings_load(settings, argc, argv, call, &err) != 0) {
        fprintf(stderr, "bongsu %s: %s\n", argv[0], err.text);
        *ret_code = EXIT_USAGE;
        return 0;
    }
    if (!call->wants_help)
        return 1;
    options_help(settings_options, settings_option_count, &help);
    printf("usage: bongsu %s\n\n%s", usage, help.ptr == NULL ? "" : help.ptr);
    buf_release(&help);
    settings_release(settings);
    *ret_code = EXIT_DONE;
    return 0;
}
