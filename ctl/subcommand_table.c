#include "ctl/subcommand.h"
#include "proto/run/daemon.h"

const struct exit_meaning exit_meanings[] = {
    { EXIT_DONE, "done, all is well" },
    { EXIT_PARTLY, "not all of it, or it is not well: lines refused, not ready, none found, "
                   "a rule or a case fails, the rules find something else" },
    { 2, "it could not be found out (rules replay)" },
    { EXIT_USAGE, "the call is wrong: a flag, an argument, a filter" },
    { EXIT_NO_INPUT, "there is no such file" },
    { EXIT_UNREACHABLE, "nobody answers there" },
    { EXIT_SOFTWARE, "a fault of Bongsu's own, or no memory" },
    { EXIT_TAKEN, "the port or the folder is in use" },
    { EXIT_IO, "a disk or an output fails" },
    { EXIT_BUSY, "not now (429, 503): try again later" },
    { EXIT_PROTOCOL, "something else answers there" },
    { EXIT_NO_PERMISSION, "the key is missing or wrong" },
    { EXIT_CONFIG, "the configuration or a rule is wrong" },
    { EXIT_STOPPED, "ended by Ctrl-C" },
};
const size_t exit_meaning_count = sizeof(exit_meanings) / sizeof(exit_meanings[0]);

#define ASKING EXIT_UNREACHABLE, EXIT_BUSY, EXIT_PROTOCOL, EXIT_NO_PERMISSION, EXIT_CONFIG
#define STATUSES "open acknowledged investigating resolved false_positive"

