//! Cuts and scales pictures to the size at which they are shown, in one pass.
//!
//! The compositor can do it as well, but its scaler takes several times as long: of nine small pictures on a canvas, that was
//! half of all work. What it gets in the right size, with the colours of its canvas, it only copies. Scaled is with a triangle as wide as the reduction, so
//! that fine patterns do not flicker (the "bilinear" of image programs).
//!
//! Planar pictures of 8 bits are scaled, as decoders of browsers' codecs give them; others pass as they are, and the
//! compositor scales them. Runs in the streaming thread of whoever pushes.

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer::subclass::prelude::*;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;

pub use super::fitting::{Aim, Shape};
use super::fitting::{Picture, Plan};
use super::scaling::{Plane, Scaling};

glib::wrapper! {
    /// The element.
    pub struct Fitter(ObjectSubclass<imp::Fitter>) @extends gst::Element, gst::Object;
}

impl Default for Fitter {
    fn default() -> Self {
        glib::Object::new()
    }
}

impl Fitter {
    /// From the next picture on, pictures are made for `aim`; without one they pass as they are.
    pub fn aim(&self, aim: Option<Aim>) {
        self.imp().aim(aim);
    }
}

/// How the colours of all canvases are meant. Pictures are said to be the same, whatever their decoder guesses from their size:
/// browsers send BT.601, and to convert each tile would cost more than scaling it. Where something is said otherwise, the
/// compositor copies each picture once more.
const COLORIMETRY: &str = "bt601";
const CHROMA_SITE: &str = "jpeg";

/// Pictures of one size on their way to another.
#[derive(Debug)]
struct Work {
    plan: Plan,
    to: gst_video::VideoInfo,
    caps: gst::Caps,
    pool: gst_video::VideoBufferPool,
    /// One for each plane, once there was a picture.
    planes: Vec<Scaling>,
}

impl Work {
    fn new(caps: &gst::Caps, plan: Plan) -> Result<Self, glib::BoolError> {
        let side = |length: u32| i32::try_from(length).unwrap_or(i32::MAX);
        let mut caps = caps.copy();
        {
            let caps = caps.make_mut();
            caps.set("width", side(plan.width));
            caps.set("height", side(plan.height));
            caps.set("pixel-aspect-ratio", gst::Fraction::new(side(plan.pixel.0), side(plan.pixel.1)));
        }
        let to = gst_video::VideoInfo::from_caps(&caps)?;
        let pool = gst_video::VideoBufferPool::new();
        let mut config = pool.config();
        config.set_params(Some(&caps), u32::try_from(to.size()).unwrap_or(u32::MAX), 0, 0);
        pool.set_config(config)?;
        pool.set_active(true)?;
        Ok(Self { plan, to, caps, pool, planes: Vec::new() })
    }

    fn scale(&mut self, from: &gst_video::VideoInfo, picture: &gst::BufferRef) -> Result<gst::Buffer, glib::BoolError> {
        let mut scaled =
            self.pool.acquire_buffer(None).map_err(|error| glib::bool_error!("no room for a picture: {error}"))?;
        let buffer = scaled.get_mut().ok_or_else(|| glib::bool_error!("a new picture is not ours alone"))?;
        picture.copy_into(buffer, gst::BufferCopyFlags::FLAGS | gst::BufferCopyFlags::TIMESTAMPS, ..)?;
        let source = gst_video::VideoFrameRef::from_buffer_ref_readable(picture, from)?;
        let mut target = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, &self.to)?;
        let strides = |strides: &[i32]| strides.iter().map(|stride| usize::try_from(*stride).unwrap_or(0)).collect();
        let of_source: Vec<usize> = strides(source.plane_stride());
        let of_target: Vec<usize> = strides(target.plane_stride());
        for plane in 0..source.n_planes() {
            let index = plane as usize;
            let side = |length: u32| length as usize;
            let (width, height) = (side(source.comp_width(plane)), side(source.comp_height(plane)));
            let from = Plane { width, height, stride: of_source[index] };
            let (width, height) = (side(target.comp_width(plane)), side(target.comp_height(plane)));
            let to = Plane { width, height, stride: of_target[index] };
            let scaling = self.scaling(index, from, to);
            let scaled = scaling.run(source.plane_data(plane)?, target.plane_data_mut(plane)?);
            scaled.map_err(|error| glib::bool_error!("a picture does not have the size that it says: {error}"))?;
        }
        drop(target);
        Ok(scaled)
    }

    /// How a plane is scaled: thought out once, and again when its place in memory is another.
    fn scaling(&mut self, index: usize, from: Plane, to: Plane) -> &mut Scaling {
        let cut = (self.plan.cut.0 * from.width as f64, self.plan.cut.1 * from.height as f64);
        if self.planes.get(index).is_none_or(|scaling| !scaling.is_of(from, to)) {
            self.planes.truncate(index);
            self.planes.push(Scaling::new(from, to, cut));
        }
        &mut self.planes[index]
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What is under way comes back and is freed.
        let _ = self.pool.set_active(false);
    }
}

/// What comes, and what is done with it.
#[derive(Debug, Default)]
struct State {
    source: Option<(gst::Caps, gst_video::VideoInfo)>,
    aim: Option<Aim>,
    work: Option<Work>,
}

