#include "detector/watch/rule_watch.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "detector/watch/rule_settings.h"
#include "detector/cases/rule_tests.h"
#include "detector/state/checkpoint_rules.h"
#include "proto/base/clock.h"
#include "proto/base/file_look.h"
#include "proto/event.h"

/* Who is asked reads files that keep changing so often, and then takes them as they are. */
enum { LOOK_S = 1, MOST_TRIES = 5 };

struct rule_watch {
    struct rule_watch_spec spec;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int fd;
    /* under the lock */
    int is_stopping, has_news;
    uint64_t asked, begun;      /* askings so far; those that were heeded */
    struct rule_news news;
};

uint64_t
rule_watch_look(const char *rules_dir, const char *placeholders)
{
    return rule_files_look(rules_dir) + rule_settings_look() +
           (placeholders == NULL ? 0 : file_look(placeholders));
}

/* --- the thread --- */

static void
build(const struct rule_watch_spec *spec, struct rule_news *news)
{
    struct placeholders *holders = NULL;
    struct rule_choice *choice;

    *news = (struct rule_news){ .took_ms = clock_steady_ms() };
    choice = rule_settings_choice(spec->settings, &news->err);
    if (choice == NULL)
        goto done;
    if (spec->placeholders != NULL) {
        holders = placeholders_load(spec->placeholders, &news->err);
        if (holders == NULL)
            goto done;
    }
    if (rule_files_read(spec->rules_dir, &news->files, &news->err) != 0 ||
        checkpoint_rules_of(spec->state_path, &news->files, &news->err) != 0)
        goto done;
    news->files.placeholders = holders;
    news->files.choice = choice;
    news->files.try_rule = rule_tests_try;
    news->rules = ruleset_build(&news->files, &news->err);
    news->files.placeholders = NULL;
    news->files.choice = NULL;

done:
    rule_choice_destroy(&choice);
    placeholders_destroy(&holders);
    news->took_ms = clock_steady_ms() - news->took_ms;
}

/* Until somebody asks for something, or a second has passed. */
static void
wait_for_work(struct rule_watch *watch)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LOOK_S;
    while (!watch->is_stopping && (watch->asked == watch->begun || watch->has_news) &&
           pthread_cond_timedwait(&watch->changed, &watch->lock, &until) == 0)
        ;
}

static void
tell(struct rule_watch *watch, const struct rule_news *news)
{
    static const uint64_t one = 1;

    watch->news = *news;
    watch->has_news = 1;
    if (write(watch->fd, &one, sizeof(one)) < 0)
        abort();                        /* a counter of ours is never full */
}

/* The rules of before were freed by the loop since: all that the library keeps of them
 * for us would double what the detector takes. */
static void
give_back(void)
{
    (void)malloc_trim(0);
}

/* Files were changed while we read them: what we have is of two kinds (a ConfigMap changes
 * all of its files at once, and we read one after the other). */
static int
has_changed_since(const struct rule_watch *watch, uint64_t seen)
{
    return rule_watch_look(watch->spec.rules_dir, watch->spec.placeholders) != seen;
}

static void *
run(void *arg)
{
    struct rule_watch *watch = arg;
    uint64_t judged = watch->spec.seen, before = judged, now;
    struct rule_news news;
    uint64_t asked;
    int is_asked, is_to_trim = 0, tries = 0;

    pthread_mutex_lock(&watch->lock);
    for (;;) {
        wait_for_work(watch);
        if (watch->is_stopping)
            break;
        if (watch->has_news)
            continue;
        asked = watch->asked;
        is_asked = asked > watch->begun;
        watch->begun = asked;
        pthread_mutex_unlock(&watch->lock);
        now = rule_watch_look(watch->spec.rules_dir, watch->spec.placeholders);
        /* what is being written is not read before it stands still */
        if (is_asked || (now == before && now != judged)) {
            build(&watch->spec, &news);
            news.answers = asked;
            is_to_trim = 1;
            if (has_changed_since(watch, now) && ++tries < MOST_TRIES) {
                rule_news_release(&news);
                pthread_mutex_lock(&watch->lock);
                watch->begun -= is_asked;
                before = 0;
                continue;
            }
            tries = 0;
            judged = now;
            pthread_mutex_lock(&watch->lock);
            tell(watch, &news);
        } else {
            if (is_to_trim)
                give_back();
            is_to_trim = 0;
            pthread_mutex_lock(&watch->lock);
        }
        before = now;
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

/* --- the loop's side --- */

/* Signals are the loop's. */
static int
start_thread(struct rule_watch *watch)
{
    pthread_condattr_t steady;
    sigset_t all, before;
    int code;

    if (pthread_condattr_init(&steady) != 0 ||
        pthread_condattr_setclock(&steady, CLOCK_MONOTONIC) != 0 ||
        pthread_cond_init(&watch->changed, &steady) != 0 ||
        pthread_mutex_init(&watch->lock, NULL) != 0)
        return -1;
    pthread_condattr_destroy(&steady);
    (void)event_field_find(text_of(""));    /* its table is made by the first who asks */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    code = pthread_create(&watch->thread, NULL, run, watch);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

struct rule_watch *
rule_watch_new(const struct rule_watch_spec *spec, struct err *err)
{
    struct rule_watch *watch = calloc(1, sizeof(*watch));

    if (watch != NULL) {
        watch->spec = *spec;
        watch->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (watch->fd >= 0 && start_thread(watch) == 0)
            return watch;
        if (watch->fd >= 0)
            close(watch->fd);
    }
    err_set(err, "rules: no thread to watch them with");
    free(watch);
    return NULL;
}

void
rule_news_release(struct rule_news *news)
{
    ruleset_destroy(&news->rules);
    rule_files_release(&news->files);
}

void
rule_watch_destroy(struct rule_watch **watch)
{
    struct rule_watch *self = *watch;

    if (self == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    self->is_stopping = 1;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    if (self->has_news)
        rule_news_release(&self->news);
    close(self->fd);
    free(self);
    *watch = NULL;
}

int
rule_watch_fd(const struct rule_watch *watch)
{
    return watch->fd;
}

uint64_t
rule_watch_ask(struct rule_watch *watch)
{
    uint64_t asked;

    pthread_mutex_lock(&watch->lock);
    asked = ++watch->asked;
    pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
    return asked;
}

int
rule_watch_take(struct rule_watch *watch, struct rule_news *ret_news)
{
    uint64_t count;
    int has_news;

    pthread_mutex_lock(&watch->lock);
    if (read(watch->fd, &count, sizeof(count)) < 0)
        count = 0;                      /* nothing was written since */
    has_news = watch->has_news;
    if (has_news)
        *ret_news = watch->news;
    watch->has_news = 0;
    if (watch->asked > watch->begun)
        pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
    return has_news;
}
