//! The rows the candidate would have written, against those the reference wrote.
//!
//! What a request changes can only be told by somebody who knows the rows before and after. The
//! candidate's dry run reads the rows *before*, or it tells the changes of another request; the
//! reference's changes are the difference of two images of the same rows. So the candidate is
//! asked while the reference still works (nobody waits for it), between two looks at the rows, and
//! a third look follows when the user has the answer:
//!
//! ```text
//! user's request ──► reference: ……… reads ……… writes ……… answers ──► user
//!        └─► marks · candidate, dry-run · image before                      └─► image after
//! ```
//!
//! **Same beginning.** Marks are the versions (`xmin`) of every row of the address and of the API
//! key, and how far the tables reach that only grow. When the image before has exactly those versions, nothing was
//! written between the two, so the candidate read what the image holds. Otherwise the reference
//! (or somebody else) was faster: `raced`. As the reference commits what it writes before it
//! answers, the image after holds all of it.
//!
//! **Nobody else.** What changed between the images is the reference's doing for this request
//! unless another request wrote the same rows. Those through this proxy are known: two requests
//! about one address of which one may write are not comparable when they overlap
//! ([`crate::subjects`]). Those through other replicas, jobs and consoles are told by the rows:
//!
//! - one request scores at most once and is logged at most once, so a second event of a score, or a
//!   second log line of the path, is another request's, unless the candidate writes as many:
//!   `another_request`;
//! - an address shares rows with other addresses only through the nullifiers both claim. A changed
//!   link that belongs to an address with events of its own in the same interval is that
//!   address's doing: `another_request`;
//! - a difference counts only when the rows have held still for a while after it was found. Then
//!   whoever was in the middle of something has finished, and left other versions:
//!   `rows_moved`. Rows that the reference wrote after its answer are found the same way; when
//!   with them nothing differs any more, the pair is equal.
//!
//! The first does not depend on whether the two sides agree; the others are asked where rows
//! differ, and can only take a divergence away, never make one.
//!
//! **What is not seen.** Rows under a key that is neither of the address nor named by the
//! candidate; changes of weights, communities and lists in the few milliseconds between the
//! candidate's reading and the reference's; stamps that expire in them. A request without an
//! address and an API key writes no row that could be looked for: `no_subject`.

mod database;
mod image;

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use chrono::Utc;
use http::HeaderMap;
use parity::{
    clocks::Span,
    compare::{Comparison, Observation},
    effects::Effects,
    outcome::{Outcome, Place},
};
use sqlx::postgres::PgConnectOptions;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

use self::{
    database::{Database, Reach, Subject},
    image::Image,
};
use crate::{
    accounts::{Accounts, Fate, Ticket},
    candidate::embedded::Embedded,
    config::RowsConfig,
    findings::Pair,
    judge::Judge,
    tee::RequestHead,
};

/// Compares rows.
#[derive(Debug)]
pub struct Rows {
    config: RowsConfig,
    candidate: Embedded,
    database: Database,
    places: Arc<Semaphore>,
    accounts: Arc<Accounts>,
    /// Of the mirror: whoever begins a look is on the primary path.
    runtime: Handle,
}

impl Rows {
    /// Connects to nothing yet. The runtime that is current does the work.
    pub fn new(
        config: &RowsConfig,
        database: &PgConnectOptions,
        candidate: Embedded,
        accounts: Arc<Accounts>,
    ) -> Arc<Self> {
        Arc::new(Self {
            database: Database::new(config, database),
            places: Arc::new(Semaphore::new(config.capacity)),
            config: config.clone(),
            candidate,
            accounts,
            runtime: Handle::current(),
        })
    }

