#include "proto/run/health.h"

#include <assert.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "proto/base/clock.h"
#include "proto/base/log.h"
#include "proto/base/text.h"

enum { MAX_CHECKS = 32, MAX_ALSO = 4 };

struct check {
    char name[32];
    char why[256];
    int is_ok, is_warning;
};

struct health {
    char process[32];
    struct metrics *metrics;
    struct check checks[MAX_CHECKS];
    size_t check_count;
    int is_draining;
    int64_t started_us, started_ms, beat_ms;
    void (*fill)(void *self, json_t *status);
    void *fill_self;
    struct {
        void (*fill)(void *self, json_t *status);
        void *self;
    } also[MAX_ALSO];
    size_t also_count;
};

struct health *
health_new(const char *process, struct metrics *metrics)
{
    struct health *health = calloc(1, sizeof(*health));

    if (health == NULL)
        return NULL;
    snprintf(health->process, sizeof(health->process), "%s", process);
    health->metrics = metrics;
    health->started_us = clock_real_us();
    health->started_ms = health->beat_ms = clock_steady_ms();
    return health;
}

void
health_destroy(struct health **health)
{
    free(*health);
    *health = NULL;
}

void
health_beat(struct health *health)
{
    health->beat_ms = clock_steady_ms();
}

/* The check of that name, made when it is new; NULL: there is no room. */
static struct check *
check_of(struct health *health, const char *name)
{
    static struct log_burst burst;
    struct check *check = health->checks, *end = check + health->check_count;

    while (check < end && strcmp(check->name, name) != 0)
        check++;
    if (check == end) {
        if (health->check_count == MAX_CHECKS) {
            log_warn_burst(&burst, "no room for a further check", "name=%s", name);
            return NULL;
        }
        health->check_count++;
        snprintf(check->name, sizeof(check->name), "%s", name);
    }
    return check;
}

/* A reason may quote what came from outside, and be cut within a character. */
static void
set_why(struct check *check, const char *why)
{
    snprintf(check->why, sizeof(check->why), "%s", why == NULL ? "" : why);
    text_mend(check->why);
}

void
health_set(struct health *health, const char *name, int is_ok, const char *why)
{
    struct check *check = check_of(health, name);

    if (check == NULL)
        return;
    check->is_ok = is_ok;
    check->is_warning = 0;
    set_why(check, is_ok ? NULL : why);
}

void
health_warn(struct health *health, const char *name, const char *why)
{
    struct check *check = check_of(health, name);

    if (check == NULL)
        return;
    check->is_ok = 1;
    check->is_warning = 1;
    set_why(check, why);
}

void
health_set_draining(struct health *health)
{
    health->is_draining = 1;
}

void
health_on_status(struct health *health, void (*fill)(void *self, json_t *status),
                 void *self)
{
    health->fill = fill;
    health->fill_self = self;
}

void
health_also_show(struct health *health, void (*fill)(void *self, json_t *status), void *self)
{
    assert(health->also_count < MAX_ALSO);
    health->also[health->also_count].fill = fill;
    health->also[health->also_count++].self = self;
}

static int
is_ready(const struct health *health)
{
    int ready = !health->is_draining;

    for (size_t i = 0; i < health->check_count; i++)
        ready = ready && health->checks[i].is_ok;
    return ready;
}

static json_t *
checks_object(const struct health *health)
{
    json_t *checks = json_object();

    for (size_t i = 0; i < health->check_count; i++) {
        const struct check *check = &health->checks[i];
        const char *shown = check->why[0] != '\0' ? check->why : "failed";

        if (check->is_warning)
            continue;
        json_object_set_new(checks, check->name, json_string(check->is_ok ? "ok" : shown));
    }
    if (health->is_draining)
        json_object_set_new(checks, "draining", json_string("this process is ending"));
    return checks;
}

/* NULL when there is nothing to warn of. */
static json_t *
warnings_array(const struct health *health)
{
    json_t *warnings = NULL;

    for (size_t i = 0; i < health->check_count; i++) {
        if (!health->checks[i].is_warning || health->checks[i].why[0] == '\0')
            continue;
        if (warnings == NULL)
            warnings = json_array();
        json_array_append_new(warnings, json_string(health->checks[i].why));
    }
    return warnings;
}

/* Behind those that the process has put there itself. */
static void
add_warnings(const struct health *health, json_t *status)
{
    json_t *ours = warnings_array(health), *theirs = json_object_get(status, "warnings");

    if (theirs == NULL)
        json_object_set(status, "warnings", ours);
    else
        json_array_extend(theirs, ours);
    json_decref(ours);
}

/* --- the numbers of the process itself --- */

static uint64_t
resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    uint64_t total = 0, resident = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "%" SCNu64 " %" SCNu64, &total, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static unsigned
open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;

    if (dir == NULL)
        return 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count - 1;               /* the folder's own */
}

