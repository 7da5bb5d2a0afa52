/*
 * sigma_rule.h - a Sigma 2.1.0 document, read and checked
 *
 * The first station of a rule: YAML in, struct out, nothing compiled yet.
 * Whatever Bongsu cannot honour is refused here or when the rule is compiled,
 * with "file:line: reason"; nothing in a rule is quietly ignored but what the
 * specification leaves to tools (custom top-level keys).
 * Bongsu's own keys are all below `bongsu:`.
 */
#ifndef DETECTOR_SIGMA_SIGMA_RULE_H
#define DETECTOR_SIGMA_SIGMA_RULE_H

#include <stddef.h>
#include <stdint.h>

#include "detector/text/details.h"
#include "detector/text/pattern.h"
#include "detector/sigma/sigma_condition.h"
#include "detector/sigma/sigma_transform.h"
#include "detector/text/attack.h"
#include "proto/base/arena.h"
#include "proto/base/err.h"
#include "proto/base/yaml.h"
#include "proto/base/zone_table.h"
#include "proto/fields.h"

enum sigma_op {
    SIGMA_EQUALS, SIGMA_REGEX, SIGMA_CIDR, SIGMA_EXISTS,
    SIGMA_GT, SIGMA_GTE, SIGMA_LT, SIGMA_LTE, SIGMA_ATTACK, SIGMA_FIELDREF
};

/* Which part of a time is compared (in the site's zone). */
enum sigma_part {
    PART_NONE, PART_MINUTE, PART_HOUR, PART_DAY, PART_WEEK, PART_MONTH, PART_YEAR
};

enum { SIGMA_RE_I = 1, SIGMA_RE_M = 2, SIGMA_RE_S = 4 };

struct cidr {
    unsigned char net[16];
    int family;                 /* AF_INET, AF_INET6 */
    int bits;
};

struct sigma_value {
    int is_null;                /* EQUALS: null or absent */
    struct pattern pattern;     /* EQUALS */
    struct text text;           /* REGEX; FIELDREF: name of the other field */
    struct cidr cidr;           /* CIDR */
    double number;              /* GT..LTE, a part of a time; EXISTS: 0 or 1 */
    uint32_t origin;            /* which value as written: modifiers may make several of one */
    int line;
};

/* A field of bongsu.checks, which is looked at unless the other is there. */
struct sigma_check {
    enum attack attack;
    struct text field, unless;  /* unless: ptr NULL for always */
};

/* field|modifiers: values */
struct sigma_item {
    struct text field;          /* ptr NULL: keywords, anywhere in the message */
    enum sigma_op op;
    enum sigma_part part;
    const struct zone_table *zone;  /* of the part; NULL: the site's */
    enum attack attack;         /* SIGMA_ATTACK */
    unsigned open;              /* PATTERN_OPEN_* */
    unsigned regex_flags;       /* SIGMA_RE_* */
    int is_cased, is_exact, is_all, is_negated;
    enum sigma_transform transforms[SIGMA_MAX_TRANSFORMS];
    size_t transform_count;
    struct sigma_value *values; /* those of one origin stand together */
    size_t value_count;
    int line;
};

/* A map: all items must hold. */
struct sigma_group {
    struct sigma_item *items;
    size_t item_count;
};

/* A named selection: one of its groups must hold. */
struct sigma_selection {
    struct text name;
    struct sigma_group *groups;
    size_t group_count;
    int line;
};

enum sigma_correlation_type { SIGMA_NONE, SIGMA_EVENT_COUNT, SIGMA_VALUE_COUNT,
                              SIGMA_VALUE_SUM, SIGMA_VALUE_AVG, SIGMA_VALUE_PERCENTILE,
                              SIGMA_TEMPORAL, SIGMA_ORDERED };

/* Rules that a correlation with steps or aliases may refer to. */
enum { SIGMA_MAX_STEPS = 32 };

/* What a group-by name stands for in the events (or the group-by) of one rule. */
struct sigma_alias {
    struct text name, rule, field;
    int line;
};

struct window_term;

struct sigma_correlation {
    enum sigma_correlation_type type;   /* SIGMA_NONE: the document is a detection */
    struct text *rules;                 /* ids or names */
    size_t rule_count;
    struct text *group_by;
    size_t group_count;
    struct sigma_alias *aliases;
    size_t alias_count;
    int64_t span_us;
    struct text *fields;                /* value_*: what is counted or measured */
    size_t field_count;
    double percentile;                  /* value_percentile; of a median 50 */
    int is_strict;                      /* gt, not gte */
    double threshold;                   /* -INFINITY: neither of them */
    int is_most_strict;                 /* lt, not lte */
    double most, except;                /* INFINITY, NaN (neq): there is none */
    int is_waiting;                     /* for what does not come: lt, lte, eq, neq, not */
    struct window_term *terms;          /* temporal: "a and not b", one of these */
    size_t term_count;
    int is_generate;                    /* its rules alert by themselves too */
    int line;
};

enum { SIGMA_MAX_CHECKS = 16, SIGMA_MAX_YIELDS = 8 };

/* One of a correlation's rules tells again what the others told, in another log. */
struct sigma_echo {
    struct text rule;                   /* ptr NULL: there is none */
    struct text *fields;                /* what both have in common, beside the key */
    size_t field_count;
    int64_t within_us;
    int line;
};

/* A rule must not cost more than a moment when it is loaded. */
enum { SIGMA_MAX_TESTS = 50, SIGMA_MAX_TEST_EVENTS = 1000 };

