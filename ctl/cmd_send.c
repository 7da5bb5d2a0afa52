#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/complain.h"
#include "ctl/key_file.h"
#include "ctl/line_sorter.h"
#include "ctl/screen.h"
#include "ctl/send_post.h"
#include "ctl/send_progress.h"
#include "ctl/send_source.h"
#include "ctl/send_tally.h"
#include "ctl/stop_signal.h"
#include "ctl/subcommand.h"
#include "proto/base/clock.h"
#include "proto/run/daemon.h"

struct sending {
    const struct call *call;
    struct tally tally;
    struct progress progress;
    struct poster poster;
    char *url;
};

struct sort {
    struct line_sorter *sorter;
    struct line_time *times;    /* NULL: the form of the lines is not known yet */
};

/* One piece: 0 or an exit code. */
static int
send_piece(struct sending *sending, struct send_source *source,
           const struct line_piece *piece, struct err *err)
{
    int rc;

    if (piece->bytes.ptr == NULL) {
        tally_refuse(&sending->tally, source->name, piece->first_line, 1,
                     text_of("longer than 512 KiB"));
        rc = 0;
    } else if (piece->lines == piece->blank_lines) {
        rc = 0;
    } else {
        rc = poster_send(&sending->poster, source, piece, err);
    }
    if (rc == 0) {
        tally_read(&sending->tally, piece);
        progress_draw(&sending->progress, &sending->tally, clock_steady_ms());
    }
    return rc;
}

static void
look_at_form(struct send_source *source, const struct line_piece *piece)
{
    if (source->is_json < 0 && piece->bytes.ptr != NULL)
        source->is_json = looks_like_json(piece->bytes);
}

