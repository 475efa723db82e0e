//! Changing an object's top-level fields, text to text.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::parse::write_string;
use super::{Canonical, CanonicalRef, Fields, compare_names};

/// Fields to set and to remove. Naming a field again replaces what was said before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch<'a> {
    /// In canonical order; a field without a value is removed.
    edits: Vec<(Cow<'a, str>, Option<CanonicalRef<'a>>)>,
}

impl<'a> Patch<'a> {
    /// A patch that changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// A patch that sets every field of `object`.
    pub fn of_fields(object: CanonicalRef<'a>) -> Self {
        let mut edits = Vec::new();
        for (name, value) in object.fields() {
            edits.push((name, Some(value)));
        }
        Self { edits }
    }

    /// Sets a field.
    pub fn set(&mut self, name: impl Into<Cow<'a, str>>, value: CanonicalRef<'a>) {
        self.edit(name.into(), Some(value));
    }

    /// Removes a field.
    pub fn remove(&mut self, name: impl Into<Cow<'a, str>>) {
        self.edit(name.into(), None);
    }

    /// Whether the patch changes nothing.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// The fields named, in canonical order, with what they are set to.
    pub fn edits(&self) -> impl Iterator<Item = (&str, Option<CanonicalRef<'a>>)> {
        self.edits
            .iter()
            .map(|(name, value)| (name.as_ref(), *value))
    }

    fn edit(&mut self, name: Cow<'a, str>, value: Option<CanonicalRef<'a>>) {
        match self
            .edits
            .binary_search_by(|(known, _)| compare_names(known, &name))
        {
            Ok(at) => self.edits[at].1 = value,
            Err(at) => self.edits.insert(at, (name, value)),
        }
    }

    pub(super) fn apply(&self, object: CanonicalRef<'_>) -> Canonical {
        let set: usize = self
            .edits()
            .map(|(name, value)| name.len() + value.map_or(0, |v| v.0.len()) + 4)
            .sum();
        let mut text = String::with_capacity(object.0.len() + set + 2);
        text.push('{');
        let mut edits = self.edits().peekable();
        let mut write = |name: &str, value: Option<CanonicalRef<'_>>| {
            let Some(value) = value else { return };
            if text.len() > 1 {
                text.push(',');
            }
            write_string(&mut text, name);
            text.push(':');
            text.push_str(value.0);
        };
        for (name, value) in object.fields() {
            while let Some((before, edit)) =
                edits.next_if(|(edited, _)| compare_names(edited, &name).is_lt())
            {
                write(before, edit);
            }
            let edit = edits.next_if(|(edited, _)| *edited == name);
            write(&name, edit.map_or(Some(value), |(_, edit)| edit));
        }
        for (name, edit) in edits {
            write(name, edit);
        }
        text.push('}');
        Canonical(text)
    }
}

/// The fields in which two objects differ, in canonical order: set, changed or removed.
///
/// A value that is no object has no fields; whether two such values differ, their texts say.
pub fn changed_fields<'a>(before: CanonicalRef<'a>, after: CanonicalRef<'a>) -> Vec<Cow<'a, str>> {
    let mut changed = Vec::new();
    let (mut before, mut after): (Fields<'a>, Fields<'a>) = (before.fields(), after.fields());
    let (mut old, mut new) = (before.next(), after.next());
    loop {
        let order = match (&old, &new) {
            (None, None) => return changed,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((old, _)), Some((new, _))) => compare_names(old, new),
        };
        let differs =
            order != Ordering::Equal || old.as_ref().map(|o| o.1) != new.as_ref().map(|n| n.1);
        let added = if order.is_ge() {
            core::mem::replace(&mut new, after.next())
        } else {
            None
        };
        let removed = if order.is_le() {
            core::mem::replace(&mut old, before.next())
        } else {
            None
        };
        if differs {
            changed.extend(removed.or(added).map(|(name, _)| name));
        }
    }
}
