//! A bar against a bound: filled up to the value, with a mark where the bound is.

use crate::format::part_of;
use crate::table::{Piece, piece};
use crate::theme::Role;

/// Where the bound stands on a bar whose end is one and a half of it.
const MARK: f64 = 2.0 / 3.0;

/// A gauge of `width` columns: `spent` is the used part of what is allowed, 1 = the bound.
#[must_use]
pub fn against_bound(spent: Option<f64>, width: u16, role: Role) -> Vec<Piece> {
    let mark = part_of(MARK, width).min(width.saturating_sub(1));
    let Some(spent) = spent else {
        return vec![piece("╌".repeat(usize::from(width)), Role::Faint)];
    };
    let any = u16::from(spent > 0.02);
    let filled = part_of(spent * MARK, width).max(any).min(width);
    let run = |from: u16, to: u16, c: &str, role| piece(c.repeat(usize::from(to.saturating_sub(from))), role);
    let mut pieces = vec![
        run(0, filled.min(mark), "━", role),
        run(filled.min(mark), mark, "─", Role::Faint),
    ];
    if filled > mark {
        pieces.push(run(mark, filled, "━", role));
        pieces.push(run(filled, width, "─", Role::Faint));
    } else {
        pieces.push(piece("│", Role::Muted));
        pieces.push(run(mark + 1, width, "─", Role::Faint));
    }
    pieces.retain(|p| !p.text.is_empty());
    pieces
}

/// A bar of `width` columns for a share of a whole.
#[must_use]
pub fn share(part: f64, width: u16, role: Role) -> Vec<Piece> {
    let filled = part_of(part, width);
    let rest = width.saturating_sub(filled);
    let mut pieces = vec![
        piece("━".repeat(usize::from(filled)), role),
        piece("─".repeat(usize::from(rest)), Role::Faint),
    ];
    pieces.retain(|p| !p.text.is_empty());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_gauge_is_as_wide_as_it_should_be(spent in prop::option::of(-1.0f64..10.0), width in 3u16..60) {
            let pieces = against_bound(spent, width, Role::Good);
            prop_assert_eq!(crate::table::width(&pieces), usize::from(width));
        }
    }

    #[test]
    fn the_mark_shows_until_the_bound_is_passed() {
        let text = |spent| {
            against_bound(Some(spent), 9, Role::Good)
                .iter()
                .map(|p| p.text.clone())
                .collect::<String>()
        };
        assert_eq!(text(0.0), "──────│──");
        assert_eq!(text(0.5), "━━━───│──");
        assert_eq!(text(1.5), "━━━━━━━━━");
    }
}