/* As they stand. 0 or an exit code. */
static int
send_unsorted(struct sending *sending, struct send_source *source, struct err *err)
{
    struct line_piece piece;
    int rc = 0, got;

    while (!stop_is_asked && (got = line_reader_next(source->reader, &piece, err)) != 0) {
        if (got < 0)
            return EXIT_IO;
        look_at_form(source, &piece);
        rc = send_piece(sending, source, &piece, err);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* What is in the sorter, in order. 0 or an exit code. */
static int
send_part(struct sending *sending, struct send_source *source, struct line_sorter *sorter,
          struct err *err)
{
    struct line_piece piece;
    int rc = 0, got = 1;

    line_sorter_sort(sorter);
    while (rc == 0 && !stop_is_asked && (got = line_sorter_next(sorter, &piece)) > 0)
        rc = send_piece(sending, source, &piece, err);
    if (got >= 0)
        return rc;
    err_set(err, "out of memory");
    return EXIT_SOFTWARE;
}

/* Fill the sorter with this piece, and empty it first when it is full or a line
 * that is too long breaks the run of bytes. 0 or an exit code. */
static int
sort_piece(struct sending *sending, struct send_source *source, struct sort *sort,
           const struct line_piece *piece, struct err *err)
{
    int rc, added = 0;

    look_at_form(source, piece);
    if (sort->times == NULL && source->is_json >= 0)
        sort->times = line_time_new(source->is_json, clock_real_us());
    if (piece->bytes.ptr != NULL && sort->times != NULL)
        added = line_sorter_add(sort->sorter, sort->times, piece);
    if (added == 0) {
        rc = send_part(sending, source, sort->sorter, err);
        if (rc != 0 || stop_is_asked)
            return rc;
        if (piece->bytes.ptr == NULL || sort->times == NULL)
            return send_piece(sending, source, piece, err);
        added = line_sorter_add(sort->sorter, sort->times, piece);
    }
    if (added > 0)
        return 0;
    err_set(err, "out of memory");
    return EXIT_SOFTWARE;
}

static int
send_sorted(struct sending *sending, struct send_source *source, struct err *err)
{
    struct sort sort = { line_sorter_new(SORT_MAX_BYTES,
                                         (size_t)sending->call->batch_lines), NULL };
    struct line_piece piece;
    int rc = EXIT_SOFTWARE, got = 0;

    err_set(err, "out of memory");
    if (sort.sorter == NULL)
        goto done;
    rc = 0;
    while (rc == 0 && !stop_is_asked && (got = line_reader_next(source->reader, &piece, err)) > 0)
        rc = sort_piece(sending, source, &sort, &piece, err);
    if (rc == 0 && got < 0)
        rc = EXIT_IO;
    if (rc == 0)
        rc = send_part(sending, source, sort.sorter, err);

done:
    line_sorter_destroy(&sort.sorter);
    line_time_destroy(&sort.times);
    return rc;
}

static int
send_file(struct sending *sending, const char *name, struct err *err)
{
    struct send_source source;
    int rc;

    if (send_source_open(&source, name, (size_t)sending->call->batch_lines, err) != 0)
        return EXIT_NO_INPUT;
    rc = source.is_file && !sending->call->no_sort ? send_sorted(sending, &source, err)
                                                   : send_unsorted(sending, &source, err);
    if (rc == EXIT_IO)
        err_add(err, "%s", name);
    send_source_close(&source);
    return rc;
}

/* Before anything is sent: are they all there, and how much is it? A pipe is
 * not opened: that alone may wait, or take something out of it. */
static int
look_at_files(struct sending *sending, char **names, int count, struct err *err)
{
    uint64_t total = 0;
    int are_files = 1;

    for (int i = 0; i < count; i++) {
        struct stat st = { 0 };

        if (strcmp(names[i], "-") != 0 &&
            (stat(names[i], &st) != 0 || access(names[i], R_OK) != 0)) {
            err_set(err, "%s: %s", names[i], strerror(errno));
            return EXIT_NO_INPUT;
        }
        are_files = are_files && S_ISREG(st.st_mode);
        total += (uint64_t)st.st_size;
    }
    sending->progress.total_bytes = are_files ? total : 0;
    return 0;
}

static void
print_dashboard(const struct sending *sending)
{
    char from[TIMESTAMP_LEN], to[TIMESTAMP_LEN], *url;
    const int64_t second = 1000000;

    if (!sending->tally.has_time)
        return;
    timestamp_format(sending->tally.first_us / second * second, from);
    timestamp_format((sending->tally.last_us / second + 1) * second, to);
    url = call_url_to_look(sending->call);
    if (url != NULL)
        printf("see %s/dashboard?from=%s&to=%s\n", url, from, to);
    free(url);
}

/* A failure ends up in the JSON, of which there is one. */
static void
print_report(const struct sending *sending, int code, const struct err *err)
{
    const struct tally *tally = &sending->tally;
    int64_t spent_ms = clock_steady_ms() - sending->progress.began_ms;

    if (sending->call->json) {
        json_t *json = tally_to_json(tally);

        if (code != 0) {
            json_object_set_new(json, "error", json_string(err->text));
            json_object_set_new(json, "exit", json_integer(code));
        }
        screen_print_json(json);
        json_decref(json);
        return;
    }
    printf("%" PRIu64 " lines in %.1f s: %" PRIu64 " accepted, %" PRIu64 " refused",
           tally->lines, (double)spent_ms / 1000, tally->accepted, tally->refused);
    if (tally->blank_lines > 0)
        printf(", %" PRIu64 " blank", tally->blank_lines);
    printf("\n");
    tally_print_refusals(tally, stdout);
    print_dashboard(sending);
    fflush(stdout);
}

static int
send_all(struct sending *sending, char **names, int count)
{
    struct err err = { "" };
    int rc = look_at_files(sending, names, count, &err);

    if (rc != 0)
        return call_complain(sending->call, rc, &err);

    stop_signal_catch();
    for (int i = 0; i < count && rc == 0 && !stop_is_asked; i++)
        rc = send_file(sending, names[i], &err);

    progress_wipe(&sending->progress);
    if (rc != 0)
        call_warn(sending->call->name, "%s", err.text);
    print_report(sending, rc, &err);

    if (rc != 0)
        return rc;
    if (stop_is_asked)
        return EXIT_STOPPED;
    if (sending->tally.refused > 0 || sending->tally.unanswered > 0)
        return EXIT_PARTLY;
    return EXIT_DONE;
}

int
send_run(struct call *call)
{
    struct sending sending = { .call = call };
    char *key = NULL;
    struct err err;
    int rc = EXIT_CONFIG;

    if (key_find(call, KEY_TO_WRITE, &key, &err) != 0)
        return call_complain(call, rc, &err);
    sending.url = call_url(call, call->ingest_url, call->settings.ingest_listen);
    sending.poster = (struct poster){
        .session = http_session_new(), .url = sending.url, .api_key = key,
        .ca_file = call_ca(call, call->ingest_url),
        .certificate_file = call->settings.tls_client_certificate,
        .key_file = call->settings.tls_client_key, .give_up_ms = call->give_up_ms,
        .is_stopped = &stop_is_asked, .progress = &sending.progress, .tally = &sending.tally,
    };
    sending.progress.is_shown = !call->no_progress && isatty(STDERR_FILENO);
    sending.progress.began_ms = clock_steady_ms();

    rc = EXIT_SOFTWARE;
    err_set(&err, "out of memory");
    if (sending.url != NULL && sending.poster.session != NULL)
        rc = send_all(&sending, call->args, call->arg_count);
    else
        call_complain(call, rc, &err);

    http_session_destroy(&sending.poster.session);
    free(sending.url);
    free(key);
    return rc;
}
