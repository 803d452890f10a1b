//! The command line. Every option of `serve` is also `VOXLINK_<NAME>` in the environment and a key in the file.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Deserializer, de};
use voxlink_identity::Registration;
use voxlink_protocol::Secret;

/// Text, voice, video and screen sharing for communities, on a server of your own.
#[derive(Debug, Parser)]
#[command(name = "voxlink", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the server.
    Serve(Box<ServeOptions>),
    /// Says what others can reach of a server, and what to change. Exit code 0: nothing; 1: something could be better;
    /// 2: something does not work.
    Doctor(Box<DoctorOptions>),
    /// Things for the operator at the console.
    #[command(subcommand)]
    Admin(AdminCommand),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Prints a code with which one person may register (see --registration invite). The server may be running.
    Invite(InviteOptions),
    /// Moves the data of a stopped server from its files into PostgreSQL.
    Migrate(MigrateOptions),
    /// Prints the configuration of a coturn that stands in for the server's own TURN: the same credentials, quotas and
    /// refusals. Takes the options of serve.
    TurnConfig(Box<ServeOptions>),
    /// Prints every route that this binary serves, a line each: for tests and for whoever writes a client.
    Routes,
}

#[derive(Debug, Args)]
pub(crate) struct InviteOptions {
    /// The server's data folder.
    #[arg(long, value_name = "FOLDER", env = "VOXLINK_DATA_DIR", default_value = "./data")]
    pub(crate) data_dir: PathBuf,

    /// Where identity keeps its data, when that is PostgreSQL: identity=postgres://…
    #[arg(
        long,
        value_name = "SERVICE=URL",
        env = "VOXLINK_DATABASE",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub(crate) database: Vec<Database>,
}

#[derive(Debug, Args)]
pub(crate) struct MigrateOptions {
    /// The server's data folder.
    #[arg(long, value_name = "FOLDER", env = "VOXLINK_DATA_DIR", default_value = "./data")]
    pub(crate) data_dir: PathBuf,

    /// What goes where, e.g. chat=postgres://user:password@host/database; may be given several times. The database
    /// must exist; each service gets a schema of its own in it.
    #[arg(
        long,
        value_name = "SERVICE=URL",
        env = "VOXLINK_DATABASE",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub(crate) database: Vec<Database>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    /// The address that people open, e.g. https://chat.example.org; best from another network than the server's
    /// [default: this machine and the server that runs on it, by the options of `serve`].
    pub(crate) url: Option<String>,

    /// Prints JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,

    /// A STUN server elsewhere that says under which address the world sees this machine: the TURN port of another
    /// VoxLink, for example. Given twice, at two addresses, it is told what kind of NAT is on the way.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) stun: Vec<String>,

    #[command(flatten)]
    pub(crate) serve: ServeOptions,
}

