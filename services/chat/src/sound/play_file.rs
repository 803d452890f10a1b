//! Says whether somebody may play the file of a message in a call; that they sit there, media knows.

use voxlink_protocol::{
    ChannelKind, Permissions,
    playback::{FileRefused, FileToPlay, PlayableFile},
};

use crate::{Chat, Refusal};

impl Chat {
    /// SPEAK in the call, and to be able to read the message.
    ///
    /// # Errors
    /// See [`FileRefused`]; the outer one when the database or another service fails.
    pub async fn file_to_play(
        &self,
        asked: &FileToPlay,
    ) -> Result<Result<PlayableFile, FileRefused>, Refusal> {
        let guild = {
            let world = self.world();
            let Ok(view) = world.view_channel(asked.channel, asked.user, self.inner.env.now()) else {
                return Ok(Err(FileRefused::UnknownChannel));
            };
            if view.channel.kind != ChannelKind::Voice {
                return Ok(Err(FileRefused::NotVoice));
            }
            if !view.permissions.contains(Permissions::CONNECT | Permissions::SPEAK) {
                return Ok(Err(FileRefused::Forbidden));
            }
            view.state.guild.id
        };
        let message = match self.message(asked.user, asked.source, asked.message).await {
            Ok(message) => message,
            Err(error @ (Refusal::Db(_) | Refusal::Call(_))) => return Err(error),
            Err(_) => return Ok(Err(FileRefused::UnknownMessage)),
        };
        let file = message.attachments.into_iter().find(|file| file.id == asked.attachment);
        let file = file.map(|file| PlayableFile { guild, filename: file.filename });
        Ok(file.ok_or(FileRefused::UnknownMessage))
    }
}
