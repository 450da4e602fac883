//! The part of the room's task that gives mixes away while they happen: what is pushed, and what is served by HLS.
//!
//! An output keeps itself alive once it runs. Here it waits for its mix and for the encoders; the room is told of them by
//! [`News::Encoded`].

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::actor::Actor;
use super::error::OutputError;
use super::mixes::Pick;
use super::recordings::News;
use super::starting::START_WITHIN;
use crate::egress::outputs::{Output, Plan, Refusal, State, Status, Target};
use crate::id::{MixName, OutputId};
use crate::metrics::label::{self, OutputPhase};
use crate::mix::{Encoded, Encoding, Mix, MixError};

/// How long outputs may take to say goodbye when the room ends.
const GOODBYE: Duration = Duration::from_secs(5);
/// How many outputs a room may have at once.
const MOST: usize = 16;

/// Where what became of an output goes.
pub(super) type Reply = oneshot::Sender<Result<Status, OutputError>>;

/// What somebody wants.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Where it goes.
    pub target: Target,
    /// Of which mix.
    pub pick: Pick,
}

/// What the room gives away, in the order in which it was asked for.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    active: Vec<Active>,
    /// Those that are saying goodbye.
    ending: JoinSet<()>,
}

#[derive(Debug)]
struct Active {
    id: OutputId,
    mix: MixName,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// There is no mix yet.
    Waits {
        plan: Box<Plan>,
        reply: Reply,
    },
    /// It is being encoded.
    Starts {
        plan: Box<Plan>,
        reply: Reply,
    },
    Runs(Output),
}

impl Outputs {
    /// Whether a mix is wanted.
    pub(super) fn takes(&self, mix: &MixName) -> bool {
        self.active.iter().any(|active| active.mix == *mix)
    }

    /// How all fare that run.
    pub(super) fn statuses(&self) -> Vec<Status> {
        let status = |active: &Active| match &active.phase {
            Phase::Runs(output) => Some(output.status()),
            Phase::Waits { .. } | Phase::Starts { .. } => None,
        };
        self.active.iter().filter_map(status).collect()
    }

    /// Where those that run go, and how they fare.
    pub(super) fn phases(&self) -> impl Iterator<Item = (label::Output, OutputPhase)> {
        self.statuses().into_iter().filter_map(|status| {
            let kind = label::Output::ALL.iter().find(|kind| kind.as_str() == status.kind)?;
            let phase = match status.state {
                State::Connecting => OutputPhase::Connecting,
                State::Live => OutputPhase::Live,
                State::Waiting => OutputPhase::Waiting,
                State::Ended => return None,
            };
            Some((*kind, phase))
        })
    }

    /// Lets all say goodbye that are to end. Libraries of theirs do not survive the end of the process while they run.
    pub(super) async fn ended(&mut self) {
        let all = async { while self.ending.join_next().await.is_some() {} };
        if tokio::time::timeout(GOODBYE, all).await.is_err() {
            tracing::warn!("an output did not end within {GOODBYE:?}");
        }
    }

    fn take(&mut self, id: &OutputId) -> Option<Active> {
        let index = self.active.iter().position(|active| active.id == *id)?;
        Some(self.active.remove(index))
    }
}