/// The options of `serve`, as far as they were given. The same keys are read from the file, with `_` or `-`.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServeOptions {
    /// The settings file [default: voxlink.toml, when there is one].
    #[arg(long, value_name = "FILE", env = "VOXLINK_CONFIG")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,

    /// Where everything is kept; made when missing [default: ./data].
    #[arg(long, value_name = "FOLDER", env = "VOXLINK_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Where HTTP is served; may be given several times [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS:PORT", env = "VOXLINK_LISTEN", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) listen: Vec<SocketAddr>,

    /// Where HTTPS is served, e.g. 0.0.0.0:443; STUN and TURN over TLS share the port. May be given several times
    /// [default: nowhere].
    #[arg(long, value_name = "ADDRESS:PORT", env = "VOXLINK_TLS_LISTEN", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) tls_listen: Vec<SocketAddr>,

    /// Where the certificate comes from [default: files when --tls-cert is given, else self-signed].
    #[arg(long, env = "VOXLINK_TLS")]
    pub(crate) tls: Option<Tls>,

    /// A name or address that people know this server by, for its certificate; may be given several times
    /// [default: the host of --public-url].
    #[arg(long, value_name = "NAME", env = "VOXLINK_TLS_NAME", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) tls_name: Vec<String>,

    /// The certificate with its chain (PEM), for --tls files; read again when it changes.
    #[arg(long, value_name = "FILE", env = "VOXLINK_TLS_CERT")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Its private key (PEM).
    #[arg(long, value_name = "FILE", env = "VOXLINK_TLS_KEY")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Whether whoever comes to --listen is sent to HTTPS [default: off].
    #[arg(long, env = "VOXLINK_TLS_REDIRECT")]
    pub(crate) tls_redirect: Option<Switch>,

    /// The directory of the ACME authority, for --tls acme [default: Let's Encrypt].
    #[arg(long, value_name = "URL", env = "VOXLINK_ACME_DIRECTORY")]
    pub(crate) acme_directory: Option<String>,

    /// An e-mail address that the authority may write to.
    #[arg(long, value_name = "ADDRESS", env = "VOXLINK_ACME_CONTACT")]
    pub(crate) acme_contact: Option<String>,

    /// Roots (PEM) that a private authority's own HTTPS is checked against [default: the public ones].
    #[arg(long, value_name = "FILE", env = "VOXLINK_ACME_ROOT")]
    pub(crate) acme_root: Option<PathBuf>,

    /// Where voice and video arrive (UDP, and TCP where that is blocked); each further core takes the next port [default: 0.0.0.0:7882].
    #[arg(long, value_name = "ADDRESS:PORT", env = "VOXLINK_MEDIA_LISTEN")]
    pub(crate) media_listen: Option<SocketAddr>,

    /// Which TURN server lets people into calls whose network blocks UDP: the server's own (embedded), one that
    /// --turn-url names (external), both, or none (off) [default: embedded].
    #[arg(long, env = "VOXLINK_TURN_MODE")]
    pub(crate) turn_mode: Option<TurnMode>,

    /// Where STUN and TURN are served, UDP and TCP [default: 0.0.0.0:3478].
    #[arg(long, value_name = "ADDRESS:PORT", env = "VOXLINK_TURN_LISTEN")]
    pub(crate) turn_listen: Option<SocketAddr>,

    /// The UDP ports that TURN relays through [default: 61000-64999].
    #[arg(long, value_name = "FIRST-LAST", env = "VOXLINK_RELAY_PORTS")]
    pub(crate) relay_ports: Option<PortRange>,

    /// The secret that TURN's credentials are made with, for an external server; best given by the environment
    /// [default: made once and kept in the data folder].
    #[arg(long, value_name = "SECRET", env = "VOXLINK_TURN_SECRET", hide_env_values = true, value_parser = secret)]
    pub(crate) turn_secret: Option<Secret>,

    /// The secret before, whose credentials are good for another hour.
    #[arg(
        long,
        value_name = "SECRET",
        env = "VOXLINK_TURN_PREVIOUS_SECRET",
        hide_env_values = true,
        value_parser = secret
    )]
    pub(crate) turn_previous_secret: Option<Secret>,

    /// TURN's realm [default: voxlink].
    #[arg(long, value_name = "NAME", env = "VOXLINK_TURN_REALM", value_parser = realm)]
    pub(crate) turn_realm: Option<String>,

    /// Where an external TURN server is, e.g. turn:turn.example.org:3478?transport=udp; may be given several times.
    #[arg(long, value_name = "URL", env = "VOXLINK_TURN_URL", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many", alias = "turn_urls")]
    pub(crate) turn_url: Vec<TurnUrl>,

    /// Which channel numbers TURN takes: those of RFC 8656, or also those of RFC 5766 that old clients choose
    /// [default: rfc8656].
    #[arg(long, env = "VOXLINK_TURN_CHANNELS")]
    pub(crate) turn_channels: Option<TurnChannels>,

    /// Private addresses that TURN may relay to all the same, e.g. 192.168.0.0/16 for a network without internet; may
    /// be given several times [default: none].
    #[arg(long, value_name = "RANGE", env = "VOXLINK_TURN_ALLOW", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) turn_allow: Vec<TurnNetworkText>,

    /// Relayed addresses that one person may have at a time [default: 12].
    #[arg(long, value_name = "NUMBER", env = "VOXLINK_TURN_USER_QUOTA")]
    pub(crate) turn_user_quota: Option<usize>,

    /// Relayed addresses that may be asked for from one address, e.g. an office's [default: 256].
    #[arg(long, value_name = "NUMBER", env = "VOXLINK_TURN_ADDRESS_QUOTA")]
    pub(crate) turn_address_quota: Option<usize>,

    /// Relayed addresses in all [default: 4096].
    #[arg(long, value_name = "NUMBER", env = "VOXLINK_TURN_TOTAL_QUOTA")]
    pub(crate) turn_total_quota: Option<usize>,

    /// Bytes a second that one relayed address may carry, e.g. 5M [default: 2500000].
    #[arg(long, value_name = "SIZE", env = "VOXLINK_TURN_RATE")]
    pub(crate) turn_rate: Option<ByteSize>,

    /// Bytes a second that all of them may carry [default: 125000000].
    #[arg(long, value_name = "SIZE", env = "VOXLINK_TURN_TOTAL_RATE")]
    pub(crate) turn_total_rate: Option<ByteSize>,

    /// The address under which the world reaches this machine; may be given several times [default: all of its own].
    #[arg(long, value_name = "ADDRESS", env = "VOXLINK_PUBLIC_ADDRESS", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) public_address: Vec<IpAddr>,

    /// Who may make an account: open, invite (the first account and whoever brings a code) or closed [default: open].
    #[arg(long, value_name = "WHO", env = "VOXLINK_REGISTRATION")]
    pub(crate) registration: Option<Registration>,

    /// Keeps a service's data in PostgreSQL, e.g. chat=postgres://…; may be given several times.
    #[arg(
        long,
        value_name = "SERVICE=URL",
        env = "VOXLINK_DATABASE",
        hide_env_values = true,
        value_delimiter = ','
    )]
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) database: Vec<Database>,

    /// The largest file that people may attach, e.g. 25M or 1G [default: 25M].
    #[arg(long, value_name = "SIZE", env = "VOXLINK_MAX_FILE_SIZE")]
    pub(crate) max_file_size: Option<ByteSize>,

    /// The room that the files of one person may take up, e.g. 500M or 10G [default: 1G].
    #[arg(long, value_name = "SIZE", env = "VOXLINK_FILE_QUOTA")]
    pub(crate) file_quota: Option<ByteSize>,

    /// The room that the recordings of one community, or of one conversation, may take up [default: 50G].
    #[arg(long, value_name = "SIZE", env = "VOXLINK_RECORDING_QUOTA")]
    pub(crate) recording_quota: Option<ByteSize>,

    /// Whether the server looks at links in messages to show what they lead to [default: on].
    #[arg(long, env = "VOXLINK_LINK_PREVIEWS")]
    pub(crate) link_previews: Option<Switch>,

    /// The address under which people reach this server, e.g. https://chat.example.org: bots need whole addresses of
    /// files [default: addresses are paths].
    #[arg(long, value_name = "URL", env = "VOXLINK_PUBLIC_URL")]
    pub(crate) public_url: Option<PublicUrl>,

    /// The program that makes videos of recordings, and brings cameras into broadcasts [default: the ffmpeg in the PATH;
    /// without one there is neither].
    #[arg(long, value_name = "FILE", env = "VOXLINK_RECORDING_FFMPEG")]
    pub(crate) recording_ffmpeg: Option<PathBuf>,

    /// What a program that reads /metrics from elsewhere must show as its bearer token; best given by the environment
    /// [default: only programs on this machine may read it, without one].
    #[arg(long, value_name = "TOKEN", env = "VOXLINK_METRICS_TOKEN", hide_env_values = true, value_parser = secret)]
    pub(crate) metrics_token: Option<Secret>,

    /// Limits on logins, registrations and requests [default: on].
    #[arg(long, env = "VOXLINK_RATE_LIMITS")]
    pub(crate) rate_limits: Option<Switch>,

    /// Runs only these services in this process.
    #[arg(long, value_name = "SERVICE", env = "VOXLINK_ONLY", value_delimiter = ',')]
    #[serde(deserialize_with = "one_or_many")]
    pub(crate) only: Vec<Service>,
}

