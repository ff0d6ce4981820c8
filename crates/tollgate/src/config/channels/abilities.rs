//! What a channel can do with single models, where that is less than the catalogue says, or the catalogue says nothing.

use std::{collections::BTreeMap, num::NonZeroU64, sync::Arc};

use serde::Deserialize;
use tollgate_catalog::{
    model::{Modalities, ModelId},
    serving::Serving,
};
use toml::Spanned;

use crate::config::{
    mistake::{Mistake, Mistakes},
    nearest::nearest,
};

/// What is left out is as the catalogue has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbilitiesTable {
    context: Option<NonZeroU64>,
    reads: Option<Vec<Kind>>,
    tools: Option<bool>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Text,
    Image,
    Video,
    Audio,
    File,
}

/// Takes away from `served` what the channel cannot do. `None`: a model that it does not serve, which was added to
/// `mistakes`.
pub fn apply(
    written: BTreeMap<Spanned<String>, AbilitiesTable>,
    served: &mut BTreeMap<ModelId, Arc<Serving>>,
    mistakes: &mut Mistakes<'_>,
) -> Option<()> {
    let mut all_fit = true;
    for (model, table) in written {
        let Some(serving) = served.get_mut(model.get_ref().as_str()) else {
            let known = served.keys().map(ModelId::as_str);
            let nearest = nearest(model.get_ref(), known).map(str::to_owned);
            let start = model.span().start;
            let model = model.into_inner();
            mistakes.add(start, Mistake::ModelNotServed { model, nearest });
            all_fit = false;
            continue;
        };
        let serving = Arc::make_mut(serving);
        if let Some(context) = table.context {
            serving.context = Some(context.get());
        }
        if let Some(kinds) = table.reads {
            serving.reads_only(&Modalities {
                image_input: kinds.contains(&Kind::Image),
                video_input: kinds.contains(&Kind::Video),
                audio_input: kinds.contains(&Kind::Audio),
                file_input: kinds.contains(&Kind::File),
                image_output: false,
            });
        }
        if table.tools == Some(false) {
            serving.takes_no_tools();
        }
    }
    all_fit.then_some(())
}
