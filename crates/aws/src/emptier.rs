//! The custom resource that lets a stack with data be deleted, and that never touches data otherwise.
//!
//! CloudFormation keeps the buckets; this function removes those that `DeletePolicy` names, and only when all of this
//! holds: the request is a Delete, the resource says `remove`, the bucket is one of the stack's own, and CloudFormation
//! itself says that the whole stack is going away. An update that drops or replaces the resource fails the last test.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tidegate_engine::Clock;

use crate::call::{Aws, CallError, element};

/// A request of CloudFormation.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Request {
    request_type: String,
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
    resource_properties: Properties,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    bucket: String,
    on_delete: OnDelete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OnDelete {
    Keep,
    Remove,
}

/// What CloudFormation is answered.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    status: &'static str,
    reason: String,
    physical_resource_id: String,
    stack_id: &'a str,
    request_id: &'a str,
    logical_resource_id: &'a str,
}

/// Statuses of a stack that is going away as a whole: deleted, or rolled back out of its creation.
const GOING: [&str; 2] = ["DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"];

/// Handles one request and answers CloudFormation, whatever happens: an unanswered request holds the stack for an
/// hour. `buckets` are the stack's own; `time_left` is how long the function may still run.
pub async fn handle(
    aws: &Aws,
    clock: &dyn Clock,
    buckets: &[&str],
    request: &Request,
    time_left: Duration,
) -> Result<(), CallError> {
    let outcome = act(aws, clock, buckets, request, time_left).await;
    let (status, reason) = match outcome {
        Ok(done) => ("SUCCESS", done),
        Err(why) => ("FAILED", why),
    };
    tracing::info!(status, reason, bucket = request.resource_properties.bucket, "answered CloudFormation");
    let answer = Answer {
        status,
        reason,
        // The same for ever: a new one would have CloudFormation delete the resource of the old one.
        physical_resource_id: request
            .physical_resource_id
            .clone()
            .unwrap_or_else(|| format!("tidegate-{}", request.logical_resource_id)),
        stack_id: &request.stack_id,
        request_id: &request.request_id,
        logical_resource_id: &request.logical_resource_id,
    };
    let body = serde_json::to_vec(&answer).unwrap_or_default();
    aws.put_presigned(&request.response_url, body.into()).await
}

async fn act(
    aws: &Aws,
    clock: &dyn Clock,
    buckets: &[&str],
    request: &Request,
    time_left: Duration,
) -> Result<String, String> {
    let bucket = request.resource_properties.bucket.as_str();
    if request.request_type != "Delete" {
        return Ok(format!("{bucket} is left as it is: nothing is removed on {}", request.request_type));
    }
    if request.resource_properties.on_delete == OnDelete::Keep {
        return Ok(format!("{bucket} is kept, as DeletePolicy says"));
    }
    if !buckets.contains(&bucket) {
        return Err(format!("{bucket} is not a bucket of this stack; nothing was removed"));
    }
    let status = stack_status(aws, &request.stack_id).await.map_err(|error| error.to_string())?;
    if !GOING.contains(&status.as_str()) {
        return Ok(format!("{bucket} is kept: the stack is not being deleted ({status})"));
    }
    remove_bucket(aws, clock, bucket, time_left.saturating_sub(Duration::from_secs(60))).await
}

async fn stack_status(aws: &Aws, stack: &str) -> Result<String, CallError> {
    let parameters = [("StackName".to_owned(), stack.to_owned())];
    let xml = aws.query("cloudformation", "2010-05-15", "DescribeStacks", &parameters).await?;
    element(&String::from_utf8_lossy(&xml), "StackStatus").ok_or_else(|| CallError::Unreadable {
        action: "cloudformation DescribeStacks".to_owned(),
        reason: "it names no StackStatus".to_owned(),
    })
}

