/*
 * rule_files.h - the rule files of a folder, as bytes
 *
 * Read once at start: what is judged by, and what is kept as the last good
 * version, is then the same text, whoever writes the files meanwhile. A
 * file that is refused now is used in its last good version, if one is known
 * (ruleset_build).
 */
#ifndef DETECTOR_RULESET_RULE_FILES_H
#define DETECTOR_RULESET_RULE_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "detector/sigma/placeholders.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"

/* A reason why something in a file is refused. */
struct rule_refusal {
    struct rule_refusal *next;
    char *reason;
};

struct rule_file {
    char *path;                     /* goes before each reason */
    const char *name;               /* below the folder: the end of path */
    struct buf bytes;
    char *unreadable;               /* why it could not be read, or NULL; empty counts */
    struct buf last_good;           /* ptr NULL: none is known */
    int is_kept;                    /* last_good is in force, for these reasons: */
    struct rule_refusal *refusals;
    int is_good;                    /* all that is in force of it is in use */
    int is_saved;                   /* it is the last good version that is kept */
};

struct rule_choice;
struct ruleset;
struct sigma_rule;

/* Does a rule hold what its bongsu.tests promise? `alone` (given) has it and what it
 * refers to, and no filter. 0; 1 with the reason ("file:line: ..."); -1 when out of
 * memory. */
typedef int rule_try(struct ruleset **alone, const struct sigma_rule *rule, struct err *err);

struct rule_files {
    struct rule_file *files;        /* by path */
    size_t count, cap, bytes;
    const struct placeholders *placeholders;    /* lent; NULL: none are known */
    const struct rule_choice *choice;           /* lent; NULL: all rules are on */
    rule_try *try_rule;             /* NULL: tests are not run */
};

/* Every .yml and .yaml file below dir, hidden ones left out. A file that cannot
 * be read is there with the reason. 0, or -1 when dir cannot be read, holds no
 * rule file, or holds too much. */
int rule_files_read(const char *dir, struct rule_files *files, struct err *err);
void rule_files_release(struct rule_files *files);

/* A number of the names, sizes and times of what rule_files_read would read now: another
 * one when anything was changed, or cannot be looked at. */
uint64_t rule_files_look(const char *dir);

/* The file of this name below the folder, or NULL. */
struct rule_file *rule_files_find(const struct rule_files *files, struct text name);

/* How many are in force in their last good version. */
size_t rule_files_kept(const struct rule_files *files);

#endif
