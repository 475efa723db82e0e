//! Reconciling as a device does it: its ranges are narrowed until nothing differs (P-60 to P-62).

use serde_json::{Value, json};

use crate::check::Checked;
use crate::device::{Device, of_items};
use crate::http::Answer;
use crate::talk::whole;

/// What all calls came to.
pub(crate) struct Found {
    pub(crate) records: Vec<Value>,
    pub(crate) drop: Vec<Value>,
    pub(crate) send: Vec<Value>,
    /// What was deleted in the truth by it (P-71).
    pub(crate) deleted: Vec<Value>,
    pub(crate) calls: usize,
    /// The last answer.
    pub(crate) last: Answer,
}

impl Found {
    /// The device takes what was told.
    pub(crate) fn apply(&self, device: &mut Device) {
        device.held.take(&self.records);
        for key in &self.drop {
            device.held.0.remove(key.as_str().unwrap_or_default());
        }
    }

    /// What was asked for, whole as the device holds it: as of a base, or of each record's version.
    pub(crate) fn asked(&self, device: &Device, base: Option<&Value>) -> Vec<Value> {
        let record = |key: &Value| {
            let held = device.held.at(key);
            let mut record = whole(held, &held["value"]);
            if let Some(base) = base {
                record["base"] = base.clone();
            }
            record
        };
        self.send.iter().map(record).collect()
    }
}

/// One call that must be answered.
pub(crate) fn reconcile(device: &Device, ranges: &Value) -> Checked<Answer> {
    device.call("reconcile", &json!({"ranges": ranges}))?.done()
}

/// The device's own items from one key to before another, as a range.
fn tell(device: &Device, from: &str, to: &Value) -> Value {
    json!({"from": from, "to": to, "items": device.held.items(from, to)})
}

/// All that it holds, as one range.
pub(crate) fn tell_all(device: &Device) -> Value {
    json!([tell(device, "", &Value::Null)])
}

/// Opens for a repair, as the device holds it.
pub(crate) fn repair(device: &mut Device) -> Checked<Answer> {
    let opened = device.open(&json!({"mode": "repair"}))?;
    opened.is("/mode", &json!("repair"), "it was asked for (P-27)")?;
    Ok(opened)
}

/// Asks until nothing differs, with the person's leave to delete or without it.
pub(crate) fn reconciled(device: &mut Device, confirm: bool) -> Checked<Found> {
    let all = device.held.items("", &Value::Null);
    let mut asks = if all.len() < 32 {
        vec![tell(device, "", &Value::Null)]
    } else {
        vec![json!({"from": "", "to": null, "fingerprint": of_items(&all), "count": all.len()})]
    };
    let (mut records, mut drop, mut send, mut deleted) = (vec![], vec![], vec![], vec![]);
    let mut calls = 0;
    loop {
        let told = json!({"ranges": asks, "confirm": confirm});
        let last = device.call("reconcile", &told)?.done()?;
        calls += 1;
        last.demand(calls < 20, "each round narrows the ranges, so it ends")?;
        records.extend_from_slice(last.list("/records")?);
        drop.extend_from_slice(last.list("/drop")?);
        send.extend_from_slice(last.list("/send")?);
        if last["max_checkin"].is_string() {
            let keys = last["deleted"].as_array();
            deleted.extend(keys.into_iter().flatten().cloned());
            device.max_checkin = last["max_checkin"].clone();
        }
        asks = narrower(device, last.list("/ranges")?);
        if asks.is_empty() {
            return Ok(Found {
                records,
                drop,
                send,
                deleted,
                calls,
                last,
            });
        }
    }
}

/// What to ask next: of the ranges told, those in which the device holds something else.
fn narrower(device: &Device, told: &[Value]) -> Vec<Value> {
    let mut asks = Vec::new();
    for range in told {
        let from = range["from"].as_str().unwrap_or_default();
        let own = device.held.items(from, &range["to"]);
        let print = of_items(&own);
        if range["fingerprint"] == print.as_str() {
            continue;
        }
        asks.push(if own.len() < 32 {
            tell(device, from, &range["to"])
        } else {
            json!({"from": from, "to": range["to"], "fingerprint": print, "count": own.len()})
        });
    }
    asks
}
