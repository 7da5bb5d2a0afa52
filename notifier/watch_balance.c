/* The balance sheet: read, checked and kept once a minute. */
#include "notifier/watch_inner.h"
#include "proto/base/clock.h"

enum { BALANCE_EVERY_MS = 60000 };

static int
read_balance(struct watch *watch, int64_t now_us, struct err *err)
{
    int64_t hour = ledger_hour(now_us);
    struct balance *balance = &watch->balance;

    balance->hours.count = 0;
    return watch->store->ops->get_ledger(watch->store, hour - LEDGER_SHOWN_HOURS, hour + 1,
                                         &balance->hours, err);
}

void
watch_look_at_balance(struct watch *watch)
{
    const json_t *ingest = watch->look.status[0], *detector = watch->look.status[1];
    int64_t now_ms = clock_steady_ms(), now_us = clock_real_us();
    struct err err;

    if (now_ms < watch->balance_at_ms || ingest == NULL)
        return;
    watch->balance_at_ms = now_ms + BALANCE_EVERY_MS;
    if (read_balance(watch, now_us, &err) == 0) {
        balance_take(&watch->balance, ingest, detector);
        balance_check(&watch->balance, ingest, detector, now_us);
        if (watch->store->ops->put_balance(watch->store, &watch->balance.hours, &err) == STORE_DONE)
            return;
    }
    ++*watch->failures;
    log_warn_burst(&watch->burst, "the balance sheet cannot be read or kept", "reason=\"%s\"",
                   err.text);
}

static void
show_balance(const struct watch *watch, json_t *status)
{
    json_t *list = json_array();

    for (size_t i = 0; i < watch->balance.off_count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "source", watch->balance.off[i].hour,
                                              "text", watch->balance.off[i].text));
    json_object_set_new(status, "imbalances", list);
    json_object_set_new(status, "balance", balance_to_json(&watch->balance, clock_real_us()));
}

void
watch_fill_status(void *self, json_t *status)
{
    if (self != NULL)
        show_balance(self, status);
}
