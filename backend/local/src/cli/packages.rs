//! `aisoc local packages`.

use crate::error::exit;
use crate::packages;
use clap::Args;

/// Options of `packages`.
#[derive(Debug, Args)]
pub(super) struct PackagesArgs {
    /// Installs what is missing through apt (as root or with sudo).
    #[arg(long)]
    install: bool,
}

pub(super) fn run(args: &PackagesArgs) -> anyhow::Result<u8> {
    let missing = packages::missing();
    for package in packages::all() {
        let state = if missing.contains(&package) {
            "MISSING"
        } else {
            "there"
        };
        println!("{state:<8} {:<14} {}", package.name, package.why);
    }
    if missing.is_empty() {
        return Ok(exit::OK);
    }
    if !args.install {
        return Err(packages::explain(&missing).into());
    }
    packages::install(&missing)?;
    println!("everything is installed");
    Ok(exit::OK)
}
