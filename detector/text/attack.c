/*
 * The judges of one decoded value. libinjection knows HTML (and SQL, attack_sql.c); the
 * other two are patterns: what an attacker needs to climb out of a folder, or to
 * start a second command.
 */
#include "detector/text/attack_inner.h"

#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* From libinjection, inside libmodsecurity.a; no header is installed. */
int libinjection_xss(const char *input, size_t len);

enum { MATCH_LIMIT = 20000, MAX_PATTERN_VALUE = 8 * 1024 };

const char *const attack_names[ATTACK_COUNT] = {
    [ATTACK_SQLI] = "sqli", [ATTACK_XSS] = "xss",
    [ATTACK_PATH_TRAVERSAL] = "path_traversal",
    [ATTACK_COMMAND_INJECTION] = "command_injection",
};

int
attack_find(const char *name)
{
    for (int i = 0; i < ATTACK_COUNT; i++)
        if (strcmp(name, attack_names[i]) == 0)
            return i;
    return -1;
}

/* Words, numbers and file names are most of what is asked: they hide nothing. */
int
attack_is_harmless(struct text value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];

        if (!isalnum(c) && c != '_' && (c != '.' || (i > 0 && value.ptr[i - 1] == '.')))
            return 0;
    }
    return 1;
}

/* --- patterns --- */

/* The patterns are one for all threads: rules are tried while others are in force. */
static pthread_mutex_t patterns = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint64_t limits_hit;

uint64_t
attack_limits_hit(void)
{
    return limits_hit;
}

/* 0, or -1 when out of memory. */
static int
compile_once(struct pattern_judge *judge)
{
    PCRE2_SIZE where;
    int number;

    if (judge->code == NULL) {
        judge->code = pcre2_compile((PCRE2_SPTR)judge->pattern, PCRE2_ZERO_TERMINATED,
                                    PCRE2_CASELESS | PCRE2_EXTENDED, &number, &where, NULL);
        judge->context = pcre2_match_context_create(NULL);
        if (judge->code == NULL || judge->context == NULL)
            return -1;
        judge->data = pcre2_match_data_create_from_pattern(judge->code, NULL);
        pcre2_set_match_limit(judge->context, MATCH_LIMIT);
        pcre2_jit_compile(judge->code, PCRE2_JIT_COMPLETE);
    }
    return judge->data == NULL ? -1 : 0;
}

int
attack_has_pattern(struct pattern_judge *judge, struct text value)
{
    int rc = PCRE2_ERROR_NOMATCH;

    if (value.len > MAX_PATTERN_VALUE)
        value.len = MAX_PATTERN_VALUE;
    pthread_mutex_lock(&patterns);
    if (compile_once(judge) == 0)
        rc = pcre2_match(judge->code, (PCRE2_SPTR)value.ptr, value.len, 0, 0, judge->data,
                         judge->context);
    pthread_mutex_unlock(&patterns);
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
        limits_hit++;
    return rc >= 0;
}

/* Up and out twice, or once to what is worth it; a file of the system by its
 * full name, or by a wrapper; a NUL that cuts off an extension; and what lists of
 * such paths have where a file's name goes, sent by who forgot to put one in. The
 * two bytes C0 AE and C0 AF are an overlong "." and "/". */
