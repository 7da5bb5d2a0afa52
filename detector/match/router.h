/*
 * router.h - which rules apply to an event, by the logsources of both
 *
 * A rule does not apply to an event that has another product, category or service;
 * what either leaves open is no obstacle, but for three kinds of rules that would
 * else be heard everywhere:
 *   - one that holds for an event without any field (only negations) needs the event
 *     to have all that its logsource says;
 *   - one that needs nothing but keywords needs the event to have a part of it;
 *   - one of a product and category that the rows of proto/fields.yml can tell from
 *     the product's other events needs the event to have that category.
 * Events of one logsource share an answer, which is kept.
 */
#ifndef DETECTOR_MATCH_ROUTER_H
#define DETECTOR_MATCH_ROUTER_H

#include <stddef.h>
#include <stdint.h>

#include "detector/match/field_table.h"

struct router;

/* What a rule needs of an event besides its logsource. */
enum router_need { NEEDS_FIELDS, NEEDS_KEYWORDS, NEEDS_NOTHING };

/* Logsources of which the answer is kept; more come at the cost of the others. */
enum { ROUTER_MAX_ROUTES = 256 };

/* Why a rule applies or not: the event has another product, category or service; or, in
 * the order of the three kinds above, not all that the rule says, no part of it, or not
 * the category. */
enum route_answer { ROUTE_APPLIES, ROUTE_DIFFERS, ROUTE_NOT_ALL, ROUTE_NO_PART,
                    ROUTE_NO_CATEGORY };

struct route {
    const uint64_t *rules;      /* a bit for each rule, in the order added */
};

/* Over a field table (lent), or that of another router, which lends its rows too and must
 * outlive it. NULL when out of memory. */
struct router *router_new(struct field_table *fields);
struct router *router_new_like(struct router *lender);
void router_destroy(struct router **router);

/* The next rule. 0, or -1 when out of memory. */
int router_add(struct router *router, const struct logsource *of, enum router_need need);

/* Take every event for one of this logsource from now on, and only look for what differs,
 * none of the three above; NULL: by its fields again. 0, or -1 when out of memory. */
int router_fix(struct router *router, const struct logsource *of);

/* For the event that the field table began with; good until the next call. NULL when out
 * of memory. */
const struct route *router_route(struct router *router);

/* 1 when that was not known yet and had to be worked out, which costs a look at every
 * rule: who makes up logsources can ask for it with each event. */
int router_made(const struct router *router);

/* The same for one rule (in the order added), and why. *ret_part: of ROUTE_DIFFERS, which
 * part differs (enum source_part). */
enum route_answer router_answer(const struct router *router, size_t rule, int *ret_part);

/* What the event has of a part, into ret_words[SOURCE_MAX_WORDS]; borrowed. How many; a
 * word that no rule and no row knows is an empty text. */
size_t router_words(const struct router *router, int part, struct text *ret_words);

#endif
