//! `tollgate explain`: a request's story on the command line, from the gate or from the books.

use serde_json::{Value, json};
use tollgate_testkit::provider::{answer, answers, says};

use crate::{
    command::Folder,
    credit::eventually,
    explain::{ID, story},
    stage::{question, stage, stage_with},
};

#[tokio::test]
async fn a_story_is_read_on_the_command_line() {
    let (_provider, gate) = stage(says("Hello")).await;
    let answer = gate.post(&question()).await;
    let id = answer.header(ID).unwrap().to_owned();
    story(&gate, Some(&id)).await;
    let admin = gate.admin_address().to_string();
    let here = ("TOLLGATE__SERVER__ADMIN_LISTEN", admin.as_str());
    let folder = Folder::new();
    let explain = |args: &[&str], environment: (&str, &str)| {
        folder.run_with(&[&["explain"], args].concat(), &[environment])
    };

    let text = explain(&[&id], here);
    let json = explain(&[&id, "--json"], here);
    let unknown = explain(&["req_0"], here);
    let odd = explain(&["../channels"], here);
    let nobody = explain(&[&id], ("TOLLGATE__SERVER__ADMIN_LISTEN", "127.0.0.1:1"));

    assert_eq!(text.code, Some(0), "{text:?}");
    assert!(text.stdout.contains("200 from fake, finish stop"), "{text:?}");
    let told: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(told["request_id"], id);
    for (output, why) in [
        (unknown, "no request with the ID `req_0`"),
        (odd, "no request with the ID `../channels`"),
        (nobody, "no gate answers on 127.0.0.1:1"),
    ] {
        assert_eq!(output.code, Some(1), "{output:?}");
        assert!(
            output.stderr.contains(why) && output.stdout.is_empty(),
            "{output:?}"
        );
    }
}

#[tokio::test]
async fn a_request_that_the_gate_has_forgotten_is_told_from_the_books() {
    let prices = r#"{ gpt-4o = { input = "3", output = "15" } }"#;
    let mut counted = answer("Hello");
    counted["usage"] = json!({"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100});
    counted["service_tier"] = json!("flex");
    let forgets = "[explain]\nkeep_minutes = 0";
    let (_provider, gate) =
        stage_with(answers(counted), |channel| channel.set("prices", prices), forgets).await;
    let answer = gate.post(&question()).await;
    let id = answer.header(ID).unwrap();
    let explained = async || gate.command(&["explain", id]).await.stdout;

    // It is in the books in a moment.
    let said = "from         the books of gate ";
    eventually(true, async || explained().await.contains(said)).await;

    let text = explained().await;
    for line in [
        "asked        gpt-4o for a whole answer",
        "outcome      ok",
        "answer       from fake, gpt-4o at openai-compatible, service tier flex, first output after ",
        "tokens       1000 prompt, 100 completion",
        "bill         $0.0045 at in=3 out=15",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let json = gate.command(&["explain", id, "--json"]).await;
    let told: Value = serde_json::from_str(&json.stdout).unwrap();
    let seen = ["source", "key", "account", "charge", "rates"].map(|name| told[name].as_str().unwrap());
    assert_eq!(
        seen,
        ["books", "test", "default", "0.0045", "in=3 out=15"],
        "{told}"
    );
}
