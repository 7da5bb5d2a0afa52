#include "detector/tool/add_rules.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "detector/cases/rule_tests.h"
#include "detector/tool/file_put.h"

enum { PATH_LEN = 4096, MAX_LICENSE = 1024 * 1024 };

struct adding {
    const struct add_call *call;
    struct rule_files files;    /* below root */
    struct rule_choice *choice;
    struct ruleset *rules;      /* of files, those that are chosen */
    struct ruleset *present;    /* those below into; NULL: there are none yet */
    char root[PATH_LEN];        /* of the checkout */
    const char *name;           /* the end of root: what the folder is called */
    json_t *reasons;            /* how often each */
    size_t added, updated, same, skipped, refused;
};

/* --- where from --- */

/* A folder "rules" is called with that above it: "sigma/rules", the same name as when the
 * checkout is given. */
static int
find_root(struct adding *all, struct err *err)
{
    char *real = realpath(all->call->from, NULL), *name = real == NULL ? NULL : strrchr(real, '/');
    int rc = -1;

    if (name != NULL && strcmp(name, "/rules") == 0 && name != real) {
        *name = '\0';
        all->name = strrchr(real, '/');
        all->name = all->name == NULL ? name : all->name;
        *name = '/';
    } else {
        all->name = name;
    }
    if (real == NULL || !file_is_folder(real))
        err_set(err, "%s: %s", all->call->from, real == NULL ? strerror(errno) : "is no folder");
    else if (all->name[1] == '\0' || all->name[1] == '.' || strlen(real) >= sizeof(all->root))
        err_set(err, "%s: has no name that a folder of rules could have", all->call->from);
    else {
        snprintf(all->root, sizeof(all->root), "%s", real);
        all->name = all->root + (all->name + 1 - real);
        rc = 0;
    }
    free(real);
    return rc;
}

/* In a checkout of SigmaHQ's rules they are in folders rules and rules-*; beside these is
 * what was withdrawn, what tests the rules, and what tests run on. 0, or -1 when out of
 * memory. */
static int
keep_files_of_rules(struct adding *all)
{
    char path[PATH_LEN + 8];
    struct rule_files *files = &all->files, others = { 0 };
    size_t left = 0;

    snprintf(path, sizeof(path), "%s/rules", all->root);
    if (!file_is_folder(path))
        return 0;
    others.files = calloc(files->count + 1, sizeof(*others.files));
    if (others.files == NULL)
        return -1;
    for (size_t i = 0; i < files->count; i++) {
        const char *name = files->files[i].name;

        if (strncmp(name, "rules/", 6) == 0 || strncmp(name, "rules-", 6) == 0)
            files->files[left++] = files->files[i];
        else
            others.files[others.count++] = files->files[i];
    }
    files->count = left;
    rule_files_release(&others);
    return 0;
}

static int
read_rules(struct adding *all, const struct tool_options *options, struct err *err)
{
    char lines[PATH_LEN];

    if ((size_t)snprintf(lines, sizeof(lines), "off,on %s", all->call->choice) >= sizeof(lines)) {
        err_set(err, "too much is said of which rules");
        return -1;
    }
    all->choice = rule_choice_parse("which rules", lines, err);
    if (all->choice == NULL || find_root(all, err) != 0 ||
        rule_files_read(all->root, &all->files, err) != 0)
        return -1;
    if (keep_files_of_rules(all) != 0) {
        err_set(err, "out of memory");
        return -1;
    }
    all->files.placeholders = options->placeholders;
    all->files.choice = all->choice;
    all->files.try_rule = rule_tests_try;
    all->rules = ruleset_build(&all->files, err);
    all->files.placeholders = NULL;
    all->files.choice = NULL;
    return all->rules == NULL ? -1 : 0;
}

/* --- which --- */

/* "a.yml:3: unknown modifier "x"" is counted as "unknown modifier". */
static void
count_reason(struct adding *all, const char *reason)
{
    const char *what = strstr(reason, ".yml:"), *colon = what == NULL ? NULL : strstr(what, ": ");
    char heading[200];
    json_t *count;

    what = colon == NULL ? reason : colon + 2;
    snprintf(heading, sizeof(heading), "%.*s", (int)strcspn(what, "\""), what);
    for (size_t len = strlen(heading); len > 0 && heading[len - 1] == ' '; len--)
        heading[len - 1] = '\0';
    if (heading[0] == '\0')
        snprintf(heading, sizeof(heading), "%.190s", what);
    count = json_object_get(all->reasons, heading);
    json_object_set_new(all->reasons, heading, json_integer(json_integer_value(count) + 1));
}

static int
compare_ids(const void *left, const void *right)
{
    return strcmp((*(const struct rule *const *)left)->sigma.id,
                  (*(const struct rule *const *)right)->sigma.id);
}

/* The rules that are there already, by id. NULL when out of memory. */
static const struct rule **
sort_present(const struct ruleset *present, size_t *ret_count)
{
    size_t count = present == NULL ? 0 : ruleset_count(present);
    const struct rule **sorted = calloc(count + 1, sizeof(*sorted));

    for (size_t i = 0; sorted != NULL && i < count; i++)
        sorted[i] = ruleset_rule(present, i);
    if (sorted != NULL)
        qsort(sorted, count, sizeof(*sorted), compare_ids);
    *ret_count = count;
    return sorted;
}

