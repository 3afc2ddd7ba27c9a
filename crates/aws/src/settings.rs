//! What a function is told by its environment. Read once at its start; nothing else reads the environment.

use object_store::aws::AwsCredential;
use tidegate_core::cadence::CadenceSpec;
use tidegate_core::pipeline::PartitionBy;

use crate::call::Aws;

/// Settings of both functions. The template writes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Name of the stack; the dimension of every metric.
    pub stack: String,
    /// Address of the pipeline file; the built-in example where it is absent.
    pub pipeline: Option<String>,
    /// Address of the staging bucket.
    pub staging: String,
    /// Address of the lake.
    pub lake: String,
    /// Partition grain for every table; `None` takes the file's.
    pub partition_by: Option<PartitionBy>,
    /// Rate for every stream; `None` takes the file's cadence, which learns where the file says nothing.
    pub cadence: Option<CadenceSpec>,
    /// Who partitions.
    pub mode: Mode,
    /// Name of the Glue job.
    pub job: String,
    /// Address of the queue of staged batches.
    pub queue: Option<String>,
    /// Name of the Glue database.
    pub database: String,
    /// With `auto`, a batch of more raw bytes than this goes to the job.
    pub glue_bytes: u64,
    /// With `auto`, a backlog of more batches than this goes to the job.
    pub glue_batches: usize,
}

/// Who writes batches into the lake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Small work here, large work on Glue.
    #[default]
    Auto,
    /// All here.
    Lambda,
    /// All on Glue.
    Glue,
}

impl Settings {
    /// From variables by name. The error names the variable and what it should hold.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Settings, String> {
        let text = |name: &str| lookup(name).filter(|value| !value.is_empty());
        let required = |name: &str| {
            text(name).ok_or_else(|| format!("{name} is not set; infra/cloudformation.yaml sets it"))
        };
        let number = |name: &str, default: u64| match text(name) {
            None => Ok(default),
            Some(value) => value.parse().map_err(|_| format!("{name} is `{value}`; it takes a whole number")),
        };
        let (staging, lake) = (required("TIDEGATE_STAGING")?, required("TIDEGATE_LAKE")?);
        if staging == lake {
            return Err(format!("staging and lake are both {lake}; every file written would start a load"));
        }
        Ok(Settings {
            stack: text("TIDEGATE_STACK").unwrap_or_else(|| "tidegate".to_owned()),
            pipeline: text("TIDEGATE_PIPELINE"),
            staging,
            lake,
            partition_by: text("TIDEGATE_PARTITION_BY").map_or(Ok(None), |word| grain(&word))?,
            cadence: text("TIDEGATE_CADENCE").map_or(Ok(None), |word| cadence(&word))?,
            mode: match text("TIDEGATE_ENGINE").as_deref() {
                None | Some("auto") => Mode::Auto,
                Some("lambda") => Mode::Lambda,
                Some("glue") => Mode::Glue,
                Some(other) => {
                    return Err(format!("TIDEGATE_ENGINE is `{other}`; it takes auto, lambda or glue"));
                }
            },
            job: text("TIDEGATE_GLUE_JOB").unwrap_or_default(),
            queue: text("TIDEGATE_QUEUE"),
            database: text("TIDEGATE_DATABASE").unwrap_or_default(),
            glue_bytes: number("TIDEGATE_AUTO_GLUE_MIB", 64)?.saturating_mul(1 << 20),
            glue_batches: usize::try_from(number("TIDEGATE_AUTO_GLUE_BATCHES", 1000)?).unwrap_or(usize::MAX),
        })
    }
}

fn grain(word: &str) -> Result<Option<PartitionBy>, String> {
    if word == "file" {
        return Ok(None);
    }
    serde_json::from_value(word.into()).map(Some).map_err(|_| {
        format!("TIDEGATE_PARTITION_BY is `{word}`; it takes year, month, day, hour, minute or file")
    })
}

