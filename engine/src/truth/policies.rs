//! Which conflict policy holds for which entity.

use alloc::collections::BTreeMap;
use alloc::string::String;

use serde::{Deserialize, Serialize};
use tidemark_protocol::ConflictPolicy;

/// The conflict policies that somebody has set: an operator for all datastores, or an owner for
/// one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policies {
    /// For the entities that are not named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<ConflictPolicy>,
    /// By entity.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub entities: BTreeMap<String, ConflictPolicy>,
}

impl Policies {
    /// What holds for an entity.
    pub fn of(&self, entity: &str) -> ConflictPolicy {
        let named = self.entities.get(entity).copied();
        named.or(self.policy).unwrap_or_default()
    }

    /// These over those of somebody further away, whose word on single entities stands only
    /// where nothing is said here of the entities that are not named.
    #[must_use]
    pub fn over(&self, below: &Self) -> Self {
        let mut entities = match self.policy {
            Some(_) => BTreeMap::new(),
            None => below.entities.clone(),
        };
        entities.extend(self.entities.clone());
        Self {
            policy: self.policy.or(below.policy),
            entities,
        }
    }
}
