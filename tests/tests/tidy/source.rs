//! The repository's own text files, as the other tests here read them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{MetadataCommand, Package};
use ignore::WalkBuilder;

/// A text file of the repository.
pub(crate) struct File {
    /// From the repository's root, with forward slashes.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    pub(crate) fn has_extension(&self, extensions: &[&str]) -> bool {
        let extension = Path::new(&self.path).extension().and_then(|e| e.to_str());
        extension.is_some_and(|extension| extensions.contains(&extension))
    }

    /// Whether a person wrote it, line by line: not a lock file, nor sample data.
    pub(crate) fn is_code(&self) -> bool {
        self.has_extension(&["rs", "ts", "tsx"]) && !self.path.ends_with(".d.ts")
    }

    /// Its text without whole-line comments: what the compiler sees, nearly.
    pub(crate) fn without_comments(&self) -> String {
        let code = self
            .text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        code.collect::<Vec<_>>().join("\n")
    }

    /// What of it is a test: all of a test file, else what follows the first `#[cfg(test)]`.
    pub(crate) fn tests(&self) -> &str {
        if self.is_test() {
            return &self.text;
        }
        let start = self.text.find("#[cfg(test)]");
        start.map_or("", |start| &self.text[start..])
    }

    /// What of it is shipped: all but [`Self::tests`], without comments.
    pub(crate) fn shipped(&self) -> String {
        if self.is_test() {
            return String::new();
        }
        let code = self.without_comments();
        code.split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    fn is_test(&self) -> bool {
        let in_folder =
            |folder| self.path.starts_with(folder) || self.path.contains(&format!("/{folder}"));
        // A file of tests only is switched by the `mod` line above it.
        let tests_only = || self.text.contains("test]\n") && !self.text.contains("#[cfg(test)]");
        in_folder("tests/")
            || tests_only()
            || in_folder("conformance/")
            || [
                "/tests.rs",
                "_tests.rs",
                "/conformance.rs",
                ".spec.ts",
                ".test.ts",
                ".test.tsx",
            ]
            .iter()
            .any(|end| self.path.ends_with(end))
    }
}

pub(crate) fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests
        .parent()
        .expect("the workspace holds this crate")
        .to_owned()
}

/// The workspace's crates.
pub(crate) fn packages() -> Vec<Package> {
    let metadata = MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec();
    metadata.expect("cargo knows this workspace").packages
}

/// Every text file that git would keep.
pub(crate) fn files() -> Vec<File> {
    let root = root();
    let walk = WalkBuilder::new(&root)
        .hidden(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .require_git(false)
        .build();
    let mut files = Vec::new();
    for entry in walk {
        let entry = entry.expect("a readable folder");
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        // What is not UTF-8 is an image or the like.
        let Ok(text) = fs::read_to_string(entry.path()) else {
            continue;
        };
        let path = entry
            .path()
            .strip_prefix(&root)
            .expect("a path below the root");
        let path = path.to_string_lossy().replace('\\', "/");
        files.push(File { path, text });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(
        files.iter().any(|file| file.path == "Cargo.toml"),
        "the repository was not found"
    );
    files
}

/// The text of the file at this path.
pub(crate) fn text_of<'a>(files: &'a [File], path: &str) -> &'a str {
    let file = files.iter().find(|file| file.path == path);
    &file.unwrap_or_else(|| panic!("{path} is missing")).text
}

/// Fails with one line for each thing found, under a sentence saying what to do.
pub(crate) fn assert_none(found: &[String], what_to_do: &str) {
    assert!(found.is_empty(), "{what_to_do}\n  {}\n", found.join("\n  "));
}
