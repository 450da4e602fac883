//! The images of a style, from the folder that the operator configured. Reading and decoding takes its time: never on a
//! thread that must not wait.

use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;

use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbaImage};

use super::{Background, Style, StyleError};
use crate::mix::layout::Size;

/// The largest file, in bytes.
const MOST_BYTES: u64 = 10_000_000;
/// The largest sides, in pixels, and the memory that decoding may take, in bytes.
const MOST_SIDE: u32 = 4096;
const MOST_MEMORY: u64 = 128 * 1024 * 1024;

/// A folder of images; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    folder: Option<Arc<Path>>,
}

/// A picture as cairo takes it: BGRA, premultiplied, rows packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bitmap {
    pub(crate) size: Size,
    pub(crate) data: Vec<u8>,
}

/// A style with its images, made for a canvas. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Look {
    pub(crate) style: Arc<Style>,
    /// As large as the canvas.
    pub(crate) background: Option<Arc<Bitmap>>,
    pub(crate) logo: Option<Arc<Bitmap>>,
}

impl Assets {
    /// The images in `folder`; without one there are none.
    #[must_use]
    pub fn new(folder: Option<&Path>) -> Self {
        Self { folder: folder.map(Arc::from) }
    }

    /// Refuses a style with an image that cannot be shown. Blocks while it reads and decodes them.
    ///
    /// # Errors
    /// When a file is missing, too large or no image; the error names the field.
    pub fn check(&self, style: &Style, canvas: Size) -> Result<(), StyleError> {
        self.dress(style, canvas).1.map_or(Ok(()), Err)
    }

    /// The style with its images, without those that cannot be shown, and why. Blocks.
    pub(crate) fn dress(&self, style: &Style, canvas: Size) -> (Look, Option<StyleError>) {
        let mut look = Look { style: Arc::new(style.clone()), ..Look::default() };
        let mut problem = None;
        let mut keep = |image: Result<Bitmap, StyleError>| match image {
            Ok(bitmap) => Some(Arc::new(bitmap)),
            Err(error) => {
                problem.get_or_insert(error);
                None
            }
        };
        if let Some(Background::Image(name)) = &style.background {
            let image = self.read("style.background", name);
            look.background = keep(image.map(|image| {
                let whole = image.resize_to_fill(canvas.width, canvas.height, FilterType::Triangle).to_rgba8();
                premultiplied(&whole, 1.0)
            }));
        }
        if let Some(logo) = &style.logo {
            let image = self.read("style.logo.image", &logo.image);
            look.logo = keep(image.map(|image| {
                // No larger than the canvas, whatever is asked for.
                let own = image.width().max(1);
                let width = logo.width.unwrap_or(own).clamp(1, canvas.width);
                let height = u64::from(image.height()) * u64::from(width) / u64::from(own);
                let height = u32::try_from(height).unwrap_or(u32::MAX).max(1);
                let is_as_wanted = (image.width(), image.height()) == (width, height);
                let sized = match is_as_wanted {
                    true => image,
                    false => image.resize(width, height.min(canvas.height), FilterType::Triangle),
                };
                premultiplied(&sized.to_rgba8(), logo.opacity)
            }));
        }
        (look, problem)
    }

    fn read(&self, field: &str, name: &str) -> Result<DynamicImage, StyleError> {
        let wrong = |problem: String, remedy: &str| StyleError::new(field, problem, remedy);
        let Some(folder) = &self.folder else {
            return Err(wrong(format!("is {name:?}, and there is no assets folder"), "set mix.assets on the server"));
        };
        let path = folder.join(name);
        let unread = |error: std::io::Error| {
            let problem = format!("is {name:?}, which cannot be read: {error}");
            StyleError::new(field, problem, "put it into the assets folder")
        };
        // A pipe would be waited for.
        let metadata = std::fs::metadata(&path).map_err(unread)?;
        if !metadata.is_file() || metadata.len() > MOST_BYTES {
            return Err(wrong(format!("is {name:?}, no file of at most {MOST_BYTES} bytes"), "make it smaller"));
        }
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&path).map_err(unread)?;
        file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(unread)?;
        decode(&bytes).map_err(|error| {
            let remedy = format!("use a PNG or JPEG of at most {MOST_SIDE}×{MOST_SIDE} pixels");
            StyleError::new(field, format!("is {name:?}, which cannot be decoded: {error}"), remedy)
        })
    }
}

