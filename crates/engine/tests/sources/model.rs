//! The model API: `total` records, in pages of the asked size (no more than `cap`), in the dialect asked for.

use axum::body::Body;
use axum::http::Response;
use serde_json::{Value, json};
use tidegate_core::pipeline::Format;

use crate::api::{Api, Hit, World, answer, json_answer};

/// Every paging dialect, with the paginator that reads it.
pub(crate) fn dialects(size: usize) -> Vec<(&'static str, Value, Value)> {
    let get = json!({});
    let post = json!({ "method": "POST", "body": { "query": "all" } });
    vec![
        ("page", get.clone(), json!({ "type": "page_number", "base_page": 1, "page_size": size })),
        (
            "page",
            get.clone(),
            json!({ "type": "page_number", "base_page": 1, "page_size": size, "total_path": "$.pages" }),
        ),
        ("offset", get.clone(), json!({ "type": "offset", "limit": size })),
        ("offset", get.clone(), json!({ "type": "offset", "limit": size, "total_path": "$.total" })),
        ("offset", get.clone(), json!({ "type": "offset", "limit": size, "has_more_path": "$.more" })),
        (
            "offset_body",
            post.clone(),
            json!({ "type": "offset", "limit": size, "offset_body_path": "v.skip", "limit_body_path": "v.first" }),
        ),
        (
            "offset_form",
            json!({ "method": "POST", "form": { "query": "all" } }),
            json!({ "type": "offset", "limit": size, "offset_body_path": "skip", "limit_body_path": "first" }),
        ),
        (
            "cursor",
            get.clone(),
            json!({ "type": "cursor", "cursor_path": "$.next", "cursor_param": "after" }),
        ),
        (
            "cursor_body",
            post,
            json!({ "type": "cursor", "cursor_path": "$.next", "cursor_body_path": "v.after" }),
        ),
        (
            "last_record",
            get.clone(),
            json!({ "type": "cursor", "record_path": "id", "cursor_param": "after_id" }),
        ),
        ("json_link", get.clone(), json!({ "type": "json_link", "next_url_path": "$.next_url" })),
        ("header_link", get.clone(), json!({ "type": "header_link" })),
        (
            "header_cursor",
            get,
            json!({ "type": "header_cursor", "cursor_key": "X-After", "cursor_param": "after" }),
        ),
    ]
}

/// What is served, and how badly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Model {
    pub(crate) total: usize,
    /// Page size where the request names none.
    pub(crate) size: usize,
    /// Most records on a page, whatever is asked for.
    pub(crate) cap: usize,
    /// Every so many requests one fails; 0 for none.
    pub(crate) fault_every: usize,
    /// Requests after which a token of `/token` is void; 0 for an API that wants none.
    pub(crate) token_for: usize,
}

impl Model {
    /// Serves it below `/<dialect>`.
    pub(crate) async fn serve(self) -> Api {
        Api::serve(move |hit| self.answer(hit)).await
    }

    /// What lets its client in.
    pub(crate) fn auth(self, api: &Api) -> Value {
        match self.token_for {
            0 => json!({ "type": "none" }),
            _ => json!({
                "type": "oauth2_client_credentials", "access_token_url": format!("{}/token", api.url),
                "client_id": "me", "client_secret": "${TOKEN}",
            }),
        }
    }

    /// Whether the token of a request, which is the number of the request that gave it, is void.
    fn is_void(self, hit: &Hit) -> bool {
        let token = hit.header("authorization").and_then(|value| value.strip_prefix("Bearer access-"));
        let since = token.and_then(|number| number.parse::<usize>().ok());
        self.token_for > 0 && since.is_none_or(|since| hit.number > since + self.token_for)
    }

