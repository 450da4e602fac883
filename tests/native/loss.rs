//! What gets lost on the way to the server.

use std::time::{Duration, Instant};

use crate::common::lab;
use crate::common::native::Native;
use crate::common::relay::{Conditions, Relay};
use crate::common::server::Server;
use crate::common::source::RATE;

/// So much of the picture may be missing. Without repair it is a quarter: each lost packet costs all until the next keyframe.
const MISSING: f64 = 0.1;

#[test]
fn what_gets_lost_of_a_picture_is_asked_for_again_and_comes_in_time() {
    lab::run(|lab| async move {
        let server = Server::start(&lab).await;
        let (ann, bob) = (Native::join(&server, "tea", "Ann", 1).await, Native::join(&server, "tea", "Bob", 2).await);
        let conditions = Conditions { loss: 3.0, delay: Duration::from_millis(10), jitter: Duration::from_millis(30) };
        let _sending = ann.publish_over("send-1", Relay::new(lab.address, conditions)).await;
        let watching = bob.subscribe("receive-1", 1, 1).await;
        let slot = bob.finds(&watching, &ann.id, "camera").await;
        // How long a round trip is has to be learnt first.
        watching.watches(slot, 50).await;
        // Eight of the ten seconds that there are to see them.
        let pictures = 200;
        let begun = Instant::now();
        watching.watches(slot, pictures).await;
        let sent = begun.elapsed().as_secs_f64() * RATE as f64;
        println!("{pictures} of {sent:.0} pictures came");
        assert!(pictures as f64 > sent * (1.0 - MISSING), "{pictures} of {sent:.0} pictures came");
    });
}
