//! Carry one request from HTTP in to HTTP out.
//!
//! [`pipeline`] is the way of a request and reads top to bottom; each station has a file of its
//! name. Not here: how a provider's JSON looks (`tollgate-dialects`), how a model's contract reads
//! (`tollgate-catalog`), where keys are kept (`tollgate-store`).

mod abandoned;
mod admit;
mod attempt;
mod authenticate;
mod body;
mod books;
mod buffered;
mod channel;
mod channel_test;
mod client_address;
mod count;
mod cut_off;
mod endpoints;
mod error;
mod gate;
mod health;
mod idempotency;
mod in_place;
mod inspect;
mod limit_headers;
mod metrics;
mod pipeline;
mod relay;
mod request_id;
mod route;
mod sandbox;
mod server;
mod settle;
mod story;
mod telemetry;
mod validate;

pub use abandoned::AbandonedSettings;
pub use attempt::{fetch::FetchSettings, reasoning::ReasoningStoreSettings};
pub use channel::{Channels, Configured};
pub use channel_test::{ChannelTest, TestFailure, test_channel};
pub use gate::{Gate, GateSettings, SandboxPolicy, Stores};
pub use health::HealthSettings;
pub use idempotency::IdempotencySettings;
pub use inspect::{ChannelState, ModelState};
pub use route::{RoutingSettings, Strategy};
pub use sandbox::SANDBOX;
pub use server::{OperatorRequest, serve, serve_admin};
pub use story::{
    kept::StorySettings,
    told::{ToldAnswer, ToldAttempt, ToldBill, ToldChannel, ToldError, ToldKey, ToldStory, ToldUsage},
};
pub use telemetry::{Telemetry, TelemetryError, TelemetrySettings};
