//! How calls look: JSON, tokens, encodings, checkins, clocks, keys, values. Rules P-1 to P-7.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::check::{Check, Checked, Miss};
use crate::device::Device;
use crate::fingerprint::of_record;
use crate::http::{Caller, same};
use crate::run::Run;
use crate::talk::{edit, made, many, name, shared, whole, with};

pub(super) const CHECKS: &[Check] = &[
    Check::of(
        &["P-1"],
        "what is no JSON of the right shape is malformed as a whole",
        wrong_shapes,
    ),
    Check::of(
        &["P-1"],
        "a body of the wrong shape that rides fails the call before anything is done",
        wrong_riders,
    ),
    Check::of(
        &["P-1"],
        "members that are not named are passed over; `null` is as good as absent for optional texts",
        unknown_members,
    ),
    Check::of(
        &["P-2"],
        "who brings no good token gets 401, with `WWW-Authenticate: Bearer`",
        bad_tokens,
    ),
    Check::of(
        &["P-3"],
        "a request may be gzip-encoded, and its limit counts after decompression",
        gzip_requests,
    ),
    Check::of(
        &["P-3"],
        "any other Content-Encoding gets 415",
        other_encodings,
    ),
    Check::of(
        &["P-3"],
        "answers are compressed by Accept-Encoding: zstd, br, gzip",
        compressed_answers,
    ),
    Check::of(
        &["P-4"],
        "a checkin is RFC 3339 UTC with six digits; each is later than the one before",
        checkins,
    ),
    Check::of(
        &["P-5"],
        "device clocks order nothing, and a record keeps its `created`",
        clocks,
    ),
    Check::of(
        &["P-5"],
        "times come back as they were sent; the form with a space as `…T…Z`",
        times,
    ),
    Check::of(&["P-6"], "keys are 1 to 255 bytes of any UTF-8", keys),
    Check::of(&["P-7"], "any JSON is a value and comes back equal", values),
    Check::of(
        &["P-7"],
        "numbers are doubles: a longer integer comes back rounded",
        integers,
    ),
    Check::of(
        &["P-7", "T-1"],
        "lone surrogates, doubled members and numbers beyond doubles are refused, alone",
        no_values,
    ),
];

