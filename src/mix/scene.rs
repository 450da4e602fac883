//! Who is in a mix, who of them is seen, and how: pure.

use std::collections::BTreeMap;

use serde::Serialize;

use super::layout::{Layout, Pattern, Size, Source};
use super::shown_name;

/// How many patterns a list may have, how many names may be replaced, and how long a name may be in their place.
const MOST_PATTERNS: usize = 50;
const MOST_PINS: usize = 16;
const MOST_LABELS: usize = 100;
const LONGEST_LABEL: usize = 64;

/// What is seen and heard of a room.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scene {
    /// Who is where.
    pub layout: Layout,
    /// Who is in it; everybody if this is empty.
    pub include: Vec<Pattern>,
    /// Of those, who is not.
    pub exclude: Vec<Pattern>,
    /// Who is heard, but not seen.
    pub hide: Vec<Pattern>,
    /// Who has the large place, whoever speaks: the first of these who is there.
    pub pins: Vec<Pattern>,
    /// What is shown instead of a name; by names or identifiers.
    pub labels: BTreeMap<String, String>,
}

/// What is wrong with a scene.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct SceneError {
    /// Where it is.
    pub field: &'static str,
    problem: String,
}

impl Scene {
    /// One that shows everybody.
    #[must_use]
    pub fn of(layout: Layout) -> Self {
        Self { layout, ..Self::default() }
    }

    /// Refuses what cannot be shown on a canvas, and what is too much.
    ///
    /// # Errors
    /// When it is, with the field.
    pub fn check(&self, canvas: Size) -> Result<(), SceneError> {
        let wrong = |field: &'static str, problem: String| Err(SceneError { field, problem });
        if let Err(error) = self.layout.check(canvas) {
            return wrong("layout", error.to_string());
        }
        let lists = [
            ("include", &self.include, MOST_PATTERNS),
            ("exclude", &self.exclude, MOST_PATTERNS),
            ("hide", &self.hide, MOST_PATTERNS),
            ("pins", &self.pins, MOST_PINS),
        ];
        if let Some((field, list, most)) = lists.into_iter().find(|(_, list, most)| list.len() > *most) {
            return wrong(field, format!("{field} has {} entries: use at most {most}", list.len()));
        }
        if self.labels.len() > MOST_LABELS {
            return wrong("labels", format!("labels has {} entries: use at most {MOST_LABELS}", self.labels.len()));
        }
        let fits = |text: &String| text.chars().count() <= LONGEST_LABEL && !text.chars().any(char::is_control);
        match self.labels.iter().find(|(name, text)| !fits(name) || !fits(text)) {
            Some(_) => wrong(
                "labels",
                format!("labels has a text that is no name: use at most {LONGEST_LABEL} printable characters"),
            ),
            None => Ok(()),
        }
    }

    /// Whether somebody is in it, seen or not.
    #[must_use]
    pub fn takes(&self, source: &Source<'_>) -> bool {
        (self.include.is_empty() || means(&self.include, source)) && !means(&self.exclude, source)
    }

    /// Whether somebody is to be seen.
    #[must_use]
    pub fn shows(&self, source: &Source<'_>) -> bool {
        self.takes(source) && !means(&self.hide, source)
    }

    /// Where somebody stands among those who are pinned.
    #[must_use]
    pub fn pin(&self, source: &Source<'_>) -> Option<(usize, u8)> {
        self.pins.iter().enumerate().find_map(|(index, pattern)| Some((index, pattern.means(source)?)))
    }

    /// What a tile says of what is shown in it.
    #[must_use]
    pub fn caption(&self, source: &Source<'_>) -> String {
        let label = self.labels.get(source.id).or_else(|| self.labels.get(source.name));
        shown_name(label.map_or(source.name, String::as_str), source.shared)
    }
}

fn means(patterns: &[Pattern], source: &Source<'_>) -> bool {
    patterns.iter().any(|pattern| pattern.means(source).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: Size = Size { width: 1280, height: 720 };

    fn scene(json: serde_json::Value) -> Scene {
        let list = |name: &str| -> Vec<Pattern> {
            json.get(name).map(|list| serde_json::from_value(list.clone()).unwrap()).unwrap_or_default()
        };
        let labels = json.get("labels").map(|labels| serde_json::from_value(labels.clone()).unwrap());
        Scene {
            layout: Layout::Grid,
            include: list("include"),
            exclude: list("exclude"),
            hide: list("hide"),
            pins: list("pins"),
            labels: labels.unwrap_or_default(),
        }
    }

    const ANN: Source<'_> =
        Source { id: "01", name: "Ann", shared: false, speaks: false, seat: 0, gone: false, pin: None };

    #[test]
    fn who_is_left_out_is_not_seen_and_who_is_hidden_is_heard() {
        let (bob, screen) = (Source { id: "02", name: "Bob", ..ANN }, Source { shared: true, ..ANN });
        let all = Scene::default();
        assert!(all.takes(&ANN) && all.shows(&screen));
        let some = scene(serde_json::json!({"include": ["A*"], "exclude": ["screen"], "hide": ["01"]}));
        assert_eq!([&ANN, &bob, &screen].map(|source| some.takes(source)), [true, false, false]);
        assert!(!some.shows(&ANN));
    }

    #[test]
    fn the_first_pin_counts_and_a_camera_before_a_screen() {
        let screen = Source { shared: true, ..ANN };
        let pinned = scene(serde_json::json!({"pins": ["Bob", "Ann"]}));
        assert!(pinned.pin(&ANN) < pinned.pin(&screen) && pinned.pin(&ANN) > Some((0, 9)));
        assert_eq!(Scene::default().pin(&ANN), None);
    }

    #[test]
    fn labels_stand_for_names() {
        let labelled = scene(serde_json::json!({"labels": {"01": "Dr Ann"}}));
        assert_eq!(labelled.caption(&ANN), "Dr Ann");
        assert_eq!(labelled.caption(&Source { shared: true, ..ANN }), "Dr Ann's screen");
        assert_eq!(labelled.caption(&Source { id: "02", ..ANN }), "Ann");
    }

    #[test]
    fn what_is_too_much_is_refused_by_its_field() {
        let many: Vec<_> = (0..51).map(|index| index.to_string()).collect();
        for (field, value) in [
            ("include", serde_json::json!(many)),
            ("pins", serde_json::json!(many)),
            ("labels", serde_json::json!({"Ann": "x".repeat(65)})),
            ("labels", serde_json::json!({"Ann": "a\nb"})),
        ] {
            let error = scene(serde_json::json!({field: value})).check(HD).expect_err(field);
            assert!(error.field == field && error.to_string().starts_with(field), "{error}");
        }
        assert_eq!(Scene::default().check(HD), Ok(()));
    }
}
