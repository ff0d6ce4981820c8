//! The files in `deploy/` start this gate, as nobody in particular.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    net::TcpListener,
    process::{Command, Stdio},
};

use tollgate_testkit::gate::Signal;

use crate::{command::Folder, stage::setup};

const UNIT: &str = include_str!("../../../../deploy/systemd/tollgate.service");
const DOCKERFILE: &str = include_str!("../../../../deploy/docker/Dockerfile");
const DOCKERIGNORE: &str = include_str!("../../../../deploy/docker/Dockerfile.dockerignore");

/// Says, past the test harness, that a tool is missing. `None`: it is.
fn tool(name: &str) -> Option<Command> {
    let found = Command::new(name)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if found.is_ok_and(|status| status.success()) {
        return Some(Command::new(name));
    }
    let line = format!("SKIPPED: there is no {name}, so what it says of deploy/ is not known\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    None
}

/// The settings of the unit, by name.
fn settings() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut settings: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let lines = UNIT.lines().filter(|line| !line.starts_with(['#', '[']));
    for (name, value) in lines.filter_map(|line| line.split_once('=')) {
        settings.entry(name).or_default().push(value);
    }
    settings
}

/// The instructions of the Dockerfile, continued lines joined.
fn instructions() -> Vec<(String, String)> {
    let joined = DOCKERFILE.replace("\\\n", " ");
    let lines = joined.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(name, rest)| {
            (
                name.to_owned(),
                rest.split_whitespace().collect::<Vec<_>>().join(" "),
            )
        })
        .collect()
}

#[test]
fn systemd_takes_the_unit_and_finds_little_exposed() {
    let Some(mut verify) = tool("systemd-analyze") else {
        return;
    };
    let folder = Folder::new();
    let unit = UNIT.replace("/usr/local/bin/tollgate", env!("CARGO_BIN_EXE_tollgate"));
    folder.write("tollgate.service", &unit);
    let path = folder.path().join("tollgate.service");

    let verified = verify.arg("verify").arg("--man=no").arg(&path).output().unwrap();
    let security = Command::new("systemd-analyze")
        .args(["security", "--offline=yes", "--threshold=25", "--no-pager"])
        .arg(&path)
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&verified.stderr);
    let of_ours: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("tollgate.service"))
        .collect();
    assert!(of_ours.is_empty(), "{said}");
    assert!(
        security.status.success(),
        "{}",
        String::from_utf8_lossy(&security.stdout)
    );
}

#[test]
fn the_units_commands_are_the_gates_and_stop_takes_longer_than_draining() {
    let settings = settings();
    let folder = Folder::new();
    let starts = ["ExecStartPre", "ExecStart", "ExecReload"].map(|name| &settings[name]);
    let commands = starts
        .into_iter()
        .flatten()
        .filter(|command| !command.starts_with("/bin/kill"));
    for command in commands {
        let args: Vec<&str> = command.split(' ').skip(1).chain(["--help"]).collect();
        assert_eq!(folder.run(&args).code, Some(0), "{command}");
    }

    assert!(settings["ExecReload"].contains(&"/bin/kill -HUP $MAINPID"));
    assert!(UNIT.contains("LoadCredential="), "credentials are shown");
    let example = include_str!("../../../../tollgate.example.toml");
    let drain = example
        .lines()
        .find_map(|line| line.strip_prefix("drain_ms = "))
        .unwrap();
    let (stop, drain): (u64, u64) = (
        settings["TimeoutStopSec"][0].parse().unwrap(),
        drain.parse().unwrap(),
    );
    assert!(stop * 1_000 > drain, "{stop} s against {drain} ms");
}

#[test]
fn the_container_is_not_root_and_builds_from_what_it_is_given() {
    let instructions = instructions();
    let of = |name: &str| -> Vec<&str> {
        let same = instructions.iter().filter(|(found, _)| found == name);
        same.map(|(_, rest)| rest.as_str()).collect()
    };

    let stages = of("FROM");
    assert_eq!(stages.len(), 2, "one builds, one runs");
    for image in &stages {
        let host = image.split('/').next().unwrap();
        assert!(
            !image.contains('/') || !host.contains(['.', ':']),
            "{image} names a registry"
        );
    }
    let user = of("USER");
    assert!(
        user.len() == 1 && user[0].split(':').all(|id| id.parse::<u32>().unwrap() > 0),
        "{user:?}"
    );
    assert!(
        of("HEALTHCHECK")[0].ends_with(r#"CMD ["tollgate", "health"]"#),
        "{:?}",
        of("HEALTHCHECK")
    );
    let last = instructions.iter().rposition(|(name, _)| name == "FROM").unwrap();
    let user = instructions.iter().position(|(name, _)| name == "USER").unwrap();
    assert!(user > last, "it is who runs the gate, and not who builds it");

    let root = format!("{}/../..", env!("CARGO_MANIFEST_DIR"));
    let workspace = fs::read_to_string(format!("{root}/Cargo.toml")).unwrap();
    for member in ["crates", "testkit", "bench"] {
        assert!(workspace.contains(&format!("\"{member}")), "{member}");
        assert!(
            DOCKERIGNORE.lines().any(|line| line == format!("!{member}")),
            "{member} is left out"
        );
    }
    for kept in DOCKERIGNORE.lines().filter_map(|line| line.strip_prefix('!')) {
        assert!(
            fs::exists(format!("{root}/{kept}")).unwrap(),
            "{kept} is not there"
        );
    }
}

#[test]
fn the_settings_of_the_container_are_settings() {
    let instructions = instructions();
    let (_, environment) = instructions.iter().find(|(name, _)| name == "ENV").unwrap();
    let variables: Vec<(&str, &str)> = environment
        .split(' ')
        .map(|pair| pair.split_once('=').unwrap())
        .collect();

    let check = Folder::new().run_with(&["check"], &variables);

    assert_eq!(check.code, Some(0), "{check:?}");
    assert!(check.stdout.contains("http://0.0.0.0:8700"), "{check:?}");
    assert!(
        check.stdout.contains("admin          http://127.0.0.1:8701"),
        "{check:?}"
    );
    assert!(
        check.stdout.contains("database       sqlite:///data/tollgate.db"),
        "{check:?}"
    );
}

#[tokio::test]
async fn health_is_good_while_a_gate_listens_and_bad_afterwards() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let listen = format!("0.0.0.0:{port}");
    let mut gate = setup().env("TOLLGATE__SERVER__LISTEN", &listen).start().await;

    let alive = gate.command(&["health"]).await;
    let ready = gate.command(&["health", "--ready"]).await;
    gate.signal(Signal::Terminate);
    gate.ended().await;
    let gone = gate.command(&["health"]).await;

    assert!(alive.success() && alive.stdout == "ok\n", "{alive:?}");
    // There is neither a channel nor the embedded model.
    assert!(!ready.success() && ready.stderr.contains("/readyz"), "{ready:?}");
    assert!(!gone.success() && gone.stderr.contains("/healthz"), "{gone:?}");
}
