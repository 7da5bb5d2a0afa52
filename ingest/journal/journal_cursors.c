#include "ingest/journal/journal.h"

#include <stdio.h>
#include <string.h>

#include "ingest/journal/journal_inner.h"

static const struct cursor *
find_cursor(const struct journal_meta *meta, const char *name)
{
    for (size_t i = 0; i < meta->cursor_count; i++)
        if (strcmp(meta->cursors[i].name, name) == 0)
            return &meta->cursors[i];
    return NULL;
}

/* Where all slots start when their number has changed: where the last of those
 * before is. The detectors divide their state anew, and whoever has a key now may
 * need what the other has not judged yet. */
static uint64_t
lowest_slot(const struct journal_meta *meta)
{
    uint64_t lowest = UINT64_MAX;

    for (size_t i = 0; i < meta->cursor_count; i++)
        if (text_starts_with(text_of(meta->cursors[i].name), "detect/") &&
            meta->cursors[i].position < lowest)
            lowest = meta->cursors[i].position;
    return lowest == UINT64_MAX ? 0 : lowest;
}

int
journal_settle_cursors(struct journal *journal)
{
    struct journal_meta *meta = &journal->meta, old = *meta;
    int is_changed = 0;

    meta->cursor_count = 1 + (size_t)journal->options.slots;
    for (size_t i = 0; i < meta->cursor_count; i++) {
        struct cursor *cursor = &meta->cursors[i];
        const struct cursor *known;

        if (i == 0)
            snprintf(cursor->name, sizeof(cursor->name), "index");
        else
            snprintf(cursor->name, sizeof(cursor->name), "detect/%zu", i - 1);
        known = find_cursor(&old, cursor->name);
        cursor->position = known != NULL ? known->position : 0;
        if (i > 0 && old.cursor_count != meta->cursor_count)
            cursor->position = lowest_slot(&old);
        is_changed |= known == NULL || known->position != cursor->position;
    }
    for (size_t i = 0; i < old.cursor_count; i++)
        if (find_cursor(meta, old.cursors[i].name) == NULL) {
            log_warn("consumer is no longer configured", "name=%s", old.cursors[i].name);
            is_changed = 1;
        }
    return is_changed;
}

static int
replace_all(struct journal *journal, struct err *err)
{
    struct segment *seg = journal_newest(journal);

    if (db_exec(seg->db, "BEGIN IMMEDIATE; DELETE FROM cursors", err) != DB_DONE)
        return -1;
    for (size_t i = 0; i < journal->meta.cursor_count; i++)
        if (segment_write_cursor(seg, &journal->meta.cursors[i], err) != DB_DONE)
            return -1;
    return db_exec(seg->db, "COMMIT", err) == DB_DONE ? 0 : -1;
}

void
journal_replace_cursors(struct journal *journal)
{
    struct segment *seg = journal_newest(journal);
    struct err err;

    if (replace_all(journal, &err) == 0)
        return;
    if (!sqlite3_get_autocommit(seg->db))
        db_exec(seg->db, "ROLLBACK", NULL);
    log_warn("cursors are not written yet", "reason=\"%s\"", err.text);
    journal->is_cursor_moved = 1;
}

void
journal_write_cursors(struct journal *journal)
{
    struct err err;

    if (journal->segment_count == 0 || journal_newest(journal)->db == NULL)
        return;
    for (size_t i = 0; i < journal->meta.cursor_count && journal->is_cursor_moved; i++)
        if (segment_write_cursor(journal_newest(journal), &journal->meta.cursors[i],
                                 &err) != DB_DONE) {
            log_warn("cursors are not written", "reason=\"%s\"", err.text);
            return;     /* the consumers say it again */
        }
}

size_t
journal_consumer_count(const struct journal *journal)
{
    return journal->meta.cursor_count;
}

const char *
journal_consumer_name(const struct journal *journal, size_t consumer)
{
    return journal->meta.cursors[consumer].name;
}

uint64_t
journal_cursor(const struct journal *journal, size_t consumer)
{
    return journal->meta.cursors[consumer].position;
}

void
journal_set_cursor(struct journal *journal, size_t consumer, uint64_t position)
{
    struct cursor *cursor = &journal->meta.cursors[consumer];

    if (cursor->position == position)
        return;
    cursor->position = position;
    journal->is_cursor_moved = 1;
}

int
journal_is_done(const struct journal *journal, const struct segment *seg)
{
    for (size_t i = 0; i < journal->meta.cursor_count; i++)
        if (journal->meta.cursors[i].position < seg->last_first)
            return 0;
    return 1;
}
