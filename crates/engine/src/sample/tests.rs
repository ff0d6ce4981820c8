use super::*;

fn scores() -> Vec<f32> {
    vec![1.0, 3.0, 2.5, -1.0]
}

fn chosen(sampling: &Sampling, times: usize) -> Vec<u32> {
    let mut sampler = Sampler::new(sampling);
    (0..times)
        .map(|_| {
            let token = sampler.choose(scores(), None).expect("the scores are numbers");
            sampler.occurred(token);
            token
        })
        .collect()
}

#[test]
fn at_temperature_zero_the_highest_score_wins() {
    let sampling = Sampling {
        temperature: 0.0,
        ..Sampling::default()
    };
    assert_eq!(chosen(&sampling, 3), [1, 1, 1]);
}

#[test]
fn the_same_seed_chooses_the_same_tokens() {
    let sampling = Sampling {
        seed: Some(7),
        ..Sampling::default()
    };
    assert_eq!(chosen(&sampling, 50), chosen(&sampling, 50));
    let other = Sampling {
        seed: Some(8),
        ..Sampling::default()
    };
    assert_ne!(chosen(&sampling, 50), chosen(&other, 50));
}

#[test]
fn tokens_come_as_often_as_they_are_probable() {
    let sampling = Sampling {
        seed: Some(1),
        ..Sampling::default()
    };
    let tokens = chosen(&sampling, 20_000);
    let weights: Vec<f32> = scores().iter().map(|score| score.exp()).collect();
    for (token, weight) in (0..).zip(&weights) {
        let expected = weight / weights.iter().sum::<f32>();
        let share = tokens.iter().filter(|t| **t == token).count() as f32 / 20_000.0;
        assert!(
            (share - expected).abs() < 0.015,
            "token {token}: {share}, not {expected}"
        );
    }
}

#[test]
fn a_low_top_p_leaves_only_the_most_probable() {
    let sampling = Sampling {
        top_p: 0.6,
        seed: Some(1),
        ..Sampling::default()
    };
    let tokens = chosen(&sampling, 500);
    assert!(tokens.contains(&1) && tokens.contains(&2));
    assert!(!tokens.contains(&0), "0 is outside of the first 60 %");

    let narrow = Sampling {
        top_p: 0.0,
        seed: Some(1),
        ..Sampling::default()
    };
    assert_eq!(chosen(&narrow, 5), [1; 5], "at least one token always remains");
}

#[test]
fn penalties_push_out_what_occurred() {
    let presence = Sampling {
        temperature: 0.0,
        presence_penalty: 1.0,
        ..Sampling::default()
    };
    assert_eq!(chosen(&presence, 4), [1, 2, 1, 1], "counted once, however often");

    let frequency = Sampling {
        temperature: 0.0,
        frequency_penalty: 0.6,
        ..Sampling::default()
    };
    assert_eq!(chosen(&frequency, 5), [1, 2, 1, 2, 1], "counted each time");
}

#[test]
fn scores_that_are_no_numbers_are_an_error() {
    let mut sampler = Sampler::new(&Sampling::default());
    assert_eq!(sampler.choose(vec![0.0, f32::NAN], None), Err(NotNumbers));
    assert_eq!(sampler.choose(Vec::new(), None), Err(NotNumbers));
}

#[test]
fn a_bias_lifts_a_token_or_bans_it() {
    let sampling = |logit_bias| Sampling {
        logit_bias,
        seed: Some(1),
        ..Sampling::default()
    };
    assert_eq!(chosen(&sampling(vec![(3, 100.0)]), 20), [3; 20]);
    assert!(!chosen(&sampling(vec![(1, -100.0)]), 500).contains(&1));
    assert_eq!(
        chosen(&sampling(vec![(4_000, 100.0)]), 1).len(),
        1,
        "there is no such token"
    );
}

#[test]
fn only_what_is_allowed_is_chosen() {
    for temperature in [0.0, 1.0, 2.0] {
        let mut sampler = Sampler::new(&Sampling {
            temperature,
            ..Sampling::default()
        });
        for _ in 0..200 {
            assert_eq!(sampler.choose(scores(), Some(&|token| token == 3)), Ok(3));
        }
        assert_eq!(sampler.choose(scores(), Some(&|_| false)), Err(NotNumbers));
    }
}
