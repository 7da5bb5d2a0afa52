/*
 * Dead letters that somebody wants are tried again: put as at first, but without a place in
 * a journal, so that the balance sheet, which has them as not stored, stays closed.
 */
#include <stdlib.h>
#include <string.h>

#include "indexer/letters_parts.h"
#include "proto/base/clock.h"
#include "proto/base/fault.h"
#include "proto/base/hash.h"

/* Poison counts attempts at letters under these; no journal has this id. */
enum { LETTERS_ORIGIN = 1, LETTERS_KEY = 0 };

enum fate { FATE_NOT_YET, FATE_STORED, FATE_REFUSED };

/* A page of letters on its way. */
struct again {
    struct dead_letters found;
    struct event views[LETTERS_AT_ONCE];        /* of the events; their bytes are in found */
    enum fate fates[LETTERS_AT_ONCE];
    int is_more;
};

/* --- what a letter holds --- */

/* The view of its event: known fields only, further ones are in the bytes. 0, or -1: it is
 * no event that could ever be stored. */
static int
read_letter(const struct dead_letter *letter, struct event *ret_view, struct err *err)
{
    msgpack_unpacked unpacked;
    struct event ev = { 0 };
    int rc;

    msgpack_unpacked_init(&unpacked);
    rc = event_unpack(letter->encoded.ptr, letter->encoded.len, &unpacked, &ev, err);
    if (rc == 0 && ev.is_keyed && !event_id_equals(&ev.id, &letter->key.id)) {
        err_set(err, "the letter and its event have not the same id");
        rc = -1;
    }
    if (rc == 0) {
        *ret_view = ev;
        ret_view->id = letter->key.id;
        ret_view->received_us = letter->received_us;
        ret_view->extras = NULL;
        ret_view->extra_count = ret_view->extra_cap = 0;
    }
    event_release(&ev);
    msgpack_unpacked_destroy(&unpacked);
    return rc;
}

static void
refuse(struct again *again, size_t i, const char *reason)
{
    struct text copy = arena_copy(&again->found.space, text_of(reason));

    again->fates[i] = FATE_REFUSED;
    again->found.letters[i].reason = copy.ptr == NULL ? text_of("out of memory") : copy;
}

static int
keep(void *ctx, const struct dead_letter *letter)
{
    struct again *again = ctx;

    /* what finds no room comes with the next page */
    return dead_letters_add(&again->found, letter) != 0;
}

static int
find_wanted(struct letters *letters, struct again *again, struct err *err)
{
    const struct dead_query query = { .is_wanted = 1, .limit = LETTERS_AT_ONCE };
    struct store *store = letters->ix->store;
    struct dead_page page = { 0 };

    if (store->ops->dead->find(store, &query, keep, again, &page, err) != 0)
        return -1;
    again->is_more = page.is_more;
    for (size_t i = 0; i < again->found.count; i++) {
        struct err why;

        if (read_letter(&again->found.letters[i], &again->views[i], &why) != 0)
            refuse(again, i, why.text);
    }
    return 0;
}

/* --- into the store --- */

/* Those of FATE_NOT_YET among count letters from `first`: 0 with what was written, -1: not now. */
static int
put(struct letters *letters, struct again *again, size_t first, size_t count,
    struct store_written *ret_written, struct err *err)
{
    struct store *store = letters->ix->store;
    struct store_event rows[LETTERS_AT_ONCE];
    enum store_outcome outcome;
    size_t row_count = 0;

    *ret_written = (struct store_written){ 0 };
    for (size_t i = first; i < first + count; i++) {
        if (again->fates[i] != FATE_NOT_YET)
            continue;
        fault_on_text("indexer.event", again->found.letters[i].encoded);
        rows[row_count++] = (struct store_event){ .ev = &again->views[i],
                                                  .encoded = again->found.letters[i].encoded };
    }
    if (row_count == 0)
        return 0;
    outcome = store->ops->put_events(store, rows, row_count, ret_written, err);
    if (outcome == STORE_UNCLEAR)
        daemon_die(EXIT_IO, err->text);
    if (outcome != STORE_DONE)
        return -1;
    *letters->ix->stored += ret_written->inserted;
    *letters->ix->repeated += ret_written->repeated;
    return 0;
}

