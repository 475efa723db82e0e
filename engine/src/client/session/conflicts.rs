//! Conflicts within a sync: decisions go to the server, and its list comes here where it is
//! another than the one held.
//!
//! Both come after the session proper, so that the datastore is known to be ours, and what
//! the person has edited here is in the truth before the decision on it.

use alloc::{format, string::String, vec::Vec};

use tidemark_protocol::Code;

use super::Session;
use crate::client::conflicts::{self, Told};
use crate::client::wire::Members;
use crate::client::{Environment, Error, Event};

impl<E: Environment> Session<'_, E> {
    /// Notes at which checkin the server's list last changed, if the answer says so.
    pub(super) fn hear_of_conflicts(&mut self, answer: Members<'_>) -> Result<(), Error> {
        if let Some(conflicts) = answer.members("conflicts") {
            self.conflicts_changed = conflicts.checkin("changed")?;
        }
        Ok(())
    }

    /// Sends what was decided here; true: the truth has heeded some of it.
    pub(super) async fn send_decisions(&mut self) -> Result<bool, Error> {
        if self.shared.current().root.decisions.is_empty() {
            return Ok(false);
        }
        let mut is_heeded = false;
        for (id, body) in self.shared.look(conflicts::decisions).await? {
            let path = format!("/v1/conflicts/{}{}", escaped(&id), self.of_datastore());
            let is_over = match self.call(&path, body.clone()).await {
                Ok(answer) => {
                    self.hear_of_conflicts(Members(answer.borrow()))?;
                    is_heeded = true;
                    true
                }
                Err(error) => match error.problem_code() {
                    // Somebody else was first.
                    Some(Code::NotFound | Code::Settled) => true,
                    // It will never be taken: the conflict waits for a person again.
                    Some(Code::BadRecord | Code::Malformed | Code::TooLarge | Code::Forbidden) => {
                        false
                    }
                    _ => return Err(error),
                },
            };
            let decision = (id.as_str(), body.as_str());
            self.shared
                .apply(&mut |database| conflicts::answered(database, decision, is_over))
                .await?;
            if !is_over {
                self.tell(Event::Conflict([id].into()));
            }
        }
        Ok(is_heeded)
    }

    /// Fetches the server's list if it is another than the one held. A sync is none the worse
    /// without: the next one asks again.
    pub(super) async fn follow_conflicts(&mut self) {
        if self.conflicts_changed == self.shared.current().root.conflicts_changed {
            return;
        }
        if let Ok(new) = self.fetch_conflicts().await
            && !new.is_empty()
        {
            self.tell(Event::Conflict(new));
        }
    }

    async fn fetch_conflicts(&mut self) -> Result<Vec<String>, Error> {
        let first = format!("/v1/conflicts{}", self.of_datastore());
        let (mut list, mut changed, mut path) = (Vec::<Told>::new(), None, first.clone());
        loop {
            let answer = self.call(&path, String::new()).await?;
            let members = Members(answer.borrow());
            if changed.is_none() {
                // Of the first page: what changes while the others come is another checkin's.
                changed = Some(members.checkin("changed")?);
            }
            for conflict in members.needed("conflicts")?.elements() {
                let id = Members(conflict).needed_text("id")?;
                list.push((id.into_owned(), conflict.to_canonical()));
            }
            let Some(next) = members.text("cursor")? else {
                break;
            };
            path = format!("{first}&cursor={}", escaped(&next));
        }
        let changed = changed.flatten();
        self.shared
            .change(|database| conflicts::replace(database, &list, changed))
            .await
    }

    fn of_datastore(&self) -> String {
        let current = self.shared.current();
        let datastore = current.root.datastore.as_deref().unwrap_or_default();
        format!("?datastore={}", escaped(datastore))
    }
}

/// A text as a part of an address.
fn escaped(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push('%');
            for digit in [byte >> 4, byte & 15] {
                escaped.push(char::from(HEX[usize::from(digit)]));
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn what_an_address_cannot_hold_is_escaped() {
        assert_eq!(escaped("a-1.b_2~"), "a-1.b_2~");
        assert_eq!(escaped("a/b?c=é"), "a%2Fb%3Fc%3D%C3%A9");
    }
}
