//! Which TURN servers clients are told of, from the options: our own, an external one, both or none.

use std::{
    fs,
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use voxlink_media::{ExternalTurn, TurnConfig, TurnLimits, TurnNetwork, TurnSecret, coturn_config};
use voxlink_protocol::Secret;
use voxlink_service_kit::Env;

use crate::{
    Failure,
    cli::{ServeOptions, TurnChannels, TurnMode},
    databases::Databases,
};

/// STUN's own (RFC 8489 §18.6).
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 3478);
/// In the data folder.
const SECRET_FILE: &str = "turn.secret";

/// As it was said; what it takes from the data folder and the network comes with [`TurnSettings::decide`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TurnSettings {
    mode: TurnMode,
    config: TurnConfig,
    secret: Option<Secret>,
    previous_secret: Option<Secret>,
    urls: Vec<String>,
}

/// What media goes by.
pub(crate) struct Turn {
    pub(crate) embedded: Option<TurnConfig>,
    pub(crate) external: Option<ExternalTurn>,
}

impl TurnSettings {
    /// Reads the options.
    ///
    /// # Errors
    /// When two of them contradict each other.
    pub(crate) fn read(options: &ServeOptions) -> Result<Self, Failure> {
        let mode = options.turn_mode.unwrap_or_default();
        let is_external = matches!(mode, TurnMode::External | TurnMode::Both);
        if is_external == options.turn_url.is_empty() {
            return Err(Failure(match is_external {
                true => "With --turn-mode external or both, name the other server with --turn-url, e.g. turn:turn.example.org:3478?transport=udp.".to_owned(),
                false => "A --turn-url is of use only with --turn-mode external or both.".to_owned(),
            }));
        }
        if is_external && options.turn_secret.is_none() {
            return Err(Failure("An external TURN server must know the secret that credentials are made with: give it to both, here with --turn-secret, there as static-auth-secret (voxlink admin turn-config prints the whole configuration).".to_owned()));
        }
        if options.turn_previous_secret.is_some() && options.turn_secret.is_none() {
            return Err(Failure(
                "A --turn-previous-secret is of use only beside a --turn-secret.".to_owned(),
            ));
        }
        let mut config = TurnConfig::new(options.turn_listen.unwrap_or(DEFAULT_LISTEN));
        config.is_default = options.turn_listen.is_none();
        if let Some(ports) = options.relay_ports {
            config.ports = ports.first..=ports.last;
        }
        if let Some(realm) = &options.turn_realm {
            config.realm.clone_from(realm);
        }
        config.channels = options.turn_channels.map_or_else(Default::default, TurnChannels::of_media);
        config.allowed = options.turn_allow.iter().map(|network| network.0).collect();
        let standard = TurnLimits::default();
        config.limits = TurnLimits {
            per_user: options.turn_user_quota.unwrap_or(standard.per_user),
            per_address: options.turn_address_quota.unwrap_or(standard.per_address),
            total: options.turn_total_quota.unwrap_or(standard.total),
            allocation_rate: options.turn_rate.map_or(standard.allocation_rate, |size| size.0),
            total_rate: options.turn_total_rate.map_or(standard.total_rate, |size| size.0),
            replies: standard.replies,
        };
        Ok(Self {
            mode,
            config,
            secret: options.turn_secret.clone(),
            previous_secret: options.turn_previous_secret.clone(),
            urls: options.turn_url.iter().map(|url| url.0.clone()).collect(),
        })
    }

    /// With the secret of the data folder where none was named, and with the databases' addresses refused.
    ///
    /// # Errors
    /// When the secret can be neither read nor kept.
    pub(crate) fn decide(&self, data: &Path, databases: &Databases, env: &Env) -> Result<Turn, Failure> {
        let secrets = match &self.secret {
            Some(secret) => [Some(secret), self.previous_secret.as_ref()]
                .into_iter()
                .flatten()
                .map(|secret| TurnSecret::new(secret.expose()))
                .collect(),
            None if self.mode == TurnMode::Off => Vec::new(),
            None => vec![kept_secret(data, env)?],
        };
        let external = match (self.mode, secrets.first()) {
            (TurnMode::External | TurnMode::Both, Some(secret)) => {
                Some(ExternalTurn { urls: self.urls.clone(), secret: secret.clone() })
            }
            (TurnMode::External | TurnMode::Both, None) | (TurnMode::Embedded | TurnMode::Off, _) => None,
        };
        let config = TurnConfig { secrets, denied: addresses(&databases.hosts()), ..self.config.clone() };
        let is_embedded = matches!(self.mode, TurnMode::Embedded | TurnMode::Both);
        Ok(Turn { embedded: is_embedded.then_some(config), external })
    }

    /// The configuration of a coturn that takes the same credentials and refuses the same peers.
    ///
    /// # Errors
    /// As [`Self::decide`].
    pub(crate) fn coturn(
        &self,
        data: &Path,
        databases: &Databases,
        public: &[IpAddr],
        env: &Env,
    ) -> Result<String, Failure> {
        let embedded = Self { mode: TurnMode::Embedded, ..self.clone() };
        let turn = embedded.decide(data, databases, env)?;
        Ok(turn.embedded.map(|config| coturn_config(&config, public)).unwrap_or_default())
    }
}

