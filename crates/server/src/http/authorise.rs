//! Who is calling, and whether the table lets them.

use std::time::Instant;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use skink_api::{Access, Code, Listener, Operation, Problem, Role, Route};
use skink_model::{AgentName, Operator, OperatorName, Stamp, Time};
use skink_x509::{Fingerprint, KeyDigest};

use super::listen::{self, Peer};
use crate::app::App;
use crate::failure::{Failure, Result};
use crate::words::Wire as _;

/// An operation's gate.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) app: App,
    pub(crate) route: Route,
}

/// The operator who calls, in a role that the operation takes.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: OperatorName,
    pub(crate) role: Role,
    pub(crate) vouched_by: OperatorName,
    pub(crate) registered: Time,
}

/// The agent that calls, known by its key.
#[derive(Clone, Debug)]
pub(crate) struct CallingAgent(pub(crate) AgentName);

impl Person {
    pub(crate) fn of(row: Operator) -> Self {
        let (vouched_by, registered) = (row.vouched_by, row.created_at);
        Self { name: row.name, role: row.role.wire(), vouched_by, registered }
    }

    /// This person, now.
    pub(crate) fn stamp(&self, at: Time) -> Stamp {
        Stamp::operator(self.name.clone(), at)
    }
}

/// Lets a request pass to its handler, or answers with a problem; counts and times both.
pub(crate) async fn authorise(
    State(gate): State<Gate>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    // Polls wait, and are no work.
    let _under_way = (gate.route.listener == Listener::Agent
        && gate.route.operation != Operation::Poll)
        .then(|| gate.app.turnstile().begin());
    let response = match admit(&gate, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    };
    let operation = format!("{:?}", gate.route.operation);
    let status = response.status().as_u16().to_string();
    metrics::counter!(crate::metrics::REQUESTS, "operation" => operation.clone(), "status" => status.clone()).increment(1);
    metrics::histogram!(crate::metrics::REQUEST_SECONDS, "operation" => operation.clone())
        .record(began.elapsed().as_secs_f64());
    tracing::debug!(http.operation = operation, http.status = status, "a request was answered");
    response
}

async fn admit(gate: &Gate, request: &mut Request) -> Result<()> {
    match gate.route.access {
        Access::Everybody | Access::Token => {}
        Access::Roles(roles) => {
            let shown = Shown::by(request)?;
            let person = person(&gate.app, shown).await?;
            if !roles.contains(&person.role) {
                return Err(wrong_role(&person, roles));
            }
            request.extensions_mut().insert(person);
        }
        Access::Agents => {
            let shown = Shown::by(request)?;
            let agent = agent(&gate.app, shown).await?;
            request.extensions_mut().insert(agent);
        }
    }
    Ok(())
}

fn wrong_role(person: &Person, roles: &[Role]) -> Failure {
    let may = roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
    let detail = format!("{} is {}; this takes {may}", person.name, person.role);
    Problem::new(Code::Forbidden, detail).hint("ask somebody in one of these roles").into()
}

/// What a caller shows of himself.
struct Shown {
    token: Option<String>,
    key: Option<(Fingerprint, KeyDigest)>,
}

impl Shown {
    fn by(request: &Request) -> Result<Self> {
        let token = bearer(request.headers()).map(ToOwned::to_owned);
        Ok(Self { token, key: peer_key(request)? })
    }
}

async fn person(app: &App, shown: Shown) -> Result<Person> {
    let found = match (&shown.token, &shown.key) {
        (Some(token), _) => app.operator_by_token(token).await?,
        (None, Some((_, key))) => app.operator_by_key(key).await?,
        (None, None) => None,
    };
    found.ok_or_else(|| {
        Problem::new(Code::Unauthenticated, "no valid token and no registered client key was shown")
            .hint("send `Authorization: Bearer TOKEN`, or connect with a registered client certificate")
            .into()
    })
}

async fn agent(app: &App, shown: Shown) -> Result<CallingAgent> {
    let Some((fingerprint, key)) = shown.key else {
        let detail = "agents show a client certificate under control";
        return Err(Problem::new(Code::Unauthenticated, detail).hint("enrol first").into());
    };
    // The handshake has proven a chain to control; the key must be in the server's own log too.
    crate::db::agent_by_certificate(app, &fingerprint, &key).await?.map(CallingAgent).ok_or_else(
        || {
            Problem::new(
                Code::UnknownAgent,
                "the certificate's key is in no enrolment of this server",
            )
            .hint("a chain to control is not enough; enrol this agent")
            .into()
        },
    )
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(str::trim)
}

fn peer_key(request: &Request) -> Result<Option<(Fingerprint, KeyDigest)>> {
    match request.extensions().get::<Peer>().and_then(|peer| peer.shown) {
        None => Ok(None),
        Some(listen::Shown::Certificate(fingerprint, key)) => Ok(Some((fingerprint, key))),
        Some(listen::Shown::Garbled) => {
            let detail = "the client certificate is not understood";
            Err(Problem::new(Code::Unauthenticated, detail).into())
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Person {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parts.extensions.get::<Self>().cloned().ok_or_else(unguarded)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CallingAgent {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        parts.extensions.get::<Self>().cloned().ok_or_else(unguarded)
    }
}

/// A handler wants to know who calls, in an operation that the table leaves open.
fn unguarded() -> Failure {
    Problem::new(Code::Unauthenticated, "this operation needs to know who calls").into()
}
