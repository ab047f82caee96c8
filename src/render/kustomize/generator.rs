//! `configMapGenerator` and `secretGenerator` (render.md 2.5).

use super::context::Context;
use super::decode::{Text, marked, marked_map};
use super::entries::{Generator, Options};
use super::error::{BuildError, Cause};
use super::loader::Loader;
use super::model::Kustomization;
use super::resource::{Behavior, Resource};
use super::reveal::{Bytes, config_value, encoded, env_pairs};
use crate::model::{Because, Link, Opened, Origin, SealedFormat};
use crate::secret::Ciphertext;
use crate::yaml::{Map, Mark, Node};
use std::sync::Arc;

/// Which of the two is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// A `ConfigMap`.
    ConfigMap,
    /// A Secret.
    Secret,
}

/// One key of what is generated.
struct Pair {
    key: Arc<str>,
    bytes: Bytes,
    /// Where the value stands.
    mark: Mark,
}

/// Makes one object.
pub fn generate(
    context: &Context<'_>,
    loader: &Loader<'_>,
    k: &Kustomization,
    entry: &Generator,
    product: Product,
) -> Result<Resource, BuildError> {
    let refuse = |what: String, line: u32| {
        let name = entry.name.to_string();
        Cause::Generator { name, what }.in_field(&k.file, line.max(entry.line), product.field())
    };
    if entry.name.is_empty() {
        return Err(refuse("it has no name".to_owned(), entry.line));
    }
    let mut work = Work { context, loader, file: &k.file, product, pairs: Vec::new(), sealed: None };
    work.envs(&entry.envs, &refuse)?;
    work.literals(&entry.literals, &refuse)?;
    work.files(&entry.files, &refuse)?;
    work.pairs.sort_by(|a, b| a.key.cmp(&b.key));
    if let Some(twice) = work.pairs.windows(2).find(|pair| pair[0].key == pair[1].key) {
        return Err(refuse(format!("the key `{}` is repeated", twice[1].key), twice[1].mark.line));
    }
    let options = entry.options.over(&k.generator_options);
    let closed = work.pairs.iter().any(|pair| matches!(pair.bytes, Bytes::Closed(_)));
    let body = body(product, entry, &options, &work.pairs, &k.file);
    let origin = Origin { file: k.file.clone(), line: entry.line, generated: true, sealed: work.sealed };
    let mut resource = Resource::new(body, origin);
    resource.needs_hash = !options.disable_hash;
    resource.closed = closed;
    resource.behavior = match &*entry.behavior {
        "merge" => Behavior::Merge,
        "replace" => Behavior::Replace,
        _ => Behavior::Create,
    };
    Ok(resource)
}

impl Product {
    /// The field of a kustomization that asks for it.
    pub fn field(self) -> &'static str {
        match self {
            Self::ConfigMap => "configMapGenerator",
            Self::Secret => "secretGenerator",
        }
    }
}

struct Work<'w, 'a> {
    context: &'w Context<'a>,
    loader: &'w Loader<'a>,
    file: &'w Arc<str>,
    product: Product,
    pairs: Vec<Pair>,
    /// The sealed file that values came from.
    sealed: Option<Arc<str>>,
}

type Refuse<'r> = &'r dyn Fn(String, u32) -> BuildError;

impl Work<'_, '_> {
    fn envs(&mut self, entries: &[Text], refuse: Refuse<'_>) -> Result<(), BuildError> {
        for entry in entries {
            let (path, bytes) = self.source(entry, entry)?;
            let pairs = env_pairs(&bytes)
                .map_err(|line| refuse(format!("line {line} of {path} is not UTF-8"), entry.line()))?;
            if matches!(bytes, Bytes::Closed(_)) {
                // Nobody knows the keys; one closed key stands for all of them.
                self.push("?", bytes.clone(), &path, 0);
            }
            for (key, value, line) in pairs {
                self.push(&key, value, &path, line);
            }
        }
        Ok(())
    }

    fn literals(&mut self, entries: &[Text], refuse: Refuse<'_>) -> Result<(), BuildError> {
        let file = self.file.clone();
        for entry in entries {
            let Some((key, value)) = entry.split_once('=').filter(|(key, _)| !key.is_empty()) else {
                return Err(refuse(format!("the literal `{}` is not KEY=VALUE", &**entry), entry.line()));
            };
            let bytes = Bytes::Plain(unquoted(value).as_bytes().into());
            self.push(key, bytes, &file, entry.line());
        }
        Ok(())
    }

    fn files(&mut self, entries: &[Text], refuse: Refuse<'_>) -> Result<(), BuildError> {
        for entry in entries {
            let (key, path) = match entry.matches('=').count() {
                0 => (entry.rsplit('/').next().unwrap_or(entry), &**entry),
                1 => entry.split_once('=').unwrap_or((entry, "")),
                _ => return Err(refuse(format!("`{}` holds more than one `=`", &**entry), entry.line())),
            };
            if key.is_empty() || path.is_empty() {
                return Err(refuse(format!("`{}` is not PATH or KEY=PATH", &**entry), entry.line()));
            }
            let (path, bytes) = self.source(path, entry)?;
            self.push(key, bytes, &path, 1);
        }
        Ok(())
    }

