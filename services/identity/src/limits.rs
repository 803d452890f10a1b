//! How often one may try to log in or register.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, Instant},
};

use voxlink_protocol::text::Username;
use voxlink_service_kit::rate_limit::RateLimiter;

/// Whoever holds an address also holds its neighbours: IPv6 counts by /64, IPv4 by the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin(IpAddr);

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(v4.into()),
            IpAddr::V6(v6) => Self(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into()),
        }
    }
}

impl Origin {
    /// For requests that came over no socket.
    pub(crate) const NOWHERE: Self = Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
}

#[derive(Debug)]
pub(crate) struct Limits {
    enabled: bool,
    /// One person (or guesser) at one account from one place: a few typos, then slowly.
    login_at_home: RateLimiter<(Username, Origin)>,
    /// One account from everywhere: wide enough that a stranger cannot lock its owner out by a few tries.
    login_to_account: RateLimiter<Username>,
    /// One place to all accounts: a class behind one address may log in at once.
    login_from: RateLimiter<Origin>,
    register_from: RateLimiter<Origin>,
}

impl Limits {
    pub(crate) fn new(enabled: bool) -> Self {
        Self {
            enabled,
            login_at_home: RateLimiter::new(5, Duration::from_secs(10)),
            login_to_account: RateLimiter::new(50, Duration::from_secs(3)),
            login_from: RateLimiter::new(40, Duration::from_secs(1)),
            register_from: RateLimiter::new(20, Duration::from_secs(30)),
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
        self.login_from.take(origin, now)?;
        if let Some(account) = account {
            self.login_at_home.take((account.clone(), origin), now)?;
            self.login_to_account.take(account.clone(), now)?;
        }
        Ok(())
    }

    /// The password fitted: their typos are forgiven.
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
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_ipv6_neighbour_counts_as_the_same_and_an_ipv4_one_does_not() {
        let origin = |text: &str| Origin::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(origin("2001:db8::1"), origin("2001:db8::ffff:2"));
        assert_ne!(origin("2001:db8::1"), origin("2001:db8:0:1::1"));
        assert_ne!(origin("192.0.2.1"), origin("192.0.2.2"));
        assert_eq!(origin("::ffff:192.0.2.1"), origin("192.0.2.1"));
    }

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
}
