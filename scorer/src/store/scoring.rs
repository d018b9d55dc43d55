//! Scores addresses: load, simulate, apply.

use chrono::{DateTime as Instant, Utc};
use num_bigint::BigInt;
use sqlx::PgPool;

use super::{
    apply::{Applied, Conflict, apply},
    failure::{Cause, Failure},
    load::{CommunityRef, Loaded, load},
    locks::AddressLocks,
    registry,
    stamps::{self, ListedStamp, StampWrite, WriteKind, Written},
};
use crate::{
    clock::Clock,
    credential::Verifier,
    domain::{
        address,
        pipeline::{self, Circumstances, Simulation},
        plan::Identifiers,
        points,
        rules::Rules,
        score_object::ScoreObject,
        snapshot::{CachedStamp, ScoreColumns},
        stamp::check_readable,
        validate::ProofVerifier,
    },
    effects::{Cell, Change, Effects},
    message::Mode,
    python::datetime::DateTime,
};

/// How often others may be faster in claiming a nullifier, until saving the links fails as the
/// Python service fails after as many rounds.
const LINK_ATTEMPTS: usize = 5;
/// How often another process may be faster in scoring the same address. Each time one of them has
/// made progress, so that this many times means that something else is wrong.
const ROW_ATTEMPTS: usize = 100;

/// Scores addresses. One per service; holds no connection between two statements.
#[derive(Debug)]
pub struct Engine<V = Verifier> {
    pool: PgPool,
    /// Where communities are looked up, if that is another database.
    registry: Option<PgPool>,
    rules: Rules,
    verifier: V,
    clock: Clock,
    locks: AddressLocks,
}

/// A row to write with a score, made from it: the analytics row of a v2 call.
pub type ExtraRow<'a> = &'a (dyn Fn(&ScoreObject) -> Option<Change> + Send + Sync);

/// What to score, and what the answer shows.
#[derive(Clone)]
pub struct ScoreRequest<'a> {
    pub community: CommunityRef,
    /// As sent: lower-cased and checked here, after the community was found.
    pub address: &'a str,
    /// Whether the score shows human points where the program runs.
    pub show_points: bool,
    pub listing: Listing,
    /// Written in the same statement as the score. Its failure is nobody's.
    pub extra: Option<ExtraRow<'a>>,
}

impl std::fmt::Debug for ScoreRequest<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScoreRequest")
            .field("community", &self.community)
            .field("address", &self.address)
            .field("show_points", &self.show_points)
            .field("listing", &self.listing)
            .field("extra", &self.extra.is_some())
            .finish()
    }
}

/// When the stamps are read that the answer lists. Unreadable stamps fail the request there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    None,
    BeforeScoring,
    AfterScoring,
}

/// A score with the stamps of its address and the rows that were written.
#[derive(Debug, Clone)]
pub struct Scored {
    pub score: ScoreObject,
    /// In the order read; empty unless a listing was asked for.
    pub stamps: Vec<ListedStamp>,
    pub effects: Effects,
}

impl<V: ProofVerifier> Engine<V> {
    #[must_use]
    pub fn new(pool: PgPool, rules: Rules, verifier: V, clock: Clock) -> Self {
        Engine {
            pool,
            registry: None,
            rules,
            verifier,
            clock,
            locks: AddressLocks::default(),
        }
    }

    /// The same engine, which looks communities up in another database. That costs a scoring one
    /// or two round trips more.
    #[must_use]
    pub fn with_registry(mut self, registry: Option<PgPool>) -> Self {
        self.registry = registry;
        self
    }

    /// Who checks the proofs.
    #[must_use]
    pub fn verifier(&self) -> &V {
        &self.verifier
    }

    /// Scores an address and stores what comes of it: one round trip to read, one to write.
    ///
    /// A failure inside the scoring is a score with an error text.
    ///
    /// # Errors
    /// See [`Cause`].
    pub async fn score(&self, request: ScoreRequest<'_>, mode: Mode) -> Result<Scored, Failure> {
        let _turn = self.locks.lock(&request.address.to_lowercase()).await;
        self.score_in_turn(&request, mode, &Written::default(), StampTypes::One)
            .await
    }

