//! ICE as the operator wants it: addresses, ports, STUN and TURN, on the agent of one webrtcbin.

use std::net::IpAddr;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_webrtc as gst_webrtc;
use gstreamer_webrtc::prelude::*;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::{Ice, Turn};

/// Applies `ice` to a webrtcbin that has no description yet.
pub(super) fn apply(webrtcbin: &gst::Element, ice: &Ice) {
    if let Some(stun) = ice.stun.first() {
        webrtcbin.set_property("stun-server", stun.replacen("stun:", "stun://", 1));
    }
    for turn in &ice.turn {
        let url = turn_url(turn);
        if !webrtcbin.emit_by_name::<bool>("add-turn-server", &[&url]) {
            tracing::warn!(server = %turn.url, "webrtcbin refused a TURN server: check ice.turn");
        }
    }
    let Some(agent) = webrtcbin.property::<Option<gst_webrtc::WebRTCICE>>("ice-agent") else { return };
    if ice.port_max != 0 {
        agent.set_min_rtp_port(u32::from(ice.port_min));
        agent.set_max_rtp_port(u32::from(ice.port_max));
    }
    for address in &ice.addresses {
        add_local(&agent, *address);
    }
    tune(&agent, ice.tcp);
}

fn add_local(agent: &gst_webrtc::WebRTCICE, address: IpAddr) {
    if !agent.emit_add_local_ip_address(&address.to_string()) {
        tracing::warn!(%address, "the ICE agent refused a local address: check ice.addresses");
    }
}

/// Settings of libnice's own agent, which webrtcbin does not pass on.
fn tune(agent: &gst_webrtc::WebRTCICE, tcp: bool) {
    if agent.find_property("agent").is_none() {
        return;
    }
    let nice = agent.property::<glib::Object>("agent");
    // Port mapping by UPnP costs a thread per endpoint and is no server's business.
    nice.set_property("upnp", false);
    nice.set_property("ice-tcp", tcp);
    // Without it a peer that vanishes after connecting is never noticed by ICE.
    nice.set_property("keepalive-conncheck", true);
}

/// `turn://name:password@host:port?transport=udp` as webrtcbin wants it, name and password escaped.
fn turn_url(turn: &Turn) -> String {
    let (scheme, place) = turn.url.split_once(':').unwrap_or(("turn", &turn.url));
    let escape = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    format!("{scheme}://{}:{}@{place}", escape(&turn.username), escape(turn.credential.reveal()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_escaped() {
        let turn = Turn {
            url: "turns:turn.example.org:5349?transport=tcp".into(),
            username: "1700000000:ann".into(),
            credential: "p@ss/word".into(),
        };
        assert_eq!(turn_url(&turn), "turns://1700000000%3Aann:p%40ss%2Fword@turn.example.org:5349?transport=tcp");
    }

    #[test]
    fn the_operators_wishes_reach_webrtcbin() {
        gst::init().unwrap();
        let webrtcbin = gst::ElementFactory::make("webrtcbin").build().unwrap();
        let turn = Turn { url: "turn:t.example.org:3478".into(), username: "u".into(), credential: "c".into() };
        let ice = Ice {
            addresses: vec!["127.0.0.1".parse().unwrap()],
            port_min: 40_000,
            port_max: 40_009,
            tcp: false,
            stun: vec!["stun:s.example.org:3478".into()],
            turn: vec![turn.clone()],
            ..Ice::default()
        };
        apply(&webrtcbin, &ice);
        assert_eq!(webrtcbin.property::<String>("stun-server"), "stun://s.example.org:3478");
        assert!(
            webrtcbin.emit_by_name::<bool>("add-turn-server", &[&turn_url(&turn)]),
            "webrtcbin takes such a server"
        );
        let agent = webrtcbin.property::<gst_webrtc::WebRTCICE>("ice-agent");
        assert_eq!((agent.min_rtp_port(), agent.max_rtp_port()), (40_000, 40_009));
        assert!(!agent.property::<glib::Object>("agent").property::<bool>("upnp"));
    }
}