/// An empty one would be guessed.
fn secret(text: &str) -> Result<Secret, &'static str> {
    if text.is_empty() { Err("a token cannot be empty") } else { Ok(Secret::new(text)) }
}

/// It is sent with each refusal, so a long one would make reflections larger.
fn realm(text: &str) -> Result<String, &'static str> {
    let fits =
        (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    if fits { Ok(text.to_owned()) } else { Err("a realm is one short word") }
}

/// Whose TURN server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TurnMode {
    /// Ours.
    #[default]
    Embedded,
    /// Somebody else's.
    External,
    /// Ours and somebody else's.
    Both,
    /// None.
    Off,
}

/// Which channel numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TurnChannels {
    /// 0x4000 to 0x4FFF.
    Rfc8656,
    /// 0x4000 to 0x7FFF.
    Rfc5766,
}

impl TurnChannels {
    /// As media knows them.
    pub(crate) fn of_media(self) -> voxlink_media::TurnChannels {
        match self {
            Self::Rfc8656 => voxlink_media::TurnChannels::Rfc8656,
            Self::Rfc5766 => voxlink_media::TurnChannels::Rfc5766,
        }
    }
}

/// `turn:` or `turns:`, a host, and what comes behind it (RFC 7065).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct TurnUrl(pub(crate) String);

