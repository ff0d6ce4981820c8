//! The files in `deploy/` start this gate, as nobody in particular.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use tollgate_testkit::gate::Signal;

use crate::{command::Folder, stage::setup};

const UNIT: &str = include_str!("../../../../deploy/systemd/tollgate.service");
const GUIDE: &str = include_str!("../../../../docs/guide/day-to-day.md");
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

/// The blocks of commands below this heading of the guide.
fn steps(heading: &str) -> Vec<&'static str> {
    let (_, below) = GUIDE.split_once(heading).expect("the heading is there");
    let section = below.split("\n##").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

/// The file of the guide that begins with its name.
fn file_of_guide(name: &str) -> &'static str {
    let (_, file) = GUIDE.split_once(&format!("```toml\n# {name}\n")).unwrap();
    file.split("```").next().unwrap()
}

/// Runs commands of the guide in a folder, each folder of the machine being one below `root`. What is the system's alone
/// is left out.
fn follow(commands: &str, root: &Path, folder: &Path, environment: &[(&str, &str)]) -> String {
    let systems = ["useradd ", "systemctl "];
    let own = commands
        .lines()
        .filter(|line| !systems.iter().any(|word| line.starts_with(word)));
    let mut script = own.collect::<Vec<_>>().join("\n");
    for top in ["/usr/local", "/etc/", "/var/lib"] {
        script = script.replace(&format!(" {top}"), &format!(" {}{top}", root.display()));
    }
    let program = env!("CARGO_BIN_EXE_tollgate");
    let script = script
        .replace("sudo -u tollgate ", "")
        .replace("target/release/tollgate", program);
    let path = format!(
        "{}/usr/local/bin:{}",
        root.display(),
        std::env::var("PATH").unwrap()
    );
    let done = Command::new("sh")
        .args(["-euc", &script])
        .current_dir(folder)
        .env_clear()
        .env("PATH", path)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{script}\n{told}");
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn whoever_follows_the_guide_has_a_service_that_knows_the_keys_that_were_made() {
    let (machine, clone) = (Folder::new(), Folder::new());
    let root = machine.path();
    // A clone in which the first section of the guide was followed as well.
    clone.write("tollgate.toml", file_of_guide("tollgate.toml"));
    clone.write("service.toml", file_of_guide("service.toml"));
    for folder in ["usr/local/bin", "etc/systemd/system"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::create_dir_all(clone.path().join("deploy/systemd")).unwrap();
    clone.write("deploy/systemd/tollgate.service", UNIT);
    let steps = steps("### As a service");
    let [install, use_it] = steps[..] else {
        panic!("{steps:?}")
    };

    let credential = [("DEEPSEEK_API_KEY", "sk-of-the-provider")];
    follow(install, root, clone.path(), &credential);
    // What systemd does: the folder of the state, and the credentials that the unit names.
    let state = root.join("var/lib/tollgate");
    fs::create_dir_all(&state).unwrap();
    let unit = fs::read_to_string(root.join("etc/systemd/system/tollgate.service")).unwrap();
    let credential = unit.lines().find_map(|line| line.strip_prefix("LoadCredential="));
    let (name, file) = credential
        .expect("a credential is given")
        .split_once(':')
        .unwrap();
    let file = root.join(file.trim_start_matches('/'));
    assert_eq!(fs::read_to_string(&file).unwrap(), "sk-of-the-provider\n");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let config = root.join("etc/tollgate/tollgate.toml");
    let given = format!("/run/credentials/tollgate.service/{name}");
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains(&given), "{text}");
    let config_of_service = text.replace(&given, file.to_str().unwrap());
    let printed = follow(use_it, root, clone.path(), &[]);

    fs::write(&config, config_of_service).unwrap();
    let as_service = |args: &[&str]| {
        let done = Command::new(root.join("usr/local/bin/tollgate"))
            .args(args)
            .arg("--config")
            .arg(&config)
            .current_dir(&state)
            .env_clear()
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    assert!(as_service(&["check"]).contains("deepseek: deepseek at"));
    assert!(printed.contains("notebook"), "{printed}");
    assert!(as_service(&["keys", "list"]).contains("notebook"));
    assert!(as_service(&["accounts", "show", "--name", "research"]).contains("25.00"));
    assert!(!clone.path().join("data").exists(), "nothing is made elsewhere");
}

#[test]
fn the_container_is_given_the_credential_that_its_configuration_names() {
    let steps = steps("### As a container");
    let run = steps[0]
        .lines()
        .find(|line| line.starts_with("docker run"))
        .unwrap();

    assert!(file_of_guide("tollgate.toml").contains("${DEEPSEEK_API_KEY}"));
    assert!(run.contains(" -e DEEPSEEK_API_KEY "), "{run}");
    assert!(DOCKERFILE.contains("docker run -p 8700:8700 -e DEEPSEEK_API_KEY "));
}
