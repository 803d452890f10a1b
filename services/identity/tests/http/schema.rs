//! The v10 schemas, as far as these tests need JSON Schema: `$ref`, `type`, `properties`, `required`, `items`, `enum`,
//! `oneOf`, `const`, `pattern` of snowflakes.

use std::{path::PathBuf, sync::OnceLock};

use serde_json::Value;

/// Where the schemas are: beside the repository, or where `VOXLINK_SPEC` says.
fn spec() -> Option<&'static Value> {
    static SPEC: OnceLock<Option<Value>> = OnceLock::new();
    SPEC.get_or_init(|| {
        let beside =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/spec/discord-openapi.json");
        let path = std::env::var_os("VOXLINK_SPEC").map_or(beside, PathBuf::from);
        let text = std::fs::read_to_string(&path).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    })
    .as_ref()
}

/// Fails unless the value is what v10 says; says so and passes where the schemas are absent.
pub(crate) fn assert_is(name: &str, value: &Value) {
    let Some(spec) = spec() else {
        eprintln!("skipped: the v10 schemas are not here, {name} is not checked");
        return;
    };
    let schema = &spec["components"]["schemas"][name];
    assert!(schema.is_object(), "there is no schema {name}");
    if let Err(complaint) = check(spec, schema, value, name) {
        panic!("{complaint} in {value:#}");
    }
}

fn check(spec: &Value, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        return check(spec, &spec["components"]["schemas"][name], value, path);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let complaints: Vec<String> =
            choices.iter().filter_map(|one| check(spec, one, value, path).err()).collect();
        if complaints.len() == choices.len() {
            return Err(format!("{path}: none of the choices: {}", complaints.join("; ")));
        }
    }
    if let Some(expected) = schema.get("const")
        && expected != value
    {
        return Err(format!("{path}: is {value}, not {expected}"));
    }
    if let Some(choices) = schema["enum"].as_array()
        && !choices.contains(value)
    {
        return Err(format!("{path}: {value} is not among {choices:?}"));
    }
    check_type(schema, value, path)?;
    if schema["format"] == "snowflake" && value.as_str().is_none_or(|text| text.parse::<u64>().is_err()) {
        return Err(format!("{path}: {value} is not a snowflake"));
    }
    if let Some(object) = value.as_object() {
        for required in schema["required"].as_array().into_iter().flatten() {
            let key = required.as_str().unwrap();
            if !object.contains_key(key) {
                return Err(format!("{path}: {key} is missing"));
            }
        }
        for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(value) = object.get(key) {
                check(spec, inner, value, &format!("{path}.{key}"))?;
            }
        }
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for (index, value) in values.iter().enumerate() {
            check(spec, items, value, &format!("{path}.{index}"))?;
        }
    }
    Ok(())
}

fn check_type(schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    let fits = types.iter().any(|kind| match *kind {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type of JSON Schema"),
    });
    if fits { Ok(()) } else { Err(format!("{path}: {value} is not {types:?}")) }
}

#[test]
fn the_schemas_are_understood() {
    let user = serde_json::json!({"id": "7", "username": "anna", "avatar": null, "discriminator": "0",
        "public_flags": 0, "flags": 0, "global_name": null, "primary_guild": null});
    assert_is("UserResponse", &user);
    let Some(spec) = spec() else { return };
    let mut wrong = user;
    wrong["id"] = 7.into();
    assert!(check(spec, &spec["components"]["schemas"]["UserResponse"], &wrong, "user").is_err());
}
