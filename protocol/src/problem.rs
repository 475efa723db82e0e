//! The one list of what can go wrong on the wire: RFC 9457 problems with stable codes.

use alloc::{borrow::Cow, string::String};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal, $title:literal;)*) => {
        /// What went wrong, for programs: stable for ever.
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $name,)*
            /// A code that this version does not know.
            Unknown(String),
        }

        impl Code {
            /// The code as written on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Unknown(text) => text,
                }
            }

            /// The HTTP status that the code is answered with.
            pub fn status(&self) -> u16 {
                match self {
                    $(Self::$name => $status,)*
                    Self::Unknown(_) => 500,
                }
            }

            /// A short title, the same for every problem of this code.
            pub fn title(&self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                    Self::Unknown(_) => "Unknown problem",
                }
            }

            /// The code written so; one that this version does not know is kept.
            pub fn read(text: Cow<'_, str>) -> Self {
                static KNOWN: &[Code] = &[$(Code::$name,)*];
                let known = KNOWN.iter().find(|code| code.as_str() == text);
                known.cloned().unwrap_or_else(|| Self::Unknown(text.into_owned()))
            }
        }
    };
}

codes! {
    /// Not JSON, wrong types, an unknown enum value, a cursor or `last_update` never given out.
    Malformed = "malformed", 400, "The request is not understood";
    /// No token, a bad signature, expired.
    Unauthenticated = "unauthenticated", 401, "Sign in first";
    /// A reader pushing; a push in a pull-only session.
    Forbidden = "forbidden", 403, "Not allowed";
    /// No such route, conflict, or datastore that the caller may see.
    NotFound = "not_found", 404, "Not found";
    /// The route exists, not with this method.
    MethodNotAllowed = "method_not_allowed", 405, "Method not allowed";
    /// This open is late, or comes from an older copy of the device.
    StaleDevice = "stale_device", 409, "An older copy of this device";
    /// Another device pushed the truth: pull it first.
    TruthPushed = "truth_pushed", 409, "The truth was replaced";
    /// The conflict has been settled otherwise.
    Settled = "settled", 409, "The conflict is settled";
    /// The session ended, expired, or was superseded.
    SessionGone = "session_gone", 410, "The session is over";
    /// The body, or a batch, is over the advertised limits.
    TooLarge = "too_large", 413, "Too large";
    /// The body is neither JSON nor gzip-encoded JSON.
    UnsupportedMedia = "unsupported_media", 415, "Unsupported media type";
    /// The push would delete too much: confirm it.
    Airbag = "airbag", 423, "Held by the airbag";
    /// Protocol version not spoken here.
    Protocol = "protocol", 426, "Protocol version not spoken here";
    /// Too many requests, or shutting down: try again after `Retry-After`.
    Busy = "busy", 503, "Busy";
    /// Asked for something that this server does not do (yet).
    NotSupported = "not_supported", 501, "Not supported by this server";
    /// A fault of the server's own; details are in its log only.
    Internal = "internal", 500, "Internal error";
    /// A record's key is not 1 to 255 bytes of UTF-8, or a pending one no UUID.
    BadKey = "bad_key", 422, "The record's key is wrong";
    /// A record that cannot be read.
    BadRecord = "bad_record", 422, "The record is wrong";
    /// A record's entity is missing from the schema, or not the one it was made with.
    Entity = "entity", 422, "The record's entity is wrong";
    /// The truth does not know the key: send the record whole.
    NeedWhole = "need_whole", 422, "Send the record whole";
    /// The value does not fit the schema.
    Schema = "schema", 422, "The value does not fit the schema";
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer).map(Self::read)
    }
}

/// An RFC 9457 problem. `detail` is for people and says what to do; it never shows SQL, paths
/// or another user's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Always `about:blank`: the code tells the kind.
    #[serde(rename = "type", default = "about_blank")]
    pub kind: Cow<'static, str>,
    /// A short title, the same for every problem of this code.
    #[serde(default)]
    pub title: Cow<'static, str>,
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// The stable code.
    pub code: Code,
    /// What happened here, and what to do.
    #[serde(default)]
    pub detail: String,
    /// With `airbag`: how many records the push would delete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletes: Option<u64>,
    /// With `airbag`: how many records the push would change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<u64>,
    /// With `airbag`: how many records live in the truth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<u64>,
}

const fn about_blank() -> Cow<'static, str> {
    Cow::Borrowed("about:blank")
}

impl Problem {
    /// A problem with a detail for people.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            kind: about_blank(),
            title: Cow::Borrowed(code.title()),
            status: code.status(),
            code,
            detail: detail.into(),
            deletes: None,
            changes: None,
            live: None,
        }
    }
}
