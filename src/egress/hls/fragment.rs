//! Fragmented MP4 as segments of HLS want it: a header that tells the tracks, and parts of one fragment each. Pure.
//!
//! The boxes are those of ISO/IEC 14496-12; which of them are wanted says CMAF, ISO/IEC 23000-19.

use bytes::Bytes;
use mp4_atom::{
    Atom, Audio, Avc1, Avcc, Codec, Dinf, Dref, Encode, Esds, Ftyp, Hdlr, Matrix, Mdhd, Mdia, Mfhd, Minf, Moof, Moov,
    Mp4a, Mvex, Mvhd, Smhd, Stbl, Stco, Stsc, Stsd, Stsz, Stts, Tfdt, Tfhd, Tkhd, Traf, Trak, Trex, Trun, TrunEntry,
    Url, Visual, Vmhd, esds,
};

use super::cutter::{Cut, Sample};

const PICTURES: u32 = 1;
const SOUND: u32 = 2;
/// Ticks a second of pictures.
const PICTURE_TICKS: u64 = 90_000;
/// ISO/IEC 14496-12, 8.8.3.1: a sample on which no other depends, and one that depends on others.
const KEYFRAME: u32 = 0x0200_0000;
const DEPENDS: u32 = 0x0101_0000;
/// MPEG-4 audio, in an audio stream: ISO/IEC 14496-1, 7.2.6.6.
const MPEG4_AUDIO: u8 = 0x40;
const AUDIO_STREAM: u8 = 5;

/// What the tracks are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tracks {
    /// The AVCDecoderConfigurationRecord of ISO/IEC 14496-15, as caps have it.
    pub(super) avcc: Bytes,
    pub(super) width: u16,
    pub(super) height: u16,
    /// The AudioSpecificConfig of ISO/IEC 14496-3, as caps have it.
    pub(super) aac: Bytes,
    pub(super) rate: u16,
    pub(super) channels: u16,
}

impl Tracks {
    /// What RFC 6381 calls the codecs.
    pub(super) fn codecs(&self) -> String {
        let level: String = self.avcc.iter().skip(1).take(3).map(|byte| format!("{byte:02X}")).collect();
        // The object type is the first five bits.
        let object = self.aac.first().map_or(2, |byte| byte >> 3);
        format!("avc1.{level},mp4a.40.{object}")
    }

    /// What every player reads first: `ftyp` and `moov`.
    pub(super) fn header(&self) -> mp4_atom::Result<Bytes> {
        let brands = [b"iso6", b"cmfc", b"mp41"].map(|brand| brand.into()).to_vec();
        let ftyp = Ftyp { major_brand: b"iso6".into(), minor_version: 0, compatible_brands: brands };
        let trex = |track_id| Trex { track_id, default_sample_description_index: 1, ..Trex::default() };
        let moov = Moov {
            mvhd: Mvhd {
                rate: 1.into(),
                volume: 1.into(),
                matrix: unity(),
                next_track_id: SOUND + 1,
                ..Mvhd::default()
            },
            mvex: Some(Mvex { trex: vec![trex(PICTURES), trex(SOUND)], ..Mvex::default() }),
            trak: vec![self.pictures()?, self.sound()],
            ..Moov::default()
        };
        let mut bytes = Vec::new();
        ftyp.encode(&mut bytes)?;
        moov.encode(&mut bytes)?;
        Ok(bytes.into())
    }

    fn pictures(&self) -> mp4_atom::Result<Trak> {
        let visual = Visual {
            data_reference_index: 1,
            width: self.width,
            height: self.height,
            horizresolution: 72.into(),
            vertresolution: 72.into(),
            frame_count: 1,
            compressor: "".into(),
            depth: 24,
        };
        let avcc = Avcc::decode_body(&mut &self.avcc[..])?;
        let codec = Avc1 { visual, avcc, ..Avc1::default() }.into();
        let tkhd = Tkhd { width: self.width.into(), height: self.height.into(), ..track(PICTURES) };
        let minf = Minf { vmhd: Some(Vmhd::default()), ..media(codec) };
        let hdlr = Hdlr { handler: b"vide".into(), name: "pictures".into() };
        Ok(Trak { tkhd, mdia: Mdia { mdhd: scale(PICTURE_TICKS), hdlr, minf }, ..Trak::default() })
    }

