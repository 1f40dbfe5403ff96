//! Bodies, queries and paths that answer with problems when they do not parse.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use skink_api::{Code, Problem};

use crate::failure::Failure;

/// The most that a request may carry. Ceremony responses with long lists are the largest.
const BODY_MAX: usize = 16 * 1024 * 1024;

/// The most that an OCSP request may have: room for every serial that is answered at once.
const QUESTION_MAX: usize = 8 * 1024;

/// A JSON body; an empty one counts as `{}`.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let Raw(bytes) = Raw::from_request(request, state).await?;
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(text)
            .map(Self)
            .map_err(|error| Failure::malformed(format!("the body is not understood: {error}")))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => with_type(StatusCode::OK, "application/json", body),
            Err(error) => Failure::Encode(error).into_response(),
        }
    }
}

/// The body's bytes.
pub(crate) struct Raw(pub(crate) Vec<u8>);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        body(request, BODY_MAX).await.map(Self)
    }
}

/// A list for a million serials, of forty bytes a line.
const LIST_MAX: usize = 48 * 1024 * 1024;

/// A list, one thing in a line.
pub(crate) struct Lines(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Lines {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        bytes(request, LIST_MAX).await.map(Self)
    }
}

/// The bytes of an OCSP request, which anybody may send.
pub(crate) struct Question(pub(crate) Vec<u8>);

impl<S: Send + Sync> FromRequest<S> for Question {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        body(request, QUESTION_MAX).await.map(Self)
    }
}

async fn body(request: Request, most: usize) -> Result<Vec<u8>, Failure> {
    bytes(request, most).await.map(Into::into)
}

async fn bytes(request: Request, most: usize) -> Result<Bytes, Failure> {
    to_bytes(request.into_body(), most).await.map_err(|_| {
        let detail = format!("the body broke off or is longer than {most} bytes");
        Problem::new(Code::TooLarge, detail).into()
    })
}

/// The query.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        axum::extract::Query::<T>::from_request_parts(parts, state)
            .await
            .map(|query| Self(query.0))
            .map_err(|error| Failure::malformed(error.body_text()))
    }
}

/// The parameters in the path.
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        axum::extract::Path::<T>::from_request_parts(parts, state)
            .await
            .map(|path| Self(path.0))
            .map_err(|error| Failure::malformed(error.body_text()))
    }
}

/// An answer of some media type.
pub(crate) fn with_type(
    status: StatusCode,
    media: &'static str,
    body: impl Into<Body>,
) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response
}
