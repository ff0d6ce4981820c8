#![allow(clippy::unwrap_used)]

mod example;
mod overrides;

use std::fmt::Write as _;

use jiff::civil::Date;
use secrecy::ExposeSecret as _;
use tempfile::TempDir;

use super::{warning::Warning, *};

/// A configuration file in a folder of its own.
struct Written {
    dir: TempDir,
    environment: Vec<(String, String)>,
}

fn written(text: &str) -> Written {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("tollgate.toml"), text).unwrap();
    Written {
        dir,
        environment: Vec::new(),
    }
}

impl Written {
    fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn load(&self) -> Result<Config, ConfigErrors> {
        let file = ConfigFile::Named(self.dir.path().join("tollgate.toml"));
        load(&file, &self.environment.iter().cloned().collect())
    }

    fn config(&self) -> Config {
        self.load().unwrap_or_else(|errors| panic!("{}", shown(&errors)))
    }

    /// Every mistake on a line, without the folder's name.
    fn mistakes(&self) -> String {
        let errors = self.load().expect_err("there are mistakes in it");
        shown(&errors).replace(&format!("{}/", self.dir.path().display()), "")
    }
}

fn shown(errors: &ConfigErrors) -> String {
    use miette::Diagnostic as _;

    let mut text = String::new();
    for error in errors.iter() {
        write!(text, "{error}").unwrap();
        if let Some(help) = error.help() {
            write!(text, " [{help}]").unwrap();
        }
        text.push('\n');
    }
    text
}

const CHANNEL: &str = "[[channels]]\nname = \"one\"\nprovider = \"deepseek\"\napi_key = \"secret\"\n";

#[test]
fn an_empty_file_has_every_default() {
    let config = written("").config();

    assert_eq!(config.server.listen, "127.0.0.1:8700".parse().unwrap());
    assert_eq!(config.server.admin_listen, "127.0.0.1:8701".parse().unwrap());
    assert_eq!(config.database, DatabaseUrl::Sqlite("data/tollgate.db".into()));
    assert_eq!(config.limits.request_body, 64 << 20);
    assert_eq!(config.limits.drain.as_secs(), 30);
    assert_eq!(config.server.cors_origins, CorsOrigins::Any);
    assert!(config.sandbox_is_on(), "nothing else could answer");
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let file = ConfigFile::Named("/nonexistent/tollgate.toml".into());

    let errors = load(&file, &Environment::default()).unwrap_err();

    assert!(shown(&errors).starts_with("/nonexistent/tollgate.toml:1:1: the file cannot be read"));
}

#[test]
fn all_mistakes_of_a_file_are_reported_at_once_with_their_places() {
    let mistakes = written(
        r#"
[server]
lissten = "0.0.0.0:1"
admin_listen = "localhost:2"
cors_origins = ["https://a.example", "a.example/path"]

[limits]
n_max = 0
request_body_mb = 2000
keep_alive_ms = "soon"

[databases]
url = "sqlite://x"

[database]
url = "mysql://me:password@host/db"

[sandbox]
enabled = "sometimes"

[log]
level = "loud"
format = "xml"
"#,
    )
    .mistakes();

    insta::assert_snapshot!(mistakes);
}

#[test]
fn an_empty_list_of_models_is_told_as_what_it_is_where_it_is() {
    let mistakes = written(&format!("{CHANNEL}models = []\n")).mistakes();

    assert!(
        mistakes.starts_with("tollgate.toml:5:10: `models` is empty"),
        "{mistakes}"
    );
}

#[test]
fn no_channel_has_the_name_of_the_embedded_model() {
    let mistakes = written(&CHANNEL.replace("\"one\"", "\"sandbox\"")).mistakes();

    assert!(
        mistakes.starts_with("tollgate.toml:2:8: the name `sandbox` is that of the embedded model"),
        "{mistakes}"
    );
}

#[test]
fn all_mistakes_of_the_channels_are_reported_at_once_with_their_places() {
    let mistakes = written(
        r#"
[[channels]]
name = "first"
provider = "deepseak"
api_key = "k"

[[channels]]
name = "first"
provider = "deepseek"
api_key = ""
weight = 0

[[channels]]
name = "wrong name"
provider = "openai-compatible"

[[channels]]
provider = "openai-compatible"
base_url = "ftp://host"
models = [""]
headers = { "bad name" = "x", "Authorization" = "x", "x-good" = "a\nb" }

[[channels]]
name = "renamed"
provider = "deepseek"
api_key = "k"
base_url = "http://user:password@host"
models = ["deepseek-v4-flash"]
model_ids = { "deepseek-v4-flesh" = "x" }
connect_timout_ms = 1

[[channels]]
name = "no key"
provider = "openai"
"#,
    )
    .mistakes();

    insta::assert_snapshot!(mistakes);
}

