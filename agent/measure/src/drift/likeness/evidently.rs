//! Evidently 0.7: Sturges' bins over both windows or one for each value, zeros filled, natural logarithms, tests as p-values.

use super::{Found, Number, Unlike, show};
use crate::drift::bins::{pooled_range, sturges_bins};
use crate::drift::{self, Base, Bins, Direction, Floor, Method, Settings, Shape, Shares, Table, Test, Undefined};
use crate::window::Window;

fn settings() -> Settings {
    Settings {
        floor: Floor::Evidently,
        base: Base::E,
        direction: Direction::ReferenceFromCurrent,
        is_kl_normalised: true,
        table: Table::AgainstReference,
        ..Settings::default()
    }
}

/// Bins only when the reference has more than twenty different values, else one for each value.
fn bins_for(reference: &Window, current: &Window) -> (Bins, &'static str) {
    if reference.distinct_up_to(21) <= 20 {
        return (Bins::values(reference, Some(current)), "distinct");
    }
    let (range, rows) = (pooled_range(reference, current), reference.rows() + current.rows());
    let count = sturges_bins(rows, range, reference.is_whole() && current.is_whole());
    (Bins::equal_width(range, count, Shape::Clipped), "sturges")
}

pub(super) fn numeric(method: Method, reference: &Window, current: &Window) -> Result<Found, Unlike> {
    let compare = || drift::numeric(reference, current, &[method], &settings());
    match method {
        Method::Psi | Method::JensenShannon | Method::Kl => {
            let (bins, named) = bins_for(reference, current);
            let mut found = categorical(method, &bins.count(reference.values()), &bins.count(current.values()))?;
            found.parameters.push(("bins", named.to_owned()));
            Ok(found)
        }
        Method::WassersteinNormed | Method::Energy => show(compare().get(method), Number::Statistic),
        Method::Ks | Method::CramerVonMises | Method::AndersonDarling => show(compare().get(method), Number::PValue),
        Method::Hellinger => Ok(hellinger(reference, current)),
        Method::ChiSquared | Method::GTest | Method::ZTest => {
            let values = Bins::values(reference, Some(current));
            categorical(method, &values.count(reference.values()), &values.count(current.values()))
        }
        Method::Tvd | Method::Wasserstein | Method::LInfinity | Method::CramersV => Err(Unlike::Absent),
    }
}

/// Evidently's numeric Hellinger distance: Sturges' rule for the number of *different* values.
fn hellinger(reference: &Window, current: &Window) -> Found {
    let distinct = Bins::values(reference, Some(current)).edges.len() as u64;
    let range = pooled_range(reference, current);
    let is_whole = reference.is_whole() && current.is_whole();
    let bins = Bins::equal_width(range, sturges_bins(distinct, range, is_whole), Shape::Clipped);
    let shares = Shares::new(&bins.count(reference.values()), &bins.count(current.values()));
    let value = shares.map_or(f64::NAN, |shares| shares.hellinger());
    Found { shown: Number::Statistic, value, p_value: None, parameters: vec![("bins", "sturges over the distinct values".to_owned())] }
}

pub(super) fn categorical(method: Method, reference: &[f64], current: &[f64]) -> Result<Found, Unlike> {
    let report = drift::categorical(reference, current, &[method], &settings());
    let shares = Shares::new(reference, current).ok_or(Undefined::EmptyCurrent)?;
    match method {
        Method::Psi | Method::JensenShannon | Method::Kl | Method::Hellinger => show(report.get(method), Number::Statistic),
        // An unseen category makes the statistic infinite and the p-value zero: a number all the same.
        Method::ChiSquared => Ok(show_test(shares.chi_squared(Table::AgainstReference), "reference shares as exact")),
        Method::GTest => Ok(show_test(shares.g_test(Table::AgainstReference), "reference shares as exact")),
        Method::ZTest => Ok(show_test(shares.z_test(), "first value against all others")),
        Method::Tvd => Err(Unlike::Random),
        _ => Err(Unlike::Absent),
    }
}

fn show_test(test: Test, table: &str) -> Found {
    Found { shown: Number::PValue, value: test.p_value, p_value: Some(test.p_value), parameters: vec![("table", table.to_owned())] }
}