/// Removes a bucket with everything in it: objects, versions and delete markers. A bucket that is gone is success, so
/// that a delete that failed can be repeated.
pub async fn remove_bucket(
    aws: &Aws,
    clock: &dyn Clock,
    bucket: &str,
    time_left: Duration,
) -> Result<String, String> {
    let start = clock.now();
    let mut removed = 0;
    loop {
        match remove_some(aws, bucket).await {
            Ok(Step::Gone) => return Ok(format!("{bucket} is removed, with {removed} objects and versions")),
            Ok(Step::Removed(0)) => clock.sleep(Duration::from_secs(1)).await,
            Ok(Step::Removed(count)) => removed += count,
            Err(error) => {
                return Err(format!("{removed} objects removed, then {error}; delete the stack again"));
            }
        }
        if clock.now().duration_since(start).unsigned_abs() >= time_left {
            return Err(format!(
                "{bucket}: {removed} objects and versions removed, more are left; delete the stack again"
            ));
        }
    }
}

enum Step {
    Removed(usize),
    Gone,
}

/// Up to 1,000 versions, or the bucket itself once it is empty.
async fn remove_some(aws: &Aws, bucket: &str) -> Result<Step, CallError> {
    let listing = match aws.s3(Method::GET, bucket, "", "versions&max-keys=1000", &[], Bytes::new()).await {
        Err(error) if error.code() == Some("NoSuchBucket") => return Ok(Step::Gone),
        listing => listing?,
    };
    let versions = Versions::read(&listing)?;
    if versions.all.is_empty() {
        return match aws.s3(Method::DELETE, bucket, "", "", &[], Bytes::new()).await {
            Ok(_) => Ok(Step::Gone),
            Err(error) if error.code() == Some("NoSuchBucket") => Ok(Step::Gone),
            // Something was written between the listing and now.
            Err(error) if error.code() == Some("BucketNotEmpty") => Ok(Step::Removed(0)),
            Err(error) => Err(error),
        };
    }
    let body = versions.delete_request();
    let digest = BASE64_STANDARD.encode(Sha256::digest(&body));
    let headers = [("content-type", "application/xml"), ("x-amz-checksum-sha256", digest.as_str())];
    let answer = aws.s3(Method::POST, bucket, "", "delete", &headers, body.into()).await?;
    match element(&String::from_utf8_lossy(&answer), "Code") {
        Some(code) => Err(CallError::Refused {
            action: format!("s3 DeleteObjects {bucket}"),
            status: 200,
            code,
            message: element(&String::from_utf8_lossy(&answer), "Message").unwrap_or_default(),
        }),
        None => Ok(Step::Removed(versions.all.len())),
    }
}

/// The versions and delete markers of one page of a listing.
#[derive(Debug, Default, Deserialize)]
struct Versions {
    #[serde(rename = "$value", default)]
    all: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    key: String,
    #[serde(default)]
    version_id: Option<String>,
}

#[derive(Debug, Deserialize)]
enum Entry {
    Version(Version),
    DeleteMarker(Version),
    #[serde(other)]
    Other,
}

impl Versions {
    fn read(xml: &[u8]) -> Result<Versions, CallError> {
        let unreadable =
            |reason: String| CallError::Unreadable { action: "s3 ListObjectVersions".to_owned(), reason };
        let text = std::str::from_utf8(xml).map_err(|error| unreadable(error.to_string()))?;
        let mut versions: Versions =
            quick_xml::de::from_str(text).map_err(|error| unreadable(error.to_string()))?;
        versions.all.retain(|entry| !matches!(entry, Entry::Other));
        Ok(versions)
    }

    fn delete_request(&self) -> Vec<u8> {
        let mut xml = String::from("<Delete><Quiet>true</Quiet>");
        for entry in &self.all {
            let (Entry::Version(version) | Entry::DeleteMarker(version)) = entry else { continue };
            let id = version.version_id.as_deref().unwrap_or("null");
            xml += &format!(
                "<Object><Key>{}</Key><VersionId>{}</VersionId></Object>",
                quick_xml::escape::escape(version.key.as_str()),
                quick_xml::escape::escape(id)
            );
        }
        (xml + "</Delete>").into_bytes()
    }
}

#[cfg(test)]
mod tests;
