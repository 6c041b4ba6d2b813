//! NannyML 0.13: Doane's bins of the reference and one for the rest, base 2, Yates' correction, limits from chunks of the reference.

use super::{Found, Number, Unlike, show};
use crate::drift::bins::doane_bins;
use crate::drift::{self, Base, Bins, Method, Settings, Shape, Table};
use crate::window::Window;

/// NannyML's bins: Doane's rule, with integers as numbers like any other; what lies outside in one more.
fn bins_for(reference: &Window) -> Bins {
    Bins::equal_width(reference.range(), doane_bins(reference), Shape::WithOutside)
}

pub(super) fn numeric(method: Method, reference: &Window, current: &Window) -> Result<Found, Unlike> {
    match method {
        // The tool itself approximates both from 10,000 bins when the reference has 10,000 rows or more.
        Method::Ks | Method::Wasserstein => {
            let mut found = show(drift::numeric(reference, current, &[method], &Settings::default()).get(method), Number::Statistic)?;
            found.parameters.push(("exact", "yes".to_owned()));
            Ok(found)
        }
        Method::JensenShannon | Method::Hellinger => {
            let bins = bins_for(reference);
            let mut found = of_shares(method, &bins.count(reference.values()), &bins.count(current.values()))?;
            found.parameters.push(("bins", "doane".to_owned()));
            Ok(found)
        }
        _ => Err(Unlike::Absent),
    }
}

pub(super) fn categorical(method: Method, reference: &[f64], current: &[f64]) -> Result<Found, Unlike> {
    match method {
        Method::JensenShannon | Method::Hellinger => {
            // Categories that the reference has not seen share one bin.
            let unseen: f64 = reference.iter().zip(current).filter(|(x, _)| **x == 0.0).map(|(_, y)| y).sum();
            let (mut x, mut y): (Vec<f64>, Vec<f64>) = reference.iter().zip(current).filter(|(x, _)| **x > 0.0).unzip();
            x.push(0.0);
            y.push(unseen);
            of_shares(method, &x, &y)
        }
        Method::LInfinity | Method::ChiSquared => of_shares(method, reference, current),
        _ => Err(Unlike::Absent),
    }
}

fn of_shares(method: Method, reference: &[f64], current: &[f64]) -> Result<Found, Unlike> {
    let settings = Settings { base: Base::Two, table: Table::ContingencyYates, ..Settings::default() };
    show(drift::categorical(reference, current, &[method], &settings).get(method), Number::Statistic)
}

/// NannyML's default upper limit: the mean and three standard deviations of the values that chunks of the reference have. `None` for none.
pub fn limit(chunk_values: &[f64]) -> Option<f64> {
    let values: Vec<f64> = chunk_values.iter().copied().filter(|value| !value.is_nan()).collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (!values.is_empty()).then(|| mean + 3.0 * variance.sqrt())
}
