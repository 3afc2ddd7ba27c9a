//! `$parameters`: what a component hands down to those within it, and the types that need not be written.
//!
//! As the component transformer of Airbyte's CDK has it: a parameter becomes a field of every component below where
//! that has none (or an empty one) of its own; the nearest parameter counts; a component is a table with a `type`, and
//! neither JSON Schemas nor plain tables are touched.

use serde_json::{Map, Value};

use crate::refs::{DEEPEST, MOST};

pub(crate) const PARAMETERS: &str = "$parameters";

/// The type of a component by the type and field it stands in, where it names none itself.
const TYPES: &[(&str, &str)] = &[
    ("CompositeErrorHandler.error_handlers", "DefaultErrorHandler"),
    ("CursorPagination.decoder", "JsonDecoder"),
    ("DatetimeBasedCursor.end_datetime", "MinMaxDatetime"),
    ("DatetimeBasedCursor.end_time_option", "RequestOption"),
    ("DatetimeBasedCursor.start_datetime", "MinMaxDatetime"),
    ("DatetimeBasedCursor.start_time_option", "RequestOption"),
    ("DeclarativeSource.check", "CheckStream"),
    ("DeclarativeSource.spec", "Spec"),
    ("DeclarativeSource.streams", "DeclarativeStream"),
    ("DeclarativeStream.retriever", "SimpleRetriever"),
    ("DeclarativeStream.schema_loader", "JsonFileSchemaLoader"),
    ("DynamicDeclarativeStream.stream_template", "DeclarativeStream"),
    ("DynamicDeclarativeStream.components_resolver", "ConfigComponentsResolver"),
    ("HttpComponentsResolver.retriever", "SimpleRetriever"),
    ("HttpComponentsResolver.components_mapping", "ComponentMappingDefinition"),
    ("ConfigComponentsResolver.stream_config", "StreamConfig"),
    ("ConfigComponentsResolver.components_mapping", "ComponentMappingDefinition"),
    ("DefaultErrorHandler.response_filters", "HttpResponseFilter"),
    ("DefaultPaginator.decoder", "JsonDecoder"),
    ("DefaultPaginator.page_size_option", "RequestOption"),
    ("DpathExtractor.decoder", "JsonDecoder"),
    ("HttpRequester.error_handler", "DefaultErrorHandler"),
    ("ListPartitionRouter.request_option", "RequestOption"),
    ("ParentStreamConfig.request_option", "RequestOption"),
    ("ParentStreamConfig.stream", "DeclarativeStream"),
    ("RecordSelector.extractor", "DpathExtractor"),
    ("RecordSelector.record_filter", "RecordFilter"),
    ("SimpleRetriever.paginator", "NoPagination"),
    ("SimpleRetriever.record_selector", "RecordSelector"),
    ("SimpleRetriever.requester", "HttpRequester"),
    ("SubstreamPartitionRouter.parent_stream_configs", "ParentStreamConfig"),
    ("AddFields.fields", "AddedFieldDefinition"),
    ("DynamicSchemaLoader.retriever", "SimpleRetriever"),
    ("SchemaTypeIdentifier.types_map", "TypesMap"),
];

/// The same for tables that name a class.
const CUSTOM: &[(&str, &str)] = &[
    ("CompositeErrorHandler.backoff_strategies", "CustomBackoffStrategy"),
    ("DeclarativeStream.retriever", "CustomRetriever"),
    ("DeclarativeStream.transformations", "CustomTransformation"),
    ("DefaultErrorHandler.backoff_strategies", "CustomBackoffStrategy"),
    ("DefaultPaginator.pagination_strategy", "CustomPaginationStrategy"),
    ("HttpRequester.authenticator", "CustomAuthenticator"),
    ("HttpRequester.error_handler", "CustomErrorHandler"),
    ("RecordSelector.extractor", "CustomRecordExtractor"),
    ("SimpleRetriever.partition_router", "CustomPartitionRouter"),
];

/// A component with the types that it does not name and the parameters that it is handed. `place` is the type and field
/// it stands in. Fails where parameters that are components themselves make it too large or too deep.
pub(crate) fn propagate(
    place: &str,
    component: Map<String, Value>,
    above: &Map<String, Value>,
) -> Result<Value, String> {
    Handing { left: MOST, depth: 0 }.component(place, component, above)
}

/// How much was handed down so far: a parameter that is a component is handed down to itself by the others.
struct Handing {
    /// Values that may still be handed down.
    left: usize,
    depth: usize,
}

