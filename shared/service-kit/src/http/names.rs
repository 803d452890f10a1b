//! Names of servers.

/// Whether a certificate for `name` is good for `host`. RFC 6125 §6.4.3: a star stands for one label, the first.
#[must_use]
pub fn name_covers(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        None => name.eq_ignore_ascii_case(host),
        Some(rest) => host.split_once('.').is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_label() {
        assert!(name_covers("Chat.example.org", "chat.Example.org"));
        assert!(name_covers("*.example.org", "chat.example.org"));
        assert!(!name_covers("*.example.org", "example.org"));
        assert!(!name_covers("*.example.org", "a.chat.example.org"));
        assert!(name_covers("::1", "::1"));
    }
}