/* A case of bongsu.tests (or of a file of cases), checked: its JSON. */
struct sigma_test {
    const char *json;
    int line;
};

struct sigma_rule {
    const char *file;                   /* as given; lives in the arena */
    int line;
    const char *id, *name, *title, *level;  /* id never NULL; name may be */
    struct logsource logsource;         /* of a detection */
    const char *author, *references;    /* NULL: not said; references a line each */
    const char *status;                 /* as it is said, or NULL */
    char **tags;
    size_t tag_count;
    int severity;                       /* enum severity, from level */
    struct sigma_selection *selections;
    size_t selection_count;
    struct sigma_condition *conditions; /* one of them must hold */
    size_t condition_count;
    struct sigma_correlation correlation;
    /* bongsu: */
    int64_t suppress_us;                /* 0: max(span, 1 h) */
    const char *summary;                /* NULL: the default sentence */
    int64_t seen_us, learn_us;          /* first_seen (its fields are the correlation's
                                         * group_by); 0: the rule has none */
    int is_any_source;                  /* for events of every logsource */
    int is_alert_set, is_alert;         /* alert: incidents of its own, whoever refers to it */
    struct sigma_check checks[SIGMA_MAX_CHECKS];    /* fields looked through for attacks */
    size_t check_count;
    struct sigma_condition *own_conditions;     /* bongsu.detection: one must hold as well; */
    size_t own_condition_count;                 /* its selections are among the others */
    struct text details[DETAILS_MAX_FIELDS];    /* fields that the summary tells of */
    size_t detail_count;
    struct text *yields;                /* rules whose open incident stands for this one's */
    size_t yield_count;
    int yields_line;
    struct sigma_echo echo;
    struct sigma_test *tests;
    size_t test_count;
    const struct zone_table *zone;      /* of parts of a time; NULL: the site's */
    int is_weighed;                     /* a value_sum of what was written as an event_count */
};

/* Where a document stands while it is read. */
struct sigma_source {
    const char *file;
    const struct yaml *yaml;
    struct arena *arena;
    const struct placeholders *placeholders;    /* NULL: none are known */
    struct err *err;
    int is_own;                 /* below bongsu: our own modifiers may stand there */
};

/* Read one document into *ret_rule (memory is the arena's). 0, or -1 with
 * "file:line: reason". */
int sigma_rule_read(const struct sigma_source *src, json_t *document,
                    struct sigma_rule *ret_rule);

/* Title, id and name; and the logsource: of a document (used by sigma_filter.c). */
int sigma_head_read(const struct sigma_source *src, json_t *document,
                    struct sigma_rule *rule);
int sigma_logsource_read(const struct sigma_source *src, json_t *document,
                         struct sigma_rule *rule);

/* The detection: part alone, and the correlation: part (used by sigma_rule.c). */
int sigma_detection_read(const struct sigma_source *src, json_t *detection,
                         struct sigma_rule *rule);
/* The selections and the condition of a map, but not what is under the key `aside` (NULL:
 * all are). */
int sigma_selections_read(const struct sigma_source *src, json_t *map, const char *aside,
                          struct sigma_rule *rule);
int sigma_correlation_read(const struct sigma_source *src, json_t *correlation,
                           struct sigma_rule *rule);

/* bongsu.detection: more selections, and what must hold beside the rule's condition (used by
 * sigma_bongsu.c). */
int sigma_own_detection_read(const struct sigma_source *src, json_t *map,
                             struct sigma_rule *rule);

/* 1 when placeholders were put into the item's values; a number of what these are. */
int sigma_item_is_expanded(const struct sigma_item *item);
uint64_t sigma_item_hash(const struct sigma_item *item);

/* The values of an item whose modifiers were read (used by sigma_detection.c). */
int sigma_values_read(const struct sigma_source *src, struct sigma_item *item,
                      json_t *values);

/* A correlation's condition (used by sigma_correlation.c); `type` is its name. */
int sigma_threshold_read(const struct sigma_source *src, json_t *correlation,
                         const char *type, struct sigma_correlation *cor);

/* Its boolean condition (a text); and the names in one, of a correlation that lists no
 * rules, into an array. */
int sigma_terms_read(const struct sigma_source *src, json_t *at,
                     struct sigma_correlation *cor);
int sigma_terms_names(const struct sigma_source *src, const json_t *at, json_t *ret_names);

/* The bongsu: part: our own keys. */
int sigma_bongsu_read(const struct sigma_source *src, json_t *doc,
                      struct sigma_rule *rule);

/* A list of at most max cases, each of which sends at most max_events events
 * (sigma_tests.c). */
int sigma_tests_read(const struct sigma_source *src, json_t *list, size_t max,
                     size_t max_events, struct sigma_test **ret_tests, size_t *ret_count);

/* bongsu.timezone, of a rule and of a filter whose selections were read. */
int sigma_timezone_read(const struct sigma_source *src, json_t *value,
                        struct sigma_rule *rule);

/* A text or a list of up to max texts, copied. `what` names it in the reason. */
int sigma_names_read(const struct sigma_source *src, json_t *value, const char *what,
                     size_t max, struct text **ret_names, size_t *ret_count);

/* "5m", "90s", "2h", "1d", "1w" -> microseconds; -1 when it is none of these
 * or over 366 days. */
int sigma_timespan_parse(struct text text, int64_t *ret_us);

/* Set the reason with file and the line of `at`; always -1. */
int sigma_refuse(const struct sigma_source *src, const json_t *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* "file: out of memory"; always -1. */
int sigma_no_memory(const struct sigma_source *src);

#endif