impl FromStr for TurnUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("turn:").or_else(|| text.strip_prefix("turns:"));
        rest.filter(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic()))
            .map(|_| Self(text.to_owned()))
            .ok_or("a TURN server is written as turn:host:port?transport=udp, or with turns: and tcp")
    }
}

impl TryFrom<String> for TurnUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A range of addresses, as `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct TurnNetworkText(pub(crate) voxlink_media::TurnNetwork);

impl FromStr for TurnNetworkText {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.trim().parse().map(Self).map_err(|_| "a range of addresses is written as 192.168.0.0/16")
    }
}

impl TryFrom<String> for TurnNetworkText {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Where a certificate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tls {
    /// Made by the server itself.
    SelfSigned,
    /// From a certificate authority, by ACME; by choosing it you agree to the authority's terms.
    Acme,
    /// From files.
    Files,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Switch {
    On,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Service {
    Identity,
    Chat,
    Gateway,
    Files,
    Media,
    Recording,
}

/// Bytes, written with K, M or G for powers of 1,024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ByteSize(pub(crate) u64);

impl FromStr for ByteSize {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, unit) = match text.trim().split_at_checked(text.trim().len().saturating_sub(1)) {
            Some((number, "K" | "k")) => (number, 1 << 10),
            Some((number, "M" | "m")) => (number, 1 << 20),
            Some((number, "G" | "g")) => (number, 1 << 30),
            _ => (text.trim(), 1),
        };
        let bytes = number.trim().parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
        // Sizes are 64-bit integers with a sign in the database.
        bytes
            .filter(|bytes| *bytes > 0 && *bytes < 1 << 62)
            .map(Self)
            .ok_or("a size is a number of bytes, or one with K, M or G behind it, e.g. 25M")
    }
}

impl TryFrom<String> for ByteSize {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// `http(s)://host[:port][/path]`, without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PublicUrl(pub(crate) String);

impl FromStr for PublicUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = text.trim().trim_end_matches('/');
        let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        let fits = |host: &str| {
            !host.is_empty()
                && host.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#' | '"' | '@'))
        };
        host.filter(|host| fits(host))
            .map(|_| Self(url.to_owned()))
            .ok_or("the public address is written as https://host, with a port or path when there is one")
    }
}

impl PublicUrl {
    /// Its host, without a port.
    pub(crate) fn host(&self) -> Option<&str> {
        let (_, rest) = self.0.split_once("://")?;
        let host = rest.split('/').next()?;
        match host.rfind(':') {
            Some(colon) if !host.ends_with(']') => host.get(..colon),
            _ => Some(host),
        }
    }
}

impl TryFrom<String> for PublicUrl {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// `FIRST-LAST`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PortRange {
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl FromStr for PortRange {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ports = text.split_once('-').and_then(|(first, last)| {
            Some(Self { first: first.trim().parse().ok()?, last: last.trim().parse().ok()? })
        });
        ports
            .filter(|range| range.first > 0 && range.first <= range.last)
            .ok_or("ports are written as FIRST-LAST, e.g. 61000-64999")
    }
}

impl TryFrom<String> for PortRange {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// `SERVICE=URL`, read later: what the parser of options refuses it prints, and this may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Database(pub(crate) Secret);

impl FromStr for Database {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(Secret::new(text)))
    }
}

impl From<String> for Database {
    fn from(text: String) -> Self {
        Self(Secret::new(text))
    }
}

/// A list in the file may be a single value.
fn one_or_many<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct Visitor<T>(std::marker::PhantomData<T>);
    impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
        type Value = Vec<T>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a string or a list of strings")
        }
        fn visit_str<E: de::Error>(self, one: &str) -> Result<Vec<T>, E> {
            T::deserialize(de::value::StrDeserializer::new(one)).map(|one| vec![one])
        }
        fn visit_seq<A: de::SeqAccess<'de>>(self, mut many: A) -> Result<Vec<T>, A::Error> {
            let mut all = Vec::new();
            while let Some(one) = many.next_element()? {
                all.push(one);
            }
            Ok(all)
        }
    }
    deserializer.deserialize_any(Visitor(std::marker::PhantomData))
}
