//! A mistake in the configuration is told with its place, before anything is started.

use crate::command::Folder;

#[test]
fn every_command_tells_all_mistakes_with_file_line_and_column() {
    let folder = Folder::new();
    folder.write(
        "tollgate.toml",
        "[server]\nlissten = \"127.0.0.1:1\"\n\n[[channels]]\nname = \"a\"\nprovider = \"deepseak\"\napi_key = \"k\"\n",
    );

    for args in [&["check"][..], &["serve"], &["keys", "list"], &["models", "list"]] {
        let output = folder.run(args);
        assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
        for told in [
            "tollgate.toml:2:1: unknown field `lissten` in [server]",
            "`listen`",
            "tollgate.toml:6:12: unknown provider `deepseak`",
            "`deepseek`",
        ] {
            assert!(
                output.stderr.contains(told),
                "{args:?} does not tell {told:?}: {}",
                output.stderr
            );
        }
    }
    assert!(!folder.path().join("data").exists(), "nothing was started");
}

#[test]
fn an_address_with_what_the_gate_adds_is_a_mistake() {
    let folder = Folder::new();
    folder.write(
        "tollgate.toml",
        "[[channels]]\nname = \"a\"\nprovider = \"deepseek\"\napi_key = \"k\"\n\
         base_url = \"https://api.example.com/v1/chat/completions/\"\n",
    );

    let output = folder.run(&["check"]);

    let told = "`base_url` must end before `/chat/completions`, which the gate adds itself";
    assert!(output.stderr.contains(told), "{}", output.stderr);
    assert_eq!(output.code, Some(1));
}

#[test]
fn a_report_reads_well() {
    let folder = Folder::new();
    folder.write(
        "tollgate.toml",
        "[server]\nlissten = \"127.0.0.1:1\"\n\n[[channels]]\nname = \"a\"\nprovider = \"deepseek\"\napi_key = \"${KEY}\"\n",
    );

    let output = folder.run_with(&["check"], &[("TOLLGATE__LIMITS__N_MAKS", "3")]);

    insta::assert_snapshot!(output.stderr);
}

#[test]
fn a_named_file_that_is_missing_is_a_failure() {
    let output = Folder::new().run(&["check", "--config", "none.toml"]);

    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        output.stderr.contains("none.toml:1:1: the file cannot be read"),
        "{output:?}"
    );
}

#[test]
fn the_environment_goes_over_the_file() {
    let folder = Folder::new();
    folder.write("tollgate.toml", "[server]\nlisten = \"127.0.0.1:1\"\n");

    let output = folder.run_with(&["check"], &[("TOLLGATE__SERVER__LISTEN", "127.0.0.1:2")]);

    assert!(output.stdout.contains("http://127.0.0.1:2\n"), "{output:?}");
}

#[test]
fn a_port_that_is_taken_is_told_with_its_address_and_field() {
    let folder = Folder::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();

    for (variable, other, field) in [
        (
            "TOLLGATE__SERVER__LISTEN",
            "TOLLGATE__SERVER__ADMIN_LISTEN",
            "server.listen",
        ),
        (
            "TOLLGATE__SERVER__ADMIN_LISTEN",
            "TOLLGATE__SERVER__LISTEN",
            "server.admin_listen",
        ),
    ] {
        let output = folder.run_with(&["serve"], &[(variable, &address), (other, "127.0.0.1:0")]);
        assert_eq!(output.code, Some(1), "{output:?}");
        let told = format!("`{field}`: cannot listen on {address}");
        assert!(output.stderr.contains(&told), "{output:?}");
    }
}
