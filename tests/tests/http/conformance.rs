//! The conformance kit against the real server, and against servers that break a rule: a proxy
//! alters what it says, and the rule's check must fail.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};
use tidemark_tests::client::{Answer, Client};
use tidemark_tests::server::{Server, tidemark, token};

/// One call as it comes through the proxy.
struct Passing {
    /// `POST /v1/sync/open`.
    call: String,
    status: u16,
    answer: Value,
    /// The kind of the body, and whether the scheme of a 401 is told.
    kind: String,
    challenge: String,
}

type Alter = fn(&mut Passing);

fn kit(arguments: &[&str]) -> Output {
    let mut command = tidemark();
    command.arg("conformance").args(arguments);
    command.output().unwrap()
}

fn report(arguments: &[&str]) -> (Option<i32>, Value) {
    let output = kit(&[arguments, &["--json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout);
    (
        output.status.code(),
        report.unwrap_or_else(|_| panic!("{said}")),
    )
}

/// The checks that did not end well.
fn not_ok(report: &Value) -> Vec<Value> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks.filter(|it| it["outcome"] != "ok").cloned().collect()
}

#[test]
fn the_server_keeps_every_rule_that_is_checked() {
    let server = Server::with(&["--dev"]);
    let (code, report) = report(&[server.address()]);
    let missed = not_ok(&report);
    let failed = missed.iter().filter(|it| it["outcome"] == "failed");
    assert_eq!(failed.collect::<Vec<_>>(), Vec::<&Value>::new());
    for line in &missed {
        let why = line["why"].as_str().unwrap();
        assert!(why.contains("501 not_supported"), "{line:#}");
    }
    assert_eq!((code, &report["counts"]["failed"]), (Some(0), &json!(0)));
    assert!(
        report["counts"]["rules"].as_u64() >= Some(90),
        "{}",
        report["counts"]
    );
}

/// As against a server of anybody's: two users, and one datastore for all checks, which the second
/// run finds as the first has left it.
#[test]
fn a_used_datastore_with_told_tokens_is_checked_too() {
    const COUNTING: &str = "P-10,P-15,P-24,P-25,P-41,P-42,P-44,P-46,P-50,P-56,P-59,P-60,P-64";
    let server = Server::start();
    let refused = kit(&[server.address()]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("--token"), "{said}");
    let (one, two) = (token("alice"), token("bob"));
    let told = [server.address(), "--token", &one, "--second-token", &two];
    for _ in 0..2 {
        let (code, report) = report(&[&told[..], &["--only", COUNTING]].concat());
        let missed = not_ok(&report);
        for line in &missed {
            let why = line["why"].as_str().unwrap_or_default();
            assert!(why.contains("a server in --dev"), "{line:#}");
        }
        assert_eq!((code, missed.len()), (Some(0), 1));
    }
    let (_, alone) = report(&[server.address(), "--token", &one, "--only", "P-10,P-53"]);
    let whys = not_ok(&alone);
    let whys: Vec<_> = whys.iter().map(|it| it["why"].to_string()).collect();
    assert!(
        whys.iter().any(|why| why.contains("--second-token")),
        "{whys:?}"
    );
    assert!(whys.iter().any(|why| why.contains("--dev")), "{whys:?}");
}

#[test]
fn a_line_tells_rule_words_and_verdict() {
    let server = Server::with(&["--dev"]);
    let output = kit(&[server.address(), "--only", "P-51"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.starts_with("ok           P-51"), "{said}");
    let last = "1 checks of 1 rules: 1 ok, 0 failed, 0 not checked\n";
    assert!(said.ends_with(last), "{said}");
    let output = kit(&[server.address(), "--only", "P-999"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("P-999"));
    let listed = String::from_utf8(kit(&["--list"]).stdout).unwrap();
    assert!(listed.lines().any(|rule| rule == "P-33"));
}

/// What a server may do wrong, and the rule whose check finds it.
const FAULTS: [(&str, &str, Alter); 30] = [
    ("P-2", "takes any token", |it| {
        if it.status == 401 {
            it.status = 200;
        }
    }),
    ("P-2", "does not say how to sign in", |it| {
        it.challenge.clear();
    }),
    ("P-8", "refuses in plain JSON", |it| {
        it.kind = String::from("application/json");
    }),
    ("P-9", "does not tell the place", |it| {
        for rejected in members(&mut it.answer, "rejected") {
            rejected["index"] = json!(0);
        }
    }),
    ("P-12", "drops `local_id`", |it| {
        records(it, &|record| drop(record.remove("local_id")));
    }),
    ("P-12", "tells of no change", |it| {
        records(it, &|record| drop(record.remove("changed")));
    }),
    ("P-13", "gives keys of its own", |it| {
        records(it, &|record| {
            if record.contains_key("local_id") {
                record["key"] = json!(format!("other {}", record["key"]));
            }
        });
    }),
    ("P-14", "hashes otherwise", |it| {
        records(it, &|record| {
            record.insert("fingerprint".into(), json!("0".repeat(32)));
        });
    }),
    ("P-15", "is always in sync", |it| {
        if it.call.ends_with("/finish") && it.status == 200 {
            it.answer["in_sync"] = json!(true);
        }
    }),
    ("P-5", "says times in its own form", |it| {
        records(it, &|record| {
            record.insert("created".into(), json!("2026-11-22T05:00:00Z"));
        });
    }),
    ("P-23", "takes late opens for gone", |it| {
        if it.answer["code"] == "stale_device" {
            (it.status, it.answer["status"]) = (410, json!(410));
            it.answer["code"] = json!("session_gone");
        }
    }),
    ("P-27", "never repairs", |it| {
        if it.answer["mode"] == "repair" {
            it.answer["mode"] = json!("fast");
        }
    }),
    ("P-29", "tells no limit", |it| {
        if it.answer["limits"].is_object() {
            it.answer["limits"] = json!({});
        }
    }),
    ("P-32", "counts one too many", |it| {
        if let Some(count) = it.answer["received"].as_u64() {
            it.answer["received"] = json!(count + 1);
        }
    }),
    ("P-36", "tells of no conflict", |it| {
        if it.answer["conflicts"].is_number() {
            it.answer["conflicts"] = json!(0);
        }
    }),
    ("P-41", "has no airbag", |it| {
        if it.status == 423 {
            it.status = 200;
        }
    }),
    ("P-43", "sorts by key", |it| {
        if let Some(records) = it.answer["records"].as_array_mut() {
            records.reverse();
        }
    }),
    ("P-44", "tells no tombstones", |it| {
        if let Some(records) = it.answer["records"].as_array_mut() {
            records.retain(|record| record["deleted"] != json!(true));
        }
    }),
    ("P-60", "finds no difference", |it| {
        if it.call.ends_with("/reconcile") && it.status == 200 {
            it.answer["ranges"] = json!([]);
        }
    }),
    ("P-4", "tells fewer digits", |it| {
        if let Some(checkin) = it.answer["max_checkin"].as_str() {
            it.answer["max_checkin"] = json!(checkin.replace('Z', "0Z"));
        }
    }),
    ("P-24", "opens a session for nothing", |it| {
        if it.answer["in_sync"] == json!(true) && it.answer["sync_uuid"].is_null() {
            it.answer["sync_uuid"] = json!("6f3b7c1e-0d55-4c0a-9a57-1f2e3d4c5b6a");
        }
    }),
    ("P-31", "counts a batch alone", |it| {
        if it.answer["staged"].is_number() {
            it.answer["staged"] = json!(1);
        }
    }),
    ("P-47", "takes any `last_update`", |it| {
        if it.call.ends_with("/finish") && it.status == 400 {
            it.status = 200;
        }
    }),
    ("P-61", "asks for nothing", |it| {
        if it.call.ends_with("/reconcile") && it.status == 200 {
            it.answer["send"] = json!([]);
        }
    }),
    ("P-66", "asks for no confirming", |it| {
        if it.status == 423 {
            it.status = 200;
        }
    }),
    ("P-67", "lets anybody go on after a replaced truth", |it| {
        if it.answer["code"] == "truth_pushed" {
            it.status = 200;
        }
    }),
    ("P-68", "brings all to who only pushes", |it| {
        if it.call.ends_with("/pull") && it.answer["records"].is_array() {
            let more = json!({"key": "k", "entity": "record", "value": 1, "fingerprint": ""});
            it.answer["records"].as_array_mut().unwrap().push(more);
        }
    }),
    ("P-69", "forgets that it mirrors", |it| {
        if it.answer["mirror"] == json!(true) {
            it.answer["mirror"] = json!(false);
        }
    }),
    ("P-71", "deletes without asking", |it| {
        if it.status == 423 {
            it.status = 200;
        }
    }),
    ("P-57", "settles twice", |it| {
        if it.answer["code"] == "settled" {
            it.status = 200;
        }
    }),
];

fn members<'a>(answer: &'a mut Value, list: &str) -> Vec<&'a mut Value> {
    let list = answer.get_mut(list).and_then(Value::as_array_mut);
    list.into_iter().flatten().collect()
}

/// Alters each record that is told, in a pull or in one that rides.
fn records(passing: &mut Passing, alter: &dyn Fn(&mut serde_json::Map<String, Value>)) {
    let mut lists = members(&mut passing.answer, "records");
    let is_pull = passing.call.contains("/v1/sync/");
    lists.retain(|_| is_pull);
    for record in lists {
        alter(record.as_object_mut().unwrap());
    }
    if let Some(pull) = passing.answer.get_mut("pull") {
        for record in members(pull, "records") {
            alter(record.as_object_mut().unwrap());
        }
    }
}

#[test]
fn each_fault_is_found_by_its_rule() {
    let server = Server::with(&["--dev"]);
    let honest = proxied(server.stranger(), |_| {});
    let (code, report) = report(&[&honest, "--only", "P-43,P-60,P-15,P-2"]);
    assert_eq!(
        (code, not_ok(&report)),
        (Some(0), Vec::new()),
        "the proxy does no harm"
    );
    for (rule, fault, alter) in FAULTS {
        let address = proxied(server.stranger(), alter);
        let (code, report) = self::report(&[&address, "--only", rule]);
        let failed: Vec<Value> = not_ok(&report);
        let is_found = failed.iter().any(|it| {
            it["outcome"] == "failed" && it["rules"].as_array().unwrap().contains(&json!(rule))
        });
        assert!(is_found, "{rule}: a server that {fault} passes");
        assert_eq!(code, Some(1), "{rule}: {fault}");
        for line in failed {
            let told = ["sent", "got", "demand"].map(|member| line[member].is_string());
            assert_eq!(told, [true; 3], "{line:#}");
        }
    }
}

/// A server that hands each call on, and alters what comes back; its address. It ends with the test.
fn proxied(client: Client, alter: Alter) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let client = Arc::new(client);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let client = Arc::clone(&client);
            // A caller that hangs up is no fault of the proxy's.
            thread::spawn(move || pass(stream.ok()?, &client, alter).ok());
        }
    });
    address
}

