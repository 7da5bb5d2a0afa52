/*
 * predicate.h - one test of one field: the leaf of every compiled rule
 *
 * A predicate holds when any of its values does. An absent field matches
 * only null (and exists: false); an array matches when any element does.
 * Keywords are looked for in raw_log and description; where there is no raw_log,
 * or it is JSON or XML, whose escapes hide what they say, in all fields too.
 * Regular expressions run under a match limit: one that exceeds it does not
 * match, and is counted.
 */
#ifndef DETECTOR_MATCH_PREDICATE_H
#define DETECTOR_MATCH_PREDICATE_H

#include <stddef.h>
#include <stdint.h>

#include "detector/match/field_table.h"
#include "detector/sigma/sigma_rule.h"
#include "detector/text/attack.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

/* In place of a field: anywhere in the message. */
enum { PREDICATE_KEYWORDS = -1 };

struct predicate {
    int field;                  /* in the field table, or PREDICATE_KEYWORDS */
    enum sigma_op op;
    enum sigma_part part;
    const struct zone_table *zone;      /* of the part; NULL: the site's */
    enum attack attack;         /* SIGMA_ATTACK: which, */
    enum attack_kind attack_kind;   /* and how the field is read */
    unsigned regex_flags;
    const struct sigma_value *values;   /* of the rule, which outlives this */
    size_t value_count;
    unsigned open;              /* FIELDREF: PATTERN_OPEN_* around the other field's value, */
    int is_cased;               /* and whether case matters */
    int *others;                /* FIELDREF: the other field, for each value */
    void **regexes;             /* REGEX: a compiled one for each value */
};

enum { PREDICATE_ATTACKS = 8 };

/* What testing needs besides the predicate. */
struct predicate_context {
    struct field_table *fields;
    struct buf scratch;
    /* the attacks in texts of the event at hand, which several rules ask for */
    struct attack_seen { struct text text; enum attack_kind kind; unsigned found; }
        attacks[PREDICATE_ATTACKS];
    size_t attack_count;
    uint64_t attacks_of;        /* the event's number */
    uint64_t limits_hit;        /* regular expressions given up */
    void *match_data;           /* PCRE2's, made by predicate_context_init */
    void *match_context;
};

/* 0, or -1 when out of memory. */
int predicate_context_init(struct predicate_context *ctx, struct field_table *fields);
void predicate_context_release(struct predicate_context *ctx);

/* Compile `count` values of an item; `others` are the fields that FIELDREF refers to (given,
 * freed with the predicate or by a failure). -1 with the reason, without file, and
 * *ret_line set, when a regular expression is refused. */
int predicate_init(struct predicate *pred, int field, const struct sigma_item *item,
                   const struct sigma_value *values, size_t count, int **others,
                   int *ret_line, struct err *err);
void predicate_release(struct predicate *pred);

/* 1 when it holds for the event that the field table began with. */
int predicate_test(const struct predicate *pred, struct predicate_context *ctx);

#endif
