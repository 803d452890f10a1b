//! Logs go to stderr: for people on a terminal, JSON otherwise. `RUST_LOG` says how much.

use std::io::IsTerminal as _;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// What decoders think of strangers' files is no news for an operator.
const USUAL: &str = "info,symphonia=off";

/// Starts logging; panics are logged too, with their place.
pub(crate) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(USUAL));
    let people = std::io::stderr().is_terminal();
    let (human, json) = if people {
        (Some(fmt::layer().with_writer(std::io::stderr).with_target(false)), None)
    } else {
        (None, Some(fmt::layer().json().with_writer(std::io::stderr)))
    };
    tracing_subscriber::registry().with(filter).with(human).with(json).init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let words = panic.payload_as_str().unwrap_or("");
        tracing::error!(place, words, "a panic: a bug in VoxLink");
    }));
}
