//! `snapshot`: a page of a saved frame, printed in the theme and with the colours that were asked for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

use std::process::Command;

/// What `snapshot` prints of the saved frame, in an environment of nothing but `set`.
fn snapshot(arguments: &[&str], set: &[(&str, &str)]) -> String {
    let world = concat!(env!("CARGO_MANIFEST_DIR"), "/../assets/screens/world.json");
    let printed = Command::new(env!("CARGO_BIN_EXE_aisoc-console"))
        .env_clear()
        .envs(set.iter().copied())
        .args(["snapshot", "--world", world])
        .args(arguments)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&printed.stderr);
    assert!(printed.status.success(), "{errors}");
    String::from_utf8(printed.stdout).unwrap()
}

#[test]
fn a_picture_is_of_the_theme_that_was_asked_for_and_on_its_ground() {
    let dark = snapshot(&["--output", "svg"], &[]);
    let light = snapshot(&["--output", "svg", "--theme", "light"], &[]);
    let high = snapshot(&["--output", "svg", "--theme", "high-contrast"], &[]);
    let ground = |svg: &str, color: &str| svg.contains(&format!("height=\"100%\" fill=\"{color}\""));
    assert!(ground(&dark, "#14171c") && ground(&light, "#ffffff"));
    assert!(high.contains("fill=\"#000000\""), "it paints its own ground");
    // The terminal's ground says nothing of a picture; a person's wish does.
    assert_eq!(snapshot(&["--output", "svg"], &[("COLORFGBG", "0;15")]), dark);
    assert_eq!(snapshot(&["--output", "svg"], &[("AISOC_THEME", "light")]), light);
    assert_ne!(
        snapshot(&["--output", "svg", "--theme", "deuteranopia"], &[]),
        dark
    );
}

#[test]
fn colours_are_of_the_theme_that_was_asked_for() {
    let colors = |text: &str| text.contains("\u{1b}[38;") || text.contains(";38;");
    let dark = snapshot(&["--output", "ansi"], &[]);
    let light = snapshot(&["--output", "ansi", "--theme", "light"], &[]);
    assert!(colors(&dark) && colors(&light) && dark != light);
    assert_eq!(snapshot(&["--output", "ansi"], &[("COLORFGBG", "0;15")]), light);
    for (arguments, set) in [
        (&["--output", "ansi", "--theme", "mono"][..], &[][..]),
        (&["--output", "ansi", "--theme", "light"], &[("NO_COLOR", "1")]),
    ] {
        let text = snapshot(arguments, set);
        assert!(!colors(&text) && text.contains("\u{1b}["), "{arguments:?}");
    }
}
