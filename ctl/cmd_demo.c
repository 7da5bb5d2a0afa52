#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/complain.h"
#include "ctl/demo_story.h"
#include "ctl/key_file.h"
#include "ctl/screen.h"
#include "ctl/send_post.h"
#include "ctl/stop_signal.h"
#include "ctl/subcommand.h"
#include "proto/base/clock.h"
#include "proto/run/daemon.h"

enum { BATCH_LINES = 1000, NAME_LEN = 64 };

static const int64_t minute_us = INT64_C(60) * 1000000;

/* The next events for a request, at most BATCH_LINES; 0 at the end. */
static size_t
cut_piece(struct text all, struct line_piece *piece)
{
    size_t at = (size_t)(piece->offset + piece->size);

    *piece = (struct line_piece){ .offset = at, .first_line = piece->first_line + piece->lines };
    while (at < all.len && piece->lines < BATCH_LINES) {
        const char *end = memchr(all.ptr + at, '\n', all.len - at);

        at = (size_t)(end + 1 - all.ptr);
        piece->lines++;
    }
    piece->size = at - piece->offset;
    piece->bytes = (struct text){ all.ptr + piece->offset, piece->size };
    return piece->lines;
}

/* The same morning has the same name, so that it is stored once. */
static void
name_source(const struct demo_story *story, struct send_source *source)
{
    char name[NAME_LEN];
    struct text part;
    unsigned char id[HASH_ID_LEN];

    snprintf(name, sizeof name, "demo %" PRIu64 " %" PRId64 " %zu", story->seed, story->end_us,
             story->count);
    part = text_of(name);
    hash_id(&part, 1, id);
    *source = (struct send_source){ .name = "demo", .fd = -1, .is_file = 1, .is_json = 1,
                                    .modified_us = story->end_us };
    hash_to_hex(id, sizeof id, source->identity);
}

static int
send_story(const struct call *call, const struct demo_story *story, struct text events,
           struct tally *tally, struct err *err)
{
    struct progress progress = { 0 };
    struct send_source source;
    struct line_piece piece = { .first_line = 1 };
    char *key = NULL, *url = call_url(call, call->ingest_url, call->settings.ingest_listen);
    struct poster poster = { .session = http_session_new(), .url = url,
                             .ca_file = call_ca(call, call->ingest_url),
                             .certificate_file = call->settings.tls_client_certificate,
                             .key_file = call->settings.tls_client_key,
                             .give_up_ms = call->give_up_ms, .is_stopped = &stop_is_asked,
                             .progress = &progress, .tally = tally };
    int rc = EXIT_SOFTWARE;

    err_set(err, "out of memory");
    if (url == NULL || poster.session == NULL)
        goto done;
    rc = EXIT_CONFIG;
    if (key_find(call, KEY_TO_WRITE, &key, err) != 0)
        goto done;
    poster.api_key = key;
    name_source(story, &source);
    for (rc = 0; rc == 0 && cut_piece(events, &piece) > 0;) {
        rc = poster_send(&poster, &source, &piece, err);
        if (rc == 0)
            tally_read(tally, &piece);
    }

done:
    http_session_destroy(&poster.session);
    free(url);
    free(key);
    return rc;
}

static void
tell_what_to_see(const struct call *call, const struct demo_story *story,
                 const struct tally *tally)
{
    char from[TIMESTAMP_LEN], to[TIMESTAMP_LEN], since[TIMESTAMP_LEN];
    char *api = call_url_to_look(call);

    timestamp_format(story->end_us - DEMO_HOURS * 60 * minute_us, from);
    timestamp_format(story->end_us, to);
    timestamp_format_local(story->attack_us, since);
    printf("%" PRIu64 " events of %d hours were sent, %" PRIu64 " accepted.\n\n"
           "In them, from %.19s: %s asked %s for %zu pages that a\n"
           "scanner asks for, guessed %zu passwords, got in as deploy, and became root.\n\n"
           "  bongsu incidents list --since 5h\n"
           "  bongsu events search source_ip=%s --limit 5\n"
           "  bongsu events search event_type=sudo --since 5h\n\n"
           "see %s/dashboard?from=%s&to=%s\n",
           tally->lines, DEMO_HOURS, tally->accepted, since, story->attacker, story->victim,
           story->scan_requests, story->guesses, story->attacker, api == NULL ? "" : api, from,
           to);
    free(api);
}

static void
tell(const struct call *call, const struct demo_story *story, const struct tally *tally)
{
    json_t *json;

    if (!call->json) {
        tell_what_to_see(call, story, tally);
        tally_print_refusals(tally, stdout);
        return;
    }
    json = tally_to_json(tally);
    screen_print_json(json);
    json_decref(json);
}

int
demo_run(struct call *call)
{
    struct demo_story story = { .seed = (uint64_t)call->seed, .count = (size_t)call->events,
                                .end_us = clock_real_us() / minute_us * minute_us };
    struct tally tally = { 0 };
    struct buf events = { 0 };
    struct err err = { "out of memory" };
    int rc = EXIT_SOFTWARE;

    stop_signal_catch();
    if (demo_story_write(&story, &events) == 0) {
        rc = 0;
        if (call->print)
            fwrite(events.ptr, 1, events.len, stdout);
        else
            rc = send_story(call, &story, buf_text(&events), &tally, &err);
    }
    if (rc != 0) {
        call_complain(call, rc, &err);
    } else if (!call->print) {
        tell(call, &story, &tally);
        rc = tally.accepted == tally.lines ? EXIT_DONE : EXIT_PARTLY;
    }
    buf_release(&events);
    return rc;
}