impl Handing {
    fn component(
        &mut self,
        place: &str,
        mut own: Map<String, Value>,
        above: &Map<String, Value>,
    ) -> Result<Value, String> {
        self.left = self.left.saturating_sub(1 + above.values().map(size).sum::<usize>());
        if self.left == 0 || self.depth > DEEPEST {
            return Err("its `$parameters` make it too large or too deep".to_owned());
        }
        if !own.contains_key("type") {
            let types = if own.contains_key("class_name") { CUSTOM } else { TYPES };
            if let Some((_, found)) = types.iter().find(|(known, _)| *known == place) {
                own.insert("type".to_owned(), Value::from(*found));
            }
        }
        let mut parameters = above.clone();
        if let Some(Value::Object(nearer)) = own.remove(PARAMETERS) {
            parameters.extend(nearer);
        }
        self.depth += 1;
        match own.get("type") {
            Some(kind) if is_schema(kind) => {}
            Some(Value::String(kind)) => {
                let kind = kind.clone();
                self.fields(&kind, &mut own, &mut parameters)?;
                if !parameters.is_empty() {
                    own.insert(PARAMETERS.to_owned(), Value::Object(parameters));
                }
            }
            _ => {
                let typed = |table: &Map<String, Value>| table.get("type").is_some_and(is_set);
                for value in own.values_mut() {
                    if value.as_object().is_some_and(typed) {
                        self.replace(place, value, &parameters)?;
                    }
                }
            }
        }
        self.depth -= 1;
        Ok(Value::Object(own))
    }

    fn fields(
        &mut self,
        kind: &str,
        own: &mut Map<String, Value>,
        parameters: &mut Map<String, Value>,
    ) -> Result<(), String> {
        for (name, value) in parameters.iter() {
            if !own.get(name).is_some_and(is_set) {
                own.insert(name.clone(), value.clone());
            }
        }
        for (name, value) in own.iter_mut() {
            // A parameter of the field's own name is kept out of it: it would stand in itself.
            let excluded = parameters.shift_remove(name);
            let place = format!("{kind}.{name}");
            match value {
                Value::Array(items) => {
                    items.iter_mut().try_for_each(|item| self.replace(&place, item, parameters))?;
                }
                value => self.replace(&place, value, parameters)?,
            }
            parameters.extend(excluded.map(|value| (name.clone(), value)));
        }
        Ok(())
    }

    /// Puts what a table becomes in its place; anything else stays.
    fn replace(&mut self, place: &str, value: &mut Value, above: &Map<String, Value>) -> Result<(), String> {
        if let Value::Object(table) = value {
            *value = self.component(place, std::mem::take(table), above)?;
        }
        Ok(())
    }
}

/// The values within a value, itself included.
fn size(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(table) => table.values().map(size).sum(),
        _ => 0,
    }
}

fn is_schema(kind: &Value) -> bool {
    *kind == "object" || *kind == serde_json::json!(["null", "object"])
}

/// What Python takes for true.
pub(crate) fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(table) => !table.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn propagated(component: Value) -> Value {
        let Value::Object(component) = component else { panic!("a table") };
        propagate("DeclarativeSource.streams", component, &Map::new()).expect("small enough")
    }

    #[test]
    fn parameters_reach_every_component_below_and_types_are_filled_in() {
        let stream = propagated(json!({
            "$parameters": { "name": "users", "path": "/users" },
            "retriever": { "requester": { "path": "", "url_base": "x" }, "$parameters": { "path": "/people" } },
        }));
        assert_eq!(stream["type"], "DeclarativeStream");
        assert_eq!((&stream["name"], &stream["path"]), (&json!("users"), &json!("/users")));
        let requester = &stream["retriever"]["requester"];
        assert_eq!((&requester["type"], &requester["path"]), (&json!("HttpRequester"), &json!("/people")));
        assert_eq!(requester[PARAMETERS], json!({ "name": "users", "path": "/people" }));
    }

    #[test]
    fn schemas_and_plain_tables_stay_as_they_are() {
        let schema = json!({ "type": "object", "properties": { "type": { "type": "string" } } });
        let stream = propagated(json!({
            "$parameters": { "k": 1 },
            "schema_loader": { "type": "InlineSchemaLoader", "schema": schema },
            "retriever": { "requester": { "request_headers": { "a": "b" } } },
        }));
        assert_eq!(stream["schema_loader"]["schema"], schema);
        assert_eq!(stream["retriever"]["requester"]["request_headers"], json!({ "a": "b" }));
    }

    #[test]
    fn a_class_makes_it_a_custom_component() {
        let stream = propagated(json!({ "retriever": { "class_name": "source.components.Mine" } }));
        assert_eq!(stream["retriever"]["type"], "CustomRetriever");
    }

    #[test]
    fn components_that_are_handed_down_to_each_other_end() {
        let parts = |count: usize| -> Map<String, Value> {
            (0..count).map(|n| (format!("p{n}"), json!({ "type": "T" }))).collect()
        };
        for count in [14, 300] {
            let component = Map::from_iter([(PARAMETERS.to_owned(), Value::Object(parts(count)))]);
            let mut handing = Handing { left: 20_000, depth: 0 };
            let place = "DeclarativeSource.streams";
            let error = handing.component(place, component, &Map::new()).expect_err("endless");
            assert!(error.contains("too large"), "{error}");
        }
    }
}
