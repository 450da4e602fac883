//! The Grafana dashboard asks for nothing that the server does not have, and the documentation knows everything it has.

use std::collections::BTreeSet;
use std::path::Path;

use promql_parser::label::MatchOp;
use promql_parser::parser::{self, Expr, LabelModifier};
use promql_parser::util::{ExprVisitor, walk_expr};
use serde_json::Value;

use crate::common::lab;
use crate::common::participant::{Options, Participant};
use crate::scrape::{Scrape, Watched};

/// Labels that Prometheus adds.
const ADDED: [&str; 2] = ["job", "instance"];

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// All queries of a dashboard, by the title of their panel.
fn queries(panels: &Value) -> Vec<(String, String)> {
    let panels = panels.as_array().into_iter().flatten();
    panels
        .flat_map(|panel| {
            let title = panel["title"].as_str().unwrap_or_default();
            let own = panel["targets"].as_array().into_iter().flatten();
            let own = own.map(|target| (title.to_owned(), target["expr"].as_str().unwrap().to_owned()));
            own.chain(queries(&panel["panels"])).collect::<Vec<_>>()
        })
        .collect()
}

/// A metric, perhaps with a label, and perhaps with its value.
#[derive(Debug)]
struct Wanted {
    metric: String,
    label: Option<String>,
    value: Option<String>,
}

/// What a query asks of metrics.
#[derive(Default)]
struct Asked {
    wanted: Vec<Wanted>,
    /// Labels by which something is grouped.
    groups: BTreeSet<String>,
}

impl ExprVisitor for Asked {
    type Error = String;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, String> {
        let selector = match expr {
            Expr::VectorSelector(selector) => selector,
            Expr::MatrixSelector(matrix) => &matrix.vs,
            Expr::Aggregate(aggregate) => {
                if let Some(LabelModifier::Include(labels)) = &aggregate.modifier {
                    self.groups.extend(labels.labels.iter().cloned());
                }
                return Ok(true);
            }
            _ => return Ok(true),
        };
        let name = selector.name.clone().ok_or("a selector without a name")?;
        for matcher in &selector.matchers.matchers {
            let value = matches!(matcher.op, MatchOp::Equal).then(|| matcher.value.clone());
            self.wanted.push(Wanted { metric: name.clone(), label: Some(matcher.name.clone()), value });
        }
        self.wanted.push(Wanted { metric: name, label: None, value: None });
        Ok(true)
    }
}

/// What of a query is not to be had.
fn lacks(query: &str, scrape: &Scrape) -> Vec<String> {
    let query = query.replace("$__rate_interval", "5m").replace("$instance", ".*").replace("$job", ".*");
    let expr = match parser::parse(&query) {
        Ok(expr) => expr,
        Err(error) => return vec![format!("{query} is no PromQL: {error}")],
    };
    let mut asked = Asked::default();
    if let Err(error) = walk_expr(&mut asked, &expr) {
        return vec![error];
    }
    let added = |label: &str| ADDED.contains(&label);
    let names: BTreeSet<_> = asked.wanted.iter().map(|wanted| &wanted.metric).collect();
    let ours = asked.wanted.iter().filter(|wanted| wanted.label.as_ref().is_none_or(|label| !added(label)));
    let missing = ours.filter(|Wanted { metric, label, value }| {
        !scrape.has(metric, label.as_ref().map(|label| (label.as_str(), value.as_deref())))
    });
    let groups = asked.groups.iter().filter(|label| !added(label));
    let ungrouped = groups.filter(|label| !names.iter().all(|name| scrape.has(name, Some((label, None)))));
    let missing = missing.map(|wanted| format!("{wanted:?}"));
    missing.chain(ungrouped.map(|label| format!("{names:?} by {label}"))).collect()
}

#[test]
fn each_query_finds_what_it_asks_for() {
    lab::run(|lab| async move {
        let watched = Watched::start(&lab).await;
        let ann = Participant::join(&watched.server, "tea", "Ann", Options::of(0)).await;
        let bob = Participant::join(&watched.server, "tea", "Bob", Options::of(1)).await;
        ann.wait_to_meet(&bob).await;
        let scrape = watched.scrape_until("the call", |scrape| scrape.value("plenum_participants") == 2.0).await;
        let dashboard: Value = serde_json::from_str(&read("docs/grafana/plenum.json")).unwrap();
        let queries = queries(&dashboard["panels"]);
        assert!(queries.len() >= 20, "{} queries", queries.len());
        let lacking: Vec<_> = queries
            .iter()
            .map(|(title, query)| (title, lacks(query, &scrape)))
            .filter(|(_, lacks)| !lacks.is_empty())
            .collect();
        assert!(lacking.is_empty(), "{lacking:#?}");
        // The check would notice.
        for wrong in [
            "plenum_romms",
            "plenum_rooms{kind=\"audio\"}",
            "plenum_tracks{kind=\"smell\"}",
            "sum by (room) (plenum_tracks)",
            "rate(plenum_join_seconds[5m]",
            "plenum_rooms_bucket",
        ] {
            assert!(!lacks(wrong, &scrape).is_empty(), "{wrong}");
        }
    });
}

#[test]
fn the_documentation_lists_what_there_is() {
    lab::run(|lab| async move {
        let watched = Watched::start(&lab).await;
        let scrape = watched.scrape().await;
        let described = scrape.text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
        let described: BTreeSet<&str> = described.collect();
        let text = read("docs/metrics.md");
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next());
        let listed: BTreeSet<&str> =
            rows.filter(|name| name.starts_with("plenum_") || name.starts_with("process_")).collect();
        let missing: Vec<_> = described.symmetric_difference(&listed).collect();
        assert!(missing.is_empty(), "in one of both only: {missing:?}");
    });
}
