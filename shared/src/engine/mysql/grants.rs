//! What [`SHOW GRANTS`](https://mariadb.com/kb/en/show-grants/) says of one account, said of another.

use super::account::{account, identifier};

/// The statement that gives or takes for `name` what `statement` gives or takes for `from`;
/// `None` if it is about somebody else, or about no privilege or role.
///
/// Nothing of what MariaDB adds (`IDENTIFIED`, `REQUIRE`, limits) is taken along: the account has
/// been made with it.
pub(super) fn regranted(statement: &str, from: (&str, &str), name: &str) -> Option<String> {
    let mut parser = Parser(statement);
    let verb = parser.word()?;
    let preposition = match verb {
        "GRANT" => "TO",
        "REVOKE" => "FROM",
        _ => return None,
    };
    let rest = loop {
        match parser.next()? {
            Token::Word(word) if word == preposition => break parser.0,
            _ => {}
        }
    };
    let privileges = statement[..statement.len() - rest.len()].trim_end();
    let mut parser = Parser(rest);
    let (user, host) = (parser.name()?, parser.host()?);
    if (user.as_str(), host.as_str()) != from {
        return None;
    }
    let account = account(name, &host);
    let option = parser.option().unwrap_or_default();
    // It gives nothing, and takes a right to give that no administrator of one database has.
    if privileges == "GRANT USAGE ON *.* TO" && option.is_empty() {
        return None;
    }
    Some(format!("{privileges} {account}{option}"))
}

/// Whether whoever has the grant may hand it to another login: `WITH GRANT OPTION`, a role's `WITH ADMIN OPTION`.
pub(super) fn hands_on(regranted: &str) -> bool {
    regranted.ends_with(" OPTION")
}

/// Whether a statement gives privileges for the whole server.
pub(super) fn is_global(grant: &str) -> bool {
    let mut parser = Parser(grant);
    while let Some(token) = parser.next() {
        if matches!(token, Token::Word("ON")) {
            return parser.0.trim_start().starts_with("*.*");
        }
    }
    false
}

/// A statement that gives privileges, as one statement for each privilege and column.
pub(super) fn one_by_one(grant: &str) -> Vec<String> {
    let mut parser = Parser(grant);
    let Some("GRANT") = parser.word() else {
        return Vec::new();
    };
    let (mut ended, mut privilege) = (Vec::new(), String::new());
    let mut columns: Option<Vec<String>> = None;
    while let Some(token) = parser.next() {
        match token {
            Token::Word("ON") if columns.is_none() => {
                if !privilege.is_empty() {
                    ended.push(privilege);
                }
                let on = parser.0;
                let statement = |part: String| format!("GRANT {part} ON{on}");
                return ended.into_iter().map(statement).collect();
            }
            Token::Word(word) => {
                if !privilege.is_empty() {
                    privilege.push(' ');
                }
                privilege.push_str(word);
            }
            Token::Quoted(name) => columns.get_or_insert_default().push(identifier(&name)),
            Token::Other('(') => columns = Some(Vec::new()),
            Token::Other(')') => {
                let named = columns.take().unwrap_or_default();
                let privilege = std::mem::take(&mut privilege);
                ended.extend(named.iter().map(|column| format!("{privilege} ({column})")));
            }
            Token::Other(_) if columns.is_none() && !privilege.is_empty() => {
                ended.push(std::mem::take(&mut privilege));
            }
            Token::Other(_) => {}
        }
    }
    Vec::new()
}

enum Token<'a> {
    Word(&'a str),
    Quoted(String),
    Other(char),
}

