//! Into a real S3 server, of somebody else's making, which checks every signature.

use std::net::SocketAddr;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;

use super::*;

/// A server with one bucket; what it has is in a folder.
struct S3 {
    address: SocketAddr,
    root: tempfile::TempDir,
    task: JoinHandle<()>,
}

impl S3 {
    async fn start() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("films")).unwrap();
        let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root.path()).unwrap());
        service.set_auth(SimpleAuth::from_single("plenum", SECRET));
        let service = service.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, root, task }
    }

    fn config(&self, password: &str) -> config::Upload {
        config::Upload {
            url: "s3://films/of/rooms".into(),
            endpoint: format!("http://{}", self.address),
            access_key_id: "plenum".into(),
            secret_access_key: password.into(),
            allow_http: true,
            retry_seconds: 1,
            patience_seconds: 5,
            delete_local: true,
            ..config::Upload::default()
        }
    }

    fn get(&self, key: &str) -> Option<Vec<u8>> {
        std::fs::read(self.root.path().join("films/of/rooms").join(key)).ok()
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn a_real_server_has_all_of_it_before_anything_is_deleted_here() {
    let folder = tempfile::tempdir().unwrap();
    let (id, files) = recording(folder.path());
    let store = S3::start().await;

    let stranger = Uploading::start(folder.path(), &store.config("a wrong one")).await;
    let refused = stranger.wait_for(&id, failed_once).await;
    assert!(is(UploadState::Pending)(&refused), "{:?}", refused.upload);
    assert!(are_here(folder.path(), &files), "the only copy is here");
    stranger.end().await;

    let uploading = Uploading::start(folder.path(), &store.config(SECRET)).await;
    let done = uploading.is_done(&id).await;
    assert!(done.local_deleted && done.error.is_none(), "{done:?}");
    for (name, bytes) in &files {
        assert!(store.get(&format!("{id}/{name}")).as_ref() == Some(bytes), "{name} is another one");
        assert!(!folder.path().join(name).exists(), "{name} takes space here");
    }
    let manifest: Manifest = serde_json::from_slice(&store.get(&format!("{id}/{id}.json")).unwrap()).unwrap();
    assert_eq!(manifest.id, id);
    uploading.end().await;
}
