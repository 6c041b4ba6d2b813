//! What becomes of a page without making it anew: families that are replaced, families of which some samples change. How a change is carried
//! out is `segment`'s business.

use crate::family::{Family, Kind, RepeatedLabel};
use crate::name::{LabelName, MetricName};

/// One step from a page to the next.
#[derive(Clone, Debug)]
pub enum Change {
    /// This family, whole: in place of the one of its name, or added.
    Family(Family),
    /// Some samples of a family, which is added if it is not there.
    Samples(Delta),
    /// The family of this name goes, if it is there.
    Removed(MetricName),
}

impl Change {
    /// The family that it is about.
    #[must_use]
    pub fn name(&self) -> &MetricName {
        match self {
            Self::Family(family) => family.name(),
            Self::Samples(delta) => delta.family.name(),
            Self::Removed(name) => name,
        }
    }
}

/// What changes in a family. Samples that it does not name stay as they are.
///
/// ```
/// use clause9_exporter::{Delta, Kind, LabelName, MetricName};
///
/// const SYSTEM: LabelName = LabelName::from_static("system");
/// let mut delta = Delta::new(MetricName::from_static("open_cases"), "Cases that are open", Kind::Gauge);
/// delta.set([(&SYSTEM, "credit-scoring")], 4.0)?;
/// delta.remove([(&SYSTEM, "cv-screening")])?;
/// # Ok::<(), clause9_exporter::RepeatedLabel>(())
/// ```
#[derive(Clone, Debug)]
pub struct Delta {
    pub(crate) family: Family,
    /// For each sample of `family` whether it goes; its value is of no account then.
    pub(crate) removed: Vec<bool>,
}

impl Delta {
    /// Nothing changes yet. Help and kind are the family's from now on.
    #[must_use]
    pub fn new(name: MetricName, help: impl Into<String>, kind: Kind) -> Self {
        Self { family: Family::new(name, help, kind), removed: Vec::new() }
    }

    /// The sample with these labels has this value from now on. An empty label is the same as none.
    ///
    /// That the same labels are set or removed only once is checked when the change is published.
    ///
    /// # Errors
    /// [`RepeatedLabel`] if a label occurs twice; nothing is changed by it then.
    pub fn set<'a, V>(&mut self, labels: impl IntoIterator<Item = (&'a LabelName, V)>, value: f64) -> Result<(), RepeatedLabel>
    where
        V: AsRef<str>,
    {
        self.family.sample(labels, value)?;
        self.removed.push(false);
        Ok(())
    }

    /// The sample with these labels goes, if it is there.
    ///
    /// # Errors
    /// [`RepeatedLabel`] if a label occurs twice; nothing is changed by it then.
    pub fn remove<'a, V>(&mut self, labels: impl IntoIterator<Item = (&'a LabelName, V)>) -> Result<(), RepeatedLabel>
    where
        V: AsRef<str>,
    {
        self.family.sample(labels, f64::NAN)?;
        self.removed.push(true);
        Ok(())
    }

    /// How many samples are set or removed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.removed.len()
    }

    /// Whether no sample is set or removed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty()
    }
}
