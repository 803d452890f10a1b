//! How people stand to each other: one row per side.

use voxlink_protocol::{Relationship, RelationshipKind, event::UserChange, people::Relation};

use super::{
    DbError, Row, Sql, Store, Timestamp, USER_A, User, UserId, WIDTH, news::News, params, user, user_by_id,
};
use crate::relationship::{RelateError, Sides};

/// Friends, people blocked, and requests in each direction that one person may have (v10: 1,000 friends).
pub(crate) const MOST_OF_A_KIND: i64 = 1000;

impl Store {
    /// Who stands how to this person, longest known first.
    pub(crate) async fn relationships(&self, of: UserId) -> Result<Vec<Relationship>, DbError> {
        let select = format!(
            "SELECT {USER_A}, r.kind, r.since FROM relationships r JOIN accounts a ON a.id = r.other_id \
             WHERE r.user_id = $1 ORDER BY r.since, r.other_id"
        );
        let relationship = |row: &Row<'_>| {
            let user = user(row)?;
            let kind = kind(row.get(WIDTH)?)?;
            Ok(Relationship { id: user.id, kind, user, since: row.get(WIDTH + 1)? })
        };
        self.db.read(move |sql| sql.query(&select, params![of], relationship)).await
    }

    /// How one stands to the other.
    pub(crate) async fn relationship(
        &self,
        of: UserId,
        to: UserId,
    ) -> Result<Option<RelationshipKind>, DbError> {
        self.db.read(move |sql| Ok(side(sql, of, to)?.map(|(kind, _)| kind))).await
    }

    /// How two people stand to each other.
    pub(crate) async fn relation_between(&self, a: UserId, b: UserId) -> Result<Relation, DbError> {
        self.db
            .read(move |sql| {
                let one = side(sql, a, b)?.map(|(kind, _)| kind);
                let other = side(sql, b, a)?.map(|(kind, _)| kind);
                Ok(Relation {
                    friends: one == Some(RelationshipKind::Friend) && other == Some(RelationshipKind::Friend),
                    blocked_by_a: one == Some(RelationshipKind::Blocked),
                    blocked_by_b: other == Some(RelationshipKind::Blocked),
                })
            })
            .await
    }

    /// Changes how two people stand to each other by a rule, in one transaction, and tells each side what changed for
    /// it and nothing else. The result is how `me` stands to `other` then.
    pub(crate) async fn relate(
        &self,
        me: UserId,
        other: UserId,
        rule: fn(Sides) -> Sides,
        now: Timestamp,
    ) -> Result<Option<Relationship>, RelateError> {
        self.telling(move |sql| {
            let mine = live(sql, me)?.ok_or(RelateError::UnknownUser)?;
            let theirs = live(sql, other)?.ok_or(RelateError::UnknownUser)?;
            let (before_me, before_other) = (side(sql, me, other)?, side(sql, other, me)?);
            let before = Sides { mine: before_me.map(|(k, _)| k), theirs: before_other.map(|(k, _)| k) };
            let after = rule(before);
            let asks = after.mine == Some(RelationshipKind::Outgoing);
            if theirs.bot && (asks || after.mine == Some(RelationshipKind::Friend)) {
                return Err(RelateError::UnknownUser);
            }
            if asks && after != before && count(sql, other, RelationshipKind::Incoming)? >= MOST_OF_A_KIND {
                // Also for one who is blocked: nobody tells a full list from a closed door.
                return Err(RelateError::OtherFull);
            }
            bounded(sql, me, before.mine, after.mine, RelateError::Full)?;
            bounded(sql, other, before.theirs, after.theirs, RelateError::OtherFull)?;
            let mut news = Vec::new();
            let since = put(sql, me, &theirs, before_me, after.mine, now, &mut news)?;
            put(sql, other, &mine, before_other, after.theirs, now, &mut news)?;
            let relationship = after.mine.map(|kind| Relationship { id: other, kind, user: theirs, since });
            Ok((relationship, news))
        })
        .await
    }
}

