/* Dead letters in any kind of store: said in terms of store.h only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/store_case.h"

enum { LARGE = 1024 * 1024 };

static char large[LARGE];

/* The n-th, set aside at n seconds. */
static struct dead_letter
letter(unsigned n)
{
    return (struct dead_letter){
        .key.id = event_id_make(0xb0b0, 7, n), .at_us = CASE_START + n * CASE_SECOND,
        .received_us = CASE_START + n * CASE_SECOND - 7, .reason = text_of("mapper: no"),
        .by = text_of("indexer"), .encoded = { "\x81\0\xff", 3 } };
}

static void
put(struct store_case *the, const struct dead_letter *letters, size_t count)
{
    struct err err = { "" };

    if (the->writer->ops->dead->put(the->writer, letters, count, &err) != 0)
        fail_msg("put: %s", err.text);
}

static void
put_some(struct store_case *the, unsigned from, unsigned to)
{
    for (unsigned n = from; n < to; n++) {
        struct dead_letter one = letter(n);

        put(the, &one, 1);
    }
}

static int
keep(void *ctx, const struct dead_letter *found)
{
    assert_int_equal(dead_letters_add(ctx, found), 0);
    return 0;
}

static int
keep_one(void *ctx, const struct dead_letter *found)
{
    keep(ctx, found);
    return 1;
}

static struct dead_page
find(struct store_case *the, const struct dead_query *query, struct dead_letters *ret)
{
    struct dead_page page = { 0 };
    struct err err = { "" };

    if (the->reader->ops->dead->find(the->reader, query, keep, ret, &page, &err) != 0)
        fail_msg("find: %s", err.text);
    return page;
}

static struct dead_letters
all(struct store_case *the, int is_wanted)
{
    struct dead_letters found = { 0 };

    assert_false(find(the, &(struct dead_query){ .is_wanted = is_wanted, .limit = STORE_MAX_PAGE },
                      &found).is_more);
    return found;
}

static size_t
count_all(struct store_case *the, int is_wanted)
{
    struct dead_letters found = all(the, is_wanted);
    size_t count = found.count;

    dead_letters_release(&found);
    return count;
}

static uint64_t
want(struct store_case *the, const struct dead_key *keys, size_t count, unsigned char *found)
{
    struct dead_wish wish = { .keys = keys, .count = count, .found = found };
    struct err err = { "" };

    if (the->reader->ops->dead->want(the->reader, &wish, &err) != 0)
        fail_msg("want: %s", err.text);
    assert_false(wish.is_more);
    return wish.wanted;
}

static void
there_are_none_at_first(void **state)
{
    struct store_case *the = *state;
    struct dead_letter one = letter(1);
    unsigned char found = 7;
    uint64_t count = 9;
    struct err err;

    assert_int_equal(count_all(the, 0), 0);
    assert_int_equal(the->reader->ops->dead->count(the->reader, &count, &err), 0);
    assert_int_equal(count, 0);
    assert_int_equal(want(the, &one.key, 1, &found), 0);
    assert_int_equal(found, 0);
    assert_int_equal(want(the, NULL, 0, NULL), 0);
    assert_int_equal(the->writer->ops->dead->drop(the->writer, &one, 1, &err), 0);
}

static void
a_letter_comes_back_as_it_was_put(void **state)
{
    struct store_case *the = *state;
    struct dead_letter sent = letter(3);
    struct dead_letters found;
    uint64_t count = 0;
    struct err err;

    put(the, &sent, 1);
    found = all(the, 0);
    assert_int_equal(found.count, 1);
    assert_true(event_id_equals(&found.letters[0].key.id, &sent.key.id));
    assert_int_equal(found.letters[0].key.day, 0);
    assert_int_equal(found.letters[0].at_us, sent.at_us);
    assert_int_equal(found.letters[0].received_us, sent.received_us);
    assert_true(text_equals(found.letters[0].reason, sent.reason));
    assert_true(text_equals(found.letters[0].by, sent.by));
    assert_true(text_equals(found.letters[0].encoded, sent.encoded));
    assert_int_equal(found.letters[0].attempts, 0);
    assert_int_equal(found.letters[0].tried_us, 0);
    assert_false(found.letters[0].is_wanted);
    assert_int_equal(the->reader->ops->dead->count(the->reader, &count, &err), 0);
    assert_int_equal(count, 1);
    dead_letters_release(&found);
}

