//! Contrast, and states that eyes of every kind tell apart.

use super::file::{self, Inks, hexadecimal};
use super::{Name, Role, Theme};
use crate::capabilities::{Capabilities, Colors, Glyphs};
use crate::svg;

type Rgb = (u8, u8, u8);

fn linear(part: u8) -> f64 {
    let part = f64::from(part) / 255.0;
    if part <= 0.04045 {
        part / 12.92
    } else {
        ((part + 0.055) / 1.055).powf(2.4)
    }
}

/// The contrast ratio of WCAG 2.
fn contrast(a: Rgb, b: Rgb) -> f64 {
    let luminance = |(r, g, b): Rgb| 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

fn indexed(index: u8) -> Rgb {
    hexadecimal(&svg::indexed(index)).unwrap()
}

fn colored() -> impl Iterator<Item = (Name, Inks)> {
    Name::ALL
        .into_iter()
        .filter_map(|name| file::of(name).map(|inks| (name, inks)))
}

#[test]
fn every_text_has_contrast_on_every_ground_that_the_theme_is_for() {
    for (name, inks) in colored() {
        let ink = &inks.ink;
        let texts = [
            ("muted", ink.muted),
            ("accent", ink.accent),
            ("good", ink.good),
            ("notice", ink.notice),
            ("warn", ink.warn),
            ("bad", ink.bad),
            ("unknown", ink.unknown),
        ];
        let lines = [
            ("faint", ink.faint),
            ("local", inks.badge.local.ground),
            ("staging", inks.badge.staging.ground),
        ];
        let needed = texts
            .map(|(what, paint)| (what, paint, inks.contrast))
            .into_iter()
            .chain(lines.map(|(what, paint)| (what, paint, 3.0)));
        for (what, paint, needed) in needed {
            for ground in &inks.grounds {
                let found = contrast(paint.rgb, hexadecimal(ground).unwrap());
                assert!(
                    found >= needed,
                    "{name}: {what} on {ground}: {found:.2} < {needed}"
                );
            }
            let ground = hexadecimal(&inks.grounds[0]).unwrap();
            let found = contrast(indexed(paint.index), ground);
            assert!(found >= needed, "{name}: {what} of 256: {found:.2} < {needed}");
        }
    }
}

#[test]
fn every_badge_can_be_read() {
    for (name, inks) in colored() {
        let badges = &inks.badge;
        for badge in [
            badges.drill,
            badges.armed,
            badges.local,
            badges.staging,
            badges.production,
            badges.lost,
            badges.replay,
        ] {
            for (ink, ground) in [
                (badge.ink.rgb, badge.ground.rgb),
                (indexed(badge.ink.index), indexed(badge.ground.index)),
            ] {
                let found = contrast(ink, ground);
                assert!(found >= 4.5, "{name}: {badge:?}: {found:.2}");
            }
        }
    }
}

/// Colours as eyes without one kind of cone see them (Machado, Oliveira and Fernandes 2009, severity 1).
const DEUTERANOPIA: [[f64; 3]; 3] = [
    [0.367_322, 0.860_646, -0.227_968],
    [0.280_085, 0.672_501, 0.047_413],
    [-0.011_820, 0.042_940, 0.968_881],
];
const TRITANOPIA: [[f64; 3]; 3] = [
    [1.255_528, -0.076_749, -0.178_779],
    [-0.078_411, 0.930_809, 0.147_602],
    [0.004_733, 0.691_367, 0.303_900],
];

/// A colour as it is seen, in CIE L*a*b*.
#[allow(clippy::many_single_char_names)] // as in the definition
fn seen((r, g, b): Rgb, eyes: &[[f64; 3]; 3]) -> [f64; 3] {
    let light = [linear(r), linear(g), linear(b)];
    let [r, g, b] = eyes.map(|row| {
        let sum: f64 = row.iter().zip(light).map(|(m, part)| m * part).sum();
        sum.clamp(0.0, 1.0)
    });
    let f = |t: f64| {
        if t > 0.008_856 {
            t.cbrt()
        } else {
            7.787 * t + 16.0 / 116.0
        }
    };
    let x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
    let y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
    let z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

#[test]
fn states_stay_apart_for_the_eyes_that_a_theme_is_for() {
    for (name, eyes) in [(Name::Deuteranopia, DEUTERANOPIA), (Name::Tritanopia, TRITANOPIA)] {
        let ink = file::of(name).unwrap().ink;
        let states = [
            ("good", ink.good),
            ("notice", ink.notice),
            ("warn", ink.warn),
            ("bad", ink.bad),
            ("unknown", ink.unknown),
        ];
        for (index, (a, first)) in states.iter().enumerate() {
            for (b, second) in states.iter().skip(index + 1) {
                let (p, q) = (seen(first.rgb, &eyes), seen(second.rgb, &eyes));
                let distance = p.iter().zip(q).map(|(p, q)| (p - q).powi(2)).sum::<f64>().sqrt();
                assert!(distance >= 12.0, "{name}: {a} and {b} are {distance:.1} apart");
            }
        }
    }
}

#[test]
fn no_color_means_no_color() {
    for name in Name::ALL {
        let theme = Theme::named(name, Capabilities::PLAIN);
        for role in Role::ALL {
            let style = theme.style(role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
        assert!(theme.memory().fg.is_none());
    }
    let mono = Theme::named(Name::Mono, Capabilities::FULL);
    assert_eq!(mono.style(Role::Bad).fg, None);
}

#[test]
fn states_never_look_the_same() {
    for name in Name::ALL {
        for colors in [Colors::Mono, Colors::Ansi16, Colors::Indexed, Colors::True] {
            let theme = Theme::named(
                name,
                Capabilities {
                    colors,
                    glyphs: Glyphs::Full,
                },
            );
            for role in [Role::Bad, Role::Unknown, Role::Warn] {
                assert_ne!(theme.style(role), theme.style(Role::Good), "{name} {role:?}");
            }
            assert_ne!(
                theme.style(Role::ProductionLine),
                theme.style(Role::LocalLine),
                "{name}"
            );
            assert_ne!(
                theme.style(Role::ProductionLine),
                theme.style(Role::StagingLine),
                "{name}"
            );
        }
    }
}

#[test]
fn roles_are_where_their_number_says() {
    for (index, role) in Role::ALL.into_iter().enumerate() {
        assert_eq!(role as usize, index);
    }
}
