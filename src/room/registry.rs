//! All rooms by name: made by the first who joins, forgotten when the last has gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::actor::Actor;
use super::{COMMANDS, Command, Event, JoinError, Newcomer, RoomHandle};
use crate::config::Config;
use crate::egress::catalogue::Catalogue;
use crate::egress::hls::Shelves;
use crate::id::{ParticipantId, RecordingId, RoomName};
use crate::media::description::Descriptions;
use crate::metrics::metrics;

/// How often a join is tried again when it meets a room that is just ending.
const JOIN_TRIES: usize = 8;

/// How long rooms may take to say what they record.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What every room needs.
#[derive(Debug, Clone)]
pub struct RoomContext {
    /// What the operator set.
    pub config: Arc<Config>,
    /// The texts of `pipelines/`.
    pub descriptions: Arc<Descriptions>,
    /// Where recordings are noted.
    pub catalogue: Arc<Catalogue>,
    /// Where HLS streams are made known.
    pub shelves: Shelves,
    /// A place for each who may watch by WHEP, in all rooms together.
    pub viewers: Arc<Semaphore>,
}

/// All rooms; cheap to clone.
#[derive(Debug, Clone)]
pub struct Registry {
    context: RoomContext,
    rooms: Arc<Mutex<Rooms>>,
}

#[derive(Debug, Default)]
struct Rooms {
    open: HashMap<RoomName, (RoomHandle, JoinHandle<()>)>,
    closing: bool,
}

impl Registry {
    /// No rooms yet.
    #[must_use]
    pub fn new(context: RoomContext) -> Self {
        Self { context, rooms: Arc::default() }
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        // Held only for look-ups that cannot panic half-way.
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The room of that name, if somebody is in it.
    #[must_use]
    pub fn get(&self, name: &RoomName) -> Option<RoomHandle> {
        self.rooms().open.get(name).map(|(handle, _)| handle.clone()).filter(|handle| !handle.commands.is_closed())
    }

    /// The room in which the recording runs.
    #[must_use]
    pub async fn recording_in(&self, id: &RecordingId) -> Option<RoomHandle> {
        // All at once: one that is busy holds up no other.
        let open: Vec<_> = self.rooms().open.values().map(|(handle, _)| handle.clone()).collect();
        let asked = open.into_iter().map(async |handle| handle.records(id).await.then_some(handle));
        let mut answers = asked.collect::<futures_util::stream::FuturesUnordered<_>>().filter_map(std::future::ready);
        tokio::time::timeout(ANSWER_WITHIN, answers.next()).await.ok().flatten()
    }

    /// Joins a room, which is opened if nobody is in it. `newcomer` may be asked for more than once.
    ///
    /// # Errors
    /// When room or server are full or closing, or the room cannot be opened.
    pub async fn join(
        &self,
        room: &RoomName,
        newcomer: impl Fn() -> Newcomer,
    ) -> Result<(RoomHandle, ParticipantId), JoinError> {
        let (asked, calls) = (Instant::now(), &metrics().calls);
        let joined = self.try_to_join(room, newcomer).await;
        match &joined {
            Ok(_) => calls.joins.observe(asked.elapsed().as_secs_f64()),
            Err(error) => drop(calls.refusals.get_or_create(&error.into()).inc()),
        }
        joined
    }

    async fn try_to_join(
        &self,
        room: &RoomName,
        newcomer: impl Fn() -> Newcomer,
    ) -> Result<(RoomHandle, ParticipantId), JoinError> {
        for _ in 0..JOIN_TRIES {
            let handle = self.open(room)?;
            let (reply, answer) = oneshot::channel();
            let command = Command::Join { newcomer: newcomer(), reply };
            if handle.commands.send(command).await.is_err() {
                continue;
            }
            match answer.await {
                Ok(joined) => return joined.map(|id| (handle, id)),
                // The room ended between our look and our word: the next try opens it anew.
                Err(_) => continue,
            }
        }
        Err(JoinError::Closing)
    }

    /// Comes back to a room with the secret of the last [`Event::Joined`].
    ///
    /// # Errors
    /// When there is no such place any more.
    pub async fn resume(
        &self,
        room: &RoomName,
        resume: String,
        events: mpsc::Sender<Event>,
    ) -> Result<(RoomHandle, ParticipantId), JoinError> {
        let handle = self.get(room).ok_or(JoinError::Resume)?;
        let (reply, answer) = oneshot::channel();
        handle.send(Command::Resume { resume, events, reply }).await;
        let id = answer.await.unwrap_or(Err(JoinError::Resume))?;
        Ok((handle, id))
    }

    fn open(&self, name: &RoomName) -> Result<RoomHandle, JoinError> {
        let mut rooms = self.rooms();
        if rooms.closing {
            return Err(JoinError::Closing);
        }
        rooms.open.retain(|_, (handle, _)| !handle.commands.is_closed());
        if let Some((handle, _)) = rooms.open.get(name) {
            return Ok(handle.clone());
        }
        let limit = self.context.config.rooms.max_rooms;
        if rooms.open.len() >= limit {
            return Err(JoinError::TooManyRooms(limit));
        }
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let actor = Actor::new(name.clone(), self.context.clone(), receiver)
            .map_err(|error| JoinError::Media(error.to_string()))?;
        let handle = RoomHandle { name: name.clone(), commands };
        let task = tokio::spawn(actor.run());
        rooms.open.insert(name.clone(), (handle.clone(), task));
        Ok(handle)
    }

    /// Closes every room and waits until all recordings are finalised, at most until `deadline` has passed.
    pub async fn close(&self, deadline: Duration) {
        let open: Vec<_> = {
            let mut rooms = self.rooms();
            rooms.closing = true;
            rooms.open.drain().map(|(_, room)| room).collect()
        };
        // All at once: each has the whole time for its own files.
        let all = futures_util::future::join_all(open.into_iter().map(async |(handle, task)| {
            handle.send(Command::Close).await;
            let _ = task.await;
        }));
        if tokio::time::timeout(deadline, all).await.is_err() {
            tracing::error!(?deadline, "rooms did not close in time: a recording may lack its last second");
        }
    }
}
