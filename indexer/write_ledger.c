/* The balance sheet's side of the store: how many events of each batch it has. */
#include <string.h>

#include "indexer/indexer.h"
#include "proto/base/fault.h"
#include "proto/ledger.h"

enum { ROWS_AT_ONCE = 256 };

static int
put(struct indexer *ix, const struct store_ledger_row *rows, size_t count)
{
    struct err err;

    if (count == 0)
        return 0;
    return indexer_judge(ix, ix->store->ops->put_ledger(ix->store, rows, count, &err), &err);
}

static void
set_done(struct indexer *ix, size_t end)
{
    for (size_t i = 0; i < end; i++)
        if (ix->queue[i]->is_written) {
            ix->queue[i]->is_written = 0;
            ix->queue[i]->is_done = 1;
        }
}

/* A batch that comes again says the same of itself, so that its row is put once. */
int
indexer_enter_in_ledger(struct indexer *ix)
{
    struct store_ledger_row rows[ROWS_AT_ONCE];
    size_t count = 0;

    for (size_t i = 0; i < ix->queue_count; i++) {
        const struct waiting *item = ix->queue[i];
        const struct batch_head *head = &item->batch.head;
        uint64_t dead = item->dead < head->count ? item->dead : head->count;

        if (!item->is_written)
            continue;
        if (count == ROWS_AT_ONCE) {
            if (put(ix, rows, count) != 0)
                return -1;
            set_done(ix, i);
            count = 0;
        }
        rows[count++] = (struct store_ledger_row){
            .journal = head->origin, .first = head->first,
            .hour = ledger_hour(head->received_us),
            .stored = head->count - dead, .not_stored = dead,
            .elsewhere = item->elsewhere, .is_again = head->is_again != 0 };
    }
    if (put(ix, rows, count) != 0)
        return -1;
    fault_point("indexer.ledger_committed");
    set_done(ix, ix->queue_count);
    return 0;
}
