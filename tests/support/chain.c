#include "tests/support/chain.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

const char *const process_names[PROCESSES] = { "ingest", "detector", "indexer", "notifier", "api" };

enum { MAX_ENV = 32 };

struct chain {
    char dir[256];
    char ingest_url[64], api_url[64];
    char ingest_listen[64], api_listen[64];
    char slack_url[256];
    char *env[MAX_ENV];
    int env_count;
    pid_t pids[PROCESSES];
};

static const char api_key[] = "test-key-0123456789abcdef";

int64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
wait_a_little(void)
{
    poll(NULL, 0, 10);
}

struct chain *
chain_new(const char *parent, const char *slack_url)
{
    struct chain *chain = calloc(1, sizeof(*chain));
    int ingest = free_port(), api = free_port();

    assert_non_null(chain);
    signal(SIGPIPE, SIG_IGN);
    snprintf(chain->dir, sizeof(chain->dir), "%s/bongsu-test-XXXXXX", parent != NULL ? parent : getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(chain->dir) == NULL)
        fail_msg("%s: %s", chain->dir, strerror(errno));
    snprintf(chain->ingest_listen, sizeof(chain->ingest_listen), "127.0.0.1:%d", ingest);
    snprintf(chain->api_listen, sizeof(chain->api_listen), "127.0.0.1:%d", api);
    snprintf(chain->ingest_url, sizeof(chain->ingest_url), "http://127.0.0.1:%d", ingest);
    snprintf(chain->api_url, sizeof(chain->api_url), "http://127.0.0.1:%d", api);
    if (slack_url != NULL)
        snprintf(chain->slack_url, sizeof(chain->slack_url), "%s", slack_url);
    chain_set(chain, "API_KEY", api_key);
    chain_set(chain, "TZ", CHAIN_ZONE);
    chain_set(chain, "BONGSU_JOURNAL_MIN_FREE", "1MiB");
    /* what tests do to the processes would be incidents beside those they expect */
    chain_set(chain, "BONGSU_WATCH_STAGES", "none");
    return chain;
}

void
chain_destroy(struct chain **chain)
{
    char command[512];

    if (*chain == NULL)
        return;
    for (int i = 0; i < PROCESSES; i++)
        if ((*chain)->pids[i] > 0)
            chain_kill(*chain, (enum process)i);
    for (int i = 0; i < (*chain)->env_count; i++)
        free((*chain)->env[i]);
    snprintf(command, sizeof(command), "rm -rf '%s'", (*chain)->dir);
    if (getenv("BONGSU_KEEP") == NULL) {
        pid_t pid = fork();

        if (pid == 0) {
            execl("/bin/sh", "sh", "-c", command, (char *)NULL);
            _exit(127);
        }
        waitpid(pid, NULL, 0);
    }
    free(*chain);
    *chain = NULL;
}

void
chain_set(struct chain *chain, const char *name, const char *value)
{
    char *line = NULL;
    size_t len = strlen(name);

    assert_true(asprintf(&line, "%s=%s", name, value) > 0);
    for (int i = 0; i < chain->env_count; i++)
        if (strncmp(chain->env[i], line, len + 1) == 0) {
            free(chain->env[i]);
            chain->env[i] = line;
            return;
        }
    assert_true(chain->env_count < MAX_ENV);
    chain->env[chain->env_count++] = line;
}

static void
become(const struct chain *chain, enum process which, const char *fault)
{
    const char *build = getenv("BONGSU_BUILD");
    char path[512], log[512], bus[512];
    int fd;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(path, sizeof(path), "%s/bin/bongsu-%s", build == NULL ? "build/check" : build,
             process_names[which]);
    snprintf(log, sizeof(log), "%s/%s.log", chain->dir, process_names[which]);
    snprintf(bus, sizeof(bus), "%s/run", chain->dir);
    fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd >= 0)
        dup2(fd, 2);
    for (int i = 0; i < chain->env_count; i++)
        putenv(chain->env[i]);
    if (chain->slack_url[0] != '\0')
        setenv("SLACK_WEBHOOK_URL", chain->slack_url, 1);
    if (fault != NULL)
        setenv("BONGSU_FAULT", fault, 1);
    execl(path, path, "--data-dir", chain->dir, "--ingest-listen", chain->ingest_listen,
          "--api-listen", chain->api_listen, "--bus-dir", bus, (char *)NULL);
    _exit(127);
}

void
chain_start(struct chain *chain, enum process which, const char *fault)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        become(chain, which, fault);
    chain->pids[which] = pid;
}

void
chain_start_all(struct chain *chain)
{
    for (int i = 0; i < PROCESSES; i++)
        chain_start(chain, (enum process)i, NULL);
    chain_wait_ready(chain, 30000);
}

void
chain_signal(struct chain *chain, enum process which, int signo)
{
    assert_int_equal(kill(chain->pids[which], signo), 0);
}

