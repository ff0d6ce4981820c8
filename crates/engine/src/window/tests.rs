use super::*;

fn size(kept: &[Kept], each: usize) -> usize {
    kept.iter().map(|kept| kept.front + kept.back + each).sum()
}

fn kept(message: usize, front: usize, back: usize) -> Kept {
    Kept { message, front, back }
}

#[test]
fn what_fits_is_kept_whole() {
    assert_eq!(
        keep_ends(&[10, 20, 30], 5, 75),
        [kept(0, 10, 0), kept(1, 20, 0), kept(2, 30, 0)]
    );
}

#[test]
fn one_long_message_loses_its_middle() {
    assert_eq!(keep_ends(&[1_000], 4, 104), [kept(0, 48, 52)]);
}

#[test]
fn messages_in_the_middle_go_first() {
    let result = keep_ends(&[10, 50, 50, 50, 50], 5, 120);
    assert_eq!(
        result,
        [kept(0, 10, 0), kept(1, 10, 0), kept(3, 0, 30), kept(4, 0, 50)]
    );
}

#[test]
fn a_long_system_message_leaves_room_for_the_question() {
    let result = keep_ends(&[5_000, 20], 5, 1_000);
    assert_eq!(result.last(), Some(&kept(1, 0, 20)), "the question must survive");
}

#[test]
fn it_always_fits_and_keeps_the_end() {
    for each in [0, 5] {
        for room in 40..200 {
            for lengths in [&[500][..], &[3, 500, 3], &[100, 100], &[0, 0, 900], &[90; 12]] {
                let result = keep_ends(lengths, each, room);
                assert!(size(&result, each) <= room, "{lengths:?} in {room}: {result:?}");
                let last = result.last().map(|kept| kept.message);
                assert_eq!(last, Some(lengths.len() - 1), "{lengths:?} in {room}: {result:?}");
                assert!(result.is_sorted_by_key(|kept| kept.message));
                assert!(result.iter().all(|k| k.front + k.back <= lengths[k.message]));
            }
        }
    }
}
