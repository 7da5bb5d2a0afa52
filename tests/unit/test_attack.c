#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detector/text/attack.h"

#define CORPORA "../shared/corpora"

static struct buf scratch;

static void
expect(enum attack_kind kind, const char *const *texts, size_t count, int found)
{
    size_t wrong = 0;

    for (size_t i = 0; i < count; i++)
        if ((attack_in_field(kind, text_of(texts[i]), ATTACK_BIT(ATTACK_SQLI), &scratch) != 0) != found) {
            print_error("%s: %s\n", found ? "missed" : "false alarm", texts[i]);
            wrong++;
        }
    assert_int_equal(wrong, 0);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void
finds_injections_in_the_values_and_keys_of_a_query(void **state)
{
    static const char *const texts[] = {
        "id=1%27%20OR%20%271%27%3D%271",
        "page=2&id=1+UNION+ALL+SELECT+user,password+FROM+users--",
        "id=-1%2520union%2520select%25201%252C2",
        "1%27%20OR%201%3D1--=x",
        "a=b;id=1%27%20or%201=1%23",
        "id=1;drop table users--",
        "q=' or 'a'='a",
    };

    (void)state;
    expect(ATTACK_IN_QUERY, texts, COUNT(texts), 1);
}

static void
ordinary_queries_are_let_through(void **state)
{
    static const char *const texts[] = {
        "", "&", "=", "a", "a=1&b=2", "q=o%27brien", "q=union+station", "%", "%2",
            "%zz=%",
        "redirect=https%3A%2F%2Fexample.com%2F%3Fa%3D1%26b%3D2", "sort=price-desc;page=2",
        "name=Kim%20Min-ji&mail=kim%40example.com", "utf8=%E2%9C%93&q=%EB%B4%89%EC%88%98",
    };

    (void)state;
    expect(ATTACK_IN_QUERY, texts, COUNT(texts), 0);
}

static void
finds_injections_in_log_lines_and_descriptions(void **state)
{
    static const char *const texts[] = {
        "1.2.3.4 - - [22/Nov/2026:10:00:00 +0900] \"GET /i?id=1%20union%20select%201,2,3 HTTP/1.1\" 200 1",
        "1.2.3.4 - - [22/Nov/2026:10:00:00 +0900] \"GET /i?id=1 union select 1,2,3 HTTP/1.1\" 200 1",
        "\"GET / HTTP/1.1\" 200 1 \"http://x/?q=%27+or+1%3D1--+\" \"Mozilla/5.0\"",
        "GET /login?user=admin' OR '1'='1",
        "GET /item/1%20OR%201%3D1-- HTTP/1.1",
        "' OR 1=1 --",
        "1' ORDER BY 10-- -",
        "x' AND email IS NULL; --",
        "1) OR (1=1",
        "SQL injection attempt: ' OR '1'='1",
        "login with admin'-- as user",
        "payload 1; DROP TABLE users seen",
        "UNION SELECT password FROM users",
        "body was: id=5 UNION ALL SELECT NULL,NULL,version()",
        "blocked 1' AND SLEEP(5)#",
        "user don't exist: ' or ''='",
    };

    (void)state;
    expect(ATTACK_IN_TEXT, texts, COUNT(texts), 1);
}

static void
prose_commit_subjects_and_log_lines_are_let_through(void **state)
{
    static const char *const texts[] = {
        "", "'", "\"", "''''''''", "' '", "or", "union", "; ", "a ? b", "?",
        "Fix 'foo' or 'bar' handling in parser",
        "Don't select a union of types; update the docs",
        "User can't log in -- see ticket #12",
        "git: merge branch 'a' and branch 'b' -- no conflicts",
        "select one or more items and insert them into the form",
        "The Union Select Committee from Seoul met",
        "x=1 and y=2; update z",
        "if a or b = c then d",
        "Failed password for invalid user admin from 1.2.3.4 port 4711 ssh2",
        "session opened for user root(uid=0) by alice(uid=1000)",
        "type=SYSCALL msg=audit(1764): arch=c000003e syscall=59 success=yes exit=0 a0=55d",
        "kernel: [1.0] x86/fpu: Supporting XSAVE feature 0x001: 'x87 floating point registers'",
        "(root) CMD (test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; })",
    };

    (void)state;
    expect(ATTACK_IN_TEXT, texts, COUNT(texts), 0);
}

/* Of kinds that a scanner sends and a page shows broken. */
static void
what_lost_its_brackets_or_kept_its_template_is_found(void **state)
{
    static const struct { const char *value; enum attack check; int is_one; } values[] = {
        { "scriptprompt(document.domain)/script", ATTACK_XSS, 1 },
        { "y\" x=1 autofocus>", ATTACK_XSS, 1 },
        { "width:expression/**/", ATTACK_XSS, 1 },
        { "alertness (training)", ATTACK_XSS, 0 },
        { "input: autofocus, required", ATTACK_XSS, 0 },
        { "a regular: expression of thanks", ATTACK_XSS, 0 },
        { "/static/{KNOWNFILE}", ATTACK_PATH_TRAVERSAL, 1 },
        { "\\\\host\\x....{file}", ATTACK_PATH_TRAVERSAL, 1 },
        { "/items/{id}", ATTACK_PATH_TRAVERSAL, 0 },
        { "the {file} that you asked for", ATTACK_PATH_TRAVERSAL, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        unsigned found = attack_in_field(ATTACK_IN_VALUE, text_of(values[i].value),
                                         ATTACK_BIT(ATTACK_COUNT) - 1, &scratch);

        if (((found & ATTACK_BIT(values[i].check)) != 0) != values[i].is_one)
            fail_msg("%s: %x", values[i].value, found);
    }
}

static void
hostile_lines_take_linear_time_and_do_not_break_it(void **state)
{
    static const char *const pieces[] = { "GET ?a=' ", "' or 1=1", "union select ", "%25",
                                          "?&=;",
                                          "/*", ": ", "'", "\"", "\\\"", "or 1=",
                                              "; drop" };
    struct buf text = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT(pieces); i++) {
        buf_clear(&text);
        while (text.len < 256 * 1024)
            assert_int_equal(buf_append_str(&text, pieces[i]), 0);
        for (int kind = ATTACK_IN_TEXT; kind <= ATTACK_IN_VALUE; kind++) {
            int found = attack_in_field((enum attack_kind)kind, buf_text(&text), ATTACK_BIT(ATTACK_SQLI),
                                        &scratch) != 0;

            assert_true(found == 0 || found == 1);
        }
    }
    buf_release(&text);
}

/* Lines of a file; skips the test when the corpora are not there. */
static size_t
count_lines(const char *path, size_t *ret_lines)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0, hits = 0;
    ssize_t len;

    *ret_lines = 0;
    if (file == NULL) {
        print_message("%s is not there\n", path);
        skip();
    }
    while ((len = getline(&line, &cap, file)) > 0) {
        struct text text = text_trim((struct text){ line, (size_t)len });

        ++*ret_lines;
        if (attack_in_field(ATTACK_IN_TEXT, text, ATTACK_BIT(ATTACK_SQLI), &scratch) != 0) {
            if (++hits <= 3 && strstr(path, "loghub") != NULL)
                print_error("%.*s\n", (int)text.len, text.ptr);
        }
    }
    free(line);
    fclose(file);
    return hits;
}

