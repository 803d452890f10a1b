//! RFC 8656 and the abuse list as cases, against the engine in virtual time.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod cases;
mod support;
mod wire;

use std::collections::BTreeSet;

use cases::{all, run};
use support::{World, config};

#[test]
fn every_case_gets_exactly_its_answer() {
    let cases = all();
    let names: BTreeSet<_> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "names are unique");
    assert!(cases.len() >= 80, "{} cases", cases.len());
    eprintln!("{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let got = run(&mut World::new(config()), case);
        if got != Some(case.then) {
            wrong.push(format!("{}: wanted {:?}, got {got:?}", case.name, case.then));
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
