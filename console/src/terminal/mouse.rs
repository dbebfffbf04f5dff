//! What a terminal reports of its mouse, in mode 1006. Only presses and the wheel mean something here.

/// What the mouse did; columns and rows from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mouse {
    /// The left button was pressed.
    Click {
        /// Column.
        x: u16,
        /// Row.
        y: u16,
    },
    /// The wheel was turned.
    Wheel {
        /// Towards the top.
        up: bool,
    },
}

/// What is at the beginning of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// A report, what it means, and its length.
    Whole(Option<Mouse>, usize),
    /// The beginning of one.
    Cut,
    /// Something else.
    None,
}

/// Longest report: `ESC [ < 255 ; 65535 ; 65535 M`.
const LONGEST: usize = 20;

/// Looks for a report at the beginning of some bytes; with `complete` there will be no more of them.
#[must_use]
pub fn parse(bytes: &[u8], complete: bool) -> Parsed {
    // A terminal that knows mode 1000 but not 1006 puts three raw bytes behind `ESC [ M`: they are no keys.
    if bytes.starts_with(b"\x1b[M") {
        return match bytes.len() {
            0..6 if !complete => Parsed::Cut,
            length => Parsed::Whole(None, length.min(6)),
        };
    }
    let Some(body) = bytes.strip_prefix(b"\x1b[<") else {
        return Parsed::None;
    };
    let Some(end) = body.iter().take(LONGEST).position(|b| matches!(b, b'M' | b'm')) else {
        return if complete || body.len() >= LONGEST {
            Parsed::Whole(None, bytes.len().min(3 + LONGEST))
        } else {
            Parsed::Cut
        };
    };
    let pressed = body.get(end) == Some(&b'M');
    let mouse = body
        .get(..end)
        .and_then(numbers)
        .filter(|_| pressed)
        .and_then(meaning);
    Parsed::Whole(mouse, end + 4)
}

fn numbers(body: &[u8]) -> Option<[u16; 3]> {
    let text = std::str::from_utf8(body).ok()?;
    let mut parts = text.split(';').map(|part| part.parse::<u16>().ok());
    let found = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(found)
}

fn meaning([button, x, y]: [u16; 3]) -> Option<Mouse> {
    // Shift, Alt and Control are 4, 8 and 16.
    match button & !0b1_1100 {
        0 => Some(Mouse::Click {
            x: x.saturating_sub(1),
            y: y.saturating_sub(1),
        }),
        64 => Some(Mouse::Wheel { up: true }),
        65 => Some(Mouse::Wheel { up: false }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(b"\x1b[<0;12;5M", Parsed::Whole(Some(Mouse::Click { x: 11, y: 4 }), 10))]
    #[case(b"\x1b[<0;12;5m", Parsed::Whole(None, 10))]
    #[case(b"\x1b[<64;1;1M", Parsed::Whole(Some(Mouse::Wheel { up: true }), 10))]
    #[case(b"\x1b[<65;1;1Mj", Parsed::Whole(Some(Mouse::Wheel { up: false }), 10))]
    #[case(b"\x1b[<35;1;1M", Parsed::Whole(None, 10))]
    #[case(b"\x1b[<0;1", Parsed::Cut)]
    #[case(b"\x1b[M !!q", Parsed::Whole(None, 6))]
    #[case(b"\x1b[M ", Parsed::Cut)]
    #[case(b"\x1b[A", Parsed::None)]
    #[case(b"q", Parsed::None)]
    fn reports(#[case] bytes: &[u8], #[case] parsed: Parsed) {
        assert_eq!(parse(bytes, false), parsed);
    }
}
