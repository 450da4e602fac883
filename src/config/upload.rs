//! Where finished recordings go.

use serde::{Deserialize, Serialize};

use super::{ConfigError, Secret};

/// Where finished recordings go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    /// `s3://bucket/prefix` or `file:///path`; empty for nowhere.
    pub url: String,
    /// The server of the bucket, as `https://host:port`; empty for Amazon's.
    pub endpoint: String,
    /// The region of the bucket.
    pub region: String,
    /// The name to log in with; empty for what the environment says, or the role of the machine.
    pub access_key_id: String,
    /// The password to log in with.
    pub secret_access_key: Secret,
    /// Whether the server may be spoken to without TLS.
    pub allow_http: bool,
    /// Whether what was stored is read back and compared.
    pub verify: bool,
    /// Whether the local files are deleted when all is stored and compared.
    pub delete_local: bool,
    /// How many hours an upload is tried again after it failed.
    pub give_up_hours: u64,
    /// How many seconds after the first failure it is tried again; each further time about twice as many.
    pub retry_seconds: u64,
    /// After how many seconds without an answer the store counts as gone.
    pub patience_seconds: u64,
}

impl Default for Upload {
    fn default() -> Self {
        Self {
            url: String::new(),
            endpoint: String::new(),
            region: "us-east-1".into(),
            access_key_id: String::new(),
            secret_access_key: Secret::default(),
            allow_http: false,
            verify: true,
            delete_local: false,
            give_up_hours: 24,
            retry_seconds: 5,
            patience_seconds: 60,
        }
    }
}

impl Upload {
    /// Whether recordings go anywhere.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        !self.url.is_empty()
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key, value: &str, remedy| Err(ConfigError::Value { key, value: value.to_owned(), remedy });
        // What is shown of a wrong value must not be a password.
        for (key, address) in [("upload.url", &self.url), ("upload.endpoint", &self.endpoint)] {
            if address.contains('@') || address.contains('?') {
                let remedy = "put the password into upload.secret_access_key, and nothing after a question mark";
                return wrong(key, "an address with a password or options, not shown here", remedy);
            }
        }
        let bucket = self.url.strip_prefix("s3://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
        let folder = self.url.strip_prefix("file://").is_some_and(|path| path.len() > 1 && path.starts_with('/'));
        if self.is_wanted() && !bucket && !folder {
            return wrong("upload.url", &self.url, "write it as s3://bucket/prefix or file:///path, or leave it empty");
        }
        if self.access_key_id.is_empty() != self.secret_access_key.is_empty() {
            let remedy = "set upload.secret_access_key too, or neither: then the environment or the role of the machine has them";
            return wrong("upload.access_key_id", &format!("{:?} alone", self.access_key_id), remedy);
        }
        if self.delete_local && !self.verify {
            return wrong(
                "upload.verify",
                "false",
                "set it to true, or upload.delete_local to false: what was not compared may be lost",
            );
        }
        let (http, https) = (self.endpoint.starts_with("http://"), self.endpoint.starts_with("https://"));
        if !self.endpoint.is_empty() && !http && !https {
            return wrong("upload.endpoint", &self.endpoint, "write it as https://host:port");
        }
        if http && !self.allow_http {
            return wrong(
                "upload.endpoint",
                &self.endpoint,
                "use https, or set upload.allow_http in a network of yours",
            );
        }
        for (key, value) in
            [("upload.retry_seconds", self.retry_seconds), ("upload.patience_seconds", self.patience_seconds)]
        {
            if !(1..=900).contains(&value) {
                return wrong(key, &value.to_string(), "use 1 to 900");
            }
        }
        if self.give_up_hours > 24 * 365 {
            return wrong("upload.give_up_hours", &self.give_up_hours.to_string(), "use up to 8760, a year");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_values_are_named_and_passwords_are_not() {
        let base = || Upload { url: "s3://bucket/prefix".into(), ..Upload::default() };
        for (upload, key) in [
            (Upload { url: "bucket".into(), ..base() }, "upload.url"),
            (Upload { url: "s3:///prefix".into(), ..base() }, "upload.url"),
            (Upload { url: "file://relative".into(), ..base() }, "upload.url"),
            (Upload { url: "s3://me:tellnobody@bucket".into(), ..base() }, "upload.url"),
            (Upload { endpoint: "https://me:tellnobody@host".into(), ..base() }, "upload.endpoint"),
            (Upload { endpoint: "http://host".into(), ..base() }, "upload.endpoint"),
            (Upload { endpoint: "host:9000".into(), ..base() }, "upload.endpoint"),
            (Upload { secret_access_key: "tellnobody".into(), ..base() }, "upload.access_key_id"),
            (Upload { verify: false, delete_local: true, ..base() }, "upload.verify"),
            (Upload { retry_seconds: 0, ..base() }, "upload.retry_seconds"),
            (Upload { patience_seconds: 0, ..base() }, "upload.patience_seconds"),
            (Upload { give_up_hours: u64::MAX, ..base() }, "upload.give_up_hours"),
        ] {
            let error = upload.check().expect_err(key).to_string();
            assert!(error.contains(key) && !error.contains("tellnobody"), "{error}");
        }
        for url in ["", "s3://bucket", "s3://bucket/a/b/", "file:///srv/recordings"] {
            Upload { url: url.into(), ..base() }.check().unwrap_or_else(|error| panic!("{error}"));
        }
        let local = Upload { endpoint: "http://127.0.0.1:9000".into(), allow_http: true, ..base() };
        assert!(local.check().is_ok());
    }

    #[test]
    fn the_password_is_not_printed() {
        let upload = Upload { secret_access_key: "tellnobody".into(), ..Upload::default() };
        assert!(!format!("{upload:?}").contains("tellnobody"));
    }
}
