//! The example is right, and shows all there is.

use super::*;

const EXAMPLE: &str = include_str!("../../../../../tollgate.example.toml");

#[test]
fn it_loads_as_it_is_and_changes_nothing() {
    let example = written(EXAMPLE).config();
    let default = written("").config();

    assert_eq!(example.server, default.server);
    assert_eq!(example.limits, default.limits);
    assert_eq!(example.database, default.database);
    assert_eq!(example.sandbox, default.sandbox);
    assert_eq!(example.log, default.log);
    assert!(example.channels.enabled.is_empty());
}

#[test]
fn it_loads_with_all_that_is_commented_out() {
    let config = written(&everything())
        .env("DEEPSEEK_API_KEY", "k")
        .env("REDIS_PASSWORD", "p")
        .env("TOLLGATE_SEALING_KEY", SEALING_KEY)
        .env("TOLLGATE_SEALING_KEY_BEFORE", SEALING_KEY)
        .config();

    assert_eq!(config.channels.enabled.len(), 2);
}

#[test]
fn it_shows_every_field() {
    let tables = Tables::known();
    let text = everything();

    for field in tables
        .singles()
        .map(|(_, field)| field)
        .chain(tables.channel_fields())
    {
        let shown = text.lines().any(|line| line.starts_with(&format!("{field} = ")));
        assert!(shown, "`{field}` is missing in tollgate.example.toml");
    }
}

/// The example with its settings that are commented out (`#name`, not `# prose`) put in force.
fn everything() -> String {
    EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting,
            _ => line,
        })
        .fold(String::new(), |text, line| text + line + "\n")
}
