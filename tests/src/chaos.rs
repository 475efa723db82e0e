//! Chaos with real processes: native devices write and sync over HTTP against the binary, while it is
//! killed, frozen, started under another clock, on a disk that fills up and is empty again. At the end
//! all must agree, and with what people were told.
//!
//! Where this machine cannot do one of these things, that is said, and the others are done.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::{
    native::Line,
    server::{self, Server},
};

mod person;

use person::{Person, Told};

const DEVICES: u64 = 3;
/// A server that can have another clock lasts longer than any token that tells the time.
const TOKEN_YEARS: u64 = 20;
/// Where libfaketime is, on the systems that have it.
const CLOCKS: [&str; 3] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

/// How it is to go.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Repeats what is chosen, though not when it strikes.
    pub seed: u64,
    /// How long everything is broken, before it is whole again.
    pub time: Duration,
    /// A small file system of its own, if there is one: it is filled up, and made read-only.
    pub disk: Option<PathBuf>,
}

/// What was done to the server.
#[derive(Clone, Copy, Debug, Default)]
struct Blows {
    kills: u32,
    freezes: u32,
    clocks: u32,
    full_disks: u32,
    read_only: u32,
}

struct Chaos {
    random: fastrand::Rng,
    server: Server,
    line: Line,
    disk: Option<PathBuf>,
    clock: Option<&'static str>,
    blows: Blows,
}

/// Does it all, and tells what was done; panics where something is wrong.
pub fn run(plan: &Plan) -> String {
    println!("chaos with the seed {}", plan.seed);
    let clock = CLOCKS.into_iter().find(|it| Path::new(it).exists());
    if clock.is_none() {
        println!("SKIPPED: other clocks, as libfaketime is not installed");
    }
    if plan.disk.is_none() {
        println!("SKIPPED: a full and a read-only disk, as there is no file system to fill");
    }
    let server = match &plan.disk {
        Some(disk) => Server::within(disk),
        None => Server::start(),
    };
    let line = Line::default();
    line.moved(server.address());
    let claims = json!({"sub": "alice", "exp": server::now() + TOKEN_YEARS * 365 * 86_400});
    let token = server::signed(&claims);
    let mut chaos = Chaos {
        random: fastrand::Rng::with_seed(plan.seed),
        server,
        line: line.clone(),
        disk: plan.disk.clone(),
        clock,
        blows: Blows::default(),
    };
    let is_over = AtomicBool::new(false);
    let told: Vec<Told> = thread::scope(|scope| {
        let people: Vec<_> = (0..DEVICES)
            .map(|number| {
                let (line, token, is_over) = (line.clone(), token.clone(), &is_over);
                let seed = plan.seed.wrapping_mul(31).wrapping_add(number);
                scope.spawn(move || Person::new(number, seed, line, token).lives(is_over))
            })
            .collect();
        chaos.rages(plan.time);
        is_over.store(true, Relaxed);
        people
            .into_iter()
            .map(|person| person.join().expect("a device ends well"))
            .collect()
    });
    let truth = chaos.server.client_with(&token).records();
    person::judge(&told, &truth);
    let (statuses, failures) = (line.statuses(), line.failures());
    let unclear: Vec<_> = failures
        .keys()
        .filter(|it| !it.contains("\"busy\""))
        .collect();
    assert!(unclear.is_empty(), "not said clearly: {unclear:#?}");
    assert!(chaos.server.stop().success());
    let verified = chaos.server.verify();
    let (said, error) = (&verified.stdout, &verified.stderr);
    let said = String::from_utf8_lossy(said) + String::from_utf8_lossy(error);
    assert!(verified.status.success(), "{said}");
    let writes: u64 = told.iter().map(Told::writes).sum();
    let Blows {
        kills,
        freezes,
        clocks,
        full_disks,
        read_only,
    } = chaos.blows;
    format!(
        "{kills} kills, {freezes} freezes, {clocks} clocks, {full_disks} full disks, {read_only} \
         read-only disks; {writes} writes by {DEVICES} devices, {} records; answers {statuses:?}; \
         verified: {}",
        truth.len(),
        said.trim()
    )
}

impl Chaos {
    /// Breaks things until the time is over, and leaves all whole.
    fn rages(&mut self, time: Duration) {
        let ends = Instant::now() + time;
        while Instant::now() < ends {
            thread::sleep(Duration::from_millis(self.random.u64(50..600)));
            match self.random.u32(0..10) {
                0..3 => self.kills(),
                3..5 => self.freezes(),
                5..9 => self.fills_the_disk(),
                _ => self.locks_the_disk(),
            }
        }
    }

    /// Killed, and started again, perhaps under another clock.
    fn kills(&mut self) {
        self.server.kill();
        self.blows.kills += 1;
        self.starts();
    }

    fn starts(&mut self) {
        let mut environment = Vec::new();
        if let Some(library) = self.clock.filter(|_| self.random.bool()) {
            let days = self.random.i64(-40..40);
            environment.push(("LD_PRELOAD", library.to_owned()));
            environment.push(("FAKETIME", format!("{days:+}d")));
            environment.push(("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()));
            self.blows.clocks += 1;
        }
        self.server.set_environment(environment);
        self.server.start_again();
        self.line.moved(self.server.address());
    }

    /// It stops in the midst of whatever it does, and goes on later.
    fn freezes(&mut self) {
        self.server.signal("STOP");
        thread::sleep(Duration::from_millis(self.random.u64(50..1500)));
        self.server.signal("CONT");
        self.blows.freezes += 1;
    }

    /// Nothing can be written for a while; sometimes it is killed in that state.
    fn fills_the_disk(&mut self) {
        let Some(disk) = &self.disk else { return };
        let filler = disk.join("filler");
        fill(&filler);
        self.blows.full_disks += 1;
        thread::sleep(Duration::from_millis(self.random.u64(200..900)));
        let dies = self.random.bool();
        if dies {
            self.server.kill();
        }
        fs::remove_file(&filler).expect("the filler can go");
        if dies {
            self.starts();
        }
    }

    /// The file system is read-only as it is started: it says so and ends.
    fn locks_the_disk(&mut self) {
        let Some(disk) = self.disk.clone() else {
            return;
        };
        self.server.kill();
        remount(&disk, "ro");
        let outcome = self.server.tries_to_start();
        remount(&disk, "rw");
        assert!(!outcome.status.success(), "it serves what it cannot write");
        let said = String::from_utf8_lossy(&outcome.stderr).into_owned();
        assert!(said.contains("database"), "not said clearly: {said}");
        self.blows.read_only += 1;
        self.starts();
    }
}

/// Writes until nothing more fits.
fn fill(file: &Path) {
    use std::io::Write;
    let mut file = fs::File::create(file).expect("a file");
    for size in [1 << 16, 1 << 12, 1 << 8, 1] {
        let piece = vec![0; size];
        while file.write_all(&piece).is_ok() {}
    }
}

fn remount(disk: &Path, how: &str) {
    let done = std::process::Command::new("mount")
        .args(["-o", &format!("remount,{how}")])
        .arg(disk)
        .status();
    assert!(done.expect("mount runs").success(), "remount,{how}");
}
