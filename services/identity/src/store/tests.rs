//! What every store of identity must do, on a real file and on PostgreSQL.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::{Arc, Mutex};

use voxlink_protocol::{
    bus::TokenOwner,
    text::{DisplayName, Username},
};

use voxlink_service_kit::DbTarget;

use super::*;

struct Fixture {
    store: Store,
    revoked: Arc<Mutex<Vec<LoginId>>>,
    database: DbTarget,
}

fn fixture(name: &str) -> Fixture {
    let folder = std::env::temp_dir().join(format!("voxlink-identity-{name}-{}", std::process::id()));
    let _old = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let database = voxlink_test_postgres::target(&folder.join("identity.db"));
    let bus = Bus::in_process();
    let revoked: Arc<Mutex<Vec<LoginId>>> = Arc::default();
    let heard = revoked.clone();
    bus.subscribe(move |event: &Arc<SessionRevoked>| heard.lock().unwrap().push(event.login));
    Fixture { store: Store::new(Db::open(&database, MIGRATIONS).unwrap(), bus), revoked, database }
}

fn secret(text: &str) -> SecretHash {
    SecretHash::of(text)
}

fn account(id: u64, name: &str) -> NewAccount {
    NewAccount {
        user: User::new(UserId::new(id), name),
        password: PasswordHash(format!("hash of {name}")),
        created_at: Timestamp(1000),
    }
}

fn login(id: u64, user: u64) -> NewLogin {
    NewLogin {
        id: LoginId::new(id),
        user: UserId::new(user),
        token: secret(&format!("token {id}")),
        created_at: Timestamp(id),
        user_agent: "Test/1".to_owned(),
    }
}

impl Fixture {
    async fn add(&self, id: u64, name: &str) {
        let made = self.store.create_account(account(id, name), login(id, id), Admission::Anyone).await;
        assert_eq!(made, Ok(()));
    }

    async fn search(&self, prefix: &str, limit: usize) -> Vec<String> {
        let found = self.store.search(prefix.to_owned(), limit).await.unwrap();
        found.into_iter().map(|user| user.username).collect()
    }
}

#[tokio::test]
async fn an_account_is_found_by_name_by_id_and_by_token() {
    let f = fixture("account");
    f.add(5, "anna").await;
    let anna = User::new(UserId::new(5), "anna");
    let by_name = f.store.account_by_name("anna".to_owned()).await.unwrap();
    assert_eq!(by_name, Some((anna.clone(), PasswordHash("hash of anna".to_owned()))));
    assert_eq!(f.store.account_by_name(String::new()).await, Ok(None));
    let ids = vec![UserId::new(4), UserId::new(5)];
    assert_eq!(f.store.users(ids).await, Ok(vec![anna.clone()]));
    let owner = TokenOwner { user: anna, login: LoginId::new(5) };
    assert_eq!(f.store.owner_of(secret("token 5")).await, Ok(Some((owner, Timestamp(5)))));
    assert_eq!(f.store.owner_of(secret("token 6")).await, Ok(None));
    assert_eq!(f.store.first_account().await, Ok(Some(UserId::new(5))));
}

#[tokio::test]
async fn the_newest_id_covers_accounts_and_logins() {
    let f = fixture("newest");
    assert_eq!(f.store.newest_id().await, Ok(None));
    f.add(5, "anna").await;
    f.store.add_login(login(9, 5), 50).await.unwrap();
    assert_eq!(f.store.newest_id().await, Ok(Some(Snowflake(9))));
}

#[tokio::test]
async fn a_taken_name_leaves_neither_account_nor_login_nor_a_used_invite() {
    let f = fixture("taken");
    f.add(1, "anna").await;
    let anna = Username::parse("anna").unwrap();
    assert_eq!(f.store.may_register(anna, Admission::Anyone).await, Err(RegisterError::UsernameTaken));
    f.store.add_registration_invite(secret("code"), None, Timestamp(1)).await.unwrap();
    let invited = Admission::Invited(Some(secret("code")));
    let taken = f.store.create_account(account(2, "anna"), login(2, 2), invited).await;
    assert_eq!(taken, Err(RegisterError::UsernameTaken));
    assert_eq!(f.store.owner_of(secret("token 2")).await, Ok(None));
    assert_eq!(f.store.create_account(account(3, "boris"), login(3, 3), invited).await, Ok(()));
}

#[tokio::test]
async fn the_first_needs_no_invite_and_each_invite_lets_one_in() {
    let f = fixture("invites");
    let none = Admission::Invited(None);
    let code = Admission::Invited(Some(secret("code")));
    assert_eq!(f.store.create_account(account(1, "anna"), login(1, 1), none).await, Ok(()));
    let boris = Username::parse("boris").unwrap();
    assert_eq!(f.store.may_register(boris.clone(), none).await, Err(RegisterError::InviteNeeded));
    assert_eq!(f.store.may_register(boris.clone(), code).await, Err(RegisterError::InviteUnknown));
    f.store.add_registration_invite(secret("code"), Some(UserId::new(1)), Timestamp(1)).await.unwrap();
    assert_eq!(f.store.may_register(boris, code).await, Ok(()));
    assert_eq!(f.store.create_account(account(2, "boris"), login(2, 2), code).await, Ok(()));
    let again = f.store.create_account(account(3, "chloe"), login(3, 3), code).await;
    assert_eq!(again, Err(RegisterError::InviteUnknown));
}

