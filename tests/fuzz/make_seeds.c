/*
 * make_seeds.c - the first corpus of each target, of the project's own test cases
 * usage: make_seeds DIR
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "detector/ruleset/ruleset.h"
#include "proto/base/buf.h"
#include "proto/base/yaml.h"
#include "proto/decode/decode.h"

static const char *dir;

static void
seed_bytes(const char *target, unsigned number, const char *prefix, size_t prefix_len,
           struct text bytes)
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
    fwrite(bytes.ptr, 1, bytes.len, file);
    fclose(file);
}

static void
seed(const char *target, unsigned number, const char *prefix, size_t prefix_len, const char *text)
{
    seed_bytes(target, number, prefix, prefix_len, text_of(text));
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

/* --- what comes by other wires --- */

#define RECORD(body) "{\"timeUnixNano\":\"1763773200123456789\",\"severityNumber\":9," \
    "\"body\":{\"stringValue\":\"" body "\"},\"attributes\":[{\"key\":\"source.ip\"," \
    "\"value\":{\"stringValue\":\"192.0.2.7\"}}],\"traceId\":\"00112233445566778899aabbccddeeff\"}"

static const struct { const char *target; char how; const char *text; } wires[] = {
    { "bulk", 0, "{\"create\":{\"_index\":\"filebeat-8.15.0\",\"_id\":\"a\"}}\n"
      "{\"@timestamp\":\"2026-11-22T00:00:00Z\",\"message\":\"x\"}\n{\"index\":{}}\n{}\n" },
    { "bulk", 2, "logs\n{\"index\":{\"_id\":7}}\r\n{\"message\":\"m\",\"event\":{\"action\":\"a\"}}\r\n" },
    { "bulk", 8, "{\"delete\":{\"_index\":\"i\",\"_id\":\"1\"}}\n{\"update\":{\"_id\":\"1\"}}\n{\"doc\":{}}\n"
      "{\"create\":{\"_index\":\"i\",\"pipeline\":\"p\",\"require_alias\":true}}\n{\"a.b\":1,\"a\":{\"b\":2}}\n" },
    { "bulk", 1, "logs\n{\"message\":\"m\"}" },
    { "bulk", 5, "logs\nan-id\n{\"@timestamp\":\"2026-11-22T00:00:00Z\",\"log\":\"m\"}" },
    { "bulk", 24, "took,errors\n{\"index\":{}}\n{\"x\":1}\n" },
    { "otlp", 0, "{\"resourceLogs\":[{\"resource\":{\"attributes\":[{\"key\":\"host.name\",\"value\":"
      "{\"stringValue\":\"h\"}}]},\"scopeLogs\":[{\"scope\":{\"name\":\"s\",\"version\":\"1\"},\"logRecords\":["
      RECORD("Failed password for root from 192.0.2.7 port 22 ssh2") "," RECORD("\\u0000") "]}]}]}" },
    { "otlp", 0, "{\"resourceLogs\":[{\"scopeLogs\":[{\"logRecords\":[{\"timeUnixNano\":\"x\"},{}]},{}]},{}]}" },
    { "otlp", 0, "{}" },
    { "syslog", 0, "<34>1 2026-11-22T00:00:00Z h su - ID47 - failed\n26 <34>Oct 11 22:14:15 h su: x\n<13>y" },
    { "syslog", 2, "30 <34>1 2026-11-22T00:00:00Z h su -9 <34>hello\n1234567 <1>" },
    { "syslog", 6, "2026 was a year\r\n\xea\xb0\x80\xea\xb0\x81\xea\xb0\x82\xea\xb0\x83\xea\xb0\x84\xea\xb0\x85\n" },
    { "syslog", 1, "PROXY TCP4 192.0.2.1 198.51.100.1 56324 514\r\n<13>x" },
    { "syslog", 1, "PROXY TCP6 2001:db8::1 ::ffff:192.0.2.1 1 65535\r\n" },
    { "syslog", 1, "PROXY UNKNOWN and what not\r\n" },
};

