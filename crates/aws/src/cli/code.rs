//! The two zips: the same binaries give the same bytes, whoever packs them and when.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde::Serialize;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::architecture::{Architecture, Binary};
use super::failure::Failure;
use super::terminal::Terminal;

/// The zips, as the nine parameters name them, and the program in each.
const ZIPS: [(&str, &str); 2] =
    [("lambda_function.zip", "tidegate-poller"), ("lambda_glue.zip", "tidegate-starter")];
/// Lambda's limit of a zip that is uploaded is far above ours, which keeps cold starts short.
const COMPRESSION: i64 = 9;

/// Where the functions' programs come from.
#[derive(Clone, Debug, Args)]
pub(super) struct CodeArgs {
    /// Processor of the functions
    #[arg(long, value_enum, default_value_t)]
    pub(super) architecture: Architecture,
    /// Directory with `tidegate-poller` and `tidegate-starter` [default: the one of this program]
    #[arg(long, value_name = "DIR", conflicts_with = "build")]
    binaries: Option<PathBuf>,
    /// Build them with cargo; run within a checkout of tidegate
    #[arg(long)]
    build: bool,
}

/// One zip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Zip {
    /// Its usual name.
    pub(super) name: &'static str,
    /// SHA-256 of its bytes, in hexadecimal.
    pub(super) sha256: String,
    /// The bytes.
    #[serde(skip)]
    pub(super) bytes: Vec<u8>,
    /// Bytes of the program in it.
    pub(super) program_bytes: usize,
    /// The highest version of glibc that the program asks for.
    pub(super) glibc: Option<String>,
}

impl CodeArgs {
    /// Both zips, each program checked.
    pub(super) fn zips(&self, terminal: &Terminal) -> Result<[Zip; 2], Failure> {
        let dir = match (&self.binaries, self.build) {
            (Some(dir), _) => dir.clone(),
            (None, true) => build(self.architecture, terminal)?,
            (None, false) => beside()?,
        };
        let [poller, starter] = ZIPS.map(|(name, program)| self.zip(name, &dir.join(program)));
        Ok([poller?, starter?])
    }

    fn zip(&self, name: &'static str, program: &Path) -> Result<Zip, Failure> {
        let refused =
            |reason: String| Failure::config(format!("cannot pack {}: {reason}", program.display()));
        let bytes = std::fs::read(program)
            .map_err(|error| refused(format!("{error}; say where it is with --binaries, or --build it")))?;
        let binary =
            Binary::read(&bytes).and_then(|binary| binary.check(self.architecture)).map_err(refused)?;
        let packed =
            pack(&bytes).map_err(|error| Failure::internal(format!("cannot write {name}: {error}")))?;
        let sha256 = Sha256::digest(&packed).iter().map(|byte| format!("{byte:02x}")).collect();
        let glibc = binary.glibc.map(|(major, minor)| format!("{major}.{minor}"));
        Ok(Zip { name, sha256, bytes: packed, program_bytes: bytes.len(), glibc })
    }
}

/// A zip with one executable `bootstrap`, its time that of the epoch of zip.
fn pack(program: &[u8]) -> zip::result::ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(COMPRESSION))
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", options)?;
    zip.write_all(program)?;
    Ok(zip.finish()?.into_inner())
}

fn beside() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe();
    let program = program.map_err(|error| Failure::internal(format!("cannot find this program: {error}")))?;
    Ok(program.parent().unwrap_or(Path::new(".")).to_owned())
}

/// Builds both programs in the profile `lambda`; the directory they lie in.
fn build(architecture: Architecture, terminal: &Terminal) -> Result<PathBuf, Failure> {
    let target = architecture.target();
    let cargo = |reason: &str| Failure::config(format!("{reason}; run this within a checkout of tidegate"));
    let metadata = output(Command::new("cargo").args(["metadata", "--no-deps", "--format-version=1"]))
        .ok_or_else(|| cargo("cargo finds no workspace here"))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata).unwrap_or_default();
    let place = |name: &str| {
        metadata[name].as_str().map(str::to_owned).ok_or_else(|| cargo("cargo names no directory"))
    };
    let (root, built) = (place("workspace_root")?, place("target_directory")?);
    if !has_std(target) {
        return Err(Failure::config(format!(
            "Rust's standard library for {target} is not installed; run `rustup target add {target}`, or give prebuilt \
             programs with --binaries (docs/guides/aws.md shows a build with Debian's compiler)"
        )));
    }
    terminal.say(format_args!("building the functions for {target}; the first time takes minutes"));
    let status = Command::new("cargo")
        .args(["build", "--locked", "--profile", "lambda", "--package", "tidegate-aws", "--target", target])
        .args(["--bin", "tidegate-poller", "--bin", "tidegate-starter"])
        .env("RUSTFLAGS", flags(&root, &built))
        .status();
    match status {
        Ok(status) if status.success() => Ok(Path::new(&built).join(target).join("lambda")),
        _ => Err(Failure::config("cargo could not build the functions; see its messages above")),
    }
}

/// The caller's own flags, and names of files that are the same on every machine: they stand in panic messages, those of
/// what build scripts wrote as well.
fn flags(root: &str, built: &str) -> String {
    let variable = crate::settings::variable;
    let cargo_home = variable("CARGO_HOME").or_else(|| variable("HOME").map(|home| format!("{home}/.cargo")));
    let mut flags = variable("RUSTFLAGS").unwrap_or_default();
    // Of several that match the last one counts, and what is built usually lies within the root.
    flags += &format!(" --remap-path-prefix={root}=/tidegate --remap-path-prefix={built}=/built");
    if let Some(home) = cargo_home {
        flags += &format!(" --remap-path-prefix={home}=/cargo");
    }
    flags.trim().to_owned()
}

fn has_std(target: &str) -> bool {
    let place = output(Command::new("rustc").args(["--print", "target-libdir", "--target", target]));
    place.is_some_and(|place| Path::new(place.trim()).is_dir())
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zip_of_the_same_program_is_the_same_and_holds_one_executable() {
        let program: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        let packed = pack(&program).expect("a zip");
        assert_eq!(packed, pack(&program).expect("a zip"));
        let mut archive = zip::ZipArchive::new(Cursor::new(packed)).expect("a zip");
        assert_eq!(archive.len(), 1);
        let entry = archive.by_index(0).expect("an entry");
        assert_eq!((entry.name(), entry.unix_mode()), ("bootstrap", Some(0o100_755)));
        assert_eq!(entry.last_modified().map(|at| at.year()), Some(1980));
    }
}
