//! Offers and answers through the public surface of `plenum::webrtc::sdp`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod malformed;
mod offers;
mod properties;
mod webrtcbin;

use plenum::media::Codec;
use plenum::webrtc::sdp::{Offer, Policy, Role, SdpError, parse_offer};

/// Every fixture with the role that its client has.
fn fixtures() -> Vec<(String, Role, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".sdp") {
            let role = if name.contains("publisher") { Role::Publisher } else { Role::Subscriber };
            found.push((name, role, std::fs::read_to_string(path).unwrap()));
        }
    }
    found.sort_by(|one, two| one.0.cmp(&two.0));
    assert!(found.len() > 20);
    found
}

fn fixture(name: &str) -> String {
    fixtures().into_iter().find(|(found, ..)| found == name).unwrap_or_else(|| panic!("no fixture {name}")).2
}

fn parse(name: &str, role: Role, video: Codec) -> Result<Offer, SdpError> {
    parse_offer(&fixture(name), role, &Policy::new(video))
}
