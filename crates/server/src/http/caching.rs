//! What caches are told of something signed that anybody may have (RFC 9111; of OCSP, RFC 5019 §6.2).

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use skink_model::Time;

/// Since when it is said and until when it holds, and a tag to ask again with.
#[derive(Clone, Debug)]
pub(crate) struct Validity {
    etag: HeaderValue,
    said: HeaderValue,
    ends: HeaderValue,
}

impl Validity {
    /// Of something that is known by its digest.
    pub(crate) fn new(digest: &[u8], said: Time, ends: Time) -> Self {
        Self {
            etag: value(&format!("\"{}\"", hex::encode(digest))),
            said: value(&http_date(said)),
            ends: value(&http_date(ends)),
        }
    }

    /// Itself, or that whoever asks has it already. Others may keep it for `age` seconds.
    pub(crate) fn response(
        &self,
        asked: &HeaderMap,
        (kind, age): (HeaderValue, u64),
        body: impl FnOnce() -> Body,
    ) -> Response<Body> {
        let known = asked.get(header::IF_NONE_MATCH).is_some_and(|tags| has(tags, &self.etag));
        let mut response = Response::new(if known { Body::empty() } else { body() });
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let control = format!("max-age={age},public,no-transform,must-revalidate");
        let headers = response.headers_mut();
        headers.reserve(6);
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::LAST_MODIFIED, self.said.clone());
        headers.insert(header::EXPIRES, self.ends.clone());
        headers.insert(header::CACHE_CONTROL, value(&control));
        response
    }
}

/// Whether a tag is in a list of them, weak ones too (RFC 9110 §13.1.2).
fn has(tags: &HeaderValue, own: &HeaderValue) -> bool {
    let (Ok(tags), Ok(own)) = (tags.to_str(), own.to_str()) else { return false };
    let mut tags = tags.split(',').map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == own)
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// As HTTP writes a time (RFC 9110 §5.6.7).
fn http_date(time: Time) -> String {
    let since = Duration::from_secs(u64::try_from(time.as_secs()).unwrap_or_default());
    httpdate::fmt_http_date(std::time::SystemTime::UNIX_EPOCH + since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_in_lists() {
        let own = HeaderValue::from_static("\"abc\"");
        for (tags, found) in [
            ("\"abc\"", true),
            ("\"x\", W/\"abc\"", true),
            ("*", true),
            ("abc", false),
            ("\"abcd\"", false),
        ] {
            assert_eq!(has(&HeaderValue::from_static(tags), &own), found, "{tags}");
        }
    }

    #[test]
    fn who_has_it_is_told_so_and_everybody_when_it_ends() {
        let validity =
            Validity::new(&[0xab], Time::from_secs(1_000_000), Time::from_secs(1_003_600));
        let kind = HeaderValue::from_static("a/b");
        let answer = |asked: &HeaderMap| validity.response(asked, (kind.clone(), 60), Body::empty);
        let fresh = answer(&HeaderMap::new());
        let header = |name| fresh.headers()[name].to_str().unwrap();
        assert_eq!(fresh.status(), StatusCode::OK);
        assert_eq!(header("etag"), "\"ab\"");
        assert_eq!(header("last-modified"), "Mon, 12 Jan 1970 13:46:40 GMT");
        assert_eq!(header("expires"), "Mon, 12 Jan 1970 14:46:40 GMT");
        assert_eq!(header("cache-control"), "max-age=60,public,no-transform,must-revalidate");
        let asked = HeaderMap::from_iter([(header::IF_NONE_MATCH, validity.etag.clone())]);
        assert_eq!(answer(&asked).status(), StatusCode::NOT_MODIFIED);
    }
}
