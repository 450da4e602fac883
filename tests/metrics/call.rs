//! What a call shows as.

use std::time::{Duration, Instant};

use crate::common::lab;
use crate::common::native::Native;
use crate::common::participant::{Options, Participant};
use crate::common::relay::{Conditions, Relay};
use crate::common::server::Server;
use crate::common::signaling::Client;
use crate::scrape::Watched;

/// A scrape of a busy server has to be no burden.
const SCRAPE_WITHIN: Duration = Duration::from_millis(50);

async fn join(server: &Server, index: usize) -> Participant {
    Participant::join(server, "tea", &format!("p{index}"), Options::of(index)).await
}

#[test]
fn a_call_shows_as_it_is() {
    lab::run(|lab| async move {
        let watched = Watched::start(&lab).await;
        let empty = watched.scrape().await;
        assert_eq!(empty.value("plenum_rooms"), 0.0);
        let (ann, bob) = (join(&watched.server, 0).await, join(&watched.server, 1).await);
        ann.wait_to_meet(&bob).await;
        bob.wait_to_meet(&ann).await;
        let met = watched.scrape_until("a call of two", |scrape| {
            [
                ("plenum_rooms", 1.0),
                ("plenum_participants", 2.0),
                ("plenum_sessions", 2.0),
                ("plenum_tracks{kind=\"audio\"}", 2.0),
                ("plenum_tracks{kind=\"video\"}", 2.0),
                ("plenum_endpoints{role=\"publisher\",state=\"connected\"}", 2.0),
                ("plenum_endpoints{role=\"subscriber\",state=\"connected\"}", 2.0),
                ("plenum_endpoints{role=\"subscriber\",state=\"connecting\"}", 0.0),
                ("plenum_endpoints{role=\"viewer\",state=\"connected\"}", 0.0),
            ]
            .iter()
            .all(|(series, value)| scrape.value(series) == *value)
        });
        let met = met.await;
        assert_eq!(met.value("plenum_join_seconds_count"), 2.0);
        assert_eq!(met.value("plenum_connect_seconds_count{role=\"publisher\"}"), 2.0);
        assert_eq!(met.value("plenum_connect_seconds_count{role=\"subscriber\"}"), 2.0);
        // Each saw the other; who came first was connected before there was anything to see.
        let [saw, waited] = ["count", "sum"].map(|part| {
            let of = |which| met.value(&format!("plenum_first_frame_seconds_{part}{{connection=\"{which}\"}}"));
            of("new") + of("running")
        });
        assert_eq!(saw, 2.0);
        assert!(0.0 < waited && waited < 10.0, "{waited}");
        // Sound has 50 packets a second, each of which goes to one other.
        let (since, sound) = (Instant::now(), "plenum_received_packets_total{kind=\"audio\"}");
        let later = watched.scrape_until("600 packets of sound", |scrape| scrape.rise(&met, sound) >= 600.0).await;
        let took = since.elapsed().as_secs_f64();
        assert!((4.0..9.0).contains(&took), "two people's 600 packets of sound took {took} s");
        for kind in ["audio", "video"] {
            let [received, forwarded] = ["received", "forwarded"]
                .map(|what| later.rise(&met, &format!("plenum_{what}_packets_total{{kind=\"{kind}\"}}")));
            // Counted at moments of their own: received every other second, forwarded each.
            let apart = (received - forwarded).abs() / received;
            assert!(apart < 0.4, "of {received} packets of {kind} {forwarded} went to the other");
            let bytes = later.rise(&met, &format!("plenum_received_bytes_total{{kind=\"{kind}\"}}"));
            assert!((20.0..1500.0).contains(&(bytes / received)), "{bytes} bytes in {received} packets of {kind}");
        }
        assert_eq!(later.value("plenum_missing_packets_total{kind=\"audio\"}"), 0.0);
        let (timed, took) = ("plenum_forward_delay_seconds_count", "plenum_forward_delay_seconds_sum");
        let (timed, took) =
            (later.value(&format!("{timed}{{kind=\"audio\"}}")), later.value(&format!("{took}{{kind=\"audio\"}}")));
        println!("forward delay of sound: {:.2} ms, the mean of {timed}", 1000.0 * took / timed);
        assert!(timed >= 2.0 && took / timed < 0.05, "{took} s for {timed} packets");
        watched
            .scrape_until("reports of receivers", |scrape| scrape.value("plenum_round_trip_seconds_count") > 0.0)
            .await;
        // What was seen by people is what was counted.
        let seen = [ann.reception_of(&bob.id).await, bob.reception_of(&ann.id).await];
        let (bob_id, ann_id) = (bob.id.clone(), ann.id.clone());
        assert_ne!(bob_id, ann_id);
        ann.leave().await;
        bob.leave().await;
        let over = watched.scrape_until("everybody's leaving", |scrape| {
            ["plenum_rooms", "plenum_participants", "plenum_sessions", "plenum_tracks{kind=\"audio\"}"]
                .iter()
                .all(|series| scrape.value(series) == 0.0)
        });
        let over = over.await;
        for (kind, came) in [
            ("audio", seen.iter().map(|seen| seen.borrow().audio.packets).sum::<u64>() as f64),
            ("video", seen.iter().map(|seen| seen.borrow().video.packets).sum::<u64>() as f64),
        ] {
            let sent = over.value(&format!("plenum_forwarded_packets_total{{kind=\"{kind}\"}}"));
            println!("{kind}: {sent} packets were counted, {came} came");
            // The last ones were on their way when people left.
            assert!(came <= sent && came > 0.9 * sent, "{kind}: {sent} packets were counted, {came} came");
        }
        assert_eq!(over.series(), empty.series(), "every series was there from the start");
    });
}

