//! Which crate may depend on which, and which module may name which.

use std::collections::BTreeMap;

use regex::Regex;

use crate::source::{File, assert_none, files, packages};

/// Of the workspace's own crates, which each may depend on. Nothing sees `tests`.
const CRATES: [(&str, &[&str]); 6] = [
    ("tidemark-protocol", &[]),
    ("tidemark-engine", &["tidemark-protocol"]),
    (
        "tidemark-client-wasm",
        &["tidemark-engine", "tidemark-protocol"],
    ),
    // It judges servers, ours too: what it shared with ours it could not find wrong.
    ("tidemark-conformance", &[]),
    (
        "tidemark-server",
        &[
            "tidemark-conformance",
            "tidemark-engine",
            "tidemark-protocol",
        ],
    ),
    (
        "tidemark-tests",
        &[
            "tidemark-conformance",
            "tidemark-engine",
            "tidemark-protocol",
            "tidemark-server",
        ],
    ),
];

/// Libraries that belong to one crate of those that are shipped, and why. Tests may look into
/// what a crate keeps where no API shows it.
const OWNED: [(&str, &str, &str); 10] = [
    ("axum", "tidemark-server", "HTTP is the server's"),
    ("tower-http", "tidemark-server", "HTTP is the server's"),
    ("sqlx", "tidemark-server", "SQL is the server's"),
    ("rusqlite", "tidemark-server", "SQL is the server's"),
    (
        "clap",
        "tidemark-server",
        "the command line is the server's",
    ),
    (
        "wasm-bindgen",
        "tidemark-client-wasm",
        "the browser is the client's",
    ),
    (
        "wasm-bindgen-futures",
        "tidemark-client-wasm",
        "the browser is the client's",
    ),
    (
        "js-sys",
        "tidemark-client-wasm",
        "the browser is the client's",
    ),
    (
        "web-sys",
        "tidemark-client-wasm",
        "the browser is the client's",
    ),
    ("idb", "tidemark-client-wasm", "IndexedDB is the client's"),
];

/// Modules that must not name others: files whose path starts so, the names, and why.
const MODULES: [(&str, &[&str], &str); 9] = [
    (
        "engine/src/client",
        &["truth"],
        "client and truth meet only over the protocol",
    ),
    (
        "engine/src/truth",
        &["client", "store"],
        "the truth is decided without a device's parts",
    ),
    (
        "engine/src/store",
        &["client", "truth"],
        "the page store knows nothing of syncing",
    ),
    (
        "engine/src/query",
        &["client", "truth"],
        "queries know nothing of syncing",
    ),
    (
        "engine/src/json",
        &["client", "truth", "store"],
        "JSON is below everything",
    ),
    (
        "engine/src/fingerprint",
        &["client", "truth", "store"],
        "fingerprints are below both sides",
    ),
    (
        "server/src/store",
        &["session", "http", "auth", "cli"],
        "http -> session -> store",
    ),
    (
        "server/src/session",
        &["http", "auth", "cli"],
        "http -> session -> store",
    ),
    ("server/src/http", &["store"], "http -> session -> store"),
];

/// The tests of devices read the stored conflicts where the server keeps them: no call shows
/// them yet. It is the one way past the owners.
const LOOKS_INTO_THE_DATABASE: (&str, &str) = ("tidemark-tests", "sqlx");

/// What the pure crates must not name outside their tests: each is an argument or a port.
const IMPURE: [&str; 9] = [
    "std::",
    "SystemTime",
    "Instant::now",
    "now_utc",
    "new_v4",
    "now_v7",
    "getrandom",
    "thread_rng",
    "unsafe ",
];

