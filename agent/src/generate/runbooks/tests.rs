//! What the pages must have.

use super::*;

fn catalogue() -> Catalogue {
    Catalogue::built_in().unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

#[test]
fn every_built_in_indicator_says_what_to_do_first() {
    let silent: Vec<_> = catalogue().iter().filter(|indicator| indicator.steps.is_empty()).map(|indicator| indicator.id.to_string()).collect();
    assert_eq!(silent, Vec::<String>::new(), "these need `steps:`");
}

#[test]
fn steps_are_short_sentences() {
    for indicator in catalogue().iter() {
        for step in &indicator.steps {
            assert!(step.ends_with(['.', '?']) && step.len() < 240 && !step.contains('\n'), "{}: {step}", indicator.id);
        }
        assert!(indicator.steps.len() <= 7, "{}: nobody reads more than seven steps at night", indicator.id);
    }
}

/// Pages link to each other and alerts link to pages: each of them is there.
#[test]
fn every_link_leads_to_a_page() {
    let catalogue = catalogue();
    let pages = files(&catalogue);
    let names: Vec<_> = pages.iter().map(|page| page.path.file_name().unwrap().to_str().unwrap()).collect();
    for page in &pages {
        for link in page.text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(names.contains(&link), "{}: {link}", page.path.display());
        }
    }
    let alerts = crate::generate::prometheus::rule_files(&catalogue, &Settings::default()).into_iter().flat_map(|file| file.alerts);
    for alert in alerts {
        let page = alert.runbook.strip_prefix("dashboards/runbooks/").unwrap();
        assert!(names.contains(&page), "{}: {page}", alert.name);
    }
}