/* Whose answer was lost puts it again; meanwhile somebody may have wanted it. */
static void
a_letter_that_is_put_again_stays_as_it_is(void **state)
{
    struct store_case *the = *state;
    struct dead_letter sent[2] = { letter(1), letter(2) };
    struct dead_letters found;
    unsigned char is_there;

    put(the, sent, 1);
    want(the, &sent[0].key, 1, &is_there);
    sent[0].reason = text_of("another");
    sent[0].at_us += CASE_SECOND;
    put(the, sent, 2);
    found = all(the, 0);
    assert_int_equal(found.count, 2);
    assert_true(text_is(found.letters[1].reason, "mapper: no"));
    assert_int_equal(found.letters[1].at_us, CASE_START + CASE_SECOND);
    assert_true(found.letters[1].is_wanted);
    dead_letters_release(&found);
}

/* What no store may choke on: bytes that are no UTF-8, a field that would be refused, nothing
 * at all. */
static void
whatever_was_refused_can_be_kept(void **state)
{
    static const char hostile[] = "\x81\xa3\"}\n{\"index\":{}}\n\xff\xfe\0\x80";
    struct store_case *the = *state;
    struct dead_letter sent[3] = { letter(1), letter(2), letter(3) };
    struct dead_letters found;

    sent[0].encoded = (struct text){ hostile, sizeof(hostile) };
    sent[1].encoded = (struct text){ "", 0 };
    sent[1].reason = text_of("'); DROP TABLE dead; -- \"\\");
    for (size_t i = 0; i < LARGE; i++)
        large[i] = (char)(i * 7);
    sent[2].encoded = (struct text){ large, LARGE };
    put(the, sent, 3);
    found = all(the, 0);
    assert_int_equal(found.count, 3);
    assert_true(text_equals(found.letters[2].encoded, sent[0].encoded));
    assert_int_equal(found.letters[1].encoded.len, 0);
    assert_true(text_equals(found.letters[1].reason, sent[1].reason));
    assert_true(text_equals(found.letters[0].encoded, sent[2].encoded));
    dead_letters_release(&found);
}

static void
pages_are_joined_by_their_place_newest_first(void **state)
{
    struct store_case *the = *state;
    struct dead_query query = { .limit = 4 };
    struct dead_letters found = { 0 };
    struct dead_page page;
    unsigned pages = 0;

    put_some(the, 0, 10);
    for (unsigned n = 10; n < 13; n++) {        /* three at one time */
        struct dead_letter one = letter(n);

        one.at_us = CASE_START + 5 * CASE_SECOND;
        put(the, &one, 1);
    }
    do {
        page = find(the, &query, &found);
        query.has_cursor = 1;
        query.cursor_at_us = page.cursor_at_us;
        query.cursor = page.cursor;
        pages++;
    } while (page.is_more && pages < 10);
    assert_int_equal(pages, 4);
    assert_int_equal(found.count, 13);
    for (size_t i = 1; i < found.count; i++) {
        const struct dead_letter *before = &found.letters[i - 1], *after = &found.letters[i];

        assert_true(before->at_us > after->at_us ||
                    (before->at_us == after->at_us &&
                     memcmp(before->key.id.bytes, after->key.id.bytes, 20) > 0));
    }
    dead_letters_release(&found);
}

static void
a_page_ends_early_when_its_events_are_large(void **state)
{
    struct store_case *the = *state;
    struct dead_letters found = { 0 };
    struct dead_page page;

    for (unsigned n = 0; n < 6; n++) {
        struct dead_letter one = letter(n);

        one.encoded = (struct text){ large, LARGE };
        put(the, &one, 1);
    }
    page = find(the, &(struct dead_query){ .limit = 100 }, &found);
    assert_int_equal(found.count, 4);
    assert_true(page.is_more);
    page = find(the, &(struct dead_query){ .limit = 100, .has_cursor = 1,
        .cursor_at_us = page.cursor_at_us, .cursor = page.cursor }, &found);
    assert_int_equal(found.count, 6);
    assert_false(page.is_more);
    dead_letters_release(&found);
}

