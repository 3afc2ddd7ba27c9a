//! Here or on Spark: a value that the shell acts on.

use crate::settings::{Mode, Settings};

/// A staged batch that is to be loaded, and the raw bytes in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// Key of the batch.
    pub key: String,
    /// Bytes of its pages; 0 where nobody looked.
    pub bytes: u64,
}

/// Who loads what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Loaded by this function.
    pub here: Vec<String>,
    /// Loaded by one run of the Glue job.
    pub spark: Vec<String>,
    /// Whether they are part of a backlog that the run is to load as a whole.
    pub backlog: bool,
}

/// Divides the work; `queued` batches wait behind it. With `auto`, a backlog of more than `glue_batches` goes to the job
/// as a whole, and so does each batch of more than `glue_bytes`: this function decodes a batch in memory.
pub fn plan(settings: &Settings, work: Vec<Work>, queued: usize) -> Plan {
    let backlog = settings.mode == Mode::Auto && work.len() + queued > settings.glue_batches;
    let all_on_glue = backlog || settings.mode == Mode::Glue;
    let mut plan = Plan { backlog, ..Plan::default() };
    for Work { key, bytes } in work {
        let large = settings.mode == Mode::Auto && bytes > settings.glue_bytes;
        if all_on_glue || large { &mut plan.spark } else { &mut plan.here }.push(key);
    }
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn divided(mode: &str, sizes: &[u64], queued: usize) -> (usize, usize) {
        let settings = Settings::read(|name| {
            Some(match name {
                "TIDEGATE_STAGING" => "s3://raw".to_owned(),
                "TIDEGATE_LAKE" => "s3://lake".to_owned(),
                "TIDEGATE_ENGINE" => mode.to_owned(),
                "TIDEGATE_AUTO_GLUE_MIB" => "1".to_owned(),
                "TIDEGATE_AUTO_GLUE_BATCHES" => "3".to_owned(),
                _ => return None,
            })
        })
        .expect("settings");
        let work = sizes.iter().map(|bytes| Work { key: "k".to_owned(), bytes: *bytes }).collect();
        let plan = plan(&settings, work, queued);
        (plan.here.len(), plan.spark.len())
    }

    #[test]
    fn modes_divide_the_work_as_they_say() {
        let large = (1 << 20) + 1;
        for (mode, sizes, queued, divided_as) in [
            ("lambda", vec![large; 9], 9000, (9, 0)),
            ("glue", vec![1; 2], 0, (0, 2)),
            ("auto", vec![1, large, 1 << 20], 0, (2, 1)),
            ("auto", vec![1; 3], 0, (3, 0)),
            ("auto", vec![1; 4], 0, (0, 4)),
            ("auto", vec![1; 2], 2, (0, 2)),
            ("auto", vec![], 0, (0, 0)),
        ] {
            assert_eq!(divided(mode, &sizes, queued), divided_as, "{mode} {sizes:?} {queued}");
        }
    }
}
