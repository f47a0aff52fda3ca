use tau_engine::{Optimisations, Rule};
use weir_bench_engines::run;

fn main() {
    run(
        "tau-engine",
        |text| Rule::from_str(&text.rule).expect("the rule loads").optimise(Optimisations::default()),
        |json| json,
        |rule, event| rule.matches(event),
    );
}
