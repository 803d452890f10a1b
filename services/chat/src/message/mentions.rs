//! Whom a message names, and whom of them it rings.

use voxlink_protocol::{Permissions, RoleId, UserId};

use super::{allowed_mentions::AllowedMentions, spans::outside_code};
use crate::state::place::PlaceView;

/// Whom a message rings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mentions {
    /// `@everyone` or `@here`.
    pub(crate) everyone: bool,
    /// People by name, in the order of the text.
    pub(crate) users: Vec<UserId>,
    /// Roles, in the order of the text.
    pub(crate) roles: Vec<RoleId>,
}

/// What stands in the text, whether or not it exists.
fn named(content: &str) -> Mentions {
    let mut found = Mentions::default();
    for part in outside_code(content) {
        for (at, _) in part.match_indices('@') {
            let (before, after) =
                (part.get(..at).unwrap_or_default(), part.get(at + 1..).unwrap_or_default());
            if let Some(outer) = before.strip_suffix('<') {
                if !outer.ends_with('\\') {
                    bracketed(after, &mut found);
                }
            } else if is_for_everyone(before, after) {
                found.everyone = true;
            }
        }
    }
    found
}

/// `<@1>`, `<@!1>` or `<@&1>`, after the `@`.
fn bracketed(after: &str, found: &mut Mentions) {
    let Some((inside, _)) = after.split_once('>') else { return };
    if let Some(role) = inside.strip_prefix('&') {
        push(&mut found.roles, role.parse().ok().filter(|_| is_number(role)));
    } else {
        let user = inside.strip_prefix('!').unwrap_or(inside);
        push(&mut found.users, user.parse().ok().filter(|_| is_number(user)));
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn push<T: PartialEq>(list: &mut Vec<T>, item: Option<T>) {
    if let Some(item) = item.filter(|item| !list.contains(item)) {
        list.push(item);
    }
}

/// `@everyone` or `@here` as words of their own: not within an address.
fn is_for_everyone(before: &str, after: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let begins = !before.ends_with(|c| in_word(c) || c == '\\');
    let rest = ["everyone", "here"].into_iter().find_map(|word| after.strip_prefix(word));
    begins && rest.is_some_and(|rest| !rest.starts_with(in_word))
}

/// Whom this text rings, posted by someone who sees the place so. People who are not here and roles that anyone may
/// not mention are passed over: their names stay text.
pub(crate) fn resolve(view: &PlaceView<'_>, content: &str, allowed: &AllowedMentions) -> Mentions {
    if !content.contains('@') {
        return Mentions::default();
    }
    let mut mentions = named(content);
    mentions.users.retain(|user| allowed.users.allows(user));
    mentions.roles.retain(|role| allowed.roles.allows(role));
    let all = view.may(Permissions::MENTION_EVERYONE);
    mentions.everyone &= all && allowed.everyone;
    match view {
        PlaceView::Guild(view) => {
            mentions.users.retain(|user| view.state.members.contains_key(user));
            let guild = &view.state.guild;
            let may_ring = |role: &RoleId| {
                let known = guild.roles.iter().find(|known| known.id == *role);
                *role != guild.id.everyone() && known.is_some_and(|known| all || known.mentionable)
            };
            mentions.roles.retain(may_ring);
        }
        PlaceView::Direct(view) => {
            mentions.users.retain(|user| view.state.people.contains_key(user));
            mentions.roles.clear();
            mentions.everyone = false;
        }
    }
    mentions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_outside_of_code_and_once_each() {
        let found = named("<@1> <@!2> <@&3> <@1> `<@4>` ```\n@everyone <@5>``` <@x> <@> <@+6> \\<@7>");
        assert_eq!(found.users, [UserId::new(1), UserId::new(2)]);
        assert_eq!(found.roles, [RoleId::new(3)]);
        assert!(!found.everyone);
    }

    #[test]
    fn everyone_is_a_word_of_its_own() {
        for text in ["@everyone", "hi @here!", "(@everyone)", "я @here"] {
            assert!(named(text).everyone, "{text}");
        }
        for text in ["me@here.example", "@hereby", "@everyone_else", "\\@everyone", "`@here`"] {
            assert!(!named(text).everyone, "{text}");
        }
    }
}