#[test]
fn crates_depend_one_way() {
    let allowed = BTreeMap::from(CRATES);
    let mut found = Vec::new();
    for package in &packages() {
        let name = package.name.as_str();
        let Some(allowed) = allowed.get(name) else {
            found.push(format!(
                "{name} is not in the list of crates: say what it may depend on"
            ));
            continue;
        };
        for dependency in package
            .dependencies
            .iter()
            .map(|dependency| dependency.name.as_str())
        {
            if dependency.starts_with("tidemark-") && !allowed.contains(&dependency) {
                found.push(format!("{name} must not depend on {dependency}"));
            }
            for (library, owner, why) in OWNED {
                let is_allowed = name == owner || (name, library) == LOOKS_INTO_THE_DATABASE;
                if dependency == library && !is_allowed {
                    found.push(format!("{name} must not depend on {library}: {why}"));
                }
            }
        }
    }
    assert_none(
        &found,
        "protocol <- engine <- client-wasm, and engine <- server:",
    );
}

#[test]
fn modules_keep_to_their_side() {
    let files = files();
    let mut found = Vec::new();
    for (start, names, why) in MODULES {
        for file in files.iter().filter(|file| is_within(file, start)) {
            let code = file.shipped();
            for name in names.iter().filter(|name| names_module(&code, name)) {
                found.push(format!("{} names `{name}`: {why}", file.path));
            }
        }
    }
    assert_none(&found, "A module reaches through a wall:");
}

#[test]
fn sql_stays_in_the_store_and_http_in_its_room() {
    let sql = Regex::new(r"\b(sqlx|rusqlite)::").expect("a regex");
    let http = Regex::new(r"\baxum::").expect("a regex");
    let mut found = Vec::new();
    for file in files()
        .iter()
        .filter(|file| file.path.starts_with("server/src/"))
    {
        let code = file.shipped();
        if sql.is_match(&code) && !file.path.starts_with("server/src/store/") {
            found.push(format!(
                "{}: SQL is spoken only in server/src/store",
                file.path
            ));
        }
        if http.is_match(&code)
            && ["store", "session"]
                .iter()
                .any(|room| is_within(file, &format!("server/src/{room}")))
        {
            found.push(format!(
                "{}: HTTP is spoken only in server/src/http",
                file.path
            ));
        }
    }
    assert_none(&found, "A library is used outside its room:");
}

#[test]
fn protocol_and_engine_are_pure() {
    let files = files();
    let mut found = Vec::new();
    for krate in ["protocol", "engine"] {
        let lib = files
            .iter()
            .find(|file| file.path == format!("{krate}/src/lib.rs"));
        let lib = lib.map_or("", |file| &file.text);
        for line in ["#![no_std]", "#![forbid(unsafe_code)]"] {
            if !lib.lines().any(|it| it == line) {
                found.push(format!("{krate}/src/lib.rs lacks {line}"));
            }
        }
        for file in files
            .iter()
            .filter(|file| file.path.starts_with(&format!("{krate}/src/")))
        {
            let code = file.shipped();
            for name in IMPURE.iter().filter(|name| code.contains(**name)) {
                found.push(format!("{} names `{name}`", file.path));
            }
        }
    }
    assert_none(
        &found,
        "protocol and engine take time, randomness and I/O as arguments:",
    );
}

/// Whether the file is the module at `start`, or below it.
fn is_within(file: &File, start: &str) -> bool {
    file.path
        .strip_prefix(start)
        .is_some_and(|rest| rest.starts_with(['/', '.']))
}

/// Whether code imports from, or names a path into, the crate's module `name`.
fn names_module(code: &str, name: &str) -> bool {
    let paths = format!(r"\bcrate::{name}\b|\buse\s+crate::\{{[^;]*\b{name}\b\s*(::|,|\}})");
    Regex::new(&paths).expect("a regex").is_match(code)
}

#[test]
fn imports_are_recognised() {
    for code in [
        "use crate::truth;",
        "crate::truth::mingle()",
        "use crate::{\n  json,\n  truth::mingle,\n};",
    ] {
        assert!(names_module(code, "truth"), "{code}");
    }
    for code in [
        "use crate::truthful;",
        "let truth = 1;",
        "use crate::{json};\nfn f(truth: u8, b: u8) {}",
    ] {
        assert!(!names_module(code, "truth"), "{code}");
    }
}
