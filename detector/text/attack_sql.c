/*
 * SQL in a value, where libinjection's fingerprints end: it reads the first five
 * tokens, as one of three dialects would, and an attack that begins in
 * another way is none to it. These are the kinds of attack by what each cannot do
 * without: a second statement, a condition that is always true, a function that waits, that
 * fails loudly, that tells of the schema. English has "select" and "or" and
 * quotes too, so that each kind needs the punctuation that makes it SQL.
 */
#include "detector/text/attack_inner.h"

#include <string.h>

/* From libinjection, inside libmodsecurity.a; no header is installed. */
int libinjection_sqli(const char *input, size_t len, char fingerprint[]);

#define SP "(?: \\s | /\\* [^*]{0,200} \\*/ )"
/* What a condition compares: a text, a number, a call, a variable. */
#define OPERAND "(?: ['\"`] [^'\"`]{0,60} ['\"`]? | -?\\d+ (?:\\.\\d+)? (?: [-+*/%\\s]+ [\\s(]* \\d+ )* | \\w+ " SP "* \\( [^()]{0,120} \\)?"  \
                " | @@?\\w+ | null | true | false | \\( " SP "* select \\b )"
/* How it is compared. Words alone are English: "2 in 1 or 3 in 1". */
#define COMPARED "(?: <=> | <> | != | [<>]=? | =+ | \\b (?: not " SP "+ )? (?: r?like | regexp | glob"  \
                 " | sounds " SP "+ like | similar " SP "+ to ) " SP "* ['\"`%(\\d]"                  \
                 " | \\b (?: not " SP "+ )? in " SP "* \\( | \\b between " SP "+ \\d+ " SP "+ and \\b"   \
                 " | \\b is " SP "+ (?: not " SP "+ )? null \\b )"
#define TABLES "(?: information_schema | sys(?:objects|columns|users|databases|ibm\\.|\\.) | sqlite_master"       \
               " | pg_(?:catalog|shadow|user|class|database|tables) | (?:all|user|dba)_(?:tables|tab_columns|users)" \
               " | rdb\\$ | mysql\\.(?:user|db\\b) | master\\.\\. | msysaccessobjects | v\\$(?:version|instance)"  \
               " | dual\\b )"

