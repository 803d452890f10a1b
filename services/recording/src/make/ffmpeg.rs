//! The program that encodes pictures: found once, run with one thread and low priority, watched, and ended when it stands
//! still. A process of its own: what a crafted picture does to a decoder it does there.

use std::{
    ffi::{OsStr, OsString},
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use super::{
    cause::Cause,
    job::{Interrupted, Watch},
};
use crate::finish::nice;

/// For what ffmpeg says of itself.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks at whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);
/// The end of what it complains about, kept for the log.
const COMPLAINT: usize = 500;
/// Lines that wait to be read; whoever prints more waits.
const MOST_LINES: usize = 256;
/// What it must have beside an encoder.
const FILTERS: [&str; 5] = ["scale", "overlay", "fps", "loop", "format"];

/// What a video becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// H.264 and AAC in MP4: what plays everywhere.
    Mp4,
    /// VP9 and Opus in WebM.
    Webm,
}

/// One that works.
#[derive(Clone, Debug)]
pub(crate) struct Ffmpeg {
    program: PathBuf,
    /// The first line that it says of itself.
    pub(crate) version: String,
    pub(crate) encoding: Encoding,
    /// It draws text: there is a font as well.
    pub(crate) writes_text: bool,
}

/// Something to be done with it.
pub(crate) struct Run {
    pub(crate) arguments: Vec<OsString>,
    /// Longer than this it never takes.
    pub(crate) limit: Duration,
    /// Standing still for so long it has hung.
    pub(crate) patience: Duration,
}

impl Ffmpeg {
    /// Looks at the one that is named, or at the one in the PATH. Takes a moment.
    ///
    /// # Errors
    /// [`Cause::NoFfmpeg`], [`Cause::PoorFfmpeg`].
    pub(crate) fn find(named: Option<&Path>) -> Result<Self, Cause> {
        let program = program(named);
        let says = |arguments: &[&str]| said(&program, arguments).ok_or(Cause::NoFfmpeg);
        let version = says(&["-version"])?.lines().next().unwrap_or_default().to_owned();
        let (encoders, filters) =
            (says(&["-hide_banner", "-encoders"])?, says(&["-hide_banner", "-filters"])?);
        let has = |name| lists(&encoders, name);
        let encoding = match has("libx264") && has("aac") {
            true => Encoding::Mp4,
            false if has("libvpx-vp9") => Encoding::Webm,
            false => return Err(Cause::PoorFfmpeg),
        };
        if !FILTERS.into_iter().all(|name| lists(&filters, name)) {
            return Err(Cause::PoorFfmpeg);
        }
        // Whether there is a font shows when one draws a letter.
        let letter = ["-v", "error", "-f", "lavfi", "-i", "color=s=64x64", "-vf", "drawtext=text=A"];
        let letter = [&letter[..], &["-frames:v", "1", "-f", "null", "-"]].concat();
        let writes_text = lists(&filters, "drawtext") && said(&program, &letter).is_some();
        Ok(Self { program, version, encoding, writes_text })
    }