impl State {
    /// Fits to what comes and what is wanted; gives the caps of what leaves.
    fn settle(&mut self, aim: Option<Aim>) -> Result<Option<gst::Caps>, glib::BoolError> {
        self.aim = aim;
        self.work = None;
        let Some((caps, info)) = &self.source else { return Ok(None) };
        if !is_planar(info) {
            return Ok(Some(caps.clone()));
        }
        let mut caps = caps.copy();
        if info.format_info().is_yuv() {
            let caps = caps.make_mut();
            caps.set("colorimetry", COLORIMETRY);
            caps.set("chroma-site", CHROMA_SITE);
        }
        let pixel = |part: i32| u32::try_from(part).unwrap_or(1).max(1);
        let (width, height) = (info.width(), info.height());
        let picture = Picture { width, height, pixel: (pixel(info.par().numer()), pixel(info.par().denom())) };
        let Some(plan) = aim.and_then(|aim| picture.plan(aim)) else { return Ok(Some(caps)) };
        let work = Work::new(&caps, plan)?;
        Ok(Some(self.work.insert(work).caps.clone()))
    }
}

/// Whether each plane is an image of bytes.
fn is_planar(info: &gst_video::VideoInfo) -> bool {
    let format = info.format_info();
    let bytes = |component: usize| format.depth()[component] == 8 && format.pixel_stride()[component] == 1;
    let components = format.n_components() as usize;
    info.interlace_mode() == gst_video::VideoInterlaceMode::Progressive
        && (format.is_yuv() || format.is_gray())
        && format.n_planes() == format.n_components()
        && (0..components).all(bytes)
}

mod imp {
    use crate::elements::pads;
    use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

    use super::*;

    /// The implementation of [`super::Fitter`].
    #[derive(Debug)]
    pub struct Fitter {
        sink: gst::Pad,
        src: gst::Pad,
        aim: Mutex<Option<Aim>>,
        state: Mutex<State>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Fitter {
        const NAME: &'static str = "PlenumFitter";
        type Type = super::Fitter;
        type ParentType = gst::Element;

        fn with_class(class: &Self::Class) -> Self {
            // The templates are ours and static, so they are there; a pad without one works all the same.
            let pad = |name: &str, direction| match class.pad_template(name) {
                Some(template) => gst::Pad::builder_from_template(&template),
                None => gst::Pad::builder(direction).name(name),
            };
            let sink = pad("sink", gst::PadDirection::Sink)
                .chain_function(|_, parent, buffer| {
                    Self::catch_panic_pad_function(parent, || Err(gst::FlowError::Error), |this| this.chain(buffer))
                })
                .event_function(|pad, parent, event| {
                    Self::catch_panic_pad_function(parent, || false, |this| this.sink_event(pad, event))
                })
                .query_function(|pad, parent, query| {
                    Self::catch_panic_pad_function(parent, || false, |this| this.sink_query(pad, query))
                })
                .build();
            let src = pad("src", gst::PadDirection::Src).build();
            Self { sink, src, aim: Mutex::default(), state: Mutex::default() }
        }
    }

    impl ObjectImpl for Fitter {
        fn constructed(&self) {
            self.parent_constructed();
            pads::add(&*self.obj(), [&self.sink, &self.src]);
        }
    }

    impl GstObjectImpl for Fitter {}

    impl ElementImpl for Fitter {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
                gst::subclass::ElementMetadata::new(
                    "Picture fitter",
                    "Filter/Converter/Video/Scaler",
                    "Cuts and scales pictures to the size at which they are shown",
                    "The plenum developers",
                )
            });
            Some(&METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
                LazyLock::new(|| pads::templates(&gst::Caps::new_empty_simple("video/x-raw")));
            &TEMPLATES
        }

        fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
            let success = self.parent_change_state(transition)?;
            if transition == gst::StateChange::PausedToReady {
                *lock(&self.state) = State::default();
            }
            Ok(success)
        }
    }

    impl Fitter {
        pub(super) fn aim(&self, aim: Option<Aim>) {
            *lock(&self.aim) = aim;
        }

        fn chain(&self, buffer: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
            let fitted = self.fit(buffer).map_err(|error| {
                gst::element_imp_error!(self, gst::StreamError::Failed, ["{error}"]);
                gst::FlowError::Error
            })?;
            self.src.push(fitted)
        }

        fn fit(&self, buffer: gst::Buffer) -> Result<gst::Buffer, glib::BoolError> {
            let aim = *lock(&self.aim);
            let mut state = lock(&self.state);
            if state.aim != aim
                && let Some(caps) = state.settle(aim)?
                && self.src.current_caps().as_ref() != Some(&caps)
            {
                // A refusal is told to whoever pushes the next picture.
                self.src.push_event(gst::event::Caps::new(&caps));
            }
            let State { source, work, .. } = &mut *state;
            match (source, work) {
                (Some((_, info)), Some(work)) => work.scale(info, &buffer),
                _ => Ok(buffer),
            }
        }

        fn sink_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
            let gst::EventView::Caps(caps) = event.view() else {
                return gst::Pad::event_default(pad, Some(&*self.obj()), event);
            };
            let aim = *lock(&self.aim);
            let mut state = lock(&self.state);
            state.source = gst_video::VideoInfo::from_caps(caps.caps()).ok().map(|info| (caps.caps_owned(), info));
            match state.settle(aim) {
                Ok(Some(caps)) => self.src.push_event(gst::event::Caps::new(&caps)),
                // What is no picture is somebody else's matter.
                Ok(None) => self.src.push_event(event),
                Err(_) => false,
            }
        }

        fn sink_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
            match query.view_mut() {
                gst::QueryViewMut::Allocation(query) => {
                    query.add_allocation_meta::<gst_video::VideoMeta>(None);
                    true
                }
                _ => gst::Pad::query_default(pad, Some(&*self.obj()), query),
            }
        }
    }

    fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        // What is held is changed by single steps: a panic elsewhere leaves it whole.
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "fitter_tests.rs"]
mod tests;