/* In the order in which somebody on duty meets them. */
const struct subcommand subcommands[] = {
    {
        .name = "up", .args = "", .run = up_run, .flags = "", .is_server = 1,
        .summary = "Start the five processes and keep them running",
        .about = "Starts ingest, detector, indexer, notifier and api as children, restarts one that\n"
                 "dies, and stops them in order on Ctrl-C or SIGTERM. -n only checks.",
        .examples = { "bongsu up", "bongsu up --data-dir /srv/bongsu --ingest-listen 0.0.0.0:8000" },
        .exits = { EXIT_SOFTWARE, EXIT_TAKEN, EXIT_IO, EXIT_CONFIG },
    },
    {
        .name = "status", .args = "", .run = status_run, .flags = "json",
        .summary = "Show the five of this machine: rates, backlogs, what is wrong",
        .examples = { "bongsu status", "bongsu status --json | jq .ingest.consumers" },
        .exits = { EXIT_PARTLY, EXIT_UNREACHABLE, EXIT_CONFIG },
    },
    {
        .name = "top", .args = "", .run = top_run, .flags = "every once json url ingest-url key-file ca",
        .summary = "Watch rates, backlogs and incidents in the terminal; q ends it",
        .about = "Asks the five of this machine; with --url the api (and ingest) of another.\n"
                 "--once, and an output that is no terminal, show it once.",
        .examples = { "bongsu top", "bongsu top --url http://siem:8080 --ingest-url http://siem:8000" },
        .exits = { EXIT_PARTLY, ASKING },
    },
    {
        .name = "send", .args = "FILE|-...", .run = send_run,
        .flags = "ingest no-sort no-progress batch-lines give-up json key-file ca", .min_args = 1, .max_args = -1,
        .kind = ARGUMENT_FILE,
        .summary = "Send log files or standard input to ingest, each line once",
        .about = "Lines of logs, or NDJSON events. A line is stored once, however often its file is\n"
                 "sent. A file is sorted by the lines' time, 64 MiB at a time: what comes late is not\n"
                 "counted into windows. Standard input (-) and pipes go as they come. Goes on by itself\n"
                 "when ingest was away.",
        .examples = { "bongsu send /var/log/auth.log /var/log/nginx/access.log",
                      "journalctl -f -o short-iso | bongsu send -",
                      "tail -F access.log | bongsu send -" },
        .exits = { EXIT_PARTLY, EXIT_NO_INPUT, EXIT_UNREACHABLE, EXIT_IO, EXIT_PROTOCOL,
                   EXIT_NO_PERMISSION, EXIT_CONFIG, EXIT_STOPPED },
    },
    {
        .name = "decode", .args = "LINE|-...", .run = decode_run, .flags = "json",
        .min_args = 1, .max_args = -1, .kind = ARGUMENT_ANY,
        .summary = "Show what a log line becomes, and which decoder did it",
        .about = "Nothing is sent. - reads lines from standard input. Ends with 1 when a line is known\n"
                 "to no decoder, or would be refused.",
        .examples = { "bongsu decode 'Nov 22 10:00:00 web1 sshd[8]: Failed password for root from 192.0.2.7 port 5 ssh2'",
                      "bongsu decode --json - < /var/log/auth.log | jq -r .decoder | sort | uniq -c" },
        .exits = { EXIT_PARTLY, EXIT_IO, EXIT_CONFIG },
    },
    {
        .name = "demo", .args = "", .run = demo_run, .flags = "seed events print ingest give-up json key-file ca",
        .summary = "Send a made-up morning of normal traffic with one attack in it",
        .about = "It ends at the present minute. One address scans the web server, guesses passwords,\n"
                 "gets in and becomes root. All addresses are reserved for documentation. The same\n"
                 "--seed within the same minute is the same morning, and is stored once.",
        .examples = { "bongsu demo", "bongsu demo --seed 7 --print | head" },
        .exits = { EXIT_PARTLY, EXIT_UNREACHABLE, EXIT_PROTOCOL, EXIT_NO_PERMISSION, EXIT_CONFIG,
                   EXIT_STOPPED },
    },
    {
        .name = "incidents list", .args = "", .run = incidents_list_run,
        .flags = "status severity rule key since until limit json url key-file ca",
        .summary = "List incidents, the latest first",
        .about = "--since and --until go by when it was last seen. Ends with 1 when there is none.",
        .examples = { "bongsu incidents list --status open --severity high",
                      "bongsu incidents list --since yesterday --rule 'brute force' --json" },
        .exits = { EXIT_PARTLY, ASKING },
    },
    {
        .name = "incidents show", .args = "ID", .run = incidents_show_run, .flags = "json url key-file ca",
        .min_args = 1, .max_args = 1, .kind = ARGUMENT_ANY,
        .summary = "Show an incident with its events and history",
        .about = "ID may be the beginning of an id, if the newest incidents have only one such.",
        .examples = { "bongsu incidents show b10804f0" },
        .exits = { EXIT_PARTLY, ASKING },
    },
    {
        .name = "incidents status", .args = "ID STATUS", .run = incidents_status_run,
        .flags = "note by json url key-file ca", .min_args = 2, .max_args = 2,
        .kind = ARGUMENT_WORDS, .words = STATUSES,
        .summary = "Set the status of an incident",
        .about = "STATUS: open, acknowledged, investigating, resolved or false_positive.",
        .examples = { "bongsu incidents status b10804f0 acknowledged --note 'looking at web1' --by mina" },
        .exits = { EXIT_PARTLY, ASKING },
    },
    {
        .name = "events search", .args = "[FIELD=VALUE]...", .run = events_search_run,
        .flags = "since until text limit json url key-file ca", .max_args = -1, .kind = ARGUMENT_ANY,
        .summary = "Search events, the newest first",
        .about = "A FIELD must equal its VALUE, without regard to case. Ends with 1 when there is none.",
        .examples = { "bongsu events search source_ip=203.0.113.45 --since 2h",
                      "bongsu events search event_type=sudo --text sudoers --json" },
        .exits = { EXIT_PARTLY, ASKING },
    },
    {
        .name = "events tail", .args = "[FIELD=VALUE]...", .run = events_tail_run,
        .flags = "follow tail text every json url key-file ca", .max_args = -1,
        .kind = ARGUMENT_ANY,
        .summary = "Show the newest events, with -f those that come",
        .about = "The newest by their time; then, with -f, each that is stored, once and in the order of\n"
                 "storing, however late it comes: an old log that is sent is shown too. Waits for a\n"
                 "service that is away and misses nothing. --json: an event a line.",
        .examples = { "bongsu events tail -f", "bongsu events tail -f event_type=login_failed --json" },
        .exits = { ASKING, EXIT_STOPPED },
    },
    {
        .name = "deadletter list", .args = "", .run = deadletter_list_run,
        .flags = "limit json url key-file ca",
        .summary = "List events that could not be stored, and why",
        .about = "Those set aside last first. Ends with 1 when there is none. --json shows the events.",
        .examples = { "bongsu deadletter list", "bongsu deadletter list --json | jq -r '.deadletters[].reason'" },
        .exits = { EXIT_PARTLY, ASKING },
    },
    {
        .name = "deadletter retry", .args = "ID...|--all", .run = deadletter_retry_run,
        .flags = "all-letters json url key-file ca", .max_args = -1, .kind = ARGUMENT_ANY,
        .summary = "Have dead letters stored after all, once what refused them is mended",
        .about = "The indexer tries them within seconds. What is stored then is no dead letter any more;\n"
                 "what is refused again stays, with the new reason. Nothing is stored twice.",
        .examples = { "bongsu deadletter retry 95e5d7908dcb26a7-88ab3669-000660e13e23b02a",
                      "bongsu deadletter retry --all" },
        .exits = { EXIT_PARTLY, ASKING },
    },
    {
        .name = "report daily", .args = "", .run = report_run, .flags = "date format lang json url key-file ca",
        .summary = "Print the report of a day",
        .examples = { "bongsu report daily", "bongsu report daily --date yesterday --format html > day.html" },
        .exits = { ASKING },
    },
    {
        .name = "report weekly", .args = "", .run = report_run, .flags = "date format lang json url key-file ca",
        .summary = "Print the report of a week, Monday to Sunday",
        .examples = { "bongsu report weekly --lang ko" },
        .exits = { ASKING },
    },
    {
        .name = "export events", .args = "[FIELD=VALUE]...", .run = export_run,
        .flags = "since until text to-send resume url key-file ca", .max_args = -1, .kind = ARGUMENT_ANY,
        .summary = "Write events to standard output, one JSON object a line",
        .about = "All that there are, newest first, page by page. With --resume a broken export goes on\n"
                 "where it was: append its output. What fits and comes meanwhile is not in it.",
        .examples = { "bongsu export events --since 2026-11-01 --until 2026-12-01 > november.ndjson",
                      "bongsu export events --since 30d --resume place >> events.ndjson",
                      "bongsu export events --to-send | tac > events.ndjson" },
        .exits = { EXIT_IO, ASKING, EXIT_STOPPED },
    },
    {
        .name = "export incidents", .args = "", .run = export_run,
        .flags = "status severity rule key since until resume url key-file ca",
        .summary = "Write incidents to standard output, one JSON object a line",
        .about = "--rule takes the id here.",
        .examples = { "bongsu export incidents --status resolved > incidents.ndjson" },
        .exits = { EXIT_IO, ASKING, EXIT_STOPPED },
    },
    {
        .name = "rules list", .args = "[FOLDER|FILE]", .run = rules_run, .flags = "json", .max_args = 1,
        .kind = ARGUMENT_FILE,
        .summary = "List the rules that are in use, or would be",
        .about = "Without FOLDER: those of detector.rules, and which files the running detector refuses.",
        .examples = { "bongsu rules list", "bongsu rules list ./rules --json" },
        .exits = { EXIT_PARTLY, EXIT_NO_INPUT, EXIT_CONFIG },
    },
    {
        .name = "rules check", .args = "[FOLDER|FILE]", .run = rules_run, .flags = "lint json",
        .max_args = 1, .kind = ARGUMENT_FILE,
        .summary = "Read and compile rules and run their tests, naming file and line of what is wrong",
        .about = "Beside what is refused it tells what the author may not have meant: a field that events\n"
                 "of the logsource do not have, a selection that no condition names, a condition that\n"
                 "decides nothing, a regular expression that may be slow. That refuses nothing. Of more\n"
                 "than 20 findings it says how many there are of each kind.",
        .examples = { "bongsu rules check my_rule.yml && cp my_rule.yml rules/",
                      "bongsu rules check --lint sigma/rules" },
        .exits = { EXIT_PARTLY, EXIT_NO_INPUT, EXIT_CONFIG },
    },
    {
        .name = "rules test", .args = "CASES [FOLDER|FILE]", .run = rules_run, .flags = "json",
        .min_args = 1, .max_args = 2, .kind = ARGUMENT_FILE,
        .summary = "Run cases against rules: events in, incidents expected",
        .about = "CASES is a file of cases, or a folder of files or of folders (tests/rules/brute_force/*.yml\n"
                 "goes with brute_force.yml of the FOLDER). docs/RULES.md says what is in them.",
        .examples = { "bongsu rules test tests/rules", "bongsu rules test my_cases.yml my_rule.yml" },
        .exits = { EXIT_PARTLY, EXIT_NO_INPUT, EXIT_CONFIG },
    },
    {
        .name = "rules add", .args = "FOLDER [WORD=VALUE...]", .run = rules_add_run,
        .flags = "rules-into all-refusals json", .min_args = 1, .max_args = 64, .kind = ARGUMENT_FILE,
        .summary = "Copy the rules of a checkout, as SigmaHQ's, into the folder of detector.rules",
        .about = "They go into a folder of the checkout's name, with its licence; those that were there are\n"
                 "brought up to date. WORD is path, level, status, product, category or service; a rule is\n"
                 "taken when, of each word that is said, one of the values is its own. What the detector\n"
                 "would refuse is not copied. Which of them are on: detector.rule_choice.",
        .examples = { "bongsu rules add ./sigma",
                      "bongsu rules add ./sigma product=linux level=high level=critical status=stable" },
        .exits = { EXIT_PARTLY, EXIT_NO_INPUT, EXIT_SOFTWARE, EXIT_CONFIG },
    },
    {
        .name = "rules reload", .args = "", .run = rules_reload_run, .flags = "json",
        .summary = "Have the running detectors read their rules now, and say what came of it",
        .about = "They do so by themselves within some seconds after a file changed, or on SIGHUP. Events are\n"
                 "judged meanwhile; a file that is refused stays in force in its last good version.",
        .examples = { "bongsu rules reload" },
        .exits = { EXIT_PARTLY, EXIT_UNREACHABLE },
    },
    {
        .name = "rules match", .args = "FILE", .run = rules_match_run,
        .flags = "rules logsource logsource-fields raw", .min_args = 1, .max_args = 1,
        .kind = ARGUMENT_FILE,
        .summary = "Say which detection rules each line of a file matches",
        .about = "FILE holds a JSON object a line (- is standard input); its fields are taken as they stand.\n"
                 "For each rule that line 7 matches it prints {\"line\":7,\"rule\":\"ID\"}. Nothing has to run,\n"
                 "nothing is stored, and correlations, which need more than one event, are not judged.\n"
                 "A rule is passed over when its logsource and the line's name different products,\n"
                 "categories or services; a line of which nothing is said (and is not --raw) is tried on\n"
                 "every rule. Refused rules are counted on standard error; see rules check.",
        .examples = { "bongsu rules match --rules sigma/rules/linux --logsource product=linux events.ndjson",
                      "bongsu rules match --raw /var/log/auth.log" },
        .exits = { EXIT_PARTLY, EXIT_NO_INPUT, EXIT_SOFTWARE, EXIT_IO, EXIT_CONFIG },
    },
    {
        .name = "rules explain", .args = "EVENT", .run = rules_explain_run,
        .flags = "rules rule nearest raw json url key-file ca", .min_args = 1, .max_args = 1,
        .kind = ARGUMENT_FILE,
        .summary = "Say why rules match an event, or which of their lines said no",
        .about = "EVENT is a file with one JSON event or log line (- is standard input), the event itself in\n"
                 "quotes, or the id of a stored event, which the api is asked for. Log lines go through the\n"
                 "decoders. Without --rule: the rules that match, the correlations that these are for, and\n"
                 "those that are nearest to matching. The answers are those of the engine that judges live.",
        .examples = { "bongsu rules explain 'Nov 22 10:00:00 web sshd[7]: Failed password for root from 192.0.2.9'",
                      "bongsu rules explain --rule brute_force event.json --json",
                      "bongsu events search --limit 1 --json | jq '.events[0]' | bongsu rules explain -" },
        .exits = { EXIT_NO_INPUT, EXIT_SOFTWARE, ASKING, EXIT_CONFIG },
    },
    {
        .name = "rules replay", .args = "", .run = rules_replay_run,
        .flags = "since until new-rules file raw json url key-file ca",
        .summary = "Judge past events again, and say what would be found otherwise",
        .about = "The stored events since then (default: 24h) go through the engine that judges live, in the order\n"
                 "in which it saw them, with detector.rules; the incidents are put beside those that happened.\n"
                 "With --rules: what other rules would find, beside the present ones. Nothing is changed.\n"
                 "Of incidents that went on in the last minute (or after --until) the end is not compared.\n"
                 "Exit: 0 no difference, 1 there are some, 2 it could not be done.",
        .examples = { "bongsu rules replay --since 7d --rules ./new-rules",
                      "bongsu rules replay --since 2026-11-22T00:00:00+09:00 --until 2026-11-23 --json",
                      "bongsu rules replay --file /var/log/auth.log --raw" },
        .exits = { EXIT_PARTLY, 2 },
    },
    {
        .name = "notify test", .args = "", .run = notify_test_run, .flags = "json",
        .summary = "Send a test message through the running notifier",
        .examples = { "bongsu notify test" },
        .exits = { EXIT_PARTLY, EXIT_UNREACHABLE, EXIT_CONFIG },
    },
    {
        .name = "store copy", .args = "", .run = store_copy_run, .flags = "json no-progress",
        .summary = "Copy the embedded store into the Elasticsearch that store.url names",
        .about = "Events with their ids, incidents with status, history and notes, the balance sheet\n"
                 "and the allow list's sums. Stop the old indexer first; the new one may run. What\n"
                 "is there already is not copied twice, so it may be called again after anything.",
        .examples = { "ELASTICSEARCH_URL=http://localhost:9200 bongsu store copy" },
        .exits = { EXIT_PARTLY, EXIT_NO_INPUT, EXIT_UNREACHABLE, EXIT_SOFTWARE, EXIT_TAKEN, EXIT_IO,
                   EXIT_CONFIG, EXIT_STOPPED },
    },
    {
        .name = "config check", .args = "", .run = config_check_run, .flags = "json",
        .summary = "Say whether the configuration is right",
        .examples = { "bongsu config check --config bongsu.yml" },
        .exits = { EXIT_CONFIG },
    },
    {
        .name = "config show", .args = "", .run = config_show_run, .flags = "all json",
        .summary = "Show the settings that are not as by default, and where each is from",
        .about = "Secrets are masked.",
        .examples = { "bongsu config show", "bongsu config show --all --json" },
        .exits = { EXIT_CONFIG },
    },
    {
        .name = "config keys", .args = "", .run = config_keys_run, .flags = "rotate reader json",
        .summary = "Make a key in ./.env, or put a new one in its place",
        .about = "The file has mode 0600. The key is not shown. Restart Bongsu for a new one to count.",
        .examples = { "bongsu config keys", "bongsu config keys --reader", "bongsu config keys --rotate" },
        .exits = { EXIT_CONFIG },
    },
    {
        .name = "config docs", .args = "", .run = config_docs_run, .flags = "",
        .summary = "Print the table of all settings",
        .examples = { "bongsu config docs" },
        .exits = { EXIT_CONFIG },
    },
    {
        .name = "bus keys", .args = "DIR", .run = bus_keys_run, .flags = "json",
        .min_args = 1, .max_args = 1, .kind = ARGUMENT_FILE,
        .summary = "Make the keys with which processes on several hosts know each other",
        .about = "For bus.curve_dir. Processes that share a folder make them at their first start;\n"
                 "hosts that share none get them by hand. Keys that are there stay.",
        .examples = { "bongsu bus keys /etc/bongsu/keys" },
        .exits = { EXIT_CONFIG },
    },
    {
        .name = "key add", .args = "NAME", .run = key_add_run,
        .flags = "scope rate-events rate-bytes expires json", .min_args = 1, .max_args = 1,
        .kind = ARGUMENT_ANY,
        .summary = "Make an API key, for senders, readers or analysts",
        .about = "The key is printed this once, to standard output; only its hash is kept, in keys_file.\n"
                 "It counts within 5 seconds, without a restart. A sender beyond its rate is answered\n"
                 "429 with Retry-After; its events carry the key's name in received_key.",
        .examples = { "bongsu key add web1 --scope ingest --rate-events 1000 > web1.key",
                      "bongsu key add mina --scope analyst --expires 90d" },
        .exits = { EXIT_IO, EXIT_CONFIG },
    },
    {
        .name = "key list", .args = "", .run = key_list_run, .flags = "json",
        .summary = "List the API keys, never the keys themselves",
        .about = "LAST USED is since the start of the processes that run here.",
        .examples = { "bongsu key list", "bongsu key list --json | jq -r '.[] | select(.expired).name'" },
        .exits = { EXIT_CONFIG },
    },
    {
        .name = "key revoke", .args = "NAME|ID", .run = key_revoke_run, .flags = "json",
        .min_args = 1, .max_args = 1, .kind = ARGUMENT_ANY,
        .summary = "Take an API key back, within 5 seconds",
        .examples = { "bongsu key revoke web1", "bongsu key revoke 1f0c33a9" },
        .exits = { EXIT_PARTLY, EXIT_IO, EXIT_CONFIG },
    },
    {
        .name = "health", .args = "[PROCESS]...", .run = health_run, .flags = "json", .max_args = -1,
        .kind = ARGUMENT_WORDS, .words = "ingest detector indexer notifier api",
        .summary = "End with 0 when the processes are ready (for containers)",
        .examples = { "bongsu health", "bongsu health ingest" },
        .exits = { EXIT_PARTLY, EXIT_CONFIG },
    },
    {
        .name = "completion", .args = "bash|zsh", .run = completion_run, .flags = "",
        .min_args = 1, .max_args = 1, .kind = ARGUMENT_WORDS, .words = "bash zsh",
        .summary = "Print the shell's completion",
        .examples = { ". <(bongsu completion bash)" },
    },
    {
        .name = "man", .args = "[COMMAND]", .run = man_run, .flags = "into", .max_args = 2,
        .kind = ARGUMENT_ANY,
        .summary = "Print the manual page of all or of a command",
        .examples = { "bongsu man | man -l -", "bongsu man incidents list | man -l -",
                      "bongsu man --into /usr/local/share/man/man1" },
        .exits = { EXIT_IO },
    },
};
const size_t subcommand_count = sizeof(subcommands) / sizeof(subcommands[0]);
