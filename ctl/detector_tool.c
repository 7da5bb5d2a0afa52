#include "ctl/detector_tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/run/daemon.h"

enum { PROGRAM_LEN = 4200 };

void
detector_tool_add(struct detector_tool *tool, const char *arg)
{
    if (tool->arg_count < DETECTOR_TOOL_ARGS - 1)
        tool->args[tool->arg_count++] = arg;
}

static int
add_text(struct detector_tool *tool, struct call *call, const char *name, const char *value)
{
    const char *arg;

    if (value == NULL)
        return 0;
    arg = arena_printf(&call->space, "--%s=%s", name, value).ptr;
    detector_tool_add(tool, arg);
    return arg == NULL ? -1 : 0;
}

static int
add_number(struct detector_tool *tool, struct call *call, const char *name, int64_t value)
{
    char number[24];

    snprintf(number, sizeof(number), "%lld", (long long)value);
    return add_text(tool, call, name, number);
}

int
detector_tool_init(struct detector_tool *tool, struct call *call)
{
    const struct settings *settings = &call->settings;
    char *allow = settings->allow_path != NULL ? strdup(settings->allow_path)
                                               : settings_path(settings, "allow.yml");
    int64_t slots = settings->detector_slots;      /* each has so much room */
    int rc = -1;

    *tool = (struct detector_tool){ .args = { "bongsu-detector", "--rules" }, .arg_count = 2 };
    if (allow != NULL &&
        add_text(tool, call, "placeholders", settings->placeholders_path) == 0 &&
        add_text(tool, call, "allow", allow) == 0 &&
        add_number(tool, call, "lateness-ms", settings->detector_lateness_ms) == 0 &&
        add_number(tool, call, "max-keys", settings->detector_max_keys * slots) == 0 &&
        add_number(tool, call, "max-entries", settings->detector_max_entries) == 0 &&
        add_number(tool, call, "max-total-entries",
                   settings->detector_max_total_entries * slots) == 0 &&
        add_number(tool, call, "max-rule-share", settings->detector_rule_share) == 0)
        rc = 0;
    free(allow);
    return rc;
}

int
detector_tool_choose(struct detector_tool *tool, struct call *call)
{
    return add_text(tool, call, "choice", call->settings.rule_choice);
}

static int
find_program(char path[PROGRAM_LEN], struct err *err)
{
    ssize_t len = readlink("/proc/self/exe", path, PROGRAM_LEN - 32);
    char *slash;

    path[len < 0 ? 0 : len] = '\0';
    slash = strrchr(path, '/');
    if (slash != NULL)
        snprintf(slash, 32, "/bongsu-detector");
    if (slash != NULL && access(path, X_OK) == 0)
        return 0;
    err_set(err, "bongsu-detector is not beside this program");
    return -1;
}

static int
cannot_start(int *ends, size_t count, struct err *err)
{
    err_set(err, "bongsu-detector cannot be started: %s", strerror(errno));
    for (size_t i = 0; i < count; i++)
        if (ends[i] >= 0)
            close(ends[i]);
    return -1;
}

int
detector_tool_start(const struct detector_tool *tool, FILE **ret_input,
                    struct detector_tool_process *ret_process, struct err *err)
{
    int ends[4] = { -1, -1, -1, -1 };      /* its output, its input; ours to read, to write */
    char path[PROGRAM_LEN];
    pid_t pid = -1;

    if (find_program(path, err) != 0)
        return -1;
    if (pipe2(ends, O_CLOEXEC) != 0 ||
        (ret_input != NULL && pipe2(ends + 2, O_CLOEXEC) != 0) || (pid = fork()) < 0)
        return cannot_start(ends, 4, err);
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        if (ret_input != NULL)
            dup2(ends[2], STDIN_FILENO);
        execv(path, (char *const *)(uintptr_t)tool->args);
        _exit(127);
    }
    close(ends[1]);
    *ret_process = (struct detector_tool_process){ pid, fdopen(ends[0], "r"), SIG_DFL };
    if (ret_input != NULL) {
        /* one that ends early says why: we are to hear it */
        ret_process->on_pipe = signal(SIGPIPE, SIG_IGN);
        close(ends[2]);
        *ret_input = fdopen(ends[3], "w");
    }
    return 0;
}

int
detector_tool_finish(struct detector_tool_process *process, json_t **ret_answer)
{
    json_error_t error;
    int status = 0;

    *ret_answer = process->output == NULL ? NULL : json_loadf(process->output, 0, &error);
    if (process->output != NULL)
        fclose(process->output);
    if (process->on_pipe == SIG_DFL)
        signal(SIGPIPE, SIG_DFL);
    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR)
        ;
    *process = (struct detector_tool_process){ 0 };
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_SOFTWARE;
}

int
detector_tool_run(const struct detector_tool *tool, json_t **ret_answer, struct err *err)
{
    struct detector_tool_process process;

    if (detector_tool_start(tool, NULL, &process, err) != 0)
        return -1;
    return detector_tool_finish(&process, ret_answer);
}

void
detector_tool_become(const struct detector_tool *tool, struct err *err)
{
    char path[PROGRAM_LEN];

    if (find_program(path, err) == 0) {
        execv(path, (char *const *)(uintptr_t)tool->args);
        err_set(err, "bongsu-detector cannot be started: %s", strerror(errno));
    }
}