    /// Begins to look, before the request is sent to the reference; never waits. `body` comes when
    /// the request's last byte went by.
    pub fn begin(
        self: &Arc<Self>,
        route: &Arc<str>,
        address: Option<&str>,
        head: &RequestHead,
        body: oneshot::Receiver<Bytes>,
    ) -> Option<Look> {
        let ticket = self.accounts.ticket(Arc::clone(route));
        let subject = Subject {
            address: address.unwrap_or_default().to_owned(),
            keys: prefixes_of_keys(&head.headers),
        };
        if subject.address.is_empty() && subject.keys.is_empty() {
            ticket.settle(Fate::Declined("no_subject"));
            return None;
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            ticket.settle(Fate::Dropped("busy"));
            return None;
        };
        let looking = Arc::clone(self).look(subject, head.clone(), body, place);
        Some(Look {
            ticket,
            looking: AbortOnDropHandle::new(self.runtime.spawn(looking)),
        })
    }

    async fn look(
        self: Arc<Self>,
        subject: Subject,
        head: RequestHead,
        body: oneshot::Receiver<Bytes>,
        place: OwnedSemaphorePermit,
    ) -> Result<Seen, Fate> {
        let body = body
            .await
            .map_err(|_| Fate::Declined("request_incomplete"))?;
        let looking = async {
            let marks = self.database.marks(&subject).await?;
            let from = Utc::now();
            let mut answer = self.candidate.ask_for_rows(&head, body).await;
            let to = Utc::now();
            let told = answer.effects.take().unwrap_or_default();
            let reach = Reach::new(subject, head.path(), &marks, &told);
            let before = self.database.image(&reach).await?;
            if before.own_versions() != marks.versions || !before.explains(&told) {
                return Err(Fate::NotComparable("raced"));
            }
            Ok((answer, Span { from, to }, told, reach, before))
        };
        let (answer, answering, told, reach, before) = timeout(self.config.deadline.0, looking)
            .await
            .map_err(|_| Fate::TimedOut)??;
        Ok(Seen {
            reach: reach.onward(&before),
            rows: Arc::clone(&self),
            answer,
            answering,
            told,
            before,
            _place: place,
        })
    }
}

/// A look at the rows before the reference changes them, under way.
#[derive(Debug)]
pub struct Look {
    ticket: Ticket,
    looking: AbortOnDropHandle<Result<Seen, Fate>>,
}

impl Look {
    /// What was seen, with the rows' place in the accounts; or what becomes of them instead.
    pub async fn finish(self) -> (Ticket, Result<Seen, Fate>) {
        let seen = match self.looking.await {
            Ok(seen) => seen,
            Err(error) => {
                tracing::error!(%error, "a look at rows was given up");
                Err(Fate::NotComparable("abandoned"))
            }
        };
        (self.ticket, seen)
    }
}

/// The rows before, and what the candidate makes of them.
#[derive(Debug)]
pub struct Seen {
    /// The candidate's answer.
    pub answer: Observation,
    /// While it answered.
    pub answering: Span,
    rows: Arc<Rows>,
    told: Effects,
    reach: Reach,
    before: Image,
    _place: OwnedSemaphorePermit,
}

/// A pair compared, and what became of its rows.
#[derive(Debug)]
pub struct Compared {
    pub comparison: Comparison,
    pub rows: Fate,
}

impl Seen {
    /// Compares a pair with its rows, which are put into it, or without them where they cannot be
    /// compared.
    pub async fn compare(&self, judge: &Judge, pair: &mut Pair) -> Compared {
        match self.compare_rows(judge, pair).await {
            Ok(comparison) => Compared {
                rows: Fate::Compared(outcome_of_rows(&comparison)),
                comparison,
            },
            Err(fate) => {
                (pair.reference.effects, pair.candidate.effects) = (None, None);
                Compared {
                    comparison: judge.compare(pair),
                    rows: fate,
                }
            }
        }
    }

    async fn compare_rows(&self, judge: &Judge, pair: &mut Pair) -> Result<Comparison, Fate> {
        pair.candidate.effects = Some(self.told.clone());
        let after = self.image().await?;
        let comparison = self.compare_with(&after, judge, pair)?;
        if outcome_of_rows(&comparison) != Outcome::Diverged {
            return Ok(comparison);
        }
        tokio::time::sleep(self.rows.config.settle.0).await;
        let later = self.image().await?;
        if later.is_at_the_versions_of(&after) {
            self.refuse_other_addresses(pair).await?;
            return Ok(comparison);
        }
        let comparison = self.compare_with(&later, judge, pair)?;
        match outcome_of_rows(&comparison) {
            Outcome::Diverged => Err(Fate::NotComparable("rows_moved")),
            _ => Ok(comparison),
        }
    }

