//! The second factor: six digits from an authenticator (RFC 6238), or a recovery code.

mod base32;
mod check;
mod disable;
mod enable;
mod recovery;
mod setup;

pub(crate) use check::SecondFactorError;
pub(crate) use enable::EnableTotpError;
pub(crate) use recovery::RenewCodesError;
pub(crate) use setup::{Prepared, SetUpTotpError};

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use voxlink_protocol::Timestamp;

/// RFC 4226 §4, R6: 160 bits are recommended.
pub(crate) const SECRET_BYTES: usize = 20;
/// RFC 6238 §4.1: the default step, in milliseconds.
const STEP_MS: u64 = 30_000;
/// RFC 6238 §5.2: one step either way, for clocks that differ and people who type slowly.
const DRIFT: u64 = 1;
/// RFC 4226 §5.3: six digits.
const DIGITS: usize = 6;
const MODULUS: u32 = 1_000_000;

/// Half minutes since 1970.
pub(crate) const fn step_at(now: Timestamp) -> u64 {
    now.0 / STEP_MS
}

/// The code of one half minute: HOTP (RFC 4226 §5.3) of its number.
fn code(secret: &[u8], step: u64) -> [u8; DIGITS] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 0xF);
    let word = [tag[offset] & 0x7F, tag[offset + 1], tag[offset + 2], tag[offset + 3]];
    let mut number = u32::from_be_bytes(word) % MODULUS;
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    digits
}

/// The half minute whose code this is, among those near `now` and after the last one that was used. Takes as long
/// whichever it is, or none.
fn matching_step(secret: &[u8], typed: &[u8; DIGITS], now: Timestamp, last_used: u64) -> Option<u64> {
    let current = step_at(now);
    let mut found = None;
    for step in current.saturating_sub(DRIFT)..=current + DRIFT {
        let fits = verify_slices_are_equal(&code(secret, step), typed).is_ok();
        if fits && step > last_used {
            found = Some(step);
        }
    }
    found
}

/// What was typed, without the space that authenticators show in the middle. `None`: not six digits.
fn digits(typed: &str) -> Option<[u8; DIGITS]> {
    let bare: Vec<u8> = typed.bytes().filter(|byte| *byte != b' ').collect();
    let digits: [u8; DIGITS] = bare.try_into().ok()?;
    digits.iter().all(u8::is_ascii_digit).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, SHA-1; its eight digits cut to the last six.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let secret = b"12345678901234567890";
        for (second, expected) in [
            (59, b"287082"),
            (1_111_111_109, b"081804"),
            (1_111_111_111, b"050471"),
            (1_234_567_890, b"005924"),
            (2_000_000_000, b"279037"),
            (20_000_000_000, b"353130"),
        ] {
            assert_eq!(&code(secret, step_at(Timestamp(second * 1000))), expected, "{second}");
        }
    }

    #[test]
    fn a_code_counts_for_a_minute_and_a_half_and_never_again() {
        let (secret, now) = (b"12345678901234567890", Timestamp(1_800_000_000_000));
        let step = step_at(now);
        for (offset, fits) in [(-2_i64, false), (-1, true), (0, true), (1, true), (2, false)] {
            let then = step.saturating_add_signed(offset);
            let found = matching_step(secret, &code(secret, then), now, 0);
            assert_eq!(found, fits.then_some(then), "{offset}");
        }
        assert_eq!(matching_step(secret, &code(secret, step), now, step), None);
        assert_eq!(matching_step(secret, &code(secret, step - 1), now, step), None);
        assert_eq!(matching_step(secret, &code(secret, step + 1), now, step), Some(step + 1));
    }

    #[test]
    fn digits_may_be_typed_in_two_groups() {
        assert_eq!(digits("123 456").as_ref(), Some(b"123456"));
        assert_eq!(digits("12345"), None);
        assert_eq!(digits("１２３４５６"), None);
        assert_eq!(digits("12345a"), None);
    }
}
