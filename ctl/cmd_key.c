/* bongsu key add, list and revoke: the file of API keys of this machine. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/complain.h"
#include "ctl/local.h"
#include "ctl/screen.h"
#include "ctl/subcommand.h"
#include "proto/base/clock.h"
#include "proto/base/timestamp.h"
#include "proto/keys/key_list.h"
#include "proto/run/daemon.h"

/* The file, locked. */
struct opened {
    char *path;
    int lock;
    struct key_list *list;
};

static int
open_list(struct opened *file, const struct call *call, struct err *err)
{
    *file = (struct opened){ .path = settings_path(&call->settings, "keys.yml"), .lock = -1 };
    if (file->path == NULL) {
        err_set(err, "out of memory");
        return -1;
    }
    if (call->settings.keys_path == NULL &&
        daemon_make_dir(call->settings.data_dir, err) != 0)
        return -1;
    file->lock = key_list_lock(file->path, err);
    if (file->lock >= 0)
        file->list = key_list_load(file->path, err);
    return file->list == NULL ? -1 : 0;
}

static void
close_list(struct opened *file)
{
    free(file->path);
    free(file->list);
    if (file->lock >= 0)
        close(file->lock);
}

static json_t *
time_or_null(int64_t us)
{
    char text[TIMESTAMP_LEN];

    if (us == 0)
        return json_null();
    timestamp_format_local(us, text);
    return json_string(text);
}

static json_t *
rate_or_null(int64_t rate)
{
    return rate == 0 ? json_null() : json_integer(rate);
}

static json_t *
describe(const struct key_entry *entry)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "id", entry->id, "name",
                     entry->name, "scope", key_scope_name(entry->scope), "created",
                     time_or_null(entry->created_us), "expires",
                     time_or_null(entry->expires_us), "rate_events",
                     rate_or_null(entry->rate_events), "rate_bytes",
                     rate_or_null(entry->rate_bytes));
}

/* --- add --- */

static void
print_new(const struct call *call, const struct key_entry *entry, const char *key)
{
    json_t *answer;

    if (call->json) {
        answer = describe(entry);
        json_object_set_new(answer, "key", json_string(key));
        screen_print_json(answer);
        json_decref(answer);
        return;
    }
    puts(key);
    fprintf(stderr, "This is the only time that the key of %s (id %s, for %s) is shown. It counts"
            " within seconds.\n", entry->name, entry->id, key_scope_name(entry->scope));
}

int
key_add_run(struct call *call)
{
    int scope = key_scope_parse(text_of(call->scope));
    char key[API_KEY_TEXT_LEN];
    struct key_entry *entry = NULL;
    struct opened file;
    struct err err;
    int code = EXIT_CONFIG;

    if (scope < 0) {
        err_set(&err, "--scope: must be ingest, read, analyst or admin");
        return call_complain(call, EXIT_USAGE, &err);
    }
    if (open_list(&file, call, &err) == 0)
        entry = key_list_add(file.list, text_of(call->args[0]), (enum key_scope)scope, key, &err);
    if (entry != NULL) {
        entry->created_us = clock_real_us();
        if (call->expires_ms > 0)
            entry->expires_us = entry->created_us + call->expires_ms * 1000;
        entry->rate_events = call->rate_events;
        entry->rate_bytes = call->rate_bytes;
        code = key_list_save(file.list, file.path, &err) == 0 ? EXIT_DONE : EXIT_IO;
    }
    if (code == EXIT_DONE)
        print_new(call, entry, key);
    else
        call_complain(call, code, &err);
    explicit_bzero(key, sizeof(key));
    close_list(&file);
    return code;
}

/* --- revoke --- */

