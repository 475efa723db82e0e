//! Bad input at every edge, and how bodies travel. Rules P-1, P-3, P-8, P-28, P-30, P-51,
//! P-52, P-54.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tidemark_tests::client::{Answer, Client};
use tidemark_tests::contract;
use tidemark_tests::server::Server;

const DEVICE: &str = "6f3b7c1e-0d55-4c0a-9a57-1f2e3d4c5b6a";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn send(client: &Client, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    client.send("POST", path, headers, body).unwrap()
}

fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code));
}

#[test]
fn p1_a_body_of_the_wrong_shape_is_malformed() {
    let server = Server::start();
    let alice = server.client("alice");
    for (path, body) in [
        ("open", ""),
        ("open", "{"),
        ("open", "null"),
        ("open", "[]"),
        ("open", "\u{feff}{}"),
        ("open", "{} {}"),
        ("open", "{\"device_uuid\":7}"),
        ("open", "{\"device_uuid\":\"alice's phone\"}"),
        ("open", "{\"device_uuid\":\"D\",\"mode\":\"quick\"}"),
        ("open", "{\"device_uuid\":\"D\",\"direction\":\"up\"}"),
        ("open", "{\"device_uuid\":\"D\",\"protocol\":\"1\"}"),
        ("open", "{\"device_uuid\":\"D\",\"pending\":-1}"),
        ("open", "{\"device_uuid\":\"D\",\"attempts\":[\"1\"]}"),
        (
            "open",
            "{\"device_uuid\":\"D\",\"last_sync\":\"2026-11-22\"}",
        ),
        ("open", "{\"device_uuid\":\"D\",\"fingerprint\":\"abc\"}"),
        ("open", "{\"device_uuid\":\"D\",\"device_uuid\":\"D\"}"),
        ("open", "{\"device_uuid\":\"D\",\"push\":{\"records\":{}}}"),
        ("open", "{\"device_uuid\":\"D\",\"push\":{\"records\":[1]}}"),
        (
            "open",
            "{\"device_uuid\":\"D\",\"pull\":{\"limit\":\"all\"}}",
        ),
        (
            "open",
            "{\"device_uuid\":\"D\",\"finish\":{\"last_update\":5}}",
        ),
        ("open", "{\"device_uuid\":\"D\",\"previous\":{}}"),
        ("push", "{\"sync_uuid\":\"D\"}"),
        ("push", "{\"sync_uuid\":\"D\",\"records\":{}}"),
        ("push", "{\"records\":[]}"),
        ("pull", "{\"sync_uuid\":\"D\",\"cursor\":7}"),
        ("pull", "{}"),
        ("finish", "{\"sync_uuid\":\"D\",\"last_update\":\"now\"}"),
        ("finish", "{}"),
        ("cancel", "{}"),
    ] {
        let path = format!("/v1/sync/{path}");
        let body = body.replace("\"D\"", &format!("\"{DEVICE}\""));
        let answer = send(&alice, &path, &[], body.as_bytes());
        println!("{path} {body}: {}", answer.json()["detail"]);
        assert_problem(&answer, 400, "malformed");
    }
    assert_problem(
        &send(&alice, "/v1/sync/open", &[], b"\xff\xfe{}"),
        400,
        "malformed",
    );
    // Nothing of all this was done: no session was opened, no datastore made.
    assert_eq!(alice.records(), Vec::<Value>::new());
}

#[test]
fn p1_a_malformed_rider_fails_the_whole_call_before_anything_is_done() {
    let server = Server::start();
    let alice = server.client("alice");
    let record = json!({"key": "0d1f0f35-9c7e-4a39-9a43-2f1d4d1a7e01", "is_pending": true,
        "value": {}});
    for riders in [
        json!({"push": {"records": [record]}, "pull": {"limit": []}}),
        json!({"push": {"records": [record]}, "finish": {"last_update": 1}}),
        json!({"push": {"records": [record, 7]}}),
        json!({"push": {"records": [record], "seq": "first"}}),
    ] {
        let mut body = json!({"device_uuid": DEVICE, "pending": 1});
        body.as_object_mut()
            .unwrap()
            .extend(riders.as_object().unwrap().clone());
        assert_problem(&alice.post("/v1/sync/open", &body), 400, "malformed");
        assert_eq!(alice.records(), Vec::<Value>::new());
    }
}

