#include "tests/support/instance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/free_port.h"
#include "tests/support/wait.h"

enum { READY_MS = 60000 };

void
instance_prepare(struct instance *instance)
{
    memset(instance, 0, sizeof(*instance));
    command_make_folder(instance->dir, sizeof(instance->dir));
    snprintf(instance->data, sizeof(instance->data), "%s/var", instance->dir);
    snprintf(instance->ingest, sizeof(instance->ingest), "127.0.0.1:%d", free_port());
    snprintf(instance->api, sizeof(instance->api), "127.0.0.1:%d", free_port());
}

void
instance_release(struct instance *instance)
{
    command_destroy(&instance->up);
    if (instance->dir[0] != '\0')
        command_remove_folder(instance->dir);
}

void
instance_start(struct instance *instance, const char *key)
{
    const char *env[] = { key == NULL ? "API_KEY" : key, "SLACK_WEBHOOK_URL",
                          "BONGSU_JOURNAL_MIN_FREE=1MiB", "TZ=Asia/Seoul", NULL };
    const char *args[] = { "bongsu", "up", "--data-dir", instance->data, "--ingest-listen",
                           instance->ingest, "--api-listen", instance->api, NULL };

    instance->up = command_start(&(struct command_spec){ .dir = instance->dir, .env = env }, args);
}

void
instance_start_and_wait(struct instance *instance, const char *key)
{
    instance_start(instance, key);
    command_expect(instance->up, INSTANCE_IS_UP, READY_MS);
}

/* `bongsu status` (or send) for this instance: its exit code; output into out. */
static int
run_beside(const struct instance *instance, const char *const *args, char *out, size_t size)
{
    struct command_spec spec = { .dir = instance->dir };
    struct command *command;
    int code;

    command = command_run(&spec, args, &code);
    snprintf(out, size, "%s", command_output(command));
    command_destroy(&command);
    return code;
}

static int
read_status(const struct instance *instance, char *out, size_t size)
{
    const char *args[] = { "bongsu", "status", "--data-dir", instance->data, NULL };

    return run_beside(instance, args, out, size);
}

void
instance_check_runs(const struct instance *instance)
{
    char out[4096];
    int code = read_status(instance, out, sizeof(out));

    if (code != 0)
        fail_msg("status ends with %d:\n%s\n%s", code, out, command_output(instance->up));
}

void
instance_wait_well(const struct instance *instance)
{
    int64_t deadline = now_ms() + READY_MS;
    char out[4096];

    while (read_status(instance, out, sizeof(out)) != 0) {
        if (now_ms() > deadline)
            fail_msg("the five do not get ready again:\n%s", out);
        wait_a_little();
    }
}

pid_t
instance_child(const struct instance *instance, const char *process)
{
    char name[64];

    snprintf(name, sizeof(name), "bongsu-%s", process);
    return command_child(command_pid(instance->up), name);
}

void
instance_write(const struct instance *instance, const char *name, const char *content)
{
    char path[INSTANCE_PATH_LEN];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", instance->dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

void
instance_check_takes_a_line(const struct instance *instance)
{
    const char *args[] = { "bongsu", "send", "--ingest-listen", instance->ingest, "a.log", NULL };
    char out[4096];

    instance_write(instance, "a.log", "one line\n");
    assert_int_equal(run_beside(instance, args, out, sizeof(out)), 0);
    assert_non_null(strstr(out, "1 accepted"));
}

void
instance_key(const struct instance *instance, char *out, size_t size)
{
    char path[INSTANCE_PATH_LEN], line[256];
    FILE *file;

    out[0] = '\0';
    snprintf(path, sizeof(path), "%s/.env", instance->dir);
    file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
        if (strncmp(line, "API_KEY=", 8) == 0)
            snprintf(out, size, "%.*s", (int)strcspn(line + 8, "\n"), line + 8);
    fclose(file);
}
