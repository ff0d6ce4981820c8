//! Makes a [`Catalog`] out of text: the built-in files, then an operator's own over them.
//!
//! Files are read value by value ([`read`]), laid over each other ([`layer`]) and only then checked
//! as a whole ([`resolve`]), so that an operator's file may change a single figure. Everything that
//! is wrong is reported at once, each with file, line and field.
//! Not here: opening files; whoever calls does that.

use crate::{catalog::Catalog, contract::Contract};

mod fields;
mod layer;
mod problem;
mod read;
mod resolve;

pub use problem::{CatalogErrors, Problem};

use layer::Layer;
use problem::Problems;

/// One file: its name for error messages, and its content.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

/// A file of the folder `catalog/`, compiled in.
macro_rules! embedded {
    ($name:literal) => {
        Source {
            file: concat!("catalog/", $name),
            text: include_str!(concat!("../../../catalog/", $name)),
        }
    };
}

const CONTRACTS: &[Source<'static>] = &[
    embedded!("contracts/general.toml"),
    embedded!("contracts/gemini.toml"),
    embedded!("contracts/qwen3.6-flash.toml"),
    embedded!("contracts/deepseek-v4-flash.toml"),
    embedded!("contracts/doubao-vision.toml"),
];

const BUILT_IN: &[Source<'static>] = &[
    embedded!("providers.toml"),
    embedded!("anthropic.toml"),
    embedded!("openai.toml"),
    embedded!("google.toml"),
    embedded!("xai.toml"),
    embedded!("deepseek.toml"),
    embedded!("alibaba.toml"),
    embedded!("bytedance.toml"),
    embedded!("minimax.toml"),
    embedded!("moonshot.toml"),
    embedded!("zhipu.toml"),
];

/// The catalogue that is compiled in.
pub fn builtin() -> Result<Catalog, CatalogErrors> {
    with_files(&[])
}

/// The built-in catalogue with an operator's files over it, the last one on top: a file adds
/// models, providers and quirk sets, or overrides single values of those that are there.
pub fn with_files(operator: &[Source<'_>]) -> Result<Catalog, CatalogErrors> {
    from_layers(BUILT_IN, operator)
}

/// Within `base` nothing may be given twice; each of `over` is laid over what came before it.
fn from_layers(base: &[Source<'_>], over: &[Source<'_>]) -> Result<Catalog, CatalogErrors> {
    let problems = Problems::default();
    let mut contracts = Vec::new();
    for source in CONTRACTS {
        match Contract::from_toml(source.file, source.text) {
            Ok(contract) => contracts.push(contract),
            Err(error) => problems.add_contract_error(error),
        }
    }
    let mut whole = Layer::default();
    for source in base {
        read::file(*source, &mut whole, &problems);
    }
    for source in over {
        let mut layer = Layer::default();
        read::file(*source, &mut layer, &problems);
        whole.lay(layer);
    }
    if !problems.is_empty() {
        resolve::references(&whole, &contracts, &problems);
    }
    // A value that could not be read would be reported a second time, as missing.
    problems.into_result()?;
    resolve::catalog(whole, contracts)
}

#[cfg(test)]
mod tests;
