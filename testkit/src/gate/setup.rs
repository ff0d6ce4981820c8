//! How a gate under test is configured and started.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::process::{CommandOutput, Process, run};
use super::{Gate, client};
use crate::postgres::database_of_a_test;
use crate::provider::FakeProvider;
use crate::redis::redis_of_a_test;

const DATABASE_URL: &str = "TOLLGATE__DATABASE__URL";

/// A gate to be started: the binary, its configuration, its environment.
pub struct GateSetup {
    binary: PathBuf,
    server: String,
    tables: String,
    environment: Vec<(String, String)>,
    key: Vec<String>,
    resilient: bool,
}

impl GateSetup {
    /// A gate without channels. `binary` is `env!("CARGO_BIN_EXE_tollgate")` in a test of the
    /// binary's package.
    pub fn of(binary: impl Into<PathBuf>) -> Self {
        Self {
            binary: binary.into(),
            server: String::new(),
            tables: String::new(),
            environment: Vec::new(),
            key: vec!["--name".to_owned(), "test".to_owned()],
            resilient: false,
        }
    }

    /// Adds a channel.
    #[must_use]
    pub fn channel(mut self, channel: Channel) -> Self {
        self.tables.push_str(&channel.table());
        self
    }

    /// Adds a line to the table `[server]`.
    #[must_use]
    pub fn server(mut self, line: &str) -> Self {
        self.server.push_str(line);
        self.server.push('\n');
        self
    }

    /// Adds tables, as TOML.
    #[must_use]
    pub fn config(mut self, tables: &str) -> Self {
        self.tables.push_str(tables);
        self.tables.push('\n');
        self
    }

    /// Lets the gate retry, and leave channels alone that failed, as it does by default. In most tests it does
    /// neither, so that each request meets the channels as they are configured.
    #[must_use]
    pub fn resilient(mut self) -> Self {
        self.resilient = true;
        self
    }

    /// Sets an environment variable of the gate.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives the API key this name, for gates that share a database.
    #[must_use]
    pub fn key_named(mut self, name: &str) -> Self {
        self.key[1] = name.to_owned();
        self
    }

    /// Creates the API key with these further arguments of `keys create`.
    #[must_use]
    pub fn key(mut self, args: &[&str]) -> Self {
        self.key.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// Writes the configuration without starting a gate, for commands.
    pub fn written(self) -> Written {
        let dir = TempDir::with_prefix("tollgate-test-").expect("a temporary folder");
        let config = format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nadmin_listen = \"127.0.0.1:0\"\n\
             data_dir = {}\n{}\n{}",
            quoted(&dir.path().join("data").display().to_string()),
            self.server,
            self.tables,
        );
        let mut environment = self.environment;
        if !self.resilient {
            for (field, value) in [("RETRIES", "0"), ("HEALTH", "false"), ("AFFINITY", "false")] {
                environment.insert(0, (format!("TOLLGATE__ROUTING__{field}"), value.to_owned()));
            }
        }
        let names_database = self.tables.contains("[database]");
        if let Some(url) = (!names_database).then(database_of_a_test).flatten() {
            environment.insert(0, (DATABASE_URL.to_owned(), url));
        }
        let names_redis = self.tables.contains("[redis]");
        if let Some(url) = (!names_redis).then(redis_of_a_test).flatten() {
            environment.insert(0, ("TOLLGATE__REDIS__URL".to_owned(), url));
        }
        let written = Written {
            binary: self.binary,
            environment,
            dir,
        };
        std::fs::write(written.config_path(), config).expect("a file in our own folder");
        written
    }

    /// Creates an API key, starts the gate, and waits until it is alive.
    ///
    /// # Panics
    /// With its log, where one of these fails.
    pub async fn start(self) -> Gate {
        let key_args: Vec<String> = self.key.clone();
        let key_args: Vec<&str> = key_args.iter().map(String::as_str).collect();
        let setup = self.written();
        let key = setup.create_key(&key_args).await;
        let process = setup.serve();
        let listening = process.listening().await;
        client::alive(listening.data, &process).await;
        Gate {
            process,
            data: listening.data,
            admin: listening.admin,
            key,
            setup,
        }
    }
}

/// A configuration on disk, removed when dropped.
pub struct Written {
    binary: PathBuf,
    environment: Vec<(String, String)>,
    dir: TempDir,
}