fn decode(bytes: &[u8]) -> image::ImageResult<DynamicImage> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    // Cameras say which way is up.
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn premultiplied(image: &RgbaImage, opacity: f64) -> Bitmap {
    let data = image.pixels().flat_map(|pixel| {
        let [red, green, blue, alpha] = pixel.0;
        let alpha = (f64::from(alpha) * opacity).round();
        let part = |part: u8| (f64::from(part) * alpha / 255.0).round() as u8;
        [part(blue), part(green), part(red), alpha as u8]
    });
    Bitmap { size: Size { width: image.width(), height: image.height() }, data: data.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CANVAS: Size = Size { width: 64, height: 36 };

    fn style(value: serde_json::Value) -> Style {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn images_come_in_the_sizes_that_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let picture = RgbaImage::from_fn(200, 100, |x, _| image::Rgba([if x < 100 { 255 } else { 0 }, 0, 200, 128]));
        picture.save(folder.path().join("half.png")).unwrap();
        DynamicImage::from(picture).to_rgb8().save(folder.path().join("half.jpg")).unwrap();
        let assets = Assets::new(Some(folder.path()));
        let wanted =
            style(json!({"background": "half.jpg", "logo": {"image": "half.png", "width": 20, "opacity": 0.5}}));
        let (look, problem) = assets.dress(&wanted, CANVAS);
        assert_eq!(problem, None);
        let (background, logo) = (look.background.unwrap(), look.logo.unwrap());
        assert_eq!((background.size, background.data.len()), (CANVAS, 64 * 36 * 4));
        assert_eq!((logo.size, &logo.data[..4]), (Size { width: 20, height: 10 }, &[50, 0, 64, 64][..]));
        // It covers the canvas, so the middle is in the middle.
        let red = |x: usize| background.data[(18 * 64 + x) * 4 + 2];
        assert!(red(4) > 240 && red(60) < 15, "{} {}", red(4), red(60));
        let large = style(json!({"logo": {"image": "half.png", "width": 7680}}));
        assert_eq!(assets.dress(&large, CANVAS).0.logo.unwrap().size, Size { width: 64, height: 32 });
        let own = style(json!({"logo": {"image": "half.png"}}));
        assert_eq!(assets.dress(&own, Size { width: 640, height: 360 }).0.logo.unwrap().size.width, 200);
    }

    #[test]
    fn what_cannot_be_shown_is_named_and_the_rest_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        RgbaImage::new(8, 8).save(folder.path().join("good.png")).unwrap();
        std::fs::write(folder.path().join("bad.png"), "no image").unwrap();
        std::fs::File::create(folder.path().join("large.png")).unwrap().set_len(MOST_BYTES + 1).unwrap();
        RgbaImage::new(MOST_SIDE + 1, 1).save(folder.path().join("wide.png")).unwrap();
        std::fs::create_dir(folder.path().join("folder.png")).unwrap();
        let assets = Assets::new(Some(folder.path()));
        for name in ["bad.png", "large.png", "wide.png", "folder.png", "none.png"] {
            let wanted = style(json!({"background": name, "logo": {"image": "good.png"}}));
            let (look, problem) = assets.dress(&wanted, CANVAS);
            assert!(look.background.is_none() && look.logo.is_some(), "{name}");
            let problem = problem.expect(name);
            assert_eq!(problem.field(), "style.background");
            assert!(problem.to_string().contains(name), "{problem}");
        }
        let error = Assets::default().check(&style(json!({"logo": {"image": "a.png"}})), CANVAS).unwrap_err();
        assert!(error.to_string().contains("mix.assets"), "{error}");
    }
}
