//! What a process has written.

use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::sync::watch;

/// Called with every line of a process's output, without its line break.
pub type OnLine = Arc<dyn Fn(&str) + Send + Sync>;

/// The lines that a process has written so far to standard output and standard error, in the
/// order in which they came. Clones share them.
#[derive(Clone)]
pub struct Output {
    lines: Arc<Mutex<Vec<String>>>,
    /// How many of the two streams are open.
    open: watch::Sender<usize>,
}

impl fmt::Debug for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Output")
            .field("lines", &self.lines().len())
            .finish_non_exhaustive()
    }
}

impl Output {
    pub(super) fn capture(
        file: File,
        on_line: Option<&OnLine>,
        stdout: Option<impl AsyncRead + Unpin + Send + 'static>,
        stderr: Option<impl AsyncRead + Unpin + Send + 'static>,
    ) -> Self {
        let output = Self {
            lines: Arc::default(),
            open: watch::Sender::new(0),
        };
        let file = Arc::new(file);
        output.follow(stdout, &file, on_line);
        output.follow(stderr, &file, on_line);
        output
    }

    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().clone()
    }

    pub fn tail(&self, count: usize) -> String {
        let lines = self.lines.lock();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }

    pub fn contains(&self, text: &str) -> bool {
        self.lines.lock().iter().any(|line| line.contains(text))
    }

    /// Waits until both streams have ended and all is read.
    pub(super) async fn closed(&self) {
        // Fails only without a sender, and `self` holds one.
        let _ = self.open.subscribe().wait_for(|open| *open == 0).await;
    }

    fn follow(
        &self,
        stream: Option<impl AsyncRead + Unpin + Send + 'static>,
        file: &Arc<File>,
        on_line: Option<&OnLine>,
    ) {
        let Some(stream) = stream else { return };
        self.open.send_modify(|open| *open += 1);
        let output = self.clone();
        let file = Arc::clone(file);
        let on_line = on_line.cloned();
        tokio::spawn(async move {
            let mut reader = BufReader::new(stream);
            let mut bytes = Vec::new();
            while reader
                .read_until(b'\n', &mut bytes)
                .await
                .is_ok_and(|read| read > 0)
            {
                let line = String::from_utf8_lossy(&bytes);
                let line = line.trim_end_matches(['\n', '\r']);
                if let Err(error) = writeln!(&*file, "{line}") {
                    tracing::warn!(%error, "cannot write a process's log");
                }
                if let Some(on_line) = &on_line {
                    on_line(line);
                }
                output.lines.lock().push(line.to_owned());
                bytes.clear();
            }
            output.open.send_modify(|open| *open -= 1);
        });
    }
}
