#include "tests/support/attack_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/base/hash.h"

enum { MAX_LINE = 4096, DATE_LEN = 6, SPAN_S = 300, THRESHOLD = 5 };

static FILE *
open_file(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);

    if (file == NULL)
        fail_msg("%s cannot be opened", path);
    return file;
}

/* --- writing --- */

/* How an address behaves: `times` failures, one every `every_s`, each message
 * standing for `repeated` more. */
static const struct {
    const char *address;
    int start_s, every_s, times, repeated;
} scenes[] = {
    { "198.51.100.1", 0, 2, 30, 0 },            /* a flood */
    { "198.51.100.2", 10, 75, 5, 0 },           /* five that just fit: 300 s */
    { "198.51.100.3", 11, 76, 5, 0 },           /* five that just do not: 304 s */
    { "198.51.100.4", 20, 10, 4, 0 },           /* four */
    { "198.51.100.5", 30, 10, 1, 5 },           /* "message repeated 5 times" and itself */
    { "198.51.100.6", 40, 10, 1, 3 },           /* 1 and 3: four again */
    { "198.51.100.7", 50, 400, 20, 0 },         /* slow and for long */
    { "2001:db8::bad", 60, 30, 6, 0 },
    { "203.0.113.9", 3000, 20, 2, 2 },          /* twice 1 and 2: six */
};

enum { SCENES = sizeof(scenes) / sizeof(scenes[0]), LAST_S = 8000 };

static void
write_head(FILE *file, int at_s, int pid)
{
    int s = 9 * 3600 + at_s;

    fprintf(file, "Dec 10 %02d:%02d:%02d host sshd[%d]: ", s / 3600, s / 60 % 60, s % 60, pid);
}

/* One attempt, as sshd and PAM write about it. */
static void
write_attempt(FILE *file, size_t scene, int at_s, int number)
{
    const char *address = scenes[scene].address;
    int pid = 1000 + (int)scene * 100 + number, port = 40000 + number;

    write_head(file, at_s, pid);
    fprintf(file, "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh "
                  "ruser= rhost=%s  user=root\n", address);
    write_head(file, at_s, pid);
    fprintf(file, "Failed password for root from %s port %d ssh2\n", address, port);
    if (scenes[scene].repeated > 0) {
        write_head(file, at_s, pid);
        fprintf(file, "message repeated %d times: [ Failed password for root from %s port %d "
                      "ssh2]\n", scenes[scene].repeated, address, port);
    }
    write_head(file, at_s, pid);
    fprintf(file, "Connection closed by %s [preauth]\n", address);
}

void
attack_log_write(const char *path)
{
    FILE *file = open_file(path, "w");

    for (int at_s = 0; at_s < LAST_S; at_s++)
        for (size_t i = 0; i < SCENES; i++) {
            int since = at_s - scenes[i].start_s;

            if (since >= 0 && since % scenes[i].every_s == 0 &&
                since / scenes[i].every_s < scenes[i].times)
                write_attempt(file, i, at_s, since / scenes[i].every_s);
        }
    assert_int_equal(fclose(file), 0);
}

void
attack_log_repeat(const char *from, const char *path, unsigned days)
{
    FILE *in = open_file(from, "r"), *out = open_file(path, "w");
    char line[MAX_LINE], date[16];

    for (unsigned day = 0; day < days; day++) {
        time_t at = time(NULL) - (time_t)(days + 2 - day) * 86400;
        struct tm parts;

        gmtime_r(&at, &parts);
        assert_int_equal(strftime(date, sizeof(date), "%b %e", &parts), DATE_LEN);
        rewind(in);
        while (fgets(line, sizeof(line), in) != NULL)
            fprintf(out, "%s%s%s", date, line + DATE_LEN,
                    strchr(line, '\n') == NULL ? "\n" : "");
    }
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

/* --- reading --- */

static void
each_line(const char *path, void (*take)(void *ctx, char *line), void *ctx)
{
    FILE *file = open_file(path, "r");
    char line[MAX_LINE];

    while (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        take(ctx, line);
    }
    fclose(file);
}

static void
count_line(void *ctx, char *line)
{
    *(size_t *)ctx += line[0] != '\0';
}

size_t
attack_log_lines(const char *path)
{
    size_t lines = 0;

    each_line(path, count_line, &lines);
    return lines;
}

/* {"<date> <address>": [second, count, second, count, ...]} */
static void
take_failure(void *tries, char *line)
{
    const char *failed = strstr(line, "Failed password for "), *from, *repeated;
    long count = 1, second;
    char key[128];
    json_t *list;

    if (failed == NULL)
        return;
    for (from = failed; strstr(from + 1, " from ") != NULL;)
        from = strstr(from + 1, " from ");
    from += 6;
    repeated = strstr(line, "message repeated ");
    if (repeated != NULL)
        count = strtol(repeated + 17, NULL, 10);
    second = strtol(line + 7, NULL, 10) * 3600 + strtol(line + 10, NULL, 10) * 60 +
             strtol(line + 13, NULL, 10);
    snprintf(key, sizeof(key), "%.6s %.*s", line, (int)strcspn(from, " "), from);
    list = json_object_get(tries, key);
    if (list == NULL) {
        list = json_array();
        json_object_set_new(tries, key, list);
    }
    json_array_append_new(list, json_integer(second));
    json_array_append_new(list, json_integer(count));
}

static json_int_t
number_at(const json_t *list, size_t i)
{
    return json_integer_value(json_array_get(list, i));
}

static json_int_t
most_in_a_span(const json_t *list)
{
    json_int_t most = 0;

    for (size_t end = 0; end < json_array_size(list); end += 2) {
        json_int_t sum = 0;

        for (size_t i = 0; i <= end; i += 2)
            if (number_at(list, i) >= number_at(list, end) - SPAN_S)
                sum += number_at(list, i + 1);
        if (sum > most)
            most = sum;
    }
    return most;
}

json_t *
attack_log_attackers(const char *path)
{
    json_t *tries = json_object(), *found = json_object(), *list;
    const char *key;

    each_line(path, take_failure, tries);
    json_object_foreach(tries, key, list) {
        json_int_t most = most_in_a_span(list);

        if (most >= THRESHOLD)
            json_object_set_new(found, key, json_integer(most));
    }
    json_decref(tries);
    return found;
}

void
attack_log_add(uint64_t *sum, const char *raw_log)
{
    size_t len = strlen(raw_log);

    while (len > 0 && (raw_log[len - 1] == ' ' || raw_log[len - 1] == '\r'))
        len--;
    *sum += hash64(raw_log, len);
}

static void
add_line(void *sum, char *line)
{
    if (line[0] != '\0')
        attack_log_add(sum, line);
}

uint64_t
attack_log_sum(const char *path)
{
    uint64_t sum = 0;

    each_line(path, add_line, &sum);
    return sum;
}
