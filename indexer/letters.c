#include "indexer/letters.h"

#include <stdio.h>
#include <stdlib.h>

#include "indexer/letters_parts.h"
#include "proto/base/clock.h"

static int
on_time(zloop_t *loop, int timer, void *self)
{
    struct letters *letters = self;

    (void)loop, (void)timer;
    letters->timer = 0;
    letters_work(letters);
    return 0;
}

static void
come_again(struct letters *letters, unsigned ms)
{
    zloop_t *loop = letters->ix->daemon->loop;

    if (letters->timer > 0)
        zloop_timer_end(loop, letters->timer);
    letters->timer = zloop_timer(loop, ms, 1, on_time, letters);
}

struct letters *
letters_new(struct indexer *ix, struct err *err)
{
    struct letters *letters = calloc(1, sizeof(*letters));
    const struct { uint64_t **number; enum metric_kind kind; const char *name, *help; } rows[] = {
        { &letters->carried, METRIC_COUNTER, "bongsu_indexer_dead_letters_carried_total",
          "dead letters put into the store, where people see them" },
        { &letters->tried, METRIC_COUNTER, "bongsu_indexer_dead_letters_retried_total",
          "dead letters that were tried again" },
        { &letters->stored, METRIC_COUNTER, "bongsu_indexer_dead_letters_stored_total",
          "dead letters that the store took after all, or had already" },
        { &letters->refused, METRIC_COUNTER, "bongsu_indexer_dead_letters_refused_again_total",
          "dead letters that were tried again and refused again" },
        { &letters->failed, METRIC_COUNTER, "bongsu_indexer_dead_letters_put_off_total",
          "times the store did not take, find or drop dead letters; they are kept" },
        { &letters->waiting, METRIC_GAUGE, "bongsu_indexer_dead_letters_kept",
          "dead letters that are kept now" },
    };

    if (letters == NULL) {
        err_set(err, "out of memory");
        return NULL;
    }
    letters->ix = ix;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        *rows[i].number = metrics_number(ix->daemon->metrics, rows[i].kind, rows[i].name, "",
                                         rows[i].help);
    come_again(letters, LETTERS_SOON_MS);
    return letters;
}

void
letters_destroy(struct letters **letters)
{
    if (*letters == NULL)
        return;
    if ((*letters)->timer > 0)
        zloop_timer_end((*letters)->ix->daemon->loop, (*letters)->timer);
    free(*letters);
    *letters = NULL;
}

uint64_t
letters_in_store(const struct letters *letters)
{
    return letters == NULL ? 0 : letters->in_store;
}

void
letters_failed(struct letters *letters, const char *what, const struct err *err)
{
    ++*letters->failed;
    log_warn_burst(&letters->burst, "dead letters are kept until the store takes part",
                   "what=%s reason=\"%s\"", what, err->text);
}

/* --- carrying over --- */

/* Durable there, and only then forgotten here. 0 or -1. */
static int
carry(struct letters *letters, struct store *store, const struct dead_letter *some,
      size_t count)
{
    struct err err;

    if (store->ops->dead->put(store, some, count, &err) == 0) {
        *letters->carried += count;
        if (poison_forget(letters->ix->poison, some, count, &err) == 0)
            return 0;
    }
    letters_failed(letters, "put", &err);
    return -1;
}

/* One that is too large for somebody on the way must not hold the others back. But a store
 * that does not answer is waited for once a turn and not once a letter: where the time is
 * up, the next turn begins with this. */
static int
carry_one_by_one(struct letters *letters, struct store *store,
                 const struct dead_letters *some, int64_t end_ms)
{
    size_t i = 0;
    int rc = -1;

    for (; i < some->count && clock_steady_ms() < end_ms; i++)
        if (carry(letters, store, &some->letters[i], 1) == 0)
            rc = 0;
    letters->is_alone = i < some->count;
    return rc;
}

/* 1: there may be more, 0: no, -1: not now. */
static int
carry_over(struct letters *letters, struct store *store)
{
    const int64_t end_ms = clock_steady_ms() + LETTERS_ALONE_MS;
    struct indexer *ix = letters->ix;
    struct dead_letters some = { 0 };
    char by[32] = "indexer";
    struct err err;
    int rc = -1;

    if (poison_count(ix->poison) == 0)
        return 0;
    if (ix->number > 0)
        snprintf(by, sizeof(by), "indexer-%d", ix->number);
    if (poison_letters(ix->poison, LETTERS_AT_ONCE, DEAD_PAGE_BYTES, &some, &err) != 0) {
        letters_failed(letters, "read", &err);
        goto done;
    }
    for (size_t i = 0; i < some.count; i++)
        some.letters[i].by = text_of(by);
    if (!letters->is_alone)
        rc = carry(letters, store, some.letters, some.count);
    if (rc != 0 && (letters->is_alone || some.count > 1))
        rc = carry_one_by_one(letters, store, &some, end_ms);

done:
    dead_letters_release(&some);
    return rc != 0 ? -1 : poison_count(ix->poison) > 0;
}

/* --- a turn --- */

static void
show_them(struct letters *letters)
{
    *letters->waiting = letters->in_store + poison_count(letters->ix->poison);
}

static int
count_them(struct letters *letters)
{
    struct indexer *ix = letters->ix;
    uint64_t count = 0;
    struct err err;

    if (ix->store->ops->dead->count(ix->store, &count, &err) != 0) {
        letters_failed(letters, "count", &err);
        return -1;
    }
    letters->in_store = count;
    show_them(letters);
    return 0;
}

/* Another one writes the events; what we had set aside when we did is still ours to tell.
 * (Letters, like an incident's status, may be written by any process.) */
static int
work_standing_by(struct letters *letters)
{
    struct store *store;
    struct err err;
    int is_more;

    if (poison_count(letters->ix->poison) == 0)
        return 0;
    store = store_open(letters->ix->daemon->settings, STORE_WRITE, &err);
    if (store == NULL) {
        letters_failed(letters, "open", &err);
        return -1;
    }
    is_more = carry_over(letters, store);
    store_close(&store);
    return is_more;
}

void
letters_work(struct letters *letters)
{
    struct indexer *ix = letters->ix;
    int is_more = 0, tried = 0;

    show_them(letters);
    if (ix->events == NULL) {
        is_more = work_standing_by(letters);
    } else if (!ix->is_store_unwell) {  /* the loop would only wait for it once more */
        is_more = carry_over(letters, ix->store);
        if (is_more >= 0 && count_them(letters) == 0 && letters->in_store > 0)
            tried = letters_try_again(letters);
    }
    show_them(letters);
    come_again(letters, is_more > 0 || tried > 0 ? LETTERS_SOON_MS : LETTERS_EVERY_MS);
}
