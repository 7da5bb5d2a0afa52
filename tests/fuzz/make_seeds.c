/*
 * make_seeds.c - the first corpus of each target, of the project's own test cases
 * usage: make_seeds DIR
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/base/buf.h"
#include "proto/base/yaml.h"
#include "proto/decode/decode.h"

static const char *dir;

static void
seed(const char *target, unsigned number, const char *prefix, size_t prefix_len, const char *text)
{
    char path[512];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", dir, target);
    mkdir(path, 0777);
    snprintf(path, sizeof(path), "%s/%s/case-%05u", dir, target, number);
    file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    fwrite(prefix, 1, prefix_len, file);
    fwrite(text, 1, strlen(text), file);
    fclose(file);
}

/* Which decoder tests/decoders/<name>/x.yml is of. */
static char
decoder_of(const char *path)
{
    for (size_t i = 0; i < decoder_count; i++) {
        char part[80];

        snprintf(part, sizeof(part), "/%s/", decoders[i]->name);
        if (strstr(path, part) != NULL)
            return (char)i;
    }
    return 0;
}

static unsigned
seed_lines(const char *path, unsigned number)
{
    static const char as_lines = 1;
    char which = decoder_of(path);
    struct err err;
    struct yaml *yaml = yaml_load(path, &err);
    json_t *one;
    size_t i;

    if (yaml == NULL) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    json_array_foreach(yaml_document(yaml, 0), i, one) {
        const char *line = json_string_value(json_object_get(one, "line"));
        const char *message = line == NULL ? NULL : strstr(line, "]: ");

        if (line == NULL)
            continue;
        seed("line", number, "", 0, line);
        seed("decoder", number, &which, 1, message == NULL ? line : message + 3);
        seed("logs", number++, &as_lines, 1, line);
    }
    yaml_destroy(&yaml);
    return number;
}

int
main(int argc, char **argv)
{
    static const char *const bodies[] = {
        "{\"event_type\":\"login_failed\",\"source_ip\":\"203.0.113.45\",\"count\":5}",
        "[{\"event_type\":\"a\",\"timestamp\":\"2026-11-22T10:00:00+09:00\"},{\"raw_log\":\"x\"}]",
        "{\"event_type\":\"a\",\"idempotency_key\":\"k\",\"timestamp\":\"2026-01-01T00:00:00Z\"}\n{}\n",
        "{\"__REALTIME_TIMESTAMP\":\"1763800000000000\",\"MESSAGE\":\"hello\",\"_PID\":\"1\"}\n",
        "{\"a\":{\"b\":[1,2.5,true,null,\"\\u00e9\"]},\"event_type\":\"x\",\"severity\":\"high\"}",
        "0 first\n6 second\n",
    };
    static const char *const others[] = {
        "{\"time\":1763773200.125,\"host\":\"h\",\"event\":\"a line\",\"fields\":{\"a\":[1,{\"b\":2}]}}",
        "{\"event\":{\"x\":{\"y\":\"\\u0000\"}},\"time\":\"1763773200\"}[{\"event\":true}]",
        "{\"timeUnixNano\":\"1763773200123456789\",\"severityNumber\":24,\"body\":{\"kvlistValue\":{\"values\":"
        "[{\"key\":\"a\",\"value\":{\"intValue\":\"-5\"}},{\"key\":\"b\",\"value\":{\"arrayValue\":{\"values\":"
        "[{\"boolValue\":false},{\"bytesValue\":\"AQI=\"}]}}}]}},\"attributes\":[{\"key\":\"d\",\"value\":"
        "{\"doubleValue\":\"NaN\"}}],\"scope\":{\"name\":\"s\"},\"resource\":{\"attributes\":[]}}",
    };
    static const char hows[] = { 0, 2 | 8, 16 }, forms[] = { 0, 1, 2 };
    unsigned number = 0;
    glob_t found;

    if (argc != 2 || glob("tests/decoders/*/*.yml", 0, NULL, &found) != 0)
        return 64;
    dir = argv[1];
    mkdir(dir, 0777);
    for (size_t i = 0; i < found.gl_pathc; i++)
        number = seed_lines(found.gl_pathv[i], number);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        for (size_t k = 0; k < sizeof(hows); k++)
            seed("logs", number++, &hows[k], 1, bodies[i]);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        for (size_t k = 0; k < sizeof(forms); k++)
            seed("hec", number++, &forms[k], 1, others[i]);
    globfree(&found);
    return 0;
}
