//! Answers that need neither routing nor the database: OCSP's from memory, which anybody may have.

use std::time::Instant;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use metrics::{Counter, Histogram};
use skink_model::Time;
use skink_x509::ocsp::error_response;

use crate::app::App;
use crate::ocsp::{self, Answer, Kept};

const OCSP_TYPE: HeaderValue = HeaderValue::from_static("application/ocsp-response");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// The longest request in a path (RFC 5019 §5: 255 bytes in base64), doubled.
const PATH_MAX: usize = 512;

/// The way past the router.
#[derive(Clone)]
pub(crate) struct Quick {
    app: App,
    answered: Counter,
    unchanged: Counter,
    seconds: Histogram,
}

impl Quick {
    pub(crate) fn new(app: &App) -> Self {
        let count = |status: &'static str| metrics::counter!(crate::metrics::REQUESTS, "operation" => "OcspGet", "status" => status);
        Self {
            app: app.clone(),
            answered: count("200"),
            unchanged: count("304"),
            seconds: metrics::histogram!(crate::metrics::REQUEST_SECONDS, "operation" => "OcspGet"),
        }
    }

    /// The answer, if it is at hand.
    pub(crate) fn answer<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        if request.method() != Method::GET {
            return None;
        }
        let path = request.uri().path().strip_prefix("/ocsp/")?;
        let (authority, encoded) = path.split_once('/')?;
        let began = Instant::now();
        let kept = ocsp::at_once(&self.app, authority, &question(encoded)?)?;
        let response = of_kept(&kept, request.headers(), self.app.now());
        if response.status() == StatusCode::OK { &self.answered } else { &self.unchanged }
            .increment(1);
        self.seconds.record(began.elapsed().as_secs_f64());
        Some(response)
    }
}

/// A request in a path: base64, of which three characters may be percent-encoded.
fn question(encoded: &str) -> Option<Vec<u8>> {
    if encoded.len() > PATH_MAX {
        return None;
    }
    if !encoded.contains('%') {
        return STANDARD.decode(encoded).ok();
    }
    let mut plain = Vec::with_capacity(encoded.len());
    let mut left = encoded.as_bytes();
    while let Some((first, rest)) = left.split_first() {
        left = rest;
        if *first == b'%' {
            let (code, rest) = left.split_first_chunk::<2>()?;
            left = rest;
            let mut byte = [0];
            hex::decode_to_slice(code, &mut byte).ok()?;
            plain.extend(byte);
        } else {
            plain.push(*first);
        }
    }
    STANDARD.decode(plain).ok()
}

/// With what caches need to know (RFC 5019 §6.2, RFC 9111).
pub(crate) fn response(answer: Answer, asked: &HeaderMap, now: Time) -> Response<Body> {
    match answer {
        Answer::Kept(kept) => of_kept(&kept, asked, now),
        Answer::Once(der) => once(der),
        Answer::Error(status) => once(error_response(status)),
    }
}

fn once(der: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(der));
    response.headers_mut().insert(header::CONTENT_TYPE, OCSP_TYPE);
    response.headers_mut().insert(header::CACHE_CONTROL, NO_STORE);
    response
}

fn of_kept(kept: &Kept, asked: &HeaderMap, now: Time) -> Response<Body> {
    let told = (OCSP_TYPE, kept.max_age(now));
    kept.validity().response(asked, told, || Body::from(kept.der().clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_with_and_without_percent_signs() {
        let bytes = [0xfb, 0xff, 0xfe, 1];
        let encoded = STANDARD.encode(bytes);
        assert!(encoded.contains('/') && encoded.contains('+') && encoded.contains('='));
        assert_eq!(question(&encoded).unwrap(), bytes);
        let escaped = encoded.replace('/', "%2F").replace('+', "%2b").replace('=', "%3D");
        assert_eq!(question(&escaped).unwrap(), bytes);
        for bad in ["%", "%2", "%zz", "!", &"A".repeat(516)] {
            assert_eq!(question(bad), None, "{bad}");
        }
    }
}
