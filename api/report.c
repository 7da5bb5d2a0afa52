#include "api/api.h"

#include <stdio.h>
#include <string.h>

#include "api/params.h"
#include "api/report_page.h"
#include "proto/base/clock.h"

/* The forms of a report; the first is the default. */
static const struct form {
    const char *name, *content_type;
    int (*render)(struct buf *out, const struct page *page);    /* NULL: the JSON */
} forms[] = {
    { "json", "application/json", NULL },
    { "html", "text/html; charset=utf-8", report_to_html },
    { "csv", "text/csv; charset=utf-8", report_to_csv },
    { "md", "text/markdown; charset=utf-8", report_to_markdown },
};

enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

/* What was asked for. */
struct wish {
    enum report_period period;
    int32_t day;
    const struct form *form;
    enum report_language language;
};

/* The one of ours that the reader likes best (RFC 9110, 12.5.4); English if none. */
static enum report_language
preferred_language(struct text header)
{
    int best = 0, language = REPORT_EN;

    while (header.ptr != NULL && header.len > 0) {
        struct text parameters = text_split(&header, ','), range, tag;
        int found, weight;

        range = text_split(&parameters, ';');
        tag = text_trim(text_split(&range, '-'));
        weight = parameters.ptr == NULL ? 1000 : http_weight(parameters);
        found = text_equals_nocase(tag, text_of("ko"))   ? REPORT_KO
                : text_equals_nocase(tag, text_of("en")) ? REPORT_EN
                                                         : -1;
        if (found >= 0 && weight > best) {
            best = weight;
            language = found;
        }
    }
    return (enum report_language)language;
}

static int
parse_form(const struct http_request *req, struct wish *wish, struct err *err)
{
    struct text format = http_query(req, "format"), lang = http_query(req, "lang");
    int language;

    wish->form = &forms[0];
    if (format.ptr != NULL) {
        size_t i = 0;

        while (i < FORMS && !text_is(format, forms[i].name))
            i++;
        if (i == FORMS) {
            err_set(err, "format: must be json, html, csv or md");
            return -1;
        }
        wish->form = &forms[i];
    }
    wish->language = REPORT_EN;
    if (wish->form->render == report_to_html)
        wish->language = preferred_language(http_header(req, "Accept-Language"));
    if (lang.ptr == NULL)
        return 0;
    language = report_language_parse(lang);
    if (language < 0) {
        err_set(err, "lang: must be en or ko");
        return -1;
    }
    wish->language = (enum report_language)language;
    return 0;
}

static int
parse_wish(const struct http_request *req, int64_t now_us, struct wish *wish, struct err *err)
{
    struct text date = http_query(req, "date");

    wish->day = report_day_of(now_us);
    if (date.ptr != NULL && report_day_parse(date, &wish->day) != 0) {
        err_set(err, "date: must be a day as in 2026-11-22, from 0001-01-01 to 9998-12-31");
        return -1;
    }
    return parse_form(req, wish, err);
}

static void
reply_page(struct http_request *req, const struct wish *wish, const struct site_report *report,
           const char *public_url)
{
    struct page page;
    struct buf body = { 0 };
    char name[64];

    if (page_make(&page, report, wish->language, public_url) != 0 ||
        wish->form->render(&body, &page) != 0) {
        http_reply_problem(req, 503, "out of memory");
        goto done;
    }
    http_set_header(req, "Content-Language", report_language_name(wish->language));
    http_set_header(req, "Referrer-Policy", "no-referrer");
    if (wish->form->render == report_to_html) {
        http_set_header(req, "Vary", "Accept-Language");
        http_set_header(req, "Content-Security-Policy", report_html_policy());
    } else {
        snprintf(name, sizeof(name), "%s; filename=\"bongsu-%s-%s.%s\"",
                 wish->form->render == report_to_csv ? "attachment" : "inline",
                 report_period_name(report->span.period), report->span.first, wish->form->name);
        http_set_header(req, "Content-Disposition", name);
    }
    http_tag(req);
    http_reply(req, 200, wish->form->content_type, buf_text(&body));

done:
    page_release(&page);
    buf_release(&body);
}

static void
handle_report(struct http_request *req, struct api *api, enum report_period period)
{
    struct wish wish = { .period = period };
    struct site_report report = { 0 };
    int64_t now_us = clock_real_us();
    struct report_span span;
    json_t *json;
    struct err err;

    if (parse_wish(req, now_us, &wish, &err) != 0) {
        http_reply_problem(req, 400, "%s", err.text);
        return;
    }
    span = report_span_make(period, wish.day, now_us);
    ++*api->queries;
    if (site_report_read(api->store, &span, &report, &err) != 0) {
        api_store_failed(api, req, &err);
        return;
    }
    if (wish.form->render != NULL) {
        reply_page(req, &wish, &report, api->daemon->settings->public_url);
    } else {
        json = report_to_json(&report);
        http_tag(req);
        if (json == NULL)
            http_reply_problem(req, 503, "out of memory");
        else
            http_reply_json(req, 200, json);
    }
    site_report_release(&report);
}

void
handle_report_daily(struct http_request *req, void *self)
{
    handle_report(req, self, REPORT_DAILY);
}

void
handle_report_weekly(struct http_request *req, void *self)
{
    handle_report(req, self, REPORT_WEEKLY);
}
