use super::*;

const GOOD: &str = r#"name = "demo"
[source]
base_url = "https://api.example.org"
[[streams]]
name = "weather"
path = "/v1/{city.id}"
for_each = { city = [{ id = "a" }, { id = "b" }] }
"#;

/// Every mistake as `"text it points at": message | help`.
fn mistakes(text: &str, overrides: &[&str]) -> Vec<String> {
    let overrides: Vec<String> = overrides.iter().map(|one| (*one).to_owned()).collect();
    let shown = |mistake: Mistake| {
        let at = text[mistake.span].lines().next().unwrap_or_default().to_owned();
        let help = mistake.help.map(|help| format!(" | {help}")).unwrap_or_default();
        format!("[{at}] {}{help}", mistake.message)
    };
    read(text, &overrides).err().unwrap_or_default().into_iter().map(shown).collect()
}

/// The good file with one piece of it replaced, and its mistakes.
#[track_caller]
fn wrong(old: &str, new: &str, expected: &[&str]) {
    assert!(GOOD.contains(old), "{old}");
    assert_eq!(mistakes(&GOOD.replace(old, new), &[]), expected);
}

/// The good file with lines added to its stream, and its mistakes.
#[track_caller]
fn wrong_stream(lines: &str, expected: &[&str]) {
    assert_eq!(mistakes(&format!("{GOOD}{lines}\n"), &[]), expected);
}

/// The good file with lines added to its source, and its mistakes.
#[track_caller]
fn wrong_source(lines: &str, expected: &[&str]) {
    wrong("[[streams]]", &format!("{lines}\n[[streams]]"), expected);
}

#[test]
fn a_good_file_is_read() {
    let pipeline = read(GOOD, &[]).expect("good");
    assert_eq!(pipeline.streams[0].records, "$");
    assert_eq!(pipeline.lake, "file:./lake");
}

#[test]
fn what_is_no_toml_is_shown_where_it_breaks() {
    assert_eq!(
        mistakes("name = demo\n", &[]),
        ["[demo] not TOML: string values must be quoted, expected literal string"]
    );
    assert_eq!(mistakes("name = \"a\"\nname = \"b\"\n", &[]), ["[name] not TOML: duplicate key"]);
    assert!(!mistakes("x = [1,\n", &[]).is_empty() && !mistakes("é = \"東京", &[]).is_empty());
}

#[test]
fn unknown_keys_are_named_with_what_was_meant() {
    wrong(
        "base_url",
        "base_ulr",
        &[
            "[[source]] `base_url` is missing in `source` | What every stream's `path` is appended to, such as `https://api.open-meteo.com`.",
            "[base_ulr] `source` has no key `base_ulr` | did you mean `base_url`? known here: base_url, headers, config, expressions, auth, tls, proxy, response_actions, limits",
        ],
    );
    wrong_source(
        "timeout = \"5s\"",
        &["[timeout] `source` has no key `timeout` | `timeout` belongs to `source.limits`"],
    );
    wrong_stream(
        "zzz = 1",
        &[
            "[zzz] the stream has no key `zzz` | known here: name, table, base_url, path, method, params, headers, auth, body, form, for_each, parent, more_parents, fields, format, members, records, transform, paginator, job, cost, response_actions, event_time, primary_key, incremental, ignore, partition_by, contract, columns, cadence",
        ],
    );
}

#[test]
fn wrong_types_say_what_is_wanted() {
    wrong(
        "\"weather\"",
        "7",
        &["[7] `name` is a text in quotes, not an integer | Name: lower-case letters, digits and `_`."],
    );
    wrong_source(
        "limits.attempts = \"5\"",
        &[
            "[\"5\"] `attempts` is an integer, not a text | Attempts for one request, the first included, on connection errors, 429 and 5xx.",
        ],
    );
    wrong_source(
        "limits.attempts = 0\nlimits.pages = 99999999999",
        &["[0] `attempts` is at least 1", "[99999999999] `pages`: 99999999999 is too large"],
    );
    wrong_source(
        "limits.timeout = 10",
        &[
            "[10] `timeout` is a text in quotes, not an integer | From the first byte sent to the last byte received of one request.",
        ],
    );
    wrong_stream(
        "cadence = 7",
        &["[7] `cadence` is a text in quotes or a table, not an integer | When to look."],
    );
}

