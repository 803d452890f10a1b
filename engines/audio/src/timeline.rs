//! A recorded track as one gapless stream on the recording's clock.
//!
//! Packets come with the time at which they sound; sound comes out from time zero on, without end. Small differences
//! between a packet's time and where its predecessor ended are a crystal's, and are made good by frames a little longer or
//! shorter; larger ones are a pause. What was lost is recovered as [`crate::jitter`] does.
