//! Doubles from decimals and back, where no shortcut serves: by libraries, or by the host that
//! the engine runs in. A browser's own conversions are what RFC 8785 prescribes, and the tables
//! that the libraries need would make a twelfth of what it loads (docs/decisions/0009).

#[cfg(not(target_family = "wasm"))]
mod by_library {
    use alloc::string::String;

    pub(in crate::json) fn parse(text: &str) -> Option<f64> {
        text.parse().ok()
    }

    /// Appends the shortest form, as ECMAScript writes it.
    pub(in crate::json) fn write(out: &mut String, number: f64) {
        out.push_str(ryu_js::Buffer::new().format_finite(number));
    }
}
#[cfg(not(target_family = "wasm"))]
pub(super) use by_library::{parse, write};

#[cfg(target_family = "wasm")]
mod by_host {
    use alloc::string::String;

    use once_cell::race::OnceRef;

    /// The host's conversions.
    #[derive(Debug)]
    pub struct Host {
        /// The nearest double to a JSON number.
        pub parse: fn(&str) -> f64,
        /// ECMAScript's `Number::toString` of a finite double.
        pub write: fn(f64) -> String,
    }

    static HOST: OnceRef<'static, Host> = OnceRef::new();

    /// Says how the host converts; before that, numbers of many digits are refused. Whoever
    /// starts the module calls it first.
    pub fn use_host(host: &'static Host) {
        // A module that is started twice has the same host.
        let _ = HOST.set(host);
    }

    pub(in crate::json) fn parse(text: &str) -> Option<f64> {
        HOST.get().map(|host| (host.parse)(text))
    }

    pub(in crate::json) fn write(out: &mut String, number: f64) {
        if let Some(host) = HOST.get() {
            out.push_str(&(host.write)(number));
        }
    }
}
#[cfg(target_family = "wasm")]
pub use by_host::{Host, use_host};
#[cfg(target_family = "wasm")]
pub(super) use by_host::{parse, write};