/// `learn` or `file`: as the file says, which learns unless it gives a rate; or a span as in the pipeline file (`7m`),
/// or a rate as schedules of AWS write it (`7 minutes`).
fn cadence(text: &str) -> Result<Option<CadenceSpec>, String> {
    match (text, text.split_once(' ')) {
        ("learn" | "file", _) => Ok(None),
        (_, Some((number, unit))) => format!("{number}{}", unit.get(..1).unwrap_or(unit)).parse().map(Some),
        (span, None) => span.parse().map(Some),
    }
    .map_err(|reason: String| format!("TIDEGATE_CADENCE: {reason}"))
}

/// AWS as a function's environment names it.
pub fn aws(lookup: impl Fn(&str) -> Option<String>) -> Result<Aws, String> {
    let required = |name: &str| {
        lookup(name).ok_or_else(|| format!("{name} is not set; Lambda sets it for every function"))
    };
    let credential = AwsCredential {
        key_id: required("AWS_ACCESS_KEY_ID")?,
        secret_key: required("AWS_SECRET_ACCESS_KEY")?,
        token: lookup("AWS_SESSION_TOKEN").filter(|token| !token.is_empty()),
    };
    let region = lookup("AWS_REGION").or_else(|| lookup("AWS_DEFAULT_REGION"));
    let region = region.ok_or("AWS_REGION is not set; Lambda sets it for every function")?;
    Aws::new(&region, lookup("AWS_ENDPOINT_URL").as_deref(), credential).map_err(|error| error.to_string())
}

/// The same for the object store.
pub fn store_options(lookup: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let names = [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
    ];
    let mut options: Vec<(String, String)> = names
        .iter()
        .filter_map(|name| Some((name.to_ascii_lowercase(), lookup(name).filter(|value| !value.is_empty())?)))
        .collect();
    if options.iter().any(|(name, url)| name == "aws_endpoint_url" && url.starts_with("http://")) {
        options.push(("aws_allow_http".to_owned(), "true".to_owned()));
    }
    options
}

/// A variable of this process.
#[allow(clippy::disallowed_methods, reason = "the one door of the functions to their environment")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use tidegate_core::pipeline::Span;

    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, String> {
        let base = [("TIDEGATE_STAGING", "s3://raw"), ("TIDEGATE_LAKE", "s3://lake")];
        let find = |name: &str| {
            pairs.iter().chain(&base).find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        Settings::read(find)
    }

    #[test]
    fn what_the_template_leaves_empty_takes_its_default() {
        let settings =
            read(&[("TIDEGATE_PIPELINE", ""), ("TIDEGATE_PARTITION_BY", "file")]).expect("settings");
        assert_eq!((settings.pipeline, settings.partition_by, settings.mode), (None, None, Mode::Auto));
        assert_eq!((settings.glue_bytes, settings.glue_batches), (64 << 20, 1000));
    }

    #[test]
    fn a_rate_in_words_is_a_span() {
        let every = |rate| read(&[("TIDEGATE_CADENCE", rate)]).expect("settings").cadence;
        for (rate, seconds) in [("7 minutes", 420), ("1 hour", 3600), ("90s", 90)] {
            assert_eq!(
                every(rate).and_then(|cadence| cadence.every),
                Some(Span::from_secs(seconds)),
                "{rate}"
            );
        }
        assert_eq!((every("learn"), every("file")), (None, None));
    }

    #[test]
    fn mistakes_name_the_variable_and_what_it_takes() {
        for (pairs, says) in [
            ([("TIDEGATE_LAKE", "")], "TIDEGATE_LAKE is not set"),
            ([("TIDEGATE_LAKE", "s3://raw")], "would start a load"),
            ([("TIDEGATE_ENGINE", "spark")], "auto, lambda or glue"),
            ([("TIDEGATE_AUTO_GLUE_MIB", "many")], "takes a whole number"),
        ] {
            let message = read(&pairs).expect_err(says);
            assert!(message.contains(says), "{message}");
        }
    }
}
