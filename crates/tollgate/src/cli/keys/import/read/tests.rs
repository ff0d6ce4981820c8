use proptest::prelude::*;

use super::*;

fn fields(pairs: &[(&str, &str)]) -> Result<Fields, Problems> {
    let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
    Ok(pairs.iter().map(owned).collect())
}

#[test]
fn csv_and_json_lines_say_the_same() {
    let csv = "name,key,models,budget\r\napp,sk-1,\"gpt-4o,gpt-5\",25.00\r\n\r\nbot,sk-2,,\r\n";
    let json = "{\"name\":\"app\",\"key\":\"sk-1\",\"models\":[\"gpt-4o\",\"gpt-5\"],\"budget\":\"25.00\"}\n\n\n\
                {\"name\":\"bot\",\"key\":\"sk-2\",\"budget\":null}";

    let app = fields(&[
        ("name", "app"),
        ("key", "sk-1"),
        ("models", "gpt-4o,gpt-5"),
        ("budget", "25.00"),
    ]);
    let bot = fields(&[("name", "bot"), ("key", "sk-2")]);
    assert_eq!(lines(csv).lines, [(2, app.clone()), (4, bot.clone())]);
    assert_eq!(lines(json).lines, [(1, app), (4, bot)]);
}

#[test]
fn an_array_is_told_how_it_becomes_lines() {
    let read = lines("\n[{\"name\":\"app\",\"key\":\"sk-1\"}]");

    let (number, problems) = read.heading.expect("it is wrong");
    assert_eq!((number, problems.len(), read.lines.len()), (1, 1, 0));
    assert!(problems[0].contains("jq -c '.[]' FILE"), "{problems:?}");
}

#[test]
fn quoted_values_hold_commas_quotes_and_lines() {
    let csv = "\u{feff}name,account\n\"a \"\"b\"\", c\",\"one\ntwo\"\nlast,\n";

    let read = lines(csv);

    assert_eq!(read.heading, Some((1, vec![])));
    let first = fields(&[("name", "a \"b\", c"), ("account", "one\ntwo")]);
    assert_eq!(read.lines, [(2, first), (4, fields(&[("name", "last")]))]);
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_without_its_values() {
    let csv = "name,kee,name\na,secret-1,b\nc,secret-2\nd,\"secret-3,\n";
    let json = "{\"name\":{\"secret-4\":1}}\n{\"name\":\"secret-5\"\n{\"nome\":null}\n";

    let (of_csv, of_json) = (lines(csv), lines(json));

    let (number, heading) = of_csv.heading.expect("the names are wrong");
    assert_eq!(number, 1);
    assert!(heading[0].contains("unknown field `kee`"), "{heading:?}");
    assert_eq!(heading[1], "`name` is there twice");
    let told = [of_csv.lines, of_json.lines].concat();
    let wrong: Vec<usize> = told
        .iter()
        .filter(|(_, fields)| fields.is_err())
        .map(|(number, _)| *number)
        .collect();
    assert_eq!(wrong, [3, 4, 1, 2, 3]);
    for (_, fields) in told {
        let text = format!("{:?}", fields.err());
        assert!(!text.contains("secret"), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_line_by_line(text in "[\"{},\\n\\r a:é\u{feff}]{0,60}") {
        let last = text.lines().count();
        for (number, _) in lines(&text).lines {
            prop_assert!((1..=last).contains(&number));
        }
    }

    #[test]
    fn whatever_is_quoted_comes_back(cells in prop::collection::vec("[\"a, \\n\\ré]{1,12}", 2..5)) {
        let quoted: Vec<String> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
        let line = quoted.join(",");
        prop_assert_eq!(record(&line), (Ok(cells), line.len()));
    }
}
