#include "detector/tool/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "detector/text/pattern.h"
#include "detector/tool/explain_rule.h"
#include "detector/tool/line_event.h"
#include "detector/tool/read_all.h"
#include "detector/tool/rule_cases.h"
#include "proto/base/clock.h"
#include "proto/run/daemon.h"

/* Room for the spaces of a JSON text that is laid out for people. */
enum { INPUT_BYTES = 4 * 512 * 1024 };

/* --- the event --- */

static int
read_text(struct line_event *line, struct text text, int is_raw, struct err *err)
{
    if (text.len == 0)
        err_set(err, "holds no event");
    else if (!is_raw && text.ptr[0] == '{')
        return line_event_json(line, text, err);
    else if (memchr(text.ptr, '\n', text.len) != NULL)
        err_set(err, "holds more than one line: explain takes one event (head -n 1)");
    else
        return line_event_raw(line, text, err);
    return -1;
}

static int
read_event(struct line_event *line, struct buf *bytes, const struct explain_call *call,
           struct err *err)
{
    int is_input = strcmp(call->file, "-") == 0, rc = -1;
    int fd = is_input ? STDIN_FILENO : open(call->file, O_RDONLY | O_CLOEXEC);
    struct err why = { "" };

    if (fd < 0)
        err_set(&why, "%s", strerror(errno));
    else
        rc = read_all_of(fd, INPUT_BYTES, bytes, &why);
    if (fd >= 0 && !is_input)
        close(fd);
    if (rc == 0)
        rc = read_text(line, text_trim(buf_text(bytes)), call->is_raw, &why);
    if (rc == 0)
        line_event_take_place(line);
    else
        err_set(err, "%.200s: %s", call->file, why.text);
    return rc;
}

/* --- which rules --- */

static int
keep_verdict(void *ctx, const struct match_verdict *verdict)
{
    struct explaining *all = ctx;

    all->verdicts[verdict->number] = *verdict;
    all->is_judged[verdict->number] = 1;
    return 0;
}

static int
has_part(const char *text, const char *part)
{
    size_t len = strlen(part);

    for (; text != NULL && strlen(text) >= len; text++)
        if (text_equals_nocase((struct text){ text, len }, text_of(part)))
            return 1;
    return 0;
}

static int
is_asked_for(const struct sigma_rule *rule, const char *asked)
{
    return strcmp(rule->id, asked) == 0 ||
           (rule->name != NULL && strcmp(rule->name, asked) == 0);
}

static json_t *
explain_rule(const struct explaining *all, size_t i, struct err *err)
{
    return all->is_judged[i] ? explain_detection(all, i, err)
                             : explain_correlation(all, i, err);
}

static int
add_rule(const struct explaining *all, json_t *list, size_t i, struct err *err)
{
    return json_array_append_new(list, explain_rule(all, i, err)) == 0 ? 0 : -1;
}

/* The rule of this id or name; else those that have this in their title. */
static int
add_named(const struct explaining *all, const char *asked, json_t *list, struct err *err)
{
    size_t count = ruleset_count(all->rules);

    for (size_t i = 0; i < count; i++)
        if (is_asked_for(&ruleset_rule(all->rules, i)->sigma, asked))
            return add_rule(all, list, i, err);
    for (size_t i = 0; i < count; i++)
        if (has_part(ruleset_rule(all->rules, i)->sigma.title, asked) &&
            add_rule(all, list, i, err) != 0)
            return -1;
    if (json_array_size(list) > 0)
        return 0;
    err_set(err, "--rule: no rule in use has the id, name or title \"%.80s\" "
            "(bongsu rules list shows them)", asked);
    return -1;
}

/* Nearer is: of its own logsource, then what has more of what it needs, then what lacks
 * less. */
static int
is_nearer(const struct match_verdict *a, const struct match_verdict *b)
{
    uint64_t a_all = (uint64_t)a->near.met + a->near.missing,
             b_all = (uint64_t)b->near.met + b->near.missing;

    if ((a->route == ROUTE_APPLIES) != (b->route == ROUTE_APPLIES))
        return a->route == ROUTE_APPLIES;
    if (a->near.met * b_all != b->near.met * a_all)
        return a->near.met * b_all > b->near.met * a_all;
    return a->near.missing < b->near.missing;
}

