use serde_json::{Value, json};
use tidegate_core::pipeline;

use super::*;

/// The proposal for a description, as a checked pipeline.
fn proposed(description: &str) -> Value {
    let document = Document::read(description).expect("a description");
    let proposal = of(&document, None).unwrap_or_else(|error| panic!("{error:?}"));
    let read = pipeline::read(&proposal.text, &[]);
    let pipeline = read.unwrap_or_else(|mistakes| panic!("{}\n{mistakes:?}", proposal.text));
    serde_json::to_value(pipeline).expect("JSON")
}

fn stream(pipeline: &Value, name: &str) -> Value {
    let streams = pipeline["streams"].as_array().expect("a list");
    streams
        .iter()
        .find(|stream| stream["name"] == name)
        .unwrap_or_else(|| panic!("no {name}: {streams:#?}"))
        .clone()
}

const SHOP: &str = r##"
openapi: 3.1.0
info: { title: "Shop: the API" }
servers:
  - url: https://{region}.shop.example/v2/
    variables: { region: { default: eu } }
security: [{ token: [] }]
paths:
  /orders:
    get:
      summary: List orders
      parameters:
        - { name: cursor, in: query, schema: { type: string } }
        - { name: limit, in: query, schema: { type: integer, maximum: 250 } }
        - { name: updated_after, in: query, schema: { type: string, format: date-time } }
        - { name: shop, in: query, required: true, schema: { type: string, enum: [main, second] } }
      responses:
        200:
          content:
            application/json:
              schema:
                type: object
                properties:
                  next_cursor: { type: [string, 'null'] }
                  data: { type: array, items: { $ref: '#/components/schemas/Order' } }
    post: { responses: {} }
  /orders/{orderId}:
    get:
      responses: { '200': { content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } } } }
  /orders/{orderId}/items:
    parameters: [{ name: orderId, in: path, required: true, schema: { type: integer } }]
    get:
      parameters: [{ $ref: '#/components/parameters/page' }, { name: per_page, in: query, schema: { type: integer, default: 30 } }]
      responses:
        '200':
          content:
            application/json:
              schema: { allOf: [{ $ref: '#/components/schemas/Paged' }, { properties: { items: { type: array, items: { type: object, properties: { sku: { type: string } } } } } }] }
  /customers:
    get:
      responses:
        '200':
          headers: { Link: { schema: { type: string } } }
          content: { application/json: { schema: { type: array, items: { $ref: '#/components/schemas/Customer' } } } }
  /ping:
    get: { responses: { '204': { description: nothing } } }
components:
  securitySchemes: { token: { type: http, scheme: bearer } }
  parameters: { page: { name: page, in: query, schema: { type: integer, default: 1 } } }
  schemas:
    Paged: { type: object, properties: { total_pages: { type: integer } } }
    Order:
      allOf:
        - { type: object, properties: { id: { type: integer }, customer: { $ref: '#/components/schemas/Customer' } } }
        - properties: { created_at: { type: string, format: date-time }, updated_at: { type: string, format: date-time } }
    Customer:
      type: object
      properties: { uuid: { type: string }, orders: { type: array, items: { $ref: '#/components/schemas/Order' } }, parent: { $ref: '#/components/schemas/Customer' } }
"##;

#[test]
fn a_description_in_yaml_becomes_a_pipeline() {
    let pipeline = proposed(SHOP);
    assert_eq!(
        (&pipeline["name"], &pipeline["source"]["base_url"]),
        (&json!("shop"), &json!("https://eu.shop.example/v2"))
    );
    assert_eq!(pipeline["source"]["auth"], json!({ "type": "bearer", "token": "${API_TOKEN}" }));
    assert_eq!(pipeline["streams"].as_array().map(Vec::len), Some(3));
    let orders = stream(&pipeline, "orders");
    assert_eq!((&orders["records"], &orders["primary_key"]), (&json!("$.data[*]"), &json!(["id"])));
    assert_eq!(orders["event_time"]["path"], "created_at");
    assert_eq!(orders["paginator"]["type"], "cursor");
    assert_eq!(orders["paginator"]["cursor_path"], "$.next_cursor");
    assert_eq!(orders["params"], json!({ "limit": 250, "shop": "main" }));
    assert_eq!(orders["incremental"], json!({ "cursor_path": "updated_at", "start_param": "updated_after" }));
    let items = stream(&pipeline, "items");
    assert_eq!(
        (&items["path"], &items["parent"]["stream"]),
        (&json!("/orders/{parent.id}/items"), &json!("orders"))
    );
    assert_eq!(
        (&items["paginator"]["page_size"], &items["paginator"]["total_path"]),
        (&json!(30), &json!("$.total_pages"))
    );
    let customers = stream(&pipeline, "customers");
    assert_eq!(
        (&customers["paginator"]["type"], &customers["primary_key"]),
        (&json!("header_link"), &json!(["uuid"]))
    );
}