static void
real_logs_without_an_injection_have_no_hit(void **state)
{
    static const char *const paths[] = { CORPORA "/loghub/OpenSSH_2k.log",
                                         CORPORA "/loghub/Linux_2k.log",
                                         CORPORA "/loghub/Apache_2k.log" };
    size_t lines;

    (void)state;
    for (size_t i = 0; i < COUNT(paths); i++) {
        assert_int_equal(count_lines(paths[i], &lines), 0);
        assert_int_equal(lines, 2000);
    }
}

static void
a_scanners_access_log_has_hits(void **state)
{
    size_t lines, hits = count_lines(CORPORA "/web-attacks/acunetix.txt", &lines);

    (void)state;
    print_message("acunetix: %zu of %zu lines\n", hits, lines);
    assert_true(hits > 100);
}

/* "payload","length","attack_type","label", quotes doubled */
static int
read_row(FILE *file, struct buf *payload, char type[32])
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len = getline(&line, &cap, file);

    buf_clear(payload);
    if (len > 0) {
        char *fields[3] = { NULL, NULL, NULL }, *at = line + len;

        /* from the end: label, attack type, length, and the rest is payload */
        for (int i = 0; i < 3; i++) {
            do
                at--;
            while (at > line && strncmp(at, "\",\"", 3) != 0);
            fields[i] = at + 3;
        }
        for (char *p = line + 1; p < at; p++) {
            buf_append_char(payload, *p);
            p += p[0] == '"' && p[1] == '"';
        }
        snprintf(type, 32, "%.*s", (int)strcspn(fields[1], "\""), fields[1]);
    }
    free(line);
    return len > 0;
}

