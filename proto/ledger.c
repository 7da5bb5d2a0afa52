#include "proto/ledger.h"

#include <string.h>

#include "proto/base/hash.h"

#define HOUR_US (INT64_C(3600) * 1000000)

/* A million years: what is beyond is no hour, but somebody's joke. */
enum { HOUR_MAX = 2000000000 };

const char *const ledger_names[LEDGER_COLUMNS] = {
    [LEDGER_ACCEPTED] = "accepted",
    [LEDGER_REFUSED_JSON] = "refused_json",
    [LEDGER_REFUSED_FIELD] = "refused_field",
    [LEDGER_REFUSED_NO_TIME] = "refused_no_time",
    [LEDGER_REFUSED_TOO_BIG] = "refused_too_big",
    [LEDGER_JUDGED] = "judged",
    [LEDGER_NOT_JUDGED] = "not_judged",
    [LEDGER_STORED] = "stored",
    [LEDGER_NOT_STORED] = "not_stored",
};

int
ledger_column_find(struct text name)
{
    for (int i = 0; i < LEDGER_COLUMNS; i++)
        if (text_is(name, ledger_names[i]))
            return i;
    return -1;
}

int64_t
ledger_hour(int64_t at_us)
{
    return at_us >= 0 ? at_us / HOUR_US : -((HOUR_US - 1 - at_us) / HOUR_US);
}

/* The place of (hour, journal), which is most often the last. */
static size_t
place_of(const struct ledger *ledger, uint64_t journal, int64_t hour)
{
    size_t i = ledger->count;

    while (i > 0 && (ledger->rows[i - 1].hour > hour ||
                     (ledger->rows[i - 1].hour == hour && ledger->rows[i - 1].journal >= journal)))
        i--;
    return i;
}

static int
is_at(const struct ledger *ledger, size_t place, uint64_t journal, int64_t hour)
{
    return place < ledger->count && ledger->rows[place].hour == hour &&
           ledger->rows[place].journal == journal;
}

/* The row, made when it is not there; NULL for an hour older than all that fit. */
static struct ledger_row *
row_of(struct ledger *ledger, uint64_t journal, int64_t hour)
{
    size_t place = place_of(ledger, journal, hour);

    if (is_at(ledger, place, journal, hour))
        return &ledger->rows[place];
    if (ledger->count == LEDGER_MAX_ROWS) {
        if (place == 0)
            return NULL;
        ledger->count--;
        place--;
        memmove(ledger->rows, ledger->rows + 1, ledger->count * sizeof(*ledger->rows));
    }
    memmove(ledger->rows + place + 1, ledger->rows + place,
            (ledger->count - place) * sizeof(*ledger->rows));
    ledger->count++;
    memset(&ledger->rows[place], 0, sizeof(*ledger->rows));
    ledger->rows[place].journal = journal;
    ledger->rows[place].hour = hour;
    return &ledger->rows[place];
}

void
ledger_add(struct ledger *ledger, uint64_t journal, int64_t hour, enum ledger_column column,
           int64_t n)
{
    struct ledger_row *row = row_of(ledger, journal, hour);

    if (row == NULL || n == 0)
        return;
    row->counts[column] += (uint64_t)n;
    row->is_changed = 1;
}

int
ledger_next_changed(const struct ledger *ledger, size_t *at, const struct ledger_row **ret_row,
                    enum ledger_column *ret_column)
{
    for (; *at < ledger->count * LEDGER_COLUMNS; ++*at) {
        const struct ledger_row *row = &ledger->rows[*at / LEDGER_COLUMNS];

        *ret_row = row;
        *ret_column = (enum ledger_column)(*at % LEDGER_COLUMNS);
        if (row->is_changed && row->counts[*ret_column] > 0) {
            ++*at;
            return 1;
        }
    }
    return 0;
}

void
ledger_settle(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->count; i++)
        ledger->rows[i].is_changed = 0;
}

void
ledger_unsettle(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->count; i++)
        ledger->rows[i].is_changed = 1;
}

