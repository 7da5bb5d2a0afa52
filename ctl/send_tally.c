#include "ctl/send_tally.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/screen.h"
#include "proto/base/timestamp.h"

void
tally_read(struct tally *tally, const struct line_piece *piece)
{
    tally->bytes += piece->size;
    tally->lines += piece->lines;
    tally->blank_lines += piece->blank_lines;
}

/* The reason without what it quotes. */
static void
generalize(struct text reason, char out[TALLY_REASON_LEN])
{
    size_t n = 0;
    int is_quoted = 0;

    for (size_t i = 0; i < reason.len && n + 4 < TALLY_REASON_LEN; i++) {
        char c = reason.ptr[i];

        if (c == '\\' && is_quoted) {
            i++;
        } else if (c == '"') {
            if (is_quoted) {
                memcpy(out + n, "...", 3);
                n += 3;
            }
            out[n++] = '"';
            is_quoted = !is_quoted;
        } else if (!is_quoted) {
            out[n++] = reason.ptr[i];
        }
    }
    /* A cut inside a character shows as one. */
    while (n + 4 >= TALLY_REASON_LEN && n > 0 && (unsigned char)out[n - 1] >= 0x80)
        n--;
    out[n] = '\0';
}

void
tally_refuse(struct tally *tally, const char *file, uint64_t line, uint64_t count,
             struct text reason)
{
    char text[TALLY_REASON_LEN];
    struct tally_reason *found = tally->reasons;

    generalize(reason, text);
    tally->refused += count;

    while (found < tally->reasons + tally->reason_count && strcmp(found->text, text) != 0)
        found++;
    if (found == tally->reasons + TALLY_MAX_REASONS) {
        tally->other_refused += count;
        return;
    }
    if (found == tally->reasons + tally->reason_count) {
        memcpy(found->text, text, sizeof text);
        tally->reason_count++;
    }

    if (found->count < TALLY_MAX_EXAMPLES)
        found->examples[found->count] = (struct tally_example){ file, line };
    /* Further lines of one refusal have no example of their own. */
    for (uint64_t i = found->count + 1; i < found->count + count; i++)
        if (i < TALLY_MAX_EXAMPLES)
            found->examples[i] = (struct tally_example){ NULL, 0 };
    found->count += count;
}

/* A member that is a count no larger than max; 0 when it is not there. -1 for
 * anything else. */
static int
read_count(const json_t *answer, const char *name, uint64_t max, uint64_t *ret)
{
    const json_t *value = json_object_get(answer, name);

    *ret = 0;
    if (value == NULL)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > max)
        return -1;
    *ret = (uint64_t)json_integer_value(value);
    return 0;
}

static void
take_times(struct tally *tally, const json_t *answer)
{
    const char *first = json_string_value(json_object_get(answer, "first_time"));
    const char *last = json_string_value(json_object_get(answer, "last_time"));
    int64_t first_us, last_us;

    if (first == NULL || last == NULL ||
        timestamp_parse(text_of(first), &first_us, NULL) != 0 ||
        timestamp_parse(text_of(last), &last_us, NULL) != 0)
        return;

    if (!tally->has_time || first_us < tally->first_us)
        tally->first_us = first_us;
    if (!tally->has_time || last_us > tally->last_us)
        tally->last_us = last_us;
    tally->has_time = 1;
}

/* The refusals that are named; how many. */
static uint64_t
take_errors(struct tally *tally, const char *file, const struct line_piece *piece,
            const json_t *errors, uint64_t refused)
{
    uint64_t named = 0;
    const json_t *error;
    size_t i;

    json_array_foreach(errors, i, error) {
        const char *reason = json_string_value(json_object_get(error, "reason"));
        json_int_t line = json_integer_value(json_object_get(error, "line"));

        if (named == refused)
            break;
        if (reason == NULL)
            continue;
        if (line < 1 || (uint64_t)line > piece->lines)
            line = 1;
        tally_refuse(tally, file, line_piece_number(piece, (uint64_t)line - 1), 1,
                     text_of(reason));
        named++;
    }
    return named;
}

int
tally_answer(struct tally *tally, const char *file, const struct line_piece *piece,
             struct text body, struct err *err)
{
    json_t *answer = json_loadb(body.ptr != NULL ? body.ptr : "", body.len, 0, NULL);
    uint64_t expected = piece->lines - piece->blank_lines, accepted, refused, unnamed;
    int rc = -1;

