//! Prints the tables of `docs/evidence.md`: error rates under peeking, pairs needed.
//!
//! `cargo run -p parity --release --example verdict_simulation` (a few minutes; seeded, so every
//! run prints the same). A first argument sets the number of runs per row, by default 10,000.
#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::num::NonZeroU32;

use parity::verdict::{
    Basis, Policy, Rate,
    simulation::{Decisions, Trial, fixed_sample_size, sample_size},
};

const SEED: u64 = 20_261_123;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runs = std::env::args()
        .nth(1)
        .map_or(Ok(10_000), |text| text.parse())?;
    sample_sizes()?;
    errors_on_live_traffic(runs)?;
    errors_over_noise(runs)?;
    errors_over_routes(runs)?;
    Ok(())
}

fn policy(margin: f64, routes: u32, basis: Basis) -> Result<Policy, Box<dyn std::error::Error>> {
    let routes = NonZeroU32::new(routes).ok_or("no route")?;
    Ok(Policy {
        margin: Rate::try_from(margin)?,
        routes,
        basis,
        ..Policy::default()
    })
}

fn sample_sizes() -> Result<(), Box<dyn std::error::Error>> {
    println!("### Pairs needed to pass\n");
    println!(
        "| margin | routes | diverged | one look at a fixed sample | looked at throughout | ratio |"
    );
    println!("|---:|---:|---:|---:|---:|---:|");
    for (margin, routes) in [
        (0.01, 1),
        (0.01, 15),
        (0.001, 1),
        (0.001, 15),
        (0.0001, 1),
        (0.0001, 15),
    ] {
        let policy = policy(margin, routes, Basis::Live)?;
        for diverged in [0, 1, 3, 10] {
            let single = fixed_sample_size(&policy, diverged);
            let throughout = sample_size(&policy, diverged).ok_or("never passes")?;
            println!(
                "| {} % | {routes} | {diverged} | {single} | {throughout} | {:.2} |",
                margin * 100.0,
                throughout as f64 / single as f64,
            );
        }
    }
    Ok(())
}

fn errors_on_live_traffic(runs: u32) -> Result<(), Box<dyn std::error::Error>> {
    let policy = policy(0.001, 1, Basis::Live)?;
    println!("\n### Live traffic, margin 0.1 %, {runs} runs of 200000 pairs, a look after each\n");
    println!(
        "| true rate | ever passes | ever fails | half pass by | half fail by | repeated fixed-sample test ever passes |"
    );
    println!("|---:|---:|---:|---:|---:|---:|");
    for rate in [
        0.0, 0.0002, 0.0005, 0.0008, 0.001, 0.0012, 0.0015, 0.002, 0.005, 0.01, 0.1,
    ] {
        let trial = Trial {
            policy,
            candidate_rate: rate,
            reference_rate: 0.0,
            pairs: 200_000,
            runs,
            seed: SEED,
        };
        let decisions = trial.run();
        println!(
            "| {} % | {} | {} | {} | {} | {} |",
            percent(rate),
            share(decisions.pass_rate()),
            share(decisions.fail_rate()),
            pairs(decisions.pairs_to_pass(0.5)),
            pairs(decisions.pairs_to_fail(0.5)),
            share(decisions.fixed_sample_pass_rate()),
        );
    }
    Ok(())
}

fn errors_over_noise(runs: u32) -> Result<(), Box<dyn std::error::Error>> {
    let policy = policy(0.05, 1, Basis::LiveOverNoise)?;
    println!(
        "\n### Over measured noise, margin 5 %, {runs} runs of 1000 pairs of each kind, a look after each\n"
    );
    println!("| noise | true excess | ever passes | ever fails | half pass by | half fail by |");
    println!("|---:|---:|---:|---:|---:|---:|");
    for (noise, excess) in [
        (0.02, 0.0),
        (0.02, 0.05),
        (0.02, 0.2),
        (0.2, 0.0),
        (0.2, 0.05),
        (0.2, 0.2),
    ] {
        let trial = Trial {
            policy,
            candidate_rate: noise + excess,
            reference_rate: noise,
            pairs: 1_000,
            runs,
            seed: SEED,
        };
        let decisions = trial.run();
        println!(
            "| {} % | {} % | {} | {} | {} | {} |",
            percent(noise),
            percent(excess),
            share(decisions.pass_rate()),
            share(decisions.fail_rate()),
            pairs(decisions.pairs_to_pass(0.5)),
            pairs(decisions.pairs_to_fail(0.5)),
        );
    }
    Ok(())
}

/// Fifteen routes at the margin together: how often does any of them ever pass or fail?
fn errors_over_routes(runs: u32) -> Result<(), Box<dyn std::error::Error>> {
    const ROUTES: u32 = 15;
    println!(
        "\n### Fifteen routes at once, all exactly at a margin of 1 %, {runs} runs of 20000 pairs per route\n"
    );
    println!(
        "| error rates shared among the routes | any route ever passes | any route ever fails |"
    );
    println!("|---|---:|---:|");
    for (shared_by, label) in [(1, "no"), (ROUTES, "yes")] {
        let policy = policy(0.01, shared_by, Basis::Live)?;
        let (mut any_passed, mut any_failed) = (0_u32, 0_u32);
        for run in 0..runs {
            let trial = Trial {
                policy,
                candidate_rate: 0.01,
                reference_rate: 0.0,
                pairs: 20_000,
                runs: ROUTES,
                seed: SEED + u64::from(run),
            };
            let Decisions {
                passed_at,
                failed_at,
                ..
            } = trial.run();
            any_passed += u32::from(!passed_at.is_empty());
            any_failed += u32::from(!failed_at.is_empty());
        }
        println!(
            "| {label} | {} | {} |",
            share(f64::from(any_passed) / f64::from(runs)),
            share(f64::from(any_failed) / f64::from(runs)),
        );
    }
    Ok(())
}

fn percent(rate: f64) -> f64 {
    (rate * 100.0 * 1e6).round() / 1e6
}

fn share(rate: f64) -> String {
    format!("{:.2} %", rate * 100.0)
}

fn pairs(count: Option<u64>) -> String {
    count.map_or_else(|| "–".into(), |count| count.to_string())
}
