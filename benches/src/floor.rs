//! What this machine can do at best, measured in the same run as what we do.

use std::{
    fs,
    io::Write,
    net::{SocketAddr, UdpSocket},
    os::fd::AsRawFd,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// A value at a share (0.5 the median) of a sample.
pub(crate) fn quantile(sample: &mut [f64], share: f64) -> f64 {
    sample.sort_by(f64::total_cmp);
    let last = sample.len().saturating_sub(1);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let index = (last as f64 * share).round() as usize;
    sample.get(index).copied().unwrap_or(f64::NAN)
}

/// Milliseconds as a float.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Milliseconds of `fdatasync` after appending 4 KiB: median and 99th percentile of 200.
pub(crate) fn fdatasync(folder: &Path) -> (f64, f64) {
    let mut file = fs::File::create(folder.join("floor.bin")).expect("the bench folder is writable");
    let mut sample: Vec<f64> = (0..200)
        .map(|_| {
            file.write_all(&[7; 4096]).expect("room for 4 KiB");
            let start = Instant::now();
            file.sync_data().expect("fdatasync works");
            ms(start.elapsed())
        })
        .collect();
    (quantile(&mut sample, 0.5), quantile(&mut sample, 0.99))
}

/// Milliseconds to start and reap the smallest process.
pub(crate) fn spawn() -> f64 {
    let mut sample: Vec<f64> = (0..20)
        .map(|_| {
            let start = Instant::now();
            let ended = std::process::Command::new("/bin/true").status();
            assert!(ended.is_ok_and(|status| status.success()));
            ms(start.elapsed())
        })
        .collect();
    quantile(&mut sample, 0.5)
}

/// Rows a second of the barest writer: one thread, 64 inserts a transaction, `synchronous=FULL`, same columns.
pub(crate) fn sqlite_rows_per_second(folder: &Path) -> f64 {
    let mut db = rusqlite::Connection::open(folder.join("floor.db")).expect("SQLite opens");
    db.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
         CREATE TABLE message (channel_id INTEGER, id INTEGER, author_id INTEGER, content TEXT, created_at INTEGER, edited_at INTEGER,
         PRIMARY KEY (channel_id, id)) WITHOUT ROWID;",
    )
    .expect("the schema is right");
    let (start, mut rows) = (Instant::now(), 0_i64);
    while start.elapsed() < Duration::from_secs(2) {
        let transaction = db.transaction().expect("a transaction begins");
        {
            let mut insert = transaction
                .prepare_cached("INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5, NULL)")
                .expect("the statement is right");
            for _ in 0..64 {
                rows += 1;
                insert.execute((rows % 16, rows, 1, "x".repeat(90), rows)).expect("an insert works");
            }
        }
        transaction.commit().expect("a commit works");
    }
    #[allow(clippy::cast_precision_loss)]
    let rate = rows as f64 / start.elapsed().as_secs_f64();
    rate
}

/// Milliseconds for 300 bytes to a loopback peer and back at 100 a second: median and 99th percentile.
pub(crate) async fn tcp_echo() -> (f64, f64) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback binds");
    let address = listener.local_addr().expect("a bound socket has an address");
    tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.expect("the bench connects");
        peer.set_nodelay(true).expect("TCP_NODELAY works");
        let mut buffer = [0; 300];
        while peer.read_exact(&mut buffer).await.is_ok() {
            if peer.write_all(&buffer).await.is_err() {
                return;
            }
        }
    });
    let mut socket = tokio::net::TcpStream::connect(address).await.expect("loopback connects");
    socket.set_nodelay(true).expect("TCP_NODELAY works");
    let mut sample = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_millis(10));
    for _ in 0..300 {
        tick.tick().await;
        let (start, mut buffer) = (Instant::now(), [7; 300]);
        socket.write_all(&buffer).await.expect("the echo peer reads");
        socket.read_exact(&mut buffer).await.expect("the echo peer answers");
        sample.push(ms(start.elapsed()));
    }
    (quantile(&mut sample, 0.5), quantile(&mut sample, 0.99))
}

