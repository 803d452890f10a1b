//! Packets out of a file that somebody brought, or that is cut off.

use std::{
    io,
    io::{BufRead, BufReader, Read},
};

use super::{
    MAX_PACKET,
    page::{self, CONTINUED, HEAD, Head, LAST, NO_PACKET},
};
use crate::OpusHead;

/// Bytes before the first page that may be something else.
const MAX_BEFORE: u64 = 1 << 20;
/// What may be looked through again because it was taken for a page and is none: enough for damage, too little for a file
/// that is made of beginnings of pages.
const MAX_AGAIN: usize = 16 << 20;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No Ogg, no Opus in it, or Opus of more than two channels.
    #[error("not an Ogg Opus file that can be read")]
    NotOpus,
    /// From the `Read`.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads the first Opus stream of a file once, from its beginning to its end.
#[derive(Debug)]
pub struct Reader<R> {
    input: BufReader<R>,
    /// Bytes that come before what `input` has next, last first.
    again: Vec<u8>,
    again_left: usize,
    head: OpusHead,
    serial: u32,
    page: Page,
    /// A packet that goes on, on the next page; `None` when it is to be left out.
    partial: Option<Vec<u8>>,
    next_sequence: u32,
    granule: Option<u64>,
    is_torn: bool,
    is_over: bool,
}

#[derive(Debug, Default)]
struct Page {
    segments: Vec<u8>,
    body: Vec<u8>,
    /// Segments and bytes that were handed out.
    segment: usize,
    byte: usize,
}

impl<R: Read> Reader<R> {
    /// Reads the identification header.
    ///
    /// # Errors
    /// [`ReadError::NotOpus`] when there is none within the first pages, [`ReadError::Io`].
    pub fn open(input: R) -> Result<Self, ReadError> {
        let mut reader = Self {
            input: BufReader::new(input),
            again: Vec::new(),
            again_left: MAX_AGAIN,
            head: OpusHead::of(1),
            serial: 0,
            page: Page::default(),
            partial: Some(Vec::new()),
            next_sequence: 0,
            granule: None,
            is_torn: false,
            is_over: false,
        };
        // Every stream's first page comes before all others (RFC 3533 §6).
        while let Some(head) = reader.read_page(MAX_BEFORE)? {
            if head.flags & page::FIRST == 0 {
                break;
            }
            if let Some(opus) = OpusHead::parse(&reader.page.body) {
                reader.head = opus;
                reader.serial = head.serial;
                reader.next_sequence = head.sequence.wrapping_add(1);
                reader.page = Page::default();
                return Ok(reader);
            }
        }
        Err(ReadError::NotOpus)
    }

    /// Channels, pre-skip and gain.
    #[must_use]
    pub const fn head(&self) -> OpusHead {
        self.head
    }

    /// Samples that the file says it has, without the pre-skip: known once [`Self::next`] has returned `None`, when the
    /// file has an end.
    #[must_use]
    pub fn samples(&self) -> Option<u64> {
        Some(self.granule?.saturating_sub(u64::from(self.head.pre_skip)))
    }

    /// Whether something was cut off or left out.
    #[must_use]
    pub const fn is_torn(&self) -> bool {
        self.is_torn
    }

    /// The next packet of sound, in place of what is in `packet`. `None` at the end.
    ///
    /// # Errors
    /// [`ReadError::Io`].
    pub fn next(&mut self, packet: &mut Vec<u8>) -> Result<Option<()>, ReadError> {
        loop {
            if self.packet_of_page(packet) {
                if packet.starts_with(b"OpusTags") || crate::packet_samples(packet).is_none() {
                    continue;
                }
                return Ok(Some(()));
            }
            if self.is_over {
                return Ok(None);
            }
            let Some(head) = self.read_page(u64::MAX)? else {
                self.is_torn = true;
                self.is_over = true;
                continue;
            };
            if head.serial != self.serial {
                self.page = Page::default();
                continue;
            }
            self.begin_page(head);
        }
    }

