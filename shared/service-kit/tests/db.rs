//! The database on real files.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::sync::{Arc, Mutex};

use voxlink_service_kit::{Db, DbError, params};

const MIGRATIONS: &[&str] = &["CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);"];

fn folder(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("voxlink-kit-{name}-{}", std::process::id()));
    let _old = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

async fn add(db: &Db, id: u64, text: &str) -> Result<usize, DbError> {
    let text = text.to_owned();
    db.write(move |sql| sql.execute("INSERT INTO word (id, text) VALUES ($1, $2)", params![id, &text])).await
}

#[tokio::test]
async fn what_was_answered_is_there_after_reopening() {
    let path = folder("reopen").join("a.db");
    let db = Db::open(&path, MIGRATIONS).unwrap();
    add(&db, 1, "one").await.unwrap();
    drop(db);
    let db = Db::open(&path, MIGRATIONS).unwrap();
    let found = db
        .read(|sql| {
            sql.query_one("SELECT text FROM word WHERE id = $1", params![1_u64], |row| row.get::<String>(0))
        })
        .await;
    assert_eq!(found, Ok(Some("one".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_write_undoes_only_itself_while_others_share_its_commit() {
    let db = Db::open(&folder("group").join("a.db"), MIGRATIONS).unwrap();
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

#[test]
fn a_database_of_a_newer_version_is_refused_with_words() {
    let path = folder("newer").join("a.db");
    drop(Db::open(&path, &[MIGRATIONS[0], "CREATE TABLE more (id INTEGER);"]).unwrap());
    let error = Db::open(&path, MIGRATIONS).unwrap_err();
    assert!(error.to_string().contains("newer VoxLink"), "{error}");
}
