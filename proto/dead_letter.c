#include "proto/dead_letter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYED_LEN = 16, KEYED_TEXT_LEN = 1 + 2 * KEYED_LEN };

struct dead_key
dead_key_of(const struct event *ev)
{
    return (struct dead_key){ .id = ev->id, .day = ev->is_keyed ? event_storage_day(ev) : 0 };
}

void
dead_key_format(const struct dead_key *key, char out[DEAD_KEY_TEXT_LEN])
{
    char id[EVENT_ID_TEXT_LEN];

    event_id_format(&key->id, id);
    if (key->id.len == KEYED_LEN)
        snprintf(out, DEAD_KEY_TEXT_LEN, "%s-%d", id, (int)key->day);
    else
        snprintf(out, DEAD_KEY_TEXT_LEN, "%s", id);
}

int
dead_key_parse(struct text text, struct dead_key *ret_key)
{
    char again[DEAD_KEY_TEXT_LEN];
    struct dead_key key = { .day = 0 };
    struct text id = text;
    int64_t day = 0;

    if (text.len > KEYED_TEXT_LEN && text.ptr[0] == 'k') {
        struct text number = { text.ptr + KEYED_TEXT_LEN + 1, text.len - KEYED_TEXT_LEN - 1 };

        id.len = KEYED_TEXT_LEN;
        if (text.ptr[KEYED_TEXT_LEN] != '-' ||
            text_to_int(number, INT32_MIN, INT32_MAX, &day) != 0)
            return -1;
    } else if (text.len > 0 && text.ptr[0] == 'k') {
        return -1;
    }
    if (event_id_parse(id, &key.id) != 0)
        return -1;
    key.day = (int32_t)day;
    dead_key_format(&key, again);
    if (!text_is(text, again))          /* another way to write the same would be another name */
        return -1;
    *ret_key = key;
    return 0;
}

int
dead_letters_add(struct dead_letters *all, const struct dead_letter *letter)
{
    struct dead_letter copy = *letter;

    if (all->count == all->cap) {
        size_t cap = all->cap == 0 ? 16 : all->cap * 2;
        struct dead_letter *letters = realloc(all->letters, cap * sizeof(*letters));

        if (letters == NULL)
            return -1;
        all->letters = letters;
        all->cap = cap;
    }
    copy.reason = arena_copy(&all->space, letter->reason);
    copy.by = arena_copy(&all->space, letter->by);
    copy.encoded = arena_copy(&all->space, letter->encoded);
    if (copy.reason.ptr == NULL || copy.by.ptr == NULL || copy.encoded.ptr == NULL)
        return -1;
    all->letters[all->count++] = copy;
    all->bytes += copy.encoded.len;
    return 0;
}

void
dead_letters_release(struct dead_letters *all)
{
    arena_release(&all->space);
    free(all->letters);
    *all = (struct dead_letters){ 0 };
}
