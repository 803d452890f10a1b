//! What only a database server can do to us: go away, come back, be used by two. Says so and passes where PostgreSQL is
//! not installed.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
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
async fn a_database_that_is_gone_refuses_instead_of_waiting_and_works_again_after() {
    let Some(server) = server() else { return };
    let db = Db::open(target(&server), MIGRATIONS).unwrap();
    add(&db, 1).await.unwrap();
    server.stop();
    let waiting = futures_util::future::join_all((2..20).map(|id| add(&db, id)));
    for refused in tokio::time::timeout(Duration::from_secs(100), waiting).await.expect("an answer") {
        assert!(matches!(&refused, Err(DbError::Io(why)) if why.contains("PostgreSQL")), "{refused:?}");
    }
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
    // Whatever was in doubt is settled before this is stored. The last crash may still be felt.
    while let Err(refused) = add(&db, u64::from(u32::MAX)).await {
        assert!(matches!(refused, DbError::Io(_)), "{refused}");
    }
    let stored: BTreeSet<u64> =
        all(&db).await.unwrap().into_iter().filter(|id| *id != u64::from(u32::MAX)).collect();
    let announced: BTreeSet<u64> = announced.lock().unwrap().iter().copied().collect();
    assert_eq!(acknowledged.difference(&stored).count(), 0, "acknowledged and lost");
    assert_eq!(stored, announced);
}

/// What stands between a server and its database: passes everything on until a COMMIT comes by.
#[derive(Debug)]
struct Between {
    url: String,
    caught: Arc<Caught>,
}

#[derive(Debug, Default)]
struct Caught {
    /// A COMMIT is held back, and its client loses its connection.
    armed: AtomicBool,
    /// That happened; nobody else gets through.
    closed: AtomicBool,
    /// What was held back, and the connection that it was for.
    commit: Mutex<Option<(UnixStream, Vec<u8>)>>,
}

impl Between {
    /// Listens as PostgreSQL would.
    fn new(name: &str, server: &Server) -> Self {
        let url = server.url("postgres");
        let (rest, behind) = url.rsplit_once("host=").unwrap();
        let behind = PathBuf::from(behind).join(".s.PGSQL.5432");
        let folder = file(name).with_file_name("socket");
        std::fs::create_dir_all(&folder).unwrap();
        let listener = UnixListener::bind(folder.join(".s.PGSQL.5432")).unwrap();
        let caught = Arc::<Caught>::default();
        let between = Self { url: format!("{rest}host={}", folder.display()), caught: caught.clone() };
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(server) = UnixStream::connect(&behind) else { continue };
                let (client, caught) = (client.unwrap(), caught.clone());
                let (server_too, client_too) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || carry(&server_too, &client_too, |_| true));
                thread::spawn(move || carry(&client, &server, |bytes| caught.lets_through(bytes, &server)));
            }
        });
        between
    }

    fn schema(&self, name: &str, sharing: Sharing) -> DbTarget {
        DbTarget::Postgres { url: self.url.parse().unwrap(), schema: name.to_owned(), sharing }
    }

    /// Catches the next COMMIT.
    async fn catch(&self, write: impl Future<Output = Result<usize, DbError>> + Send + 'static) -> Cut {
        self.caught.armed.store(true, Ordering::SeqCst);
        let write = tokio::spawn(write);
        while !self.caught.closed.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        self.caught.armed.store(false, Ordering::SeqCst);
        write
    }

    /// Lets everybody through again.
    fn open(&self) {
        self.caught.closed.store(false, Ordering::SeqCst);
    }
}

type Cut = tokio::task::JoinHandle<Result<usize, DbError>>;

impl Caught {
    fn lets_through(&self, bytes: &[u8], server: &UnixStream) -> bool {
        let is_commit = bytes.windows(6).any(|word| word == b"COMMIT");
        if is_commit && self.armed.swap(false, Ordering::SeqCst) {
            *self.commit.lock().unwrap() = Some((server.try_clone().unwrap(), bytes.to_vec()));
            self.closed.store(true, Ordering::SeqCst);
        }
        !self.closed.load(Ordering::SeqCst)
    }
}

/// Carries bytes for as long as both ends are there and they are let through; the sender loses its connection then.
fn carry(mut from: &UnixStream, mut to: &UnixStream, lets_through: impl Fn(&[u8]) -> bool) {
    let mut bytes = [0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if !lets_through(&bytes[..length]) {
            let _gone = from.shutdown(Shutdown::Both);
            return;
        }
        if to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    let _gone = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// PostgreSQL forgets the number of a transaction of which nothing had reached its log, and gives it out again.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_a_crash_swallowed_is_not_taken_for_somebody_elses() {
    let Some(server) = server() else { return };
    let between = Between::new("forgotten", &server);
    let db = Db::open(between.schema("words", Sharing::Alone), MIGRATIONS).unwrap();
    add(&db, 1).await.unwrap();
    let other = db.clone();
    let cut = between.catch(async move { add(&other, 2).await }).await;
    tokio::task::block_in_place(|| {
        server.stop();
        server.start_again();
        // Whoever comes first now gets the number of the transaction that is lost. We come after them.
        for name in ["one", "two", "three"] {
            server.ask(&format!("CREATE TABLE public.{name} (id BIGINT)"));
        }
    });
    between.open();
    let told = cut.await.unwrap();
    assert!(matches!(told, Err(DbError::Io(_))), "{told:?}");
    add(&db, 3).await.unwrap();
    assert_eq!(all(&db).await.unwrap(), [1, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_comes_after_its_writer_was_told_that_it_failed_fails() {
    let Some(server) = server() else { return };
    let between = Between::new("late", &server);
    // Whoever is alone waits until the old connection has ended.
    let db = Db::open(between.schema("words", Sharing::Beside), MIGRATIONS).unwrap();
    add(&db, 1).await.unwrap();
    let other = db.clone();
    let cut = between.catch(async move { add(&other, 2).await }).await;
    between.open();
    let told = cut.await.unwrap();
    assert!(matches!(told, Err(DbError::Io(_))), "{told:?}");
    add(&db, 3).await.unwrap();
    let (mut old, commit) = between.caught.commit.lock().unwrap().take().unwrap();
    old.write_all(&commit).unwrap();
    let ended = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";
    while server.ask(ended) != "0" {
        tokio::task::yield_now().await;
    }
    assert_eq!(all(&db).await.unwrap(), [1, 3]);
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
