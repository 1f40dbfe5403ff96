//! Plain HTTP: lists, responders, certificates, packages.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::app::App;
use crate::failure::{Failure, Result};
use crate::http::extract::{Path, Question, with_type};
use crate::http::quick;
use crate::ocsp;

pub(crate) async fn health() -> Response {
    with_type(StatusCode::OK, "text/plain", "ok\n")
}

/// For whoever balances load; lists are served from memory all the same. No look into the database:
/// anybody may ask.
pub(crate) async fn ready(State(app): State<App>) -> Response {
    if app.is_ready() {
        with_type(StatusCode::OK, "text/plain", "ready\n")
    } else {
        with_type(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "the database does not answer\n")
    }
}

pub(crate) async fn crl(
    State(app): State<App>,
    Path((authority, file)): Path<(String, String)>,
    asked: HeaderMap,
) -> Result<Response> {
    let path = format!("/crl/{authority}/{file}");
    let list = app.published().crl(&path).ok_or_else(|| Failure::not_found("list", &path))?;
    let told = (HeaderValue::from_static("application/pkix-crl"), list.max_age(app.now()));
    let mut response = list.validity.response(&asked, told, || list.body.to_http());
    if response.status() == StatusCode::OK {
        let size = HeaderValue::from(list.body.size());
        response.headers_mut().insert(header::CONTENT_LENGTH, size);
    }
    Ok(response)
}

pub(crate) async fn aia(State(app): State<App>, Path(file): Path<String>) -> Result<Response> {
    let authority = file.strip_suffix(".cer").unwrap_or(&file);
    let found = app.published().certificate(authority);
    let der = found.ok_or_else(|| Failure::not_found("authority", authority))?;
    Ok(with_type(StatusCode::OK, "application/pkix-cert", der))
}

pub(crate) async fn ocsp_post(
    State(app): State<App>,
    Path(authority): Path<String>,
    Question(request): Question,
) -> Result<Response> {
    answer(&app, &authority, &request, &HeaderMap::new()).await
}

/// RFC 6960, appendix A.1: base64 in the path.
pub(crate) async fn ocsp_get(
    State(app): State<App>,
    Path((authority, request)): Path<(String, String)>,
    asked: HeaderMap,
) -> Result<Response> {
    let request = STANDARD.decode(request.as_bytes()).unwrap_or_default();
    answer(&app, &authority, &request, &asked).await
}

async fn answer(app: &App, authority: &str, request: &[u8], asked: &HeaderMap) -> Result<Response> {
    let authority = crate::authorities::id(authority)?;
    let answer = ocsp::answer(app, &authority, request).await?;
    Ok(quick::response(answer, asked, app.now()))
}

pub(crate) async fn envelope(State(app): State<App>) -> Result<Response> {
    let (_, envelope) =
        app.published().package().ok_or_else(|| Failure::not_found("trust package", "yet"))?;
    let mut response = with_type(StatusCode::OK, "application/json", envelope);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

pub(crate) async fn part(State(app): State<App>, Path(digest): Path<String>) -> Result<Response> {
    let part = app.published().part(&digest).ok_or_else(|| Failure::not_found("part", &digest))?;
    Ok(with_type(StatusCode::OK, "application/octet-stream", part))
}
