//! Policies of Vault and OpenBao, as far as posture needs them: paths and capabilities.

use serde_json::Value;

/// A policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Policy(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    path: String,
    capabilities: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Text(String),
    Name(String),
    Mark(char),
}

impl Policy {
    /// Reads a policy in either form; none if there is anything in it that is not understood.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.trim_start().starts_with('{') {
            return Self::from_json(&serde_json::from_str(text).ok()?);
        }
        let words = words(text)?;
        let mut words = words.as_slice();
        let mut rules = Vec::new();
        while let [first, rest @ ..] = words {
            if *first != Word::Name("path".to_owned()) {
                return None;
            }
            let [Word::Text(path), Word::Mark('{'), inside @ ..] = rest else { return None };
            let (capabilities, after) = block(inside)?;
            rules.push(Rule { path: path.clone(), capabilities });
            words = after;
        }
        Some(Self(rules))
    }

    fn from_json(json: &Value) -> Option<Self> {
        let paths = json.as_object()?.get("path")?.as_object()?;
        let rule = |(path, inside): (&String, &Value)| {
            let capabilities = match (inside.get("capabilities"), inside.get("policy")) {
                (Some(list), _) => {
                    let words = list.as_array()?.iter().map(|one| one.as_str().map(str::to_owned));
                    words.collect::<Option<Vec<_>>>()?
                }
                (None, Some(old)) => of_old(old.as_str()?)?,
                (None, None) => Vec::new(),
            };
            Some(Rule { path: path.clone(), capabilities })
        };
        paths.iter().map(rule).collect::<Option<Vec<_>>>().map(Self)
    }

    /// The path of the rule that allows one of these on `path`, if the most specific rule that fits
    /// does.
    pub(super) fn allows(&self, path: &str, wanted: &[&str]) -> Option<&str> {
        let fits = self.0.iter().filter(|rule| fits(&rule.path, path));
        let rule = fits.max_by_key(|rule| specific(&rule.path))?;
        let has = |word: &str| rule.capabilities.iter().any(|one| one == word);
        let allowed = !has("deny") && (has("root") || wanted.iter().any(|word| has(word)));
        allowed.then_some(rule.path.as_str())
    }
}

/// By the services' order: a later wildcard wins, then none at the end, then fewer, then length.
fn specific(pattern: &str) -> (usize, bool, std::cmp::Reverse<usize>, usize) {
    let first = pattern.find(['*', '+']).unwrap_or(usize::MAX);
    let segments = pattern.split('/').filter(|segment| *segment == "+").count();
    (first, !pattern.ends_with('*'), std::cmp::Reverse(segments), pattern.len())
}

/// `+` is one segment, `*` at the end is any rest.
fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, open) = pattern.strip_suffix('*').map_or((pattern, false), |rest| (rest, true));
    let pattern = pattern.trim_start_matches('/');
    let (mut wanted, mut given) = (pattern.split('/').peekable(), path.split('/'));
    while let Some(segment) = wanted.next() {
        let last = wanted.peek().is_none();
        let Some(has) = given.next() else { return false };
        if last && open {
            return segment == "+" || has.starts_with(segment);
        }
        if segment != "+" && segment != has {
            return false;
        }
    }
    given.next().is_none()
}

/// The older word for a set of capabilities.
fn of_old(word: &str) -> Option<Vec<String>> {
    let set: &[&str] = match word {
        "deny" => &["deny"],
        "read" => &["read", "list"],
        "write" => &["create", "read", "update", "delete", "list"],
        "sudo" => &["create", "read", "update", "delete", "list", "sudo"],
        _ => return None,
    };
    Some(set.iter().map(ToString::to_string).collect())
}

