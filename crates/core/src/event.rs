//! Object-created events in every shape that S3, SQS and EventBridge deliver.
//!
//! | shape | key |
//! |---|---|
//! | S3 notification, direct or as the body of a queue's message | percent-encoded, space as `+` |
//! | the same in an SNS envelope | as above |
//! | EventBridge `Object Created` | as it is |
//! | `s3:TestEvent`, sent when a notification is set up | none |
//!
//! Delivery is at least once and in any order, so an event says only where to look; what to do is decided by what lies
//! in the stores.

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// An object was created.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectCreated {
    /// Its bucket.
    pub bucket: String,
    /// Its key, decoded.
    pub key: String,
}

/// A message of a queue, its body not looked at yet: one that is broken must not take the others with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The queue's name for it.
    pub id: String,
    /// What was sent.
    pub body: String,
}

/// Why an event cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// No JSON.
    #[error("the event is no JSON ({0}); only S3, SQS, SNS and EventBridge may send events")]
    Json(String),
    /// JSON of no known shape.
    #[error("the event has none of the shapes of S3, SQS, SNS or EventBridge: {0}")]
    Shape(String),
}

/// The messages of an SQS event; `None` if the event is another.
pub fn messages(event: &Value) -> Option<Vec<Message>> {
    let records = event.get("Records")?.as_array()?;
    let message = |record: &Value| {
        let text = |name: &str| record.get(name)?.as_str().map(str::to_owned);
        Some(Message { id: text("messageId")?, body: text("body")? })
    };
    records.iter().map(message).collect()
}

/// The objects that a text (the body of a message) says were created.
pub fn read(text: &str) -> Result<Vec<ObjectCreated>, EventError> {
    let event = serde_json::from_str(text).map_err(|error| EventError::Json(error.to_string()))?;
    objects(&event)
}

/// The objects that an event says were created. Other events of S3 (a removal, a test) name none.
pub fn objects(event: &Value) -> Result<Vec<ObjectCreated>, EventError> {
    if let Some(records) = event.get("Records").and_then(Value::as_array) {
        let created = |record: &&Value| record["eventName"].as_str().is_none_or(is_creation);
        return records.iter().filter(created).map(s3_record).collect();
    }
    if event.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    if let Some(detail_type) = event.get("detail-type").and_then(Value::as_str) {
        return if detail_type == "Object Created" {
            bridged(event).map(|one| vec![one])
        } else {
            Ok(Vec::new())
        };
    }
    match event.get("Message").and_then(Value::as_str) {
        // Only the envelope is opened, so the depth is bounded by the text.
        Some(inner) => read(inner),
        None => Err(shape(event)),
    }
}

fn is_creation(name: &str) -> bool {
    name.trim_start_matches("s3:").starts_with("ObjectCreated:")
}

fn s3_record(record: &Value) -> Result<ObjectCreated, EventError> {
    let s3 = &record["s3"];
    match (s3["bucket"]["name"].as_str(), s3["object"]["key"].as_str()) {
        (Some(bucket), Some(key)) => Ok(ObjectCreated { bucket: bucket.to_owned(), key: decode(key) }),
        _ => Err(shape(record)),
    }
}

fn bridged(event: &Value) -> Result<ObjectCreated, EventError> {
    let detail = &event["detail"];
    match (detail["bucket"]["name"].as_str(), detail["object"]["key"].as_str()) {
        (Some(bucket), Some(key)) => Ok(ObjectCreated { bucket: bucket.to_owned(), key: key.to_owned() }),
        _ => Err(shape(event)),
    }
}

/// A key as S3's notifications write it: as in a form, the space is a `+` and the plus is `%2B`.
fn decode(key: &str) -> String {
    percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
}

fn shape(event: &Value) -> EventError {
    let text = event.to_string();
    let end = text.char_indices().nth(200).map_or(text.len(), |(at, _)| at);
    EventError::Shape(text[..end].to_owned())
}

#[cfg(test)]
mod tests;
