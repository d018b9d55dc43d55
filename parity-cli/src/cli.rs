//! The command line. A new subcommand is one file under [`commands`](crate::commands) and three
//! lines here.

use clap::{Parser, Subcommand};

use crate::{
    commands::{
        completions, demo, doctor, explore, export, import, load, man, minimize, noise, record,
        replay, report, stub,
    },
    exit::{Exit, Failure},
    terminal::Terminal,
};

const EXIT_CODES: &str = "\
Exit codes:
  0   parity: the two sides agree, or the command did what was asked
  1   diverged: at least one difference that no rule allows
  2   insufficient: nothing diverged, but there is too little to say so with confidence
  3   not comparable: too much could not be compared
  64  usage: arguments, fixtures, databases or backends cannot be used as given
  70  internal: the tool or something it started failed";

/// Says whether a new backend can take over from the old one without anybody noticing.
#[derive(Debug, Parser)]
#[command(name = "parity-cli", version, about, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    /// Print results and errors only.
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Print results as JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Import(import::Arguments),
    Record(record::Arguments),
    Replay(Box<replay::Arguments>),
    Stub(stub::Arguments),
    Export(export::Arguments),
    Completions(completions::Arguments),
    Load(load::Arguments),
    Minimize(minimize::Arguments),
    Noise(noise::Arguments),
    Doctor(doctor::Arguments),
    Explore(explore::Arguments),
    Man(man::Arguments),
    Report(report::Arguments),
}

impl Cli {
    /// How to talk to whoever started the command.
    pub fn terminal(&self) -> Terminal {
        Terminal::new(self.quiet, self.json)
    }

    /// Carries out the subcommand.
    ///
    /// # Errors
    /// It could not be carried out; a divergence is no failure but an [`Exit`].
    pub async fn run(self) -> Result<Exit, Failure> {
        let terminal = self.terminal();
        match self.command {
            Command::Demo(arguments) => demo::run(&arguments, terminal).await,
            Command::Import(arguments) => import::run(&arguments, terminal),
            Command::Record(arguments) => record::run(&arguments, terminal).await,
            Command::Replay(arguments) => replay::run(&arguments, terminal).await,
            Command::Stub(arguments) => stub::run(&arguments, terminal).await,
            Command::Export(arguments) => export::run(&arguments, terminal),
            Command::Completions(arguments) => completions::run(&arguments, terminal),
            Command::Load(arguments) => load::run(&arguments, terminal).await,
            Command::Minimize(arguments) => minimize::run(&arguments, terminal).await,
            Command::Noise(arguments) => noise::run(&arguments, terminal).await,
            Command::Doctor(arguments) => doctor::run(&arguments, terminal).await,
            Command::Explore(arguments) => explore::run(&arguments, terminal).await,
            Command::Man(arguments) => man::run(&arguments),
            Command::Report(arguments) => report::run(&arguments, terminal),
        }
    }
}
