//! Where the store of a test lies: in a folder, or on a server. What holds of a store holds on every engine.

use std::cell::OnceCell;

use super::*;

/// Where a store lies. It goes with what is in it.
pub(in crate::store) struct Home {
    place: Place,
    /// The connection of somebody else.
    other: OnceCell<Box<dyn Database>>,
}

enum Place {
    Folder(tempfile::TempDir),
    Server(postgres::Place),
}

/// Makes a home, empty.
pub(in crate::store) type Homes<'h> = &'h dyn Fn() -> Home;

/// A test, and its name.
pub(in crate::store) type Case = (&'static str, fn(Homes<'_>));

impl Home {
    pub(in crate::store) fn folder() -> Self {
        Self { place: Place::Folder(tempfile::tempdir().unwrap()), other: OnceCell::new() }
    }

    pub(in crate::store) fn server(place: postgres::Place) -> Self {
        Self { place: Place::Server(place), other: OnceCell::new() }
    }

    /// Opens the store that lies there.
    pub(in crate::store) fn open(&self, zone: Zone) -> Store {
        match &self.place {
            Place::Folder(folder) => Store::open(folder.path(), zone).unwrap(),
            Place::Server(place) => {
                let (writer, reader) = (place.connect(), place.connect());
                let names = prepare(&writer, None, zone).unwrap();
                Store { reader: Box::new(reader), writer: Box::new(writer), names, zone, path: PathBuf::new(), folder: None }
            }
        }
    }

    /// The connection of somebody else who can write.
    pub(in crate::store) fn other(&self) -> &dyn Database {
        let connect = || match &self.place {
            Place::Folder(folder) => Box::new(Sqlite::open(&folder.path().join(DATABASE_FILE)).unwrap()) as Box<dyn Database>,
            Place::Server(place) => Box::new(place.connect()),
        };
        &**self.other.get_or_init(connect)
    }
}

/// Runs each of these tests on a file; `real` runs all of them on a server.
macro_rules! on_every_engine {
    ($($case:ident),+ $(,)?) => {
        mod on_files {
            $(
                #[test]
                fn $case() {
                    super::$case(&$crate::store::tests::Home::folder);
                }
            )+
        }

        pub(in crate::store) const CASES: &[$crate::store::tests::Case] = &[$((stringify!($case), $case)),+];
    };
}
pub(in crate::store) use on_every_engine;
