//! `tidegate aws package`: the two zips on this machine.

use std::path::PathBuf;

use clap::Args;

use super::code::{CodeArgs, Zip};
use super::failure::Failure;
use super::terminal::Terminal;

/// Pack the two functions; the same programs give the same bytes
#[derive(Debug, Args)]
pub(super) struct Package {
    #[command(flatten)]
    code: CodeArgs,
    /// Directory they are written to
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Write the result as JSON to stdout
    #[arg(long)]
    json: bool,
}

impl Package {
    /// Runs the command.
    pub(super) fn run(&self, terminal: &Terminal) -> Result<(), Failure> {
        let zips = self.code.zips(terminal)?;
        let unwritable = |error: std::io::Error| {
            Failure::config(format!("cannot write to {}: {error}", self.out.display()))
        };
        std::fs::create_dir_all(&self.out).map_err(unwritable)?;
        for zip in &zips {
            std::fs::write(self.out.join(zip.name), &zip.bytes).map_err(unwritable)?;
        }
        if self.json {
            terminal.json(&zips);
        } else {
            zips.iter().for_each(|zip| terminal.line(self.described(zip)));
        }
        Ok(())
    }

    fn described(&self, zip: &Zip) -> String {
        let path = self.out.join(zip.name);
        let glibc =
            zip.glibc.as_deref().map_or_else(|| "no glibc".to_owned(), |version| format!("glibc {version}"));
        let (packed, program) = (zip.bytes.len() as f64 / 1e6, zip.program_bytes as f64 / 1e6);
        let architecture = self.code.architecture.word();
        let sha256 = &zip.sha256[..12];
        format!(
            "{}: {packed:.1} MB ({program:.1} MB unpacked), {architecture}, {glibc}, sha256 {sha256}…",
            path.display()
        )
    }
}
