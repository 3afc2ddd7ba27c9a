//! A pipeline's directory with batches staged, as a poller would have left them: what the loader is measured on.

use std::fs;
use std::path::{Path, PathBuf};

use crate::place;

const PIPELINE: &str = "\
name = \"bench\"
staging = \"file:staging\"
lake = \"file:lake\"
[source]
base_url = \"http://127.0.0.1:9\"
[[streams]]
name = \"items\"
path = \"/items\"
cadence = { every = \"1h\" }
";

/// The directory.
pub(super) struct Staged {
    pub(super) root: PathBuf,
    /// Field of a record that holds its time.
    event: &'static str,
    format: &'static str,
    batches: u64,
}

impl Staged {
    /// An empty one. `format` is that of all pages.
    pub(super) fn new(event: &'static str, format: &'static str) -> Result<Staged, String> {
        let root = place::cache().join("bench/staged");
        let _ = fs::remove_dir_all(&root);
        let staged = Staged { root, event, format, batches: 0 };
        staged.write("tidegate.toml", PIPELINE)?;
        Ok(staged)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.root.join(name);
        let directory = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(directory)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Stages a batch of one page, which is this file by another name, so that a backlog takes no room. Batches are
    /// polled a second apart, all in one hour as long as they are less than 3,600, else `a_second` in each.
    pub(super) fn batch(&mut self, page: &Path, a_second: u64) -> Result<(), String> {
        self.batches += 1;
        let (seq, second) = (self.batches, self.batches / a_second);
        let failed = |error: std::io::Error| format!("{}: {error}", page.display());
        let key = format!("pages/items/{seq:012}/00.{}", self.format);
        let to = self.root.join("staging").join(&key);
        fs::create_dir_all(to.parent().unwrap_or(&to))
            .and_then(|()| fs::hard_link(page, &to).or_else(|_| fs::copy(page, &to).map(|_| ())))
            .map_err(failed)?;
        let bytes = fs::metadata(page).map_err(failed)?.len();
        let polled =
            format!("2026-11-20T{:02}:{:02}:{:02}Z", second / 3600 % 24, second / 60 % 60, second % 60);
        let batch = format!(
            "{{\"version\":1,\"pipeline\":\"bench\",\"stream\":\"items\",\"seq\":{seq},\"polled_at\":\"{polled}\",\
             \"config_hash\":\"\",\"load\":{{\"table\":\"items\",\"records\":\"$\",\"event_time\":{{\"path\":\"{}\"}},\
             \"partition_by\":\"hour\",\"contract\":{{\"tables\":\"evolve\",\"columns\":\"evolve\",\
             \"data_type\":\"evolve\"}},\"columns\":{{}},\"max_columns\":2000}},\"pages\":[{{\"key\":\"{key}\",\"number\":0,\
             \"request\":\"GET http://127.0.0.1:9/items\",\"status\":200,\"fetched_at\":\"{polled}\",\"bytes\":{bytes},\
             \"sha256\":\"00\",\"format\":\"{}\",\"records\":1}}],\"checkpoint\":{{\"elements\":{{\"\":{{\
             \"fingerprint\":\"\"}}}}}}}}",
            self.event, self.format
        );
        self.write(&format!("staging/batches/items/{seq:012}.batch.json"), &batch)
    }

    /// What loads it: `tidegate load` with these words.
    pub(super) fn load(&self, ours: &Path, more: &[&str]) -> Vec<String> {
        let file = self.root.join("tidegate.toml").display().to_string();
        let words = [&ours.display().to_string(), "load", &file, "--json", "--quiet"];
        words.into_iter().chain(more.iter().copied()).map(str::to_owned).collect()
    }

    /// Removes what loads have written, so that all is to be loaded again.
    pub(super) fn again(&self) {
        let _ = fs::remove_dir_all(self.root.join("lake"));
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// The sum of a number in a command's JSON, such as the rows of all loads.
pub(super) fn sum(said: &str, name: &str) -> u64 {
    let field = format!("\"{name}\": ");
    let numbers = said.split(&field).skip(1);
    numbers.filter_map(|rest| rest.split([',', '\n', '}']).next()?.trim().parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_name_are_added_up() {
        assert_eq!(sum("[{\n \"rows\": 3,\n \"files\": 9 }, {\"rows\": 4}]", "rows"), 7);
    }
}