static int
add_nearest(const struct explaining *all, int64_t most, json_t *list, struct err *err)
{
    size_t count = ruleset_count(all->rules);

    for (int64_t n = 0; n < most; n++) {
        size_t best = count;

        for (size_t i = 0; i < count; i++)
            if (all->is_judged[i] == 1 && !all->verdicts[i].is_match &&
                (all->verdicts[i].near.met > 0 || all->verdicts[i].holds) &&
                (best == count || is_nearer(&all->verdicts[i], &all->verdicts[best])))
                best = i;
        if (best == count)
            return 0;
        if (add_rule(all, list, best, err) != 0)
            return -1;
        all->is_judged[best] = 2;
    }
    return 0;
}

/* What matches, the correlations that it goes into, and what is nearest. */
static int
add_found(const struct explaining *all, int64_t nearest, json_t *list, struct err *err)
{
    size_t count = ruleset_count(all->rules);

    for (size_t i = 0; i < count; i++)
        if (all->is_judged[i] && all->verdicts[i].is_match && add_rule(all, list, i, err) != 0)
            return -1;
    for (size_t i = 0; i < count; i++) {
        const struct rule *rule = ruleset_rule(all->rules, i);
        int is_fed = 0;

        for (size_t s = 0; !all->is_judged[i] && s < rule->sigma.correlation.rule_count; s++)
            is_fed |= all->is_judged[rule->steps[s].rule] &&
                      all->verdicts[rule->steps[s].rule].is_match;
        if (is_fed && add_rule(all, list, i, err) != 0)
            return -1;
    }
    return add_nearest(all, nearest, list, err);
}

/* --- all of it --- */

static int
open_allow(struct explaining *all, const struct tool_options *options, struct err *err)
{
    all->allow = NULL;
    all->host_field = field_table_add(ruleset_fields(all->rules), text_of("host.name"));
    return all->host_field < 0 ? -1 : tool_options_allow(options, &all->allow, err);
}

static json_t *
answer(const struct explaining *all, const struct line_event *line,
       const struct explain_call *call, struct err *err)
{
    json_t *list = json_array(), *refused = json_array(), *event = line_event_to_json(line);
    int rc = call->rule[0] != '\0' ? add_named(all, call->rule, list, err)
                                   : add_found(all, call->nearest, list, err);

    for (size_t i = 0; i < ruleset_refused_count(all->rules); i++)
        json_array_append_new(refused, json_string(ruleset_refused(all->rules, i)));
    if (rc == 0 && event != NULL)
        return json_pack("{s:o, s:b, s:o, s:o}", "event", event, "decoded", line->is_decoded,
                         "rules", list, "refused", refused);
    json_decref(list);
    json_decref(refused);
    json_decref(event);
    return NULL;
}

static json_t *
judge(const struct tool_options *options, const struct explain_call *call,
      const struct line_event *line, struct explaining *all, int *ret_code, struct err *err)
{
    size_t count = ruleset_count(all->rules);
    json_t *json = NULL;

    *ret_code = EXIT_SOFTWARE;
    err_set(err, "out of memory");
    all->verdicts = calloc(count + 1, sizeof(*all->verdicts));
    all->is_judged = calloc(count + 1, sizeof(*all->is_judged));
    *ret_code = EXIT_CONFIG;
    if (all->verdicts != NULL && all->is_judged != NULL && open_allow(all, options, err) == 0 &&
        matcher_explain(ruleset_matcher(all->rules), all->event, keep_verdict, all) == 0)
        json = answer(all, line, call, err);
    if (json != NULL)
        *ret_code = EXIT_DONE;
    allow_list_destroy(&all->allow);
    free(all->verdicts);
    free(all->is_judged);
    return json;
}

json_t *
explain_event(const struct tool_options *options, const struct explain_call *call,
              int *ret_code, struct err *err)
{
    struct explaining all = { .rules = NULL };
    struct line_event line;
    struct buf bytes = { 0 };
    json_t *json = NULL;

    *ret_code = EXIT_SOFTWARE;
    err_set(err, "out of memory");
    if (line_event_init_max(&line, clock_real_us(), INPUT_BYTES) == 0) {
        *ret_code = EXIT_NO_INPUT;
        if (read_event(&line, &bytes, call, err) == 0) {
            *ret_code = EXIT_CONFIG;
            all.rules = rule_cases_load_chosen(call->rules, options->placeholders,
                                                 options->choice, err);
        }
    }
    if (all.rules != NULL) {
        all.event = &line.event;
        json = judge(options, call, &line, &all, ret_code, err);
    }
    ruleset_destroy(&all.rules);
    line_event_release(&line);
    buf_release(&bytes);
    return json;
}