    if (!json_is_object(answer) ||
        (json_object_get(answer, "accepted") == NULL &&
         json_object_get(answer, "refused") == NULL) ||
        read_count(answer, "accepted", piece->lines, &accepted) != 0 ||
        read_count(answer, "refused", piece->lines, &refused) != 0) {
        err_set(err, "the answer does not say how many lines were accepted");
        goto done;
    }

    tally->accepted += accepted;
    unnamed = refused - take_errors(tally, file, piece, json_object_get(answer, "errors"),
                                    refused);
    tally->refused += unnamed;
    tally->other_refused += unnamed;
    if (accepted + refused < expected)
        tally->unanswered += expected - accepted - refused;
    take_times(tally, answer);
    rc = 0;

done:
    json_decref(answer);
    return rc;
}

/* A reason that quotes a line, the name of a file: harmless, and always UTF-8. The
 * caller frees; NULL when out of memory. */
static char *
show(const char *text)
{
    struct buf out = { 0 };

    if (buf_append_str(&out, "") == 0 && screen_escape(&out, text_of(text)) == 0)
        return buf_take(&out);
    buf_release(&out);
    return NULL;
}

static void
print_shown(const char *text, FILE *out)
{
    char *shown = show(text);

    fputs(shown == NULL ? "" : shown, out);
    free(shown);
}

static json_t *
shown_to_json(const char *text)
{
    char *shown = show(text);
    json_t *json = json_string(shown);

    free(shown);
    return json;
}

static void
print_examples(const struct tally_reason *reason, FILE *out)
{
    const char *file = NULL;
    uint64_t shown = 0;

    for (size_t i = 0; i < TALLY_MAX_EXAMPLES && i < reason->count; i++) {
        const struct tally_example *example = &reason->examples[i];

        if (example->file == NULL)
            continue;
        if (file == NULL || strcmp(file, example->file) != 0) {
            fputs(file == NULL ? "" : ", ", out);
            print_shown(example->file, out);
            fputs(" line", out);
        } else {
            fputc(',', out);
        }
        fprintf(out, " %" PRIu64, example->line);
        file = example->file;
        shown++;
    }
    fprintf(out, "%s", shown < reason->count ? ", ..." : "");
}

void
tally_print_refusals(const struct tally *tally, FILE *out)
{
    for (size_t i = 0; i < tally->reason_count; i++) {
        const struct tally_reason *reason = &tally->reasons[i];

        fprintf(out, "  %" PRIu64 " refused: ", reason->count);
        print_shown(reason->text, out);
        fputs(" (", out);
        print_examples(reason, out);
        fprintf(out, ")\n");
    }
    if (tally->other_refused > 0)
        fprintf(out, "  %" PRIu64 " refused, reason not listed\n", tally->other_refused);
    if (tally->unanswered > 0)
        fprintf(out, "  %" PRIu64 " of which ingest said nothing\n", tally->unanswered);
}

static json_t *
reason_to_json(const struct tally_reason *reason)
{
    json_t *examples = json_array();

    for (size_t i = 0; i < TALLY_MAX_EXAMPLES && reason->examples[i].file != NULL; i++)
        json_array_append_new(examples,
                              json_pack("{s:o, s:I}", "file",
                                        shown_to_json(reason->examples[i].file), "line",
                                        (json_int_t)reason->examples[i].line));
    return json_pack("{s:o, s:I, s:o}", "reason", shown_to_json(reason->text), "count",
                     (json_int_t)reason->count, "examples", examples);
}

json_t *
tally_to_json(const struct tally *tally)
{
    json_t *refusals = json_array(), *json;
    char first[TIMESTAMP_LEN], last[TIMESTAMP_LEN];

    for (size_t i = 0; i < tally->reason_count; i++)
        json_array_append_new(refusals, reason_to_json(&tally->reasons[i]));
    json = json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "lines", (json_int_t)tally->lines,
                     "accepted", (json_int_t)tally->accepted, "refused",
                     (json_int_t)tally->refused, "unanswered", (json_int_t)tally->unanswered,
                     "blank", (json_int_t)tally->blank_lines, "refusals", refusals);
    if (json == NULL || !tally->has_time)
        return json;
    timestamp_format(tally->first_us, first);
    timestamp_format(tally->last_us, last);
    json_object_set_new(json, "first_time", json_string(first));
    json_object_set_new(json, "last_time", json_string(last));
    return json;
}
