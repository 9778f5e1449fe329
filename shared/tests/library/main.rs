//! The library against real HTTP, in one process and on loopback: Heroku, the partner's service,
//! Secrets Manager and EventBridge Scheduler are the local cloud's stand-ins, by the strict rules
//! of the real ones. No MiniStack, no Python. Only the tests of database engines start a server.

#![cfg(test)]

mod authority;
mod examples;
mod heroku;
mod hostile;
mod http_engine;
mod http_network;
mod messages;
mod mistakes;
mod mysql_engine;
mod operator;
mod postgres_engine;
mod redis_engine;
mod rotation_schedule;
mod security;
mod steps;
mod support;