    /// Writes stamps of an address, then scores it.
    ///
    /// # Errors
    /// See [`Cause`]; [`Failure::effects`] holds what was written before.
    pub async fn write_stamps(
        &self,
        write: StampWrite,
        request: ScoreRequest<'_>,
        mode: Mode,
    ) -> Result<Scored, Failure> {
        let _turn = self.locks.lock(&write.address.to_lowercase()).await;
        let mut written = stamps::write(&self.pool, &write, self.clock.now(), mode).await?;
        let effects = std::mem::take(&mut written.effects);
        if mode.writes() {
            // The database knows.
            written = Written::default();
        }
        let types = match write.kind {
            WriteKind::Delete => StampTypes::All,
            WriteKind::Replace { .. } | WriteKind::Patch => StampTypes::One,
        };
        match self.score_in_turn(&request, mode, &written, types).await {
            Ok(mut scored) => {
                scored.effects.0.splice(0..0, effects.0);
                Ok(scored)
            }
            Err(failure) => Err(failure.after(effects)),
        }
    }

    /// The stored score of an address in the community of this number, unless it is missing or
    /// expired: then a new one, with external numbers looked at first (domain D.6).
    ///
    /// # Errors
    /// See [`Cause`]. The address is checked before the community.
    pub async fn stored_or_score(
        &self,
        scorer_id: &BigInt,
        address: &str,
        mode: Mode,
    ) -> Result<Scored, Failure> {
        let Some(normal) = address::normalise(address) else {
            return Err(Failure::clean(Cause::InvalidAddress));
        };
        let loaded = self
            .load(&CommunityRef::Id(scorer_id.clone()), &normal, &[])
            .await?;
        let now = self.clock.now();
        let Some(state) = loaded.community else {
            return Err(Failure::clean(Cause::UnknownCommunity));
        };
        let stored = state.score.as_ref().map(|score| &score.columns);
        match stored.filter(|columns| columns.expiration_date.is_none_or(|expires| expires >= now))
        {
            Some(columns) => {
                let mut score = ScoreObject::from_columns(&normal, columns)
                    .map_err(|error| Failure::clean(Cause::Exception(error.to_string())))?;
                score.points = state.points.as_ref().map(points::read);
                Ok(Scored {
                    score,
                    stamps: Vec::new(),
                    effects: Effects::default(),
                })
            }
            None => {
                let request = ScoreRequest {
                    community: CommunityRef::Via(scorer_id.clone()),
                    address,
                    show_points: true,
                    listing: Listing::None,
                    extra: None,
                };
                self.score(request, mode).await
            }
        }
    }

    /// The stamps of an address, which is scored first if it never was (domain D.5).
    ///
    /// # Errors
    /// See [`Cause`].
    pub async fn stamps_scored_once(
        &self,
        scorer_id: &BigInt,
        address: &str,
        mode: Mode,
    ) -> Result<(Vec<ListedStamp>, Effects), Failure> {
        let community = CommunityRef::Id(scorer_id.clone());
        let loaded = self.load(&community, &address.to_lowercase(), &[]).await?;
        if loaded
            .community
            .as_ref()
            .is_some_and(|state| state.score.is_some())
        {
            return Ok((
                list(&loaded.cached_stamps, StampTypes::One)?,
                Effects::default(),
            ));
        }
        let request = ScoreRequest {
            community: CommunityRef::Via(scorer_id.clone()),
            address,
            show_points: false,
            listing: Listing::AfterScoring,
            extra: None,
        };
        let scored = self.score(request, mode).await?;
        Ok((scored.stamps, scored.effects))
    }

    async fn load(
        &self,
        community: &CommunityRef,
        address: &str,
        extra_hashes: &[String],
    ) -> Result<Loaded, sqlx::Error> {
        let points_enabled = self.rules.human_points.enabled;
        load(&self.pool, community, address, extra_hashes, points_enabled).await
    }

