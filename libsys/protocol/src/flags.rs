//! Sets of flags that refuse unknown bits.

/// Declares a set of flags like `bitflags!`, with a postcard form that refuses bits the set does not name.
macro_rules! flags {
    ($(#[$($meta:tt)*])* pub struct $name:ident: $int:ty { $($(#[$($fmeta:tt)*])* const $flag:ident = $value:expr;)* }) => {
        bitflags::bitflags! {
            $(#[$($meta)*])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
            pub struct $name: $int { $($(#[$($fmeta)*])* const $flag = $value;)* }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.bits().serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let bits = <$int>::deserialize(deserializer)?;
                $name::from_bits(bits).ok_or_else(|| serde::de::Error::custom("unknown flags"))
            }
        }
    };
}

pub(crate) use flags;
