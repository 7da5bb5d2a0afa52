#include "detector/sources/sources_inner.h"

/* Who is known for less has shown no weekend yet, and may have long ones. */
#define YOUNG (8 * SOURCE_DAY)
#define YOUNG_PATIENCE (4 * SOURCE_DAY)
/* Three times a pause; but of a long one, two days more are enough. */
#define MOST_MORE (2 * SOURCE_DAY)
/* Told for so long, then given up; how long a clock that was off is told of. */
#define WEEK (7 * SOURCE_DAY)
/* Time that runs faster than this between two reviews is a backlog's. */
#define LEAP (30 * SOURCE_SECOND)
enum { HELD_REVIEWS = 60 };

int64_t
source_longest_us(const struct source *source)
{
    uint32_t longest_s = 0;

    for (size_t i = 0; i < SOURCE_DAYS; i++)
        if (source->days[i].gap_s > longest_s)
            longest_s = source->days[i].gap_s;
    return longest_s * SOURCE_SECOND;
}

int64_t
source_patience_us(const struct sources *sources, const struct source *source)
{
    int64_t longest_us = source_longest_us(source), least_us = sources->options.silent_after_us;
    int64_t patience_us = longest_us < MOST_MORE / 2 ? 3 * longest_us : longest_us + MOST_MORE;

    if (least_us == 0 || !source->is_regular)
        return -1;
    if (patience_us < least_us)
        patience_us = least_us;
    if (source->heard_us - source->known_us < YOUNG && longest_us > least_us &&
        patience_us < YOUNG_PATIENCE)
        patience_us = YOUNG_PATIENCE;
    return patience_us;
}

static int
is_skewed(const struct sources *all, const struct source *source)
{
    return source->skew_us != 0 && all->awake_us - source->heard_us < WEEK;
}

static int
is_silent(const struct source *source)
{
    return source->silence == SOURCE_SILENT;
}

static void
review_one(struct sources *all, struct source *source)
{
    int64_t patience_us = source_patience_us(all, source);
    int64_t silent_us = all->awake_us - source->heard_us;
    enum source_silence before = source->silence;
    struct source_view view;

    if (patience_us < 0)
        source->silence = SOURCE_HEARD;
    else if (before == SOURCE_HEARD && silent_us > patience_us && all->held == 0)
        source->silence = SOURCE_SILENT;
    else if (before == SOURCE_SILENT && silent_us > patience_us + WEEK)
        source->silence = SOURCE_GIVEN_UP;
    if (source->silence == before)
        return;
    source->is_dirty = 1;
    if (source->silence == SOURCE_GIVEN_UP && all->options.given_up != NULL) {
        source_tell_silent(all, source, &view);
        all->options.given_up(all->options.ctx, &view);
    }
}

void
sources_review(struct sources *sources)
{
    if (sources->awake_us - sources->reviewed_us > LEAP)
        sources->held = HELD_REVIEWS;
    else if (sources->held > 0)
        sources->held--;
    sources->reviewed_us = sources->awake_us;
    *sources->silent = *sources->skewed = 0;
    for (size_t i = 0; i < SOURCE_QUEUES; i++)
        for (struct source *source = sources->queues[i].oldest; source != NULL;
             source = source->newer) {
            review_one(sources, source);
            *sources->silent += (uint64_t)is_silent(source);
            *sources->skewed += (uint64_t)is_skewed(sources, source);
        }
}

/* Whom there is room for; the others are counted. */
struct listing {
    struct source_view *ret;
    size_t count, max, more;
};

static void
list(const struct sources *all, const struct source *source, struct listing *listing,
     void (*tell)(const struct sources *all, const struct source *source,
                  struct source_view *ret))
{
    if (listing->count < listing->max)
        tell(all, source, &listing->ret[listing->count++]);
    else
        listing->more++;
}

size_t
sources_silent(const struct sources *sources, struct source_view *ret, size_t max,
               size_t *ret_more)
{
    struct listing listing = { .ret = ret, .max = max };

    for (size_t i = SOURCE_QUEUES; i-- > 0;)
        for (const struct source *source = sources->queues[i].oldest; source != NULL;
             source = source->newer)
            if (is_silent(source))
                list(sources, source, &listing, source_tell_silent);
    *ret_more = listing.more;
    return listing.count;
}

/* In the order of their places, which is no other whoever is heard: with more of them
 * than there is room for, each would come and go. */
size_t
sources_skewed(const struct sources *sources, struct source_view *ret, size_t max,
               size_t *ret_more)
{
    struct listing listing = { .ret = ret, .max = max };

    for (int is_regular = 1; is_regular >= 0; is_regular--)
        for (size_t i = 0; i < sources->options.max; i++) {
            const struct source *source = &sources->all[i];

            if (source->name_len > 0 && source->is_regular == is_regular &&
                is_skewed(sources, source))
                list(sources, source, &listing, source_tell_skewed);
        }
    *ret_more = listing.more;
    return listing.count;
}
