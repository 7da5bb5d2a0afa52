/*
 * bench_sigma - how fast Sigma's rules are judged, on one core, ours and rsigma's
 *
 * usage: bench_sigma [EVENTS]              (100,000 of each kind; BENCH_ONLY=auth or web)
 * Lines of logs go through the decoders; their events are matched from wire bytes on, routed
 * by their fields as the detector does it. Beside it rsigma, where there is one (RSIGMA, or
 * in the PATH), gets the same events as JSON with Sigma's names for the fields, and is told
 * their logsource; what it needs to load the rules is taken off. Both are CPU time. The rules
 * are SigmaHQ's, in BONGSU_CORPORA (../shared/corpora); without them there is nothing to do.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "detector/ruleset/ruleset.h"
#include "proto/base/buf.h"
#include "proto/base/timestamp.h"
#include "proto/codec_json.h"
#include "proto/codec_msgpack.h"
#include "proto/decode/decode.h"
#include "proto/fields.h"

enum { BATCH = 500, MADE = 20000, PATH_LEN = 512, LINE_LEN = 1200 };

#define NOW (INT64_C(1795900000) * 1000000)

/* What is judged: the lines of a kind, and what rsigma is told of them. */
struct kind {
    const char *name, *logsource, *logsource_fields;
    void (*make)(char line[LINE_LEN], uint64_t n);
};

/* By which rules: folders below sigma/rules, "" for all. */
struct selection {
    const char *name;
    const char *folders[4];
};

struct bench {
    char rules_dir[PATH_LEN], space[PATH_LEN];
    uint64_t events;
    struct buf bodies[MADE / BATCH];
    struct buf json;            /* the same as lines */
    size_t wire_bytes;
};

static void
fail(const char *what, const char *why)
{
    fprintf(stderr, "bench_sigma: %s: %s\n", what, why);
    exit(1);
}

/* --- lines --- */

static void
make_auth(char line[LINE_LEN], uint64_t n)
{
    static const char *const users[] = { "root", "admin", "oracle", "git", "alice", "www-data" };
    const char *user = users[n % 6];
    int a = (int)(n / 250 % 250), b = (int)(n % 250), pid = 1000 + (int)(n % 30000);

    switch (n % 5) {
    case 0:
        snprintf(line, LINE_LEN, "Nov 22 10:%02d:%02d w1 sshd[%d]: Failed password for %s from "
                 "10.4.%d.%d port %d ssh2", (int)(n / 60 % 60), (int)(n % 60), pid, user, a, b, pid);
        break;
    case 1:
        snprintf(line, LINE_LEN, "Nov 22 10:%02d:%02d w1 sshd[%d]: Invalid user %s from 10.4.%d.%d",
                 (int)(n / 60 % 60), (int)(n % 60), pid, user, a, b);
        break;
    case 2:
        snprintf(line, LINE_LEN, "Nov 22 10:%02d:%02d w1 sudo: %s : PWD=/ ; USER=root ; "
                 "COMMAND=/bin/ls %d", (int)(n / 60 % 60), (int)(n % 60), user, a);
        break;
    case 3:
        snprintf(line, LINE_LEN, "Nov 22 10:%02d:%02d w1 CRON[%d]: (%s) CMD (/bin/job %d)",
                 (int)(n / 60 % 60), (int)(n % 60), pid, user, a);
        break;
    default:
        snprintf(line, LINE_LEN, "Nov 22 10:%02d:%02d w1 sshd[%d]: Connection closed by user %s "
                 "10.4.0.1 port 22 [preauth]", (int)(n / 60 % 60), (int)(n % 60), pid, user);
    }
}

static void
make_web(char line[LINE_LEN], uint64_t n)
{
    static const char *const pages[] = { "search", "cart", "account/orders", "static/app.js",
                                         "api/v2/items" };
    static const char *const queries[] = { "q=red+shoes&page=2", "id=4711&sort=price",
                                           "q=%27+or+1%3D1--", "lang=ko&currency=KRW" };
    const char *query = n % 50 == 7 ? "file=../../../../../etc/passwd" : queries[n % 4];

    snprintf(line, LINE_LEN, "10.7.%d.%d - - [22/Nov/2026:10:%02d:%02d +0900] \"%s /%s?%s&session="
             "%016" PRIx64 " HTTP/1.1\" %d %d \"https://www.example.com/%s\" \"Mozilla/5.0 "
             "(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
             "Chrome/131\"", (int)(n / 250 % 250), (int)(n % 250),
             (int)(n / 60 % 60), (int)(n % 60), n % 7 == 0 ? "POST" : "GET", pages[n % 5],
             query, n * UINT64_C(0x9e3779b97f4a7c15), n % 11 == 0 ? 404 : 200,
             (int)(n % 90000), pages[n / 5 % 5]);
}

