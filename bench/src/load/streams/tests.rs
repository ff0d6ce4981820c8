use super::*;

#[test]
fn events_are_counted_across_pieces_and_chunk_frames() {
    let pieces: [&[u8]; 5] = [
        b"8\r\ndata: 1\n",
        b"\n\r\n",
        b"12\r\ndata: 2\n\ndata: 3\n\n\r\n",
        b"9\r\n: alive\n\n",
        b"\r\n0\r\n\r\n",
    ];
    let mut line_end = false;

    let counts: Vec<u64> = pieces
        .iter()
        .map(|piece| events_in(piece, &mut line_end))
        .collect();

    assert_eq!(counts, [0, 1, 2, 1, 0]);
}
