//! Plain columns for a terminal, a log or a pager.

use unicode_width::UnicodeWidthStr;

/// Rows under headings, columns as wide as their widest cell.
pub fn columns<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = headings.map(UnicodeWidthStr::width);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let mut text = String::new();
    line(&mut text, &headings.map(str::to_owned), &widths);
    for row in rows {
        line(&mut text, row, &widths);
    }
    text
}

fn line<const N: usize>(text: &mut String, cells: &[String; N], widths: &[usize; N]) {
    let mut row = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        row.push_str(cell);
        row.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + 2));
    }
    text.push_str(row.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_line_up() {
        let rows = [
            ["a".to_owned(), "bb".to_owned()],
            ["ccc".to_owned(), "d".to_owned()],
        ];
        assert_eq!(super::columns(["X", "Y"], &rows), "X    Y\na    bb\nccc  d\n");
    }
}
