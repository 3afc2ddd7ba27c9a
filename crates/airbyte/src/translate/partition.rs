//! Partition routers: lists and parents.

use serde_json::{Map, Value, json};

use super::Translator;
use super::component::Component;
use super::jinja::{Slice, shown};
use super::names::{partition_name, value_name};
use super::requester::Place;

impl Translator<'_> {
    /// What a stream is asked for, over and over: its lists and its parents.
    pub(crate) fn partitions(
        &mut self,
        retriever: &Component<'_>,
        table: &mut Map<String, Value>,
        slice: &mut Slice,
    ) {
        for router in retriever.list("partition_router") {
            match router.kind() {
                "ListPartitionRouter" => self.list(&router, table, slice),
                "SubstreamPartitionRouter" => self.parents(&router, table, slice),
                _ => self.unsupported(&router),
            }
        }
    }

    /// Puts the values of lists and parents where the routers say, once the request is there.
    pub(crate) fn router_options(
        &mut self,
        retriever: &Component<'_>,
        table: &mut Map<String, Value>,
        slice: &Slice,
    ) {
        for router in retriever.list("partition_router") {
            let configs = match router.kind() {
                "ListPartitionRouter" => vec![(router.clone(), "cursor_field")],
                _ => router
                    .list("parent_stream_configs")
                    .into_iter()
                    .map(|at| (at, "partition_field"))
                    .collect(),
            };
            for (at, key) in configs {
                let Some(option) = at.get("request_option") else { continue };
                let field = at.get(key).and_then(|field| self.known_text(&field)).unwrap_or_default();
                let name =
                    slice.partition.iter().find(|(known, _)| *known == field).map(|(_, name)| name.clone());
                match (self.option(&option), name) {
                    (Some(Place::Path), _) => {
                        self.refuse(&option, "a partition that is the path is not supported")
                    }
                    (Some(place), Some(name)) => self.inject(&place, place.value_of(&name), table),
                    _ => {}
                }
            }
        }
    }

    fn list(&mut self, at: &Component<'_>, table: &mut Map<String, Value>, slice: &mut Slice) {
        self.only(at, &["values", "cursor_field", "request_option"]);
        let field = at.get("cursor_field").and_then(|field| self.known_text(&field));
        let values = match at.get("values") {
            Some(Component { value: Value::Array(items), path, .. }) => {
                let item = |(index, item)| at.within(item, format!("{path}[{index}]"));
                let items: Vec<Component<'_>> = items.iter().enumerate().map(item).collect();
                Some(items.iter().filter_map(|item| self.known_value(item)).collect())
            }
            Some(values) => match self.known_value(&values) {
                Some(Value::Array(items)) => Some(items),
                // One value, or several with commas between.
                Some(Value::String(text)) => {
                    Some(text.split(',').map(|part| Value::from(part.trim())).collect())
                }
                Some(Value::Null) | None => None,
                Some(other) => Some(vec![other]),
            },
            None => None,
        };
        let Some(field) = field else { return self.refuse(at, "it has no `cursor_field`") };
        let values: Vec<Value> =
            values.unwrap_or_default().into_iter().filter(crate::parameters::is_set).collect();
        if values.is_empty() {
            self.remark(at, "its list of values is empty with this config: the stream is left out");
            slice.nothing = true;
        }
        let mut distinct: Vec<Value> = Vec::new();
        for value in values {
            if !distinct.iter().any(|known| shown(known) == shown(&value)) {
                distinct.push(value);
            }
        }
        let name = value_name(&field);
        slice.partition.push((field, name.clone()));
        super::requester::set(table, &["for_each", &name], distinct.into());
    }

    fn parents(&mut self, at: &Component<'_>, table: &mut Map<String, Value>, slice: &mut Slice) {
        self.only(at, &["parent_stream_configs"]);
        let configs = at.list("parent_stream_configs");
        if configs.len() != 1 {
            return self.refuse(at, "several parents that feed one partition are not supported");
        }
        for config in configs {
            self.parent(&config, table, slice);
        }
    }

    fn parent(&mut self, at: &Component<'_>, table: &mut Map<String, Value>, slice: &mut Slice) {
        self.only(
            at,
            &[
                "stream",
                "parent_key",
                "partition_field",
                "request_option",
                "incremental_dependency",
                "extra_fields",
            ],
        );
        let key = at.get("parent_key").and_then(|key| self.known_text(&key));
        let field = at.get("partition_field").and_then(|field| self.known_text(&field));
        let (Some(key), Some(field), Some(stream)) = (key, field, at.get("stream")) else {
            return self.refuse(at, "it needs `stream`, `parent_key` and `partition_field`");
        };
        let name = partition_name(&field);
        let above = Component::new(stream.value, format!("streams.{}", super::name_of(stream.value)));
        let partitioned =
            stream.get("retriever").is_some_and(|retriever| !retriever.list("partition_router").is_empty());
        let native = self.stream(&above);
        slice.nothing |= native.is_none();
        let mut parent = json!({
            "stream": native, "key": key.replace('/', "."), "partition_field": name, "skip_missing": true,
        });
        if stream.get("incremental_sync").is_some() && !at.flag("incremental_dependency") {
            parent["all"] = true.into();
        }
        slice.partition.push((field, name));
        slice.parent_slice |= partitioned;
        match table.get_mut("parent") {
            None => {
                table.insert("parent".to_owned(), parent);
            }
            Some(_) => {
                let more = table.entry("more_parents").or_insert_with(|| json!([]));
                if let Value::Array(more) = more {
                    more.push(parent);
                }
            }
        }
    }
}
