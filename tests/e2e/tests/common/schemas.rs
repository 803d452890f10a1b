//! Answers held against the published description of the v10 API, where that file is.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::Mutex,
};

use hyper::Method;
use jsonschema::Validator;
use serde_json::{Value, json};
use voxlink_test_client::{Reply, Rest};

/// The description, and which of its operations have answered as it says.
pub(crate) struct Description {
    document: Value,
    subset: Value,
    validators: Mutex<HashMap<String, Option<std::sync::Arc<Validator>>>>,
    seen: Mutex<BTreeSet<String>>,
    complaints: Mutex<Vec<String>>,
}

impl Description {
    /// `None`, said aloud, where the file is absent: it is not ours to distribute.
    pub(crate) fn find() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/spec");
        let folder = std::env::var_os("VOXLINK_SPEC").map_or(folder, PathBuf::from);
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        let (Some(document), Some(subset)) = (read("discord-openapi.json"), read("subset.json")) else {
            eprintln!("SKIPPED: no v10 description (discord-openapi.json); set VOXLINK_SPEC to its folder");
            return None;
        };
        Some(Self {
            document: serde_json::from_str(&document).unwrap(),
            subset: serde_json::from_str(&subset).unwrap(),
            validators: Mutex::default(),
            seen: Mutex::default(),
            complaints: Mutex::default(),
        })
    }

    /// Sends a request and holds the answer against its operation. `path` is the description's, with its names in
    /// braces; `{name}` is filled in from `with`; what follows `?` is a query.
    pub(crate) async fn call(
        &self,
        rest: &Rest,
        method: Method,
        path: &str,
        with: &[(&str, &str)],
        body: Value,
    ) -> Reply {
        let (template, query) = path.split_once('?').map_or((path, ""), |(path, query)| (path, query));
        let mut filled = template.to_owned();
        for (name, value) in with {
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
        assert!(!filled.contains('{'), "{path}: fill in everything");
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        let reply = rest.send(method.clone(), &format!("/api/v10{filled}{query}"), body).await.unwrap();
        self.check(&method, template, &reply);
        reply
    }

    fn check(&self, method: &Method, template: &str, reply: &Reply) {
        let operation = format!("{method} {template}");
        if reply.status >= 300 {
            let body = &reply.body;
            self.complain(format!("{operation}: {} {body}", reply.status));
            return;
        }
        self.seen.lock().unwrap().insert(operation.clone());
        let key = format!("{operation} {}", reply.status);
        let validator = self
            .validators
            .lock()
            .unwrap()
            .entry(key)
            .or_insert_with(|| self.validator(method, template, reply.status).map(Into::into))
            .clone();
        match validator {
            Some(validator) => {
                let wrong: Vec<String> = validator
                    .iter_errors(&reply.body)
                    .take(6)
                    .map(|error| format!("{} at {}", shortened(&error.to_string()), error.instance_path()))
                    .collect();
                if !wrong.is_empty() {
                    self.complain(format!("{operation}: {}", wrong.join(" | ")));
                }
            }
            None if reply.status == 204 && reply.bytes.is_empty() => {}
            None => self.complain(format!("{operation}: {} is not described", reply.status)),
        }
    }

    fn validator(&self, method: &Method, template: &str, status: u16) -> Option<Validator> {
        let operation = &self.document["paths"][template][method.as_str().to_lowercase()];
        assert!(operation.is_object(), "{method} {template} is not in the description");
        let schema = &operation["responses"][status.to_string()]["content"]["application/json"]["schema"];
        let mut schema = schema.as_object()?.clone();
        schema.insert("components".to_owned(), json!({"schemas": self.document["components"]["schemas"]}));
        Some(jsonschema::draft202012::new(&Value::Object(schema)).unwrap())
    }

    fn complain(&self, what: String) {
        self.complaints.lock().unwrap().push(what);
    }

    /// Panics with everything that was wrong, and with every operation of these groups that was not called, but for
    /// those that are refused by intent.
    pub(crate) fn verdict(&self, groups: impl Fn(&str) -> bool, refused: &[&str]) {
        let mut complaints = self.complaints.lock().unwrap().clone();
        let seen = self.seen.lock().unwrap();
        let ring = self.subset["ring1"].as_object().unwrap();
        let wanted =
            ring.iter().filter(|(group, _)| groups(group)).flat_map(|(_, list)| list.as_array().unwrap());
        let missing: Vec<_> = wanted
            .map(|one| one.as_str().unwrap())
            .filter(|one| !seen.contains(*one) && !refused.contains(one))
            .collect();
        if !missing.is_empty() {
            complaints.push(format!("never answered well: {missing:#?}"));
        }
        assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(300).collect()
}
