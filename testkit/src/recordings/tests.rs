use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::*;

fn line(id: &str, body: Value) -> Value {
    json!({
        "id": id, "provider": "p", "api": "a", "scenario": "text", "tags": ["think"],
        "model": null, "stream": true, "request": null, "framing": "recorded",
        "response": {"status": 200, "headers": {"content-type": "text/event-stream"}, "body": body},
        "fidelity": "raw",
    })
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    for (name, text) in files {
        let file = File::create(folder.path().join(name)).expect("a file in our folder");
        let mut packed = GzEncoder::new(file, Compression::fast());
        packed.write_all(text.as_bytes()).expect("written");
        packed.finish().expect("finished");
    }
    folder
}

#[test]
fn an_api_is_read_from_all_its_files_and_no_other() {
    let folder = folder(&[
        ("a.jsonl.gz", &line("1", json!("data: x\r\n\r\n")).to_string()),
        ("a-b.jsonl.gz", &line("2", json!({"base64": "AP8="})).to_string()),
        ("ab.jsonl.gz", "not read"),
        ("README.md", "not read"),
    ]);

    let recordings = read_folder(folder.path(), "a").expect("readable");

    let ids: Vec<&str> = recordings.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids, ["2", "1"], "in the order of the files' names");
    assert_eq!(&recordings[0].response.body[..], b"\x00\xff");
    assert_eq!(&recordings[1].response.body[..], b"data: x\r\n\r\n");
    assert!(recordings[1].has_tag("think") && recordings[1].is_stream());
}

#[test]
fn a_line_that_cannot_be_read_is_named() {
    let good = line("1", json!("")).to_string();
    let folder = folder(&[("a.jsonl.gz", &format!("{good}\n{{}}\n"))]);

    let unreadable = read_folder(folder.path(), "a").expect_err("the second line is wrong");

    assert!(
        matches!(&unreadable, Unreadable::Line { line: 2, path, .. } if path.ends_with("a.jsonl.gz")),
        "{unreadable}"
    );
}

#[test]
fn the_recordings_at_hand_are_all_readable() {
    let Some(chat) = recordings("openai-chat") else {
        return;
    };
    assert!(chat.len() > 500, "only {} exchanges", chat.len());
    assert!(chat.iter().all(|one| one.api == "openai-chat"));
    let streams = chat.iter().filter(|one| one.is_stream()).count();
    assert!(streams > 100, "only {streams} streams");

    for api in [
        "openai-responses",
        "anthropic-messages",
        "gemini",
        "vertex-gemini",
        "vertex-anthropic",
        "bedrock-converse",
        "bedrock-invoke",
    ] {
        recordings(api).expect("the folder is the same");
    }
}
