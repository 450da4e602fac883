//! The recordings in a database, so that one finds some among many: SQLite, and no SQL that PostgreSQL refuses.
//!
//! It holds the manifests without what happened, and nothing that is not in them but when an upload is tried next, and what
//! is still to be deleted elsewhere: lost, it is made anew.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use super::discards;
use super::filter::Filter;
use crate::egress::OutputError;
use crate::egress::happening::word;
use crate::egress::manifest::Manifest;
use crate::id::RecordingId;

/// How long a query waits for another one.
const BUSY: Duration = Duration::from_secs(5);
const CONNECTIONS: u32 = 4;

const SAVE: &str = "INSERT INTO recordings \
    (id, room, kind, container, state, started_at, ended_at, duration_ms, bytes, checked, upload, here, \
    manifest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
    ON CONFLICT (id) DO UPDATE SET state = excluded.state, started_at = excluded.started_at, \
    ended_at = excluded.ended_at, duration_ms = excluded.duration_ms, bytes = excluded.bytes, \
    checked = excluded.checked, upload = excluded.upload, here = excluded.here, manifest = excluded.manifest";
const SAVE_ATTENDEE: &str =
    "INSERT INTO attendees (recording, id, name) VALUES ($1, $2, $3) ON CONFLICT (recording, id) DO NOTHING";
const GET: &str = "SELECT manifest FROM recordings WHERE id = $1";
const REMOVE: &str = "DELETE FROM recordings WHERE id = $1";
const ALL: &str = "SELECT id FROM recordings";
const EVERYTHING: &str = "SELECT manifest FROM recordings";
const OLDEST: &str = "SELECT manifest FROM recordings WHERE ended_at IS NOT NULL \
    AND (here = TRUE OR $1 = FALSE) AND (upload = 'done' OR bytes = 0 OR $2 = FALSE) \
    AND (ended_at > $3 OR (ended_at = $3 AND id > $4)) ORDER BY ended_at, id LIMIT 1";
const UNFINISHED: &str = "SELECT id FROM recordings WHERE ended_at IS NOT NULL \
    AND (checked = FALSE OR state = 'interrupted') ORDER BY started_at, id";

/// The database.
#[derive(Debug)]
pub(super) struct Index {
    pool: RwLock<SqlitePool>,
    /// Whether it is on the disk.
    lasts: AtomicBool,
    /// What was removed while it was not: the one on the disk has to forget that, too.
    removed: Mutex<HashSet<RecordingId>>,
}