#[test]
fn what_the_network_loses_shows_as_lost() {
    lab::run(|lab| async move {
        let watched = Watched::start(&lab).await;
        let ann = Native::join(&watched.server, "tea", "Ann", 1).await;
        let bob = Native::join(&watched.server, "tea", "Bob", 2).await;
        let conditions = Conditions { loss: 5.0, delay: Duration::from_millis(10), jitter: Duration::from_millis(20) };
        let _sending = ann.publish_over("send-1", Relay::new(lab.address, conditions)).await;
        let watching = bob.subscribe("receive-1", 1, 1).await;
        let slot = bob.finds(&watching, &ann.id, "camera").await;
        watching.watches(slot, 50).await;
        let lossy = watched.scrape_until("loss", |scrape| {
            scrape.value("plenum_lost_packets_total") >= 20.0
                && scrape.value("plenum_nacks_total{direction=\"sent\"}") >= 10.0
                && scrape.value("plenum_jitter_seconds_count{direction=\"received\"}") >= 2.0
        });
        let lossy = lossy.await;
        let lost = lossy.value("plenum_lost_packets_total");
        let kinds =
            ["audio", "video"].map(|kind| lossy.value(&format!("plenum_received_packets_total{{kind=\"{kind}\"}}")));
        let share = lost / (kinds[0] + kinds[1]);
        println!("{lost} lost beside {kinds:?} received: {:.1} %", 100.0 * share);
        assert!((0.02..0.12).contains(&share), "5 % are lost, {share} were counted");
        let jitter = lossy.value("plenum_jitter_seconds_sum{direction=\"received\"}")
            / lossy.value("plenum_jitter_seconds_count{direction=\"received\"}");
        assert!((0.001..0.05).contains(&jitter), "packets are up to 20 ms late, {jitter} s was counted");
        // What is asked for again comes.
        let missing = lossy.value("plenum_missing_packets_total{kind=\"video\"}");
        assert!(missing < lost / 2.0, "{missing} of {lost} never came");
    });
}

#[test]
fn fifty_rooms_have_as_many_series_as_none_and_are_no_burden() {
    lab::run(|lab| async move {
        let watched = Watched::start(&lab).await;
        let before = watched.scrape().await.series();
        let mut people = Vec::new();
        for index in 0..50 {
            let client = Client::connect(&watched.server.address).await;
            client.join(&format!("room-{index}"), &format!("person-{index}")).await;
            people.push(client);
        }
        let full = watched.scrape_until("fifty rooms", |scrape| scrape.value("plenum_participants") == 50.0).await;
        assert_eq!(full.value("plenum_rooms"), 50.0);
        assert_eq!(full.value("plenum_join_seconds_count"), 50.0);
        assert_eq!(full.series(), before);
        assert!(!full.text.contains("room-1") && !full.text.contains("person-1"), "{}", full.text);
        let mut took = Vec::new();
        for _ in 0..11 {
            let begun = Instant::now();
            watched.request("/metrics").send().await.unwrap().bytes().await.unwrap();
            took.push(begun.elapsed());
        }
        took.sort();
        println!("a scrape of fifty rooms: {:?} (median), {} series", took[5], before.len());
        assert!(took[5] < SCRAPE_WITHIN, "{took:?}");
    });
}

#[test]
fn refusals_are_counted_by_their_reason() {
    lab::run(|lab| async move {
        let watched = Watched::start_with(&lab, "[rooms]\nmax_rooms = 1\nmax_participants = 1\n").await;
        let ann = Native::join(&watched.server, "tea", "Ann", 1).await;
        let bob = Client::connect(&watched.server.address).await;
        assert_eq!(bob.refused("join", &serde_json::json!({"room": "tea", "name": "Bob"})).await, "room_full");
        assert_eq!(bob.refused("join", &serde_json::json!({"room": "cake", "name": "Bob"})).await, "too_many_rooms");
        let scrape = watched.scrape().await;
        assert_eq!(scrape.value("plenum_join_refusals_total{reason=\"room_full\"}"), 1.0);
        assert_eq!(scrape.value("plenum_join_refusals_total{reason=\"too_many_rooms\"}"), 1.0);
        assert_eq!(scrape.value("plenum_join_seconds_count"), 1.0, "only who came in");
        ann.leave().await;
    });
}
