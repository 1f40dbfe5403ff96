//! Public test vectors: where they lie, and a file of departures from their verdicts.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// The folder of vectors with that name: where `SKINK_VECTORS` or `SKINK_TEST_DATA` says, or beside
/// the repository. Where it is
/// missing the test is skipped, and says so; it fails under `CI=true` beside a `../shared` without
/// it.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    let named = ["SKINK_VECTORS", "SKINK_TEST_DATA"].iter().find_map(std::env::var_os);
    let data = named.map(PathBuf::from);
    let given = data.is_some();
    let folder = data.unwrap_or_else(|| beside.join("data")).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    let ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!given, "the folder of vectors has no {name}");
    assert!(!(ci && beside.is_dir()), "../shared has no folder data/{name}, and CI wants it");
    println!("skipped: no test vectors in {}", folder.display());
    None
}

/// Compares verdicts with the publishers'. `exceptions` has a line for each departure, `CASE REASON`;
/// a case that agrees in spite of its line fails as well.
pub(crate) fn compare(
    exceptions: &str,
    verdicts: impl Iterator<Item = (String, bool, String)>,
) -> usize {
    let lines = exceptions.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut excepted: BTreeMap<&str, &str> = lines
        .map(|line| line.split_once(' ').unwrap_or_else(|| panic!("no reason given: {line}")))
        .collect();
    let (mut agreed, mut wrong) = (0, Vec::new());
    for (case, agrees, told) in verdicts {
        agreed += usize::from(agrees);
        match (agrees, excepted.remove(case.as_str())) {
            (true, None) | (false, Some(_)) => {}
            (true, Some(reason)) => wrong.push(format!("{case}: agrees, in spite of: {reason}")),
            (false, None) => wrong.push(format!("{case}: {told}")),
        }
    }
    wrong.extend(excepted.keys().map(|case| format!("{case}: there is no such case")));
    assert!(wrong.is_empty(), "{} verdicts:\n{}", wrong.len(), wrong.join("\n"));
    agreed
}
