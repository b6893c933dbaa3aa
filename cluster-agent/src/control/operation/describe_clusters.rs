//! DescribeClusters.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Context, check_filters, page, passes};
use crate::control::cluster::{Cluster, put};
use crate::control::error::Refusal;
use crate::control::validate::{NEXT_TOKEN, max_results, request};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    #[serde(default)]
    filters: BTreeMap<String, Vec<String>>,
    next_token: Option<String>,
    max_results: Option<i64>,
}

pub(super) fn run(context: &Context<'_>, body: &Map<String, Value>) -> Result<Value, Refusal> {
    let request: Request = request(body)?;
    let max = max_results(request.max_results, 25)?;
    let token = NEXT_TOKEN.optional("NextToken", request.next_token)?;
    check_filters(&request.filters, &["clusterIds", "vpcIds", "states"])?;
    context.plane.catalog.transact(|db| {
        let mut clusters = Cluster::visible(db, context.account, context.region, context.now)?;
        clusters.retain(|cluster| {
            passes(&request.filters, "clusterIds", &cluster.id)
                && passes(&request.filters, "vpcIds", &cluster.vpc)
                && passes(&request.filters, "states", cluster.state.word())
        });
        let (clusters, next) = page(clusters, max, token.as_deref(), |cluster| cluster.seq.to_string())?;
        let shapes = clusters.iter().map(|cluster| cluster.shape(db)).collect::<Result<Vec<_>, _>>()?;
        let mut answer = json!({"Clusters": shapes});
        put(&mut answer, "NextToken", next);
        Ok(answer)
    })
}
