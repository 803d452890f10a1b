//! What `serve` goes by: the command line, then the environment (both by clap), then the file, then the defaults.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use voxlink_files::FilesConfig;
use voxlink_identity::Registration;
use voxlink_protocol::Secret;
use voxlink_recording::RecordingConfig;

use crate::{
    Failure,
    cli::{ServeOptions, Switch},
    databases::Databases,
    tls::TlsSettings,
    turn::TurnSettings,
};

const FILE: &str = "voxlink.toml";

/// Decided settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) listen: Vec<SocketAddr>,
    pub(crate) tls: Option<TlsSettings>,
    pub(crate) media_listen: SocketAddr,
    pub(crate) public_addresses: Vec<IpAddr>,
    pub(crate) turn: TurnSettings,
    pub(crate) registration: Registration,
    pub(crate) rate_limits: bool,
    pub(crate) max_file_size: u64,
    pub(crate) file_quota: u64,
    pub(crate) recording_quota: u64,
    pub(crate) link_previews: bool,
    pub(crate) public_url: String,
    pub(crate) recording_ffmpeg: Option<PathBuf>,
    pub(crate) metrics_token: Option<Secret>,
    pub(crate) databases: Databases,
    /// Options that were given and whose part is not built yet.
    pub(crate) ahead_of_time: Vec<&'static str>,
}

impl Settings {
    /// All addresses that HTTP is served on, encrypted or not.
    pub(crate) fn http_addresses(&self) -> impl Iterator<Item = &SocketAddr> {
        self.listen.iter().chain(self.tls.iter().flat_map(|tls| &tls.listen))
    }
}

/// Decides.
///
/// # Errors
/// When the file cannot be read or says something unknown.
pub(crate) fn resolve(given: ServeOptions) -> Result<Settings, Failure> {
    let file = match &given.config {
        Some(path) => read(path)?,
        None if Path::new(FILE).exists() => read(Path::new(FILE))?,
        None => ServeOptions::default(),
    };
    decide(merge(given, file))
}

fn read(path: &Path) -> Result<ServeOptions, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        let what = if error.kind() == ErrorKind::NotFound { "There is no" } else { "Cannot read the" };
        Failure(format!("{what} settings file {shown} ({error}). Name another one with --config."))
    })?;
    parse(&text).map_err(|error| Failure(format!("The settings file {shown} is wrong: {error}")))
}

fn parse(text: &str) -> Result<ServeOptions, toml::de::Error> {
    let table: toml::Table = toml::from_str(text)?;
    let mut flat = toml::Table::new();
    for (key, value) in table {
        match value {
            // [turn] mode = … is turn_mode = …
            toml::Value::Table(inner) if matches!(key.as_str(), "turn" | "recording") => {
                flat.extend(
                    inner.into_iter().map(|(name, value)| (format!("{key}_{}", plain(&name)), value)),
                );
            }
            value => _ = flat.insert(plain(&key), value),
        }
    }
    flat.try_into()
}

fn plain(key: &str) -> String {
    key.replace('-', "_")
}

/// What was given goes before what the file says.
fn merge(given: ServeOptions, file: ServeOptions) -> ServeOptions {
    fn list<T>(given: Vec<T>, file: Vec<T>) -> Vec<T> {
        if given.is_empty() { file } else { given }
    }
    ServeOptions {
        config: given.config,
        data_dir: given.data_dir.or(file.data_dir),
        listen: list(given.listen, file.listen),
        tls_listen: list(given.tls_listen, file.tls_listen),
        tls: given.tls.or(file.tls),
        tls_name: list(given.tls_name, file.tls_name),
        tls_cert: given.tls_cert.or(file.tls_cert),
        tls_key: given.tls_key.or(file.tls_key),
        tls_redirect: given.tls_redirect.or(file.tls_redirect),
        acme_directory: given.acme_directory.or(file.acme_directory),
        acme_contact: given.acme_contact.or(file.acme_contact),
        acme_root: given.acme_root.or(file.acme_root),
        media_listen: given.media_listen.or(file.media_listen),
        turn_mode: given.turn_mode.or(file.turn_mode),
        turn_listen: given.turn_listen.or(file.turn_listen),
        turn_secret: given.turn_secret.or(file.turn_secret),
        turn_previous_secret: given.turn_previous_secret.or(file.turn_previous_secret),
        turn_realm: given.turn_realm.or(file.turn_realm),
        turn_url: list(given.turn_url, file.turn_url),
        turn_channels: given.turn_channels.or(file.turn_channels),
        turn_allow: list(given.turn_allow, file.turn_allow),
        turn_user_quota: given.turn_user_quota.or(file.turn_user_quota),
        turn_address_quota: given.turn_address_quota.or(file.turn_address_quota),
        turn_total_quota: given.turn_total_quota.or(file.turn_total_quota),
        turn_rate: given.turn_rate.or(file.turn_rate),
        turn_total_rate: given.turn_total_rate.or(file.turn_total_rate),
        relay_ports: given.relay_ports.or(file.relay_ports),
        public_address: list(given.public_address, file.public_address),
        registration: given.registration.or(file.registration),
        database: list(given.database, file.database),
        max_file_size: given.max_file_size.or(file.max_file_size),
        file_quota: given.file_quota.or(file.file_quota),
        recording_quota: given.recording_quota.or(file.recording_quota),
        link_previews: given.link_previews.or(file.link_previews),
        public_url: given.public_url.or(file.public_url),
        recording_ffmpeg: given.recording_ffmpeg.or(file.recording_ffmpeg),
        metrics_token: given.metrics_token.or(file.metrics_token),
        rate_limits: given.rate_limits.or(file.rate_limits),
        only: list(given.only, file.only),
    }
}

