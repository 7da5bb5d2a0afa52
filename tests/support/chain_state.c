/* How the processes of a chain are: what they say of themselves, and their memory. */
#include "tests/support/chain_inner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static long
ask(struct chain *chain, enum process which, const char *path, struct chain_answer *answer)
{
    char sock[512], url[128];

    snprintf(sock, sizeof(sock), "%s/run/%s.sock", chain->dir, process_names[which]);
    snprintf(url, sizeof(url), "http://localhost%s", path);
    return chain_request(chain, &(struct chain_request){ .url = url, .unix_socket = sock }, answer);
}

void
chain_wait_ready(struct chain *chain, int64_t deadline_ms)
{
    int64_t deadline = now_ms() + deadline_ms;

    for (int i = 0; i < PROCESSES; i++)
        for (;;) {
            struct chain_answer answer = { 0 };
            long status = ask(chain, (enum process)i, "/readyz", &answer);

            if (status != 200 && now_ms() > deadline)
                fail_msg("%s is not ready: %ld %s", process_names[i], status,
                         answer.bytes == NULL ? "" : answer.bytes);
            free(answer.bytes);
            if (status == 200)
                break;
            wait_a_little();
        }
}

double
chain_metric(struct chain *chain, enum process which, const char *name)
{
    struct chain_answer answer = { 0 };
    size_t len = strlen(name);
    double sum = 0;

    if (ask(chain, which, "/metrics", &answer) != 200) {
        free(answer.bytes);
        return -1;
    }
    for (char *line = answer.bytes; line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');

        if (strncmp(line, name, len) == 0 && (line[len] == ' ' || line[len] == '{')) {
            const char *number = end == NULL ? strrchr(line, ' ') : memrchr(line, ' ', (size_t)(end - line));

            sum += strtod(number, NULL);
        }
        line = end == NULL ? NULL : end + 1;
    }
    free(answer.bytes);
    return sum;
}

static json_t *
read_status(struct chain *chain, enum process which)
{
    struct chain_answer answer = { 0 };
    json_t *status = NULL;

    if (ask(chain, which, "/status", &answer) == 200)
        status = json_loadb(answer.bytes, answer.len, 0, NULL);
    free(answer.bytes);
    return status;
}

json_t *
chain_status(struct chain *chain, enum process which)
{
    json_t *status = read_status(chain, which);

    if (status == NULL)
        fail_msg("%s has no /status", process_names[which]);
    return status;
}

long
chain_backlog(struct chain *chain)
{
    json_t *status = read_status(chain, INGEST), *consumer;
    const char *name;
    long sum = -1;

    if (json_object_size(json_object_get(status, "consumers")) > 0)
        sum = 0;
    json_object_foreach(json_object_get(status, "consumers"), name, consumer)
        sum += (long)json_integer_value(json_object_get(consumer, "backlog_events"));
    json_decref(status);
    return sum;
}

void
chain_wait_delivered(struct chain *chain, int64_t deadline_ms)
{
    int64_t deadline = now_ms() + deadline_ms;
    long left;

    while ((left = chain_backlog(chain)) != 0) {
        if (now_ms() > deadline)
            fail_msg("the backlog does not drain: %ld events left", left);
        wait_a_little();
    }
}

void
chain_wait_metric(struct chain *chain, enum process which, const char *name, double least,
                  int64_t deadline_ms)
{
    int64_t deadline = now_ms() + deadline_ms;

    for (;;) {
        double value = chain_metric(chain, which, name);

        if (value >= least)
            return;
        if (now_ms() > deadline)
            fail_msg("%s of %s is %.0f, not %.0f", name, process_names[which], value, least);
        wait_a_little();
    }
}

/* A number of KiB of a process's status, -1 when it is gone. */
static long
status_kib(const struct chain *chain, enum process which, const char *name)
{
    char path[64], line[256];
    long kib = -1;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%ld/status", (long)chain->pids[which]);
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            kib = strtol(line + strlen(name), NULL, 10);
    if (file != NULL)
        fclose(file);
    return kib;
}

long
chain_resident_kib(struct chain *chain, enum process which)
{
    return status_kib(chain, which, "VmRSS:");
}

long
chain_peak_kib(struct chain *chain, enum process which)
{
    return status_kib(chain, which, "VmHWM:");
}

double
chain_cpu_s(struct chain *chain, enum process which)
{
    char path[64], line[1024] = "";
    unsigned long user = 0, kernel = 0;
    FILE *file;
    char *end;

    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)chain->pids[which]);
    file = fopen(path, "r");
    if (file == NULL)
        return 0;
    if (fgets(line, sizeof(line), file) == NULL)
        line[0] = '\0';
    fclose(file);
    end = strrchr(line, ')');
    if (end == NULL ||
        sscanf(end + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) != 2)
        return 0;
    return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

void
chain_wait_said(struct chain *chain, enum process which, const char *check, const char *text,
                int64_t deadline_ms)
{
    int64_t deadline = now_ms() + deadline_ms;

    for (;;) {
        json_t *status = chain_status(chain, which);
        const char *said = json_string_value(json_object_get(json_object_get(status, "checks"), check));
        int is_said = strstr(said == NULL ? "ok" : said, text) != NULL;

        if (!is_said && now_ms() > deadline)
            fail_msg("%s says of %s \"%s\", and never \"%s\"", process_names[which], check,
                     said == NULL ? "ok" : said, text);
        json_decref(status);
        if (is_said)
            return;
        wait_a_little();
    }
}

static void
check_log_unsaid(const struct chain *chain, enum process which, const char *text)
{
    char path[600], *line = NULL;
    size_t cap = 0;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s.log", chain->dir, process_names[which]);
    file = fopen(path, "r");
    assert_non_null(file);
    while (getline(&line, &cap, file) > 0)
        if (strstr(line, text) != NULL)
            fail_msg("%s logs what nobody may read: %s", process_names[which], line);
    free(line);
    fclose(file);
}

void
chain_check_unsaid(struct chain *chain, const char *text)
{
    static const char *const paths[] = { "/status", "/metrics", "/readyz" };

    for (int i = 0; i < PROCESSES; i++) {
        for (size_t k = 0; k < sizeof(paths) / sizeof(paths[0]); k++) {
            struct chain_answer answer = { 0 };

            ask(chain, (enum process)i, paths[k], &answer);
            if (answer.bytes != NULL && strstr(answer.bytes, text) != NULL)
                fail_msg("%s says at %s what nobody may read: %s", process_names[i], paths[k],
                         answer.bytes);
            free(answer.bytes);
        }
        check_log_unsaid(chain, (enum process)i, text);
    }
}