#[test]
fn wrong_words_are_shown_with_the_right_ones() {
    wrong_stream(
        "partition_by = \"hours\"",
        &[
            "[\"hours\"] `partition_by` cannot be `hours` | did you mean `hour`? known here: year, month, day, hour, minute",
        ],
    );
    wrong_stream(
        "contract = \"evolv\"",
        &[
            "[\"evolv\"] `contract`: `evolv` is no contract; one of evolve, freeze, discard_row, discard_value",
        ],
    );
    wrong_stream(
        "paginator = { type = \"page\" }",
        &[
            "[\"page\"] `paginator` has no type `page` | known here: single_page, page_number, offset, cursor, json_link, header_link, header_cursor",
        ],
    );
    wrong_stream(
        "paginator = {}",
        &[
            "[{}] `type` is missing in `paginator` | known here: single_page, page_number, offset, cursor, json_link, header_link, header_cursor",
        ],
    );
    wrong_stream(
        "paginator = \"page_number\"",
        &[
            "[\"page_number\"] `paginator` is a table, not a text | write paginator = { type = \"page_number\" }",
        ],
    );
    wrong_stream("method = \"PUT\"", &["[\"PUT\"] `method` cannot be `PUT` | known here: GET, POST, DELETE"]);
}

#[test]
fn names_are_plain_unique_and_not_ours() {
    wrong(
        "\"weather\"",
        "\"My Weather\"",
        &[
            "[\"My Weather\"] `name`: `My Weather` holds more than lower-case letters, digits and `_` | write `my_weather`",
        ],
    );
    wrong_stream(
        "[[streams]]\nname = \"weather\"\npath = \"/\"",
        &["[\"weather\"] another stream is called `weather` | give each stream a name of its own"],
    );
    wrong(
        "\"weather\"",
        "\"quarantine\"",
        &[
            "[\"quarantine\"] no table can be called `quarantine` | `quarantine` and names that begin with `_` are tidegate's own; give another `table`",
        ],
    );
    wrong_stream(
        "table = \"_x\"",
        &[
            "[\"_x\"] no table can be called `_x` | `quarantine` and names that begin with `_` are tidegate's own; give another `table`",
        ],
    );
    wrong_stream(
        "[[streams]]\nname = \"b\"\ntable = \"weather\"\npartition_by = \"day\"\npath = \"/\"",
        &[
            "[\"day\"] another stream feeds `weather` with a different `partition_by` | one table has one partitioning",
        ],
    );
}

#[test]
fn addresses_are_checked() {
    for (url, expected) in [
        (
            "api.example.org",
            "[\"api.example.org\"] `base_url`: `api.example.org` is not a URL (relative URL without a base) | write one such as \"https://api.open-meteo.com\"",
        ),
        (
            "ftp://x",
            "[\"ftp://x\"] `base_url`: `ftp` is neither http nor https | write a URL such as \"https://api.open-meteo.com\"",
        ),
        (
            "https://u:p@x",
            "[\"https://u:p@x\"] `base_url`: a URL with a user name or a password in it would be written to logs and batches | put them into source.auth, type = \"http_basic\"",
        ),
    ] {
        wrong("https://api.example.org", url, &[expected]);
    }
    for (staging, expected) in [
        ("data/raw", "`staging`: `data/raw` has no scheme | for a directory write \"file:data/raw\""),
        ("gs://bucket", "`staging`: `gs:` is no store | known here: file:, s3://, memory://"),
        ("s3:///x", "`staging`: the bucket is missing | write \"s3://bucket/prefix\""),
        (
            "file://lake/x",
            "`staging`: `//lake` is a host, and files have none | write \"file:./lake/x\" or \"file:///…\"",
        ),
        (
            "file://./x",
            "`staging`: `//.` is a host, and files have none | write \"file:./x\" or \"file:///…\"",
        ),
    ] {
        let text = format!("staging = \"{staging}\"\n{GOOD}");
        assert_eq!(mistakes(&text, &[]), [format!("[\"{staging}\"] {expected}")]);
    }
    let nested = format!("staging = \"file:./lake/raw\"\n{GOOD}");
    assert_eq!(
        mistakes(&nested, &[]),
        [
            "[\"file:./lake/raw\"] one of `staging` and `lake` lies within the other | give each a place of its own"
        ]
    );
    let same = format!("staging = \"s3://b/x/\"\nlake = \"s3://b/x\"\n{GOOD}");
    assert_eq!(
        mistakes(&same, &[]),
        ["[\"s3://b/x\"] `staging` and `lake` are the same place | give each a place of its own"]
    );
}

#[test]
fn paths_within_answers_are_checked() {
    wrong_stream(
        "records = \"data.items\"",
        &[
            "[\"data.items\"] `records`: `data.items` is not a JSONPath | a JSONPath begins with `$`: \"$.data.items\"",
        ],
    );
    wrong_stream(
        "ignore = [\"$.a\", \"b\"]",
        &["[\"b\"] `b` is not a JSONPath | a JSONPath begins with `$`: \"$.b\""],
    );
    wrong_stream(
        "event_time = \"$.time\"",
        &["[\"$.time\"] `event_time`: `$.time` is a path within a record, not a JSONPath | write \"time\""],
    );
    wrong_stream(
        "primary_key = [\"id\", \"\"]",
        &[
            "[\"\"] `` names no field | write a field's name (\"time\") or a dotted path (\"properties.time\")",
        ],
    );
}

