//! A small raw Socket.IO client over a websocket, in the two revisions of Engine.IO: it sends whatever it is told to,
//! right or wrong, and remembers everything that came.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;

/// How long an answer may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The revisions of Engine.IO that the server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revision {
    /// socket.io 2.x: the client pings, and the default namespace opens unasked.
    Three,
    /// socket.io 3 and later: the server pings, and the client asks for its namespace.
    Four,
}

/// Everything that has come so far. Messages of the tutorial's dialect as they are; other events as `{"event", "data"}`,
/// and acknowledgements as `{"ack", "reply"}`.
#[derive(Debug, Default)]
struct Heard {
    messages: Vec<Value>,
    opened: bool,
    closed: bool,
}

/// One connection. Dropping it is vanishing without a word: the socket closes, nothing is said.
#[derive(Debug, Clone)]
pub struct Client {
    heard: watch::Receiver<Heard>,
    outgoing: mpsc::UnboundedSender<Message>,
    asked: Arc<AtomicU64>,
    task: Arc<Task>,
}

#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Client {
    /// Connects by the current revision.
    pub async fn connect(address: &str) -> Self {
        Self::connect_by(address, Revision::Four).await
    }

    /// Connects by a given revision, and waits until the default namespace is open.
    pub async fn connect_by(address: &str, revision: Revision) -> Self {
        Self::connect_with(address, revision, "").await
    }

    /// The same with more in the query, which begins with `&`.
    pub async fn connect_with(address: &str, revision: Revision, query: &str) -> Self {
        let number = if revision == Revision::Three { 3 } else { 4 };
        let url = format!("ws://{address}/socket.io/?EIO={number}&transport=websocket{query}");
        let stream = TcpStream::connect(address).await.expect("the server accepts connections");
        let (socket, _) =
            tokio_tungstenite::client_async(url, stream).await.expect("the server upgrades to a websocket");
        let (mut sink, mut stream) = socket.split();
        let (outgoing, mut queue) = mpsc::unbounded_channel::<Message>();
        let (heard, receiver) = watch::channel(Heard::default());
        let replies = outgoing.downgrade();
        let task = tokio::spawn(async move {
            // One task for both directions: aborting it drops the socket at once.
            let mut ping = tokio::time::interval(Duration::from_secs(10));
            ping.reset();
            loop {
                tokio::select! {
                    message = stream.next() => match message {
                        Some(Ok(Message::Text(text))) => {
                            if let Some(reply) = react(revision, text.as_str(), &heard)
                                && let Some(replies) = replies.upgrade() {
                                let _ = replies.send(reply);
                            }
                        }
                        Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                        Some(Ok(_)) => {}
                    },
                    message = queue.recv() => match message {
                        Some(message) => {
                            let last = matches!(message, Message::Close(_));
                            if sink.send(message).await.is_err() || last { break }
                        }
                        None => break,
                    },
                    _ = ping.tick(), if revision == Revision::Three => {
                        if sink.send(Message::text("2")).await.is_err() { break }
                    }
                }
            }
            heard.send_modify(|heard| heard.closed = true);
        });
        let client = Self { heard: receiver, outgoing, asked: Arc::default(), task: Arc::new(Task(task)) };
        client.wait("the namespace to open", |heard| heard.opened.then_some(())).await;
        client
    }

    /// Sends an event named `message`, as the tutorial's client does.
    pub fn send(&self, message: &Value) {
        self.send_event("message", message);
    }

    /// Sends an event of any name.
    pub fn send_event(&self, name: &str, argument: &Value) {
        self.send_raw(&format!("42{}", json!([name, argument])));
    }

    /// Asks by an event with any arguments, and gives the number of the acknowledgement to come.
    pub fn request(&self, name: &str, arguments: &[Value]) -> u64 {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let event: Vec<Value> = std::iter::once(json!(name)).chain(arguments.iter().cloned()).collect();
        self.send_raw(&format!("42{number}{}", Value::Array(event)));
        number
    }

    /// The acknowledgement of a request.
    pub async fn reply(&self, number: u64) -> Value {
        let what = format!("the acknowledgement of request {number}");
        self.wait_for(&what, |message| message["ack"] == number).await["reply"].clone()
    }

    /// Asks, and waits for what comes of it: `{"result": …}` or `{"error": …}`.
    pub async fn ask(&self, name: &str, data: &Value) -> Value {
        self.reply(self.request(name, std::slice::from_ref(data))).await
    }

    /// Asks for something that has to work, and gives its result.
    pub async fn get(&self, name: &str, data: &Value) -> Value {
        let reply = self.ask(name, data).await;
        assert!(reply.get("result").is_some(), "{name} {data} was refused: {reply}");
        reply["result"].clone()
    }

    /// Asks for something that has to be refused, and gives the code.
    pub async fn refused(&self, name: &str, data: &Value) -> String {
        code_of(&self.ask(name, data).await, &format!("{name} {data}"))
    }

    /// Waits until all that came is as `found` wants it.
    pub async fn wait_until<T>(&self, what: &str, found: impl Fn(&[Value]) -> Option<T>) -> T {
        self.wait(what, |heard| found(&heard.messages)).await
    }

    /// Sends any text as one frame.
    pub fn send_raw(&self, frame: &str) {
        // Whether the server still listens is seen by what comes back.
        let _ = self.outgoing.send(Message::text(frame.to_owned()));
    }

    /// Sends one binary frame.
    pub fn send_binary(&self, frame: &[u8]) {
        let _ = self.outgoing.send(Message::binary(frame.to_vec()));
    }

    /// Says that it joins `room`, without waiting.
    pub fn ask_to_join(&self, room: &str, name: &str) {
        self.send(&json!({"event": "joinRoom", "userName": name, "roomName": room}));
    }

    /// Joins `room` and waits for `existingParticipants`, which it gives back.
    pub async fn join(&self, room: &str, name: &str) -> Value {
        let before = self.count();
        self.ask_to_join(room, name);
        self.wait_for_since(before, "existingParticipants", |message| message["event"] == "existingParticipants").await
    }

    /// Leaves politely: says that it closes, then closes.
    pub fn leave(&self) {
        self.send_raw("41");
        let _ = self.outgoing.send(Message::Close(None));
    }

    /// Vanishes without a word: the socket closes, nothing is said.
    pub fn vanish(&self) {
        self.task.0.abort();
    }

    /// The message at `cursor`, which moves on, once it is here; none when the connection has ended.
    pub async fn next(&self, cursor: &mut usize) -> Option<Value> {
        let mut receiver = self.heard.clone();
        let heard = receiver.wait_for(|heard| heard.messages.len() > *cursor || heard.closed).await.ok()?;
        let message = heard.messages.get(*cursor).cloned()?;
        *cursor += 1;
        Some(message)
    }

    /// How many messages have come.
    pub fn count(&self) -> usize {
        self.heard.borrow().messages.len()
    }

    /// All that came.
    pub fn messages(&self) -> Vec<Value> {
        self.heard.borrow().messages.clone()
    }

    /// Whether the server has closed the connection.
    pub fn is_closed(&self) -> bool {
        self.heard.borrow().closed
    }

    /// Waits for a message, also one that came before; `what` names it when it does not come.
    pub async fn wait_for(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait_for_since(0, what, wanted).await
    }

    /// Waits for a message after the first `skip`, as counted by [`Client::count`].
    pub async fn wait_for_since(&self, skip: usize, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait_within(PATIENCE, what, |heard| heard.messages.iter().skip(skip).find(|m| wanted(m)).cloned()).await
    }

    /// As [`Client::wait_for`], with another limit of time.
    pub async fn wait_long_for(&self, patience: Duration, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.wait_within(patience, what, |heard| heard.messages.iter().find(|m| wanted(m)).cloned()).await
    }

    /// Waits for an event by its name.
    pub async fn wait_for_event(&self, event: &str) -> Value {
        self.wait_for(event, |message| message["event"] == event).await
    }

    /// Sends something wrong and waits for the `error` that answers it.
    pub async fn provoke(&self, message: &Value) -> Value {
        let before = self.count();
        self.send(message);
        let error = self.wait_for_since(before, "error", |message| message["event"] == "error").await;
        assert!(error["code"].as_str().is_some_and(|code| !code.is_empty()), "an error without a code: {error}");
        assert!(error["message"].as_str().is_some_and(|text| text.len() > 5), "an error without words: {error}");
        error
    }

    /// Goes to the server and back: what the server sent before is here when this returns.
    pub async fn round_trip(&self) {
        // Any unknown verb is answered by an error; nothing else in the protocol answers to one alone.
        self.provoke(&json!({"event": "roundTrip"})).await;
    }

    /// Waits until the server has closed the connection.
    pub async fn wait_until_closed(&self) {
        self.wait("the connection to close", |heard| heard.closed.then_some(())).await;
    }

    async fn wait<T>(&self, what: &str, found: impl Fn(&Heard) -> Option<T>) -> T {
        self.wait_within(PATIENCE, what, found).await
    }

    async fn wait_within<T>(&self, patience: Duration, what: &str, found: impl Fn(&Heard) -> Option<T>) -> T {
        let mut receiver = self.heard.clone();
        let search = async {
            loop {
                let (result, closed) = {
                    let heard = receiver.borrow_and_update();
                    (found(&heard), heard.closed)
                };
                if let Some(result) = result {
                    return result;
                }
                assert!(!closed, "the server closed the connection before {what}; it had said {}", self.heard_text());
                let _ = receiver.changed().await;
            }
        };
        match tokio::time::timeout(patience, search).await {
            Ok(result) => result,
            Err(_) => panic!("waited {patience:?} for {what}; the server had said {}", self.heard_text()),
        }
    }

    fn heard_text(&self) -> String {
        // Offers and answers are long, and say little; the last words say more than the first.
        let messages = self.messages();
        let last: Vec<String> = messages.iter().rev().take(30).rev().map(|m| shorten(&m.to_string())).collect();
        format!("{} messages, the last of them {}", messages.len(), last.join("\n"))
    }
}

