#include "ctl/demo_story.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/timestamp.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)

/* Of the events that are not the attack: parts of 100. */
enum { LOGIN_PART = 8, CRON_PART = 14, SMALL_HOURS_END = 5 };

struct item {
    int64_t at_us;
    size_t number;              /* events of one moment stay in their order */
    char *json;
};

struct telling {
    struct demo_story *story;
    uint64_t state;
    struct item *items;
    size_t count, cap;
    int is_failed;
};

static const char *const staff[] = { "mina", "jun", "sora", "alex", "ops" };
static const char *const hosts[] = { "web1", "web2", "db1" };

static const struct { const char *path; int status; int bytes; } pages[] = {
    { "/", 200, 5120 }, { "/products", 200, 14230 }, { "/products?page=2", 200, 13998 },
    { "/cart", 200, 3310 }, { "/assets/app.js", 304, 0 }, { "/assets/style.css", 304, 0 },
    { "/images/logo.svg", 200, 1804 }, { "/login", 200, 2210 }, { "/account", 302, 0 },
    { "/search?q=red+shoes", 200, 9120 }, { "/robots.txt", 200, 68 }, { "/old-page", 404, 153 },
};

/* What a scanner asks for; "{n}" is a number. */
static const char *const probes[] = {
    "/.env", "/.git/config", "/wp-login.php", "/wp-admin/setup-config.php", "/phpmyadmin/",
    "/admin/", "/administrator/", "/server-status", "/backup{n}.zip", "/db{n}.sql",
    "/cgi-bin/test{n}.cgi", "/vendor/phpunit/eval-stdin.php", "/api/v{n}/users",
    "/console/", "/actuator/env", "/old{n}/", "/tmp{n}/shell.php", "/config{n}.php.bak",
};

static const char *const guessed_users[] = {
    "root", "admin", "test", "oracle", "git", "deploy", "ubuntu", "postgres",
};

static const char *const browsers[] = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
};

#define COUNT_OF(table) (sizeof table / sizeof table[0])

/* splitmix64: repeatable everywhere, which rand() is not. */
static uint64_t
draw(struct telling *telling, uint64_t below)
{
    uint64_t z = telling->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

/* Keep an event (given); it gets its time. */
static void
tell(struct telling *telling, int64_t at_us, json_t *event)
{
    struct item *items = telling->items;
    char when[TIMESTAMP_LEN];

    if (telling->count == telling->cap) {
        telling->cap = telling->cap == 0 ? 1024 : telling->cap * 2;
        items = realloc(telling->items, telling->cap * sizeof *items);
    }
    timestamp_format(at_us, when);
    if (items == NULL || event == NULL ||
        json_object_set_new(event, "timestamp", json_string(when)) != 0) {
        telling->is_failed = 1;
    } else {
        telling->items = items;
        items[telling->count] = (struct item){ at_us, telling->count,
                                               json_dumps(event, JSON_COMPACT) };
        telling->is_failed |= items[telling->count].json == NULL;
        telling->count++;
    }
    json_decref(event);
}

/* --- what programs write --- */

struct request {
    const char *host, *source, *target, *agent;
    int status, bytes;
};

static void
tell_request(struct telling *telling, int64_t at_us, const struct request *request)
{
    const char *query = strchr(request->target, '?');
    size_t path_len = strcspn(request->target, "?");
    json_t *event = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s%, s:i, s:i, s:s}", "event_type", "web_request",
        "source_ip", request->source, "host.name", request->host, "http.request.method", "GET",
        "url.original", request->target, "url.path", request->target, path_len,
        "http.response.status_code", request->status, "http.response.body.bytes",
        request->bytes, "user_agent.original", request->agent);

    if (query != NULL)
        json_object_set_new(event, "url.query", json_string(query + 1));
    json_object_set_new(event, "raw_log",
                        json_sprintf("%s \"GET %s HTTP/1.1\" %d %d \"%s\"", request->source,
                                     request->target, request->status, request->bytes,
                                     request->agent));
    json_object_set_new(event, "description", json_sprintf("GET %s HTTP/1.1", request->target));
    tell(telling, at_us, event);
}

