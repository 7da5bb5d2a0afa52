/*
 * rule_settings.h - what the configuration says of rules, also after it was changed
 *
 * Most settings need a restart; which rules are on does not. So the detector reads its
 * configuration again, as it was started: flags beat the environment, that beats the file.
 */
#ifndef DETECTOR_WATCH_RULE_SETTINGS_H
#define DETECTOR_WATCH_RULE_SETTINGS_H

#include "detector/ruleset/rule_choice.h"
#include "proto/settings.h"

/* How the program was called (main.c); argv is copied when it is read again. */
void rule_settings_remember(int argc, char **argv);

/* detector.rule_choice as it is now; that of settings where nothing is remembered. The
 * caller destroys; NULL with the reason. May be called on any thread, by one at a time. */
struct rule_choice *rule_settings_choice(const struct settings *settings, struct err *err);

/* A number of how the configuration file stands now; 0: there is none. */
uint64_t rule_settings_look(void);

#endif
