//! What people chose.

use voxlink_protocol::{UserSettings, gateway::Status, people::SettingsUpdated, settings::CustomStatus};

use super::{DbError, Row, Sql, Store, Timestamp, UserId, news::News, params};

/// What is to change; `None` stays as it is, `Some(None)` is taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SettingsChange {
    pub(crate) status: Option<Status>,
    pub(crate) custom_status: Option<Option<CustomStatus>>,
    pub(crate) locale: Option<Option<String>>,
    pub(crate) hide_address: Option<bool>,
}

const COLUMNS: &str = "user_id, status, locale, status_text, status_emoji_id, status_emoji_name, \
                       status_expires_at, hide_address";

impl Store {
    /// What this person chose, as of `now`: a custom status that is over is left out.
    pub(crate) async fn settings(&self, user: UserId, now: Timestamp) -> Result<UserSettings, DbError> {
        self.db.read(move |sql| read(sql, user, now)).await
    }

    /// Changes what a person chose and tells it, if anything changed.
    pub(crate) async fn change_settings(
        &self,
        user: UserId,
        change: SettingsChange,
        now: Timestamp,
    ) -> Result<UserSettings, DbError> {
        self.telling(move |sql| {
            let before = read(sql, user, now)?;
            let mut after = before.clone();
            let SettingsChange { status, custom_status, locale, hide_address } = change;
            after.status = status.unwrap_or(after.status);
            after.custom_status = custom_status.unwrap_or(after.custom_status);
            after.locale = locale.unwrap_or(after.locale);
            after.hide_address = hide_address.unwrap_or(after.hide_address);
            if after == before {
                return Ok((after, Vec::new()));
            }
            write(sql, user, &after)?;
            let news = News::Settings(SettingsUpdated { user, settings: after.clone() });
            Ok((after, vec![news]))
        })
        .await
    }

    /// Clears custom statuses that are over, a few at a time, and tells it. True: there may be more.
    pub(crate) async fn expire_statuses(&self, now: Timestamp) -> Result<bool, DbError> {
        /// A write stays short.
        const AT_ONCE: u32 = 200;
        let over =
            "SELECT user_id FROM settings WHERE status_expires_at <= $1 ORDER BY status_expires_at LIMIT $2";
        let users: Vec<UserId> =
            self.db.read(move |sql| sql.query(over, params![now, AT_ONCE], |row| row.get(0))).await?;
        if users.is_empty() {
            return Ok(false);
        }
        let full = users.len() >= AT_ONCE as usize;
        self.telling(move |sql| {
            let mut news = Vec::new();
            for user in users {
                // Changed meanwhile: not over any more.
                let clear = "UPDATE settings SET status_text = NULL, status_emoji_id = NULL, \
                             status_emoji_name = NULL, status_expires_at = NULL \
                             WHERE user_id = $1 AND status_expires_at <= $2";
                if sql.execute(clear, params![user, now])? > 0 {
                    news.push(News::Settings(SettingsUpdated { user, settings: read(sql, user, now)? }));
                }
            }
            Ok((full, news))
        })
        .await
    }
}

fn read(sql: &Sql<'_>, user: UserId, now: Timestamp) -> Result<UserSettings, DbError> {
    let select = format!("SELECT {COLUMNS} FROM settings WHERE user_id = $1");
    let settings = |row: &Row<'_>| {
        let custom = CustomStatus {
            text: row.get(3)?,
            emoji_id: row.get(4)?,
            emoji_name: row.get(5)?,
            expires_at: row.get(6)?,
        };
        let shown = custom.text.is_some() || custom.emoji_name.is_some();
        let over = custom.expires_at.is_some_and(|at| at <= now);
        Ok(UserSettings {
            status: status(&row.get::<String>(1)?),
            locale: row.get(2)?,
            custom_status: (shown && !over).then_some(custom),
            hide_address: row.get(7)?,
        })
    };
    Ok(sql.query_one(&select, params![user], settings)?.unwrap_or_default())
}

fn write(sql: &Sql<'_>, user: UserId, settings: &UserSettings) -> Result<(), DbError> {
    let insert = format!(
        "INSERT INTO settings ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (user_id) DO UPDATE SET status = excluded.status, locale = excluded.locale, \
         status_text = excluded.status_text, status_emoji_id = excluded.status_emoji_id, \
         status_emoji_name = excluded.status_emoji_name, status_expires_at = excluded.status_expires_at, \
         hide_address = excluded.hide_address"
    );
    let custom = settings.custom_status.as_ref();
    let values = params![
        user,
        word(settings.status),
        settings.locale.as_ref(),
        custom.and_then(|custom| custom.text.as_ref()),
        custom.and_then(|custom| custom.emoji_id),
        custom.and_then(|custom| custom.emoji_name.as_ref()),
        custom.and_then(|custom| custom.expires_at),
        settings.hide_address
    ];
    sql.execute(&insert, values).map(|_one| ())
}

const fn word(status: Status) -> &'static str {
    match status {
        Status::Online => "online",
        Status::Idle => "idle",
        Status::Dnd => "dnd",
        Status::Invisible | Status::Offline => "invisible",
    }
}

fn status(word: &str) -> Status {
    match word {
        "idle" => Status::Idle,
        "dnd" => Status::Dnd,
        "invisible" => Status::Invisible,
        _ => Status::Online,
    }
}
