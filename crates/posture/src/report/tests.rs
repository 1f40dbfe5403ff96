use crate::facts::Exportable;
use crate::fixture::{NOW, facts, key, unread};
use crate::{Baseline, Fact, Facts, KeyFacts, Limits, Report, Severity, UnknownSeverity, check};

const EVIL: &str = "vault:transit/<script>alert('1')</script>&\"\u{202e}";

/// One high finding, one thing unknown.
fn bad() -> Facts {
    let mut facts = facts();
    let exportable = Fact::Known(Exportable::ByCall("exportable = true".to_owned()));
    facts.keys.push(KeyFacts { exportable, origin: unread(), ..key(EVIL) });
    facts
}

fn report(facts: &Facts, baseline: &str) -> Report {
    check(facts, &Limits::default(), &Baseline::from_toml(baseline).unwrap(), NOW)
}

fn acceptance(rule: &str, until: &str) -> String {
    format!(
        "[[accept]]\nrule = \"{rule}\"\nsubject = '''{EVIL}'''\nowner = \"lea\"\n\
         reason = \"goes in May\"\nuntil = \"{until}\"\n"
    )
}

#[test]
fn severities_and_what_is_unknown_count_as_asked() {
    use UnknownSeverity::{Fails, Told};
    let good = report(&facts(), "");
    assert!(!good.fails(Some(Severity::Low), Fails), "{:?}", good.counts());
    let bad = report(&bad(), "");
    assert_eq!((bad.counts().high, bad.counts().unknown), (1, 1));
    for least in [Severity::High, Severity::Medium, Severity::Low] {
        assert!(bad.fails(Some(least), Told));
    }
    assert!(!bad.fails(None, Told));
    assert!(bad.fails(None, Fails));
}

#[test]
fn what_is_accepted_is_put_aside_until_its_end() {
    let open = report(&bad(), &acceptance("exportable", "2026-12-31"));
    assert_eq!((open.counts().high, open.counts().accepted, open.stale.len()), (0, 1, 0));
    let ended = report(&bad(), &acceptance("exportable", "2026-09-20"));
    assert_eq!((ended.counts().high, ended.counts().accepted), (1, 0));
    assert_eq!((ended.stale[0].why, ended.counts().low), ("it ended", 1));
    let useless = report(&bad(), &acceptance("weak-key", "2026-12-31"));
    assert_eq!((useless.counts().high, useless.stale[0].why), (1, "it fits no finding"));
    assert!(useless.fails(Some(Severity::Low), UnknownSeverity::Told));
    // What is unknown can be answered for, too.
    let unknown = report(&bad(), &acceptance("key-origin", "2026-12-31"));
    assert_eq!((unknown.counts().unknown, unknown.counts().accepted), (0, 1));
}

#[test]
fn without_a_server_its_rules_are_left_out_and_said() {
    let mut alone = facts();
    alone.server = None;
    let report = report(&alone, "");
    let left: Vec<&str> = report.left_out.iter().map(|rule| rule.id).collect();
    assert!(left.contains(&"drill") && !left.contains(&"weak-key"), "{left:?}");
    assert!(report.checks.iter().all(|check| !left.contains(&check.rule.id)));
    let json = report.to_json();
    assert_eq!(json["rules_left_out"].as_array().unwrap().len(), left.len());
    assert!(report.to_html("keys").contains("these rules were not run"));
}

#[test]
fn the_page_has_no_script_and_shows_names_as_they_are() {
    let page = report(&bad(), &acceptance("key-origin", "2026-12-31")).to_html("<b>us</b>");
    assert!(!page.contains("<script") && !page.contains("<b>us"), "{page}");
    assert!(page.contains(
        "vault:transit/&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;\u{fffd}"
    ));
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("src="));
    for word in ["HIGH", "exportable = true", "To do:", "CA/B BR (TLS) §6.2.6", "goes in May"] {
        assert!(page.contains(word), "{word}");
    }
}

#[test]
fn sarif_has_what_the_standard_requires() {
    let log = report(&bad(), &acceptance("exportable", "2026-09-20")).to_sarif("0.1.0");
    assert_eq!(log["version"], "2.1.0");
    let runs = log["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1);
    let driver = &runs[0]["tool"]["driver"];
    assert_eq!((&driver["name"], &driver["version"]), (&"skink posture".into(), &"0.1.0".into()));
    let rules = driver["rules"].as_array().unwrap();
    for rule in rules {
        assert!(rule["id"].is_string() && rule["shortDescription"]["text"].is_string(), "{rule}");
        let level = rule["defaultConfiguration"]["level"].as_str().unwrap();
        assert!(["error", "warning", "note"].contains(&level));
    }
    let results = runs[0]["results"].as_array().unwrap();
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let (kind, level) = (result["kind"].as_str().unwrap(), result["level"].as_str().unwrap());
        // A result that is no failure has no level (§3.27.10).
        assert_eq!(kind != "fail", level == "none", "{result}");
        assert!(["pass", "fail", "open"].contains(&kind));
        let place = &result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"];
        assert!(place.is_string(), "{result}");
    }
    let of = |rule: &str, kind: &str| {
        results.iter().filter(|one| one["ruleId"] == rule && one["kind"] == kind).count()
    };
    assert_eq!((of("exportable", "fail"), of("exportable", "pass")), (1, 1));
    assert_eq!((of("key-origin", "open"), of("stale-acceptance", "fail")), (1, 1));
    let invocation = &runs[0]["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], true);
}

#[test]
fn an_accepted_finding_is_suppressed_in_sarif_and_told_in_json() {
    let report = report(&bad(), &acceptance("exportable", "2026-12-31"));
    let log = report.to_sarif("0.1.0");
    let results = log["runs"][0]["results"].as_array().unwrap();
    let suppressed: Vec<_> = results.iter().filter(|one| one["suppressions"].is_array()).collect();
    assert_eq!(suppressed.len(), 1);
    assert_eq!(suppressed[0]["suppressions"][0]["kind"], "external");
    let json = report.to_json();
    assert_eq!(json["findings"].as_array().unwrap().len(), 0);
    assert_eq!(
        (&json["accepted"][0]["owner"], &json["counts"]["accepted"]),
        (&"lea".into(), &1.into())
    );
}
