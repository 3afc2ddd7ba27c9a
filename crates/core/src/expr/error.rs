//! What can be wrong with an expression.

/// Why an expression cannot be parsed or evaluated. No message holds a value of the scope, which may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExprError {
    /// It cannot be read.
    #[error("{message} (at character {at})")]
    Syntax {
        /// Position in the text, in characters from 0.
        at: usize,
        /// What is wrong.
        message: String,
    },
    /// A filter, test or function that does not exist.
    #[error("no {what} is called `{name}` (at character {at}); known: {known}")]
    NoSuch {
        /// `filter`, `test`, `function`.
        what: &'static str,
        /// The name.
        name: String,
        /// Position in the text, in characters from 0.
        at: usize,
        /// Names that would have worked.
        known: String,
    },
    /// A name that the place does not offer.
    #[error("no value named `{name}`; known here: {known}")]
    Unknown {
        /// The name.
        name: String,
        /// Names that would have worked, or `nothing`.
        known: String,
    },
    /// Something in it is not there.
    #[error(
        "`{expression}`: {message}; write `… | default('')` or `if … is defined` where it may be missing"
    )]
    Undefined {
        /// The text.
        expression: String,
        /// The library's word.
        message: String,
    },
    /// It cannot be evaluated with these values.
    #[error("`{expression}`: {message}")]
    Failed {
        /// The text.
        expression: String,
        /// What went wrong.
        message: String,
    },
}

/// What the library says of an error, without the place, which is not that of the text.
pub(super) fn message(error: &minijinja::Error) -> String {
    let kind = error.kind();
    match error.detail() {
        Some(detail) if kind == minijinja::ErrorKind::SyntaxError => detail.to_owned(),
        Some(detail) => format!("{kind}: {detail}"),
        None if kind == minijinja::ErrorKind::OutOfFuel => "it takes too much work to evaluate".to_owned(),
        None => kind.to_string(),
    }
}

/// A syntax error in the part of `text` that begins at byte `base`.
pub(super) fn syntax(text: &str, base: usize, error: &minijinja::Error) -> ExprError {
    let at = base + error.range().map_or(0, |range| range.start);
    ExprError::Syntax { at: character(text, at), message: message(error) }
}

/// The number of the character that begins at, or lies around, a byte.
pub(super) fn character(text: &str, byte: usize) -> usize {
    text.char_indices().take_while(|(at, _)| *at < byte).count()
}
