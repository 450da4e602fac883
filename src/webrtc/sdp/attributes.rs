//! The attributes of one part of a description, gathered in one pass and still borrowed from the client's text.
//!
//! Numbers are numbers from here on. Whether the values make sense together is decided in `section` and `codecs`.

use sdp_types::Attribute;

use super::error::{Place, SdpError, quote};
use super::is_token;

/// The direction of a medium, as the client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

/// The value of an `a=rtpmap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Map<'a> {
    pub(super) encoding: &'a str,
    pub(super) rate: u32,
    pub(super) channels: Option<&'a str>,
}

/// What was found. Attributes that mean nothing to us are not here.
#[derive(Debug)]
pub(super) struct Attributes<'a> {
    pub(super) place: Place,
    pub(super) mid: Option<&'a str>,
    pub(super) ufrag: Option<&'a str>,
    pub(super) pwd: Option<&'a str>,
    pub(super) setup: Option<&'a str>,
    pub(super) direction: Option<Direction>,
    pub(super) bundle: Option<Vec<&'a str>>,
    pub(super) mux: bool,
    pub(super) reduced_size: bool,
    pub(super) trickle: bool,
    pub(super) bundle_only: bool,
    pub(super) simulcast: bool,
    pub(super) fingerprints: Vec<&'a str>,
    pub(super) candidates: Vec<&'a str>,
    pub(super) maps: Vec<(u8, Map<'a>)>,
    pub(super) formats: Vec<(u8, &'a str)>,
    /// The payload type is None for `*`: all of them.
    pub(super) feedback: Vec<(Option<u8>, &'a str)>,
    pub(super) extensions: Vec<(u16, &'a str)>,
    /// Each once, in order.
    pub(super) ssrcs: Vec<u32>,
    pub(super) retransmissions: Vec<(u32, u32)>,
}

impl<'a> Attributes<'a> {
    pub(super) fn gather(place: Place, attributes: &'a [Attribute]) -> Result<Self, SdpError> {
        let mut found = Self::empty(place);
        for attribute in attributes {
            found.take(&attribute.attribute, attribute.value.as_deref().unwrap_or_default())?;
        }
        Ok(found)
    }

    fn empty(place: Place) -> Self {
        Self {
            place,
            mid: None,
            ufrag: None,
            pwd: None,
            setup: None,
            direction: None,
            bundle: None,
            mux: false,
            reduced_size: false,
            trickle: false,
            bundle_only: false,
            simulcast: false,
            fingerprints: Vec::new(),
            candidates: Vec::new(),
            maps: Vec::new(),
            formats: Vec::new(),
            feedback: Vec::new(),
            extensions: Vec::new(),
            ssrcs: Vec::new(),
            retransmissions: Vec::new(),
        }
    }

    fn take(&mut self, name: &str, value: &'a str) -> Result<(), SdpError> {
        let place = self.place;
        match name {
            "mid" => once(place, "mid", &mut self.mid, value)?,
            "ice-ufrag" => once(place, "ice-ufrag", &mut self.ufrag, value)?,
            "ice-pwd" => once(place, "ice-pwd", &mut self.pwd, value)?,
            "setup" => once(place, "setup", &mut self.setup, value)?,
            "sendrecv" => self.turn(Direction::SendRecv)?,
            "sendonly" => self.turn(Direction::SendOnly)?,
            "recvonly" => self.turn(Direction::RecvOnly)?,
            "inactive" => self.turn(Direction::Inactive)?,
            "group" => self.group(value)?,
            "rtcp-mux" => self.mux = true,
            "rtcp-rsize" => self.reduced_size = true,
            "bundle-only" => self.bundle_only = true,
            "simulcast" => self.simulcast = true,
            "ice-options" => self.trickle |= value.split_ascii_whitespace().any(|option| option == "trickle"),
            "fingerprint" => self.fingerprints.push(value),
            "candidate" => self.candidates.push(value),
            "rtpmap" => self.map(value)?,
            "fmtp" => {
                let (payload, rest) = value.split_once(' ').unwrap_or((value, ""));
                self.formats.push((self.payload("fmtp", payload)?, rest));
            }
            "rtcp-fb" => {
                let (payload, rest) = value.split_once(' ').unwrap_or((value, ""));
                let payload = if payload == "*" { None } else { Some(self.payload("rtcp-fb", payload)?) };
                self.feedback.push((payload, rest.trim()));
            }
            "extmap" => self.extension(value)?,
            "ssrc" => {
                let ssrc = self.ssrc("ssrc", value.split(' ').next().unwrap_or_default())?;
                if !self.ssrcs.contains(&ssrc) {
                    // A bound for the search above; `section` has the real one.
                    if self.ssrcs.len() >= 64 {
                        return Err(SdpError::TooManySsrcs { place, limit: 64 });
                    }
                    self.ssrcs.push(ssrc);
                }
            }
            "ssrc-group" => self.ssrc_group(value)?,
            _ => {}
        }
        Ok(())
    }

    fn turn(&mut self, direction: Direction) -> Result<(), SdpError> {
        once(self.place, "sendrecv (or another direction)", &mut self.direction, direction)
    }

    fn group(&mut self, value: &'a str) -> Result<(), SdpError> {
        let mut words = value.split_ascii_whitespace();
        if words.next() != Some("BUNDLE") {
            return Ok(());
        }
        once(self.place, "group:BUNDLE", &mut self.bundle, words.collect())
    }

    fn map(&mut self, value: &'a str) -> Result<(), SdpError> {
        let advice = "write payload type, encoding and clock rate";
        let invalid = || self.invalid("rtpmap", value, advice);
        let (payload, rest) = value.split_once(' ').ok_or_else(invalid)?;
        let payload = self.payload("rtpmap", payload)?;
        let mut parts = rest.trim().splitn(3, '/');
        let encoding = parts.next().filter(|name| is_token(name, 32)).ok_or_else(invalid)?;
        let rate = parts.next().and_then(|rate| rate.parse().ok()).ok_or_else(invalid)?;
        if self.maps.iter().any(|(known, _)| *known == payload) {
            return Err(SdpError::Repeated { place: self.place, attribute: "rtpmap for one payload type" });
        }
        self.maps.push((payload, Map { encoding, rate, channels: parts.next() }));
        Ok(())
    }

    fn extension(&mut self, value: &'a str) -> Result<(), SdpError> {
        let invalid = || self.invalid("extmap", value, "write a unique id above 0 and a URI");
        let mut words = value.split_ascii_whitespace();
        let (id, direction) = words.next().map(|id| id.split_once('/').unwrap_or((id, ""))).ok_or_else(invalid)?;
        let id = number(id).filter(|id| *id != 0).ok_or_else(invalid)?;
        let uri = words.next().ok_or_else(invalid)?;
        if self.extensions.iter().any(|(known, _)| *known == id) {
            return Err(invalid());
        }
        // What the client only receives, or has switched off, it will not send to us.
        let uri = if matches!(direction, "recvonly" | "inactive") { "" } else { uri };
        self.extensions.push((id, uri));
        Ok(())
    }

    fn ssrc_group(&mut self, value: &'a str) -> Result<(), SdpError> {
        let mut words = value.split_ascii_whitespace();
        match words.next() {
            Some("SIM") => self.simulcast = true,
            Some("FID") => {
                let ssrcs = words.map(|word| self.ssrc("ssrc-group", word)).collect::<Result<Vec<_>, _>>()?;
                match ssrcs[..] {
                    [first, second] if first != second => self.retransmissions.push((first, second)),
                    _ => return Err(self.invalid("ssrc-group", value, "a FID group names two SSRCs")),
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn payload(&self, attribute: &'static str, text: &str) -> Result<u8, SdpError> {
        let advice = "a payload type is a number from 0 to 127";
        number(text).filter(|payload| *payload < 128).ok_or_else(|| self.invalid(attribute, text, advice))
    }

    fn ssrc(&self, attribute: &'static str, text: &str) -> Result<u32, SdpError> {
        let advice = "an SSRC is a number from 1 to 4294967295";
        number(text).filter(|ssrc| *ssrc != 0).ok_or_else(|| self.invalid(attribute, text, advice))
    }

    pub(super) fn invalid(&self, attribute: &'static str, value: &str, advice: &'static str) -> SdpError {
        SdpError::Invalid { place: self.place, attribute, value: quote(value), advice }
    }

    pub(super) fn missing(&self, attribute: &'static str) -> SdpError {
        SdpError::Missing { place: self.place, attribute }
    }
}

fn once<T>(place: Place, attribute: &'static str, slot: &mut Option<T>, value: T) -> Result<(), SdpError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(SdpError::Repeated { place, attribute }),
    }
}

/// A plain decimal number: FromStr alone would take "+1".
pub(super) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