struct login {
    const char *host, *source, *user;
    int is_success, is_known;
};

static void
tell_login(struct telling *telling, int64_t at_us, const struct login *login)
{
    int port = 32768 + (int)draw(telling, 28000), pid = 1000 + (int)draw(telling, 30000);
    json_t *event = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:i, s:i, s:s, s:s}", "event_type",
        login->is_success ? "login_success" : "login_failed", "source_ip", login->source,
        "username", login->user, "host.name", login->host, "process.name", "sshd",
        "process.pid", pid, "source.port", port, "ssh.method", "password", "severity", "low");
    json_t *said = json_sprintf("%s password for %s%s from %s port %d ssh2",
                                login->is_success ? "Accepted" : "Failed",
                                login->is_known ? "" : "invalid user ", login->user,
                                login->source, port);

    if (!login->is_known)
        json_object_set_new(event, "user.invalid", json_true());
    json_object_set_new(event, "raw_log",
                        json_sprintf("%s sshd[%d]: %s", login->host, pid,
                                     json_string_value(said)));
    json_object_set_new(event, "description", said);
    tell(telling, at_us, event);
}

static void
tell_sudo(struct telling *telling, int64_t at_us, const char *user, const char *command)
{
    const char *host = telling->story->victim;
    json_t *said = json_sprintf("%s : TTY=pts/0 ; PWD=/home/%s ; USER=root ; COMMAND=%s", user,
                                user, command);
    json_t *event = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "event_type", "sudo", "username",
                              user, "host.name", host, "process.name", "sudo",
                              "user.effective.name", "root", "process.command_line", command);

    json_object_set_new(event, "raw_log",
                        json_sprintf("%s sudo: %s", host, json_string_value(said)));
    json_object_set_new(event, "description", said);
    tell(telling, at_us, event);
}

static void
tell_cron(struct telling *telling, int64_t at_us)
{
    const char *host = hosts[draw(telling, COUNT_OF(hosts))];

    tell(telling, at_us,
         json_pack("{s:s, s:s, s:s, s:s, s:s}", "event_type", "session_opened", "username", "root",
                   "host.name", host, "process.name", "CRON", "description",
                   "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"));
}

/* --- the morning --- */

/* Staff sleep from two to five: a login then would be an incident of its own. */
static int
is_small_hours(int64_t at_us)
{
    struct local_time local;

    timestamp_to_local(at_us, &local);
    return local.hour >= 2 && local.hour < SMALL_HOURS_END;
}

static void
staff_logs_in(struct telling *telling, int64_t at_us)
{
    uint64_t who = draw(telling, COUNT_OF(staff));
    char source[32];
    struct login login = { hosts[draw(telling, COUNT_OF(hosts))], source, staff[who], 1, 1 };

    snprintf(source, sizeof source, "192.0.2.%d", 11 + (int)who);
    if (is_small_hours(at_us))
        return;
    if (draw(telling, 6) == 0) {        /* a slip of the finger */
        login.is_success = 0;
        tell_login(telling, at_us - 8 * SECOND, &login);
        login.is_success = 1;
    }
    tell_login(telling, at_us, &login);
}

static void
visitor_looks(struct telling *telling, int64_t at_us)
{
    size_t page = (size_t)draw(telling, COUNT_OF(pages));
    char source[32];
    struct request request = { draw(telling, 2) ? "web1" : "web2", source, pages[page].path,
                               browsers[draw(telling, COUNT_OF(browsers))], pages[page].status,
                               pages[page].bytes };

    snprintf(source, sizeof source, "198.51.100.%d", 1 + (int)draw(telling, 250));
    tell_request(telling, at_us, &request);
}

