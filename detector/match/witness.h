/*
 * witness.h - what an event must hold for a rule to have a chance
 *
 * Most rules ask for some text in some field, whatever else they ask for: a witness. A rule
 * whose witnesses are all missing cannot match, and is not looked at. That is a
 * promise in one direction only: a rule with a witness may still not match.
 */
#ifndef DETECTOR_MATCH_WITNESS_H
#define DETECTOR_MATCH_WITNESS_H

#include "detector/match/compiled.h"

/* One of the texts of which a field must hold one: wholly, or anywhere in it (then at the
 * start or the end where that is asked for). ASCII letters of either case are the same. */
enum witness_place { WITNESS_WHOLE, WITNESS_ANYWHERE, WITNESS_START, WITNESS_END };

struct witness {
    int field;                  /* in the field table, or PREDICATE_KEYWORDS */
    enum witness_place place;
    struct text literal;        /* of the rule, which lives longer */
};

/* Call visit for each text that the rule could have as a witness, in any of its
 * conditions. 0, or what visit returned. */
int witness_each(const struct compiled *code, const struct predicate_table *table,
                 int (*visit)(void *ctx, const struct witness *witness), void *ctx);

/* Choose the rarest: rarity gives how often an event is likely to have one. Call visit
 * for each of those of which the rule needs at least one. 1; 0 when it can do without
 * any; -1 when visit did not return 0. */
int witness_choose(const struct compiled *code, const struct predicate_table *table,
                   double (*rarity)(void *ctx, const struct witness *witness),
                   int (*visit)(void *ctx, const struct witness *witness), void *ctx);

#endif
