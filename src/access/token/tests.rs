//! What is taken as a token, and what is not.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Sha256, Sha512};

use super::*;
use crate::access::mint::{self, Order};

const SECRET: &str = "a secret of 32 characters or more";
const NOW: u64 = 1_700_000_000;

fn keys() -> Keys {
    let keys = [("app", SECRET), ("next", "another secret of 32 characters!!")];
    Keys::new(
        &keys.map(|(name, secret)| (name.to_owned(), Secret::from(secret))).into_iter().collect::<BTreeMap<_, _>>(),
    )
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Signs by hand, as no library would.
fn sign(header: &Value, claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let mac = match header["alg"].as_str() {
        Some("HS512") => {
            let mut mac = Hmac::<Sha512>::new_from_slice(secret.as_bytes()).expect("any key");
            mac.update(signed.as_bytes());
            mac.finalize().into_bytes().to_vec()
        }
        _ => {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key");
            mac.update(signed.as_bytes());
            mac.finalize().into_bytes().to_vec()
        }
    };
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
}

fn hs256() -> Value {
    json!({"alg": "HS256", "typ": "JWT"})
}

fn claims() -> Value {
    json!({"iss": "app", "exp": NOW + 60, "sub": "ann", "video": {"room": "tea", "roomJoin": true}})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn judged(token: &str) -> Result<Token, TokenError> {
    keys().verify(token, at(NOW))
}

#[test]
fn what_a_key_signed_is_believed() {
    let mut all = claims();
    all["name"] = "Ann".into();
    all["metadata"] = "{\"seat\":7}".into();
    all["nbf"] = NOW.into();
    all["jti"] = "ann".into();
    all["sip"] = json!({"admin": true});
    let token = judged(&sign(&hs256(), &all, SECRET)).expect("a good one");
    let grants = Grants { room: Some("tea".into()), room_join: Some(true), ..Grants::default() };
    let (identity, name, metadata) = (Some("ann".into()), Some("Ann".into()), Some("{\"seat\":7}".into()));
    assert_eq!(token, Token { key: "app".into(), identity, name, metadata, grants });
    // A token without grants is one, and allows nothing.
    let bare = json!({"iss": "next", "exp": (NOW as f64) + 0.5});
    let bare = judged(&sign(&hs256(), &bare, "another secret of 32 characters!!")).expect("a good one");
    assert_eq!((bare.key.as_str(), bare.grants), ("next", Grants::default()));
}

#[test]
fn what_is_minted_is_taken() {
    let order = Order {
        identity: Some("ann".into()),
        name: None,
        metadata: None,
        grants: Grants { room: Some("tea".into()), hidden: Some(true), ..Grants::default() },
        lasts: Duration::from_secs(60),
    };
    let minted = mint::mint("app", &SECRET.into(), &order, at(NOW)).expect("a token");
    let token = judged(&minted).expect("a good one");
    assert_eq!((token.grants, token.identity), (order.grants, order.identity));
}

#[test]
fn clocks_may_differ_a_little() {
    let good = |claims: Value| judged(&sign(&hs256(), &claims, SECRET)).map(|_| ());
    assert_eq!(good(with("exp", (NOW - 9).into())), Ok(()));
    assert_eq!(good(with("exp", (NOW - 10).into())), Err(TokenError::Expired(10)));
    assert_eq!(good(with("exp", json!(-1e300))), Err(TokenError::Expired(u64::MAX)));
    assert_eq!(good(with("nbf", (NOW + 10).into())), Ok(()));
    assert_eq!(good(with("nbf", (NOW + 12).into())), Err(TokenError::TooEarly(12)));
    assert_eq!(good(with("exp", Value::Null)), Err(TokenError::Endless));
}

#[test]
fn nothing_else_is_taken() {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let good = sign(&hs256(), &claims(), SECRET);
    let (signed, _) = good.rsplit_once('.').expect("three parts");
    let unsigned = format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims()));
    let stripped = format!("{signed}.");
    // Whoever has no secret may try the names of keys, and nothing at all.
    for (what, token, error) in [
        ("no algorithm", unsigned.as_str(), None),
        ("no signature", &stripped, Some(TokenError::Signature)),
        ("HS512", &sign(&json!({"alg": "HS512"}), &claims(), SECRET), Some(TokenError::Algorithm)),
        ("RS256", &sign(&json!({"alg": "RS256"}), &claims(), SECRET), Some(TokenError::Algorithm)),
        ("another secret", &sign(&hs256(), &claims(), "wrong"), Some(TokenError::Signature)),
        ("an empty secret", &sign(&hs256(), &claims(), ""), Some(TokenError::Signature)),
        ("the name as the secret", &sign(&hs256(), &claims(), "app"), Some(TokenError::Signature)),
        ("another's name", &sign(&hs256(), &with("iss", "next".into()), SECRET), Some(TokenError::Signature)),
        ("no such key", &sign(&hs256(), &with("iss", "old".into()), SECRET), Some(TokenError::Signature)),
        ("no issuer", &sign(&hs256(), &with("iss", Value::Null), SECRET), None),
        ("an end in words", &sign(&hs256(), &with("exp", "tomorrow".into()), SECRET), None),
        ("grants in words", &sign(&hs256(), &with("video", "all".into()), SECRET), None),
        ("a grant in words", &sign(&hs256(), &with("video", json!({"roomJoin": "true"})), SECRET), None),
        ("another audience", &sign(&hs256(), &with("aud", "elsewhere".into()), SECRET), None),
        ("a long identity", &sign(&hs256(), &with("sub", "x".repeat(257).into()), SECRET), None),
        ("a torn identity", &sign(&hs256(), &with("sub", "a\nb".into()), SECRET), None),
        ("much metadata", &sign(&hs256(), &with("metadata", "x".repeat(2049).into()), SECRET), None),
        ("much of anything", &sign(&hs256(), &with("name", "x".repeat(9000).into()), SECRET), None),
        ("nothing", "", None),
        ("dots", "..", None),
        ("words", "let me in", None),
    ] {
        let refused = judged(token).expect_err(what);
        match error {
            Some(error) => assert_eq!(refused, error, "{what}"),
            None => assert!(matches!(refused, TokenError::Malformed(_) | TokenError::Algorithm), "{what}: {refused:?}"),
        }
        assert!(!refused.to_string().contains(SECRET), "{refused}");
    }
}

#[test]
fn keys_are_not_printed() {
    let printed = format!("{:?}", keys());
    assert!(printed.contains("app") && !printed.contains("secret"), "{printed}");
}

proptest! {
    /// Whatever is changed in a token, it is none any more; and nothing that is sent makes the server fall over.
    #[test]
    fn a_changed_token_is_none(index in 0_usize..200, byte in any::<u8>(), rubbish in ".{0,300}") {
        let good = sign(&hs256(), &claims(), SECRET);
        let mut bytes = good.clone().into_bytes();
        let index = index % bytes.len();
        bytes[index] = byte;
        if let Ok(changed) = String::from_utf8(bytes) {
            // The last character of base64 has bits that mean nothing: then it is the same token, or none.
            prop_assert_eq!(judged(&changed).is_ok() && changed != good, false);
        }
        prop_assert!(judged(&rubbish).is_err());
    }
}
