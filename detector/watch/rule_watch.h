/*
 * rule_watch.h - a thread that reads rules anew while the loop goes on judging
 *
 * Looks at the rule files (and the placeholders) each second. Once something was changed
 * and stands still, or when it is asked to, it reads and compiles all of them and runs their
 * tests; what came of it is taken by the loop, which alone puts rules in force. It looks no
 * further until that was taken.
 */
#ifndef DETECTOR_WATCH_RULE_WATCH_H
#define DETECTOR_WATCH_RULE_WATCH_H

#include <stdint.h>

#include "detector/ruleset/rule_files.h"
#include "detector/ruleset/ruleset.h"
#include "proto/base/err.h"

struct settings;

/* Texts are lent for as long as it watches. */
struct rule_watch_spec {
    const char *rules_dir;
    const char *placeholders;       /* file; NULL: none */
    const struct settings *settings;    /* of rule_settings_choice */
    const char *state_path;         /* the state file, which has the last good versions */
    uint64_t seen;                  /* rule_watch_look() of before they were read at start */
};

/* What came of reading the rules. */
struct rule_news {
    struct ruleset *rules;          /* NULL: nothing could be read, err says why */
    struct rule_files files;        /* theirs, for detector_keep_rules */
    struct err err;
    int64_t took_ms;
    uint64_t answers;               /* the last rule_watch_ask() that had come before */
};

struct rule_watch;

/* A number of how files stand now. */
uint64_t rule_watch_look(const char *rules_dir, const char *placeholders);

/* NULL with the reason: no thread. */
struct rule_watch *rule_watch_new(const struct rule_watch_spec *spec, struct err *err);

/* Ends the thread, once it is done with what it reads. */
void rule_watch_destroy(struct rule_watch **watch);

/* Readable when there may be news. */
int rule_watch_fd(const struct rule_watch *watch);

/* Read the rules now, changed or not. The number of this asking, from 1. */
uint64_t rule_watch_ask(struct rule_watch *watch);

/* 1 and the news (the caller's from now on), or 0: there are none. */
int rule_watch_take(struct rule_watch *watch, struct rule_news *ret_news);
void rule_news_release(struct rule_news *news);

#endif