#define POST_LOG "POST /log HTTP/1.1\r\nHost: localhost\r\n"
#define GET_ROOT "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* Several requests of one connection, and those that may be read as another number. */
static const char *const talks[] = {
    GET_ROOT GET_ROOT,
    POST_LOG "Content-Length: 5\r\nContent-Type: Application/JSON; charset=utf-8\r\n\r\nhello" GET_ROOT,
    POST_LOG "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" GET_ROOT,
    POST_LOG "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n" GET_ROOT,
    POST_LOG "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET_ROOT,
    POST_LOG "Transfer-Encoding:\r\n chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n" GET_ROOT,
    POST_LOG "Content-Length: 3\r\n: x\r\n\r\nabc" GET_ROOT,
    "POST /things/%EA%B0%80/status?a=b&c=%20+ HTTP/1.1\r\nHost: localhost\r\nX-API-Key: 0123456789abcdef\r\n"
    "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    "POST /x/_doc HTTP/1.1\r\nHost: localhost\r\nAuthorization: ApiKey aWQ6MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
    "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    "POST /x/_doc HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic YW55OjAxMjM0NTY3ODlhYmNkZWY=\r\n"
    "Content-Encoding: gzip\r\nContent-Length: 23\r\n\r\n\x1f\x8b\x08",
    "GET http://localhost/things/1/status HTTP/1.1\r\nHost: localhost\r\nForwarded: for=\"[2001:db8::1]:4711\"\r\n\r\n",
    "HEAD /things/%00/status HTTP/1.0\r\nConnection: keep-alive\r\n\r\nOPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
};

/* OTLP in protobuf, behind the byte that says so: a record with each kind of value. */
static const char otlp_protobuf[] =
    "\001\012\266\001\012\022\012\020\012\011host.name\022\003\012\001h\022\237\001"
    "\012\003\012\001s\022\225\001\011\025m\266qa.z\030\020\021\032\004WARN*6\0124Fai"
    "led password for root from 192.0.2.7 port 22 ssh22\020\012\001n\022\013\030\373"
    "\377\377\377\377\377\377\377\377\0012\016\012\001d\022\011!\000\000\000\000\000"
    "\000\340?2\020\012\001l\022\013*\011\012\003\012\001x\012\002\020\0012\022\012"
    "\001m\022\0152\013\012\011\012\001k\022\004:\002\001\377J\002\001\002\022\000";

static const char proxy_v2[] =
    "\1\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\1\xdc\4\2\2";

/* text packed as each wrapper, once and twice behind one another. */
static unsigned
seed_packed(unsigned number, const char *text)
{
    static const int wrappers[] = { 16 + 15, 15, 16 + 9 };
    static const char how = 6;

    for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++) {
        z_stream stream = { .next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)strlen(text) };
        Bytef out[8192];
        size_t len;

        if (deflateInit2(&stream, 6, Z_DEFLATED, wrappers[i], 8, Z_DEFAULT_STRATEGY) != Z_OK)
            exit(1);
        stream.next_out = out;
        stream.avail_out = sizeof(out) / 2;
        if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
            exit(1);
        len = sizeof(out) / 2 - stream.avail_out;
        deflateEnd(&stream);
        memcpy(out + len, out, len);
        seed_bytes("gzip", number++, &how, 1, (struct text){ (const char *)out, len });
        seed_bytes("gzip", number++, &how, 1, (struct text){ (const char *)out, len * 2 });
    }
    return number;
}

static unsigned
seed_wires(unsigned number)
{
    static char long_text[200000];

    for (size_t i = 0; i < sizeof(wires) / sizeof(wires[0]); i++) {
        seed(wires[i].target, number++, &wires[i].how, strcmp(wires[i].target, "otlp") != 0,
             wires[i].text);
        number = seed_packed(number, wires[i].text);
    }
    for (size_t i = 0; i < sizeof(talks) / sizeof(talks[0]); i++)
        seed("http", number++, i % 2 == 0 ? "\0" : "\3", 1, talks[i]);
    seed_bytes("otlp", number++, "", 0,
               (struct text){ otlp_protobuf, sizeof(otlp_protobuf) - 1 });
    seed_bytes("syslog", number++, "", 0, (struct text){ proxy_v2, sizeof(proxy_v2) - 1 });
    memset(long_text, 'a', sizeof(long_text) - 1);
    return seed_packed(number, long_text);
}

