//! What a name leads to, as its narrowings tell it: `SYS: r / C` is the directory `C` of the volume `SYS`.
//!
//! The texts are fsd's (`vfs::narrow`), joined as init lists them: each one a path, the first with its volume, with the
//! rights that are left behind a blank.

use alloc::string::String;

/// Letters that a narrowing's rights consist of.
const RIGHTS: [char; 3] = ['r', 'w', 'a'];
/// How init joins the narrowings of a binding.
const BETWEEN: &str = " / ";

/// A directory of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The volume, without colon.
    pub volume: String,
    /// The directory in it, without slashes at its ends; empty for the volume's top.
    pub path: String,
}

impl Place {
    /// The place that narrowings lead to; `None` if they name no volume first.
    pub fn of(narrowings: &str) -> Option<Place> {
        let mut texts = narrowings.split(BETWEEN).map(without_rights);
        let (volume, path) = texts.next()?.split_once(':')?;
        let mut place = Place { volume: String::from(volume), path: String::from(path.trim_matches('/')) };
        texts.for_each(|text| place.enter(text));
        Some(place)
    }

    /// Goes to a path below it.
    pub fn enter(&mut self, path: &str) {
        let path = path.trim_matches('/');
        if !self.path.is_empty() && !path.is_empty() {
            self.path.push('/');
        }
        self.path.push_str(path);
    }

    /// `SYS:C`.
    pub fn shown(&self) -> String {
        alloc::format!("{}:{}", self.volume, self.path)
    }
}

fn without_rights(text: &str) -> &str {
    let text = text.trim();
    match text.rsplit_once(' ') {
        Some((place, word)) if !word.is_empty() && word.chars().all(|letter| RIGHTS.contains(&letter)) => {
            place.trim_end()
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(narrowings: &str) -> String {
        Place::of(narrowings).map_or(String::from("none"), |place| place.shown())
    }

    #[test]
    fn narrowings_lead_deeper_and_deeper() {
        assert_eq!(shown("SYS: r"), "SYS:");
        assert_eq!(shown("SYS:C r"), "SYS:C");
        assert_eq!(shown("SYS: r / C"), "SYS:C");
        assert_eq!(shown("RAM:my letters rw / old/very r"), "RAM:my letters/old/very");
        assert_eq!(
            shown("RAM: rw / ara"),
            "RAM:ara",
            "a path of the letters of rights is a path where it stands alone"
        );
        assert_eq!(shown("serial"), "none");
        assert_eq!(shown(""), "none");
    }

    #[test]
    fn a_path_is_entered() {
        let mut place = Place::of("SYS: r").unwrap();
        place.enter("C/dir");
        assert_eq!(place.path, "C/dir");
    }
}
