//! Whether the documents show the rules as they are.

const BEGIN: &str = "<!-- made from the rules: begin -->\n";
const END: &str = "<!-- made from the rules: end -->";

#[test]
fn the_table_of_rules_is_what_the_rules_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/posture.md");
    let committed = std::fs::read_to_string(path).unwrap();
    let (before, rest) = committed.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let now = format!("{before}{BEGIN}\n{}\n{END}{after}", skink_posture::table());
    if std::env::var_os("SKINK_UPDATE_DOCS").is_some() {
        std::fs::write(path, &now).unwrap();
        return;
    }
    let differs = committed.lines().zip(now.lines()).find(|(old, new)| old != new);
    assert!(committed == now, "docs/posture.md is out of date, first at {differs:?}");
}
