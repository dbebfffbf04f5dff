//! Links (OSC 8): ids of runbooks on the screen become links to where the runbooks are. Only ids that have the shape
//! of one, and only into the address of the settings: no text from a server becomes an address.

use ratatui::buffer::Buffer;

/// What stands for the id in an address.
const ID: &str = "{id}";
/// How the id of a runbook begins; digits follow.
const PREFIX: &str = "RB-";

/// A link on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its row.
    pub y: u16,
    /// Its first column.
    pub from: u16,
    /// The column behind it.
    pub to: u16,
    /// Where it leads.
    pub address: String,
}

/// Whether a text can be the address of runbooks.
///
/// # Errors
/// As a sentence.
pub fn check(template: &str) -> Result<(), String> {
    let web = template.starts_with("https://") || template.starts_with("http://");
    if !web || !template.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("an address that begins with https:// or http:// is wanted, without blanks".to_owned());
    }
    if !template.contains(ID) {
        return Err(format!("{ID} is missing: it stands for the runbook's id"));
    }
    Ok(())
}

/// The links on a screen.
#[must_use]
pub fn find(buffer: &Buffer, template: &str) -> Vec<Link> {
    let width = usize::from(buffer.area.width).max(1);
    let mut links = Vec::new();
    for (y, row) in (0..).zip(buffer.content.chunks(width)) {
        let symbol = |at: usize| row.get(at).map_or("", ratatui::buffer::Cell::symbol);
        let mut at = 0;
        while at < width {
            let begins = PREFIX
                .chars()
                .enumerate()
                .all(|(i, c)| symbol(at + i) == c.encode_utf8(&mut [0; 4]));
            if !begins {
                at += 1;
                continue;
            }
            let digits = (at + PREFIX.len()..width)
                .take_while(|at| symbol(*at).bytes().all(|b| b.is_ascii_digit()) && !symbol(*at).is_empty())
                .count();
            let end = at + PREFIX.len() + digits;
            if digits > 0 {
                let id: String = (at..end).map(symbol).collect();
                links.push(Link {
                    y,
                    from: crate::format::cells(at),
                    to: crate::format::cells(end),
                    address: template.replace(ID, &id),
                });
            }
            at = end;
        }
    }
    links
}

/// The address that a cell leads to.
#[must_use]
pub fn at(links: &[Link], x: u16, y: u16) -> Option<&str> {
    links
        .iter()
        .find(|link| link.y == y && (link.from..link.to).contains(&x))
        .map(|link| link.address.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    #[test]
    fn ids_become_links_and_nothing_else_does() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 40, 2));
        buffer.set_string(2, 1, "see RB-017, RB- https://evil RB-2", Style::new());
        let links = find(&buffer, "https://wiki/{id}.html");
        let found: Vec<_> = links
            .iter()
            .map(|l| (l.y, l.from, l.to, l.address.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                (1, 6, 12, "https://wiki/RB-017.html"),
                (1, 31, 35, "https://wiki/RB-2.html")
            ]
        );
        assert_eq!(at(&links, 6, 1), Some("https://wiki/RB-017.html"));
        assert_eq!(at(&links, 12, 1), None);
    }

    #[test]
    fn addresses() {
        assert!(check("https://wiki/{id}").is_ok());
        for bad in [
            "wiki/{id}",
            "https://wiki/",
            "https://a b/{id}",
            "javascript:{id}",
            "https://\u{1b}{id}",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
