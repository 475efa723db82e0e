//! RFC 8785's own samples, refusals, and random values against `serde_json`'s trees.

use super::*;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use proptest::prelude::*;
use serde_json::Value;

fn canonical(text: &str) -> String {
    Canonical::parse(text).unwrap().into_string()
}

fn refusal(text: &str) -> JsonError {
    Canonical::parse(text).unwrap_err()
}

#[test]
fn the_sample_of_rfc_8785_section_3_2_2() {
    let text = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let expected = concat!(
        r#"{"literals":[null,true,false],"#,
        r#""numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#,
        r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#
    );
    assert_eq!(canonical(text), expected);
}

#[test]
fn the_member_order_of_rfc_8785_section_3_2_3() {
    let text = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh",
        "1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
    let value = Canonical::parse(text).unwrap();
    let names: Vec<_> = value
        .borrow()
        .fields()
        .map(|(name, _)| name.into_owned())
        .collect();
    assert_eq!(names, ["\r", "1", "\u{80}", "ö", "€", "😀", "\u{fb33}"]);
}

#[test]
fn the_numbers_of_rfc_8785_appendix_b() {
    let table: [(u64, &str); 24] = [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ];
    for (bits, text) in table {
        let number = f64::from_bits(bits);
        assert_eq!(canonical(&format!("{number:e}")), text);
        assert_eq!(canonical(text), text);
    }
}

#[test]
fn integers_are_doubles_too() {
    assert_eq!(canonical("9007199254740993"), "9007199254740992");
    assert_eq!(canonical("-9007199254740993"), "-9007199254740992");
    assert_eq!(canonical("18446744073709551615"), "18446744073709552000");
    assert_eq!(
        canonical("123456789012345678901234567890"),
        "1.2345678901234568e+29"
    );
    assert_eq!(canonical("-0"), "0");
    assert_eq!(canonical("-0.0e5"), "0");
    assert_eq!(canonical("1.0"), "1");
    assert_eq!(canonical("-12"), "-12");
    assert_eq!(canonical("1e-400"), "0");
}