void
chain_kill(struct chain *chain, enum process which)
{
    if (chain->pids[which] <= 0)
        return;
    kill(chain->pids[which], SIGKILL);
    waitpid(chain->pids[which], NULL, 0);
    chain->pids[which] = 0;
}

int
chain_stop(struct chain *chain, enum process which)
{
    int64_t deadline = now_ms() + 10000;
    int status = 0;

    kill(chain->pids[which], SIGTERM);
    while (waitpid(chain->pids[which], &status, WNOHANG) == 0) {
        if (now_ms() > deadline)
            fail_msg("%s does not end on SIGTERM", process_names[which]);
        wait_a_little();
    }
    chain->pids[which] = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
chain_has_died(struct chain *chain, enum process which)
{
    if (chain->pids[which] > 0 && waitpid(chain->pids[which], NULL, WNOHANG) == 0)
        return 0;
    chain->pids[which] = 0;
    return 1;
}

int
chain_revive(struct chain *chain)
{
    int revived = 0;

    for (int i = 0; i < PROCESSES; i++)
        if (chain_has_died(chain, (enum process)i)) {
            chain_start(chain, (enum process)i, NULL);
            revived++;
        }
    return revived;
}

struct answer {
    char *bytes;
    size_t len;
};

static size_t
keep(char *bytes, size_t size, size_t count, void *self)
{
    struct answer *answer = self;
    char *grown = realloc(answer->bytes, answer->len + size * count + 1);

    if (grown == NULL)
        return 0;
    memcpy(grown + answer->len, bytes, size * count);
    answer->bytes = grown;
    answer->len += size * count;
    grown[answer->len] = '\0';
    return size * count;
}

/* One request on a connection of its own; 0 when nobody answered. */
static long
request(const char *url, const char *unix_socket, const char *content_type, const char *body,
        size_t len, struct answer *answer)
{
    char type[128], key[128];
    struct curl_slist *headers = NULL;
    CURL *easy = curl_easy_init();
    long status = 0;

    snprintf(key, sizeof(key), "X-API-Key: %s", api_key);
    headers = curl_slist_append(headers, key);
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 20000L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    if (unix_socket != NULL)
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, unix_socket);
    if (body != NULL) {
        snprintf(type, sizeof(type), "Content-Type: %s", content_type);
        headers = curl_slist_append(headers, type);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
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
    struct answer answer = { 0 };
    char url[512];
    long status;

    snprintf(url, sizeof(url), "%s%s", chain->ingest_url, path);
    status = request(url, NULL, content_type, body, len, &answer);
    if (ret_body != NULL)
        *ret_body = answer.bytes == NULL ? NULL : json_loadb(answer.bytes, answer.len, 0, NULL);
    free(answer.bytes);
    return status;
}

long
chain_post_api(struct chain *chain, const char *path, const char *body, size_t len)
{
    struct answer answer = { 0 };
    char url[512];
    long status;

    snprintf(url, sizeof(url), "%s%s", chain->api_url, path);
    status = request(url, NULL, "application/json", body, len, &answer);
    free(answer.bytes);
    return status;
}

static long
get(struct chain *chain, const char *path, struct answer *answer)
{
    char url[2048];

    snprintf(url, sizeof(url), "%s%s", chain->api_url, path);
    return request(url, NULL, NULL, NULL, 0, answer);
}

json_t *
chain_get(struct chain *chain, const char *path)
{
    struct answer answer = { 0 };
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
    struct answer answer = { 0 };
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

static long
ask(struct chain *chain, enum process which, const char *path, struct answer *answer)
{
    char sock[512], url[128];

    snprintf(sock, sizeof(sock), "%s/run/%s.sock", chain->dir, process_names[which]);
    snprintf(url, sizeof(url), "http://localhost%s", path);
    return request(url, sock, NULL, NULL, 0, answer);
}

void
chain_wait_ready(struct chain *chain, int64_t deadline_ms)
{
    int64_t deadline = now_ms() + deadline_ms;

    for (int i = 0; i < PROCESSES; i++)
        for (;;) {
            struct answer answer = { 0 };
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
    struct answer answer = { 0 };
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
    struct answer answer = { 0 };
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

long
chain_resident_kib(struct chain *chain, enum process which)
{
    char path[64], line[256];
    long kib = -1;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%ld/status", (long)chain->pids[which]);
    file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    if (file != NULL)
        fclose(file);
    return kib;
}

const char *
chain_ingest_url(const struct chain *chain)
{
    return chain->ingest_url;
}

const char *
chain_api_url(const struct chain *chain)
{
    return chain->api_url;
}

const char *
chain_key(const struct chain *chain)
{
    (void)chain;
    return api_key;
}

const char *
chain_dir(const struct chain *chain)
{
    return chain->dir;
}

long
chain_pid(const struct chain *chain, enum process which)
{
    return (long)chain->pids[which];
}
