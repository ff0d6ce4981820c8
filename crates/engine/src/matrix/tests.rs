use super::*;

/// Numbers between -1 and 1 that look random and are the same in every run.
pub(crate) fn noise(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    })
    .take(count)
    .collect()
}

fn exact(weights: &[f32], activations: &[f32], columns: usize) -> Vec<f32> {
    let rows = activations.chunks(columns);
    rows.flat_map(|a| {
        let dots = weights.chunks(columns);
        dots.map(|w| w.iter().zip(a).map(|(w, a)| w * a).sum::<f32>())
            .collect::<Vec<_>>()
    })
    .collect()
}

#[test]
fn products_are_within_rounding_of_the_exact_ones() {
    let columns = 96;
    let (weights, activations) = (noise(37 * columns, 1), noise(7 * columns, 2));

    let mut products = vec![0.0; 37 * 7];
    Matrix::quantise(&weights, columns).multiply(&Matrix::quantise(&activations, columns), &mut products);

    for (product, exact) in products.iter().zip(exact(&weights, &activations, columns)) {
        assert!((product - exact).abs() < 0.08, "{product} is not near {exact}");
    }
}

#[test]
fn a_row_gives_the_same_alone_and_among_others() {
    let columns = 64;
    let weights = Matrix::quantise(&noise(19 * columns, 3), columns);
    // Few rows, and as many as are shared out themselves.
    for count in [2, 6, 200 * TURNED_BELOW] {
        let activations = noise(count * columns, 4);
        let mut together = vec![0.0; 19 * count];
        weights.multiply(&Matrix::quantise(&activations, columns), &mut together);

        for (row, expected) in activations.chunks(columns).zip(together.chunks(19)) {
            let mut alone = vec![0.0; 19];
            weights.multiply(&Matrix::quantise(row, columns), &mut alone);
            assert_eq!(alone, expected, "an answer would depend on who else is asking");
        }
    }
}

#[test]
fn the_vector_instructions_agree_with_plain_rust() {
    let columns = 320;
    let weights = Matrix::quantise(&noise(4 * columns, 5), columns);
    let activations = Matrix::quantise(&noise(columns, 6), columns);

    let mut fast = vec![0.0; 4];
    weights.multiply(&activations, &mut fast);
    let plain = Portable.four(activations.row(0), weights.four_rows(0));

    for (fast, plain) in fast.iter().zip(plain) {
        assert!((fast - plain).abs() < 1e-4, "{fast} differs from {plain}");
    }
}

#[test]
fn the_largest_quants_do_not_overflow() {
    let blocks = |quant| Matrix::from_blocks(1, vec![Block::new(1.0, [quant; BLOCK])]);
    for (weight, activation, expected) in [
        (-128, -127, 127.0),
        (127, 127, 127.0),
        (-127, 127, -127.0),
        (-128, 127, -127.0),
    ] {
        let mut product = [0.0];
        blocks(weight).multiply(&blocks(activation), &mut product);
        assert_eq!(product, [32.0 * 127.0 * expected], "{weight} times {activation}");
    }
}

#[test]
fn a_block_of_zeros_stays_zero() {
    let mut row = [1.0; BLOCK];
    Matrix::quantise(&[0.0; BLOCK], BLOCK).read_row(0, &mut row);
    assert_eq!(row, [0.0; BLOCK]);
}
