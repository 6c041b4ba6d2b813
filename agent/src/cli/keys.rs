//! `clause9 keys`: making the key that signs heads of evidence, and looking at one.

use std::process::ExitCode;

use super::{args, say, tell};
use crate::keys::{SigningKey, open_to_others, public_path};

pub(super) fn execute(args: &args::Keys) -> anyhow::Result<ExitCode> {
    match args {
        args::Keys::New { out } => {
            let key = SigningKey::make(out)?;
            say!("{}: the private key, for its owner alone; give it to the agent as `evidence.key`", out.display());
            say!("{}: the public key; give it to whoever verifies", public_path(out).display());
            say!("public key: {}", key.public());
        }
        args::Keys::Show { file } => {
            let key = SigningKey::read(file)?;
            open_to_others(file).iter().for_each(|warning| tell!("warning: {warning}"));
            say!("public key: {}", key.public());
            super::out::out(format_args!("{}", key.public().pem()));
        }
    }
    Ok(ExitCode::SUCCESS)
}
