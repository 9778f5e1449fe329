//! Who is connected.

use super::session::Session;
use crate::engine::ServiceError;
use crate::net;

/// Whether replication would end with this user.
pub(super) async fn has_replica(session: &mut Session, user: &str) -> Result<bool, ServiceError> {
    let replicas = session
        .query::<Vec<u8>>(&["CLIENT", "LIST", "TYPE", "replica"])
        .await?;
    let field = format!("user={user}");
    let mut fields = replicas.split(u8::is_ascii_whitespace);
    Ok(fields.any(|it| it == field.as_bytes()))
}

/// The addresses of a user's clients, one for each.
pub(super) async fn clients_of(
    session: &mut Session,
    user: &str,
) -> Result<Vec<String>, ServiceError> {
    let list = session.query::<Vec<u8>>(&["CLIENT", "LIST"]).await?;
    let field = format!("user={user}");
    let list = String::from_utf8_lossy(&list);
    let clients = list.lines().map(|line| line.split(' '));
    let own = clients.filter(|fields| fields.clone().any(|it| it == field));
    Ok(own
        .map(|mut fields| {
            let address = fields.find_map(|it| it.strip_prefix("addr="));
            let address = address.unwrap_or_default();
            let (host, _port) = address.rsplit_once(':').unwrap_or((address, ""));
            net::without_brackets(host).to_owned()
        })
        .collect())
}
