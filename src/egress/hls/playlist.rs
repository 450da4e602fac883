//! Playlists as text: RFC 8216, and its second edition (draft-pantos-hls-rfc8216bis) for low latency. Pure.

use std::fmt::Write as _;

/// How many segments at the end of a list have their parts listed: older ones are loaded whole.
const WITH_PARTS: usize = 3;
/// A player stays this many parts, or segments, behind the end: bis, section 4.4.3.8.
const PARTS_BEHIND: f64 = 3.0;

/// A part of a segment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PartLine {
    /// In seconds.
    pub(super) lasts: f64,
    /// Whether it begins with a keyframe.
    pub(super) independent: bool,
}

/// A segment, or what there is of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SegmentLine {
    pub(super) number: u64,
    /// When it happened, in milliseconds since 1970.
    pub(super) began_ms: u64,
    pub(super) parts: Vec<PartLine>,
    /// Whether all parts are there.
    pub(super) whole: bool,
}

impl SegmentLine {
    fn lasts(&self) -> f64 {
        self.parts.iter().map(|part| part.lasts).sum()
    }
}

/// What a list says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Listing {
    /// What all names begin with: no name means two things, also after a restart.
    pub(super) epoch: String,
    /// How long segments are at most, in seconds.
    pub(super) target: u64,
    /// How long parts are at most, in seconds.
    pub(super) part_target: f64,
    pub(super) segments: Vec<SegmentLine>,
    /// Whether nothing more comes.
    pub(super) ended: bool,
}

impl Listing {
    /// The list of segments and parts.
    pub(super) fn text(&self) -> String {
        let Self { epoch, target, part_target, segments, ended } = self;
        let first = segments.first().map_or(0, |segment| segment.number);
        let hold = part_target * PARTS_BEHIND;
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:{target}\n\
             #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK={hold:.3},HOLD-BACK={:.3}\n\
             #EXT-X-PART-INF:PART-TARGET={part_target:.3}\n#EXT-X-MEDIA-SEQUENCE:{first}\n\
             #EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"{}\"\n",
            *target as f64 * PARTS_BEHIND,
            header_name(epoch),
        );
        let plain = segments.len().saturating_sub(WITH_PARTS + 1);
        for (index, segment) in segments.iter().enumerate() {
            let number = segment.number;
            // Writing to a string does not fail.
            let _ = writeln!(text, "#EXT-X-PROGRAM-DATE-TIME:{}", date(segment.began_ms));
            for (part, line) in segment.parts.iter().enumerate().filter(|_| index >= plain) {
                let independent = if line.independent { ",INDEPENDENT=YES" } else { "" };
                let name = part_name(epoch, number, part);
                let _ = writeln!(text, "#EXT-X-PART:DURATION={:.5},URI=\"{name}\"{independent}", line.lasts);
            }
            if segment.whole {
                let _ = writeln!(text, "#EXTINF:{:.5},\n{}", segment.lasts(), segment_name(epoch, number));
            }
        }
        if *ended {
            text.push_str("#EXT-X-ENDLIST\n");
        } else {
            let (number, part) = self.next();
            let name = part_name(epoch, number, part);
            let _ = writeln!(text, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{name}\"");
        }
        text
    }

    /// The part that comes next: the number of its segment, and its own.
    pub(super) fn next(&self) -> (u64, usize) {
        match self.segments.last() {
            Some(segment) if segment.whole => (segment.number + 1, 0),
            Some(segment) => (segment.number, segment.parts.len()),
            None => (0, 0),
        }
    }
}

/// The list of lists: one, and what it takes to play it.
pub(super) fn index(codecs: &str, width: u16, height: u16, fps: u32, bits: u64) -> String {
    format!(
        "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-INDEPENDENT-SEGMENTS\n\
         #EXT-X-STREAM-INF:BANDWIDTH={bits},CODECS=\"{codecs}\",RESOLUTION={width}x{height},FRAME-RATE={fps}.000\n\
         media.m3u8\n"
    )
}

/// What a name below a stream's address means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Header,
    Segment(u64),
    Part(u64, usize),
}

impl Wanted {
    /// What `name` means in this epoch.
    pub(super) fn of(epoch: &str, name: &str) -> Option<Self> {
        let rest = name.strip_prefix(epoch)?;
        if rest == ".mp4" {
            return Some(Self::Header);
        }
        let numbers = rest.strip_prefix('-')?.strip_suffix(".m4s")?;
        let wanted = match numbers.split_once('.') {
            Some((segment, part)) => Self::Part(segment.parse().ok()?, part.parse().ok()?),
            None => Self::Segment(numbers.parse().ok()?),
        };
        // One name for one thing: `+1` and `01` are none.
        (wanted.name(epoch) == name).then_some(wanted)
    }

