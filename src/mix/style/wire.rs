//! A style from JSON. Every error names its field; null is as if nothing were said.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::{Map, Value};

use super::colour::Colour;
use super::{
    Background, Clock, FARTHEST, LEAST_SIZE, LONGEST_FORMAT, LONGEST_NAME, LONGEST_TEXT, Logo, MOST_GAP, MOST_RADIUS,
    MOST_SIZE, MOST_TEXTS, Style, StyleError, Text, opaque, usual_format, usual_size, white,
};

impl<'de> Deserialize<'de> for Style {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Self::from_value(value).map_err(D::Error::custom)
    }
}

impl Style {
    /// What `value` says.
    ///
    /// # Errors
    /// When a field is unknown, of the wrong type or out of its range; the error names it.
    pub fn from_value(value: Value) -> Result<Self, StyleError> {
        let mut fields = Fields::of("style".to_owned(), value)?;
        let style = Self {
            gap: fields.whole("gap", 0, MOST_GAP)?.unwrap_or(0),
            radius: fields.whole("radius", 0, MOST_RADIUS)?.unwrap_or(0),
            background: fields.background("background")?,
            labels: fields.flag("labels")?,
            mute_marks: fields.flag("mute_marks")?,
            logo: fields.object("logo")?.map(logo).transpose()?,
            clock: fields.object("clock")?.map(clock).transpose()?,
            text: fields.objects("text", MOST_TEXTS)?.into_iter().map(text).collect::<Result<_, _>>()?,
        };
        fields.end("gap, radius, background, labels, mute_marks, logo, clock or text")?;
        Ok(style)
    }
}

fn logo(mut fields: Fields) -> Result<Logo, StyleError> {
    let logo = Logo {
        image: fields.image("image")?.ok_or_else(|| fields.missing("image", "name a PNG or JPEG file"))?,
        x: fields.whole("x", 0, FARTHEST)?.unwrap_or(0),
        y: fields.whole("y", 0, FARTHEST)?.unwrap_or(0),
        width: fields.whole("width", 1, FARTHEST)?,
        opacity: fields.share("opacity")?.unwrap_or_else(opaque),
    };
    fields.end("image, x, y, width or opacity").map(|()| logo)
}

fn clock(mut fields: Fields) -> Result<Clock, StyleError> {
    let clock = Clock {
        format: fields.text("format", LONGEST_FORMAT)?.unwrap_or_else(usual_format),
        zone: fields.text("zone", LONGEST_NAME)?,
        x: fields.whole("x", 0, FARTHEST)?.unwrap_or(0),
        y: fields.whole("y", 0, FARTHEST)?.unwrap_or(0),
        size: fields.whole("size", LEAST_SIZE, MOST_SIZE)?.unwrap_or_else(usual_size),
        color: fields.colour("color")?.unwrap_or_else(white),
    };
    if clock.zone.as_ref().is_some_and(|zone| glib::TimeZone::from_identifier(Some(zone)).is_none()) {
        return Err(fields.wrong("zone", "is unknown", "use one such as Europe/Berlin or UTC"));
    }
    if clock.text(std::time::Duration::ZERO).is_none() {
        return Err(fields.wrong("format", "is none that strftime knows", "use one such as %H:%M:%S"));
    }
    fields.end("format, zone, x, y, size or color").map(|()| clock)
}

fn text(mut fields: Fields) -> Result<Text, StyleError> {
    let text = Text {
        text: fields.text("text", LONGEST_TEXT)?.ok_or_else(|| fields.missing("text", "say what is to be read"))?,
        x: fields.whole("x", 0, FARTHEST)?.unwrap_or(0),
        y: fields.whole("y", 0, FARTHEST)?.unwrap_or(0),
        size: fields.whole("size", LEAST_SIZE, MOST_SIZE)?.unwrap_or_else(usual_size),
        color: fields.colour("color")?.unwrap_or_else(white),
    };
    fields.end("text, x, y, size or color").map(|()| text)
}

/// An object that is being read: what is taken from it is not in it any more.
struct Fields {
    at: String,
    left: Map<String, Value>,
}

impl Fields {
    fn of(at: String, value: Value) -> Result<Self, StyleError> {
        match value {
            Value::Object(left) => Ok(Self { at, left }),
            other => Err(StyleError::new(at, format!("is {}", brief(&other)), "use an object, {…}")),
        }
    }

    fn wrong(&self, key: &str, problem: impl Into<String>, remedy: impl Into<String>) -> StyleError {
        StyleError::new(format!("{}.{key}", self.at), problem, remedy)
    }

    fn missing(&self, key: &str, remedy: &str) -> StyleError {
        self.wrong(key, "is missing", remedy)
    }

    fn take(&mut self, key: &str) -> Option<Value> {
        self.left.remove(key).filter(|value| !value.is_null())
    }

    /// Takes what `read` understands.
    fn read<T>(
        &mut self,
        key: &str,
        remedy: impl FnOnce() -> String,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, StyleError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        read(&value).map(Some).ok_or_else(|| self.wrong(key, format!("is {}", brief(&value)), remedy()))
    }