#[test]
fn a_description_of_version_2_becomes_one_too() {
    let description = json!({
        "swagger": "2.0", "info": { "title": "Old" }, "host": "old.example", "basePath": "/api", "schemes": ["http", "https"],
        "securityDefinitions": { "key": { "type": "apiKey", "name": "api_key", "in": "query" } },
        "definitions": { "Thing": { "type": "object", "properties": { "thing_id": { "type": "string" }, "time": { "type": "integer" } } } },
        "paths": {
            "/things": { "get": {
                "parameters": [{ "name": "offset", "in": "query", "type": "integer" }, { "name": "limit", "in": "query", "type": "integer", "maximum": 5000, "default": 50 }],
                "responses": { "200": { "schema": { "type": "object", "properties": {
                    "things": { "type": "array", "items": { "$ref": "#/definitions/Thing" } }, "total": { "type": "integer" } } } } },
            } },
            "/links": { "get": { "responses": { "200": { "schema": { "type": "object", "properties": {
                "next": { "type": "string" }, "results": { "type": "array", "items": { "$ref": "#/definitions/Thing" } } } } } } } },
            "/now": { "get": { "responses": { "200": { "schema": { "$ref": "#/definitions/Thing" } } } } },
        },
    });
    let pipeline = proposed(&description.to_string());
    assert_eq!(pipeline["source"]["base_url"], "https://old.example/api");
    let auth = json!({ "type": "api_key", "name": "api_key", "location": "query", "api_key": "${API_KEY}" });
    assert_eq!(pipeline["source"]["auth"], auth);
    let things = stream(&pipeline, "things");
    assert_eq!((&things["paginator"]["type"], &things["paginator"]["limit"]), (&json!("offset"), &json!(50)));
    assert_eq!(
        (&things["paginator"]["total_path"], &things["primary_key"]),
        (&json!("$.total"), &json!(["thing_id"]))
    );
    assert_eq!(stream(&pipeline, "links")["paginator"]["next_url_path"], "$.next");
    assert_eq!(
        (&stream(&pipeline, "now")["records"], &stream(&pipeline, "now")["event_time"]["path"]),
        (&json!("$"), &json!("time"))
    );
}

#[test]
fn circles_end_and_broken_references_do_no_harm() {
    let description = json!({
        "openapi": "3.0.0", "servers": [{ "url": "https://h.example" }],
        "components": { "schemas": {
            "A": { "$ref": "#/components/schemas/B" }, "B": { "$ref": "#/components/schemas/A" },
            "C": { "allOf": [{ "$ref": "#/components/schemas/C" }, { "type": "object", "properties": { "id": { "type": "string" }, "c": { "$ref": "#/components/schemas/C" } } }] },
        } },
        "paths": {
            "/a": { "get": { "responses": { "200": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/A" } } } } } } },
            "/b": { "get": { "parameters": [{ "$ref": "other.yaml#/x" }], "responses": { "200": { "$ref": "#/nowhere" } } } },
            "/c": { "get": { "responses": { "200": { "content": { "application/json": { "schema": { "type": "array", "items": { "$ref": "#/components/schemas/C" } } } } } } } },
        },
    });
    let pipeline = proposed(&description.to_string());
    assert_eq!(pipeline["streams"].as_array().map(Vec::len), Some(1));
    assert_eq!(stream(&pipeline, "c")["primary_key"], json!(["id"]));
}

#[test]
fn schemas_that_double_themselves_are_told_and_end() {
    let mut schemas = serde_json::Map::new();
    for level in 0..12 {
        let next = json!({ "$ref": format!("#/components/schemas/L{}", level + 1) });
        schemas.insert(format!("L{level}"), json!({ "allOf": vec![next; 12], "type": "object" }));
    }
    let answer =
        json!({ "content": { "application/json": { "schema": { "$ref": "#/components/schemas/L0" } } } });
    let description = json!({
        "openapi": "3.0.0", "servers": [{ "url": "https://h.example" }], "components": { "schemas": schemas },
        "paths": { "/a": { "get": { "responses": { "200": answer } } } },
    });
    let document = Document::read(&description.to_string()).expect("a description");
    document.left.set(100_000);
    let error = of(&document, None).err().expect("endless");
    assert!(format!("{error:?}").contains("too often"), "{error:?}");
}

#[test]
fn what_is_no_description_says_so() {
    for (text, words) in [
        ("{", "no JSON"),
        ("a: [", "neither JSON nor YAML"),
        ("a: 1", "neither `openapi` nor `swagger`"),
        ("openapi: 4.0.0", "version 4.0.0"),
        ("swagger: 1.2", "version 1.2"),
    ] {
        let error = Document::read(text).err().unwrap_or_else(|| panic!("{text} was read"));
        assert!(error.contains(words), "{text}: {error}");
    }
    let none = Document::read("{\"openapi\": \"3.0.0\", \"paths\": {}}").expect("a description");
    assert!(format!("{:?}", of(&none, None).err().expect("no address")).contains("--openapi"));
}
