//! The report as a page for people: one file, no script, nothing fetched.

use std::fmt::Write as _;

use super::{Report, STALE_DO};
use crate::Severity;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
    padding:0 1rem;color:#1a1a1a}h1{margin-bottom:0}.at{color:#555;margin-top:0}\
    .counts{display:flex;gap:1rem;flex-wrap:wrap;padding:0;list-style:none}\
    .counts li{border:1px solid #ccc;border-radius:.4rem;padding:.4rem .9rem}\
    .counts b{font-size:1.5rem;display:block}section.one{border-left:.4rem solid #999;\
    padding:.1rem 1rem;margin:1rem 0;background:#f7f7f7}.HIGH{border-color:#b00020!important}\
    .MEDIUM{border-color:#c77700!important}.LOW{border-color:#2a6fb0!important}\
    .sev{font-weight:700}code{overflow-wrap:anywhere}table{border-collapse:collapse;width:100%}\
    th,td{text-align:left;vertical-align:top;border-bottom:1px solid #ddd;padding:.3rem .6rem}\
    .clauses{color:#555;font-size:.9rem}";

impl Report {
    /// The page; `of` names what was looked at.
    pub fn to_html(&self, of: &str) -> String {
        let mut page = String::new();
        // Writing into a string does not fail.
        let _ = write!(
            page,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
             style-src 'unsafe-inline'\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n\
             <title>Posture of {0}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <h1>Posture of {0}</h1>\n<p class=\"at\">{1}</p>\n<p>{2}</p>\n",
            escaped(of),
            self.at,
            self.verdict()
        );
        self.html_counts(&mut page);
        self.html_findings(&mut page);
        self.html_unknown(&mut page);
        self.html_accepted(&mut page);
        self.html_left_out(&mut page);
        page.push_str("</body>\n</html>\n");
        page
    }

    /// In a sentence.
    fn verdict(&self) -> &'static str {
        let counts = self.counts();
        match (counts.high, counts.medium + counts.low, counts.unknown) {
            (1.., ..) => "Something has to be done now.",
            (0, 1.., _) => "Nothing burns; there is something to plan.",
            (0, 0, 1..) => "Nothing was found, but not everything could be looked at.",
            (0, 0, 0) => "Nothing was found, and everything could be looked at.",
        }
    }

    fn html_counts(&self, page: &mut String) {
        let counts = self.counts();
        let of = [
            (counts.high, "high"),
            (counts.medium, "medium"),
            (counts.low, "low"),
            (counts.unknown, "not known"),
            (counts.accepted, "accepted"),
            (counts.passed, "as it should be"),
        ];
        page.push_str("<ul class=\"counts\">\n");
        for (count, what) in of {
            let _ = writeln!(page, "<li><b>{count}</b>{what}</li>");
        }
        page.push_str("</ul>\n");
    }

    fn html_findings(&self, page: &mut String) {
        page.push_str("<h2>Findings</h2>\n");
        if self.findings().next().is_none() && self.stale.is_empty() {
            page.push_str("<p>None.</p>\n");
        }
        for (check, severity, evidence) in self.findings() {
            let clauses: Vec<String> =
                check.rule.clauses.iter().map(|clause| escaped(&clause.to_string())).collect();
            let _ = writeln!(
                page,
                "<section class=\"one {severity}\">\n<p><span class=\"sev\">{severity}</span> \
                 <code>{}</code></p>\n<p>Ought to hold: {}.</p>\n<p>Seen: {}.</p>\n\
                 <p>To do: {}.</p>\n<p class=\"clauses\">{} ({})</p>\n</section>",
                escaped(&check.subject),
                escaped(check.rule.title),
                escaped(evidence),
                escaped(check.rule.recommendation),
                clauses.join(" · "),
                check.rule.id,
            );
        }
        for stale in &self.stale {
            let one = &stale.acceptance;
            let _ = writeln!(
                page,
                "<section class=\"one {severity}\">\n<p><span class=\"sev\">{severity}</span> \
                 acceptance of {} for <code>{}</code> by {}, until {}</p>\n<p>Seen: {}.</p>\n\
                 <p>To do: {STALE_DO}.</p>\n</section>",
                escaped(&one.rule),
                escaped(&one.subject),
                escaped(&one.owner),
                escaped(&one.until),
                stale.why,
                severity = Severity::Low,
            );
        }
    }

    fn html_unknown(&self, page: &mut String) {
        let reasons = self.unknown_reasons();
        if reasons.is_empty() {
            return;
        }
        page.push_str(
            "<h2>Not known</h2>\n<p>What could not be read is no pass.</p>\n\
             <table>\n<tr><th>why</th><th>rules</th><th>times</th></tr>\n",
        );
        for (why, (rules, count)) in reasons {
            let (why, rules) = (escaped(why), rules.join(", "));
            let _ = writeln!(page, "<tr><td>{why}</td><td>{rules}</td><td>{count}</td></tr>");
        }
        page.push_str("</table>\n");
    }

    fn html_accepted(&self, page: &mut String) {
        if self.accepted().next().is_none() {
            return;
        }
        page.push_str(
            "<h2>Accepted</h2>\n<table>\n<tr><th>what</th><th>seen</th><th>who answers</th>\
             <th>until</th><th>why</th></tr>\n",
        );
        for (check, accepted) in self.accepted() {
            let _ = writeln!(
                page,
                "<tr><td>{} of <code>{}</code></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                check.rule.id,
                escaped(&check.subject),
                escaped(check.evidence()),
                escaped(&accepted.owner),
                escaped(&accepted.until),
                escaped(&accepted.reason),
            );
        }
        page.push_str("</table>\n");
    }

    fn html_left_out(&self, page: &mut String) {
        if self.left_out.is_empty() {
            return;
        }
        let names: Vec<&str> = self.left_out.iter().map(|rule| rule.id).collect();
        let _ = writeln!(
            page,
            "<h2>Not asked</h2>\n<p>No server was asked; these rules were not run: {}.</p>",
            names.join(", ")
        );
    }
}

/// Safe between tags and in quoted attributes.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Direction overrides and the like would show another text than there is.
            c if c.is_control()
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                safe.push('\u{fffd}');
            }
            c => safe.push(c),
        }
    }
    safe
}
