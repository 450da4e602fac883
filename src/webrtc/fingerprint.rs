//! The DTLS fingerprint of a description, and whether a certificate has it.
//!
//! Pure code, any thread. webrtcbin 1.22 completes the handshake with any certificate, so no media may pass before
//! [`Fingerprint::matches_pem`] has answered true.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// The longest certificate text that is looked at. A browser's has 500 bytes.
const MAX_PEM: usize = 64 * 1024;

/// A hash that we can compute and still trust. Anything weaker is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// What every browser sends.
    Sha256,
    /// Allowed by RFC 8122.
    Sha384,
    /// Allowed by RFC 8122.
    Sha512,
}

impl Algorithm {
    /// Its name in `a=fingerprint`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Sha256, Self::Sha384, Self::Sha512].into_iter().find(|known| name.eq_ignore_ascii_case(known.as_str()))
    }

    fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn hash(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(data).to_vec(),
            Self::Sha384 => Sha384::digest(data).to_vec(),
            Self::Sha512 => Sha512::digest(data).to_vec(),
        }
    }
}

/// Why a fingerprint or a certificate could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FingerprintError {
    /// Not a hash that we trust.
    #[error("the fingerprint uses a hash that is not accepted: send one with sha-256, sha-384 or sha-512")]
    Algorithm,
    /// Not colon-separated hexadecimal bytes.
    #[error(
        "the fingerprint is not written as hexadecimal bytes with colons between them: send it as the browser made it"
    )]
    Hex,
    /// Too short or too long for its hash.
    #[error("the fingerprint has {found} bytes where its hash has {expected}: send it as the browser made it")]
    Length {
        /// Bytes of the hash.
        expected: usize,
        /// Bytes received.
        found: usize,
    },
    /// The certificate is not PEM.
    #[error("the DTLS certificate of the other side is not readable PEM: close this connection")]
    Pem,
}

/// The hash of the certificate that the other side promises to show.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl Fingerprint {
    /// Reads the value of `a=fingerprint`, such as `sha-256 12:AB:…`.
    pub fn parse(value: &str) -> Result<Self, FingerprintError> {
        let (name, hex) = value.split_once(' ').ok_or(FingerprintError::Hex)?;
        let algorithm = Algorithm::from_name(name).ok_or(FingerprintError::Algorithm)?;
        // Counted before it is decoded, so that a long value costs nothing.
        let (expected, found) = (algorithm.len(), hex.split(':').count());
        if found != expected {
            return Err(FingerprintError::Length { expected, found });
        }
        let bytes = hex.split(':').map(byte).collect::<Option<Vec<_>>>().ok_or(FingerprintError::Hex)?;
        Ok(Self { algorithm, bytes })
    }

    /// Which hash it is.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether the (first) certificate in `pem` has this fingerprint. All bytes are compared whatever the outcome.
    pub fn matches_pem(&self, pem: &str) -> Result<bool, FingerprintError> {
        let found = self.algorithm.hash(&certificate(pem)?);
        let difference = self.bytes.iter().zip(&found).fold(0, |all, (ours, theirs)| all | (ours ^ theirs));
        Ok(found.len() == self.bytes.len() && difference == 0)
    }
}

impl fmt::Display for Fingerprint {
    /// The value of `a=fingerprint`, hexadecimal in upper case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm.as_str())?;
        for (index, byte) in self.bytes.iter().enumerate() {
            write!(f, "{}{byte:02X}", if index == 0 { ' ' } else { ':' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

fn byte(hex: &str) -> Option<u8> {
    // from_str_radix alone would take "+1".
    let plain = hex.len() == 2 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain.then(|| u8::from_str_radix(hex, 16).ok()).flatten()
}

fn certificate(pem: &str) -> Result<Vec<u8>, FingerprintError> {
    if pem.len() > MAX_PEM {
        return Err(FingerprintError::Pem);
    }
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----").ok_or(FingerprintError::Pem)?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----").ok_or(FingerprintError::Pem)?;
    let body: String = body.split_ascii_whitespace().collect();
    let der = STANDARD.decode(body).map_err(|_| FingerprintError::Pem)?;
    if der.is_empty() { Err(FingerprintError::Pem) } else { Ok(der) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    /// Made with `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=plenum -days 36500`.
    const PEM: &str = include_str!("../../tests/fixtures/certificate.pem");
    const SHA256: &str = include_str!("../../tests/fixtures/certificate.sha256");
    const SHA512: &str = include_str!("../../tests/fixtures/certificate.sha512");

    #[test]
    fn knows_the_certificate_that_openssl_hashed() {
        for value in [SHA256, SHA512] {
            let fingerprint = Fingerprint::parse(value.trim()).unwrap();
            assert!(fingerprint.matches_pem(PEM).unwrap());
            assert_eq!(fingerprint.to_string(), value.trim());
            assert!(Fingerprint::parse(&value.trim().to_lowercase()).unwrap().matches_pem(PEM).unwrap());
        }
    }

    #[test]
    fn one_other_bit_is_another_certificate() {
        let other = SHA256.trim().strip_suffix(|_: char| true).unwrap();
        let last = if SHA256.trim().ends_with('0') { '1' } else { '0' };
        let other = Fingerprint::parse(&format!("{other}{last}")).unwrap();
        assert_eq!(other.matches_pem(PEM), Ok(false));
    }

    #[test]
    fn refuses_what_is_not_a_fingerprint() {
        let of = |value: &str| Fingerprint::parse(value).unwrap_err();
        assert_eq!(of("zzz"), FingerprintError::Hex);
        assert_eq!(of("sha-1 00:11"), FingerprintError::Algorithm);
        assert_eq!(of("sha-256 zzz"), FingerprintError::Length { expected: 32, found: 1 });
        assert_eq!(of(&format!("sha-256 {}", ["+1"; 32].join(":"))), FingerprintError::Hex);
        assert_eq!(of(&format!("sha-256 {}", ["é"; 32].join(":"))), FingerprintError::Hex);
        assert_eq!(of(&format!("sha-256 {} ", ["00"; 32].join(":"))), FingerprintError::Hex);
        assert_eq!(
            of(&format!("sha-384 {}", ["00"; 32].join(":"))),
            FingerprintError::Length { expected: 48, found: 32 }
        );
    }

    #[test]
    fn refuses_what_is_not_a_certificate() {
        let fingerprint = Fingerprint::parse(SHA256.trim()).unwrap();
        for pem in [
            "",
            "-----BEGIN CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE----------END CERTIFICATE-----",
        ] {
            assert_eq!(fingerprint.matches_pem(pem), Err(FingerprintError::Pem));
        }
    }
}
