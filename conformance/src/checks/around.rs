//! Reading the truth, history, settings, and the server itself. Rules P-50 to P-54, P-58 and P-59.

use serde_json::{Value, json};

use crate::check::{Check, Checked, Miss};
use crate::device::Device;
use crate::fingerprint::of_record;
use crate::http::{Answer, Caller, same};
use crate::run::Run;
use crate::talk::{Shared, deletion, edit, made, name, shared, with};

pub(super) const CHECKS: &[Check] = &[
    Check::of(
        &["P-50"],
        "`/v1/records` is the live truth by key, by entity, in pages",
        snapshot,
    ),
    Check::of(
        &["P-50"],
        "the pages of one walk show one moment",
        one_moment,
    ),
    Check::of(
        &["P-50"],
        "`at` shows the truth as it was at an earlier checkin",
        earlier,
    ),
    Check::of(
        &["P-51"],
        "`/healthz` and `/readyz` answer 200 and ask for no token",
        health,
    ),
    Check::of(
        &["P-52"],
        "`/v1/openapi.json` names the calls of the session",
        document,
    ),
    Check::of(
        &["P-53"],
        "a dev token is given to no other origin and no other host",
        dev_tokens,
    ),
    Check::of(
        &["P-54"],
        "a page of another origin that may call has its leave for a day, and reads `Retry-After`",
        other_origins,
    ),
    Check::of(
        &["P-58"],
        "a record's history tells each kept version, oldest first",
        history,
    ),
    Check::of(
        &["P-58", "P-10"],
        "an unknown record, or another's, has no history",
        no_history,
    ),
    Check::of(
        &["P-59"],
        "a datastore tells how it stands and what holds in it",
        settings,
    ),
    Check::of(
        &["P-59"],
        "what names no policy is malformed, and nothing of it is set",
        wrong_settings,
    ),
    Check::of(
        &["P-59", "P-41"],
        "the owner sets the airbag; `null` goes back to the operator's",
        own_airbag,
    ),
];

/// All pages of a walk over an entity, at a moment.
fn walk(caller: &Caller, entity: &str, more: &str) -> Checked<(Answer, Vec<Value>)> {
    let (mut records, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/records?entity={entity}&limit=2{more}{cursor}");
        let page = caller.get(&path)?.done()?;
        records.extend(page.list("/records")?.iter().cloned());
        match page["cursor"].as_str() {
            None => return Ok((page, records)),
            Some(next) => cursor = format!("&cursor={}", super::escaped(next)),
        }
    }
}

/// Records of an entity that nobody else uses, and the device that made them.
fn peopled(caller: &Caller, count: usize) -> Checked<(Device<'_>, String, Vec<Value>)> {
    let entity = format!("conformance-{}", name());
    let mut device = Device::new(caller);
    let record = |number| with(made(&json!({"n": number})), &json!({"entity": entity}));
    let records: Vec<Value> = (0..count).map(record).collect();
    let synced = device.sync(&records)?;
    let told = records
        .iter()
        .map(|it| synced.answer_to(&it["key"]).cloned());
    let told = told.collect::<Checked<Vec<_>>>()?;
    Ok((device, entity, told))
}

fn snapshot(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut device, entity, records) = peopled(&caller, 5)?;
    device.sync(&[deletion(&records[4])])?;
    let (page, told) = walk(&caller, &entity, "")?;
    page.demand(told.len() == 4, "four of this entity live")?;
    let mut wanted: Vec<&Value> = records[..4].iter().collect();
    wanted.sort_by_key(|it| it["key"].as_str());
    for (told, wanted) in told.iter().zip(wanted) {
        let members = [
            "key",
            "entity",
            "value",
            "created",
            "updated",
            "checkin",
            "fingerprint",
        ];
        let holds = members
            .iter()
            .all(|member| same(&told[*member], &wanted[*member]));
        page.demand(
            holds,
            &format!("by key, each as a device is told it: {wanted}"),
        )?;
    }
    let first = caller
        .get(&format!("/v1/records?entity={entity}&limit=3"))?
        .done()?;
    let holds = first["remaining"] == 1 && first.list("/records")?.len() == 3;
    first.demand(holds, "three of four, and `remaining` 1")?;
    for wrong in ["limit=0", "cursor=AAAA", "at=yesterday"] {
        let refused = caller.get(&format!("/v1/records?{wrong}"))?;
        refused.refused(400, "malformed")?;
    }
    Ok(())
}

fn one_moment(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut device, entity, records) = peopled(&caller, 4)?;
    let path = format!("/v1/records?entity={entity}&limit=2");
    let first = caller.get(&path)?.done()?;
    let edits = records
        .iter()
        .map(|it| with(edit(it, &json!({"n": "new"})), &json!({"entity": entity})));
    device.sync(&edits.collect::<Vec<_>>())?;
    let cursor = super::escaped(first.text("/cursor")?);
    let second = caller.get(&format!("{path}&cursor={cursor}"))?.done()?;
    let none = second
        .list("/records")?
        .iter()
        .all(|it| it["value"]["n"] != "new");
    second.demand(
        none,
        "what was pushed since the first page is not on the second",
    )
}

