//! Too much at once.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::lab;
use crate::common::native::Native;
use crate::common::server::Server;
use crate::common::signaling::Client;

fn codes(client: &Client) -> (usize, usize) {
    let replies: Vec<Value> = client.messages().into_iter().filter(|message| message["ack"].is_u64()).collect();
    let refused = replies.iter().filter(|message| message["reply"]["error"]["code"] == "too_many_requests").count();
    (replies.len(), refused)
}

#[test]
fn a_burst_passes_more_is_refused_and_others_do_not_notice() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let (calm, wild) =
            (Native::join(&server, "tea", "calm", 0).await, Native::join(&server, "tea", "wild", 1).await);
        let asked: Vec<u64> = (0..400).map(|_| wild.client.request("hand", &[json!({"raised": false})])).collect();
        // The other is answered while the flood is on.
        let begun = std::time::Instant::now();
        calm.get("chat", json!({"text": "still here"})).await;
        let waited = begun.elapsed();
        assert!(waited < Duration::from_secs(1), "answered after {waited:?}");
        wild.client.reply(asked[399]).await;
        let (all, refused) = codes(&wild.client);
        assert!((1..=220).contains(&refused), "{refused} of {all} were refused");
        // Who calms down is served again.
        let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
        while wild.client.ask("hand", &json!({"raised": true})).await.get("result").is_none() {
            assert!(tokio::time::Instant::now() < deadline, "refused for five seconds");
        }
        calm.sees(&wild.id, "somebody with a hand up", |member| member["hand"] == true).await;
    });
}

#[test]
fn who_floods_on_is_cut_off() {
    lab::run(|lab| async move {
        let mut server = Server::start(&lab).await;
        let (calm, wild) =
            (Native::join(&server, "tea", "calm", 0).await, Native::join(&server, "tea", "wild", 1).await);
        for _ in 0..5000 {
            wild.client.request("hand", &[json!({"raised": false})]);
        }
        wild.client.wait_until_closed().await;
        calm.get("chat", json!({"text": "still here"})).await;
        assert!(server.is_alive());
        Native::join(&server, "tea", "newcomer", 2).await;
    });
}

#[test]
fn a_message_too_large_ends_its_connection_at_most() {
    lab::run(|lab| async move {
        let mut server = Server::start(&lab).await;
        let (calm, wild) =
            (Native::join(&server, "tea", "calm", 0).await, Native::join(&server, "tea", "wild", 1).await);
        wild.client.request("chat", &[json!({"text": "x".repeat(20_000_000)})]);
        // No frame of a websocket may be that long: whoever sends one is thrown out, and nobody hears it.
        wild.client.wait_until_closed().await;
        calm.round_trip().await;
        let heard = calm.client.messages();
        assert!(!heard.iter().any(|message| message["event"] == "chat"), "it was passed on");
        assert!(server.holdings().memory < 1 << 30, "{}", server.holdings());
        assert!(server.is_alive());
    });
}
