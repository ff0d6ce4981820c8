//! The catalogue that is compiled in, against the pages and the notes it was written from.

use super::*;
use crate::{dialect_name::DialectName, thinking::Effort};

/// The IDs of seed page 001, in its order.
const GENERAL_PAGE: &str = "
    claude-sonnet-4-6 claude-sonnet-4-5-20250929 claude-sonnet-4-20250514 claude-opus-4-6
    claude-opus-4-5-20251101 claude-opus-4-1-20250805 claude-opus-4-20250514
    claude-haiku-4-5-20251001 claude-3-7-sonnet-20250219 claude-3-5-sonnet-20241022 gpt-5-4
    gpt-5-3-codex gpt-5-2 gpt-5-2-chat gpt-5-2-chat-latest gpt-5-2-codex gpt-5-1 gpt-5-1-chat
    gpt-5-1-chat-latest gpt-5-1-codex-mini gpt-5 gpt-5-chat-latest gpt-5-pro gpt-5-codex
    gpt-5-codex-high gpt-5-codex-low gpt-5-mini gpt-5-nano gpt-4o gpt-4o-mini gpt-4-1 gpt-4
    deepseek-v3-2-speciale deepseek-v3-2 deepseek-v3-2-exp deepseek-v3-2-251201
    deepseek-v3-1-terminus deepseek-v3-1 deepseek-v3 qwen3.5-397b-a17b qwen3-coder-next qwen3-coder
    qwen3-235b-a22b qwen3-32b qwen3-14b qwen2.5-72b-instruct doubao-seed-2.0-pro
    doubao-seed-2.0-code doubao-seed-2.0-lite doubao-seed-2.0-mini doubao-seed-1-8-251228
    doubao-seed-1-6-flash-250828 doubao-seed-1-6-251015 doubao-seed-1-6-lite-251015
    doubao-seed-1-6-vision-250815 minimax-m2.5 minimax-m2.1 kimi-k2.5 grok-3 grok-3-mini
    grok-4-fast-reasoning grok-4-fast-non-reasoning grok-4-1-fast-reasoning
    grok-4-1-fast-non-reasoning gemini-3.1-pro-preview gemini-3.1-flash-image-preview
    gemini-3-pro-preview gemini-3-flash-preview gemini-2.5-pro gemini-2.5-flash gemini-2.0-flash
    glm-4-7-251222";
/// The IDs of seed page 003.
const GEMINI_PAGE: &str = "
    gemini-3.1-pro-preview gemini-3.1-flash-image-preview gemini-3.1-flash-lite-preview
    gemini-3-pro-preview gemini-3-pro-image-preview gemini-3-flash-preview gemini-2.5-pro
    gemini-2.5-flash gemini-2.5-flash-lite gemini-2.0-flash";

fn catalog() -> Catalog {
    builtin().unwrap_or_else(|errors| panic!("{errors}"))
}

fn at(catalog: &Catalog, model: &str, provider: &str) -> Serving {
    let provider = catalog.provider(provider).expect("a provider");
    let model = catalog.model(model).expect("a model");
    assert!(
        model
            .servings
            .iter()
            .any(|serving| serving.provider == provider.name),
        "{} is not served by {}",
        model.id,
        provider.name
    );
    (*catalog.serving(model.id.as_str(), provider)).clone()
}

#[test]
fn every_id_of_the_five_pages_has_the_contract_of_its_most_specific_page() {
    let catalog = catalog();
    let own_pages = [
        ("qwen3.6-flash", "qwen3.6-flash"),
        ("deepseek-v4-flash", "deepseek-v4-flash"),
        ("doubao-seed-1-6-vision-250815", "doubao-vision"),
    ];
    let mut expected: std::collections::BTreeMap<&str, &str> = GENERAL_PAGE
        .split_whitespace()
        .map(|id| (id, "general"))
        .collect();
    assert_eq!(expected.len(), 72, "the general page lists 72 models");
    expected.extend(GEMINI_PAGE.split_whitespace().map(|id| (id, "gemini")));
    expected.extend(own_pages);
    let loaded: std::collections::BTreeMap<&str, &str> = catalog
        .models()
        .iter()
        .map(|model| (model.id.as_str(), &*model.contract.name))
        .collect();
    assert_eq!(loaded, expected);
}

