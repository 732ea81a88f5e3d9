//! The parts beside the loader: manifests against the postcard crate, signatures, pictures, data sets, the planner.

#[path = "common/mod.rs"]
mod common;

use common::example;
use serde::{Deserialize, Serialize};
use waymodel::manifest::{Accuracy, Generate, Manifest, Metric, Pre};
use waymodel::pgm::{Picture, PictureError};
use waymodel::plan::{Need, place};
use waymodel::samples::Samples;
use waymodel::write::find_section;
use waymodel::{ErrorKind, Model, format::section};

/// The manifest as the format's text declares it, for the postcard crate.
#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Declared {
    name: String,
    version: u32,
    title: String,
    kind: u8,
    quant: u8,
    converter: String,
    licence: String,
    notice: String,
    source: String,
    source_sha256: [u8; 32],
    symbols: Vec<(String, u32, u32)>,
    inputs: Vec<(String, u32)>,
    outputs: Vec<(String, u32)>,
    labels: Vec<String>,
    pre: DeclaredPre,
    generate: Option<(u32, String, String, f32)>,
    accuracy: Vec<(String, [u8; 32], u8, f64)>,
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum DeclaredPre {
    None,
    Image { width: u16, height: u16, channels: u8, scale: f32, bias: f32, invert: u8 },
    Text,
}

fn declared(m: &Manifest) -> Declared {
    let ports = |ports: &[waymodel::manifest::Port]| ports.iter().map(|p| (p.name.clone(), p.tensor)).collect();
    let generate = |g: &Generate| (g.context, g.prefix.clone(), g.suffix.clone(), g.min_logprob);
    Declared {
        name: m.name.clone(),
        version: m.version,
        title: m.title.clone(),
        kind: m.kind as u8,
        quant: m.quant as u8,
        converter: m.converter.clone(),
        licence: m.licence.clone(),
        notice: m.notice.clone(),
        source: m.source.clone(),
        source_sha256: m.source_sha256,
        symbols: m.symbols.iter().map(|s| (s.name.clone(), s.min, s.max)).collect(),
        inputs: ports(&m.inputs),
        outputs: ports(&m.outputs),
        labels: m.labels.iter().map(String::from).collect(),
        pre: match m.pre {
            Pre::None => DeclaredPre::None,
            Pre::Image { width, height, channels, scale, bias, invert } => {
                DeclaredPre::Image { width, height, channels, scale, bias, invert: invert.into() }
            }
            Pre::Text => DeclaredPre::Text,
        },
        generate: m.generate.as_ref().map(generate),
        accuracy: m.accuracy.iter().map(|a| (a.dataset.clone(), a.sha256, a.metric as u8, a.value)).collect(),
    }
}

#[test]
fn manifests_are_postcard() {
    let mut manifest = example().manifest;
    manifest.version = 70_000;
    manifest.pre = Pre::Image { width: 300, height: 8, channels: 255, scale: 0.5, bias: -1.0, invert: true };
    manifest.generate = Some(Generate { context: 128, prefix: "a".into(), suffix: String::new(), min_logprob: -2.5 });
    manifest.accuracy.push(Accuracy { dataset: "d".into(), sha256: [3; 32], metric: Metric::Exact, value: 1e-3 });
    let bytes = manifest.encode();
    assert_eq!(bytes, postcard::to_allocvec(&declared(&manifest)).unwrap());
    assert_eq!(postcard::from_bytes::<Declared>(&bytes).unwrap(), declared(&manifest));
    assert_eq!(Manifest::decode(&bytes).unwrap(), manifest);
}

#[test]
fn a_right_signature_names_its_signer_and_a_wrong_one_is_refused() {
    use ed25519_dalek::{Signer, SigningKey};
    let key = SigningKey::from_bytes(&[42; 32]);
    let mut file = example().build();
    let (sig, _) = find_section(&file, section::SIG).unwrap();
    let root: [u8; 32] = file[64..96].try_into().unwrap();
    let signature = key.sign(&[b"viaether/waymodel/2\0".as_slice(), &root].concat());
    file[sig] = 1;
    file[sig + 32..sig + 64].copy_from_slice(key.verifying_key().as_bytes());
    file[sig + 64..sig + 128].copy_from_slice(&signature.to_bytes());
    let model = Model::load(&file[..]).expect("signing changes neither root nor length");
    assert_eq!(model.signer(), Some(key.verifying_key().as_bytes()));
    for at in [sig + 32, sig + 64, sig + 127] {
        let mut wrong = file.clone();
        wrong[at] ^= 1;
        let error = Model::load(&wrong[..]).unwrap_err();
        assert_eq!((error.rule, error.kind), (8, ErrorKind::BadSignature));
    }
}

