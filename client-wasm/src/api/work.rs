//! What the promises of a database and of its batches do: one future for all of them. Each
//! method's own would be another state machine of 1 to 2 kB (docs/decisions/0009).
#![expect(clippy::float_cmp, reason = "in what wasm_bindgen makes of an enum")]

use std::{cell::RefCell, rc::Rc};

use js_sys::{Array, JsString, Promise};
use tidemark_engine::{
    client::{Batch, Choice, Doc, Error, ErrorCode, Operation, SyncOptions},
    json::{Canonical, CanonicalRef},
    store::Committed,
};
use wasm_bindgen::prelude::*;

use super::{
    answer::{answers, plain, promise, slices},
    batch::CoreBatch,
    database::Inner,
};
use crate::{environment::Browser, syncing::Ticket};

/// What can be read.
#[wasm_bindgen]
#[derive(Clone, Copy)]
pub enum Reading {
    /// The records of the keys in a JSON array; `null` for one that is not there.
    Keys,
    /// The records that a query finds.
    Find,
    /// How many records a query finds.
    Count,
    /// The records that are not in the truth yet.
    Pending,
    /// The conflicts that wait for a person, each as text.
    Conflicts,
}

/// What to read, of which entity, and the keys or the query as JSON.
pub(super) struct Question {
    pub(super) what: Reading,
    pub(super) entity: String,
    pub(super) text: String,
}

/// A batch under way; it is lent to one call at a time.
pub(super) type Slot = Rc<RefCell<Option<Batch<Browser>>>>;

/// What one promise is to do.
pub(super) enum Work {
    Read(Question),
    Write(Vec<Operation>),
    Begin,
    ReadInBatch(Slot, Question),
    WriteInBatch(Slot, Vec<Operation>),
    Commit(Slot),
    Resolve(String, Choice),
    Info,
    Sync(SyncOptions, Ticket),
}

/// Begins some work. It holds all that it needs: JavaScript may free the object meanwhile.
pub(super) fn start(inner: &Rc<Inner>, work: Result<Work, Error>) -> Promise {
    let inner = Rc::clone(inner);
    if inner.client.is_damaged() {
        // Found by an earlier look, and told as a change: whoever looks again lets it be mended.
        inner.syncing.changed();
    }
    promise(async move { run(&inner, work?).await })
}

async fn run(inner: &Rc<Inner>, work: Work) -> Result<JsValue, Error> {
    let client = &inner.client;
    match work {
        Work::Read(question) => read(inner, None, &question).await,
        Work::Write(operations) => {
            let docs = client.write(operations).await?;
            inner.syncing.changed();
            Ok(answers(&docs))
        }
        Work::Begin => Ok(CoreBatch::new(inner, client.begin().await?).into()),
        Work::ReadInBatch(slot, question) => {
            let batch = take(&slot)?;
            let found = read(inner, Some(&batch), &question).await;
            slot.replace(Some(batch));
            found
        }
        Work::WriteInBatch(slot, operations) => {
            let mut batch = take(&slot)?;
            let done = batch.apply(operations).await;
            slot.replace(Some(batch));
            Ok(answers(&done?))
        }
        Work::Commit(slot) => {
            let committed = take(&slot)?.commit().await?;
            Ok(JsValue::from_bool(committed == Committed::Done))
        }
        Work::Resolve(id, choice) => {
            client.refresh().await?;
            client.resolve(&id, &choice).await?;
            inner.syncing.changed();
            Ok(JsValue::UNDEFINED)
        }
        Work::Info => {
            client.refresh().await?;
            Ok(plain(&client.info().to_json()))
        }
        Work::Sync(options, ticket) => sync(inner, options, ticket).await,
    }
}

fn take(slot: &Slot) -> Result<Batch<Browser>, Error> {
    let over = || Error::invalid("the batch is over, or another of its calls is under way");
    slot.take().ok_or_else(over)
}

/// Reads the newest moment, or a batch's.
async fn read(
    inner: &Inner,
    batch: Option<&Batch<Browser>>,
    question: &Question,
) -> Result<JsValue, Error> {
    let (client, entity, text) = (&inner.client, &*question.entity, &*question.text);
    let docs: Vec<Option<Doc>> = match (question.what, batch) {
        (Reading::Keys, None) => client.get_many(entity, &keys(text)?).await?,
        (Reading::Keys, Some(batch)) => batch.get_many(entity, &keys(text)?).await?,
        (Reading::Count, None) => return Ok(number(client.count(entity, text).await?)),
        (Reading::Count, Some(batch)) => return Ok(number(batch.count(entity, text).await?)),
        (Reading::Conflicts, _) => {
            // Another tab may have told of them before its commit was heard of.
            client.refresh().await?;
            let texts = client.conflicts().await?.into_iter().map(JsString::from);
            return Ok(texts.collect::<Array>().into());
        }
        (Reading::Find, None) => some(client.find(entity, text).await?),
        (Reading::Find, Some(batch)) => some(batch.find(entity, text).await?),
        (Reading::Pending, _) => some(client.pending().await?),
    };
    Ok(slices(&mut docs.iter().map(Option::as_ref)).into())
}

fn some(docs: Vec<Doc>) -> Vec<Option<Doc>> {
    docs.into_iter().map(Some).collect()
}

/// The keys of a JSON array.
pub(super) fn keys(text: &str) -> Result<Vec<String>, Error> {
    let keys = Canonical::parse(text).ok();
    let keys = keys.and_then(|keys| texts(keys.borrow()));
    keys.ok_or_else(|| Error::invalid("keys are strings"))
}

/// The strings of a JSON array; `None` where something else is in it.
pub(super) fn texts(array: CanonicalRef<'_>) -> Option<Vec<String>> {
    let mut texts = Vec::new();
    for element in array.elements() {
        texts.push(element.as_text()?.into_owned());
    }
    Some(texts)
}

#[expect(clippy::cast_precision_loss, reason = "no device holds 2^53 records")]
fn number(records: u64) -> JsValue {
    JsValue::from_f64(records as f64)
}

async fn sync(inner: &Inner, options: SyncOptions, ticket: Ticket) -> Result<JsValue, Error> {
    if !inner.host.is_connected() {
        return Err(Error::new(
            ErrorCode::Offline,
            "the database is not connected to a server: give `server` to open, or connect first",
        ));
    }
    let report = inner.syncing.sync(options, ticket).await?;
    Ok(plain(&report.to_json()))
}
