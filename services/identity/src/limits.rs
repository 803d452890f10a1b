//! How often one may try what a guesser would: logging in, registering, confirming a password, typing a code.
//!
//! Names that nobody has count like those that someone has: a refusal tells nothing about an account.

use std::time::{Duration, Instant};

use voxlink_protocol::{UserId, text::Username};
use voxlink_service_kit::{http::Origin, rate_limit::RateLimiter};

#[derive(Debug)]
pub(crate) struct Limits {
    enabled: bool,
    /// One person (or guesser) at one account from one place: a few typos, then slowly.
    login_at_home: RateLimiter<(Username, Origin)>,
    /// One account from everywhere: wide enough that a stranger cannot lock its owner out by a few tries.
    login_to_account: RateLimiter<Username>,
    /// One place to all accounts: a class behind one address may log in at once.
    login_from: RateLimiter<Origin>,
    /// Who holds a /48 holds 65,536 places: together they count as a few.
    login_from_site: RateLimiter<Origin>,
    register_from: RateLimiter<Origin>,
    /// Passwords typed by someone who holds a token of the account.
    confirm: RateLimiter<UserId>,
    /// Codes of one account, right or wrong, from everywhere. Three codes fit at a time: at this rate a guesser who has
    /// the password needs 80 days for an even chance.
    code: RateLimiter<UserId>,
}

impl Limits {
    pub(crate) fn new(enabled: bool) -> Self {
        Self {
            enabled,
            login_at_home: RateLimiter::new(5, Duration::from_secs(10)),
            login_to_account: RateLimiter::new(50, Duration::from_secs(3)),
            login_from: RateLimiter::new(40, Duration::from_secs(1)),
            login_from_site: RateLimiter::new(200, Duration::from_millis(200)),
            register_from: RateLimiter::new(20, Duration::from_secs(30)),
            confirm: RateLimiter::new(5, Duration::from_secs(10)),
            code: RateLimiter::new(5, Duration::from_secs(30)),
        }
    }

    /// Takes one attempt to log in; `account` as far as it is a possible name.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn log_in(
        &self,
        account: Option<&Username>,
        origin: Origin,
        now: Instant,
    ) -> Result<(), Duration> {
        if !self.enabled {
            return Ok(());
        }
        self.login_from_site.take(origin.site(), now)?;
        self.login_from.take(origin, now)?;
        if let Some(account) = account {
            self.login_at_home.take((account.clone(), origin), now)?;
            self.login_to_account.take(account.clone(), now)?;
        }
        Ok(())
    }

    /// They are in: their typos are forgiven.
    pub(crate) fn logged_in(&self, account: &Username, origin: Origin) {
        self.login_at_home.forgive(&(account.clone(), origin));
    }

    /// Takes one attempt to register.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn register(&self, origin: Origin, now: Instant) -> Result<(), Duration> {
        if self.enabled { self.register_from.take(origin, now) } else { Ok(()) }
    }

    /// Takes one attempt to confirm one's password.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn confirm(&self, user: UserId, now: Instant) -> Result<(), Duration> {
        if self.enabled { self.confirm.take(user, now) } else { Ok(()) }
    }

    /// It fitted.
    pub(crate) fn confirmed(&self, user: UserId) {
        self.confirm.forgive(&user);
    }

    /// Takes one attempt at a code of the authenticator, or a recovery code.
    ///
    /// # Errors
    /// How long to wait.
    pub(crate) fn code(&self, user: UserId, now: Instant) -> Result<(), Duration> {
        if self.enabled { self.code.take(user, now) } else { Ok(()) }
    }

    /// It fitted.
    pub(crate) fn code_fitted(&self, user: UserId) {
        self.code.forgive(&user);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::{IpAddr, Ipv6Addr};

    use super::*;

    #[test]
    fn a_guesser_waits_while_the_owner_elsewhere_does_not() {
        let limits = Limits::new(true);
        let now = Instant::now();
        let anna = Username::parse("anna").unwrap();
        let (guesser, home) =
            (Origin::from(IpAddr::from([192, 0, 2, 1])), Origin::from(IpAddr::from([192, 0, 2, 2])));
        for _ in 0..5 {
            limits.log_in(Some(&anna), guesser, now).unwrap();
        }
        assert!(limits.log_in(Some(&anna), guesser, now).is_err());
        assert!(limits.log_in(Some(&anna), home, now).is_ok());
    }

    #[test]
    fn who_walks_through_the_addresses_of_a_site_is_stopped() {
        let limits = Limits::new(true);
        let now = Instant::now();
        let mut let_in = 0;
        for network in 0..1000_u16 {
            let address = Ipv6Addr::new(0x2001, 0xdb8, 1, network, 0, 0, 0, 1);
            let_in += usize::from(limits.log_in(None, Origin::from(IpAddr::V6(address)), now).is_ok());
        }
        assert_eq!(let_in, 200);
        let elsewhere = Origin::from(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 2, 0, 0, 0, 0, 1)));
        assert!(limits.log_in(None, elsewhere, now).is_ok());
    }

    #[test]
    fn codes_are_guessed_slowly_and_typos_are_forgiven() {
        let limits = Limits::new(true);
        let now = Instant::now();
        let anna = UserId::new(1);
        for _ in 0..5 {
            limits.code(anna, now).unwrap();
        }
        assert!(limits.code(anna, now).is_err());
        assert!(limits.code(UserId::new(2), now).is_ok());
        assert!(limits.code(anna, now + Duration::from_secs(30)).is_ok());
        limits.code_fitted(anna);
        assert!(limits.code(anna, now + Duration::from_secs(30)).is_ok());
    }
}