#[test]
fn times_are_checked() {
    wrong_stream(
        "event_time = { path = \"t\", timezone = \"Europe/Berlyn\", format = \"iso\" }",
        &[
            "[\"Europe/Berlyn\"] `timezone`: `Europe/Berlyn` is no time zone | use an IANA name, such as \"Europe/Berlin\"",
            "[\"iso\"] `format`: `iso` holds no field of a time | write a strptime format such as \"%d.%m.%Y %H:%M\"",
        ],
    );
    wrong_stream(
        "cadence = \"7 parsecs\"",
        &[
            "[\"7 parsecs\"] `cadence`: `7 parsecs` is not a span of time; write a number and its unit, such as \"15m\", \"90s\", \"1h30m\" or \"7d\"; or \"learn\", or a table with `min`, `max`, `every`, `cron` …",
        ],
    );
    wrong_stream(
        "cadence = \"lern\"",
        &["[\"lern\"] `cadence`: `lern` is no cadence | did you mean `learn`?"],
    );
    wrong_stream(
        "cadence = { max_stalenes = \"1h\", calls_per_day = 0, polls_per_change = 0 }",
        &[
            "[max_stalenes] `cadence` has no key `max_stalenes` | did you mean `max_staleness`? known here: every, cron, min, max, max_staleness, calls_per_day, polls_per_change",
            "[0] `calls_per_day` is at least 1",
        ],
    );
    wrong_stream(
        "cadence = { every = \"7m\", polls_per_change = 4, min = \"5m\", max_staleness = \"1m\" }",
        &[
            "[4] `polls_per_change` says nothing to a cadence that is given | leave `every` or `cron` out, and the rhythm is learned",
            "[\"5m\"] `min` (5m) is longer than `max_staleness` (1m) | swap them",
        ],
    );
    wrong_stream(
        "cadence = { every = \"7m\", cron = \"0 * * * *\", min = \"2h\", max = \"1h\" }",
        &[
            "[{ every = \"7m\", cron = \"0 * * * *\", min = \"2h\", max = \"1h\" }] `every` and `cron` exclude each other | keep one of the two",
            "[\"2h\"] `min` (2h) is longer than `max` (1h) | swap them",
        ],
    );
    let cron = mistakes(&format!("{GOOD}cadence = {{ cron = \"61 * * * *\" }}\n"), &[]);
    assert!(cron[0].starts_with("[\"61 * * * *\"] `cron`: `61 * * * *` is no cron expression"), "{cron:?}");
    wrong_source(
        "limits.timeout = \"0s\"\nlimits.requests_per_second = 0",
        &[
            "[\"0s\"] `timeout` is more than 0 | such as \"30s\"",
            "[0] `requests_per_second` is more than 0 | 0.1 is one request in ten seconds; leave it out for no limit",
        ],
    );
}

#[test]
fn secrets_never_stand_in_the_file() {
    wrong_source(
        "auth = { type = \"bearer\", token = \"abc\" }",
        &[
            "[\"abc\"] `token`: a secret must not stand in the pipeline file | put it into an environment variable and write \"${NAME}\", or into a file and write \"${file:/path}\"",
        ],
    );
    wrong_source(
        "headers = { Authorization = \"Bearer abc\", Accept = \"${a b}\" }",
        &[
            "[\"${a b}\"] `Accept`: `${a b}` names no environment variable and no file | write \"${NAME}\" for an environment variable, \"${file:/path}\" for a file or, on AWS, \"${aws-secret:NAME}\" or \"${aws-parameter:NAME}\"",
        ],
    );
    wrong_source(
        "headers = { Authorization = \"Bearer abc\" }",
        &[
            "[\"Bearer abc\"] `Authorization` holds a secret in the open | put it into an environment variable and write \"${NAME}\"",
        ],
    );
    wrong_source(
        "auth = { type = \"bearer\", token = \"${TOKEN\" }",
        &[
            "[\"${TOKEN\"] `token`: `${` is not closed by `}` | write \"${NAME}\" for an environment variable, \"${file:/path}\" for a file or, on AWS, \"${aws-secret:NAME}\" or \"${aws-parameter:NAME}\"",
        ],
    );
    let fine = GOOD.replace("[[streams]]", "auth = { type = \"bearer\", token = \"${TOKEN}\" }\n[[streams]]");
    assert!(read(&fine, &[]).is_ok());
}

