//! Where each service keeps its data: a file in the data folder, or PostgreSQL.

use std::{collections::BTreeMap, path::PathBuf};

use voxlink_service_kit::{
    DbTarget,
    db::{PostgresUrl, Sharing},
};

use crate::{Failure, cli::Database, data_dir::DataDir};

/// A service that has a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub(crate) enum Keeper {
    Identity,
    Chat,
    Files,
    Media,
    Recording,
}

impl Keeper {
    pub(crate) const ALL: [Self; 5] = [Self::Identity, Self::Chat, Self::Files, Self::Media, Self::Recording];

    /// How the command line names it; its schema is named so too.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Chat => "chat",
            Self::Files => "files",
            Self::Media => "media",
            Self::Recording => "recording",
        }
    }

    /// Its tables.
    pub(crate) const fn migrations(self) -> &'static [&'static str] {
        match self {
            Self::Identity => voxlink_identity::MIGRATIONS,
            Self::Chat => voxlink_chat::store::MIGRATIONS,
            Self::Files => voxlink_files::store::MIGRATIONS,
            Self::Media => voxlink_media::store::MIGRATIONS,
            Self::Recording => voxlink_recording::store::MIGRATIONS,
        }
    }

    fn file_name(self) -> String {
        format!("{}.db", self.name())
    }
}

/// The databases that are in PostgreSQL. Prints without passwords.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Databases(BTreeMap<Keeper, PostgresUrl>);

impl Databases {
    /// Reads `SERVICE=URL`, each service once.
    ///
    /// # Errors
    /// What is wrong, without the URL: it may hold a password.
    pub(crate) fn parse(given: &[Database]) -> Result<Self, Failure> {
        let mut all = BTreeMap::new();
        for Database(text) in given {
            let (name, url) = text.expose().split_once('=').ok_or_else(|| {
                Failure(
                    "A --database is written as SERVICE=postgres://user:password@host/database.".to_owned(),
                )
            })?;
            let keeper =
                Keeper::ALL.into_iter().find(|keeper| keeper.name() == name.trim()).ok_or_else(|| {
                    let names = Keeper::ALL.map(Keeper::name).join(", ");
                    Failure(format!("No service named {name:?} keeps a database; these do: {names}."))
                })?;
            let url = url
                .trim()
                .parse()
                .map_err(|error| Failure(format!("The --database of {name} is wrong: {error}.")))?;
            if all.insert(keeper, url).is_some() {
                return Err(Failure(format!("The --database of {name} is given twice.")));
            }
        }
        Ok(Self(all))
    }

    /// The services that are named.
    pub(crate) fn named(&self) -> impl Iterator<Item = Keeper> {
        self.0.keys().copied()
    }

    /// The machines that they are on.
    pub(crate) fn hosts(&self) -> Vec<String> {
        self.0.values().flat_map(PostgresUrl::hosts).collect()
    }

    /// The schema of this service, if it is in PostgreSQL.
    pub(crate) fn schema(&self, keeper: Keeper, sharing: Sharing) -> Option<DbTarget> {
        let url = self.0.get(&keeper)?.clone();
        Some(DbTarget::Postgres { url, schema: keeper.name().to_owned(), sharing })
    }

    /// Where this service's data is, for the server. A file that was moved into PostgreSQL, or one that was not and
    /// would be passed over, is no place to start from: the server would look as if all were lost.
    ///
    /// # Errors
    /// What to do about it.
    pub(crate) fn place(&self, keeper: Keeper, data: &DataDir) -> Result<DbTarget, Failure> {
        let (name, file) = (keeper.name(), file(keeper, data));
        let Some(target) = self.schema(keeper, Sharing::Alone) else {
            let moved = moved_file(keeper, data);
            if moved.exists() && !file.exists() {
                return Err(Failure(format!(
                    "The data of {name} was moved into PostgreSQL: start with --database {name}=postgres://… To go back to the data as it was before that, rename {} to {}.",
                    moved.display(),
                    keeper.file_name()
                )));
            }
            return Ok(DbTarget::File(file));
        };
        let empty = voxlink_service_kit::db::is_empty(&target)
            .map_err(|error| Failure(format!("The database of {name} cannot be opened: {error}.")))?;
        if empty && file.exists() {
            return Err(Failure(format!(
                "The data of {name} is in {}, and PostgreSQL has none of it. Move it with: voxlink admin migrate --data-dir {} --database {name}=postgres://…",
                file.display(),
                file.parent().unwrap_or(&file).display()
            )));
        }
        Ok(target)
    }
}

/// The file of this service.
pub(crate) fn file(keeper: Keeper, data: &DataDir) -> PathBuf {
    data.file(&keeper.file_name())
}

/// The name that the file has once its data is in PostgreSQL.
pub(crate) fn moved_file(keeper: Keeper, data: &DataDir) -> PathBuf {
    data.file(&format!("{}.moved-to-postgresql", keeper.file_name()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use voxlink_protocol::Secret;

    use super::*;

    fn parse(given: &[&str]) -> Result<Databases, Failure> {
        let given: Vec<Database> = given.iter().map(|text| Database(Secret::new(*text))).collect();
        Databases::parse(&given)
    }

    #[test]
    fn each_service_has_a_schema_of_its_own_and_nothing_prints_the_password() {
        let all = parse(&["chat=postgres://a:hush@db/vox", "identity=postgres://a:hush@db/vox"]).unwrap();
        assert_eq!(all.named().collect::<Vec<_>>(), [Keeper::Identity, Keeper::Chat]);
        let target = all.schema(Keeper::Chat, Sharing::Alone).unwrap();
        assert_eq!(target.to_string(), "postgres://db:5432/vox (schema chat)");
        assert!(!format!("{all:?} {target:?}").contains("hush"));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for (given, words) in [
            (&["postgres://a:hush@db/vox"][..], "written as"),
            (&["gateway=postgres://a:hush@db/vox"], "keeps a database"),
            (&["chat=mysql://a:hush@db/vox"], "of chat is wrong"),
            (&["chat=postgres://a:hush@db/vox", "chat=postgres://a:hush@db/vox"], "twice"),
        ] {
            let failure = parse(given).unwrap_err();
            assert!(failure.0.contains(words) && !failure.0.contains("hush"), "{failure}");
        }
    }
}
