//! What was found out, a sentence each, and what to change.

use std::fmt::Write as _;

use serde::Serialize;

/// How one thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Good,
    /// It works, though not for everybody or not as well as it could.
    Weak,
    Bad,
}

/// One thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// A short name that stays the same, for programs.
    pub(crate) check: &'static str,
    pub(crate) state: State,
    /// How it is, as a sentence.
    pub(crate) found: String,
    /// What to do about it, as a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) change: Option<String>,
}

/// All of them, in the order in which they were looked at.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn good(&mut self, check: &'static str, found: impl Into<String>) {
        self.findings.push(Finding { check, state: State::Good, found: found.into(), change: None });
    }

    pub(crate) fn weak(&mut self, check: &'static str, found: impl Into<String>, change: impl Into<String>) {
        self.put(check, State::Weak, found.into(), change.into());
    }

    pub(crate) fn bad(&mut self, check: &'static str, found: impl Into<String>, change: impl Into<String>) {
        self.put(check, State::Bad, found.into(), change.into());
    }

    fn put(&mut self, check: &'static str, state: State, found: String, change: String) {
        self.findings.push(Finding { check, state, found, change: Some(change) });
    }

    /// The worst of all.
    pub(crate) fn state(&self) -> State {
        self.findings.iter().map(|finding| finding.state).max().unwrap_or(State::Good)
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            let mark = match finding.state {
                State::Good => "ok   ",
                State::Weak => "weak ",
                State::Bad => "BAD  ",
            };
            // Writing to a string cannot fail.
            let _written = writeln!(text, "{mark} {}", finding.found);
            if let Some(change) = &finding.change {
                let _written = writeln!(text, "      → {change}");
            }
        }
        let last = match self.state() {
            State::Good => "Nothing to change.",
            State::Weak => "It works; what is marked weak could be better.",
            State::Bad => "Something does not work: see what is marked BAD.",
        };
        text + "\n" + last + "\n"
    }

    /// For programs.
    pub(crate) fn json(&self) -> String {
        // Strings and enums always serialise.
        let findings = serde_json::to_value(&self.findings).unwrap_or_default();
        serde_json::json!({"state": self.state(), "findings": findings}).to_string() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_decides_and_advice_stands_under_its_finding() {
        let mut report = Report::default();
        report.good("a", "This is fine.");
        assert_eq!(report.state(), State::Good);
        report.weak("b", "This is slow.", "Make it fast.");
        report.bad("c", "This is broken.", "Mend it.");
        assert_eq!(report.state(), State::Bad);
        assert!(report.text().contains("weak  This is slow.\n      → Make it fast.\nBAD   This is broken."));
        assert!(
            report
                .json()
                .contains(r#"{"change":"Mend it.","check":"c","found":"This is broken.","state":"bad"}"#)
        );
    }
}
