//! Policies of AWS resources, as far as posture needs them: who may do what with a key.

use serde_json::Value;

use crate::provider::KeyGrant;

const ACCOUNT: &str = "whoever IAM of account";

/// Whether it is the account as a whole: its own policies then say who.
pub(crate) fn is_account(who: &str) -> bool {
    who.starts_with(ACCOUNT)
}

/// What lets somebody use a key's secret.
const USES: [&str; 3] = ["kms:Sign", "kms:Decrypt", "kms:GenerateMac"];
/// What lets somebody end, revive or give away a key.
const ADMINISTERS: [&str; 6] = [
    "kms:ScheduleKeyDeletion",
    "kms:PutKeyPolicy",
    "kms:EnableKey",
    "kms:CreateGrant",
    "kms:ImportKeyMaterial",
    "kms:UpdateAlias",
];

/// What the statements that allow something say; those that deny only narrow it, and are not looked
/// at. None if it is no policy.
pub(crate) fn grants(policy: &str) -> Option<Vec<KeyGrant>> {
    let policy: Value = serde_json::from_str(policy).ok()?;
    let statements = match policy.get("Statement")? {
        Value::Array(all) => all.iter().collect(),
        one @ Value::Object(_) => vec![one],
        _ => return None,
    };
    let mut grants = Vec::new();
    for statement in statements {
        match statement.get("Effect")?.as_str()? {
            "Allow" => grants.extend(allowed(statement)?),
            "Deny" => {}
            _ => return None,
        }
    }
    Some(grants)
}

fn allowed(statement: &Value) -> Option<Vec<KeyGrant>> {
    // All but some, of people or of actions, is all.
    let actions = match (statement.get("Action"), statement.get("NotAction")) {
        (Some(actions), _) => texts(actions)?,
        (None, Some(_)) => vec!["*".to_owned()],
        (None, None) => return None,
    };
    let people = match (statement.get("Principal"), statement.get("NotPrincipal")) {
        (Some(Value::Object(kinds)), _) => {
            let each: Option<Vec<Vec<String>>> = kinds.values().map(texts).collect();
            each?.concat()
        }
        (Some(one), _) => texts(one)?,
        (None, Some(_)) => vec!["*".to_owned()],
        (None, None) => return None,
    };
    let conditions = statement.get("Condition").is_some_and(|it| it != &serde_json::json!({}));
    Some(people.iter().map(|who| grant(who, &actions, conditions)).collect())
}

/// What `actions` let somebody do.
pub(crate) fn grant(who: &str, actions: &[String], conditions: bool) -> KeyGrant {
    let any =
        |wanted: &[&str]| wanted.iter().any(|one| actions.iter().any(|pattern| fits(pattern, one)));
    let under = if conditions { ", under conditions" } else { "" };
    let who = match who.strip_suffix(":root").and_then(|it| it.rsplit(':').next()) {
        Some(account) => format!("{ACCOUNT} {account} allows"),
        None => who.to_owned(),
    };
    KeyGrant {
        everybody: who == "*" && !conditions,
        who,
        what: format!("{}{under}", actions.join(", ")),
        everything: actions.iter().any(|one| one == "*" || one.eq_ignore_ascii_case("kms:*")),
        signs: any(&USES),
        administers: any(&ADMINISTERS),
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(all) => all.iter().map(|one| one.as_str().map(ToOwned::to_owned)).collect(),
        _ => None,
    }
}

/// `*` is any text, `?` any character; letters are alike in either case.
fn fits(pattern: &str, action: &str) -> bool {
    fn rest(pattern: &[u8], action: &[u8]) -> bool {
        match (pattern, action) {
            ([], []) => true,
            ([b'*', after @ ..], _) => (0..=action.len()).any(|at| rest(after, &action[at..])),
            ([b'?', after @ ..], [_, left @ ..]) => rest(after, left),
            ([wanted, after @ ..], [has, left @ ..]) if wanted.eq_ignore_ascii_case(has) => {
                rest(after, left)
            }
            _ => false,
        }
    }
    // Many stars would cost time, and nobody writes them: they count as a match.
    pattern.matches('*').count() > 4 || rest(pattern.as_bytes(), action.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(statement: &str) -> KeyGrant {
        let policy = format!("{{\"Version\": \"2012-10-17\", \"Statement\": {statement}}}");
        let mut grants = grants(&policy).unwrap();
        assert_eq!(grants.len(), 1, "{grants:?}");
        grants.remove(0)
    }

    #[test]
    fn everybody_and_everything_are_seen() {
        let all = one(r#"[{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*"}]"#);
        assert!(all.everybody && all.everything && all.signs && all.administers);
        let but =
            one(r#"{"Effect": "Allow", "NotPrincipal": {"AWS": "x"}, "NotAction": "kms:Sign"}"#);
        assert!(but.everybody && but.everything);
        let under = one(r#"{"Effect": "Allow", "Principal": "*", "Action": ["kms:sign"],
                "Condition": {"StringEquals": {"kms:CallerAccount": "1"}}}"#);
        assert!(!under.everybody && under.signs && !under.administers && !under.everything);
    }

    #[test]
    fn the_default_policy_hands_over_to_the_account() {
        let default =
            one(r#"[{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
                 "Action": "kms:*", "Resource": "*"},
                {"Effect": "Deny", "Principal": "*", "Action": "kms:PutKeyPolicy"}]"#);
        assert_eq!(default.who, "whoever IAM of account 111122223333 allows");
        assert!(default.everything && !default.everybody && is_account(&default.who));
    }

    #[test]
    fn narrow_rights_are_told_apart() {
        let of = |action: &str| {
            let who = "arn:aws:iam::1:role/server";
            one(&format!(
                "{{\"Effect\": \"Allow\", \"Principal\": {{\"AWS\": \"{who}\"}}, \"Action\": \"{action}\"}}"
            ))
        };
        let right = |action: &str| (of(action).signs, of(action).administers);
        assert_eq!(right("kms:Sign"), (true, false));
        assert_eq!(right("kms:Describe*"), (false, false));
        assert_eq!(right("kms:S*"), (true, true));
        assert_eq!(right("kms:EnableKe?"), (false, true));
        assert_eq!(right("s3:*"), (false, false));
    }

    #[test]
    fn what_is_no_policy_is_not_passed_over() {
        for odd in [
            "",
            "{}",
            r#"{"Statement": 1}"#,
            r#"{"Statement": {"Effect": "Maybe"}}"#,
            r#"{"Statement": {"Effect": "Allow", "Action": "kms:*"}}"#,
        ] {
            assert_eq!(grants(odd), None, "{odd}");
        }
    }
}
