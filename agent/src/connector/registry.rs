//! Which connectors there are: those built in, and a user's own, which add to them or replace one. The folders are the registry; no list
//! is kept beside them.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs, io,
    path::Path,
    sync::{Arc, LazyLock},
};

use include_dir::{Dir, include_dir};

use super::{description::Description, replay::Case};
use crate::document::{Mistake, Mistakes};

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../config/connectors");

/// The file in a connector's folder that describes it.
const DESCRIPTION: &str = "connector.yaml";

/// Largest file in a user's connector folder.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Most files in one, over all its folders: there are a description and recorded answers, each of which is kept in memory.
const MAX_FILES: usize = 1_000;

/// How deep folders may lie in it.
const MAX_DEPTH: usize = 8;

/// The connectors, by name.
#[derive(Debug, Clone, Default)]
pub struct Registry(BTreeMap<String, Arc<Connector>>);

/// What is in a connector's folder: path → content, which of a built-in one lies in the program.
pub type Contents = BTreeMap<String, Cow<'static, [u8]>>;

/// One connector: its description and what else is in its folder.
#[derive(Debug, Clone)]
pub struct Connector {
    /// What it describes.
    pub description: Arc<Description>,
    /// Whether it came with the program.
    pub built_in: bool,
    /// All that is in its folder.
    pub files: Contents,
}

impl Registry {
    /// The built-in connectors and those in `user_folder`, one folder each. A connector with a mistake is left out; its mistakes are noted.
    pub fn load(user_folder: Option<&Path>, mistakes: &mut Mistakes) -> Self {
        // What is built in can't change while the program runs, so it is read once.
        static READ: LazyLock<(Registry, Mistakes)> = LazyLock::new(Registry::built_in);
        let (built_in, mistakes_built_in) = &*READ;
        let mut registry = built_in.clone();
        mistakes.append(mistakes_built_in.clone());
        if let Some(user_folder) = user_folder {
            registry.add_folder(user_folder, mistakes);
        }
        registry
    }

    fn built_in() -> (Self, Mistakes) {
        let (mut registry, mut mistakes) = (Self::default(), Mistakes::default());
        for folder in BUILT_IN.dirs() {
            let name = folder.path().to_string_lossy().into_owned();
            let mut files = Contents::new();
            collect_embedded(folder, folder.path(), &mut files);
            registry.add(&name, &format!("connectors/{name}"), true, files, &mut mistakes);
        }
        (registry, mistakes)
    }

    /// The connector of this name.
    pub fn get(&self, name: &str) -> Option<&Connector> {
        self.0.get(name).map(Arc::as_ref)
    }

    /// All, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = &Connector> {
        self.0.values().map(Arc::as_ref)
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    fn add_folder(&mut self, user_folder: &Path, mistakes: &mut Mistakes) {
        let folders = match folders(user_folder) {
            Ok(folders) => folders,
            Err(error) => return mistakes.push(unreadable(user_folder, &error)),
        };
        for (name, path) in folders {
            let mut files = Contents::new();
            match collect(&path, "", &mut files) {
                Ok(()) => self.add(&name, &path.display().to_string(), false, files, mistakes),
                Err(error) => mistakes.push(unreadable(&path, &error)),
            }
        }
    }

    fn add(&mut self, name: &str, folder: &str, built_in: bool, files: Contents, mistakes: &mut Mistakes) {
        let file = format!("{folder}/{DESCRIPTION}");
        let Some(text) = files.get(DESCRIPTION) else {
            return mistakes.push(Mistake {
                file,
                line: None,
                path: String::new(),
                found: "no such file".to_owned(),
                expected: "a connector's description".to_owned(),
            });
        };
        let text = String::from_utf8_lossy(text);
        let parse = if built_in { Description::parse_proved } else { Description::parse };
        let Some(description) = parse(&file, &text, mistakes) else { return };
        if description.name != name {
            let found = format!("{:?}", description.name);
            return mistakes.push(Mistake { file, line: Some(1), path: "name".to_owned(), found, expected: format!("{name:?}, the folder's name") });
        }
        self.0.insert(name.to_owned(), Arc::new(Connector { description: Arc::new(description), built_in, files }));
    }
}

