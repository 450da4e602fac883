//! [`Offer`] to what webrtcbin takes: text, and caps for its transceivers.

use std::fmt;

use gstreamer as gst;

use crate::media::Codec;

use super::model::{Offer, Section};
use super::{PROFILE, Role};

impl Offer {
    /// The accepted sections as SDP for `set-remote-description`.
    #[must_use]
    pub fn to_sdp(&self) -> String {
        self.to_string()
    }

    /// Caps for m-line `index` of webrtcbin. Publisher: `codec-preferences` for the transceiver, which make the answer have
    /// one codec and our header extensions. Subscriber: caps for `add-transceiver`, with the `ssrc` that we will send with,
    /// so that the answer announces it.
    #[must_use]
    pub fn preferences(&self, index: usize, ssrc: Option<u32>) -> Option<gst::Caps> {
        let section = self.sections.get(index)?;
        let codec = &section.codec;
        let mut caps = gst::Structure::builder("application/x-rtp")
            .field("media", section.kind.as_str())
            .field("encoding-name", codec.codec.encoding_name())
            .field("payload", i32::from(codec.payload))
            .field("clock-rate", i32::try_from(codec.codec.clock_rate()).unwrap_or(i32::MAX));
        for extension in &section.extensions {
            caps = caps.field(format!("extmap-{}", extension.id), extension.uri);
        }
        if let Some(ssrc) = ssrc {
            caps = caps.field("ssrc", ssrc);
        }
        Some(gst::Caps::from(caps.build()))
    }

    fn write_section(&self, f: &mut fmt::Formatter<'_>, section: &Section) -> fmt::Result {
        let codec = &section.codec;
        let payload = codec.payload;
        write!(f, "m={} 9 {PROFILE} {payload}", section.kind)?;
        if let Some(rtx) = codec.rtx {
            write!(f, " {rtx}")?;
        }
        f.write_str("\r\nc=IN IP4 0.0.0.0\r\n")?;
        write!(f, "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", self.ice.ufrag, self.ice.pwd)?;
        if self.ice.trickle {
            f.write_str("a=ice-options:trickle\r\n")?;
        }
        write!(f, "a=fingerprint:{}\r\na=setup:{}\r\n", self.fingerprint, self.setup.as_str())?;
        write!(f, "a=mid:{}\r\n", section.mid)?;
        for extension in &section.extensions {
            write!(f, "a=extmap:{} {}\r\n", extension.id, extension.uri)?;
        }
        let direction = match self.role {
            Role::Publisher => "sendonly",
            Role::Subscriber => "recvonly",
        };
        write!(f, "a={direction}\r\na=rtcp-mux\r\n")?;
        if section.reduced_size {
            f.write_str("a=rtcp-rsize\r\n")?;
        }
        write_codec(f, section)?;
        for (first, second) in &section.retransmissions {
            write!(f, "a=ssrc-group:FID {first} {second}\r\n")?;
        }
        for ssrc in &section.ssrcs {
            // webrtcbin reads the number and wants a cname; the one that counts comes by RTCP.
            write!(f, "a=ssrc:{ssrc} cname:client\r\n")?;
        }
        Ok(())
    }
}

fn write_codec(f: &mut fmt::Formatter<'_>, section: &Section) -> fmt::Result {
    let codec = &section.codec;
    let payload = codec.payload;
    let map = match codec.codec {
        Codec::Opus => "opus/48000/2",
        Codec::Vp8 => "VP8/90000",
        Codec::H264 => "H264/90000",
    };
    write!(f, "a=rtpmap:{payload} {map}\r\n")?;
    for feedback in &codec.feedback {
        write!(f, "a=rtcp-fb:{payload} {}\r\n", feedback.as_str())?;
    }
    for (index, (name, value)) in codec.fmtp.iter().enumerate() {
        if index == 0 {
            write!(f, "a=fmtp:{payload} {name}={value}")?;
        } else {
            write!(f, ";{name}={value}")?;
        }
    }
    if !codec.fmtp.is_empty() {
        f.write_str("\r\n")?;
    }
    match codec.rtx {
        Some(rtx) => write!(f, "a=rtpmap:{rtx} rtx/{}\r\na=fmtp:{rtx} apt={payload}\r\n", codec.codec.clock_rate()),
        None => Ok(()),
    }
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE")?;
        for section in &self.sections {
            write!(f, " {}", section.mid)?;
        }
        f.write_str("\r\n")?;
        for (index, section) in self.sections.iter().enumerate() {
            self.write_section(f, section)?;
            if index == 0 {
                self.candidates.iter().try_for_each(|candidate| write!(f, "a={candidate}\r\n"))?;
            }
        }
        Ok(())
    }
}