static const struct kind kinds[] = {
    { "auth", "product=linux", "product=none,category=none,service=comm", make_auth },
    { "web", "product=apache,category=webserver", "product=none,category=none,service=none", make_web },
};

static const struct selection selections[] = {
    { "all", { "" } },
    { "linux, web, application", { "linux", "web", "application" } },
};

/* --- events --- */

/* One line of JSON, with Sigma's name for a field where it has one for any rule. */
static void
write_json(struct buf *json, const struct event *ev)
{
    json_t *ours = event_to_json(ev), *named = json_object(), *value;
    const char *name;
    char *text;

    json_object_foreach(ours, name, value) {
        const struct field_row *row = field_find(text_of(name));
        struct text sigma = text_of(row == NULL ? "" : row->sigma), word = { NULL, 0 };
        char space[EVENT_MAX_NAME + 1];

        while (sigma.len > 0 && word.len == 0) {
            word = text_split(&sigma, ' ');
            if (memchr(word.ptr, '@', word.len) != NULL)
                word.len = 0;
        }
        snprintf(space, sizeof(space), "%.*s", (int)word.len, word.len == 0 ? "" : word.ptr);
        json_object_set(named, word.len == 0 ? name : space, value);
    }
    for (const char *const *added = (const char *const[]){ "id", "received_at", "received_from",
                                                           NULL }; *added != NULL; added++)
        json_object_del(named, *added);
    text = json_dumps(named, JSON_COMPACT);
    if (text == NULL || buf_append_str(json, text) != 0 || buf_append_char(json, '\n') != 0)
        fail("events", "out of memory");
    free(text);
    json_decref(named);
    json_decref(ours);
}

static void
make_event(const struct kind *kind, uint64_t n, struct buf *body, struct buf *json)
{
    static struct event ev;
    static struct arena arena;
    char line[LINE_LEN], time_space[TIMESTAMP_LEN];
    struct err err = { "out of memory" };

    arena_clear(&arena);
    event_clear(&ev);
    kind->make(line, n);
    if (decode_line(text_of(line), NOW, &arena, &ev) == NULL ||
        event_check(&ev, NOW, time_space, &err) != 0 || event_pack(&ev, body) != 0)
        fail("event", err.text);
    write_json(json, &ev);
}

static void
make_events(struct bench *bench, const struct kind *kind)
{
    bench->wire_bytes = 0;
    buf_clear(&bench->json);
    for (size_t i = 0; i < MADE / BATCH; i++) {
        buf_clear(&bench->bodies[i]);
        if (batch_pack_count(BATCH, &bench->bodies[i]) != 0)
            fail("events", "out of memory");
        for (uint64_t j = 0; j < BATCH; j++)
            make_event(kind, i * BATCH + j, &bench->bodies[i], &bench->json);
        bench->wire_bytes += bench->bodies[i].len;
    }
}

/* --- ours --- */

static double
cpu_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct ruleset *
load_rules(const struct bench *bench, const struct selection *selection)
{
    struct ruleset *rules = ruleset_new();
    struct err err = { "out of memory" };

    for (size_t i = 0; rules != NULL && selection->folders[i] != NULL; i++) {
        char dir[PATH_LEN + 32];
        struct rule_files files = { 0 };

        snprintf(dir, sizeof(dir), "%s/%s", bench->rules_dir, selection->folders[i]);
        if (rule_files_read(dir, &files, &err) != 0)
            fail(dir, err.text);
        for (size_t f = 0; f < files.count; f++)
            if (ruleset_add(rules, files.files[f].path, files.files[f].bytes.ptr,
                            files.files[f].bytes.len) != 0)
                fail(dir, "out of memory");
        rule_files_release(&files);
    }
    if (rules == NULL || ruleset_link(rules, &err) != 0)
        fail("rules", err.text);
    return rules;
}

