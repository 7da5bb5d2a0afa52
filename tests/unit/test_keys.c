/* API keys: their text, their file, their rates. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/keys/bucket.h"
#include "proto/keys/key_list.h"
#include "tests/support/temp_dir.h"

struct place {
    char dir[512], path[600];
    struct key_list *list;
    char key[API_KEY_TEXT_LEN];
};

static int
set_up(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    temp_dir_make(NULL, place->dir, sizeof(place->dir));
    snprintf(place->path, sizeof(place->path), "%s/keys.yml", place->dir);
    place->list = key_list_load(place->path, NULL);
    *state = place;
    return place->list == NULL;
}

static int
tear_down(void **state)
{
    struct place *place = *state;

    temp_dir_remove(place->dir);
    free(place->list);
    free(place);
    return 0;
}

static struct key_entry *
add(struct place *place, const char *name)
{
    return key_list_add(place->list, text_of(name), SCOPE_INGEST, place->key, NULL);
}

/* --- the text --- */

static void
a_key_names_its_id_and_proves_itself_by_its_checksum(void **state)
{
    char key[API_KEY_TEXT_LEN], id[API_KEY_ID_LEN], found[API_KEY_ID_LEN];

    (void)state;
    api_key_make(key, id);
    assert_int_equal(strlen(key), API_KEY_TEXT_LEN - 1);
    assert_memory_equal(key, "bgs_", 4);
    assert_true(api_key_parse(text_of(key), found));
    assert_string_equal(found, id);
    for (size_t i = 0; i < strlen(key); i++) {
        char was = key[i];

        key[i] = was == '0' ? '1' : '0';
        assert_false(api_key_parse(text_of(key), found));
        key[i] = was;
    }
    assert_false(api_key_parse((struct text){ key, strlen(key) - 1 }, found));
    assert_false(api_key_parse(text_of(""), found));
}

static void
each_scope_covers_what_it_says_and_no_more(void **state)
{
    static const char *const wanted[SCOPE_COUNT] = { "1000", "0100", "0110", "1111" };

    (void)state;
    for (int has = 0; has < SCOPE_COUNT; has++)
        for (int needed = 0; needed < SCOPE_COUNT; needed++)
            assert_int_equal(key_scope_covers(has, needed), wanted[has][needed] == '1');
    assert_int_equal(key_scope_parse(text_of("analyst")), SCOPE_ANALYST);
    assert_int_equal(key_scope_parse(text_of("Admin")), -1);
    assert_int_equal(key_scope_parse((struct text){ NULL, 0 }), -1);
}

