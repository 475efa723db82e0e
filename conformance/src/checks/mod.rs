//! The checks, one file a chapter of the protocol's page. Each makes its own devices and records, so
//! that it depends neither on another check nor on what the datastore holds.

mod around;
mod comparing;
mod conflicts;
mod conventions;
mod directions;
mod errors;
mod fingerprints;
mod finishing;
mod merging;
mod modes;
mod opening;
mod pulling;
mod pushing;
mod reconciling;
mod records;
mod refreshing;
mod riding;

use std::fmt::Write as _;

use crate::check::{Check, Checked};
use crate::device::Device;
use crate::http::Caller;

/// In the order of the page.
pub(crate) const CHAPTERS: &[(&str, &[Check])] = &[
    ("conventions", conventions::CHECKS),
    ("errors", errors::CHECKS),
    ("records", records::CHECKS),
    ("fingerprints", fingerprints::CHECKS),
    ("opening", opening::CHECKS),
    ("riding", riding::CHECKS),
    ("pushing", pushing::CHECKS),
    ("merging", merging::CHECKS),
    ("pulling", pulling::CHECKS),
    ("finishing", finishing::CHECKS),
    ("reconciling", reconciling::CHECKS),
    ("refreshing", refreshing::CHECKS),
    ("modes", modes::CHECKS),
    ("directions", directions::CHECKS),
    ("comparing", comparing::CHECKS),
    ("conflicts", conflicts::CHECKS),
    ("around", around::CHECKS),
];

/// Where the settings of the caller's own datastore are.
fn datastore_path(caller: &Caller) -> Checked<String> {
    let opened = Device::new(caller).start()?;
    Ok(format!(
        "/v1/datastores/{}",
        escaped(opened.text("/datastore")?)
    ))
}

/// A text as it may stand in an address.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut address, byte| {
        // Writing to a text cannot fail.
        let _ = write!(address, "%{byte:02X}");
        address
    })
}
