//! `multipart/form-data` of v10: messages whose files come in the same request. The files are stored as they arrive,
//! and chat gets a JSON body that names them: it never sees a part.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use futures_util::Stream;
use multer::{Constraints, Field, Multipart, SizeLimit};
use serde_json::{Map, Value, json};
use tokio::time::timeout;
use voxlink_protocol::{AttachmentId, ChannelId, ErrorCode, FieldErrors, Problem, UserId};
use voxlink_service_kit::{ApiError, Patience};

use crate::{
    Files,
    attachments::MOST_PER_MESSAGE,
    http::TO_STORE,
    receive::SILENCE,
    upload::{UploadError, Uploader},
};

/// All parts that are not files, together: as much as a JSON body may have.
const MOST_FORM: usize = 1024 * 1024;
/// Parts that are not files. v10 knows a dozen.
const MOST_FIELDS: usize = 32;
/// Bytes between two parts: a boundary, a few headers, and what the network had read ahead.
const MOST_BETWEEN: u64 = 1024 * 1024;

impl Files {
    /// Lets messages be posted and edited as `multipart/form-data` on these routes.
    pub fn multipart(&self, router: Router) -> Router {
        router.layer(middleware::from_fn_with_state(self.clone(), take_parts))
    }
}

async fn take_parts(State(files): State<Files>, request: Request, next: Next) -> Response {
    let Some(target) = target(&request) else { return next.run(request).await };
    let mut taken = Taken { files, uploaded: Vec::new(), user: None };
    match taken.as_json(request, target).await {
        Ok(request) => {
            let response = next.run(request).await;
            // Refused: no message will use them. Where it is not known what became of it, the collector knows better.
            if response.status().is_client_error() {
                taken.take_back().await;
            }
            response
        }
        Err(error) => {
            taken.take_back().await;
            error.into_response()
        }
    }
}

/// The channel and the boundary, when this is a message in parts.
fn target(request: &Request) -> Option<(ChannelId, String)> {
    let content_type = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    let boundary = multer::parse_boundary(content_type).ok()?;
    let mut segments = request.uri().path().strip_prefix("/api/v10/channels/")?.split('/');
    let channel = segments.next()?.parse().ok()?;
    let is_message = matches!(
        (request.method(), segments.next(), segments.next(), segments.next()),
        (&Method::POST, Some("messages"), None, _) | (&Method::PATCH, Some("messages"), Some(_), None)
    );
    is_message.then_some((channel, boundary))
}

/// What was stored of one request so far.
struct Taken {
    files: Files,
    uploaded: Vec<(Option<u64>, AttachmentId)>,
    user: Option<UserId>,
}

impl Taken {
    async fn take_back(&self) {
        let Some(user) = self.user else { return };
        for (_, id) in &self.uploaded {
            if let Err(error) = self.files.discard(user, *id).await {
                tracing::warn!(%error, "a file that no message uses stays for a day");
            }
        }
    }

    async fn as_json(
        &mut self,
        request: Request,
        (channel, boundary): (ChannelId, String),
    ) -> Result<Request, ApiError> {
        let (mut parts, body) = request.into_parts();
        let user = asker(&self.files, &parts).await?;
        self.user = Some(user);
        let patience = Patience::in_request(&parts.extensions);
        patience.suspend();
        let form = self.read(body, boundary, user, channel).await;
        patience.restart(TO_STORE);
        let body = self.body(form?)?.to_string();
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        parts.headers.remove(header::TRANSFER_ENCODING);
        parts.headers.insert(header::CONTENT_LENGTH, body.len().into());
        Ok(Request::from_parts(parts, Body::from(body)))
    }

    async fn read(
        &mut self,
        body: Body,
        boundary: String,
        user: UserId,
        channel: ChannelId,
    ) -> Result<Form, ApiError> {
        let gate = Arc::new(Gate::default());
        let most = self.files.inner.config.max_file_size.saturating_mul(MOST_PER_MESSAGE as u64 + 1);
        let limits = Constraints::new()
            .size_limit(SizeLimit::new().whole_stream(most.saturating_add(MOST_FORM as u64 * 2)));
        let arriving = piece_by_piece(body, gate.clone());
        let mut multipart = Multipart::with_constraints(arriving, boundary, limits);
        let mut form = Form::default();
        let mut uploader: Option<Uploader> = None;
        loop {
            gate.narrow();
            let next = timeout(SILENCE, multipart.next_field()).await.map_err(|_| UploadError::TooSlow)?;
            let Some(field) = next.map_err(|error| unreadable(&error))? else { return Ok(form) };
            gate.widen();
            let name = field.name().unwrap_or_default().to_owned();
            let Some(filename) = field.file_name().map(str::to_owned).filter(|_| name != "payload_json")
            else {
                form.add(name, field).await?;
                continue;
            };
            if self.uploaded.len() >= MOST_PER_MESSAGE {
                let complaint = FieldErrors::one(
                    "files",
                    "BASE_TYPE_MAX_LENGTH",
                    format!("Must be {MOST_PER_MESSAGE} or fewer in length."),
                );
                return Err(ApiError::form(complaint));
            }
            let admitted = match uploader.take() {
                Some(admitted) => admitted,
                None => self.files.admit(user, channel, None).await?,
            };
            let stored = self.files.upload(&admitted, &filename, field).await?;
            uploader = Some(admitted);
            self.uploaded.push((index_of(&name), stored.id));
        }
    }

