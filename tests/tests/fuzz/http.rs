//! The server's own reading: bodies, compressed ones, cursors, keys and numbers in addresses. Whatever
//! comes, it is the caller's mistake, and the server is there after it.

use std::{fmt::Write as _, io::Write as _};

use flate2::{Compression, write::GzEncoder};
use tidemark_tests::server::Server;

use crate::corpus::{fuzz, texts};

const BODIES: [(&str, &str); 5] = [
    (
        "/v1/sync/open",
        r#"{"device_uuid":"00000000-0000-4000-8000-000000000001","attempts":["00000000-0000-4000-8000-000000000007"],"last_sync":null,"pending":1,"fingerprint":"0000000000000000000000000000000000000000000000000000000000000000","push":{"seq":0,"records":[{"key":"00000000-0000-4000-8000-000000000003","is_pending":true,"value":{"a":[1.5e3,"é"]},"created":"2026-11-22T04:41:01Z"},{"key":"k","value":1,"changed":null}],"more":false},"pull":{"cursor":null,"limit":3}}"#,
    ),
    (
        "/v1/sync/push",
        r#"{"sync_uuid":"00000000-0000-4000-8000-000000000001","seq":1,"records":[{"key":"k"}],"more":true}"#,
    ),
    (
        "/v1/sync/pull",
        r#"{"sync_uuid":"00000000-0000-4000-8000-000000000001","cursor":"a.b.c","limit":5}"#,
    ),
    (
        "/v1/sync/finish",
        r#"{"sync_uuid":"00000000-0000-4000-8000-000000000001","last_update":"2026-11-22T04:41:01.000001Z","count":1,"fingerprint":"00"}"#,
    ),
    (
        "/v1/conflicts/00000000-0000-4000-8000-000000000001",
        r#"{"choice":"value","value":{"a":1}}"#,
    ),
];

/// P-9, and the answers of P-8.
#[test]
fn any_body_is_taken_or_refused() {
    let server = Server::start();
    let client = server.client("alice");
    let inputs = BODIES.iter().enumerate().flat_map(|(place, (_, body))| {
        let place = u8::try_from(place).expect("a few");
        [0, 8].map(|packed| [&[place + packed], body.as_bytes()].concat())
    });
    fuzz("body", 1_500, inputs.collect(), |bytes| {
        let Some((kind, body)) = bytes.split_first() else {
            return;
        };
        let (path, _) = BODIES[usize::from(kind % 8) % BODIES.len()];
        let mut headers = vec![("content-type", "application/json")];
        let mut body = body.to_vec();
        match kind >> 3 {
            0 => {}
            // What is no archive, and what is one.
            1 => headers.push(("content-encoding", "gzip")),
            _ => {
                let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
                packer.write_all(&body).expect("memory");
                body = packer.finish().expect("memory");
                headers.push(("content-encoding", "gzip"));
            }
        }
        let answer = client
            .send("POST", path, &headers, &body)
            .expect("an answer");
        let said = String::from_utf8_lossy(&answer.body);
        assert!(answer.status < 500, "{path}: {} {said}", answer.status);
    });
    assert_eq!(server.stranger().get("/healthz").status, 200);
}

#[test]
fn any_address_is_found_or_refused() {
    let server = Server::start();
    let client = server.client("alice");
    let inputs = texts(&[
        "1795000000000012.k",
        "2026-11-22T04:41:01.000001Z",
        "00000000-0000-4000-8000-000000000001",
        "5",
    ]);
    fuzz("address", 500, inputs, |bytes| {
        let word = bytes.iter().fold(String::new(), |mut word, byte| {
            let _ = write!(word, "%{byte:02X}");
            word
        });
        for path in [
            format!("/v1/records?cursor={word}"),
            format!("/v1/records?at={word}&limit={word}&entity={word}"),
            format!("/v1/records/{word}/history?cursor={word}"),
            format!("/v1/conflicts?cursor={word}"),
            format!("/v1/datastores/{word}"),
            format!("/v1/conflicts?datastore={word}"),
        ] {
            let answer = client.send("GET", &path, &[], &[]).expect("an answer");
            assert!(answer.status < 500, "{path}: {}", answer.status);
        }
    });
}
