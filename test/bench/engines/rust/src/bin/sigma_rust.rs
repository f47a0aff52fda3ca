use sigma_rust::{rule_from_yaml, Event};
use weir_bench_engines::run;

fn main() {
    run(
        "sigma-rust",
        |text| rule_from_yaml(&text.rule).expect("the rule loads"),
        |json| Event::try_from(json).expect("the event is a map"),
        |rule, event| rule.is_match(event),
    );
}
