use std::borrow::Cow;

use serde_json::Value as Json;
use tau_engine::{Document, Optimisations, Rule, Value};
use weir_bench_engines::run;

enum Field {
    Text(String),
    Number(i64),
}

/// An event with few fields: looking through them takes less time than the map of parsed JSON.
struct Flat(Vec<(String, Field)>);

impl Document for Flat {
    fn find(&self, key: &str) -> Option<Value<'_>> {
        let (_, field) = self.0.iter().find(|(name, _)| name == key)?;
        Some(match field {
            Field::Text(text) => Value::String(Cow::Borrowed(text)),
            Field::Number(number) => Value::Int(*number),
        })
    }
}

fn flat(json: Json) -> Flat {
    let Json::Object(fields) = json else { panic!("the event is no map") };
    let field = |value| match value {
        Json::String(text) => Field::Text(text),
        other => Field::Number(other.as_i64().expect("fields are texts and whole numbers")),
    };
    Flat(fields.into_iter().map(|(name, value)| (name, field(value))).collect())
}

fn main() {
    run(
        "tau-engine",
        |text| Rule::from_str(&text.rule).expect("the rule loads").optimise(Optimisations::default()),
        flat,
        |rule, event| rule.matches(event),
    );
}
