//! The audit log: what moderators did, and why.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::{AuditLogEntryId, Snowflake, UserId};

/// An entry in its v10 shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditLogEntry {
    /// Its id: when it happened.
    pub id: AuditLogEntryId,
    /// What was done; a v10 action number.
    pub action_type: u32,
    /// Who did it.
    pub user_id: Option<UserId>,
    /// To what: a user, channel, role, message, …
    pub target_id: Option<Snowflake>,
    /// What it was before and is now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<AuditLogChange>,
    /// More about it, by kind of action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Map<String, Value>>,
    /// Why, in the actor's words (`X-Audit-Log-Reason`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One field that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditLogChange {
    /// Which.
    pub key: String,
    /// Before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_value: Option<Value>,
    /// Now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_value: Option<Value>,
}
