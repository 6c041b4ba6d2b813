//! Windows in object stores: every object is fetched once into a temporary folder, and read from there like any file.
//!
//! A store is asked once what there is, and each object must still be that one when it is fetched, to its last byte: a window is one list of
//! objects, each whole and of one version. What is added to the store after that list was made is not in the window.

#[cfg(feature = "object-store")]
mod address;
#[cfg(feature = "object-store")]
mod connect;
#[cfg(feature = "object-store")]
mod failure;
#[cfg(feature = "object-store")]
mod fetch;
#[cfg(feature = "object-store")]
mod find;

#[cfg(feature = "object-store")]
pub use fetch::fetch;

/// How far fetching is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Bytes that are here.
    pub done: u64,
    /// Bytes in all.
    pub all: u64,
    /// The object at hand.
    pub object: &'a str,
}

/// Whether a name is an address in a store, by its scheme.
pub fn is_address(name: &str) -> bool {
    const SCHEMES: [&str; 8] = ["s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss"];
    name.split_once("://").is_some_and(|(scheme, _)| SCHEMES.contains(&scheme))
}

/// Says that this build can't.
#[cfg(not(feature = "object-store"))]
pub fn fetch(
    name: &str,
    _forced: Option<super::Format>,
    _spool: Option<&std::path::Path>,
    _show: &mut dyn FnMut(Progress<'_>),
) -> super::Result<super::locate::Located> {
    let hint = "this build reads no object stores; make one that does: cargo build --release -p clause9-measure --features object-store";
    Err(super::Error::file(std::path::Path::new(name), hint))
}
