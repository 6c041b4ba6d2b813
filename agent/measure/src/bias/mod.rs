//! Bias: how differently a model treats groups of people, from counts of labels and predictions for each group.
//!
//! The caller makes the groups, one for each value of a protected attribute or combination of values, and adds rows to each group's
//! [`Confusion`]. Everything here except calibration and regression follows from those counts, so one pass over the data is enough, parts
//! can be added up exactly, and a group of any size is shown. A group of rows without the attribute's value is a group like any other.
//!
//! # Definitions
//!
//! The favourable outcome is the positive one: a prediction of 1 is a selection. Names follow the literature; where tools disagree, ours is:
//!
//! | Question | Ours | Others |
//! |---|---|---|
//! | Sign of a difference | group minus reference, so that a disadvantage in selection is negative (AIF360, TrustyAI) | Fairlearn: largest minus smallest, never negative; SageMaker Clarify: reference minus group |
//! | Who is compared | each group by itself with one reference group | AIF360: all other groups pooled ([`compare_pooled`]); Fairlearn: the extremes over all groups ([`spread()`]) |
//! | Reference group | the named one, else the most favoured: the highest selection rate | AIF360: named; the largest group is a common third choice ([`Reference`]) |
//! | Equalized odds difference | the larger of the absolute differences in true and false positive rate | the mean of both is `average_abs_odds_difference`; that of the signed ones, which may cancel, `average_odds_difference` |
//! | A rate without rows (0/0) | undefined and left out | Fairlearn: 0 ([`Missing::Zero`], `--undefined-rates zero`) |
//! | Inequality of weighted rows | weights count, as everywhere | AIF360: the entropies leave weights out |
//! | A ratio to a rate of zero | undefined | AIF360: infinite |
//! | Disparate impact | group over reference, may exceed 1 | Fairlearn: smallest over largest, never above 1 |

mod calibration;
mod compare;
mod confusion;
mod inequality;
mod interval;
mod measure;
mod outcomes;
mod rate;
mod spread;

pub use calibration::{Calibration, CalibrationBin};
pub use compare::{Comparison, Group, Reference, UnknownGroup, compare, compare_pair, compare_pooled, reference_group};
pub use confusion::{Cell, Confusion, GroupCounts};
pub use inequality::{between_group_entropy, coefficient_of_variation, generalized_entropy, theil_index};
pub use interval::{Interval, difference_interval, ratio_interval, wilson_interval};
pub use measure::{Form, Measure, UnknownMeasure};
pub use outcomes::{ClassTable, Moments, RegressionGroup, regression_parity, student_interval, weighted_regression_parity, welch_interval};
pub use rate::Rate;
pub use spread::{Missing, OddsSpread, Spread, equalized_odds_spread, spread};
