//! What is written of a channel, for the description: the configuration's own rules judge it.

use serde_json::Value;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{Object, Schema},
    },
};

/// Settings to change, as in `ChannelWrite`; null takes one back to its default.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "what is written is judged by the configuration's own rules"
)]
pub(crate) struct ChannelUpdate {
    provider: Option<String>,
    base_url: Option<String>,
    /// The credential. Kept sealed, and never told again; to be given anew where requests are to go elsewhere.
    api_key: Option<String>,
    models: Option<Vec<String>>,
    #[schema(value_type = Option<Object>)]
    model_ids: Option<Value>,
    #[schema(minimum = 0)]
    priority: Option<u32>,
    #[schema(minimum = 1)]
    weight: Option<u32>,
    /// Kept sealed, as headers are.
    proxy: Option<String>,
    #[schema(minimum = 1)]
    connect_timeout_ms: Option<u64>,
    #[schema(minimum = 1)]
    first_byte_timeout_ms: Option<u64>,
    #[schema(minimum = 1)]
    idle_timeout_ms: Option<u64>,
    #[schema(minimum = 1)]
    total_timeout_ms: Option<u64>,
    #[schema(value_type = Option<Object>)]
    model_timeouts: Option<Value>,
    #[schema(value_type = Option<Object>)]
    model_limits: Option<Value>,
    speed_floor: Option<u32>,
    #[schema(minimum = 1)]
    concurrency: Option<u32>,
    #[schema(value_type = Option<Object>)]
    headers: Option<Value>,
    /// False: it is kept, and not used.
    enabled: Option<bool>,
    provider_files: Option<bool>,
    #[schema(value_type = Option<Object>)]
    prices: Option<Value>,
    allow_unpriced: Option<bool>,
}

/// The settings of a new channel: what may be changed later, and what has to be there.
pub(crate) struct ChannelWrite;

#[derive(ToSchema)]
#[expect(dead_code, reason = "as above")]
struct Required {
    /// 1 to 64 letters, digits, `-`, `_` and `.`; cannot be changed.
    name: String,
    #[schema(example = "openai")]
    provider: String,
}

impl PartialSchema for ChannelWrite {
    fn schema() -> RefOr<Schema> {
        let (mut object, required) = (object(ChannelUpdate::schema()), object(Required::schema()));
        object.properties.extend(required.properties);
        object.required = required.required;
        let told = "The settings of `[[channels]]`, by the same names and with the same defaults and rules; see the \
                    operating guide.";
        object.description = Some(told.to_owned());
        object.into()
    }
}

impl ToSchema for ChannelWrite {}

/// What a struct's schema is.
fn object(schema: RefOr<Schema>) -> Object {
    match schema {
        RefOr::T(Schema::Object(object)) => object,
        _ => Object::default(),
    }
}
