use super::*;

fn writing(work_left: usize) -> Wants {
    Wants {
        is_reading: false,
        left: 1,
        work_left,
        passed_over: 0,
        written: 0,
    }
}

fn reading(left: usize, work_left: usize) -> Wants {
    Wants {
        is_reading: true,
        left,
        work_left,
        passed_over: 0,
        written: 0,
    }
}

/// Runs so many steps of requests that only write; gives how often each was served.
fn served(mut wants: Vec<Wants>, steps: usize) -> Vec<usize> {
    let mut served = vec![0; wants.len()];
    for _ in 0..steps {
        let step = counts(&wants);
        for ((want, count), served) in wants.iter_mut().zip(step).zip(&mut served) {
            *served += count;
            want.written += count;
            want.passed_over = if count == 0 { want.passed_over + 1 } else { 0 };
        }
    }
    served
}

#[test]
fn every_long_answer_gets_a_token_in_every_step_while_no_other_is_brief() {
    assert_eq!(counts(&[writing(1_000); 8]), [1; 8]);
}

#[test]
fn a_brief_answer_gets_a_token_in_every_step_and_the_long_ones_share_the_rest_of_its_rows() {
    let mut wants = vec![writing(1_000); 8];
    wants.push(writing(24));
    let step = counts(&wants);
    assert_eq!(step[8], 1);
    assert_eq!(step.iter().sum::<usize>(), ROWS_AT_ONCE);
}

#[test]
fn long_answers_beside_a_brief_one_take_turns() {
    let mut wants = vec![writing(1_000); 8];
    wants.push(writing(24));
    let served = served(wants, 24);
    assert_eq!(served[8], 24);
    assert!(served[..8].iter().all(|count| *count == 9), "{served:?}");
}

#[test]
fn long_answers_go_on_beside_any_number_of_brief_ones() {
    for brief in 1..12 {
        let mut wants = vec![writing(1_000); 2];
        wants.extend(vec![writing(24); brief]);
        let served = served(wants, 20);
        assert!(
            served[..2].iter().all(|count| *count >= 10),
            "{brief}: {served:?}"
        );
    }
}

#[test]
fn a_brief_prompt_is_read_before_long_ones_of_older_requests() {
    let step = counts(&[reading(900, 1_900), reading(900, 1_900), reading(4, 28)]);
    assert_eq!(step, [HURRIED - 4, 0, 4]);
}

#[test]
fn a_prompt_alone_is_read_in_slices() {
    assert_eq!(counts(&[reading(900, 1_900)]), [SLICE]);
}
