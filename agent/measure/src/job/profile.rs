//! A frozen reference: what is kept of a window so that its data need not be.
//!
//! Counts of categories are exact. So are numeric columns with no more different values than points are kept; of others every point stands
//! for a block of neighbouring values, and how far that moves a distance is measured when the profile is made: Kolmogorov-Smirnov,
//! Wasserstein and energy distances obey the triangle inequality, so none of them can be further off than the distance from the data to
//! the points.

use serde::{Deserialize, Serialize};

use super::columns::Chosen;
use super::drift::normed;
use super::{Error, Progress, Result};
use crate::categories::Categories;
use crate::drift::{Binning, Bins, Domain, Method, Outcome, Settings, Shape, Undefined, categorical, numeric, of_walk, walk};
use crate::output::ExcludedRows;
use crate::read::column::{self, Column, Room, Sketch};
use crate::read::{Source, digest};
use crate::sort::Scratch;
use crate::window::{Excluded, Window};

/// The first words of every profile.
const FORMAT: &str = "clause9-measure profile";
/// Changes whenever older programs would misread it.
const VERSION: u32 = 1;
/// Points that are kept of a numeric column by default.
pub const POINTS: usize = 4096;

/// A frozen reference window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    format: String,
    version: u32,
    /// What made it.
    pub tool: String,
    /// When, in UTC.
    pub made_at: String,
    /// The window it was made from.
    pub window: Origin,
    /// The columns.
    columns: Vec<Frozenness>,
    /// SHA-256 of all of the above as compact JSON: a profile that was changed by hand or cut short is refused.
    digest: String,
}

/// Where a profile comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// What was asked for.
    pub name: String,
    /// Rows, after the condition.
    pub rows: Option<u64>,
    /// The condition.
    pub condition: Option<String>,
    /// Digest of the files.
    pub sha256: Option<String>,
    /// The earliest time, UTC.
    pub window_start: Option<String>,
    /// The latest.
    pub window_end: Option<String>,
}

/// A column as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frozenness {
    name: String,
    kind: String,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Content {
    Numbers(Numbers),
    Categories { counts: Vec<(String, u64)>, nulls: u64 },
    Empty { rows: u64 },
    TooMany { values: u64 },
    Other,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbers {
    nulls: u64,
    nans: u64,
    infinities: u64,
    is_whole: bool,
    is_exact: bool,
    deviation: f64,
    /// How the bins were chosen, their edges, what those mean, and the rows in each bin.
    rule: String,
    shape: String,
    edges: Vec<f64>,
    counts: Vec<u64>,
    /// Rising values and the rows that each stands for.
    points: Vec<(f64, u64)>,
    /// How far the points are from the data by each distance.
    ks_error: f64,
    wasserstein_error: f64,
    energy_error: f64,
}

/// What is known of a numeric column beside its points.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// What took no part.
    pub excluded: ExcludedRows,
    /// True when the points are the data.
    pub is_exact: bool,
    numbers: Numbers,
}

/// The choices in making a profile.
#[derive(Clone, Debug)]
pub struct Options {
    /// The bins to keep counts for.
    pub binning: Binning,
    /// Points to keep of each numeric column.
    pub points: usize,
    /// Bytes for the different values of one column of categories.
    pub memory: usize,
}

impl Profile {
    /// Reads the chosen columns of a window and keeps what is needed of them.
    ///
    /// # Errors
    /// A binning that needs both windows, and what keeps the window from being read.
    pub fn make(source: &dyn Source, chosen: &[Chosen], options: &Options, window: Origin, made_at: String, progress: &mut Progress<'_>) -> Result<Self> {
        if matches!(options.binning, Binning::EqualWidthPooled(_) | Binning::Sturges) {
            return Err(Error::Asked(format!("`{}` looks at both windows; a profile has one", options.binning)));
        }
        let mut room = Room::default();
        let mut columns = Vec::new();
        let limits = column::Limits { number_bytes: options.memory, category_bytes: options.memory };
        let all = chosen.len();
        for (done, chosen) in chosen.iter().enumerate() {
            progress(done, all, &chosen.name);
            let Some(place) = source.position(&chosen.name) else { continue };
            let read = column::read(source, &[place], &[chosen.as_categories], limits, &mut room)?;
            let kind = source.fields()[place].kind.name().to_owned();
            columns.extend(read.into_iter().map(|column| Frozenness {
                name: chosen.name.clone(),
                kind: kind.clone(),
                content: freeze(column, options, &mut room),
            }));
        }
        let tool = format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        let mut profile = Profile { format: FORMAT.to_owned(), version: VERSION, tool, made_at, window, columns, digest: String::new() };
        profile.digest = profile.compute_digest();
        Ok(profile)
    }