    /// Runs it in `folder` to its end. `heard` is told how much is written, in time of what it writes.
    ///
    /// # Errors
    /// When it fails, hangs, or is not wanted any more.
    pub(crate) fn run(
        &self,
        run: &Run,
        folder: &Path,
        watch: &Watch<'_>,
        mut heard: impl FnMut(Duration) -> Result<(), Interrupted>,
    ) -> Result<(), Interrupted> {
        watch.check()?;
        let mut command = Command::new(&self.program);
        command
            .args(["-hide_banner", "-nostdin", "-nostats", "-v", "error", "-y", "-progress", "pipe:1"])
            .args(&run.arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let running = Running::start(command)?;
        let (began, mut moved, mut place) = (Instant::now(), Instant::now(), String::new());
        loop {
            watch.check()?;
            match running.lines.recv_timeout(LOOK) {
                Ok(line) if is_place(&line) => {
                    if line == place {
                        continue;
                    }
                    moved = Instant::now();
                    if let Some(time) = line.strip_prefix("out_time_us=").and_then(|text| text.parse().ok()) {
                        heard(Duration::from_micros(time))?;
                    }
                    place = line;
                }
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if moved.elapsed() > run.patience || began.elapsed() > run.limit {
                tracing::warn!(place, "ffmpeg stands still and is ended");
                return Err(Cause::Stalled.into());
            }
        }
        running.end(run.patience)
    }
}

/// Whether the one that is named, or the one in the PATH, makes AAC. Takes a moment.
///
/// # Errors
/// [`Cause::NoFfmpeg`], [`Cause::PoorFfmpeg`].
pub(crate) fn encodes_aac(named: Option<&Path>) -> Result<(), Cause> {
    let encoders = said(&program(named), &["-hide_banner", "-encoders"]).ok_or(Cause::NoFfmpeg)?;
    if lists(&encoders, "aac") { Ok(()) } else { Err(Cause::PoorFfmpeg) }
}

/// It is run elsewhere than we are.
fn program(named: Option<&Path>) -> PathBuf {
    let whole = |named: &Path| std::path::absolute(named).unwrap_or_else(|_| named.to_owned());
    named.map_or_else(|| PathBuf::from("ffmpeg"), whole)
}

/// Whether a list of its encoders or filters has this one. A line is " V....D libx264   libx264 H.264 / AVC …".
fn lists(text: &str, name: &str) -> bool {
    text.lines().any(|line| line.split_whitespace().nth(1).is_some_and(|word| word == name))
}

/// A line that changes as long as it gets somewhere.
fn is_place(line: &str) -> bool {
    line.starts_with("out_time_us=") && !line.ends_with("N/A")
}

/// A process that ends with this.
struct Running {
    child: Child,
    /// What it says of how far it is.
    lines: Receiver<String>,
    complaints: Option<thread::JoinHandle<Vec<u8>>>,
}

impl Running {
    fn start(mut command: Command) -> Result<Self, Cause> {
        let mut child = nice::dies_with_us(&mut command).spawn().map_err(|error| {
            tracing::warn!(%error, "ffmpeg does not start");
            Cause::NoFfmpeg
        })?;
        let (tell, lines) = sync_channel(MOST_LINES);
        let stdout = child.stdout.take();
        let named = |name: &str| thread::Builder::new().name(name.to_owned());
        let read = named("ffmpeg-progress").spawn(move || {
            let said = stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines());
            for line in said.map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        let stderr = child.stderr.take();
        let complaints = named("ffmpeg-complaints").spawn(move || {
            let (mut end, mut piece) = (Vec::new(), [0; 1024]);
            if let Some(mut stderr) = stderr {
                while let Ok(read) = stderr.read(&mut piece)
                    && read > 0
                {
                    end.extend_from_slice(piece.get(..read).unwrap_or_default());
                    let most = end.len().saturating_sub(COMPLAINT);
                    end.drain(..most);
                }
            }
            end
        });
        let running = Self { child, lines, complaints: complaints.ok() };
        if read.is_err() || running.complaints.is_none() {
            tracing::warn!("the system gives no threads to watch ffmpeg with");
            return Err(Cause::FfmpegFailed);
        }
        Ok(running)
    }

    /// It has closed its output: it ends now, or is ended.
    fn end(mut self, patience: Duration) -> Result<(), Interrupted> {
        let closed = Instant::now();
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if closed.elapsed() < patience => thread::sleep(LOOK / 10),
                Ok(None) => return Err(Cause::Stalled.into()),
                Err(_) => return Err(Cause::FfmpegFailed.into()),
            }
        };
        if status.success() {
            return Ok(());
        }
        let said = self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        tracing::warn!(%status, said = said.trim(), "ffmpeg failed");
        let is_full = said.contains("No space left on device") || said.contains("Disk quota exceeded");
        Err(if is_full { Cause::FullDisk } else { Cause::FfmpegFailed }.into())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

/// What it prints, when it ends well and in time.
fn said(program: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = Running::start(command).ok()?;
    let (asked, mut text) = (Instant::now(), String::new());
    loop {
        match running.lines.recv_timeout(LOOK) {
            Ok(line) => {
                text.push_str(&line);
                text.push('\n');
            }
            Err(RecvTimeoutError::Timeout) if asked.elapsed() < ANSWERS_WITHIN => {}
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    running.end(ANSWERS_WITHIN).is_ok().then_some(text)
}

/// Arguments from words and others.
pub(crate) fn arguments<'a>(words: impl IntoIterator<Item = &'a str>) -> impl Iterator<Item = OsString> {
    words.into_iter().map(|word| OsStr::new(word).to_owned()).collect::<Vec<_>>().into_iter()
}
