//! Finds the links of a message that may be shown as cards.

use voxlink_protocol::files::PreviewLinks;

use super::spans::outside_code;

/// The first few different links, outside of code and not within `<…>`, which asks for no card.
pub(super) fn to_preview(content: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in outside_code(content) {
        let mut rest = part;
        while let Some(start) = next_link(rest) {
            let silent = rest.get(..start).is_some_and(|before| before.ends_with('<'));
            let Some(tail) = rest.get(start..) else { break };
            let link = link_at(tail);
            let long_enough = link.split_once("://").is_some_and(|(_, host)| !host.is_empty());
            if !silent && long_enough && !found.iter().any(|known| known == link) {
                found.push(link.to_owned());
                if found.len() == PreviewLinks::MOST {
                    return found;
                }
            }
            rest = tail.get(link.len().max(1)..).unwrap_or_default();
        }
    }
    found
}

fn next_link(text: &str) -> Option<usize> {
    ["https://", "http://"].into_iter().filter_map(|scheme| text.find(scheme)).min()
}

/// The link at the start of a text, without the sentence's own punctuation behind it.
fn link_at(text: &str) -> &str {
    let end = text.find(|c: char| c.is_whitespace() || c == '<' || c == '>').unwrap_or(text.len());
    let mut link = text.get(..end).unwrap_or_default();
    loop {
        let unbalanced = link.ends_with(')') && link.matches('(').count() < link.matches(')').count();
        match link.chars().last() {
            Some(last) if unbalanced || ".,:;!?\"'*_~|]".contains(last) => {
                link = link.get(..link.len() - last.len_utf8()).unwrap_or_default();
            }
            _ => return link,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::to_preview;

    #[test]
    fn links_are_found_where_people_mean_them() {
        assert_eq!(
            to_preview("see https://a.example/x, and (http://b.example/y)."),
            ["https://a.example/x", "http://b.example/y"]
        );
        assert_eq!(to_preview("[name](https://a.example/p_(q)) end"), ["https://a.example/p_(q)"]);
        assert_eq!(to_preview("<https://a.example> `https://b.example`"), [""; 0]);
        assert_eq!(to_preview("https:// http://"), [""; 0]);
        assert_eq!(to_preview("https://a.example https://a.example"), ["https://a.example"]);
        let many: String = (0..9).map(|n| format!("https://{n}.example ")).collect();
        assert_eq!(to_preview(&many).len(), 5);
    }
}
