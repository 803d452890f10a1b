//! What only a database server can do to us: go away, come back, be used by two. Says so and passes where PostgreSQL is
//! not installed.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use voxlink_service_kit::{
    Db, DbError, DbTarget,
    db::{
        Sharing, is_empty,
        transfer::{Moved, Step, TransferError, transfer},
    },
    params,
};
use voxlink_test_postgres::{Database, Server};

const MIGRATIONS: &[&str] = &["CREATE TABLE word (id BIGINT PRIMARY KEY) WITHOUT ROWID;"];

fn server() -> Option<Server> {
    let server = Server::alone(&[]);
    if server.is_none() {
        eprintln!("skipped: PostgreSQL is not installed");
    }
    server
}

fn target(server: &Server) -> DbTarget {
    let url = server.url("postgres").parse().unwrap();
    DbTarget::Postgres { url, schema: "words".to_owned(), sharing: Sharing::Alone }
}

async fn add(db: &Db, id: u64) -> Result<usize, DbError> {
    db.write(move |sql| sql.execute("INSERT INTO word (id) VALUES ($1)", params![id])).await
}

async fn all(db: &Db) -> Result<Vec<u64>, DbError> {
    db.read(|sql| sql.query("SELECT id FROM word ORDER BY id", params![], |row| row.get(0))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_gone_refuses_within_five_seconds_and_works_again_after() {
    let Some(server) = server() else { return };
    let db = Db::open(target(&server), MIGRATIONS).unwrap();
    add(&db, 1).await.unwrap();
    server.stop();
    let since = Instant::now();
    let waiting: Vec<_> = (2..20).map(|id| add(&db, id)).collect();
    for refused in futures_util::future::join_all(waiting).await {
        assert!(matches!(&refused, Err(DbError::Io(why)) if why.contains("PostgreSQL")), "{refused:?}");
    }
    assert!(since.elapsed() < Duration::from_secs(5), "the refusal took {:?}", since.elapsed());
    assert!(all(&db).await.is_err());
    server.start_again();
    add(&db, 30).await.unwrap();
    assert_eq!(all(&db).await.unwrap(), [1, 30]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_restart_passes_unnoticed_by_who_was_idle() {
    let Some(server) = server() else { return };
    let db = Db::open(target(&server), MIGRATIONS).unwrap();
    add(&db, 1).await.unwrap();
    server.stop();
    server.start_again();
    add(&db, 2).await.unwrap();
    assert_eq!(all(&db).await.unwrap(), [1, 2]);
}

/// Rows and what followed their commits agree, however often the server crashes in between.
#[tokio::test(flavor = "multi_thread")]
async fn crashes_lose_nothing_that_was_acknowledged_and_announce_nothing_that_was_not_stored() {
    let Some(server) = server() else { return };
    let db = Db::open(target(&server), MIGRATIONS).unwrap();
    let announced: Arc<Mutex<Vec<u64>>> = Arc::default();
    let stop = Arc::new(AtomicBool::new(false));
    let producers: Vec<_> = (0..8_u64)
        .map(|producer| {
            let (db, announced, stop) = (db.clone(), announced.clone(), stop.clone());
            tokio::spawn(async move {
                let (mut acknowledged, mut refused) = (Vec::new(), 0_u32);
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let (id, announced) = (producer * 1_000_000 + number, announced.clone());
                    let stored = db
                        .write_then(
                            move |sql| {
                                sql.execute("INSERT INTO word (id) VALUES ($1)", params![id]).map(|_| id)
                            },
                            move |id| announced.lock().unwrap().push(*id),
                        )
                        .await;
                    match stored {
                        Ok(id) => acknowledged.push(id),
                        Err(DbError::Io(_)) => refused += 1,
                        Err(other) => panic!("{other}"),
                    }
                }
                (acknowledged, refused)
            })
        })
        .collect();
    for _ in 0..4 {
        let before = announced.lock().unwrap().len();
        while announced.lock().unwrap().len() < before + 200 {
            tokio::task::yield_now().await;
        }
        tokio::task::block_in_place(|| server.crash());
    }
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = BTreeSet::new();
    for producer in producers {
        let (ids, _refused) = producer.await.unwrap();
        acknowledged.extend(ids);
    }
    // Whatever was in doubt is settled before this is stored.
    add(&db, u64::from(u32::MAX)).await.unwrap();
    let stored: BTreeSet<u64> =
        all(&db).await.unwrap().into_iter().filter(|id| *id != u64::from(u32::MAX)).collect();
    let announced: BTreeSet<u64> = announced.lock().unwrap().iter().copied().collect();
    assert_eq!(acknowledged.difference(&stored).count(), 0, "acknowledged and lost");
    assert_eq!(stored, announced);
}

#[tokio::test]
async fn a_second_server_is_kept_out_and_an_operator_beside_it_is_not() {
    let Some(database) = Database::new() else { return };
    let db = Db::open(database.schema("words"), MIGRATIONS).unwrap();
    let second = Db::open(database.schema("words"), MIGRATIONS).unwrap_err();
    assert!(second.to_string().contains("another VoxLink"), "{second}");
    let beside = match database.schema("words") {
        DbTarget::Postgres { url, schema, .. } => {
            DbTarget::Postgres { url, schema, sharing: Sharing::Beside }
        }
        DbTarget::File(_) => panic!("a schema"),
    };
    add(&Db::open(beside, MIGRATIONS).unwrap(), 1).await.unwrap();
    assert_eq!(all(&db).await.unwrap(), [1]);
    // Another service's schema in the same database is another matter.
    assert!(Db::open(database.schema("others"), MIGRATIONS).is_ok());
}

const SHELVES: &[&str] = &[
    "CREATE TABLE book (id INTEGER PRIMARY KEY, shelf_id BIGINT NOT NULL REFERENCES a_shelf (id), title TEXT, cover BLOB);
     --sqlite: CREATE VIRTUAL TABLE word_of_book USING fts5 (title, content='');
     CREATE TABLE empty (key BLOB PRIMARY KEY, flag BOOLEAN NOT NULL DEFAULT 1) WITHOUT ROWID;",
];
const FIRST_SHELVES: &str =
    "CREATE TABLE a_shelf (id BIGINT PRIMARY KEY, locked BOOLEAN NOT NULL) WITHOUT ROWID;";

fn shelves() -> Vec<&'static str> {
    [&[FIRST_SHELVES][..], SHELVES].concat()
}

fn file(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("voxlink-transfer-{name}-{}", std::process::id()));
    let _old = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder.join("a.db")
}

async fn fill(db: &Db) {
    db.write(|sql| {
        sql.execute("INSERT INTO a_shelf (id, locked) VALUES ($1, $2)", params![7_u64, true])?;
        for id in 1..=3000_u64 {
            let insert = "INSERT INTO book (id, shelf_id, title, cover) VALUES ($1, $2, $3, $4)";
            let title = format!("книга {id} 📖");
            sql.execute(
                insert,
                params![id, 7_u64, Some(title.as_str()).filter(|_| id % 3 > 0), &id.to_be_bytes()],
            )?;
        }
        Ok::<_, DbError>(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_moved_whole_and_what_follows_goes_on_counting() {
    let Some(database) = Database::new() else { return };
    let file = file("whole");
    let from = Db::open(&file, &shelves()).unwrap();
    fill(&from).await;
    drop(from);
    let place = database.schema("books");
    assert!(is_empty(&place).unwrap());
    let mut told = Vec::new();
    let moved = tokio::task::block_in_place(|| {
        transfer(&file, &place, &shelves(), |progress| {
            told.push((progress.table.to_owned(), progress.step, progress.done, progress.of))
        })
    });
    assert_eq!(moved.unwrap(), Moved { tables: 3, rows: 3001 });
    assert!(told.contains(&("book".to_owned(), Step::Copying, 2000, 3000)), "{told:?}");
    assert_eq!(told.last().map(|last| last.1), Some(Step::Verifying));
    assert!(!is_empty(&place).unwrap());

    let again = tokio::task::block_in_place(|| transfer(&file, &place, &shelves(), |_| ()));
    assert!(matches!(again, Err(TransferError::NotEmpty { .. })), "{again:?}");
    let db = Db::open(&place, &shelves()).unwrap();
    let new = "INSERT INTO book (shelf_id, title) VALUES ($1, $2) RETURNING id";
    let id = db.write(move |sql| sql.query_one(new, params![7_u64, "new"], |row| row.get::<u64>(0))).await;
    assert_eq!(id, Ok::<_, DbError>(Some(3001)));
    let title = "SELECT title, cover FROM book WHERE id = $1";
    let second = db.read(move |sql| {
        sql.query_one(title, params![2_u64], |row| {
            Ok((row.get::<Option<String>>(0)?, row.get::<Vec<u8>>(1)?))
        })
    });
    assert_eq!(
        second.await,
        Ok::<_, DbError>(Some((Some("книга 2 📖".to_owned()), 2_u64.to_be_bytes().to_vec())))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_moved_whole_is_not_moved_at_all() {
    let Some(database) = Database::new() else { return };
    let file = file("broken");
    let from = Db::open(&file, &shelves()).unwrap();
    fill(&from).await;
    // What SQLite lets in and PostgreSQL does not: a number where text belongs.
    let odd = "INSERT INTO book (id, shelf_id, cover) VALUES ($1, $2, $3)";
    from.write(move |sql| sql.execute(odd, params![5000_u64, 7_u64, "no bytes"])).await.unwrap();
    drop(from);
    let place = database.schema("books");
    let moved = tokio::task::block_in_place(|| transfer(&file, &place, &shelves(), |_| ()));
    assert!(matches!(moved, Err(TransferError::Database(_))), "{moved:?}");
    assert!(is_empty(&place).unwrap());
    assert!(Db::open(&place, &shelves()).is_ok(), "the place can still be used");
}
