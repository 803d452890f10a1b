//! Uploads as attachments of messages.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use voxlink_protocol::{
    Attachment, AttachmentId, ChannelId, UserId,
    files::{DescribeUploads, UploadsRefused},
};
use voxlink_service_kit::DbError;

use crate::{
    Files,
    filename::percent_encoded,
    store::uploads::{self, StoredUpload},
};

/// v10: the most files of one message.
pub(crate) const MOST_PER_MESSAGE: usize = 10;

impl Files {
    /// What chat needs to know of the files that a message names; all of them or none.
    pub(crate) async fn describe_uploads(
        &self,
        request: DescribeUploads,
    ) -> Result<Result<Vec<Attachment>, UploadsRefused>, DbError> {
        let DescribeUploads { user, channel, ids } = request;
        if let Some(unknown) = ids.get(MOST_PER_MESSAGE) {
            return Ok(Err(UploadsRefused { unknown: *unknown }));
        }
        let now = self.inner.env.now();
        let found = self.inner.db.write(move |sql| {
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                match own(sql, id, user, channel)? {
                    Some(upload) => found.push(upload),
                    None => return Ok(Err(UploadsRefused { unknown: id })),
                }
                uploads::touch(sql, id, now)?;
            }
            Ok::<_, DbError>(Ok(found))
        });
        Ok(found.await?.map(|found| found.iter().map(|upload| self.attachment(upload)).collect()))
    }

    /// An upload in its v10 shape.
    pub(crate) fn attachment(&self, upload: &StoredUpload) -> Attachment {
        let url = format!(
            "{}/cdn/attachments/{}/{}/{}?k={}",
            self.inner.config.public_url,
            upload.channel,
            upload.id,
            percent_encoded(&upload.filename),
            key_text(&upload.key)
        );
        Attachment {
            id: upload.id,
            filename: upload.filename.clone(),
            description: None,
            content_type: Some(upload.content_type.clone()),
            size: upload.size,
            proxy_url: url.clone(),
            url,
            width: upload.dimensions.map(|(width, _)| width),
            height: upload.dimensions.map(|(_, height)| height),
            // Milliseconds of a day are exact in a double.
            #[allow(clippy::cast_precision_loss)]
            duration_secs: upload.duration_ms.map(|ms| ms as f64 / 1000.0),
            flags: 0,
        }
    }
}

fn own(
    sql: &voxlink_service_kit::Sql<'_>,
    id: AttachmentId,
    user: UserId,
    channel: ChannelId,
) -> Result<Option<StoredUpload>, DbError> {
    Ok(uploads::find(sql, id)?.filter(|upload| upload.uploader == user && upload.channel == channel))
}

/// A capability as it stands in URLs.
pub(crate) fn key_text(key: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(key)
}

/// Whether this text is that capability; takes as long for every wrong one.
pub(crate) fn key_fits(key: &[u8], text: &str) -> bool {
    BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .is_ok_and(|given| aws_lc_rs::constant_time::verify_slices_are_equal(key, &given).is_ok())
}
