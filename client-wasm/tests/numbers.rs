//! A browser's numbers and a library's: both must be RFC 8785's, or devices and server would
//! not agree on fingerprints.
#![cfg(target_arch = "wasm32")]

use tidemark_client_wasm::numbers::start;
use tidemark_engine::json::Canonical;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

fn canonical(text: &str) -> Option<String> {
    Canonical::parse(text).ok().map(Canonical::into_string)
}

#[wasm_bindgen_test]
fn any_double_is_written_as_the_library_writes_it() {
    start();
    let mut bits = 0x4314_3ff3_c1cb_0959_u64;
    for _ in 0..20_000 {
        // A linear congruential generator (Knuth's MMIX): all bits, the same each time.
        bits = bits
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let number = f64::from_bits(bits);
        if !number.is_finite() {
            continue;
        }
        let expected = String::from(ryu_js::Buffer::new().format_finite(number));
        let text = format!("{number:e}");
        assert_eq!(canonical(&text).as_ref(), Some(&expected), "{bits:#x}");
        assert_eq!(canonical(&expected).as_ref(), Some(&expected), "{bits:#x}");
        let read = Canonical::parse(&text)
            .ok()
            .and_then(|value| value.borrow().as_number());
        assert_eq!(read.map(f64::to_bits), Some(bits), "{text}");
    }
}

#[wasm_bindgen_test]
fn the_edges_are_the_library_s_too() {
    start();
    for (text, expected) in [
        ("-0", Some("0")),
        ("-0.0e5", Some("0")),
        ("1e400", None),
        ("-1e309", None),
        ("1e-400", Some("0")),
        ("5e-324", Some("5e-324")),
        ("9007199254740993", Some("9007199254740992")),
        ("295147905179352825856", Some("295147905179352830000")),
        ("1.7976931348623157e308", Some("1.7976931348623157e+308")),
        ("0.0000033333333333333333", Some("0.0000033333333333333333")),
        ("333333333.33333329", Some("333333333.3333333")),
        ("1E30", Some("1e+30")),
    ] {
        assert_eq!(canonical(text).as_deref(), expected, "{text}");
    }
}
