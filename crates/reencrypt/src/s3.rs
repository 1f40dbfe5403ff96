//! Objects of S3, and of what speaks like it.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{
    Error, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions,
    UpdateVersion,
};

use crate::source::{Change, Found, Object, Replaced, Source, SourceError};

/// What is longer is no ciphertext that a service would take.
const LONGEST: u64 = 64 << 20;
/// Objects of one batch that are written at the same time.
const AT_ONCE: usize = 8;

/// The objects of a bucket below a prefix.
pub struct S3Objects {
    store: Arc<dyn ObjectStore>,
    bucket: String,
    prefix: Option<Path>,
}

impl S3Objects {
    /// `s3://BUCKET/PREFIX`: the object of that name, and all below it. Region, credentials and
    /// endpoint come from `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL` and the like, a web
    /// identity, or what containers and machines are given.
    pub fn open(url: &str) -> Result<Self, SourceError> {
        Self::with(url, AmazonS3Builder::from_env())
    }

    /// The same at a service and with an access key that are told.
    pub fn at(
        url: &str,
        endpoint: &str,
        region: &str,
        (id, secret): (&str, &str),
    ) -> Result<Self, SourceError> {
        let builder = AmazonS3Builder::new().with_endpoint(endpoint).with_region(region);
        Self::with(url, builder.with_access_key_id(id).with_secret_access_key(secret))
    }

    fn with(url: &str, builder: AmazonS3Builder) -> Result<Self, SourceError> {
        let bad = |why: String| SourceError::BadTarget { target: url.to_owned(), why };
        let rest = url.strip_prefix("s3://").unwrap_or_default();
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(bad("write s3://BUCKET/PREFIX".to_owned()));
        }
        let prefix = prefix.trim_end_matches('/');
        let prefix = (!prefix.is_empty()).then(|| Path::parse(prefix)).transpose();
        let prefix = prefix.map_err(|error| bad(error.to_string()))?;
        let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint).unwrap_or_default();
        let here = ["http://127.0.0.1", "http://localhost", "http://[::1]"]
            .iter()
            .any(|here| endpoint.starts_with(here));
        let builder = builder.with_bucket_name(bucket).with_allow_http(here);
        let store = Arc::new(builder.build().map_err(|error| bad(error.to_string()))?);
        Ok(Self { store, bucket: bucket.to_owned(), prefix })
    }

    /// The object that has the prefix itself for a name.
    async fn itself(&self) -> Result<Option<ObjectMeta>, SourceError> {
        let Some(prefix) = &self.prefix else { return Ok(None) };
        match self.store.head(prefix).await {
            Ok(meta) => Ok(Some(meta)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("looking for an object")(error)),
        }
    }

    async fn change(&self, change: &Change) -> Result<Replaced, SourceError> {
        let path = path(&change.id)?;
        let unfit = |why| SourceError::Unfit { id: change.id.clone(), why };
        let e_tag = change.old.mark.clone();
        let e_tag = e_tag.ok_or_else(|| unfit("the service told no ETag to compare with"))?;
        // What describes the object goes over with it.
        let old = match self.store.get(&path).await {
            Ok(old) if old.meta.e_tag.as_deref() == Some(e_tag.as_str()) => old,
            Ok(_) | Err(Error::NotFound { .. }) => return Ok(Replaced::Changed),
            Err(error) => return Err(failed("reading an object")(error)),
        };
        let options = PutOptions {
            mode: PutMode::Update(UpdateVersion { e_tag: Some(e_tag), version: None }),
            attributes: old.attributes.clone(),
            ..PutOptions::default()
        };
        match self.store.put_opts(&path, change.new.clone().into(), options).await {
            Ok(_) => Ok(Replaced::Done),
            Err(Error::Precondition { .. } | Error::NotFound { .. }) => Ok(Replaced::Changed),
            Err(error) => Err(failed("writing an object")(error)),
        }
    }
}

fn path(id: &str) -> Result<Path, SourceError> {
    let bad =
        |_| SourceError::Unfit { id: id.to_owned(), why: "its name is none that can be kept" };
    Path::parse(id).map_err(bad)
}

fn failed(what: &'static str) -> impl FnOnce(Error) -> SourceError {
    move |source| SourceError::Store { what, source: Box::new(source) }
}

fn object(meta: &ObjectMeta) -> Object {
    Object { id: meta.location.to_string(), found: None }
}

async fn found(read: GetResult) -> Result<Found, SourceError> {
    let mark = read.meta.e_tag.clone();
    let bytes = read.bytes().await.map_err(failed("reading an object"))?;
    Ok(Found { bytes: bytes.to_vec(), mark })
}

#[async_trait]
impl Source for S3Objects {
    fn name(&self) -> String {
        let prefix = self.prefix.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("s3://{}/{prefix}", self.bucket)
    }

    fn scope(&self) -> String {
        format!("s3://{}/", self.bucket)
    }

    /// Listing is the only way to know.
    async fn count(&self) -> Result<Option<u64>, SourceError> {
        Ok(None)
    }

    async fn page(&self, after: Option<&str>, limit: usize) -> Result<Vec<Object>, SourceError> {
        let mut page = Vec::new();
        let listed = match after {
            None => {
                page.extend(self.itself().await?.as_ref().map(object));
                self.store.list(self.prefix.as_ref())
            }
            Some(after) => self.store.list_with_offset(self.prefix.as_ref(), &path(after)?),
        };
        let rest = limit.saturating_sub(page.len());
        let listed: Vec<ObjectMeta> =
            listed.take(rest).try_collect().await.map_err(failed("listing objects"))?;
        page.extend(listed.iter().map(object));
        Ok(page)
    }

    async fn read(&self, id: &str) -> Result<Option<Found>, SourceError> {
        match self.store.get(&path(id)?).await {
            Ok(read) if read.meta.size > LONGEST => Err(SourceError::Unfit {
                id: id.to_owned(),
                why: "it is too long for a ciphertext",
            }),
            Ok(read) => found(read).await.map(Some),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("reading an object")(error)),
        }
    }

    async fn replace(&self, changes: Vec<Change>) -> Vec<Result<Replaced, SourceError>> {
        stream::iter(changes)
            .map(async |change| self.change(&change).await)
            .buffered(AT_ONCE)
            .collect()
            .await
    }
}