    fn push(&mut self, key: &str, bytes: Bytes, file: &Arc<str>, line: u32) {
        let mark = Mark { file: Some(file.clone()), line, column: 0 };
        self.pairs.push(Pair { key: key.into(), bytes, mark });
    }

    /// Reads a source. For Secrets, as Flux does it, a sealed one is opened if there is an opener.
    fn source(&mut self, path: &str, entry: &Text) -> Result<(Arc<str>, Bytes), BuildError> {
        let loaded =
            self.loader.load(path).map_err(|c| c.in_field(self.file, entry.line(), self.product.field()))?;
        let Some(opener) = self.context.inputs.opener.filter(|_| self.product == Product::Secret) else {
            return Ok((loaded.path, Bytes::Plain(loaded.bytes)));
        };
        match opener.open_file(&loaded.bytes, &loaded.path, format(&loaded.path)) {
            Ok(Opened::NotSealed) => Ok((loaded.path, Bytes::Plain(loaded.bytes))),
            Ok(Opened::Plain(text)) => {
                self.sealed = Some(loaded.path.clone());
                Ok((loaded.path, Bytes::Secret(Arc::new(text))))
            }
            Err(error) => {
                self.context.note(error.0);
                self.sealed = Some(loaded.path.clone());
                Ok((loaded.path, Bytes::Closed(Ciphertext::of(&loaded.bytes))))
            }
        }
    }
}

/// The format SOPS would choose by the file's name.
fn format(path: &str) -> SealedFormat {
    let extension = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or("", |(_, e)| e);
    match extension {
        "yaml" | "yml" => SealedFormat::Yaml,
        "json" => SealedFormat::Json,
        "env" => SealedFormat::Dotenv,
        "ini" => SealedFormat::Ini,
        _ => SealedFormat::Binary,
    }
}

/// Without one pair of matching outer quotes.
fn unquoted(value: &str) -> &str {
    ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value)
}

fn body(product: Product, entry: &Generator, options: &Options, pairs: &[Pair], file: &Arc<str>) -> Node {
    let asked = Mark { file: Some(file.clone()), line: entry.line, column: 0 };
    let mut map = Map::new();
    map.set("apiVersion", Node::string("v1").at(asked.clone()));
    let mut metadata = Map::new();
    metadata.set("name", marked(&entry.name, file));
    if !entry.namespace.is_empty() {
        metadata.set("namespace", marked(&entry.namespace, file));
    }
    for (field, values) in [("labels", &options.labels), ("annotations", &options.annotations)] {
        if !values.is_empty() {
            metadata.set(field, Node::map(marked_map(values, file)));
        }
    }
    match product {
        Product::ConfigMap => map.set("kind", Node::string("ConfigMap").at(asked.clone())),
        Product::Secret => {
            map.set("kind", Node::string("Secret").at(asked.clone()));
            let default = || Node::string(DEFAULT_TYPE).at(asked.clone());
            let kind = if entry.kind.is_empty() { default() } else { marked(&entry.kind, file) };
            map.set("type", kind);
            map.set("data", Node::map(Map::new()));
        }
    }
    map.set("metadata", Node::map(metadata));
    for pair in pairs {
        let (field, value) = match product {
            Product::ConfigMap => config_value(&pair.bytes),
            Product::Secret => ("data", encoded(&pair.bytes)),
        };
        if !map.contains(field) {
            map.set(field, Node::map(Map::new()));
        }
        if let Some(data) = map.get_mut(field).and_then(Node::as_map_mut) {
            data.set(pair.key.clone(), value.at(pair.mark.clone()));
        }
    }
    if let Some(mark) = &options.immutable {
        map.set("immutable", Node::bool(true).at(mark.clone()));
    }
    Node::map(map).at(asked)
}

/// The type of a Secret where none is given.
const DEFAULT_TYPE: &str = "Opaque";

/// What a generated object holds although nobody wrote it, for those who ask how it came to be.
pub fn defaults(body: &Node, entry: &Generator) -> Vec<Because> {
    let kind = body.get("type").filter(|_| entry.kind.is_empty());
    let because = kind.map(|node| Because {
        of: node.mark.clone(),
        value: Some(DEFAULT_TYPE.into()),
        link: Link::Default,
        source: "the type of a Secret where the generator names none".to_owned(),
        place: None,
        sealed: None,
    });
    because.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pair_of_quotes_is_stripped() {
        assert_eq!(unquoted("\"a\""), "a");
        assert_eq!(unquoted("'\"a\"'"), "\"a\"");
        assert_eq!(unquoted("\"a'"), "\"a'");
        assert_eq!(unquoted("\""), "\"");
    }

    #[test]
    fn formats_follow_the_extension() {
        assert_eq!(format("a/.env"), SealedFormat::Dotenv);
        assert_eq!(format("a.d/key"), SealedFormat::Binary);
        assert_eq!(format("x.sops.yaml"), SealedFormat::Yaml);
    }
}
