//! The packets of a picture travel on as one list.
//!
//! Each hop behind a publisher is done once for each subscriber, and most of a hop's cost does not depend on how much
//! passes. A picture is of use only as a whole, so that waiting for its last packet (the RTP marker, RFC 3551 §4.1)
//! delays nobody. Bounded: a large picture travels in several lists, as it comes.
//!
//! Runs in the publisher's streaming thread. Invariant: what was held leaves before any event that came after it.

use gstreamer as gst;
use gstreamer::glib;

use super::packet::Packet;

/// The most packets held. The bursts that this makes are shorter than those of a sender that does not pace.
const BOUND: usize = 8;

glib::wrapper! {
    /// The element.
    pub struct Gather(ObjectSubclass<imp::Gather>) @extends gst::Element, gst::Object;
}

impl Default for Gather {
    fn default() -> Self {
        glib::Object::new()
    }
}

/// What is held of a picture.
#[derive(Debug, Default)]
struct Held {
    packets: Vec<gst::Buffer>,
    timestamp: u32,
}

impl Held {
    /// Takes a packet: what is to travel on before it, and what with it.
    fn take(&mut self, buffer: gst::Buffer) -> [Vec<gst::Buffer>; 2] {
        let read = buffer
            .map_readable()
            .ok()
            .and_then(|map| Packet::parse(&map).map(|packet| (packet.timestamp(), packet.marker())));
        // What is no packet is somebody else's matter: it keeps its place.
        let (timestamp, last) = read.unwrap_or((self.timestamp, true));
        let former = if timestamp == self.timestamp { Vec::new() } else { std::mem::take(&mut self.packets) };
        self.timestamp = timestamp;
        self.packets.push(buffer);
        let whole = last || self.packets.len() >= BOUND;
        [former, if whole { std::mem::take(&mut self.packets) } else { Vec::new() }]
    }
}

mod imp {
    use crate::elements::pads;
    use std::sync::{LazyLock, Mutex, PoisonError};

    use gstreamer as gst;
    use gstreamer::glib;
    use gstreamer::prelude::*;
    use gstreamer::subclass::prelude::*;

    use super::Held;

    /// The implementation of [`super::Gather`].
    #[derive(Debug)]
    pub struct Gather {
        sink: gst::Pad,
        src: gst::Pad,
        held: Mutex<Held>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Gather {
        const NAME: &'static str = "PlenumGather";
        type Type = super::Gather;
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
                .flags(gst::PadFlags::PROXY_CAPS)
                .build();
            let src = pad("src", gst::PadDirection::Src).flags(gst::PadFlags::PROXY_CAPS).build();
            Self { sink, src, held: Mutex::default() }
        }
    }

    impl ObjectImpl for Gather {
        fn constructed(&self) {
            self.parent_constructed();
            pads::add(&*self.obj(), [&self.sink, &self.src]);
        }
    }

    impl GstObjectImpl for Gather {}

    impl ElementImpl for Gather {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
                gst::subclass::ElementMetadata::new(
                    "RTP gatherer",
                    "Filter/Network/RTP",
                    "Passes the packets of a picture on as one list",
                    "The plenum developers",
                )
            });
            Some(&METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
                LazyLock::new(|| pads::templates(&gst::Caps::new_empty_simple("application/x-rtp")));
            &TEMPLATES
        }

        fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
            let success = self.parent_change_state(transition)?;
            if transition == gst::StateChange::PausedToReady {
                self.held().packets.clear();
            }
            Ok(success)
        }
    }

    impl Gather {
        fn held(&self) -> std::sync::MutexGuard<'_, Held> {
            self.held.lock().unwrap_or_else(PoisonError::into_inner)
        }

        fn chain(&self, buffer: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
            let lists = self.held().take(buffer);
            lists.into_iter().try_fold(gst::FlowSuccess::Ok, |_, packets| self.pass(packets))
        }

        fn pass(&self, mut packets: Vec<gst::Buffer>) -> Result<gst::FlowSuccess, gst::FlowError> {
            match packets.len() {
                0 => Ok(gst::FlowSuccess::Ok),
                1 => self.src.push(packets.remove(0)),
                _ => self.src.push_list(packets.into_iter().collect::<gst::BufferList>()),
            }
        }

        fn sink_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
            if event.is_serialized() {
                let held = std::mem::take(&mut self.held().packets);
                if event.type_() != gst::EventType::FlushStop {
                    // A refusal is told to whoever pushes the next packet.
                    let _ = self.pass(held);
                }
            }
            gst::Pad::event_default(pad, Some(&*self.obj()), event)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn packet(sequence: u8, timestamp: u8, marker: bool) -> gst::Buffer {
        gst::Buffer::from_slice([0x80, 96 | u8::from(marker) << 7, 0, sequence, 0, 0, 0, timestamp, 0, 0, 0, 1, 9])
    }

    /// The sequence numbers of what leaves, list by list.
    fn gathered(packets: &[(u8, u8, bool)]) -> Vec<Vec<u8>> {
        let mut held = Held::default();
        let lists =
            packets.iter().flat_map(|&(sequence, timestamp, marker)| held.take(packet(sequence, timestamp, marker)));
        let numbers = |list: Vec<gst::Buffer>| list.iter().map(|buffer| buffer.map_readable().unwrap()[3]).collect();
        lists.filter(|list| !list.is_empty()).map(numbers).collect()
    }

    #[test]
    fn a_picture_leaves_as_one() {
        gst::init().unwrap();
        assert_eq!(gathered(&[(1, 1, false), (2, 1, true), (3, 2, true), (4, 3, false)]), [vec![1, 2], vec![3]]);
    }

    #[test]
    fn a_lost_end_holds_up_nothing_but_its_own_picture() {
        gst::init().unwrap();
        assert_eq!(gathered(&[(1, 1, false), (3, 2, false), (4, 2, true)]), [vec![1], vec![3, 4]]);
    }

    #[test]
    fn no_more_is_held_than_the_bound() {
        gst::init().unwrap();
        let packets: Vec<_> = (0..20).map(|sequence| (sequence, 1, sequence == 19)).collect();
        let lengths: Vec<_> = gathered(&packets).iter().map(Vec::len).collect();
        assert_eq!(lengths, [8, 8, 4]);
    }

    #[test]
    fn what_is_no_packet_passes() {
        gst::init().unwrap();
        let [before, with] = Held::default().take(gst::Buffer::from_slice([1, 2, 3]));
        assert_eq!((before.len(), with.len()), (0, 1));
    }

    #[test]
    fn what_is_held_leaves_before_the_end() {
        gst::init().unwrap();
        let mut harness = gstreamer_check::Harness::with_element(&Gather::default(), Some("sink"), Some("src"));
        harness.set_src_caps_str("application/x-rtp");
        harness.push(packet(1, 1, false)).unwrap();
        assert_eq!(harness.buffers_received(), 0);
        harness.push_event(gst::event::Eos::new());
        assert_eq!(harness.pull().unwrap().map_readable().unwrap()[3], 1);
    }
}
