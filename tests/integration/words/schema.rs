//! Checks documents against the committed schema, with a validator that is not ours: Python's
//! `jsonschema`. Every distribution has it, and it adds nothing to the build; the crate of that
//! name would bring thirty others.

use crate::support::process::run;
use crate::support::{not_run, repository};
use serde_json::{Map, Value};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Reads the schema and the documents, and prints a line for each thing that is wrong.
const VALIDATE: &str = r#"
import json, sys, jsonschema
schema, documents = (json.load(open(path)) for path in sys.argv[1:3])
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
def leaves(error):
    return [error] if not error.context else [leaf for part in error.context for leaf in leaves(part)]
for what, document in documents:
    for error in validator.iter_errors(document):
        for leaf in leaves(error):
            print(what, "/".join(map(str, leaf.absolute_path)), leaf.message[:300])
"#;

/// The schema, made strict: it refuses unknown fields. The original must let later fields through.
pub fn strict() -> Value {
    let text = std::fs::read_to_string(repository().join("schema/replctl.schema.json")).unwrap();
    let mut schema: Value = serde_json::from_str(&text).unwrap();
    close(&mut schema["$defs"]);
    schema
}

fn close(value: &mut Value) {
    let parts: Vec<&mut Value> = match value {
        Value::Object(fields) => {
            if fields.get("type") == Some(&Value::from("object"))
                && fields.get("properties").is_some_and(Value::is_object)
            {
                fields.insert("additionalProperties".to_owned(), false.into());
            }
            fields.values_mut().collect()
        }
        Value::Array(items) => items.iter_mut().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
    };
    parts.into_iter().for_each(close);
}

/// What is wrong with the documents; nothing, with a message, if the validator is missing.
pub fn wrong(folder: &Path, documents: &[(String, Value)]) -> Option<String> {
    let imports = Command::new("python3")
        .args(["-c", "import jsonschema"])
        .output();
    if !imports.is_ok_and(|out| out.status.success()) {
        not_run("python3-jsonschema is not installed");
        return None;
    }
    let (schema, list) = (folder.join("schema.json"), folder.join("documents.json"));
    std::fs::write(&schema, strict().to_string()).unwrap();
    std::fs::write(&list, serde_json::to_string(documents).unwrap()).unwrap();
    let mut python = Command::new("python3");
    python
        .args(["-W", "ignore", "-c", VALIDATE])
        .args([&schema, &list]);
    let ran = run(&mut python, Duration::from_secs(30)).ok();
    Some(ran.stdout)
}

/// Asserts that the validator detects missing fields, extra fields, and wrong types.
pub fn sees_faults(folder: &Path, document: &Value) {
    let with = |change: &dyn Fn(&mut Map<String, Value>)| {
        let mut changed = document.clone();
        change(changed.as_object_mut().unwrap());
        changed
    };
    for changed in [
        with(&|fields| drop(fields.remove("nodes"))),
        with(&|fields| drop(fields.insert("more".to_owned(), 1.into()))),
        with(&|fields| drop(fields.insert("healthy".to_owned(), "yes".into()))),
        with(&|fields| drop(fields.insert("command".to_owned(), "endpoint".into()))),
    ] {
        let wrong = wrong(folder, &[("changed".to_owned(), changed)]);
        assert!(wrong.is_none_or(|wrong| !wrong.is_empty()));
    }
}
