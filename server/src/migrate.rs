//! `voxlink admin migrate`: moves the data of a stopped server from its files into PostgreSQL.

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    time::{Duration, Instant},
};

use voxlink_service_kit::db::{
    Sharing,
    transfer::{Moved, Progress, Step, TransferError, transfer},
};

use crate::{
    Failure,
    cli::MigrateOptions,
    data_dir::DataDir,
    databases::{self, Databases, Keeper},
};

/// A bar on a terminal is drawn this often at most.
const DRAWN_EVERY: Duration = Duration::from_millis(100);
const BAR: usize = 30;

/// Moves each service that is named, one after the other: all of a service, or nothing of it. What was moved before is
/// passed over, so that the same command may be given again.
///
/// # Errors
/// What went wrong and what to do about it.
pub(crate) fn migrate(options: &MigrateOptions) -> Result<(), Failure> {
    let databases = Databases::parse(&options.database)?;
    if databases.named().next().is_none() {
        return Err(Failure(
            "Say what goes where: --database chat=postgres://user:password@host/database.".to_owned(),
        ));
    }
    if !options.data_dir.join("voxlink.lock").exists() {
        return Err(Failure(format!(
            "There is no VoxLink data in {}. Name the server's folder with --data-dir.",
            options.data_dir.display()
        )));
    }
    let data = DataDir::open(&options.data_dir)?;
    for keeper in databases.named() {
        one(keeper, &databases, &data)?;
    }
    say("Done. Start the server with the same --database options.")
}

fn one(keeper: Keeper, databases: &Databases, data: &DataDir) -> Result<(), Failure> {
    let name = keeper.name();
    let (file, moved_file) = (databases::file(keeper, data), databases::moved_file(keeper, data));
    if !file.exists() {
        return if moved_file.exists() {
            say(&format!("{name}: was moved before."))
        } else {
            say(&format!("{name}: there is no {}, nothing to move.", file.display()))
        };
    }
    let Some(target) = databases.schema(keeper, Sharing::Alone) else { return Ok(()) };
    let mut teller = Teller::new(name);
    let moved = transfer(&file, &target, keeper.migrations(), |progress| teller.tell(progress));
    teller.end();
    let Moved { tables, rows } = moved.map_err(|error| failed(name, &error))?;
    set_aside(&file, &moved_file).map_err(|error| {
        Failure(format!(
            "The data of {name} is in PostgreSQL now, but {} could not be renamed ({error}): move it away yourself.",
            file.display()
        ))
    })?;
    say(&format!(
        "{name}: {rows} rows of {tables} tables moved and verified. The file is kept as {}.",
        moved_file.display()
    ))
}

fn failed(name: &str, error: &TransferError) -> Failure {
    Failure(format!("The data of {name} was not moved: {error}."))
}

/// The file gets another name, so that no server starts from it by mistake. Its companions are empty by now.
fn set_aside(file: &std::path::Path, aside: &std::path::Path) -> io::Result<()> {
    for companion in ["-wal", "-shm"] {
        let mut path = file.as_os_str().to_owned();
        path.push(companion);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(file, aside)
}

fn say(line: &str) -> Result<(), Failure> {
    writeln!(io::stdout(), "{line}").map_err(|error| Failure(format!("Nothing can be printed: {error}.")))
}

/// Tells how far it is: a bar on a terminal, else a line per table and step.
struct Teller {
    service: &'static str,
    terminal: bool,
    drawn: Option<Instant>,
    last: Option<(String, Step)>,
}

impl Teller {
    fn new(service: &'static str) -> Self {
        Self { service, terminal: io::stderr().is_terminal(), drawn: None, last: None }
    }

    fn tell(&mut self, progress: Progress<'_>) {
        let ended = progress.done >= progress.of;
        if self.terminal {
            let new = self
                .last
                .as_ref()
                .is_none_or(|(table, step)| table != progress.table || *step != progress.step);
            if new || ended || self.drawn.is_none_or(|drawn| drawn.elapsed() >= DRAWN_EVERY) {
                self.last = Some((progress.table.to_owned(), progress.step));
                self.drawn = Some(Instant::now());
                // A terminal that is gone takes no bar; the work goes on.
                let _unseen = write!(io::stderr(), "\r\x1b[2K{}", bar(self.service, progress));
            }
        } else if ended
            && self
                .last
                .as_ref()
                .is_none_or(|last| (last.0.as_str(), last.1) != (progress.table, progress.step))
        {
            self.last = Some((progress.table.to_owned(), progress.step));
            let _unseen = writeln!(
                io::stderr(),
                "{}: {} {}, {} rows",
                self.service,
                verb(progress.step),
                progress.table,
                progress.done
            );
        }
    }

    fn end(&self) {
        if self.terminal && self.drawn.is_some() {
            let _unseen = write!(io::stderr(), "\r\x1b[2K");
        }
    }
}

const fn verb(step: Step) -> &'static str {
    match step {
        Step::Copying => "copied",
        Step::Verifying => "verified",
    }
}

fn bar(service: &str, progress: Progress<'_>) -> String {
    let parts = progress.of.max(1);
    let full = usize::try_from(progress.done.min(parts) * BAR as u64 / parts).unwrap_or(BAR);
    format!(
        "{service} {} {}{} {} of {} {}",
        match progress.step {
            Step::Copying => "copying  ",
            Step::Verifying => "verifying",
        },
        "█".repeat(full),
        "░".repeat(BAR - full),
        progress.done,
        progress.of,
        progress.table
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_fills_and_an_empty_table_has_one_too() {
        let at = |done, of| bar("chat", Progress { table: "message", step: Step::Copying, done, of });
        assert_eq!(at(0, 10).matches('█').count(), 0);
        assert_eq!(at(5, 10).matches('█').count(), 15);
        assert_eq!(at(10, 10).matches('█').count(), 30);
        assert_eq!(at(0, 0).matches('░').count(), 30);
    }
}
