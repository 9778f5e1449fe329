//! [The protocol](https://mariadb.com/kb/en/clientserver-protocol/) by hand: a session that stops where no client does.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::stand::{Stand, username};

/// Protocol 4.1, a database, a scramble, and the plugin's name.
const CAPABILITIES: u32 = 0x1 | 0x8 | 0x200 | 0x8000 | 0x8_0000;
const CHANGE_USER: u8 = 0x11;
const QUERY: u8 = 0x03;
const ERROR: u8 = 0xff;

/// A customer's session.
pub(super) struct Raw {
    stream: TcpStream,
    pub(super) id: u32,
}

impl Raw {
    pub(super) async fn log_in(stand: &Stand, value: &Value) -> Self {
        let (mut raw, nonce) = Self::connect(stand).await;
        let answer = scramble(value["password"].as_str().unwrap(), &nonce);
        let (user, plugin) = (username(value), "mysql_native_password");
        raw.begin_to_log_in(user, &answer, plugin).await;
        assert_eq!(raw.read().await.unwrap()[0], 0, "it is let in");
        raw
    }

    /// Says its name, and stays silent when it is asked for its password.
    pub(super) async fn stall(stand: &Stand, user: &str) -> Self {
        let (mut raw, nonce) = Self::connect(stand).await;
        raw.begin_to_log_in(user, &nonce, "no_such_plugin").await;
        assert_eq!(raw.read().await.unwrap()[0], 0xfe, "it is asked again");
        raw
    }

    async fn connect(stand: &Stand) -> (Self, Vec<u8>) {
        let address = ("127.0.0.1", stand.server.port());
        let stream = TcpStream::connect(address).await.unwrap();
        let mut raw = Self { stream, id: 0 };
        let greeting = raw.read().await.unwrap();
        let version = 1 + greeting[1..].iter().position(|byte| *byte == 0).unwrap();
        let after = &greeting[version + 1..];
        raw.id = u32::from_le_bytes(after[..4].try_into().unwrap());
        (raw, [&after[4..12], &after[31..43]].concat())
    }

    async fn begin_to_log_in(&mut self, user: &str, proof: &[u8], plugin: &str) {
        let mut answer = CAPABILITIES.to_le_bytes().to_vec();
        answer.extend([0, 0, 0, 1, 45]);
        answer.extend([0; 23]);
        answer.extend([user.as_bytes(), b"\0\x14", proof].concat());
        answer.extend(format!("shop\0{plugin}\0").as_bytes());
        self.write(1, &answer).await;
    }

    /// Whether the server has hung up.
    pub(super) async fn is_over(&mut self) -> bool {
        self.read().await.is_none_or(|answer| answer[0] == ERROR)
    }

    /// Asks to be another user, by a plugin that the server does not have: it waits for another answer.
    pub(super) async fn begin_to_change(&mut self, user: &str) {
        let question = [user.as_bytes(), b"\0\0shop\0\x2d\0no_such_plugin\0"].concat();
        self.write(0, &[&[CHANGE_USER], &question[..]].concat())
            .await;
        assert_ne!(self.read().await.unwrap()[0], 0, "it is asked again");
    }

    /// Answers so that it is refused, and goes on as it was; whether it may.
    pub(super) async fn goes_on_after_a_refusal(&mut self) -> bool {
        self.write(2, &[0; 20]).await;
        let refused = self.read().await;
        refused.is_some_and(|answer| answer[0] == ERROR)
            && self.answers("DO (SELECT COUNT(*) FROM goods)").await
    }

    /// Whether a statement that answers no rows is done.
    pub(super) async fn answers(&mut self, statement: &str) -> bool {
        self.write(0, &[&[QUERY], statement.as_bytes()].concat())
            .await;
        self.read().await.is_some_and(|answer| answer[0] != ERROR)
    }

    /// What a packet holds; nothing when the server has hung up.
    async fn read(&mut self) -> Option<Vec<u8>> {
        let length = self.stream.read_u32_le().await.ok()? & 0xff_ffff;
        let mut packet = vec![0; length as usize];
        self.stream.read_exact(&mut packet).await.ok()?;
        Some(packet)
    }

    /// That the server has hung up is seen when an answer is read.
    async fn write(&mut self, number: u8, packet: &[u8]) {
        let head = u32::try_from(packet.len()).unwrap() | u32::from(number) << 24;
        let _ = self
            .stream
            .write_all(&[&head.to_le_bytes(), packet].concat())
            .await;
    }
}

/// The password's answer to a nonce.
fn scramble(password: &str, nonce: &[u8]) -> Vec<u8> {
    let sum = |bytes: &[u8]| digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
    let once = sum(password.as_bytes());
    let mask = sum(&[nonce, sum(once.as_ref()).as_ref()].concat());
    once.as_ref()
        .iter()
        .zip(mask.as_ref())
        .map(|(a, b)| a ^ b)
        .collect()
}
