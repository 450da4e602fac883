//! What files were when they were whole: their SHA-256.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::catalogue::Catalogue;
use super::file::FileName;
use super::manifest::Manifest;

/// Notes the checksums of the files of a recording that has ended, and says whether that worked. One of several that is not
/// there is no file of it.
pub(super) async fn note(catalogue: &Arc<Catalogue>, manifest: &Manifest) -> bool {
    let mut noted = true;
    for file in manifest.files.iter().filter(|file| file.sha256.is_none()) {
        noted &= note_one(catalogue, manifest, &file.name).await;
    }
    noted
}

async fn note_one(catalogue: &Catalogue, manifest: &Manifest, name: &FileName) -> bool {
    let path = name.within(catalogue.folder());
    let sum = tokio::task::spawn_blocking(move || of(&path)).await;
    let noted = match sum {
        Ok(Ok(sum)) => {
            let change = |manifest: &mut Manifest| {
                if let Some(file) = manifest.file_mut(name) {
                    file.sha256 = Some(sum);
                }
            };
            catalogue.update(&manifest.id, change).await.map(drop).map_err(|error| error.to_string())
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound && manifest.files.len() == 1 => Ok(()),
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            tracing::warn!(recording = %manifest.id, file = name.as_str(), "a file of a recording is missing");
            let change = |manifest: &mut Manifest| {
                manifest.files.retain(|file| file.name != *name);
                manifest.weigh(catalogue.folder());
            };
            catalogue.update(&manifest.id, change).await.map(drop).map_err(|error| error.to_string())
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = &noted {
        tracing::warn!(recording = %manifest.id, error, "a recording has no checksum yet: it is tried again");
    }
    noted.is_ok()
}

/// The SHA-256 of a file, in hexadecimal digits. Blocks.
fn of(path: &Path) -> io::Result<String> {
    let mut digest = Sha256::new();
    io::copy(&mut File::open(path)?, &mut io::BufWriter::with_capacity(1 << 20, Writer(&mut digest)))?;
    Ok(hexadecimal(digest))
}

/// What a digest has come to, as manifests have it.
pub(super) fn hexadecimal(digest: Sha256) -> String {
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes bytes in.
struct Writer<'a>(&'a mut Sha256);

impl io::Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_one_that_everybody_computes() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        // FIPS 180-2, appendix B.1.
        assert_eq!(of(file.path()).unwrap(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
