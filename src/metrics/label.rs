//! The labels that metrics have: closed lists of words, so that no name, identifier or address can become one.

/// Makes an enumeration of the values of one label, which is a set of labels by itself.
macro_rules! label {
    ($(#[$about:meta])* $name:ident $key:literal { $($(#[$doc:meta])* $variant:ident $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$doc])* $variant,)+
        }

        impl $name {
            /// All values.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word that stands for it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl prometheus_client::encoding::EncodeLabelSet for $name {
            fn encode(
                &self,
                encoder: &mut prometheus_client::encoding::LabelSetEncoder<'_>,
            ) -> Result<(), std::fmt::Error> {
                [($key, self.as_str())].encode(encoder)
            }
        }
    };
}

label! {
    /// What a track carries.
    Medium "kind" {
        /// Sound.
        Audio "audio",
        /// Pictures.
        Video "video",
    }
}

label! {
    /// What an endpoint is for.
    Role "role" {
        /// It sends to a room.
        Publisher "publisher",
        /// It receives from a room.
        Subscriber "subscriber",
        /// It watches a mix, by WHEP.
        Viewer "viewer",
    }
}

label! {
    /// How far an endpoint is.
    Phase "state" {
        /// ICE and DTLS are under way.
        Connecting "connecting",
        /// Media may pass.
        Connected "connected",
    }
}

label! {
    /// Why an endpoint ended that nobody ended.
    Failure "reason" {
        /// webrtcbin could not be made or placed.
        Make "make",
        /// Offer and answer failed.
        Negotiation "negotiation",
        /// The certificate is not that of the offer.
        Fingerprint "fingerprint",
        /// ICE found no path.
        Connection "connection",
        /// DTLS failed.
        Encryption "encryption",
        /// It did not connect in time.
        Deadline "deadline",
        /// Nothing was heard any more.
        Silent "silent",
        /// An element in it failed.
        Media "media",
    }
}

label! {
    /// Why somebody was not let in.
    Refusal "reason" {
        /// The room has no place.
        Full "room_full",
        /// The server takes no further room.
        TooManyRooms "too_many_rooms",
        /// A moderator locked the room.
        Locked "locked",
        /// The secret is nobody's.
        Resume "bad_resume",
        /// Room or server are closing.
        Closing "room_closing",
        /// The room could not be opened.
        Internal "internal",
    }
}

label! {
    /// Why a forwarder kept a packet from a receiver.
    Dropped "reason" {
        /// The receiver was not connected, or waited for a keyframe.
        Gated "gated",
        /// It, or a later one, had passed.
        Duplicate "duplicate",
        /// It carried nothing.
        Padding "padding",
        /// It was no RTP.
        Malformed "malformed",
        /// The receiver's side did not take it.
        Flow "flow_error",
    }
}

label! {
    /// Which way something went.
    Direction "direction" {
        /// To the server.
        Received "received",
        /// From the server.
        Sent "sent",
    }
}

label! {
    /// Whether an endpoint had just been opened.
    Connection "connection" {
        /// It was being connected.
        New "new",
        /// It was connected already, and a slot of it took another track.
        Running "running",
    }
}

label! {
    /// What encodes a mix.
    Codec "codec" {
        /// H.264.
        H264 "h264",
        /// VP8.
        Vp8 "vp8",
        /// AAC.
        Aac "aac",
        /// Opus.
        Opus "opus",
    }
}

label! {
    /// How a recording fares that has not ended.
    Recording "state" {
        /// It is about to begin.
        Starting "starting",
        /// It is being written.
        Recording "recording",
        /// It is held.
        Paused "paused",
        /// It was stopped, and its files are being finalised.
        Finalising "finalising",
    }
}

label! {
    /// How a recording ended.
    RecordingEnd "result" {
        /// It is whole.
        Complete "complete",
        /// It could not be written to its end.
        Failed "failed",
        /// It never began.
        Refused "refused",
    }
}

label! {
    /// Where an output goes.
    Output "kind" {
        /// It is fetched.
        Hls "hls",
        /// RTMP.
        Rtmp "rtmp",
        /// RTMP in TLS.
        Rtmps "rtmps",
        /// SRT.
        Srt "srt",
    }
}

label! {
    /// How an output fares.
    OutputPhase "state" {
        /// It has not yet given anything away.
        Connecting "connecting",
        /// What is mixed arrives.
        Live "live",
        /// It failed, and is tried again in a moment.
        Waiting "waiting",
    }
}

label! {
    /// What came of a try to upload a recording.
    Upload "result" {
        /// Everything is stored.
        Done "done",
        /// It is tried again.
        Failed "failed",
        /// It is not tried again by itself.
        GivenUp "given_up",
    }
}

label! {
    /// What kind of answer a request got.
    Answer "code" {
        /// 1xx, the upgrade to a websocket.
        Informational "1xx",
        /// 2xx.
        Success "2xx",
        /// 3xx.
        Redirection "3xx",
        /// 4xx.
        Refused "4xx",
        /// 5xx.
        Failed "5xx",
    }
}

label! {
    /// How bad what GStreamer says is.
    Severity "level" {
        /// Something failed.
        Error "error",
        /// Something is wrong, and it goes on.
        Warning "warning",
    }
}
