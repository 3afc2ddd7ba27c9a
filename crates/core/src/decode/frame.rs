//! What stands on a page beside its records.

use std::borrow::Cow;

use super::DecodeError;
use super::path::{Route, Step, plain};

/// A page of JSON whose records are the items of one array, without them: what paging and the cadence look for beside the
/// records is found without reading these once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    text: Vec<u8>,
    /// The names that lead to the array.
    names: Vec<String>,
}

/// The names that lead to the array whose items a path selects; `None` for a path of another kind.
pub(crate) fn list_names(path: &str) -> Result<Option<Vec<String>>, DecodeError> {
    match Route::parse(path)? {
        Route::Plain(steps) => Ok(names(steps)),
        Route::Query(_) => Ok(None),
    }
}

fn names(mut steps: Vec<Step>) -> Option<Vec<String>> {
    if matches!(steps.last(), Some(Step::Each)) {
        steps.pop();
    }
    let name = |step| if let Step::Key(name) = step { Some(name) } else { None };
    steps.into_iter().map(name).collect()
}

impl Frame {
    /// The frame of a page in UTF-8, `records` being what [`decode::records`](super::records) found in it by `path`.
    /// `None` where they are not all items of the one array that a path of names leads to.
    pub fn of(body: &[u8], records: &[Cow<'_, [u8]>], path: &str) -> Option<Frame> {
        let names = names(plain(path)?)?;
        let (Cow::Borrowed(first), Cow::Borrowed(last)) = (records.first()?, records.last()?) else {
            return None;
        };
        // A record is a slice of the page, so the distance of their addresses is its place in it.
        let place = |record: &[u8]| (record.as_ptr() as usize).wrapping_sub(body.as_ptr() as usize);
        let (before, after) = (body.get(..place(first))?, body.get(place(last).checked_add(last.len())?..)?);
        let is_array = before.trim_ascii_end().ends_with(b"[") && after.trim_ascii_start().starts_with(b"]");
        (is_array && !names.is_empty()).then(|| Frame { text: [before, after].concat(), names })
    }

    /// The page without its records.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The page without its records, if a JSONPath selects the same in it as in the whole page: a path of names that
    /// turns off before it comes to the array.
    pub fn text_for(&self, path: &str) -> Option<&[u8]> {
        let steps = plain(path)?;
        for (step, name) in steps.iter().zip(&self.names) {
            match step {
                Step::Key(key) if key == name => {}
                Step::Key(_) => return Some(&self.text),
                Step::Index(_) | Step::Each => return None,
            }
        }
        None
    }
}