static int
put_alone(struct letters *letters, struct again *again, size_t i, struct err *err)
{
    struct store_written written;

    if (again->fates[i] != FATE_NOT_YET)
        return 0;
    if (put(letters, again, i, 1, &written, err) != 0)
        return -1;
    if (written.refused > 0)
        refuse(again, i, err->text);
    else
        again->fates[i] = FATE_STORED;
    return 0;
}

/* One by one, and after an unclean exit each is noted before: the one at which two
 * processes died is not tried a third time. 0, or -1: not now. */
static int
put_one_by_one(struct letters *letters, struct again *again, int is_careful, struct err *err)
{
    struct poison *poison = letters->ix->poison;
    int64_t end_ms = clock_steady_ms() + LETTERS_ALONE_MS;
    int rc = 0;

    if (is_careful && poison_attempt(poison, LETTERS_ORIGIN, LETTERS_KEY, err) == 0)
        return -1;
    for (size_t i = 0; i < again->found.count && rc == 0; i++) {
        char key[DEAD_KEY_TEXT_LEN];
        int seen = 0;

        if (clock_steady_ms() >= end_ms) {
            again->is_more = 1;
            break;
        }
        dead_key_format(&again->found.letters[i].key, key);
        if (is_careful && again->fates[i] == FATE_NOT_YET)
            seen = poison_begin_event(poison, LETTERS_ORIGIN,
                                      hash64(key, strlen(key)) & INT64_MAX, err);
        if (seen == 1)
            refuse(again, i, indexer_died);
        rc = seen < 0 ? -1 : put_alone(letters, again, i, err);
    }
    return rc;
}

/* 0, or -1: not now. */
static int
put_all(struct letters *letters, struct again *again, int is_careful, struct err *err)
{
    struct store_written written;

    if (is_careful)
        return put_one_by_one(letters, again, 1, err);
    if (put(letters, again, 0, again->found.count, &written, err) != 0)
        return -1;
    if (written.refused > 0)        /* which, only each alone can tell */
        return put_one_by_one(letters, again, 0, err);
    for (size_t i = 0; i < again->found.count; i++)
        if (again->fates[i] == FATE_NOT_YET)
            again->fates[i] = FATE_STORED;
    return 0;
}

/* --- what became of them --- */

/* Those of one fate, at the front of the list. How many. */
static size_t
gather(struct again *again, enum fate fate, struct dead_letter *ret)
{
    size_t count = 0;

    for (size_t i = 0; i < again->found.count; i++)
        if (again->fates[i] == fate) {
            ret[count] = again->found.letters[i];
            ret[count].attempts++;
            ret[count++].tried_us = clock_real_us();
        }
    return count;
}

/* What is stored is dropped; what was refused again says so, and waits. 0 or -1. */
static int
write_down(struct letters *letters, struct again *again, struct err *err)
{
    const struct store_dead_ops *dead = letters->ix->store->ops->dead;
    struct dead_letter some[LETTERS_AT_ONCE];
    size_t stored = gather(again, FATE_STORED, some), refused;

    if (stored > 0 && dead->drop(letters->ix->store, some, stored, err) != 0)
        return -1;
    *letters->stored += stored;
    letters->in_store -= stored < letters->in_store ? stored : letters->in_store;
    refused = gather(again, FATE_REFUSED, some);
    if (refused > 0 && dead->refuse(letters->ix->store, some, refused, err) != 0)
        return -1;
    *letters->refused += refused;
    *letters->tried += stored + refused;
    if (stored + refused > 0)
        log_info("dead letters were tried again", "stored=%zu refused=%zu", stored, refused);
    return 0;
}

int
letters_try_again(struct letters *letters)
{
    struct poison *poison = letters->ix->poison;
    int is_careful = poison_is_careful(poison, clock_steady_ms()), rc = -1, is_more = 0;
    struct again *again = calloc(1, sizeof(*again));
    struct err err = { "out of memory" };

    if (again == NULL || find_wanted(letters, again, &err) != 0)
        goto done;
    if (again->found.count > 0) {
        rc = put_all(letters, again, is_careful, &err);
        if (write_down(letters, again, &err) != 0)
            rc = -1;
        if (rc == 0 && is_careful)
            rc = poison_done(poison, LETTERS_ORIGIN, LETTERS_KEY, &err);
    } else {
        rc = 0;
    }
    is_more = again->is_more && again->found.count > 0;

done:
    if (rc != 0)
        letters_failed(letters, "retry", &err);
    if (again != NULL)
        dead_letters_release(&again->found);
    free(again);
    return rc != 0 ? -1 : is_more;
}
