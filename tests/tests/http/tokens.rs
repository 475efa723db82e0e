//! Who is asking: tokens good and bad. Rules P-2 and P-10.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tidemark_tests::client::{Answer, Client};
use tidemark_tests::server::{SECRET, Server, now, signed, token};

fn ask(client: &Client, token: &str) -> Answer {
    client.with_token(token).get("/v1/records")
}

fn assert_refused(answer: &Answer) {
    assert_eq!(answer.status, 401);
    assert_eq!(answer.code(), "unauthenticated");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
}

fn unsigned(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let header = part(header.to_string().as_bytes());
    let claims = part(claims.to_string().as_bytes());
    format!("{header}.{claims}.{}", part(signature))
}

#[test]
fn p2_only_tokens_of_the_trusted_signer_are_taken() {
    let server = Server::start();
    let nobody = server.stranger();
    assert_refused(&nobody.get("/v1/records"));
    assert_eq!(ask(&nobody, &token("alice")).status, 200);

    let claims = json!({"sub": "alice", "exp": now() + 3600});
    let other = EncodingKey::from_secret(b"some other secret of 32 bytes or more");
    let foreign = jsonwebtoken::encode(&Header::default(), &claims, &other).unwrap();
    let good = token("alice");
    let (start, _) = good.rsplit_once('.').unwrap();
    let hs512 = jsonwebtoken::encode(
        &Header::new(Algorithm::HS512),
        &claims,
        &EncodingKey::from_secret(SECRET.as_bytes()),
    );
    for (why, token) in [
        ("another's signature", foreign),
        ("no signature", format!("{start}.")),
        ("cut off", start.to_owned()),
        ("none", unsigned(&json!({"alg": "none"}), &claims, b"")),
        (
            "None",
            unsigned(&json!({"alg": "None", "typ": "JWT"}), &claims, b""),
        ),
        ("another algorithm", hs512.unwrap()),
        ("no JWT", "alice".to_owned()),
        ("empty", String::new()),
        ("huge", "a".repeat(10_000)),
    ] {
        println!("{why}");
        assert_refused(&ask(&nobody, &token));
    }
    let basic = [("authorization", "Basic YWxpY2U6")];
    let answer = nobody.send("GET", "/v1/records", &basic, &[]).unwrap();
    assert_refused(&answer);
}

#[test]
fn p2_a_token_has_its_time_and_names_a_user() {
    let server = Server::start();
    let nobody = server.stranger();
    for (why, claims, status) in [
        ("expired", json!({"sub": "a", "exp": now() - 60}), 401),
        ("good", json!({"sub": "a", "exp": now() + 60}), 200),
        ("no end", json!({"sub": "a"}), 200),
        (
            "a text for an end",
            json!({"sub": "a", "exp": "tomorrow"}),
            401,
        ),
        (
            "not yet",
            json!({"sub": "a", "exp": now() + 600, "nbf": now() + 300}),
            401,
        ),
        (
            "since long",
            json!({"sub": "a", "exp": now() + 600, "nbf": now() - 300}),
            200,
        ),
        ("no user", json!({"exp": now() + 60}), 401),
        ("an empty user", json!({"sub": "", "exp": now() + 60}), 401),
        (
            "a number for a user",
            json!({"sub": 7, "exp": now() + 60}),
            401,
        ),
        (
            "a long user",
            json!({"sub": "a".repeat(256), "exp": now() + 60}),
            401,
        ),
    ] {
        let answer = ask(&nobody, &signed(&claims));
        assert_eq!(answer.status, status, "{why}");
        if status == 401 {
            assert_refused(&answer);
        }
    }
    let expired = ask(&nobody, &signed(&json!({"sub": "a", "exp": now() - 60})));
    assert!(
        expired.json()["detail"]
            .as_str()
            .unwrap()
            .contains("expired")
    );
}

/// By default their issuer says whether tokens expire, or the operator does.
#[test]
fn p2_tokens_must_expire_where_the_operator_says_so() {
    let server = Server::with(&["--jwt-require-exp"]);
    let nobody = server.stranger();
    assert_eq!(ask(&nobody, &token("a")).status, 200);
    let endless = ask(&nobody, &signed(&json!({"sub": "a"})));
    assert_refused(&endless);
    let told = endless.json()["detail"].as_str().unwrap().to_owned();
    assert!(told.contains("`exp`"), "{told}");
    assert_refused(&ask(
        &nobody,
        &signed(&json!({"sub": "a", "exp": now() - 60})),
    ));
}

#[test]
fn p2_issuer_and_audience_are_checked_where_the_operator_names_them() {
    let server = Server::with(&["--jwt-issuer", "me", "--jwt-audience", "notes"]);
    let nobody = server.stranger();
    for (claims, status) in [
        (json!({"sub": "a", "iss": "me", "aud": "notes"}), 200),
        (
            json!({"sub": "a", "iss": "me", "aud": ["mail", "notes"]}),
            200,
        ),
        (json!({"sub": "a", "iss": "me", "aud": "mail"}), 401),
        (json!({"sub": "a", "iss": "you", "aud": "notes"}), 401),
        (json!({"sub": "a", "iss": "me"}), 401),
        (json!({"sub": "a", "aud": "notes"}), 401),
    ] {
        assert_eq!(ask(&nobody, &signed(&claims)).status, status, "{claims}");
    }
}