#[test]
fn plain_and_raw_pictures_are_read() {
    let plain = Picture::parse(b"P2 # a comment\n2 #more\n 2\n16\n0 1\n 15 16\n").unwrap();
    assert_eq!((plain.width, plain.height, plain.maxval), (2, 2, 16));
    assert_eq!(plain.samples, [0, 1, 15, 16]);
    assert_eq!(plain, Picture::parse(b"P5\n2 2\n16\n\x00\x01\x0f\x10").unwrap());
    assert_eq!(plain.values(1.0, 0.0, false).collect::<Vec<_>>(), [0.0, 0.0625, 0.9375, 1.0]);
    assert_eq!(plain.values(2.0, -1.0, true).collect::<Vec<_>>(), [1.0, 0.875, -0.875, -1.0]);
}

#[test]
fn pictures_that_are_none_are_told_apart() {
    for (file, error) in [
        (&b"P3 1 1 1 0"[..], PictureError::Magic),
        (b"", PictureError::Magic),
        (b"P2 0 1 1 0", PictureError::Header),
        (b"P2 1 1 256 0", PictureError::Header),
        (b"P2 65536 1 1 0", PictureError::Header),
        (b"P2 9999999999 1 1 0", PictureError::Header),
        (b"P22 1 1 0", PictureError::Header),
        (b"P2 2 1 9 3", PictureError::TooShort),
        (b"P5 2 1 9 \x03", PictureError::TooShort),
        (b"P5 60000 60000 9 \x03", PictureError::TooShort),
        (b"P2 1 1 9 10", PictureError::Sample),
        (b"P2 1 1 9 x", PictureError::Sample),
        (b"P5 1 1 9 \x0a", PictureError::Sample),
    ] {
        assert_eq!(Picture::parse(file).unwrap_err(), error, "{}", String::from_utf8_lossy(file));
    }
    assert_eq!(Picture::parse(&vec![b'P'; (1 << 20) + 1]).unwrap_err(), PictureError::TooLong);
}

#[test]
fn mutated_pictures_never_panic() {
    let mut random = common::Random(5);
    let seed = b"P2 # a comment\n3 2\n16\n0 1 2\n 15 16 3\n";
    for _ in 0..20_000 {
        let mut file = seed.to_vec();
        for _ in 0..1 + random.below(4) {
            let at = random.below(file.len());
            file[at] = b"P25 \n#0197x\xff"[random.below(12)];
        }
        if let Ok(picture) = Picture::parse(&file) {
            assert_eq!(picture.samples.len(), usize::from(picture.width) * usize::from(picture.height));
        }
    }
}

#[test]
fn a_data_set_is_read_only_if_all_of_it_is_right() {
    let mut file = b"SAMPLES1\x02\0\x01\0\x10\x03\0\0\x02\0\0\0\0\0\0\0".to_vec();
    file.extend([1, 2, 0, 3, 4, 2]);
    let set = Samples::parse(&file).unwrap();
    assert_eq!(set.iter().collect::<Vec<_>>(), [(&[1u8, 2][..], 0), (&[3, 4][..], 2)]);
    assert_eq!((set.len(), set.maxval), (2, 16));
    assert!(Samples::parse(&file[..file.len() - 1]).is_none());
    *file.last_mut().unwrap() = 3;
    assert!(Samples::parse(&file).is_none(), "a class that is not there");
    assert!(Samples::parse(b"").is_none());
}

#[test]
fn the_planner_keeps_apart_what_is_live_together() {
    let mut random = common::Random(3);
    for _ in 0..200 {
        let need = |random: &mut common::Random| {
            let from = random.below(20) as u32;
            Need { size: 64 * (1 + random.below(9) as u64), from, to: from + random.below(6) as u32 }
        };
        let needs: Vec<Need> = (0..30).map(|_| need(&mut random)).collect();
        let offsets = place(&needs);
        for (i, a) in needs.iter().enumerate() {
            for (j, b) in needs.iter().enumerate().skip(i + 1) {
                let together = a.from <= b.to && b.from <= a.to;
                let apart = offsets[i] + a.size <= offsets[j] || offsets[j] + b.size <= offsets[i];
                assert!(!together || apart, "{a:?} at {} and {b:?} at {}", offsets[i], offsets[j]);
            }
        }
    }
}