    /// The JSON body, in which `attachments` names the stored files.
    fn body(&self, form: Form) -> Result<Value, ApiError> {
        let mut body = form.body()?;
        let asked = body.remove("attachments");
        let mut attachments = match asked {
            Some(Value::Array(attachments)) => attachments,
            None | Some(Value::Null) => Vec::new(),
            Some(_) => {
                let complaint = FieldErrors::one("attachments", "FIELD_INVALID", "Must be a list.");
                return Err(ApiError::form(complaint));
            }
        };
        for (place, (index, id)) in self.uploaded.iter().enumerate() {
            let index = index.unwrap_or(place as u64);
            let named = attachments.iter_mut().find(|entry| id_of(entry) == Some(index));
            match named.and_then(Value::as_object_mut) {
                Some(entry) => {
                    entry.insert("id".to_owned(), json!(id));
                }
                None => attachments.push(json!({"id": id})),
            }
        }
        if !attachments.is_empty() || !self.uploaded.is_empty() {
            body.insert("attachments".to_owned(), Value::Array(attachments));
        }
        Ok(Value::Object(body))
    }
}

async fn asker(files: &Files, parts: &Parts) -> Result<UserId, ApiError> {
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.ok_or_else(ApiError::unauthorized)?;
    let owner = files.inner.auth.resolve(token).await?.ok_or_else(ApiError::unauthorized)?;
    Ok(owner.user.id)
}

fn unreadable(error: &multer::Error) -> ApiError {
    tracing::debug!(%error, "a multipart body could not be read");
    let problem = Problem::new(ErrorCode::InvalidFormBody, "The multipart body could not be read.");
    ApiError::new(StatusCode::BAD_REQUEST, problem)
}

/// `files[3]` and `file3` are 3; `file` and others have no number.
fn index_of(name: &str) -> Option<u64> {
    let rest = name.strip_prefix("files").or_else(|| name.strip_prefix("file"))?;
    rest.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// An entry's id, as a string or a number.
fn id_of(entry: &Value) -> Option<u64> {
    let id = entry.get("id")?;
    id.as_u64().or_else(|| id.as_str().and_then(|text| text.parse().ok()))
}

/// The parts that are not files.
#[derive(Default)]
struct Form {
    payload: Option<Bytes>,
    fields: Map<String, Value>,
    size: usize,
    count: usize,
}

impl Form {
    async fn add(&mut self, name: String, mut field: Field<'static>) -> Result<(), ApiError> {
        self.count += 1;
        if self.count > MOST_FIELDS {
            return Err(UploadError::TooLarge.into());
        }
        let mut bytes = Vec::new();
        loop {
            let piece = timeout(SILENCE, field.chunk()).await.map_err(|_| UploadError::TooSlow)?;
            let Some(piece) = piece.map_err(|error| unreadable(&error))? else { break };
            self.size += piece.len();
            if self.size > MOST_FORM {
                return Err(UploadError::TooLarge.into());
            }
            bytes.extend_from_slice(&piece);
        }
        if name == "payload_json" {
            self.payload = Some(bytes.into());
            return Ok(());
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| ApiError::form(FieldErrors::one("_body", "FIELD_INVALID", "Text must be UTF-8.")))?;
        let value = match name.as_str() {
            "content" | "nonce" => Value::String(text),
            _ => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        };
        self.fields.insert(name, value);
        Ok(())
    }

    /// `payload_json` goes before single fields (v10).
    fn body(self) -> Result<Map<String, Value>, ApiError> {
        let Some(payload) = self.payload else { return Ok(self.fields) };
        match serde_json::from_slice(&payload) {
            Ok(Value::Object(body)) => Ok(body),
            Ok(_) | Err(_) => Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                Problem::new(ErrorCode::InvalidJson, "payload_json is not a JSON object."),
            )),
        }
    }
}

/// The parser takes into its memory whatever is there without waiting: this stream pauses after each piece.
fn piece_by_piece(body: Body, gate: Arc<Gate>) -> impl Stream<Item = Result<Bytes, String>> {
    let mut arriving = Box::pin(body.into_data_stream());
    let mut pause = false;
    futures_util::stream::poll_fn(move |context| {
        if std::mem::take(&mut pause) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = arriving.as_mut().poll_next(context);
        pause = next.is_ready();
        next.map(|next| next.map(|piece| gate.pass(piece.map_err(|error| error.to_string())?)))
    })
}

/// Lets only so much through while a part's headers are read: the parser would keep all of it in memory.
#[derive(Debug)]
struct Gate {
    passed: AtomicU64,
    most: AtomicU64,
}

impl Default for Gate {
    fn default() -> Self {
        Self { passed: AtomicU64::new(0), most: AtomicU64::new(MOST_BETWEEN) }
    }
}

impl Gate {
    fn narrow(&self) {
        self.most.store(self.passed.load(Ordering::Relaxed).saturating_add(MOST_BETWEEN), Ordering::Relaxed);
    }

    fn widen(&self) {
        self.most.store(u64::MAX, Ordering::Relaxed);
    }

    fn pass(&self, piece: Bytes) -> Result<Bytes, String> {
        let passed = self.passed.fetch_add(piece.len() as u64, Ordering::Relaxed) + piece.len() as u64;
        if passed > self.most.load(Ordering::Relaxed) {
            return Err("the headers of a part are too long".to_owned());
        }
        Ok(piece)
    }
}
