/*
 * test_decode_corpus.c - a real attack log: who failed five times in five minutes?
 *
 * The log is not ours to copy; without it the tests are skipped and say so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/decode/decode.h"
#include "proto/base/timestamp.h"

#define CORPUS "../shared/corpora/loghub/OpenSSH_2k.log"
#define LINUX_CORPUS "../shared/corpora/loghub/Linux_2k.log"
#define NOW_US INT64_C(1795305600000000)    /* 2026-11-22 */

static struct arena arena;

static int
take_seoul(void **state)
{
    (void)state;
    setenv("TZ", "Asia/Seoul", 1);
    return timestamp_init(NULL);
}

static int
forget(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

enum { MAX_TRIES = 2000, MAX_ADDRESS = 64, FIVE_MINUTES_US = 300 * 1000000 };

struct try {
    char address[MAX_ADDRESS];
    int64_t at_us;
    int64_t count;
};

struct counting {
    const char *corpus;         /* NULL: OpenSSH's */
    int ignores_count, counts_pam, counts_none;
};

static int
is_counted(const struct event *ev, const struct counting *how)
{
    struct text type = value_get_text(&ev->known[EVENT_TYPE]);
    struct text raw = value_get_text(&ev->known[EVENT_RAW_LOG]);

    return text_is(type, "login_failed") ||
           (how->counts_none && text_find(raw, ": Failed none") != NULL) ||
           (how->counts_pam && text_find(raw, "authentication failure;") != NULL);
}

static size_t
read_tries(const struct counting *how, struct try *tries, size_t *ret_lines)
{
    const char *corpus = how->corpus != NULL ? how->corpus : CORPUS;
    FILE *file = fopen(corpus, "rb");
    char line[4096];
    size_t n = 0;

    *ret_lines = 0;
    if (file == NULL) {
        print_message("[  SKIPPED ] %s is not here\n", corpus);
        skip();
    }

    while (fgets(line, sizeof line, file) != NULL) {
        struct event ev = { 0 };
        struct text text = text_trim(text_of(line)), address;
        const char *decoder;

        ++*ret_lines;
        decoder = decode_line(text, NOW_US, &arena, &ev);
        assert_true(how->corpus != NULL || strcmp(decoder, "sshd") == 0 ||
                    strcmp(decoder, "pam") == 0);
        event_derive(&ev);
        address = value_get_text(&ev.known[EVENT_SOURCE_ADDRESS]);
        if (is_counted(&ev, how) && address.len > 0 && address.len < MAX_ADDRESS) {
            struct text time = value_get_text(&ev.known[EVENT_TIMESTAMP]);
            const struct value *count = &ev.known[EVENT_COUNT];

            memcpy(tries[n].address, address.ptr, address.len);
            tries[n].address[address.len] = '\0';
            assert_int_equal(timestamp_parse(time, &tries[n].at_us, NULL), 0);
            tries[n].count =
                count->kind == VALUE_INT && !how->ignores_count ? count->as.integer : 1;
            n++;
        }
        event_release(&ev);
    }
    fclose(file);
    return n;
}

static int64_t
sum_before(const struct try *tries, size_t n, const struct try *last)
{
    int64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        if (strcmp(tries[i].address, last->address) == 0 &&
            tries[i].at_us >= last->at_us - FIVE_MINUTES_US &&
            tries[i].at_us <= last->at_us)
            sum += tries[i].count;
    return sum;
}

static size_t
brute_force_sources(struct counting how)
{
    static struct try tries[MAX_TRIES];
    const char *found[MAX_TRIES];
    size_t lines, n = read_tries(&how, tries, &lines), sources = 0;

    assert_int_equal(lines, 2000);
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;

        while (k < sources && strcmp(found[k], tries[i].address) != 0)
            k++;
        if (k == sources && sum_before(tries, n, &tries[i]) >= 5)
            found[sources++] = tries[i].address;
    }
    return sources;
}

static void
real_log_has_eleven_brute_force_sources(void **state)
{
    assert_int_equal(brute_force_sources((struct counting){ 0 }), 11);
}

/* What the eleven rest on: each wrong way of counting gives another number. */
static void
real_log_has_nine_when_repetitions_count_once(void **state)
{
    assert_int_equal(brute_force_sources((struct counting){ .ignores_count = 1 }), 9);
}

static void
real_log_has_thirteen_when_pam_is_counted_too(void **state)
{
    assert_int_equal(brute_force_sources((struct counting){ .counts_pam = 1 }), 13);
}

static void
failed_none_makes_no_difference_in_the_real_log(void **state)
{
    assert_int_equal(brute_force_sources((struct counting){ .counts_none = 1 }), 11);
}

/* Its sshd wrote only sshd(pam_unix) lines to this file. Its ftpd's connections
 * are no attempts. */
static void
old_linux_log_has_39_brute_force_sources(void **state)
{
    assert_int_equal(brute_force_sources((struct counting){ .corpus = LINUX_CORPUS }), 39);
}

/* cron became cyrus and news every night; a gdm's failure came from nowhere. */
static void
old_linux_log_has_86_sessions_of_su_and_nobody_who_asked_for_rights(void **state)
{
    FILE *file = fopen(LINUX_CORPUS, "rb");
    size_t nightly = 0, attempts = 0;
    char line[4096];

    if (file == NULL) {
        print_message("[  SKIPPED ] " LINUX_CORPUS " is not here\n");
        skip();
    }
    while (fgets(line, sizeof line, file) != NULL) {
        struct event ev = { 0 };
        struct text type;

        decode_line(text_trim(text_of(line)), NOW_US, &arena, &ev);
        type = value_get_text(&ev.known[EVENT_TYPE]);
        assert_false(text_is(type, "su") || text_is(type, "sudo"));
        nightly += text_is(type, "session_opened") && strstr(line, " su(pam_unix)") != NULL;
        attempts += text_is(type, "login_failed");
        event_release(&ev);
    }
    fclose(file);
    assert_int_equal(nightly, 86);
    assert_int_equal(attempts, 490);
}

#define TEST(f) cmocka_unit_test_teardown(f, forget)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(real_log_has_eleven_brute_force_sources),
        TEST(real_log_has_nine_when_repetitions_count_once),
        TEST(real_log_has_thirteen_when_pam_is_counted_too),
        TEST(old_linux_log_has_39_brute_force_sources),
        TEST(old_linux_log_has_86_sessions_of_su_and_nobody_who_asked_for_rights),
        TEST(failed_none_makes_no_difference_in_the_real_log),
    };

    return cmocka_run_group_tests_name("decode_corpus", tests, take_seoul, NULL);
}