int
key_revoke_run(struct call *call)
{
    struct key_entry *entry = NULL, gone;
    struct opened file;
    struct err err;
    json_t *answer;
    int code = EXIT_CONFIG;

    if (open_list(&file, call, &err) == 0) {
        entry = key_list_find(file.list, text_of(call->args[0]));
        if (entry == NULL) {
            err_set(&err, "there is no key %.80s (bongsu key list)", call->args[0]);
            code = EXIT_PARTLY;
        } else {
            gone = *entry;
            key_list_remove(file.list, entry);
            code = key_list_save(file.list, file.path, &err) == 0 ? EXIT_DONE : EXIT_IO;
        }
    }
    close_list(&file);
    if (code != EXIT_DONE)
        return call_complain(call, code, &err);
    if (call->json) {
        answer = json_pack("{s:s, s:s, s:s}", "id", gone.id, "name", gone.name, "action",
                           "revoked");
        screen_print_json(answer);
        json_decref(answer);
    } else {
        printf("%s (id %s) is revoked; no process takes it in a few seconds\n", gone.name, gone.id);
    }
    return code;
}

/* --- list --- */

/* When a running process last saw each key: the latest of all. */
static void
add_used(const struct call *call, const char *process, json_t *used)
{
    json_t *status = NULL, *key;
    struct err err;
    size_t i;

    local_call(&call->settings, process, "/status", NULL, LOCAL_QUICK_MS, &status, &err);
    json_array_foreach(json_object_get(status, "keys"), i, key) {
        const char *id = json_string_value(json_object_get(key, "id"));
        const char *at = json_string_value(json_object_get(key, "used")), *known;
        int64_t us = 0, known_us = 0;

        if (id == NULL || at == NULL || timestamp_parse(text_of(at), &us, NULL) != 0)
            continue;
        known = json_string_value(json_object_get(used, id));
        if (known != NULL && timestamp_parse(text_of(known), &known_us, NULL) == 0 &&
            known_us > us)
            continue;
        json_object_set_new(used, id, time_or_null(us));
    }
    json_decref(status);
}

static const char *
text_or_dash(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "-" : text;
}

static void
rate_text(const struct key_entry *entry, char *out, size_t size)
{
    char events[40] = "", bytes[40] = "";

    if (entry->rate_events != 0)
        snprintf(events, sizeof(events), "%" PRId64 " events/s ", entry->rate_events);
    if (entry->rate_bytes != 0)
        snprintf(bytes, sizeof(bytes), "%" PRId64 " B/s", entry->rate_bytes);
    snprintf(out, size, "%s%s", entry->rate_events + entry->rate_bytes == 0 ? "-" : events, bytes);
}

static void
print_list(const struct call *call, const struct key_list *list, const json_t *used)
{
    struct screen_table table = { .columns = 7, .titles = { "NAME", "ID", "SCOPE", "RATE",
                                                            "CREATED", "EXPIRES", "LAST USED" } };
    json_t *all = json_array(), *one;
    char rate[100];

    for (size_t i = 0; i < list->count; i++) {
        const struct key_entry *entry = &list->entries[i];
        json_t *last = json_object_get(used, entry->id);

        one = describe(entry);
        json_object_set_new(one, "expired", json_boolean(entry->expires_us != 0 &&
                                                         entry->expires_us <= clock_real_us()));
        json_object_set(one, "last_used", last == NULL ? json_null() : last);
        rate_text(entry, rate, sizeof(rate));
        screen_table_add(&table, (const char *const[]){
            entry->name, entry->id, key_scope_name(entry->scope), rate,
            text_or_dash(one, "created"),
            json_is_true(json_object_get(one, "expired")) ? "expired"
                                                          : text_or_dash(one, "expires"),
            text_or_dash(one, "last_used") });
        json_array_append_new(all, one);
    }
    if (call->json)
        screen_print_json(all);
    else if (list->count > 0)
        screen_table_print(&table);
    else
        puts("no keys but those of the configuration (bongsu key add makes one)");
    screen_table_release(&table);
    json_decref(all);
}

int
key_list_run(struct call *call)
{
    char *path = settings_path(&call->settings, "keys.yml");
    struct err err = { "out of memory" };
    struct key_list *list = path == NULL ? NULL : key_list_load(path, &err);
    json_t *used;

    free(path);
    if (list == NULL)
        return call_complain(call, EXIT_CONFIG, &err);
    used = json_object();
    add_used(call, "ingest", used);
    add_used(call, "api", used);
    print_list(call, list, used);
    json_decref(used);
    free(list);
    return EXIT_DONE;
}
