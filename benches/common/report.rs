//! The table of what was asked and what was measured.

use std::sync::{Arc, Mutex};

/// How near to the goal a figure is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// At most so much, of this unit, with so many decimals.
    AtMost(f64, &'static str, usize),
    /// All of them.
    All(usize),
    /// Nothing was asked; of this unit, with so many decimals.
    Unasked(&'static str, usize),
    /// It is no number.
    Words,
}

/// The rows so far. Clones are the same report.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    rows: Arc<Mutex<Vec<String>>>,
}

impl Report {
    /// Adds a figure that was asked for; `more` tells what else there is to know.
    pub(crate) fn row(&self, what: &str, goal: Goal, value: f64, more: &str) {
        let (asked, measured, met) = match goal {
            Goal::AtMost(bound, unit, decimals) => {
                (format!("{bound} {unit}"), format!("{value:.decimals$} {unit}"), Some(value <= bound))
            }
            Goal::All(count) => (count.to_string(), format!("{value:.0}"), Some(value as usize >= count)),
            Goal::Unasked(unit, decimals) => (String::new(), format!("{value:.decimals$} {unit}"), None),
            Goal::Words => (String::new(), String::new(), None),
        };
        let verdict = met.map_or("", |met| if met { "yes" } else { "**no**" });
        let comma = if more.is_empty() || measured.is_empty() { "" } else { "; " };
        self.say(&format!("| {what} | {asked} | {measured}{comma}{more} | {verdict} |"));
    }

    /// Adds a row that only tells something.
    pub(crate) fn note(&self, what: &str, more: &str) {
        self.row(what, Goal::Words, 0.0, more);
    }

    /// Adds a line as it is.
    pub(crate) fn say(&self, line: &str) {
        eprintln!("{line}");
        self.rows.lock().expect("nobody panics while writing").push(line.to_owned());
    }

    /// Prints all of it.
    pub(crate) fn print(&self) {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        println!("\n| what | asked | measured | met |\n|---|---|---|---|");
        for row in self.rows.lock().expect("nobody panics while writing").iter() {
            println!("{row}");
        }
        println!("\nload of the machine at the end: {}", load.trim());
    }
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The largest.
pub(crate) fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}