    fn whole(&mut self, key: &str, least: u32, most: u32) -> Result<Option<u32>, StyleError> {
        let remedy = || format!("use a whole number from {least} to {most}");
        self.read(key, remedy, |value| {
            let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
            number.filter(|number| (least..=most).contains(number))
        })
    }

    fn share(&mut self, key: &str) -> Result<Option<f64>, StyleError> {
        let remedy = || "use a number from 0 to 1".to_owned();
        self.read(key, remedy, |value| value.as_f64().filter(|share| (0.0..=1.0).contains(share)))
    }

    fn flag(&mut self, key: &str) -> Result<bool, StyleError> {
        self.read(key, || "use true or false".to_owned(), Value::as_bool).map(Option::unwrap_or_default)
    }

    fn text(&mut self, key: &str, longest: usize) -> Result<Option<String>, StyleError> {
        let remedy =
            || format!("use a text of 1 to {longest} characters, none of them control characters but new lines");
        self.read(key, remedy, |value| {
            let is_fine = |text: &&str| {
                let odd = |letter: char| letter.is_control() && letter != '\n';
                !text.is_empty() && text.chars().count() <= longest && !text.contains(odd)
            };
            value.as_str().filter(is_fine).map(str::to_owned)
        })
    }

    fn colour(&mut self, key: &str) -> Result<Option<Colour>, StyleError> {
        self.read(key, || "use a colour such as #20c0ff".to_owned(), |value| value.as_str().and_then(Colour::parse))
    }

    fn image(&mut self, key: &str) -> Result<Option<String>, StyleError> {
        let remedy = || "use the name of a PNG or JPEG file in the assets folder".to_owned();
        self.read(key, remedy, |value| value.as_str().filter(|name| is_image(name)).map(str::to_owned))
    }

    fn background(&mut self, key: &str) -> Result<Option<Background>, StyleError> {
        let remedy =
            || "use a colour such as #203040, or the name of a PNG or JPEG file in the assets folder".to_owned();
        self.read(key, remedy, |value| {
            let text = value.as_str()?;
            let colour = Colour::parse(text).map(Background::Colour);
            colour.or_else(|| is_image(text).then(|| Background::Image(text.to_owned())))
        })
    }

    fn object(&mut self, key: &str) -> Result<Option<Self>, StyleError> {
        let at = format!("{}.{key}", self.at);
        self.take(key).map(|value| Self::of(at, value)).transpose()
    }

    fn objects(&mut self, key: &str, most: usize) -> Result<Vec<Self>, StyleError> {
        let remedy = || format!("use a list of at most {most} objects");
        let list = self.read(key, remedy, |value| value.as_array().filter(|list| list.len() <= most).cloned())?;
        let at = |index| format!("{}.{key}[{index}]", self.at);
        list.into_iter().flatten().enumerate().map(|(index, value)| Self::of(at(index), value)).collect()
    }

    /// Refuses what is left.
    fn end(&self, known: &str) -> Result<(), StyleError> {
        match self.left.keys().next() {
            Some(key) => Err(self.wrong(
                &brief(&Value::from(key.as_str())).replace('"', ""),
                "is unknown",
                format!("use {known}"),
            )),
            None => Ok(()),
        }
    }
}

/// Whether it is a mere name, and one of an image.
fn is_image(name: &str) -> bool {
    let odd = |letter: char| letter.is_control() || matches!(letter, '/' | '\\' | ':');
    let end = name.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
    let is_known = end.is_some_and(|end| matches!(end.as_str(), "png" | "jpg" | "jpeg"));
    is_known && !name.starts_with('.') && !name.contains(odd) && name.chars().count() <= LONGEST_NAME
}

