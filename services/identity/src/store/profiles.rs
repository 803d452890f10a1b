//! What others see of an account.

use voxlink_protocol::{
    files::ImagePurpose,
    text::{Bio, DisplayName, Pronouns, Username},
};

use super::{
    DbError, Row, Sql, Store, Timestamp, USER, User, UserId, WIDTH, accounts, news::News, params,
    release_image, user,
};

/// An account as its profile shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) user: User,
    pub(crate) bio: Option<String>,
    pub(crate) pronouns: Option<String>,
    pub(crate) created_at: Timestamp,
}

/// What only the account itself learns besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Me {
    pub(crate) profile: Profile,
    pub(crate) locale: Option<String>,
    pub(crate) mfa_enabled: bool,
}

/// What is to change; `None` stays as it is, `Some(None)` is taken away.
#[derive(Clone, Debug, Default)]
pub(crate) struct ProfileChange {
    pub(crate) username: Option<Username>,
    pub(crate) global_name: Option<Option<DisplayName>>,
    pub(crate) bio: Option<Option<Bio>>,
    pub(crate) pronouns: Option<Option<Pronouns>>,
    pub(crate) accent_color: Option<Option<u32>>,
    /// Hashes of stored pictures.
    pub(crate) avatar: Option<Option<String>>,
    pub(crate) banner: Option<Option<String>>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChangeProfileError {
    /// There is no such account, or it is gone.
    #[error("no such account")]
    Unknown,
    #[error("the username is taken")]
    UsernameTaken,
    #[error(transparent)]
    Store(#[from] DbError),
}

impl Store {
    /// What others see of this account, unless it is gone.
    pub(crate) async fn profile(&self, id: UserId) -> Result<Option<Profile>, DbError> {
        self.db.read(move |sql| read(sql, id)).await
    }

    /// What an account sees of itself.
    pub(crate) async fn me(&self, id: UserId) -> Result<Option<Me>, DbError> {
        self.db
            .read(move |sql| {
                let Some(profile) = read(sql, id)? else { return Ok(None) };
                let locale = "SELECT locale FROM settings WHERE user_id = $1";
                let locale = sql.query_one(locale, params![id], |row| row.get(0))?.flatten();
                let totp = "SELECT 1 FROM totp WHERE user_id = $1 AND enabled = $2";
                let totp = sql.query_one(totp, params![id, true], |_| Ok(()))?;
                Ok(Some(Me { profile, locale, mfa_enabled: totp.is_some() }))
            })
            .await
    }

    /// Changes an account and tells everyone; gives it as it was and as it is.
    pub(crate) async fn change_profile(
        &self,
        id: UserId,
        change: ProfileChange,
    ) -> Result<(User, User), ChangeProfileError> {
        self.telling(move |sql| {
            let before = read(sql, id)?.ok_or(ChangeProfileError::Unknown)?;
            let after = before.clone().changed(change);
            let username = &after.user.username;
            if *username != before.user.username && accounts::taken(sql, username)? {
                return Err(ChangeProfileError::UsernameTaken);
            }
            write(sql, &after)?;
            if before.user.avatar != after.user.avatar {
                release_image(sql, ImagePurpose::Avatar(id), before.user.avatar.as_ref())?;
            }
            if before.user.banner != after.user.banner {
                release_image(sql, ImagePurpose::Banner(id), before.user.banner.as_ref())?;
            }
            let news = (before.user != after.user).then(|| News::Updated(after.user.clone()));
            Ok(((before.user, after.user), news.into_iter().collect()))
        })
        .await
    }
}

impl Profile {
    fn changed(mut self, change: ProfileChange) -> Self {
        fn put<T, U>(place: &mut Option<U>, change: Option<Option<T>>, into: impl FnOnce(T) -> U) {
            if let Some(new) = change {
                *place = new.map(into);
            }
        }
        if let Some(username) = change.username {
            self.user.username = username.into_string();
        }
        put(&mut self.user.global_name, change.global_name, DisplayName::into_string);
        put(&mut self.user.accent_color, change.accent_color, |color| color);
        put(&mut self.user.avatar, change.avatar, |hash| hash);
        put(&mut self.user.banner, change.banner, |hash| hash);
        put(&mut self.bio, change.bio, Bio::into_string);
        put(&mut self.pronouns, change.pronouns, Pronouns::into_string);
        self
    }
}

fn read(sql: &Sql<'_>, id: UserId) -> Result<Option<Profile>, DbError> {
    let select = format!(
        "SELECT {USER}, bio, pronouns, created_at FROM accounts WHERE id = $1 AND deleted_at IS NULL"
    );
    let profile = |row: &Row<'_>| {
        Ok(Profile {
            user: user(row)?,
            bio: row.get(WIDTH)?,
            pronouns: row.get(WIDTH + 1)?,
            created_at: row.get(WIDTH + 2)?,
        })
    };
    sql.query_one(&select, params![id], profile)
}

fn write(sql: &Sql<'_>, profile: &Profile) -> Result<(), DbError> {
    let Profile { user, bio, pronouns, created_at: _ } = profile;
    let folded = user.global_name.as_deref().map(str::to_lowercase).unwrap_or_default();
    let update = "UPDATE accounts SET username = $1, global_name = $2, display_folded = $3, avatar = $4, \
                  banner = $5, accent_color = $6, bio = $7, pronouns = $8 WHERE id = $9";
    let values = params![
        &user.username,
        user.global_name.as_ref(),
        &folded,
        user.avatar.as_ref(),
        user.banner.as_ref(),
        user.accent_color,
        bio.as_ref(),
        pronouns.as_ref(),
        user.id
    ];
    sql.execute(update, values).map(|_one| ())
}
