//! Documents that must move with the code: the rules with their tests, the protocol's page with
//! its types.

use std::collections::BTreeSet;

use regex::Regex;
use sha2::{Digest, Sha256};

use crate::source::{assert_none, files, text_of};

#[test]
fn every_rule_has_a_test_and_every_test_its_rule() {
    let files = files();
    let row = Regex::new(r"(?m)^\|\s*([PTSD]-\d{1,2}[a-z]?)\s*\|").expect("a regex");
    let by_name = Regex::new(r"\b([PTSD])-(\d{1,2}[a-z]?)\b").expect("a regex");
    let by_function = Regex::new(r"\bfn rule_([ptsd])(\d{1,2}[a-z]?)_").expect("a regex");
    let names = |text: &str| -> BTreeSet<String> {
        let named = by_name
            .captures_iter(text)
            .chain(by_function.captures_iter(text));
        named
            .map(|it| format!("{}-{}", it[1].to_uppercase(), &it[2]))
            .collect()
    };

    let rows: Vec<_> = row
        .captures_iter(text_of(&files, "docs/rules.md"))
        .map(|row| row[1].to_owned())
        .collect();
    let rules: BTreeSet<_> = rows.iter().cloned().collect();
    assert!(
        !rules.is_empty(),
        "docs/rules.md has no rows that start with a rule's ID"
    );
    assert_eq!(rows.len(), rules.len(), "docs/rules.md has an ID twice");

    let mut tested = BTreeSet::new();
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.is_code()) {
        for id in names(file.tests()) {
            if !rules.contains(&id) {
                found.push(format!(
                    "{} names {id}, which docs/rules.md does not have",
                    file.path
                ));
            }
            tested.insert(id);
        }
    }
    found.extend(
        rules
            .difference(&tested)
            .map(|id| format!("no test names {id}")),
    );
    assert_none(
        &found,
        "docs/rules.md and the tests must name the same rules:",
    );
}

#[test]
fn links_between_documents_lead_somewhere() {
    let files = files();
    let link = Regex::new(r"\]\(([^)#\s]+)(#[^)]*)?\)").expect("a regex");
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.has_extension(&["md"])) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for target in link
            .captures_iter(&file.text)
            .map(|link| link[1].to_owned())
        {
            if !target.contains(':') && !crate::source::root().join(folder).join(&target).exists() {
                found.push(format!("{} links to {target}", file.path));
            }
        }
    }
    assert_none(&found, "These links lead nowhere:");
}

#[test]
fn decisions_have_numbers_of_their_own() {
    let files = files();
    let mut numbers = BTreeSet::new();
    let mut found = Vec::new();
    for path in files
        .iter()
        .filter_map(|file| file.path.strip_prefix("docs/decisions/"))
    {
        if !numbers.insert(path.split('-').next()) {
            found.push(format!("{path} has a number that another has"));
        }
    }
    assert_none(&found, "Give the later one the next free number:");
}

#[test]
fn the_protocol_page_was_read_when_its_types_changed() {
    let files = files();
    let mut hash = Sha256::new();
    for file in files
        .iter()
        .filter(|file| file.path.starts_with("protocol/src/"))
    {
        hash.update(file.path.as_bytes());
        hash.update([0]);
        hash.update(file.text.as_bytes());
        hash.update([0]);
    }
    let hash = hash
        .finalize()
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let line = format!("<!-- protocol/src sha256: {hash} -->");
    assert!(
        text_of(&files, "docs/protocol.md").contains(&line),
        "protocol/src has changed. Every type in it is a promise: bring docs/protocol.md into \
         step with it, then put this line there in place of the old one:\n{line}\n"
    );
}
