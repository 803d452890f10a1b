//! The operations together, with a clock that is moved by hand.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    sync::Mutex,
    time::{Duration, SystemTime},
};

use voxlink_protocol::{LoginId, UserId, bus::InviteWorks, text::Username};
use voxlink_service_kit::env::ManualClock;

use super::*;
use crate::{
    log_in::{Credentials, LogInError, MOST_LOGINS},
    password::Password,
    register::{Application, RegisterError},
    registration_invite::MakeInviteError,
    revoke_login::RevokeLoginError,
};

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

struct Fixture {
    identity: Identity,
    bus: Bus,
    auth: Auth,
    clock: Arc<ManualClock>,
}

async fn server(name: &str, registration: Registration) -> Fixture {
    let folder = std::env::temp_dir().join(format!("voxlink-identity-op-{name}-{}", std::process::id()));
    let _old = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let clock = ManualClock::at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let env = Env { clock: clock.clone(), ..Env::real() };
    let bus = Bus::in_process();
    let auth = Auth::new(bus.clone(), env.clone());
    let config = Config {
        database: voxlink_test_postgres::target(&folder.join("identity.db")),
        key_file: folder.join("identity.key"),
        registration,
        rate_limits: false,
        server_name: "Test".to_owned(),
        version: "0".to_owned(),
    };
    let identity = Identity::open(config, bus.clone(), env, auth.clone()).await.unwrap();
    Fixture { identity, bus, auth, clock }
}

impl Fixture {
    async fn register(&self, name: &str, invite: Option<&str>) -> Result<Entry, RegisterError> {
        let application = Application {
            username: Username::parse(name).unwrap(),
            password: Password::parse("correct horse").unwrap(),
            invite: invite.map(str::to_owned),
            user_agent: "Test/1".to_owned(),
        };
        self.identity.register(application).await
    }

    async fn log_in(&self, name: &str, password: &str) -> Result<Entry, LogInError> {
        let credentials = Credentials {
            username: Username::parse(name).ok(),
            password: Secret::new(password),
            totp: None,
            user_agent: "Test/1".to_owned(),
        };
        self.identity.log_in(credentials).await
    }
}

