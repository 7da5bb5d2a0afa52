#include "api/report_parts.h"

#include <inttypes.h>

/* How many there are, how many are shown, and whether that is all. */
static const char *
say_total(struct page *page, enum report_word word, size_t total, unsigned days, size_t shown)
{
    const struct report_sources *sources = &page->report->sources;
    const char *said = page_say(page, word,
                                (const char *const[]){ page_number(page, total),
                                                       page_number(page, days), NULL });

    if (shown < total)
        said = page_join(page, said,
                         page_say(page, WORD_LISTED,
                                  (const char *const[]){ page_number(page, shown), NULL }));
    if (sources->is_partial)
        said = page_join(page, said, page_word(page, WORD_SOURCES_CUT));
    return said;
}

void
fill_new_sources(struct page *page, struct section *section)
{
    const struct report_sources *sources = &page->report->sources;
    const char *days = page_number(page, REPORT_KNOWN_DAYS);

    page_column(page, section, WORD_SOURCE, 0);
    page_column(page, section, WORD_EVENTS, 1);
    page_column(page, section, WORD_FIRST_SEEN, 0);
    if (sources->total == 0)
        return;
    if (!sources->has_history || sources->fresh_total == 0) {
        section->lead = page_say(page, sources->has_history ? WORD_NEW_NONE : WORD_NEW_NO_HISTORY,
                                 (const char *const[]){ days, NULL });
        return;
    }
    section->lead = say_total(page, WORD_NEW_TOTAL, sources->fresh_total, REPORT_KNOWN_DAYS,
                              sources->fresh_count);
    for (size_t i = 0; i < sources->fresh_count; i++) {
        const struct report_source *one = &sources->fresh[i];

        page_row(page, section,
                 (struct cell[]){ cell_text(one->value),
                                  one->events > 0 ? cell_count(one->events) : cell_word(WORD_FEW),
                                  { .kind = CELL_TIME, .number = one->first_us } });
    }
}

void
fill_quiet_sources(struct page *page, struct section *section)
{
    const struct report_sources *sources = &page->report->sources;

    page_column(page, section, WORD_SOURCE, 0);
    page_column(page, section, WORD_DAYS_SEEN, 1);
    section->columns[1].title = page_say(
        page, WORD_DAYS_SEEN, (const char *const[]){ page_number(page, REPORT_QUIET_DAYS), NULL });
    page_column(page, section, WORD_LAST_SEEN, 0);
    if (sources->quiet_total == 0)
        return;
    section->lead = say_total(page,
                              page->report->span.is_so_far ? WORD_QUIET_TOTAL_SO_FAR
                                                           : WORD_QUIET_TOTAL,
                              sources->quiet_total, REPORT_QUIET_DAYS, sources->quiet_count);
    for (size_t i = 0; i < sources->quiet_count; i++) {
        const struct report_source *one = &sources->quiet[i];

        page_row(page, section, (struct cell[]){ cell_text(one->value), cell_count(one->days),
                                                 { .kind = CELL_SAFE, .text = one->last } });
    }
}

void
fill_allowed(struct page *page, struct section *section)
{
    const struct report_allow *allow = &page->report->allow;

    page_column(page, section, WORD_ENTRY, 0);
    page_column(page, section, WORD_REASON, 0);
    page_column(page, section, WORD_EVENTS, 1);
    for (size_t i = 0; i < allow->count; i++)
        page_row(page, section, (struct cell[]){ cell_text(allow->entries[i].entry),
                                                 cell_text(allow->entries[i].reason),
                                                 cell_count(allow->entries[i].events) });
}

static const char *
say_balance(struct page *page)
{
    const struct report_balance *balance = &page->report->balance;
    int64_t left = balance->on_the_way;
    const char *span = page_say(page, WORD_BALANCE_SPAN,
                                (const char *const[]){ page_time(page, balance->from_us),
                                                       page_time(page, balance->to_us), NULL });
    const char *number = page_number(page, left < 0 ? (uint64_t)0 - (uint64_t)left
                                                    : (uint64_t)left);

    return page_join(page, span,
                     page_say(page, left == 0  ? WORD_BALANCE_CLOSES
                                    : left > 0 ? WORD_BALANCE_ON_THE_WAY
                                               : WORD_BALANCE_TOO_MANY,
                              (const char *const[]){ number, NULL }));
}

void
fill_balance(struct page *page, struct section *section)
{
    const struct report_balance *balance = &page->report->balance;
    static const struct { enum report_word word; enum ledger_column column; } details[] = {
        { WORD_REFUSED_JSON, LEDGER_REFUSED_JSON },
        { WORD_REFUSED_FIELD, LEDGER_REFUSED_FIELD },
        { WORD_REFUSED_NO_TIME, LEDGER_REFUSED_NO_TIME },
        { WORD_REFUSED_TOO_BIG, LEDGER_REFUSED_TOO_BIG },
        { WORD_JUDGED, LEDGER_JUDGED },
        { WORD_NOT_JUDGED, LEDGER_NOT_JUDGED },
    };
    const struct { enum report_word word; uint64_t events; } sums[] = {
        { WORD_RECEIVED, balance->received },
        { WORD_STORED, balance->counts[LEDGER_STORED] },
        { WORD_DEAD_LETTERS, balance->dead_letters },
        { WORD_REFUSED, balance->refused },
        { WORD_NOT_YET_STORED, balance->on_the_way > 0 ? (uint64_t)balance->on_the_way : 0 },
    };

    page_column(page, section, WORD_WHAT, 0);
    page_column(page, section, WORD_EVENTS, 1);
    if (!balance->has_numbers)
        return;
    section->lead = say_balance(page);
    for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
        page_row(page, section, (struct cell[]){ cell_word(sums[i].word),
                                                 cell_count(sums[i].events) });
    for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++)
        if (balance->counts[details[i].column] > 0)
            page_row(page, section,
                     (struct cell[]){ cell_word(details[i].word),
                                      cell_count(balance->counts[details[i].column]) });
}