/// An account that is not gone.
fn live(sql: &Sql<'_>, id: UserId) -> Result<Option<User>, DbError> {
    let gone = "SELECT 1 FROM accounts WHERE id = $1 AND deleted_at IS NOT NULL";
    let gone = sql.query_one(gone, params![id], |_| Ok(()))?.is_some();
    if gone { Ok(None) } else { user_by_id(sql, id) }
}

type Side = Option<(RelationshipKind, Timestamp)>;

fn side(sql: &Sql<'_>, of: UserId, to: UserId) -> Result<Side, DbError> {
    let select = "SELECT kind, since FROM relationships WHERE user_id = $1 AND other_id = $2";
    sql.query_one(select, params![of, to], |row| Ok((kind(row.get(0)?)?, row.get(1)?)))
}

fn kind(raw: i64) -> Result<RelationshipKind, DbError> {
    let kind = u8::try_from(raw).ok().and_then(|raw| RelationshipKind::try_from(raw).ok());
    kind.ok_or_else(|| DbError::Other(format!("no kind of relationship has the number {raw}")))
}

fn count(sql: &Sql<'_>, of: UserId, kind: RelationshipKind) -> Result<i64, DbError> {
    let count = "SELECT count(*) FROM relationships WHERE user_id = $1 AND kind = $2";
    let counted = sql.query_one(count, params![of, u8::from(kind)], |row| row.get(0))?;
    Ok(counted.unwrap_or(0))
}

fn bounded(
    sql: &Sql<'_>,
    of: UserId,
    before: Option<RelationshipKind>,
    after: Option<RelationshipKind>,
    full: RelateError,
) -> Result<(), RelateError> {
    let Some(kind) = after.filter(|_| after != before) else { return Ok(()) };
    if count(sql, of, kind)? >= MOST_OF_A_KIND { Err(full) } else { Ok(()) }
}

/// Stores one side and adds what its person is told.
fn put(
    sql: &Sql<'_>,
    of: UserId,
    to: &User,
    before: Side,
    after: Option<RelationshipKind>,
    now: Timestamp,
    news: &mut Vec<News>,
) -> Result<Timestamp, DbError> {
    let change = match (before, after) {
        (None, None) => return Ok(now),
        (Some((old, since)), Some(new)) if old == new => return Ok(since),
        (Some((old, _)), None) => {
            let delete = "DELETE FROM relationships WHERE user_id = $1 AND other_id = $2";
            sql.execute(delete, params![of, to.id])?;
            UserChange::RelationshipRemove { id: to.id, kind: old }
        }
        (before, Some(kind)) => {
            let insert = "INSERT INTO relationships (user_id, other_id, kind, since) VALUES ($1, $2, $3, $4) \
                          ON CONFLICT (user_id, other_id) DO UPDATE SET kind = excluded.kind, since = excluded.since";
            sql.execute(insert, params![of, to.id, u8::from(kind), now])?;
            let relationship = Box::new(Relationship { id: to.id, kind, user: to.clone(), since: now });
            match before {
                None => UserChange::RelationshipAdd(relationship),
                Some(_) => UserChange::RelationshipUpdate(relationship),
            }
        }
    };
    news.push(News::to_person(of, change));
    Ok(now)
}

/// Ends everything between this account and anyone, and tells the others.
pub(super) fn forget(sql: &Sql<'_>, gone: UserId) -> Result<Vec<News>, DbError> {
    let select = "SELECT user_id, kind FROM relationships WHERE other_id = $1";
    let known = sql.query(select, params![gone], |row| Ok((row.get(0)?, kind(row.get(1)?)?)))?;
    sql.execute("DELETE FROM relationships WHERE other_id = $1", params![gone])?;
    sql.execute("DELETE FROM relationships WHERE user_id = $1", params![gone])?;
    let told = |(of, kind): (UserId, RelationshipKind)| {
        News::to_person(of, UserChange::RelationshipRemove { id: gone, kind })
    };
    Ok(known.into_iter().map(told).collect())
}
