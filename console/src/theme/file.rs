//! The files of themes.

use super::Name;
use crate::capabilities::Colors;
use ratatui::style::Color;
use serde::Deserialize;

/// A colour at each depth: 24 bits, place in the palette of 256, name among the 16.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "(String, u8, String)")]
pub struct Paint {
    /// Red, green, blue.
    pub rgb: (u8, u8, u8),
    /// Place in the palette of 256.
    pub index: u8,
    /// One of the 16.
    pub named: Color,
}

/// The inks of a theme.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inks {
    /// Backgrounds that the theme is made for, as `#rrggbb`.
    pub grounds: Vec<String>,
    /// Smallest contrast of a text.
    pub contrast: f64,
    /// Foreground and background of the whole screen, when they are not the terminal's own.
    pub paint: Option<(Paint, Paint)>,
    /// Inks on the ground.
    pub ink: Ink,
    /// Words on a ground of their own.
    pub badge: Badges,
}

/// Inks on the ground.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // named after their roles
pub struct Ink {
    pub muted: Paint,
    pub faint: Paint,
    pub accent: Paint,
    pub good: Paint,
    pub notice: Paint,
    pub warn: Paint,
    pub bad: Paint,
    pub unknown: Paint,
}

/// Words on a ground of their own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // named after their roles
pub struct Badges {
    pub drill: Badge,
    pub armed: Badge,
    pub local: Badge,
    pub staging: Badge,
    pub production: Badge,
    pub lost: Badge,
    pub replay: Badge,
}

/// An ink and its ground.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Badge {
    pub ink: Paint,
    pub ground: Paint,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Mono { mono: bool },
    Inks(Box<Inks>),
}

const fn text(name: Name) -> &'static str {
    match name {
        Name::Dark => include_str!("../../../assets/themes/dark.toml"),
        Name::Light => include_str!("../../../assets/themes/light.toml"),
        Name::HighContrast => include_str!("../../../assets/themes/high-contrast.toml"),
        Name::Deuteranopia => include_str!("../../../assets/themes/deuteranopia.toml"),
        Name::Tritanopia => include_str!("../../../assets/themes/tritanopia.toml"),
        Name::Mono => include_str!("../../../assets/themes/mono.toml"),
    }
}

/// The inks of a theme; `None` for one without colour. A test reads every file, so that none is unreadable here.
#[must_use]
pub fn of(name: Name) -> Option<Inks> {
    match read(name) {
        Ok(File::Inks(inks)) => Some(*inks),
        Ok(File::Mono { mono: true | false }) | Err(_) => None,
    }
}

fn read(name: Name) -> Result<File, toml::de::Error> {
    toml::from_str(text(name))
}

impl Paint {
    /// The colour at a depth.
    #[must_use]
    pub fn at(self, depth: Colors) -> Color {
        let (r, g, b) = self.rgb;
        match depth {
            Colors::True => Color::Rgb(r, g, b),
            Colors::Indexed => Color::Indexed(self.index),
            Colors::Ansi16 => self.named,
            Colors::Mono => Color::Reset,
        }
    }
}

impl TryFrom<(String, u8, String)> for Paint {
    type Error = String;

    fn try_from((rgb, index, name): (String, u8, String)) -> Result<Self, String> {
        Ok(Self {
            rgb: hexadecimal(&rgb).ok_or_else(|| format!("'{rgb}' is no colour: write #rrggbb"))?,
            index,
            named: named(&name).ok_or_else(|| format!("'{name}' is none of the 16 colours"))?,
        })
    }
}

/// A colour written as `#rrggbb`.
#[must_use]
pub fn hexadecimal(text: &str) -> Option<(u8, u8, u8)> {
    let digits = text.strip_prefix('#').filter(|d| d.len() == 6)?;
    let part = |from: usize| u8::from_str_radix(digits.get(from..from + 2)?, 16).ok();
    Some((part(0)?, part(2)?, part(4)?))
}

fn named(name: &str) -> Option<Color> {
    Some(match name {
        "black" => Color::Black,
        "red" => Color::Red,
        "green" => Color::Green,
        "yellow" => Color::Yellow,
        "blue" => Color::Blue,
        "magenta" => Color::Magenta,
        "cyan" => Color::Cyan,
        "gray" => Color::Gray,
        "bright-black" => Color::DarkGray,
        "bright-red" => Color::LightRed,
        "bright-green" => Color::LightGreen,
        "bright-yellow" => Color::LightYellow,
        "bright-blue" => Color::LightBlue,
        "bright-magenta" => Color::LightMagenta,
        "bright-cyan" => Color::LightCyan,
        "white" => Color::White,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_readable() {
        for name in Name::ALL {
            let mono = match read(name) {
                Ok(File::Mono { mono }) => mono,
                Ok(File::Inks(_)) => false,
                Err(error) => panic!("{name}: {error}\n{:?}", toml::from_str::<Inks>(text(name))),
            };
            assert_eq!(mono, name == Name::Mono);
        }
    }
}