impl Actor {
    /// Starts an output, which takes its time: `reply` has what came of it.
    pub(super) fn start_output(&mut self, wanted: Wanted, reply: Reply) {
        match self.planned(wanted) {
            Ok((plan, mix)) => {
                let id = plan.id().clone();
                let phase = Phase::Waits { plan: Box::new(plan), reply };
                self.outputs.active.push(Active { id, mix: mix.clone(), phase });
                self.begin_outputs();
                self.start_mix(&mix);
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }

    fn planned(&mut self, wanted: Wanted) -> Result<(Plan, MixName), OutputError> {
        if self.outputs.active.len() >= MOST {
            return Err(OutputError::TooMany(MOST));
        }
        let mix = self.pick_mix(wanted.pick)?;
        let plan = Plan::make(&wanted.target, &self.name, &mix, &self.context.shelves);
        Ok((plan.map_err(|Refusal::Served| OutputError::Served)?, mix))
    }

    /// Has those encoded whose mix is there.
    pub(super) fn begin_outputs(&mut self) {
        for index in 0..self.outputs.active.len() {
            let active = &self.outputs.active[index];
            let (Phase::Waits { .. }, Some(mix)) = (&active.phase, self.mixing.handle(&active.mix)) else {
                continue;
            };
            let (handle, mix) = (mix, active.mix.clone());
            let Active { id, phase, .. } = self.outputs.active.remove(index);
            if let Phase::Waits { plan, reply } = phase {
                let (news, encoding, encodings) = (self.recordings.news.clone(), id.clone(), plan.encodings());
                self.outputs.active.insert(index, Active { id, mix, phase: Phase::Starts { plan, reply } });
                tokio::spawn(async move {
                    let encoded = tokio::time::timeout(START_WITHIN, encode(&handle, encodings)).await;
                    let _ = news.send(News::Encoded(encoding, encoded.unwrap_or(Err(MixError::Ended)))).await;
                });
            }
        }
    }

    /// An output's mix is encoded, or is not. It may have been stopped meanwhile.
    pub(super) fn output_encoded(&mut self, id: &OutputId, encoded: Result<Vec<Encoded>, MixError>) {
        let Some(index) = self.outputs.active.iter().position(|active| active.id == *id) else {
            return self.end_idle_mixes();
        };
        let Active { id, mix, phase } = self.outputs.active.remove(index);
        match (phase, encoded) {
            (Phase::Starts { plan, reply }, Ok(encoded)) => {
                let values = self.mix_values(&mix);
                let ice = &self.context.config.ice;
                let output = plan.start(&self.context.descriptions, values, ice, encoded);
                tracing::info!(output = %id, "an output begins");
                let _ = reply.send(Ok(output.status()));
                self.outputs.active.insert(index, Active { id, mix, phase: Phase::Runs(output) });
            }
            (Phase::Starts { reply, .. } | Phase::Waits { reply, .. }, Err(error)) => {
                let _ = reply.send(Err(OutputError::Media(error.to_string())));
                self.end_idle_mixes();
            }
            (phase, Ok(_)) => self.outputs.active.insert(index, Active { id, mix, phase }),
            (Phase::Runs(_), Err(_)) => {}
        }
    }

    /// Ends an output; `reply` is told when it has ended.
    pub(super) fn stop_output(&mut self, id: &OutputId, reply: Reply) {
        // Whoever has said goodbye is kept no longer.
        while self.outputs.ending.try_join_next().is_some() {}
        match self.outputs.take(id).map(|active| active.phase) {
            Some(Phase::Runs(output)) => {
                tracing::info!(output = %id, "an output ends");
                // It says goodbye to the other side, which the room must not wait for.
                self.outputs.ending.spawn(async move { drop(reply.send(Ok(output.stop().await))) });
            }
            Some(Phase::Waits { plan, reply: first } | Phase::Starts { plan, reply: first }) => {
                let _ = first.send(Err(OutputError::Unknown(id.clone())));
                let _ = reply.send(Ok(plan.ended()));
            }
            None => drop(reply.send(Err(OutputError::Unknown(id.clone())))),
        }
        self.end_idle_mixes();
    }

    /// Ends what takes a mix, which is of no use, or all.
    pub(super) fn end_outputs(&mut self, mix: Option<&MixName>, reason: &str) {
        let ended = |active: &mut Active| mix.is_none_or(|mix| active.mix == *mix);
        let ended: Vec<_> = self.outputs.active.extract_if(.., ended).collect();
        for active in ended {
            tracing::info!(output = %active.id, reason, "an output ends");
            match active.phase {
                Phase::Waits { reply, .. } | Phase::Starts { reply, .. } => {
                    let _ = reply.send(Err(OutputError::Media(reason.to_owned())));
                }
                Phase::Runs(output) => {
                    self.outputs.ending.spawn(async move { drop(output.stop().await) });
                }
            }
        }
    }
}

async fn encode(mix: &Arc<Mix>, encodings: [Encoding; 2]) -> Result<Vec<Encoded>, MixError> {
    let mut all = Vec::new();
    for encoding in encodings {
        all.push(mix.encode(encoding).await?);
    }
    Ok(all)
}
