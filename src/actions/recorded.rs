//! How an action is written and read: as one word, or as one word with its fields, like in the
//! first version of the journal. Groups that came later do not show. Pure.

use super::host::HostAction;
use super::local::LocalAction;
use super::password::PasswordAction;
use super::rescue::RescueAction;
use super::role::RoleAction;
use super::sentinel::SentinelAction;
use super::server::ServerAction;
use super::service::ServiceAction;
use super::{Action, hook::Hook};
use serde::de::value::{EnumAccessDeserializer, StringDeserializer};
use serde::de::{self, DeserializeSeed, EnumAccess, IntoDeserializer, VariantAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer, forward_to_deserialize_any};
use std::fmt;

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Server(action) => action.serialize(to),
            Self::Role(action) => action.serialize(to),
            Self::Rescue(action) => action.serialize(to),
            Self::Service(action) => action.serialize(to),
            Self::Local(action) => action.serialize(to),
            Self::Password(action) => to.serialize_newtype_variant("Action", 0, "password", action),
            Self::Sentinel(action) => to.serialize_newtype_variant("Action", 1, "sentinel", action),
            Self::Hook(hook) => to.serialize_newtype_variant("Action", 2, "hook", hook),
            Self::Host(action) => to.serialize_newtype_variant("Action", 3, "host", action),
        }
    }
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_enum("Action", &[], ByWord)
    }
}

/// Finds the group by the first word.
struct ByWord;

impl<'de> Visitor<'de> for ByWord {
    type Value = Action;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an action")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Action, A::Error> {
        let (word, rest) = data.variant::<String>()?;
        match word.as_str() {
            "password" => {
                return rest
                    .newtype_variant::<PasswordAction>()
                    .map(Action::Password);
            }
            "sentinel" => {
                return rest
                    .newtype_variant::<SentinelAction>()
                    .map(Action::Sentinel);
            }
            "hook" => return rest.newtype_variant::<Box<Hook>>().map(Action::Hook),
            "host" => return rest.newtype_variant::<HostAction>().map(Action::Host),
            _ => {}
        }
        let has = |words: &[&str]| words.contains(&word.as_str());
        if has(words::<ServerAction>()) {
            group(word, rest).map(Action::Server)
        } else if has(words::<RoleAction>()) {
            group(word, rest).map(Action::Role)
        } else if has(words::<RescueAction>()) {
            group(word, rest).map(Action::Rescue)
        } else if has(words::<ServiceAction>()) {
            group(word, rest).map(Action::Service)
        } else if has(words::<LocalAction>()) {
            group(word, rest).map(Action::Local)
        } else {
            Err(de::Error::custom(format_args!("unknown variant `{word}`")))
        }
    }
}

/// Reads the fields of the word as an action of a group.
fn group<'de, T: Deserialize<'de>, V: VariantAccess<'de>>(
    word: String,
    rest: V,
) -> Result<T, V::Error> {
    T::deserialize(EnumAccessDeserializer::new(Read { word, rest }))
}

/// A word that was read already; its fields come next.
struct Read<V> {
    word: String,
    rest: V,
}

impl<'de, V: VariantAccess<'de>> EnumAccess<'de> for Read<V> {
    type Error = V::Error;
    type Variant = V;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, V), V::Error> {
        let word: StringDeserializer<V::Error> = self.word.into_deserializer();
        Ok((seed.deserialize(word)?, self.rest))
    }
}

/// The words of a group, as its own reader knows them.
fn words<T: Deserialize<'static>>() -> &'static [&'static str] {
    match T::deserialize(AskWords) {
        Err(Words(words)) => words,
        Ok(_) => &[],
    }
}

/// Gives no value. It only learns which words a reader knows.
struct AskWords;

/// The learned words, as an error, because no value was read.
#[derive(Debug)]
struct Words(&'static [&'static str]);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

impl std::error::Error for Words {}

impl de::Error for Words {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }
}

impl<'de> Deserializer<'de> for AskWords {
    type Error = Words;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Words> {
        Err(Words(&[]))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Words> {
        Err(Words(words))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests;