    fn name(self, epoch: &str) -> String {
        match self {
            Self::Header => header_name(epoch),
            Self::Segment(number) => segment_name(epoch, number),
            Self::Part(number, part) => part_name(epoch, number, part),
        }
    }
}

fn header_name(epoch: &str) -> String {
    format!("{epoch}.mp4")
}

fn segment_name(epoch: &str, number: u64) -> String {
    format!("{epoch}-{number}.m4s")
}

fn part_name(epoch: &str, number: u64, part: usize) -> String {
    format!("{epoch}-{number}.{part}.m4s")
}

/// A date as ISO 8601 has it.
fn date(unix_ms: u64) -> String {
    let (seconds, ms) = (i64::try_from(unix_ms / 1000).unwrap_or(0), unix_ms % 1000);
    let date = glib::DateTime::from_unix_utc(seconds).and_then(|date| date.format("%Y-%m-%dT%H:%M:%S"));
    format!("{}.{ms:03}Z", date.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(number: u64, parts: usize, whole: bool) -> SegmentLine {
        let part = |index| PartLine { lasts: 0.5, independent: index % 2 == 0 };
        SegmentLine {
            number,
            began_ms: 1_700_000_000_123 + number * 2000,
            parts: (0..parts).map(part).collect(),
            whole,
        }
    }

    fn listing(segments: Vec<SegmentLine>) -> Listing {
        Listing { epoch: "e".into(), target: 2, part_target: 0.5, segments, ended: false }
    }

    #[test]
    fn a_list_says_what_there_is_and_what_comes_next() {
        let text = listing(vec![segment(6, 4, true), segment(7, 1, false)]).text();
        let wanted = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n\
            #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.500,HOLD-BACK=6.000\n\
            #EXT-X-PART-INF:PART-TARGET=0.500\n#EXT-X-MEDIA-SEQUENCE:6\n#EXT-X-INDEPENDENT-SEGMENTS\n\
            #EXT-X-MAP:URI=\"e.mp4\"\n\
            #EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:32.123Z\n\
            #EXT-X-PART:DURATION=0.50000,URI=\"e-6.0.m4s\",INDEPENDENT=YES\n\
            #EXT-X-PART:DURATION=0.50000,URI=\"e-6.1.m4s\"\n\
            #EXT-X-PART:DURATION=0.50000,URI=\"e-6.2.m4s\",INDEPENDENT=YES\n\
            #EXT-X-PART:DURATION=0.50000,URI=\"e-6.3.m4s\"\n\
            #EXTINF:2.00000,\ne-6.m4s\n\
            #EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:34.123Z\n\
            #EXT-X-PART:DURATION=0.50000,URI=\"e-7.0.m4s\",INDEPENDENT=YES\n\
            #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"e-7.1.m4s\"\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn old_segments_are_listed_without_their_parts_and_an_end_is_said() {
        let mut listing = listing((0..8).map(|number| segment(number, 4, true)).collect());
        assert_eq!(listing.next(), (8, 0));
        listing.ended = true;
        let text = listing.text();
        assert_eq!(text.matches("#EXTINF").count(), 8);
        assert_eq!(text.matches("#EXT-X-PART:").count(), 16);
        assert!(text.ends_with("e-7.m4s\n#EXT-X-ENDLIST\n"));
    }

    #[test]
    fn a_name_means_one_thing_and_others_mean_nothing() {
        assert_eq!(Wanted::of("ab", "ab.mp4"), Some(Wanted::Header));
        assert_eq!(Wanted::of("ab", "ab-12.m4s"), Some(Wanted::Segment(12)));
        assert_eq!(Wanted::of("ab", "ab-12.3.m4s"), Some(Wanted::Part(12, 3)));
        for bad in [
            "",
            "ab",
            "cd.mp4",
            "ab-.m4s",
            "ab-1",
            "ab-+1.m4s",
            "ab-01.m4s",
            "ab-1.2.3.m4s",
            "ab-1.m4s/..",
            "../ab.mp4",
        ] {
            assert_eq!(Wanted::of("ab", bad), None, "{bad}");
        }
    }
}
