//! The program that tests in other languages start: it says where it listens, and refuses.
//! (That this test is here also makes `cargo test` build the program.)
#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn posted(address: &str, body: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: provider\r\nx-api-key: k\r\nanthropic-version: 2023-06-01\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_strict_provider_says_where_it_listens_and_refuses_what_real_ones_do() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strict-provider"));
    let mut program = Program(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(program.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.trim().strip_prefix("listening on http://").unwrap();

    let taken = posted(
        address,
        r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}"#,
    );
    let refused = posted(
        address,
        r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#,
    );

    assert!(taken.contains("Hello from the provider."), "{taken}");
    assert!(
        refused.starts_with("HTTP/1.1 400") && refused.contains("max_tokens"),
        "{refused}"
    );
}
