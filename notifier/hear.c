/* What the detectors publish: each stream followed, each incident written down. */
#include "notifier/notifier.h"

#include "proto/base/clock.h"

enum { CATCH_UP_MS = 500,       /* the indexer has stored by then what was published */
       TAKE_MS = 1 };           /* all that waits on the sockets is one transaction */

static int
on_catch_up(zloop_t *loop, int timer, void *self)
{
    struct notifier *nt = self;

    nt->is_reading_due = 0;
    return notifier_read_store(loop, timer, nt);
}

/* What was heard of a detector; of one that is new, in the place of the one that was
 * silent longest. */
static struct heard *
stream_of(struct notifier *nt, uint64_t origin)
{
    struct heard *found = nt->streams;

    for (size_t i = 0; i < NOTIFIER_MAX_DETECTORS; i++) {
        if (nt->streams[i].origin == origin)
            return &nt->streams[i];
        if (nt->streams[i].at_ms < found->at_ms)
            found = &nt->streams[i];
    }
    *found = (struct heard){ 0 };
    return found;
}

/* Note how far a detector's stream is. PUB may lose (a late subscriber, a
 * full queue): then the store tells what was missed. */
static void
follow_stream(struct notifier *nt, const struct batch_head *head)
{
    uint64_t before = head->count > 0 ? head->first - 1 : head->previous;
    struct heard *heard = stream_of(nt, head->origin);
    int is_gap = heard->origin != head->origin || before > heard->counter;

    heard->at_ms = clock_steady_ms();
    heard->origin = head->origin;
    if (head->count > 0)
        heard->counter = head->first;
    else if (is_gap)
        heard->counter = head->previous;
    if (!is_gap)
        return;
    ++*nt->gaps;
    if (nt->is_reading_due)
        return;
    nt->is_reading_due = 1;
    zloop_timer(nt->daemon->loop, CATCH_UP_MS, 1, on_catch_up, nt);
}

/* Write down what was heard: one transaction for all of it. */
static void
take_waiting(struct notifier *nt)
{
    struct err err;
    int failed = outbox_begin(nt->outbox, &err) != 0;

    for (size_t i = 0; i < nt->waiting_count; i++) {
        if (!failed)
            failed = notifier_add(nt, nt->waiting[i], 0, nt->heard, &err) != 0;
        incident_destroy(&nt->waiting[i]);
    }
    nt->waiting_count = 0;
    if (failed)
        outbox_rollback(nt->outbox);
    if (failed || outbox_commit(nt->outbox, &err) != 0)
        notifier_outbox_failed(nt, &err);
    notifier_pump(nt);
}

static int
on_taking_due(zloop_t *loop, int timer, void *self)
{
    struct notifier *nt = self;

    (void)loop, (void)timer;
    nt->is_taking_due = 0;
    if (nt->waiting_count > 0)
        take_waiting(nt);
    return 0;
}

int
notifier_on_batch(void *self, struct link *link, struct bus_batch *batch)
{
    struct notifier *nt = self;
    struct incident *inc = NULL;
    struct err err;

    (void)link;
    if (batch->kind == BUS_INCIDENTS)
        follow_stream(nt, &batch->head);
    if (batch->head.count == 0)
        return 0;
    if (batch->kind != BUS_INCIDENTS || batch->body.len < 2 ||
        incident_unpack(batch->body.ptr + 1, batch->body.len - 1, &inc, &err) != 0) {
        ++*nt->refused;
        return 0;
    }
    nt->waiting[nt->waiting_count++] = inc;
    if (nt->waiting_count == NOTIFIER_MAX_WAITING)
        take_waiting(nt);
    if (!nt->is_taking_due && nt->waiting_count > 0) {
        nt->is_taking_due = 1;
        zloop_timer(nt->daemon->loop, TAKE_MS, 1, on_taking_due, nt);
    }
    return 0;
}