/* What each judge must find of its kind, in parts of a hundred; of the normal
 * ones no more than one in a thousand each. (Of the commands four are none: "id",
 * "asdf3334", "'true'", "'false'".) */
static const struct { const char *label; unsigned least; } labels[ATTACK_COUNT] = {
    [ATTACK_SQLI] = { "sqli", 99 }, [ATTACK_XSS] = { "xss", 99 },
    [ATTACK_PATH_TRAVERSAL] = { "path-traversal", 99 },
    [ATTACK_COMMAND_INJECTION] = { "cmdi", 93 },
};

/* What is found of the payload as a parameter in an access log's line. */
static unsigned
found_in_line(struct text payload)
{
    struct buf line = { 0 };
    unsigned hit;

    buf_append_str(&line, "203.0.113.5 - - [22/Nov/2026:10:00:00 +0900] \"GET /shop/item?id=");
    for (size_t i = 0; i < payload.len; i++)
        buf_printf(&line, "%%%02X", (unsigned char)payload.ptr[i]);
    buf_append_str(&line, "&lang=ko HTTP/1.1\" 200 512 \"-\" \"Mozilla/5.0\"");
    hit = attack_in_field(ATTACK_IN_TEXT, buf_text(&line), ATTACK_BIT(ATTACK_COUNT) - 1, &scratch);
    buf_release(&line);
    return hit;
}

struct tally {
    size_t all, found, in_lines, wrong, wrong_in_lines;
};

static void
count(struct tally *tally, int is_wanted, int is_norm, int is_hit, int is_hit_in_line)
{
    tally->all += (size_t)is_wanted;
    tally->found += (size_t)(is_wanted && is_hit);
    tally->in_lines += (size_t)(is_wanted && is_hit_in_line);
    tally->wrong += (size_t)(is_norm && is_hit);
    tally->wrong_in_lines += (size_t)(is_norm && is_hit_in_line);
}

static void
most_labelled_payloads_are_found_and_no_normal_one(void **state)
{
    FILE *file = fopen(CORPORA "/http-params/payload_train.csv", "r");
    struct tally tallies[ATTACK_COUNT] = { 0 };
    struct buf payload = { 0 };
    char type[32] = "";
    size_t norm = 0;

    (void)state;
    if (file == NULL) {
        print_message("%s is not there\n", CORPORA);
        skip();
    }
    while (read_row(file, &payload, type)) {
        unsigned hit = attack_in_field(ATTACK_IN_VALUE, buf_text(&payload),
                                       ATTACK_BIT(ATTACK_COUNT) - 1, &scratch);
        unsigned in_line = found_in_line(buf_text(&payload));
        int is_norm = strcmp(type, "norm") == 0;

        norm += (size_t)is_norm;
        for (int i = 0; i < ATTACK_COUNT; i++)
            count(&tallies[i], strcmp(type, labels[i].label) == 0, is_norm,
                  (hit & ATTACK_BIT(i)) != 0, (in_line & ATTACK_BIT(i)) != 0);
    }
    fclose(file);
    buf_release(&payload);
    assert_true(norm > 5000);
    for (int i = 0; i < ATTACK_COUNT; i++) {
        const struct tally *tally = &tallies[i];

        print_message("http-params, %s: %zu of %zu found, in lines %zu; of %zu normal ones %zu and %zu\n",
                      attack_names[i], tally->found, tally->all, tally->in_lines, norm,
                      tally->wrong, tally->wrong_in_lines);
        assert_true(tally->all > 50);
        assert_true(tally->found * 100 >= tally->all * labels[i].least);
        assert_true(tally->in_lines * 100 >= tally->all * labels[i].least);
        assert_true(tally->wrong * 1000 <= norm && tally->wrong_in_lines * 1000 <= norm);
    }
}

static int
release(void **state)
{
    (void)state;
    buf_release(&scratch);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_injections_in_the_values_and_keys_of_a_query),
        cmocka_unit_test(ordinary_queries_are_let_through),
        cmocka_unit_test(finds_injections_in_log_lines_and_descriptions),
        cmocka_unit_test(prose_commit_subjects_and_log_lines_are_let_through),
        cmocka_unit_test(what_lost_its_brackets_or_kept_its_template_is_found),
        cmocka_unit_test(hostile_lines_take_linear_time_and_do_not_break_it),
        cmocka_unit_test(real_logs_without_an_injection_have_no_hit),
        cmocka_unit_test(a_scanners_access_log_has_hits),
        cmocka_unit_test(most_labelled_payloads_are_found_and_no_normal_one),
    };

    return cmocka_run_group_tests_name("attack", tests, NULL, release);
}