#[test]
fn every_model_has_a_provider_of_its_own_and_anyfast_after_it() {
    for model in catalog().models() {
        let providers: Vec<_> = model.servings.iter().map(|serving| &*serving.provider).collect();
        assert!(providers.len() >= 2, "{}: {providers:?}", model.id);
        assert_eq!(providers.last(), Some(&"anyfast"), "{}", model.id);
        assert_eq!(&*model.servings.last().unwrap().upstream_id, model.id.as_str());
    }
}

#[test]
fn every_price_limit_and_date_has_a_source() {
    for model in catalog().models() {
        for serving in &model.servings {
            let figures = serving.price.is_some() || serving.retires.is_some();
            assert!(
                !figures || !serving.source.is_empty(),
                "{} at {}",
                model.id,
                serving.provider
            );
        }
        let limits = model.context.is_some() || model.max_output.is_some();
        let sourced = model.servings.iter().any(|serving| !serving.source.is_empty());
        assert!(!limits || sourced, "{}", model.id);
    }
}

#[test]
fn every_column_has_a_row_in_the_readme() {
    let readme = include_str!("../../../../../catalog/README.md");
    for column in Quirks::columns() {
        assert!(
            readme.contains(&format!("`{column}`")),
            "{column} is not explained"
        );
    }
}

/// Wire notes, section 14.
#[test]
fn upstream_ids_and_dialects_are_those_of_the_wire_notes() {
    let catalog = catalog();
    let upstream = |model, provider| at(&catalog, model, provider).upstream_id.to_string();
    assert_eq!(upstream("gpt-5-4", "openai"), "gpt-5.4");
    assert_eq!(upstream("gpt-5-1-chat", "openai"), "gpt-5.1-chat-latest");
    assert_eq!(upstream("gpt-5-codex-high", "openai"), "gpt-5-codex");
    assert_eq!(
        upstream("gemini-3-pro-preview", "gemini"),
        "gemini-3.1-pro-preview"
    );
    assert_eq!(
        upstream("doubao-seed-2.0-code", "ark"),
        "doubao-seed-2-0-code-preview-260215"
    );
    assert_eq!(upstream("minimax-m2.5", "minimax"), "MiniMax-M2.5");
    assert_eq!(upstream("glm-4-7-251222", "zhipu"), "glm-4.7");
    assert_eq!(upstream("glm-4-7-251222", "ark"), "glm-4-7-251222");
    assert_eq!(upstream("deepseek-v3-2-exp", "dashscope"), "deepseek-v3.2-exp");
    for model in [
        "gpt-5-pro",
        "gpt-5-codex",
        "gpt-5-codex-low",
        "gpt-5-1-codex-mini",
        "gpt-5-2-codex",
        "gpt-5-3-codex",
    ] {
        assert_eq!(
            at(&catalog, model, "openai").dialect,
            DialectName::OpenaiResponses,
            "{model}"
        );
    }
    assert_eq!(at(&catalog, "gpt-5-4", "openai").dialect, DialectName::OpenaiChat);
}

/// Wire notes, sections 1 and 2.
#[test]
fn openais_reasoning_models_take_no_stop_and_have_their_own_efforts() {
    let catalog = catalog();
    let quirks = |model| at(&catalog, model, "openai").quirks;
    let gpt_5 = quirks("gpt-5-mini");
    assert_eq!(
        (gpt_5.stop_max, gpt_5.temperature, gpt_5.thinking_optional),
        (0, None, false)
    );
    assert_eq!(gpt_5.default_effort, Some(Effort::Medium));
    let gpt_5_4 = quirks("gpt-5-4");
    assert_eq!(gpt_5_4.default_effort, Some(Effort::None));
    assert!(gpt_5_4.efforts.contains(&Effort::Xhigh) && !gpt_5_4.efforts.contains(&Effort::Minimal));
    assert!(gpt_5_4.temperature.is_some());
    assert_eq!(quirks("gpt-5-codex-high").id_effort, Some(Effort::High));
    assert_eq!(quirks("gpt-4o").stop_max, 4);
}