    fn answer(self, hit: &Hit) -> Response<Body> {
        if hit.path_and_query == "/token" {
            return json_answer(
                &json!({ "access_token": format!("access-{}", hit.number), "expires_in": 3600 }),
            );
        }
        if self.is_void(hit) {
            return answer(401, &[], "");
        }
        if self.fault_every > 0 && hit.number % self.fault_every == self.fault_every - 1 {
            return match hit.number % 3 {
                0 => answer(429, &[("retry-after", "0")], ""),
                1 => answer(503, &[], "<html>busy"),
                _ => answer(500, &[], ""),
            };
        }
        let query = Query::of(hit);
        let size = query.size.unwrap_or(self.size).min(self.cap);
        let from = match query.page {
            Some(page) => (page - 1) * size,
            None => query.from.unwrap_or(0),
        };
        let end = self.total.min(from + size);
        let items: Vec<Value> =
            (from..end).map(|id| json!({ "id": id + 1, "v": format!("r{id}") })).collect();
        let next = (end < self.total && !items.is_empty()).then_some(end);
        let dialect = hit.path_and_query[1..].split('?').next().unwrap_or_default();
        let mut body = json!({ "items": items });
        match dialect {
            "page" => body["pages"] = json!(self.total.div_ceil(size)),
            "offset" => {
                body["total"] = json!(self.total);
                body["more"] = json!(next.is_some());
            }
            "cursor" | "cursor_body" => body["next"] = json!(next.map(|next| next.to_string())),
            "json_link" => body["next_url"] = json!(next.map(|next| format!("/json_link?after={next}"))),
            _ => {}
        }
        let text = body.to_string();
        let json = ("content-type", "application/json");
        match (dialect, next) {
            ("header_link", Some(next)) => {
                let link = format!("</header_link?after=0>; rel=\"first\", <?after={next}>; rel=\"next\"");
                answer(200, &[json, ("link", &link)], text)
            }
            ("header_cursor", Some(next)) => answer(200, &[json, ("x-after", &next.to_string())], text),
            _ => json_answer(&body),
        }
    }
}

/// What a request asks for.
#[derive(Default)]
struct Query {
    page: Option<usize>,
    from: Option<usize>,
    size: Option<usize>,
}

impl Query {
    fn of(hit: &Hit) -> Query {
        let query = hit.path_and_query.split_once('?').map_or("", |(_, query)| query);
        let param = |name: &str| {
            let of = |pair: &str| Some(pair.split_once('=').filter(|(n, _)| *n == name)?.1.to_owned());
            query.split('&').find_map(of).and_then(|text| text.parse::<usize>().ok())
        };
        let body: Value = match hit.header("content-type") {
            Some("application/x-www-form-urlencoded") => {
                let pairs = url::form_urlencoded::parse(hit.body.as_bytes()).into_owned();
                json!({ "v": pairs.map(|(name, value)| (name, value.into())).collect::<serde_json::Map<_, _>>() })
            }
            _ => serde_json::from_str(&hit.body).unwrap_or_default(),
        };
        let field = |name: &str| {
            let value = body["v"].get(name)?;
            value.as_u64().map(|n| n as usize).or_else(|| value.as_str()?.parse().ok())
        };
        Query {
            page: param("page"),
            from: param("offset")
                .or(param("after"))
                .or(param("after_id"))
                .or(field("skip"))
                .or(field("after")),
            size: param("per_page").or(param("limit")).or(field("first")),
        }
    }
}

/// The records of a batch as staged, repeats left out.
pub(crate) async fn records(world: &World, stream: &str, seq: u64) -> Vec<Value> {
    let key = tidegate_core::keys::batch(stream, seq);
    let store = world.env.staging.as_ref();
    let batch: tidegate_core::batch::Batch =
        tidegate_engine::documents::expect(&world.env, store, &key).await.expect("a batch");
    let mut all = Vec::new();
    for page in batch.pages {
        use object_store::ObjectStoreExt as _;
        let path = object_store::path::Path::parse(&page.key).expect("a key");
        let body = store.get(&path).await.expect("a page").bytes().await.expect("bytes");
        let plain = tidegate_core::decode::plain(&body, &page.form(), &batch.load.records).expect("text");
        let records =
            tidegate_core::decode::records(&plain.text, plain.format, plain.records).expect("records");
        let kept = records.iter().enumerate().filter(|(index, _)| {
            let index = *index as u64;
            !page.repeats.iter().any(|(first, count)| (*first..first + count).contains(&index))
        });
        all.extend(kept.map(|(_, record)| serde_json::from_slice::<Value>(record).expect("JSON")));
        assert_ne!(page.format, Format::Csv, "numbers of CSV are compared as text");
    }
    all
}

/// The ids of the records of a batch.
pub(crate) async fn ids(world: &World, stream: &str, seq: u64) -> Vec<u64> {
    records(world, stream, seq).await.iter().filter_map(|record| record["id"].as_u64()).collect()
}
