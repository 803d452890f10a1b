//! Sends a blob so that a browser can do no more with it than it should: by type, in ranges, kept for ever.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use voxlink_protocol::{ErrorCode, Problem};
use voxlink_service_kit::{
    ApiError,
    http::range::{Asked, asked_range},
};

use crate::{Files, blobs::BlobName, filename::disposition};

/// A blob never changes: its name is its version. Not for proxies: an address may be a secret.
const FOR_EVER: &str = "private, max-age=31536000, immutable";
/// Should a browser open it as a page after all: no script, no request, no origin.
const SANDBOX: &str = "sandbox; default-src 'none'";

/// What is sent.
pub(super) struct Served {
    pub(super) blob: BlobName,
    /// Bytes, when they are known already.
    pub(super) size: Option<u64>,
    pub(super) content_type: &'static str,
    pub(super) filename: Option<String>,
    /// May be shown in place.
    pub(super) inline: bool,
}

pub(super) async fn serve(files: &Files, served: Served, asked: &HeaderMap) -> Result<Response, ApiError> {
    let tag = format!("\"{}\"", served.blob.as_str());
    let size = match served.size {
        Some(size) => size,
        None => files.inner.blobs.size(&served.blob).await.map_err(super::StorageError::into_api)?,
    };
    let known = header_text(asked, &header::IF_NONE_MATCH).is_some_and(|tags| {
        tags == "*" || tags.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)
    });
    let same = header_text(asked, &header::IF_RANGE).is_none_or(|wanted| wanted == tag);
    let range = header_text(asked, &header::RANGE).filter(|_| same).map(|text| asked_range(text, size));
    let (status, range) = match range {
        _ if known => (StatusCode::NOT_MODIFIED, 0..0),
        None | Some(Asked::Ignored) => (StatusCode::OK, 0..size),
        Some(Asked::Part(range)) => (StatusCode::PARTIAL_CONTENT, range),
        Some(Asked::Nothing) => {
            let problem = Problem::new(ErrorCode::General, "416: Range Not Satisfiable");
            return Err(ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, problem));
        }
    };
    let stream =
        files.inner.blobs.stream(&served.blob, range.clone()).await.map_err(super::StorageError::into_api)?;
    let mut response = Response::new(Body::from_stream(stream));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let mut put = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put(header::CONTENT_TYPE, served.content_type);
    put(header::ETAG, &tag);
    put(header::CACHE_CONTROL, FOR_EVER);
    put(header::ACCEPT_RANGES, "bytes");
    put(header::CONTENT_SECURITY_POLICY, SANDBOX);
    put(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    put(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    let kind = if served.inline { "inline" } else { "attachment" };
    match &served.filename {
        Some(name) => put(header::CONTENT_DISPOSITION, &disposition(kind, name)),
        None => put(header::CONTENT_DISPOSITION, kind),
    }
    if status == StatusCode::PARTIAL_CONTENT {
        put(header::CONTENT_RANGE, &format!("bytes {}-{}/{size}", range.start, range.end.saturating_sub(1)));
    }
    if status != StatusCode::NOT_MODIFIED {
        put(header::CONTENT_LENGTH, &(range.end - range.start).to_string());
    }
    Ok(response)
}

fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
