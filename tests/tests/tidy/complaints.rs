//! What is said to happen here, and by which test it is shown: those tests are there.

use regex::{Regex, escape};

use crate::source::{File, assert_none, files, text_of};

const PAGE: &str = "docs/complaints.md";

#[test]
fn every_complaint_has_its_answer_and_every_test_that_is_named_is_there() {
    let files = files();
    let shown = Regex::new(r"^- `([^`]+)`: (?:`(\w+)`|“(.+)”)$").expect("a regex");
    let mut found = Vec::new();
    let mut count = 0;
    for section in text_of(&files, PAGE).split("\n## ").skip(1) {
        let title = section.lines().next().unwrap_or_default();
        count += 1;
        if count <= 20 && !title.starts_with(&format!("{count}. ")) {
            found.push(format!("“{title}” should be number {count}"));
        }
        let mut tests = 0;
        for line in section.lines().filter(|line| line.starts_with("- ")) {
            let Some(test) = shown.captures(line) else {
                found.push(format!("“{title}” has no test in this line: {line}"));
                continue;
            };
            tests += 1;
            let name = test.get(2).or(test.get(3)).map_or("", |name| name.as_str());
            let file = files.iter().find(|file| file.path == test[1]);
            if !file.is_some_and(|file| has_test(file, name)) {
                found.push(format!("{} has no test called {name}", &test[1]));
            }
        }
        if tests == 0 {
            found.push(format!("“{title}” names no test"));
        }
    }
    assert_eq!(
        count, 21,
        "{PAGE} has twenty complaints, and what is asked for beside"
    );
    assert_none(
        &found,
        "docs/complaints.md names tests that show what it says:",
    );
}

/// Whether a file has a test of this name: a function, or a title in which a `${…}` stands for
/// any text.
fn has_test(file: &File, name: &str) -> bool {
    if file.has_extension(&["rs"]) {
        let function = Regex::new(&format!(r"\bfn {name}\(")).expect("a regex");
        return function.is_match(file.tests());
    }
    let title = Regex::new(r"\btest\(\s*(?:'([^'\n]+)'|`([^`\n]+)`)").expect("a regex");
    let part = Regex::new(r"\\\$\\\{.+?\\\}").expect("a regex");
    title.captures_iter(&file.text).any(|title| {
        let title = title
            .get(1)
            .or(title.get(2))
            .map_or("", |title| title.as_str());
        let title = escape(title);
        let pattern = format!("^{}$", part.replace_all(&title, ".+"));
        Regex::new(&pattern).is_ok_and(|pattern| pattern.is_match(name))
    })
}
