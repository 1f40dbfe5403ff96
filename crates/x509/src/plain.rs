//! Text of others as it may be shown.

use std::fmt::{self, Write as _};

/// Text that somebody else chose, on one line: characters of control, line ends among them, are
/// blanks, as are those that turn the direction of text around. It could say what this program did
/// not, otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'a>(pub &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| f.write_char(if is_harmless(c) { c } else { ' ' }))
    }
}

impl Plain<'_> {
    /// The text, which is left as it is where it is harmless.
    pub fn of(text: String) -> String {
        if text.chars().all(is_harmless) { text } else { Plain(&text).to_string() }
    }
}

fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_the_cursor_or_the_line_becomes_a_blank() {
        let text = "a\nb\u{1b}[31mc\u{9b}d\u{202e}e\u{2028}f\u{7f}";
        assert_eq!(Plain(text).to_string(), "a b [31mc d e f ");
        assert_eq!(Plain::of(text.to_owned()), "a b [31mc d e f ");
        assert_eq!(Plain::of("żółw ½".to_owned()), "żółw ½");
    }
}
