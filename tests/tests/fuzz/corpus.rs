//! Mutated inputs, and the files of those that once failed.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
};

use proptest::{
    collection::vec,
    prelude::{Strategy, any},
    sample::{Index, select},
    test_runner::{Config, TestError, TestRunner},
};

/// What breaks parsers, in JSON and elsewhere.
const TOKENS: [&[u8]; 24] = [
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x80",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b":",
    b",",
    b"null",
    b"true",
    b"-",
    b"1e999",
    b"0.1e-7",
    b"99999999999999999999",
    b" ",
    b"\"a\":1,",
    b"\xc3\xa9",
    b"[[[[[[[[[[[[[[[[",
];

/// Something that is done to an input.
#[derive(Clone, Debug)]
enum Mutation {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, &'static [u8]),
    Remove(Index, Index),
    Repeat(Index, Index),
    Cut(Index),
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if let Self::Insert(at, token) = self {
            let at = at.index(bytes.len() + 1);
            bytes.splice(at..at, token.iter().copied());
        }
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        let part = |at: &Index, count: &Index| {
            let at = at.index(length);
            at..at + 1 + count.index(length - at)
        };
        match self {
            Self::Set(at, byte) => bytes[at.index(length)] = *byte,
            Self::Flip(at, bit) => bytes[at.index(length)] ^= 1 << (bit % 8),
            Self::Insert(..) => {}
            Self::Remove(at, count) => drop(bytes.drain(part(at, count))),
            Self::Repeat(at, count) => {
                let copy = bytes[part(at, count)].to_vec();
                let at = at.index(length);
                bytes.splice(at..at, copy);
            }
            Self::Cut(at) => bytes.truncate(at.index(length)),
        }
    }
}

fn any_mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<Index>;
    proptest::prop_oneof![
        (index(), any::<u8>()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        (index(), any::<u8>()).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        (index(), select(&TOKENS)).prop_map(|(at, token)| Mutation::Insert(at, token)),
        (index(), index()).prop_map(|(at, count)| Mutation::Remove(at, count)),
        (index(), index()).prop_map(|(at, count)| Mutation::Repeat(at, count)),
        index().prop_map(Mutation::Cut),
    ]
}

fn mutated(inputs: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (select(inputs), vec(any_mutation(), 0..6)).prop_map(|(mut bytes, mutations)| {
        for mutation in mutations {
            mutation.apply(&mut bytes);
        }
        bytes
    })
}

fn folder(target: &str) -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.join("corpus").join(target)
}

/// Tries what failed before, and then so many mutations of inputs; `check` panics at what is wrong.
pub(crate) fn fuzz(target: &str, cases: u32, inputs: Vec<Vec<u8>>, check: impl Fn(&[u8])) {
    let folder = folder(target);
    for entry in fs::read_dir(&folder).into_iter().flatten() {
        let path = entry.expect("a readable folder").path();
        println!("{}", path.display());
        check(&fs::read(path).expect("a readable file"));
    }
    let told = std::env::var("TIDEMARK_CASES").ok();
    let cases = told.and_then(|told| told.parse().ok()).unwrap_or(cases);
    let mut runner = TestRunner::new(Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    });
    let outcome = runner.run(&mutated(inputs), |bytes| {
        check(&bytes);
        Ok(())
    });
    if let Err(TestError::Fail(why, bytes)) = outcome {
        let mut hash = DefaultHasher::new();
        bytes.hash(&mut hash);
        let file = folder.join(format!("{:016x}", hash.finish()));
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(&file, &bytes).expect("a file");
        let text = String::from_utf8_lossy(&bytes);
        panic!("{why}\nkept as {}\n{text}", file.display());
    }
    println!("{target}: {cases} inputs");
}

/// Texts as inputs.
pub(crate) fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
