//! Every call that is known: method, shape of the path, permission, and what does it.

use std::collections::BTreeMap;

use hyper::Method;

use super::refusal::{Refusal, Refused};
use super::world::{Answered, Asked, World};

type Call = fn(&mut World, &Asked<'_>) -> Answered;

/// `N` stands for a name, `V` for a version or for nothing.
const CALLS: [(Method, &str, &str, Call); 18] = [
    (Method::GET, "keys", "list", World::list),
    (Method::GET, "keys/N", "get", World::get),
    (Method::PATCH, "keys/N", "update", World::update),
    (Method::DELETE, "keys/N", "delete", World::delete),
    (Method::POST, "keys/N/create", "create", World::create),
    (Method::POST, "keys/N/rotate", "rotate", World::rotate),
    (Method::GET, "keys/N/versions", "list", World::list_versions),
    (Method::GET, "keys/N/rotationpolicy", "getrotationpolicy", World::rotation_policy),
    (Method::GET, "keys/N/V", "get", World::get),
    (Method::PATCH, "keys/N/V", "update", World::update),
    (Method::POST, "keys/N/V/sign", "sign", World::sign),
    (Method::POST, "keys/N/sign", "sign", World::sign),
    (Method::POST, "keys/N/V/verify", "verify", World::verify),
    (Method::POST, "keys/N/verify", "verify", World::verify),
    (Method::GET, "deletedkeys", "list", World::list_deleted),
    (Method::GET, "deletedkeys/N", "get", World::get_deleted),
    (Method::DELETE, "deletedkeys/N", "purge", World::purge),
    (Method::POST, "deletedkeys/N/recover", "recover", World::recover),
];

/// The versions of the service's interface that it speaks.
const VERSIONS: [&str; 8] = ["7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "2025-07-01"];

/// What a path and a method mean.
pub(super) struct Routed {
    pub(super) permission: &'static str,
    pub(super) call: Call,
    pub(super) name: String,
    pub(super) version: String,
}

pub(super) fn route(method: &Method, path: &str) -> Option<Routed> {
    let path = path.strip_prefix('/')?;
    let parts: Vec<&str> = path.strip_suffix('/').unwrap_or(path).split('/').collect();
    let fits = |shape: &str| {
        let shape: Vec<&str> = shape.split('/').collect();
        let mut pairs = shape.iter().zip(&parts);
        shape.len() == parts.len()
            && pairs.all(|(letter, part)| match *letter {
                "N" => !part.is_empty(),
                "V" => true,
                word => word == *part,
            })
    };
    // Of two that fit, the one that says more stands first.
    let (_, shape, permission, call) =
        CALLS.into_iter().find(|(verb, shape, ..)| verb == method && fits(shape))?;
    let part = |letter: &str| {
        let place = shape.split('/').position(|one| one == letter);
        place.map(|place| parts[place].to_owned()).unwrap_or_default()
    };
    Some(Routed { permission, call, name: part("N"), version: part("V") })
}

pub(super) fn known_version(query: &BTreeMap<String, String>) -> Result<(), Refused> {
    let Some(version) = query.get("api-version") else {
        return Err(Refusal::BadParameter.because("api-version must be specified"));
    };
    if VERSIONS.contains(&version.as_str()) {
        return Ok(());
    }
    let words = format!(
        "The specified version ({version}) is not recognized. Consider using the latest supported \
         version (2025-07-01)."
    );
    Err(Refusal::BadParameter.because(&words))
}

/// The pairs of a query or a form.
pub(super) fn query(text: &str) -> BTreeMap<String, String> {
    let decoded = |text: &str| {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((first, after)) = rest.split_first() {
            (bytes, rest) = match (first, after.split_at_checked(2)) {
                (b'%', Some((digits, after))) => {
                    let digits = std::str::from_utf8(digits).unwrap();
                    bytes.push(u8::from_str_radix(digits, 16).unwrap());
                    (bytes, after)
                }
                (byte, _) => {
                    bytes.push(if *byte == b'+' { b' ' } else { *byte });
                    (bytes, after)
                }
            };
        }
        String::from_utf8(bytes).unwrap()
    };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}