#[test]
fn p1_depth_and_size_break_nothing() {
    let server = Server::with(&["--body-bytes", "1000000"]);
    let alice = server.client("alice");
    let deep = "[".repeat(400_000) + &"]".repeat(400_000);
    for body in [
        deep.clone(),
        format!("{{\"device_uuid\":{deep}}}"),
        format!("{{\"device_uuid\":\"{DEVICE}\",\"more\":{deep}}}"),
        "{\"a\":".repeat(150_000),
    ] {
        let answer = send(&alice, "/v1/sync/open", &[], body.as_bytes());
        assert!([200, 400].contains(&answer.status), "{}", answer.status);
    }
    let record = format!("{{\"key\":\"{DEVICE}\",\"is_pending\":true,\"value\":{deep}}}");
    let body = format!("{{\"device_uuid\":\"{DEVICE}\",\"push\":{{\"records\":[{record}]}}}}");
    let opened = send(&alice, "/v1/sync/open", &[], body.as_bytes()).done();
    let rejected = &opened["push"]["rejected"];
    assert_eq!(rejected[0]["problem"]["code"], "bad_record", "{opened}");
    assert_eq!(alice.get("/readyz").status, 200);
}

#[test]
fn p3_a_body_has_a_limit_and_so_has_what_it_unpacks_to() {
    let server = Server::with(&["--body-bytes", "100000"]);
    let alice = server.client("alice");
    let filled = |bytes: usize| {
        let body = json!({"device_uuid": DEVICE, "ignored": ""}).to_string();
        let filler = " ".repeat(bytes - body.len());
        body + &filler
    };
    let path = "/v1/sync/open";
    assert_eq!(
        send(&alice, path, &[], filled(100_000).as_bytes()).status,
        200
    );
    assert_problem(
        &send(&alice, path, &[], filled(100_001).as_bytes()),
        413,
        "too_large",
    );
    let zipped = [("content-encoding", "gzip")];
    let good = gzip(filled(100_000).as_bytes());
    assert_eq!(send(&alice, path, &zipped, &good).status, 200);
    let bomb = gzip(&vec![b' '; 100_000_000]);
    assert!(bomb.len() < 1_000_000);
    assert_problem(&send(&alice, path, &zipped, &bomb), 413, "too_large");
    assert_problem(&send(&alice, path, &zipped, &gzip(&good)), 400, "malformed");
}

#[test]
fn p3_what_is_no_gzip_is_told_so() {
    let server = Server::start();
    let alice = server.client("alice");
    let body = json!({"device_uuid": DEVICE}).to_string();
    let zipped = gzip(body.as_bytes());
    let path = "/v1/sync/open";
    let encoding = |name| [("content-encoding", name)];
    assert_problem(
        &send(&alice, path, &encoding("gzip"), body.as_bytes()),
        400,
        "malformed",
    );
    let cut = &zipped[..zipped.len() - 12];
    assert_problem(
        &send(&alice, path, &encoding("gzip"), cut),
        400,
        "malformed",
    );
    for name in ["br", "zstd", "deflate", "gzip, gzip", "x"] {
        let answer = send(&alice, path, &encoding(name), body.as_bytes());
        assert_problem(&answer, 415, "unsupported_media");
    }
    assert_eq!(
        send(&alice, path, &encoding("identity"), body.as_bytes()).status,
        200
    );
    // Plain clients label bodies as they like; JSON is JSON.
    for label in [
        "application/json; charset=utf-8",
        "text/plain",
        "application/x-www-form-urlencoded",
    ] {
        let labelled = [("content-type", label)];
        assert_eq!(send(&alice, path, &labelled, body.as_bytes()).status, 200);
    }
}

#[test]
fn p3_answers_are_compressed_as_asked() {
    let server = Server::start();
    let alice = server.client("alice");
    let plain = alice.send("GET", "/v1/openapi.json", &[], &[]).unwrap();
    assert_eq!(plain.header("content-encoding"), "");
    for name in ["gzip", "br", "zstd"] {
        let accept = [("accept-encoding", name)];
        let answer = alice.send("GET", "/v1/openapi.json", &accept, &[]).unwrap();
        assert_eq!(answer.header("content-encoding"), name);
        assert!(
            answer.body.len() * 3 < plain.body.len(),
            "{name}: {}",
            answer.body.len()
        );
        if name == "gzip" {
            let mut text = Vec::new();
            GzDecoder::new(answer.body.as_slice())
                .read_to_end(&mut text)
                .unwrap();
            assert_eq!(text, plain.body);
        }
    }
    let browser = [("accept-encoding", "gzip, deflate, br, zstd")];
    let answer = alice
        .send("GET", "/v1/openapi.json", &browser, &[])
        .unwrap();
    assert_eq!(answer.header("content-encoding"), "zstd");
}

#[test]
fn p8_who_is_refused_in_mid_body_hears_why() {
    let server = Server::start();
    let body = vec![b' '; 12_000_000];
    let alice = server.client("alice");
    for _ in 0..3 {
        assert_problem(&send(&alice, "/v1/sync/push", &[], &body), 413, "too_large");
        let answer = send(&server.stranger(), "/v1/sync/push", &[], &body);
        assert_problem(&answer, 401, "unauthenticated");
        assert_problem(&send(&alice, "/v1/nowhere", &[], &body), 404, "not_found");
    }
}

