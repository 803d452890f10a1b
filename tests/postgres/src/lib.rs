//! PostgreSQL for tests: one server for all test processes of a machine, started by the first, ended after the last.
//!
//! Every test that opens its database at [`target`] runs on SQLite, and once more on PostgreSQL where its binary has a
//! test that calls [`run_all_again`]. Where PostgreSQL is not installed that says so and is done.
#![allow(clippy::print_stderr, clippy::panic)]

mod server;

use std::{path::Path, process::Command, sync::atomic::AtomicU32, sync::atomic::Ordering};

use voxlink_service_kit::{DbTarget, db::Sharing};

pub use server::Server;

/// Names the database that this process is to use instead of files.
const VARIABLE: &str = "VOXLINK_TEST_DATABASE";

/// A database of its own in the shared server, dropped at the end.
#[derive(Debug)]
pub struct Database {
    server: Server,
    name: String,
    /// How to reach it.
    pub url: String,
}

impl Database {
    /// A new one; `None` where PostgreSQL is not installed.
    ///
    /// # Panics
    /// When it is installed and does not work.
    #[must_use]
    pub fn new() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = Server::shared()?;
        let name = format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        server.ask(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        server.ask(&format!("CREATE DATABASE {name}"));
        let url = server.url(&name);
        Some(Self { server, name, url })
    }

    /// A schema in it.
    ///
    /// # Panics
    /// Never: the URL is ours.
    #[must_use]
    pub fn schema(&self, name: &str) -> DbTarget {
        let url = self.url.parse().expect("a URL");
        DbTarget::Postgres { url, schema: name.to_owned(), sharing: Sharing::Alone }
    }

    /// Runs SQL in it and returns what psql prints.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    pub fn ask(&self, sql: &str) -> String {
        self.server.ask_in(&self.name, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.server.ask(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// Where a test's database is: this file, or a schema of its own that stands for it.
///
/// # Panics
/// When [`run_all_again`] named a wrong URL.
#[must_use]
pub fn target(file: &Path) -> DbTarget {
    let Ok(url) = std::env::var(VARIABLE) else { return DbTarget::File(file.to_owned()) };
    let name = file.to_string_lossy().to_lowercase();
    let letters: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    // The end tells files apart.
    let schema = format!("t_{}", &letters[letters.len().saturating_sub(60)..]);
    // A test of a restart may still hold the service that it replaces.
    DbTarget::Postgres { url: url.parse().expect("a URL"), schema, sharing: Sharing::Beside }
}

/// Whether this process runs its tests on PostgreSQL.
#[must_use]
pub fn is_on() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Runs all tests of this very binary again, in a process whose [`target`]s are in PostgreSQL.
///
/// # Panics
/// When one of them fails.
pub fn run_all_again() {
    if is_on() {
        return;
    }
    let Some(database) = Database::new() else {
        eprintln!("PostgreSQL is not installed: these tests ran on SQLite only");
        return;
    };
    let binary = std::env::current_exe().expect("this program has a path");
    let output = Command::new(binary)
        .env(VARIABLE, &database.url)
        .env("RUST_BACKTRACE", "0")
        .arg("--quiet")
        .output()
        .expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "on PostgreSQL:\n{}\n{}", text(&output.stdout), text(&output.stderr));
}
