use super::*;

#[test]
fn a_path_may_be_relative_or_absolute() {
    assert_eq!(
        "sqlite://data/a.db".parse(),
        Ok(DatabaseUrl::Sqlite("data/a.db".into()))
    );
    assert_eq!(
        "sqlite:///var/a.db".parse(),
        Ok(DatabaseUrl::Sqlite("/var/a.db".into()))
    );
    assert_eq!("sqlite:a.db".parse(), Ok(DatabaseUrl::Sqlite("a.db".into())));
}

#[test]
fn what_cannot_be_used_is_refused_by_its_own_name() {
    for (url, error) in [
        ("data/a.db", DatabaseUrlError::NoScheme),
        (
            "mysql://host/db",
            DatabaseUrlError::UnknownScheme("mysql".to_owned()),
        ),
        ("sqlite://", DatabaseUrlError::NoFile),
        ("sqlite::memory:", DatabaseUrlError::NoFile),
        ("sqlite://a.db?mode=ro", DatabaseUrlError::Parameters),
    ] {
        assert_eq!(url.parse::<DatabaseUrl>(), Err(error), "{url}");
    }
}

#[test]
fn a_url_is_shown_as_it_can_be_written() {
    for text in [
        "sqlite:///var/a.db",
        "postgres://me@db.example.com:6432/tollgate",
        "postgres://me@[::1]:5432/tollgate",
        "postgres://me@%2Frun%2Fpostgresql:5432/tollgate",
    ] {
        let url: DatabaseUrl = text.parse().expect(text);
        assert_eq!(url.to_string(), text);
        assert_eq!(url.to_string().parse(), Ok(url));
    }
}

#[test]
fn a_password_is_never_shown() {
    let url: DatabaseUrl = "postgresql://me:s%2Fcret@host/db?sslmode=verify-full"
        .parse()
        .expect("it is one");

    for shown in [url.to_string(), format!("{url:?}"), format!("{url:#?}")] {
        assert!(shown.contains("postgres://me@host:5432/db"), "{shown}");
        assert!(!shown.contains("cret"), "{shown}");
    }
}

#[test]
fn what_is_missing_in_a_server_s_url_is_named() {
    for (url, what) in [
        ("postgres:///db", "a host"),
        ("postgres://host/db", "a user"),
        ("postgres://me@host", "a database"),
        ("postgres://me:secret@host/", "a database"),
    ] {
        let expected = DatabaseUrlError::PostgresWithout(what);
        assert_eq!(url.parse::<DatabaseUrl>(), Err(expected), "{url}");
    }
    for (url, error) in [
        (
            "postgres://me@host/db?sslmode=on",
            DatabaseUrlError::UnknownSslMode("on".to_owned()),
        ),
        (
            "postgres://me@host/db?sslcert=a",
            DatabaseUrlError::UnknownParameter("sslcert".to_owned()),
        ),
    ] {
        assert_eq!(url.parse::<DatabaseUrl>(), Err(error), "{url}");
    }
}

#[test]
fn a_password_that_is_not_escaped_is_not_repeated_either() {
    for password in [
        "sec#ret1",
        "sec/ret1",
        "sec?ret1",
        "sec@ret1/a?ret1",
        "1/ret1",
        "sec%ret1",
    ] {
        let url = format!("postgres://me:{password}@host/db");
        let Err(error) = url.parse::<DatabaseUrl>() else {
            continue;
        };
        assert!(!error.to_string().contains("ret1"), "{error}");
    }
}
