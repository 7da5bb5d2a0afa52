#include "proto/base/zone.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- POSIX rules ------------------------------------------------------- */

/* Each eats what it knows from *at: 1, or 0 when it is not there. */
static int
eat_name(const char **at)
{
    const char *start = *at;
    int is_quoted = *start == '<';
    size_t len = is_quoted ? 1 : 0;

    while (is_quoted ? isalnum((unsigned char)start[len]) || start[len] == '+' ||
                           start[len] == '-'
                     : isalpha((unsigned char)start[len]))
        len++;
    if (is_quoted && start[len++] != '>')
        return 0;
    *at += len;
    return len >= (is_quoted ? 5 : 3);
}

static int
eat_number(const char **at, long max)
{
    char *end;
    long number;

    if (!isdigit((unsigned char)**at))
        return 0;
    number = strtol(*at, &end, 10);
    *at = end;
    return number <= max;
}

/* hh[:mm[:ss]], signed; up to 167 hours (RFC 8536 section 3.3.1). */
static int
eat_clock(const char **at)
{
    if (**at == '+' || **at == '-')
        ++*at;
    if (!eat_number(at, 167))
        return 0;
    for (int i = 0; i < 2 && **at == ':'; i++) {
        ++*at;
        if (!eat_number(at, 59))
            return 0;
    }
    return 1;
}

/* ,Mm.w.d or ,Jn or ,n - and /time */
static int
eat_change(const char **at)
{
    int is_good;

    if (*(*at)++ != ',')
        return 0;
    if (**at == 'M') {
        ++*at;
        is_good = eat_number(at, 12) && *(*at)++ == '.' && eat_number(at, 5) &&
                  *(*at)++ == '.' && eat_number(at, 6);
    } else {
        *at += **at == 'J';
        is_good = eat_number(at, 365);
    }
    if (is_good && **at == '/') {
        ++*at;
        is_good = eat_clock(at);
    }
    return is_good;
}

int
zone_is_posix_rule(const char *str)
{
    const char *at = str;

    if (!eat_name(&at) || !eat_clock(&at))
        return 0;
    if (*at == '\0')
        return 1;
    if (!eat_name(&at))
        return 0;
    if (*at != '\0' && *at != ',' && !eat_clock(&at))
        return 0;
    return *at == '\0' || (eat_change(&at) && eat_change(&at) && *at == '\0');
}

/* --- zone files -------------------------------------------------------- */

/* 1 when path is a compiled zone ("TZif", RFC 8536). */
static int
is_zone_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char magic[4];
    int is_zone = 0;

    if (fd >= 0) {
        is_zone = read(fd, magic, sizeof(magic)) == sizeof(magic) &&
                  memcmp(magic, "TZif", sizeof(magic)) == 0;
        close(fd);
    }
    return is_zone;
}

static int
has_zone(const char *name)
{
    const char *dir = getenv("TZDIR");
    char path[PATH_MAX];
    int len;

    if (dir == NULL || dir[0] == '\0')
        dir = "/usr/share/zoneinfo";
    len = snprintf(path, sizeof(path), "%s/%s", dir, name);
    return strstr(name, "..") == NULL && len < (int)sizeof(path) && is_zone_file(path);
}

/* "/usr/share/zoneinfo/Asia/Seoul" -> "Asia/Seoul", or NULL. */
static const char *
name_in_path(const char *path)
{
    const char *found = strstr(path, "zoneinfo/");

    if (found == NULL)
        return NULL;
    found += strlen("zoneinfo/");
    if (strncmp(found, "posix/", 6) == 0 || strncmp(found, "right/", 6) == 0)
        found += 6;
    return found;
}

static int
keep_name(const char *name, char ret_name[ZONE_NAME_LEN])
{
    if (name == NULL || name[0] == '\0' || strlen(name) >= ZONE_NAME_LEN)
        return -1;
    memcpy(ret_name, name, strlen(name) + 1);
    return 0;
}

static int
name_from_link(char ret_name[ZONE_NAME_LEN])
{
    char target[PATH_MAX];
    ssize_t len = readlink("/etc/localtime", target, sizeof(target) - 1);

    if (len < 0)
        return -1;
    target[len] = '\0';
    return keep_name(name_in_path(target), ret_name);
}

static int
name_from_timezone_file(char ret_name[ZONE_NAME_LEN])
{
    FILE *file = fopen("/etc/timezone", "re");
    char line[ZONE_NAME_LEN] = "";

    if (file == NULL)
        return -1;
    if (fgets(line, sizeof(line), file) == NULL)
        line[0] = '\0';
    fclose(file);
    line[strcspn(line, " \t\r\n")] = '\0';
    return has_zone(line) ? keep_name(line, ret_name) : -1;
}

/* The zone that TZ names; an absolute path is a zone file too. */
static int
name_from_tz(const char *tz, char ret_name[ZONE_NAME_LEN])
{
    const char *name = tz[0] == ':' ? tz + 1 : tz;

    if (name[0] == '\0' || strcmp(name, "UTC") == 0 || strcmp(name, "UTC0") == 0)
        return keep_name("UTC", ret_name);
    if (name[0] == '/') {
        const char *inside = name_in_path(name);

        return is_zone_file(name) ? keep_name(inside == NULL ? name : inside, ret_name)
                                  : -1;
    }
    return has_zone(name) || zone_is_posix_rule(name) ? keep_name(name, ret_name) : -1;
}

int
zone_find(char ret_name[ZONE_NAME_LEN], struct err *err)
{
    const char *tz = getenv("TZ");

    if (tz == NULL) {
        if (name_from_link(ret_name) != 0 && name_from_timezone_file(ret_name) != 0)
            keep_name("UTC", ret_name);
        return 0;
    }
    if (name_from_tz(tz, ret_name) == 0)
        return 0;
    err_set(err, "TZ=%s: this machine has no such time zone (is tzdata installed?); "
                 "zones look like Asia/Seoul, Europe/Berlin or UTC", tz);
    return -1;
}
