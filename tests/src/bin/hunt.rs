//! `hunt [--from SEED] [--schedules N] [--threads N] [--write FILE] [WORDS]`: plants each fault that is described
//! with these words, or every fault, one at a time, and looks for the first schedule that finds
//! it. Prints the rows of the table in `docs/reliability.md`; `--write` puts them into that file.
//! Only in a build with the feature `planted-faults`; `script/hunt` builds and runs it.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    thread,
};

use tidemark_engine::faults::{Fault, plant};
use tidemark_tests::simulation::Course;

/// So much of what a schedule says fits a row.
const VERDICT_MAX: usize = 72;

/// What was asked for.
struct Asked {
    /// The first seed that is tried.
    from: u64,
    /// So many schedules are tried for a fault.
    schedules: u64,
    threads: usize,
    /// The document whose rows become what was found.
    document: Option<PathBuf>,
    words: String,
}

fn asked() -> Option<Asked> {
    let mut asked = Asked {
        from: 1,
        schedules: 5_000,
        threads: thread::available_parallelism().map_or(1, usize::from),
        document: None,
        words: String::new(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--from" => asked.from = arguments.next()?.parse().ok()?,
            "--schedules" => asked.schedules = arguments.next()?.parse().ok()?,
            "--threads" => asked.threads = arguments.next()?.parse().ok()?,
            "--write" => asked.document = Some(arguments.next()?.into()),
            _ if argument.starts_with('-') => return None,
            _ => asked.words = argument,
        }
    }
    Some(asked)
}

/// The first seed that finds a fault, and what its schedule said; and how many held.
fn hunt(fault: Fault, asked: &Asked) -> (u64, Option<(u64, String)>) {
    plant(Some(fault));
    let (held, failures) =
        Course::on_threads(asked.threads, asked.from, |number| number < asked.schedules);
    plant(None);
    let first = failures.into_iter().min_by_key(|failure| failure.seed);
    (
        held.schedules,
        first.map(|failure| (failure.seed, failure.what)),
    )
}

/// A row of the table, as `tests/tests/faults` reads it.
fn row(fault: Fault, seed: &str, verdict: &str) -> String {
    let verdict: String = verdict.chars().take(VERDICT_MAX).collect();
    // What a verdict quotes is Markdown to nobody.
    let verdict = verdict.replace(['|', '`', '\n'], " ");
    format!("| {} | {seed} | `{}` |", fault.text(), verdict.trim())
}

/// Puts rows in the place of those that begin alike.
fn write(document: &PathBuf, rows: &[(Fault, String)]) -> io::Result<()> {
    let text = fs::read_to_string(document)?;
    let lines = text.lines().map(|line| {
        let is_its = |fault: &Fault| line.starts_with(&format!("| {} |", fault.text()));
        let row = rows.iter().find(|(fault, _)| is_its(fault));
        row.map_or(line, |(_, row)| row.as_str())
    });
    let text: String = lines.flat_map(|line| [line, "\n"]).collect();
    fs::write(document, text)
}

fn main() -> ExitCode {
    let Some(asked) = asked() else {
        eprintln!("hunt [--schedules N] [--threads N] [--write FILE] [WORDS]");
        return ExitCode::FAILURE;
    };
    // A fault may well end in a panic, which is a verdict like any other.
    std::panic::set_hook(Box::new(|_| ()));
    let mut rows = Vec::new();
    let mut all_were_found = true;
    let faults = Fault::ALL
        .iter()
        .filter(|it| it.text().contains(&asked.words));
    for fault in faults {
        let (held, found) = hunt(*fault, &asked);
        all_were_found &= found.is_some();
        let row = match found {
            Some((seed, what)) => row(*fault, &seed.to_string(), &what),
            None => row(*fault, "none", &format!("{held} schedules hold")),
        };
        println!("{row}");
        // Whoever waits for a long hunt sees each row as it comes.
        let _ = io::stdout().flush();
        rows.push((*fault, row));
    }
    if let Some(Err(error)) = asked.document.map(|document| write(&document, &rows)) {
        eprintln!("the document cannot be written: {error}");
        return ExitCode::FAILURE;
    }
    if all_were_found {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
