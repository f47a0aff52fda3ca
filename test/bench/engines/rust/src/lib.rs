//! What both engines have in common: reading the workload, measuring passes, printing the result.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::time::Duration;

use cpu_time::ProcessTime;
use serde::Deserialize;
use serde_json::{json, Value};

/// Events are parsed and evaluated in parts, as all engines do.
const PART: usize = 10_000;

#[derive(Deserialize)]
pub struct RuleText {
    pub id: String,
    pub kind: String,
    pub rule: String,
}

#[derive(Deserialize)]
struct RuleFile {
    rules: Vec<RuleText>,
}

/// Evaluates all events several times and prints the least CPU time of a pass with the matches of each rule.
///
/// Arguments of the program: file of rules, file of events, number of passes.
pub fn run<R, E>(
    engine: &str,
    load: impl Fn(&RuleText) -> R,
    event_of: impl Fn(Value) -> E,
    matches: impl Fn(&R, &E) -> bool,
) {
    let arguments: Vec<String> = std::env::args().collect();
    let rules: RuleFile =
        serde_json::from_str(&fs::read_to_string(&arguments[1]).expect("rules can be read")).expect("rules are JSON");
    let events = fs::read_to_string(&arguments[2]).expect("events can be read");
    let passes: usize = arguments[3].parse().expect("the number of passes is a number");

    let lines: Vec<&str> = events.lines().collect();
    let mut by_kind: HashMap<&str, Vec<(usize, R)>> = HashMap::new();
    for (index, text) in rules.rules.iter().enumerate() {
        by_kind.entry(&text.kind).or_default().push((index, load(text)));
    }
    let mut best = Duration::MAX;
    let mut counts = Vec::new();
    for _ in 0..passes {
        counts = vec![0u64; rules.rules.len()];
        let mut spent = Duration::ZERO;
        for part in lines.chunks(PART) {
            let parsed: Vec<(&[(usize, R)], E)> = part
                .iter()
                .map(|line| {
                    let json: Value = serde_json::from_str(line).expect("events are JSON");
                    let kind = json["kind"].as_str().expect("events have a kind");
                    let shard = by_kind.get(kind).map_or(&[][..], Vec::as_slice);
                    (shard, event_of(json))
                })
                .collect();
            let start = ProcessTime::now();
            for (shard, event) in &parsed {
                for (index, rule) in *shard {
                    if matches(rule, event) {
                        counts[*index] += 1;
                    }
                }
            }
            spent += start.elapsed();
        }
        best = best.min(spent);
    }
    let by_rule: BTreeMap<&str, u64> =
        rules.rules.iter().map(|text| text.id.as_str()).zip(counts.iter().copied()).collect();
    println!(
        "{}",
        json!({
            "engine": engine,
            "events": lines.len(),
            "matches": counts.iter().sum::<u64>(),
            "cpu_s": best.as_secs_f64(),
            "by_rule": by_rule,
        })
    );
}