    fn sound(&self) -> Trak {
        let audio = Audio {
            data_reference_index: 1,
            channel_count: self.channels,
            sample_size: 16,
            sample_rate: self.rate.into(),
        };
        let dec_specific = Some(esds::DecoderSpecific { raw: self.aac.to_vec(), ..Default::default() });
        let dec_config = esds::DecoderConfig {
            object_type_indication: MPEG4_AUDIO,
            stream_type: AUDIO_STREAM,
            dec_specific,
            ..Default::default()
        };
        let esds = Esds { es_desc: esds::EsDescriptor { es_id: 0, dec_config, ..Default::default() } };
        let codec = Mp4a { audio, esds, btrt: None, taic: None }.into();
        let tkhd = Tkhd { alternate_group: 1, volume: 1.into(), ..track(SOUND) };
        let minf = Minf { smhd: Some(Smhd::default()), ..media(codec) };
        let hdlr = Hdlr { handler: b"soun".into(), name: "sound".into() };
        Trak { tkhd, mdia: Mdia { mdhd: scale(self.rate.into()), hdlr, minf }, ..Trak::default() }
    }

    /// A part: `moof` and `mdat`. Times begin at `origin`, in nanoseconds; `number` grows from part to part.
    pub(super) fn part(&self, number: u32, origin: u64, cut: &Cut) -> mp4_atom::Result<Bytes> {
        let tracks = [(PICTURES, PICTURE_TICKS, &cut.pictures), (SOUND, u64::from(self.rate), &cut.sound)];
        let tracks: Vec<_> = tracks.into_iter().filter(|(.., samples)| !samples.is_empty()).collect();
        let fragment = |offsets: &[i32]| {
            let traf = tracks
                .iter()
                .zip(offsets)
                .map(|((id, ticks, samples), offset)| run(*id, *ticks, origin, samples, *offset));
            Moof { mfhd: Mfhd { sequence_number: number }, traf: traf.collect() }
        };
        // What is said does not change how long it is.
        let mut bytes = Vec::new();
        fragment(&vec![1; tracks.len()]).encode(&mut bytes)?;
        let mut at = bytes.len() + 8;
        let mut offsets = Vec::new();
        for (.., samples) in &tracks {
            offsets.push(i32::try_from(at).map_err(|_| mp4_atom::Error::TooLarge(Moof::KIND))?);
            at += samples.iter().map(|sample| sample.data.len()).sum::<usize>();
        }
        let data = u32::try_from(at - bytes.len()).map_err(|_| mp4_atom::Error::TooLarge(Moof::KIND))?;
        bytes.clear();
        bytes.reserve(at);
        fragment(&offsets).encode(&mut bytes)?;
        bytes.extend_from_slice(&data.to_be_bytes());
        bytes.extend_from_slice(b"mdat");
        tracks.iter().flat_map(|(.., samples)| samples.iter()).for_each(|sample| bytes.extend_from_slice(&sample.data));
        Ok(bytes.into())
    }
}

fn unity() -> Matrix {
    Matrix { a: 1 << 16, d: 1 << 16, w: 1 << 30, ..Matrix::default() }
}

fn track(track_id: u32) -> Tkhd {
    Tkhd { track_id, enabled: true, in_movie: true, matrix: unity(), ..Tkhd::default() }
}

fn scale(ticks: u64) -> Mdhd {
    let timescale = u32::try_from(ticks).unwrap_or(u32::MAX);
    Mdhd { timescale, language: "und".into(), ..Mdhd::default() }
}

fn media(codec: Codec) -> Minf {
    let stbl = Stbl {
        stsd: Stsd { codecs: vec![codec] },
        stts: Stts::default(),
        stsc: Stsc::default(),
        stsz: Stsz::default(),
        stco: Some(Stco::default()),
        ..Stbl::default()
    };
    Minf { dinf: Dinf { dref: Dref { urls: vec![Url::default()] } }, stbl, ..Minf::default() }
}