fn earlier(run: &Run) -> Checked {
    let caller = run.user()?;
    let (mut device, entity, records) = peopled(&caller, 3)?;
    let then = device.last_sync.clone();
    let change = with(
        edit(&records[0], &json!({"n": "new"})),
        &json!({"entity": entity}),
    );
    device.sync(&[change, deletion(&records[1])])?;
    let at = format!("&at={}", super::escaped(then.as_str().unwrap_or_default()));
    let (page, told) = walk(&caller, &entity, &at)?;
    let holds = told.len() == 3 && told.iter().all(|it| it["value"]["n"] != "new");
    page.demand(holds, &format!("the three records as they were at {then}"))
}

fn health(run: &Run) -> Checked {
    for path in ["/healthz", "/readyz"] {
        run.nobody().get(path)?.done()?;
    }
    Ok(())
}

fn document(run: &Run) -> Checked {
    let document = run.nobody().get("/v1/openapi.json")?.done()?;
    document.text("/openapi")?;
    for phase in ["open", "push", "pull", "finish", "cancel", "reconcile"] {
        let post = &document["paths"][format!("/v1/sync/{phase}")]["post"];
        document.demand(post.is_object(), &format!("it has POST /v1/sync/{phase}"))?;
    }
    Ok(())
}

fn dev_tokens(run: &Run) -> Checked {
    if !run.is_dev() {
        let why = "the server is not asked for tokens: it may not be in --dev";
        return Err(Miss::NotChecked(why.to_owned()));
    }
    let body = br#"{"user":"conformance"}"#;
    for headers in [
        [("origin", "https://elsewhere.example")],
        [("origin", "null")],
        [("host", "rebound.example")],
    ] {
        let answer = run.nobody().send("POST", "/v1/dev/token", &headers, body)?;
        answer.refused(403, "forbidden")?;
    }
    Ok(())
}

fn other_origins(run: &Run) -> Checked {
    let headers = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "authorization,content-encoding,content-type",
        ),
    ];
    let leave = run
        .nobody()
        .send("OPTIONS", "/v1/sync/open", &headers, &[])?;
    let origin = leave.header("access-control-allow-origin");
    if origin.is_empty() {
        let why = "the operator lets no page of https://app.example call";
        return Err(Miss::NotChecked(why.to_owned()));
    }
    let holds = origin == "*" || origin == "https://app.example";
    leave.demand(holds, "the leave is for everybody or for that origin")?;
    let day = leave.header("access-control-max-age") == "86400";
    leave.demand(
        day,
        "`Access-Control-Max-Age: 86400`: the leave is kept for a day",
    )?;
    let allowed = leave.header("access-control-allow-headers").to_lowercase();
    let holds = allowed == "*"
        || ["authorization", "content-encoding", "content-type"]
            .iter()
            .all(|name| allowed.contains(name));
    leave.demand(holds, "the headers that a client sends are allowed")?;
    let refused = run
        .nobody()
        .send("GET", "/v1/records", &headers[..1], &[])?;
    refused.refused(401, "unauthenticated")?;
    let exposed = refused
        .header("access-control-expose-headers")
        .to_lowercase();
    refused.demand(
        exposed.contains("retry-after"),
        "a page reads `Retry-After`",
    )?;
    let timing = !refused.header("timing-allow-origin").is_empty();
    refused.demand(
        timing,
        "`Timing-Allow-Origin`: a page reads how long a call took",
    )
}

fn past(caller: &Caller, key: &Value, more: &str) -> Checked<Answer> {
    let key = super::escaped(key.as_str().unwrap_or_default());
    caller.get(&format!("/v1/records/{key}/history{more}"))
}

