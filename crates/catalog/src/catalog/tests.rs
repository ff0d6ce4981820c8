use jiff::civil::date;

use crate::{Catalog, load};

fn catalog() -> Catalog {
    load::builtin().expect("the built-in catalogue loads")
}

#[test]
fn an_unknown_id_is_answered_with_the_nearest_ones() {
    let catalog = catalog();
    assert_eq!(catalog.nearest_ids("gpt-5.4").first(), Some(&"gpt-5-4"));
    assert_eq!(
        catalog.nearest_ids("claude-sonnet-4.6").first(),
        Some(&"claude-sonnet-4-6")
    );
    assert!(catalog.nearest_ids("llama-4-scout").is_empty());
    assert!(catalog.nearest_ids("").is_empty());
}

#[test]
fn ids_are_compared_exactly() {
    assert!(catalog().model("GPT-4o").is_none());
}

#[test]
fn a_model_that_only_a_channel_names_has_the_general_contract_and_every_modality() {
    let catalog = catalog();
    let provider = catalog.provider("openai-compatible").expect("a provider");
    let model = catalog.unlisted_model("my-own-model", provider);
    assert_eq!(&*model.contract.name, "general");
    assert!(model.modalities.image_input && model.modalities.video_input);
    let serving = catalog.serving("my-own-model", provider);
    assert_eq!((&*serving.upstream_id, &serving.price), ("my-own-model", &None));
}

#[test]
fn models_that_have_retired_or_soon_will_are_told_the_earliest_first() {
    let catalog = catalog();
    let told = |today, days| -> Vec<(String, i32)> {
        catalog
            .retirements(today, days)
            .into_iter()
            .filter(|retirement| {
                retirement.provider == "openai" && retirement.model.as_str().starts_with("gpt-5-n")
            })
            .map(|retirement| (retirement.model.to_string(), retirement.days_left))
            .collect()
    };
    let nano = |days_left| vec![("gpt-5-nano".to_owned(), days_left)];
    assert_eq!(told(date(2026, 10, 11), 60), [], "61 days before");
    assert_eq!(told(date(2026, 10, 12), 60), nano(60));
    assert_eq!(told(date(2026, 12, 11), 60), nano(0));
    assert_eq!(told(date(2027, 1, 1), 0), nano(-21), "what is gone stays told");
    let dates: Vec<_> = catalog
        .retirements(date(2026, 11, 21), 60)
        .iter()
        .map(|gone| gone.date)
        .collect();
    assert!(dates.is_sorted() && !dates.is_empty());
}
