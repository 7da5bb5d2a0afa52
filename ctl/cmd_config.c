#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/complain.h"
#include "ctl/env_file.h"
#include "ctl/key_file.h"
#include "ctl/screen.h"
#include "ctl/subcommand.h"
#include "proto/base/option_value.h"
#include "proto/http/http_client.h"
#include "proto/run/daemon.h"

int
config_docs_run(struct call *call)
{
    struct buf out = { 0 };

    (void)call;
    if (options_markdown(settings_options, settings_option_count, &out) == 0)
        fputs(out.ptr, stdout);
    buf_release(&out);
    return EXIT_DONE;
}

/* The rest was checked when the call was read. */
int
config_check_run(struct call *call)
{
    const char *webhook = call->settings.slack_webhook_url;
    struct err err;
    json_t *answer;
    int is_wrong = webhook != NULL && http_url_check_webhook(webhook, &err) != 0;

    if (call->json) {
        answer = json_pack("{s:b, s:s?}", "ok", !is_wrong, "reason", is_wrong ? err.text : NULL);
        screen_print_json(answer);
        json_decref(answer);
    } else if (is_wrong) {
        call_complain(call, EXIT_CONFIG, &err);
    } else {
        puts("configuration OK");
    }
    return is_wrong ? EXIT_CONFIG : EXIT_DONE;
}

/* --- config show --- */

/* The value as text; a secret shows only that it is there. */
static void
value_of(const struct option *option, const struct settings *settings, struct buf *out)
{
    const void *member = (const char *)settings + option->offset;
    char number[OPTION_NUMBER_LEN];

    buf_clear(out);
    if (option->type == OPTION_TEXT) {
        const char *text = *(char *const *)member;

        if (text == NULL)
            buf_append_str(out, "");
        else if (option->flags & OPTION_SECRET)
            buf_printf(out, "(secret, %zu characters)", strlen(text));
        else
            buf_append_str(out, text);
    } else if (option->type == OPTION_BOOL) {
        buf_append_str(out, *(const int64_t *)member ? "true" : "false");
    } else {
        option_value_print(option, *(const int64_t *)member, number);
        buf_append_str(out, number);
    }
}

static void
show_one(const struct call *call, const struct option *option, const struct option_origin *origin,
         struct screen_table *table, json_t *all)
{
    struct buf value = { 0 };
    const char *row[3] = { option->name, NULL, origin->where };

    if (origin->from == OPTION_FROM_DEFAULT && !call->all)
        return;
    value_of(option, &call->settings, &value);
    row[1] = value.ptr;
    if (call->json)
        json_object_set_new(all, option->name, json_pack("{s:s, s:s}", "value",
                                                         value.ptr == NULL ? "" : value.ptr,
                                                         "from", origin->where));
    else
        screen_table_add(table, row);
    buf_release(&value);
}

static void
show_all(const struct call *call, const struct option_origin *origins, size_t own)
{
    struct screen_table table = { .columns = 3, .titles = { "SETTING", "VALUE", "FROM" } };
    json_t *all = json_object();

    for (size_t i = 0; i < settings_option_count; i++)
        show_one(call, &settings_options[i], &origins[own + i], &table, all);
    if (call->json)
        screen_print_json(all);
    else if (table.count > 0)
        screen_table_print(&table);
    else
        puts("everything is as by default (--all shows it)");
    screen_table_release(&table);
    json_decref(all);
}

int
config_show_run(struct call *call)
{
    size_t count = 0;
    struct option *options = flags_options(call->command, &count);
    struct option_origin *origins = options == NULL ? NULL : calloc(count, sizeof *origins);
    struct err err = { "out of memory" };
    int code = EXIT_CONFIG;

    if (origins != NULL &&
        options_origins(options, count, call->argc, call->argv, origins, &err) == 0) {
        show_all(call, origins, count - settings_option_count);
        code = EXIT_DONE;
    } else {
        call_complain(call, code, &err);
    }
    free(origins);
    free(options);
    return code;
}

/* --- config keys --- */

int
config_keys_run(struct call *call)
{
    const char *name = call->reader ? "READER_KEY" : "API_KEY";
    const char *old = call->reader ? call->settings.reader_key : call->settings.api_key;
    const char *action = old == NULL ? "made" : call->rotate ? "rotated" : "kept";
    char key[KEY_TEXT_LEN];
    struct err err;
    json_t *answer;

    if (old == NULL || call->rotate) {
        key_make(key);
        if (env_file_set(".env", name, key, &err) != 0)
            return call_complain(call, EXIT_CONFIG, &err);
    }
    if (call->json) {
        answer = json_pack("{s:s, s:s, s:s}", "key", name, "action", action, "file", ".env");
        screen_print_json(answer);
        json_decref(answer);
    } else if (strcmp(action, "kept") == 0) {
        printf("%s is set already; --rotate puts a new one in its place\n", name);
    } else {
        printf("%s %s in ./.env (mode 0600); it counts from the next start of bongsu up\n", name,
               action);
    }
    return EXIT_DONE;
}
