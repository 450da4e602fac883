//! Calls: what is sent arrives, unmixed and at the right people; who lies about a certificate is not heard; and what a
//! call takes it gives back.

#![allow(clippy::print_stdout, reason = "figures are for the reader of the report")]

mod common;

use std::time::Duration;

use common::lab;
use common::participant::{Options, Participant};
use common::server::Server;
use gstreamer_webrtc::WebRTCPeerConnectionState;

#[test]
fn three_participants_see_and_hear_each_other() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let mut people = Vec::new();
        for index in 0..3 {
            people.push(Participant::join(&server, "tea", &format!("p{index}"), Options::of(index)).await);
        }
        for viewer in &people {
            for other in people.iter().filter(|other| other.id != viewer.id) {
                viewer.wait_to_meet(other).await;
            }
        }
        // Once a call runs nothing is lost: there is no network here that could lose it.
        let before = people[0].reception_of(&people[1].id).await.borrow().clone();
        people[0].watch(&people[1], 3).await;
        let after = people[0].reception_of(&people[1].id).await.borrow().clone();
        assert_eq!((after.audio.lost(), after.video.lost()), (before.audio.lost(), before.video.lost()), "{after:?}");
        let leaver = people.pop().expect("three of them");
        let id = leaver.id.clone();
        leaver.leave().await;
        for viewer in &people {
            viewer.client.wait_for("participantLeft", |m| m["event"] == "participantLeft" && m["userid"] == *id).await;
        }
        // The others go on: more flashes come than there were.
        people[0].watch(&people[1], 2).await;
    });
}

#[test]
fn a_participant_without_a_camera_is_heard() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let speaker = Participant::join(&server, "tea", "speaker", Options { video: false, ..Options::of(0) }).await;
        let listener = Participant::join(&server, "tea", "listener", Options::of(1)).await;
        listener.wait_to_meet(&speaker).await;
        speaker.wait_to_meet(&listener).await;
    });
}

#[test]
fn nobody_hears_another_room() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let mut rooms = Vec::new();
        for (index, room) in [(0, "tea"), (1, "coffee"), (2, "tea"), (3, "coffee")] {
            rooms.push(Participant::join(&server, room, &format!("p{index}"), Options::of(index)).await);
        }
        for (viewer, other) in [(0, 2), (2, 0), (1, 3), (3, 1)] {
            rooms[viewer].wait_to_meet(&rooms[other]).await;
        }
        for (viewer, stranger) in [(0, 1), (1, 0)] {
            let heard = rooms[viewer].client.messages();
            assert!(!heard.iter().any(|message| message.to_string().contains(&rooms[stranger].id)), "{heard:?}");
        }
    });
}

#[test]
fn media_under_a_wrong_fingerprint_does_not_pass() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let viewer = Participant::join(&server, "tea", "viewer", Options { publish: false, ..Options::of(0) }).await;
        let liar = Options { wrong_fingerprint: true, subscribe: false, ..Options::of(1) };
        let liar = Participant::join(&server, "tea", "liar", liar).await;
        // Its endpoint ends with an error that says so, and not before DTLS has shown the certificate.
        let error = liar.client.wait_for_event("error").await;
        assert_eq!(error["userid"], *liar.id, "{error}");
        assert!(error["message"].to_string().contains("fingerprint"), "{error}");
        let honest = Participant::join(&server, "tea", "honest", Options { subscribe: false, ..Options::of(2) }).await;
        // Time enough for media: an honest one comes through.
        viewer.wait_to_meet(&honest).await;
        let seen = viewer.reception_of(&liar.id).await.borrow().clone();
        assert_eq!((seen.frames, seen.audio.packets, seen.video.packets), (0, 0, 0), "media of the liar passed");
    });
}

#[test]
fn a_subscriber_under_a_wrong_fingerprint_gets_nothing() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let sender = Participant::join(&server, "tea", "sender", Options { subscribe: false, ..Options::of(0) }).await;
        sender.wait_until_publishing().await;
        let liar = Options { wrong_fingerprint: true, publish: false, ..Options::of(1) };
        let liar = Participant::join(&server, "tea", "liar", liar).await;
        liar.client.wait_for_event("error").await;
        let honest = Participant::join(&server, "tea", "honest", Options { publish: false, ..Options::of(2) }).await;
        honest.wait_to_meet(&sender).await;
        let seen = liar.reception_of(&sender.id).await.borrow().clone();
        assert_eq!((seen.frames, seen.audio.packets, seen.video.packets), (0, 0, 0), "the liar was served");
    });
}

#[test]
fn answers_and_pictures_come_quickly() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let sender = Participant::join(&server, "tea", "sender", Options { subscribe: false, ..Options::of(0) }).await;
        sender.wait_until_publishing().await;
        let (mut answers, mut pictures) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            let viewer =
                Participant::join(&server, "tea", "viewer", Options { publish: false, ..Options::of(1) }).await;
            let seen = viewer.wait_until(&sender.id, "a picture", |seen| seen.first_frame.is_some()).await;
            answers.extend(seen.answered.map(|time| time - seen.offered));
            pictures.extend(seen.first_frame.map(|time| time - seen.offered));
            viewer.leave().await;
        }
        answers.sort();
        pictures.sort();
        let (answer, picture) = (answers[answers.len() / 2], pictures[pictures.len() / 2]);
        println!("offer to answer {answer:?}, to the first picture {picture:?} (medians of {})", pictures.len());
        assert!(answer < Duration::from_millis(150) && picture < Duration::from_millis(1500));
    });
}

#[test]
fn two_hundred_calls_leave_nothing_behind() {
    lab::run_for(Duration::from_secs(600), |lab| async move {
        let server = Server::start(&lab).await;
        let anchor = Participant::join(&server, "tea", "anchor", Options { subscribe: false, ..Options::of(0) }).await;
        anchor.wait_until_publishing().await;
        let observer = common::signaling::Client::connect(&server.address).await;
        observer.join("tea", "observer").await;
        let mut settled = None;
        for cycle in 0..200 {
            let visitor = Participant::join(&server, "tea", "visitor", Options::of(1)).await;
            visitor.wait_until_publishing().await;
            visitor.wait_until(&anchor.id, "a picture", |seen| seen.frames > 0).await;
            let id = visitor.id.clone();
            // Half of them leave politely.
            if cycle % 2 == 0 {
                visitor.leave().await
            } else {
                drop(visitor)
            }
            observer.wait_for("participantLeft", |m| m["event"] == "participantLeft" && m["userid"] == *id).await;
            // The first calls fill pools and caches that stay.
            if cycle == 20 {
                settled = Some(server.holdings());
            }
        }
        let settled = settled.expect("more than twenty cycles");
        // Endpoints end after their participant is announced as gone, so give the last one its time.
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        let back = loop {
            let now = server.holdings();
            let fits = |now: usize, then: usize| now as f64 <= then as f64 * 1.05 + 1.0;
            let memory = now.memory <= settled.memory + settled.memory / 20 + (10 << 20);
            if fits(now.threads, settled.threads) && fits(now.files, settled.files) && memory {
                break now;
            }
            assert!(tokio::time::Instant::now() < deadline, "after 20 calls {settled}, after 200 {now}");
            observer.round_trip().await;
        };
        println!("after 20 calls {settled}; after 200 {back}");
        assert_eq!(*anchor.publisher_state().borrow(), WebRTCPeerConnectionState::Connected);
    });
}
