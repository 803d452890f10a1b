//! What may be said of a role, and when it may not.

use voxlink_protocol::{Permissions, Role, guild::RoleColor, text::RoleName};

use crate::{Refusal, state::GuildView};

/// v10: 24-bit RGB.
const MAX_COLOR: u32 = 0xFF_FF_FF;

/// The fields to set; `None` leaves one as it is.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct RoleFields {
    pub name: Option<RoleName>,
    pub color: Option<u32>,
    pub hoist: Option<bool>,
    pub mentionable: Option<bool>,
    pub permissions: Option<Permissions>,
}

impl RoleFields {
    /// Sets the fields. Nobody grants or takes by them what they do not have.
    pub(super) fn apply(self, role: &mut Role, view: &GuildView<'_>) -> Result<(), Refusal> {
        let is_everyone = role.id == view.state.guild.id.everyone();
        if let Some(permissions) = self.permissions {
            // Every bit has a meaning or will have one; those that no v10 client knows stay out.
            let known = permissions & Permissions::every_named();
            let changed = known ^ role.permissions;
            view.require(changed & Permissions::every_named())?;
            role.permissions = known;
        }
        // v10: of @everyone only the permissions change.
        if is_everyone {
            return Ok(());
        }
        if let Some(name) = self.name {
            role.name = name.into_string();
        }
        if let Some(color) = self.color {
            if color > MAX_COLOR {
                let message = "int value should be between 0 and 16777215.";
                return Err(Refusal::field("color", "NUMBER_TYPE_OUT_OF_RANGE", message));
            }
            role.color = RoleColor(color);
        }
        role.hoist = self.hoist.unwrap_or(role.hoist);
        role.mentionable = self.mentionable.unwrap_or(role.mentionable);
        Ok(())
    }
}
