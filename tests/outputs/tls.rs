//! RTMP over TLS: to those whom the operator trusts, and to nobody else.

use std::net::SocketAddr;

use serde_json::json;

use crate::certificates::Authority;
use crate::common::lab;
use crate::common::native::Native;
use crate::receiver::{Receiver, judge};
use crate::wire::Wire;
use crate::{DEADLINE, OUTPUTS, free_port, server_with};

#[test]
fn rtmps_goes_to_who_is_vouched_for_and_to_nobody_else() {
    lab::run(|lab| async move {
        let folder = tempfile::tempdir().unwrap();
        let (ours, others) = (Authority::new("our authority"), Authority::new("another authority"));
        let ca_file = folder.path().join("ca.pem");
        ours.write(&ca_file);
        let server = server_with(&lab, &format!("[outputs]\nca_file = {ca_file:?}\n")).await;
        let ann = Native::join(&server, "tea", "ann", 0).await;
        let _sending = ann.publish("send-1").await;

        let target = SocketAddr::new(lab.address, free_port(lab.address));
        let file = folder.path().join("taken.mkv");
        let receiver = Receiver::rtmp(&format!("rtmp://{target}/live/key"), &file);
        let address = lab.address.to_string();
        let vouched = Wire::of_tls(target, ours.server(&[&address])).await;
        let stranger = Wire::of_tls(target, others.server(&[&address])).await;
        let mistaken = Wire::of_tls(target, ours.server(&["live.example.org"])).await;
        // And one that speaks no TLS at all.
        let unused = SocketAddr::new(lab.address, free_port(lab.address));
        let _listens = Receiver::rtmp(&format!("rtmp://{unused}/live/key"), &folder.path().join("none.mkv"));
        let plain = Wire::to(unused).await;
        let mut outputs = Vec::new();
        for wire in [&stranger, &mistaken, &plain, &vouched] {
            let url = wire.url("rtmps", lab.address);
            let (status, output) = server.post(OUTPUTS, &json!({"kind": "push", "url": url})).await;
            assert_eq!((status, &output["kind"]), (201, &json!("rtmps")), "{output}");
            let output = format!("{OUTPUTS}/{}", output["id"].as_str().unwrap());
            if outputs.len() < 3 {
                let refused = server.get_until(&output, DEADLINE, |output| output["state"] == "waiting").await;
                let error = refused["error"].as_str().unwrap_or_default();
                println!("{error}");
                assert!(error.contains("TLS") || error.contains("certificate"), "{refused}");
            }
            outputs.push(output);
        }
        server.get_until(&outputs[3], DEADLINE, |output| output["state"] == "live").await;
        // Some seconds: the receiver looks at that much before it writes.
        server.get_until(&outputs[3], 2 * DEADLINE, |output| output["bytes"].as_u64() > Some(500_000)).await;
        for refused in &outputs[..3] {
            assert_ne!(server.get(refused).await.1["state"], "live");
        }
        judge(&receiver.finish().await);
    });
}

#[test]
fn a_file_without_certificates_is_said_at_the_start() {
    lab::run(|lab| async move {
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, "nothing").unwrap();
        let config = folder.path().join("plenum.toml");
        std::fs::write(&config, format!("[outputs]\nca_file = {ca_file:?}\n")).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_plenum"));
        command.args(["--open", "--listen", &format!("{}:0", lab.address), "--config"]).arg(&config);
        let output = command.current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("ca.pem") && said.contains("cannot be used"), "{said}");
    });
}
