#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/local.h"
#include "proto/base/buf.h"
#include "proto/base/timestamp.h"
#include "proto/run/daemon.h"
#include "proto/run/http_client.h"

/* bongsu health [PROCESS]: what a container's health check runs. */
int
health_main(int argc, char **argv)
{
    struct settings settings;
    struct options_call call;
    struct err err;
    int code = EXIT_DONE, count;

    if (!local_settings(&settings, argc, argv, "health [PROCESS]\n\nExits 0 when PROCESS (or all "
                        "five) are ready.\nexample: bongsu health ingest", &call, &code))
        return code;
    count = call.arg_count > 0 ? call.arg_count : LOCAL_PROCESSES;
    for (int i = 0; i < count; i++) {
        const char *name = call.arg_count > 0 ? call.args[i] : local_processes[i];
        json_t *body = NULL;
        long status;

        if (local_find(name) < 0) {
            fprintf(stderr, "bongsu health: %s: not one of the five\n", name);
            code = EXIT_USAGE;
            break;
        }
        status = local_call(&settings, name, "/readyz", NULL, LOCAL_QUICK_MS, &body, &err);
        if (status != 200) {
            fprintf(stderr, "%s: %s\n", name, status < 0 ? err.text : "not ready");
            code = EXIT_PARTLY;
        }
        json_decref(body);
    }
    settings_release(&settings);
    return code;
}

/* bongsu config check|docs */
int
config_main(int argc, char **argv)
{
    struct settings settings;
    struct options_call call;
    struct buf out = { 0 };
    struct err err;
    int code = EXIT_DONE;

    if (!local_settings(&settings, argc, argv, "config check|docs\n\ncheck: say whether the "
                        "configuration is right.\ndocs: print the table of all options.\n"
                        "example: bongsu config check --config bongsu.yml", &call, &code))
        return code;
    if (call.arg_count == 1 && strcmp(call.args[0], "docs") == 0) {
        options_markdown(settings_options, settings_option_count, &out);
        fputs(out.ptr == NULL ? "" : out.ptr, stdout);
    } else if (call.arg_count == 1 && strcmp(call.args[0], "check") == 0) {
        if (timestamp_init(&err) != 0 ||
            (settings.slack_webhook_url != NULL &&
             http_url_check_webhook(settings.slack_webhook_url, &err) != 0)) {
            fprintf(stderr, "bongsu config: %s\n", err.text);
            code = EXIT_CONFIG;
        } else {
            puts("configuration OK");
        }
    } else {
        fprintf(stderr, "usage: bongsu config check|docs\n");
        code = EXIT_USAGE;
    }
    buf_release(&out);
    settings_release(&settings);
    return code;
}

/* bongsu notify test: the notifier sends it, with its own settings. */
int
notify_main(int argc, char **argv)
{
    struct settings settings;
    struct options_call call;
    json_t *body = NULL;
    struct err err;
    long status;
    int code = EXIT_DONE;

    if (!local_settings(&settings, argc, argv, "notify test\n\nSends a test message through the "
                        "running notifier and prints the answer.\nexample: bongsu notify test",
                        &call, &code))
        return code;
    if (call.arg_count != 1 || strcmp(call.args[0], "test") != 0) {
        fprintf(stderr, "usage: bongsu notify test\n");
        settings_release(&settings);
        return EXIT_USAGE;
    }
    status = local_call(&settings, "notifier", "/test", "{}", LOCAL_SLOW_MS, &body, &err);
    if (status < 0) {
        fprintf(stderr, "bongsu notify: %s (is it running?)\n", err.text);
        code = EXIT_UNREACHABLE;
    } else {
        const char *answer = json_string_value(json_object_get(body, "answer"));

        printf("%s\n", answer == NULL ? "no answer" : answer);
        code = status == 200 ? EXIT_DONE : EXIT_PARTLY;
    }
    json_decref(body);
    settings_release(&settings);
    return code;
}