    fn begin_page(&mut self, head: Head) {
        let follows = head.sequence == self.next_sequence;
        self.next_sequence = head.sequence.wrapping_add(1);
        self.is_torn |= !follows;
        let goes_on = head.flags & CONTINUED != 0;
        let has_beginning = self.partial.as_ref().is_some_and(|partial| !partial.is_empty());
        if !goes_on {
            self.partial = Some(Vec::new());
        } else if !follows || !has_beginning {
            self.partial = None;
        }
        if head.granule != NO_PACKET {
            self.granule = Some(self.granule.unwrap_or(0).max(head.granule));
        }
        if head.flags & LAST != 0 {
            self.granule = (head.granule != NO_PACKET).then_some(head.granule).or(self.granule);
            self.is_over = true;
        }
    }

    /// The next packet that ends on the page. `false` when there is none.
    fn packet_of_page(&mut self, packet: &mut Vec<u8>) -> bool {
        while let Some(&length) = self.page.segments.get(self.page.segment) {
            let end = self.page.byte + usize::from(length);
            let piece = self.page.body.get(self.page.byte..end).unwrap_or_default();
            self.page.segment += 1;
            self.page.byte = end;
            if let Some(partial) = &mut self.partial {
                partial.extend_from_slice(piece);
                if partial.len() > MAX_PACKET {
                    self.partial = None;
                }
            }
            if length < 255 {
                let whole = self.partial.replace(Vec::new());
                match whole {
                    Some(whole) => *packet = whole,
                    None => {
                        self.is_torn = true;
                        continue;
                    }
                }
                return true;
            }
        }
        false
    }

    /// The next page whose checksum is right. `None` at the end of the file.
    fn read_page(&mut self, search: u64) -> Result<Option<Head>, ReadError> {
        let mut passed = 0;
        while self.find_letters(search.saturating_sub(passed), &mut passed)? {
            let mut bytes = [0; HEAD];
            if !self.fill(&mut bytes)? {
                return Ok(None);
            }
            let read = page::read(&bytes);
            let mut segments = vec![0; read.map_or(0, |(_, _, count)| count)];
            let mut is_whole = self.fill(&mut segments)?;
            let length = segments.iter().map(|length| usize::from(*length)).sum::<usize>();
            let mut body = vec![0; if is_whole { length } else { 0 }];
            is_whole &= self.fill(&mut body)?;
            if let Some((head, sum, _)) = read
                && is_whole
                && page::checksum_of(&bytes, [&segments, &body]) == sum
            {
                self.page = Page { segments, body, segment: 0, byte: 0 };
                return Ok(Some(head));
            }
            // What it took for its own may hold the pages behind it.
            self.is_torn = true;
            let taken = HEAD + segments.len() + body.len();
            if taken <= self.again_left {
                self.again_left -= taken;
                self.again.extend(bytes.iter().chain(&segments).chain(&body).rev());
            }
        }
        Ok(None)
    }

    /// Passes everything up to and including "OggS".
    fn find_letters(&mut self, search: u64, passed: &mut u64) -> Result<bool, ReadError> {
        let mut window = [0; 4];
        let mut looked = 0;
        while looked < search.saturating_add(4) {
            let byte = match self.again.pop() {
                Some(byte) => byte,
                None => match self.input.fill_buf() {
                    Ok([]) => return Ok(false),
                    Ok([byte, ..]) => {
                        let byte = *byte;
                        self.input.consume(1);
                        byte
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error.into()),
                },
            };
            looked += 1;
            window.rotate_left(1);
            window[3] = byte;
            if &window == b"OggS" {
                *passed += looked;
                self.is_torn |= looked > 4;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `false` when the file ends before; what is missing are zeros.
    fn fill(&mut self, room: &mut [u8]) -> Result<bool, ReadError> {
        let mut filled = 0;
        while let Some(rest) = room.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            if let (Some(byte), Some(place)) = (self.again.pop(), rest.first_mut()) {
                *place = byte;
                filled += 1;
                continue;
            }
            match self.input.read(rest) {
                Ok(0) => return Ok(false),
                Ok(more) => filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}
