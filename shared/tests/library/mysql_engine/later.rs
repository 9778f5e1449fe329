//! Servers of later versions: each line of the local cloud's table.

use tools::LATER_MARIADB;

use super::stand::Server;
use super::{cut_off, definers, life, policies, tls};

#[tokio::test]
#[ignore = "needs the local cloud: cargo xtask test"]
async fn every_server_of_the_table_is_rotated_as_the_machines_own() {
    for server in (0..LATER_MARIADB.len()).map(Server::LaterMariaDb) {
        println!("{server:?}");
        life::a_user_lives_from_its_issue_to_its_revocation_each_of_which_can_be_repeated(server)
            .await;
        life::the_sessions_of_a_revoked_user_end_and_no_others(server).await;
        life::no_password_is_in_a_statement_that_the_server_logs(server).await;
        definers::what_a_revoked_user_defined_goes_on_working(server).await;
        cut_off::a_revocation_that_is_cut_off_is_completed_when_the_call_is_repeated(server).await;
        policies::a_password_that_expires_is_warned_of_and_no_refusal_when_it_has(server).await;
        Box::pin(tls::a_server_is_trusted_if_its_authority_is_in_the_bundle_and_its_name_in_the_certificate(
            server,
        ))
        .await;
    }
}