static struct pattern_judge statement = {
    .pattern =
        /* more rows than were asked for */
        "\\b union \\b " SP "* \\(? " SP "* (?: all | distinct (?:row)? )? " SP "* \\(? " SP "* select \\b"
        "   " SP "* (?: [*(@'\"`~!\\d-] | null\\b | [\\w.]+ " SP "* (?: [,(*|+#] | from\\b | -- ) | $ )"
        /* a question within or after the question */
        "| \\b select \\b " SP "* (?: [*(@~!`] | ['\"] | \\d+ " SP "* (?: [,)*/+-] | from\\b | where\\b | \\# | -- )"
        "   | (?: case | null | count | char | chr | concat | group_concat | version | database | user | sleep"
        "     | load_file | top " SP "+ \\d | pg_sleep | elt | cast | convert | ascii | substr(?:ing)? | if | iif"
        "     | table_name | column_name | schema_name | username | password ) " SP "* (?: [(,=|+] | from\\b | when\\b"
        "     | \\d | end\\b ) )"
        "| \\b select \\b [^;]{1,300}? \\b from \\b " SP "* (?: [(`\\[] | " TABLES
        "   | [\\w.]+ " SP "* (?: where \\b | -- | \\# | ; | \\) | limit \\b " SP "* \\d | , " SP "* \\w+ " SP "* where ) )"
        "| \\( " SP "* select \\b [^)]{0,200} (?: \\( | \\b from \\b )"
        /* always true, or what to tell true from false by */
        "| (?: ['\"`)%\\]}$/;\\d] | ^ ) " SP "* (?: \\b (?: and | x?or | having | where | not | r?like | div ) | && | \\|\\| )"
        "   [\\s(!~+-]* (?: not \\b " SP "* | binary \\b " SP "* )? \\(* " OPERAND " [)\\s]* " COMPARED
        "| ['\"`] [)\\s]* (?: and | x?or | && | \\|\\| ) [\\s(]* (?: true | 1 | not " SP "+ (?: true | false ) | (?: not " SP "+ )? exists " SP "* \\( ) " SP "* (?: -- | \\# | /\\* | \\( | $ )"
        "| \\b case " SP "+ (?: when\\b | [\\d(] \\S* " SP "+ when\\b | \\w+ " SP "+ when " SP "+ [\\d'\"(] )"
        "   .{1,300}? \\b then\\b .{1,200}? \\b (?: else | end ) \\b"
        "| \\b i?if " SP "* \\( [^,]{0,80} [=<>] [^,]{0,80} , [^,]{1,200} ,"
        "| (?: ['\"`)\\d] ) " SP "* (?: order | group ) " SP "+ by " SP "+ (?: \\d+ | [\\w.`]+ " SP "* \\( | [\\w.`]+ " SP "* (?: -- | \\# ) )"
        "| \\b having " SP "+ " OPERAND " " SP "* [=<>]"
        /* another statement */
        "| ; " SP "* (?: select \\b " SP "* (?: [*(@'\"`\\d] | case\\b | \\w+ " SP "* (?: [,(;] | from\\b | -- ) ) | insert " SP "+ into\\b | update " SP "+ [\\w.`]+ " SP "+ set\\b | delete " SP "+ from\\b"
        "   | (?: drop | create | alter | truncate ) " SP "+ (?: table | database | view | user | index | procedure | function"
        "     | alias | login | or " SP "+ replace ) \\b | exec (?:ute)? \\b " SP "* [\\w(@'\"] | declare \\b | waitfor \\b | shutdown \\b"
        "   | begin " SP "+ (?: if | declare | dbms | execute | null ) | call " SP "+ [\\w.]+ " SP "* \\( | copy " SP "+ \\w+ | grant " SP "+ \\w+ | i?if " SP "* \\()"
        "| \\b insert " SP "+ into " SP "+ [\\w.`\\[\\]\"]+ " SP "* (?: \\( | values\\b | select\\b )"
        "| \\b update " SP "+ [\\w.`]+ " SP "+ set " SP "+ [\\w.`]+ " SP "* ="
        "| \\b delete " SP "+ from " SP "+ [\\w.`]+ " SP "* (?: where\\b | ; | -- | $ )"
        "| (?: ^ | [;'\")] ) " SP "* drop " SP "+ (?: table | database ) " SP "+ [\\w.`]+ " SP "* (?: ; | -- | \\# )"
        "| \\b exec (?:ute)? " SP "+ (?: immediate\\b | master | xp_ | sp_ ) | \\b begin " SP "+ if " SP "* \\("
        /* waits, fails loudly, reads and writes files, tells of the server */
        "| \\b waitfor " SP "+ (?: delay | time ) " SP "* ['\"]"
        "| \\b (?: benchmark " SP "* \\( " SP "* \\d | (?:pg_)? sleep " SP "* \\( " SP "* (?: \\d+ (?: \\.\\d+ )? " SP "* (?: \\) | $ ) | [(-] ) | dbms_\\w+\\s*\\.\\s*\\w+ | utl_\\w+\\s*\\.\\s*\\w+"
        "   | ctxsys\\. | (?: extractvalue | updatexml | xmltype | load_file | randomblob | generate_series | regexp_substring"
        "     | gtid_subset | json_keys | name_const | make_set | raise_error | uuid_to_bin | bin_shl | bit_shift | zeroifnull"
        "     | parse_data_size | to_posixtime | json_extract | polygon | multipoint | geometrycollection | linestring"
        "     | multilinestring | multipolygon | st_latfromgeohash | heapdump | db_name | crypt_key ) " SP "* \\( )"
        "| \\b (?: elt | exp | concat (?:_ws)? | char | chr | ascii | ord | hex | unhex | mid | substr (?:ing)? | cast | convert )"
        "   " SP "* \\( [^)]{0,60}? (?: 0x[0-9a-f]{2} | \\b select\\b | ~ | \\b as \\b | \\d \\) " SP "* (?: \\|\\| | \\+ ) )"
        "| \\b convert " SP "* \\( " SP "* (?: int | n?v?char ) | \\b char " SP "* \\( " SP "* \\d+ (?: " SP "* , " SP "* \\d+ )+ " SP "* \\)"
        "| \\b procedure " SP "+ analyse " SP "* \\( | \\b into " SP "+ (?: out | dump ) file \\b"
        "| \\b xp_(?: cmdshell | dirtree | reg\\w+ | fileexist | servicecontrol ) | \\b sp_(?: password | executesql | oacreate | makewebtask | configure | addlogin )"
        "| @@ (?: version | hostname | datadir | basedir | servername | global | session | language | spid ) \\b"
        "| \\b (?: information_schema \\s*\\. | sysobjects | syscolumns | sqlite_master | pg_catalog\\. | rdb\\$ | msysaccessobjects | sysibm\\. )"
        /* what is left of the question is cut off, or hidden from whoever looks for spaces */
        "| ^ [^'\"`]{0,40} ['\"`] [)\\s]* (?: -- (?: [\\s+-] | $ ) | \\# \\s* $ | /\\* | ; \\s* -- | ; \\s* $ )"
        "| /\\*! | \\b (?: union | select | and | or | from | where | sleep ) /\\* | \\*/ (?: union | select | and | or | from | where ) \\b"
        "| ['\"] " SP "* (?: \\|\\| | \\+ ) " SP "* (?: \\( | select\\b | (?: char | chr | cast | convert ) " SP "* \\( | @@ | ['\"] [^'\"]{0,20} ['\"] " SP "* (?: \\|\\| | \\+ | = ) )"
        "| \\b null " SP "* , " SP "* null \\b"
        /* all of a value that logs in without a password */
        "| ^ ['\"] [-*^&|+=/%] ['\"] $ | ^ ['\"]? \\|\\| ['\"]? \\d+ $ | ^ (?: and | or ) " SP "+ (?: true | false ) \\b"
        "| ^ order " SP "+ by " SP "+ \\d+ " SP "* (?: -- | \\# ) | ^ \\*/ " SP "* = | ^ -? \\d+ " SP "+ div " SP "+ 0 $"
};

