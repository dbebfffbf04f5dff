//! The latest values as a line of blocks, scaled to their bound: a small value stays small.

use crate::table::{Piece, piece};
use crate::theme::Role;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A sparkline of `width` columns; `bound` is the value that fills two thirds of the height.
pub fn line(samples: impl Iterator<Item = Option<f32>>, bound: f64, width: usize) -> Vec<Piece> {
    let samples: Vec<Option<f32>> = samples.collect();
    let shown = samples.iter().skip(samples.len().saturating_sub(width));
    let largest = samples.iter().flatten().copied().fold(0.0_f32, f32::max);
    let full = (bound * 1.5).max(f64::from(largest)).max(f64::MIN_POSITIVE);
    let mut text = String::with_capacity(width * 3);
    for _ in samples.len()..width {
        text.push(' ');
    }
    for sample in shown {
        let level = sample.map(|value| usize::from(crate::format::part_of(f64::from(value) / full, 7)));
        text.push(level.and_then(|level| LEVELS.get(level).copied()).unwrap_or(' '));
    }
    vec![piece(text, Role::Muted)]
}