static void
names_are_plain_words_that_no_configured_key_has(void **state)
{
    static const char *const bad[] = { "", ".x", "-x", "a b", "a\"b", "a\nb", "API_KEY",
                                       "reader_key", "\xed\x95\x9c" };
    char longest[API_KEY_NAME_LEN + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(api_key_is_name(text_of(bad[i])));
    memset(longest, 'a', sizeof(longest));
    assert_true(api_key_is_name((struct text){ longest, API_KEY_NAME_LEN - 1 }));
    assert_false(api_key_is_name((struct text){ longest, API_KEY_NAME_LEN }));
    assert_true(api_key_is_name(text_of("web-1.example_org")));
}

/* --- the file --- */

static void
what_was_saved_is_loaded_and_holds_no_key(void **state)
{
    struct place *place = *state;
    struct key_entry *entry = add(place, "web1");
    struct key_list *again;
    char bytes[4096] = "";
    struct stat st;
    FILE *file;

    entry->created_us = INT64_C(1700000000000000);
    entry->expires_us = INT64_C(1800000000000000);
    entry->rate_events = 1000;
    entry->rate_bytes = 5000000;
    assert_non_null(add(place, "web2"));
    assert_int_equal(key_list_save(place->list, place->path, NULL), 0);
    assert_int_equal(stat(place->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    again = key_list_load(place->path, NULL);
    assert_non_null(again);
    assert_int_equal(again->count, 2);
    assert_memory_equal(again->salt, place->list->salt, API_KEY_SALT);
    assert_memory_equal(again->entries, place->list->entries, 2 * sizeof(*entry));
    free(again);
    file = fopen(place->path, "r");
    assert_true(fread(bytes, 1, sizeof(bytes) - 1, file) > 0);
    fclose(file);
    assert_null(strstr(bytes, place->key + 13));
    assert_null(strstr(bytes, "bgs_"));
}

static void
a_name_is_taken_once_and_the_list_has_an_end(void **state)
{
    struct place *place = *state;
    struct err err;
    char name[32];

    assert_non_null(add(place, "a"));
    assert_null(key_list_add(place->list, text_of("a"), SCOPE_READ, place->key, &err));
    assert_non_null(strstr(err.text, "already"));
    for (int i = 1; i < KEY_LIST_MAX; i++) {
        snprintf(name, sizeof(name), "key%d", i);
        assert_non_null(add(place, name));
    }
    assert_null(key_list_add(place->list, text_of("more"), SCOPE_READ, place->key, &err));
    assert_int_equal(key_list_save(place->list, place->path, &err), 0);
    key_list_remove(place->list, key_list_find(place->list, text_of("a")));
    assert_null(key_list_find(place->list, text_of("a")));
    assert_non_null(key_list_find(place->list, text_of("key255")));
    assert_non_null(add(place, "more"));
}

static void
write_text(const struct place *place, const char *text)
{
    FILE *file = fopen(place->path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(place->path, 0600), 0);
}

#define SALT "salt: \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"\n"
#define HASH "hash: \"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\""
#define REST ", scope: read, " HASH ", created: \"2026-11-22T00:00:00Z\""

static void
a_file_that_is_not_understood_is_refused_with_its_line(void **state)
{
    static const struct { const char *text, *reason; } cases[] = {
        { "", "no file of keys" },
        { "version: 1\n" SALT "keys: [", "keys.yml:" },
        { "version: 2\n" SALT "keys: []\n", "version is not 1" },
        { "version: 1\nsalt: \"00\"\nkeys: []\n", "salt" },
        { "version: 1\n" SALT "keys: []\nmore: 1\n", "no file of keys" },
        { "version: 1\n" SALT "keys: 7\n", "no list" },
        { "version: 1\n" SALT "keys:\n- 7\n", "keys.yml:4: a key's id is missing" },
        { "version: 1\n" SALT "keys:\n- {id: \"0011223\", name: a" REST "}\n", "id is wrong" },
        { "version: 1\n" SALT "keys:\n- {id: \"00112233\", name: \"a b\"" REST "}\n", "name is" },
        { "version: 1\n" SALT "keys:\n- {id: \"00112233\", name: a, scope: root, " HASH
          ", created: \"2026-11-22T00:00:00Z\"}\n", "scope is wrong" },
        { "version: 1\n" SALT "keys:\n- {id: \"00112233\", name: a" REST ", rate_events: -1}\n",
          "rate_events is wrong" },
        { "version: 1\n" SALT "keys:\n- {id: \"00112233\", name: a" REST ", expires: soon}\n",
          "expires is wrong" },
        { "version: 1\n" SALT "keys:\n- {id: \"00112233\", name: a" REST ", from: 10.0.0.0/8}\n",
          "does not know" },
        { "version: 1\n" SALT "keys:\n- {id: \"00112233\", name: a" REST "}\n"
          "- {id: \"00112234\", name: a" REST "}\n", "keys.yml:5: the key a is there twice" },
    };
    struct place *place = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err = { "" };

        write_text(place, cases[i].text);
        assert_null(key_list_load(place->path, &err));
        if (strstr(err.text, cases[i].reason) == NULL)
            fail_msg("case %zu: %s", i, err.text);
    }
}

static void
a_file_that_others_may_write_is_refused(void **state)
{
    struct place *place = *state;
    struct err err = { "" };

    assert_int_equal(key_list_save(place->list, place->path, NULL), 0);
    assert_int_equal(chmod(place->path, 0620), 0);
    assert_null(key_list_load(place->path, &err));
    assert_non_null(strstr(err.text, "chmod 600"));
}

static void
a_link_in_the_locks_place_is_not_followed(void **state)
{
    struct place *place = *state;
    char lock[700], target[700];
    int fd;

    snprintf(lock, sizeof(lock), "%s.lock", place->path);
    snprintf(target, sizeof(target), "%s/other", place->dir);
    fd = key_list_lock(place->path, NULL);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(unlink(lock), 0);
    assert_int_equal(symlink(target, lock), 0);
    assert_int_equal(key_list_lock(place->path, NULL), -1);
    assert_int_not_equal(access(target, F_OK), 0);
}

/* --- rates --- */

static void
a_second_s_worth_comes_in_at_once_and_the_rest_when_it_is_paid(void **state)
{
    struct bucket bucket = { 0 };

    (void)state;
    bucket_set_rate(&bucket, 10, 1000);
    assert_int_equal(bucket_wait_s(&bucket, 1000), 0);
    bucket_take(&bucket, 9);
    assert_int_equal(bucket_wait_s(&bucket, 1000), 0);
    bucket_take(&bucket, 26);                       /* 25 in debt */
    assert_int_equal(bucket_wait_s(&bucket, 1000), 3);
    assert_int_equal(bucket_wait_s(&bucket, 3499), 1);
    assert_int_equal(bucket_wait_s(&bucket, 3600), 0);
    assert_int_equal(bucket_wait_s(&bucket, 900000), 0);
    bucket_take(&bucket, 11);                       /* it had not grown over 10 */
    assert_int_equal(bucket_wait_s(&bucket, 900000), 1);
}

static void
no_amount_makes_anybody_wait_for_longer_than_an_hour(void **state)
{
    struct bucket bucket = { 0 };

    (void)state;
    bucket_set_rate(&bucket, 1, 0);
    bucket_take(&bucket, INT64_MAX);
    bucket_take(&bucket, INT64_MAX);
    assert_int_equal(bucket_wait_s(&bucket, 0), BUCKET_MAX_WAIT_S);
    assert_int_equal(bucket_wait_s(&bucket, INT64_MAX / 2), 0);
    bucket_set_rate(&bucket, BUCKET_MAX_RATE, 0);
    bucket_take(&bucket, INT64_MAX);
    assert_int_equal(bucket_wait_s(&bucket, 1), BUCKET_MAX_WAIT_S);
    assert_int_equal(bucket_wait_s(&bucket, 3700000), 0);
}

static void
without_a_rate_nothing_waits(void **state)
{
    struct bucket bucket = { 0 };

    (void)state;
    bucket_set_rate(&bucket, 0, 5);
    bucket_take(&bucket, INT64_MAX);
    assert_int_equal(bucket_wait_s(&bucket, 5), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_names_its_id_and_proves_itself_by_its_checksum),
        cmocka_unit_test(each_scope_covers_what_it_says_and_no_more),
        cmocka_unit_test(names_are_plain_words_that_no_configured_key_has),
        TEST(what_was_saved_is_loaded_and_holds_no_key),
        TEST(a_name_is_taken_once_and_the_list_has_an_end),
        TEST(a_file_that_is_not_understood_is_refused_with_its_line),
        TEST(a_file_that_others_may_write_is_refused),
        TEST(a_link_in_the_locks_place_is_not_followed),
        cmocka_unit_test(a_second_s_worth_comes_in_at_once_and_the_rest_when_it_is_paid),
        cmocka_unit_test(no_amount_makes_anybody_wait_for_longer_than_an_hour),
        cmocka_unit_test(without_a_rate_nothing_waits),
    };

    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
