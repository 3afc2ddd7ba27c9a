//! Object-created events in every shape that S3, SQS and EventBridge deliver.
