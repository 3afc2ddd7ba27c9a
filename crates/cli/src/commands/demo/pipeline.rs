//! The demo's folder: a pipeline file as a user would write one, beside the staging and the lake that it fills.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// First words of the file; a file without them is the user's own and is left alone.
const MARK: &str = "# Written by `tidegate demo`";

/// Writes the pipeline file into the folder, which is made if need be. Returns its path.
pub(super) fn write(dir: &Path, base_url: &str) -> Result<PathBuf, Failure> {
    let path = dir.join("tidegate.toml");
    if fs::read_to_string(&path).is_ok_and(|text| !text.starts_with(MARK)) {
        let message = format!("{} is not the demo's; choose another folder with --dir", path.display());
        return Err(Failure::config(message));
    }
    let write = || {
        fs::create_dir_all(dir)?;
        fs::write(&path, text(base_url))
    };
    write().map_err(|error| Failure::config(format!("cannot write {}: {error}", path.display())))?;
    Ok(path)
}

fn text(base_url: &str) -> String {
    format!(
        r#"{MARK}, which writes it again at its next run: copy it to make it your own.
name = "demo"
staging = "file:./staging"           # answers as they came
lake = "file:./lake"                 # the partitioned table

[source]
base_url = "{base_url}"

[[streams]]
name = "observations"
path = "/v1/observations"
params = {{ station = "{{station}}" }}
for_each = {{ station = ["EWR", "JFK", "LGA"] }}
fields = {{ station = "{{station}}" }}  # a column added to each record
records = "$.observations[*]"        # the last 24 hourly observations, newest first
primary_key = ["station", "time"]    # an observation seen before is not landed again
event_time = "time"                  # the record's own time partitions it
partition_by = "minute"
ignore = ["$.generated_at"]          # moves on every request and is no change
cadence = "learn"                    # polled when it changes, as polls have shown so far
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_a_pipeline_without_mistakes() {
        let pipeline = tidegate_core::pipeline::read(&text("http://127.0.0.1:1"), &[]);
        assert!(pipeline.expect("no mistakes").streams[0].cadence.learns());
    }

    #[test]
    fn a_file_of_the_user_is_left_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        for _ in 0..2 {
            write(dir.path(), "http://127.0.0.1:1").expect("ours may be written again");
        }
        fs::write(dir.path().join("tidegate.toml"), "name = \"mine\"").expect("written");
        assert!(write(dir.path(), "http://127.0.0.1:1").is_err());
    }
}
