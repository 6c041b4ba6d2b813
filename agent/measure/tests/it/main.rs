//! Tests of the whole library against values that established tools give for the same data, and properties that must hold for any data.
//!
//! | Module | Tests |
//! |---|---|
//! | `support` | the reference data sets, and comparing with tolerances |
//! | `special` | distribution functions against tables |
//! | `drift` | every drift statistic against scipy |
//! | `likeness` | what Evidently, NannyML, TrustyAI and alibi-detect say |
//! | `awkward` | the stated rules for awkward data |
//! | `bias` | rates, differences, ratios and inequality against definitions, Fairlearn and AIF360 |
//! | `performance` | metrics against scikit-learn |
//! | `quality` | data quality measures |
//! | `sketch` | the bounds of the sketches |
//! | `properties` | what must hold for any data |

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod awkward;
mod bias;
mod drift;
mod likeness;
mod performance;
mod properties;
mod quality;
mod sketch;
mod special;
mod support;
