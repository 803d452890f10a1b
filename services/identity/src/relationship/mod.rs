//! Friends, requests and blocks: the rules, as pure functions of how two people stand to each other.

mod ask;
mod block;
mod list;
mod remove;

use voxlink_protocol::RelationshipKind::{self, Blocked, Friend, Incoming, Outgoing};
use voxlink_service_kit::DbError;

/// How two people stand to each other, as each sees it. A request that one who is blocked sends has no other side:
/// they see it wait, and who blocked them sees nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sides {
    pub(crate) mine: Option<RelationshipKind>,
    pub(crate) theirs: Option<RelationshipKind>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RelateError {
    /// Nobody has this id or name, or it is a bot that was asked.
    #[error("no such person")]
    UnknownUser,
    #[error("one is not one's own friend")]
    Oneself,
    /// The one who asks has as many of this kind as they may.
    #[error("as many as one may have")]
    Full,
    /// The other one has.
    #[error("the other takes no more")]
    OtherFull,
    #[error(transparent)]
    Store(#[from] DbError),
}

impl Sides {
    /// I ask them, or say yes to what they asked. Asking one whom I block takes the block away.
    pub(crate) fn ask(self) -> Self {
        if self.mine == Some(Friend) {
            return self;
        }
        match self.theirs {
            // They asked: also when it was in the dark of my block.
            Some(Outgoing) => Self { mine: Some(Friend), theirs: Some(Friend) },
            Some(Blocked) => Self { mine: Some(Outgoing), ..self },
            Some(Friend | Incoming) | None => Self { mine: Some(Outgoing), theirs: Some(Incoming) },
        }
    }

    /// I want nothing of them: nothing of theirs stays, except that they want nothing of me either.
    pub(crate) fn block(self) -> Self {
        Self { mine: Some(Blocked), theirs: self.theirs.filter(|theirs| *theirs == Blocked) }
    }

    /// I end it: friendship, request, refusal or block.
    pub(crate) fn remove(self) -> Self {
        match self.mine {
            Some(Friend | Incoming | Outgoing) => {
                Self { mine: None, theirs: self.theirs.filter(|theirs| *theirs == Blocked) }
            }
            Some(Blocked) => Self { mine: None, ..self },
            None => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Sides = Sides { mine: None, theirs: None };

    impl Sides {
        fn seen_by_them(self) -> Self {
            Self { mine: self.theirs, theirs: self.mine }
        }
        fn of(mine: RelationshipKind, theirs: RelationshipKind) -> Self {
            Self { mine: Some(mine), theirs: Some(theirs) }
        }
    }

    #[test]
    fn two_who_ask_each_other_are_friends_and_asking_twice_changes_nothing() {
        let asked = NOTHING.ask();
        assert_eq!(asked, Sides::of(Outgoing, Incoming));
        assert_eq!(asked.ask(), asked);
        let friends = asked.seen_by_them().ask();
        assert_eq!(friends, Sides::of(Friend, Friend));
        assert_eq!(friends.ask(), friends);
        assert_eq!(friends.remove(), NOTHING);
    }

    #[test]
    fn a_request_is_withdrawn_by_one_and_refused_by_the_other() {
        assert_eq!(NOTHING.ask().remove(), NOTHING);
        assert_eq!(NOTHING.ask().seen_by_them().remove(), NOTHING);
    }

    #[test]
    fn who_is_blocked_sees_a_request_that_waits_and_the_other_sees_nothing() {
        let blocked = Sides::of(Friend, Friend).block();
        assert_eq!(blocked, Sides { mine: Some(Blocked), theirs: None });
        let theirs = blocked.seen_by_them().ask();
        assert_eq!(theirs, Sides::of(Outgoing, Blocked));
        assert_eq!(theirs.remove(), Sides { mine: None, theirs: Some(Blocked) });
        let unblocked = theirs.seen_by_them().remove();
        assert_eq!(unblocked, Sides { mine: None, theirs: Some(Outgoing) });
        assert_eq!(unblocked.ask(), Sides::of(Friend, Friend));
    }

    #[test]
    fn blocks_do_not_end_by_what_the_other_does() {
        let both = Sides::of(Blocked, Blocked);
        assert_eq!(both.block(), both);
        assert_eq!(both.remove(), Sides { mine: None, theirs: Some(Blocked) });
        assert_eq!(both.ask(), Sides::of(Outgoing, Blocked));
        assert_eq!(NOTHING.remove(), NOTHING);
    }
}