#[test]
fn timeouts_are_for_models_that_the_channel_serves() {
    let mistakes = written(
        r#"
[[channels]]
name = "patient"
provider = "deepseek"
api_key = "k"
models = ["deepseek-v4-flash"]
model_timeouts = { "deepseek-v4-flesh" = { idle_timeout_ms = 1 } }
"#,
    )
    .mistakes();

    let told = "tollgate.toml:7:20: this channel does not serve a model `deepseek-v4-flesh`";
    assert!(mistakes.starts_with(told), "{mistakes}");
}

#[test]
fn no_mistake_repeats_a_credential() {
    let mistakes = written(
        r#"
[database]
url = ["hunter2"]

[[channels]]
name = "a"
provider = "deepseek"
api_key = ["hunter2"]

[[channels]]
name = "b"
provider = "deepseek"
api_key = "hunter2 "
base_url = "http://x:hunter2@host"
headers = "hunter2"
"#,
    )
    .mistakes();

    assert!(!mistakes.contains("hunter2"), "{mistakes}");
}

#[test]
fn text_that_is_no_toml_is_named_with_line_and_column() {
    let mistakes = written("[server]\nlisten = \n").mistakes();

    assert!(mistakes.starts_with("tollgate.toml:2:"), "{mistakes}");
    assert!(mistakes.contains("not TOML"), "{mistakes}");
}

#[test]
fn a_reference_is_replaced_and_a_missing_one_is_named_with_its_line() {
    let found = written(&CHANNEL.replace("secret", "${KEY}"))
        .env("KEY", "from outside")
        .mistakes();
    assert!(
        found.contains("characters that a header cannot carry"),
        "it was put in: {found}"
    );

    let missing = written(&CHANNEL.replace("secret", "${KEY}")).mistakes();
    assert_eq!(
        missing,
        "tollgate.toml:4:11: the environment variable `KEY` is not set\n"
    );
}

#[test]
fn a_channel_serves_what_the_catalogue_says_unless_it_names_models() {
    let config = written(&format!("{CHANNEL}[[channels]]\nname = \"two\"\nprovider = \"deepseek\"\napi_key = \"k\"\nmodels = [\"deepseek-v4-flash\", \"brand-new\"]\nmodel_ids = {{ \"deepseek-v4-flash\" = \"mine\" }}\n")).config();

    let [all, named] = &config.channels.enabled[..] else {
        panic!("two channels")
    };
    assert_eq!(all.models.len(), config.catalog.served_by("deepseek").count());
    assert_eq!(all.base_url.as_str(), "https://api.deepseek.com/");
    let ids: Vec<_> = named
        .models
        .iter()
        .map(|(id, serving)| (id.as_str(), &*serving.upstream_id))
        .collect();
    assert_eq!(ids, [("brand-new", "brand-new"), ("deepseek-v4-flash", "mine")]);
    let warnings = config.warnings(Date::constant(2026, 1, 1));
    assert!(
        warnings
            .iter()
            .any(|warning| matches!(warning, Warning::NotInCatalog { .. })),
        "{warnings:?}"
    );
}

#[test]
fn a_model_at_the_wrong_provider_and_an_open_admin_listener_are_warned_of() {
    let channel = |provider: &str, rest: &str| {
        format!(
            "[[channels]]\nname = \"{provider}\"\nprovider = \"{provider}\"\napi_key = \"k\"\nmodels = [\"gpt-4o\"]\n{rest}\n"
        )
    };
    let warnings = |text: &str| -> Vec<String> {
        let config = written(text).config();
        let warnings = config.warnings(Date::constant(2026, 1, 1));
        warnings.iter().map(Warning::to_string).collect()
    };

    assert_eq!(
        warnings(&channel("deepseek", "")),
        ["channel deepseek: the catalogue does not know gpt-4o at deepseek; it is asked for under that name"]
    );
    assert!(warnings(&channel("openai", "")).is_empty());
    assert!(warnings(&channel("deepseek", "model_ids = { \"gpt-4o\" = \"mine\" }")).is_empty());
    assert_eq!(
        warnings("[server]\nadmin_listen = \"0.0.0.0:8701\"\n"),
        ["server.admin_listen: 0.0.0.0:8701 can be reached from other machines, and asks for no key"]
    );
}

#[test]
fn a_redis_is_named_without_its_password_and_wants_a_database_that_gates_can_share() {
    let redis = "[redis]\nurl = \"redis://:pass%2Fword@redis.example.com:6380/2\"\n";
    let postgres = "[database]\nurl = \"postgres://tollgate@localhost/tollgate\"\n";
    let warned = |config: &Config| {
        config
            .warnings(Date::constant(2026, 1, 1))
            .contains(&Warning::RedisUnused)
    };

    let alone = written(redis).config();
    let shared = written(&format!("{postgres}{redis}")).config();
    let wrong = written("[redis]\nurl = \"redis://:se/cret@host\"\n").mistakes();

    assert!(warned(&alone) && !warned(&shared) && !warned(&written(postgres).config()));
    let shown = format!("{:?}", shared.redis);
    assert_eq!(shown, "Some(redis://redis.example.com:6380/2)");
    assert!(wrong.contains("tollgate.toml:2:7: expected `redis://"), "{wrong}");
    assert!(!wrong.contains("cret"), "{wrong}");
}