/* --- rules, and events for them --- */

static unsigned
seed_file(const char *target, unsigned number, const char *path)
{
    static char bytes[200000];
    FILE *file = fopen(path, "r");
    size_t len = file == NULL ? 0 : fread(bytes, 1, sizeof(bytes), file);

    if (len == 0) {
        perror(path);
        exit(1);
    }
    fclose(file);
    seed_bytes(target, number, "", 0, (struct text){ bytes, len });
    return number + 1;
}

/* Files of our own: those that are shipped, and those that engines get wrong. */
static unsigned
seed_rules(unsigned number)
{
    static const char *const folders[] = { "detector/rules/*.yml", "tests/sigma/own/rules/*.yml",
                                           "tests/sigma/spec/*.yml" };
    glob_t found;

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (glob(folders[i], 0, NULL, &found) != 0)
            exit(1);
        for (size_t f = 0; f < found.gl_pathc; f++)
            number = seed_file("rule", number, found.gl_pathv[f]);
        globfree(&found);
    }
    return number;
}

static const char *const rules[] = {
    "title: T\nlogsource: {}\ndetection: {s: {a|windash|contains|all: [' -a ', \"b\"], c: null}, condition: s}\n",
    "title: T\nlogsource: {}\ndetection:\n  s: [{a|re|i: '(a+)+$'}, {b|cidr: '::/0'}]\n  k: [x, 'y*z']\n  condition: [s and not k, 1 of *]\n",
    "title: A\nname: a\nlogsource: {}\ndetection: {s: {e: x}, condition: s}\n---\ntitle: B\ncorrelation:\n  type: event_count\n"
    "  rules: [a]\n  group-by: [u]\n  timespan: 5m\n  condition: {gte: 3}\n",
    "title: A\nname: a\nlogsource: {}\ndetection: {s: {e: x}, condition: s}\n---\ntitle: B\nname: b\nlogsource: {}\ndetection: {s: {e: y}, condition: s}\n"
    "---\ntitle: C\ncorrelation:\n  type: temporal_ordered\n  rules: [a, b]\n  group-by: [u]\n  timespan: 1h\n"
    "  aliases: {u: {a: x, b: y}}\n",
    "title: A\nname: a\nlogsource: {}\ndetection: {s: {e: x}, condition: s}\n---\ntitle: B\nname: b\nlogsource: {}\ndetection: {s: {e: y}, condition: s}\n"
    "---\ntitle: C\ncorrelation: {type: temporal, rules: [a, b], group-by: [u], timespan: 5m, condition: a and not b}\n"
    "---\ntitle: D\ncorrelation: {type: event_count, rules: [a], group-by: [u], timespan: 5m, condition: {gte: 1, lt: 3}}\n"
    "---\ntitle: E\ncorrelation: {type: value_percentile, rules: [b], timespan: 5m, condition: {field: n, percentile: 95, gt: 3}}\n",
    "title: A\nname: a\nlogsource: {}\ndetection: {s: {e: x}, condition: s}\n---\ntitle: F\nfilter:\n  rules: [a]\n  s: {u: adm}\n"
    "  condition: not s\nlogsource: {}\nbongsu: {expires: 2026-12-31}\n",
    "title: T\nlogsource: {}\ndetection: {s: {e: x}, condition: s}\nlevel: high\ntags: [attack.t1110]\nbongsu:\n  suppress: 1h\n"
    "  summary: '{title} {count|one|many} {list:u} {in_span}'\n  details: [u]\n  tests:\n"
    "    - events: [{e: x, u: 'n{n}', repeat: 3, every: 5s}]\n      incidents: [{count: 3}]\n    - events: [{e: y}]\n      incidents: []\n",
    "title: T\nlogsource: {}\ndetection: {s: {e: x}, condition: s}\nbongsu:\n  first_seen: {fields: [u, h], within: 30d, learn: 7d}\n"
    "  checks: [{sqli: [q, {field: raw_log, unless: r}]}, {xss: [raw_log]}]\n",
    "title: T\nlogsource: {}\ndetection: {s: {e: x}, condition: s}\nbongsu:\n  detection:\n    w: {q|sqli: true, r|xss: false}\n"
    "    _v: [{p|path_traversal: true}, {p|command_injection: true}]\n    condition: [w and s, 1 of _*]\n",
};

