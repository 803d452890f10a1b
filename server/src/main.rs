//! The binary `voxlink`: settings, composition of the services, listeners, shutdown. The only place that knows everyone.
//!
//! stdout carries one line, when requests are accepted; everything else goes to stderr.

mod admin;
mod answer;
mod cli;
mod compose;
mod connections;
mod data_dir;
mod databases;
mod descriptors;
mod doctor;
mod limits;
mod logging;
mod metrics;
mod migrate;
mod openapi;
mod rewound;
mod serve;
mod settings;
mod tls;
mod turn;
mod web;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{AdminCommand, Cli, Command};

/// What ends the program early: one sentence for the operator that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(pub(crate) String);

fn main() -> ExitCode {
    let cli = Cli::parse();
    logging::start();
    let done = match cli.command {
        Command::Doctor(options) => return doctor::run(*options),
        Command::Serve(options) => {
            settings::resolve(*options).and_then(|settings| run(serve::serve(settings)))
        }
        Command::Admin(AdminCommand::Invite(options)) => run(admin::invite(options)),
        Command::Admin(AdminCommand::Migrate(options)) => migrate::migrate(&options),
        Command::Admin(AdminCommand::TurnConfig(options)) => admin::turn_config(*options),
        Command::Admin(AdminCommand::Routes) => run(admin::routes()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs to the end on as many threads as there are cores.
fn run(program: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure(format!("The operating system gave VoxLink no threads: {error}.")))?
        .block_on(program)
}