#[test]
fn p8_every_refusal_is_a_problem() {
    let server = Server::start();
    let alice = server.client("alice");
    for (method, path, status, code) in [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1", 404, "not_found"),
        ("GET", "/v1/sync/open/", 404, "not_found"),
        ("POST", "/v1/sync/reconcile", 400, "malformed"),
        ("POST", "/v1/dev/token", 404, "not_found"),
        ("GET", "/v1/%ff", 404, "not_found"),
        ("GET", "/v1/sync/open", 405, "method_not_allowed"),
        ("DELETE", "/v1/records", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("GET", "/v1/records?limit=many", 400, "malformed"),
        ("GET", "/v1/records?at=yesterday", 400, "malformed"),
    ] {
        let answer = alice.send(method, path, &[], b"{}").unwrap();
        println!("{method} {path}");
        assert_problem(&answer, status, code);
    }
    let refused = alice.send("PUT", "/v1/records", &[], b"{}").unwrap();
    assert!(refused.header("allow").contains("GET"));
}

#[test]
fn p28_p30_what_is_not_spoken_or_not_served_is_refused() {
    let server = Server::start();
    let alice = server.client("alice");
    let open = |more: Value| {
        let mut body = json!({"device_uuid": DEVICE, "pending": 1});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        alice.post("/v1/sync/open", &body)
    };
    assert_problem(&open(json!({"protocol": 2})), 426, "protocol");
    assert_problem(
        &open(json!({"protocol": 0, "mode": "slow"})),
        426,
        "protocol",
    );
    for contradiction in [
        json!({"mirror": true}),
        json!({"mode": "push_truth", "direction": "pull"}),
        json!({"mode": "pull_truth", "direction": "push"}),
    ] {
        assert_problem(&open(contradiction), 400, "malformed");
    }
    assert_problem(&alice.get("/v1/schema"), 404, "not_found");
    assert_eq!(
        open(json!({"mode": "fast", "direction": "both"})).status,
        200
    );
}

#[test]
fn p51_p52_health_and_the_document_ask_for_no_token() {
    let server = Server::start();
    let nobody = server.stranger();
    assert_eq!(nobody.get("/healthz").done(), json!({"status": "alive"}));
    assert_eq!(nobody.get("/readyz").done(), json!({"status": "ready"}));
    let document = nobody.get("/v1/openapi.json").done();
    assert_eq!(document, contract::document());
    // Every route of the document is there, and takes the methods it says, no other.
    for (path, methods) in document["paths"].as_object().unwrap() {
        if path != "/v1/dev/token" {
            for method in ["get", "post"] {
                let answer = nobody
                    .send(&method.to_uppercase(), path, &[], b"{}")
                    .unwrap();
                let is_there = answer.status != 405;
                assert_eq!(is_there, methods.get(method).is_some(), "{method} {path}");
            }
        }
    }
}

#[test]
fn p54_pages_of_other_origins_may_call_as_the_operator_says() {
    let ask = |server: &Server, origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "authorization,content-encoding,content-type",
            ),
        ];
        let nobody = server.stranger();
        nobody
            .send("OPTIONS", "/v1/sync/open", &headers, &[])
            .unwrap()
    };
    let open = Server::start();
    let leave = ask(&open, "https://app.example");
    assert_eq!(leave.status, 200);
    assert_eq!(leave.header("access-control-allow-origin"), "*");
    assert_eq!(leave.header("access-control-max-age"), "86400");
    assert!(
        leave
            .header("access-control-allow-headers")
            .contains("content-encoding")
    );
    // A page can read why it was refused, too.
    let origin = [("origin", "https://app.example")];
    let refused = open
        .stranger()
        .send("GET", "/v1/records", &origin, &[])
        .unwrap();
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("access-control-allow-origin"), "*");
    // And when to try again, and how long it took on the wire.
    assert_eq!(
        refused.header("access-control-expose-headers"),
        "retry-after"
    );
    assert_eq!(refused.header("timing-allow-origin"), "*");
    for method in ["GET", "POST", "PATCH"] {
        let allowed = leave.header("access-control-allow-methods");
        assert!(allowed.contains(method), "{allowed}");
    }

    let closed = Server::with(&["--cors-origins", "https://app.example,https://two.example"]);
    let allowed = |origin| {
        ask(&closed, origin)
            .header("access-control-allow-origin")
            .to_owned()
    };
    assert_eq!(allowed("https://two.example"), "https://two.example");
    assert_eq!(allowed("https://evil.example"), "");
    let answer = closed.client("alice").get("/v1/records");
    let timing = answer.header("timing-allow-origin");
    assert_eq!(timing, "https://app.example, https://two.example");
}