/// Takes one packet in; gives back the answer that the transport owes.
fn react(revision: Revision, packet: &str, heard: &watch::Sender<Heard>) -> Option<Message> {
    match packet.as_bytes().first()? {
        b'0' if revision == Revision::Four => return Some(Message::text("40")),
        b'2' if revision == Revision::Four => return Some(Message::text("3")),
        b'4' if packet.starts_with("40") => heard.send_modify(|heard| heard.opened = true),
        b'4' if packet.starts_with("42") => {
            if let Ok(Value::Array(event)) = serde_json::from_str(&packet[2..])
                && let [name, message, ..] = event.as_slice()
            {
                let tutorial = name == "message";
                let message = if tutorial { message.clone() } else { json!({"event": name, "data": message}) };
                heard.send_modify(|heard| heard.messages.push(message));
            }
        }
        b'4' if packet.starts_with("43") => {
            let (number, reply) = packet[2..].split_at(packet[2..].find('[')?);
            if let (Ok(number), Ok(Value::Array(reply))) = (number.parse::<u64>(), serde_json::from_str(reply)) {
                let message = json!({"ack": number, "reply": reply.into_iter().next()});
                heard.send_modify(|heard| heard.messages.push(message));
            }
        }
        _ => {}
    }
    None
}

/// The code of a refusal; panics if it is none, or one without words.
pub fn code_of(reply: &Value, what: &str) -> String {
    let error = &reply["error"];
    assert!(error.is_object(), "{} was not refused: {reply}", shorten(what));
    assert!(error["message"].as_str().is_some_and(|text| text.len() > 5), "{}: no words in {reply}", shorten(what));
    error["code"].as_str().unwrap_or_else(|| panic!("{}: no code in {reply}", shorten(what))).to_owned()
}

/// The beginning of a text that may be long.
pub fn shorten(text: &str) -> String {
    if text.chars().count() > 300 { text.chars().take(300).collect::<String>() + "…" } else { text.to_owned() }
}
