//! Which rows of the seed a divergence needs.

use parity::{fixture::Scenario, minimize::ddmin};

use super::Same;
use crate::{
    database::{DatabaseError, RowId, SeedRows},
    replay::{Played, Replay, ReplayError},
};

/// A seed cut down to the rows that matter.
#[derive(Debug)]
pub struct SmallSeed {
    /// SQL of the rows that are left.
    pub sql: String,
    /// Rows that are left, and rows there were.
    pub rows: [usize; 2],
    /// Seeds that were tried.
    pub tried: u32,
    /// What both sides did on these rows.
    pub played: Played,
}

/// What is known to be enough, and what may still be spent on less.
struct Search<'a> {
    replay: &'a Replay,
    scenario: &'a Scenario,
    same: &'a Same,
    rows: &'a SeedRows,
    kept: Vec<RowId>,
    tried: u32,
    budget: u32,
}

/// Leaves out rows of the seed as long as `scenario` still shows `same`, table by table and then
/// row by row, playing it at most `budget` times. None when no side has a database to read the rows
/// from, or nothing can be left out.
///
/// # Errors
/// A database fails.
pub(super) async fn shrink_seed(
    replay: &Replay,
    scenario: &Scenario,
    same: &Same,
    budget: u32,
) -> Result<Option<SmallSeed>, ReplayError> {
    if budget == 0 {
        return Ok(None);
    }
    let rows = match replay.candidate.seed_rows().await? {
        Some(rows) => rows,
        None => match replay.reference.seed_rows().await? {
            Some(rows) => rows,
            None => return Ok(None),
        },
    };
    let all = all(&rows);
    let mut search = Search {
        replay,
        scenario,
        same,
        rows: &rows,
        kept: all.clone(),
        tried: 0,
        budget,
    };
    search.tables().await?;
    // A row may be needed only by one that goes later.
    loop {
        let before = search.kept.len();
        for table in 0..rows.counts().len() {
            search.rows_of(table).await?;
        }
        if search.kept.len() == before {
            break;
        }
    }
    if search.kept.len() == all.len() {
        return Ok(None);
    }
    let smaller = on_rows(scenario, &rows.removal(&search.kept));
    Ok(Some(SmallSeed {
        sql: rows.seed(&search.kept),
        rows: [search.kept.len(), all.len()],
        tried: search.tried,
        played: replay.play(smaller).await?,
    }))
}

fn all(rows: &SeedRows) -> Vec<RowId> {
    let counts = rows.counts().into_iter().enumerate();
    counts
        .flat_map(|(table, count)| (0..count).map(move |row| (table, row)))
        .collect()
}

impl Search<'_> {
    async fn tables(&mut self) -> Result<(), ReplayError> {
        let counts = self.rows.counts();
        let filled: Vec<usize> = (0..counts.len()).filter(|&at| counts[at] > 0).collect();
        ddmin(filled.len(), async |subset: &[usize]| {
            let rows = subset.iter().flat_map(|&at| {
                let table = filled[at];
                (0..counts[table]).map(move |row| (table, row))
            });
            let kept = self.rows.with_parents(rows);
            self.keep(kept).await
        })
        .await
    }

    async fn rows_of(&mut self, table: usize) -> Result<(), ReplayError> {
        let (of_table, others): (Vec<RowId>, Vec<RowId>) = self
            .kept
            .iter()
            .copied()
            .partition(|&(number, _)| number == table);
        if !self.rows.has_key(table) {
            return Ok(());
        }
        ddmin(of_table.len(), async |subset: &[usize]| {
            let rows = subset.iter().map(|&at| of_table[at]);
            let kept = self.rows.with_parents(others.iter().copied().chain(rows));
            self.keep(kept).await
        })
        .await
    }

    /// Plays the scenario on these rows and keeps them alone when it still diverges.
    async fn keep(&mut self, kept: Vec<RowId>) -> Result<bool, ReplayError> {
        if self.tried >= self.budget || kept.len() >= self.kept.len() {
            return Ok(false);
        }
        self.tried += 1;
        let smaller = on_rows(self.scenario, &self.rows.removal(&kept));
        let shows = match self.replay.play(smaller).await {
            Ok(played) => self.same.shows_in(&self.replay.rules, &played),
            // SQL of the scenario may need rows that are gone.
            Err(ReplayError::Database(DatabaseError::SqlBefore { .. })) => false,
            Err(error) => return Err(error),
        };
        if shows {
            self.kept = kept;
        }
        Ok(shows)
    }
}

/// The scenario on what `removal` leaves of the seed.
fn on_rows(scenario: &Scenario, removal: &str) -> Scenario {
    let mut smaller = scenario.clone();
    if let Some(first) = smaller.steps.first_mut() {
        let before = first.sql_before.take().unwrap_or_default();
        first.sql_before = Some(format!("{removal}{before}"));
    }
    smaller
}
