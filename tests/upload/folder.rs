//! Into a folder, and what becomes of the files here.

use super::*;

#[tokio::test]
async fn local_files_go_only_when_asked_and_the_recording_stays_known() {
    let (folder, target) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (id, files) = recording(folder.path());
    let url = format!("file://{}", target.path().display());
    let config = config::Upload { url: url.clone(), delete_local: true, ..config::Upload::default() };
    let uploading = Uploading::start(folder.path(), &config).await;
    let done = uploading.is_done(&id).await;
    assert_eq!((done.location, done.local_deleted), (format!("{url}/{id}/"), true));
    assert!(are_here(&target.path().join(id.as_str()), &files));
    let refused = uploading.catalogue.media(&id, None).await.unwrap_err().to_string();
    assert!(refused.contains(&url), "{refused}");
    uploading.end().await;
    assert!(files.iter().all(|(name, _)| !folder.path().join(name).exists()));

    // A server that was killed between noting that they go and deleting them: the next one does it.
    std::fs::write(folder.path().join(&files[0].0), "left").unwrap();
    let (other, _) = recording(folder.path());
    let uploading = Uploading::start(folder.path(), &config).await;
    uploading.is_done(&other).await;
    assert!(!folder.path().join(&files[0].0).exists());
    uploading.catalogue.remove(&id).await.unwrap().unwrap();
    assert!(are_here(&target.path().join(id.as_str()), &files), "the copy elsewhere is not ours to delete");
    uploading.end().await;
}

#[tokio::test]
async fn the_folder_of_recordings_is_no_target() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    let recordings = folder.path().join("recordings");
    std::fs::create_dir(&recordings).unwrap();
    std::os::unix::fs::symlink(&recordings, &link).unwrap();
    for path in [&recordings, &link] {
        let config = config::Upload { url: format!("file://{}", path.display()), ..config::Upload::default() };
        let error = Uploader::new(&config, &recordings).unwrap_err().to_string();
        assert!(error.contains("choose another"), "{error}");
    }
    assert!(Uploader::new(&config::Upload::default(), &recordings).unwrap().is_none());
}