impl Index {
    /// Opens the database at `path`, making it if need be.
    pub(super) async fn open(path: &Path) -> Result<Self, OutputError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        Self::begin(options, SqlitePoolOptions::new().max_connections(CONNECTIONS), true).await
    }

    /// A database that ends with the process.
    pub(super) async fn in_memory() -> Result<Self, OutputError> {
        // It is its connection's own.
        let pool = SqlitePoolOptions::new().max_connections(1).min_connections(1).idle_timeout(None).max_lifetime(None);
        Self::begin(SqliteConnectOptions::new().in_memory(true), pool, false).await
    }

    async fn begin(options: SqliteConnectOptions, pool: SqlitePoolOptions, lasts: bool) -> Result<Self, OutputError> {
        let options = options.foreign_keys(true).busy_timeout(BUSY);
        let pool = pool.acquire_timeout(BUSY).connect_with(options).await?;
        sqlx::migrate!("src/egress/catalogue/migrations").run(&pool).await.map_err(sqlx::Error::from)?;
        Ok(Self { pool: RwLock::new(pool), lasts: AtomicBool::new(lasts), removed: Mutex::default() })
    }

    /// What it is asked by.
    pub(super) fn pool(&self) -> SqlitePool {
        self.pool.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks it something.
    pub(super) async fn answers(&self) -> Result<(), OutputError> {
        sqlx::query("SELECT 1").execute(&self.pool()).await?;
        Ok(())
    }

    /// Whether it is on the disk.
    pub(super) fn lasts(&self) -> bool {
        self.lasts.load(Ordering::Acquire)
    }

    /// From now on it is `lasting`.
    pub(super) async fn give_way_to(&self, lasting: &Self) -> Result<(), OutputError> {
        let buried: Vec<String> = sqlx::query_scalar(discards::BURIED).fetch_all(&self.pool()).await?;
        for text in &buried {
            let id = read(text)?.id;
            sqlx::query(discards::BRING).bind(id.as_str()).bind(text).execute(&lasting.pool()).await?;
        }
        *self.pool.write().unwrap_or_else(PoisonError::into_inner) = lasting.pool();
        self.lasts.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether a recording was removed while this was not on the disk.
    pub(super) fn has_removed(&self, id: &RecordingId) -> bool {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    /// Makes it say what `manifests` say, and nothing else.
    pub(super) async fn follow(&self, manifests: &[Manifest]) -> Result<(), OutputError> {
        let known: HashSet<&RecordingId> = manifests.iter().map(|manifest| &manifest.id).collect();
        for id in self.ids().await?.iter().filter(|id| !known.contains(id)) {
            self.remove(id, false).await?;
        }
        for manifest in manifests {
            // What it says so far may be of no use.
            if self.get(&manifest.id).await.ok().flatten().as_ref() != Some(&manifest.brief()) {
                self.save(manifest).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn save(&self, manifest: &Manifest) -> Result<(), OutputError> {
        let mut transaction = self.pool().begin().await?;
        sqlx::query(SAVE)
            .bind(manifest.id.as_str())
            .bind(&manifest.room)
            .bind(word(&manifest.format.content))
            .bind(word(&manifest.format.container))
            .bind(word(&manifest.state))
            .bind(big(manifest.started_at))
            .bind(manifest.ended_at.map(big))
            .bind(big(manifest.duration_ms))
            .bind(big(manifest.bytes))
            .bind(manifest.is_checked())
            .bind(manifest.upload.as_ref().map(|upload| word(&upload.state)))
            .bind(manifest.is_here())
            .bind(serde_json::to_string(&manifest.brief()).map_err(|error| sqlx::Error::Encode(error.into()))?)
            .execute(&mut *transaction)
            .await?;
        for attendee in &manifest.participants {
            let save = sqlx::query(SAVE_ATTENDEE).bind(manifest.id.as_str()).bind(attendee.id.as_str());
            save.bind(&attendee.name).execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    pub(super) async fn get(&self, id: &RecordingId) -> Result<Option<Manifest>, OutputError> {
        let found: Option<String> = sqlx::query_scalar(GET).bind(id.as_str()).fetch_optional(&self.pool()).await?;
        found.map(|text| read(&text)).transpose()
    }

    /// Removes a recording, and notes that what is stored of it elsewhere has to go: if its upload was begun, or `may_be_sent`,
    /// and is not done.
    pub(super) async fn remove(&self, id: &RecordingId, may_be_sent: bool) -> Result<(), OutputError> {
        let mut transaction = self.pool().begin().await?;
        sqlx::query(discards::BURY).bind(id.as_str()).bind(may_be_sent).execute(&mut *transaction).await?;
        sqlx::query(REMOVE).bind(id.as_str()).execute(&mut *transaction).await?;
        transaction.commit().await?;
        if !self.lasts() {
            self.removed.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        }
        Ok(())
    }

    /// All that can be read.
    pub(super) async fn all(&self) -> Result<Vec<Manifest>, OutputError> {
        let all: Vec<String> = sqlx::query_scalar(EVERYTHING).fetch_all(&self.pool()).await?;
        Ok(all.iter().filter_map(|text| read(text).ok()).collect())
    }

    async fn ids(&self) -> Result<Vec<RecordingId>, OutputError> {
        let all: Vec<String> = sqlx::query_scalar(ALL).fetch_all(&self.pool()).await?;
        Ok(all.iter().map(|id| RecordingId::from_remote(id)).collect())
    }

    /// What ended first, or first `after` another: of all, of those with files here, of those that are uploaded, or of those
    /// with both.
    pub(super) async fn oldest(
        &self,
        here: bool,
        uploaded: bool,
        after: Option<&Manifest>,
    ) -> Result<Option<Manifest>, OutputError> {
        let (ended_at, id) = after.map_or((-1, ""), |after| (after.ended_at.map_or(-1, big), after.id.as_str()));
        let query = sqlx::query_scalar(OLDEST).bind(here).bind(uploaded).bind(ended_at).bind(id);
        let found: Option<String> = query.fetch_optional(&self.pool()).await?;
        found.map(|text| read(&text)).transpose()
    }

    /// What has ended and has no checksum, or was never made whole.
    pub(super) async fn unfinished(&self) -> Result<Vec<RecordingId>, OutputError> {
        let all: Vec<String> = sqlx::query_scalar(UNFINISHED).fetch_all(&self.pool()).await?;
        Ok(all.iter().map(|id| RecordingId::from_remote(id)).collect())
    }

    /// What `filter` lets through, the newest first: up to `most`.
    pub(super) async fn find(&self, filter: &Filter, most: u32) -> Result<Vec<Manifest>, OutputError> {
        let mut query = select(filter, most);
        let found: Vec<String> = query.build_query_scalar().fetch_all(&self.pool()).await?;
        found.iter().map(|text| read(text)).collect()
    }
}

fn select(filter: &Filter, most: u32) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("SELECT manifest FROM recordings WHERE started_at >= ");
    query.push_bind(filter.from.map_or(0, big));
    for (column, wanted) in [
        (" AND room = ", filter.room.clone()),
        (" AND state = ", filter.state.as_ref().map(word)),
        (" AND kind = ", filter.kind.as_ref().map(word)),
        (" AND container = ", filter.container.as_ref().map(word)),
    ] {
        if let Some(wanted) = wanted {
            query.push(column).push_bind(wanted);
        }
    }
    if let Some(until) = filter.until {
        query.push(" AND started_at < ").push_bind(big(until));
    }
    if let Some(who) = &filter.participant {
        query.push(
            " AND EXISTS (SELECT 1 FROM attendees WHERE attendees.recording = recordings.id AND (attendees.id = ",
        );
        query.push_bind(who.clone()).push(" OR attendees.name = ").push_bind(who.clone()).push("))");
    }
    if let Some((started_at, id)) = &filter.cursor {
        query.push(" AND (started_at < ").push_bind(big(*started_at)).push(" OR (started_at = ");
        query.push_bind(big(*started_at)).push(" AND recordings.id < ").push_bind(id.to_string()).push("))");
    }
    query.push(" ORDER BY started_at DESC, recordings.id DESC LIMIT ").push_bind(i64::from(most));
    query
}

pub(super) fn read(text: &str) -> Result<Manifest, OutputError> {
    Ok(serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()))?)
}

/// Databases have no unsigned numbers.
pub(super) fn big(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use sqlparser::dialect::PostgreSqlDialect;
    use sqlparser::parser::Parser;
    use sqlx::Execute;

    use super::*;
    use crate::egress::catalogue::queue;
    use crate::egress::format::{Container, Content};
    use crate::egress::manifest::State;

    #[test]
    fn postgresql_would_understand_every_statement() {
        let everything = Filter {
            room: Some("tea".into()),
            state: Some(State::Complete),
            kind: Some(Content::Mixed),
            container: Some(Container::Mkv),
            participant: Some("ann".into()),
            from: Some(1),
            until: Some(2),
            cursor: Some((3, RecordingId::new())),
            limit: 4,
        };
        // SQLite's mark of a parameter; the library writes PostgreSQL's for PostgreSQL.
        let mut select = select(&everything, 5);
        let select = select.build().sql().as_str().replace('?', "$1");
        let recordings = include_str!("migrations/0001_recordings.sql");
        let checked = include_str!("migrations/0002_checked.sql");
        let uploads = include_str!("migrations/0003_uploads.sql");
        let discards = [
            include_str!("migrations/0004_discards.sql"),
            discards::BURY,
            discards::BRING,
            discards::BURIED,
            discards::NEXT,
            discards::FRESH,
            discards::POSTPONE,
            discards::FORGET,
        ];
        let queue =
            [queue::ENQUEUE, queue::FRESH, queue::NEXT, queue::POSTPONE, queue::DEQUEUE, queue::AWAY, queue::LENGTH];
        let index = [
            SAVE,
            SAVE_ATTENDEE,
            GET,
            REMOVE,
            ALL,
            EVERYTHING,
            OLDEST,
            UNFINISHED,
            recordings,
            checked,
            uploads,
            &select,
        ];
        for sql in index.into_iter().chain(queue).chain(discards) {
            Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        }
    }
}
