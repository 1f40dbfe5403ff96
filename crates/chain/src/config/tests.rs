use super::*;

const ALL: [Software; 5] =
    [Software::Nginx, Software::Apache, Software::Haproxy, Software::Caddy, Software::Postgres];

fn wanted() -> Wanted {
    Wanted {
        names: vec!["web.example".into(), "www.web.example".into()],
        fullchain: "/etc/tls/fullchain.pem".into(),
        key: "/etc/tls/privkey.pem".into(),
        chain: Some("/etc/tls/chain.pem".into()),
        staples: true,
        port: 443,
        ..Wanted::default()
    }
}

#[test]
fn every_section_names_the_files_and_how_to_load_it() {
    for software in ALL {
        let section = wanted().section(software).unwrap();
        assert!(section.text.contains("/etc/tls/fullchain.pem"), "{software:?}");
        let all = section.text.clone() + &section.commands.join("\n");
        assert!(all.contains("/etc/tls/privkey.pem"), "{software:?}");
        assert!(!section.commands.is_empty());
    }
}

#[test]
fn stapling_is_written_where_there_is_something_to_staple() {
    let with = wanted().section(Software::Nginx).unwrap();
    assert!(with.text.contains("ssl_trusted_certificate \"/etc/tls/chain.pem\";"), "{}", with.text);
    let without = Wanted { staples: false, ..wanted() }.section(Software::Apache).unwrap();
    assert!(!without.text.contains("Stapling"), "{}", without.text);
    assert!(without.notes.iter().any(|note| note.contains("no OCSP responder")));
}

#[test]
fn a_path_cannot_break_out_of_its_quotes() {
    for bad in ["/a\";}", "/a\nb", "/a'b", "", "/$host"] {
        for software in ALL {
            let wanted = Wanted { key: bad.into(), ..wanted() };
            assert_eq!(wanted.section(software), Err(BadText(bad.into())));
        }
    }
    let names = vec!["web; return 200".to_owned()];
    assert!(Wanted { names, ..wanted() }.section(Software::Nginx).is_err());
}
