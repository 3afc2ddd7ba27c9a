//! The bucket that holds the code files: made by `deploy`, and marked as such, so that `destroy` may remove it.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use http::Method;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::failure::Failure;
use crate::call::{Aws, CallError, element};

/// The tag of a bucket that `deploy` made; its value is the name of the stack.
const TAG: &str = "tidegate-code-of";

/// Makes the bucket, private and marked, unless it is there; whether it was made.
pub(super) async fn ensure(aws: &Aws, bucket: &str, stack: &str) -> Result<bool, Failure> {
    match aws.s3(Method::HEAD, bucket, "", "", &[], Bytes::new()).await {
        Ok(_) => return Ok(false),
        Err(CallError::Refused { status: 404, .. }) => {}
        Err(CallError::Refused { status: 403, .. }) => {
            return Err(Failure::config(format!(
                "the bucket {bucket} is not yours to read; take another with --parameter LambdaCodeS3Bucket=NAME"
            )));
        }
        Err(CallError::Refused { status: 301, .. }) => {
            return Err(Failure::config(format!(
                "the bucket {bucket} lies in another region than {}",
                aws.region()
            )));
        }
        Err(error) => return Err(error.into()),
    }
    let region = aws.region();
    let body = if region == "us-east-1" {
        String::new()
    } else {
        format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <LocationConstraint>{region}</LocationConstraint></CreateBucketConfiguration>"
        )
    };
    aws.s3(Method::PUT, bucket, "", "", &[], body.into()).await?;
    put_setting(aws, bucket, "publicAccessBlock", &private()).await?;
    put_setting(aws, bucket, "policy", &only_over_tls(aws.partition(), bucket)).await?;
    put_setting(aws, bucket, "tagging", &tagging(stack)).await?;
    Ok(true)
}

/// Writes an object.
pub(super) async fn put(aws: &Aws, bucket: &str, key: &str, body: Bytes) -> Result<(), Failure> {
    Ok(aws.s3(Method::PUT, bucket, key, "", &[], body).await.map(drop)?)
}

/// Reads an object.
pub(super) async fn get(aws: &Aws, bucket: &str, key: &str) -> Result<Bytes, Failure> {
    Ok(aws.s3(Method::GET, bucket, key, "", &[], Bytes::new()).await?)
}

/// Whether `deploy` made the bucket for that stack.
pub(super) async fn is_ours(aws: &Aws, bucket: &str, stack: &str) -> Result<bool, Failure> {
    match aws.s3(Method::GET, bucket, "", "tagging", &[], Bytes::new()).await {
        Ok(tags) => {
            let tags = String::from_utf8_lossy(&tags);
            let (key, value) = (element(&tags, "Key"), element(&tags, "Value"));
            Ok(key.as_deref() == Some(TAG) && value.as_deref() == Some(stack))
        }
        // No tags, or no bucket any more.
        Err(CallError::Refused { status: 404, .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn put_setting(aws: &Aws, bucket: &str, setting: &str, body: &str) -> Result<(), CallError> {
    let digest = BASE64_STANDARD.encode(Sha256::digest(body.as_bytes()));
    let headers = [("x-amz-checksum-sha256", digest.as_str())];
    aws.s3(Method::PUT, bucket, "", setting, &headers, body.to_owned().into()).await.map(drop)
}

fn private() -> String {
    let all = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];
    let all: String = all.iter().map(|name| format!("<{name}>true</{name}>")).collect();
    format!("<PublicAccessBlockConfiguration>{all}</PublicAccessBlockConfiguration>")
}

fn only_over_tls(partition: &str, bucket: &str) -> String {
    let arn = format!("arn:{partition}:s3:::{bucket}");
    json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "OnlyOverTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, format!("{arn}/*")],
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        }],
    })
    .to_string()
}

fn tagging(stack: &str) -> String {
    let stack = quick_xml::escape::escape(stack);
    format!("<Tagging><TagSet><Tag><Key>{TAG}</Key><Value>{stack}</Value></Tag></TagSet></Tagging>")
}
