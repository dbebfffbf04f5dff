//! Names of pages. What a page shows is in [`crate::ui::pages`].

use crate::ui::pages;
use std::fmt;
use std::str::FromStr;

/// A page: an index into [`pages::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Page(usize);

/// No page has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no page '{0}': there are {list}", list = names())]
pub struct UnknownPage(String);

impl Page {
    /// The first page: everything at a glance.
    pub const OVERVIEW: Self = Self(0);

    /// All pages, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..pages::ALL.len()).map(Self)
    }

    /// The page with a number key, from 1.
    #[must_use]
    pub fn numbered(number: usize) -> Option<Self> {
        number
            .checked_sub(1)
            .filter(|index| *index < pages::ALL.len())
            .map(Self)
    }

    /// Its number key, from 1.
    #[must_use]
    pub fn number(self) -> usize {
        self.0 + 1
    }

    /// Its number key as text, `0` for the tenth, `m` for the eleventh, the map; empty for those behind.
    #[must_use]
    pub fn key(self) -> String {
        match self.number() {
            number @ 1..=9 => number.to_string(),
            10 => "0".to_owned(),
            11 => "m".to_owned(),
            _ => String::new(),
        }
    }

    /// The page `by` further on, around the end.
    #[must_use]
    pub fn step(self, forward: bool) -> Self {
        let count = pages::ALL.len();
        Self((self.0 + if forward { 1 } else { count - 1 }) % count)
    }

    /// What it shows.
    #[must_use]
    pub fn view(self) -> &'static dyn pages::PageView {
        pages::ALL
            .get(self.0)
            .copied()
            .unwrap_or(&pages::overview::Overview)
    }

    /// Its name in commands: `overview`, `lag`, …
    #[must_use]
    pub fn name(self) -> String {
        self.view().title().to_ascii_lowercase()
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}

impl FromStr for Page {
    type Err = UnknownPage;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::all()
            .find(|page| page.name() == text.to_ascii_lowercase())
            .ok_or_else(|| UnknownPage(aisoc_model::text::sanitize(text, 40)))
    }
}

fn names() -> String {
    Page::all().map(Page::name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_pages() {
        for page in Page::all() {
            assert_eq!(page.name().parse(), Ok(page));
            assert_eq!(Page::numbered(page.number()), Some(page));
            assert_eq!(page.step(true).step(false), page);
        }
        assert_eq!(Page::numbered(0), None);
        assert!(
            "nope"
                .parse::<Page>()
                .unwrap_err()
                .to_string()
                .contains("overview")
        );
    }
}
