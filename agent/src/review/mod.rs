//! The management review pack, clause 9.3: everything that a review must look at, as it was known at the end of a period, frozen in a folder that can be
//! checked offline.

pub mod html;
pub mod model;
pub mod pdf;

pub use model::Pack;