static const char *const conditions[] = {
    "a,b,c\na or b and not c", "sel_1,sel_2,_x\n1 of sel_* or all of them", "a,b,c,d\n(a or b) and not (c or not d)",
    "p_a,p_b,p_c\n2 of p_* and not any of *_c", "a\nnot not not a", "a,b\n((a))AND(b)", "a\na | count() > 5", "\n1 of them",
};

static const char *const events[] = {
    "{\"CommandLine\":\"C:\\\\Windows\\\\cmd.exe /c whoami -enc cGluZw== -a x /b y\",\"Image\":\"C:\\\\x\\\\cmd.exe\",\"User\":\"a\","
    "\"other\":1}",
    "{\"logsource_product\":\"windows\",\"winlog\":{\"channel\":\"Security\"},\"Image\":[\"a1z\",null,22],\"DestinationPort\":\"22\"}",
    "{\"raw_log\":\"first needle pin 1 stack second alpha beta GAMMA\",\"username\":\"Abc\",\"User\":\"abc\"}",
    "{\"cs-uri-query\":\"q=1%27%20or%201=1--&x=<script>alert(1)</script>\",\"event_type\":\"web_request\",\"description\":\"22\"}",
    "{\"source_ip\":\"192.0.2.7\",\"nested\":{\"name\":\"2001:db8::1\"},\"description\":\"Zm9vYmFy b29iYX mZvb2Jhcg\"}",
    "{\"nested.name\":[true,\"\",{\"x\":-1.5}],\"CommandLine\":\"xfoobarz mimikatz a*b\",\"ParentImage\":null,\"User\":\"\"}",
    "{\"raw_log\":\"{\\\"a\\\":\\\"needle\\\"}\",\"timestamp\":\"2026-11-22T03:30:00+09:00\",\"username\":\"2026-11-22T03:30:00Z\"}",
    "{\"CommandLine\":\"cABpAG4AZwA \\u212aelvin KELVIN\\u212a \\u00e9x\",\"Image\":1e300,\"DestinationPort\":65536,\"count\":0}",
};

static unsigned
seed_texts(const char *target, unsigned number, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        seed(target, number++, "", 0, texts[i]);
    return number;
}

static unsigned
seed_own_events(unsigned number)
{
    static char line[200000];
    FILE *file = fopen("tests/sigma/own/events.ndjson", "r");

    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        seed("match", number++, "", 0, line);
    if (file == NULL)
        exit(1);
    fclose(file);
    return number;
}

/* One that is refused at its first line leads nowhere. */
static void
check_rules(void)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        struct ruleset *set = ruleset_new();
        struct err err = { "out of memory" };

        if (set == NULL || ruleset_add(set, "seed", rules[i], strlen(rules[i])) != 0 ||
            ruleset_link(set, &err) != 0 || ruleset_refused_count(set) > 0) {
            fprintf(stderr, "rules[%zu]: %s\n", i,
                    set != NULL && ruleset_refused_count(set) > 0 ? ruleset_refused(set, 0)
                                                                  : err.text);
            exit(1);
        }
        ruleset_destroy(&set);
    }
}

static unsigned
seed_detector(unsigned number)
{
    check_rules();
    number = seed_texts("rule", seed_rules(number), rules, sizeof(rules) / sizeof(rules[0]));
    number = seed_texts("condition", number, conditions, sizeof(conditions) / sizeof(conditions[0]));
    number = seed_texts("match", number, events, sizeof(events) / sizeof(events[0]));
    return seed_own_events(number);
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
    static const char hows[] = { 0, 2 | 8, 16 }, forms[] = { 0, 1, 2, 4, 6 };
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
    seed_detector(seed_wires(number));
    globfree(&found);
    return 0;
}