fn decide(options: ServeOptions) -> Result<Settings, Failure> {
    let ahead_of_time = [("--only", !options.only.is_empty())];
    let default_listen = || vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))];
    Ok(Settings {
        tls: TlsSettings::decide(&options)?,
        turn: TurnSettings::read(&options)?,
        databases: Databases::parse(&options.database)?,
        data_dir: options.data_dir.unwrap_or_else(|| PathBuf::from("./data")),
        listen: if options.listen.is_empty() { default_listen() } else { options.listen },
        media_listen: options.media_listen.unwrap_or((Ipv4Addr::UNSPECIFIED, 7882).into()),
        public_addresses: options.public_address,
        registration: options.registration.unwrap_or_default(),
        max_file_size: options.max_file_size.map_or(FilesConfig::MAX_FILE_SIZE, |size| size.0),
        file_quota: options.file_quota.map_or(FilesConfig::QUOTA, |size| size.0),
        recording_quota: options.recording_quota.map_or(RecordingConfig::QUOTA, |size| size.0),
        link_previews: options.link_previews != Some(Switch::Off),
        public_url: options.public_url.map(|url| url.0).unwrap_or_default(),
        recording_ffmpeg: options.recording_ffmpeg,
        metrics_token: options.metrics_token,
        rate_limits: options.rate_limits != Some(Switch::Off),
        ahead_of_time: ahead_of_time.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::databases::Keeper;

    #[test]
    fn the_file_fills_in_what_was_not_given_and_lists_may_be_single_values() {
        let file = parse("data_dir = \"/srv/voice\"\nlisten = \"0.0.0.0:80\"\nrate-limits = \"off\"\nregistration = \"invite\"")
            .unwrap();
        let given = ServeOptions { data_dir: Some("/elsewhere".into()), ..ServeOptions::default() };
        let settings = decide(merge(given, file)).unwrap();
        assert_eq!(settings.data_dir, Path::new("/elsewhere"));
        assert_eq!(settings.listen, ["0.0.0.0:80".parse().unwrap()]);
        assert_eq!((settings.registration, settings.rate_limits), (Registration::Invite, false));
        assert!(settings.ahead_of_time.is_empty());
    }

    #[test]
    fn options_whose_part_is_not_built_are_named() {
        let file = parse(
            "relay_ports = \"40000-40100\"\ndatabase = [\"chat=postgres://db/chat\"]\nonly = [\"chat\"]",
        );
        let settings = decide(file.unwrap()).unwrap();
        assert_eq!(settings.ahead_of_time, ["--only"]);
        assert_eq!(settings.databases.named().collect::<Vec<_>>(), [Keeper::Chat]);
    }

    #[test]
    fn an_unknown_key_or_a_wrong_value_is_refused_by_name() {
        assert!(parse("listn = \"x\"").unwrap_err().to_string().contains("listn"));
        assert!(parse("listen = \"here\"").is_err());
        assert!(parse("relay_ports = \"5-4\"").is_err());
        assert!(decide(parse("database = \"chat=mysql://db\"").unwrap()).is_err());
        assert!(parse("max_file_size = \"25 apples\"").is_err());
        assert!(parse("public_url = \"chat.example.org\"").is_err());
    }

    #[test]
    fn turn_has_a_part_of_its_own_in_the_file() {
        let text = "turn_listen = \"0.0.0.0:3479\"\n[turn]\nmode = \"both\"\nsecret = \"s\"\nurls = [\"turns:t.example\"]\nallow = \"10.0.0.0/8\"\nuser-quota = 3\nrate = \"5M\"";
        let file = parse(text).unwrap();
        assert_eq!(file.turn_mode, Some(crate::cli::TurnMode::Both));
        assert_eq!((file.turn_user_quota, file.turn_url.len(), file.turn_allow.len()), (Some(3), 1, 1));
        assert!(decide(file).is_ok());
        for wrong in ["[turn]\nmood = \"off\"", "[turn]\nallow = \"ten\"", "[turn]\nurls = \"http://x\""] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_written_as_people_write_them() {
        let file = parse(
            "max_file_size = \"100M\"\nfile_quota = \"2 G\"\npublic_url = \"https://chat.example.org/\"",
        );
        let settings = decide(file.unwrap()).unwrap();
        assert_eq!((settings.max_file_size, settings.file_quota), (100 << 20, 2 << 30));
        assert_eq!(settings.public_url, "https://chat.example.org");
        assert_eq!(decide(ServeOptions::default()).unwrap().max_file_size, 25 << 20);
    }
}
