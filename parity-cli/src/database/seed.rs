//! The SQL every scenario starts from.

use std::path::Path;

use sqlx::{PgConnection, postgres::PgErrorPosition};

use super::DatabaseError;

/// Seed of a set of fixtures.
#[derive(Debug, Clone, Default)]
pub struct Seed {
    /// Where it comes from, for messages.
    pub origin: String,
    /// SQL statements; data as `INSERT`, not `COPY … FROM stdin`.
    pub sql: String,
}

impl Seed {
    /// The seed of the fixtures in a directory.
    pub fn of_fixtures(directory: &Path, sql: String) -> Self {
        Self {
            origin: directory.join("seed.sql").display().to_string(),
            sql,
        }
    }

    /// Runs the seed in one transaction and brings the planner's statistics up to date.
    pub(super) async fn load(&self, connection: &mut PgConnection) -> Result<(), DatabaseError> {
        sqlx::raw_sql(sqlx::AssertSqlSafe(self.sql.clone()))
            .execute(&mut *connection)
            .await
            .map_err(|error| self.explain(&error))?;
        sqlx::raw_sql("ANALYZE")
            .execute(connection)
            .await
            .map_err(DatabaseError::query("analysing the seeded tables"))?;
        Ok(())
    }

    fn explain(&self, error: &sqlx::Error) -> DatabaseError {
        let origin = self.origin.clone();
        let Some(database) = error
            .as_database_error()
            .and_then(|error| error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>())
        else {
            return DatabaseError::Seed {
                origin,
                message: error.to_string(),
            };
        };
        let message = match database.detail() {
            Some(detail) => format!("{} ({detail})", database.message()),
            None => database.message().to_owned(),
        };
        match database.position() {
            Some(PgErrorPosition::Original(position)) => DatabaseError::SeedLine {
                origin,
                line: line_at(&self.sql, position),
                message,
            },
            _ => DatabaseError::Seed { origin, message },
        }
    }
}

/// Line, counted from 1, of a character counted from 1.
fn line_at(text: &str, position: usize) -> usize {
    1 + text
        .chars()
        .take(position.saturating_sub(1))
        .filter(|&c| c == '\n')
        .count()
}

#[cfg(test)]
mod tests {
    use super::line_at;

    #[test]
    fn a_position_is_counted_in_characters() {
        assert_eq!(line_at("é\nb\nc", 1), 1);
        assert_eq!(line_at("é\nb\nc", 3), 2);
        assert_eq!(line_at("é\nb\nc", 5), 3);
    }
}