fn run(track_id: u32, ticks: u64, origin: u64, samples: &[Sample], offset: i32) -> Traf {
    // From one grid, so that rounding never adds up.
    let tick = |at: u64| {
        let tick = u128::from(at.saturating_sub(origin)) * u128::from(ticks) + 500_000_000;
        u64::try_from(tick / 1_000_000_000).unwrap_or(u64::MAX)
    };
    let length = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let entry = |(index, sample): (usize, &Sample)| {
        let end = samples.get(index + 1).map_or(sample.at + sample.lasts, |next| next.at);
        TrunEntry {
            duration: Some(length(tick(end).saturating_sub(tick(sample.at)))),
            size: Some(length(sample.data.len() as u64)),
            flags: Some(if sample.keyframe { KEYFRAME } else { DEPENDS }),
            cts: (track_id == PICTURES)
                .then(|| i32::try_from(tick(sample.at + sample.shown_after) - tick(sample.at)).unwrap_or(0)),
        }
    };
    let entries = samples.iter().enumerate().map(entry).collect();
    let begins = samples.first().map_or(0, |first| tick(first.at));
    Traf {
        tfhd: Tfhd { track_id, default_base_is_moof: true, ..Tfhd::default() },
        tfdt: Some(Tfdt { base_media_decode_time: begins }),
        trun: vec![Trun { data_offset: Some(offset), entries }],
        ..Traf::default()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use mp4_atom::{Any, Decode, Mdat};

    /// Of 640x360 in the main profile, and of stereo at 48 kHz.
    pub(in crate::egress::hls) fn tracks() -> Tracks {
        let avcc =
            [&[1, 0x4d, 0x40, 0x1e, 0xff, 0xe1, 0, 5][..], &[0x67, 0x4d, 0x40, 0x1e, 0x01], &[1, 0, 2], &[0x68, 0xee]];
        let (avcc, aac) = (avcc.concat().into(), Bytes::from_static(&[0x11, 0x90]));
        Tracks { avcc, width: 640, height: 360, aac, rate: 48_000, channels: 2 }
    }

    fn sample(at: u64, lasts: u64, keyframe: bool, data: &'static [u8]) -> Sample {
        Sample { at, shown_after: 0, lasts, keyframe, data: Bytes::from_static(data) }
    }

    #[test]
    fn the_header_tells_both_tracks() {
        let tracks = tracks();
        assert_eq!(tracks.codecs(), "avc1.4D401E,mp4a.40.2");
        let header = tracks.header().unwrap();
        let mut rest = &header[..];
        assert!(matches!(Any::decode(&mut rest), Ok(Any::Ftyp(_))));
        let Ok(Any::Moov(moov)) = Any::decode(&mut rest) else { panic!("no moov") };
        assert!(rest.is_empty());
        let scales: Vec<_> = moov.trak.iter().map(|trak| (trak.tkhd.track_id, trak.mdia.mdhd.timescale)).collect();
        assert_eq!(scales, [(1, 90_000), (2, 48_000)]);
    }

    #[test]
    fn a_part_tells_where_and_when_each_sample_is() {
        let cut = Cut {
            pictures: vec![
                sample(2_000_000_000, 33_333_333, true, b"key"),
                sample(2_033_333_333, 33_333_334, false, b"more"),
            ],
            sound: vec![
                sample(2_010_000_000, 21_333_333, true, b"aa"),
                sample(2_031_333_333, 21_333_333, true, b"bbb"),
            ],
            lasts: 66_666_667,
            ends_segment: false,
        };
        let bytes = tracks().part(7, 1_000_000_000, &cut).unwrap();
        let mut rest = &bytes[..];
        let Ok(Any::Moof(moof)) = Any::decode(&mut rest) else { panic!("no moof") };
        let Ok(Any::Mdat(Mdat { data })) = Any::decode(&mut rest) else { panic!("no mdat") };
        assert!(rest.is_empty() && data == b"keymoreaabbb");
        assert_eq!(moof.mfhd.sequence_number, 7);
        let times: Vec<_> = moof.traf.iter().map(|traf| traf.tfdt.clone().unwrap().base_media_decode_time).collect();
        assert_eq!(times, [90_000, 48_480]);
        let lengths =
            |traf: &Traf| traf.trun[0].entries.iter().map(|entry| entry.duration.unwrap()).collect::<Vec<_>>();
        assert_eq!(moof.traf.iter().map(lengths).collect::<Vec<_>>(), [vec![3000, 3000], vec![1024, 1024]]);
        for (traf, first) in moof.traf.iter().zip([&b"key"[..], b"aa"]) {
            let offset = usize::try_from(traf.trun[0].data_offset.unwrap()).unwrap();
            assert_eq!(&bytes[offset..offset + first.len()], first);
        }
    }
}
