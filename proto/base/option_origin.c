#include <stdio.h>
#include <stdlib.h>

#include "proto/base/option_sources.h"
#include "proto/base/option_value.h"

static void
find_origin(const struct option *option, const struct option_source *source,
            const char *config_path, struct option_origin *ret)
{
    char flag[OPTION_NAME_LEN], env[OPTION_NAME_LEN];
    const char *value;
    int unused;

    option_flag(option, flag);
    option_env(option, env);
    value = env[0] == '\0' ? NULL : getenv(env);
    *ret = (struct option_origin){ OPTION_FROM_DEFAULT, "default" };
    if (option_sources_is_set(option, source->flag, &unused)) {
        ret->from = OPTION_FROM_FLAG;
        snprintf(ret->where, sizeof(ret->where), "flag %s", flag);
    } else if (option_sources_is_set(option, value, &unused)) {
        ret->from = OPTION_FROM_ENVIRONMENT;
        snprintf(ret->where, sizeof(ret->where), "environment %s", env);
    } else if (option_sources_is_set(option, source->file, &unused)) {
        ret->from = OPTION_FROM_FILE;
        snprintf(ret->where, sizeof(ret->where), "%.160s:%d", config_path, source->line);
    }
}

int
options_origins(const struct option *options, size_t count, int argc, char **argv,
                struct option_origin *ret_origins, struct err *err)
{
    struct option_table table = { options, count, calloc(count, sizeof(*table.sources)) };
    struct options_call call = { .config_path = getenv("BONGSU_CONFIG") };
    int rc = -1;

    if (table.sources == NULL) {
        err_set(err, "out of memory");
        goto done;
    }
    if (call.config_path != NULL && call.config_path[0] == '\0')
        call.config_path = NULL;
    if (option_sources_argv(&table, argc, argv, &call, err) != 0 ||
        (call.config_path != NULL && option_sources_file(&table, call.config_path, err) != 0))
        goto done;
    for (size_t i = 0; i < count; i++)
        find_origin(&options[i], &table.sources[i], call.config_path, &ret_origins[i]);
    rc = 0;

done:
    option_sources_release(&table);
    return rc;
}
