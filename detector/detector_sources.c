#include "detector/state/checkpoint.h"
#include "detector/detector.h"
#include "detector/sources/sources.h"
#include "proto/base/log.h"
#include "proto/base/timestamp.h"

/* How many of each kind /status shows; one more entry says how many there are beyond. */
enum { LISTED = 50 };

static void
given_up(void *ctx, const struct source_view *source)
{
    (void)ctx;
    log_warn("log source is silent for more than a week, told of no longer",
             "source=\"%s\" said=\"%s\"", source->name, source->text);
}

int
detector_open_sources(struct detector *det, struct err *err)
{
    const struct sources_options options = {
        .silent_after_us = det->daemon->settings->sources_silent_after_ms * 1000,
        .max = SOURCES_MAX, .given_up = given_up, .ctx = det,
    };

    det->sources = sources_new(&options, det->daemon->metrics);
    if (det->sources == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    sources_set_share(det->sources, &det->share);
    return checkpoint_restore_sources(det->checkpoint, det->sources, det->refused_state, err);
}

static void
put_time(json_t *object, const char *name, int64_t at_us)
{
    char text[TIMESTAMP_LEN];

    timestamp_format(at_us, text);
    json_object_set_new(object, name, json_string(text));
}

static json_t *
entry(const char *source, const char *text)
{
    json_t *object = json_object();

    json_object_set_new(object, "source", json_string(source));
    json_object_set_new(object, "text", json_string(text));
    return object;
}

static json_t *
list_of(const struct source_view *views, size_t count, size_t more, const char *what)
{
    json_t *list = json_array(), *one;
    char text[80];

    for (size_t i = 0; i < count; i++) {
        one = entry(views[i].name, views[i].text);
        put_time(one, "first", views[i].first_us);
        put_time(one, "last", views[i].last_us);
        json_object_set_new(one, "events", json_integer((json_int_t)views[i].events));
        json_array_append_new(list, one);
    }
    if (more > 0) {
        snprintf(text, sizeof(text), "and %zu more log source%s %s", more, more == 1 ? "" : "s",
                 what);
        one = entry("(more)", text);
        json_object_set_new(one, "more", json_integer((json_int_t)more));
        json_array_append_new(list, one);
    }
    return list;
}

void
detector_fill_sources(const struct detector *det, json_t *status)
{
    struct source_view views[LISTED];
    size_t more, count = sources_silent(det->sources, views, LISTED, &more);

    json_object_set_new(status, "silent_sources",
                        list_of(views, count, more, "that sent nothing"));
    count = sources_skewed(det->sources, views, LISTED, &more);
    json_object_set_new(status, "skewed_sources",
                        list_of(views, count, more, "whose clock is off"));
}