/* Every event from its bytes on; matcher NULL: only that far. The CPU time. */
static double
run_ours(const struct bench *bench, struct matcher *matcher, uint64_t *ret_matches)
{
    static struct event ev;
    double begun = cpu_seconds();
    struct err err;

    for (uint64_t row = 0; row < bench->events / BATCH; row++) {
        const struct buf *body = &bench->bodies[row % (MADE / BATCH)];
        const struct batch_head head = { .origin = 1, .first = row * BATCH + 1, .count = BATCH };
        struct batch_reader reader;
        const uint32_t *numbers;

        if (batch_reader_init(&reader, &head, body->ptr, body->len, &err) != 0)
            fail("batch", err.text);
        while (batch_reader_next(&reader, &ev, &err) == 1)
            if (matcher != NULL)
                *ret_matches += matcher_match(matcher, &ev, &numbers);
        batch_reader_release(&reader);
    }
    return cpu_seconds() - begun;
}

static double
resident_mib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

/* --- rsigma --- */

/* The CPU seconds of `rsigma engine eval` over a file; -1: it failed. */
static double
time_rsigma(const char *program, const struct bench *bench, const struct selection *selection,
            const struct kind *kind, const char *events, const char *out)
{
    int is_all = selection->folders[1] == NULL;
    char rules[PATH_LEN + 16], at[PATH_LEN + 32];
    struct rusage usage = { 0 };
    int status = 0;
    pid_t pid;

    snprintf(at, sizeof(at), "@%s", events);
    snprintf(rules, sizeof(rules), "%s%s", is_all ? bench->rules_dir : bench->space,
             is_all ? "" : "/rules");
    pid = fork();
    if (pid == 0) {
        dup2(open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        execlp(program, program, "engine", "eval", "--rules", rules, "--event", at,
               "--input-format", "json", "--logsource-routing", "--event-logsource",
               kind->logsource, "--logsource-field-map", kind->logsource_fields, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0)
        return -1;
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* rsigma takes one folder: the chosen ones stand in it as links. */
static void
link_folders(const struct bench *bench, const struct selection *selection)
{
    char from[PATH_LEN * 2], to[PATH_LEN * 2], *whole = realpath(bench->rules_dir, NULL);

    snprintf(to, sizeof(to), "%s/rules", bench->space);
    if (whole == NULL || mkdir(to, 0700) != 0)
        fail(to, "cannot be made");
    for (size_t i = 0; selection->folders[i] != NULL; i++) {
        snprintf(from, sizeof(from), "%s/%s", whole, selection->folders[i]);
        snprintf(to, sizeof(to), "%s/rules/%s", bench->space, selection->folders[i]);
        if (symlink(from, to) != 0)
            fail(to, "cannot be made");
    }
    free(whole);
}

static void
unlink_folders(const struct bench *bench, const struct selection *selection)
{
    char path[PATH_LEN * 2];

    for (size_t i = 0; selection->folders[i] != NULL; i++) {
        snprintf(path, sizeof(path), "%s/rules/%s", bench->space, selection->folders[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/rules", bench->space);
    rmdir(path);
}

static void
write_times(const char *path, struct text bytes, uint64_t times)
{
    FILE *file = fopen(path, "w");

    if (file == NULL)
        fail(path, "cannot be written");
    for (uint64_t i = 0; i < times; i++)
        if (fwrite(bytes.ptr, 1, bytes.len, file) != bytes.len)
            fail(path, "cannot be written");
    if (fclose(file) != 0)
        fail(path, "cannot be written");
}

static uint64_t
count_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    uint64_t count = 0;
    int c;

    while (file != NULL && (c = getc(file)) != EOF)
        count += c == '\n';
    if (file != NULL)
        fclose(file);
    return count;
}

/* Seconds for all events without those for loading the rules; 0: there is no rsigma. */
static double
run_rsigma(const struct bench *bench, const struct selection *selection, const struct kind *kind,
           uint64_t *ret_matches)
{
    const char *given = getenv("RSIGMA"), *program = given == NULL ? "rsigma" : given;
    char one[PATH_LEN + 16], all[PATH_LEN + 16], out[PATH_LEN + 16];
    struct text rest = { bench->json.ptr, bench->json.len }, first = text_split(&rest, '\n');
    double loading, whole;

    snprintf(one, sizeof(one), "%s/one", bench->space);
    snprintf(all, sizeof(all), "%s/all", bench->space);
    snprintf(out, sizeof(out), "%s/out", bench->space);
    write_times(one, first, 1);
    loading = time_rsigma(program, bench, selection, kind, one, out);
    if (loading < 0) {
        unlink(one);
        unlink(out);
        return 0;
    }
    write_times(all, (struct text){ bench->json.ptr, bench->json.len }, bench->events / MADE);
    whole = time_rsigma(program, bench, selection, kind, all, out);
    *ret_matches = count_lines(out);
    unlink(out);
    unlink(one);
    unlink(all);
    return whole > loading ? whole - loading : 0;
}

/* --- the table --- */

static void
run_kind(struct bench *bench, const struct selection *selection, struct ruleset *rules,
         const struct kind *kind)
{
    double per_us = (double)bench->events / 1e6, unpack, ours, theirs;
    uint64_t none = 0, matches = 0, their_matches = 0;

    make_events(bench, kind);
    run_ours(bench, ruleset_matcher(rules), &none);     /* what is kept of an event's kind is there */
    unpack = run_ours(bench, NULL, &none);
    ours = run_ours(bench, ruleset_matcher(rules), &matches);
    theirs = run_rsigma(bench, selection, kind, &their_matches);
    printf("  %-4s %4zu B  %8.0f/s  %5.2f us: unpack %4.1f%%, match %4.1f%%  %" PRIu64 " matches"
           "  %4.0f MiB", kind->name, bench->json.len / MADE, (double)bench->events / ours,
           ours / per_us, 100 * unpack / ours, 100 * (ours - unpack) / ours, matches,
           resident_mib());
    if (theirs > 0)
        printf("  | rsigma %8.0f/s, %" PRIu64 " matches: %.2f times", (double)bench->events / theirs,
               their_matches, theirs / ours);
    putchar('\n');
    fflush(stdout);
}

/* In a process of its own, so that its memory is its own. */
static void
run_selection(struct bench *bench, const struct selection *selection)
{
    const char *only = getenv("BENCH_ONLY");
    pid_t pid = fork();
    int status = 0;

    if (pid < 0)
        fail("fork", "failed");
    if (pid == 0) {
        double begun = cpu_seconds();
        struct ruleset *rules = load_rules(bench, selection);

        printf("%s: %zu rules, loaded in %.2f s\n", selection->name, ruleset_count(rules),
               cpu_seconds() - begun);
        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
            if (only == NULL || strcmp(only, kinds[k].name) == 0)
                run_kind(bench, selection, rules, &kinds[k]);
        ruleset_destroy(&rules);
        exit(0);
    }
    if (waitpid(pid, &status, 0) != pid || status != 0)
        fail(selection->name, "did not end well");
}

int
main(int argc, char **argv)
{
    static struct bench bench;
    const char *corpora = getenv("BONGSU_CORPORA"), *tmp = getenv("TMPDIR");
    struct err err;

    bench.events = argc > 1 ? strtoull(argv[1], NULL, 10) / MADE * MADE : 100000;
    snprintf(bench.rules_dir, sizeof(bench.rules_dir), "%s/sigma/rules",
             corpora == NULL ? "../shared/corpora" : corpora);
    if (access(bench.rules_dir, R_OK) != 0) {
        printf("no rules in %s (BONGSU_CORPORA): skipped\n", bench.rules_dir);
        return 0;
    }
    if (bench.events == 0)
        fail("EVENTS", "at least 20000");
    if (timestamp_init(&err) != 0)
        fail("time zone", err.text);
    snprintf(bench.space, sizeof(bench.space), "%s/bench-sigma-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(bench.space) == NULL)
        fail(bench.space, "cannot be made");
    for (size_t i = 0; i < sizeof(selections) / sizeof(selections[0]); i++) {
        if (selections[i].folders[1] != NULL)
            link_folders(&bench, &selections[i]);
        run_selection(&bench, &selections[i]);
        if (selections[i].folders[1] != NULL)
            unlink_folders(&bench, &selections[i]);
    }
    return rmdir(bench.space) == 0 ? 0 : 1;
}
