#include <stdlib.h>
#include <string.h>

#include "detector/ruleset/ruleset_internal.h"

/* How often files are put back to their last good version before what is
 * refused by then stays out: each time, what one file has back another may miss. */
enum { MAX_TURNS = 4 };

/* The file's text, or its last good one, with what is known to be wrong with it. */
static int
add_file(struct ruleset *rules, const struct rule_file *file)
{
    const struct buf *bytes = file->is_kept ? &file->last_good : &file->bytes;
    struct buf name = { 0 };
    int rc = buf_printf(&name, "%s%s", file->path, file->is_kept ? " (last good version)" : "");

    if (rc == 0 && file->unreadable != NULL && !file->is_kept) {
        rules->file++;
        rc = buf_printf(&name, ": %s", file->unreadable);
        rc = rc == 0 ? ruleset_refuse(rules, rules->file, name.ptr) : rc;
    } else if (rc == 0) {
        rules->choice_file = file->name;
        rc = ruleset_add(rules, name.ptr, bytes->ptr, bytes->len);
    }
    for (const struct rule_refusal *at = file->refusals; at != NULL && rc == 0; at = at->next)
        rc = ruleset_refuse(rules, rules->file, at->reason);
    buf_release(&name);
    return rc;
}

static struct ruleset *
link_files(const struct rule_files *files, struct err *err)
{
    struct ruleset *rules = ruleset_new();

    if (rules != NULL) {
        ruleset_expand(rules, files->placeholders);
        ruleset_try(rules, files->try_rule);
        rules->choice = files->choice;
    }
    for (size_t i = 0; rules != NULL && i < files->count; i++)
        if (add_file(rules, &files->files[i]) != 0)
            ruleset_destroy(&rules);
    if (rules == NULL)
        err_set(err, "rules: out of memory");
    else if (ruleset_link(rules, err) != 0)
        ruleset_destroy(&rules);
    return rules;
}

/* 1 when another version of the file was good. */
static int
has_other(const struct rule_file *file)
{
    return !file->is_kept && file->last_good.ptr != NULL &&
           !text_equals(buf_text(&file->last_good), buf_text(&file->bytes));
}

static int
note_refusal(struct rule_file *file, const char *reason)
{
    static const char more[] = "; its last good version stays in force";
    struct rule_refusal *one = calloc(1, sizeof(*one)), **at = &file->refusals;
    struct buf text = { 0 };

    if (one == NULL || buf_printf(&text, "%s%s", reason, more) != 0) {
        free(one);
        buf_release(&text);
        return -1;
    }
    one->reason = text.ptr;
    while (*at != NULL)
        at = &(*at)->next;
    *at = one;
    return 0;
}

/* Judge each file by what came of it. Returns how many are to be put back to
 * their last good version, or -1 when out of memory. */
static int
judge_files(struct rule_files *files, const struct ruleset *rules, int may_fall_back)
{
    int fallen = 0;

    for (size_t i = 0; i < files->count; i++)
        files->files[i].is_good = 1;
    for (size_t i = 0; i < rules->refused.count; i++) {
        struct rule_file *file = &files->files[rules->refused.all[i].file - 1];

        file->is_good = 0;
        if (!may_fall_back || !has_other(file))
            continue;
        if (note_refusal(file, rules->refused.all[i].reason) != 0)
            return -1;
        fallen++;
    }
    for (size_t i = 0; i < files->count; i++)
        files->files[i].is_kept |= files->files[i].refusals != NULL;
    return fallen;
}

struct ruleset *
ruleset_build(struct rule_files *files, struct err *err)
{
    struct ruleset *rules = NULL;
    int fallen, turn = 0;

    do {
        ruleset_destroy(&rules);
        rules = link_files(files, err);
        if (rules == NULL)
            return NULL;
        fallen = judge_files(files, rules, ++turn < MAX_TURNS);
    } while (fallen > 0);
    if (fallen < 0) {
        err_set(err, "rules: out of memory");
        ruleset_destroy(&rules);
    }
    return rules;
}

struct ruleset *
ruleset_load(const char *dir, struct err *err)
{
    return ruleset_load_with(dir, NULL, err);
}

struct ruleset *
ruleset_load_with(const char *dir, const struct placeholders *placeholders, struct err *err)
{
    struct rule_files files = { 0 };
    struct ruleset *rules = NULL;

    if (rule_files_read(dir, &files, err) == 0) {
        files.placeholders = placeholders;
        rules = ruleset_build(&files, err);
    }
    rule_files_release(&files);
    return rules;
}
