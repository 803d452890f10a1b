//! The end of an account.

use voxlink_protocol::{ApplicationId, files::ImagePurpose, people::AccountDeleted};

use super::{
    DbError, Sql, Store, Timestamp, USER_A, User, UserId, applications, logins, news::News, params,
    relationships, release_image, second_factor, user, user_by_id,
};

impl Store {
    /// Erases a person's account and the bots they made: names, pictures, logins, and everything between them and
    /// others. What stays is an id with a name that says so. Gives the accounts as they were.
    pub(crate) async fn erase_account(&self, user: UserId, now: Timestamp) -> Result<Vec<User>, DbError> {
        self.telling(move |sql| {
            let bots = format!(
                "SELECT {USER_A} FROM applications p JOIN accounts a ON a.id = p.id WHERE p.owner_id = $1"
            );
            let mut going: Vec<User> = sql.query(&bots, params![user], self::user)?;
            going.extend(user_by_id(sql, user)?);
            let mut news = Vec::new();
            for one in &going {
                news.extend(erase(sql, one.id, now)?);
            }
            Ok((going, news))
        })
        .await
    }
}

/// Erases one account. Does nothing to one that is gone already.
pub(super) fn erase(sql: &Sql<'_>, id: UserId, now: Timestamp) -> Result<Vec<News>, DbError> {
    let Some(before) = user_by_id(sql, id)? else { return Ok(Vec::new()) };
    let tombstone = User { bot: before.bot, ..User::new(id, tombstone_name(id)) };
    let update = "UPDATE accounts SET username = $1, global_name = NULL, display_folded = '', password = '', \
                  avatar = NULL, banner = NULL, accent_color = NULL, bio = NULL, pronouns = NULL, deleted_at = $2 \
                  WHERE id = $3 AND deleted_at IS NULL";
    if sql.execute(update, params![&tombstone.username, now, id])? == 0 {
        return Ok(Vec::new());
    }
    release_image(sql, ImagePurpose::Avatar(id), before.avatar.as_ref())?;
    release_image(sql, ImagePurpose::Banner(id), before.banner.as_ref())?;
    applications::forget(sql, ApplicationId(id.0))?;
    let mut news = logins::end_all(sql, id, None)?;
    news.extend(relationships::forget(sql, id)?);
    second_factor::forget(sql, id)?;
    sql.execute("DELETE FROM notes WHERE user_id = $1", params![id])?;
    sql.execute("DELETE FROM notes WHERE about_id = $1", params![id])?;
    sql.execute("DELETE FROM settings WHERE user_id = $1", params![id])?;
    news.push(News::Deleted(AccountDeleted { user: id }));
    news.push(News::Updated(tombstone));
    Ok(news)
}

/// How an account that is gone is called. Nobody can register under such a name.
fn tombstone_name(id: UserId) -> String {
    format!("{}{id}", crate::register::RESERVED_PREFIX)
}
