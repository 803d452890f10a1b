//! Roles: making, changing, ordering, deleting, giving and taking.

pub mod create;
pub mod delete;
mod form;
pub mod give;
pub mod read;
pub mod reorder;
pub mod update;

pub use form::RoleFields;

/// v10: roles of a guild, `@everyone` included.
pub const MAX_ROLES: usize = 250;

/// What the audit log tells of a role.
const LOGGED: &[&str] = &["name", "color", "hoist", "mentionable", "permissions"];