    /// Scores while holding the address's lock. `written` is what a dry run did not store.
    async fn score_in_turn(
        &self,
        request: &ScoreRequest<'_>,
        mode: Mode,
        written: &Written,
        types: StampTypes,
    ) -> Result<Scored, Failure> {
        let normal = address::normalise(request.address);
        // An invalid address is looked up only where its stamps were just stored: others may hold
        // what the database refuses, and the community is to be looked for all the same.
        let sought = match (&normal, request.listing) {
            (Some(normal), _) => normal.clone(),
            (None, Listing::BeforeScoring) => request.address.to_lowercase(),
            (None, _) => String::new(),
        };
        let community = match &self.registry {
            Some(registry) => registry::resolve(&self.pool, registry, &request.community).await?,
            None => request.community.clone(),
        };
        let hashes = written.hashes();
        let (mut lost_links, mut lost_rows) = (0, 0);
        while lost_rows < ROW_ATTEMPTS {
            let loaded = self.load(&community, &sought, &hashes).await?;
            let rows = written.overlay(loaded.cached_stamps);
            let mut listed = Vec::new();
            if request.listing == Listing::BeforeScoring {
                listed = list(&rows, types)?;
            }
            let state = loaded
                .community
                .ok_or_else(|| Failure::clean(Cause::UnknownCommunity))?;
            let Some(address) = &normal else {
                return Err(Failure::clean(Cause::InvalidAddress));
            };
            if let Some(score) = &state.score {
                check_stored_dates(&score.columns).map_err(Failure::clean)?;
            }
            let snapshot = state.into_snapshot(rows);
            let now = self.clock.now();
            let circumstances = Circumstances {
                rules: &self.rules,
                now,
                verifier: &self.verifier,
                show_points: request.show_points,
                contended: lost_links >= LINK_ATTEMPTS,
            };
            let simulation =
                pipeline::score(&snapshot, address, &circumstances).map_err(Failure::clean)?;
            let extra = request
                .extra
                .and_then(|extra| extra(simulation.outcome.as_ref().ok()?));
            let effects = match self
                .carry_out(&simulation, extra, mode, written.added.len())
                .await?
            {
                Ok(effects) => effects,
                Err(Conflict::Link) => {
                    lost_links += 1;
                    continue;
                }
                Err(Conflict::Row) => {
                    lost_rows += 1;
                    continue;
                }
            };
            let score = match simulation.outcome {
                Ok(score) => score,
                Err(raised) => {
                    return Err(Failure {
                        cause: raised.into(),
                        effects,
                    });
                }
            };
            if request.listing == Listing::AfterScoring {
                listed = match list(&snapshot.cached_stamps, types) {
                    Ok(listed) => listed,
                    Err(failure) => return Err(failure.after(effects)),
                };
            }
            return Ok(Scored {
                score,
                stamps: listed,
                effects,
            });
        }
        let text = format!("other requests were faster {ROW_ATTEMPTS} times");
        Err(Failure::clean(Cause::Exception(text)))
    }

    /// Writes a simulated scoring, or says what would be written: there, `taken` placeholders are
    /// in use already.
    async fn carry_out(
        &self,
        simulation: &Simulation,
        extra: Option<Change>,
        mode: Mode,
        taken: usize,
    ) -> Result<Result<Effects, Conflict>, sqlx::Error> {
        let plan = &simulation.plan;
        if mode == Mode::DryRun {
            let mut effects = plan.effects(&Identifiers::placeholders(plan, taken));
            effects.0.extend(extra);
            return Ok(Ok(effects));
        }
        let applied = match apply(&self.pool, plan, extra.as_ref()).await {
            // The analytics row may be what the database refuses, and its failure is swallowed.
            Err(sqlx::Error::Database(_) | sqlx::Error::Encode(_)) if extra.is_some() => {
                apply(&self.pool, plan, None).await?
            }
            applied => applied?,
        };
        match applied {
            Applied::Conflict(conflict) => Ok(Err(conflict)),
            Applied::Written {
                identifiers,
                analytics_id,
            } if mode == Mode::Commit => {
                let mut effects = plan.effects(&identifiers);
                if let (Some(extra), Some(id)) = (extra, analytics_id) {
                    effects.0.push(with_id(extra, id));
                }
                Ok(Ok(effects))
            }
            Applied::Written { .. } => Ok(Ok(Effects::default())),
        }
    }
}

/// Types of the stamps that a response lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StampTypes {
    One,
    All,
}

fn list(rows: &[CachedStamp], types: StampTypes) -> Result<Vec<ListedStamp>, Failure> {
    let listed: Vec<CachedStamp> = rows
        .iter()
        .filter(|row| types == StampTypes::All || row.kind == 1)
        .cloned()
        .collect();
    check_readable(&listed).map_err(|error| Failure::clean(Cause::Exception(error.to_string())))?;
    Ok(listed.iter().map(ListedStamp::from).collect())
}

/// Whether Python can read the score row at all.
fn check_stored_dates(columns: &ScoreColumns) -> Result<(), Cause> {
    let dates = [columns.last_score_timestamp, columns.expiration_date];
    dates
        .into_iter()
        .flatten()
        .try_for_each(|date: Instant<Utc>| {
            DateTime::from_utc(date)?;
            Ok(())
        })
}

/// An inserted row with the identifier it was given.
fn with_id(mut change: Change, id: i64) -> Change {
    if let Change::Inserted { row, .. } = &mut change {
        row.retain(|(column, _)| *column != "id");
        row.insert(0, ("id", Cell::Int(id)));
    }
    change
}
