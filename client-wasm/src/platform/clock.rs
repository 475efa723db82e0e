//! The device's wall clock.

/// Milliseconds since 1970; it may jump.
#[expect(
    clippy::cast_possible_truncation,
    reason = "JavaScript's time is whole milliseconds well inside 53 bits"
)]
pub(crate) fn now_millis() -> i64 {
    js_sys::Date::now() as i64
}
