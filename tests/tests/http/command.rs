//! The command line: options from everywhere, `--dev`, tokens, stopping. Rules P-53 and P-55.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::json;
use tidemark_tests::client::Client;
use tidemark_tests::server::{SECRET, Server, announced, tidemark};

fn run(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), SECRET).unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    std::fs::write(folder.path().join("wrong.toml"), "lissten = '127.0.0.1:0'").unwrap();
    let mut command = tidemark();
    let output = command.current_dir(folder.path()).args(arguments).output();
    output.unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_server_that_is_set_wrongly_says_what_to_do() {
    for (arguments, hint) in [
        (&["serve"][..], "--jwt-secret FILE"),
        (
            &["serve", "--jwt-secret", "missing"],
            "cannot read the secret",
        ),
        (&["serve", "--jwt-secret", "empty"], "is empty"),
        (&["serve", "--jwks", "missing.json"], "cannot read the keys"),
        (
            &["serve", "--dev", "--listen", "0.0.0.0:0"],
            "loopback only",
        ),
        (&["serve", "--dev", "--listen", "here"], "ADDRESS:PORT"),
        (&["serve", "--dev", "--database", "mysql://x"], "sqlite:"),
        (
            &["serve", "--dev", "--config", "missing.toml"],
            "cannot read the config file",
        ),
        (
            &["serve", "--dev", "--config", "wrong.toml"],
            "unknown field `lissten`",
        ),
        (
            &["serve", "--dev", "--body-bytes", "5"],
            "--body-bytes must be at least",
        ),
        (
            &["serve", "--dev", "--cors-origins", "app.example"],
            "is no origin",
        ),
        (&["serve", "--dev", "--log", "loud=nonsense=x"], "--log"),
        (
            &["token", "--user", "alice", "--jwt-secret", "missing"],
            "cannot read the secret",
        ),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(
            said(&output).contains(hint),
            "{arguments:?}: {}",
            said(&output)
        );
        assert_eq!(output.stdout, b"", "{arguments:?}");
    }
    for arguments in [&[][..], &["serve", "--lissten", "x"], &["token"], &["sing"]] {
        assert_eq!(run(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn the_command_line_goes_before_the_environment_before_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = "dev = true\npush-records = 11\npull_records = 12\nbody-bytes = 5000\nlisten = '127.0.0.1:0'";
    std::fs::write(folder.path().join("tidemark.toml"), file).unwrap();
    let mut child = tidemark()
        .current_dir(folder.path())
        .env("TIDEMARK_CONFIG", "tidemark.toml")
        .env("TIDEMARK_PULL_RECORDS", "22")
        .env("TIDEMARK_BODY_BYTES", "6000")
        .args(["serve", "--body-bytes", "7000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let address = announced(&mut child);
    let nobody = Client::new(&address, None);
    let user = json!({"user": "alice"});
    let issued = nobody.done("/v1/dev/token", &user);
    let alice = nobody.with_token(issued["token"].as_str().unwrap());
    let device = json!({"device_uuid": "6f3b7c1e-0d55-4c0a-9a57-1f2e3d4c5b6a"});
    let limits = &alice.done("/v1/sync/open", &device)["limits"];
    let expected = json!({"push_records": 11, "pull_records": 22, "body_bytes": 7000});
    assert_eq!(limits, &expected);
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A disk that is full takes no line of the log; what needs no disk is answered all the same.
#[cfg(target_os = "linux")]
#[test]
fn a_log_that_cannot_be_written_fails_no_call() {
    let folder = tempfile::tempdir().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let mut child = tidemark()
        .current_dir(folder.path())
        .args([
            "serve",
            "--dev",
            "--log",
            "debug",
            "--listen",
            "127.0.0.1:0",
        ])
        .stdout(Stdio::piped())
        .stderr(full.unwrap())
        .spawn()
        .unwrap();
    let nobody = Client::new(&announced(&mut child), None);
    let issued = nobody.done("/v1/dev/token", &json!({"user": "alice"}));
    let alice = nobody.with_token(issued["token"].as_str().unwrap());
    let device = json!({"device_uuid": "6f3b7c1e-0d55-4c0a-9a57-1f2e3d4c5b6a"});
    assert_eq!(alice.done("/v1/sync/open", &device)["mode"], "fast");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_printed_token_opens_the_door() {
    let server = Server::start();
    let secret = server.folder().join("secret");
    let output = run(&[
        "token",
        "--user",
        "alice",
        "--jwt-secret",
        secret.to_str().unwrap(),
    ]);
    assert!(output.status.success());
    let token = String::from_utf8(output.stdout).unwrap();
    let alice = server.stranger().with_token(token.trim_end());
    assert_eq!(alice.get("/v1/records").status, 200);

    let arguments = ["token", "--user", "a", "--expires", "0s", "--jwt-secret"];
    let output = run(&[&arguments[..], &[secret.to_str().unwrap()]].concat());
    let token = String::from_utf8(output.stdout).unwrap();
    std::thread::sleep(Duration::from_secs(7));
    let late = server.stranger().with_token(token.trim_end());
    assert_eq!(late.get("/v1/records").code(), "unauthenticated");
}

#[test]
fn p53_dev_signs_for_anybody_on_this_machine() {
    let mut server = Server::with(&["--dev"]);
    let nobody = server.stranger();
    let port = server.address().rsplit_once(':').unwrap().1.to_owned();
    let ask = |headers: &[(&str, &str)], body: &str| {
        nobody
            .send("POST", "/v1/dev/token", headers, body.as_bytes())
            .unwrap()
    };
    let alice = r#"{"user":"alice"}"#;
    let own = server.address().to_owned();
    let issued = ask(&[("origin", &own)], alice).done();
    assert_eq!(ask(&[], alice).status, 200);
    for headers in [
        [("origin", "https://evil.example")],
        [("origin", "null")],
        [("origin", "http://127.0.0.1:1")],
        [("host", "evil.example")],
        [("host", "192.168.1.7:8787")],
    ] {
        let refused = ask(&headers, alice);
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (403, "forbidden"),
            "{headers:?}"
        );
        assert_eq!(refused.header("access-control-allow-origin"), "");
    }
    assert_eq!(
        ask(&[("host", &format!("localhost:{port}"))], alice).status,
        200
    );
    for body in [r#"{"user":""}"#, r#"{"user":7}"#, "{}", ""] {
        assert_eq!(ask(&[], body).code(), "malformed");
    }
    // The token outlives a restart.
    server.stop();
    server.start_again();
    let token = issued["token"].as_str().unwrap();
    assert_eq!(
        server
            .stranger()
            .with_token(token)
            .get("/v1/records")
            .status,
        200
    );
}

#[test]
fn the_demo_is_served_as_a_page() {
    let server = Server::with(&["--dev"]);
    let nobody = server.stranger();
    let page = nobody
        .send("GET", "/", &[("accept", "text/html")], &[])
        .unwrap();
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(
        page.header("content-security-policy")
            .contains("'wasm-unsafe-eval'")
    );
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let inside = nobody
        .send("GET", "/lists/7", &[("accept", "text/html,*/*")], &[])
        .unwrap();
    assert_eq!((inside.status, inside.body), (200, page.body));
    let part = nobody
        .send("GET", "/missing.js", &[("accept", "*/*")], &[])
        .unwrap();
    assert_eq!(part.code(), "not_found");
    let tag = page.headers.get("etag");
    if let Some(tag) = tag {
        let known = [("if-none-match", tag.to_str().unwrap())];
        assert_eq!(nobody.send("GET", "/", &known, &[]).unwrap().status, 304);
    }
    assert_eq!(
        nobody.send("POST", "/", &[], b"{}").unwrap().code(),
        "method_not_allowed"
    );
}

#[test]
fn p55_a_stop_finishes_what_runs_and_exits_with_0() {
    let mut server = Server::start();
    let alice = server.client("alice");
    assert_eq!(alice.get("/readyz").status, 200);
    // A call whose body is still on its way when the server is told to stop.
    let address = server.address().trim_start_matches("http://").to_owned();
    let mut slow = TcpStream::connect(&address).unwrap();
    let body = json!({"device_uuid": "6f3b7c1e-0d55-4c0a-9a57-1f2e3d4c5b6a"}).to_string();
    let head = format!(
        "POST /v1/sync/open HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
         expect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        tidemark_tests::server::token("alice"),
        body.len()
    );
    slow.write_all(head.as_bytes()).unwrap();
    let mut ready = [0; 25];
    slow.read_exact(&mut ready).unwrap();
    assert!(
        ready.starts_with(b"HTTP/1.1 100 Continue"),
        "the handler reads"
    );
    server.ask_to_stop();
    while TcpStream::connect(&address).is_ok() {
        std::thread::sleep(Duration::from_millis(10));
    }
    slow.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(server.wait().code(), Some(0));
    // A closed database leaves no log beside it.
    assert!(!server.folder().join("truth.db-wal").exists());
    server.start_again();
    assert_eq!(server.stop().code(), Some(0));
}
