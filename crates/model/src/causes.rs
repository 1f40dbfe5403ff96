//! Errors for people.

/// An error with everything below it, in one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        below = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Nested(&'static str, #[source] Option<Box<Self>>);

    #[test]
    fn an_error_is_told_with_what_is_below_it() {
        let deep = Nested("a", Some(Box::new(Nested("b", Some(Box::new(Nested("c", None)))))));
        assert_eq!(with_causes(&deep), "a: b: c");
        assert_eq!(with_causes(&Nested("alone", None)), "alone");
    }
}