#[test]
fn odd_names_and_strings_come_back_equal() {
    let text =
        r#"{"":1,"$serde_json::private::RawValue":"2","__proto__":{"":{}},"a\"\\\n":"\u0000"}"#;
    assert_eq!(canonical(text), text);
    assert_eq!(canonical(" [ ] "), "[]");
    assert_eq!(canonical(r#""\u007f\ud83d\ude00""#), "\"\u{7f}😀\"");
    let long = format!("\"{}\"", "é\\n".repeat(100_000));
    assert_eq!(canonical(&long), long);
}

#[test]
fn many_members_are_put_in_order() {
    let names = |numbers: &mut dyn Iterator<Item = u32>| {
        let members: Vec<String> = numbers.map(|n| format!("\"{n:04}\":[{n}]")).collect();
        format!("{{{}}}", members.join(","))
    };
    let ordered = names(&mut (0..500));
    assert_eq!(canonical(&names(&mut (0..500).rev())), ordered);
    assert_eq!(
        canonical(&names(&mut (0..500).map(|n| n * 7 % 500))),
        ordered
    );
    let doubled = names(&mut (0..500).map(|n| n * 7 % 499));
    assert_eq!(refusal(&doubled), JsonError::DoubledName("0000".into()));
}

#[test]
fn doubled_names_are_refused_at_any_depth() {
    let doubled = |name: &str| JsonError::DoubledName(name.into());
    assert_eq!(refusal(r#"{"a":1,"b":2,"a":1}"#), doubled("a"));
    assert_eq!(refusal(r#"[{"x":[{"a":1,"\u0061":1}]}]"#), doubled("a"));
    assert_eq!(refusal(r#"{"":1,"":1}"#), doubled(""));
    assert_eq!(
        canonical(r#"{"b":{"a":1},"a":{"a":1}}"#),
        r#"{"a":{"a":1},"b":{"a":1}}"#
    );
}

#[test]
fn what_is_not_json_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "01",
        "1.",
        "+1",
        "NaN",
        "Infinity",
        "nul",
        "1 2",
        "{} x",
        "1e400",
        "-1e309",
        r#""\ud800""#,
        r#""\udc00x""#,
        r#""\ud800\u0041""#,
        r#"{"\ud800":1}"#,
        "\"\n\"",
        "'a'",
        "\u{feff}1",
        "[1]]",
    ] {
        assert!(matches!(refusal(text), JsonError::Syntax(..)), "{text}");
    }
}

#[test]
fn nesting_ends_at_the_limit() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(canonical(&nested(MAX_DEPTH)), nested(MAX_DEPTH));
    assert_eq!(refusal(&nested(MAX_DEPTH + 1)), JsonError::TooDeep);
    assert_eq!(refusal(&"[".repeat(1_000_000)), JsonError::TooDeep);
    assert_eq!(refusal(&"{\"a\":".repeat(1_000_000)), JsonError::TooDeep);
    let beside = format!("[{}]", [nested(100), nested(100)].join(","));
    assert_eq!(canonical(&beside), beside);
}

#[test]
fn walking_what_is_not_canonical_ends_early() {
    for text in [
        "",
        "{",
        "{\"",
        "{\"a",
        "{\"a\"}",
        "{\"a\":}",
        "[,]",
        "[\"\\",
        "{\"a\":[}",
        "\"",
    ] {
        let value = CanonicalRef::trusted(text);
        assert!(value.fields().count() <= 1, "{text}");
        assert!(value.elements().count() <= 1, "{text}");
        let _ = (value.field("a"), value.as_text(), value.as_number());
    }
}

#[test]
fn serialises_as_the_value_itself() {
    let value = Canonical::parse(r#"{"a":[1,"x"]}"#).unwrap();
    assert_eq!(
        serde_json::to_string(&[&value]).unwrap(),
        r#"[{"a":[1,"x"]}]"#
    );
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-d]{0,2}",
        any::<String>(),
        proptest::collection::vec(
            prop_oneof![
                Just('\u{e000}'),
                Just('\u{ffff}'),
                Just('\u{10000}'),
                Just('"'),
                Just('\\'),
                Just('é')
            ],
            0..4
        )
        .prop_map(|characters| characters.into_iter().collect()),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_map(Value::from),
        (-(1_i64 << 53)..1 << 53).prop_map(Value::from),
        any_name().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(any_name(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = BTreeMap<String, Value>> {
    proptest::collection::btree_map("[a-f\"é]{1}", any_value(), 0..6)
}

fn object(members: &BTreeMap<String, Value>) -> Canonical {
    Canonical::parse(&serde_json::to_string(members).unwrap()).unwrap()
}

/// `-0` and integral doubles are written as integers.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| same(l, r))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(name, l)| right.get(name).is_some_and(|r| same(l, r)))
        }
        _ => left == right,
    }
}

proptest! {
    #[test]
    fn every_decimal_gets_the_shortest_form_of_its_double(
        whole in prop_oneof!["0", "[1-9][0-9]{0,19}"],
        fraction in prop_oneof!["", "\\.0{0,8}[0-9]{1,19}", "\\.[0-9]{1,9}"],
        exponent in prop_oneof![Just(String::new()), "[eE][+-]?[0-9]{1,2}"],
    ) {
        let text = format!("-{whole}{fraction}{exponent}");
        let number: f64 = text.parse().unwrap();
        let shortest = String::from(ryu_js::Buffer::new().format_finite(number));
        let expected = if number == 0.0 { "0" } else { &shortest };
        prop_assert_eq!(canonical(&text), expected, "{}", text);
        let found = Canonical::parse(&text).unwrap().borrow().as_number().unwrap();
        prop_assert_eq!(found.to_bits(), (if number == 0.0 { 0.0 } else { number }).to_bits());
    }

    #[test]
    fn canonical_text_means_the_same_and_is_its_own_canonical_form(value in any_value()) {
        let text = canonical(&serde_json::to_string_pretty(&value).unwrap());
        prop_assert!(same(&serde_json::from_str(&text).unwrap(), &value), "{}", text);
        prop_assert_eq!(canonical(&text), text);
    }

    #[test]
    fn names_compare_by_utf_16(left in any_name(), right in any_name()) {
        prop_assert_eq!(
            compare_names(&left, &right),
            left.encode_utf16().cmp(right.encode_utf16())
        );
    }

    #[test]
    fn walking_finds_what_parsing_finds(value in any_value(), absent in any_name()) {
        let canonical = Canonical::parse(&serde_json::to_string(&value).unwrap()).unwrap();
        let text = canonical.borrow();
        let parsed: Value = serde_json::from_str(text.as_str()).unwrap();
        match &parsed {
            Value::Object(members) => {
                prop_assert_eq!(text.fields().count(), members.len());
                for (name, member) in text.fields() {
                    prop_assert_eq!(&serde_json::from_str::<Value>(member.as_str()).unwrap(), &members[name.as_ref()]);
                    prop_assert_eq!(text.field(&name), Some(member));
                }
                prop_assert_eq!(text.field(&absent).is_some(), members.contains_key(&absent));
            }
            Value::Array(elements) => {
                let walked: Vec<Value> = text.elements()
                    .map(|element| serde_json::from_str(element.as_str()).unwrap()).collect();
                prop_assert_eq!(&walked, elements);
            }
            Value::String(characters) => {
                let text = text.as_text().unwrap();
                prop_assert_eq!(text.as_ref(), characters.as_str());
            }
            Value::Number(number) => prop_assert_eq!(text.as_number(), number.as_f64()),
            Value::Bool(truth) => prop_assert_eq!(text.as_bool(), Some(*truth)),
            Value::Null => prop_assert_eq!(text.kind(), Kind::Null),
        }
    }

    #[test]
    fn patching_text_is_patching_members(
        members in any_object(),
        edits in proptest::collection::vec(("[a-f\"é]{1}", proptest::option::of(any_value())), 0..6),
    ) {
        let texts: Vec<_> = edits.iter().map(|(name, value)| {
            (name, value.as_ref().map(|v| Canonical::parse(&serde_json::to_string(v).unwrap()).unwrap()))
        }).collect();
        let mut patch = Patch::new();
        let mut expected = members.clone();
        for ((name, value), (_, text)) in edits.iter().zip(&texts) {
            if let (Some(value), Some(text)) = (value, text) {
                patch.set(name.as_str(), text.borrow());
                expected.insert(name.clone(), value.clone());
            } else {
                patch.remove(name.as_str());
                expected.remove(name);
            }
        }
        let patched = object(&members).borrow().patched(&patch);
        prop_assert_eq!(&patched, &object(&expected));

        let mut differing: Vec<_> = members.keys().chain(expected.keys())
            .filter(|name| !members.get(*name).zip(expected.get(*name)).is_some_and(|(l, r)| same(l, r)))
            .cloned().collect();
        differing.sort_by(|left, right| compare_names(left, right));
        differing.dedup();
        let before = object(&members);
        prop_assert_eq!(changed_fields(before.borrow(), patched.borrow()), differing);
    }
}
