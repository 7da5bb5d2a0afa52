#include "proto/base/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/option_sources.h"
#include "proto/base/option_value.h"

/* Names of the last load, for a start-up line; what does not fit is left out. */
static char placeholders_seen[512];

static void
remember_placeholder(const char *name)
{
    size_t len = strlen(placeholders_seen);

    if (len + strlen(name) + 2 < sizeof(placeholders_seen))
        snprintf(placeholders_seen + len, sizeof(placeholders_seen) - len, "%s%s",
                 len == 0 ? "" : ",", name);
}

int
option_sources_is_set(const struct option *option, const char *value, int *ret_is_placeholder)
{
    if (value == NULL || value[0] == '\0')
        return 0;
    if (option->placeholder == NULL || strcmp(value, option->placeholder) != 0)
        return 1;
    *ret_is_placeholder = 1;
    return 0;
}

/* Set one option from the strongest source that says something. A compose
 * file hands on unset variables as empty ones, so empty counts as unset. */
static int
settle(const struct option *option, const struct option_source *source,
       const char *config_path, void *target, struct err *err)
{
    char flag[OPTION_NAME_LEN], env[OPTION_NAME_LEN];
    const char *value;
    int is_placeholder = 0, rc;

    option_flag(option, flag);
    option_env(option, env);
    value = env[0] == '\0' ? NULL : getenv(env);
    if (option_sources_is_set(option, source->flag, &is_placeholder)) {
        rc = option_value_set(option, source->flag, target, err);
        if (rc != 0)
            err_add(err, "%s", flag);
    } else if (option_sources_is_set(option, value, &is_placeholder)) {
        rc = option_value_set(option, value, target, err);
        if (rc != 0)
            err_add(err, "%s", env);
    } else if (option_sources_is_set(option, source->file, &is_placeholder)) {
        rc = option_value_set(option, source->file, target, err);
        if (rc != 0)
            err_add(err, "%s:%d: %s", config_path, source->line, option->name);
    } else {
        rc = option->fallback == NULL
                 ? 0 : option_value_set(option, option->fallback, target, err);
        if (rc != 0)
            err_add(err, "default of %s", option->name);
    }
    if (is_placeholder)
        remember_placeholder(option->name);
    return rc;
}

static void
clear_member(const struct option *option, void *target)
{
    void *member = (char *)target + option->offset;

    if (option->type == OPTION_TEXT)
        *(char **)member = NULL;
    else
        *(int64_t *)member = 0;
}

void
option_sources_release(struct option_table *table)
{
    for (size_t i = 0; table->sources != NULL && i < table->count; i++)
        free(table->sources[i].file);
    free(table->sources);
}

/* Who asks for help must get it whatever the file says: it is not read then. */
int
options_load(const struct option *options, size_t count, void *target,
             int argc, char **argv, struct options_call *ret_call, struct err *err)
{
    struct option_table table = { options, count, calloc(count, sizeof(*table.sources)) };
    struct options_call call = { .config_path = getenv("BONGSU_CONFIG") };
    int rc = -1, is_asking;

    ret_call->is_wrong = 0;
    placeholders_seen[0] = '\0';
    for (size_t i = 0; i < count; i++)
        clear_member(&options[i], target);
    if (table.sources == NULL) {
        err_set(err, "out of memory");
        goto done;
    }
    if (call.config_path != NULL && call.config_path[0] == '\0')
        call.config_path = NULL;
    ret_call->is_wrong = option_sources_argv(&table, argc, argv, &call, err) != 0;
    if (ret_call->is_wrong)
        goto done;
    is_asking = call.wants_help || call.wants_version;
    if (!is_asking && call.config_path != NULL &&
        option_sources_file(&table, call.config_path, err) != 0)
        goto done;
    for (size_t i = 0; !is_asking && i < count; i++)
        if (settle(&options[i], &table.sources[i], call.config_path, target, err) != 0)
            goto done;
    *ret_call = call;
    rc = 0;

done:
    if (rc != 0)
        options_release(options, count, target);
    option_sources_release(&table);
    return rc;
}

void
options_release(const struct option *options, size_t count, void *target)
{
    for (size_t i = 0; i < count; i++) {
        if (options[i].type == OPTION_TEXT)
            free(*(char **)((char *)target + options[i].offset));
        clear_member(&options[i], target);
    }
}

const char *
options_placeholders_seen(void)
{
    return placeholders_seen;
}