/// Hands one call on.
fn pass(mut stream: TcpStream, client: &Client, alter: Alter) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let Some((first, headers)) = lines.split_first() else {
        return Ok(());
    };
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or("GET"), words.next().unwrap_or("/"));
    let headers: Vec<(String, &str)> = headers
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let hop = ["host", "content-length", "connection"];
    let kept = headers.iter().filter(|(name, _)| !hop.contains(&&**name));
    let kept: Vec<(&str, &str)> = kept.map(|(name, value)| (&**name, *value)).collect();
    let answer = client.send(method, path, &kept, &body).unwrap();
    let call = format!("{method} {}", path.split('?').next().unwrap_or(path));
    stream.write_all(&altered(call, &answer, alter))
}

/// The answer as it goes on: altered where it is JSON.
fn altered(call: String, answer: &Answer, alter: Alter) -> Vec<u8> {
    let mut passing = Passing {
        call,
        status: answer.status,
        answer: serde_json::from_slice(&answer.body).unwrap_or_default(),
        kind: answer.header("content-type").to_owned(),
        challenge: answer.header("www-authenticate").to_owned(),
    };
    let is_json = passing.answer.is_object();
    alter(&mut passing);
    let body = if is_json {
        passing.answer.to_string().into_bytes()
    } else {
        answer.body.clone()
    };
    let head = format!(
        "HTTP/1.1 {} as told\r\nconnection: close\r\ncontent-length: {}\r\ncontent-type: {}\r\n\
         www-authenticate: {}\r\n\r\n",
        passing.status,
        body.len(),
        passing.kind,
        passing.challenge,
    );
    [head.into_bytes(), body].concat()
}