fn history(run: &Run) -> Checked {
    let caller = run.user()?;
    let Shared {
        mut one,
        mut two,
        record,
    } = shared(&caller, &json!({"a": 0}))?;
    let second = one.sync(&[edit(&record, &json!({"a": 1}))])?.push["max_checkin"].clone();
    two.sync(&[])?;
    let newer = two.held.at(&record["key"]).clone();
    let third = two.sync(&[deletion(&newer)])?.push["max_checkin"].clone();
    let told = past(&caller, &record["key"], "")?.done()?;
    let prints = [
        of_record("record", &json!({"a": 0})),
        of_record("record", &json!({"a": 1})),
    ];
    for (place, wanted) in [
        json!({"checkin": record["checkin"], "superseded": second, "device_uuid": one.uuid,
            "entity": "record", "value": {"a": 0}, "fingerprint": prints[0]}),
        json!({"checkin": second, "superseded": third, "device_uuid": one.uuid,
            "value": {"a": 1}, "changed": ["a"], "fingerprint": prints[1]}),
        json!({"checkin": third, "device_uuid": two.uuid, "deleted": true}),
    ]
    .iter()
    .enumerate()
    {
        for (member, value) in wanted.as_object().into_iter().flatten() {
            told.is(
                &format!("/versions/{place}/{member}"),
                value,
                "as it was pushed",
            )?;
        }
    }
    let count = told.list("/versions")?.len();
    told.demand(
        count == 3,
        "three versions, and the newest is superseded by none",
    )?;
    told.is("/versions/2/superseded", &Value::Null, "it is the newest")?;
    let first = past(&caller, &record["key"], "?limit=2")?.done()?;
    first.is("/remaining", &json!(1), "two of three")?;
    let cursor = super::escaped(first.text("/cursor")?);
    let rest = past(
        &caller,
        &record["key"],
        &format!("?limit=2&cursor={cursor}"),
    )?
    .done()?;
    rest.is(
        "/versions/0",
        told.at("/versions/2"),
        "page by page the same",
    )
}

fn no_history(run: &Run) -> Checked {
    let caller = run.user()?;
    let Shared { record, .. } = shared(&caller, &json!(1))?;
    past(&caller, &json!(name()), "")?.refused(404, "not_found")?;
    past(&caller, &record["key"], "?limit=0")?.refused(400, "malformed")?;
    let stranger = run.another()?;
    past(&stranger, &record["key"], "")?.refused(404, "not_found")
}

fn settings(run: &Run) -> Checked {
    let caller = run.user()?;
    let mut device = Device::new(&caller);
    device.sync(&[made(&json!(1))])?;
    let told = caller.get(&super::datastore_path(&caller)?)?.done()?;
    told.is("/max_checkin", &device.last_sync, "the head")?;
    told.is("/live", &json!(device.held.0.len()), "the live records")?;
    for member in ["datastore", "role", "policy"] {
        told.text(&format!("/{member}"))?;
    }
    for member in [
        "/conflicts/open",
        "/airbag/deletes",
        "/airbag/percent",
        "/retention/history",
        "/retention/tombstones",
    ] {
        told.demand(
            told.at(member).is_number(),
            &format!("`{member}` is a number"),
        )?;
    }
    told.demand(told["policies"].is_object(), "`policies` are by entity")
}

fn patch(caller: &Caller, path: &str, body: &Value) -> Checked<Answer> {
    caller.send("PATCH", path, &[], body.to_string().as_bytes())
}

fn wrong_settings(run: &Run) -> Checked {
    let caller = run.user()?;
    let path = super::datastore_path(&caller)?;
    let before = caller.get(&path)?.done()?;
    for wrong in [
        json!({"policy": "latest"}),
        json!({"policy": 1}),
        json!({"policies": {"note": "merge", "task": "Merge"}}),
        json!({"policy": "truth", "airbag": {"deletes": 1, "percent": 101}}),
        json!({"policy": "truth", "retention": {"history": 2, "tombstones": 1}}),
    ] {
        patch(&caller, &path, &wrong)?.refused(400, "malformed")?;
    }
    let after = caller.get(&path)?.done()?;
    for member in ["policy", "policies", "airbag", "retention"] {
        after.is(&format!("/{member}"), &before[member], "nothing was set")?;
    }
    caller
        .get("/v1/datastores/nobodys")?
        .refused(404, "not_found")
}

fn own_airbag(run: &Run) -> Checked {
    let caller = run.user()?;
    let path = super::datastore_path(&caller)?;
    let before = caller.get(&path)?.done()?["airbag"].clone();
    let mut device = Device::new(&caller);
    let records = [made(&json!(1)), made(&json!(2)), made(&json!(3))];
    let synced = device.sync(&records)?;
    let gone = records
        .iter()
        .map(|it| Ok(deletion(synced.answer_to(&it["key"])?)));
    let gone = gone.collect::<Checked<Vec<_>>>()?;
    let set = patch(
        &caller,
        &path,
        &json!({"airbag": {"deletes": 2, "percent": 0}}),
    )?
    .done()?;
    set.is("/airbag/deletes", &json!(2), "the owner has set it")?;
    device.start()?;
    let held = device.tries_to_push(&gone, &json!({}))?;
    let unset = patch(&caller, &path, &json!({"airbag": null}))?.done()?;
    held.refused(423, "airbag")?;
    let why = "`null` goes back to what the operator has set";
    unset.demand(unset["airbag"] == before || before["deletes"] != 20, why)?;
    let pushed = device.push(&gone)?;
    pushed.is(
        "/updated",
        &json!(3),
        "and three deletions are not too many any more",
    )
}