/// Nanoseconds of CPU (user and system) for one packet: header written, `size` bytes copied, sealed with AES-256-GCM, and
/// sent to one of `peers` loopback sockets that another thread reads, `burst` packets for each peer as one GSO message,
/// 16 messages a `sendmmsg`.
pub(crate) fn seal_and_send(peers: usize, burst: usize, size: usize) -> f64 {
    let receivers: Vec<UdpSocket> =
        (0..peers).map(|_| UdpSocket::bind("127.0.0.1:0").expect("loopback binds")).collect();
    let to: Vec<SocketAddr> = receivers.iter().map(|r| r.local_addr().expect("bound")).collect();
    // Without a reader the sockets are full after a moment, and what is thrown away costs the kernel far less.
    let done = Arc::new(AtomicBool::new(false));
    let reader = std::thread::spawn({
        let done = done.clone();
        move || read_all(&receivers, &done)
    });
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback binds");
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).expect("a 32-byte key"));
    let payload = vec![9_u8; size - 16];
    let mut slab = vec![0_u8; 16 * burst * size];
    let (before, start, mut packets) = (thread_cpu(), Instant::now(), 0_u64);
    while start.elapsed() < Duration::from_secs(2) {
        for group in to.chunks(16) {
            for (index, packet) in slab.chunks_exact_mut(size).take(group.len() * burst).enumerate() {
                packet[..size - 16].copy_from_slice(&payload);
                packet[2..4].copy_from_slice(&u16::try_from(index & 0xFFFF).unwrap_or(0).to_be_bytes());
                let mut nonce = [0; 12];
                nonce[4..].copy_from_slice(&packets.to_be_bytes());
                let (header, body) = packet.split_at_mut(12);
                let (body, tag) = body.split_at_mut(size - 28);
                let sealed = key.seal_in_place_separate_tag(
                    Nonce::assume_unique_for_key(nonce),
                    Aad::from(&header),
                    body,
                );
                tag.copy_from_slice(sealed.expect("sealing works").as_ref());
                packets += 1;
            }
            send_group(&socket, group, &slab, burst, size);
        }
        // As a call does: a burst for everybody, then nothing, so that all of it arrives.
        std::thread::sleep(Duration::from_millis(10));
    }
    #[allow(clippy::cast_precision_loss)]
    let cost = (thread_cpu() - before).as_nanos() as f64 / packets as f64;
    done.store(true, Ordering::Relaxed);
    reader.join().expect("the reader ends");
    cost
}

/// Reads what comes to any of the sockets until `done`.
fn read_all(sockets: &[UdpSocket], done: &AtomicBool) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for socket in sockets {
            let socket = socket.try_clone().expect("descriptors are left");
            socket.set_nonblocking(true).expect("a socket can be made non-blocking");
            let socket = tokio::net::UdpSocket::from_std(socket).expect("the socket is good");
            tasks.push(tokio::spawn(async move {
                let mut buffer = [0; 2048];
                while socket.recv(&mut buffer).await.is_ok() {
                    while socket.try_recv(&mut buffer).is_ok() {}
                }
            }));
        }
        while !done.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
    });
}

/// CPU time of this thread.
#[allow(unsafe_code)]
fn thread_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the result.
    let ok = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(ok, 0);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[repr(C, align(8))]
struct Control([u8; 32]);

/// One `sendmmsg`: a message of `burst` segments for each address.
#[allow(unsafe_code, clippy::cast_possible_truncation)]
fn send_group(socket: &UdpSocket, group: &[SocketAddr], slab: &[u8], burst: usize, size: usize) {
    let mut addresses: Vec<libc::sockaddr_in> = Vec::with_capacity(group.len());
    for address in group {
        let SocketAddr::V4(v4) = address else { continue };
        addresses.push(libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: v4.port().to_be(),
            sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
            sin_zero: [0; 8],
        });
    }
    let mut vectors: Vec<libc::iovec> = slab
        .chunks_exact(burst * size)
        .take(addresses.len())
        .map(|chunk| libc::iovec { iov_base: chunk.as_ptr().cast_mut().cast(), iov_len: chunk.len() })
        .collect();
    let mut controls: Vec<Control> = (0..addresses.len()).map(|_| Control([0; 32])).collect();
    // SAFETY: mmsghdr is plain data; zero is a valid value of every field.
    let mut messages: Vec<libc::mmsghdr> =
        (0..addresses.len()).map(|_| unsafe { std::mem::zeroed() }).collect();
    for (index, message) in messages.iter_mut().enumerate() {
        let header = &mut message.msg_hdr;
        header.msg_name = (&raw mut addresses[index]).cast();
        header.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
        header.msg_iov = &raw mut vectors[index];
        header.msg_iovlen = 1;
        if burst > 1 {
            header.msg_control = controls[index].0.as_mut_ptr().cast();
            // SAFETY: the control buffer is aligned and large enough for one u16 message.
            unsafe {
                header.msg_controllen = libc::CMSG_SPACE(2) as usize;
                let control = libc::CMSG_FIRSTHDR(header);
                (*control).cmsg_level = libc::SOL_UDP;
                (*control).cmsg_type = libc::UDP_SEGMENT;
                (*control).cmsg_len = libc::CMSG_LEN(2) as usize;
                libc::CMSG_DATA(control).cast::<u16>().write_unaligned(size as u16);
            }
        }
    }
    // SAFETY: all pointers in `messages` point into vectors that live until the call returns.
    unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), messages.len() as u32, 0) };
}
