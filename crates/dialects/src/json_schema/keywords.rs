//! What the keywords of JSON Schema are for.

/// Annotations that tell a model what is meant: where they cannot be said, the description says them.
const REMARKS: [&str; 4] = ["default", "example", "examples", "format"];

/// Keywords that describe and do not constrain, from all drafts and OpenAPI: losing one changes nothing of
/// what fits. Definitions are among them: what counts is where they are referred to.
const ANNOTATIONS: &[&str] = &[
    "$schema",
    "$id",
    "id",
    "$anchor",
    "$dynamicAnchor",
    "$vocabulary",
    "$comment",
    "$defs",
    "definitions",
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "discriminator",
    "externalDocs",
    "xml",
    // An assertion only where both sides agree on it (JSON Schema 2020-12, "format").
    "format",
    // OpenAI's, not a keyword.
    "strict",
    "propertyOrdering",
];

/// Keywords that say something of values of one type only.
const OF_TYPE: &[(&str, &[&str])] = &[
    (
        "object",
        &[
            "properties",
            "required",
            "additionalProperties",
            "patternProperties",
            "propertyNames",
            "minProperties",
            "maxProperties",
            "propertyOrdering",
        ],
    ),
    (
        "array",
        &[
            "items",
            "prefixItems",
            "minItems",
            "maxItems",
            "uniqueItems",
            "contains",
        ],
    ),
    ("string", &["minLength", "maxLength", "pattern", "format"]),
    (
        "number",
        &[
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "multipleOf",
            "format",
        ],
    ),
    (
        "integer",
        &[
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "multipleOf",
            "format",
        ],
    ),
];

pub(super) fn is_annotation(name: &str) -> bool {
    ANNOTATIONS.contains(&name) || name.starts_with("x-")
}

pub(super) fn is_remark(name: &str) -> bool {
    REMARKS.contains(&name)
}

/// Whether `name` says nothing of values of that type.
pub(super) fn is_of_another_type(name: &str, kind: &str) -> bool {
    let mut owners = OF_TYPE
        .iter()
        .filter(|(_, names)| names.contains(&name))
        .peekable();
    owners.peek().is_some() && owners.all(|(owner, _)| *owner != kind)
}

/// The type whose keywords a schema uses that names none.
pub(super) fn implied_type<'n>(names: impl Iterator<Item = &'n str>) -> Option<&'static str> {
    const TELLING: [(&str, &str); 5] = [
        ("properties", "object"),
        ("additionalProperties", "object"),
        ("required", "object"),
        ("items", "array"),
        ("prefixItems", "array"),
    ];
    let names: Vec<&str> = names.collect();
    let telling = TELLING.into_iter().find(|(name, _)| names.contains(name));
    telling.map(|(_, kind)| kind)
}
