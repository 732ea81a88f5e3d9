//! The roots that SYS:certs is made of can all be read.

use tls::{Certificate, Roots};

#[test]
fn every_root_of_mozillas_list_is_taken_and_shows_its_name() {
    let mut roots = Roots::new();
    for der in webpki_root_certs::TLS_SERVER_ROOT_CERTS {
        let root = Certificate::from_der(der).expect("readable");
        assert!(root.is_authority && root.is_self_issued);
        assert_ne!(root.subject.to_string(), "(no name)");
        assert_eq!(roots.add(der), Ok(1), "{}", root.subject);
    }
    assert!(roots.len() > 100, "{}", roots.len());
}