static void
tell_morning(struct telling *telling, size_t count)
{
    int64_t span_us = DEMO_HOURS * 60 * MINUTE - MINUTE;

    while (count-- > 0) {
        int64_t at_us = telling->story->end_us - 1 -
                        (int64_t)draw(telling, (uint64_t)(span_us / 1000)) * 1000;
        uint64_t what = draw(telling, 100);

        if (what < LOGIN_PART)
            staff_logs_in(telling, at_us);
        else if (what < LOGIN_PART + CRON_PART)
            tell_cron(telling, at_us);
        else
            visitor_looks(telling, at_us);
    }
}

/* --- the attack --- */

static void
numbered(const char *pattern, unsigned n, char *out, size_t size)
{
    const char *mark = strstr(pattern, "{n}");

    if (mark == NULL)
        snprintf(out, size, "%s", pattern);
    else
        snprintf(out, size, "%.*s%u%s", (int)(mark - pattern), pattern, n, mark + 3);
}

static int64_t
tell_scan(struct telling *telling, int64_t at_us)
{
    struct demo_story *story = telling->story;

    story->scan_requests = 80 + (size_t)draw(telling, 60);
    for (unsigned i = 0; i < story->scan_requests; i++) {
        char target[64];
        struct request request = { story->victim, story->attacker, target,
                                   "Mozilla/5.0 (compatible; example-scanner/2.1)",
                                   draw(telling, 25) == 0 ? 403 : 404, 153 };

        numbered(probes[i % COUNT_OF(probes)], i, target, sizeof target);
        tell_request(telling, at_us, &request);
        at_us += (int64_t)(200 + draw(telling, 1200)) * 1000;
    }
    return at_us;
}

static int64_t
tell_guesses(struct telling *telling, int64_t at_us)
{
    struct demo_story *story = telling->story;
    struct login login = { .host = story->victim, .source = story->attacker };

    story->guesses = 30 + (size_t)draw(telling, 30);
    for (size_t i = 0; i < story->guesses; i++) {
        login.user = guessed_users[draw(telling, COUNT_OF(guessed_users))];
        login.is_known = strcmp(login.user, "root") == 0 || strcmp(login.user, "deploy") == 0;
        tell_login(telling, at_us, &login);
        at_us += (int64_t)(2000 + draw(telling, 3000)) * 1000;
    }
    login.user = "deploy";
    login.is_known = login.is_success = 1;
    tell_login(telling, at_us, &login);
    return at_us;
}

static void
tell_attack(struct telling *telling)
{
    struct demo_story *story = telling->story;
    int64_t at_us = story->end_us - (40 + (int64_t)draw(telling, 10)) * MINUTE;

    snprintf(story->attacker, sizeof story->attacker, "203.0.113.%d",
             2 + (int)draw(telling, 250));
    snprintf(story->victim, sizeof story->victim, "web%d", 1 + (int)draw(telling, 2));
    story->attack_us = at_us;
    at_us = tell_scan(telling, at_us);
    at_us = tell_guesses(telling, at_us + 2 * MINUTE);
    tell_sudo(telling, at_us + 70 * SECOND, "deploy", "/bin/bash");
    tell_sudo(telling, at_us + 130 * SECOND, "deploy", "/usr/sbin/useradd -o -u 0 support");
}

static int
by_time(const void *a, const void *b)
{
    const struct item *x = a, *y = b;

    if (x->at_us != y->at_us)
        return x->at_us < y->at_us ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

int
demo_story_write(struct demo_story *story, struct buf *out)
{
    struct telling telling = { .story = story, .state = story->seed };

    tell_attack(&telling);
    if (story->count > telling.count)
        tell_morning(&telling, story->count - telling.count);
    if (telling.count > 0)
        qsort(telling.items, telling.count, sizeof *telling.items, by_time);
    for (size_t i = 0; i < telling.count; i++) {
        if (telling.items[i].json == NULL || buf_append_str(out, telling.items[i].json) != 0 ||
            buf_append_char(out, '\n') != 0)
            telling.is_failed = 1;
        free(telling.items[i].json);
    }
    free(telling.items);
    return telling.is_failed ? -1 : 0;
}