static int
render_process(const struct health *health, struct buf *out)
{
    struct rusage usage = { 0 };
    struct rlimit limit = { 0 };
    double cpu_s;

    getrusage(RUSAGE_SELF, &usage);
    getrlimit(RLIMIT_NOFILE, &limit);
    cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
            (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    return buf_printf(
        out,
        "# HELP bongsu_build_info Version of this process\n"
        "# TYPE bongsu_build_info gauge\n"
        "bongsu_build_info{process=\"%s\",version=\"%s\"} 1\n"
        "# HELP process_resident_memory_bytes Resident memory\n"
        "# TYPE process_resident_memory_bytes gauge\n"
        "process_resident_memory_bytes %" PRIu64 "\n"
        "# HELP process_cpu_seconds_total User and system time\n"
        "# TYPE process_cpu_seconds_total counter\n"
        "process_cpu_seconds_total %.2f\n"
        "# HELP process_open_fds Open file descriptors\n"
        "# TYPE process_open_fds gauge\n"
        "process_open_fds %u\n"
        "# HELP process_max_fds Limit of open file descriptors\n"
        "# TYPE process_max_fds gauge\n"
        "process_max_fds %" PRIu64 "\n"
        "# HELP process_start_time_seconds Start, in seconds since 1970\n"
        "# TYPE process_start_time_seconds gauge\n"
        "process_start_time_seconds %.3f\n",
        health->process, BONGSU_VERSION, resident_bytes(), cpu_s, open_descriptors(),
        (uint64_t)limit.rlim_cur, (double)health->started_us / 1e6);
}

static json_t *
number_value(const char *value)
{
    if (strchr(value, '.') != NULL)
        return json_real(strtod(value, NULL));
    return json_integer(strtoll(value, NULL, 10));
}

/* The text of /metrics as an object: each line's last word is its value. */
static json_t *
metrics_object(struct text rest)
{
    json_t *object = json_object();

    while (rest.ptr != NULL) {
        struct text line = text_split(&rest, '\n');
        char value[64];
        size_t at = line.len;

        while (at > 0 && line.ptr[at - 1] != ' ')
            at--;
        if (at < 2 || line.ptr[0] == '#' || line.len - at >= sizeof(value))
            continue;
        memcpy(value, line.ptr + at, line.len - at);
        value[line.len - at] = '\0';
        json_object_setn_new(object, line.ptr, at - 1, number_value(value));
    }
    return object;
}

/* --- the routes --- */

static json_int_t
beat_age_ms(const struct health *health)
{
    return (json_int_t)(clock_steady_ms() - health->beat_ms);
}

static void
on_healthz(struct http_request *req, void *self)
{
    const struct health *health = self;

    /* this answer itself is the proof that the loop goes round */
    http_reply_json(req, 200,
                    json_pack("{s:s, s:s, s:I}", "status", "ok", "process",
                              health->process, "last_beat_ms", beat_age_ms(health)));
}

static void
on_readyz(struct http_request *req, void *self)
{
    const struct health *health = self;
    int ready = is_ready(health);

    if (!ready)
        http_set_header(req, "Retry-After", "1");
    http_reply_json(req, ready ? 200 : 503,
                    json_pack("{s:s, s:o, s:o*}", "status", ready ? "ready" : "not ready",
                              "checks", checks_object(health), "warnings",
                              warnings_array(health)));
}

static void
on_metrics(struct http_request *req, void *self)
{
    struct health *health = self;
    struct buf out = { 0 };

    if (render_process(health, &out) == 0 && metrics_render(health->metrics, &out) == 0)
        http_reply(req, 200, "text/plain; version=0.0.4", buf_text(&out));
    else
        http_reply_problem(req, 503, "Out of memory.");
    buf_release(&out);
}

static void
on_status(struct http_request *req, void *self)
{
    struct health *health = self;
    struct buf out = { 0 };
    json_t *status = NULL;

    if (render_process(health, &out) == 0 && metrics_render(health->metrics, &out) == 0)
        status = json_pack(
            "{s:s, s:s, s:i, s:I, s:b, s:o, s:I, s:o}", "process", health->process,
            "version", BONGSU_VERSION, "pid", (int)getpid(), "uptime_s",
            (json_int_t)((clock_steady_ms() - health->started_ms) / 1000), "ready",
            is_ready(health), "checks", checks_object(health), "last_beat_ms",
            beat_age_ms(health), "metrics", metrics_object(buf_text(&out)));
    buf_release(&out);
    if (status == NULL) {
        http_reply_problem(req, 503, "Out of memory.");
        return;
    }
    if (health->fill != NULL)
        health->fill(health->fill_self, status);
    for (size_t i = 0; i < health->also_count; i++)
        health->also[i].fill(health->also[i].self, status);
    add_warnings(health, status);
    http_reply_json(req, 200, status);
}

const struct http_route health_routes[] = {
    { "GET", "/healthz", HTTP_OPEN, NULL, 0, on_healthz },
    { "GET", "/readyz", HTTP_OPEN, NULL, 0, on_readyz },
    { "GET", "/metrics", HTTP_OPEN, NULL, 0, on_metrics },
    { "GET", "/status", HTTP_READ, NULL, 0, on_status },
};

const size_t health_route_count = sizeof(health_routes) / sizeof(health_routes[0]);
