/*
 * allow_list.h - events that some rules are to pass over
 *
 * A file of entries, each with conditions that must all hold (source, host,
 * user, rule), a reason, and perhaps an end:
 *
 *   allow:
 *       - source: 192.0.2.0/24
 *         rule: brute_force
 *         reason: our scanner, every Monday
 *         until: 2026-12-31
 *
 * Pure: what an event is asked for is in the event, its time included.
 */
#ifndef DETECTOR_MATCH_ALLOW_LIST_H
#define DETECTOR_MATCH_ALLOW_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "detector/text/pattern.h"
#include "detector/sigma/sigma_rule.h"
#include "proto/base/err.h"
#include "proto/base/text.h"

enum { ALLOW_MAX_ENTRIES = 1000, ALLOW_ID_LEN = 16 };

struct allow_entry {
    struct text source, host, user, rule, reason, until;    /* as written; ptr NULL: not given */
    struct pattern host_pattern, user_pattern;
    int64_t until_us;           /* events from then on are not allowed; INT64_MAX: no end */
    char id[ALLOW_ID_LEN + 1];  /* of its conditions alone: what it ate stays counted */
    const char *name;           /* its conditions: "source=192.0.2.0/24 rule=brute_force" */
    uint64_t rule_hash;         /* of its letters in one case */
    int line;
    int is_broad;               /* it takes nearly everything from every rule */
};

struct allow_list;

/* The list in a file's bytes; name goes before each reason, as in "allow.yml:7: until:
 * ...". An empty file is an empty list. NULL with the reason: one entry that is wrong
 * refuses all. */
struct allow_list *allow_list_parse(const char *name, const char *bytes, size_t len,
                                    struct err *err);
void allow_list_destroy(struct allow_list **list);

size_t allow_list_count(const struct allow_list *list);
const struct allow_entry *allow_list_entry(const struct allow_list *list, size_t i);

/* What is asked of an event; texts may be empty. */
struct allow_question {
    struct text source, host, user;
    int64_t at_us;
};

/* Ask for an event: find then gives the first entry (in order of the file) that allows
 * it for a rule, or -1. */
void allow_list_ask(struct allow_list *list, const struct allow_question *question);
long allow_list_find(const struct allow_list *list, const struct sigma_rule *rule);

/* 1 when the entry names this rule, or none. */
int allow_entry_is_for(const struct allow_entry *entry, const struct sigma_rule *rule);

/* Set marks[i] of each entry that names this rule, at the cost of comparing numbers: all
 * rules meet all entries whenever one or the other changed, between two events. */
void allow_list_mark(const struct allow_list *list, const struct sigma_rule *rule,
                     unsigned char *marks);

#endif
