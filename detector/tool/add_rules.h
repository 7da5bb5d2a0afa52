/*
 * add_rules.h - a checkout of published rules, into the folder of the detector's rules
 *
 * Files are copied as they are, so that authors and references go with them, into a folder
 * of the checkout's name: "sigma/rules/linux/...". Only files that the detector would use
 * whole are taken; a file that was taken before is brought up to date. Nothing else in the
 * folder is touched.
 */
#ifndef DETECTOR_TOOL_ADD_RULES_H
#define DETECTOR_TOOL_ADD_RULES_H

#include <jansson.h>

#include "detector/tool/tool_options.h"
#include "proto/base/err.h"

struct add_call {
    const char *into;           /* the folder of the detector's rules; it may be new */
    const char *from;           /* a checkout, or a folder of rules */
    const char *choice;         /* words of a line of rule_choice.h; "": all */
};

/* What came of it; NULL with the reason. A file that cannot be written ends it: what is
 * there by then stays, and calling it again goes on. */
json_t *add_rules(const struct tool_options *options, const struct add_call *call,
                  struct err *err);

#endif