    /// As JSON text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("finite numbers and text are JSON") + "\n"
    }

    /// From JSON text.
    ///
    /// # Errors
    /// What is no profile, one of another version, one that was changed.
    pub fn from_json(text: &str) -> std::result::Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let head: Head = serde_json::from_str(text).map_err(|error| format!("this is no profile: {error}"))?;
        if head.format != FORMAT {
            return Err(format!("this is no profile: its format is `{}`", head.format));
        }
        if head.version != VERSION {
            return Err(format!("the profile has version {}, this program reads version {VERSION}; freeze the reference again", head.version));
        }
        let profile: Profile = serde_json::from_str(text).map_err(|error| format!("the profile is damaged: {error}"))?;
        if profile.compute_digest() != profile.digest {
            return Err("the profile is damaged or was changed: its digest does not fit its content".to_owned());
        }
        profile.check()?;
        Ok(profile)
    }

    /// The digest of its content: what stands for the reference data in records.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The columns' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&Frozenness> {
        self.columns.iter().find(|column| column.name == name)
    }

    fn compute_digest(&self) -> String {
        let bare = Profile { digest: String::new(), ..self.clone() };
        digest::of_bytes(bare.to_json().trim_end().as_bytes())
    }

    /// What the digest does not prove when someone computes it anew.
    fn check(&self) -> std::result::Result<(), String> {
        for column in &self.columns {
            if let Content::Numbers(numbers) = &column.content {
                let is_rising = |values: &mut dyn Iterator<Item = f64>| {
                    let values: Vec<f64> = values.collect();
                    values.iter().all(|value| value.is_finite()) && values.windows(2).all(|pair| pair[0] < pair[1])
                };
                let bins = numbers.bins();
                let is_sound = is_rising(&mut numbers.points.iter().map(|point| point.0))
                    && is_rising(&mut numbers.edges.iter().copied())
                    && bins.is_some_and(|bins| bins.len() == numbers.counts.len())
                    && numbers.rows() == numbers.counts.iter().fold(0, |sum: u64, &count| sum.saturating_add(count));
                if !is_sound {
                    return Err(format!("the profile's column `{}` contradicts itself", column.name));
                }
            }
        }
        Ok(())
    }
}

impl Frozenness {
    /// The word for what it holds.
    pub fn kind(&self) -> &'static str {
        let kinds = ["number", "integer", "boolean", "text", "date", "time", "empty"];
        kinds.into_iter().find(|kind| *kind == self.kind).unwrap_or("other")
    }

    /// The column as if it had been read: numbers as their points, each as often as it has rows unless that takes more than `bytes`.
    pub fn thaw(&self, bytes: usize) -> Column {
        match &self.content {
            Content::Numbers(numbers) if numbers.rows() > (bytes / size_of::<f64>()) as u64 => Column::Sketched(Box::new(Sketch {
                points: numbers.points.clone(),
                rows: numbers.rows(),
                excluded: Excluded { nulls: numbers.nulls, nans: numbers.nans, infinities: numbers.infinities },
                error: numbers.ks_error,
                range: numbers.points.first().zip(numbers.points.last()).map(|(low, high)| (low.0, high.0)),
                deviation: numbers.deviation,
            })),
            Content::Numbers(numbers) => {
                let mut values = Vec::with_capacity(numbers.rows() as usize);
                numbers.points.iter().for_each(|&(value, rows)| values.resize(values.len() + rows as usize, value));
                let window = Window::new(values, numbers.nulls, &mut Scratch::default());
                Column::Numbers(if numbers.is_whole { window.into_whole() } else { window })
            }
            Content::Categories { counts, nulls } => {
                let mut categories = Categories::default();
                counts.iter().for_each(|(name, rows)| categories.add(name, *rows as f64));
                categories.add_nulls(*nulls as f64);
                Column::Categories(categories)
            }
            Content::Empty { rows } => Column::Empty(*rows),
            Content::TooMany { values } => Column::TooMany(*values),
            Content::Other => Column::Other,
        }
    }

    /// What else is known of a column of numbers.
    pub fn frozen(&self) -> Option<Frozen> {
        let Content::Numbers(numbers) = &self.content else { return None };
        let excluded = ExcludedRows { nulls: numbers.nulls, nans: numbers.nans, infinities: numbers.infinities };
        Some(Frozen { excluded, is_exact: numbers.is_exact, numbers: numbers.clone() })
    }
}