static void
a_page_ends_where_its_reader_has_enough(void **state)
{
    struct store_case *the = *state;
    struct dead_letters found = { 0 };
    struct dead_page page = { 0 };
    struct err err;

    put_some(the, 0, 3);
    assert_int_equal(the->reader->ops->dead->find(the->reader, &(struct dead_query){ .limit = 10 },
                                                  keep_one, &found, &page, &err), 0);
    assert_int_equal(found.count, 1);
    assert_true(page.is_more);
    find(the, &(struct dead_query){ .limit = 10, .has_cursor = 1,
        .cursor_at_us = page.cursor_at_us, .cursor = page.cursor }, &found);
    assert_int_equal(found.count, 3);
    dead_letters_release(&found);
}

static void
those_that_are_wanted_are_found_and_the_others_are_said(void **state)
{
    struct store_case *the = *state;
    struct dead_letter known = letter(2), unknown = letter(99);
    const struct dead_key keys[2] = { unknown.key, known.key };
    unsigned char there[2] = { 7, 7 };
    struct dead_letters found;

    put_some(the, 0, 5);
    assert_int_equal(want(the, keys, 2, there), 1);
    assert_int_equal(there[0], 0);
    assert_int_equal(there[1], 1);
    found = all(the, 1);
    assert_int_equal(found.count, 1);
    assert_true(event_id_equals(&found.letters[0].key.id, &known.key.id));
    assert_int_equal(want(the, NULL, 0, NULL) > 0, 1);
    dead_letters_release(&found);
    assert_int_equal(count_all(the, 1), 5);
    assert_int_equal(count_all(the, 0), 5);
}

/* A client's key is another event on each storage day. */
/* More than one transaction takes; who asks again is told of those that came meanwhile. */
static void
all_are_wanted_however_many_and_each_is_counted_once(void **state)
{
    enum { MANY = 12001, AT_ONCE = 1000 };
    struct store_case *the = *state;
    struct dead_letter *some = calloc(AT_ONCE, sizeof(*some));
    struct dead_wish wish;
    struct err err = { "" };
    uint64_t sum = 0;
    int rounds = 0;

    for (unsigned n = 0; n < MANY;) {
        size_t count = 0;

        for (; n < MANY && count < AT_ONCE; n++)
            some[count++] = letter(n);
        put(the, some, count);
    }
    free(some);
    do {
        wish = (struct dead_wish){ .keys = NULL };
        if (the->reader->ops->dead->want(the->reader, &wish, &err) != 0)
            fail_msg("want: %s", err.text);
        sum += wish.wanted;
    } while (wish.is_more && ++rounds < 100);
    assert_int_equal(sum, MANY);
    put_some(the, MANY, MANY + 3);
    assert_int_equal(want(the, NULL, 0, NULL), 3);
    assert_int_equal(want(the, NULL, 0, NULL), 0);
}

static void
letters_of_one_client_key_are_told_apart_by_their_day(void **state)
{
    struct store_case *the = *state;
    struct dead_letter one = letter(1), two = letter(2);
    struct dead_letters found;
    unsigned char there;

    one.key = (struct dead_key){ event_id_keyed(text_of("test"), text_of("k")), 20000 };
    two.key = (struct dead_key){ one.key.id, -7 };
    put(the, &one, 1);
    put(the, &two, 1);
    assert_int_equal(count_all(the, 0), 2);
    want(the, &two.key, 1, &there);
    found = all(the, 1);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.letters[0].key.day, -7);
    dead_letters_release(&found);
}