static struct pattern_judge traversal = {
    .pattern = "(?: (?:\\.|\\xc0\\xae){2,} [/\\\\]+ | (?:\\.|\\xc0\\xae){2,} \\xc0[\\xaf\\x9c]"
               "   | \\.\\.%c0%af ){2,}"
               "| \\.\\.[/\\\\]+ [^?&]* (?: etc[/\\\\] | boot\\.ini | win\\.ini | windows[/\\\\]"
               "   | winnt | system32 | passwd | shadow | proc[/\\\\]self | \\.ht(?:access|passwd)"
               "   | web\\.(?:config|xml) | wp-config | \\.env\\b | \\.git[/\\\\] | \\.ssh[/\\\\]"
               "   | web-inf | meta-inf | access\\.log | error\\.log | cgi-bin )"
               "| ^ (?:file:[/\\\\]{2})? [/\\\\]+ (?: etc[/\\\\]+(?: passwd | shadow | group | hosts"
               "   | issue | motd | fstab | crontab | ssh[/\\\\] | apache2? | httpd | nginx | my\\.cnf"
               "   | mysql | sudoers | [a-z.-]+\\.conf ) | proc[/\\\\]+(?: self | version | cmdline"
               "   | cpuinfo | mounts | net ) | var[/\\\\]+log[/\\\\] | root[/\\\\]\\. | boot\\.ini )"
               "| ^ [a-z]: [/\\\\]+ (?: boot\\.ini | win(?:dows|nt)[/\\\\] | inetpub[/\\\\] )"
               "| ^ (?: php | zip | phar | expect | glob | data ) :// "
               "| ^ file:/ | (?: ^ | [/\\\\] ) \\.{3,} (?: [/\\\\]? [^./\\\\]*? [{%] | [/\\\\] | (?:etc|boot) )"
               "| ^ \\.{8,} | (?: ^ | [./\\\\] ) (?: web | meta ) -inf (?: [/\\\\.] | web\\. )"
               "| ^ [a-z]: (?: windows | winnt | inetpub | boot\\.ini )"
               "| (?: (?: \\.\\. | 0x2e0x2e ) (?: 0x2f | 0x5c ) ) | 0x2e0x2e [/\\\\x{] | (?: / \\.{1,2} /{1,2} ){2,}"
               "| [/\\\\] [^?&]* \\x00 | [/\\\\] [^?&/\\\\]* \\{ (?:known)? file \\}",
};

#define COMMANDS "(?: cat | ls | id | whoami | who | w | uname | uptime | hostname | pwd | wget | curl"  \
                 " | nc | ncat | netcat | socat | ping6? | nslookup | dig | host | traceroute | tracert"  \
                 " | (?:ba|da|z|k|c|tc|fi)?sh | perl | python[\\d.]* | php\\d? | ruby | node | java"      \
                 " | echo | printf | sleep | timeout | ps | rm | cp | mv | ln | chmod | chown | touch"    \
                 " | mkdir | kill | killall | reboot | shutdown | netstat | ss | ifconfig | ipconfig"     \
                 " | ip | arp | route | dir | type | net1? | reg | cmd | powershell | systeminfo"         \
                 " | tasklist | taskkill | ver | vol | set | env | export | find | grep | head | tail"    \
                 " | more | less | nl | od | xxd | base64 | awk | sed | telnet | t?ftp | scp | ssh"       \
                 " | rsync | getent | lsof | mount | df | du | crontab | useradd | passwd | sudo | su"    \
                 " | true | false | exec | eval | system | copy | del | icacls | certutil | bitsadmin | start | mail"    \
                 " | sendmail | gcc | tar | unzip | which | whereis | history | finger | dmesg | phpinfo )"
#define BEFORE "[\\s'\"\\\\]* (?: \\$?[\\w{}]*/ (?:[\\w?*.-]+/)* )? [\\\\'\"]?"

/* A second command: after what separates commands, or inside what is replaced by
 * a command's output; and what no parameter holds otherwise. */
