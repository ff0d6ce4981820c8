//! The house plan holds: which crate may import which, and what a pure crate must not do.

#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// Each crate and those of ours that it may import.
const MAY_IMPORT: [(&str, &[&str]); 9] = [
    ("chat", &[]),
    ("catalog", &["chat"]),
    ("dialects", &["chat", "catalog"]),
    ("ledger", &["chat", "catalog"]),
    ("engine", &["chat", "catalog"]),
    ("store", &["chat", "catalog", "ledger"]),
    (
        "gateway",
        &["chat", "catalog", "dialects", "ledger", "engine", "store"],
    ),
    ("admin", &["chat", "catalog", "ledger", "store", "gateway"]),
    (
        "tollgate",
        &[
            "chat", "catalog", "dialects", "ledger", "engine", "store", "gateway", "admin",
        ],
    ),
];

/// Crates without runtime, socket, file, clock or random source.
const PURE: [&str; 4] = ["chat", "catalog", "dialects", "ledger"];
/// What no pure crate may depend on, itself or by way of another.
const BANNED_IN_PURE: [&str; 5] = ["tokio", "hyper", "sqlx", "redis", "rand"];
/// Modules of the standard library that reach out of the process.
const OUTWARD_MODULES: [&str; 5] = ["std::fs", "std::net", "std::env", "std::process", "std::thread"];
/// Calls that read a clock, by any crate.
const CLOCKS: [&str; 3] = ["SystemTime", "Instant", "::now("];

const PREFIX: &str = "tollgate-";
const TESTKIT: &str = "tollgate-testkit";

#[test]
fn crates_import_only_what_the_house_plan_allows() {
    let metadata = metadata();
    let allowed: BTreeMap<&str, &[&str]> = MAY_IMPORT.into();

    for (name, package) in house(&metadata) {
        let may = allowed
            .get(name)
            .unwrap_or_else(|| panic!("crate `{name}` is not in the house plan"));
        for dependency in &package.dependencies {
            let Some(import) = dependency.name.strip_prefix(PREFIX) else {
                continue;
            };
            if dependency.kind == DependencyKind::Development && dependency.name == TESTKIT {
                continue;
            }
            assert!(may.contains(&import), "`{name}` must not import `{import}`");
        }
    }
}

#[test]
fn the_testkit_is_only_a_dev_dependency() {
    let metadata = metadata();

    for (name, package) in house(&metadata) {
        for dependency in package
            .dependencies
            .iter()
            .filter(|dependency| dependency.name == TESTKIT)
        {
            assert_eq!(
                dependency.kind,
                DependencyKind::Development,
                "`{name}` ships what is for tests"
            );
        }
    }
}

#[test]
fn pure_crates_pull_in_no_runtime_server_database_or_random_source() {
    for name in PURE {
        let built_from = built_from(name);
        assert!(
            built_from.contains(&format!("{PREFIX}{name}")),
            "the list is of this crate"
        );
        for banned in BANNED_IN_PURE {
            assert!(
                !built_from.contains(banned),
                "pure crate `{name}` depends on `{banned}`"
            );
        }
    }
}

#[test]
fn pure_crates_reach_for_no_file_socket_or_clock() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();

    for name in PURE {
        for file in sources(&crates.join(name).join("src")) {
            let reached = outward(&fs::read_to_string(&file).unwrap());
            assert!(
                reached.is_empty(),
                "{}: a pure crate uses {reached:?}",
                file.display()
            );
        }
    }
}

#[test]
fn what_reaches_outward_is_found_however_it_is_imported() {
    for (text, found) in [
        ("let text = std::fs::read(path);", "std::fs"),
        ("use std::{fs, io};", "std::fs"),
        (
            "use std::{\n    collections::BTreeMap,\n    net::{IpAddr, TcpStream},\n};",
            "std::net",
        ),
        ("use std::time::{Duration, Instant};", "Instant"),
        ("let now = Timestamp::now();", "::now("),
    ] {
        assert_eq!(outward(text), BTreeSet::from([found]), "{text}");
    }
    for harmless in [
        "//! Not here: std::fs and SystemTime.",
        "use std::{collections::BTreeMap, time::Duration};",
        "include_str!(\"a.toml\")",
    ] {
        assert_eq!(outward(harmless), BTreeSet::new(), "{harmless}");
    }
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .no_deps()
        .other_options(["--offline", "--locked"].map(String::from))
        .exec()
        .unwrap()
}

/// The packages under `crates/`, by the name of their folder.
fn house(metadata: &Metadata) -> HashMap<&str, &cargo_metadata::Package> {
    let packages = metadata.workspace_packages().into_iter();
    packages
        .filter(|package| {
            package
                .manifest_path
                .strip_prefix(metadata.workspace_root.join("crates"))
                .is_ok()
        })
        .map(|package| {
            let folder = package
                .manifest_path
                .parent()
                .and_then(|folder| folder.file_name())
                .unwrap();
            (folder, package)
        })
        .collect()
}

/// Names of all that a crate of the house is built from, however far away. Asked of `cargo tree`,
/// which sees the crate alone: in the metadata it also has the features that its neighbours want.
fn built_from(name: &str) -> HashSet<String> {
    let package = format!("{PREFIX}{name}");
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--package",
            &package,
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

/// Every source file under a folder that is not a test.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("tests") {
                files.extend(sources(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
    files
}

/// What in a source text reaches out of the process.
fn outward(text: &str) -> BTreeSet<&'static str> {
    let code: String = text
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let imported: Vec<String> = code
        .split("use std::{")
        .skip(1)
        .flat_map(|rest| names_of_group(rest.split(';').next().unwrap_or_default()))
        .collect();
    let modules = OUTWARD_MODULES.into_iter().filter(|module| {
        let alone = module.trim_start_matches("std::");
        code.contains(module) || imported.iter().any(|name| name == alone)
    });
    modules
        .chain(CLOCKS.into_iter().filter(|clock| code.contains(clock)))
        .collect()
}

/// The first names in the braces of an import: `fs` and `net` of `fs, net::{A, B}}`.
fn names_of_group(group: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut depth = 0_i32;
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ if depth == 0 => names.last_mut().unwrap().push(letter),
            _ => {}
        }
        if depth < 0 {
            break;
        }
    }
    names
        .iter()
        .map(|name| name.trim().split("::").next().unwrap_or_default().to_owned())
        .collect()
}
