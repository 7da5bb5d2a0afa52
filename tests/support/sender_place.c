#include "tests/support/sender_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char space[MAX_BYTES];

uint64_t
key_of(size_t i)
{
    return i * 10;
}

static int
journal_next(void *ctx, uint64_t after, struct batch_head *ret_head,
             struct text *ret_body, struct err *err)
{
    struct sender_place *place = ctx;
    size_t i = after / 10 + 1;

    place->reads++;
    if (place->is_broken) {
        err_set(err, "the journal is broken");
        return -1;
    }
    while (i <= place->batches && place->bytes[i] == 0)
        i++;
    if (i > place->batches)
        return 0;
    memset(ret_head, 0, sizeof(*ret_head));
    ret_head->first = key_of(i);
    ret_head->count = 1;
    *ret_body = (struct text){ space, place->bytes[i] };
    return 1;
}

static int
socket_send(void *ctx, const struct batch_head *head, struct text body)
{
    struct sender_place *place = ctx;

    if (place->room == 0)
        return -1;
    place->room--;
    place->sent[head->first / 10]++;
    if (place->sent_count < MAX_BATCHES) {
        place->order[place->sent_count] = head->first;
        place->again[place->sent_count] = head->is_again;
    }
    place->sent_count++;
    return 0;
}

void
journal_add(struct sender_place *place, size_t count, size_t bytes)
{
    for (size_t i = 0; i < count; i++)
        place->bytes[++place->batches] = bytes;
}

void
sender_place_renew(struct sender_place *place, uint64_t frontier)
{
    sender_place_renew_after(place, frontier, 0);
}

void
sender_place_renew_after(struct sender_place *place, uint64_t frontier, uint64_t sent_before)
{
    struct sender_source source = { .ctx = place, .next = journal_next, .send = socket_send,
                                    .sent_before = sent_before };

    sender_destroy(&place->sender);
    *place = (struct sender_place){ .room = SIZE_MAX };
    place->sender = sender_new(&source, frontier);
    assert_non_null(place->sender);
}

int
sender_place_set_up(void **state)
{
    struct sender_place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    sender_place_renew(place, 0);
    *state = place;
    return 0;
}

int
sender_place_tear_down(void **state)
{
    struct sender_place *place = *state;

    sender_destroy(&place->sender);
    sender_destroy(&place->sender);
    free(place);
    return 0;
}

void
pump(struct sender_place *place, int64_t now_ms)
{
    struct err err = { "" };

    assert_int_equal(sender_pump(place->sender, now_ms, &err), 0);
}
