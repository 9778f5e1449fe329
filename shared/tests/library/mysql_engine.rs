//! The `mysql` and `mariadb` engines against a real MariaDB, each test with one of its own.

mod adversary;
mod cut_off;
mod definers;
mod faults;
mod life;
mod likeness;
mod policies;
mod possession;
mod raw;
mod refusals;
mod sessions;
mod stand;
mod tls;