int
ledger_journal_read(const char *hex, uint64_t *ret_journal)
{
    unsigned char id[8];
    uint64_t journal = 0;

    if (hex == NULL || hash_from_hex(text_of(hex), id, sizeof(id)) != 0)
        return -1;
    for (int i = 0; i < 8; i++)
        journal = journal << 8 | id[i];
    *ret_journal = journal;
    return 0;
}

void
ledger_raise(struct ledger *ledger, uint64_t journal, int64_t hour, enum ledger_column column,
             int64_t n)
{
    const struct ledger_row *row = ledger_find(ledger, journal, hour);
    int64_t had = row == NULL ? 0 : (int64_t)row->counts[column];

    if (n > had)
        ledger_add(ledger, journal, hour, column, n - had);
}

static int
closes_with(const struct ledger_row *known, const struct ledger_row *counted)
{
    return known != NULL && known->counts[LEDGER_ACCEPTED] ==
           counted->counts[LEDGER_STORED] + counted->counts[LEDGER_NOT_STORED];
}

void
ledger_take_counted(struct ledger *ledger, const struct ledger *counted)
{
    for (size_t i = 0; i < counted->count; i++) {
        const struct ledger_row *row = &counted->rows[i];
        const struct ledger_row *known = ledger_find(ledger, row->journal, row->hour);
        int closes = closes_with(known, row);

        for (int k = LEDGER_STORED; k <= LEDGER_NOT_STORED; k++) {
            int64_t number = (int64_t)row->counts[k];

            if (closes)
                ledger_add(ledger, row->journal, row->hour, (enum ledger_column)k,
                           number - (int64_t)known->counts[k]);
            else
                ledger_raise(ledger, row->journal, row->hour, (enum ledger_column)k, number);
        }
    }
}

const struct ledger_row *
ledger_find(const struct ledger *ledger, uint64_t journal, int64_t hour)
{
    size_t place = place_of(ledger, journal, hour);

    return is_at(ledger, place, journal, hour) ? &ledger->rows[place] : NULL;
}

static json_t *
row_to_json(const struct ledger_row *row)
{
    unsigned char id[8];
    char hex[17];
    json_t *json;

    for (int i = 0; i < 8; i++)
        id[i] = (unsigned char)(row->journal >> (56 - 8 * i));
    hash_to_hex(id, sizeof(id), hex);
    json = json_pack("{s:s, s:I}", "journal", hex, "hour", (json_int_t)row->hour);
    for (int i = 0; i < LEDGER_COLUMNS && json != NULL; i++)
        if (row->counts[i] > 0)
            json_object_set_new(json, ledger_names[i], json_integer((json_int_t)row->counts[i]));
    return json;
}

json_t *
ledger_to_json(const struct ledger *ledger, int64_t from_hour)
{
    json_t *list = json_array();

    for (size_t i = 0; i < ledger->count && list != NULL; i++)
        if (ledger->rows[i].hour >= from_hour)
            json_array_append_new(list, row_to_json(&ledger->rows[i]));
    return list;
}

static int
read_row(struct ledger *ledger, const json_t *json)
{
    const char *hex = json_string_value(json_object_get(json, "journal"));
    json_int_t hour = json_integer_value(json_object_get(json, "hour"));
    struct ledger_row *row;
    uint64_t journal;

    if (ledger_journal_read(hex, &journal) != 0 || hour < -HOUR_MAX || hour > HOUR_MAX)
        return -1;
    row = row_of(ledger, journal, hour);
    for (int i = 0; row != NULL && i < LEDGER_COLUMNS; i++) {
        json_int_t events = json_integer_value(json_object_get(json, ledger_names[i]));

        if (events > 0)
            row->counts[i] = (uint64_t)events;
    }
    return 0;
}

size_t
ledger_from_json(struct ledger *ledger, const json_t *list)
{
    const json_t *one;
    size_t i, bad = 0;

    json_array_foreach(list, i, one)
        bad += read_row(ledger, one) != 0;
    return bad;
}
