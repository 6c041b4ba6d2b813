//! The page: that it says what the pack says, in order, and nothing that it does not say; that it loads nothing; that names stay names.

mod sample;

use std::path::Path;

use quick_xml::events::Event;

use super::*;
use crate::{
    review::model::{Row, Table},
    threshold::State,
};

/// With this variable the pages are written into a folder, to be looked at.
const LOOK: &str = "CLAUSE9_SAMPLE_PAGES";

#[test]
fn pages_can_be_looked_at() {
    let Some(folder) = std::env::var_os(LOOK) else { return };
    for (name, pack) in [("pack", sample::pack()), ("bare", sample::bare()), ("big", sample::big())] {
        std::fs::write(Path::new(&folder).join(name).with_extension("html"), render(&pack)).unwrap();
    }
}

/// Elements that have no end.
const VOID: [&str; 3] = ["meta", "br", "input"];

/// Walks a page: every element is closed in its place, and `see` sees each with its attributes.
fn walk(page: &str, mut see: impl FnMut(&str, &[(String, String)])) {
    let body = page.strip_prefix("<!DOCTYPE html>").expect("a document type");
    // The style sheet is text, and not XML.
    let (start, end) = (body.find("<style>").unwrap() + "<style>".len(), body.find("</style>").unwrap());
    let body = format!("{}{}", &body[..start], &body[end..]);
    let mut reader = quick_xml::Reader::from_str(&body);
    reader.config_mut().check_end_names = false;
    let mut open: Vec<String> = Vec::new();
    loop {
        let (element, is_empty) = match reader.read_event().unwrap() {
            Event::Eof => break,
            Event::End(end) => {
                let name = end.name().as_ref().to_owned();
                assert_eq!(open.pop().as_deref(), Some(name.as_str()), "closed in its place");
                continue;
            }
            Event::Start(element) => (element, false),
            Event::Empty(element) => (element, true),
            _ => continue,
        };
        let name = element.name().as_ref().to_owned();
        let attribute = |attribute: quick_xml::events::attributes::Attribute| (attribute.key.as_ref().to_owned(), attribute.value.into_owned());
        let attributes: Vec<_> = element.html_attributes().map(|found| attribute(found.unwrap())).collect();
        see(&name, &attributes);
        if !is_empty && !VOID.contains(&name.as_str()) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

fn packs() -> [(&'static str, Pack); 3] {
    [("a bit of everything", sample::pack()), ("nothing", sample::bare()), ("big", sample::big())]
}

#[test]
fn a_page_loads_nothing_and_runs_nothing() {
    for (name, pack) in packs() {
        let page = render(&pack);
        walk(&page, |element, attributes| {
            assert!(!["script", "link", "img", "iframe", "object", "image", "use", "form"].contains(&element), "{name}: <{element}>");
            for (attribute, value) in attributes {
                assert!(!["style", "src", "srcset", "xlink:href"].contains(&attribute.as_str()) && !attribute.starts_with("on"), "{name}: {attribute}={value}");
                let is_evidence = element == "a" && value == "https://tracker.example.org/1";
                assert!(attribute != "href" || value.starts_with('#') || is_evidence, "{name}: {value}");
            }
        });
        let style = &page[page.find("<style>").unwrap() + "<style>".len()..page.find("</style>").unwrap()];
        assert!(!style.contains("url(") && !style.contains("@import") && !style.contains("://"), "{name}");
        assert_eq!(page.matches("<style").count(), 1, "{name}");
        // Attributes are quoted by `"`, so that the policy's `'` stands as it is.
        assert!(page.contains(&policy(style)), "{name}: the policy names the digest of the style sheet");
    }
}

#[test]
fn headings_and_anchors_are_in_order() {
    for (name, pack) in packs() {
        let (mut level, mut ids, mut links) = (0, BTreeSet::new(), Vec::new());
        walk(&render(&pack), |element, attributes| {
            if let Some(next) = element.strip_prefix('h').and_then(|digit| digit.parse::<u8>().ok()) {
                assert!(next <= level + 1, "{name}: h{next} after h{level}");
                level = next;
            }
            for (attribute, value) in attributes {
                match attribute.as_str() {
                    "id" => assert!(ids.insert(value.clone()), "{name}: {value} twice"),
                    "href" | "aria-labelledby" => links.push(value.trim_start_matches('#').to_owned()),
                    _ => {}
                }
            }
        });
        for link in links.iter().filter(|link| !link.starts_with("http")) {
            assert!(ids.contains(link), "{name}: nothing is {link}");
        }
    }
}

#[test]
fn tables_say_what_they_are() {
    for (name, pack) in packs() {
        let page = render(&pack);
        assert_eq!(
            (page.matches("<table").count(), page.matches("<table").count()),
            (page.matches("<caption").count(), page.matches("class=\"scroll\"").count()),
            "{name}"
        );
        walk(&page, |element, attributes| {
            assert!(element != "th" || attributes.iter().any(|(attribute, _)| attribute == "scope"), "{name}: a heading of nothing")
        });
        assert_eq!(page.matches("role=\"img\"").count(), page.matches("<title>").count() - 1, "{name}: a picture without a title");
    }
}

fn in_order(page: &str, marks: &[String]) {
    let mut from = 0;
    for mark in marks {
        let place = page[from..].find(mark.as_str()).unwrap_or_else(|| panic!("no {mark} after those before it"));
        from += place + mark.len();
    }
}

#[test]
fn sections_stand_in_order() {
    let marks: Vec<_> = sample::SECTIONS.iter().map(|(id, ..)| format!("<section class=\"section\" id=\"{}\"", section_anchor(id))).collect();
    let page = render(&sample::pack());
    in_order(&page, &[&["id=\"front\"".to_owned(), "id=\"contents\"".to_owned()], &marks[..], &["id=\"verify\"".to_owned()]].concat());
}

/// What a fresh reader is asked stands before the first section.
#[test]
fn the_first_pages_answer() {
    let page = render(&sample::pack());
    let front = &page[..page.find("id=\"contents\"").unwrap()];
    for answer in [
        "cv-screening",
        "In breach since",
        "14 Aug 2026",
        "What got worse",
        "credit-scoring",
        "the source models is stale",
        "4 days",
        "nobody watched",
        "or roll it back?",
        "href=\"#verify\"",
        "Second reviewer for rejections (Head of credit, due 2026-07-20)",
        "number is 48210",
    ] {
        let answer = answer.replace("number is", "evidence is number");
        assert!(front.contains(&answer), "the first page does not tell {answer:?}: {front}");
    }
}

#[test]
fn names_stay_names() {
    let evil = "</style><script>alert(1)</script>\"'><b evil=\"";
    let mut pack = sample::pack();
    pack.header.organisation = evil.to_owned();
    pack.header.period.name = evil.to_owned();
    pack.header.zone = evil.to_owned();
    for section in &mut pack.sections {
        (section.title, section.about) = (evil.to_owned(), evil.to_owned());
        section.lacks.push(evil.to_owned());
        for table in &mut section.tables {
            (table.title, table.file) = (evil.to_owned(), evil.to_owned());
            table.not_provided.push(evil.to_owned());
            table.columns[0].title = evil.to_owned();
        }
    }
    for indicator in &mut pack.indicators {
        (indicator.title, indicator.unit) = (evil.to_owned(), evil.to_owned());
        indicator.limits.push(evil.to_owned());
        for reading in &mut indicator.readings {
            reading.labels = sample::labels(&[("system", evil), (evil, evil)]);
            (reading.reason, reading.rule) = (Some(evil.to_owned()), Some(evil.to_owned()));
        }
    }
    for list in [&mut pack.front.worse, &mut pack.front.in_breach, &mut pack.front.unknown] {
        for item in &mut list.items {
            (item.title, item.why) = (evil.to_owned(), Some(evil.to_owned()));
            item.labels = sample::labels(&[("system", evil)]);
        }
    }
    let page = render(&pack);
    walk(&page, |element, attributes| {
        assert!(element != "script" && element != "b" && !attributes.iter().any(|(name, _)| name == "evil"), "<{element}>");
    });
    assert!(page.contains("&lt;script&gt;alert(1)") && !page.contains("<script"));
    // An id is in anchors and in the style sheet.
    let mut pack = sample::pack();
    pack.sections[0].id = format!("a{evil}");
    pack.sections[0].tables[0].id = evil.to_owned();
    pack.indicators[0].id = evil.to_owned();
    pack.sections[4].indicators[0] = evil.to_owned();
    walk(&render(&pack), |element, _| assert!(element != "script" && element != "b", "<{element}>"));
}

#[test]
fn addresses_are_followed_only_where_they_are_addresses() {
    let mut pack = sample::pack();
    let rows = &mut pack.sections[0].tables[0].rows;
    rows[0].cells[6] = crate::review::model::Cell::Text("javascript:alert(1)".to_owned());
    let page = render(&pack);
    assert!(page.contains("<td>javascript:alert(1)") && !page.contains("href=\"javascript"), "{page}");
}

/// What is unknown, not there, or told by nobody is never shown as fine.
#[test]
fn unknown_is_never_ok() {
    let page = render(&sample::bare());
    assert!(!page.contains("badge ok\">\u{2713} ok</span> </span> </p>"), "{page}");
    assert!(page.contains("There were no readings at the end of the period."), "{page}");
    let page = render(&sample::pack());
    let part = |id: &str, next: &str| &page[page.find(&format!("id=\"{id}\"")).unwrap()..page.find(&format!("id=\"{next}\"")).unwrap()];
    let issues = part("s-b", "s-c");
    assert!(
        issues.contains("No data source.") && issues.contains("because nobody tells, not because there is nothing") && !issues.contains("\u{2713}"),
        "{issues}"
    );
    assert!(part("s-c", "s-d-1").contains("there was nothing"), "what is provided and empty is another thing");
    let risks = part("s-r2", "s-r3");
    assert!(risks.contains("no source provides cases(risk)") && !risks.contains("\u{2713}"), "{risks}");
    // A state that is no state, a reading that nobody judges, an indicator that is not there.
    let mut pack = sample::pack();
    pack.sections[0].tables[0].rows = vec![Row { cells: vec![crate::review::model::Cell::Text("fine".to_owned()); 7], change: None, before: Vec::new() }];
    pack.sections[0].tables[0].compared = None;
    pack.sections[0].indicators = vec!["nothing".to_owned()];
    pack.indicators[1].limits.clear();
    let page = render(&pack);
    let part = |id: &str, next: &str| &page[page.find(&format!("id=\"{id}\"")).unwrap()..page.find(&format!("id=\"{next}\"")).unwrap()];
    assert!(
        part("s-a", "s-b").contains("badge unknown\">? unknown")
            && part("s-a", "s-b").contains("nothing is known of it")
            && !part("s-a", "s-b").contains("badge ok")
    );
    let assessments = &page[page.find("id=\"i-impact-assessments-overdue\"").unwrap()..];
    let assessments = &assessments[assessments.find("readings at the end of each period").unwrap()..assessments.find("</section>").unwrap()];
    assert!(assessments.contains("not judged") && !assessments.contains("badge ok"), "{assessments}");
}

#[test]
fn time_that_nobody_watched_is_said() {
    let mut pack = sample::bare();
    assert!(render(&pack).contains("4 days"), "four days and a half");
    pack.header.watched.clear();
    pack.header.unwatched = pack.header.period.until - pack.header.period.from;
    pack.header.seen_until = None;
    pack.header.evidence = None;
    let page = render(&pack);
    assert!(page.contains("nobody watched at any time") && page.contains("No evidence was stored"), "{page}");
}

/// A table whose rows are in a file besides says so; one that can't be compared, too.
#[test]
fn what_is_left_out_is_said() {
    let mut pack = sample::pack();
    let actions: &mut Table = &mut pack.sections[0].tables[0];
    actions.count = 5_003;
    actions.compared.as_mut().unwrap().with = None;
    pack.front.worse.count = 400;
    let page = render(&pack);
    assert!(page.contains("5000 more in <span class=\"code\">csv/actions.csv") && page.contains("What changed is not known"), "{page}");
    assert!(page.contains("397 more in <span class=\"code\">csv/readings.csv"), "{page}");
}

/// Bounds of what is drawn keep a big pack small enough to be opened.
#[test]
fn a_big_pack_stays_a_page() {
    let pack = sample::big();
    let page = render(&pack);
    assert!(page.len() < 3 << 20, "{} bytes", page.len());
    let not_ok =
        pack.indicators.iter().flat_map(|indicator| &indicator.readings).filter(|reading| reading.end.is_some_and(|end| end.state != State::Ok)).count();
    assert!(not_ok >= 500, "{not_ok}");
    // Forty of each indicator are told one by one, and of the others how many there are.
    assert_eq!((page.matches("<th scope=\"row\">system-").count(), page.matches("60 more readings are not ok, or changed").count()), (200, 5));
}
