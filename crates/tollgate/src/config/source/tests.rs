use super::*;

fn file_at(line: usize, column: usize) -> Place {
    Place::File {
        file: "t.toml".into(),
        line,
        column,
    }
}

#[test]
fn lines_and_columns_count_from_one_and_columns_count_characters() {
    let sources = Sources::of_file(Path::new("t.toml"), "a\nüb = 1\n".to_owned());

    assert_eq!(sources.place(0), file_at(1, 1));
    assert_eq!(sources.place(2), file_at(2, 1));
    assert_eq!(sources.place(4), file_at(2, 2), "ü is two bytes and one column");
}

#[test]
fn a_value_of_a_variable_is_told_from_the_file() {
    let mut sources = Sources::of_file(Path::new("t.toml"), "a = 1\n".to_owned());
    let first = sources.add_variable("TOLLGATE__A", "2");
    let second = sources.add_variable("TOLLGATE__B", "");

    assert_eq!(
        sources.place(6),
        file_at(2, 1),
        "the end of the file is the file's"
    );
    assert_eq!(
        sources.place(first.start),
        Place::Variable("TOLLGATE__A".to_owned())
    );
    assert_eq!(
        sources.place(second.start),
        Place::Variable("TOLLGATE__B".to_owned())
    );
}
