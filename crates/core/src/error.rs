//! What the reader of an error does next: the one question asked of every error in tidegate.

use serde::{Deserialize, Serialize};

/// The five kinds of error. The kind decides the exit code, what a Lambda answers, the dashboard's
/// colour and the alarm; nothing else about an error does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The pipeline file or a setting is wrong: edit it.
    Config,
    /// The API refused or answered with something unusable: check the API, the path, the credentials.
    Source,
    /// Rows do not fit the table: see the quarantine or the contract.
    Data,
    /// The network, the API or the store is out of order for now: we retry.
    Transient,
    /// Our bug: report it.
    Internal,
}

impl Kind {
    /// Every kind, in the order of the reference table.
    pub const ALL: [Kind; 5] = [Kind::Config, Kind::Source, Kind::Data, Kind::Transient, Kind::Internal];

    /// The exit code of the command line (0 is success, 1 is left to the shell and to panics).
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Config => 2,
            Kind::Source => 3,
            Kind::Data => 4,
            Kind::Transient => 5,
            Kind::Internal => 70,
        }
    }

    /// One word, lower case, as it stands in logs and JSON output.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Config => "config",
            Kind::Source => "source",
            Kind::Data => "data",
            Kind::Transient => "transient",
            Kind::Internal => "internal",
        }
    }

    /// What the reader should do next, in one sentence.
    pub fn advice(self) -> &'static str {
        match self {
            Kind::Config => "edit the pipeline file or the setting it names",
            Kind::Source => "check the API's address, credentials and answer",
            Kind::Data => "look at quarantine/ and at the stream's contract and columns",
            Kind::Transient => {
                "try again (`tidegate run` left running does so by itself); check the network, the API or the store if it lasts"
            }
            Kind::Internal => "report it with the message and the log",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_distinct_and_never_success() {
        let codes: std::collections::BTreeSet<u8> = Kind::ALL.iter().map(|k| k.exit_code()).collect();
        assert_eq!(codes.len(), Kind::ALL.len());
        assert!(!codes.contains(&0) && !codes.contains(&1));
    }
}