const WRONG: [(&str, &str); 22] = [
    ("open", ""),
    ("open", "{"),
    ("open", "null"),
    ("open", "[]"),
    ("open", "{} {}"),
    ("open", r#"{"device_uuid":NaN}"#),
    ("open", r#"{"device_uuid":7}"#),
    ("open", r#"{"device_uuid":"my phone"}"#),
    ("open", r#"{"device_uuid":"D","mode":"quick"}"#),
    ("open", r#"{"device_uuid":"D","direction":"up"}"#),
    ("open", r#"{"device_uuid":"D","pending":-1}"#),
    ("open", r#"{"device_uuid":"D","attempts":["1"]}"#),
    ("open", r#"{"device_uuid":"D","attempts":null}"#),
    ("open", r#"{"device_uuid":"D","last_sync":"2026-11-22"}"#),
    ("open", r#"{"device_uuid":"D","fingerprint":"abc"}"#),
    ("open", r#"{"device_uuid":"D","device_uuid":"D"}"#),
    ("push", r#"{"sync_uuid":"D"}"#),
    ("push", r#"{"sync_uuid":"D","records":{}}"#),
    ("push", r#"{"sync_uuid":"D","records":[1]}"#),
    ("pull", r#"{"sync_uuid":"D","cursor":7}"#),
    ("finish", r#"{"sync_uuid":"D","last_update":"now"}"#),
    ("cancel", "{}"),
];

fn wrong_shapes(run: &Run) -> Checked {
    let caller = run.user()?;
    for (phase, body) in WRONG {
        let body = body.replace("\"D\"", &format!("\"{}\"", name()));
        let path = format!("/v1/sync/{phase}");
        caller
            .send("POST", &path, &[], body.as_bytes())?
            .refused(400, "malformed")?;
    }
    let no_text = caller.send("POST", "/v1/sync/open", &[], b"\xff\xfe{}")?;
    no_text.refused(400, "malformed")
}

fn wrong_riders(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let mark = json!(name());
    let record = made(&mark);
    for riders in [
        json!({"push": {"records": [record]}, "pull": {"limit": []}}),
        json!({"push": {"records": [record]}, "finish": {"last_update": 1}}),
        json!({"push": {"records": [record, 7]}}),
        json!({"push": {"records": [record], "seq": "first"}}),
    ] {
        let answer = device.tries_to_open(&with(json!({"pending": 1}), &riders))?;
        answer.refused(400, "malformed")?;
    }
    let pulled = Device::new(&caller).sync(&[])?;
    let none = pulled.records.iter().all(|it| it["value"] != mark);
    pulled.pull.demand(
        none,
        "nothing of a malformed call was done: the record is not there",
    )
}

fn unknown_members(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let odd = json!({"pending": 1, "weather": {"sunny": [true]}, "last_sync": null,
        "fingerprint": null, "device": null});
    device.open(&odd)?;
    let record = with(
        made(&json!(1)),
        &json!({"colour": "red", "entity": null, "base": null}),
    );
    let answer = device.push(&[record])?;
    answer.is(
        "/created",
        &json!(1),
        "a member that is not named is passed over",
    )?;
    let answer = device.call("pull", &json!({"cursor": null, "limit": null}))?;
    answer.done()?;
    Ok(())
}

fn bad_tokens(run: &Run) -> Checked {
    let caller = run.user()?;
    let good = caller.token();
    let cut = good.rsplit_once('.').map_or(good, |(start, _)| start);
    // {"alg":"none"} and {"sub":"alice"}, in base64.
    let unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.";
    let changed = format!("{cut}.{}", "A".repeat(43));
    let body = json!({"device_uuid": name(), "pending": 1});
    let tokens = [cut, unsigned, &changed, "alice"];
    let callers = tokens.map(|token| run.nobody().with_token(token));
    for bad in callers.iter().chain([run.nobody()]) {
        let answer = bad.call("open", &body)?;
        answer.refused(401, "unauthenticated")?;
        let scheme = answer.header("www-authenticate");
        answer.demand(
            scheme.starts_with("Bearer"),
            "401 says `WWW-Authenticate: Bearer`",
        )?;
    }
    Ok(())
}

fn gzip(bytes: &[u8]) -> Checked<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.map_err(|error| Miss::NotChecked(format!("gzip: {error}")))
}

fn limit(caller: &Caller, name: &str) -> Checked<usize> {
    let opened = Device::new(caller).start()?;
    let limit = opened["limits"][name].as_u64();
    let limit = limit.and_then(|it| usize::try_from(it).ok());
    limit.ok_or_else(|| opened.miss(&format!("`limits` tells `{name}` (P-29)")))
}

fn gzip_requests(run: &Run) -> Checked {
    let caller = run.user()?;
    let bytes = limit(&caller, "body_bytes")?;
    let body = json!({"device_uuid": name(), "pending": 1}).to_string();
    let zipped = [("content-encoding", "gzip")];
    let send = |bytes: &[u8]| caller.send("POST", "/v1/sync/open", &zipped, bytes);
    send(&gzip(body.as_bytes())?)?.done()?;
    send(body.as_bytes())?.refused(400, "malformed")?;
    let bomb = gzip(&vec![b' '; bytes + 1])?;
    send(&bomb)?.refused(413, "too_large")
}

fn other_encodings(run: &Run) -> Checked {
    let caller = run.user()?;
    let body = json!({"device_uuid": name(), "pending": 1}).to_string();
    for encoding in ["br", "zstd", "deflate", "x-unheard-of"] {
        let headers = [("content-encoding", encoding)];
        let answer = caller.send("POST", "/v1/sync/open", &headers, body.as_bytes())?;
        answer.refused(415, "unsupported_media")?;
    }
    Ok(())
}

fn compressed_answers(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.start()?;
    device.push(&many(100))?;
    let body = json!({"sync_uuid": device.session, "limit": 100}).to_string();
    let pull = |encoding: &str| {
        let accept = [("accept-encoding", encoding)];
        caller.send("POST", "/v1/sync/pull", &accept, body.as_bytes())
    };
    for encoding in ["gzip", "br", "zstd"] {
        let answer = pull(encoding)?;
        let told = answer.header("content-encoding");
        answer.demand(told == encoding, &format!("`Content-Encoding: {encoding}`"))?;
    }
    let zipped = pull("gzip")?;
    let mut text = Vec::new();
    let is_gzip = GzDecoder::new(zipped.body.as_slice())
        .read_to_end(&mut text)
        .is_ok();
    let told: Value = serde_json::from_slice(&text).unwrap_or_default();
    let plain = pull("identity")?.done()?;
    zipped.demand(
        is_gzip && same(&told, &plain.json),
        "unpacked, it is the plain answer",
    )
}

fn is_checkin(value: &Value) -> bool {
    let form = "dddd-dd-ddTdd:dd:dd.ddddddZ";
    let fits = |(told, wanted): (char, char)| match wanted {
        'd' => told.is_ascii_digit(),
        other => told == other,
    };
    let text = value.as_str().unwrap_or_default();
    text.chars().count() == form.len() && text.chars().zip(form.chars()).all(fits)
}

fn checkins(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let opened = device.start()?;
    let mut before = opened["max_checkin"].clone();
    opened.demand(
        is_checkin(&before),
        "`max_checkin` is a checkin, six digits and `Z`",
    )?;
    for number in 0..5 {
        let pushed = device.push(&[made(&json!(number))])?;
        let checkin = &pushed["max_checkin"];
        pushed.demand(
            is_checkin(checkin),
            "`max_checkin` is a checkin, six digits and `Z`",
        )?;
        let is_later = checkin.as_str() > before.as_str();
        pushed.demand(
            is_later,
            &format!("a commit's checkin is later than {before}"),
        )?;
        before = checkin.clone();
    }
    let (page, records) = device.pull()?;
    let all = records.iter().all(|it| is_checkin(&it["checkin"]));
    page.demand(all, "each record has its checkin")
}

fn clocks(run: &Run) -> Checked {
    let caller = run.user()?;
    let pair = shared(&caller, &json!({"a": 0}))?;
    let (mut one, mut two) = (pair.one, pair.two);
    let late = json!({"updated": "2099-01-01T00:00:00Z", "created": "2000-01-01T00:00:00Z"});
    one.sync(&[with(edit(&pair.record, &json!({"a": 1})), &late)])?;
    let early = json!({"updated": "2001-01-01T00:00:00Z"});
    let later = two.sync(&[with(edit(&pair.record, &json!({"a": 2})), &early)])?;
    let record = later.answer_to(&pair.record["key"])?;
    let why = "by `merge` the later push wins, whatever the clocks say";
    later
        .pull
        .demand(same(&record["value"], &json!({"a": 2})), why)?;
    let holds = record["created"] == pair.record["created"];
    later
        .pull
        .demand(holds, "a record keeps its `created` for life")
}

fn times(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let forms = [
        ("2026-11-22T05:00:00Z", "2026-11-22T05:00:00Z"),
        ("2026-11-22T05:00:00.120Z", "2026-11-22T05:00:00.120Z"),
        ("2026-11-22T05:00:00+05:30", "2026-11-22T05:00:00+05:30"),
        ("2026-11-22 05:00:00", "2026-11-22T05:00:00Z"),
    ];
    let timed = |time: &str| {
        with(
            made(&json!(time)),
            &json!({"created": time, "updated": time}),
        )
    };
    let records: Vec<Value> = forms.iter().map(|(sent, _)| timed(sent)).collect();
    let synced = device.sync(&records)?;
    for (record, (sent, told)) in records.iter().zip(forms) {
        let answer = synced.answer_to(&record["key"])?;
        let holds = answer["created"] == told && answer["updated"] == told;
        synced
            .pull
            .demand(holds, &format!("`{sent}` comes back as `{told}`"))?;
    }
    Ok(())
}

fn keys(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let tag = name();
    let long = "k".repeat(255 - tag.len()) + &tag;
    let keys = [" ", "é", "a\u{0}b", "/?#%20", "😀", "__proto__"].map(|key| format!("{key}{tag}"));
    let keys: Vec<Value> = keys
        .into_iter()
        .chain([long.clone()])
        .map(Value::from)
        .collect();
    let records: Vec<Value> = keys
        .iter()
        .map(|key| json!({"key": key, "value": key}))
        .collect();
    let synced = device.sync(&records)?;
    let why = "each text of 1 to 255 bytes is a key";
    synced.push.is("/created", &json!(keys.len()), why)?;
    for key in &keys {
        synced.answer_to(key)?;
    }
    for key in [json!(""), json!(long + "k"), json!(7)] {
        device.start()?;
        let answer = device.push(&[json!({"key": key, "value": 1})])?;
        answer.is(
            "/rejected/0/problem/code",
            &json!("bad_key"),
            "no key by P-6",
        )?;
    }
    device.start()?;
    let answer = device.push(&[json!({"key": "mine", "is_pending": true, "value": 1})])?;
    let why = "a pending key is a UUID of 36 characters";
    answer.is("/rejected/0/problem/code", &json!("bad_key"), why)
}

fn odd_values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(""),
        json!("\u{0}\u{1}\u{1f}\u{7f}\u{80}\u{2028}\u{feff}\u{10ffff}\u{fffd}"),
        json!("\"\\/\u{8}\u{c}\n\r\t</script>"),
        json!("😀".repeat(5000)),
        json!({"__proto__": {"polluted": true}, "constructor": 1, "toString": null}),
        json!({"": {"": {"": []}}, " ": 0}),
        json!({"key": "k", "local_id": 1, "deleted": true, "checkin": null}),
        json!([[], {}, [[]], [{}], null, [null]]),
        json!([
            0.0,
            5e-324,
            1.797_693_134_862_315_7e308,
            1e21,
            1e-7,
            4.5,
            -1,
            9_007_199_254_740_992_u64
        ]),
    ]
}

fn values(run: &Run) -> Checked {
    let caller = run.user()?;
    let records: Vec<Value> = odd_values().iter().map(made).collect();
    let mut device = Device::new(&caller);
    let synced = device.sync(&records)?;
    synced
        .push
        .is("/rejected", &json!([]), "any JSON is a value")?;
    let mut other = Device::new(&caller);
    let pulled = other.sync(&[])?;
    for record in &records {
        let key = &synced.answer_to(&record["key"])?["key"];
        let told = &other.held.at(key)["value"];
        let why = format!(
            "another device is told {}, as it was pushed",
            record["value"]
        );
        pulled.pull.demand(same(told, &record["value"]), &why)?;
    }
    Ok(())
}

fn integers(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    let record = made(&json!("n"))
        .to_string()
        .replace("\"n\"", "9007199254740993");
    device.start()?;
    let body = format!(r#"{{"sync_uuid":{},"records":[{record}]}}"#, device.session);
    let pushed = caller
        .send("POST", "/v1/sync/push", &[], body.as_bytes())?
        .done()?;
    pushed.is("/created", &json!(1), "it is a number")?;
    let record: Value = serde_json::from_str(&record).unwrap_or_default();
    let pulled = Device::new(&caller).sync(&[])?;
    let rounded = json!(9_007_199_254_740_992_u64);
    let print = of_record("record", &rounded);
    let is_it =
        |it: &&Value| it["fingerprint"] == print.as_str() && it["created"] == record["created"];
    let told = pulled.records.iter().find(is_it).map(|it| &it["value"]);
    let holds =
        told.is_some_and(|it| it.as_u64() == rounded.as_u64() || it.as_f64() == rounded.as_f64());
    pulled.pull.demand(
        holds,
        "9007199254740993 comes back as 9007199254740992, and is hashed so",
    )
}

fn no_values(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.start()?;
    let wrong = [
        r#""\ud800""#,
        r#"{"a":1,"a":2}"#,
        "1e400",
        r#"[{"b":[-1e999]}]"#,
    ];
    let record = |value: &str| {
        format!(
            r#"{{"key":"{}","is_pending":true,"value":{value}}}"#,
            name()
        )
    };
    let records: Vec<String> = wrong.iter().chain(&["1"]).map(|it| record(it)).collect();
    let records = records.join(",");
    let body = format!(
        r#"{{"sync_uuid":{},"records":[{records}]}}"#,
        device.session
    );
    let pushed = caller
        .send("POST", "/v1/sync/push", &[], body.as_bytes())?
        .done()?;
    pushed.is("/created", &json!(1), "the good record goes in")?;
    for (place, wrong) in wrong.iter().enumerate() {
        let at = format!("/rejected/{place}/problem/code");
        pushed.is(&at, &json!("bad_record"), &format!("{wrong} is no value"))?;
    }
    device.push(&[whole(&json!({"key": name()}), &json!(1))])?;
    Ok(())
}
