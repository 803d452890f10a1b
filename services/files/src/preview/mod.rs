//! Previews of links: looked at by the server, shown from the server. A reader's browser never meets the site.

mod address;
mod fetch;
mod html;
pub(crate) mod resolver;

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use aws_lc_rs::digest;
use bytes::Bytes;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};
use url::Url;
use voxlink_protocol::{
    Embed, Timestamp, UserId,
    embed::{EmbedMedia, EmbedProvider},
    files::PreviewLinks,
};
use voxlink_service_kit::{DbError, rate_limit::RateLimiter};

use self::{
    fetch::{Fetched, Fetcher},
    resolver::{Resolve, SystemResolver},
};
use crate::{
    Files,
    attachments::key_text,
    media_type::{self, MediaType, SNIFFED},
    scrub,
    store::{
        blobs,
        previews::{self, StoredImage, UrlHash},
    },
    studio::{Format, Shape},
};

/// For one link, its picture included.
const WITHIN: Duration = Duration::from_secs(5);
/// Of a page: its head is in there, or it is not worth it.
const MOST_PAGE: usize = 1024 * 1024;
/// Of a picture.
const MOST_IMAGE: usize = 5 * 1024 * 1024;
/// The longer side of the copy that is shown.
const IMAGE_SIDE: u32 = 640;
/// What a link led to is remembered this long.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);
/// Links that are looked at together, on the whole server.
const MOST_AT_ONCE: usize = 16;
/// One more waits this long for its turn; then its message stays without a preview.
const TURN_WITHIN: Duration = Duration::from_secs(1);
/// New links of one person: so many at once, then one every so often.
const BURST: u32 = 20;
const ONE_EVERY: Duration = Duration::from_secs(3);
/// Longer ones are not looked at.
const LONGEST_URL: usize = 2048;

/// How links are looked at.
#[derive(Clone, Debug)]
pub struct PreviewConfig {
    /// Finds addresses.
    pub resolver: Arc<dyn Resolve>,
    /// Addresses that may be connected to though they are not of the public internet: for tests.
    pub exceptions: Vec<SocketAddr>,
}

impl Default for PreviewConfig {
    fn default() -> Self {
        Self { resolver: Arc::new(SystemResolver), exceptions: Vec::new() }
    }
}

/// The previewer.
pub(crate) struct Previews {
    fetcher: Fetcher,
    turns: Semaphore,
    limiter: RateLimiter<UserId>,
}

impl fmt::Debug for Previews {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Previews")
    }
}

impl Previews {
    pub(crate) fn new(config: PreviewConfig) -> Self {
        Self {
            fetcher: Fetcher::new(config.resolver, config.exceptions),
            turns: Semaphore::new(MOST_AT_ONCE),
            limiter: RateLimiter::new(BURST, ONE_EVERY),
        }
    }
}

impl Files {
    /// What these links lead to, in their order; what brings nothing is left out.
    pub(crate) async fn preview_links(&self, request: PreviewLinks) -> Vec<Embed> {
        let Some(previews) = &self.inner.previews else { return Vec::new() };
        let mut urls: Vec<Url> = Vec::new();
        for text in request.urls.iter().filter(|text| text.len() <= LONGEST_URL) {
            let Ok(mut url) = Url::parse(text) else { continue };
            url.set_fragment(None);
            if matches!(url.scheme(), "http" | "https") && !urls.contains(&url) {
                urls.push(url);
            }
        }
        urls.truncate(PreviewLinks::MOST);
        let looks = urls.into_iter().map(|url| self.preview(previews, request.user, url));
        futures_util::future::join_all(looks).await.into_iter().flatten().collect()
    }