#[tokio::test]
async fn one_registers_logs_in_elsewhere_and_both_tokens_are_oneself() {
    let f = server("both", Registration::Open).await;
    let first = f.register("Anna", None).await.unwrap();
    let second = f.log_in("ANNA", "correct horse").await.unwrap();
    assert_ne!(first.token, second.token);
    assert_eq!(first.token.expose().len(), 43);
    for token in [&first.token, &second.token] {
        let owner = f.auth.resolve(&format!("Bearer {}", token.expose())).await.unwrap().unwrap();
        assert_eq!(owner.user, first.user);
    }
    assert_eq!(f.identity.list_logins(first.user.id).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_wrong_password_an_unknown_name_and_an_impossible_name_are_answered_alike() {
    let f = server("wrong", Registration::Open).await;
    f.register("anna", None).await.unwrap();
    for (name, password) in
        [("anna", "incorrect horse"), ("boris", "correct horse"), ("no name", "correct horse")]
    {
        assert_eq!(f.log_in(name, password).await, Err(LogInError::WrongCredentials));
    }
}

#[tokio::test]
async fn a_closed_server_takes_nobody_and_an_obvious_password_is_refused() {
    let f = server("closed", Registration::Closed).await;
    assert_eq!(f.register("anna", None).await, Err(RegisterError::Closed));
    let f = server("obvious", Registration::Open).await;
    let application = Application {
        username: Username::parse("anna").unwrap(),
        password: Password::parse("Password123").unwrap(),
        invite: None,
        user_agent: String::new(),
    };
    assert_eq!(f.identity.register(application).await, Err(RegisterError::PasswordObvious));
}

#[tokio::test]
async fn by_invite_the_first_account_comes_in_and_hands_out_codes() {
    let f = server("invite", Registration::Invite).await;
    let anna = f.register("anna", None).await.unwrap().user;
    assert_eq!(f.register("boris", None).await, Err(RegisterError::InviteNeeded));
    let code = f.identity.make_registration_invite(anna.id).await.unwrap();
    let boris = f.register("boris", Some(code.expose())).await.unwrap().user;
    assert_eq!(f.register("chloe", Some(code.expose())).await, Err(RegisterError::InviteUnknown));
    assert_eq!(f.identity.make_registration_invite(boris.id).await, Err(MakeInviteError::Forbidden));

    let console = make_invite_offline(&f.identity.inner.config.database, &Env::real()).await.unwrap();
    assert!(f.register("chloe", Some(console.expose())).await.is_ok());
}

#[tokio::test]
async fn by_invite_a_friends_link_into_a_guild_lets_one_in_as_well() {
    let f = server("guild-invite", Registration::Invite).await;
    f.register("anna", None).await.unwrap();
    f.identity.inner.bus.serve(|request: InviteWorks| async move { request.code.0 == "harbour" });
    assert!(f.register("boris", Some("harbour")).await.is_ok());
    assert!(f.register("chloe", Some("harbour")).await.is_ok(), "chat counts its uses, identity does not");
    assert_eq!(f.register("dora", Some("elsewhere")).await, Err(RegisterError::InviteUnknown));
}

#[tokio::test]
async fn logging_out_and_revoking_end_a_token_at_once_though_it_was_remembered() {
    let f = server("revoke", Registration::Open).await;
    let told: Arc<Mutex<Vec<LoginId>>> = Arc::default();
    let heard = told.clone();
    f.bus.subscribe(move |event: &Arc<SessionRevoked>| heard.lock().unwrap().push(event.login));
    let first = f.register("anna", None).await.unwrap();
    let second = f.log_in("anna", "correct horse").await.unwrap();
    let owner = async |entry: &Entry| f.auth.resolve(entry.token.expose()).await.unwrap();
    let (one, two) = (owner(&first).await.unwrap(), owner(&second).await.unwrap());

    f.identity.log_out(&one).await.unwrap();
    assert_eq!(owner(&first).await, None);
    let foreign = f.identity.revoke_login(UserId::new(1), two.login).await;
    assert_eq!(foreign, Err(RevokeLoginError::Unknown));
    assert_eq!(f.identity.revoke_login(two.user.id, two.login).await, Ok(()));
    assert_eq!(owner(&second).await, None);
    assert_eq!(*told.lock().unwrap(), [one.login, two.login]);
}

#[tokio::test]
async fn one_login_too_many_ends_the_oldest() {
    let f = server("most", Registration::Open).await;
    let first = f.register("anna", None).await.unwrap();
    for _ in 0..MOST_LOGINS {
        f.log_in("anna", "correct horse").await.unwrap();
    }
    assert_eq!(f.auth.resolve(first.token.expose()).await, Ok(None));
    assert_eq!(f.identity.list_logins(first.user.id).await.unwrap().len(), MOST_LOGINS);
}

#[tokio::test]
async fn the_last_use_is_written_once_a_minute_at_most() {
    let f = server("last-used", Registration::Open).await;
    let entry = f.register("anna", None).await.unwrap();
    let used = async || f.identity.list_logins(entry.user.id).await.unwrap()[0].last_used_at;
    let made = used().await;
    f.clock.advance(Duration::from_secs(40));
    f.auth.resolve(entry.token.expose()).await.unwrap();
    assert_eq!(used().await, made);
    f.clock.advance(Duration::from_secs(40));
    f.auth.resolve(entry.token.expose()).await.unwrap();
    let expected = made.plus(Duration::from_secs(80));
    // The disk of a busy machine takes its time.
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while std::time::Instant::now() < until {
        if used().await == expected {
            return;
        }
        // Another write waits for those before it, however slow the disk is.
        f.identity.inner.store.touch_logins(Vec::new()).await.unwrap();
    }
    panic!("the last use was not written");
}

#[tokio::test]
async fn the_bus_answers_for_tokens_and_ids() {
    let f = server("bus", Registration::Open).await;
    let entry = f.register("anna", None).await.unwrap();
    let owner = f.bus.call(ResolveToken { token: entry.token.clone() }).await.unwrap();
    assert_eq!(owner.unwrap().user, entry.user);
    let ids = vec![UserId::new(1), entry.user.id];
    assert_eq!(f.bus.call(GetUsers { ids }).await, Ok(vec![entry.user]));
}

#[tokio::test]
async fn what_was_registered_is_there_after_a_restart_and_ids_go_on_growing() {
    let f = server("restart", Registration::Open).await;
    let entry = f.register("anna", None).await.unwrap();
    let config = f.identity.inner.config.clone();
    let bus = Bus::in_process();
    // The clock of this machine lags behind the one that the ids were made with.
    let clock = ManualClock::at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let env = Env { clock, ..Env::real() };
    let auth = Auth::new(bus.clone(), env.clone());
    let identity = Identity::open(config, bus, env, auth.clone()).await.unwrap();
    assert_eq!(auth.resolve(entry.token.expose()).await.unwrap().unwrap().user, entry.user);
    assert!(identity.inner.ids.next(identity.inner.env.now()) > entry.user.id.0);
}
