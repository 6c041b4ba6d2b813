//! `clause9 generate`: dashboards, rules and runbooks from the catalogue.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context as _;

use super::{args, check::refused, counted, say};
use crate::{
    config::Config,
    generate::{self, Product, Settings},
    indicator::Catalogue,
    schedule,
};

pub(super) fn execute(args: &args::Generate) -> anyhow::Result<ExitCode> {
    let mut settings = Settings::default();
    let loaded = match &args.config {
        None => Catalogue::built_in().map(Arc::new),
        Some(file) => Config::load(file, schedule::now()).map(|config| {
            settings.agent_url = config.page_url();
            if let Some(url) = config.runbook_url {
                settings.runbook_base = url.into();
            }
            config.catalogue
        }),
    };
    let catalogue = match loaded {
        Ok(catalogue) => catalogue,
        Err(mistakes) => return Ok(refused(&mistakes)),
    };
    settings.runbook_base = args.runbook_base.clone().unwrap_or(settings.runbook_base);
    settings.keeps_firing = args.rules_for == args::RulesFor::Current;
    let mut outdated = 0;
    for product in products(args.what) {
        let made = if args.check {
            generate::differences(*product, &catalogue, &settings, &args.out)
        } else {
            generate::write(*product, &catalogue, &settings, &args.out)
        };
        let changed = made.with_context(|| format!("{} can't be {}", args.out.display(), if args.check { "read" } else { "written" }))?;
        say!("{}", summary(&args.out.join(product.folder()), &changed, args.check));
        outdated += changed.len();
    }
    if outdated == 0 {
        say!("{}: up to date", args.out.display());
    }
    Ok(if args.check && outdated > 0 { ExitCode::from(super::ERROR) } else { ExitCode::SUCCESS })
}

/// How many files of a folder were written, or are out of date: those by name, as far as somebody would read them.
fn summary(folder: &Path, changed: &[PathBuf], check: bool) -> String {
    let count = |what: &str| format!("{}: {} {what}", folder.display(), counted(changed.len(), "file"));
    match (changed.len(), check) {
        (0, _) => format!("{}: as it was", folder.display()),
        (_, false) => count("written or removed"),
        (all, true) => {
            let named = changed.iter().take(NAMED).filter_map(|path| path.file_name()).map(|name| name.to_string_lossy());
            let more = if all > NAMED { format!(" and {} more", all - NAMED) } else { String::new() };
            format!("{} ({}{more})", count("out of date"), named.collect::<Vec<_>>().join(", "))
        }
    }
}

/// How many files that are out of date are named.
const NAMED: usize = 10;

fn products(what: args::Product) -> &'static [Product] {
    match what {
        args::Product::All => &Product::ALL,
        args::Product::Dashboards => &[Product::Dashboards],
        args::Product::Rules => &[Product::Rules],
        args::Product::Runbooks => &[Product::Runbooks],
    }
}
