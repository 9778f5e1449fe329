//! What AWS's own secrets look like, and what a template makes of it.

use super::*;

fn shown(document: &Value, template: &str) -> Result<String, String> {
    let mut document = document.clone();
    document["heroku"]["config"] = json!({
        "ACME_URL": "{{ username }}:{{ password }}", "ACME_MORE": template,
    });
    match parse(&document) {
        Ok(document) => Ok(document
            .render()
            .unwrap()
            .get("ACME_MORE")
            .unwrap()
            .to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// An engine, and the port and the database that it has by default.
const ENGINES: [(&str, u16, Option<&str>); 7] = [
    ("postgres", 5432, Some("postgres")),
    ("aurora-postgresql", 5432, Some("postgres")),
    ("mysql", 3306, None),
    ("aurora-mysql", 3306, None),
    ("mariadb", 3306, None),
    ("redis", 6379, None),
    ("valkey", 6379, None),
];

#[test]
fn every_engine_that_aws_names_is_read_and_kept_as_it_stands() {
    for (engine, port, _) in ENGINES {
        let document = of(engine);
        assert_eq!(next(&document)["engine"], engine);
        let place = parse(&document).unwrap().engine.places().remove(0);
        assert_eq!(place.to_string(), "db7.acme.example:5432", "{port}");
    }
    let error = parse(&of("oracle")).unwrap_err().to_string();
    assert!(error.contains("aurora-postgresql"), "{error}");
}

#[test]
fn a_port_may_be_a_text_and_stays_one() {
    for (engine, ..) in ENGINES {
        let text = with(of(engine), "/port", json!("6543"));
        let place = parse(&text).unwrap().engine.places().remove(0);
        assert_eq!(place.to_string(), "db7.acme.example:6543", "{engine}");
        assert_eq!(next(&text)["port"], "6543");
        assert_eq!(
            shown(&text, "{{ host }}:{{ port }}").unwrap(),
            "db7.acme.example:6543"
        );
    }
    for wrong in ["", "0", "65536", "+5432", "5432 ", "0x10", "5432.0", "port"] {
        let text = with(postgres(), "/port", json!(wrong));
        let error = parse(&text).unwrap_err().to_string();
        assert!(
            error.contains("port must be a whole number"),
            "{wrong}: {error}"
        );
    }
    let mut nodes = of("redis");
    nodes["nodes"] = json!([{ "host": "one", "port": "7000" }, { "host": "two" }]);
    let places = parse(&nodes).unwrap().engine.places();
    let places: Vec<_> = places.iter().map(ToString::to_string).collect();
    assert_eq!(places[1..], ["one:7000", "two:6379"]);
    assert_eq!(next(&nodes)["nodes"], nodes["nodes"]);
}

#[test]
fn what_is_left_out_is_what_aws_takes_for_it_and_stays_left_out() {
    for (engine, port, database) in ENGINES {
        for absent in [None, Some(Value::Null)] {
            let mut document = of(engine);
            let fields = document.as_object_mut().unwrap();
            for name in ["port", "dbname"] {
                fields.remove(name);
                if let Some(null) = &absent {
                    fields.insert(name.to_owned(), null.clone());
                }
            }
            document["heroku"]["config"]["ACME_URL"] = "{{ username }}:{{ password }}".into();
            let place = parse(&document).unwrap().engine.places().remove(0);
            assert_eq!(place.to_string(), format!("db7.acme.example:{port}"));
            assert_eq!(shown(&document, "{{ port }}").unwrap(), port.to_string());
            let next = next(&document);
            for name in ["port", "dbname"] {
                assert_eq!(next.get(name), absent.as_ref(), "{engine}");
            }
            match database {
                Some(database) => assert_eq!(shown(&document, "{{ dbname }}").unwrap(), database),
                None if absent.is_none() => {
                    let error = shown(&document, "{{ dbname }}").unwrap_err();
                    assert!(error.contains("unknown field: dbname"), "{error}");
                }
                None => {}
            }
        }
    }
}

#[test]
fn a_template_keeps_its_last_line_end() {
    let mut document = postgres();
    document["pem"] = json!("-----BEGIN-----\nMII\n-----END-----\n");
    for template in ["{{ pem }}", "{{ host }}\n", "\n{{ host }}\r\n\n"] {
        let due = template
            .replace("{{ pem }}", document["pem"].as_str().unwrap())
            .replace("{{ host }}", "db7.acme.example");
        assert_eq!(shown(&document, template).unwrap(), due);
    }
}

#[test]
fn booleans_and_null_show_as_in_json() {
    let mut document = postgres();
    document["tls"] = json!(true);
    document["old"] = json!(false);
    document["nothing"] = json!(null);
    document["options"] = json!({ "tls": true, "modes": [false, null, 7, "x"] });
    for (template, due) in [
        ("{{ tls }} {{ old }} {{ nothing }}", "true false null"),
        ("{{ 'ssl=' ~ tls ~ old ~ nothing }}", "ssl=truefalsenull"),
        ("{{ options.tls }}", "true"),
        ("{{ '' ~ options.tls }}", "true"),
        (
            "{% for mode in options.modes %}{{ mode }},{% endfor %}",
            "false,null,7,x,",
        ),
        (
            "{% if tls %}a{% endif %}{% if old or nothing %}b{% endif %}.",
            "a.",
        ),
        ("{% if not old %}c{% endif %}", "c"),
        ("{{ host if tls else port }}", "db7.acme.example"),
        ("{{ port }}", "5432"),
    ] {
        assert_eq!(shown(&document, template).as_deref(), Ok(due), "{template}");
    }
    for (template, words) in [
        ("{{ options }}", "shows a list or an object"),
        ("{{ options.modes }}", "shows a list or an object"),
        ("{% if tls == true %}a{% endif %}", "{% if field %}"),
        ("{{ none }}", "{% if field %}"),
        ("{{ False }}", "{% if field %}"),
        ("{{ tls | urlencode }}", "cannot be rendered"),
    ] {
        let error = shown(&document, template).unwrap_err();
        assert!(error.contains("heroku.config.ACME_MORE"), "{error}");
        assert!(error.contains(words), "{template}: {error}");
    }
}

#[test]
fn the_schema_takes_them() {
    for (engine, _, database) in ENGINES {
        for (pointer, value, valid) in [
            ("/port", json!("5432"), true),
            ("/port", Value::Null, true),
            ("/port", json!("port"), false),
            ("/port", json!(0), false),
            ("/port", json!(65_536), false),
            ("/dbname", Value::Null, true),
            (
                "/dbname",
                json!(""),
                database.is_none() && engine.len() < 7 && engine != "mysql",
            ),
        ] {
            let document = with(of(engine), pointer, value.clone());
            assert_eq!(schema_takes(&document), valid, "{engine} {pointer} {value}");
        }
        let mut document = of(engine);
        document["port"] = Value::Null;
        document["dbname"] = Value::Null;
        assert!(schema_takes(&document), "{engine}");
    }
}
