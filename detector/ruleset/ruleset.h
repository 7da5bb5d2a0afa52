/*
 * ruleset.h - all rules of a folder: read, compiled, tied together
 *
 * What is refused is listed with "file:line: reason". A document that cannot
 * be read takes its whole file with it, since documents of a file belong
 * together; a regular expression that does not compile takes its rule, and a
 * rule that is not there the correlations that need it. A rule that a
 * correlation refers to makes no incident of its own unless the correlation
 * says `generate: true`. A filter that is bad takes nothing with it: the rules
 * that it is for stay, and so does its file.
 */
#ifndef DETECTOR_RULESET_RULESET_H
#define DETECTOR_RULESET_RULESET_H

#include <stddef.h>
#include <stdint.h>

#include "detector/match/field_table.h"
#include "detector/match/matcher.h"
#include "detector/ruleset/rule_files.h"
#include "detector/sigma/sigma_filter.h"
#include "detector/sigma/sigma_rule.h"
#include "proto/base/err.h"
#include "proto/incident.h"

/* What a correlation refers to: one of its steps. The parts of the key are read
 * from a detection's event (field table numbers), or are parts of the key of
 * another correlation (their indices). */
struct rule_step {
    uint32_t rule;
    int parts[INCIDENT_MAX_KEYS];
};

/* A correlation that a rule feeds, and as which of its steps. */
struct rule_feed {
    uint32_t rule, step;
};

/* Which slot judges a key: that of its own hash; or, of a correlation that feeds
 * others, that of the last one's key, when all agree on it, else slot 0. */
enum rule_owner { OWNER_KEY, OWNER_PARTS, OWNER_ZERO };

/* A rule that is in use. */
struct rule {
    struct sigma_rule sigma;
    size_t file;                /* number of its file, from 1 */
    int is_alerting;            /* a match makes an incident */
    struct rule_feed *watchers; /* the correlations that it feeds */
    size_t watcher_count;
    struct rule_step *steps;    /* correlations: for each of its rules */
    int seen_fields[INCIDENT_MAX_KEYS];     /* of first_seen: field table numbers */
    uint32_t rank;              /* correlations: above that of all that feed it */
    enum rule_owner owner;
    int owner_parts[INCIDENT_MAX_KEYS];     /* parts of the key that are the last one's */
    size_t owner_count;
    int value_fields[INCIDENT_MAX_KEYS];    /* what a value_* counts or measures */
    int detail_fields[DETAILS_MAX_FIELDS];
    uint32_t yields[SIGMA_MAX_YIELDS];      /* rules that have the same key */
    uint64_t echo_steps;        /* the step that echoes the others, as a bit; 0: none */
    int echo_fields[INCIDENT_MAX_KEYS];
    uint64_t detail_shape;      /* of the names of its details */
    uint64_t text_hash;         /* of its detection or correlation as written */
    uint64_t shape;             /* of all that its windows, or what it has seen, depend on */
};

/* A filter that is in use. */
struct rule_filter {
    struct sigma_filter sigma;
    size_t file;                /* number of its file, from 1 */
    uint32_t *named;            /* the rules that it names, as it names them */
    size_t rule_count;          /* how many rules it narrows */
};

/* More are refused. */
enum { RULESET_MAX_FILTERS = 1000 };

struct ruleset;

/* The rules of these files, linked. A file of which anything is refused is put
 * back to its last good version, when one is known and differs: then that is
 * in force (is_kept), and what was wrong is listed all the same. is_good is set
 * for each. NULL with the reason only when out of memory. */
struct ruleset *ruleset_build(struct rule_files *files, struct err *err);

/* The same for a folder (rule_files_read) of which nothing is known, with these
 * placeholders (NULL: none). NULL with the reason; rules that are refused do not
 * fail it. */
struct ruleset *ruleset_load(const char *dir, struct err *err);
struct ruleset *ruleset_load_with(const char *dir, const struct placeholders *placeholders,
                                  struct err *err);
void ruleset_destroy(struct ruleset **rules);

/* The steps of ruleset_load, for rules that are not in a folder: an empty
 * set, what its |expand stand for (lent, while files are added), who runs the tests of its
 * rules (none: they are not run), a file's bytes into it (0, also when it is refused; -1 out
 * of memory), and at last linking it, once. */
struct ruleset *ruleset_new(void);
void ruleset_expand(struct ruleset *rules, const struct placeholders *placeholders);
void ruleset_try(struct ruleset *rules, rule_try *try_rule);
int ruleset_add(struct ruleset *rules, const char *file, const char *bytes, size_t len);
int ruleset_link(struct ruleset *rules, struct err *err);

/* The rules in use, in order of file and document. */
size_t ruleset_count(const struct ruleset *rules);
const struct rule *ruleset_rule(const struct ruleset *rules, size_t i);

/* The filters in use, likewise. */
size_t ruleset_filter_count(const struct ruleset *rules);
const struct rule_filter *ruleset_filter(const struct ruleset *rules, size_t i);

/* What an author may not have meant, of rules that are in use: "file:line: note",
 * borrowed. */
size_t ruleset_note_count(const struct ruleset *rules);
const char *ruleset_note(const struct ruleset *rules, size_t i);

/* How many are there but not on (rule_files.choice). */
size_t ruleset_off_count(const struct ruleset *rules);

/* What was refused: "file:line: reason", borrowed. */
size_t ruleset_refused_count(const struct ruleset *rules);
const char *ruleset_refused(const struct ruleset *rules, size_t i);

/* The matcher over the detections (numbers are those of ruleset_rule), and
 * the field table that it and the correlations share. */
struct matcher *ruleset_matcher(struct ruleset *rules);
struct field_table *ruleset_fields(struct ruleset *rules);

#endif
