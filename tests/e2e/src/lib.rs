//! The whole server over real sockets: see `tests/`. Build the binary first (`cargo build -p voxlink`).