/// Reads tokens from the text's beginning; quotes are doubled or, but in backticks, escaped.
struct Parser<'a>(&'a str);

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<Token<'a>> {
        self.0 = self.0.trim_start();
        let first = self.0.chars().next()?;
        if matches!(first, '`' | '\'' | '"') {
            return self.quoted(first).map(Token::Quoted);
        }
        let is_of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let length = self.0.find(|c| !is_of_word(c)).unwrap_or(self.0.len());
        if length == 0 {
            self.0 = &self.0[first.len_utf8()..];
            return Some(Token::Other(first));
        }
        let (word, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(Token::Word(word))
    }

    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        let mut characters = self.0.char_indices().skip(1).peekable();
        while let Some((at, character)) = characters.next() {
            if character == quote {
                if characters.next_if(|(_, next)| *next == quote).is_none() {
                    self.0 = &self.0[at + quote.len_utf8()..];
                    return Some(text);
                }
            } else if character == '\\' && quote != '`' {
                text.push(characters.next()?.1);
                continue;
            }
            text.push(character);
        }
        None
    }

    fn word(&mut self) -> Option<&'a str> {
        match self.next()? {
            Token::Word(word) => Some(word),
            Token::Quoted(_) | Token::Other(_) => None,
        }
    }

    fn name(&mut self) -> Option<String> {
        match self.next()? {
            Token::Quoted(name) => Some(name),
            Token::Word(name) => Some(name.to_owned()),
            Token::Other(_) => None,
        }
    }

    fn host(&mut self) -> Option<String> {
        match self.next()? {
            Token::Other('@') => self.name(),
            _ => None,
        }
    }

    /// `WITH GRANT OPTION` or `WITH ADMIN OPTION`, among whatever else there is.
    fn option(&mut self) -> Option<&'static str> {
        let mut before = "";
        loop {
            before = match self.next()? {
                Token::Word("OPTION") if before == "GRANT" => return Some(" WITH GRANT OPTION"),
                Token::Word("OPTION") if before == "ADMIN" => return Some(" WITH ADMIN OPTION"),
                Token::Word(word) => word,
                Token::Quoted(_) | Token::Other(_) => "",
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an account is shown to have, and what is granted to the new one for it.
    const REGRANTED: &str = r"
GRANT SELECT, INSERT ON *.* TO `u'x`@`%` IDENTIFIED BY PASSWORD '*D8' REQUIRE ISSUER 'WITH ADMIN OPTION' WITH GRANT OPTION MAX_QUERIES_PER_HOUR 5 => GRANT SELECT, INSERT ON *.* TO 'n'@'%' WITH GRANT OPTION
GRANT SELECT (`a`), UPDATE (`TO`) ON `TO 'x'`.`t` TO 'u\'x'@'%' => GRANT SELECT (`a`), UPDATE (`TO`) ON `TO 'x'`.`t` TO 'n'@'%'
GRANT `a`` TO ``u'x`@`%`,`b`@`%` TO `u'x`@`%` WITH ADMIN OPTION => GRANT `a`` TO ``u'x`@`%`,`b`@`%` TO 'n'@'%' WITH ADMIN OPTION
GRANT PROXY ON ''@'%' TO 'u''x'@'%' => GRANT PROXY ON ''@'%' TO 'n'@'%'
REVOKE SELECT ON `mysql`.* FROM `u'x`@`%` => REVOKE SELECT ON `mysql`.* FROM 'n'@'%'
GRANT USAGE ON *.* TO `u'x`@`%` REQUIRE SSL =>
GRANT USAGE ON *.* TO `u'x`@`%` WITH GRANT OPTION => GRANT USAGE ON *.* TO 'n'@'%' WITH GRANT OPTION
GRANT SELECT ON *.* TO `u'x`@`10.%` =>
GRANT USAGE ON *.* TO `reader` =>
SET DEFAULT ROLE `reader` FOR `u'x`@`%` =>
GRANT SELECT ON `t TO `u'x`@`%` =>
";

    #[test]
    fn privileges_and_roles_go_to_the_new_account_and_nothing_else_does() {
        for row in REGRANTED.trim().lines() {
            let (shown, expected) = row.split_once(" =>").unwrap();
            let regranted = regranted(shown, ("u'x", "%"), "n");
            assert_eq!(regranted.unwrap_or_default(), expected.trim(), "{shown}");
        }
        assert_eq!(regranted("", ("u'x", "%"), "n"), None);
    }

    #[test]
    fn privileges_for_the_whole_server_are_known() {
        for (grant, expected) in [
            ("GRANT SELECT, FILE ON *.* TO 'n'@'%'", true),
            (
                "GRANT BACKUP_ADMIN ON *.* TO 'n'@'%' WITH GRANT OPTION",
                true,
            ),
            (
                "GRANT SELECT (`ON *.*`) ON `shop`.`t` TO 'ON *.*'@'%'",
                false,
            ),
            ("GRANT SELECT ON `*`.* TO 'n'@'%'", false),
            ("GRANT `ON *.*`@`%` TO 'n'@'%'", false),
        ] {
            assert_eq!(is_global(grant), expected, "{grant}");
        }
    }

    #[test]
    fn privileges_and_columns_are_given_one_by_one() {
        let grant = "GRANT SELECT (`a`, `ON`), CREATE VIEW, UPDATE (`b``(`) ON `shop`.`t` TO 'n'@'%' WITH GRANT OPTION";
        let rest = "ON `shop`.`t` TO 'n'@'%' WITH GRANT OPTION";
        let expected = [
            "SELECT (`a`)",
            "SELECT (`ON`)",
            "CREATE VIEW",
            "UPDATE (`b``(`)",
        ];
        assert_eq!(
            one_by_one(grant),
            expected.map(|privilege| format!("GRANT {privilege} {rest}"))
        );
        assert!(one_by_one("GRANT `reader` TO 'n'@'%'").is_empty());
    }
}
