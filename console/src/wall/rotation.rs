//! Which page the wall shows when. Pure: a function of the time since it began.

use crate::config;

/// A page of the wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Everything at a glance.
    Overview,
    /// The worst lag.
    Lag,
    /// The worst indicator.
    Slis,
    /// What fires.
    Alerts,
    /// Who calls whom, and which way fails.
    Map,
    /// What is asked for by what fires.
    Runbooks,
}

/// Which page, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The page.
    pub view: View,
    /// The one after it.
    pub next: View,
    /// Seconds that are left.
    pub left: u32,
    /// Seconds that it is shown.
    pub of: u32,
}

/// The order: the overview comes back after every other page.
const ORDER: [View; 10] = [
    View::Overview,
    View::Lag,
    View::Overview,
    View::Slis,
    View::Overview,
    View::Alerts,
    View::Overview,
    View::Map,
    View::Overview,
    View::Runbooks,
];

impl View {
    /// Its name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Lag => "Lag",
            Self::Slis => "SLIs",
            Self::Alerts => "Alerts",
            Self::Map => "Map",
            Self::Runbooks => "Runbooks",
        }
    }
}

/// The page that is shown so many seconds after the rotation began.
#[must_use]
pub fn turn(seconds: u64, times: config::Wall) -> Turn {
    let shown = |view| {
        if view == View::Overview {
            times.overview_seconds
        } else {
            times.page_seconds
        }
        .max(1)
    };
    let round: u64 = ORDER.into_iter().map(|view| u64::from(shown(view))).sum();
    let mut at = seconds % round.max(1);
    let following = ORDER.into_iter().cycle().skip(1);
    for (view, next) in ORDER.into_iter().zip(following) {
        let of = shown(view);
        match at.checked_sub(u64::from(of)) {
            Some(later) => at = later,
            None => {
                return Turn {
                    view,
                    next,
                    left: of - u32::try_from(at).unwrap_or(0),
                    of,
                };
            }
        }
    }
    Turn {
        view: View::Overview,
        next: View::Lag,
        left: 1,
        of: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const TIMES: config::Wall = config::Wall {
        overview_seconds: 30,
        page_seconds: 12,
    };

    #[rstest]
    #[case(0, View::Overview, View::Lag, 30)]
    #[case(29, View::Overview, View::Lag, 1)]
    #[case(30, View::Lag, View::Overview, 12)]
    #[case(42, View::Overview, View::Slis, 30)]
    #[case(72, View::Slis, View::Overview, 12)]
    #[case(114, View::Alerts, View::Overview, 12)]
    #[case(125, View::Alerts, View::Overview, 1)]
    #[case(126, View::Overview, View::Map, 30)]
    #[case(156, View::Map, View::Overview, 12)]
    #[case(198, View::Runbooks, View::Overview, 12)]
    #[case(210, View::Overview, View::Lag, 30)]
    fn turns(#[case] seconds: u64, #[case] view: View, #[case] next: View, #[case] left: u32) {
        let turn = turn(seconds, TIMES);
        assert_eq!((turn.view, turn.next, turn.left), (view, next, left));
    }
}
