/*
 * rules_tool.h - bongsu-detector --rules: what `bongsu rules` runs
 *
 * Rules are read, compiled and tried by the program that judges live, so
 * that what passes here passes there. It prints one JSON object, match a line of
 * JSON for each rule that a line matches.
 */
#ifndef DETECTOR_TOOL_RULES_TOOL_H
#define DETECTOR_TOOL_RULES_TOOL_H

/* argv: options (tool_options.h), then list RULES, or test RULES CASES. RULES is a file or a folder; CASES a
 * file of cases, a folder of such, or a folder of folders each named as a
 * file of RULES. list: {"rules": [...], "refused": [...]}; test: {"cases",
 * "failed": [{"file", "line", "what", "about"}]}. match RULES LOGSOURCE FIELDS
 * json|raw FILE is rules_tool_match. Exit: 0 when nothing is refused and all hold, 1
 * when not, 66 or 78 with a reason on standard error when something cannot be read. */
int rules_tool_main(int argc, char **argv);

#endif