impl Written {
    /// The configuration file.
    pub fn config_path(&self) -> PathBuf {
        self.dir.path().join("tollgate.toml")
    }

    /// The folder with the database; the gate makes it.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// The variable by which it finds its database, where that is not the file in [`Self::data_dir`].
    pub fn database(&self) -> Option<(&str, &str)> {
        let mut environment = self.environment.iter();
        let (name, url) = environment.find(|(name, _)| name == DATABASE_URL)?;
        Some((name, url))
    }

    /// The folder that holds all of it, in which commands run.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs `tollgate ARGS --config FILE` to its end.
    pub async fn command(&self, args: &[&str]) -> CommandOutput {
        run(self.prepared(args), "").await
    }

    /// As [`Self::command`], with this on standard input.
    pub async fn command_with_input(&self, args: &[&str], input: &str) -> CommandOutput {
        run(self.prepared(args), input).await
    }

    pub(super) async fn create_key(&self, args: &[&str]) -> String {
        let mut command = vec!["keys", "create"];
        command.extend(args);
        let output = self.command(&command).await;
        assert!(output.success(), "no key could be created: {output:?}");
        output.stdout.trim().to_owned()
    }

    pub(super) fn serve(&self) -> Process {
        Process::start(self.prepared(&["serve"]))
    }

    fn prepared(&self, args: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(&self.binary);
        command
            .args(args)
            .arg("--config")
            .arg(self.config_path())
            .current_dir(self.dir.path());
        // What the machine has set must not decide a test.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("TOLLGATE_") || name.to_ascii_lowercase().ends_with("_proxy") {
                command.env_remove(name);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// One `[[channels]]` table.
pub struct Channel {
    name: String,
    provider: String,
    base_url: String,
    api_key: String,
    models: Vec<String>,
    lines: String,
}

impl Channel {
    /// A channel to a fake provider that takes part as `openai-compatible`.
    pub fn to(provider: &FakeProvider) -> Self {
        Self::at(&provider.base_url())
    }

    /// A channel of this preset, named like it, that speaks to a fake provider in the preset's protocol
    /// and on a path where the provider is as strict as the real one.
    pub fn of(preset: &str, provider: &FakeProvider) -> Self {
        Self::at(&provider.base_url_of(preset))
            .named(preset)
            .provider(preset)
    }

    /// A channel to any base URL, as `openai-compatible`.
    pub fn at(base_url: &str) -> Self {
        Self {
            name: "fake".to_owned(),
            provider: "openai-compatible".to_owned(),
            base_url: base_url.to_owned(),
            api_key: "provider-credential".to_owned(),
            models: Vec::new(),
            lines: String::new(),
        }
    }

    /// Its name; `fake` unless set.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Its provider, by preset.
    #[must_use]
    pub fn provider(mut self, provider: &str) -> Self {
        provider.clone_into(&mut self.provider);
        self
    }

    /// Its credential; `provider-credential` unless set.
    #[must_use]
    pub fn api_key(mut self, api_key: &str) -> Self {
        api_key.clone_into(&mut self.api_key);
        self
    }

    /// The models it serves; not written unless set.
    #[must_use]
    pub fn models<'a>(mut self, models: impl IntoIterator<Item = &'a str>) -> Self {
        self.models = models.into_iter().map(str::to_owned).collect();
        self
    }

    /// Sets another field to a value in TOML, such as `("priority", "1")`.
    #[must_use]
    pub fn set(mut self, field: &str, toml: &str) -> Self {
        writeln!(self.lines, "{field} = {toml}").expect("writing to a string cannot fail");
        self
    }

    fn table(&self) -> String {
        let mut table = format!(
            "[[channels]]\nname = {}\nprovider = {}\nbase_url = {}\napi_key = {}\n",
            quoted(&self.name),
            quoted(&self.provider),
            quoted(&self.base_url),
            quoted(&self.api_key),
        );
        if !self.models.is_empty() {
            let models: Vec<String> = self.models.iter().map(|model| quoted(model)).collect();
            table.push_str(&format!("models = [{}]\n", models.join(", ")));
        }
        table + &self.lines + "\n"
    }
}

/// A TOML string; JSON's escapes are TOML's too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
