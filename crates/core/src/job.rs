//! Asynchronous jobs, as far as they can be told from the answers: what a state means, where the results are.

use serde_json::{Map, Value};

use crate::decode::{self, DecodeError};
use crate::pipeline::{Job, JobRequest, Stream};
use crate::request::Response;

/// What the answer to a look at a job says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not over yet.
    Running,
    /// Its results are there.
    Completed,
    /// It is over without results; the word for it.
    Failed(String),
    /// It is over, and there is nothing to read.
    Skipped,
}

/// Why the state of a job cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The path leads nowhere.
    #[error("nothing stands at `job.status_path = \"{0}\"`; check the path")]
    Nowhere(String),
    /// No such state is known.
    #[error(
        "the state of the job is `{0}`, which `job.status` does not know; add it to running, completed, failed or skipped"
    )]
    Unknown(String),
    /// The path does not apply.
    #[error("job: {0}")]
    Path(#[from] DecodeError),
}

/// What an answer to `poll` says of the job.
pub fn state(job: &Job, response: &Response) -> Result<State, StateError> {
    let Some(path) = &job.status_path else {
        return Ok(if response.status == 202 { State::Running } else { State::Completed });
    };
    let body = decode::to_utf8(&response.body, response.charset().as_deref())?;
    let word = match decode::first(&body, path)? {
        None | Some(Value::Null) => return Err(StateError::Nowhere(path.clone())),
        Some(Value::String(word)) => word,
        Some(other) => other.to_string(),
    };
    let is = |words: &[String]| words.iter().any(|known| known.eq_ignore_ascii_case(&word));
    let mapping = &job.status;
    Ok(if is(&mapping.completed) {
        State::Completed
    } else if is(&mapping.skipped) {
        State::Skipped
    } else if is(&mapping.failed) {
        State::Failed(word)
    } else if mapping.running.is_empty() || is(&mapping.running) {
        State::Running
    } else {
        return Err(StateError::Unknown(word));
    })
}

/// The URLs of the results in an answer to `poll`.
pub fn urls(path: &str, response: &Response) -> Result<Vec<String>, DecodeError> {
    let body = decode::to_utf8(&response.body, response.charset().as_deref())?;
    let mut urls = Vec::new();
    for range in decode::locate(&body, path)? {
        collect(serde_json::from_slice(&body[range]).unwrap_or_default(), &mut urls);
    }
    Ok(urls)
}

/// Texts and numbers, and those in lists; an answer may hold one URL (or what a download is named by) or a list of them in
/// the same place.
fn collect(value: Value, urls: &mut Vec<String>) {
    match value {
        Value::Number(number) => urls.push(number.to_string()),
        Value::String(url) if !url.trim().is_empty() => urls.push(url),
        Value::Array(items) => items.into_iter().for_each(|item| collect(item, urls)),
        _ => {}
    }
}

/// An answer as templates name it: its JSON, null where it is none.
pub fn value(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or_default()
}

/// The headers of an answer that lead on.
pub fn headers(response: &Response) -> Value {
    let named = ["location", "operation-location", "content-location"];
    let found = named.iter().filter_map(|name| Some(((*name).to_owned(), response.header(name)?.into())));
    Value::Object(found.collect::<Map<_, _>>())
}

/// The stream as one that makes this request of its job.
pub fn asking(stream: &Stream, request: &JobRequest, path: &str) -> Stream {
    Stream {
        path: path.to_owned(),
        method: request.method,
        params: request.params.clone(),
        headers: request.headers.clone(),
        body: request.body.clone(),
        form: request.form.clone(),
        ..stream.clone()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(more: Value) -> Job {
        let mut table = json!({ "poll": { "path": "/x" } });
        table.as_object_mut().expect("a table").extend(more.as_object().cloned().expect("a table"));
        serde_json::from_value(table).expect("a job")
    }

    fn answered(status: u16, body: &Value) -> Response {
        Response { status, headers: Vec::new(), body: body.to_string().into() }
    }

    #[test]
    fn a_state_is_told_by_its_word_or_by_the_status_of_the_answer() {
        let plain = job(json!({}));
        assert_eq!(state(&plain, &answered(202, &json!(null))), Ok(State::Running));
        assert_eq!(state(&plain, &answered(200, &json!(null))), Ok(State::Completed));
        let named = job(json!({ "status_path": "$.s", "status": { "skipped": ["EMPTY"] } }));
        let said = |word: Value| state(&named, &answered(200, &json!({ "s": word })));
        assert_eq!(said(json!("DONE")), Ok(State::Completed));
        assert_eq!(said(json!("whatever")), Ok(State::Running));
        assert_eq!(said(json!("Failed")), Ok(State::Failed("Failed".to_owned())));
        assert_eq!(said(json!("empty")), Ok(State::Skipped));
        assert_eq!(said(json!(null)), Err(StateError::Nowhere("$.s".to_owned())));
        let strict =
            job(json!({ "status_path": "$", "status": { "running": ["1"], "completed": ["2", "true"] } }));
        assert_eq!(state(&strict, &answered(200, &json!(1))), Ok(State::Running));
        assert_eq!(state(&strict, &answered(200, &json!(true))), Ok(State::Completed));
        assert_eq!(state(&strict, &answered(200, &json!(3))), Err(StateError::Unknown("3".to_owned())));
    }

    #[test]
    fn results_are_one_url_or_many() {
        let body =
            answered(200, &json!({ "url": "a", "urls": ["b", "c"], "files": [{ "u": "d" }, { "u": null }] }));
        assert_eq!(urls("$.url", &body), Ok(vec!["a".to_owned()]));
        assert_eq!(urls("$.urls", &body), Ok(vec!["b".to_owned(), "c".to_owned()]));
        assert_eq!(urls("$.urls[*]", &body), Ok(vec!["b".to_owned(), "c".to_owned()]));
        assert_eq!(urls("$.files[*].u", &body), Ok(vec!["d".to_owned()]));
        assert_eq!(
            urls("$.ids", &answered(200, &json!({ "ids": [7, "8"] }))),
            Ok(vec!["7".to_owned(), "8".to_owned()])
        );
        assert_eq!(urls("$.none", &body), Ok(Vec::new()));
    }
}
