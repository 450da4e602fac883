//! The house's own rules, held against its code: who imports whom, and how long a file may be.

use std::path::{Path, PathBuf};

/// From the bottom up; what stands in one row may not import each other except as listed.
const ORDER: [&[&str]; 15] = [
    &["id", "config", "metrics", "telemetry"],
    &["access"],
    &["media"],
    &["elements"],
    &["webrtc"],
    &["mix"],
    &["egress"],
    &["recompose"],
    &["room"],
    &["signaling"],
    &["http"],
    &["check"],
    &["server"],
    &["lib"],
    &["main"],
];

/// Within the lowest row.
const ALSO: [(&str, &str); 2] = [("telemetry", "config"), ("telemetry", "metrics")];

/// Longer files have grown a second purpose. Tests in the file do not count.
const LONGEST: usize = 400;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The top-level module that a file belongs to.
fn module(file: &Path) -> String {
    let relative = file.strip_prefix(root()).expect("below src");
    let first = relative.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn level(module: &str) -> usize {
    ORDER
        .iter()
        .position(|row| row.contains(&module))
        .unwrap_or_else(|| panic!("{module} is not on the map: add it to src/lib.rs and to this test"))
}

/// The top-level modules that a text names after `crate::`, comments left out.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        for part in line.split("crate::").skip(1) {
            let names = part.strip_prefix('{').unwrap_or(part);
            let end = names.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(names.len());
            found.push(names[..end].to_owned());
        }
    }
    found
}

fn is_allowed(from: &str, to: &str) -> bool {
    from == to || level(to) < level(from) || ALSO.contains(&(from, to))
}

#[test]
fn imports_go_one_way() {
    let mut wrong = Vec::new();
    for file in sources(&root()) {
        let text = std::fs::read_to_string(&file).expect("readable");
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(&text);
        let from = module(&file);
        for to in imports(code) {
            let is_module = root().join(format!("{to}.rs")).exists() || root().join(&to).is_dir();
            if is_module && !is_allowed(&from, &to) {
                wrong.push(format!("{} imports {to}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "against the map of src/lib.rs:\n{}", wrong.join("\n"));
}

#[test]
fn the_rule_would_notice() {
    assert!(!is_allowed("media", "room"));
    assert!(is_allowed("room", "media"));
    assert_eq!(imports("use crate::room::Command;\n// crate::http\nlet x = crate::mix::Mix;"), ["room", "mix"]);
}

#[test]
fn the_map_names_every_module() {
    let map = std::fs::read_to_string(root().join("lib.rs")).expect("readable");
    let modules: std::collections::BTreeSet<_> = sources(&root()).iter().map(|file| module(file)).collect();
    for module in modules.iter().filter(|module| !["lib", "main"].contains(&module.as_str())) {
        assert!(map.contains(&format!("[`{module}`]")), "src/lib.rs does not explain {module}");
    }
}

#[test]
fn files_have_one_purpose() {
    let mut long = Vec::new();
    for file in sources(&root()) {
        let text = std::fs::read_to_string(&file).expect("readable");
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(&text);
        let lines = code.lines().count();
        if lines > LONGEST {
            long.push(format!("{}: {lines} lines", file.display()));
        }
    }
    assert!(long.is_empty(), "split what has grown a second purpose:\n{}", long.join("\n"));
}
