use super::*;

#[test]
fn ratios_are_taken_within_a_round() {
    let mut figures = Figures::default();
    // A machine that is ten times slower in the second round.
    for (gate, nginx) in [(20.0, 10.0), (200.0, 100.0), (21.0, 10.0)] {
        figures.add(Figure::SyncCpu, Target::Gate, gate);
        figures.add(Figure::SyncCpu, Target::Nginx, nginx);
    }

    assert_eq!(figures.ratio(Figure::SyncCpu, Target::Nginx), Some(2.0));
    assert_eq!(figures.median(Figure::SyncCpu, Target::Gate), Some(21.0));
}

#[test]
fn what_was_not_measured_has_no_figure() {
    let mut figures = Figures::default();
    figures.add(Figure::SyncCpu, Target::Gate, 1.0);

    assert_eq!(figures.median(Figure::SyncCpu, Target::Direct), None);
    assert_eq!(figures.added(Figure::SyncCpu, Target::Gate), None);
}

#[test]
fn an_even_count_has_the_mean_of_its_middle() {
    assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    assert_eq!(median(vec![]), None);
}
