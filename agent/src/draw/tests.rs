//! Pictures: what they say without colours, that they hold none, and that the palette can be read.

use std::collections::BTreeMap;

use super::*;
use crate::threshold::Level;

fn stretch(from: i64, until: i64, mark: impl Into<Mark>, values: Option<(f64, f64)>) -> Stretch {
    Stretch { span: from..until, mark: mark.into(), values }
}

fn a_course(stretches: Vec<Stretch>) -> Course {
    Course {
        title: "PSI <income>".to_owned(),
        span: 0..100,
        parts: vec![(0..50, "Jul".to_owned()), (50..100, "Aug".to_owned())],
        earlier: vec![
            Earlier { name: "Q1".to_owned(), mark: None, value: None },
            Earlier { name: "2026-Q2".to_owned(), mark: Some(State::Ok.into()), value: Some(0.05) },
        ],
        stretches,
        limits: vec![Limit { level: Level::Breach, value: 0.25, words: "at least 0.25".to_owned() }],
        methods: vec![30],
    }
}

fn plain(value: f64) -> String {
    format!("{value}")
}

/// The data of the paths of a class.
fn paths<'p>(picture: &'p str, class: &str) -> Vec<&'p str> {
    let begin = format!("<path class=\"{class}\" d=\"");
    picture.split(&begin).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn a_picture_holds_classes_and_says_what_it_shows() {
    let stretches =
        vec![stretch(0, 40, State::Ok, Some((0.1, 0.1))), stretch(40, 60, Mark::Unwatched, None), stretch(60, 100, State::Breach, Some((0.3, 0.4)))];
    let picture = course(&a_course(stretches), Steps::Numbers, &plain).into_string();
    assert!(
        picture.contains("<title>PSI &lt;income&gt;</title><desc>breach 40 %, ok 40 %, not watched 20 %; from 0.1 to 0.4; breach at 0.25</desc>"),
        "{picture}"
    );
    for forbidden in ["style=", "fill=\"", "stroke=\"", "<style", "<script", "rgb", "#", "could not be drawn"] {
        assert!(!picture.contains(forbidden), "{forbidden} in {picture}");
    }
    assert!(
        picture.contains("role=\"img\"")
            && picture.contains(">Jul</text>")
            && picture.contains(">Q2 \u{2019}26</text>")
            && picture.contains(">\u{2212}2</text>")
            && picture.contains(">M1</text>"),
        "{picture}"
    );
}

/// A line ends where nothing is known, and goes on where something is.
#[test]
fn gaps_are_gaps() {
    let of = |stretches| {
        let picture = course(&a_course(stretches), Steps::Numbers, &plain).into_string();
        (paths(&picture, "d-value").iter().map(|path| path.matches('M').count()).sum::<usize>(), !paths(&picture, "d-unwatched").is_empty())
    };
    let (one, other) = (stretch(0, 40, State::Ok, Some((0.1, 0.1))), stretch(60, 100, State::Ok, Some((0.1, 0.2))));
    assert_eq!(of(vec![one.clone(), stretch(40, 60, State::Ok, Some((0.2, 0.2))), other.clone()]), (1, false));
    assert_eq!(of(vec![one.clone(), stretch(40, 60, State::Unknown, None), other.clone()]), (2, false));
    assert_eq!(of(vec![one.clone(), stretch(40, 60, Mark::Unwatched, None), other.clone()]), (2, true));
    assert_eq!(of(vec![one, other]), (2, false), "it was not there");
}

