use proptest::prelude::*;
use serde_json::json;

use super::*;

fn s3(name: &str, key: &str) -> Value {
    json!({
        "eventVersion": "2.6", "eventSource": "aws:s3", "eventName": name,
        "s3": { "bucket": { "name": "raw" }, "object": { "key": key, "eTag": "x", "sequencer": "01" } },
    })
}

fn created(key: &str) -> ObjectCreated {
    ObjectCreated { bucket: "raw".to_owned(), key: key.to_owned() }
}

#[test]
fn every_shape_names_its_objects() {
    let notification =
        json!({ "Records": [s3("ObjectCreated:Put", "a/b.json"), s3("ObjectRemoved:Delete", "c")] });
    assert_eq!(objects(&notification), Ok(vec![created("a/b.json")]));
    let sns = json!({ "Type": "Notification", "Message": notification.to_string() });
    assert_eq!(read(&sns.to_string()), Ok(vec![created("a/b.json")]));
    let bridge = json!({
        "detail-type": "Object Created", "source": "aws.s3",
        "detail": { "bucket": { "name": "raw" }, "object": { "key": "a+b c.json" } },
    });
    assert_eq!(objects(&bridge), Ok(vec![created("a+b c.json")]));
    assert_eq!(objects(&json!({ "detail-type": "Object Deleted", "detail": {} })), Ok(vec![]));
    assert_eq!(
        objects(&json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "raw" })),
        Ok(vec![])
    );
}

#[test]
fn keys_of_notifications_are_decoded() {
    for (written, key) in [
        ("a/b.json", "a/b.json"),
        ("a%2Fb.json", "a/b.json"),
        ("a+b%2Bc+%C3%A9.json", "a b+c é.json"),
        ("%E6%9D%B1%E4%BA%AC", "東京"),
        ("100%25", "100%"),
        ("100%", "100%"),
    ] {
        assert_eq!(
            objects(&json!({ "Records": [s3("s3:ObjectCreated:Put", written)] })),
            Ok(vec![created(key)])
        );
    }
}

#[test]
fn a_broken_body_does_not_touch_its_neighbours() {
    let event = json!({ "Records": [
        { "messageId": "1", "body": "not json", "eventSource": "aws:sqs" },
        { "messageId": "2", "body": json!({ "Records": [s3("ObjectCreated:Put", "k")] }).to_string() },
    ] });
    let bodies = messages(&event).expect("an SQS event");
    assert!(matches!(read(&bodies[0].body), Err(EventError::Json(_))));
    assert_eq!(read(&bodies[1].body), Ok(vec![created("k")]));
    assert_eq!(messages(&json!({ "Records": [s3("ObjectCreated:Put", "k")] })), None);
}

#[test]
fn what_is_no_event_says_what_it_is() {
    let error = objects(&json!({ "hello": "world" })).expect_err("no event");
    assert!(error.to_string().contains("hello"), "{error}");
    assert!(objects(&json!({ "Records": [{}] })).is_err());
}

proptest! {
    #[test]
    fn every_key_survives_its_encoding(key in "\\PC{1,40}") {
        let form: String = url::form_urlencoded::byte_serialize(key.as_bytes()).collect();
        prop_assert_eq!(decode(&form), key);
    }

    #[test]
    fn no_text_breaks_the_reader(text in "\\PC{0,200}") {
        let _ = read(&text);
    }
}
