//! Whoever has a leaked credential does everything at once that its rights allow to keep it: and it ends all the same.

use std::sync::Arc;

use database_servers::redis::{RedisOptions, Users};
use tools::{LATER_REDIS, target_directory};

use super::support::{Customer, Stand, Version, user};
use crate::support::within;

/// The most that SECURITY.md leaves to a customer.
const RIGHTS: &str = "~* &* +@all -@admin";

/// What a connection does last, so that it takes up what it can.
const HOLDING: [&str; 10] = [
    "PING",
    "MULTI",
    "WATCH key",
    "BLPOP queue 0",
    "SUBSCRIBE news",
    "CLIENT REPLY OFF",
    "HELLO 3",
    "CLIENT TRACKING ON BCAST",
    "CLIENT SETNAME user=administrator",
    "EVAL \"redis.call('SET','key','value')\" 0",
];

/// Makes a connection as the user, one that has something to read.
async fn hold(stand: &Stand, leaked: &Version, last: &str) -> Customer {
    let mut customer = stand.customer(leaked).await;
    customer.say(last).await;
    customer
}

/// Logs in whenever it can: until it is refused as such.
async fn knock(port: u16, user: String, password: String) -> String {
    loop {
        let mut customer = Customer::connect(port).await;
        customer.say(&format!("AUTH {user} {password}")).await;
        match customer.line().await {
            Some(answer) if answer == "+OK" => {
                customer.say("BLPOP queue 0").await;
                while customer.line().await.is_some() {}
            }
            Some(refusal) => return refusal,
            None => {}
        }
    }
}

async fn outlives(stand: &mut Stand, leaked: &Version) {
    let current = leaked.next();
    stand.issue(&current).await.unwrap();
    let mut open = Vec::new();
    for last in HOLDING {
        for _ in 0..3 {
            open.push(hold(stand, leaked, last).await);
        }
    }
    // It loads what stays, asks for more than it reads, and may not ask for more rights.
    let mut loader = stand.customer(leaked).await;
    let library = "FUNCTION LOAD \"#!lua name=left\\nredis.register_function('left', function() return 1 end)\"";
    assert_eq!(loader.ask(library).await, "$4");
    for _ in 0..200 {
        open[0].say("ECHO xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx").await;
    }
    let mut asking = stand.customer(leaked).await;
    for refused in [
        "ACL SETUSER mine on nopass ~* +@all",
        "CONFIG SET requirepass mine",
        "CLIENT KILL TYPE normal",
        "CLIENT PAUSE 1000000",
        "REPLICAOF 127.0.0.1 1",
        "MONITOR",
        "SHUTDOWN NOSAVE",
    ] {
        let answer = asking.ask(refused).await;
        assert!(answer.starts_with("-NOPERM"), "{refused}: {answer}");
    }
    let port = stand.redis.port();
    let knocking: Vec<_> = (0..8)
        .map(|_| {
            tokio::spawn(knock(
                port,
                leaked.user().to_owned(),
                leaked.password().to_owned(),
            ))
        })
        .collect();
    stand.blocked(3 + knocking.len()).await;

    stand.revoke(leaked).await.unwrap();
    let clients = stand.redis.command(&["CLIENT", "LIST"]).await.unwrap();
    let clients: String = redis::from_redis_value(clients).unwrap();
    assert!(
        !clients.contains(&format!("user={} ", leaked.user())),
        "{clients}"
    );
    open.extend([loader, asking]);
    for mut connection in open {
        connection.say("PING").await;
        while connection.line().await.is_some() {}
    }
    for refused in knocking {
        let refusal = within(refused).await.unwrap();
        assert!(refusal.starts_with("-WRONGPASS"), "{refusal}");
    }
    stand.redis.restart().await.unwrap();
    stand.expect(&[&current], &[leaked]).await;
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_hostile_holder_does_not_outlive_the_grace_period() {
    for name in ["bob", "default"] {
        let (line, password) = user(name, RIGHTS);
        let mut options = RedisOptions::new(Users::AclFile);
        options.user_lines.retain(|line| !line.starts_with(name));
        let mut stand = Stand::start(options, &[line]).await;
        let leaked = stand.imported(name, &password);
        outlives(&mut stand, &leaked).await;
    }
}

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn a_hostile_holder_does_not_outlive_the_grace_period_on_any_server_of_the_table() {
    let target = target_directory(&tools::workspace());
    for server in &LATER_REDIS {
        let progress = Arc::new(|line: &str| println!("{line}"));
        let programs = server.ensure_redis(&target, progress).await.unwrap();
        println!("{server:?}");
        let (line, password) = user("bob", RIGHTS);
        let options = RedisOptions::new(Users::AclFile);
        let mut stand = Stand::on(&programs, options, &[line]).await;
        let leaked = stand.imported("bob", &password);
        outlives(&mut stand, &leaked).await;
    }
}
