/*
 * report_parts.h - what the rows of report_sections[] name
 *
 * fill_* says a section as a table, json_* adds it to the JSON (0, or -1 when out of
 * memory). Private to report_sections*.c and report_json.c.
 */
#ifndef API_REPORT_PARTS_H
#define API_REPORT_PARTS_H

#include "api/report_page.h"

void fill_new_sources(struct page *page, struct section *section);
void fill_quiet_sources(struct page *page, struct section *section);
void fill_allowed(struct page *page, struct section *section);
void fill_balance(struct page *page, struct section *section);

int json_totals(json_t *body, const struct site_report *report);
int json_timeline(json_t *body, const struct site_report *report);
int json_incidents(json_t *body, const struct site_report *report);
int json_rules(json_t *body, const struct site_report *report);
int json_severities(json_t *body, const struct site_report *report);
int json_types(json_t *body, const struct site_report *report);
int json_sources(json_t *body, const struct site_report *report);
int json_users(json_t *body, const struct site_report *report);
int json_new_sources(json_t *body, const struct site_report *report);
int json_quiet_sources(json_t *body, const struct site_report *report);
int json_allowed(json_t *body, const struct site_report *report);
int json_balance(json_t *body, const struct site_report *report);

#endif
