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
        ("postgres://me:secret@host/db", DatabaseUrlError::Postgres),
        ("postgresql://host/db", DatabaseUrlError::Postgres),
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
    let url = DatabaseUrl::Sqlite("/var/a.db".into());

    assert_eq!(url.to_string().parse(), Ok(url));
}
