//! `clause9 generate`: dashboards, rules and runbooks from the catalogue.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context as _;

use super::{args, check::refused};
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
        for path in &changed {
            println!("{} {}", if args.check { "out of date:" } else { "wrote" }, args.out.join(path).display());
        }
        outdated += changed.len();
    }
    if outdated == 0 {
        println!("{}: up to date", args.out.display());
    }
    Ok(if args.check && outdated > 0 { ExitCode::from(super::ERROR) } else { ExitCode::SUCCESS })
}

fn products(what: args::Product) -> &'static [Product] {
    match what {
        args::Product::All => &Product::ALL,
        args::Product::Dashboards => &[Product::Dashboards],
        args::Product::Rules => &[Product::Rules],
        args::Product::Runbooks => &[Product::Runbooks],
    }
}
