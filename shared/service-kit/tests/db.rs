//! The database: every test on real files, and all of them again on PostgreSQL.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::sync::{Arc, Mutex};

use voxlink_service_kit::{
    Db, DbError, DbTarget,
    db::{Dialect, Value},
    outbox, params,
};

const MIGRATIONS: &[&str] = &["CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);"];

fn place(name: &str) -> DbTarget {
    let folder = std::env::temp_dir().join(format!("voxlink-kit-{name}-{}", std::process::id()));
    let _old = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    voxlink_test_postgres::target(&folder.join("a.db"))
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

async fn add(db: &Db, id: u64, text: &str) -> Result<usize, DbError> {
    let text = text.to_owned();
    db.write(move |sql| sql.execute("INSERT INTO word (id, text) VALUES ($1, $2)", params![id, &text])).await
}

async fn words(db: &Db) -> Vec<String> {
    let select = "SELECT text FROM word ORDER BY text";
    db.read(move |sql| sql.query(select, params![], |row| row.get(0))).await.unwrap()
}

#[tokio::test]
async fn what_was_answered_is_there_after_reopening() {
    let place = place("reopen");
    let db = Db::open(&place, MIGRATIONS).unwrap();
    add(&db, 1, "one").await.unwrap();
    drop(db);
    let db = Db::open(&place, MIGRATIONS).unwrap();
    let found = db
        .read(|sql| {
            sql.query_one("SELECT text FROM word WHERE id = $1", params![1_u64], |row| row.get::<String>(0))
        })
        .await;
    assert_eq!(found, Ok(Some("one".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_write_undoes_only_itself_while_others_share_its_commit() {
    let db = Db::open(place("group"), MIGRATIONS).unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..200_u64)
        .map(|id| {
            let (db, order) = (db.clone(), order.clone());
            tokio::spawn(async move {
                let text = format!("word {}", id % 100);
                db.write_then(
                    move |sql| {
                        sql.execute("INSERT INTO word (id, text) VALUES ($1, $2)", params![id, &text])
                            .map(|_| id)
                    },
                    move |id| order.lock().unwrap().push(*id),
                )
                .await
            })
        })
        .collect();
    let mut refused = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => {}
            Err(DbError::Unique(_)) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(refused, 100);
    assert_eq!(order.lock().unwrap().len(), 100);
    let count =
        db.read(|sql| sql.query_one("SELECT count(*) FROM word", params![], |row| row.get::<u64>(0))).await;
    assert_eq!(count, Ok(Some(100)));
}

#[tokio::test]
async fn a_taken_key_names_its_column_and_not_its_value() {
    let db = Db::open(place("unique"), MIGRATIONS).unwrap();
    add(&db, 1, "secret").await.unwrap();
    let Err(DbError::Unique(text)) = add(&db, 2, "secret").await else { panic!("taken") };
    assert!(text.contains("word.text") && !text.contains("secret"), "{text}");
    let Err(DbError::Unique(text)) = add(&db, 1, "other").await else { panic!("taken") };
    assert!(text.contains("word.id"), "{text}");
}

#[tokio::test]
async fn what_an_operation_did_before_its_error_is_undone() {
    let db = Db::open(place("undo"), MIGRATIONS).unwrap();
    let refused: Result<(), DbError> = db
        .write(|sql| {
            sql.execute("INSERT INTO word (id, text) VALUES ($1, $2)", params![1_u64, "one"])?;
            Err(DbError::Other("on purpose".to_owned()))
        })
        .await;
    assert_eq!(refused, Err(DbError::Other("on purpose".to_owned())));
    add(&db, 2, "two").await.unwrap();
    assert_eq!(words(&db).await, ["two"]);
}

#[tokio::test]
async fn every_kind_of_value_comes_back_as_it_went() {
    let table = "CREATE TABLE thing (id BIGINT PRIMARY KEY, flag BOOLEAN NOT NULL DEFAULT 0, name TEXT, key BLOB) WITHOUT ROWID;";
    let db = Db::open(place("values"), &[table]).unwrap();
    db.write(|sql| {
        let insert = "INSERT INTO thing (id, flag, name, key) VALUES ($1, $2, $3, $4)";
        sql.execute(insert, params![1_u64, true, "имя 🚢", &[0_u8, 255]])?;
        sql.execute(insert, params![i64::MAX, false, None::<&str>, Value::Null])?;
        sql.execute("INSERT INTO thing (id) VALUES ($1)", params![3_u64])
    })
    .await
    .unwrap();
    type Thing = (u64, bool, Option<String>, Option<Vec<u8>>);
    let all: Vec<Thing> = db
        .read(|sql| {
            sql.query("SELECT id, flag, name, key FROM thing ORDER BY id", params![], |row| {
                Ok::<_, DbError>((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })
        })
        .await
        .unwrap();
    assert_eq!(
        all,
        [
            (1, true, Some("имя 🚢".to_owned()), Some(vec![0, 255])),
            (3, false, None, None),
            (i64::MAX.cast_unsigned(), false, None, None)
        ]
    );
    let sums = db
        .read(|sql| {
            sql.query_one(
                "SELECT sum(id), count(*), max(name) FROM thing WHERE flag = $1",
                params![true],
                |row| Ok((row.get::<i64>(0)?, row.get::<u32>(1)?, row.get::<Option<String>>(2)?)),
            )
        })
        .await;
    assert_eq!(sums, Ok::<_, DbError>(Some((1, 1, Some("имя 🚢".to_owned())))));
}

#[tokio::test]
async fn text_is_ordered_by_its_bytes_and_odd_text_is_stored() {
    let db = Db::open(place("bytes"), MIGRATIONS).unwrap();
    for (id, text) in ["b", "B", "a_", "aa", "é", "'; DROP TABLE word; --"].into_iter().enumerate() {
        add(&db, id as u64, text).await.unwrap();
    }
    assert_eq!(words(&db).await, ["'; DROP TABLE word; --", "B", "a_", "aa", "b", "é"]);
    // What somebody may search for.
    let select = "SELECT id FROM word WHERE text = $1";
    let found = db.read(move |sql| sql.query(select, params!["a\0b"], |row| row.get::<u64>(0))).await;
    assert_eq!(found, Ok(vec![]));
}

#[tokio::test]
async fn the_outbox_numbers_its_entries() {
    let db = Db::open(place("outbox"), &[outbox::TABLE]).unwrap();
    let insert = "INSERT INTO outbox (name, body) VALUES ($1, $2) RETURNING id";
    let ids = db.write(move |sql| {
        let put = || sql.query_one(insert, params!["a", "b"], |row| row.get::<u64>(0));
        Ok::<_, DbError>((put()?, put()?))
    });
    assert_eq!(ids.await, Ok((Some(1), Some(2))));
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let db = Db::open(place("reader"), MIGRATIONS).unwrap();
    let wrote = db.read(|sql| sql.execute("DELETE FROM word", params![])).await;
    assert!(wrote.is_err());
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_with_words() {
    let place = place("newer");
    drop(Db::open(&place, &[MIGRATIONS[0], "CREATE TABLE more (id INTEGER);"]).unwrap());
    let error = Db::open(&place, MIGRATIONS).unwrap_err();
    assert!(error.to_string().contains("newer VoxLink"), "{error}");
}

#[tokio::test]
async fn the_dialect_is_told() {
    let db = Db::open(place("dialect"), MIGRATIONS).unwrap();
    let told = db.read(|sql| Ok::<_, DbError>(sql.dialect())).await.unwrap();
    assert_eq!(told == Dialect::Postgres, voxlink_test_postgres::is_on());
}
