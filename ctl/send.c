#include "ctl/send.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/send_post.h"
#include "ctl/send_progress.h"
#include "ctl/send_source.h"
#include "ctl/send_tally.h"
#include "proto/base/clock.h"
#include "proto/run/daemon.h"
#include "proto/settings.h"

struct send_options {
    struct settings settings;   /* first: its table's offsets hold here too */
    char *url;
    int64_t no_progress;
    int64_t batch_lines;
    int64_t give_up_ms;
};

_Static_assert(offsetof(struct send_options, settings) == 0,
               "settings_options[] is used with this struct");

#define AT(member) offsetof(struct send_options, member)

static const struct option own_options[] = {
    { .name = "url", .env = "BONGSU_SEND_URL", .type = OPTION_TEXT, .offset = AT(url),
      .max = 1024, .help = "where ingest is (default: http://<ingest.listen>)" },
    { .name = "no-progress", .env = "BONGSU_SEND_NO_PROGRESS", .type = OPTION_BOOL,
      .offset = AT(no_progress), .fallback = "no", .max = 1,
      .help = "no bar on standard error" },
    { .name = "batch-lines", .env = "BONGSU_SEND_BATCH_LINES", .type = OPTION_INT,
      .offset = AT(batch_lines), .fallback = "1000", .min = 1, .max = 1000,
      .help = "lines in one request" },
    { .name = "give-up", .env = "BONGSU_SEND_GIVE_UP", .type = OPTION_DURATION,
      .offset = AT(give_up_ms), .fallback = "0s", .max = INT64_MAX / 2,
      .help = "end with 69 when ingest does not answer for so long; 0s: never" },
};

enum { OWN_COUNT = sizeof own_options / sizeof own_options[0] };

struct sending {
    struct send_options options;
    struct tally tally;
    struct progress progress;
    struct poster poster;
    char *url;
};

static volatile sig_atomic_t is_stopped;

static void
stop(int sig)
{
    (void)sig;
    is_stopped = 1;
}

/* The second Ctrl-C kills. */
static void
catch_signals(void)
{
    struct sigaction action = { .sa_handler = stop, .sa_flags = (int)SA_RESETHAND };

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static struct option *
all_options(size_t *ret_count)
{
    size_t count = settings_option_count + OWN_COUNT;
    struct option *all = calloc(count, sizeof *all);

    if (all == NULL)
        return NULL;
    memcpy(all, own_options, sizeof own_options);
    memcpy(all + OWN_COUNT, settings_options, settings_option_count * sizeof *all);
    *ret_count = count;
    return all;
}

static void
print_help(const struct option *options)
{
    struct buf help = { 0 };

    printf("usage: bongsu send [OPTION]... FILE|-...\n\n"
           "Send log lines (or NDJSON events) to ingest. A line is stored once, however\n"
           "often its file is sent. Goes on by itself when ingest was away.\n\n"
           "  bongsu send /var/log/auth.log\n"
           "  journalctl -f -o short-iso | bongsu send -\n\n");
    if (options_help(options, OWN_COUNT, &help) == 0 && help.len > 0)
        fputs(help.ptr, stdout);
    buf_release(&help);
    printf("\nThe API key is API_KEY's value, in the environment or ./.env. All other\n"
           "settings (--config, --ingest-listen, --api-listen, ...) are taken too.\n"
           "Exit: 0 all accepted, 1 some refused, 66 no such file, 69 unreachable (only\n"
           "with --give-up), 76 not an ingest, 77 wrong key, 130 interrupted.\n");
}

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
        if (source->is_json < 0)
            source->is_json = looks_like_json(piece->bytes);
        rc = poster_send(&sending->poster, source, piece, err);
    }
    if (rc == 0) {
        tally_read(&sending->tally, piece);
        progress_draw(&sending->progress, &sending->tally, clock_steady_ms());
    }
    return rc;
}