/// Wire notes, sections 7 to 13.
#[test]
fn other_providers_quirks_are_those_of_the_wire_notes() {
    let catalog = catalog();
    let deepseek = at(&catalog, "deepseek-v4-flash", "deepseek").quirks;
    assert!(deepseek.thinks_by_default && deepseek.images == MediaSource::None);
    assert_eq!(
        deepseek.tool_choices_while_thinking,
        [ToolChoiceForm::Auto, ToolChoiceForm::None]
    );
    let qwen = at(&catalog, "qwen3.6-flash", "dashscope").quirks;
    assert_eq!(qwen.temperature.map(|range| range.nearest(2.0)), Some(1.99));
    assert!(qwen.fold_thinking_stream && !qwen.tool_choices.contains(&ToolChoiceForm::Required));
    let doubao = at(&catalog, "doubao-seed-1-6-251015", "ark").quirks;
    assert_eq!(
        (doubao.stop_max, doubao.default_effort),
        (0, Some(Effort::Medium))
    );
    let kimi = at(&catalog, "kimi-k2.5", "moonshot").quirks;
    assert_eq!(
        (kimi.temperature, kimi.n_max, kimi.images),
        (None, 1, MediaSource::Data)
    );
    let minimax = at(&catalog, "minimax-m2.1", "minimax").quirks;
    assert!(minimax.think_tags && !minimax.thinking_optional && minimax.response_formats.is_empty());
    assert_eq!(minimax.send["reasoning_split"], toml::Value::Boolean(true));
    assert_eq!(minimax.temperature.map(|range| range.nearest(0.0)), Some(0.01));
    let grok = at(&catalog, "grok-4-fast-reasoning", "xai").quirks;
    assert!(grok.usage_excludes_reasoning && grok.stop_max == 0);
    let glm = at(&catalog, "glm-4-7-251222", "zhipu").quirks;
    assert_eq!((glm.stop_max, glm.tool_choices), (1, vec![ToolChoiceForm::Auto]));
}

/// DESIGN section 3: who stops billing when a call is cancelled.
#[test]
fn only_providers_that_stop_billing_have_their_calls_cancelled() {
    let catalog = catalog();
    let stop: Vec<_> = catalog
        .providers()
        .filter(|provider| provider.abort_stops_billing)
        .map(|provider| &*provider.name)
        .collect();
    assert_eq!(
        stop,
        [
            "anthropic",
            "deepseek",
            "local",
            "openai",
            "openai-compatible",
            "xai"
        ]
    );
}

/// `https://developers.openai.com/api/docs/pricing`, `https://ai.google.dev/gemini-api/docs/pricing`
/// and `https://api-docs.deepseek.com/quick_start/pricing`, as in litellm-1.109.1.
#[test]
fn prices_are_those_of_the_providers_pages() {
    let catalog = catalog();
    let nanos = |model, provider, prompt, cached, completion, moment: &str| {
        let usage = tollgate_chat::usage::Usage {
            prompt,
            cached,
            completion,
            ..Default::default()
        };
        let price = at(&catalog, model, provider).price.expect("a price");
        price
            .cost(
                &Spent {
                    usage,
                    ..Spent::default()
                },
                moment.parse().unwrap(),
            )
            .map(Money::nanos)
    };
    let wednesday = "2026-11-18T08:00:00Z";
    assert_eq!(
        nanos("gpt-4o", "openai", 10, 4, 2, wednesday),
        Ok(6 * 2500 + 4 * 1250 + 2 * 10_000)
    );
    assert_eq!(
        nanos("gpt-5-4", "openai", 272_001, 0, 0, wednesday),
        Ok(272_001 * 5000)
    );
    assert_eq!(
        nanos("gemini-2.5-pro", "gemini", 200_000, 0, 1, wednesday),
        Ok(200_000 * 1250 + 10_000)
    );
    assert_eq!(
        nanos("deepseek-v4-flash", "deepseek", 10, 5, 1, wednesday),
        Ok(5 * 300 + 5 * 6 + 1200)
    );
    let off_peak = "2026-11-18T23:30:00Z";
    assert_eq!(
        nanos("deepseek-v4-flash", "deepseek", 10, 5, 1, off_peak),
        Ok(5 * 150 + 5 * 3 + 600)
    );
    let sunday = "2026-11-22T08:00:00Z";
    assert_eq!(
        nanos("deepseek-v4-flash", "deepseek", 10, 5, 1, sunday),
        Ok(5 * 150 + 5 * 3 + 600)
    );
}

#[test]
fn a_price_that_nobody_published_is_unknown() {
    let catalog = catalog();
    for (model, provider) in [
        ("glm-4-7-251222", "ark"),
        ("deepseek-v3-2", "dashscope"),
        ("gpt-4o", "anyfast"),
    ] {
        assert_eq!(at(&catalog, model, provider).price, None, "{model} at {provider}");
    }
}
