//! Scorings against a real PostgreSQL: in parallel, without write rights, counted on the wire.

mod dry_run;
mod races;
mod round_trips;
mod wire;
mod world;
