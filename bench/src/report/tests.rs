use super::*;

fn figures() -> Figures {
    let mut figures = Figures::default();
    for (target, value) in [(Target::Direct, 0.1), (Target::Nginx, 0.2), (Target::Gate, 0.3)] {
        figures.add(Figure::LatencyP99, target, value);
    }
    figures.add(Figure::BusyLatencyP99, Target::Gate, 0.45);
    figures.add(Figure::SyncCpu, Target::Nginx, 10.0);
    figures.add(Figure::SyncCpu, Target::Gate, 21.0);
    figures.add(Figure::IdleMemory, Target::Gate, 12.0);
    figures
}

#[test]
fn a_row_says_whether_its_target_is_met() {
    let table = table(&figures(), "bare", true);

    for row in [
        "| CPU for a request | – | 10.0 µs | – | 21.0 µs | 2.10 × nginx | ≤ 2 × nginx | no |",
        "| latency p99 | 0.100 ms | 0.200 ms | – | 0.300 ms | +0.200 ms direct | adds < 1 ms | yes |",
        "| latency p99 beside a busy embedded model | – | – | – | 0.450 ms | 1.50 × without | ≤ 2 × without | yes |",
        "| memory when idle | – | – | – | 12.0 MB |  | < 30 MB | yes |",
        "| CPU for a streamed chunk | – | – | – | – |  | ≤ 1.5 × nginx |  |",
    ] {
        assert!(table.contains(row), "{row}\nis not in\n{table}");
    }
}

#[test]
fn what_was_not_measured_is_left_out_where_one_load_was_wanted() {
    let table = table(&figures(), "bare", false);

    assert!(table.contains("| CPU for a request |"), "{table}");
    assert!(!table.contains("| CPU for a streamed chunk |"), "{table}");
}

#[test]
fn an_earlier_gate_is_compared_round_by_round() {
    let mut figures = Figures::default();
    for (before, gate) in [(10.0, 11.0), (20.0, 20.0), (10.0, 9.0)] {
        figures.add(Figure::SyncCpu, Target::Bare, before);
        figures.add(Figure::SyncCpu, Target::Gate, gate);
    }

    let table = beside_before(&figures);

    assert!(
        table.contains("| CPU for a request | 0.90 | 1.00 | 1.10 |"),
        "{table}"
    );
}

#[test]
fn only_what_stands_between_the_marks_is_replaced() {
    let old = format!("before\n{START}\nold\n{END}\nafter\n");

    let new = between_marks(&old, "new\n").expect("both marks are there");

    assert_eq!(new, format!("before\n{START}\n\nnew\n\n{END}\nafter\n"));
    assert_eq!(
        between_marks(&new, "new\n"),
        Some(new.clone()),
        "once more changes nothing"
    );
    assert_eq!(between_marks("no marks", "new"), None);
}
