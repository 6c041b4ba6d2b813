//! The page's text: what it looks like, what is refused, and that a reader gets back what was put in.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::Write;
use std::process::{Command, Stdio};

use super::*;
use crate::name::LabelName;

fn family(name: &str, help: &str, kind: Kind, samples: &[(&[(&str, &str)], f64)]) -> Family {
    let mut family = Family::new(MetricName::new(name).unwrap(), help, kind);
    for (labels, value) in samples {
        let labels: Vec<_> = labels.iter().map(|(name, value)| (LabelName::new(*name).unwrap(), *value)).collect();
        family.sample(labels.iter().map(|(name, value)| (name, *value)), *value).unwrap();
    }
    family
}

fn text(families: &[Family]) -> String {
    String::from_utf8(render(families).unwrap()).unwrap()
}

#[test]
fn a_page_is_sorted_and_complete() {
    let families = [
        family("b_total", "Second", Kind::Counter, &[(&[], 7.0)]),
        family("a", "First", Kind::Gauge, &[(&[("y", "2"), ("x", "1")], 2.0), (&[("y", "1")], 1.5), (&[("x", "1"), ("y", "1")], -3.0)]),
        family("c", "Nobody home", Kind::Untyped, &[]),
    ];
    let expected = "\
# HELP a First
# TYPE a gauge
a{y=\"1\"} 1.5
a{x=\"1\",y=\"1\"} -3
a{x=\"1\",y=\"2\"} 2
# HELP b_total Second
# TYPE b_total counter
b_total 7
# HELP c Nobody home
# TYPE c untyped
";
    assert_eq!(text(&families), expected);
    assert_eq!(text(&[]), "");
}

#[test]
fn text_is_escaped_as_the_format_says() {
    for (name, raw, help, value) in [
        ("plain", "größe 変", "größe 変", "größe 変"),
        ("backslash", r"C:\n", r"C:\\n", r"C:\\n"),
        ("line feed", "a\nb", r"a\nb", r"a\nb"),
        ("quotation mark", r#"say "x""#, r#"say "x""#, r#"say \"x\""#),
        ("all of them", "\\\"\n", r#"\\"\n"#, r#"\\\"\n"#),
        ("carriage return stays", "a\rb", "a\rb", "a\rb"),
    ] {
        let page = text(&[family("m", raw, Kind::Gauge, &[(&[("l", raw)], 1.0)])]);
        assert_eq!(page, format!("# HELP m {help}\n# TYPE m gauge\nm{{l=\"{value}\"}} 1\n"), "{name}");
    }
}

#[test]
fn numbers_are_the_shortest_that_read_back() {
    for (value, expected) in [
        (0.0, "0"),
        (-0.0, "-0.0"),
        (1.0, "1"),
        (-17.0, "-17"),
        (0.1, "0.1"),
        (1.0 / 3.0, "0.3333333333333333"),
        (1_795_000_000.0, "1795000000"),
        (9_007_199_254_740_992.0, "9007199254740992"),
        (9_007_199_254_740_994.0, "9007199254740994.0"),
        (1e21, "1e+21"),
        (1e-7, "1e-7"),
        (f64::MAX, "1.7976931348623157e+308"),
        (5e-324, "5e-324"),
        (f64::NAN, "NaN"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
    ] {
        let mut page = Vec::new();
        write_number(&mut page, value);
        let shown = String::from_utf8(page).unwrap();
        assert_eq!(shown, expected);
        let back: f64 = shown.parse().unwrap();
        assert!(back.to_bits() == value.to_bits() || value.is_nan(), "{shown} reads back as {back}");
    }
}

#[test]
fn what_prometheus_would_refuse_is_refused() {
    let one = family("m", "", Kind::Gauge, &[(&[("b", "\""), ("a", "1")], 1.0)]);
    assert_eq!(render(&[one.clone(), one]), Err(RenderError::DuplicateFamily(MetricName::from_static("m"))));
    let twice = family("m", "", Kind::Gauge, &[(&[("b", "\""), ("a", "1")], 1.0), (&[("a", "1"), ("b", "\"")], 2.0)]);
    let error = render(&[twice]).unwrap_err();
    assert_eq!(error.to_string(), r#"two samples of m have the labels {a="1",b="\""}"#);
    let empty_is_absent = family("m", "", Kind::Gauge, &[(&[("a", "")], 1.0), (&[], 2.0)]);
    assert!(render(&[empty_is_absent]).is_err());
}

type Series = BTreeMap<(String, BTreeMap<String, String>), u64>;

/// Families with awkward values, and what a reader should find: bits of the value by name and labels.
fn random_families(random: &mut fastrand::Rng) -> (Vec<Family>, Series) {
    const PIECES: [&str; 9] = ["a", "\\", "\n", "\"", "}", ",", " ", "=", "ü"];
    let (mut families, mut expected) = (Vec::new(), Series::new());
    for i in 0..random.usize(1..5) {
        let name = format!("m{i}");
        let help: String = (0..random.usize(0..6)).map(|_| PIECES[random.usize(0..PIECES.len())]).collect();
        let mut family = Family::new(MetricName::new(name.as_str()).unwrap(), help, Kind::Untyped);
        for _ in 0..random.usize(0..20) {
            let labels: BTreeMap<String, String> = (0..random.usize(0..4))
                .map(|_| {
                    let value = (0..random.usize(1..4)).map(|_| PIECES[random.usize(0..PIECES.len())]).collect();
                    (format!("l{}", random.u8(0..5)), value)
                })
                .collect();
            let value = f64::from_bits(random.u64(..));
            let key = (name.clone(), labels.clone());
            if value.is_nan() || expected.contains_key(&key) {
                continue;
            }
            let names: Vec<LabelName> = labels.keys().map(|name| LabelName::new(name.as_str()).unwrap()).collect();
            family.sample(names.iter().zip(labels.values()), value).unwrap();
            expected.insert(key, value.to_bits());
        }
        families.push(family);
    }
    (families, expected)
}

/// A reader as simple as the format, and unlike the writer.
fn parse(page: &str) -> Series {
    page.lines().filter(|line| !line.starts_with('#')).map(parse_sample).collect()
}

fn parse_sample(line: &str) -> ((String, BTreeMap<String, String>), u64) {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    while let Some(after) = rest.strip_prefix(['{', ',']) {
        let (label, after) = after.split_once("=\"").unwrap();
        let (value, after) = parse_quoted(after);
        assert!(labels.insert(label.to_owned(), value).is_none(), "{line}");
        rest = after;
    }
    let value: f64 = rest.trim_start_matches('}').trim_start().parse().unwrap();
    ((name.to_owned(), labels), value.to_bits())
}

fn parse_quoted(text: &str) -> (String, &str) {
    let (mut value, mut chars) = (String::new(), text.chars());
    loop {
        match chars.next().unwrap() {
            '"' => return (value, chars.as_str()),
            '\\' => value.push(match chars.next().unwrap() {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                other => panic!("\\{other} is no escape"),
            }),
            other => value.push(other),
        }
    }
}

#[test]
fn a_reader_gets_back_what_was_put_in() {
    for seed in 0..500 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut families, expected) = random_families(&mut random);
        let page = text(&families);
        let found = parse(&page);
        assert_eq!(found, expected, "seed {seed}:\n{page}");
        let n_lines = page.lines().filter(|line| !line.starts_with('#')).collect::<BTreeSet<_>>().len();
        assert_eq!(n_lines, expected.len(), "seed {seed}");
        families.reverse();
        assert_eq!(text(&families), page, "seed {seed}: the order of families matters");
    }
}

#[test]
fn promtool_accepts_the_page() {
    let Some(promtool) = env::var_os("CLAUSE9_PROMTOOL") else {
        println!("skipped: CLAUSE9_PROMTOOL is not set");
        return;
    };
    let page = text(&[
        family("a_ratio", "A ratio with \"quotes\"\nand \\", Kind::Gauge, &[(&[("l", "\\\"\n")], f64::NAN), (&[], 1e-7)]),
        family("b_total", "A count", Kind::Counter, &[(&[], f64::INFINITY)]),
        family("c", "Nobody home", Kind::Untyped, &[]),
    ]);
    let mut child = Command::new(promtool).args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{page}", String::from_utf8_lossy(&output.stderr));
}
