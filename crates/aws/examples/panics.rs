//! A function that panics when it is told to, for the test that a panic is answered.

use serde_json::json;
use tidegate_aws::shell;

fn main() -> Result<(), lambda_runtime::Error> {
    shell::serve(|_, event, _| async move {
        match event["say"].as_str() {
            Some(word) => panic!("{word}"),
            None => Ok(json!({})),
        }
    })
}
