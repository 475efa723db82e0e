//! Faults that can be planted are in no build but that of the test which shows that they are
//! found: not in the server, not in the package, and no default and no dependency asks for them.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use regex::Regex;

use crate::source::{assert_none, files, packages, root};

const FEATURE: &str = "planted-faults";
/// Who may speak of the feature beside the crates that declare it.
const SCRIPTS: [&str; 2] = ["script/test", "script/hunt"];

/// What a build with planted faults has in it: their descriptions, and the mark.
fn names() -> Vec<String> {
    let source = fs::read_to_string(root().join("engine/src/faults.rs")).expect("the list");
    let described = Regex::new(r#"(?m)^ +[A-Z]\w+ = "(.+)",$"#).expect("a regex");
    let mark = Regex::new(r#"const MARK: &str = "(.+)";"#).expect("a regex");
    let found = [described, mark].map(|pattern| {
        let captures = pattern.captures_iter(&source);
        captures.map(|it| it[1].to_owned()).collect::<Vec<_>>()
    });
    assert!(found[0].len() >= 22 && found[1].len() == 1, "{found:?}");
    found.concat()
}

/// What is shipped, as far as it is built: the server that the tests run is there always.
fn shipped() -> Vec<PathBuf> {
    let own = env::current_exe().expect("this test is a file");
    let profile = own
        .ancestors()
        .nth(2)
        .expect("target/PROFILE/deps/this test");
    let target = profile.parent().expect("target/PROFILE");
    let under_test = profile.join("tidemark-under-test");
    assert!(under_test.exists(), "{}", under_test.display());
    let mut found = vec![under_test];
    let others = [
        target.join("debug/tidemark"),
        target.join("release/tidemark"),
    ];
    found.extend(others.into_iter().filter(|it| it.exists()));
    for folder in ["client-wasm/wasm", "client-wasm/dist", "web/dist"] {
        modules(&root().join(folder), &mut found);
    }
    found
}

/// The WebAssembly modules in a folder, and below.
fn modules(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            modules(&path, found);
        } else if path.extension().is_some_and(|it| it == "wasm") {
            found.push(path);
        }
    }
}

#[test]
fn what_is_shipped_has_no_planted_faults() {
    let names = names();
    for file in shipped() {
        // Looking through a hundred megabytes is quick in a program that is optimised.
        let mut grep = Command::new("grep");
        grep.args(["--text", "--only-matching", "--fixed-strings"]);
        grep.args(names.iter().map(|name| format!("--regexp={name}")));
        let output = grep.arg(&file).output().expect("grep runs");
        let found = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{}: {found}", file.display());
        println!("{} has none of {} names", file.display(), names.len());
    }
}

#[test]
fn nothing_asks_for_planted_faults() {
    let mut found = Vec::new();
    for package in &packages() {
        for (feature, enables) in &package.features {
            if feature != FEATURE && enables.iter().any(|it| it.contains(FEATURE)) {
                found.push(format!("the feature {feature} of {}", package.name));
            }
        }
        for dependency in &package.dependencies {
            if dependency.features.iter().any(|it| it == FEATURE) {
                found.push(format!("{} of {}", dependency.name, package.name));
            }
        }
    }
    for file in files() {
        let is_script = file.path.starts_with("script/") || file.path.ends_with("package.json");
        if is_script && file.text.contains(FEATURE) && !SCRIPTS.contains(&file.path.as_str()) {
            found.push(file.path);
        }
    }
    assert_none(&found, "Only tests plant faults:");
}
