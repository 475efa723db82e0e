//! How files are to be: short, introduced, and free of the machine they were written on.

use regex::Regex;

use crate::source::{File, assert_none, files, root};

/// More lines than this have a second subject in them.
const MOST_LINES: usize = 600;

#[test]
fn files_say_what_they_are_for() {
    let mut found = Vec::new();
    for file in files().iter().filter(|file| file.is_code()) {
        let first = file
            .text
            .lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default();
        let introduced = if file.has_extension(&["rs"]) {
            first.starts_with("//!")
        } else {
            first.starts_with("//") || first.starts_with("/*")
        };
        if !introduced {
            found.push(file.path.clone());
        }
    }
    assert_none(
        &found,
        "The first lines of a file say what it is for (`//!` in Rust):",
    );
}

#[test]
fn files_have_one_subject() {
    let long = files()
        .into_iter()
        .filter(File::is_code)
        .filter_map(|file| {
            let lines = file.text.lines().count();
            (lines > MOST_LINES).then(|| format!("{}: {lines} lines", file.path))
        });
    assert_none(
        &long.collect::<Vec<_>>(),
        "Look for the second noun in these files:",
    );
}

#[test]
fn no_file_names_a_machine() {
    // Written in pieces, so that this file does not name them either.
    let folders = ["work", "root", "home/[a-z]+", "Users/[A-Za-z]+"].join("|");
    let hosts = [
        "registry.npmjs",
        "npmmirror",
        "static.crates",
        "index.crates",
        "deb.debian",
        "files.pythonhosted",
    ];
    let hosts = hosts
        .map(|host| format!(r"{}\.", host.replace('.', r"\.")))
        .join("|");
    let machine =
        Regex::new(&format!(r#"(^|[\s"'`(=:])/({folders})/|\b({hosts})"#)).expect("a regex");
    let here = root().to_string_lossy().into_owned();
    let mut found = Vec::new();
    for file in &files() {
        for (index, line) in file.text.lines().enumerate() {
            if machine.is_match(line) || line.contains(&here) {
                found.push(format!("{}:{}: {}", file.path, index + 1, line.trim()));
            }
        }
    }
    assert_none(
        &found,
        "Paths of one machine and hosts of registries do not belong here:",
    );
}

#[test]
fn no_test_is_switched_off() {
    let off =
        Regex::new(r"^\s*#\[ignore\b|\b(test|it|describe)\.(only|skip|fixme)\(").expect("a regex");
    let mut found = Vec::new();
    for file in files().iter().filter(|file| file.is_code()) {
        for (index, line) in file.text.lines().enumerate() {
            if off.is_match(line) {
                found.push(format!("{}:{}: {}", file.path, index + 1, line.trim()));
            }
        }
    }
    assert_none(
        &found,
        "A test that does not run proves nothing: mend or delete it:",
    );
}
