//! What is answered has the form that `openapi.json` says.

use crate::site::Site;
use axum::body::Body;
use serde_json::{Value, json};

/// What of `value` is not as `schema` says; nothing where all of it is.
fn violations(api: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return violations(api, api.pointer(name.trim_start_matches('#')).unwrap(), value, at);
    }
    for choices in [&schema["oneOf"], &schema["anyOf"]] {
        if let Some(choices) = choices.as_array() {
            let tried: Vec<Vec<String>> =
                choices.iter().map(|choice| violations(api, choice, value, at)).collect();
            let fits = tried.iter().any(Vec::is_empty);
            return if fits { Vec::new() } else { tried.into_iter().flatten().collect() };
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().flat_map(|part| violations(api, part, value, at)).collect();
    }
    if let Some(values) = schema["enum"].as_array() {
        return if values.contains(value) {
            Vec::new()
        } else {
            vec![format!("{at}: {value} is none of {values:?}")]
        };
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => return Vec::new(),
    };
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = kinds.contains(&found) || (found == "integer" && kinds.contains(&"number"));
    if !fits {
        return vec![format!("{at}: found {found}, expected {kinds:?}")];
    }
    match value {
        Value::Array(items) => {
            let of = |(index, item)| violations(api, &schema["items"], item, &format!("{at}[{index}]"));
            items.iter().enumerate().flat_map(of).collect()
        }
        Value::Object(fields) => {
            let properties = schema["properties"].as_object();
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let missing =
                required.iter().filter_map(Value::as_str).filter(|name| !fields.contains_key(*name));
            let mut wrong: Vec<String> = missing.map(|name| format!("{at}: {name} is missing")).collect();
            for (name, field) in fields {
                let at = format!("{at}.{name}");
                match properties.and_then(|properties| properties.get(name)) {
                    Some(schema) => wrong.extend(violations(api, schema, field, &at)),
                    None if schema.get("additionalProperties").is_some() => {}
                    None => wrong.push(format!("{at} is not documented")),
                }
            }
            wrong
        }
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn answers_have_the_documented_form() {
    let site = Site::new().await;
    let run = site.path("runs/quiet-salt-1");
    std::fs::create_dir_all(&run).unwrap();
    let facts = r#"{"name":"quiet-salt-1","method":"dino","started":1,"state":"running","seed":1,"data":"","tiles":[1,1],
        "encoder":["texture","0"],"parameters":1,"code":"","device":"","precision":"","test_data":[],
        "decisive":{"measure":"validation/rank","smaller_is_better":false}}"#;
    let metrics = "{\"step\":1,\"epoch\":0.5,\"name\":\"validation/rank\",\"value\":0.5}\n";
    let files = [
        ("run.json", facts),
        ("config.yml", "seed: 1\n"),
        ("metrics.jsonl", metrics),
        ("report.html", "<p>"),
    ];
    for (file, text) in files {
        std::fs::write(run.join(file), text).unwrap();
    }
    let api = site.get("/api/openapi.json").await.ok();
    let tile = json!({"query": {"kind": "tile", "id": 1}, "k": 3});
    let (get, post, put, delete) = ("get", "post", "put", "delete");
    let mut left: Vec<(String, String)> = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        left.extend(methods.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())));
    }
    for (method, path, asked, body) in [
        (get, "/api/library", "/api/library", None),
        (get, "/api/surveys", "/api/surveys", None),
        (
            get,
            "/api/surveys/{id}/section/{direction}/{line}",
            "/api/surveys/cube/section/crossline/310",
            None,
        ),
        (
            get,
            "/api/surveys/{id}/section/{direction}/{line}/tile/{level}/{column}/{row}",
            "/api/surveys/cube/section/inline/100/tile/0/0/0",
            None,
        ),
        (
            get,
            "/api/surveys/{id}/section/{direction}/{line}/image.png",
            "/api/surveys/cube/section/slice/420/image.png",
            None,
        ),
        (post, "/api/search", "/api/search", Some(&tile)),
        (post, "/api/search/export", "/api/search/export?format=csv", Some(&tile)),
        (get, "/api/tiles/{id}", "/api/tiles/4", None),
        (get, "/api/tiles/{id}/picture.png", "/api/tiles/4/picture.png", None),
        (put, "/api/labels/{tile}", "/api/labels/4", Some(&json!({"class": "Salt"}))),
        (get, "/api/labels", "/api/labels", None),
        (get, "/api/labels/export.zip", "/api/labels/export.zip", None),
        (delete, "/api/labels/{tile}", "/api/labels/4", None),
        (get, "/api/projection", "/api/projection", None),
        (post, "/api/jobs", "/api/jobs", Some(&json!({"kind": "index", "survey": "cube"}))),
        (get, "/api/jobs", "/api/jobs", None),
        (get, "/api/jobs/{id}/events", "/api/jobs/1/events", None),
        (get, "/api/jobs/{id}", "/api/jobs/1", None),
        (delete, "/api/jobs/{id}", "/api/jobs/1", None),
        (get, "/api/runs", "/api/runs", None),
        (get, "/api/runs/{name}/metrics", "/api/runs/quiet-salt-1/metrics", None),
        (get, "/api/runs/{name}/report.html", "/api/runs/quiet-salt-1/report.html", None),
        (post, "/api/session", "/api/session", Some(&json!({"token": "x"}))),
    ] {
        let answer = match body {
            Some(body) => site.json(&method.to_uppercase(), asked, body).await,
            None => site.send(&method.to_uppercase(), asked, &[], Body::empty()).await,
        };
        let documented = &api["paths"][path][method]["responses"][answer.status.as_str()];
        assert!(documented.is_object(), "{method} {path}: {} is not documented", answer.status);
        let kind = answer.header("content-type").split(';').next().unwrap().to_owned();
        if answer.status != 204 {
            let schema = &documented["content"][&kind]["schema"];
            assert!(schema.is_object(), "{method} {path}: {kind} is not documented");
            if kind == "application/json" {
                let value: Value = serde_json::from_slice(&answer.body).unwrap();
                let wrong = violations(&api, schema, &value, path);
                assert!(wrong.is_empty(), "{method} {path}: {wrong:?} in {value}");
            }
        }
        left.retain(|(known, at)| known != method || at != path);
    }
    assert!(left.is_empty(), "not tried: {left:?}");
}
