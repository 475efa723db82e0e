//! Short ways to say what most of the checks say.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::check::Checked;
use crate::device::Device;
use crate::http::Caller;

/// When the records here were made, unless a check says otherwise, also in milliseconds.
pub(crate) const CREATED: (&str, u64) = ("2026-11-22T04:41:01Z", 1_795_322_461_000);
/// A moment that no truth has issued yet, and one from before all of them.
pub(crate) const UNISSUED: [&str; 2] =
    ["2199-01-01T00:00:00.000000Z", "2001-01-01T00:00:00.000000Z"];

/// A new name, for a device, an attempt or a record.
pub(crate) fn name() -> String {
    Uuid::new_v4().to_string()
}

/// A record that its device makes now.
pub(crate) fn made(value: &Value) -> Value {
    json!({"key": name(), "is_pending": true, "value": value, "created": CREATED.0,
        "updated": CREATED.0})
}

/// So many of them, numbered.
pub(crate) fn many(count: usize) -> Vec<Value> {
    (0..count)
        .map(|number| made(&json!({"n": number})))
        .collect()
}

/// A device's changes to the fields of a record.
pub(crate) fn edit(record: &Value, fields: &Value) -> Value {
    let names: Vec<_> = fields.as_object().into_iter().flatten().collect();
    let names: Vec<_> = names.into_iter().map(|(name, _)| name).collect();
    json!({"key": record["key"], "base": record["checkin"], "value": fields, "changed": names})
}

/// A device's new value of a record, whole.
pub(crate) fn whole(record: &Value, value: &Value) -> Value {
    json!({"key": record["key"], "base": record["checkin"], "value": value})
}

/// A device's deletion of a record.
pub(crate) fn deletion(record: &Value) -> Value {
    json!({"key": record["key"], "base": record["checkin"], "deleted": true})
}

/// A body with further members.
pub(crate) fn with(mut body: Value, more: &Value) -> Value {
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more.clone());
    }
    body
}

/// A record that two devices hold, in sync.
pub(crate) struct Shared<'a> {
    pub(crate) one: Device<'a>,
    pub(crate) two: Device<'a>,
    /// As the server told it, with its value.
    pub(crate) record: Value,
}

/// A record that one device has made and another has pulled.
pub(crate) fn shared<'a>(caller: &'a Caller, value: &Value) -> Checked<Shared<'a>> {
    let mut one = Device::new(caller);
    let mut two = Device::new(caller);
    let record = made(value);
    let synced = one.sync_one(&record)?;
    let record = synced.answer_to(&record["key"])?.clone();
    two.sync(&[])?;
    Ok(Shared { one, two, record })
}

/// The same of several records at once, in the order of the values.
pub(crate) fn all_shared<'a>(
    caller: &'a Caller,
    values: &[Value],
) -> Checked<(Device<'a>, Device<'a>, Vec<Value>)> {
    let mut one = Device::new(caller);
    let mut two = Device::new(caller);
    let records: Vec<_> = values.iter().map(made).collect();
    let synced = one.sync(&records)?;
    let told = records
        .iter()
        .map(|it| synced.answer_to(&it["key"]).cloned());
    let told = told.collect::<Checked<Vec<_>>>()?;
    two.sync(&[])?;
    Ok((one, two, told))
}
