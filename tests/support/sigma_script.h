/*
 * sigma_script.h - the scripts in tests/sigma that ask another engine what it finds
 */
#ifndef TESTS_SUPPORT_SIGMA_SCRIPT_H
#define TESTS_SUPPORT_SIGMA_SCRIPT_H

#include <stdio.h>

#include <jansson.h>

#include "proto/base/buf.h"

/* The exit code of a script that cannot be run here, and says why. */
enum { SIGMA_SCRIPT_SKIPPED = 77 };

/* What the environment says, or otherwise. */
const char *sigma_setting(const char *name, const char *otherwise);

/* The exit code of tests/sigma/NAME called with these words (up to NULL); what it writes goes
 * to out unless that is NULL. It dies with the test. */
int sigma_script_run(const char *name, const char *const *words, FILE *out);

/* A list of documents as a file of rules; JSON is YAML. */
void sigma_script_rules(const json_t *documents, struct buf *text);

#endif