static int
send_file(struct sending *sending, const char *name, struct err *err)
{
    struct send_source source;
    struct line_piece piece;
    int rc = EXIT_NO_INPUT, got;

    if (send_source_open(&source, name, (size_t)sending->options.batch_lines, err) != 0)
        return rc;

    while ((got = line_reader_next(source.reader, &piece, err)) > 0) {
        rc = send_piece(sending, &source, &piece, err);
        if (rc != 0)
            goto done;
        if (is_stopped)
            break;
    }
    if (got < 0)
        err_add(err, "%s", name);
    rc = got < 0 ? EXIT_IO : 0;

done:
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
    const struct settings *settings = &sending->options.settings;
    char from[TIMESTAMP_LEN], to[TIMESTAMP_LEN];
    const int64_t second = 1000000;

    if (!sending->tally.has_time)
        return;

    timestamp_format(sending->tally.first_us / second * second, from);
    timestamp_format((sending->tally.last_us / second + 1) * second, to);
    if (settings->public_url != NULL)
        printf("see %s/dashboard?from=%s&to=%s\n", settings->public_url, from, to);
    else
        printf("see http://%s/dashboard?from=%s&to=%s\n", settings->api_listen, from, to);
}

static void
print_report(const struct sending *sending)
{
    const struct tally *tally = &sending->tally;
    int64_t spent_ms = clock_steady_ms() - sending->progress.began_ms;

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

    if (rc != 0) {
        fprintf(stderr, "bongsu send: %s\n", err.text);
        return rc;
    }

    catch_signals();
    for (int i = 0; i < count && rc == 0 && !is_stopped; i++)
        rc = send_file(sending, names[i], &err);

    progress_wipe(&sending->progress);
    if (rc != 0)
        fprintf(stderr, "bongsu send: %s\n", err.text);
    print_report(sending);

    if (rc != 0)
        return rc;
    if (is_stopped)
        return EXIT_STOPPED;
    if (sending->tally.refused > 0 || sending->tally.unanswered > 0)
        return EXIT_PARTLY;
    return EXIT_DONE;
}

/* --url, else where this configuration's ingest listens; without a slash. */
static char *
make_url(const struct send_options *options)
{
    struct buf url = { 0 };
    int rc = options->url != NULL
                 ? buf_append_str(&url, options->url)
                 : buf_printf(&url, "http://%s", options->settings.ingest_listen);

    if (rc != 0)
        return NULL;
    while (url.len > 0 && url.ptr[url.len - 1] == '/')
        url.ptr[--url.len] = '\0';
    return buf_take(&url);
}

static int
run(struct sending *sending, const struct options_call *call)
{
    struct err err;
    int rc = EXIT_SOFTWARE;

    if (timestamp_init(&err) != 0) {
        fprintf(stderr, "bongsu send: %s\n", err.text);
        return EXIT_CONFIG;
    }

    sending->url = make_url(&sending->options);
    sending->poster = (struct poster){
        .session = http_session_new(), .url = sending->url,
        .api_key = sending->options.settings.api_key,
        .give_up_ms = sending->options.give_up_ms, .is_stopped = &is_stopped,
        .progress = &sending->progress, .tally = &sending->tally,
    };
    sending->progress.is_shown = !sending->options.no_progress && isatty(STDERR_FILENO);
    sending->progress.began_ms = clock_steady_ms();

    if (sending->url != NULL && sending->poster.session != NULL)
        rc = send_all(sending, call->args, call->arg_count);
    else
        fprintf(stderr, "bongsu send: out of memory\n");

    http_session_destroy(&sending->poster.session);
    free(sending->url);
    return rc;
}

/* options.h gives every flag a value; this one reads better without. */
static void
allow_bare_flag(int argc, char **argv)
{
    static char yes[] = "--no-progress=yes";

    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--no-progress") == 0)
            argv[i] = yes;
}

int
send_main(int argc, char **argv)
{
    struct sending sending = { 0 };
    struct options_call call;
    struct err err;
    size_t count = 0;
    struct option *options = all_options(&count);
    int rc = EXIT_USAGE;

    allow_bare_flag(argc, argv);
    if (options == NULL)
        return EXIT_SOFTWARE;
    if (options_load(options, count, &sending.options, argc, argv, &call, &err) != 0) {
        fprintf(stderr, "bongsu send: %s\n", err.text);
        rc = call.is_wrong ? EXIT_USAGE : EXIT_CONFIG;
        goto done;
    }

    if (call.wants_help) {
        print_help(options);
        rc = EXIT_DONE;
    } else if (call.wants_version) {
        printf("bongsu %s\n", BONGSU_VERSION);
        rc = EXIT_DONE;
    } else if (call.arg_count == 0) {
        fprintf(stderr, "bongsu send: which file? (- is standard input; see --help)\n");
    } else {
        rc = run(&sending, &call);
    }
    options_release(options, count, &sending.options);

done:
    free(options);
    return rc;
}
