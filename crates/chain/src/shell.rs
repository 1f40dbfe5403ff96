//! Words of a POSIX shell.

/// The text as one word, in quotes where it needs them: what a certificate says must not become a
/// command. Characters of control, line ends too, are left out.
///
/// It is one word, not an argument that means nothing else: what may begin with a dash needs `--`
/// before it.
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || ":/.,@_-+=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    let printable = text.chars().filter(|it| !it.is_control()).collect::<String>();
    format!("'{}'", printable.replace('\'', "'\\''"))
}