fn freeze(column: Column, options: &Options, room: &mut Room) -> Content {
    match column {
        Column::Numbers(window) => {
            let numbers = Numbers::of(&window, options);
            room.give_back(window);
            Content::Numbers(numbers)
        }
        Column::Sketched(sketch) => Content::Numbers(Numbers::of_sketch(&sketch, options)),
        Column::Categories(categories) => {
            Content::Categories { counts: categories.iter().map(|(name, rows)| (name.to_owned(), rows as u64)).collect(), nulls: categories.nulls() as u64 }
        }
        Column::Empty(rows) => Content::Empty { rows },
        Column::TooMany(values) => Content::TooMany { values },
        Column::Other => Content::Other,
    }
}

impl Numbers {
    fn of(window: &Window, options: &Options) -> Self {
        let nothing = Window::default();
        let mut binning = options.binning.clone();
        let exact = distinct_points(window.values(), options.points);
        if exact.is_none() && binning == Binning::Distinct {
            // One bin for each of too many values is no summary; the default is.
            binning = Binning::default();
        }
        let bins = Bins::new(&binning, window, &nothing);
        let counts: Vec<u64> = bins.count(window.values()).into_iter().map(|count| count as u64).collect();
        let is_exact = exact.is_some();
        let points = exact.unwrap_or_else(|| blocks(window.values(), options.points));
        let found = walk(window.values(), points.as_slice());
        let error = |method: Method| found.and_then(|walk| of_walk(method, &walk, 0.0).ok()).map_or(0.0, |(value, _)| value);
        let excluded = window.excluded();
        Numbers {
            nulls: excluded.nulls,
            nans: excluded.nans,
            infinities: excluded.infinities,
            is_whole: window.is_whole(),
            is_exact,
            deviation: window.standard_deviation().unwrap_or(0.0),
            rule: binning.to_string(),
            shape: shape_name(bins.shape).to_owned(),
            edges: bins.edges,
            counts,
            points,
            ks_error: if is_exact { 0.0 } else { error(Method::Ks) },
            wasserstein_error: if is_exact { 0.0 } else { error(Method::Wasserstein) },
            energy_error: if is_exact { 0.0 } else { error(Method::Energy) },
        }
    }

    /// Of a window that memory did not hold: nothing but the points and how far they may be off. There are no exact counts of bins.
    fn of_sketch(sketch: &Sketch, options: &Options) -> Self {
        let span = sketch.range.map_or(0.0, |(low, high)| high - low);
        Numbers {
            nulls: sketch.excluded.nulls,
            nans: sketch.excluded.nans,
            infinities: sketch.excluded.infinities,
            is_whole: false,
            is_exact: false,
            deviation: sketch.deviation,
            rule: format!("none: {} does not fit the memory", options.binning),
            shape: shape_name(Shape::OpenEnds).to_owned(),
            edges: Vec::new(),
            counts: vec![sketch.rows],
            points: merged(&sketch.points),
            ks_error: sketch.error,
            wasserstein_error: sketch.error * span,
            energy_error: sketch.error * (2.0 * span).sqrt(),
        }
    }

    fn rows(&self) -> u64 {
        self.points.iter().fold(0, |sum, point| sum.saturating_add(point.1))
    }

    fn bins(&self) -> Option<Bins> {
        let shape = SHAPES.into_iter().find(|shape| shape_name(*shape) == self.shape)?;
        let least_edges = if matches!(shape, Shape::Clipped | Shape::WithOutside) { 2 } else { 0 };
        (self.edges.len() >= least_edges).then(|| Bins { edges: self.edges.clone(), shape })
    }
}

const SHAPES: [Shape; 5] = [Shape::OpenEnds, Shape::Clipped, Shape::WithOutside, Shape::Values, Shape::ValuesWithOutside];