/// What stands in a block up to its end, and what comes after. Parameters and the like narrow what
/// is allowed, and are not looked at.
fn block(mut words: &[Word]) -> Option<(Vec<String>, &[Word])> {
    let mut capabilities = Vec::new();
    loop {
        words = match words {
            [Word::Mark('}'), after @ ..] => return Some((capabilities, after)),
            [Word::Name(name), Word::Mark('='), Word::Mark('['), rest @ ..] => {
                let (list, after) = list(rest)?;
                if name == "capabilities" {
                    capabilities = list;
                }
                after
            }
            [Word::Name(name), Word::Mark('='), Word::Text(value), after @ ..] => {
                if name == "policy" {
                    capabilities = of_old(value)?;
                }
                after
            }
            [Word::Name(_), Word::Mark('='), Word::Mark('{'), rest @ ..]
            | [Word::Name(_) | Word::Text(_), Word::Mark('{'), rest @ ..] => block(rest)?.1,
            [Word::Text(_), Word::Mark('='), Word::Mark('['), rest @ ..] => list(rest)?.1,
            [
                Word::Name(_) | Word::Text(_),
                Word::Mark('='),
                Word::Name(_) | Word::Text(_),
                after @ ..,
            ]
            | [Word::Mark(','), after @ ..] => after,
            _ => return None,
        };
    }
}

fn list(mut words: &[Word]) -> Option<(Vec<String>, &[Word])> {
    let mut list = Vec::new();
    loop {
        words = match words {
            [Word::Mark(']'), after @ ..] => return Some((list, after)),
            [Word::Mark(','), after @ ..] => after,
            [Word::Text(one) | Word::Name(one), after @ ..] => {
                list.push(one.clone());
                after
            }
            _ => return None,
        };
    }
}

fn words(text: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '#' || rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/")?.1;
        } else if let Some(quoted) = rest.strip_prefix('"') {
            let (inside, after) = quoted.split_once('"')?;
            // Escapes are not used in paths; where one is, it is not understood.
            if inside.contains(['\\', '\n']) {
                return None;
            }
            words.push(Word::Text(inside.to_owned()));
            rest = after;
        } else if "{}[]=,".contains(first) {
            words.push(Word::Mark(first));
            rest = &rest[1..];
        } else {
            let plain = |c: char| c.is_alphanumeric() || "_-.".contains(c);
            let end = rest.find(|c: char| !plain(c)).unwrap_or(rest.len());
            if end == 0 {
                return None;
            }
            words.push(Word::Name(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        # signs with every key but one
        path "transit/sign/*" {
            capabilities = ["create", "update",]
            allowed_parameters = { "hash_algorithm" = ["sha2-256"]  "*" = [] }
        } // and
        path "transit/sign/root" { capabilities = ["deny"] }
        path "secret/+/team" { policy = "write" }
        /* nothing */
    "#;

    #[test]
    fn the_most_specific_rule_decides() {
        let policy = Policy::read(TEXT).unwrap();
        assert_eq!(policy.allows("transit/sign/ca", &["update"]), Some("transit/sign/*"));
        assert_eq!(policy.allows("transit/sign/root", &["update"]), None);
        assert_eq!(policy.allows("transit/keys/ca", &["update"]), None);
        assert_eq!(policy.allows("secret/a/team", &["delete"]), Some("secret/+/team"));
        assert_eq!(policy.allows("secret/a/b/team", &["delete"]), None);
        assert_eq!(policy.allows("transit/sign/ca", &["sudo"]), None);
    }

    #[test]
    fn both_forms_say_the_same() {
        let json = r#"{"path": {"transit/sign/ca": {"capabilities": ["update"]}}}"#;
        let hcl = "path \"transit/sign/ca\" { capabilities = [\"update\"] }";
        assert_eq!(Policy::read(json), Policy::read(hcl));
        assert_eq!(Policy::read(""), Some(Policy::default()));
    }

    #[test]
    fn what_is_not_understood_is_said_to_be() {
        for odd in [
            "path \"a\\\"b\" { capabilities = [\"update\"] }",
            "path \"a\" { capabilities = [\"update\"]",
            "path a { }",
            "name = \"x\"",
            "path \"a\" { policy = \"owner\" }",
            "{\"path\": []}",
        ] {
            assert_eq!(Policy::read(odd), None, "{odd}");
        }
    }
}