/* Fingerprints that are prose's too: quoted words side by side, a number with something
 * behind "#" or "--". libinjection is right about them only where the value is SQL anyway. */
static int
is_weak(const char *fingerprint)
{
    static const char *const weak[] = { "sos", "s&s", "son", "nos", "s&n", "n&s", "1c", "nc", "sc", "1&1", "1o1",
                                        "1&n", "n&1", "1&s", "s&1", "sn", "snc", "so1", "1os", "s",
                                        "nok(1", "nTnkn", "noknc", "nkson", "E(n)n", "f(n)n", "sksc", "n;n", "n;nn" };

    for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++)
        if (strcmp(fingerprint, weak[i]) == 0)
            return 1;
    return 0;
}

/* Something that ends a value, compares, or cuts off: words and parentheses are prose to
 * libinjection's credit, and SQL only as a statement. */
static int
has_edge(struct text value)
{
    for (size_t i = 0; i < value.len; i++)
        if (memchr("'\"`;=<>#*|@", value.ptr[i], 11) != NULL ||
            (value.ptr[i] == '-' && i + 1 < value.len && value.ptr[i + 1] == '-'))
            return 1;
    return 0;
}

/* One word has no statement in it, nor has a path or a time. */
static int
may_be_statement(struct text value)
{
    for (size_t i = 0; i < value.len; i++)
        if (memchr(" \t\r\n(", value.ptr[i], 5) != NULL)
            return 1;
    return 0;
}

int
attack_is_sqli(struct text value)
{
    char fingerprint[16] = "";
    int is_edged = has_edge(value);

    if (is_edged && libinjection_sqli(value.ptr, value.len, fingerprint) == 1 &&
        !is_weak(fingerprint))
        return 1;
    return (is_edged || may_be_statement(value)) && attack_has_pattern(&statement, value);
}
