/*
 * checkpoint_rules.h - the last good version of each rule file
 *
 * Kept in the state file, so that a rule file that is broken when the
 * detector starts does not leave its attacks unseen. No acknowledgement
 * rests on it: a transaction of its own, tried again until it goes through.
 */
#ifndef DETECTOR_STATE_CHECKPOINT_RULES_H
#define DETECTOR_STATE_CHECKPOINT_RULES_H

#include "detector/state/checkpoint.h"
#include "detector/ruleset/rule_files.h"

/* Fill in each file's last good version, where one is kept. 0 or -1. */
int checkpoint_read_rules(struct checkpoint *checkpoint, struct rule_files *files,
                          struct err *err);

/* The same from the state file at path, beside whoever has it open. */
int checkpoint_rules_of(const char *path, struct rule_files *files, struct err *err);

/* After ruleset_build: keep the files that are good, and forget those that are
 * no longer in the folder. Writes only what changed, and not much at once: *ret_is_all
 * says whether that was all, else it is to be called again. */
enum db_outcome checkpoint_keep_rules(struct checkpoint *checkpoint, struct rule_files *files,
                                      int *ret_is_all, struct err *err);

#endif
