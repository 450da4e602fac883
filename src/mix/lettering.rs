//! Text as people write it, in any direction and script: by Pango, in whatever fonts the machine has.

use cairo::{Antialias, Context, FontOptions, HintMetrics, HintStyle};
use pango::{Alignment, EllipsizeMode, FontDescription, Layout, SCALE, Weight};

/// Text that is ready to be drawn.
#[derive(Debug)]
pub(super) struct Lettering {
    layout: Layout,
    left: f64,
    top: f64,
    /// In pixels.
    pub(super) width: f64,
    pub(super) height: f64,
}

/// How text is to look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hand {
    /// In pixels.
    pub(super) size: f64,
    pub(super) bold: bool,
    /// In pixels; what is wider ends with an ellipsis.
    pub(super) room: f64,
    /// Whether new lines are taken as such.
    pub(super) lines: bool,
}

impl Lettering {
    /// Sets `text`, to be drawn by `context`.
    pub(super) fn new(context: &Context, text: &str, hand: Hand) -> Result<Self, cairo::Error> {
        // Pango takes C strings.
        let text = text.replace('\0', "");
        let layout = pangocairo::functions::create_layout(context);
        // The same on every surface, whatever a desktop would want: pictures are scaled and encoded.
        let mut options = FontOptions::new()?;
        options.set_antialias(Antialias::Gray);
        options.set_hint_style(HintStyle::None);
        options.set_hint_metrics(HintMetrics::Off);
        pangocairo::functions::context_set_font_options(&layout.context(), Some(&options));
        let mut font = FontDescription::new();
        font.set_family("sans-serif");
        font.set_weight(if hand.bold { Weight::Bold } else { Weight::Normal });
        font.set_absolute_size(hand.size.max(1.0) * f64::from(SCALE));
        layout.set_font_description(Some(&font));
        layout.set_single_paragraph_mode(!hand.lines);
        layout.set_text(&text);
        if f64::from(layout.pixel_extents().1.width()) > hand.room {
            layout.set_ellipsize(EllipsizeMode::End);
            layout.set_alignment(Alignment::Left);
            layout.set_width((hand.room.max(1.0) * f64::from(SCALE)) as i32);
        }
        let extents = layout.pixel_extents().1;
        let [left, top, width, height] = [extents.x(), extents.y(), extents.width(), extents.height()].map(f64::from);
        Ok(Self { layout, left, top, width, height })
    }

    /// Draws it in the colour that is set, its upper left corner at a point.
    pub(super) fn draw(&self, context: &Context, x: f64, y: f64) {
        context.move_to(x - self.left, y - self.top);
        pangocairo::functions::show_layout(context, &self.layout);
    }

    /// Makes its outline the path, its upper left corner at a point.
    pub(super) fn outline(&self, context: &Context, x: f64, y: f64) {
        context.move_to(x - self.left, y - self.top);
        pangocairo::functions::layout_path(context, &self.layout);
    }

    /// Draws it around a point.
    pub(super) fn draw_around(&self, context: &Context, x: f64, y: f64) {
        self.draw(context, x - self.width / 2.0, y - self.height / 2.0);
    }
}
