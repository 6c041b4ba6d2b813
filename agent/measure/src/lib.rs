//! Drift, bias, performance and data quality, computed from data windows: the numbers that ISO/IEC 42001 Clause 9.1 asks to be measured.
//!
//! Statistics are exact, and the same on every run; what a number depends on (bins, floors, bases, ties) is stated beside it. This library
//! computes and never judges: floors on sample sizes and verdicts are the agent's.
//!
//! # The flow
//!
//! ```text
//! files ─► read ─► columns of a window ─► window, categories ─► drift, bias, performance, quality ─► output
//!                                               └─► sketch, when memory does not hold a column ─┘
//! ```
//!
//! # Code map
//!
//! | Module | What lives there |
//! |---|---|
//! | [`window`], [`categories`] | one column of one window: sorted numbers, counts of categories |
//! | [`mod@sort`] | the sort behind it all |
//! | [`drift`] | sixteen drift statistics and their p-values, binning, likeness to other tools, corrections for many tests |
//! | [`bias`] | group rates, differences and ratios with intervals, calibration, inequality, several classes, numbers |
//! | [`performance`] | metrics of predictions and scores against labels |
//! | [`quality`] | missing values, ranges, unseen categories, repeated rows |
//! | [`sketch`] | quantiles, frequent categories and distinct counts in bounded memory, with bounds of their error |
//! | [`special`] | distribution functions |
//! | [`read`] | data windows from files, object stores and queries |
//! | [`job`] | what a run computes: columns by methods |
//! | [`output`] | tables, JSON, records, pages |
//! | [`cli`] | one file for each command |
//!
//! # Invariants
//!
//! - [`drift`], [`bias`], [`performance`], [`quality`], [`sketch`] and [`special`] do no I/O, know no file format, and read no clock.
//! - Every statistic has a value or a reason why it has none; nothing stands in for a value.
//! - Parts that were counted apart add up to what one scan counts: exactly where a result is exact, within its stated bound where it is not.
//! - No `unsafe`.

pub mod bias;
pub mod categories;
pub mod cli;
pub mod drift;
pub mod job;
pub mod output;
pub mod performance;
pub mod quality;
pub mod read;
pub mod sketch;
pub mod sort;
pub mod special;
pub mod window;