/// A value, cut off where it is long.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn style(value: Value) -> Result<Style, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_said_comes_back_and_null_says_nothing() {
        let all = json!({
            "gap": 8, "radius": 12, "background": "#203040", "labels": true, "mute_marks": true,
            "logo": {"image": "Logo 1.PNG", "x": 10, "y": 20, "width": 120, "opacity": 0.5},
            "clock": {"format": "%H:%M", "zone": "Europe/Berlin", "x": 5, "y": 6, "size": 30, "color": "#ffcc00"},
            "text": [{"text": "Weekly\nשלום", "x": 1, "y": 2, "size": 40, "color": "#000000"}],
        });
        let parsed = style(all.clone()).unwrap();
        assert_eq!(serde_json::to_value(&parsed).unwrap(), all);
        assert_eq!(style(json!({})).unwrap(), Style::default());
        let nothing = json!({"gap": null, "logo": null, "clock": null, "text": null, "labels": null});
        assert_eq!(style(nothing).unwrap(), Style::default());
        let usual = style(json!({"clock": {}, "background": "hall.jpeg", "text": [{"text": "a"}]})).unwrap();
        assert_eq!(usual.clock.map(|clock| (clock.format, clock.size)), Some(("%H:%M:%S".to_owned(), 24)));
        assert_eq!(usual.background, Some(Background::Image("hall.jpeg".to_owned())));
    }

    #[test]
    fn the_schema_says_the_same() {
        let schema = serde_json::to_value(schemars::schema_for!(Style)).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for (value, is_fine) in [
            (json!({}), true),
            (json!({"gap": 8, "background": "#203040", "logo": {"image": "a.png"}, "clock": {}}), true),
            (json!({"text": [{"text": "a", "size": 8, "color": "#ffffff"}], "labels": true}), true),
            (json!({"gap": 201}), false),
            (json!({"text": [{"text": "a", "color": "white"}]}), false),
            (json!({"clock": {"size": 7}}), false),
            (json!({"logo": {}}), false),
            (json!({"shadow": 1}), false),
        ] {
            assert_eq!((validator.is_valid(&value), style(value.clone()).is_ok()), (is_fine, is_fine), "{value}");
        }
    }

    #[test]
    fn an_error_names_its_field_and_says_what_to_do() {
        let many: Vec<Value> = (0..17).map(|_| json!({"text": "a"})).collect();
        for (value, expected) in [
            (json!([]), "style is []: use an object"),
            (json!({"radius": 401}), "style.radius is 401: use a whole number from 0 to 400"),
            (json!({"gap": -1}), "style.gap is -1"),
            (json!({"gap": "8"}), "style.gap is \"8\""),
            (json!({"gap": 1.5}), "style.gap is 1.5"),
            (json!({"labels": 1}), "style.labels is 1: use true or false"),
            (json!({"colour": "#000000"}), "style.colour is unknown: use gap, radius"),
            (json!({"background": "#12345"}), "style.background is \"#12345\": use a colour"),
            (json!({"background": "https://example.org/a.png"}), "style.background"),
            (json!({"background": "../a.png"}), "style.background"),
            (json!({"logo": {}}), "style.logo.image is missing"),
            (json!({"logo": {"image": "a/b.png"}}), "style.logo.image is \"a/b.png\""),
            (json!({"logo": {"image": "..\\b.png"}}), "style.logo.image"),
            (json!({"logo": {"image": ".png"}}), "style.logo.image"),
            (json!({"logo": {"image": "a.svg"}}), "style.logo.image"),
            (json!({"logo": {"image": "a.png", "opacity": 1.1}}), "style.logo.opacity is 1.1"),
            (json!({"logo": {"image": "a.png", "width": 0}}), "style.logo.width is 0"),
            (json!({"logo": {"image": "a.png", "height": 9}}), "style.logo.height is unknown"),
            (json!({"clock": true}), "style.clock is true: use an object"),
            (json!({"clock": {"format": "%Q"}}), "style.clock.format is none that strftime knows"),
            (json!({"clock": {"zone": "Mars/Olympus"}}), "style.clock.zone is unknown"),
            (json!({"clock": {"color": "red"}}), "style.clock.color is \"red\""),
            (json!({"text": "a"}), "style.text is \"a\": use a list of at most 16"),
            (json!({"text": many}), "style.text is [{"),
            (json!({"text": [{"text": "a"}, {"x": 1}]}), "style.text[1].text is missing"),
            (json!({"text": [{"text": "a\u{0}"}]}), "style.text[0].text is"),
            (json!({"text": [{"text": "a".repeat(501)}]}), "style.text[0].text is"),
            (json!({"text": [{"text": "a", "size": 7}]}), "style.text[0].size is 7"),
        ] {
            let error = style(value.clone()).expect_err(&value.to_string());
            assert!(error.contains(expected), "{value}: {error}");
            assert!(error.len() < 300, "{error}");
        }
    }

    #[test]
    fn what_lies_outside_of_the_canvas_is_refused() {
        let canvas = super::super::Size { width: 320, height: 180 };
        let fits = style(json!({"text": [{"text": "a", "x": 319, "y": 179}]})).unwrap();
        assert_eq!(fits.check(canvas), Ok(()));
        let wide = style(json!({"text": [{"text": "a"}, {"text": "a", "y": 180}]})).unwrap();
        let error = wide.check(canvas).unwrap_err();
        assert_eq!(error.field(), "style.text[1].y");
        assert!(error.to_string().ends_with("outside of the canvas of 320×180: use at most 179"), "{error}");
    }

    proptest! {
        #[test]
        fn no_name_leads_out_of_the_folder(name in "[a-z./\\\\:~\u{0}-]{0,12}(\\.png)?") {
            if is_image(&name) {
                let path = std::path::Path::new("/assets").join(&name);
                prop_assert_eq!(path.parent(), Some(std::path::Path::new("/assets")));
                prop_assert_eq!(path.components().count(), 3);
            }
        }

        #[test]
        fn any_json_is_a_style_or_an_error(text in "\\{\"(gap|radius|text|logo|clock|background)\": ?(-?[0-9]{1,20}|\"[#a-z.]{0,9}\"|\\[[0-9]?\\]|\\{\\}|null|1e99)\\}") {
            if let Ok(value) = serde_json::from_str::<Value>(&text) {
                match style(value) {
                    Ok(style) => prop_assert!(style.gap <= MOST_GAP && style.radius <= MOST_RADIUS),
                    Err(error) => prop_assert!(error.starts_with("style")),
                }
            }
        }
    }
}
