//! What a person has set that the screen depends on.

use crate::keys::Keymap;
use crate::theme::Name;

/// What a person has set that the screen depends on.
#[derive(Debug, Clone)]
pub struct Preferences {
    /// Which keys do what.
    pub keys: Keymap,
    /// The theme.
    pub theme: Name,
    /// Whether alerts that page are told beyond the screen.
    pub notify: bool,
    /// There is no shell to go to: nothing suspends.
    pub captive: bool,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            keys: Keymap::default(),
            theme: Name::Dark,
            notify: true,
            captive: false,
        }
    }
}
