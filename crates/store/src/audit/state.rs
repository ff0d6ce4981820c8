//! Things as the audit log describes them: what can be set at them, and no secret.

use serde_json::{Value, json};
use tollgate_catalog::channel::ChannelName;
use tollgate_ledger::{Account, ApiKey, Limits, PerMinute, api_key::ChannelNames};

use crate::operators::Operator;

pub(crate) fn account(account: &Account) -> Value {
    json!({
        "unlimited": account.unlimited,
        "price_multiplier": account.multiplier.to_string(),
        "limits": limits(&account.limits),
    })
}

pub(crate) fn key(key: &ApiKey) -> Value {
    let settings = &key.settings;
    let names = |names: &ChannelNames| names.iter().map(ChannelName::to_string).collect::<Vec<_>>();
    let models = settings.models.named();
    json!({
        "prefix": key.prefix.as_str(),
        "account": settings.account,
        "enabled": settings.enabled,
        "expires": settings.expires.map(|end| end.to_string()),
        "revoked": key.revoked.map(|end| end.to_string()),
        "models": models.map(|ids| ids.iter().map(|id| id.as_str()).collect::<Vec<_>>()),
        "channels": settings.channels.only.as_ref().map(names),
        "not_channels": settings.channels.not.as_ref().map(names).unwrap_or_default(),
        "allow_ip": settings.networks.named().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "limits": limits(&settings.limits),
        "reserve": settings.reserve.as_str(),
        "strict_parameters": settings.strict_parameters,
    })
}

pub(crate) fn operator(operator: &Operator) -> Value {
    json!({
        "role": operator.role.as_str(),
        "enabled": operator.enabled,
        "password": operator.has_password(),
    })
}

fn limits(limits: &Limits) -> Value {
    json!({
        "requests_per_minute": limits.requests_per_minute.map(PerMinute::get),
        "tokens_per_minute": limits.tokens_per_minute.map(PerMinute::get),
        "concurrency": limits.concurrency,
        "budget": limits.budget.map(|budget| json!({
            "amount": budget.amount.to_string(),
            "per": budget.per.as_str(),
        })),
    })
}
