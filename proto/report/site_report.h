/*
 * site_report.h - the numbers of a day or a week
 *
 * site_report_read() asks the store once; what is made of the numbers (JSON,
 * HTML, CSV, Markdown in the api, a short text in the notifier) is pure. The
 * texts in here are as events and rules had them: hostile, perhaps no UTF-8.
 */
#ifndef PROTO_REPORT_SITE_REPORT_H
#define PROTO_REPORT_SITE_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/ledger.h"
#include "proto/report/report_span.h"
#include "proto/store/store.h"

enum {
    REPORT_TOP = 20,                /* rows of each list */
    REPORT_BARS = 25,               /* of the timeline, at most */
    REPORT_MAX_RULES = 500,         /* beyond: counted as "(other)" */
    REPORT_MAX_INCIDENTS = 20000,   /* read; is_more says that there are more */
    REPORT_KNOWN_DAYS = 30, REPORT_QUIET_DAYS = 7
};

/* The incidents of one rule, by what became of them. */
struct report_rule {
    char *id, *title;
    int severity;                   /* the worst */
    size_t total, by_status[STATUS_COUNT];
    size_t acknowledged, resolved;  /* by a person, or by us: those the medians are of */
    int64_t acknowledge_us, resolve_us;     /* medians, from the first event on; -1: of none */
};

struct report_incident {
    char id[INCIDENT_ID_HEX];
    char *title, *summary;
    int severity, status;
    int64_t opened_us;
    uint64_t count;
};

struct report_incidents {
    size_t total, before, open;     /* open: neither resolved nor false positive */
    size_t by_severity[SEVERITY_CRITICAL + 1], by_status[STATUS_COUNT];
    int is_more;                    /* than were read */
    struct report_rule *rules;      /* most first */
    size_t rule_count;
    struct report_incident worst[REPORT_TOP];       /* the worst first, then the newest */
    size_t worst_count;
};

struct report_source {
    char *value;
    uint64_t events;                /* new: in the span; 0: too few to be counted alone */
    int64_t first_us;               /* new */
    unsigned days;                  /* quiet: of the REPORT_QUIET_DAYS before */
    char last[REPORT_DAY_LEN];      /* quiet: the last of them */
};

struct report_sources {
    struct report_source fresh[REPORT_TOP], quiet[REPORT_TOP];
    size_t fresh_count, quiet_count, fresh_total, quiet_total, total;
    int has_history, is_partial;
};

/* What the entries of the allow list have eaten, most first; there is no section
 * without entries. */
struct report_allow {
    struct report_allowed { char *entry, *reason; uint64_t events; } entries[STORE_MAX_ALLOWED];
    size_t count;
};

/* The balance sheet, by time of receipt in whole UTC hours. */
struct report_balance {
    int64_t from_us, to_us;
    uint64_t counts[LEDGER_COLUMNS];
    uint64_t refused, received, dead_letters;
    int64_t on_the_way;             /* accepted and neither; below zero: too many */
    int has_numbers;
};

struct report_bar { int64_t at_us; uint64_t events; };

struct site_report {
    struct report_span span;
    struct counts counts;           /* REPORT_TOP rows; steps as in step_us */
    int64_t step_us;
    uint64_t events_before;
    struct report_bar bars[REPORT_BARS];    /* an hour, weekly a day */
    size_t bar_count;
    struct report_incidents incidents;
    struct report_sources sources;
    struct report_allow allow;
    struct report_balance balance;
};

/* Fill ret (zeroed) with what the store has of the span. 0, or -1 with the
 * reason: then there is nothing to release. */
int site_report_read(struct store *store, const struct report_span *span,
                     struct site_report *ret, struct err *err);

/* The same without top lists, sources and balance: enough for a short text. */
int site_report_read_short(struct store *store, const struct report_span *span,
                           struct site_report *ret, struct err *err);
void site_report_release(struct site_report *report);

/* By how many tenths of a per cent now is more than before (less: negative); 0
 * and nothing in *ret_permille when there was nothing before. */
int report_change(uint64_t now, uint64_t before, int64_t *ret_permille);

/* --- the parts, pure --- */

/* Take in an incident that may touch the span or the one before; -1: out of memory. */
struct report_times;
struct report_times *report_times_new(void);        /* what the medians are of */
void report_times_destroy(struct report_times **times);
int report_incidents_add(struct report_incidents *incidents, struct report_times *times,
                         const struct incident *inc, const struct report_span *span);
/* Once all are in: order and medians. */
void report_incidents_finish(struct report_incidents *incidents, struct report_times *times);
void report_incidents_release(struct report_incidents *incidents);

/* New and quiet sources, from the store and the counted rows in report->counts, of
 * which at most max are looked for. 0 or -1. */
int report_sources_read(struct store *store, struct site_report *report, size_t max,
                        struct err *err);
void report_sources_release(struct report_sources *sources);

/* Sum up what the ledger has. */
void report_balance_add(struct report_balance *balance, const struct ledger *hours);

#endif
