//! What the operator decided about TLS, and the sentences for what does not fit together.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use crate::{
    Failure,
    cli::{ServeOptions, Switch, Tls as Way},
};

/// Let's Encrypt, for everybody.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// How to serve HTTPS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsSettings {
    pub(crate) listen: Vec<SocketAddr>,
    /// Names and addresses that a certificate of ours is to be good for; the first is the one people know.
    pub(crate) names: Vec<String>,
    /// Whoever comes to the plain listener is sent to the first of `listen`.
    pub(crate) redirect: bool,
    pub(crate) source: Source,
}

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    SelfSigned,
    Files { chain: PathBuf, key: PathBuf },
    Acme(AcmeSettings),
}

/// Which authority is asked, and as whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AcmeSettings {
    pub(crate) directory: String,
    /// Where the authority writes to when something is wrong with a certificate.
    pub(crate) contact: Option<String>,
    /// Roots that the authority's own HTTPS is checked against, instead of the public ones (a private authority).
    pub(crate) root: Option<PathBuf>,
}

impl TlsSettings {
    /// Decides; `None` where HTTPS is not wanted.
    ///
    /// # Errors
    /// When what was given does not fit together.
    pub(crate) fn decide(options: &ServeOptions) -> Result<Option<Self>, Failure> {
        let wrong = |words: &str| Err(Failure(words.to_owned()));
        let files = options.tls_cert.as_ref().zip(options.tls_key.as_ref());
        if options.tls_listen.is_empty() {
            let given = options.tls.is_some()
                || options.tls_cert.is_some()
                || options.tls_key.is_some()
                || options.tls_redirect == Some(Switch::On);
            return match given {
                true => wrong("HTTPS needs an address: give --tls-listen, e.g. 0.0.0.0:443."),
                false => Ok(None),
            };
        }
        let default = if options.tls_cert.is_some() { Way::Files } else { Way::SelfSigned };
        let way = options.tls.unwrap_or(default);
        if way != Way::Files && (options.tls_cert.is_some() || options.tls_key.is_some()) {
            return wrong("--tls-cert and --tls-key go with --tls files: leave them out, or choose that.");
        }
        let mut names = names(options)?;
        let source = match (way, files) {
            (Way::SelfSigned, _) => {
                names.extend(options.public_address.iter().map(ToString::to_string));
                Source::SelfSigned
            }
            (Way::Files, Some((chain, key))) => Source::Files { chain: chain.clone(), key: key.clone() },
            (Way::Files, None) => {
                return wrong(
                    "--tls files needs the certificate and its key: give both --tls-cert and --tls-key.",
                );
            }
            (Way::Acme, _) if names.is_empty() || names.iter().any(|name| name.parse::<IpAddr>().is_ok()) => {
                return wrong(
                    "--tls acme needs the name that people know this server by, no address: give --tls-name, e.g. chat.example.org.",
                );
            }
            (Way::Acme, _) => Source::Acme(AcmeSettings {
                directory: options.acme_directory.clone().unwrap_or_else(|| LETS_ENCRYPT.to_owned()),
                contact: options.acme_contact.clone(),
                root: options.acme_root.clone(),
            }),
        };
        let redirect = options.tls_redirect == Some(Switch::On);
        Ok(Some(Self { listen: options.tls_listen.clone(), names, redirect, source }))
    }
}

/// Those that were given; else what the public URL says.
fn names(options: &ServeOptions) -> Result<Vec<String>, Failure> {
    let mut names = options.tls_name.clone();
    if names.is_empty()
        && let Some(host) = options.public_url.as_ref().and_then(|url| url.host())
    {
        names.push(host.to_owned());
    }
    for name in &mut names {
        *name = name.trim().trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if name.is_empty()
            || !name.chars().all(plain)
            || (name.contains(':') && name.parse::<IpAddr>().is_err())
        {
            return Err(Failure(format!(
                "{name:?} is no name of a server. --tls-name is written as chat.example.org, without a scheme or port."
            )));
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn options(more: impl FnOnce(&mut ServeOptions)) -> ServeOptions {
        let mut options =
            ServeOptions { tls_listen: vec!["0.0.0.0:443".parse().unwrap()], ..ServeOptions::default() };
        more(&mut options);
        options
    }

    fn refusal(options: &ServeOptions) -> String {
        TlsSettings::decide(options).unwrap_err().0
    }

    #[test]
    fn nothing_given_is_no_https_and_an_address_alone_is_a_certificate_of_our_own() {
        assert_eq!(TlsSettings::decide(&ServeOptions::default()).unwrap(), None);
        let decided = TlsSettings::decide(&options(|_| {})).unwrap().unwrap();
        assert_eq!(decided.source, Source::SelfSigned);
    }

    #[test]
    fn what_does_not_fit_together_is_said_in_words() {
        let alone = ServeOptions { tls: Some(Way::Acme), ..ServeOptions::default() };
        assert!(refusal(&alone).contains("--tls-listen"));
        assert!(refusal(&options(|o| o.tls = Some(Way::Files))).contains("--tls-key"));
        assert!(refusal(&options(|o| o.tls_cert = Some("a.pem".into()))).contains("--tls-key"));
        assert!(refusal(&options(|o| o.tls = Some(Way::Acme))).contains("--tls-name"));
        assert!(refusal(&options(|o| o.tls_name = vec!["https://a.example".into()])).contains("--tls-name"));
        let both = options(|o| (o.tls, o.tls_key) = (Some(Way::SelfSigned), Some("k.pem".into())));
        assert!(refusal(&both).contains("--tls files"));
    }

    #[test]
    fn the_public_url_names_the_server_where_nothing_else_does() {
        let given = options(|o| {
            o.tls = Some(Way::Acme);
            o.public_url = Some("https://Chat.Example.org:8443/vox".parse().unwrap());
        });
        let decided = TlsSettings::decide(&given).unwrap().unwrap();
        assert_eq!(decided.names, ["chat.example.org"]);
        assert!(matches!(decided.source, Source::Acme(acme) if acme.directory == LETS_ENCRYPT));
    }
}