/* What is said of each file, by its number. */
enum fate { FATE_SKIPPED, FATE_TAKEN, FATE_THERE };

static char *
place_of(const struct adding *all, const char *name)
{
    struct buf path = { 0 };

    if (buf_printf(&path, "%s/%s/%s", all->call->into, all->name, name) == 0)
        return buf_take(&path);
    buf_release(&path);
    return NULL;
}

/* A file is chosen when one of its rules is; a rule that is there in another file would be
 * refused by the detector. */
static int
judge(struct adding *all, unsigned char *fates)
{
    size_t count;
    const struct rule **present = sort_present(all->present, &count);

    if (present == NULL)
        return -1;
    for (size_t i = 0; i < ruleset_count(all->rules); i++) {
        const struct rule *rule = ruleset_rule(all->rules, i), **other;
        unsigned char *fate = &fates[rule->file - 1];
        char *place = place_of(all, all->files.files[rule->file - 1].name);

        if (*fate == FATE_SKIPPED)
            *fate = FATE_TAKEN;
        other = bsearch(&rule, present, count, sizeof(*present), compare_ids);
        if (place == NULL)
            break;
        if (other != NULL && strcmp((*other)->sigma.file, place) != 0)
            *fate = FATE_THERE;
        free(place);
    }
    for (size_t i = 0; i < ruleset_filter_count(all->rules); i++)
        if (fates[ruleset_filter(all->rules, i)->file - 1] == FATE_SKIPPED &&
            all->call->choice[0] == '\0')
            fates[ruleset_filter(all->rules, i)->file - 1] = FATE_TAKEN;
    free(present);
    return 0;
}

/* --- where to --- */

static int
put_rules(struct adding *all, const struct rule_file *file, struct err *err)
{
    char *place = place_of(all, file->name);
    enum file_put put;

    if (place == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    put = file_put(place, buf_text(&file->bytes), err);
    free(place);
    all->added += put == FILE_NEW;
    all->updated += put == FILE_CHANGED;
    all->same += put == FILE_SAME;
    return put == FILE_FAILED ? -1 : 0;
}

/* The licence goes with the rules. */
static int
put_licences(struct adding *all, const char *dir, struct err *err)
{
    char pattern[PATH_LEN + 16];
    glob_t found;
    int rc = 0;

    snprintf(pattern, sizeof(pattern), "%s%s/LICENSE*", all->root, dir);
    if (glob(pattern, 0, NULL, &found) != 0)
        return 0;
    for (size_t i = 0; i < found.gl_pathc && rc == 0; i++) {
        char *place = place_of(all, strrchr(found.gl_pathv[i], '/') + 1);
        struct buf bytes = { 0 };

        if (place != NULL && file_get(found.gl_pathv[i], MAX_LICENSE, &bytes) == 0 &&
            file_put(place, buf_text(&bytes), err) == FILE_FAILED)
            rc = -1;
        buf_release(&bytes);
        free(place);
    }
    globfree(&found);
    return rc;
}

static int
put_all(struct adding *all, struct err *err)
{
    unsigned char *fates = calloc(all->files.count + 1, 1);
    int rc = fates == NULL ? -1 : judge(all, fates);

    if (rc != 0)
        err_set(err, "out of memory");
    for (size_t i = 0; i < all->files.count && rc == 0; i++) {
        if (!all->files.files[i].is_good) {
            all->refused++;
        } else if (fates[i] == FATE_THERE) {
            all->refused++;
            count_reason(all, "its id is that of a rule that is there in another file");
        } else if (fates[i] == FATE_TAKEN) {
            rc = put_rules(all, &all->files.files[i], err);
        } else {
            all->skipped++;
        }
    }
    if (rc == 0)
        rc = put_licences(all, "", err);
    if (rc == 0 && strchr(all->name, '/') != NULL)
        rc = put_licences(all, "/..", err);
    free(fates);
    return rc;
}

static json_t *
outcome(struct adding *all)
{
    json_t *refused = json_array();

    for (size_t i = 0; i < ruleset_refused_count(all->rules); i++)
        json_array_append_new(refused, json_string(ruleset_refused(all->rules, i)));
    return json_pack("{s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:O, s:o}", "into",
                     json_sprintf("%s/%s", all->call->into, all->name), "name", all->name,
                     "added", (json_int_t)all->added, "updated", (json_int_t)all->updated,
                     "unchanged", (json_int_t)all->same, "skipped", (json_int_t)all->skipped,
                     "refused", (json_int_t)all->refused, "reasons", all->reasons,
                     "refusals", refused);
}

json_t *
add_rules(const struct tool_options *options, const struct add_call *call, struct err *err)
{
    struct adding all = { .call = call, .reasons = json_object() };
    json_t *json = NULL;
    struct err none;

    if (read_rules(&all, options, err) != 0)
        goto done;
    for (size_t i = 0; i < ruleset_refused_count(all.rules); i++)
        count_reason(&all, ruleset_refused(all.rules, i));
    if (file_is_folder(call->into))      /* nothing in it is as good as no folder */
        all.present = ruleset_load_with(call->into, options->placeholders, &none);
    if (put_all(&all, err) == 0)
        json = outcome(&all);

done:
    ruleset_destroy(&all.present);
    ruleset_destroy(&all.rules);
    rule_choice_destroy(&all.choice);
    rule_files_release(&all.files);
    json_decref(all.reasons);
    return json;
}
