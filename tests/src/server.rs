//! The `tidemark` binary in a process of its own, on a free port, over a database in a folder that
//! goes with it. It can be stopped, killed, and started again on the same database.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, SystemTime};

use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;
use tempfile::TempDir;

use crate::client::Client;

/// What the servers here check tokens with.
pub const SECRET: &str = "only the tests know these 32 bytes, or a few more";

/// A folder with a database and the secret, and the server on it while there is one.
pub struct Server {
    folder: TempDir,
    options: Vec<String>,
    /// What its process is told by the environment.
    environment: Vec<(&'static str, String)>,
    child: Option<Child>,
    address: String,
}

impl Server {
    /// A server over a new database that trusts [`SECRET`].
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// The same, with further options.
    pub fn with(options: &[&str]) -> Self {
        Self::on(tempfile::tempdir().expect("a folder"), options)
    }

    /// The same with all that it writes in a folder there.
    pub fn within(place: &Path) -> Self {
        Self::on(tempfile::tempdir_in(place).expect("a folder"), &[])
    }

    fn on(folder: TempDir, options: &[&str]) -> Self {
        std::fs::write(folder.path().join("secret"), SECRET).expect("a file");
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let mut server = Self {
            folder,
            options,
            environment: Vec::new(),
            child: None,
            address: String::new(),
        };
        server.start_again();
        server
    }

    /// Starts it on the same database, on another port.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let mut command = self.command();
        command.stdout(Stdio::piped()).stderr(self.log());
        let mut child = command.spawn().expect("the server starts");
        self.address = announced(&mut child);
        self.child = Some(child);
    }

    /// Starts it where it cannot run; what it said as it ended.
    pub fn tries_to_start(&self) -> Output {
        let mut command = self.command();
        command.output().expect("the server starts")
    }

    /// `tidemark verify` on its database.
    pub fn verify(&self) -> Output {
        let mut command = tidemark();
        command
            .current_dir(self.folder.path())
            .args(["verify", "--database", "sqlite:truth.db"]);
        command.output().expect("it runs")
    }

    /// What its process is told by the environment from the next start on.
    pub fn set_environment(&mut self, environment: Vec<(&'static str, String)>) {
        self.environment = environment;
    }

    fn command(&self) -> Command {
        let mut command = tidemark();
        command
            .current_dir(self.folder.path())
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(["--database", "sqlite:truth.db", "--jwt-secret", "secret"])
            .args(&self.options)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// `http://ADDRESS:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The folder that the server runs in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Calls as this user.
    pub fn client(&self, user: &str) -> Client {
        Client::new(&self.address, Some(token(user)))
    }

    /// Calls with this token.
    pub fn client_with(&self, token: &str) -> Client {
        Client::new(&self.address, Some(token.to_owned()))
    }

    /// Calls as nobody.
    pub fn stranger(&self) -> Client {
        Client::new(&self.address, None)
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        self.ask_to_stop();
        self.wait()
    }

    /// Asks it to stop and does not wait.
    pub fn ask_to_stop(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        let told = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(told.expect("kill runs").success());
    }

    /// Waits for one that was asked to stop.
    pub fn wait(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it runs");
        child.wait().expect("it ends")
    }

    /// Ends it this instant (SIGKILL).
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it is there to be killed");
        child.wait().expect("it ends");
    }

    /// Ends it (SIGKILL) after so much time, whatever it is doing then; `wait` for it.
    pub fn kill_after(&self, delay: Duration) -> std::thread::JoinHandle<()> {
        let pid = self.child.as_ref().expect("it runs").id().to_string();
        std::thread::spawn(move || {
            std::thread::sleep(delay);
            let told = Command::new("kill").args(["-KILL", &pid]).status();
            assert!(told.expect("kill runs").success());
        })
    }

    /// What it has logged so far.
    pub fn logged(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn log(&self) -> std::fs::File {
        let mut options = std::fs::OpenOptions::new();
        let options = options.create(true).append(true);
        options.open(self.folder.path().join("log")).expect("a log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself; either way it is gone after this.
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("the server's log:\n{}", self.logged());
        }
    }
}

/// The command line under test, with nothing of this process's own settings.
pub fn tidemark() -> Command {
    let mut command = Command::new(binary());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TIDEMARK_")) {
        command.env_remove(name);
    }
    command
}

/// Beside the test that runs, `target/…/deps/http-…` and `target/…/tidemark-under-test`, or beside the
/// program.
fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a program");
    let name = format!("tidemark-under-test{}", std::env::consts::EXE_SUFFIX);
    let folders = own.ancestors().skip(1).take(2);
    let mut found = folders.map(|folder| folder.join(&name));
    found.find(|it| it.exists()).expect("the server is built")
}

/// Reads the address off stdout, which then must hold nothing more.
pub fn announced(child: &mut Child) -> String {
    let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("text");
    let address = line
        .strip_prefix("listening on ")
        .map(|address| address.trim_end().to_owned());
    let Some(address) = address else {
        let _ = child.kill();
        panic!("the server said {line:?} where its address was expected");
    };
    std::thread::spawn(move || {
        let mut rest = String::new();
        let _ = stdout.read_to_string(&mut rest);
        assert_eq!(rest, "", "stdout is for the address alone");
    });
    address
}

/// A token for a user, good for an hour.
pub fn token(user: &str) -> String {
    signed(&json!({"sub": user, "exp": now() + 3600}))
}

/// Any claims, signed with [`SECRET`].
pub fn signed(claims: &serde_json::Value) -> String {
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::default(), claims, &key).expect("a token")
}

/// Seconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since: Duration| since.as_secs())
}
