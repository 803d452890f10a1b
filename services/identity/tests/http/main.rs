//! Identity as a client meets it, bad input included.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod applications;
mod basics;
mod deletion;
mod profiles;
mod relationships;
mod schema;
mod second_factor;
mod settings;
mod throttling;
mod world;

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}
