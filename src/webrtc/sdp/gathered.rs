//! An answer with all our candidates in it.

use sdp_types::{Attribute, Session};

use super::answer::misfit;
use super::error::SdpError;
use super::model::Offer;

/// Puts `candidates` (`candidate:…`) into a finished `answer` to `offer`, and says that there are no more. They stand in
/// the first accepted section, whose transport carries all.
pub fn with_candidates(answer: &str, offer: &Offer, candidates: &[String]) -> Result<String, SdpError> {
    let mut session = Session::parse(answer.as_bytes()).map_err(|error| misfit(&error.to_string()))?;
    let line = offer.sections.first().map(|section| section.line);
    let media = line.and_then(|line| session.medias.get_mut(line)).ok_or_else(|| misfit("it lacks an m-line"))?;
    let values = candidates.iter().map(|candidate| candidate.strip_prefix("candidate:").unwrap_or(candidate));
    media.attributes.extend(values.map(|value| Attribute::with_value("candidate", value)));
    media.attributes.push(Attribute::new("end-of-candidates"));
    let mut text = Vec::new();
    session.write(&mut text).map_err(|error| misfit(&error.to_string()))?;
    String::from_utf8(text).map_err(|error| misfit(&error.to_string()))
}
