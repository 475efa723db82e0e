//! How phases ride together: any call may carry the next phases' bodies, and its answer then
//! carries theirs, each its answer or its own problem.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use crate::{Code, Problem};

/// A riding phase's answer, or the problem that stopped it and the phases after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ridden<T> {
    /// The phase was done.
    Done(T),
    /// The phase failed; the carrying call did not.
    Failed(Problem),
}

impl<T: Serialize> Serialize for Ridden<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Done(answer) => answer.serialize(serializer),
            Self::Failed(problem) => problem.serialize(serializer),
        }
    }
}

/// Only problems have a code, so that one look tells which it is. Read from text in memory
/// only (`from_str`, `from_slice`): the text is looked at before it is read.
impl<'de, T: de::DeserializeOwned> Deserialize<'de> for Ridden<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Probe {
            code: Option<Code>,
        }
        let text = <&RawValue>::deserialize(deserializer)?.get();
        let probe: Probe = serde_json::from_str(text).map_err(de::Error::custom)?;
        if probe.code.is_some() {
            serde_json::from_str(text)
                .map(Self::Failed)
                .map_err(de::Error::custom)
        } else {
            serde_json::from_str(text)
                .map(Self::Done)
                .map_err(de::Error::custom)
        }
    }
}