impl Connector {
    /// Its recorded cases.
    pub fn cases(&self, mistakes: &mut Mistakes) -> Vec<Case> {
        Case::all(&self.description.name, &self.files, mistakes)
    }
}

fn collect_embedded(folder: &Dir<'static>, root: &Path, files: &mut Contents) {
    for file in folder.files() {
        let name = file.path().strip_prefix(root).unwrap_or(file.path()).to_string_lossy().replace('\\', "/");
        files.insert(name, Cow::Borrowed(file.contents()));
    }
    folder.dirs().for_each(|inner| collect_embedded(inner, root, files));
}

fn folders(root: &Path) -> io::Result<Vec<(String, std::path::PathBuf)>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() && !name.starts_with('.') {
            folders.push((name, entry.path()));
        }
    }
    folders.sort();
    Ok(folders)
}

fn collect(folder: &Path, prefix: &str, files: &mut Contents) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let metadata = entry.metadata()?;
        if files.len() == MAX_FILES {
            return Err(io::Error::other(format!("it has more than {MAX_FILES} files")));
        }
        if metadata.is_dir() && name.matches('/').count() >= MAX_DEPTH {
            return Err(io::Error::other(format!("{name} lies more than {MAX_DEPTH} folders deep")));
        } else if metadata.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else if metadata.len() > MAX_FILE_BYTES {
            return Err(io::Error::other(format!("{name} is larger than {} MiB", MAX_FILE_BYTES >> 20)));
        } else {
            files.insert(name, Cow::Owned(fs::read(entry.path())?));
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &io::Error) -> Mistake {
    let found = format!("can't be read: {error}");
    Mistake { file: path.display().to_string(), line: None, path: String::new(), found, expected: "a folder of connectors".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `parse_proved` relies on.
    #[test]
    fn every_built_in_expression_compiles() {
        let mut mistakes = Mistakes::default();
        for folder in BUILT_IN.dirs() {
            let file = folder.path().join(DESCRIPTION);
            let text = BUILT_IN.get_file(&file).and_then(|file| file.contents_utf8()).unwrap();
            Description::parse(&file.display().to_string(), text, &mut mistakes);
        }
        assert!(mistakes.is_empty(), "{mistakes}");
    }

    #[test]
    fn every_built_in_connector_is_good() {
        let mut mistakes = Mistakes::default();
        let registry = Registry::load(None, &mut mistakes);
        assert!(mistakes.is_empty(), "{mistakes}");
        assert_eq!(registry.iter().count(), BUILT_IN.dirs().count());
    }

    #[test]
    fn a_users_folder_adds_and_replaces() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            fs::create_dir_all(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join(DESCRIPTION), text).unwrap();
        };
        let text =
            |name: &str| format!("name: {name}\nkind: records\nabout: mine\ntransport: files\nstreams: [{{name: s, files: {{names: [x]}}, records: .}}]\n");
        write("mine", &text("mine"));
        write("records", &text("records"));
        write("misnamed", &text("other"));
        write("broken", "name: broken\n");
        fs::create_dir_all(folder.path().join("empty")).unwrap();
        write("deep", &format!("name: deep\nsettings:\n  {}x\n", "- ".repeat(100)));
        fs::create_dir_all(folder.path().join("full").join("a/".repeat(MAX_DEPTH + 1))).unwrap();
        let mut mistakes = Mistakes::default();
        let registry = Registry::load(Some(folder.path()), &mut mistakes);
        assert!(!registry.get("mine").unwrap().built_in);
        assert_eq!(registry.get("records").unwrap().description.about, "mine");
        assert!(registry.get("misnamed").is_none() && registry.get("broken").is_none());
        let text = mistakes.to_string();
        for part in [
            "\"misnamed\", the folder's name",
            "broken/connector.yaml:1: kind: nothing",
            "empty/connector.yaml: no such file",
            "deep/connector.yaml:3: lists and maps that lie more than 100 deep in each other; expected less nesting",
            "full: can't be read: a/a/a/a/a/a/a/a/a lies more than 8 folders deep",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
