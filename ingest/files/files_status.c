#include "ingest/files/files.h"

#include <string.h>

#include "ingest/files/files_inner.h"

void
files_take_numbers(struct files_numbers *numbers, struct metrics *metrics)
{
    const struct { uint64_t **number; enum metric_kind kind; const char *name, *help; } rows[] = {
        { &numbers->lines, METRIC_COUNTER, "bongsu_ingest_file_lines_total",
          "lines of watched files on disk" },
        { &numbers->bytes, METRIC_COUNTER, "bongsu_ingest_file_bytes_total",
          "bytes of watched files read" },
        { &numbers->accepted, METRIC_COUNTER, "bongsu_ingest_events_accepted_total",
          "events on disk: answered 2xx, read from watched files, or from syslog" },
        { &numbers->split, METRIC_COUNTER, "bongsu_ingest_file_lines_split_total",
          "pieces of lines that are too long for one event" },
        { &numbers->plain, METRIC_COUNTER, "bongsu_ingest_file_lines_plain_total",
          "lines kept undecoded because what they say cannot stand" },
        { &numbers->refused_lines, METRIC_COUNTER, "bongsu_ingest_file_lines_refused_total",
          "lines that could not be kept at all" },
        { &numbers->hole_bytes, METRIC_COUNTER, "bongsu_ingest_file_hole_bytes_total",
          "NULs that a truncation left at the start of a file" },
        { &numbers->rotations, METRIC_COUNTER, "bongsu_ingest_file_rotations_total",
          "files that were renamed or deleted" },
        { &numbers->truncations, METRIC_COUNTER, "bongsu_ingest_file_truncations_total",
          "files that were truncated or written anew" },
        { &numbers->copies, METRIC_COUNTER, "bongsu_ingest_file_copies_total",
          "files not read again, being copies of others" },
        { &numbers->lost, METRIC_COUNTER, "bongsu_ingest_files_lost_total",
          "files that were gone before their end was seen" },
        { &numbers->errors, METRIC_COUNTER, "bongsu_ingest_file_errors_total",
          "files that could not be read" },
        { &numbers->waits, METRIC_COUNTER, "bongsu_ingest_file_waits_total",
          "times that reading waited because the journal took nothing" },
        { &numbers->commit_failures, METRIC_COUNTER, "bongsu_ingest_file_commits_failed_total",
          "turns of files that were read again because their commit failed" },
        { &numbers->open, METRIC_GAUGE, "bongsu_ingest_files_open", "watched files open" },
        { &numbers->known, METRIC_GAUGE, "bongsu_ingest_files_known",
          "files whose place is kept" },
        { &numbers->lag, METRIC_GAUGE, "bongsu_ingest_file_lag_bytes",
          "bytes of watched files that are not read yet" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        *rows[i].number = metrics_number(metrics, rows[i].kind, rows[i].name, "", rows[i].help);
}

static uint64_t
lag_of(const struct watched *w)
{
    return w->size > w->place.offset && w->place.copy_of == 0 ? w->size - w->place.offset : 0;
}

void
files_measure(struct files *files)
{
    uint64_t lag = 0, known = 0;

    for (size_t i = 0; i < files->count; i++)
        if (files->all[i]->place.kind == FILE_READ) {
            known++;
            lag += files->all[i]->fd >= 0 ? lag_of(files->all[i]) : 0;
        }
    *files->numbers.lag = lag;
    *files->numbers.known = known;
    *files->numbers.open = files->open_count;
}

static json_t *
show_file(const struct watched *w)
{
    const char *state = w->place.copy_of != 0 ? "copy" : w->is_home ? "read" : "rotated";

    return json_pack("{s:s, s:s, s:I, s:I, s:I}", "path", w->shown, "state", state,
                     "offset", (json_int_t)w->place.offset, "size", (json_int_t)w->size,
                     "lag_bytes", (json_int_t)lag_of(w));
}

static json_t *
show_refused(const struct files *files, json_t *warnings)
{
    json_t *list = json_array();

    for (size_t i = 0; i < files->refused_count; i++) {
        const struct refused *refused = &files->refused[i];
        /* a path that is no UTF-8 gives no string */
        json_t *path = json_string(refused->path);

        if (path == NULL)
            path = json_string("(a name that is no UTF-8)");
        if (refused->is_trouble)
            json_array_append_new(warnings, json_sprintf("%s: is not read: %s",
                                                         json_string_value(path),
                                                         refused->reason));
        json_array_append_new(list, json_pack("{s:o, s:s}", "path", path,
                                              "reason", refused->reason));
    }
    return list;
}

void
files_status(const struct files *files, json_t *status)
{
    json_t *list = json_array(), *shown, *warnings = json_object_get(status, "warnings");

    for (size_t i = 0; i < files->count; i++)
        if (files->all[i]->fd >= 0)
            json_array_append_new(list, show_file(files->all[i]));
    if (!json_is_array(warnings)) {
        warnings = json_array();
        json_object_set_new(status, "warnings", warnings);
    }
    if (files->is_waiting)
        json_array_append_new(warnings, json_sprintf("watched files wait: %s",
                                                     files->why.text));
    shown = json_pack("{s:I, s:I, s:I, s:b}", "known", (json_int_t)*files->numbers.known,
                      "open", (json_int_t)*files->numbers.open,
                      "lag_bytes", (json_int_t)*files->numbers.lag,
                      "is_waiting", files->is_waiting);
    json_object_set_new(shown, "read", list);
    json_object_set_new(shown, "not_read", show_refused(files, warnings));
    json_object_set_new(status, "files", shown);
}
