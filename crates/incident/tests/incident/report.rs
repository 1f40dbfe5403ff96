//! What people read: notices, dry run, report.

use skink_incident::{
    Audience, Catalogue, Contact, ContactBook, Regulations, Report, checkpoints, describe,
    render_notice,
};
use skink_model::{Plan, Policy};

use crate::story::Story;

fn finished(plan: Plan) -> Story {
    let mut story = Story::new(plan, Policy::Cutover);
    story.run(200);
    assert!(story.closed());
    story
}

#[test]
fn every_message_has_a_text_and_no_placeholder_is_left() {
    let english = Catalogue::english();
    for plan in [Plan::Authority, Plan::Rotation] {
        let story = finished(plan);
        for step in describe(&story.state, &english) {
            assert!(!step.title.starts_with("step."), "{}", step.title);
            for effect in step.effects {
                assert!(!effect.text.starts_with("effect."), "{}", effect.text);
                assert!(!effect.text.contains('{'), "{}", effect.text);
            }
        }
        let report = Report::build(&story.state, &story.events, &Regulations::built_in(), &english);
        for entry in &report.timeline {
            assert!(!entry.text.contains('{') && !entry.text.starts_with("event."));
        }
        let markdown = report.to_markdown(&english);
        assert!(!markdown.contains("report."), "a heading without a text: {markdown}");
    }
}

#[test]
fn the_dry_run_says_everything_before_anything_happens() {
    let story = Story::new(Plan::Authority, Policy::Cutover);
    let steps = describe(&story.state, &Catalogue::english());
    assert_eq!(steps.len(), 9);
    let all: Vec<_> = steps.iter().flat_map(|step| &step.effects).collect();
    assert!(all.iter().all(|effect| !effect.over));
    let taint = all.iter().find(|effect| effect.subject == "taint").unwrap();
    assert!(taint.irreversible && taint.needs.is_some());
    assert!(story.world.happened.is_empty());
}

#[test]
fn checkpoints_have_their_names_their_plans_and_what_shows_them() {
    let story = finished(Plan::Authority);
    let points = checkpoints(&story.state);
    let names: Vec<_> = points.iter().map(|p| (p.name, p.planned_s)).collect();
    assert_eq!(
        names,
        [
            ("triage", 900.0),
            ("authority_offline", 1200.0),
            ("management_informed", 1500.0),
            ("crl_generated", 1800.0),
            ("crl_distributed", 2100.0),
            ("internal_notice", 2400.0),
            ("external_notice", 2700.0),
            ("recovery_running", 3600.0),
            ("recovered", 3600.0),
        ]
    );
    for point in points {
        assert!(point.actual_s.is_some() && point.evidence.is_some(), "{}", point.name);
    }
}

#[test]
fn a_notice_leaves_a_person_out_and_carries_its_reference() {
    let story = finished(Plan::Authority);
    let entry = |name: &str| Contact {
        name: name.into(),
        audiences: Audience::ALL.into(),
        address: format!("{name}@example.com"),
        language: "en".into(),
    };
    let book = ContactBook { contact: vec![entry("grace"), entry("mallory")] };
    for audience in Audience::ALL {
        let notice = render_notice(
            &story.state,
            audience,
            &book,
            &Regulations::built_in(),
            &Catalogue::english(),
        );
        assert_eq!(notice.recipients, ["grace"]);
        assert_eq!(notice.left_out, ["mallory"]);
        assert!(!notice.text.contains("mallory") && !notice.text.contains('{'), "{}", notice.text);
        assert!(notice.text.contains(&format!("inc-1/notices/render-notice:{audience}")));
        assert!(notice.subject.starts_with("DRILL"));
    }
}

#[test]
fn regulations_count_from_awareness() {
    let story = Story::new(Plan::Authority, Policy::Cutover);
    let due = Regulations::built_in().due(&story.state);
    let gdpr = due.iter().find(|due| due.source == "Art. 33(1)").unwrap();
    let aware = story.state.aware_at();
    let expected = aware.plus(std::time::Duration::from_hours(72)).to_string();
    assert_eq!(gdpr.by.as_deref(), Some(expected.as_str()));
    let without_a_figure = due.iter().find(|due| due.source == "Art. 34(1)").unwrap();
    assert!(without_a_figure.by.is_none());
    let last = due.iter().find(|due| due.source == "Art. 23(4)(d)").unwrap();
    let expected = aware.plus(std::time::Duration::from_hours(72 + 672)).to_string();
    assert_eq!(last.by.as_deref(), Some(expected.as_str()));
}

#[test]
fn the_report_is_whole_in_json_and_markdown() {
    let english = Catalogue::english();
    let story = finished(Plan::Authority);
    let report = Report::build(&story.state, &story.events, &Regulations::built_in(), &english);
    let json = report.to_json();
    for part in [
        "checkpoints",
        "scope",
        "exposure",
        "gates",
        "approvals",
        "notices",
        "deadlines",
        "follow_ups",
        "waivers",
        "evidence",
        "not_rehearsed",
        "timeline",
    ] {
        assert!(!json[part].is_null(), "{part}");
    }
    assert_eq!(json["timeline"].as_array().unwrap().len(), story.events.len());
    assert_eq!(json["approvals"].as_array().unwrap().len(), 6);
    let markdown = report.to_markdown(&english);
    for text in ["# Drill report: inc-1", "| triage | +900 s |", "w-g2", "gate distrust"] {
        assert!(markdown.to_lowercase().contains(&text.to_lowercase()), "{text}\n{markdown}");
    }
}
