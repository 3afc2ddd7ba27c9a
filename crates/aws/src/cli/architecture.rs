//! What a function's binary must be to start on Lambda, read from the binary itself.

use clap::ValueEnum;
use object::read::elf::FileHeader;
use object::{Endianness, elf};

/// The newest symbols of glibc that `provided.al2023` has.
const GLIBC: (u32, u32) = (2, 34);

/// A processor of Lambda.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Architecture {
    /// Intel and AMD
    #[default]
    #[value(name = "x86_64")]
    X86,
    /// Graviton
    #[value(name = "arm64")]
    Arm,
}

impl Architecture {
    /// As the template's parameter has it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Architecture::X86 => "x86_64",
            Architecture::Arm => "arm64",
        }
    }

    /// As rustc has it.
    pub(super) fn target(self) -> &'static str {
        match self {
            Architecture::X86 => "x86_64-unknown-linux-gnu",
            Architecture::Arm => "aarch64-unknown-linux-gnu",
        }
    }

    fn of_machine(machine: elf::Machine) -> Option<Architecture> {
        match machine {
            elf::EM_X86_64 => Some(Architecture::X86),
            elf::EM_AARCH64 => Some(Architecture::Arm),
            _ => None,
        }
    }
}

/// What a binary is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Binary {
    /// What it runs on.
    pub(super) architecture: Architecture,
    /// The highest version of glibc that it asks for; `None` where it asks for none.
    pub(super) glibc: Option<(u32, u32)>,
}

impl Binary {
    /// Reads an ELF file. The error says why Lambda could not start it.
    pub(super) fn read(bytes: &[u8]) -> Result<Binary, String> {
        let header = elf::FileHeader64::<Endianness>::parse(bytes)
            .map_err(|_| "it is no 64-bit program for Linux (ELF)".to_owned())?;
        let endian = header.endian().map_err(|error| error.to_string())?;
        let machine = header.e_machine(endian);
        let architecture = Architecture::of_machine(machine)
            .ok_or_else(|| format!("it is built for machine {}; Lambda runs x86_64 and arm64", machine.0))?;
        let glibc =
            glibc(header, endian, bytes).map_err(|error| format!("its symbols cannot be read: {error}"))?;
        Ok(Binary { architecture, glibc })
    }

    /// Whether Lambda can start it.
    pub(super) fn check(self, wanted: Architecture) -> Result<Binary, String> {
        if self.architecture != wanted {
            let (is, wanted) = (self.architecture.word(), wanted.word());
            return Err(format!("it is built for {is}, and {wanted} is asked for; see --architecture"));
        }
        match self.glibc {
            Some((major, minor)) if (major, minor) > GLIBC => Err(format!(
                "it asks for GLIBC_{major}.{minor}, and Lambda's provided.al2023 has {}.{}; build it on Debian 12 or \
                 older, or with cargo-zigbuild",
                GLIBC.0, GLIBC.1
            )),
            _ => Ok(self),
        }
    }
}

/// The highest version among the `GLIBC_…` that the dynamic symbols need.
fn glibc(
    header: &elf::FileHeader64<Endianness>,
    endian: Endianness,
    bytes: &[u8],
) -> object::read::Result<Option<(u32, u32)>> {
    let sections = header.sections(endian, bytes)?;
    let Some((mut needed, link)) = sections.gnu_verneed(endian, bytes)? else { return Ok(None) };
    let strings = sections.strings(endian, bytes, link)?;
    let mut highest = None;
    while let Some((_, mut versions)) = needed.next()? {
        while let Some(version) = versions.next()? {
            highest = highest.max(parse(version.name(endian, strings)?));
        }
    }
    Ok(highest)
}

/// `GLIBC_2.34` or `GLIBC_2.2.5` as major and minor.
fn parse(name: &[u8]) -> Option<(u32, u32)> {
    let mut numbers = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(parse(b"GLIBC_2.4") < parse(b"GLIBC_2.34") && parse(b"GLIBC_2.2.5") == Some((2, 2)));
        assert_eq!((parse(b"GLIBC_PRIVATE"), parse(b"GCC_3.0")), (None, None));
    }

    #[test]
    fn what_lambda_cannot_start_is_refused_with_its_reason() {
        let of = |architecture, glibc| Binary { architecture, glibc };
        assert!(of(Architecture::X86, Some((2, 34))).check(Architecture::X86).is_ok());
        assert!(of(Architecture::X86, None).check(Architecture::X86).is_ok());
        let newer = of(Architecture::X86, Some((2, 35))).check(Architecture::X86).expect_err("too new");
        assert!(newer.contains("GLIBC_2.35"), "{newer}");
        assert!(of(Architecture::Arm, None).check(Architecture::X86).expect_err("other").contains("arm64"));
        assert!(Binary::read(b"#!/bin/sh").expect_err("a script").contains("ELF"));
    }

    #[test]
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    fn this_very_program_is_read() {
        let path = std::env::current_exe().expect("a path");
        let binary = Binary::read(&std::fs::read(path).expect("its bytes")).expect("an ELF");
        assert_eq!(binary.architecture, Architecture::X86);
        assert!(binary.glibc >= Some((2, 2)), "{binary:?}");
    }
}
