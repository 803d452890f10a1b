//! What every store of identity must do, on a real file and on PostgreSQL.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::{Arc, Mutex};

use voxlink_protocol::{
    bus::{TokenOwner, UserUpdated},
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

fn password(name: &str) -> PasswordHash {
    PasswordHash(format!("hash of {name}"))
}

fn account(id: u64, name: &str) -> NewAccount {
    NewAccount {
        user: User::new(UserId::new(id), name),
        password: password(name),
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

    async fn rename(&self, id: u64, name: Option<&str>) -> Result<(User, User), ChangeProfileError> {
        let name = name.map(|name| DisplayName::parse(name).unwrap());
        let change = ProfileChange { global_name: Some(name), ..ProfileChange::default() };
        self.store.change_profile(UserId::new(id), change).await
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
    assert_eq!(f.store.add_login(login(9, 5), password("anna"), 50).await, Ok(true));
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
        f.store.add_login(login(id, 1), password("anna"), 3).await.unwrap();
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
    f.rename(4, Some("Анна Карповна")).await.unwrap();
    f.rename(3, Some("Anna's brother")).await.unwrap();
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
    let (_, renamed) = f.rename(1, Some("Anna K.")).await.unwrap();
    assert_eq!(renamed.display_name(), "Anna K.");
    let (_, plain) = f.rename(1, None).await.unwrap();
    assert_eq!(plain.display_name(), "anna");
    assert_eq!(f.rename(9, None).await, Err(ChangeProfileError::Unknown));
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

#[tokio::test]
async fn a_login_by_a_password_that_was_changed_meanwhile_is_not_stored() {
    let f = fixture("changed");
    f.add(1, "anna").await;
    f.store.add_login(login(9, 1), password("anna"), 50).await.unwrap();
    let (anna, keep) = (UserId::new(1), LoginId::new(1));
    let changed = f.store.change_password(anna, password("anna"), password("new"), keep);
    assert_eq!(changed.await, Ok(true));
    assert_eq!(*f.revoked.lock().unwrap(), [LoginId::new(9)]);
    let again = f.store.change_password(anna, password("anna"), password("newer"), keep);
    assert_eq!(again.await, Ok(false));
    assert_eq!(f.store.add_login(login(10, 1), password("anna"), 50).await, Ok(false));
    assert_eq!(f.store.add_login(login(10, 1), password("new"), 50).await, Ok(true));
    assert_eq!(f.store.password_of(anna).await, Ok(Some(password("new"))));
}

#[tokio::test]
async fn a_code_and_a_recovery_code_are_used_once() {
    let f = fixture("codes");
    f.add(1, "anna").await;
    let anna = UserId::new(1);
    assert_eq!(f.store.use_totp(anna, 5).await, Ok(false));
    assert_eq!(f.store.prepare_totp(anna, vec![1]).await, Ok(true));
    assert_eq!(f.store.prepare_totp(anna, vec![2]).await, Ok(true));
    let codes = || vec![secret("one"), secret("two")];
    assert_eq!(f.store.enable_totp(anna, vec![1], 4, codes()).await, Ok(false));
    assert_eq!(f.store.enable_totp(anna, vec![2], 4, codes()).await, Ok(true));
    assert_eq!(f.store.prepare_totp(anna, vec![3]).await, Ok(false));
    assert_eq!(f.store.use_totp(anna, 4).await, Ok(false));
    assert_eq!(f.store.use_totp(anna, 6).await, Ok(true));
    assert_eq!(f.store.use_totp(anna, 5).await, Ok(false));
    assert_eq!(f.store.use_recovery_code(anna, secret("one")).await, Ok(true));
    assert_eq!(f.store.use_recovery_code(anna, secret("one")).await, Ok(false));
    assert_eq!(f.store.use_recovery_code(UserId::new(2), secret("two")).await, Ok(false));
    f.store.disable_totp(anna).await.unwrap();
    assert_eq!(f.store.totp(anna).await, Ok(None));
    assert_eq!(f.store.use_recovery_code(anna, secret("two")).await, Ok(false));
}

#[tokio::test]
async fn an_erased_account_leaves_a_name_that_says_so_and_frees_its_own() {
    let f = fixture("erase");
    f.add(1, "anna").await;
    f.add(2, "boris").await;
    f.rename(1, Some("Anna")).await.unwrap();
    f.store
        .relate(UserId::new(2), UserId::new(1), crate::relationship::Sides::ask, Timestamp(7))
        .await
        .unwrap();
    let gone = f.store.erase_account(UserId::new(1), Timestamp(9)).await.unwrap();
    assert_eq!(gone.iter().map(|user| user.username.as_str()).collect::<Vec<_>>(), ["anna"]);
    let left = f.store.users(vec![UserId::new(1)]).await.unwrap();
    assert_eq!(left, [User::new(UserId::new(1), "deleted.1")]);
    assert_eq!(f.search("anna", 25).await, Vec::<String>::new());
    assert_eq!(f.search("deleted", 25).await, Vec::<String>::new());
    assert_eq!(f.store.account_by_name("deleted.1".to_owned()).await, Ok(None));
    assert_eq!(f.store.relationships(UserId::new(2)).await, Ok(vec![]));
    assert_eq!(*f.revoked.lock().unwrap(), [LoginId::new(1)]);
    f.add(3, "anna").await;
}

#[tokio::test]
async fn no_one_has_more_than_a_thousand_requests_either_way() {
    use crate::relationship::{RelateError, Sides};
    let f = fixture("thousand");
    f.add(1, "anna").await;
    f.add(2, "boris").await;
    f.store
        .db
        .write(|sql| -> Result<(), DbError> {
            for id in 1000..2000_u64 {
                let insert =
                    "INSERT INTO accounts (id, username, password, created_at) VALUES ($1, $2, $3, $4)";
                sql.execute(insert, params![id, &format!("someone{id}"), "", 1_u64])?;
                let insert =
                    "INSERT INTO relationships (user_id, other_id, kind, since) VALUES ($1, $2, $3, $4)";
                sql.execute(insert, params![1_u64, id, 3_u8, 1_u64])?;
            }
            Ok(())
        })
        .await
        .unwrap();
    let ask =
        |from: u64, to: u64| f.store.relate(UserId::new(from), UserId::new(to), Sides::ask, Timestamp(1));
    assert_eq!(ask(2, 1).await, Err(RelateError::OtherFull));
    assert!(ask(1, 2).await.is_ok(), "who is asked too often may still ask");
    assert_eq!(ask(2, 1).await.unwrap().unwrap().kind, voxlink_protocol::RelationshipKind::Friend);
}