fn shape_name(shape: Shape) -> &'static str {
    match shape {
        Shape::OpenEnds => "open_ends",
        Shape::Clipped => "clipped",
        Shape::WithOutside => "with_outside",
        Shape::Values => "values",
        Shape::ValuesWithOutside => "values_with_outside",
    }
}

/// Every different value with its rows; `None` when there are more than `most`.
fn distinct_points(sorted: &[f64], most: usize) -> Option<Vec<(f64, u64)>> {
    let mut points = Vec::new();
    let mut rest = sorted;
    while let Some(&value) = rest.first() {
        if points.len() == most {
            return None;
        }
        let rows = rest.partition_point(|&other| other <= value);
        points.push((value, rows as u64));
        rest = &rest[rows..];
    }
    Some(points)
}

/// Points of the same value as one.
fn merged(points: &[(f64, u64)]) -> Vec<(f64, u64)> {
    points.chunk_by(|a, b| a.0 == b.0).map(|run| (run[0].0, run.iter().map(|point| point.1).sum())).collect()
}

/// About `most` blocks of as many rows each, each as its middle value.
fn blocks(sorted: &[f64], most: usize) -> Vec<(f64, u64)> {
    let cuts = (1..=most).map(|block| (sorted.len() as u128 * block as u128 / most as u128) as usize);
    let mut points: Vec<(f64, u64)> = Vec::with_capacity(most);
    let mut start = 0;
    for cut in cuts {
        let block = &sorted[start..cut];
        start = cut;
        let Some(&value) = block.get(block.len() / 2) else { continue };
        match points.last_mut() {
            Some(last) if last.0 == value => last.1 += block.len() as u64,
            _ => points.push((value, block.len() as u64)),
        }
    }
    points
}

impl Frozen {
    /// How far the points' distribution function is from that of the data.
    pub fn ks_error(&self) -> f64 {
        self.numbers.ks_error
    }

    /// Outcomes against a current window, each with its number of bins and how far it may be off; for columns whose points are not the data.
    pub fn compare(&self, points: &Window, current: &Window, methods: &[Method], settings: &Settings) -> Vec<(Outcome, Option<usize>, Option<f64>)> {
        methods.iter().map(|&method| self.outcome(points, current, method, settings)).collect()
    }

    fn outcome(&self, points: &Window, current: &Window, method: Method, settings: &Settings) -> (Outcome, Option<usize>, Option<f64>) {
        let numbers = &self.numbers;
        let mut outcome = numeric(points, current, &[method], settings).outcomes.remove(0);
        outcome.parameters.push(("reference", "profile".to_owned()));
        match method {
            Method::Ks => (outcome, None, Some(numbers.ks_error)),
            Method::Wasserstein => (outcome, None, Some(numbers.wasserstein_error)),
            Method::Energy => (outcome, None, Some(numbers.energy_error)),
            Method::WassersteinNormed => {
                let distance = numeric(points, current, &[Method::Wasserstein], settings).outcomes.remove(0);
                outcome.value = distance.value.map(|distance| normed(distance, numbers.deviation));
                (outcome, None, Some(normed(numbers.wasserstein_error, numbers.deviation)))
            }
            Method::AndersonDarling | Method::CramerVonMises => {
                outcome.value = outcome.value.and(Err(Undefined::NeedsData));
                outcome.p_value = None;
                (outcome, None, None)
            }
            _ if method.domain() == Domain::Counts && method != Method::ZTest => self.of_counts(outcome, current, method, settings),
            _ => (outcome, None, None),
        }
    }

    /// By the bins that were frozen; others would need the data.
    fn of_counts(&self, mut outcome: Outcome, current: &Window, method: Method, settings: &Settings) -> (Outcome, Option<usize>, Option<f64>) {
        let bins = self.numbers.bins().filter(|_| settings.binning.to_string() == self.numbers.rule);
        let Some(bins) = bins else {
            outcome.value = outcome.value.and(Err(Undefined::NeedsData));
            outcome.p_value = None;
            return (outcome, None, None);
        };
        let reference: Vec<f64> = self.numbers.counts.iter().map(|&count| count as f64).collect();
        let found = categorical(&reference, &bins.count(current.values()), &[method], settings).outcomes.remove(0);
        (outcome.value, outcome.p_value) = (found.value, found.p_value);
        (outcome, Some(bins.len()), None)
    }
}