static struct pattern_judge command = {
    .pattern = "(?: ; | \\|\\|? | &&? | \\r?\\n | \\r ) " BEFORE COMMANDS
               "   (?: \\.exe )? (?= [\\s;|&<>'\"`)\\\\/$#%] | \\$ | $ )"
               "| [`] \\s* " BEFORE COMMANDS " [^`]* [`]"
               "| \\$\\( \\s* (?: " BEFORE COMMANDS " (?= [\\s;|&<>'\")\\\\/$] ) | \\( )"
               "| (?: ^ | [\\s;|&`('\"=] ) (?: cmd (?:\\.exe)? \\s* /[ck] | powershell (?:\\.exe)? \\s+ - )"
               "| (?: ^ | [\\s;|&`('\"=<] ) (?: /usr )? (?: /local )? /s?bin/ (?: " COMMANDS " ) \\b"
               "| \\$\\{?IFS\\b | \\(\\)\\s*\\{ [^}]* ; \\s* \\} \\s* ;"
               "| ^ [\\s&|$]* (?: cat | type | ls | dir | ping (?: \\.exe )? | wget | curl | nc ) [\\s|]+"
               "   (?: -\\S+ \\s+ (?: \\d+ \\s+ )? )*"
               "   (?: /etc/ | /proc/ | /var/ | [a-z]:[/\\\\\"] | [a-z]: \\s* [|&;]? \\s* $ | https?:// | 127\\.0\\.0\\.1"
               "   | localhost )"
               "| ^ \\s* (?: id | ls | whoami | uname | pwd | dir | ps ) \\s* [;|&]"
               "| <!--\\#\\s*(?: exec | include )\\b"
               "| \\b(?: system | exec | passthru | shell_exec | popen | proc_open | eval | assert )"
               "   \\s* \\( \\s* (?: ['\"$] | base64_decode | chr\\( | phpinfo )"
               "| (?: ^ | ; ) \\s* (?: print | print_r | printf | var_dump | die ) \\s* \\( \\s* (?: md5 | \\d | ['\"$] )"
};

/* What libinjection leaves out: script that only an odd or an old browser runs,
 * and pieces of script that break out of a page's own, or of which a filter took its
 * brackets. */
static struct pattern_judge script = {
    .pattern = "< \\s* /? \\s* (?: script | iframe | embed | object | applet | svg | math | meta | base"
               "   | body | html | frameset | style | isindex | marquee ) (?: [\\s/+>] | $ )"
               "| < [a-z][^>]* [\\s/+\"'`] on[a-z]{3,20} [^=>]{0,40} ="
               "| < [a-z][^>]* (?: j\\s*a\\s*v\\s*a | live | vb | mocha ) \\s* (?: script )? \\s* :"
               "| (?: ^ | [\\s\"'=(] ) (?: java | vb | live ) script \\s* : | mocha \\s* : \\s* \\w+ [.(]"
               "| (?: \\b | script ) (?: alert | confirm | prompt ) \\s* (?: \\( | ` ) | \\s autofocus \\s* >"
               "| < \\s* (?: a | img ) \\s [^>]* (?: href | src ) \\s* = | document \\s* \\. \\s* (?: cookie | write | location | domain | getelementby )"
               "| data: \\s* text/html | \\b expression \\s* \\( | : \\s* expression [\\d/] | \\bsrc \\s* = [^>]* onerror \\s* =",
};

/* What can hold markup at all has one of these. */
static int
is_xss(struct text value)
{
    for (size_t i = 0; i < value.len; i++)
        if (memchr("<>=:`'\"(", value.ptr[i], 8) != NULL)
            return libinjection_xss(value.ptr, value.len) == 1 || attack_has_pattern(&script, value);
    return 0;
}

static int
is_traversal(struct text value)
{
    return attack_has_pattern(&traversal, value);
}

static int
is_command(struct text value)
{
    return attack_has_pattern(&command, value);
}

static const struct judge {
    size_t least;               /* bytes: nothing shorter is one */
    int (*is)(struct text value);
} judges[ATTACK_COUNT] = {
    [ATTACK_SQLI] = { 3, attack_is_sqli }, [ATTACK_XSS] = { 6, is_xss },
    [ATTACK_PATH_TRAVERSAL] = { 6, is_traversal },
    [ATTACK_COMMAND_INJECTION] = { 3, is_command },
};

unsigned
attack_in_value(struct text value, unsigned wanted)
{
    unsigned found = 0;

    if (wanted == 0 || value.len < 3 || attack_is_harmless(value))
        return 0;
    if (value.len > ATTACK_MAX_VALUE)
        value.len = ATTACK_MAX_VALUE;
    for (int i = 0; i < ATTACK_COUNT; i++)
        if ((wanted & ATTACK_BIT(i)) != 0 && value.len >= judges[i].least && judges[i].is(value))
            found |= ATTACK_BIT(i);
    return found;
}
