//! "Did you mean": the nearest of the names that exist.

/// The name that was most likely meant; `None` when nothing is near.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |candidate: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase());
    let most = (name.chars().count() / 3).max(1);
    candidates.into_iter().map(|candidate| (distance(candidate), candidate)).filter(|&(far, _)| far <= most).min().map(|(_, candidate)| candidate)
}

/// The sentence's end that names it; nothing when nothing is near.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, candidates).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}