/// All addresses of these machines. One that has none now is refused by nobody, and reached by nobody either.
fn addresses(hosts: &[String]) -> Vec<TurnNetwork> {
    let resolved = hosts.iter().filter_map(|host| (host.as_str(), 0).to_socket_addrs().ok());
    resolved.flatten().map(|address| TurnNetwork::from(address.ip().to_canonical())).collect()
}

/// Made once, so that credentials outlive a restart; for this user's eyes only.
fn kept_secret(data: &Path, env: &Env) -> Result<TurnSecret, Failure> {
    let path = data.join(SECRET_FILE);
    let failed = |error: io::Error| {
        Failure(format!(
            "The secret of TURN's credentials cannot be kept in {}: {error}. Let this user write there, or name a secret with --turn-secret.",
            path.display()
        ))
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text.trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(failed(error)),
    };
    if !text.is_empty() {
        return Ok(TurnSecret::new(text));
    }
    let made: String = env.bytes::<32>().iter().map(|byte| format!("{byte:02x}")).collect();
    let unfinished = path.with_extension("secret.new");
    let write = || -> io::Result<()> {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(made.as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)
    };
    write().map_err(failed)?;
    Ok(TurnSecret::new(made))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::cli::{TurnNetworkText, TurnUrl};

    fn url() -> Vec<TurnUrl> {
        vec!["turn:turn.example.org:3478?transport=udp".parse().unwrap()]
    }

    #[test]
    fn it_is_on_by_default_at_an_address_that_may_be_taken() {
        let settings = TurnSettings::read(&ServeOptions::default()).unwrap();
        assert_eq!(settings.mode, TurnMode::Embedded);
        assert_eq!(settings.config.listen, "0.0.0.0:3478".parse().unwrap());
        assert!(settings.config.is_default);
        let given = ServeOptions { turn_listen: Some(DEFAULT_LISTEN), ..ServeOptions::default() };
        assert!(!TurnSettings::read(&given).unwrap().config.is_default);
    }

    #[test]
    fn what_contradicts_itself_is_refused_in_words() {
        let external = || ServeOptions { turn_mode: Some(TurnMode::External), ..ServeOptions::default() };
        for (options, words) in [
            (external(), "--turn-url"),
            (ServeOptions { turn_url: url(), ..external() }, "--turn-secret"),
            (ServeOptions { turn_url: url(), ..ServeOptions::default() }, "only with --turn-mode"),
            (
                ServeOptions { turn_previous_secret: Some(Secret::new("x")), ..ServeOptions::default() },
                "only beside",
            ),
        ] {
            let failure = TurnSettings::read(&options).unwrap_err();
            assert!(failure.0.contains(words), "{failure}");
        }
    }

    #[test]
    fn a_secret_is_made_once_and_two_live_beside_each_other() {
        let folder = std::env::temp_dir().join(format!("voxlink-turn-secret-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (env, databases) = (Env::real(), Databases::default());
        let settings = TurnSettings::read(&ServeOptions::default()).unwrap();
        let secrets = |settings: &TurnSettings| {
            settings.decide(&folder, &databases, &env).unwrap().embedded.unwrap().secrets
        };
        let first = secrets(&settings);
        assert_eq!(first, secrets(&settings));
        let mode = fs::metadata(folder.join(SECRET_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let named = ServeOptions {
            turn_secret: Some(Secret::new("now")),
            turn_previous_secret: Some(Secret::new("before")),
            turn_mode: Some(TurnMode::Both),
            turn_url: url(),
            ..ServeOptions::default()
        };
        let settings = TurnSettings::read(&named).unwrap();
        assert_eq!(secrets(&settings), ["now", "before"].map(TurnSecret::new));
        let external = settings.decide(&folder, &databases, &env).unwrap().external.unwrap();
        assert_eq!(external.secret, TurnSecret::new("now"));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn where_a_database_is_nobody_is_relayed_to() {
        let given = "chat=postgres://a:hush@10.1.2.3/vox,identity=postgres://a:hush@127.0.0.1/vox";
        let given: Vec<_> = given.split(',').map(|text| crate::cli::Database(Secret::new(text))).collect();
        let databases = Databases::parse(&given).unwrap();
        let options = ServeOptions {
            turn_secret: Some(Secret::new("s")),
            turn_allow: vec!["10.0.0.0/8".parse::<TurnNetworkText>().unwrap()],
            ..ServeOptions::default()
        };
        let settings = TurnSettings::read(&options).unwrap();
        let turn = settings.decide(Path::new("/nowhere"), &databases, &Env::real()).unwrap();
        let denied = turn.embedded.unwrap().denied;
        for address in ["10.1.2.3", "127.0.0.1"] {
            assert!(denied.contains(&address.parse().unwrap()), "{denied:?}");
        }
        let coturn = settings.coturn(Path::new("/nowhere"), &databases, &[], &Env::real()).unwrap();
        assert!(coturn.contains("denied-peer-ip=10.1.2.3-10.1.2.3"), "{coturn}");
    }
}