static void
a_letter_that_is_refused_again_says_so_and_waits(void **state)
{
    struct store_case *the = *state;
    struct dead_letter gone = letter(50), refused[2] = { letter(1), gone };
    struct dead_letters found;
    struct err err = { "" };

    put_some(the, 0, 3);
    want(the, NULL, 0, NULL);
    for (size_t i = 0; i < 2; i++) {
        refused[i].reason = text_of("still no");
        refused[i].attempts = 2;
        refused[i].tried_us = CASE_START + CASE_DAY;
    }
    if (the->writer->ops->dead->refuse(the->writer, refused, 2, &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(count_all(the, 1), 2);
    found = all(the, 0);
    assert_int_equal(found.count, 3);           /* the one that was gone is not made */
    assert_true(text_is(found.letters[1].reason, "still no"));
    assert_int_equal(found.letters[1].attempts, 2);
    assert_int_equal(found.letters[1].tried_us, CASE_START + CASE_DAY);
    assert_int_equal(found.letters[1].encoded.len, 3);
    dead_letters_release(&found);
}

static void
what_is_stored_is_dropped(void **state)
{
    struct store_case *the = *state;
    struct dead_letter gone[3] = { letter(1), letter(77), letter(2) };
    struct err err = { "" };

    put_some(the, 0, 4);
    for (int i = 0; i < 2; i++)
        if (the->writer->ops->dead->drop(the->writer, gone, 3, &err) != 0)
            fail_msg("%s", err.text);
    assert_int_equal(count_all(the, 0), 2);
    store_case_reopen(the);
    assert_int_equal(count_all(the, 0), 2);
}

static void
retention_deletes_what_is_past_its_age(void **state)
{
    struct store_case *the = *state;
    unsigned deleted;
    struct err err = { "" };

    the->settings.store_retention_ms = 3600 * 1000;
    store_case_reopen(the);
    put_some(the, 0, 4);
    if (the->writer->ops->retain(the->writer, CASE_START + CASE_HOUR + 2 * CASE_SECOND, &deleted,
                                 &err) != 0)
        fail_msg("%s", err.text);
    assert_int_equal(count_all(the, 0), 2);
}

static void
a_page_of_none_or_of_too_many_is_refused(void **state)
{
    struct store_case *the = *state;
    struct dead_letters found = { 0 };
    struct dead_page page;
    struct err err;

    assert_int_equal(the->reader->ops->dead->find(the->reader, &(struct dead_query){ .limit = 0 },
                                                  keep, &found, &page, &err), -1);
    assert_int_equal(the->reader->ops->dead->find(
        the->reader, &(struct dead_query){ .limit = STORE_MAX_PAGE + 1 }, keep, &found, &page,
        &err), -1);
}

/* Their text, as it stands in commands and cursors: one for each. */
static void
a_key_has_one_text(void **state)
{
    static const char *const wrong[] = {
        "", "k", "x", "k00000000000000000000000000000000", "k00000000000000000000000000000000-",
        "k00000000000000000000000000000000-01", "k00000000000000000000000000000000-99999999999",
        "k00000000000000000000000000000000-x", "k00000000000000000000000000000000 5",
        "000000000000b0b0-00000007-0000000000000001-5", "000000000000b0b0-00000007",
        "000000000000B0B0-00000007-0000000000000001" };
    const struct dead_key keys[] = { letter(1).key, { { 16, { 1, 2 } }, 0 }, { { 16, { 3 } }, -5 } };
    struct dead_key key;

    (void)state;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        char text[DEAD_KEY_TEXT_LEN];

        dead_key_format(&keys[i], text);
        assert_int_equal(dead_key_parse(text_of(text), &key), 0);
        assert_int_equal(key.day, keys[i].day);
        assert_true(event_id_equals(&key.id, &keys[i].id));
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(dead_key_parse(text_of(wrong[i]), &key), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, store_case_open, store_case_close)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_has_one_text),
        TEST(there_are_none_at_first),
        TEST(a_letter_comes_back_as_it_was_put),
        TEST(a_letter_that_is_put_again_stays_as_it_is),
        TEST(whatever_was_refused_can_be_kept),
        TEST(pages_are_joined_by_their_place_newest_first),
        TEST(a_page_ends_early_when_its_events_are_large),
        TEST(a_page_ends_where_its_reader_has_enough),
        TEST(those_that_are_wanted_are_found_and_the_others_are_said),
        TEST(all_are_wanted_however_many_and_each_is_counted_once),
        TEST(letters_of_one_client_key_are_told_apart_by_their_day),
        TEST(a_letter_that_is_refused_again_says_so_and_waits),
        TEST(what_is_stored_is_dropped),
        TEST(retention_deletes_what_is_past_its_age),
        TEST(a_page_of_none_or_of_too_many_is_refused),
    };

    return cmocka_run_group_tests_name("store_dead", tests, NULL, NULL);
}