    async fn preview(&self, previews: &Previews, user: UserId, url: Url) -> Option<Embed> {
        let mut hash: UrlHash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, url.as_str().as_bytes()).as_ref());
        let now = self.inner.env.now();
        let after = Timestamp(now.0.saturating_sub(REMEMBERED.as_millis().try_into().unwrap_or(u64::MAX)));
        let known = self.inner.db.read(move |sql| previews::find(sql, &hash, after)).await;
        match known {
            Ok(Some(known)) => return known,
            Ok(None) => {}
            Err(error) => {
                let _: DbError = error;
                return None;
            }
        }
        if previews.limiter.take(user, self.inner.env.clock.monotonic()).is_err() {
            return None;
        }
        let _turn = timeout(TURN_WITHIN, previews.turns.acquire()).await.ok()?.ok()?;
        let until = Instant::now() + WITHIN;
        let embed = timeout_at(until, self.look(previews, url, until)).await.ok().flatten();
        let remembered = embed.clone();
        let put =
            move |sql: &voxlink_service_kit::Sql<'_>| previews::put(sql, &hash, remembered.as_ref(), now);
        let put: Result<(), DbError> = self.inner.db.write(put).await;
        if let Err(error) = put {
            tracing::warn!(%error, "a preview is not remembered");
        }
        embed
    }

    async fn look(&self, previews: &Previews, url: Url, until: Instant) -> Option<Embed> {
        let fetched = previews.fetcher.fetch(url.clone(), "text/html,image/*;q=0.8", MOST_PAGE).await;
        let fetched = fetched.inspect_err(|error| tracing::debug!(%error, "a link has no preview")).ok()?;
        let head = fetched.body.get(..SNIFFED.min(fetched.body.len())).unwrap_or_default();
        if media_type::sniff(head).and_then(MediaType::picture).is_some() {
            // Beyond a page's bound there may be more of a picture.
            let whole = if fetched.cut {
                previews.fetcher.fetch(fetched.url, "image/*", MOST_IMAGE).await.ok()?
            } else {
                fetched
            };
            let thumbnail = self.keep_image(whole).await?;
            return Some(Embed {
                kind: "image".to_owned(),
                url: Some(url.into()),
                thumbnail: Some(thumbnail),
                ..Embed::default()
            });
        }
        let is_html =
            ["text/html", "application/xhtml+xml"].iter().any(|kind| fetched.content_type.starts_with(kind));
        if !is_html {
            return None;
        }
        let address = fetched.url;
        let page = {
            let (body, content_type, address) = (fetched.body, fetched.content_type, address.clone());
            let read = move || html::read(&body, &content_type, &address);
            tokio::task::spawn_blocking(read).await.ok()?
        };
        page.title.as_ref()?;
        let thumbnail = match page.image {
            Some(image) => {
                let image = async {
                    let fetched = previews.fetcher.fetch(image, "image/*", MOST_IMAGE).await.ok()?;
                    self.keep_image(fetched).await
                };
                // A picture that does not come in time does not keep the words from being shown.
                timeout_at(until - Duration::from_millis(100), image).await.ok().flatten()
            }
            None => None,
        };
        let site = page.site.or_else(|| address.host_str().map(str::to_owned));
        Some(Embed {
            kind: if page.large { "article" } else { "link" }.to_owned(),
            title: page.title,
            description: page.description,
            url: Some(url.into()),
            color: page.color,
            provider: Some(EmbedProvider { name: site, url: None }),
            thumbnail,
            ..Embed::default()
        })
    }

    /// Draws a picture anew and keeps the copy; the same picture once.
    async fn keep_image(&self, fetched: Fetched) -> Option<EmbedMedia> {
        if fetched.cut {
            return None;
        }
        let source = fetched.url;
        let sha256 = digest::digest(&digest::SHA256, &fetched.body).as_ref().to_vec();
        let known = sha256.clone();
        let known: Result<_, DbError> =
            self.inner.db.read(move |sql| previews::image_with(sql, &known)).await;
        if let Some(known) = known.ok()? {
            return Some(self.media(&known, source));
        }
        let body: Bytes = fetched.body;
        let looked = tokio::task::spawn_blocking(move || {
            let head = body.get(..SNIFFED.min(body.len())).unwrap_or_default();
            let kind = media_type::sniff(head)?.picture()?;
            let mut clean = std::io::Cursor::new(Vec::with_capacity(body.len()));
            let picture = scrub::scrub(kind, &body[..], &mut clean).ok()?;
            Some((kind, Bytes::from(clean.into_inner()), (picture.width, picture.height)))
        });
        let (kind, clean, size) = looked.await.ok()??;
        let shape = Shape::Within(IMAGE_SIDE);
        let drawn = self.inner.studio.draw(kind, clean, size, shape, Format::WebP).await.ok()?;
        let (width, height) = (drawn.width, drawn.height);
        let (blob, bytes) = self.write_bytes(drawn.bytes).await.ok()?;
        let now = self.inner.env.now();
        let image = StoredImage {
            id: self.inner.ids.next(now),
            key: self.inner.env.bytes::<16>().to_vec(),
            blob,
            width,
            height,
            seen_at: now,
        };
        let row = image.clone();
        let kept: Result<StoredImage, DbError> = self
            .inner
            .db
            .write(move |sql| {
                if previews::insert_image(sql, &row, &sha256)? && blobs::keep(sql, &row.blob, bytes)? {
                    return Ok(row);
                }
                // Someone else was faster with the same picture.
                blobs::doom(sql, &row.blob)?;
                previews::image_with(sql, &sha256)?
                    .ok_or_else(|| DbError::Other("a new blob was collected".to_owned()))
            })
            .await;
        Some(self.media(&kept.ok()?, source))
    }

    fn media(&self, image: &StoredImage, source: Url) -> EmbedMedia {
        let base = &self.inner.config.public_url;
        let copy = format!("{base}/cdn/previews/{}.webp?k={}", image.id, key_text(&image.key));
        EmbedMedia {
            url: Some(source.into()),
            proxy_url: Some(copy),
            width: Some(image.width),
            height: Some(image.height),
        }
    }
}