#[test]
fn fan_out_and_templates_find_their_values() {
    wrong(
        "{ id = \"b\" }",
        "{ id = \"a\" }",
        &[
            "[{ city = [{ id = \"a\" }, { id = \"a\" }] }] for_each: two elements are named `a`; give each its own `name` | an element is called by its `name`, `id` or `key`, else by its text",
        ],
    );
    wrong(
        "[{ id = \"a\" }, { id = \"b\" }]",
        "[]",
        &[
            "[[]] the list of `city` is empty | list what to ask for: city = [{ name = \"a\" }, { name = \"b\" }]",
        ],
    );
    let unknown = mistakes(&GOOD.replace("{city.id}", "{town.id}"), &[]);
    assert!(unknown[0].starts_with("[\"/v1/{town.id}\"]") && unknown[0].contains("town"), "{unknown:?}");
    let param = mistakes(&format!("{GOOD}params = {{ a = 1, b = \"{{city.lat}}\" }}\n"), &[]);
    assert!(param.len() == 1 && param[0].starts_with("[\"{city.lat}\"]"), "{param:?}");
    wrong_stream("body = { a = 1 }", &["[{ a = 1 }] a GET request has no body | add method = \"POST\""]);
    wrong_stream("form = { a = 1 }", &["[{ a = 1 }] a GET request has no body | add method = \"POST\""]);
    wrong_stream(
        "method = \"POST\"\nbody = { a = 1 }\nform = { b = \"2\" }",
        &["[{ b = \"2\" }] a request has a JSON body or a form | leave one of them out"],
    );
}

#[test]
fn overrides_are_applied_and_checked_as_the_file_is() {
    let set = |overrides: &[&str]| {
        let overrides: Vec<String> = overrides.iter().map(|one| (*one).to_owned()).collect();
        read(GOOD, &overrides).expect("good")
    };
    let pipeline = set(&["source.limits.timeout=10s", "streams.weather.cadence=7m", "streams[0].params.n=3"]);
    assert_eq!(pipeline.source.limits.timeout.to_string(), "10s");
    assert_eq!(pipeline.streams[0].cadence.every.map(|span| span.to_string()).as_deref(), Some("7m"));
    assert_eq!(pipeline.streams[0].params["n"], 3);
    assert_eq!(set(&["lake=memory:///x=y"]).lake, "memory:///x=y");
    for (assignment, expected) in [
        (
            "source.limits.timeout=10",
            "[] --set source.limits.timeout: `timeout` is a text in quotes, not an integer | From the first byte sent to the last byte received of one request.",
        ),
        (
            "streams.wether.path=/x",
            "[] --set streams.wether.path: there is no `wether` | did you mean `weather`? known here: weather",
        ),
        ("name", "[] --set name: there is no `=` | write --set source.limits.timeout=10s"),
        ("name.x=1", "[] --set name.x: the value above `x` is no table; set it as a whole"),
        (
            "nme=x",
            "[] --set nme: the file has no key `nme` | did you mean `name`? known here: name, staging, lake, source, streams",
        ),
    ] {
        assert_eq!(mistakes(GOOD, &[assignment]), [expected]);
    }
}

#[test]
fn all_mistakes_come_at_once_in_order_of_place() {
    let text = "naem = \"x\"\n[source]\nbase_url = 3\n[[streams]]\nname = \"a\"\npartition_by = \"week\"\n";
    let found: Vec<usize> =
        read(text, &[]).expect_err("wrong").iter().map(|mistake| mistake.span.start).collect();
    assert_eq!(found.len(), 5);
    assert!(found.is_sorted());
}

#[test]
fn the_expressions_about_answers_are_parsed_when_the_file_is_read() {
    let text = "name = \"a\"\nstaging = \"memory://\"\nlake = \"memory://\"\n[source]\nbase_url = \"https://h.example\"\n\
                [[streams]]\nname = \"b\"\npath = \"/b\"\nresponse_actions = [{ when = \"{{ response.a }}\", action = \"fail\" }]\n\
                paginator = { type = \"cursor\", cursor = \"{{ response.c }}\", stop = \"{{ response.d }}\" }\n";
    let pipeline = read(text, &[]).expect("a right file");
    let stream = &pipeline.streams[0];
    let super::super::Paginator::Cursor(cursor) = &stream.paginator else { panic!("{:?}", stream.paginator) };
    let all = [&stream.response_actions[0].when, &cursor.cursor, &cursor.stop];
    assert!(all.iter().all(|written| written.as_ref().is_some_and(|written| written.is_parsed())));
}