    fn compare_with(
        &self,
        after: &Image,
        judge: &Judge,
        pair: &mut Pair,
    ) -> Result<Comparison, Fate> {
        let written = self.before.changes_to(after)?;
        for (table, column, value) in ONCE_A_REQUEST {
            let count = |effects: &Effects| inserted(effects, table, column, value);
            if count(&written) > count(&self.told).max(1) {
                return Err(Fate::NotComparable("another_request"));
            }
        }
        pair.reference.effects = Some(written);
        Ok(judge.compare(pair))
    }

    /// Whether a changed link belongs to an address that scored in the meantime.
    async fn refuse_other_addresses(&self, pair: &Pair) -> Result<(), Fate> {
        let owners: BTreeSet<String> = pair
            .reference
            .effects
            .iter()
            .flat_map(owners_of_changed_links)
            .filter(|owner| *owner != self.reach.address())
            .collect();
        if owners.is_empty() {
            return Ok(());
        }
        let active = self.timely(self.rows.database.active(&self.reach, owners));
        if active.await? {
            return Err(Fate::NotComparable("another_request"));
        }
        Ok(())
    }

    async fn image(&self) -> Result<Image, Fate> {
        self.timely(self.rows.database.image(&self.reach)).await
    }

    async fn timely<T>(&self, work: impl Future<Output = Result<T, Fate>>) -> Result<T, Fate> {
        timeout(self.rows.config.deadline.0, work)
            .await
            .unwrap_or(Err(Fate::TimedOut))
    }
}

/// Prefixes of what may be an API key: it may stand behind a word such as `Bearer`.
fn prefixes_of_keys(headers: &HeaderMap) -> Vec<String> {
    /// Length of the column.
    const LONGEST: usize = 8;
    ["x-api-key", "authorization"]
        .iter()
        .flat_map(|name| headers.get_all(*name))
        .filter_map(|value| value.to_str().ok())
        .flat_map(str::split_whitespace)
        .filter_map(|word| Some(word.split_once('.')?.0.to_owned()))
        .filter(|prefix| (1..=LONGEST).contains(&prefix.len()))
        .collect()
}

/// Rows of which one request writes one at most: table, and a column with its value.
const ONCE_A_REQUEST: [(&str, &str, &str); 2] = [
    ("registry_event", "action", "SCU"),
    ("account_accountapikeyanalytics", "response_skipped", ""),
];

/// How many rows of a table were inserted, with this text in a column; an empty text is any value.
fn inserted(effects: &Effects, table: &str, column: &str, value: &str) -> usize {
    let rows = effects.0.get(table).map_or(&[][..], |rows| &rows.inserted);
    rows.iter()
        .filter(|row| {
            let text = row.get(column).and_then(|cell| cell.as_str());
            value.is_empty() || text.is_some_and(|text| text == value)
        })
        .count()
}

fn owners_of_changed_links(effects: &Effects) -> Vec<String> {
    let Some(links) = effects.0.get("registry_hashscorerlink") else {
        return Vec::new();
    };
    let updated = links.updated.iter().map(|update| &update.after);
    links
        .inserted
        .iter()
        .chain(updated)
        .filter_map(|row| Some(row.get("address")?.as_str()?.into_owned()))
        .collect()
}

fn outcome_of_rows(comparison: &Comparison) -> Outcome {
    let of_rows = |found: &parity::outcome::Divergence| found.place == Place::Effects;
    if comparison.diverged.iter().any(of_rows) {
        Outcome::Diverged
    } else if comparison.tolerated.iter().any(of_rows) {
        Outcome::Tolerated
    } else {
        Outcome::Match
    }
}
