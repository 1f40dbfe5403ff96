//! How long files and functions may be.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

const FILE_LINES: usize = 1000;
const FUNCTION_LINES: usize = 120;

/// A source file, its path relative to the workspace with `/` between the parts.
pub(crate) struct RustFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl RustFile {
    /// Whether the whole file is test code.
    pub(crate) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }
}

/// Every Rust source of the workspace.
pub(crate) fn rust_files(root: &Path) -> Result<Vec<RustFile>> {
    let mut files = Vec::new();
    for folder in ["crates", "xtask", "fuzz"] {
        collect(root, &root.join(folder), &mut files)?;
    }
    Ok(files)
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<RustFile>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(root, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let relative = path.strip_prefix(root).unwrap_or(&path);
            let path = relative.to_string_lossy().replace('\\', "/");
            files.push(RustFile { path, text });
        }
    }
    Ok(())
}

/// What is too long in this file.
pub(crate) fn breaches(file: &RustFile) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut found = Vec::new();
    if lines.len() > FILE_LINES {
        found.push(format!("{}: {} lines, more than {FILE_LINES}", file.path, lines.len()));
    }
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let length = function_length(&lines[start..]);
        if length > FUNCTION_LINES {
            let at = start + 1;
            let what = format!("function {name} has {length} lines, more than {FUNCTION_LINES}");
            found.push(format!("{}:{at}: {what}", file.path));
        }
    }
    found
}

/// The name, if a function begins on this line.
fn function_name(line: &str) -> Option<&str> {
    let mut words = line.trim_start();
    for prefix in ["pub(crate) ", "pub(super) ", "pub ", "default ", "const ", "async ", "unsafe "]
    {
        words = words.strip_prefix(prefix).unwrap_or(words);
    }
    let rest = words.strip_prefix("fn ")?;
    rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
}

/// Lines from the signature to the closing brace, which rustfmt puts under the `fn`.
fn function_length(lines: &[&str]) -> usize {
    let Some(first) = lines.first() else { return 0 };
    let indent = &first[..first.len() - first.trim_start().len()];
    let closing = format!("{indent}}}");
    let mut opened = false;
    for (index, line) in lines.iter().enumerate() {
        let on_one_line = index == 0 && line.ends_with('}');
        let declared_only = !opened && line.ends_with(';');
        opened |= line.ends_with('{');
        if on_one_line || declared_only || (opened && *line == closing) {
            return index + 1;
        }
    }
    lines.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: String) -> RustFile {
        RustFile { path: "crates/x509/src/a.rs".into(), text }
    }

    #[test]
    fn a_function_of_121_lines_is_found_and_one_of_120_is_not() {
        let with = |body: usize| {
            file(format!(
                "impl A {{\n    pub async fn long(\n        &self,\n    ) {{\n{}    }}\n}}\n",
                "        call();\n".repeat(body)
            ))
        };
        assert_eq!(breaches(&with(116)), Vec::<String>::new());
        let found = breaches(&with(117));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("crates/x509/src/a.rs:2: function long has 121 lines"));
    }

    #[test]
    fn a_file_of_1001_lines_is_found() {
        assert!(breaches(&file("//\n".repeat(1000))).is_empty());
        assert_eq!(breaches(&file("//\n".repeat(1001))).len(), 1);
    }

    #[test]
    fn a_declaration_without_body_is_one_line() {
        let text = format!("    fn id(&self) -> u8;\n{}", "    // filler\n".repeat(200));
        assert!(breaches(&file(text)).is_empty());
    }
}
