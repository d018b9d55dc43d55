//! What a configuration means, in words.

use std::fmt::Write;

use super::{CandidateConfig, Config, WritePolicy, operation::Rung};

impl Config {
    /// A summary for people: what is forwarded where, what is mirrored, what it can cost.
    pub fn explain(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write_explanation(&mut text);
        text
    }

    fn write_explanation(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "clients    {}", self.listen.address)?;
        writeln!(out, "reference  {}", self.reference.url)?;
        match &self.candidate {
            None => writeln!(out, "candidate  none: nothing is mirrored")?,
            Some(CandidateConfig::Embedded(_)) => {
                writeln!(
                    out,
                    "candidate  the embedded scorer, answering without writing"
                )?;
            }
            Some(CandidateConfig::Http(backend)) => writeln!(out, "candidate  {}", backend.url)?,
        }
        if self.candidate.is_some() {
            let bound = self.mirror.memory_bound().0 / (1024 * 1024);
            writeln!(
                out,
                "mirror     {} % of requests, {} at a time, at most {} held: at most {bound} MiB of bodies; at most {} % of a busy machine",
                self.mirror.rate * 100.0,
                self.mirror.workers,
                self.mirror.capacity,
                self.mirror.busy_share * 100.0,
            )?;
        }
        if let Some(rows) = &self.rows {
            let bound = rows.memory_bound().0 / (1024 * 1024);
            writeln!(
                out,
                "rows       read from the database in ${} by {} connections, at most {} exchanges at a time: at most {bound} MiB of rows",
                rows.url_env, rows.connections, rows.capacity,
            )?;
        }
        let loudest = self.routes.iter().filter_map(|route| route.noise);
        if loudest.fold(self.noise.rate, f64::max) > 0.0 {
            writeln!(
                out,
                "noise      {} % of safe reads, or the share a route names, are asked twice of the reference, at most {} in any second",
                self.noise.rate * 100.0,
                self.noise.max_per_second,
            )?;
        }
        for route in &self.routes {
            let writes = match route.writes {
                None => "default",
                Some(WritePolicy::Skip) => "not mirrored",
                Some(WritePolicy::DryRun) => "answered without writing",
                Some(WritePolicy::Isolated) => "written to the candidate's own database",
                Some(WritePolicy::Live) => "WRITTEN A SECOND TIME to live state",
            };
            writeln!(
                out,
                "route      {} {} (writes: {writes})",
                route.name, route.path
            )?;
        }
        let rung = match self.stage.initial {
            Rung::Off => "off",
            Rung::Shadow => "shadow",
            Rung::Canary => "canary",
            Rung::Cutover => "cutover",
            Rung::ReverseShadow => "reverse-shadow",
        };
        writeln!(out, "stage      starts at {rung}")?;
        if let Some(directory) = &self.recording.directory {
            writeln!(
                out,
                "recording  {} % of requests, at most {} exchanges or {} MiB, below {}",
                self.recording.rate * 100.0,
                self.recording.exchanges,
                self.recording.bytes.0 / (1024 * 1024),
                directory.display(),
            )?;
        }
        if let Some(sink) = &self.sink {
            let stage = if sink.share_stage {
                ""
            } else {
                ", each with a stage of its own"
            };
            let url = &sink.url_env;
            writeln!(out, "sink       one with all replicas at ${url}{stage}")?;
        }
        writeln!(out, "admin      {}", self.admin.address)
    }
}
