//! A panic in one call's code ends that call, not the shard.

use std::panic::{AssertUnwindSafe, catch_unwind};

use voxlink_sfu::{RoomId, Worker};

/// What came out of the engine's code.
pub(super) enum Outcome<T> {
    Done(T),
    /// It panicked, in the code of this room if that is known.
    Panicked(Option<RoomId>),
}

/// Runs engine code. What a panic leaves half done is thrown away with the room (see the caller), hence the assertion
/// of unwind safety.
pub(super) fn run<T>(worker: &mut Worker, code: impl FnOnce(&mut Worker) -> T) -> Outcome<T> {
    match catch_unwind(AssertUnwindSafe(|| code(worker))) {
        Ok(value) => Outcome::Done(value),
        Err(_message) => {
            let room = catch_unwind(AssertUnwindSafe(|| worker.current_room())).ok().flatten();
            Outcome::Panicked(room)
        }
    }
}

/// Drops a room after a panic; false when not even that can be done.
pub(super) fn end_room(worker: &mut Worker, room: RoomId) -> bool {
    catch_unwind(AssertUnwindSafe(|| worker.end_room(room))).is_ok()
}
