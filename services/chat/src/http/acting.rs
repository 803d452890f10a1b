//! Who does something to a guild, and why: the token and `X-Audit-Log-Reason`.

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, request::Parts},
};
use voxlink_protocol::User;
use voxlink_service_kit::{ApiError, Authenticated};

use crate::{
    Chat, Refusal,
    audit::{Actor, Reason},
};

/// The one who acts, with the reason they gave; 401 as [`Authenticated`], 400 for a reason that cannot be.
pub(super) struct Acting {
    pub(super) user: User,
    pub(super) actor: Actor,
}

impl FromRequestParts<Chat> for Acting {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, chat: &Chat) -> Result<Self, ApiError> {
        let Authenticated(owner) = Authenticated::from_request_parts(parts, chat).await?;
        let reason = parts.headers.get("x-audit-log-reason").map(reason).transpose()?.flatten();
        let actor = Actor { id: owner.user.id, reason };
        Ok(Self { user: owner.user, actor })
    }
}

fn reason(header: &HeaderValue) -> Result<Option<Reason>, Refusal> {
    let text = String::from_utf8(percent_decoded(header.as_bytes())).map_err(|_| {
        Refusal::field("X-Audit-Log-Reason", "FIELD_INVALID", "Must be UTF-8, percent-encoded.")
    })?;
    Reason::parse(&text)
}

/// `%41` becomes `A`; a percent sign that is not followed by two hexadecimal digits stands for itself.
fn percent_decoded(raw: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'%'));
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parsed(text: &'static str) -> Result<Option<String>, Refusal> {
        let reason = reason(&HeaderValue::from_bytes(text.as_bytes()).unwrap())?;
        Ok(reason.map(|reason| reason.as_str().to_owned()))
    }

    #[test]
    fn a_reason_is_decoded_trimmed_and_bounded() {
        assert_eq!(parsed("spam%20%26%20%D1%88%D1%83%D0%BC"), Ok(Some("spam & шум".to_owned())));
        assert_eq!(parsed("100% sure"), Ok(Some("100% sure".to_owned())));
        assert_eq!(parsed("100%"), Ok(Some("100%".to_owned())));
        assert_eq!(parsed("%20"), Ok(None));
        assert!(parsed("%FF").is_err());
        assert!(reason(&HeaderValue::from_str(&"a".repeat(513)).unwrap()).is_err());
        assert!(reason(&HeaderValue::from_str(&"%D1%88".repeat(512)).unwrap()).is_ok());
    }
}
