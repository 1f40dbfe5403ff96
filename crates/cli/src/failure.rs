//! Errors as people see them: what happened, why, and what to try.

use std::path::PathBuf;

use skink_api::{Code, Problem};
use skink_signer::{KeyUri, ProviderError};

use crate::Exit;

mod key;

/// A failure that the command line knows more about than its message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// No operator file was named or found.
    #[error("it is not said who you are: there is no operator file")]
    NoOperator,
    /// The operator file is not usable.
    #[error("the operator file {} is not usable", .path.display())]
    BadOperator {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: anyhow::Error,
    },
    /// The server did not answer.
    #[error("the server at {url} does not answer")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
    /// The server answered with a problem.
    #[error("{}: {}", .0.title, .0.detail)]
    Problem(Problem),
    /// The server's answer is not what this version of the program expects.
    #[error("the answer of {operation} is not understood (status {status})")]
    Answer {
        /// What was asked.
        operation: String,
        /// The HTTP status.
        status: u16,
    },
    /// The arguments contradict each other.
    #[error("{what}")]
    Usage {
        /// How.
        what: String,
        /// What to write instead.
        hint: String,
    },
    /// A rule forbids it.
    #[error("{what}")]
    Refused {
        /// What, and by which rule.
        what: String,
        /// What to do instead.
        hint: String,
    },
    /// A server could not be looked at.
    #[error("cannot look at {place}")]
    Fetch {
        /// The server.
        place: String,
        /// Why not.
        #[source]
        source: skink_fetch::FetchError,
    },
    /// Something was looked at and is not good.
    #[error("{what}")]
    NotGood {
        /// What.
        what: String,
        /// What to do now.
        hint: String,
    },
    /// What was asked cannot be decided.
    #[error("{what}")]
    Undecided {
        /// What.
        what: String,
        /// What to do now.
        hint: String,
    },
    /// Something was checked and does not hold.
    #[error("{what}")]
    NotVerified {
        /// What.
        what: String,
        /// What to do now.
        hint: String,
    },
    /// A key's provider did not do what it was asked.
    #[error("{what}")]
    Key {
        /// What was to be done, to which key.
        what: String,
        /// The key.
        key: KeyUri,
        /// Why it was not.
        #[source]
        source: Box<ProviderError>,
    },
    /// The answer was given on standard output and is not what was hoped for; only the exit code
    /// is left to say.
    #[error("the answer is not the one that was hoped for")]
    Answered(Exit),
}

impl Failure {
    /// What to try next.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoOperator => Some(
                "name one with --operator FILE or $SKINK_OPERATOR, or go to a folder that holds \
                 operator.json; `skink init` writes the first"
                    .to_owned(),
            ),
            Self::BadOperator { .. } => Some(
                "it is a JSON file with url, root, and either token or client_certificate and \
                 client_key"
                    .to_owned(),
            ),
            Self::Unreachable { .. } => Some(
                "is `skink serve` running, and is the url in the operator file its own?".into(),
            ),
            Self::Problem(problem) => problem_hint(problem),
            Self::Answer { .. } => Some("do the server and this program have one version?".into()),
            Self::Answered(_) => None,
            Self::Key { key, source, .. } => key::hint(key, source),
            Self::Fetch { source, .. } => Some(source.hint().to_owned()),
            Self::Usage { hint, .. }
            | Self::NotGood { hint, .. }
            | Self::Undecided { hint, .. }
            | Self::Refused { hint, .. }
            | Self::NotVerified { hint, .. } => Some(hint.clone()),
        }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoOperator | Self::Usage { .. } => Exit::Usage,
            Self::BadOperator { .. } | Self::Answer { .. } => Exit::Failed,
            Self::Unreachable { .. } | Self::Fetch { .. } => Exit::Unreachable,
            Self::NotGood { .. } => Exit::NotGood,
            Self::Undecided { .. } => Exit::Undecided,
            Self::Problem(problem) => problem_exit(problem),
            Self::Refused { .. } => Exit::Refused,
            Self::NotVerified { .. } => Exit::NotVerified,
            Self::Answered(exit) => *exit,
            Self::Key { source, .. } => key::exit(source),
        }
    }
}

fn problem_hint(problem: &Problem) -> Option<String> {
    match (&problem.hint, problem.retry_after_s) {
        (Some(hint), Some(seconds)) => Some(format!("{hint} (again in {seconds} s)")),
        (Some(hint), None) => Some(hint.clone()),
        (None, Some(seconds)) => Some(format!("try again in {seconds} s")),
        (None, None) => None,
    }
}

const fn problem_exit(problem: &Problem) -> Exit {
    match problem.code {
        Code::Unauthenticated | Code::Forbidden => Exit::NotAllowed,
        Code::Internal => Exit::Failed,
        _ if problem.retry_after_s.is_some() => Exit::Later,
        _ => Exit::Refused,
    }
}

/// Prints an error with its causes and a hint on standard error, and gives the exit code.
pub fn report(error: &anyhow::Error) -> Exit {
    if !matches!(failure_in(error), Some(Failure::Answered(_))) {
        eprint!("{}", render(error));
    }
    failure_in(error).map_or(Exit::Failed, Failure::exit)
}

fn failure_in(error: &anyhow::Error) -> Option<&Failure> {
    error.chain().find_map(|cause| cause.downcast_ref::<Failure>())
}

fn render(error: &anyhow::Error) -> String {
    use std::fmt::Write as _;
    let mut text = format!("error: {error}\n");
    for cause in error.chain().skip(1) {
        // Writing into a string does not fail.
        let _ = writeln!(text, "  because: {cause}");
    }
    if let Some(hint) = failure_in(error).and_then(Failure::hint) {
        let _ = writeln!(text, "hint: {hint}");
    }
    text
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn an_error_tells_what_why_and_what_to_try() {
        let problem = Problem::new(Code::AuthorityTainted, "workloads-g1 is tainted")
            .hint("incident i1 replaces it")
            .retry_after(60);
        let error: anyhow::Error = Failure::Problem(problem).into();
        let error = Err::<(), _>(error).context("cannot issue").unwrap_err();
        assert_eq!(
            render(&error),
            "error: cannot issue\n  because: The authority is tainted: workloads-g1 is tainted\n\
             hint: incident i1 replaces it (again in 60 s)\n"
        );
        assert_eq!(failure_in(&error).unwrap().exit(), Exit::Later);
    }

    #[test]
    fn identity_and_refusal_have_codes_of_their_own() {
        let exit = |code| Failure::Problem(Problem::new(code, "")).exit();
        assert_eq!(exit(Code::Forbidden), Exit::NotAllowed);
        assert_eq!(exit(Code::SamePerson), Exit::Refused);
        assert_eq!(exit(Code::Internal), Exit::Failed);
    }
}