/// States differ in shape, not only in colour: no two of them are drawn alike.
#[test]
fn states_differ_without_colours() {
    let shape = |mark: Mark| {
        let picture = strip("x", &(0..1), &[stretch(0, 1, mark, None)], 20).into_string();
        picture.split(" d=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let shapes: BTreeMap<Vec<String>, Mark> = Mark::ALL.map(|mark| (shape(mark), mark)).into();
    assert_eq!(shapes.len(), Mark::ALL.len(), "{shapes:?}");
    assert!(!strip("x", &(0..1), &[], 20).into_string().contains("<path"), "what was not there is blank");
}

/// What lasted a moment is seen, and what is worst lies over the rest.
#[test]
fn a_short_breach_is_seen() {
    let steps: Vec<_> = (0..1000).map(|at| stretch(at * 1000, at * 1000 + 1000, if at == 500 { State::Breach } else { State::Ok }, None)).collect();
    let picture = strip("x", &(0..1_000_000), &steps, 100).into_string();
    assert_eq!(paths(&picture, "d-breach"), ["M50 0H51.2V12H50z"]);
    assert!(picture.rfind("d-breach") > picture.rfind("d-ok"), "{picture}");
}

/// Numbers that no axis expects: the same all the time, huge, tiny, none at all.
#[test]
fn any_numbers_can_be_drawn() {
    for values in
        [(0.0, 0.0), (5.0, 5.0), (-1e300, 1e300), (f64::MIN, f64::MAX), (1e-300, 2e-300), (1e17, 1e17 + 16.0), (f64::NAN, f64::INFINITY), (-0.3, -0.1)]
    {
        for steps in [Steps::Numbers, Steps::Counts, Steps::Seconds] {
            let picture = course(&a_course(vec![stretch(0, 100, State::Ok, Some(values))]), steps, &plain).into_string();
            assert!(!picture.contains("NaN") && !picture.contains("could not"), "{values:?}: {picture}");
        }
    }
    let empty = Course { earlier: Vec::new(), limits: Vec::new(), span: 0..0, ..a_course(Vec::new()) };
    assert!(course(&empty, Steps::Numbers, &plain).into_string().contains("<svg"));
}

#[test]
fn amounts_that_are_not_known_are_not_zero() {
    let names = ["Opened", "Closed", "Open"].map(str::to_owned);
    let of = |periods| amounts(&Amounts { title: "Cases".to_owned(), names: names.clone(), periods }).into_string();
    let known = of(vec![("Q1".to_owned(), [Some(0.0), Some(2.0), Some(3.0)])]);
    let unknown = of(vec![("Q1".to_owned(), [None, Some(2.0), Some(3.0)])]);
    assert!(known.contains(">0</text>") && known.contains("Q1: Opened 0, Closed 2, Open 3") && !known.contains(">?</text>"), "{known}");
    assert!(unknown.contains("Q1: Opened not known, Closed 2, Open 3") && unknown.contains(">?</text>"), "{unknown}");
    let stack = Stack { title: "x".to_owned(), periods: vec![("Q1".to_owned(), None), ("Q2".to_owned(), Some(vec![(State::Breach, 2), (State::Ok, 9)]))] };
    let picture = stacks(&stack).into_string();
    assert!(
        picture.contains("Q1: nothing is known; Q2: breach 2, ok 9") && picture.contains("\u{2717} 2</text>") && picture.contains("d-unwatched"),
        "{picture}"
    );
}

#[test]
fn a_little_is_not_nothing() {
    for (part, whole, words) in [(0, 100, "0 %"), (1, 1000, "under 1 %"), (999, 1000, "over 99 %"), (1000, 1000, "100 %"), (1, 3, "33 %"), (5, 0, "500 %")] {
        assert_eq!(percent(part, whole), words);
    }
}

#[test]
fn an_axis_of_time_names_days_or_months() {
    use crate::record::{Zone, day_number};
    let zone = Zone::parse("Europe/Berlin").unwrap();
    let of = |from: &str, to: &str| {
        let span = zone.start_of(day_number(from.parse().unwrap()))..zone.end_of(day_number(to.parse().unwrap()));
        time::parts(&span, zone).into_iter().map(|(_, name)| name).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of("2026-07-01", "2026-09-30"), "Jul 2026 Aug Sep");
    assert_eq!(of("2025-11-01", "2026-02-28"), "Nov 2025 Dec Jan 2026 Feb");
    assert_eq!(of("2026-10-20", "2026-10-27"), "20 Oct 21 Oct 22 Oct 23 Oct 24 Oct 25 Oct 26 Oct 27 Oct");
    assert_eq!(of("2022-05-01", "2026-04-30").split(' ').count(), 12, "years are told");
}

/// A colour as the style sheet writes it.
fn colour(text: &str) -> [f64; 3] {
    let digits = text.trim_start_matches('#');
    let digits: String = if digits.len() == 3 { digits.chars().flat_map(|c| [c, c]).collect() } else { digits.to_owned() };
    [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&digits[at..at + 2], 16).unwrap()) / 255.0)
}

/// Contrast as WCAG 2 has it.
fn contrast(one: &str, other: &str) -> f64 {
    let linear = |part: f64| if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) };
    let light = |text: &str| {
        let [red, green, blue] = colour(text).map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05
    };
    let (one, other) = (light(one), light(other));
    one.max(other) / one.min(other)
}

/// The colours of a scheme, by name.
fn palette(text: &str) -> BTreeMap<&str, &str> {
    let inside = &text[..text.find('}').unwrap()];
    inside.split("--").skip(1).filter_map(|one| one.split(';').next()?.split_once(": ")).collect()
}

/// Words have a contrast of 4.5 on what they stand upon, and what is drawn 3 (WCAG 1.4.3, 1.4.11); light and dark.
#[test]
fn the_palette_can_be_read() {
    let schemes = [palette(STYLE), palette(&STYLE[STYLE.find("@media screen").unwrap()..])];
    let names = |scheme: &BTreeMap<&'static str, &str>| scheme.keys().copied().collect::<Vec<_>>();
    assert_eq!(names(&schemes[0]), names(&schemes[1]), "both have every colour");
    for scheme in schemes {
        for words in ["ink", "ok", "warning", "breach", "unknown", "link"] {
            for ground in ["paper", "soft", "breach-shade", "warning-shade", "unknown-shade"] {
                let is_upon = ["paper", "soft"].contains(&ground) || ["ink", "unknown"].contains(&words);
                assert!(!is_upon || contrast(scheme[words], scheme[ground]) >= 4.5, "{words} on {ground}: {}", contrast(scheme[words], scheme[ground]));
            }
        }
        for drawn in ["ok-fill", "warning-fill", "breach-fill", "unknown", "unwatched", "series"] {
            assert!(contrast(scheme[drawn], scheme["paper"]) >= 3.0, "{drawn}: {}", contrast(scheme[drawn], scheme["paper"]));
        }
        for shade in ["breach-shade", "warning-shade", "unknown-shade"] {
            assert!(contrast(scheme["series"], scheme[shade]) >= 3.0, "the line on {shade}");
        }
    }
}