/// Key pairs that nothing but these tests has ever trusted.
fn keys() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/http/keys")
}

fn by_key(algorithm: Algorithm, id: Option<&str>, user: &str) -> String {
    let (file, read): (_, fn(&[u8]) -> _) = match algorithm {
        Algorithm::RS256 => ("rs256.pem", EncodingKey::from_rsa_pem),
        Algorithm::ES256 => ("es256.pem", EncodingKey::from_ec_pem),
        _ => ("eddsa.pem", EncodingKey::from_ed_pem),
    };
    let key = read(&fs::read(keys().join(file)).unwrap()).unwrap();
    let header = Header {
        kid: id.map(str::to_owned),
        ..Header::new(algorithm)
    };
    let claims = json!({"sub": user, "exp": now() + 60});
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

#[test]
fn p2_published_keys_are_taken_each_for_its_algorithm() {
    let jwks = keys().join("jwks.json");
    let server = Server::with(&["--jwks", jwks.to_str().unwrap()]);
    let nobody = server.stranger();
    for (algorithm, id) in [
        (Algorithm::RS256, "rs"),
        (Algorithm::ES256, "es"),
        (Algorithm::EdDSA, "ed"),
    ] {
        assert_eq!(ask(&nobody, &by_key(algorithm, Some(id), "a")).status, 200);
        assert_eq!(ask(&nobody, &by_key(algorithm, None, "a")).status, 200);
        assert_refused(&ask(&nobody, &by_key(algorithm, Some("other"), "a")));
    }
    // The classic: a public key, which anybody has, used as the secret of HS256.
    let public = fs::read(&jwks).unwrap();
    let set: Value = serde_json::from_slice(&public).unwrap();
    let modulus = URL_SAFE_NO_PAD
        .decode(set["keys"][0]["n"].as_str().unwrap())
        .unwrap();
    for secret in [public, modulus] {
        let header = Header {
            kid: Some("rs".to_owned()),
            ..Header::new(Algorithm::HS256)
        };
        let claims = json!({"sub": "a", "exp": now() + 60});
        let key = EncodingKey::from_secret(&secret);
        let forged = jsonwebtoken::encode(&header, &claims, &key).unwrap();
        assert_refused(&ask(&nobody, &forged));
    }
    // Both kinds of signer may be trusted at once.
    assert_eq!(ask(&nobody, &token("a")).status, 200);
}

#[test]
fn p2_published_keys_are_read_over_http_and_again_when_one_is_new() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    let set: Value = serde_json::from_slice(&fs::read(keys().join("jwks.json")).unwrap()).unwrap();
    let first = json!({"keys": [set["keys"][0]]});
    std::thread::spawn(move || {
        for (place, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let body = if place == 0 { &first } else { &set }.to_string();
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}");
            stream
                .write_all(format!("{head}\r\n\r\n{body}").as_bytes())
                .unwrap();
        }
    });
    let server = Server::with(&["--jwks", &url, "--jwks-refresh", "1s"]);
    let nobody = server.stranger();
    assert_eq!(
        ask(&nobody, &by_key(Algorithm::RS256, Some("rs"), "a")).status,
        200
    );
    let new = by_key(Algorithm::ES256, Some("es"), "a");
    let taken = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        ask(&nobody, &new).status == 200
    });
    assert!(taken, "the new key was never read");
}

#[test]
fn p10_nobody_touches_anothers_session_or_datastore() {
    let server = Server::start();
    let (alice, bob) = (server.client("alice"), server.client("bob"));
    let device = "6f3b7c1e-0d55-4c0a-9a57-1f2e3d4c5b6a";
    let record = json!({"key": "0d1f0f35-9c7e-4a39-9a43-2f1d4d1a7e01", "is_pending": true,
        "value": {"secret": true}, "created": "2026-11-22T04:41:01Z"});
    let opened = alice.done(
        "/v1/sync/open",
        &json!({"device_uuid": device, "pending": 1}),
    );
    let (session, datastore) = (&opened["sync_uuid"], &opened["datastore"]);

    for (path, body) in [
        (
            "/v1/sync/push",
            json!({"sync_uuid": session, "records": [record]}),
        ),
        (
            "/v1/sync/pull",
            json!({"sync_uuid": session, "cursor": null}),
        ),
        (
            "/v1/sync/finish",
            json!({"sync_uuid": session, "last_update": null}),
        ),
        ("/v1/sync/cancel", json!({"sync_uuid": session})),
    ] {
        let answer = bob.post(path, &body);
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (410, "session_gone"),
            "{path}"
        );
    }
    let pushed = json!({"sync_uuid": session, "records": [record], "pull": {}});
    alice.done("/v1/sync/push", &pushed);

    let answer = bob.post(
        "/v1/sync/open",
        &json!({"device_uuid": device, "datastore": datastore}),
    );
    assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"));
    let records = format!("/v1/records?datastore={}", datastore.as_str().unwrap());
    assert_eq!(bob.get(&records).code(), "not_found");
    assert_eq!(
        alice.get(&records).done()["records"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // The same device for another user is another device: it starts from nothing.
    let opened = bob.done("/v1/sync/open", &json!({"device_uuid": device, "pull": {}}));
    assert_ne!(&opened["datastore"], datastore);
    assert_eq!(opened["pull"]["records"], json!([]));
    assert_eq!(bob.records(), Vec::<Value>::new());
}
