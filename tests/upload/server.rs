//! Servers that upload: killed, stopped, asked.

use super::*;
use crate::common::lab::{self, Lab};
use crate::common::server::Server;
use crate::store::Fault;

/// A server that uploads into the store and logs everything.
async fn server(lab: &Lab, store: &Store, recordings: tempfile::TempDir, more: &str) -> Server {
    start(lab, store, recordings, "trace", more).await
}

/// A server that uploads into the store, with a filter for its log and more settings of uploads.
pub(super) async fn start(lab: &Lab, store: &Store, recordings: tempfile::TempDir, filter: &str, more: &str) -> Server {
    let config = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    let text = format!(
        "[log]\nfilter = \"{filter}\"\n[upload]\nurl = \"s3://films/of/rooms\"\nendpoint = \"http://{}\"\n\
         access_key_id = \"plenum\"\nsecret_access_key = \"{SECRET}\"\nallow_http = true\nretry_seconds = 1\n\
         patience_seconds = 2\n{more}\n",
        store.address
    );
    std::fs::write(config.path(), text).unwrap();
    Server::start_in(lab, recordings, &["--config", config.path().to_str().unwrap()]).await
}

fn is_silent_about_the_password(server: &Server) {
    assert!(!server.log().iter().any(|line| line.contains(SECRET)), "the password is in the log");
}

#[test]
fn a_server_killed_in_the_middle_of_an_upload_is_followed_by_one_that_goes_on() {
    lab::run(|lab| async move {
        let folder = tempfile::tempdir().unwrap();
        let (id, files) = recording(folder.path());
        let store = Store::start(lab.address).await;
        // The first part comes, and nothing more.
        store.fail(&[Fault::None]);
        store.fail_always(Some(Fault::Silence));
        let first = server(&lab, &store, folder, "delete_local = true").await;
        store.wait_for(|seen| seen.iter().any(|request| request.contains("partNumber=2"))).await;
        let path = format!("/api/v1/recordings/{id}");
        first.signal("KILL");
        let (_, folder) = first.ended(Duration::from_secs(5)).await;
        assert!(are_here(folder.path(), &files));
        assert!(store.objects().is_empty(), "nobody takes it for whole");

        // One that fails is stopped within seconds, however silent the store is.
        let second = server(&lab, &store, folder, "delete_local = true").await;
        let failed = |entry: &Value| entry["upload"]["error"].is_string();
        second.get_until(&path, PATIENCE, failed).await;
        assert!(second.log().iter().any(|line| line.contains("an upload failed")));
        is_silent_about_the_password(&second);
        second.signal("TERM");
        let (_, folder) = second.ended(Duration::from_secs(4)).await;

        store.fail_always(None);
        let third = server(&lab, &store, folder, "delete_local = true").await;
        let done = |entry: &Value| entry["upload"]["state"] == "done";
        let entry = third.get_until(&path, PATIENCE, done).await;
        assert_eq!(entry["upload"]["location"], json!(format!("s3://films/of/rooms/{id}/")), "{entry}");
        let named = format!("{path}/files/{}", files[1].0);
        for media in [format!("{path}/file"), named] {
            let (status, error) = third.get(&media).await;
            assert_eq!((status, &error["code"]), (410, &json!("uploaded_elsewhere")), "{error}");
        }
        assert_eq!(third.post(&format!("{path}/upload"), &json!({})).await.0, 200, "it is done");
        assert_eq!(third.post("/api/v1/recordings/nothing/upload", &json!({})).await.0, 404);
        is_silent_about_the_password(&third);
        let objects = store.objects();
        for (name, bytes) in &files {
            assert!(objects[&format!("films/of/rooms/{id}/{name}")] == bytes[..], "{name} is another one");
        }
        let (_, list) = third.get("/api/v1/recordings").await;
        assert_eq!(list["recordings"][0]["id"], json!(id), "{list}");
    });
}

#[test]
fn an_upload_that_was_given_up_is_tried_again_when_somebody_asks() {
    lab::run(|lab| async move {
        let folder = tempfile::tempdir().unwrap();
        let (id, files) = recording(folder.path());
        let store = Store::start(lab.address).await;
        store.fail_always(Some(Fault::Error));
        let server = server(&lab, &store, folder, "give_up_hours = 0").await;
        let path = format!("/api/v1/recordings/{id}");
        let entry = server.get_until(&path, PATIENCE, |entry| entry["upload"]["state"] == "failed").await;
        assert!(entry["upload"]["error"].as_str().is_some_and(|error| error.contains("500")), "{entry}");
        store.fail_always(None);
        let (status, entry) = server.post(&format!("{path}/upload"), &json!({})).await;
        assert_eq!((status, &entry["upload"]["state"]), (202, &json!("pending")), "{entry}");
        server.get_until(&path, PATIENCE, |entry| entry["upload"]["state"] == "done").await;
        judge(&store, &id, &files);
        let reply = server.http().delete(server.url(&path)).send().await.unwrap();
        assert_eq!(reply.status().as_u16(), 204);
        judge(&store, &id, &files);
        is_silent_about_the_password(&server);
    });
}

#[test]
fn without_a_target_nothing_is_uploaded_and_whoever_asks_is_told() {
    lab::run(|lab| async move {
        let folder = tempfile::tempdir().unwrap();
        let (id, _) = recording(folder.path());
        let server = Server::start_in(&lab, folder, &[]).await;
        let (status, error) = server.post(&format!("/api/v1/recordings/{id}/upload"), &json!({})).await;
        assert_eq!((status, &error["code"]), (409, &json!("no_upload_target")), "{error}");
        assert!(server.get(&format!("/api/v1/recordings/{id}")).await.1["upload"].is_null());
    });
}