#[test]
fn every_provider_of_the_catalogue_can_be_a_channel_with_all_its_models() {
    for provider in ["anthropic", "gemini", "openai"] {
        let config = written(&format!(
            "[[channels]]\nname = \"a\"\nprovider = \"{provider}\"\napi_key = \"k\"\n"
        ))
        .config();

        let [channel] = &config.channels.enabled[..] else {
            panic!("one channel")
        };
        let all = config.catalog.served_by(provider).count();
        assert_eq!(channel.models.len(), all, "{provider}");
    }
}

#[test]
fn a_channel_that_is_switched_off_is_checked_and_not_used() {
    let config = written(&format!("{CHANNEL}enabled = false\n")).config();

    assert!(config.channels.enabled.is_empty());
    assert_eq!(config.channels.disabled.len(), 1);
    assert!(!config.sandbox_is_on(), "a channel is configured");
}

#[test]
fn a_model_that_ends_is_warned_of_from_sixty_days_before() {
    let own = tempfile::NamedTempFile::new().unwrap();
    let text = "[[model]]\nid = \"deepseek-v4-flash\"\n[[model.serving]]\nprovider = \"deepseek\"\nretires = 2026-12-31\n";
    fs::write(own.path(), text).unwrap();
    let catalog = format!("[catalog]\nfiles = [\"{}\"]\n", own.path().display());
    let config = written(&format!("{catalog}{CHANNEL}models = [\"deepseek-v4-flash\"]\n")).config();

    let on = |month, day| config.warnings(Date::constant(2026, month, day));

    assert_eq!(on(11, 1).len(), 1, "60 days before");
    assert_eq!(on(10, 31).len(), 0, "61 days before");
    assert_eq!(
        on(12, 31)[0].to_string(),
        "channel one: deepseek-v4-flash RETIRES TODAY, 2026-12-31"
    );
}

#[test]
fn a_catalogue_file_with_a_mistake_is_named_with_its_own_line() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own.toml");
    fs::write(&own, "\n[[model]]\nid = \"x\"\nowmer = \"me\"\n").unwrap();

    let mistakes = written(&format!("[catalog]\nfiles = [\"{}\"]\n", own.display())).mistakes();

    assert!(mistakes.contains("own.toml:4: "), "{mistakes}");
}

#[test]
fn a_catalogue_file_that_is_not_there_is_named_where_it_is_written() {
    let mistakes = written("[catalog]\nfiles = [\"/nonexistent.toml\"]\n").mistakes();

    assert!(
        mistakes.starts_with("tollgate.toml:2:10: the file /nonexistent.toml cannot be read"),
        "{mistakes}"
    );
}

#[test]
fn what_only_counts_after_a_restart_is_named() {
    let running = written("").config();
    let new = written(&format!(
        "[server]\nlisten = \"127.0.0.1:1\"\n[limits]\nn_max = 2\n[log]\nformat = \"json\"\n{CHANNEL}"
    ))
    .config();

    assert_eq!(
        new.needs_restart(&running),
        ["server.listen", "limits.n_max", "log.format"]
    );
    assert!(running.needs_restart(&running).is_empty());
}

/// 32 bytes.
const SEALING_KEY: &str = "c2VhbGVkIHdpdGggdGhpcyBrZXkgb2YgMzIgYnl0ZXM=";

#[test]
fn a_sealing_key_comes_of_the_file_or_else_of_the_environment() {
    let of_file = format!("[sealing]\nkey = \"{SEALING_KEY}\"");

    for config in [
        written(&of_file).config(),
        written("").env("TOLLGATE_SEALING_KEY", SEALING_KEY).config(),
    ] {
        assert!(config.sealing.has_current() && !config.sealing.has_before());
        assert!(!format!("{config:?} {}", config.effective()).contains(SEALING_KEY));
    }
    assert!(!written("").config().sealing.has_current());
}

#[test]
fn what_is_no_sealing_key_is_named_and_not_shown() {
    let short = "c2hvcnQ=";
    let of_file = written(&format!("[sealing]\nkey_before = \"{short}\"")).mistakes();
    let of_environment = written("").env("TOLLGATE_SEALING_KEY", short).mistakes();

    assert!(
        of_file.contains("`key_before` must be 32 random bytes"),
        "{of_file}"
    );
    assert!(
        of_environment.contains("environment variable TOLLGATE_SEALING_KEY"),
        "{of_environment}"
    );
    for mistakes in [of_file, of_environment] {
        assert!(!mistakes.contains(short), "{mistakes}");
    }
}