#[tokio::test]
async fn an_ended_login_is_gone_and_told_once_and_only_its_person_ends_it() {
    let f = fixture("end");
    f.add(1, "anna").await;
    f.add(2, "boris").await;
    let (anna, boris, login) = (UserId::new(1), UserId::new(2), LoginId::new(1));
    assert_eq!(f.store.end_login(boris, login).await, Ok(false));
    assert_eq!(f.store.end_login(anna, login).await, Ok(true));
    assert_eq!(f.store.end_login(anna, login).await, Ok(false));
    assert_eq!(f.store.owner_of(secret("token 1")).await, Ok(None));
    assert_eq!(*f.revoked.lock().unwrap(), [login]);
    let left = f
        .store
        .db
        .read(|sql| sql.query_one("SELECT count(*) FROM outbox", params![], |row| row.get::<i64>(0)));
    assert_eq!(left.await, Ok(Some(0)));
}

#[tokio::test]
async fn logins_are_listed_newest_first_and_the_oldest_make_room() {
    let f = fixture("many");
    f.add(1, "anna").await;
    for id in 10..15 {
        f.store.add_login(login(id, 1), 3).await.unwrap();
    }
    let ids: Vec<u64> =
        f.store.logins_of(UserId::new(1)).await.unwrap().iter().map(|login| login.id.get()).collect();
    assert_eq!(ids, [14, 13, 12]);
    assert_eq!(*f.revoked.lock().unwrap(), [1, 10, 11].map(LoginId::new));
}

#[tokio::test]
async fn the_last_use_only_moves_forward() {
    let f = fixture("touch");
    f.add(1, "anna").await;
    let uses = vec![
        (LoginId::new(1), Timestamp(90)),
        (LoginId::new(1), Timestamp(80)),
        (LoginId::new(7), Timestamp(1)),
    ];
    f.store.touch_logins(uses).await.unwrap();
    assert_eq!(f.store.logins_of(UserId::new(1)).await.unwrap()[0].last_used_at, Timestamp(90));
}

#[tokio::test]
async fn a_search_goes_by_the_beginning_of_either_name() {
    let f = fixture("search");
    for (id, name) in [(1, "anna"), (2, "annette"), (3, "boris"), (4, "zoe"), (5, "an_na%")] {
        f.add(id, name).await;
    }
    let name = DisplayName::parse("Анна Карповна").unwrap();
    f.store.set_display_name(UserId::new(4), Some(name)).await.unwrap();
    f.store
        .set_display_name(UserId::new(3), Some(DisplayName::parse("Anna's brother").unwrap()))
        .await
        .unwrap();
    assert_eq!(f.search("ann", 25).await, ["anna", "annette", "boris"]);
    assert_eq!(f.search("ann", 2).await, ["anna", "annette"]);
    assert_eq!(f.search("анна к", 25).await, ["zoe"]);
    assert_eq!(f.search("an_", 25).await, ["an_na%"]);
    assert_eq!(f.search("%", 25).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_display_name_is_given_taken_and_told() {
    let f = fixture("rename");
    f.add(1, "anna").await;
    let told: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
    let heard = told.clone();
    f.store
        .bus
        .subscribe(move |event: &Arc<UserUpdated>| heard.lock().unwrap().push(event.0.global_name.clone()));
    let name = DisplayName::parse("Anna K.").unwrap();
    let renamed = f.store.set_display_name(UserId::new(1), Some(name)).await.unwrap().unwrap();
    assert_eq!(renamed.display_name(), "Anna K.");
    let plain = f.store.set_display_name(UserId::new(1), None).await.unwrap().unwrap();
    assert_eq!(plain.display_name(), "anna");
    assert_eq!(f.store.set_display_name(UserId::new(9), None).await, Ok(None));
    assert_eq!(*told.lock().unwrap(), [Some("Anna K.".to_owned()), None]);
}

#[tokio::test]
async fn what_was_stored_is_there_after_reopening_and_a_lost_revocation_is_told_at_start() {
    let f = fixture("reopen");
    f.add(1, "anna").await;
    let lost = SessionRevoked { user: UserId::new(1), login: LoginId::new(77) };
    let entry = lost.clone();
    f.store.db.write(move |sql| outbox::put(sql, &entry)).await.unwrap();
    let Fixture { store, database, .. } = f;
    drop(store);

    let bus = Bus::in_process();
    let heard: Arc<Mutex<Vec<SessionRevoked>>> = Arc::default();
    let told = heard.clone();
    bus.subscribe(move |event: &Arc<SessionRevoked>| told.lock().unwrap().push(SessionRevoked::clone(event)));
    let db = Db::open(&database, MIGRATIONS).unwrap();
    outbox::republish::<SessionRevoked>(&db, &bus).await.unwrap();
    outbox::republish::<SessionRevoked>(&db, &bus).await.unwrap();
    assert_eq!(*heard.lock().unwrap(), [lost]);
    let store = Store::new(db, bus);
    assert!(store.account_by_name("anna".to_owned()).await.unwrap().is_some());
}
